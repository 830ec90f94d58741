//! Two hundred iterations of L-BFGS on a network 2-50-50-1 with 1,600 samples at once.
//!
//! Data and start are formulas, so that other programs minimize the same function from the same point: the samples are a grid
//! of 40 x 40 on [-1, 1]², the value to predict is sin 3x + cos 2y, and parameter k of all (weights before biases, layer by layer,
//! a row of a weight for each output) is sin k² / √(inputs of its layer).

use super::measure::{Bench, Row};
use super::nets::operations;
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::models::mlp::mlp;
use crate::nn::{Activation, Ctx, Module, Sequential, parameters};
use crate::optim::{Lbfgs, Optimizer, QuasiNewton};
use crate::rng::Rng;
use crate::tensor::Tensor;

/// The workload's name.
pub const NAME: &str = "L-BFGS";

/// Points of the grid along each side.
const SIDE: usize = 40;
/// Iterations.
const ITERATIONS: usize = 200;
/// Units of each hidden layer.
const WIDTH: usize = 50;

/// The samples and what is to be predicted of them.
fn data() -> Result<(Tensor, Tensor)> {
    let at = |i: usize| 2.0 * i as f64 / (SIDE - 1) as f64 - 1.0;
    let point = |i: usize| [at(i / SIDE), at(i % SIDE)];
    let n = SIDE * SIDE;
    let inputs = Tensor::new((0..n).flat_map(point).map(|v| v as f32).collect(), [n, 2])?;
    let value = |i: usize| libm::sin(3.0 * point(i)[0]) + libm::cos(2.0 * point(i)[1]);
    Ok((inputs, Tensor::from_fn([n, 1], |i| value(i) as f32)))
}

/// Sets all parameters to the start.
fn begin(model: &Sequential) {
    let (mut k, mut inputs) = (0u32, 1);
    for (_, param) in parameters(model) {
        param.update(|value| {
            if let [_, fan_in] = *value.shape() {
                inputs = fan_in;
            }
            for w in value.data_mut() {
                *w = (libm::sin(f64::from(k).powi(2)) / (inputs as f64).sqrt()) as f32;
                k += 1;
            }
        });
    }
}

/// Measures it.
pub(super) fn run(bench: &Bench) -> Result<Row> {
    let model = mlp(2, &[WIDTH; 2], 1, Activation::Tanh, &mut Rng::new(0, "bench.lbfgs", 0));
    let (inputs, values) = data()?;
    let max_iter = if bench.quick { ITERATIONS / 20 } else { ITERATIONS };
    let settings =
        Lbfgs { max_iter, max_eval: Some(1_000_000), tolerance_grad: 0.0, tolerance_change: 0.0, ..Lbfgs::default() };
    let (mut evaluations, mut least) = (0u32, f32::INFINITY);
    let timing = bench.time(5, 1, || {
        begin(&model);
        (evaluations, least) = (0, f32::INFINITY);
        let mut optimizer = QuasiNewton::new(settings);
        optimizer.step(&model, &mut || {
            evaluations += 1;
            let tape = Tape::new();
            let output = model.forward(&Var::constant(inputs.clone()), &mut Ctx::train(&tape, 0, 1))?;
            let loss = output.mse(&Var::constant(values.clone()))?;
            least = least.min(loss.value().item());
            Ok((loss.value().item(), tape.backward(&loss)?))
        })?;
        Ok(())
    })?;
    let [_, step] = operations(&model, &[2], SIDE * SIDE)?;
    let mut row = bench.row(NAME, timing, step * f64::from(evaluations));
    row.more.insert("evaluations".into(), evaluations.into());
    row.more.insert("loss".into(), f64::from(least).into());
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_samples_are_those_of_the_formulas() {
        let model = mlp(2, &[WIDTH; 2], 1, Activation::Tanh, &mut Rng::new(0, "bench.lbfgs", 0));
        begin(&model);
        let all = parameters(&model);
        let at = |p: usize, i: usize| f64::from(all[p].1.get().data()[i]);
        assert!(at(0, 0) == 0.0 && (at(0, 3) - libm::sin(9.0) / 2f64.sqrt()).abs() < 1e-7);
        assert!((at(2, 1) - libm::sin(151f64.powi(2)) / 50f64.sqrt()).abs() < 1e-7, "after 100 weights and 50 biases");
        let (inputs, values) = data().unwrap();
        assert_eq!((inputs.data()[2], inputs.data()[3]), (-1.0, (2.0 / 39.0 - 1.0) as f32));
        assert!((values.data()[0] - (libm::sin(-3.0) + libm::cos(-2.0)) as f32).abs() < 1e-7);
    }
}
