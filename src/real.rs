//! The number types a tensor can hold.

use gradus_kernels::Scalar;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` (training) or `f64` (gradient checks): the one bound that generic code in Gradus writes.
///
/// Its kernels and elementary functions come from [`Scalar`].
pub trait Real: Scalar + sealed::Sealed {
    /// The next number below.
    fn next_down(self) -> Self;
    #[doc(hidden)]
    fn pool() -> &'static std::thread::LocalKey<std::cell::RefCell<crate::tensor::Pool<Self>>>;
}

macro_rules! real {
    ($type:ty, $pool:ident) => {
        thread_local!(static $pool: std::cell::RefCell<crate::tensor::Pool<$type>> = Default::default());
        impl Real for $type {
            fn next_down(self) -> Self {
                <$type>::next_down(self)
            }
            fn pool() -> &'static std::thread::LocalKey<std::cell::RefCell<crate::tensor::Pool<$type>>> {
                &$pool
            }
        }
    };
}
real!(f32, POOL_F32);
real!(f64, POOL_F64);
