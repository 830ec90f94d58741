//! The two number types: `f32`, which goes to the kernels of the widest instruction set, and `f64`, for gradient
//! checks, which takes the plain ones.

use crate::chain::{self, FilterGradients, Filters, Passed, Stage};
use crate::dispatch::Isa;
use crate::{BlockGradients, Conv2d, MatMut, MatRef, Pool2d, Scalar, conv, dense, gemm, kmeans, math, pool, scratch};

impl Scalar for f32 {
    const NAME: &'static str = "f32";
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f32::EPSILON;
    const MAX: Self = f32::MAX;
    const INFINITY: Self = f32::INFINITY;
    const NAN: Self = f32::NAN;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32::mul_add(self, a, b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        math::ln(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        math::tanh(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        math::erf(self)
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        math::erfc(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        math::ln_1p(self)
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        libm::powf(self, p)
    }
    fn gemm(a: MatRef<'_, Self>, b: MatRef<'_, Self>, beta: Self, c: MatMut<'_, Self>) {
        gemm::gemm_f32(a, b, beta, c);
    }
    fn linear(x: MatRef<'_, Self>, w: MatRef<'_, Self>, bias: &[Self], y: &mut [Self]) {
        dense::linear(x, w, bias, y);
    }
    fn conv2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]) {
        conv::forward_f32(g, x, w, bias, y);
    }
    fn conv_transpose2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]) {
        conv::transpose_f32(g, x, w, bias, y);
    }
    fn conv_chain_forward(
        stages: &[Stage],
        x: &[Self],
        filters: &[Filters<'_, Self>],
        y: &mut [Self],
        kept: Option<&mut [Self]>,
    ) {
        chain::forward_f32(stages, x, filters, y, kept);
    }
    fn conv_chain_backward(
        stages: &[Stage],
        passed: Passed<'_, Self>,
        filters: &[Filters<'_, Self>],
        dy: &[Self],
        dx: Option<&mut [Self]>,
        out: &mut [FilterGradients<'_, Self>],
    ) {
        chain::backward_f32(stages, passed, filters, dy, dx, out);
    }
    fn conv2d_backward_weights(g: &Conv2d, x: &[Self], dy: &[Self], dw: &mut [Self]) {
        conv::backward_weights_f32(g, x, dy, dw);
    }
    fn conv2d_block_forward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        bias: &[Self],
        relu: bool,
        y: &mut [Self],
        codes: Option<&mut [u8]>,
    ) {
        conv::pooled::forward_f32(g, x, w, bias, relu, y, codes);
    }
    fn conv2d_block_backward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        dy: &[Self],
        codes: &[u8],
        out: BlockGradients<'_, Self>,
    ) {
        conv::pooled::backward_f32(g, x, w, dy, codes, out);
    }
    fn max_pool2d_forward(g: &Pool2d, x: &[Self], y: &mut [Self], argmax: &mut [u32]) {
        pool::max_forward(g, x, y, argmax);
    }
    fn max_pool2d_backward(g: &Pool2d, dy: &[Self], argmax: &[u32], dx: &mut [Self]) {
        pool::max_backward(g, dy, argmax, dx);
    }
    fn lend<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R {
        scratch::floats(len, f)
    }
    fn nearest(groups: &kmeans::Groups<Self>, x: &[Self], found: &mut [kmeans::Nearest<Self>]) {
        kmeans::nearest_f32(groups, x, found);
    }
    fn transpose_rows(level: Isa, x: &MatRef<'_, Self>, rows: &[u32], to: &mut [Self]) {
        kmeans::transpose_f32(level, x, rows, to);
    }
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const EPSILON: Self = f64::EPSILON;
    const MAX: Self = f64::MAX;
    const INFINITY: Self = f64::INFINITY;
    const NAN: Self = f64::NAN;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        libm::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        libm::log(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        libm::tanh(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        libm::erf(self)
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        libm::erfc(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        libm::log1p(self)
    }
    #[inline(always)]
    fn powf(self, p: Self) -> Self {
        libm::pow(self, p)
    }
    fn gemm(a: MatRef<'_, Self>, b: MatRef<'_, Self>, beta: Self, c: MatMut<'_, Self>) {
        gemm::gemm_f64(a, b, beta, c);
    }
    fn linear(x: MatRef<'_, Self>, w: MatRef<'_, Self>, bias: &[Self], y: &mut [Self]) {
        dense::plain_linear(x, w, bias, y);
    }
    fn conv2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]) {
        conv::forward(g, x, w, bias, y);
    }
    fn conv_transpose2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]) {
        conv::transpose(g, x, w, bias, y);
    }
    fn conv_chain_forward(
        stages: &[Stage],
        x: &[Self],
        filters: &[Filters<'_, Self>],
        y: &mut [Self],
        kept: Option<&mut [Self]>,
    ) {
        chain::plain_forward(stages, x, filters, y, kept);
    }
    fn conv_chain_backward(
        stages: &[Stage],
        passed: Passed<'_, Self>,
        filters: &[Filters<'_, Self>],
        dy: &[Self],
        dx: Option<&mut [Self]>,
        out: &mut [FilterGradients<'_, Self>],
    ) {
        chain::plain_backward(stages, passed, filters, dy, dx, out);
    }
    fn conv2d_backward_weights(g: &Conv2d, x: &[Self], dy: &[Self], dw: &mut [Self]) {
        conv::backward_weights(g, x, dy, dw);
    }
    fn conv2d_block_forward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        bias: &[Self],
        relu: bool,
        y: &mut [Self],
        codes: Option<&mut [u8]>,
    ) {
        conv::pooled::plain_forward(g, x, w, bias, relu, y, codes);
    }
    fn conv2d_block_backward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        dy: &[Self],
        codes: &[u8],
        out: BlockGradients<'_, Self>,
    ) {
        conv::pooled::plain_backward(g, x, w, dy, codes, out);
    }
    fn max_pool2d_forward(g: &Pool2d, x: &[Self], y: &mut [Self], argmax: &mut [u32]) {
        pool::max_forward(g, x, y, argmax);
    }
    fn max_pool2d_backward(g: &Pool2d, dy: &[Self], argmax: &[u32], dx: &mut [Self]) {
        pool::max_backward(g, dy, argmax, dx);
    }
    fn nearest(groups: &kmeans::Groups<Self>, x: &[Self], found: &mut [kmeans::Nearest<Self>]) {
        kmeans::nearest_f64(groups, x, found);
    }
    fn transpose_rows(level: Isa, x: &MatRef<'_, Self>, rows: &[u32], to: &mut [Self]) {
        kmeans::transpose_f64(level, x, rows, to);
    }
}
