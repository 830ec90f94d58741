//! Optimizer steps in one pass over parameter, gradient and state.
//!
//! The formulas are PyTorch's, with a place for each of Keras's variations: ε inside or outside the root, the learning
//! rate inside or outside the velocity, weight decay through the gradient (`l2`) or on the parameter itself (`shrink`).
//! Settings are `f64`, as the schedules compute them, and are rounded once per step.

use crate::dispatch::{Loop, isa, vectorize};
use crate::{Scalar, parallel};

const PIECE: usize = 1 << 14;

/// The settings of an Adam step; `lr`, `eps` and the decay rates are per step, corrections included.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Decay rate of the gradient's mean.
    pub beta1: f64,
    /// Decay rate of the squared gradient's mean.
    pub beta2: f64,
    /// Learning rate over the first moment's bias correction, `lr / (1 - beta1^t)`.
    pub step_size: f64,
    /// The same for the gradient itself, which Nadam adds to its mean; 0 for Adam.
    pub gradient_size: f64,
    /// The second moment's bias correction's root, `sqrt(1 - beta2^t)`.
    pub root_correction: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// L2 penalty added to the gradient (Adam's own weight decay).
    pub l2: f64,
    /// Factor on the parameter before the step (AdamW's decoupled decay, `1 - lr wd`).
    pub shrink: f64,
}

/// One piece of [`adam`]: with the gradient itself or without (`N`adam), by the largest square or the present
/// (`A`msgrad).
struct AdamLoop<'a, T, const N: bool, const A: bool> {
    h: &'a Adam,
    p: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    largest: &'a mut [T],
}

impl<T: Scalar, const N: bool, const A: bool> Loop for AdamLoop<'_, T, N, A> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t, len) = (self.h, T::from_f64, self.p.len());
        let (b1, c1, b2, c2) = (t(h.beta1), t(1.0 - h.beta1), t(h.beta2), t(1.0 - h.beta2));
        let (step, root, eps, l2, shrink) = (t(h.step_size), t(h.root_correction), t(h.eps), t(h.l2), t(h.shrink));
        let gradient_step = t(h.gradient_size);
        let (p, g, m, v) = (&mut self.p[..len], &self.g[..len], &mut self.m[..len], &mut self.v[..len]);
        let largest = &mut self.largest[..if A { len } else { 0 }];
        for i in 0..len {
            let g = g[i] + l2 * p[i];
            m[i] = b1 * m[i] + c1 * g;
            v[i] = b2 * v[i] + c2 * (g * g);
            let mut square = v[i];
            if A {
                largest[i] = largest[i].max(square);
                square = largest[i];
            }
            let divisor = square.sqrt() / root + eps;
            let mut change = step * (m[i] / divisor);
            if N {
                change += gradient_step * (g / divisor);
            }
            p[i] = shrink * p[i] - change;
        }
    }
}

/// Takes a step of Adam, AMSGrad or Nadam:
/// g = g + l2 p; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²; w = v, or with AMSGrad w = max(w, v);
/// p = shrink p - (step_size m + gradient_size g) / (sqrt(w) / root_correction + eps).
/// `largest` is AMSGrad's w; without it (empty) this is Adam.
pub fn adam<T: Scalar>(h: &Adam, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], largest: &mut [T]) {
    let (n, amsgrad, nadam) = (g.len(), !largest.is_empty(), h.gradient_size != 0.0);
    assert!(
        p.len() == n && m.len() == n && v.len() == n && (!amsgrad || largest.len() == n),
        "adam: the lengths do not fit"
    );
    let level = isa();
    parallel::pieces([p, m, v, largest], PIECE, |start, [p, m, v, largest]| {
        let g = &g[start..start + p.len()];
        match (nadam, amsgrad) {
            (false, false) => vectorize(level, AdamLoop::<_, false, false> { h, p, g, m, v, largest }),
            (false, true) => vectorize(level, AdamLoop::<_, false, true> { h, p, g, m, v, largest }),
            (true, false) => vectorize(level, AdamLoop::<_, true, false> { h, p, g, m, v, largest }),
            (true, true) => vectorize(level, AdamLoop::<_, true, true> { h, p, g, m, v, largest }),
        }
    });
}

/// The settings of a step of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// Factor on the velocity where it changes the parameter: the learning rate, or 1 if `gain` is the learning rate.
    pub lr: f64,
    /// Factor on the gradient where it enters the velocity: 1, or the learning rate (Keras).
    pub gain: f64,
    /// Factor on the velocity; 0 keeps none.
    pub momentum: f64,
    /// Whether to look ahead along the new velocity.
    pub nesterov: bool,
    /// L2 penalty added to the gradient.
    pub l2: f64,
    /// Factor on the parameter before the step (decoupled decay).
    pub shrink: f64,
}

struct SgdLoop<'a, T> {
    h: &'a Sgd,
    p: &'a mut [T],
    g: &'a [T],
    velocity: &'a mut [T],
}

impl<T: Scalar> Loop for SgdLoop<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t) = (self.h, T::from_f64);
        let (lr, gain, mu, l2, shrink) = (t(h.lr), t(h.gain), t(h.momentum), t(h.l2), t(h.shrink));
        let nesterov = h.nesterov;
        if h.momentum == 0.0 {
            for (p, &g) in self.p.iter_mut().zip(self.g) {
                *p = shrink * *p - lr * (gain * (g + l2 * *p));
            }
            return;
        }
        for ((p, &g), v) in self.p.iter_mut().zip(self.g).zip(self.velocity) {
            let g = gain * (g + l2 * *p);
            *v = mu * *v + g;
            let direction = if nesterov { g + mu * *v } else { *v };
            *p = shrink * *p - lr * direction;
        }
    }
}

/// Takes a step of stochastic gradient descent:
/// g = gain (g + l2 p); u = momentum u + g; p = shrink p - lr u, or with Nesterov p = shrink p - lr (g + momentum u).
/// Without momentum p = shrink p - lr g, and `velocity` may be empty.
pub fn sgd<T: Scalar>(h: &Sgd, p: &mut [T], g: &[T], velocity: &mut [T]) {
    let kept = if h.momentum == 0.0 { velocity.len() } else { g.len() };
    assert!(p.len() == g.len() && velocity.len() == kept, "sgd: the lengths do not fit");
    let level = isa();
    parallel::pieces([p, velocity], PIECE, |start, [p, velocity]| {
        let g = &g[start..start + p.len()];
        vectorize(level, SgdLoop { h, p, g, velocity });
    });
}

/// The settings of a step of RMSprop.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    /// Factor on the velocity where it changes the parameter: the learning rate, or 1 if `gain` is the learning rate.
    pub lr: f64,
    /// Factor on the normalized gradient where it enters the velocity: 1, or the learning rate (Keras).
    pub gain: f64,
    /// Decay rate of the squared gradient's mean.
    pub alpha: f64,
    /// Added to the root.
    pub eps: f64,
    /// Added to what is under the root.
    pub eps_inside: f64,
    /// Whether to subtract the squared mean: the root is then the standard deviation.
    pub centered: bool,
    /// Factor on the velocity; 0 keeps none.
    pub momentum: f64,
    /// L2 penalty added to the gradient.
    pub l2: f64,
    /// Factor on the parameter before the step (decoupled decay).
    pub shrink: f64,
}

/// One piece of [`rmsprop`]: `C`entered or not, with `M`omentum or not.
struct RmsLoop<'a, T, const C: bool, const M: bool> {
    h: &'a RmsProp,
    p: &'a mut [T],
    g: &'a [T],
    square: &'a mut [T],
    mean: &'a mut [T],
    velocity: &'a mut [T],
}

impl<T: Scalar, const C: bool, const M: bool> Loop for RmsLoop<'_, T, C, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t, len) = (self.h, T::from_f64, self.p.len());
        let (lr, gain, a, b, mu) = (t(h.lr), t(h.gain), t(h.alpha), t(1.0 - h.alpha), t(h.momentum));
        let (eps, inside, l2, shrink) = (t(h.eps), t(h.eps_inside), t(h.l2), t(h.shrink));
        let (g, square) = (&self.g[..len], &mut self.square[..len]);
        let mean = &mut self.mean[..if C { len } else { 0 }];
        let velocity = &mut self.velocity[..if M { len } else { 0 }];
        for i in 0..len {
            let g = g[i] + l2 * self.p[i];
            square[i] = a * square[i] + b * (g * g);
            let mut variance = square[i];
            if C {
                mean[i] = mean[i] + b * (g - mean[i]);
                // Never negative but by rounding.
                variance = (variance - mean[i] * mean[i]).max(T::ZERO);
            }
            let mut step = gain * (g / ((variance + inside).sqrt() + eps));
            if M {
                velocity[i] = mu * velocity[i] + step;
                step = velocity[i];
            }
            self.p[i] = shrink * self.p[i] - lr * step;
        }
    }
}

/// Takes a step of RMSprop:
/// g = g + l2 p; s = alpha s + (1-alpha) g²; centered: m = m + (1-alpha) (g - m), s' = max(s - m², 0), else s' = s;
/// d = gain g / (sqrt(s' + eps_inside) + eps); momentum: u = momentum u + d, p = shrink p - lr u, else
/// p = shrink p - lr d.
/// `mean` may be empty unless centered, `velocity` unless there is momentum.
pub fn rmsprop<T: Scalar>(h: &RmsProp, p: &mut [T], g: &[T], square: &mut [T], mean: &mut [T], velocity: &mut [T]) {
    let (centered, moving, n) = (h.centered, h.momentum != 0.0, g.len());
    assert!(
        p.len() == n && square.len() == n && (!centered || mean.len() == n) && (!moving || velocity.len() == n),
        "rmsprop: the lengths do not fit"
    );
    let level = isa();
    parallel::pieces([p, square, mean, velocity], PIECE, |start, [p, square, mean, velocity]| {
        let g = &g[start..start + p.len()];
        match (centered, moving) {
            (false, false) => vectorize(level, RmsLoop::<_, false, false> { h, p, g, square, mean, velocity }),
            (false, true) => vectorize(level, RmsLoop::<_, false, true> { h, p, g, square, mean, velocity }),
            (true, false) => vectorize(level, RmsLoop::<_, true, false> { h, p, g, square, mean, velocity }),
            (true, true) => vectorize(level, RmsLoop::<_, true, true> { h, p, g, square, mean, velocity }),
        }
    });
}

/// The settings of a step of Adagrad.
#[derive(Clone, Copy, Debug)]
pub struct Adagrad {
    /// Learning rate.
    pub lr: f64,
    /// Added to the root.
    pub eps: f64,
    /// Added to what is under the root.
    pub eps_inside: f64,
    /// L2 penalty added to the gradient.
    pub l2: f64,
    /// Factor on the parameter before the step (decoupled decay).
    pub shrink: f64,
}

struct AdagradLoop<'a, T> {
    h: &'a Adagrad,
    p: &'a mut [T],
    g: &'a [T],
    sum: &'a mut [T],
}

impl<T: Scalar> Loop for AdagradLoop<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t) = (self.h, T::from_f64);
        let (lr, eps, inside, l2, shrink) = (t(h.lr), t(h.eps), t(h.eps_inside), t(h.l2), t(h.shrink));
        for ((p, &g), s) in self.p.iter_mut().zip(self.g).zip(self.sum) {
            let g = g + l2 * *p;
            *s += g * g;
            *p = shrink * *p - lr * (g / ((*s + inside).sqrt() + eps));
        }
    }
}

/// Takes a step of Adagrad:
/// g = g + l2 p; s = s + g²; p = shrink p - lr g / (sqrt(s + eps_inside) + eps).
pub fn adagrad<T: Scalar>(h: &Adagrad, p: &mut [T], g: &[T], sum: &mut [T]) {
    assert!(p.len() == g.len() && sum.len() == g.len(), "adagrad: the lengths do not fit");
    let level = isa();
    parallel::pieces([p, sum], PIECE, |start, [p, sum]| {
        let g = &g[start..start + p.len()];
        vectorize(level, AdagradLoop { h, p, g, sum });
    });
}

/// The settings of a step of Adadelta.
#[derive(Clone, Copy, Debug)]
pub struct Adadelta {
    /// Factor on the step.
    pub lr: f64,
    /// Decay rate of both means.
    pub rho: f64,
    /// Added to what is under both roots.
    pub eps: f64,
    /// L2 penalty added to the gradient.
    pub l2: f64,
    /// Factor on the parameter before the step (decoupled decay).
    pub shrink: f64,
}

struct AdadeltaLoop<'a, T> {
    h: &'a Adadelta,
    p: &'a mut [T],
    g: &'a [T],
    square: &'a mut [T],
    moved: &'a mut [T],
}

impl<T: Scalar> Loop for AdadeltaLoop<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t) = (self.h, T::from_f64);
        let (lr, a, b, eps, l2, shrink) = (t(h.lr), t(h.rho), t(1.0 - h.rho), t(h.eps), t(h.l2), t(h.shrink));
        for (((p, &g), s), d) in self.p.iter_mut().zip(self.g).zip(self.square).zip(self.moved) {
            let g = g + l2 * *p;
            *s = a * *s + b * (g * g);
            let step = (*d + eps).sqrt() / (*s + eps).sqrt() * g;
            *d = a * *d + b * (step * step);
            *p = shrink * *p - lr * step;
        }
    }
}

/// Takes a step of Adadelta:
/// g = g + l2 p; s = rho s + (1-rho) g²; x = sqrt(d + eps) / sqrt(s + eps) g; d = rho d + (1-rho) x²;
/// p = shrink p - lr x. `square` is s, `moved` is d.
pub fn adadelta<T: Scalar>(h: &Adadelta, p: &mut [T], g: &[T], square: &mut [T], moved: &mut [T]) {
    assert!(
        p.len() == g.len() && square.len() == g.len() && moved.len() == g.len(),
        "adadelta: the lengths do not fit"
    );
    let level = isa();
    parallel::pieces([p, square, moved], PIECE, |start, [p, square, moved]| {
        let g = &g[start..start + p.len()];
        vectorize(level, AdadeltaLoop { h, p, g, square, moved });
    });
}
