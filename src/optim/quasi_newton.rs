//! L-BFGS, applied to all parameters of a model.

use super::finite::{check, diverged};
use super::lbfgs::Lbfgs;
use super::line_search::{Point, strong_wolfe};
use super::{Closure, Optimizer, Stopped};
use crate::autograd::{Gradients, Param};
use crate::error::{Error, Result};
use crate::nn::state::State;
use crate::nn::{Module, parameters};
use crate::real::Real;
use crate::tensor::Tensor;
use std::collections::VecDeque;

/// The name in a saved state of the loss where no lower point was found, if the parameters are there.
const MINIMUM: &str = "minimum";

/// Applies [`Lbfgs`] to the trainable parameters of a model, taken as one long vector. Its example stands there.
///
/// The parameters are left at the lowest point that a step has found, and as they were if it found none. What it remembers
/// is of these parameters: it forgets when others are frozen or another model comes.
#[derive(Clone, Debug)]
pub struct QuasiNewton<T: Real> {
    settings: Lbfgs,
    steps: u64,
    /// The parameters, in the order in which the vector holds them.
    known: Vec<(String, Param<T>)>,
    memory: Memory<T>,
    /// What was loaded, until the parameters are known.
    loaded: Option<State<T>>,
    stopped: Option<Stopped>,
    /// Where no lower point was found: the parameters, and the loss there.
    minimum: Option<(Vec<T>, f64)>,
}

impl<T: Real> QuasiNewton<T> {
    /// Creates an optimizer that has taken no step yet.
    pub fn new(settings: Lbfgs) -> Self {
        Self {
            settings,
            steps: 0,
            known: Vec::new(),
            memory: Memory::default(),
            loaded: None,
            stopped: None,
            minimum: None,
        }
    }

    /// Makes `known` the trainable parameters of `model`.
    fn meet(&mut self, model: &dyn Module<T>) -> Result<()> {
        let now: Vec<_> = parameters(model).into_iter().filter(|(_, param)| param.is_trainable()).collect();
        let is_same = now.len() == self.known.len()
            && now.iter().zip(&self.known).all(|(now, known)| now.0 == known.0 && now.1.id() == known.1.id());
        if !is_same {
            self.memory = Memory::default();
            self.minimum = None;
            self.known = now;
        }
        if let Some(mut state) = self.loaded.take() {
            self.minimum = state.remove(MINIMUM).map(|loss| (self.vector(), loss.item().to_f64()));
            self.memory = self.read(&mut state)?;
        }
        Ok(())
    }

    /// Returns the pairs of a saved state.
    fn read(&self, state: &mut State<T>) -> Result<Memory<T>> {
        let mut memory = Memory::default();
        let pairs = state.len() / (2 * self.known.len()).max(1);
        for k in 0..pairs {
            let mut flat = |name: &str| {
                let mut numbers = Vec::new();
                for (path, param) in &self.known {
                    let part = state.remove(&format!("{path}/{name}.{k}"));
                    let Some(part) = part.filter(|part| part.shape() == param.get().shape()) else {
                        let what =
                            format!("the optimizer's state of {path} does not fit: {name}.{k} of its shape is missing");
                        return Err(Error::State(what));
                    };
                    numbers.extend_from_slice(part.data());
                }
                Ok(numbers)
            };
            let (s, y) = (flat("s")?, flat("y")?);
            memory.push(s, y, pairs);
        }
        match state.keys().next() {
            Some(key) => {
                Err(Error::State(format!("the optimizer's state has {key}, of which this model knows nothing")))
            }
            None => Ok(memory),
        }
    }

    /// The parameters as one vector.
    fn vector(&self) -> Vec<T> {
        self.known.iter().flat_map(|(_, param)| param.get().data().to_vec()).collect()
    }

    /// Writes a vector to the parameters.
    fn write(&self, x: &[T]) {
        let mut rest = x;
        for (_, param) in &self.known {
            param.update(|value| {
                let (own, after) = rest.split_at(value.numel());
                value.data_mut().copy_from_slice(own);
                rest = after;
            });
        }
    }

    /// The gradients as one vector; zeros where the loss does not depend on a parameter.
    fn flat(&self, gradients: &Gradients<T>) -> Vec<T> {
        let mut flat = Vec::new();
        for (_, param) in &self.known {
            match gradients.param(param) {
                Some(gradient) => flat.extend_from_slice(gradient.data()),
                None => flat.resize(flat.len() + param.get().numel(), T::ZERO),
            }
        }
        flat
    }

    /// The iterations of a step from x, with the loss and gradient there. Returns the lowest point, and why it is the last.
    fn iterate(
        &mut self,
        mut x: Vec<T>,
        value: T,
        mut gradient: Vec<T>,
        closure: &mut Closure<'_, T>,
    ) -> (Vec<T>, Result<Stopped>) {
        let Lbfgs { lr, max_iter, tolerance_grad, tolerance_change, history_size, .. } = self.settings;
        let (mut value, mut left) = (value.to_f64(), self.settings.evaluations().saturating_sub(1));
        let mut iteration = 0;
        // The search would find nothing once more: a step from there costs one evaluation. The samples in another order give the same
        // loss but for rounding, other samples another one.
        let same = |a: f64, b: f64| (a - b).abs() <= 16.0 * T::EPSILON.to_f64() * b.abs();
        if self.minimum.as_ref().is_some_and(|(at, there)| *at == x && same(value, *there)) {
            return (x, Ok(Stopped::NoLowerPoint));
        }
        let why = loop {
            if largest(&gradient) <= tolerance_grad {
                break Stopped::Gradient;
            }
            if iteration == max_iter {
                break Stopped::Iterations;
            }
            if left == 0 {
                break Stopped::Evaluations;
            }
            let mut direction = self.memory.direction(&gradient);
            let mut derivative = dot(&gradient, &direction);
            if !(derivative < 0.0 && derivative.is_finite()) {
                self.memory = Memory::default();
                direction = gradient.iter().map(|g| -g.to_f64()).collect();
                derivative = dot(&gradient, &direction);
            }
            let length = direction.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
            let first = if self.memory.pairs.is_empty() {
                lr * (1.0 / gradient.iter().map(|g| g.to_f64().abs()).sum::<f64>()).min(1.0)
            } else {
                lr
            };
            let moved =
                |t: f64| -> Vec<T> { x.iter().zip(&direction).map(|(x, d)| T::from_f64(x.to_f64() + t * d)).collect() };
            let start = Point { t: 0.0, value, derivative, gradient: gradient.clone() };
            let mut evaluations = 0;
            let found = strong_wolfe(&start, first, tolerance_change / length, &mut |t| {
                evaluations += 1;
                self.write(&moved(t));
                let (loss, gradients) = closure()?;
                let gradient = self.flat(&gradients);
                let finite = loss.is_finite() && gradient.iter().all(|g| g.is_finite());
                let value = if finite { loss.to_f64() } else { f64::INFINITY };
                Ok(Point { t, value, derivative: dot(&gradient, &direction), gradient })
            });
            left = left.saturating_sub(evaluations);
            // What is lower by rounding alone is not lower.
            let rounding = 4.0 * T::EPSILON.to_f64() * value.abs();
            let point = match found.map(|point| point.filter(|point| value - point.value > rounding)) {
                Err(error) => return (x, Err(error)),
                Ok(Some(point)) => point,
                Ok(None) if self.memory.pairs.is_empty() => {
                    self.minimum = Some((x.clone(), value));
                    break Stopped::NoLowerPoint;
                }
                Ok(None) => {
                    // The direction was bad: begin again with steepest descent.
                    self.memory = Memory::default();
                    continue;
                }
            };
            let next = moved(point.t);
            let difference = |a: &[T], b: &[T]| -> Vec<T> { a.iter().zip(b).map(|(&a, &b)| a - b).collect() };
            let (s, y) = (difference(&next, &x), difference(&point.gradient, &gradient));
            let still = largest(&s) <= tolerance_change || (value - point.value).abs() < tolerance_change;
            self.memory.push(s, y, history_size);
            (x, value, gradient) = (next, point.value, point.gradient);
            iteration += 1;
            if still && largest(&gradient) > tolerance_grad {
                break Stopped::Change;
            }
        };
        (x, Ok(why))
    }
}

impl<T: Real> Optimizer<T> for QuasiNewton<T> {
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T> {
        let (loss, gradients) = closure()?;
        if !loss.is_finite() {
            return Err(diverged(loss, "loss".into(), self.steps + 1));
        }
        self.meet(model)?;
        check(self.known.iter().map(|(path, param)| (path.as_str(), param)), &gradients, self.steps + 1)?;
        let (x, why) = self.iterate(self.vector(), loss, self.flat(&gradients), closure);
        self.write(&x);
        self.stopped = Some(why?);
        self.steps += 1;
        Ok(loss)
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn stopped(&self) -> Option<Stopped> {
        self.stopped
    }

    fn lr(&self) -> f64 {
        self.settings.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.settings.lr = lr;
    }

    fn state(&self) -> State<T> {
        if let Some(loaded) = &self.loaded {
            return loaded.clone();
        }
        let mut state = State::new();
        if let Some((_, loss)) = self.minimum.as_ref().filter(|(at, _)| *at == self.vector()) {
            state.insert(MINIMUM.to_owned(), Tensor::from_fn([1], |_| T::from_f64(*loss)));
        }
        for (k, (s, y, _)) in self.memory.pairs.iter().enumerate() {
            for (name, vector) in [("s", s), ("y", y)] {
                let mut start = 0;
                for (path, param) in &self.known {
                    let shape = param.get().shape_owned();
                    let part = Tensor::from_fn(shape, |i| vector[start + i]);
                    start += part.numel();
                    state.insert(format!("{path}/{name}.{k}"), part);
                }
            }
        }
        state
    }

    fn load(&mut self, steps: u64, state: State<T>) -> Result<()> {
        (self.steps, self.loaded) = (steps, Some(state));
        Ok(())
    }
}

/// The last pairs of a step s and the change y of the gradient over it, each with 1 / s·y, the oldest first.
#[derive(Clone, Debug)]
struct Memory<T> {
    pairs: VecDeque<(Vec<T>, Vec<T>, f64)>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { pairs: VecDeque::new() }
    }
}

impl<T: Real> Memory<T> {
    /// Takes in a pair. One without positive curvature says nothing of a minimum, and is skipped.
    fn push(&mut self, s: Vec<T>, y: Vec<T>, most: usize) {
        let product = dot(&s, &y);
        if product > f64::EPSILON * dot(&y, &y) {
            self.pairs.push_back((s, y, 1.0 / product));
            if self.pairs.len() > most {
                self.pairs.pop_front();
            }
        }
    }

    /// Returns -H g by the two-loop recursion; -g without pairs.
    fn direction(&self, gradient: &[T]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g.to_f64()).collect();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for (s, y, inverse) in self.pairs.iter().rev() {
            let factor = inverse * dot(s, &q);
            add(&mut q, -factor, y);
            factors.push(factor);
        }
        if let Some((_, y, inverse)) = self.pairs.back() {
            let scale = 1.0 / (inverse * dot(y, y));
            q.iter_mut().for_each(|q| *q *= scale);
        }
        for ((s, y, inverse), factor) in self.pairs.iter().zip(factors.iter().rev()) {
            let by = factor - inverse * dot(y, &q);
            add(&mut q, by, s);
        }
        q
    }
}

/// q ← q + factor · v.
fn add<T: Real>(q: &mut [f64], factor: f64, v: &[T]) {
    q.iter_mut().zip(v).for_each(|(q, v)| *q += factor * v.to_f64());
}

/// The dot product, in `f64` and in eight sums, in the same order on any number of threads.
fn dot<A: Real, B: Real>(a: &[A], b: &[B]) -> f64 {
    const SUMS: usize = 8;
    let mut sums = [0.0; SUMS];
    let (whole, rest) = (a.chunks_exact(SUMS), a.len() / SUMS * SUMS);
    for (a, b) in whole.zip(b.chunks_exact(SUMS)) {
        (0..SUMS).for_each(|l| sums[l] += a[l].to_f64() * b[l].to_f64());
    }
    a[rest..].iter().zip(&b[rest..]).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>() + sums.iter().sum::<f64>()
}

/// The largest absolute value.
fn largest<T: Real>(v: &[T]) -> f64 {
    v.iter().fold(0.0, |most, v| most.max(v.to_f64().abs()))
}
