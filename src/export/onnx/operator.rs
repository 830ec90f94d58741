//! The operators of the subset: each with its settings, as a node of a file, read from one, and run.
//!
//! Names and meanings are those of the standard's operator set. Where an operator and an op of ours differ in what they
//! allow, the operator is held to what ours does: softmax over the channels, average-pooling that counts its padding,
//! `Gemm` as Y = X Wᵀ + b.

use super::attribute::{LARGEST, Settings, Slide, float, int, ints, word};
use super::proto::{Attribute, Node};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::Join;
use crate::ops::{Conv2d, ConvTranspose2d, Interpolation, Padding, Upsample, Window};
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;

/// The most elements of a value: a file that asks for more is damaged, and is refused before memory is.
const MOST_ELEMENTS: usize = 1 << 28;

/// A weight and its name.
pub(super) type Weight = (String, Tensor);

/// An operator with its settings and weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    /// Convolution in groups of channels; `weight` is `[O, C / group, KH, KW]`.
    Conv { weight: Weight, bias: Option<Weight>, slide: Slide, dilation: [usize; 2], group: usize },
    /// Transposed convolution in groups of channels; `weight` is `[C, O / group, KH, KW]`, padding is cut off.
    ConvTranspose {
        weight: Weight,
        bias: Option<Weight>,
        slide: Slide,
        more: [usize; 2],
        dilation: [usize; 2],
        group: usize,
    },
    /// The sum of two values of one shape; or of a value and numbers that broadcast to it.
    Add(Option<Weight>),
    /// Values one after the other along axis 1.
    Concat,
    /// Each vector along the last axis times a matrix `[K, O]`.
    MatMul(Weight),
    /// x minus numbers that broadcast to it.
    Sub(Weight),
    /// x over numbers that broadcast to it.
    Div(Weight),
    /// Y = X Wᵀ + b.
    Gemm { weight: Weight, bias: Option<Weight> },
    /// (x - mean) / √(variance + epsilon) · scale + shift, each of them a number per channel.
    BatchNormalization { weights: [Weight; 4], epsilon: f32 },
    /// The same over the last axes, from axis `axis` (counted from the end) on, each sample by itself.
    LayerNormalization { scale: Weight, shift: Weight, axes: usize, epsilon: f32 },
    /// The largest of a window.
    MaxPool(Slide),
    /// The mean of a window, padding counted in.
    AveragePool(Slide),
    /// The mean of each plane, which becomes `[N, C, 1, 1]`.
    GlobalAveragePool,
    /// `[N, ..]` to `[N, product of the rest]`.
    Flatten,
    /// `[N, ..]` to N and these sizes.
    Reshape(Vec<usize>),
    /// Planes enlarged by whole factors.
    Resize(Upsample),
    /// x where positive, `alpha` x elsewhere.
    LeakyRelu { alpha: f32 },
    /// x where positive, `alpha` (eˣ - 1) elsewhere.
    Elu { alpha: f32 },
    /// An elementwise function without settings.
    Function(Function),
    /// Softmax over axis 1.
    Softmax,
    /// Its logarithm.
    LogSoftmax,
}

/// The elementwise functions without settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Identity,
    Relu,
    Tanh,
    Sigmoid,
    Softplus,
    Gelu,
    Exp,
}

impl Function {
    const ALL: [Function; 7] = [
        Function::Identity,
        Function::Relu,
        Function::Tanh,
        Function::Sigmoid,
        Function::Softplus,
        Function::Gelu,
        Function::Exp,
    ];

    fn name(self) -> &'static str {
        match self {
            Function::Identity => "Identity",
            Function::Relu => "Relu",
            Function::Tanh => "Tanh",
            Function::Sigmoid => "Sigmoid",
            Function::Softplus => "Softplus",
            Function::Gelu => "Gelu",
            Function::Exp => "Exp",
        }
    }
}

impl Operator {
    /// The standard's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operator::Conv { .. } => "Conv",
            Operator::ConvTranspose { .. } => "ConvTranspose",
            Operator::Add(_) => "Add",
            Operator::Concat => "Concat",
            Operator::MatMul(_) => "MatMul",
            Operator::Sub(_) => "Sub",
            Operator::Div(_) => "Div",
            Operator::Gemm { .. } => "Gemm",
            Operator::BatchNormalization { .. } => "BatchNormalization",
            Operator::LayerNormalization { .. } => "LayerNormalization",
            Operator::MaxPool(_) => "MaxPool",
            Operator::AveragePool(_) => "AveragePool",
            Operator::GlobalAveragePool => "GlobalAveragePool",
            Operator::Flatten => "Flatten",
            Operator::Reshape(_) => "Reshape",
            Operator::Resize(_) => "Resize",
            Operator::LeakyRelu { .. } => "LeakyRelu",
            Operator::Elu { .. } => "Elu",
            Operator::Function(function) => function.name(),
            Operator::Softmax => "Softmax",
            Operator::LogSoftmax => "LogSoftmax",
        }
    }

    /// The weights, in the order in which a node takes them after its inputs.
    pub(super) fn weights(&self) -> Vec<&Weight> {
        match self {
            Operator::Conv { weight, bias, .. }
            | Operator::ConvTranspose { weight, bias, .. }
            | Operator::Gemm { weight, bias } => [weight].into_iter().chain(bias).collect(),
            Operator::Add(weight) => weight.iter().collect(),
            Operator::Sub(weight) | Operator::Div(weight) | Operator::MatMul(weight) => vec![weight],
            Operator::LayerNormalization { scale, shift, .. } => vec![scale, shift],
            Operator::BatchNormalization { weights, .. } => weights.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The version of the standard's operators that has this one as it is used here.
    pub(super) fn since(&self) -> i64 {
        if *self == Operator::Function(Function::Gelu) { 20 } else { 17 }
    }

    /// The settings as a node has them.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let sliding = |slide: &Slide| {
            vec![ints("kernel_shape", &slide.kernel), ints("strides", &slide.stride), ints("pads", &slide.pads)]
        };
        match self {
            Operator::Conv { slide, dilation, group, .. } => {
                let mut settings = sliding(slide);
                settings.extend([ints("dilations", dilation), int("group", *group as i64)]);
                settings
            }
            Operator::ConvTranspose { slide, more, dilation, group, .. } => {
                let mut settings = sliding(slide);
                let rest = [ints("output_padding", more), ints("dilations", dilation), int("group", *group as i64)];
                settings.extend(rest);
                settings
            }
            Operator::LayerNormalization { axes, epsilon, .. } => {
                vec![int("axis", -(*axes as i64)), float("epsilon", *epsilon)]
            }
            Operator::Gemm { .. } => vec![int("transB", 1)],
            Operator::BatchNormalization { epsilon, .. } => vec![float("epsilon", *epsilon)],
            Operator::MaxPool(slide) => sliding(slide),
            Operator::AveragePool(slide) => {
                let mut settings = sliding(slide);
                settings.push(int("count_include_pad", 1));
                settings
            }
            Operator::Resize(upsample) => {
                let words = resizing(upsample.mode).into_iter();
                words.map(|(name, value)| word(name, value)).collect()
            }
            Operator::LeakyRelu { alpha } | Operator::Elu { alpha } => vec![float("alpha", *alpha)],
            Operator::Flatten | Operator::Softmax | Operator::LogSoftmax | Operator::Concat => vec![int("axis", 1)],
            Operator::Add(_)
            | Operator::MatMul(_)
            | Operator::Sub(_)
            | Operator::Div(_)
            | Operator::GlobalAveragePool
            | Operator::Reshape(_)
            | Operator::Function(_) => Vec::new(),
        }
    }

    /// Whether the operator takes this many values, beside its weights.
    fn takes(&self, values: usize) -> bool {
        match self {
            Operator::Add(None) => values == 2,
            Operator::Concat => values > 0,
            _ => values == 1,
        }
    }

    /// The operator of a node that takes `values` values of other nodes, these weights and, for a reshape, these sizes.
    pub(super) fn read(
        node: &Node,
        values: usize,
        weights: Vec<Weight>,
        mut sizes: Option<&[i64]>,
    ) -> Result<Self, String> {
        if !node.domain.is_empty() {
            let (name, domain) = (&node.op_type, &node.domain);
            return Err(format!("operator {name} is of the domain {domain:?}; only the standard's own is known"));
        }
        let mut settings = Settings::of(node);
        let mut weights = weights.into_iter();
        let missing = || format!("{} lacks a weight", node.op_type);
        let operator = match node.op_type.as_str() {
            "Conv" => {
                let weight = weights.next().ok_or_else(missing)?;
                let &[_, _, h, w] = weight.1.shape() else {
                    return Err(format!("Conv: its weight has not four axes, but {:?}", weight.1.shape()));
                };
                let slide = settings.slide(Some([h, w]))?;
                let dilation = settings.sizes("dilations", [1, 1], 1)?;
                let [group] = settings.sizes("group", [1], 1)?;
                Operator::Conv { weight, bias: weights.next(), slide, dilation, group }
            }
            "ConvTranspose" => {
                let weight = weights.next().ok_or_else(missing)?;
                let &[_, _, h, w] = weight.1.shape() else {
                    return Err(format!("ConvTranspose: its weight has not four axes, but {:?}", weight.1.shape()));
                };
                let slide = settings.slide(Some([h, w]))?;
                let more = settings.sizes("output_padding", [0, 0], 0)?;
                let dilation = settings.sizes("dilations", [1, 1], 1)?;
                let [group] = settings.sizes("group", [1], 1)?;
                Operator::ConvTranspose { weight, bias: weights.next(), slide, more, dilation, group }
            }
            "LayerNormalization" => {
                let (scale, shift) = (weights.next().ok_or_else(missing)?, weights.next().ok_or_else(missing)?);
                let axes = scale.1.rank();
                settings.must("axis", -(axes as i64))?;
                Operator::LayerNormalization { scale, shift, axes, epsilon: settings.float("epsilon", 1e-5)? }
            }
            "Add" => Operator::Add(weights.next()),
            "Concat" => {
                settings.must("axis", 1)?;
                Operator::Concat
            }
            "MatMul" => Operator::MatMul(weights.next().ok_or_else(missing)?),
            "Sub" => Operator::Sub(weights.next().ok_or_else(missing)?),
            "Div" => Operator::Div(weights.next().ok_or_else(missing)?),
            "Gemm" => {
                settings.must("transB", 1)?;
                Operator::Gemm { weight: weights.next().ok_or_else(missing)?, bias: weights.next() }
            }
            "BatchNormalization" => {
                let four: Vec<Weight> = weights.by_ref().take(4).collect();
                let weights = four.try_into().map_err(|_| missing())?;
                Operator::BatchNormalization { weights, epsilon: settings.float("epsilon", 1e-5)? }
            }
            "MaxPool" => Operator::MaxPool(settings.slide(None)?),
            "AveragePool" => {
                settings.must("count_include_pad", 1)?;
                Operator::AveragePool(settings.slide(None)?)
            }
            "GlobalAveragePool" => Operator::GlobalAveragePool,
            "Flatten" => {
                settings.must("axis", 1)?;
                Operator::Flatten
            }
            "Reshape" => Operator::Reshape(reshaped(sizes.take().ok_or_else(missing)?)?),
            "Resize" => {
                let (name, scales) = weights.next().ok_or_else(missing)?;
                let scale = |axis: usize| scales.data()[axis] as usize;
                let whole = |&x: &f32| x.fract() == 0.0 && x >= 1.0 && x <= LARGEST as f32;
                if scales.shape() != [4] || !scales.data().iter().all(whole) || (scale(0), scale(1)) != (1, 1) {
                    return Err(format!("Resize: {name} is not 1, 1 and two whole factors"));
                }
                let mode = settings.word("mode")?;
                let known = [Interpolation::Nearest, Interpolation::Bilinear];
                let mode = known.into_iter().find(|&known| resizing(known)[0].1 == mode);
                let mode = mode.ok_or("Resize: only nearest and linear are known")?;
                for (name, word) in &resizing(mode)[1..] {
                    if settings.word(name)? != *word {
                        return Err(format!("setting {name} is known as {word} only"));
                    }
                }
                Operator::Resize(Upsample { scale: [scale(2), scale(3)], mode })
            }
            "LeakyRelu" => Operator::LeakyRelu { alpha: settings.float("alpha", 0.01)? },
            "Elu" => Operator::Elu { alpha: settings.float("alpha", 1.0)? },
            "Softmax" | "LogSoftmax" => {
                settings.must("axis", 1)?;
                if node.op_type == "Softmax" { Operator::Softmax } else { Operator::LogSoftmax }
            }
            other => match Function::ALL.into_iter().find(|function| function.name() == other) {
                Some(function) => Operator::Function(function),
                None => return Err(format!("operator {other} is not known")),
            },
        };
        if weights.next().is_some() || sizes.is_some() {
            return Err(format!("{} has a weight too many", node.op_type));
        }
        if !operator.takes(values) {
            return Err(format!("{} cannot take {values} values of other nodes", node.op_type));
        }
        match settings.left() {
            None => Ok(operator),
            Some(other) => Err(format!("{}: setting {other} is not known", node.op_type)),
        }
    }

    /// The operator's value for these values, of which it has been checked that they are as many as it takes.
    pub(super) fn run(&self, values: &[&Var]) -> Result<Var> {
        let constant = |(_, weight): &Weight| Var::constant(weight.clone());
        let x = values[0];
        match self {
            Operator::Conv { weight, bias, slide, dilation, group } => {
                convolve(x, &constant(weight), bias.as_ref().map(constant), slide, *dilation, *group)
            }
            Operator::ConvTranspose { weight, bias, slide, more, dilation, group } => {
                slide.fits(x.shape())?;
                let [top, left, bottom, right] = slide.pads;
                if (top, left) != (bottom, right) {
                    let what = format!("expects equal padding on opposite sides; found {:?}", slide.pads);
                    return Err(Error::shape("ConvTranspose", what));
                }
                let settings = ConvTranspose2d {
                    stride: slide.stride,
                    padding: [top, left],
                    output_padding: *more,
                    dilation: *dilation,
                    groups: *group,
                };
                x.conv_transpose2d(&constant(weight), bias.as_ref().map(constant).as_ref(), settings)
            }
            Operator::LayerNormalization { scale, shift, epsilon, .. } => {
                x.layer_norm(&constant(scale), &constant(shift), f64::from(*epsilon))
            }
            Operator::Add(None) => Join::Sum.of(values),
            Operator::Concat => {
                let elements = values.iter().fold(0usize, |sum, x| sum.saturating_add(x.value().numel()));
                if elements > MOST_ELEMENTS {
                    return Err(Error::shape("concat", format!("of {elements} elements is too large")));
                }
                Join::Concat.of(values)
            }
            Operator::MatMul(weight) => multiply(x, weight),
            Operator::Add(Some(weight)) => within(x, weight).and_then(|()| x.add(&constant(weight))),
            Operator::Sub(weight) => within(x, weight).and_then(|()| x.sub(&constant(weight))),
            Operator::Div(weight) => within(x, weight).and_then(|()| x.div(&constant(weight))),
            Operator::Gemm { weight, bias } => match bias {
                Some(bias) => x.linear(&constant(weight), &constant(bias)),
                None => x.matmul(&constant(weight).permute(&[1, 0])?),
            },
            Operator::BatchNormalization { weights, epsilon } => normalize(x, weights, *epsilon),
            Operator::MaxPool(slide) => x.max_pool2d(slide.window(x.shape())?),
            Operator::AveragePool(slide) => x.avg_pool2d(slide.window(x.shape())?),
            Operator::GlobalAveragePool => {
                let means = x.global_avg_pool2d()?;
                means.unflatten(&[means.shape()[1], 1, 1])
            }
            Operator::Flatten => x.flatten(),
            Operator::Reshape(sizes) => x.unflatten(sizes),
            Operator::Resize(Upsample { scale, mode }) => {
                let whole = Slide { kernel: [1, 1], stride: [1, 1], pads: [0; 4] };
                whole.fits(x.shape())?;
                let large = x.shape().iter().chain(scale).try_fold(1, |n: usize, &size| n.checked_mul(size));
                if large.is_none_or(|elements| elements > MOST_ELEMENTS) {
                    return Err(Error::shape("Resize", format!("{:?} enlarged by {scale:?} is too large", x.shape())));
                }
                x.upsample(*scale, *mode)
            }
            Operator::LeakyRelu { alpha } => x.leaky_relu(f64::from(*alpha)),
            Operator::Elu { alpha } => x.elu(f64::from(*alpha)),
            Operator::Function(function) => match function {
                Function::Identity => Ok(x.clone()),
                Function::Relu => x.relu(),
                Function::Tanh => x.tanh(),
                Function::Sigmoid => x.sigmoid(),
                Function::Softplus => x.softplus(),
                Function::Gelu => x.gelu(),
                Function::Exp => x.exp(),
            },
            Operator::Softmax => x.softmax(1),
            Operator::LogSoftmax => x.log_softmax(1),
        }
    }
}

impl Slide {
    /// As a window of ours, which has the same padding on opposite sides.
    fn window(&self, x: &[usize]) -> Result<Window> {
        let [top, left, bottom, right] = self.pads;
        if (top, left) != (bottom, right) {
            return Err(Error::shape(
                "pool",
                format!("expects equal padding on opposite sides; found {:?}", self.pads),
            ));
        }
        self.fits(x)?;
        Ok(Window { kernel: self.kernel, stride: self.stride, padding: [top, left] })
    }

    /// Refuses sizes that no image has.
    fn fits(&self, x: &[usize]) -> Result<()> {
        let [top, left, bottom, right] = self.pads;
        let most = match x {
            &[n, c, h, w] => [n, c, h + top + bottom, w + left + right]
                .into_iter()
                .try_fold(1, usize::checked_mul)
                .filter(|&elements| elements <= MOST_ELEMENTS),
            _ => return Err(Error::shape("image", format!("expects [N, C, H, W]; found {x:?}"))),
        };
        most.map(drop).ok_or_else(|| Error::shape("image", format!("{x:?} padded by {:?} is too large", self.pads)))
    }
}

/// Refuses a weight that would broadcast x to another shape.
fn within(x: &Var, (name, weight): &Weight) -> Result<()> {
    let fits = |(x, w): (&usize, &usize)| w == x || *w == 1;
    if weight.rank() <= x.shape().len() && x.shape().iter().rev().zip(weight.shape().iter().rev()).all(fits) {
        return Ok(());
    }
    let message = format!("expected a shape that broadcasts to {:?}, found {:?} of {name}", x.shape(), weight.shape());
    Err(Error::shape("broadcast", message))
}

/// Each vector of x along the last axis times a matrix.
fn multiply(x: &Var, (name, weight): &Weight) -> Result<Var> {
    let (&[.., last], &[inputs, outputs]) = (x.shape(), weight.shape()) else {
        let shapes = (x.shape(), weight.shape());
        return Err(Error::shape("MatMul", format!("expects [.., K] and [K, O]; found {shapes:?} of {name}")));
    };
    if last != inputs {
        return Err(Error::shape("MatMul", format!("expects [.., {inputs}]; found {:?}", x.shape())));
    }
    let shape = x.value().shape_owned();
    let rows = shape[..shape.len() - 1].iter().product::<usize>();
    let y = x.reshape([rows, inputs])?.matmul(&Var::constant(weight.clone()))?;
    y.reshape(shape.with(shape.len() - 1, outputs))
}

/// Convolution with padding that may differ from side to side.
fn convolve(
    x: &Var,
    weight: &Var,
    bias: Option<Var>,
    slide: &Slide,
    dilation: [usize; 2],
    groups: usize,
) -> Result<Var> {
    slide.fits(x.shape())?;
    let [top, left, bottom, right] = slide.pads;
    let padded = x.pad(2, top, bottom, 0.0)?.pad(3, left, right, 0.0)?;
    let settings = Conv2d { stride: slide.stride, padding: Padding::Valid, dilation, groups };
    padded.conv2d(weight, bias.as_ref(), settings)
}

/// Batch normalization, once there is a number of each sort for every channel.
fn normalize(x: &Var, weights: &[Weight; 4], epsilon: f32) -> Result<Var> {
    let Some(&channels) = x.shape().get(1) else {
        return Err(Error::shape("BatchNormalization", format!("expects [N, C, ..]; found {:?}", x.shape())));
    };
    if let Some((name, wrong)) = weights.iter().find(|(_, weight)| weight.shape() != [channels]) {
        return Err(Error::shape(
            "BatchNormalization",
            format!("wants a number for each of {channels} channels; {name} has the shape {:?}", wrong.shape()),
        ));
    }
    let [scale, shift, mean, variance] = weights.each_ref().map(|(_, weight)| weight);
    let (scale, shift) = (Var::constant(scale.clone()), Var::constant(shift.clone()));
    x.batch_norm_with(&scale, &shift, mean, variance, f64::from(epsilon))
}

/// The sizes after the batch axis of a reshape's target, which must begin with 0: "as it is".
fn reshaped(target: &[i64]) -> Result<Vec<usize>, String> {
    let sizes: Option<Vec<usize>> = target
        .iter()
        .skip(1)
        .map(|&size| usize::try_from(size).ok().filter(|size| (1..=MOST_ELEMENTS).contains(size)))
        .collect();
    match sizes {
        Some(sizes)
            if target.first() == Some(&0)
                && sizes.len() < MAX_RANK
                && sizes.iter().try_fold(1, |n: usize, &size| n.checked_mul(size)).is_some() =>
        {
            Ok(sizes)
        }
        _ => Err(format!("Reshape expects 0 (the batch) and then sizes; found {target:?}")),
    }
}

/// The settings that make the standard's resizing ours, the mode first.
fn resizing(mode: Interpolation) -> Vec<(&'static str, &'static str)> {
    const CENTRES: &str = "coordinate_transformation_mode";
    match mode {
        Interpolation::Nearest => vec![("mode", "nearest"), (CENTRES, "asymmetric"), ("nearest_mode", "floor")],
        Interpolation::Bilinear => vec![("mode", "linear"), (CENTRES, "half_pixel")],
    }
}
