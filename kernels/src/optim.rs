//! Optimizer steps in one pass over parameter, gradient and state.

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

/// m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²; p = shrink p - step_size m / (sqrt(v) / root_correction + eps).
pub fn adam<T: Scalar>(h: &Adam, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
    assert!(p.len() == g.len() && m.len() == g.len() && v.len() == g.len(), "adam: wrong lengths");
    let t = T::from_f64;
    let (b1, c1, b2, c2) = (t(h.beta1), t(1.0 - h.beta1), t(h.beta2), t(1.0 - h.beta2));
    let (step, root, eps, l2, shrink) = (t(h.step_size), t(h.root_correction), t(h.eps), t(h.l2), t(h.shrink));
    let mut pm: Vec<(&mut [T], &mut [T], &mut [T])> =
        p.chunks_mut(PIECE).zip(m.chunks_mut(PIECE)).zip(v.chunks_mut(PIECE)).map(|((p, m), v)| (p, m, v)).collect();
    parallel::chunks(&mut pm, 1, |piece, pm| {
        let (p, m, v) = &mut pm[0];
        let g = &g[piece * PIECE..];
        for i in 0..p.len() {
            let g = g[i] + l2 * p[i];
            m[i] = b1 * m[i] + c1 * g;
            v[i] = b2 * v[i] + c2 * (g * g);
            p[i] = shrink * p[i] - step * (m[i] / (v[i].sqrt() / root + eps));
        }
    });
}
