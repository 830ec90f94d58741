//! How far what a file gives back is from what the network itself gave.

use crate::tensor::Tensor;

/// Returns the largest absolute difference of two tensors of one shape. Equal infinities, and NaN beside NaN, do not differ;
/// otherwise what is not a number is infinitely far away, and so is another shape.
pub fn largest_error(a: &Tensor, b: &Tensor) -> f64 {
    if a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let error = |(&x, &y): (&f32, &f32)| match (f64::from(x) - f64::from(y)).abs() {
        _ if x == y || (x.is_nan() && y.is_nan()) => 0.0,
        difference if difference.is_nan() => f64::INFINITY,
        difference => difference,
    };
    a.data().iter().zip(b.data()).map(error).fold(0.0, f64::max)
}
