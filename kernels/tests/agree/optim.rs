//! Optimizer steps against their formulas.

use crate::common::{Data, always};
use gradus_kernels::optim::{self, Adam, RmsProp, Sgd};

#[test]
fn adam_steps() {
    let h = Adam { beta1: 0.9, beta2: 0.999, step_size: 0.01, root_correction: 0.03, eps: 1e-8, l2: 0.1, shrink: 0.99 };
    for n in [0, 1, 17, 40_000] {
        let mut data = Data::new(n as u64);
        let (p, g, m) = (data.floats(n), data.floats(n), data.floats(n));
        let v: Vec<f32> = data.floats(n).iter().map(|v| v.abs()).collect();
        let mut want = [p.clone(), m.clone(), v.clone()];
        for i in 0..n {
            let slope = g[i] + 0.1 * p[i];
            want[1][i] = 0.9 * m[i] + (1.0 - 0.9f64) as f32 * slope;
            want[2][i] = 0.999 * v[i] + (1.0 - 0.999f64) as f32 * (slope * slope);
            want[0][i] = 0.99 * p[i] - 0.01 * (want[1][i] / (want[2][i].sqrt() / 0.03 + 1e-8));
        }
        always(&want.concat(), "adam", || {
            let (mut p, mut m, mut v) = (p.clone(), m.clone(), v.clone());
            optim::adam(&h, &mut p, &g, &mut m, &mut v);
            [p, m, v].concat()
        });
    }
}

#[test]
fn sgd_steps() {
    let n = 40_001;
    let mut data = Data::new(3);
    let (p, g, u) = (data.floats(n), data.floats(n), data.floats(n));
    for (momentum, nesterov, first) in [(0.0, false, true), (0.9, false, true), (0.9, false, false), (0.9, true, false)]
    {
        let h = Sgd { lr: 0.1, momentum, dampening: 0.5, nesterov, l2: 0.01, first };
        let mut want = [p.clone(), u.clone()];
        for i in 0..n {
            let mut slope = g[i] + 0.01 * p[i];
            if momentum != 0.0 {
                want[1][i] = if first { slope } else { 0.9 * u[i] + 0.5 * slope };
                slope = if nesterov { slope + 0.9 * want[1][i] } else { want[1][i] };
            }
            want[0][i] = p[i] - 0.1 * slope;
        }
        always(&want.concat(), "sgd", || {
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
        let h = RmsProp { lr: 0.1, alpha: 0.75, eps: 0.001, centered, momentum, l2: 0.01 };
        let mut want = [p.clone(), square.clone(), mean.clone(), u.clone()];
        for i in 0..n {
            let slope = g[i] + 0.01 * p[i];
            want[1][i] = 0.75 * square[i] + 0.25 * (slope * slope);
            let mut variance = want[1][i];
            if centered {
                want[2][i] = mean[i] + 0.25 * (slope - mean[i]);
                variance -= want[2][i] * want[2][i];
            }
            let mut step = slope / (variance.sqrt() + 0.001);
            if momentum != 0.0 {
                want[3][i] = 0.9 * u[i] + step;
                step = want[3][i];
            }
            want[0][i] = p[i] - 0.1 * step;
        }
        always(&want.concat(), "rmsprop", || {
            let (mut p, mut s, mut m, mut u) = (p.clone(), square.clone(), mean.clone(), u.clone());
            let (m_used, u_used) =
                (if centered { &mut m[..] } else { &mut [] }, if momentum != 0.0 { &mut u[..] } else { &mut [] });
            optim::rmsprop(&h, &mut p, &g, &mut s, m_used, u_used);
            [p, s, m, u].concat()
        });
    }
}
