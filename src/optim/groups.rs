//! Groups of parameters, each moved by a rule of its own.

use super::finite::{check, diverged};
use super::{Choice, Closure, Optimizer};
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::nn::state::{State, state_dict};
use crate::nn::{Ctx, Kind, Module, Walk, fits, parameters};
use crate::real::Real;
use serde::Serialize;

/// Some parameters and the rule that moves them: a table `[[train.optimizer.group]]` of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
pub struct Group {
    /// The parameters, by name; `*` stands for any characters: `*.bias`. One that fits several groups belongs to the first.
    pub params: Vec<String>,
    /// Their rule.
    #[serde(flatten)]
    pub rule: Choice,
}

/// Moves each group of parameters by an optimizer of its own, from one evaluation of the loss. A parameter belongs to the
/// first group of which a pattern fits its path; the last group is meant for all that are left.
///
/// The learning rate is that of the last group; if it is changed, those of the others change in proportion.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::optim::{Grouped, Muon};
/// let model = Linear::new(4, 3, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let biases: Box<dyn Optimizer<f32>> = Box::new(FirstOrder::new(Sgd::new(0.1)));
/// let others: Box<dyn Optimizer<f32>> = Box::new(FirstOrder::new(Muon::new(0.02)));
/// let mut optimizer = Grouped::new(vec![(vec!["*bias".into()], biases), (vec!["*".into()], others)]);
/// optimizer.set_lr(0.01);
/// optimizer.step(&model, &mut || {
///     let tape = Tape::new();
///     let x = Var::constant(Tensor::full([2, 4], 1.0));
///     let loss = model.forward(&x, &mut Ctx::train(&tape, 1, 1))?.sum()?;
///     Ok((loss.value().item(), tape.backward(&loss)?))
/// })?;
/// assert!(optimizer.state().contains_key("weight/momentum_buffer") && !optimizer.state().contains_key("bias/momentum_buffer"));
/// # Ok::<(), Error>(())
/// ```
pub struct Grouped<T: Real> {
    groups: Vec<Part<T>>,
    lr: f64,
}

/// A group: patterns, optimizer, and the learning rate that it began with.
struct Part<T: Real> {
    patterns: Vec<String>,
    optimizer: Box<dyn Optimizer<T>>,
    lr: f64,
}

impl<T: Real> Grouped<T> {
    /// Creates the optimizer of these groups. Panics without any.
    pub fn new(groups: Vec<(Vec<String>, Box<dyn Optimizer<T>>)>) -> Self {
        let lr = groups.last().expect("Grouped: at least one group").1.lr();
        let part = |(patterns, optimizer): (Vec<String>, Box<dyn Optimizer<T>>)| {
            let lr = optimizer.lr();
            Part { patterns, optimizer, lr }
        };
        Self { groups: groups.into_iter().map(part).collect(), lr }
    }

    /// The group to which the parameter of this path belongs.
    fn place(&self, path: &str) -> Option<usize> {
        self.groups.iter().position(|group| group.patterns.iter().any(|pattern| fits(pattern, path)))
    }

    /// The model with the parameters of the group at `at` alone.
    fn subset<'a>(&self, model: &'a dyn Module<T>, at: usize) -> Subset<'a, T> {
        let params = parameters(model).into_iter().filter(|(path, _)| self.place(path) == Some(at)).collect();
        Subset { model, params }
    }

    /// Fails if a group has no parameter, or a parameter no group.
    fn check_places(&self, known: &[(String, Param<T>)]) -> Result<()> {
        let places: Vec<Option<usize>> = known.iter().map(|(path, _)| self.place(path)).collect();
        if let Some(alone) = places.iter().position(Option::is_none) {
            return Err(Error::invalid(format!("optimizer: no group takes the parameter {}", known[alone].0)));
        }
        let last = self.groups.len() - 1;
        if let Some(empty) = (0..last).find(|at| !places.contains(&Some(*at))) {
            let names: Vec<&str> = known.iter().map(|(path, _)| path.as_str()).collect();
            let what =
                format!("fits no parameter that an earlier group leaves: {}", self.groups[empty].patterns.join(", "));
            let help = format!("there are {}", names.join(", "));
            return Err(Error::config(format!("train.optimizer.group.{}.params", empty + 1), what, help));
        }
        Ok(())
    }
}

/// A model of which only these parameters are named.
struct Subset<'a, T: Real> {
    model: &'a dyn Module<T>,
    params: Vec<(String, Param<T>)>,
}

impl<T: Real> Module<T> for Subset<'_, T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        self.model.forward(x, cx)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.params.iter().for_each(|(path, param)| walk.param(path, param));
    }

    fn kind(&self) -> Kind {
        self.model.kind()
    }
}

impl<T: Real> Optimizer<T> for Grouped<T> {
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T> {
        let (loss, gradients) = closure()?;
        let step = self.steps() + 1;
        if !loss.is_finite() {
            return Err(diverged(loss, "loss".into(), step));
        }
        let known = parameters(model);
        // All is checked before the first group moves.
        check(known.iter().map(|(path, param)| (path.as_str(), param)), &gradients, step)?;
        let subsets: Vec<Subset<'_, T>> = (0..self.groups.len()).map(|at| self.subset(model, at)).collect();
        for (group, subset) in self.groups.iter_mut().zip(&subsets) {
            let own = |id: u64| subset.params.iter().any(|(_, param)| param.id() == id);
            group.optimizer.step(subset, &mut || Ok((loss, gradients.only(own))))?;
        }
        Ok(loss)
    }

    fn check(&self, model: &dyn Module<T>) -> Result<()> {
        self.check_places(&parameters(model))?;
        let mut groups = self.groups.iter().enumerate();
        groups.try_for_each(|(at, group)| group.optimizer.check(&self.subset(model, at)))
    }

    fn steps(&self) -> u64 {
        self.groups[0].optimizer.steps()
    }

    fn lr(&self) -> f64 {
        self.groups.last().map_or(self.lr, |group| group.optimizer.lr())
    }

    fn set_lr(&mut self, lr: f64) {
        let factor = lr / self.lr;
        self.groups.iter_mut().for_each(|group| group.optimizer.set_lr(group.lr * factor));
    }

    fn state(&self) -> State<T> {
        self.groups.iter().flat_map(|group| group.optimizer.state()).collect()
    }

    fn load(&mut self, steps: u64, state: State<T>) -> Result<()> {
        let mut parts: Vec<State<T>> = self.groups.iter().map(|_| State::new()).collect();
        for (key, value) in state {
            let path = key.rsplit_once('/').map_or(&*key, |(path, _)| path);
            let Some(at) = self.place(path) else {
                return Err(Error::State(format!("no group of the optimizer takes {path}")));
            };
            parts[at].insert(key, value);
        }
        self.groups.iter_mut().zip(parts).try_for_each(|(group, part)| group.optimizer.load(steps, part))
    }

    fn averaged(&self, model: &dyn Module<T>) -> Option<State<T>> {
        let mut whole = state_dict(model);
        for (at, group) in self.groups.iter().enumerate() {
            whole.extend(group.optimizer.averaged(&self.subset(model, at))?);
        }
        Some(whole)
    }
}
