//! A rule, applied to all parameters of a model.

use super::finite::{check, diverged};
use super::{Around, Closure, Optimizer, Rule};
use crate::autograd::Param;
use crate::error::{Error, Result};
use crate::nn::state::{State, state_dict};
use crate::nn::{Module, Walk, parameters};
use crate::real::Real;
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// Applies a [`Rule`] to every trainable parameter of a model.
///
/// Each parameter counts its own moves, as in PyTorch: one that is unfrozen at step 1,000 begins at move 1, so the bias
/// corrections of Adam and its like are those of a first move, and it moves by about the learning rate.
///
/// ```
/// use gradus::prelude::*;
///
/// let model = Linear::new(2, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let mut adam = FirstOrder::new(Adam::w(1e-3)).around(Around { clip_norm: Some(1.0), ..Around::default() });
/// let before = model.weight.get();
/// adam.step(&model, &mut || {
///     let tape = Tape::new();
///     let x = Var::constant(Tensor::full([4, 2], 1.0));
///     let loss = model.forward(&x, &mut Ctx::train(&tape, 1, 1))?.mean()?;
///     Ok((loss.value().item(), tape.backward(&loss)?))
/// })?;
/// assert_ne!(model.weight.get(), before);
/// assert!(adam.state().contains_key("weight/exp_avg")); // its running values, by the parameter's path
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FirstOrder<T: Real, R> {
    rule: R,
    around: Around,
    lr: f64,
    steps: u64,
    /// The parameters of the model of the last step.
    known: Vec<Known<T>>,
    /// The state of parameters that were not in it.
    parted: BTreeMap<String, Kept<T>>,
}

/// A parameter, its path, and its state: none before its first gradient.
#[derive(Clone, Debug)]
struct Known<T: Real> {
    path: String,
    param: Param<T>,
    kept: Option<Kept<T>>,
}

/// The optimizer's state for one parameter.
#[derive(Clone, Debug)]
struct Kept<T: Real> {
    /// How often the parameter has moved.
    moves: u64,
    /// Its running values: the rule's, then the surroundings'.
    slots: Vec<Tensor<T>>,
}

/// The name of the number of moves among the running values.
const COUNT: &str = "step";

/// A count is written as two numbers, since `f32` has no whole numbers beyond 2²⁴: count = high · 2²⁴ + low.
const LOW: u64 = 1 << 24;

fn write_count<T: Real>(count: u64) -> Tensor<T> {
    let parts = [count / LOW, count % LOW];
    Tensor::from_fn([2], |i| T::from_f64(parts[i] as f64))
}

fn read_count<T: Real>(written: &Tensor<T>) -> Option<u64> {
    let part = |x: T| Some(x.to_f64()).filter(|x| x.fract() == 0.0 && (0.0..LOW as f64).contains(x));
    let &[high, low] = written.data() else { return None };
    Some(part(high)? as u64 * LOW + part(low)? as u64)
}

impl<T: Real, R: Rule<T>> FirstOrder<T, R> {
    /// Creates an optimizer that has taken no step yet.
    pub fn new(mut rule: R) -> Self {
        let lr = *rule.lr();
        Self { rule, around: Around::default(), lr, steps: 0, known: Vec::new(), parted: BTreeMap::new() }
    }

    /// Sets what is done around the rule.
    pub fn around(mut self, around: Around) -> Self {
        self.around = around;
        self
    }

    /// Returns the names of a parameter's running values.
    fn names(&self) -> Vec<&'static str> {
        self.rule.slots().iter().copied().chain(self.around.slots()).collect()
    }

    /// Returns whether the number of a parameter's moves matters, and so belongs to the state.
    fn counts(&self) -> bool {
        self.rule.counts_moves() || self.around.counts_moves()
    }

    /// Returns the state by the path of the parameter.
    fn values(&self) -> impl Iterator<Item = (&String, &Kept<T>)> {
        let known = self.known.iter().filter_map(|known| Some((&known.path, known.kept.as_ref()?)));
        self.parted.iter().chain(known)
    }

    /// Makes `known` the parameters of `model`. Their paths are put together only if the model is not the last one.
    /// Fails if what was loaded for a parameter is not of its shape.
    fn meet(&mut self, model: &dyn Module<T>) -> Result<()> {
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
                let shape = param.get().shape_owned();
                let fits = |kept: &Kept<T>| kept.slots.iter().all(|slot| *slot.shape() == *shape);
                if !self.parted.get(&path).is_none_or(fits) {
                    let what = format!("the optimizer's state of {path} has another shape than {shape:?}");
                    return Err(Error::State(what));
                }
                let kept = self.parted.remove(&path);
                self.known.push(Known { path, param, kept });
            }
        }
        Ok(())
    }

    /// Lays all that is kept back under its path.
    fn part(&mut self) {
        let used = self.known.drain(..).filter_map(|known| Some((known.path, known.kept?)));
        self.parted.extend(used);
    }
}

impl<T: Real, R: Rule<T>> Optimizer<T> for FirstOrder<T, R> {
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T> {
        let (loss, gradients) = closure()?;
        if !loss.is_finite() {
            return Err(diverged(loss, "loss".into(), self.steps + 1));
        }
        self.meet(model)?;
        check(self.known.iter().map(|known| (known.path.as_str(), &known.param)), &gradients, self.steps + 1)?;
        self.steps += 1;
        let (rule, around) = (self.rule.slots(), self.around);
        for Known { param, kept, .. } in self.known.iter_mut().filter(|known| known.kept.is_none()) {
            let Some(gradient) = gradients.param(param) else { continue };
            let own = rule.iter().map(|_| Tensor::full(gradient.shape_owned(), T::from_f64(self.rule.initial())));
            *kept = Some(Kept { moves: 0, slots: own.chain(around.make(&param.get())).collect() });
        }
        // The update of a move serves all parameters that have moved as often; mostly these are all.
        let first = self.known.iter().find_map(|known| known.kept.as_ref()).map_or(1, |kept| kept.moves + 1);
        let mut update = (first, self.rule.step(first));
        if around == Around::default() {
            // The usual case, without so much as a list: small networks take microseconds a step.
            for Known { param, kept, .. } in &mut self.known {
                let (Some(Kept { moves, slots }), Some(gradient)) = (kept, gradients.param(param)) else { continue };
                *moves += 1;
                if update.0 != *moves {
                    update = (*moves, self.rule.step(*moves));
                }
                param.update(|value| update.1(value.data_mut(), gradient.data(), slots));
            }
            return Ok(loss);
        }
        let of = |known: &mut Known<T>| {
            let kept = known.kept.as_mut().filter(|_| known.param.is_trainable())?;
            around.gather(gradients.param(&known.param), kept.slots.get_mut(rule.len()..)?, self.steps)
        };
        let mut directions: Vec<Option<Tensor<T>>> = self.known.iter_mut().map(of).collect();
        if !around.moves_at(self.steps) {
            return Ok(loss);
        }
        around.clip(&mut directions);
        for (Known { param, kept, .. }, direction) in self.known.iter_mut().zip(&directions) {
            let Some(Kept { moves, slots }) = kept else { continue };
            let (own, rest) = slots.split_at_mut(rule.len());
            if let Some(direction) = direction {
                *moves += 1;
                if update.0 != *moves {
                    update = (*moves, self.rule.step(*moves));
                }
                param.update(|value| {
                    update.1(value.data_mut(), direction.data(), own);
                    around.look_ahead(value.data_mut(), rest, *moves);
                });
            }
            around.average(param.get().data(), rest, *moves);
        }
        Ok(loss)
    }

    fn check(&self, model: &dyn Module<T>) -> Result<()> {
        let taken = |param: &Param<T>| self.rule.takes(param.get().shape()) || !param.is_trainable();
        let Some((path, param)) = parameters(model).into_iter().find(|(_, param)| !taken(param)) else { return Ok(()) };
        let what = format!("cannot move {path} of the shape {:?}: it is for matrices and filters", param.get().shape());
        let help = "give the others a rule of their own: [[train.optimizer.group]] with params = [\"*.bias\"], a kind and \
                    a learning rate";
        Err(Error::config("train.optimizer.kind", what, help))
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
        let (names, counts) = (self.names(), self.counts());
        let named = |(path, kept): (&String, &Kept<T>)| {
            let count = counts.then(|| (format!("{path}/{COUNT}"), write_count(kept.moves)));
            let slots = names.iter().zip(&kept.slots).map(|(name, slot)| (format!("{path}/{name}"), slot.clone()));
            slots.chain(count).collect::<Vec<_>>()
        };
        self.values().flat_map(named).collect()
    }

    fn load(&mut self, steps: u64, mut state: State<T>) -> Result<()> {
        let mut expected = self.names();
        expected.extend(self.counts().then_some(COUNT));
        let mut parted = BTreeMap::new();
        while let Some(key) = state.keys().next().cloned() {
            let (path, name) = key.rsplit_once('/').unwrap_or((&key, ""));
            let whole = |name: &str| format!("{path}/{name}");
            let refuse = |what: String| Error::State(format!("the optimizer's state of {path} {what}"));
            if !expected.contains(&name) || !expected.iter().all(|name| state.contains_key(&whole(name))) {
                return Err(refuse(format!("does not fit its rule: expected {expected:?}, found {key}")));
            }
            let mut slots: Vec<_> = expected.iter().filter_map(|name| state.remove(&whole(name))).collect();
            let moves = match self.counts().then(|| slots.pop()).flatten() {
                Some(count) => read_count(&count).ok_or_else(|| refuse("has no count of its moves".into()))?,
                None => 0,
            };
            parted.insert(path.to_owned(), Kept { moves, slots });
        }
        self.known.clear();
        (self.steps, self.parted) = (steps, parted);
        Ok(())
    }

    fn averaged(&self, model: &dyn Module<T>) -> Option<State<T>> {
        let at = self.names().iter().position(|name| *name == Around::AVERAGE)?;
        let mut state = state_dict(model);
        for (path, kept) in self.values() {
            if let Some(value) = state.get_mut(path) {
                *value = kept.slots[at].clone();
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
        assert_eq!(first.len(), 6);
        let both = step(&alone);
        assert_eq!(both.len(), 12);
        assert!(first.iter().all(|(key, value)| both[key] == *value), "the other model's values changed");
        let third = step(&with_name);
        let mean = |state: &State<f64>| state["head.weight/exp_avg"].data()[0];
        assert!(third.len() == 12 && mean(&third) == 0.9 * mean(&first) + (1.0 - 0.9) * 1.0);
        // The same parameters under other names have running values of their own.
        assert_eq!(step(&a).len(), 12, "`a` and `alone` share their names");
    }
}
