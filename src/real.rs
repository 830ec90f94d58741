//! The number types a tensor can hold.

pub mod pool;

use gradus_kernels::Kernels;
use pool::Pooled;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` (training) or `f64` (gradient checks): the one bound that generic code in Gradus writes.
///
/// Its kernels and elementary functions come from [`Kernels`], its recycled buffers from [`Pooled`].
pub trait Real: Kernels + Pooled + sealed::Sealed {
    /// Returns the next number below.
    fn next_down(self) -> Self;
}

impl Real for f32 {
    fn next_down(self) -> Self {
        f32::next_down(self)
    }
}

impl Real for f64 {
    fn next_down(self) -> Self {
        f64::next_down(self)
    }
}
