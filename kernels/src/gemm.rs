//! C = A B + beta C.

use crate::{MatMut, MatRef};

pub(crate) fn gemm_f32(a: MatRef<'_, f32>, b: MatRef<'_, f32>, beta: f32, c: MatMut<'_, f32>) {
    crate::reference::gemm(a, b, beta, c);
}
pub(crate) fn gemm_f64(a: MatRef<'_, f64>, b: MatRef<'_, f64>, beta: f64, c: MatMut<'_, f64>) {
    crate::reference::gemm(a, b, beta, c);
}
