//! A step of a self-organizing map against a plain loop.

use crate::common::{Data, always};
use gradus_kernels::som;

#[test]
fn a_step_moves_units_and_measures_them() {
    for (k, d) in [(1, 1), (3, 2), (33, 15), (40, 16), (31, 17), (65, 300), (300, 480)] {
        let mut data = Data::new((k * d) as u64);
        let (units, x, next) = (data.floats(k * d), data.floats(d), data.floats(d));
        // Every third unit lies outside the neighbourhood.
        let gains: Vec<f32> = (0..k).map(|c| if c % 3 == 1 { 0.0 } else { 0.9 / (c + 1) as f32 }).collect();
        let mut expected = Vec::new();
        let mut squared = Vec::new();
        for (w, gain) in units.chunks(d).zip(&gains) {
            let moved: Vec<f32> =
                w.iter().zip(&x).map(|(w, x)| if *gain == 0.0 { *w } else { w + gain * (x - w) }).collect();
            let term = |j: usize| (next[j] - moved[j]) * (next[j] - moved[j]);
            let whole = d / 16 * 16;
            let lane = |l: usize| (l..whole).step_by(16).map(term).fold(0.0f32, |sum, v| sum + v);
            let lanes = (1..16).fold(lane(0), |sum, l| sum + lane(l));
            squared.push((whole..d).map(term).fold(lanes, |sum, v| sum + v));
            expected.extend(moved);
        }
        expected.extend(squared);
        always(&expected, "som step", || {
            let (mut moved, mut squared) = (units.clone(), vec![f32::NAN; k]);
            som::step(&mut moved, &gains, &x, &next, &mut squared);
            [moved, squared].concat()
        });
    }
}
