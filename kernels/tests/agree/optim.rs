//! Optimizer steps against their formulas.

use crate::common::{Data, always};
use gradus_kernels::optim::{self, Adadelta, Adagrad, Adam, RmsProp, Sgd};

#[test]
fn adam_steps() {
    for (n, gradient_size, amsgrad) in [
        (0, 0.0, false),
        (1, 0.0, false),
        (17, 0.02, false),
        (40_000, 0.0, true),
        (40_000, 0.02, true),
        (40_001, 0.0, false),
    ] {
        let h = Adam {
            beta1: 0.9,
            beta2: 0.999,
            step_size: 0.01,
            gradient_size,
            root_correction: 0.03,
            eps: 1e-8,
            l2: 0.1,
            shrink: 0.99,
        };
        let mut data = Data::new(n as u64);
        let (p, g, m) = (data.floats(n), data.floats(n), data.floats(n));
        let mut squares = || -> Vec<f32> { data.floats(n).iter().map(|v| v.abs()).collect() };
        let (v, w) = (squares(), squares());
        let mut expected = [p.clone(), m.clone(), v.clone(), w.clone()];
        for i in 0..n {
            let gradient = g[i] + 0.1 * p[i];
            expected[1][i] = 0.9 * m[i] + (1.0 - 0.9f64) as f32 * gradient;
            expected[2][i] = 0.999 * v[i] + (1.0 - 0.999f64) as f32 * (gradient * gradient);
            let mut square = expected[2][i];
            if amsgrad {
                square = f32::max(w[i], square);
                expected[3][i] = square;
            }
            let divisor = square.sqrt() / 0.03 + 1e-8;
            let mut change = 0.01 * (expected[1][i] / divisor);
            if gradient_size != 0.0 {
                change += 0.02 * (gradient / divisor);
            }
            expected[0][i] = 0.99 * p[i] - change;
        }
        always(&expected.concat(), "adam", || {
            let (mut p, mut m, mut v, mut w) = (p.clone(), m.clone(), v.clone(), w.clone());
            optim::adam(&h, &mut p, &g, &mut m, &mut v, if amsgrad { &mut w } else { &mut [] });
            [p, m, v, w].concat()
        });
    }
}

#[test]
fn sgd_steps() {
    let n = 40_001;
    let mut data = Data::new(3);
    let (p, g, u) = (data.floats(n), data.floats(n), data.floats(n));
    for (momentum, nesterov, gain) in [(0.0, false, 1.0), (0.9, false, 1.0), (0.9, false, 0.5), (0.9, true, 0.5)] {
        let h = Sgd { lr: 0.1, gain, momentum, nesterov, l2: 0.01, shrink: 0.99 };
        let mut expected = [p.clone(), u.clone()];
        for i in 0..n {
            let mut gradient = gain as f32 * (g[i] + 0.01 * p[i]);
            if momentum != 0.0 {
                expected[1][i] = 0.9 * u[i] + gradient;
                gradient = if nesterov { gradient + 0.9 * expected[1][i] } else { expected[1][i] };
            }
            expected[0][i] = 0.99 * p[i] - 0.1 * gradient;
        }
        always(&expected.concat(), "sgd", || {
            let (mut p, mut u) = (p.clone(), u.clone());
            if momentum == 0.0 {
                optim::sgd(&h, &mut p, &g, &mut []);
            } else {
                optim::sgd(&h, &mut p, &g, &mut u);
            }
            [p, u].concat()
        });
    }
}

#[test]
fn rmsprop_steps() {
    let n = 40_001;
    let mut data = Data::new(4);
    let (p, g, u) = (data.floats(n), data.floats(n), data.floats(n));
    let mean: Vec<f32> = data.floats(n).iter().map(|m| 0.01 * m).collect();
    let square: Vec<f32> = data.floats(n).iter().map(|s| s.abs() + 0.1).collect();
    for (centered, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.9)] {
        let h = RmsProp {
            lr: 0.1,
            gain: 0.5,
            alpha: 0.75,
            eps: 0.001,
            eps_inside: 0.02,
            centered,
            momentum,
            l2: 0.01,
            shrink: 0.99,
        };
        let mut expected = [p.clone(), square.clone(), mean.clone(), u.clone()];
        for i in 0..n {
            let gradient = g[i] + 0.01 * p[i];
            expected[1][i] = 0.75 * square[i] + 0.25 * (gradient * gradient);
            let mut variance = expected[1][i];
            if centered {
                expected[2][i] = mean[i] + 0.25 * (gradient - mean[i]);
                variance = f32::max(variance - expected[2][i] * expected[2][i], 0.0);
            }
            let mut step = 0.5 * (gradient / ((variance + 0.02).sqrt() + 0.001));
            if momentum != 0.0 {
                expected[3][i] = 0.9 * u[i] + step;
                step = expected[3][i];
            }
            expected[0][i] = 0.99 * p[i] - 0.1 * step;
        }
        always(&expected.concat(), "rmsprop", || {
            let (mut p, mut s, mut m, mut u) = (p.clone(), square.clone(), mean.clone(), u.clone());
            let (m_used, u_used) =
                (if centered { &mut m[..] } else { &mut [] }, if momentum != 0.0 { &mut u[..] } else { &mut [] });
            optim::rmsprop(&h, &mut p, &g, &mut s, m_used, u_used);
            [p, s, m, u].concat()
        });
    }
}

/// The mean's square may exceed the mean of squares by rounding; the root of what is left must not be NaN.
#[test]
fn a_variance_below_zero_is_zero() {
    let h = RmsProp {
        lr: 1.0,
        gain: 1.0,
        alpha: 0.5,
        eps: 0.25,
        eps_inside: 0.0,
        centered: true,
        momentum: 0.0,
        l2: 0.0,
        shrink: 1.0,
    };
    // Mean (2 + 1) / 2, mean square (1 + 1) / 2: 1 - 2.25 < 0.
    let (mut p, mut square, mut mean) = ([0.0f32], [1.0], [2.0]);
    optim::rmsprop(&h, &mut p, &[1.0], &mut square, &mut mean, &mut []);
    assert_eq!((p, square, mean), ([-4.0], [1.0], [1.5]));
}

#[test]
fn adagrad_steps() {
    let n = 40_001;
    let mut data = Data::new(5);
    let (p, g) = (data.floats(n), data.floats(n));
    let sum: Vec<f32> = data.floats(n).iter().map(|s| s.abs()).collect();
    let h = Adagrad { lr: 0.1, eps: 0.001, eps_inside: 0.02, l2: 0.01, shrink: 0.99 };
    let mut expected = [p.clone(), sum.clone()];
    for i in 0..n {
        let gradient = g[i] + 0.01 * p[i];
        expected[1][i] = sum[i] + gradient * gradient;
        expected[0][i] = 0.99 * p[i] - 0.1 * (gradient / ((expected[1][i] + 0.02).sqrt() + 0.001));
    }
    always(&expected.concat(), "adagrad", || {
        let (mut p, mut sum) = (p.clone(), sum.clone());
        optim::adagrad(&h, &mut p, &g, &mut sum);
        [p, sum].concat()
    });
}

#[test]
fn adadelta_steps() {
    let n = 40_001;
    let mut data = Data::new(6);
    let (p, g) = (data.floats(n), data.floats(n));
    let mut squares = || -> Vec<f32> { data.floats(n).iter().map(|s| s.abs()).collect() };
    let (square, moved) = (squares(), squares());
    let h = Adadelta { lr: 0.1, rho: 0.75, eps: 0.02, l2: 0.01, shrink: 0.99 };
    let mut expected = [p.clone(), square.clone(), moved.clone()];
    for i in 0..n {
        let gradient = g[i] + 0.01 * p[i];
        expected[1][i] = 0.75 * square[i] + 0.25 * (gradient * gradient);
        let step = (moved[i] + 0.02).sqrt() / (expected[1][i] + 0.02).sqrt() * gradient;
        expected[2][i] = 0.75 * moved[i] + 0.25 * (step * step);
        expected[0][i] = 0.99 * p[i] - 0.1 * step;
    }
    always(&expected.concat(), "adadelta", || {
        let (mut p, mut square, mut moved) = (p.clone(), square.clone(), moved.clone());
        optim::adadelta(&h, &mut p, &g, &mut square, &mut moved);
        [p, square, moved].concat()
    });
}
