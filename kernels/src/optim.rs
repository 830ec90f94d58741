//! Optimizer steps in one pass over parameter, gradient and state.
//!
//! The formulas are PyTorch's. Settings are `f64`, as the schedules compute them, and are rounded once per step.

use crate::dispatch::{Loop, isa, vectorize};
use crate::{Scalar, parallel};

const PIECE: usize = 1 << 14;

/// What an Adam step needs to know; `lr`, `eps` and the decay rates are per step, corrections included.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Decay rate of the gradient's mean.
    pub beta1: f64,
    /// Decay rate of the squared gradient's mean.
    pub beta2: f64,
    /// Learning rate over the first moment's bias correction, `lr / (1 - beta1^t)`.
    pub step_size: f64,
    /// The second moment's bias correction's root, `sqrt(1 - beta2^t)`.
    pub root_correction: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// L2 penalty added to the gradient (Adam's own weight decay).
    pub l2: f64,
    /// Factor on the parameter before the step (AdamW's decoupled decay, `1 - lr wd`).
    pub shrink: f64,
}

struct AdamLoop<'a, T> {
    h: &'a Adam,
    p: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Scalar> Loop for AdamLoop<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (h, t) = (self.h, T::from_f64);
        let (b1, c1, b2, c2) = (t(h.beta1), t(1.0 - h.beta1), t(h.beta2), t(1.0 - h.beta2));
        let (step, root, eps, l2, shrink) = (t(h.step_size), t(h.root_correction), t(h.eps), t(h.l2), t(h.shrink));
        for (((p, &g), m), v) in self.p.iter_mut().zip(self.g).zip(self.m).zip(self.v) {
            let g = g + l2 * *p;
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * (g * g);
            *p = shrink * *p - step * (*m / (v.sqrt() / root + eps));
        }
    }
}

/// m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²; p = shrink p - step_size m / (sqrt(v) / root_correction + eps).
pub fn adam<T: Scalar>(h: &Adam, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
    assert!(p.len() == g.len() && m.len() == g.len() && v.len() == g.len(), "adam: wrong lengths");
    let level = isa();
    parallel::pieces([p, m, v], PIECE, |start, [p, m, v]| {
        let g = &g[start..start + p.len()];
        vectorize(level, AdamLoop { h, p, g, m, v });
    });
}

/// What a step of stochastic gradient descent needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Factor on the velocity; 0 keeps none.
    pub momentum: f64,
    /// Fraction of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// Whether to look ahead along the new velocity.
    pub nesterov: bool,
    /// L2 penalty added to the gradient.
    pub l2: f64,
    /// Whether this is the first step: the velocity is then the gradient itself, undampened.
    pub first: bool,
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
        let (lr, mu, share, l2) = (t(h.lr), t(h.momentum), t(1.0 - h.dampening), t(h.l2));
        let (first, nesterov) = (h.first, h.nesterov);
        if h.momentum == 0.0 {
            for (p, &g) in self.p.iter_mut().zip(self.g) {
                *p -= lr * (g + l2 * *p);
            }
            return;
        }
        for ((p, &g), v) in self.p.iter_mut().zip(self.g).zip(self.velocity) {
            let g = g + l2 * *p;
            *v = if first { g } else { mu * *v + share * g };
            let direction = if nesterov { g + mu * *v } else { *v };
            *p -= lr * direction;
        }
    }
}

/// g = g + l2 p; u = momentum u + (1-dampening) g (first step: u = g); p = p - lr u, or with Nesterov
/// p = p - lr (g + momentum u). Without momentum p = p - lr g, and `velocity` may be empty.
pub fn sgd<T: Scalar>(h: &Sgd, p: &mut [T], g: &[T], velocity: &mut [T]) {
    let kept = if h.momentum == 0.0 { velocity.len() } else { g.len() };
    assert!(p.len() == g.len() && velocity.len() == kept, "sgd: wrong lengths");
    let level = isa();
    parallel::pieces([p, velocity], PIECE, |start, [p, velocity]| {
        let g = &g[start..start + p.len()];
        vectorize(level, SgdLoop { h, p, g, velocity });
    });
}

/// What a step of RMSprop needs to know.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the squared gradient's mean.
    pub alpha: f64,
    /// Added to the root.
    pub eps: f64,
    /// Whether to subtract the squared mean: the root is then the standard deviation.
    pub centered: bool,
    /// Factor on the velocity; 0 keeps none.
    pub momentum: f64,
    /// L2 penalty added to the gradient.
    pub l2: f64,
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
        let (lr, a, b, eps, mu, l2) = (t(h.lr), t(h.alpha), t(1.0 - h.alpha), t(h.eps), t(h.momentum), t(h.l2));
        let (g, square) = (&self.g[..len], &mut self.square[..len]);
        let mean = &mut self.mean[..if C { len } else { 0 }];
        let velocity = &mut self.velocity[..if M { len } else { 0 }];
        for i in 0..len {
            let g = g[i] + l2 * self.p[i];
            square[i] = a * square[i] + b * (g * g);
            let mut variance = square[i];
            if C {
                mean[i] = mean[i] + b * (g - mean[i]);
                variance -= mean[i] * mean[i];
            }
            let mut step = g / (variance.sqrt() + eps);
            if M {
                velocity[i] = mu * velocity[i] + step;
                step = velocity[i];
            }
            self.p[i] -= lr * step;
        }
    }
}

/// g = g + l2 p; s = alpha s + (1-alpha) g²; centered: m = m + (1-alpha) (g - m), s' = s - m², else s' = s;
/// d = g / (sqrt(s') + eps); momentum: u = momentum u + d, p = p - lr u, else p = p - lr d.
/// `mean` may be empty unless centered, `velocity` unless there is momentum.
pub fn rmsprop<T: Scalar>(h: &RmsProp, p: &mut [T], g: &[T], square: &mut [T], mean: &mut [T], velocity: &mut [T]) {
    let (centered, moving, n) = (h.centered, h.momentum != 0.0, g.len());
    assert!(
        p.len() == n && square.len() == n && (!centered || mean.len() == n) && (!moving || velocity.len() == n),
        "rmsprop: wrong lengths"
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
