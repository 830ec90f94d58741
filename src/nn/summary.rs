//! A table of a model's layers: shapes, parameters, multiply-adds, receptive field, activation memory.

use super::module::{Ctx, Kind, Module, count_parameters, parameters};
use crate::autograd::Var;
use crate::error::Result;
use crate::ops::{Interpolation, Upsample};
use crate::real::Real;
use crate::tensor::Tensor;

/// One layer of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Path of the layer.
    pub path: String,
    /// Sort of the layer.
    pub kind: String,
    /// Output shape for a batch of one, the batch axis left out.
    pub output: Vec<usize>,
    /// Number of parameters.
    pub parameters: usize,
    /// Multiply-adds for one sample (convolutions and fully connected layers; the rest is negligible beside them).
    pub macs: u64,
    /// Height and width of the rectangle of input pixels that one output depends on; none once positions are mixed
    /// (flatten) or maps grow. With kernels k, strides s and dilations d it is, along each axis,
    /// 1 + Σ layers (k - 1) d Π earlier s.
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

/// Runs one sample of zeros of shape `input` (without the batch axis) through the model and tells what happened.
pub fn summarize<T: Real>(model: &dyn Module<T>, input: &[usize]) -> Result<Summary> {
    let mut batch = vec![1];
    batch.extend_from_slice(input);
    let mut cx = Ctx::eval().capture(&|_| true);
    model.forward(&Var::constant(Tensor::zeros(&batch[..])), &mut cx)?;

    let params = parameters(model);
    // Along each axis the receptive field grows by (reach - 1) steps, each as long as the strides so far have made it.
    let (mut field, mut jump) = (Some([1, 1]), [1, 1]);
    let mut rows = Vec::new();
    for layer in cx.captured().into_iter().filter(|layer| !layer.kind.has_parts()) {
        let prefix = format!("{}.", layer.path);
        let own = params.iter().filter(|(name, _)| name.starts_with(&prefix));
        let parameters: usize = own.clone().map(|(_, p)| p.get().numel()).sum();
        let weights: usize = own.filter(|(name, _)| name.ends_with("weight")).map(|(_, p)| p.get().numel()).sum();
        let output = layer.output.shape()[1..].to_vec();
        let mut widen = |kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]| {
            let wider = |axis: usize, field: usize| field + (kernel[axis] - 1) * dilation[axis] * jump[axis];
            field = field.map(|[h, w]: [usize; 2]| [wider(0, h), wider(1, w)]);
            jump = [jump[0] * stride[0], jump[1] * stride[1]];
        };
        let macs = match layer.kind {
            Kind::Conv2d { kernel, stride, dilation, .. } => {
                widen(kernel, stride, dilation);
                weights * output[1..].iter().product::<usize>()
            }
            Kind::ConvTranspose2d { kernel, groups, .. } => {
                // Each input pixel meets all taps of its filters. (A tied weight is listed with another layer.)
                field = None;
                layer.input[1..].iter().product::<usize>() * output[0] / groups * kernel[0] * kernel[1]
            }
            Kind::TiedLinear => {
                field = None;
                layer.input[1] * output[0]
            }
            Kind::MaxPool(window) | Kind::AvgPool(window) => {
                widen(window.kernel, window.stride, [1, 1]);
                0
            }
            Kind::Linear => {
                field = None;
                weights
            }
            Kind::Flatten | Kind::Unflatten(_) | Kind::GlobalAvgPool | Kind::Upsample(_) => {
                field = None;
                0
            }
            _ => 0,
        };
        let receptive_field = field.filter(|_| input.len() == 3);
        let activation_bytes = layer.output.numel() * size_of::<T>();
        let kind = describe(layer.kind);
        rows.push(Row {
            path: layer.path,
            kind,
            output,
            parameters,
            macs: macs as u64,
            receptive_field,
            activation_bytes,
        });
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

/// A layer's sort in words: `conv 3x3`, `max-pool 2x2`.
fn describe(kind: Kind) -> String {
    let step = |stride: [usize; 2]| match stride {
        [1, 1] => String::new(),
        [v, h] if v == h => format!(" stride {v}"),
        [v, h] => format!(" stride {v}x{h}"),
    };
    let apart = |groups: usize| if groups == 1 { String::new() } else { format!(" groups {groups}") };
    match kind {
        Kind::Container => "container".into(),
        Kind::Conv2d { kernel: [h, w], stride, groups, .. } => {
            format!("conv {h}x{w}{}{}", step(stride), apart(groups))
        }
        Kind::ConvTranspose2d { kernel: [h, w], stride, groups, .. } => {
            format!("transposed conv {h}x{w}{}{}", step(stride), apart(groups))
        }
        Kind::Linear => "linear".into(),
        Kind::TiedLinear => "tied linear".into(),
        Kind::Upsample(Upsample { scale: [h, w], mode }) => match mode {
            Interpolation::Nearest => format!("upsample {h}x{w}"),
            Interpolation::Bilinear => format!("bilinear upsample {h}x{w}"),
        },
        Kind::MaxPool(window) => format!("max-pool {}x{}", window.kernel[0], window.kernel[1]),
        Kind::AvgPool(window) => format!("avg-pool {}x{}", window.kernel[0], window.kernel[1]),
        Kind::GlobalAvgPool => "global avg-pool".into(),
        Kind::Activation { name, .. } | Kind::Other(name) => name.into(),
        Kind::BatchNorm { .. } => "batch-norm".into(),
        Kind::LayerNorm { .. } => "layer-norm".into(),
        Kind::Standardize => "standardize".into(),
        Kind::GaussianNoise(std) => format!("noise {std}"),
        Kind::GaussianLatent => "gaussian latent".into(),
        Kind::Softmax { log: false } => "softmax".into(),
        Kind::Softmax { log: true } => "log-softmax".into(),
        Kind::Dropout(p) => format!("dropout {p}"),
        Kind::Flatten => "flatten".into(),
        Kind::Unflatten(_) => "unflatten".into(),
    }
}
