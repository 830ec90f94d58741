//! A rule, applied to all parameters of a model.

use super::{Around, Closure, Optimizer, Rule};
use crate::autograd::Param;
use crate::error::{Error, Result};
use crate::nn::state::{State, state_dict};
use crate::nn::{Module, Walk, parameters};
use crate::real::Real;
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// Applies a [`Rule`] to every trainable parameter of a model.
#[derive(Clone, Debug)]
pub struct FirstOrder<T: Real, R> {
    rule: R,
    around: Around,
    lr: f64,
    steps: u64,
    /// The parameters of the model of the last step.
    known: Vec<Known<T>>,
    /// The running values of parameters that were not in it.
    slots: BTreeMap<String, Vec<Tensor<T>>>,
}

/// A parameter, its path, and its running values (the rule's, then the surroundings'): none before its first gradient.
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
        Self { rule, around: Around::default(), lr, steps: 0, known: Vec::new(), slots: BTreeMap::new() }
    }

    /// Does this around the rule.
    pub fn around(mut self, around: Around) -> Self {
        self.around = around;
        self
    }

    /// The names of a parameter's running values.
    fn names(&self) -> Vec<&'static str> {
        self.rule.slots().iter().copied().chain(self.around.slots()).collect()
    }

    /// All running values by the path of their parameter.
    fn values(&self) -> impl Iterator<Item = (&String, &Vec<Tensor<T>>)> {
        let known = self.known.iter().filter_map(|known| Some((&known.path, known.slots.as_ref()?)));
        self.slots.iter().chain(known)
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
        let (rule, around) = (self.rule.slots(), self.around);
        for Known { param, slots, .. } in self.known.iter_mut().filter(|known| known.slots.is_none()) {
            let Some(gradient) = gradients.param(param) else { continue };
            let own = rule.iter().map(|_| Tensor::full(gradient.shape_owned(), T::from_f64(self.rule.initial())));
            *slots = Some(own.chain(around.make(&param.get())).collect());
        }
        if around == Around::default() {
            // The usual case, without so much as a list: small networks take microseconds a step.
            let update = self.rule.step(self.steps);
            for Known { param, slots, .. } in &mut self.known {
                let (Some(slots), Some(gradient)) = (slots, gradients.param(param)) else { continue };
                param.update(|value| update(value.data_mut(), gradient.data(), slots));
            }
            return Ok(loss);
        }
        let of = |known: &mut Known<T>| {
            let slots = known.slots.as_mut().filter(|_| known.param.is_trainable())?.get_mut(rule.len()..)?;
            around.gather(gradients.param(&known.param), slots, self.steps)
        };
        let mut directions: Vec<Option<Tensor<T>>> = self.known.iter_mut().map(of).collect();
        let Some(move_number) = around.moves_at(self.steps) else { return Ok(loss) };
        around.clip(&mut directions);
        let update = self.rule.step(move_number);
        for (Known { param, slots, .. }, direction) in self.known.iter_mut().zip(&directions) {
            let Some(slots) = slots else { continue };
            let (own, rest) = slots.split_at_mut(rule.len());
            if let Some(direction) = direction {
                param.update(|value| update(value.data_mut(), direction.data(), own));
            }
            around.average(param.get().data(), rest, move_number);
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
        let names = self.names();
        let named = |(path, slots): (&String, &Vec<Tensor<T>>)| {
            let keys: Vec<String> = names.iter().map(|name| format!("{path}/{name}")).collect();
            keys.into_iter().zip(slots.clone()).collect::<Vec<_>>()
        };
        self.values().flat_map(named).collect()
    }

    fn load(&mut self, steps: u64, mut state: State<T>) -> Result<()> {
        let names = self.names();
        let mut slots = BTreeMap::new();
        while let Some(key) = state.keys().next() {
            let (path, name) = key.rsplit_once('/').unwrap_or((key, ""));
            let path = path.to_owned();
            let refuse = || Error::State(format!("the optimizer's state of {path} wants {names:?}, found {key}"));
            if !names.contains(&name) || !names.iter().all(|name| state.contains_key(&format!("{path}/{name}"))) {
                return Err(refuse());
            }
            let taken = names.iter().filter_map(|name| state.remove(&format!("{path}/{name}"))).collect();
            slots.insert(path, taken);
        }
        self.known.clear();
        (self.steps, self.slots) = (steps, slots);
        Ok(())
    }

    fn averaged(&self, model: &dyn Module<T>) -> Option<State<T>> {
        let at = self.names().iter().position(|name| *name == Around::AVERAGE)?;
        let mut state = state_dict(model);
        for (path, slots) in self.values() {
            if let Some(value) = state.get_mut(path) {
                *value = slots[at].clone();
            }
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::{Tape, Var};
    use crate::nn::{Ctx, Init, Linear, Sequential};
    use crate::optim::Adam;
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
