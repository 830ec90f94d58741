//! How a row of the table of optimizers becomes an optimizer.

use super::{Around, Optimizer};
use crate::real::Real;

/// The settings of an optimizer.
pub(super) trait Method<T: Real>: Copy {
    /// Whether gradients may be clipped and accumulated, and weights averaged, around its steps.
    const TAKES_AROUND: bool;

    /// Returns the learning rate.
    fn lr(&self) -> f64;

    /// Returns the number of values that it keeps for each number of a parameter.
    fn numbers_kept(&self) -> usize;

    /// Returns an optimizer that has taken no step yet.
    fn optimizer(self, around: Around) -> Box<dyn Optimizer<T>>;
}

/// Makes first-order rules methods: each is applied to all parameters by [`FirstOrder`](super::FirstOrder).
macro_rules! rules_are_methods {
    ($($rule:ty),*) => {$(
        impl<T: Real> Method<T> for $rule {
            const TAKES_AROUND: bool = true;

            fn lr(&self) -> f64 {
                let mut rule = *self;
                *$crate::optim::Rule::<T>::lr(&mut rule)
            }

            fn numbers_kept(&self) -> usize {
                $crate::optim::Rule::<T>::slots(self).len()
            }

            fn optimizer(self, around: Around) -> Box<dyn Optimizer<T>> {
                Box::new($crate::optim::FirstOrder::new(self).around(around))
            }
        }
    )*};
}
pub(super) use rules_are_methods;
