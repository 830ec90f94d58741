//! Optimizers: how gradients change parameters.
//!
//! A first-order [`Rule`] is a formula for one parameter and lives in a file of its own. [`FirstOrder`] applies it to
//! all parameters of a model and keeps its running values (momenta) by the parameter's name, so that they can be
//! saved and resumed. [`QuasiNewton`] is the one that is no rule: its steps are of all parameters at once and evaluate the
//! loss several times ([`Lbfgs`]). [`Around`] holds the settings of what is done around any rule: clipping, accumulating, averaging.
//! [`Grouped`] gives some of the parameters a rule of their own. [`OptimizerSpec`] describes all of this as a table of a file, and [`Schedule`] says how the learning rate changes
//! from epoch to epoch. The conventions are PyTorch's; where Keras differs, the rule has a setting for it, and a
//! constructor `keras` with Keras's conventions and constants.

mod around;
mod finite;
mod first_order;
mod groups;
mod line_search;
mod method;
mod quasi_newton;
mod rule;
mod schedule;
mod settings;
mod spec;
mod stopped;

pub use around::Around;
pub use first_order::FirstOrder;
pub use groups::{Group, Grouped};
pub use quasi_newton::QuasiNewton;
pub use rule::{Closure, Optimizer, Rule};
pub use schedule::Schedule;
pub use spec::OptimizerSpec;
pub use stopped::Stopped;

use crate::real::Real;
use method::{Method, rules_are_methods};
use serde::Serialize;
use settings::{fields, read, read_from};

/// Writes the table of rules: their modules, and the enum of their settings with its name in files for each row. `from` is
/// where a row's settings start, if it is not the rule's default.
macro_rules! rules {
    (
        rules { $($module:ident: $own:ident;)* }
        others { $($other:ident: $method:ident;)* }
        files { $($(#[$about:meta])* $variant:ident($rule:ty) = $name:literal $(from $start:expr)?;)* }
    ) => {
        $(mod $module; pub use $module::$own;)*
        $(mod $other; pub use $other::$method;)*
        rules_are_methods! { $($own),* }

        /// A rule and its settings, or those of another method.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        #[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
        #[serde(tag = "kind")]
        pub enum Choice {
            $($(#[$about])* #[serde(rename = $name)] $variant($rule),)*
        }

        impl Choice {
            /// The names of the rules, as files write them.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Returns the learning rate.
            pub fn lr(&self) -> f64 {
                match *self {
                    $(Choice::$variant(method) => Method::<f32>::lr(&method),)*
                }
            }

            /// Returns the number of values that it keeps for each number of a parameter.
            pub fn numbers_kept(&self) -> usize {
                match self {
                    $(Choice::$variant(method) => Method::<f32>::numbers_kept(method),)*
                }
            }

            /// Whether something may be done around its steps.
            fn takes_around(&self) -> bool {
                match self {
                    $(Choice::$variant(_) => <$rule as Method<f32>>::TAKES_AROUND,)*
                }
            }

            /// Returns the names of the settings of the rule of this name; none if there is no such rule.
            fn keys(name: &str) -> Option<&'static [&'static str]> {
                match name {
                    $($name => Some(fields::<$rule>()),)*
                    _ => None,
                }
            }

            /// Returns an optimizer that has taken no step yet.
            fn build<T: Real>(&self, around: Around) -> Box<dyn Optimizer<T>> {
                match *self {
                    $(Choice::$variant(method) => method.optimizer(around),)*
                }
            }

            /// Reads the rule of this name, and what is done around it, from their common table; `None` if there is no such
            /// rule.
            fn read(name: &str, table: serde_json::Map<String, serde_json::Value>) -> Option<Result<(Self, Around), String>> {
                match name {
                    $($name => Some(rules!(@read table $($start)?).map(|(rule, around)| (Choice::$variant(rule), around))),)*
                    _ => None,
                }
            }
        }
    };
    (@read $table:ident) => { read($table) };
    (@read $table:ident $start:expr) => { read_from($table, $start) };
}

rules! {
    rules {
        sgd: Sgd;
        adam: Adam;
        nadam: Nadam;
        rmsprop: RmsProp;
        adadelta: Adadelta;
        adagrad: Adagrad;
        muon: Muon;
    }
    others {
        lbfgs: Lbfgs;
    }
    files {
        /// Stochastic gradient descent, with momentum if it is set.
        Sgd(Sgd) = "sgd";
        /// Adam (Kingma and Ba 2015).
        Adam(Adam) = "adam";
        /// Adam with decoupled weight decay, 0.01 by default (Loshchilov and Hutter 2019).
        #[cfg_attr(feature = "program", schemars(transform = adam::as_adamw))]
        AdamW(Adam) = "adamw" from Adam::w(1e-3);
        /// Adam with Nesterov momentum (Dozat 2016).
        Nadam(Nadam) = "nadam";
        /// Steps divided by a running root mean square of the gradient (Hinton 2012).
        RmsProp(RmsProp) = "rmsprop";
        /// Steps in the units of the parameters, by running means of both (Zeiler 2012).
        Adadelta(Adadelta) = "adadelta";
        /// Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011).
        Adagrad(Adagrad) = "adagrad";
        /// Steps of matrices and filters along orthogonal directions (Jordan et al. 2024).
        Muon(Muon) = "muon";
        /// L-BFGS, for a loss that is the same at each evaluation (Liu and Nocedal 1989).
        Lbfgs(Lbfgs) = "lbfgs";
    }
}
