//! Optimizers: how gradients change parameters.
//!
//! A first-order [`Rule`] is a formula for one parameter and lives in a file of its own. [`FirstOrder`] applies it to
//! all parameters of a model and keeps its running values (momenta) by the parameter's name, so that they can be
//! saved and resumed. The conventions are PyTorch's; where Keras differs, the rule's page says so.

mod adam;
mod rmsprop;
mod sgd;

pub use adam::Adam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::autograd::{Gradients, Param};
use crate::error::{Error, Result};
use crate::nn::state::State;
use crate::nn::{Module, Walk, parameters};
use crate::real::Real;
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// Computes the loss and the gradients at the parameters' present values.
pub type Closure<'a, T> = dyn FnMut() -> Result<(T, Gradients<T>)> + 'a;

/// Something that improves a model's parameters.
pub trait Optimizer<T: Real> {
    /// One step; returns the loss before it. First-order rules call `closure` once, line searches as often as they
    /// like. Fails with [`Error::Diverged`], and changes nothing, if the loss is not finite.
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T>;

    /// Number of steps taken.
    fn steps(&self) -> u64;

    /// The learning rate.
    fn lr(&self) -> f64;

    /// Changes the learning rate.
    fn set_lr(&mut self, lr: f64);

    /// The running values by name (`block1.conv.weight/exp_avg`) for a checkpoint.
    fn state(&self) -> State<T>;

    /// Takes up where [`state`](Self::state) and [`steps`](Self::steps) were taken.
    fn load(&mut self, steps: u64, state: State<T>) -> Result<()>;
}

/// A formula that updates one parameter from its gradient.
pub trait Rule<T: Real> {
    /// Names of the running values it keeps for each parameter, each of the parameter's shape, zero at first.
    const SLOTS: &'static [&'static str];

    /// The learning rate.
    fn lr(&mut self) -> &mut f64;

    /// Step `t` (from 1), as a function that updates a parameter from its gradient and its running values.
    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]);
}

/// Applies a [`Rule`] to every trainable parameter of a model.
#[derive(Clone, Debug)]
pub struct FirstOrder<T: Real, R> {
    rule: R,
    lr: f64,
    steps: u64,
    /// The parameters of the model of the last step.
    known: Vec<Known<T>>,
    /// The running values of parameters that were not in it.
    slots: BTreeMap<String, Vec<Tensor<T>>>,
}

/// A parameter, its path, and its running values: none before its first gradient.
#[derive(Clone, Debug)]
struct Known<T: Real> {
    path: String,
    param: Param<T>,
    slots: Option<Vec<Tensor<T>>>,
}

impl<T: Real, R: Rule<T>> FirstOrder<T, R> {
    /// An optimizer that has taken no step yet.
    pub fn new(mut rule: R) -> Self {
        let lr = *rule.lr();
        Self { rule, lr, steps: 0, known: Vec::new(), slots: BTreeMap::new() }
    }

    /// Makes `known` the parameters of `model`. Their paths are put together only if the model is not the last one.
    fn meet(&mut self, model: &dyn Module<T>) {
        // How many of them are met so far; none as soon as there is another one.
        let mut met = Some(0);
        model.walk(&mut Walk::new(&mut |path, param| {
            let Some(n) = met else { return };
            let is_it = |known: &Known<T>| known.param.id() == param.id();
            if self.known.get(n).is_some_and(|known| is_it(known) && known.path == path) {
                met = Some(n + 1);
            } else if !self.known[..n].iter().any(is_it) {
                met = None;
            }
        }));
        if met != Some(self.known.len()) {
            self.part();
            for (path, param) in parameters(model) {
                let slots = self.slots.remove(&path);
                self.known.push(Known { path, param, slots });
            }
        }
    }

    /// Lays all running values back under their paths.
    fn part(&mut self) {
        let used = self.known.drain(..).filter_map(|known| Some((known.path, known.slots?)));
        self.slots.extend(used);
    }
}

impl<T: Real, R: Rule<T>> Optimizer<T> for FirstOrder<T, R> {
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T> {
        let (loss, gradients) = closure()?;
        if !loss.is_finite() {
            return Err(Error::Diverged {
                what: if loss.is_nan() { "NaN" } else { "infinity" }.into(),
                place: "loss".into(),
                step: self.steps + 1,
                help: "lower the learning rate, or look for odd values in the data".into(),
            });
        }
        self.steps += 1;
        self.meet(model);
        let update = self.rule.step(self.steps);
        for Known { param, slots, .. } in &mut self.known {
            let Some(gradient) = gradients.param(param) else { continue };
            let zeros = || R::SLOTS.iter().map(|_| Tensor::zeros(gradient.shape_owned())).collect();
            let slots = slots.get_or_insert_with(zeros);
            param.update(|value| update(value.data_mut(), gradient.data(), slots));
        }
        Ok(loss)
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
        *self.rule.lr() = lr;
    }

    fn state(&self) -> State<T> {
        let known = self.known.iter().filter_map(|known| Some((&known.path, known.slots.as_ref()?)));
        let named = |(path, slots): (&String, &Vec<Tensor<T>>)| {
            let keys: Vec<String> = R::SLOTS.iter().map(|slot| format!("{path}/{slot}")).collect();
            keys.into_iter().zip(slots.clone()).collect::<Vec<_>>()
        };
        self.slots.iter().chain(known).flat_map(named).collect()
    }

    fn load(&mut self, steps: u64, mut state: State<T>) -> Result<()> {
        let mut slots = BTreeMap::new();
        while let Some(key) = state.keys().next() {
            let name = key.rsplit_once('/').map_or(key.clone(), |(name, _)| name.to_owned());
            let taken: Option<Vec<_>> = R::SLOTS.iter().map(|slot| state.remove(&format!("{name}/{slot}"))).collect();
            let Some(taken) = taken else {
                return Err(Error::State(format!("the optimizer's state of {name} wants {:?}", R::SLOTS)));
            };
            slots.insert(name, taken);
        }
        self.known.clear();
        (self.steps, self.slots) = (steps, slots);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::{Tape, Var};
    use crate::nn::{Ctx, Init, Linear, Sequential};
    use crate::rng::Rng;

    #[test]
    fn running_values_stay_while_models_take_turns() {
        let linear = |purpose| Linear::<f64>::new(3, 1, Init::PyTorch, &mut Rng::new(1, purpose, 0));
        let (a, b) = (linear("a"), linear("b"));
        // Handles on the same parameters, once behind a name and once without.
        let tied = Linear { weight: a.weight.clone(), bias: a.bias.clone() };
        let (alone, with_name) = (b, Sequential::new().with("head", tied));
        let mut adam = FirstOrder::new(Adam::new(0.1));
        let x = Var::constant(Tensor::full([2, 3], 0.5));
        let mut step = |model: &dyn Module<f64>| {
            let mut closure = || {
                let tape = Tape::new();
                let y = model.forward(&x, &mut Ctx::train(&tape, 0, 0))?.sum()?;
                Ok((y.value().item(), tape.backward(&y)?))
            };
            adam.step(model, &mut closure).unwrap();
            adam.state()
        };
        let first = step(&with_name);
        assert_eq!(first.len(), 4);
        let both = step(&alone);
        assert_eq!(both.len(), 8);
        assert!(first.iter().all(|(key, value)| both[key] == *value), "the other model's values changed");
        let third = step(&with_name);
        let mean = |state: &State<f64>| state["head.weight/exp_avg"].data()[0];
        assert!(third.len() == 8 && mean(&third) == 0.9 * mean(&first) + (1.0 - 0.9) * 1.0);
        // The same parameters under other names have running values of their own.
        assert_eq!(step(&a).len(), 8, "`a` and `alone` share their names");
    }
}
