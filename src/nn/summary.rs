//! A table of a model's layers: shapes, parameters, multiply-adds, receptive field, activation memory.
//!
//! It is built from the graph that one pass records, so branches and what joins them are counted as they lie.

use super::context::{Ctx, Source};
use super::kind::{Kind, Reach};
use super::module::{Module, count_parameters, parameters};
use crate::autograd::Var;
use crate::error::Result;
use crate::real::Real;
use crate::tensor::Tensor;

/// One layer of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Path of the layer.
    pub path: String,
    /// Sort of the layer.
    pub kind: String,
    /// Output shape for a batch of one, without the batch axis.
    pub output: Vec<usize>,
    /// Number of parameters.
    pub parameters: usize,
    /// Multiply-adds for one sample (convolutions and fully connected layers; the rest is negligible beside them).
    pub macs: u64,
    /// Height and width of the rectangle of input pixels that one output depends on; none once positions are mixed
    /// (flatten) or maps grow. With kernels k, strides s and dilations d it is, along each axis,
    /// 1 + Σ layers (k - 1) d Π earlier s; of branches that were joined, the largest.
    pub receptive_field: Option<[usize; 2]>,
    /// Bytes of the output of one sample.
    pub activation_bytes: usize,
}

/// The rows and totals of a model.
///
/// ```
/// use gradus::prelude::*;
/// let net = Sequential::<f32>::new()
///     .with("fc", Linear::new(4, 3, Init::PyTorch, &mut Rng::new(1, "init", 0)))
///     .with("act", Activation::Relu);
/// let summary = summarize(&net, &[4])?; // the shape of one sample
/// assert_eq!((summary.parameters, summary.macs), (15, 12));
/// assert_eq!((&summary.rows[0].path[..], &summary.rows[0].output[..]), ("fc", &[3][..]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The layers in the order in which they ran.
    pub rows: Vec<Row>,
    /// Parameters of the whole model, tied ones once.
    pub parameters: usize,
    /// Multiply-adds of one sample.
    pub macs: u64,
    /// Bytes of all outputs of one sample.
    pub activation_bytes: usize,
}

/// What an output sees of the input: the receptive field, and how many input pixels one step of its own is.
#[derive(Clone, Copy)]
struct Seen {
    /// Height and width; none once positions are mixed.
    field: Option<[usize; 2]>,
    step: [usize; 2],
}

impl Seen {
    /// A pixel of the input sees itself.
    const PIXEL: Seen = Seen { field: Some([1, 1]), step: [1, 1] };
    /// What is not known.
    const NOTHING: Seen = Seen { field: None, step: [1, 1] };

    /// After a window: along each axis the field grows by (kernel - 1) dilation steps, each as long as the strides so far
    /// have made it.
    fn through(self, kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> Seen {
        let [v, h] = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] * self.step[axis]);
        let step = [self.step[0] * stride[0], self.step[1] * stride[1]];
        Seen { field: self.field.map(|[h0, w0]| [h0 + v, w0 + h]), step }
    }

    /// Where branches meet: the largest of their windows, which lie around one middle.
    fn and(self, other: Seen) -> Seen {
        let larger = |a: [usize; 2], b: [usize; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        let field = self.field.zip(other.field).map(|(a, b)| larger(a, b));
        Seen { field, step: larger(self.step, other.step) }
    }
}

/// Runs one sample of zeros of shape `input` (without the batch axis) through the model and describes what happened.
pub fn summarize<T: Real>(model: &dyn Module<T>, input: &[usize]) -> Result<Summary> {
    let mut batch = vec![1];
    batch.extend_from_slice(input);
    let mut cx = Ctx::eval().capture(&|_| true);
    model.forward(&Var::constant(Tensor::zeros(&batch[..])), &mut cx)?;

    let params = parameters(model);
    let (mut rows, mut seen): (Vec<Row>, Vec<Seen>) = (Vec::new(), Vec::new());
    for layer in cx.captured() {
        let read = layer.inputs.iter().map(|read| match read.from {
            Source::Input => Seen::PIXEL,
            Source::Module(at) => seen[at],
            Source::Unknown => Seen::NOTHING,
        });
        let before = read.reduce(Seen::and).unwrap_or(Seen::NOTHING);
        let Kind::Layer(says) = layer.kind else {
            seen.push(before); // Nobody reads it: its parts gave what it gives.
            continue;
        };
        let prefix = format!("{}.", layer.path);
        let own = params.iter().filter(|(name, _)| name.starts_with(&prefix));
        let parameters: usize = own.map(|(_, p)| p.get().numel()).sum();
        let (output, read) = (layer.output.shape()[1..].to_vec(), layer.inputs[0].shape);
        let after = match says.reach {
            Reach::Point => before,
            Reach::Window { kernel, stride, dilation } => before.through(kernel, stride, dilation),
            Reach::Mixed => Seen { field: None, ..before },
        };
        let macs = says.work.macs(&read[1..], &output);
        rows.push(Row {
            path: layer.path,
            kind: says.words.into_owned(),
            output,
            parameters,
            macs: macs as u64,
            receptive_field: after.field.filter(|_| input.len() == 3),
            activation_bytes: layer.output.numel() * size_of::<T>(),
        });
        seen.push(after);
    }
    Ok(Summary {
        parameters: count_parameters(model),
        macs: rows.iter().map(|r| r.macs).sum(),
        activation_bytes: rows.iter().map(|r| r.activation_bytes).sum(),
        rows,
    })
}

/// How the parameters of each layer with weights are counted, `16 · 1 · 3 · 3 + 16`: path, formula, number.
pub fn formulas<T: Real>(model: &dyn Module<T>, summary: &Summary) -> Vec<(String, String, usize)> {
    let all = parameters(model);
    let mut rows = Vec::new();
    for row in &summary.rows {
        let of = |name: &str| all.iter().find(|(path, _)| *path == format!("{}.{name}", row.path));
        let Some((_, weight)) = of("weight") else { continue };
        let shape = weight.get().shape_owned();
        let product = shape.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" · ");
        let formula = match of("bias") {
            Some((_, bias)) => format!("{product} + {}", bias.get().numel()),
            None => product,
        };
        rows.push((row.path.clone(), formula, row.parameters));
    }
    rows
}
