//! The operators of the subset: each read from a node of a file, and run.
//!
//! Names and meanings are those of the standard's operator set. Where an operator and an op of ours differ in what they
//! allow, the operator is held to what ours does: softmax over the channels, average-pooling that counts its padding,
//! `Gemm` as Y = X Wᵀ + b.

use super::attribute::{LARGEST, Settings, Slide};
use super::proto::Node;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::Join;
use crate::ops::{Conv2d, ConvTranspose2d, Interpolation, Padding, Window};
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use std::fmt;
use std::sync::Arc;

/// The most elements of a value: a file with more is damaged, and is refused before memory is.
const MOST_ELEMENTS: usize = 1 << 28;

/// A weight and its name.
pub(super) type Weight = (String, Tensor);

/// What an operator computes of the values that it takes beside its weights.
type Compute = dyn Fn(&[&Var]) -> Result<Var> + Send + Sync;

/// An operator with its settings and weights.
#[derive(Clone)]
pub(super) struct Operator {
    /// The standard's name.
    pub(super) name: String,
    compute: Arc<Compute>,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An operator of one value.
fn of_one(f: impl Fn(&Var) -> Result<Var> + Send + Sync + 'static) -> Arc<Compute> {
    Arc::new(move |values| f(values[0]))
}

/// A weight as a value.
fn constant((_, weight): &Weight) -> Var {
    Var::constant(weight.clone())
}

impl Operator {
    /// Reads a node that takes this many values, these weights and these sizes.
    pub(super) fn read(
        node: &Node,
        values: usize,
        weights: Vec<Weight>,
        mut sizes: Option<&[i64]>,
    ) -> Result<Self, String> {
        let name = node.op_type.as_str();
        if !node.domain.is_empty() {
            return Err(format!(
                "operator {name} is of the domain {:?}; only the standard's own is known",
                node.domain
            ));
        }
        let mut settings = Settings::of(node);
        let mut weights = weights.into_iter();
        let missing = || format!("{name} lacks a weight");
        let mut fits = values == 1;
        let compute: Arc<Compute> = match name {
            "Conv" => {
                let (weight, bias) = (weights.next().ok_or_else(missing)?, weights.next());
                let (slide, dilation, group) = convolution(name, &weight, &mut settings)?;
                of_one(move |x| {
                    slide.fits(x.shape())?;
                    // The padding may differ from side to side.
                    let [top, left, bottom, right] = slide.pads;
                    let padded = x.pad(2, top, bottom, 0.0)?.pad(3, left, right, 0.0)?;
                    let settings = Conv2d { stride: slide.stride, padding: Padding::Valid, dilation, groups: group };
                    padded.conv2d(&constant(&weight), bias.as_ref().map(constant).as_ref(), settings)
                })
            }
            "ConvTranspose" => {
                let (weight, bias) = (weights.next().ok_or_else(missing)?, weights.next());
                let output_padding = settings.sizes("output_padding", [0, 0], 0)?;
                let (slide, dilation, groups) = convolution(name, &weight, &mut settings)?;
                of_one(move |x| {
                    slide.fits(x.shape())?;
                    let (stride, padding) = (slide.stride, slide.padding("ConvTranspose")?);
                    let settings = ConvTranspose2d { stride, padding, output_padding, dilation, groups };
                    x.conv_transpose2d(&constant(&weight), bias.as_ref().map(constant).as_ref(), settings)
                })
            }
            "LayerNormalization" => {
                let (scale, shift) = (weights.next().ok_or_else(missing)?, weights.next().ok_or_else(missing)?);
                settings.must("axis", -(scale.1.rank() as i64))?;
                let epsilon = settings.float("epsilon", 1e-5)?;
                of_one(move |x| x.layer_norm(&constant(&scale), &constant(&shift), f64::from(epsilon)))
            }
            "BatchNormalization" => {
                let four: Vec<Weight> = weights.by_ref().take(4).collect();
                let weights: [Weight; 4] = four.try_into().map_err(|_| missing())?;
                let epsilon = settings.float("epsilon", 1e-5)?;
                of_one(move |x| normalize(x, &weights, epsilon))
            }
            "Add" | "Sub" | "Mul" | "Div" => {
                let compute = match name {
                    "Add" => Var::add,
                    "Sub" => Var::sub,
                    "Mul" => Var::mul,
                    _ => Var::div,
                };
                match weights.next() {
                    Some(weight) => of_one(move |x| within(x, &weight).and_then(|()| compute(x, &constant(&weight)))),
                    None => {
                        fits = values == 2;
                        let gates = name == "Mul";
                        Arc::new(move |values| {
                            meet(gates, values[0].shape(), values[1].shape())?;
                            compute(values[0], values[1])
                        })
                    }
                }
            }
            "Concat" => {
                settings.must("axis", 1)?;
                fits = values > 0;
                Arc::new(|values| {
                    let elements = values.iter().fold(0usize, |sum, x| sum.saturating_add(x.value().numel()));
                    if elements > MOST_ELEMENTS {
                        return Err(Error::shape("concat", format!("of {elements} elements is too large")));
                    }
                    Join::Concat.of(values)
                })
            }
            "MatMul" => match weights.next() {
                Some(weight) => of_one(move |x| multiply(x, &weight)),
                None => {
                    fits = values == 2;
                    Arc::new(|values| multiply_pairs(values[0], values[1]))
                }
            },
            "Transpose" => {
                let order = settings.order("perm")?;
                of_one(move |x| x.permute(&order))
            }
            "Gather" => {
                let axis = settings.whole("axis")?;
                let chosen = sizes.take().ok_or_else(missing)?;
                let &[at] = chosen else { return Err(format!("Gather of one place is known; found {chosen:?}")) };
                let at = usize::try_from(at).map_err(|_| format!("Gather of place {at} is not known"))?;
                of_one(move |x| x.slice(axis, at..at.saturating_add(1)))
            }
            "Pad" => {
                let pads = sizes.take().ok_or_else(missing)?.to_vec();
                if pads.iter().any(|pad| !(0..=LARGEST as i64).contains(pad)) {
                    return Err(format!("Pad expects numbers from 0 to {LARGEST}; found {pads:?}"));
                }
                of_one(move |x| zeros_around(x, &pads))
            }
            "ReduceMean" => {
                settings.must("keepdims", 0)?;
                let axes = sizes.take().ok_or_else(missing)?;
                let axes: Option<Vec<usize>> = axes.iter().map(|&axis| usize::try_from(axis).ok()).collect();
                let axes = axes.ok_or("ReduceMean along axes counted from the end is not known")?;
                of_one(move |x| x.mean_axes(&axes, false))
            }
            "Gemm" => {
                settings.must("transB", 1)?;
                let (weight, bias) = (weights.next().ok_or_else(missing)?, weights.next());
                of_one(move |x| match &bias {
                    Some(bias) => x.linear(&constant(&weight), &constant(bias)),
                    None => x.matmul(&constant(&weight).permute(&[1, 0])?),
                })
            }
            "MaxPool" => {
                let slide = settings.slide(None)?;
                of_one(move |x| x.max_pool2d(slide.window(x.shape())?))
            }
            "AveragePool" => {
                settings.must("count_include_pad", 1)?;
                let slide = settings.slide(None)?;
                of_one(move |x| x.avg_pool2d(slide.window(x.shape())?))
            }
            "GlobalAveragePool" => of_one(|x| {
                let means = x.global_avg_pool2d()?;
                means.unflatten(&[means.shape()[1], 1, 1])
            }),
            "Flatten" => {
                settings.must("axis", 1)?;
                of_one(Var::flatten)
            }
            "Reshape" => {
                let sizes = reshaped(sizes.take().ok_or_else(missing)?)?;
                of_one(move |x| x.unflatten(&sizes))
            }
            "Resize" => {
                let scale = scales(&weights.next().ok_or_else(missing)?)?;
                let mode = interpolation(&mut settings)?;
                of_one(move |x| enlarge(x, scale, mode))
            }
            "LeakyRelu" => {
                let slope = settings.float("alpha", 0.01)?;
                of_one(move |x| x.leaky_relu(f64::from(slope)))
            }
            "Elu" => {
                let alpha = settings.float("alpha", 1.0)?;
                of_one(move |x| x.elu(f64::from(alpha)))
            }
            "Softmax" => {
                let last = settings.one_of("axis", &[1, -1])? == -1;
                of_one(move |x| x.softmax(if last { x.shape().len().saturating_sub(1) } else { 1 }))
            }
            "LogSoftmax" => {
                settings.must("axis", 1)?;
                of_one(|x| x.log_softmax(1))
            }
            "Identity" => of_one(|x| Ok(x.clone())),
            "Relu" => of_one(Var::relu),
            "Tanh" => of_one(Var::tanh),
            "Sigmoid" => of_one(Var::sigmoid),
            "Softplus" => of_one(Var::softplus),
            "Gelu" => match settings.optional_word("approximate")?.as_deref() {
                None | Some("none") => of_one(Var::gelu),
                Some("tanh") => of_one(Var::gelu_tanh),
                Some(other) => return Err(format!("Gelu: approximation {other} is not known")),
            },
            "Exp" => of_one(Var::exp),
            other => return Err(format!("operator {other} is not known")),
        };
        if weights.next().is_some() || sizes.is_some() {
            return Err(format!("{name} has a weight too many"));
        }
        if !fits {
            return Err(format!("{name} cannot take {values} values of other nodes"));
        }
        match settings.left() {
            None => Ok(Self { name: name.to_owned(), compute }),
            Some(other) => Err(format!("{name}: setting {other} is not known")),
        }
    }

    /// The operator's value for these values, of which it has been checked that they are as many as it takes.
    pub(super) fn run(&self, values: &[&Var]) -> Result<Var> {
        (self.compute)(values)
    }
}

/// The window, the dilation and the groups of a convolution with this weight.
fn convolution(name: &str, weight: &Weight, settings: &mut Settings<'_>) -> Result<(Slide, [usize; 2], usize), String> {
    let &[_, _, h, w] = weight.1.shape() else {
        return Err(format!("{name}: its weight has not four axes, but {:?}", weight.1.shape()));
    };
    let (slide, dilation) = (settings.slide(Some([h, w]))?, settings.sizes("dilations", [1, 1], 1)?);
    let [group] = settings.sizes("group", [1], 1)?;
    Ok((slide, dilation, group))
}

/// Checks that two values can be added or multiplied: they have one shape; or, if the second may be a gate, it has a number
/// for each channel of the first. Nothing else is broadcast.
fn meet(may_be_gate: bool, x: &[usize], gate: &[usize]) -> Result<()> {
    match (x, gate) {
        ([n, c, _, _], [samples, channels, 1, 1]) if may_be_gate && (n, c) == (samples, channels) => Ok(()),
        _ => Join::Sum.shape(&[x, gate]).map(|_| ()),
    }
}

/// The factors by which planes are enlarged.
fn scales((name, scales): &Weight) -> Result<[usize; 2], String> {
    let scale = |axis: usize| scales.data()[axis] as usize;
    let whole = |&x: &f32| x.fract() == 0.0 && x >= 1.0 && x <= LARGEST as f32;
    if scales.shape() != [4] || !scales.data().iter().all(whole) || (scale(0), scale(1)) != (1, 1) {
        return Err(format!("Resize: {name} is not 1, 1 and two whole factors"));
    }
    Ok([scale(2), scale(3)])
}

/// The interpolation that makes the standard's resizing ours.
fn interpolation(settings: &mut Settings<'_>) -> Result<Interpolation, String> {
    let (mode, known): (Interpolation, &[(&str, &str)]) = match settings.word("mode")?.as_str() {
        "nearest" => {
            (Interpolation::Nearest, &[("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")])
        }
        "linear" => (Interpolation::Bilinear, &[("coordinate_transformation_mode", "half_pixel")]),
        _ => return Err("Resize: only nearest and linear are known".into()),
    };
    for (name, word) in known {
        if settings.word(name)? != *word {
            return Err(format!("setting {name} is known as {word} only"));
        }
    }
    Ok(mode)
}

/// Planes enlarged by whole factors.
fn enlarge(x: &Var, scale: [usize; 2], mode: Interpolation) -> Result<Var> {
    let whole = Slide { kernel: [1, 1], stride: [1, 1], pads: [0; 4] };
    whole.fits(x.shape())?;
    let large = x.shape().iter().chain(&scale).try_fold(1, |n: usize, &size| n.checked_mul(size));
    if large.is_none_or(|elements| elements > MOST_ELEMENTS) {
        return Err(Error::shape("Resize", format!("{:?} enlarged by {scale:?} is too large", x.shape())));
    }
    x.upsample(scale, mode)
}

impl Slide {
    /// The padding above and below, left and right, of which ours has the same on opposite sides.
    fn padding(&self, name: &'static str) -> Result<[usize; 2]> {
        let [top, left, bottom, right] = self.pads;
        if (top, left) != (bottom, right) {
            let what = format!("expects equal padding on opposite sides; found {:?}", self.pads);
            return Err(Error::shape(name, what));
        }
        Ok([top, left])
    }

    /// As a window of ours.
    fn window(&self, x: &[usize]) -> Result<Window> {
        let padding = self.padding("pool")?;
        self.fits(x)?;
        Ok(Window { kernel: self.kernel, stride: self.stride, padding })
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

/// The products of pairs of matrices along the last two axes.
fn multiply_pairs(a: &Var, b: &Var) -> Result<Var> {
    let refused = || {
        Error::shape("MatMul", format!("expects [.., M, K] and [.., K, O]; found {:?} and {:?}", a.shape(), b.shape()))
    };
    let (&[ref of_a @ .., m, k], &[ref of_b @ .., inner, o]) = (a.shape(), b.shape()) else { return Err(refused()) };
    if of_a != of_b || inner != k {
        return Err(refused());
    }
    let pairs = of_a.iter().product::<usize>();
    let y = a.reshape([pairs, m, k])?.bmm(&b.reshape([pairs, k, o])?)?;
    y.reshape(&[of_a, &[m, o]].concat()[..])
}

/// Zeros around each axis: first those in front of all axes, then those behind.
fn zeros_around(x: &Var, pads: &[i64]) -> Result<Var> {
    let axes = x.shape().len();
    if pads.len() != 2 * axes {
        return Err(Error::shape("Pad", format!("expects {} numbers for {:?}; found {pads:?}", 2 * axes, x.shape())));
    }
    let size = |axis: usize| x.shape()[axis].saturating_add((pads[axis] + pads[axes + axis]) as usize);
    if (0..axes).try_fold(1, |n: usize, axis| n.checked_mul(size(axis))).is_none_or(|all| all > MOST_ELEMENTS) {
        return Err(Error::shape("Pad", format!("of {:?} by {pads:?} is too large", x.shape())));
    }
    (0..axes)
        .filter(|&axis| pads[axis] + pads[axes + axis] > 0)
        .try_fold(x.clone(), |x, axis| x.pad(axis, pads[axis] as usize, pads[axes + axis] as usize, 0.0))
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
