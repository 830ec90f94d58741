//! Convolutions and transposed convolutions one after the other, each with a bias and perhaps ReLU, in one op: the
//! encoders and decoders of small images.
//!
//! ```text
//! a₀ = x      zᵢ = wᵢ * aᵢ₋₁ + bᵢ      aᵢ = max(0, zᵢ) or zᵢ      y = aₙ
//! ```
//!
//! The same numbers as the ops one after the other give (the gradients of filters and biases up to the order of their
//! sums), without the activations between them ever going to memory in the order of their axes: the kernel keeps
//! sixteen images side by side from the first stage to the last, and back. Networks need not ask for this op: a
//! [`Sequential`](crate::nn::Sequential) recognizes where it is faster.

use super::conv::Conv2d;
use super::conv_transpose::ConvTranspose2d;
use crate::autograd::{Backward, Tape, Var};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels::chain::{self, FilterGradients, Filters, Passed, Stage};

/// What a stage computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// A convolution of one group.
    Conv(Conv2d),
    /// A transposed convolution of one group.
    Transposed(ConvTranspose2d),
}

/// A stage of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainStage {
    /// What is computed.
    pub filtering: Filtering,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl Filtering {
    /// Returns the axis of the filters that counts the channels of the output: `[O, C, KH, KW]` of a convolution, and
    /// of the one whose adjoint a transposed convolution is.
    pub fn output_axis(&self) -> usize {
        match self {
            Filtering::Conv(_) => 0,
            Filtering::Transposed(_) => 1,
        }
    }
}

/// Returns the sizes of all stages for an input `x` and filters of these shapes; and the shape of the output.
fn plan(stages: &[ChainStage], x: &[usize], filters: &[&[usize]]) -> Result<(Vec<Stage>, Shape)> {
    if stages.is_empty() || stages.len() != filters.len() {
        let (stages, filters) = (stages.len(), filters.len());
        return Err(Error::shape("conv_chain", format!("of {stages} stages with filters for {filters}")));
    }
    let (mut shape, mut plan) = (Shape::new(x), Vec::with_capacity(stages.len()));
    for (stage, w) in stages.iter().zip(filters) {
        let (g, transposed) = match stage.filtering {
            Filtering::Conv(settings) => (settings.geometry(&shape, w)?, false),
            Filtering::Transposed(settings) => (settings.adjoint(&shape, w)?, true),
        };
        if g.groups != 1 {
            return Err(Error::shape("conv_chain", format!("computes one group of channels; found {}", g.groups)));
        }
        if g.each.c == 0 || g.each.o == 0 {
            return Err(Error::shape("conv_chain", format!("of no channels: {shape:?} with filters {w:?}")));
        }
        let stage = Stage { conv: g.each, transposed, relu: stage.relu };
        let [c, h, w] = stage.output();
        shape = Shape::from([g.each.n, c, h, w]).fits::<f64>("conv_chain")?;
        plan.push(stage);
    }
    Ok((plan, shape))
}

/// Returns whether these stages fit each other and are quicker as one op: a question of sizes alone.
pub fn pays(stages: &[ChainStage], x: &[usize], filters: &[&[usize]]) -> bool {
    plan(stages, x, filters).is_ok_and(|(plan, _)| chain::pays(&plan))
}

/// The op on the tape: it has as many inputs as there are filters and biases, and x.
struct ConvChain<T: Real> {
    stages: Vec<Stage>,
    x: Tensor<T>,
    y: Tensor<T>,
    kept: Tensor<T>,
    params: Vec<[Tensor<T>; 2]>,
    need: Vec<bool>,
}

/// Filters and biases as the kernel takes them.
fn filters<T: Real>(params: &[[Tensor<T>; 2]]) -> Vec<Filters<'_, T>> {
    params.iter().map(|[w, bias]| Filters { w: w.data(), bias: bias.data() }).collect()
}

impl<T: Real> Backward<T> for ConvChain<T> {
    fn name(&self) -> &'static str {
        "conv_chain"
    }

    fn backward(&self, g: &Tensor<T>, give: &mut dyn FnMut(usize, Tensor<T>)) {
        let mut gradients: Vec<[Tensor<T>; 2]> =
            self.params.iter().map(|p| p.each_ref().map(|p| Tensor::zeros(p.shape_owned()))).collect();
        let mut run = |dx: Option<&mut [T]>| {
            let mut out: Vec<_> =
                gradients.iter_mut().map(|[dw, db]| FilterGradients { dw: dw.data_mut(), db: db.data_mut() }).collect();
            let passed = Passed { x: self.x.data(), y: self.y.data(), kept: self.kept.data() };
            chain::backward(&self.stages, passed, &filters(&self.params), g.data(), dx, &mut out);
        };
        if self.need[0] {
            give(0, Tensor::build(self.x.shape_owned(), |dx| run(Some(dx))));
        } else {
            run(None);
        }
        for (i, gradient) in gradients.into_iter().flatten().enumerate().filter(|(i, _)| self.need[1 + i]) {
            give(1 + i, gradient);
        }
    }
}

/// Chains of convolutions.
impl<T: Real> Var<T> {
    /// This through the stages one after the other, each with its filters and bias. See the [module](self).
    pub fn conv_chain(&self, stages: &[ChainStage], params: &[[Self; 2]]) -> Result<Self> {
        let shapes: Vec<&[usize]> = params.iter().map(|[w, _]| w.shape()).collect();
        let (plan, out) = plan(stages, self.shape(), &shapes)?;
        for (stage, [_, bias]) in plan.iter().zip(params) {
            Dims::unify("conv_chain", &["C H W", "C"], &[&stage.output(), bias.shape()])?;
        }
        let values: Vec<[Tensor<T>; 2]> = params.iter().map(|p| p.each_ref().map(|p| p.value().clone())).collect();
        let inputs: Vec<&Var<T>> = [self].into_iter().chain(params.iter().flatten()).collect();
        let run = |kept: Option<&mut [T]>| {
            Tensor::build(out, |y| chain::forward(&plan, self.value().data(), &filters(&values), y, kept))
        };
        let Some(tape) = Tape::of("conv_chain", &inputs)? else { return Ok(Var::constant(run(None))) };
        let mut y = None;
        let kept = Tensor::build([chain::kept_len(&plan)], |kept| y = Some(run(Some(kept))));
        let y = y.expect("it was computed");
        let need = inputs.iter().map(|v| v.is_recorded()).collect();
        let (x, params) = (self.value().clone(), values);
        let op = ConvChain { stages: plan, x, y: y.clone(), kept, params, need };
        Ok(tape.record(y, &inputs, Box::new(op)))
    }
}
