//! What can be said of a network without the samples: names, and the ranges of numbers.

use super::layer::{Layer, names};
use super::settings::{Sides, Zeros};
use crate::error::{Error, Result};
use crate::nn;
use crate::shape::MAX_RANK;

/// The most layers of a network, those of every copy counted.
const MOST_LAYERS: usize = 10_000;

/// A number of a layer: key, value, least, most.
type Range = (&'static str, f64, f64, f64);

impl Layer {
    /// The layer's numbers that have a range: key, value, least, most.
    fn ranges(&self) -> Vec<Range> {
        const WIDE: f64 = (1 << 20) as f64;
        const BELOW_1: f64 = 0.999_999;
        let size = |key, n: usize, least: f64, most: f64| vec![(key, n as f64, least, most)];
        let sides = |key, sides: Sides, least: f64, most: f64| {
            sides.get().into_iter().map(|n| (key, n as f64, least, most)).collect::<Vec<Range>>()
        };
        match self {
            Layer::Linear(l) => size("units", l.units, 0.0, WIDE),
            Layer::Conv2d(l) => {
                let padding = match l.padding {
                    Zeros::Count(zeros) => sides("padding", zeros, 0.0, 1024.0),
                    Zeros::Word(_) => Vec::new(),
                };
                [
                    size("filters", l.filters, 1.0, 65_536.0),
                    sides("kernel", l.kernel, 1.0, 1024.0),
                    sides("stride", l.stride, 1.0, 1024.0),
                    sides("dilation", l.dilation, 1.0, 1024.0),
                    size("groups", l.groups, 1.0, 65_536.0),
                    padding,
                ]
                .concat()
            }
            Layer::ConvTranspose2d(l) => [
                size("filters", l.filters, 1.0, 65_536.0),
                sides("kernel", l.kernel, 1.0, 1024.0),
                sides("stride", l.stride, 1.0, 1024.0),
                sides("padding", l.padding, 0.0, 1024.0),
                sides("output_padding", l.output_padding, 0.0, 1024.0),
                sides("dilation", l.dilation, 1.0, 1024.0),
                size("groups", l.groups, 1.0, 65_536.0),
            ]
            .concat(),
            Layer::MaxPool2d(l) | Layer::AvgPool2d(l) => [
                sides("kernel", l.kernel, 1.0, 1024.0),
                l.stride.map_or(Vec::new(), |stride| sides("stride", stride, 1.0, 1024.0)),
                sides("padding", l.padding, 0.0, 1024.0),
            ]
            .concat(),
            Layer::Repeat(l) => size("times", l.times, 1.0, 1000.0),
            Layer::Upsample2d(l) => sides("scale", l.scale, 1.0, 64.0),
            Layer::Unflatten(l) => l.shape.iter().map(|&n| ("shape", n as f64, 1.0, WIDE)).collect(),
            Layer::Dropout(l) => vec![("p", l.p, 0.0, BELOW_1)],
            Layer::BatchNorm(l) => vec![("momentum", l.momentum, 0.0, 1.0), ("eps", l.eps, 1e-12, 1.0)],
            Layer::LayerNorm(l) => {
                [size("axes", l.axes, 0.0, MAX_RANK as f64), vec![("eps", l.eps, 1e-12, 1.0)]].concat()
            }
            Layer::GaussianLatent(l) => [size("units", l.units, 1.0, WIDE), vec![("beta", l.beta, 0.0, 1e6)]].concat(),
            Layer::GaussianNoise(l) => vec![("std", l.std, 0.0, 1e6)],
            Layer::Flatten(_)
            | Layer::Relu(_)
            | Layer::LeakyRelu(_)
            | Layer::Tanh(_)
            | Layer::Sigmoid(_)
            | Layer::Gelu(_)
            | Layer::Elu(_)
            | Layer::Softplus(_)
            | Layer::Softmax(_)
            | Layer::LogSoftmax(_)
            | Layer::GlobalAvgPool2d(_)
            | Layer::Residual(_)
            | Layer::Parallel(_)
            | Layer::Sequence(_) => Vec::new(),
        }
    }

    /// Names that a layer directly within this one cannot have.
    fn reserved(&self) -> &'static [&'static str] {
        match self {
            Layer::Residual(_) => &nn::Residual::<f32>::RESERVED,
            _ => &[],
        }
    }
}

/// Layers that hold no others, every copy of a repetition counted.
fn count(layers: &[Layer]) -> usize {
    let of = |layer: &Layer| {
        let lists = layer.lists();
        let inside = lists.iter().map(|(_, list)| count(list)).fold(0, usize::saturating_add);
        match layer {
            Layer::Repeat(l) => inside.saturating_mul(l.times),
            _ if lists.is_empty() => 1,
            _ => inside,
        }
    };
    layers.iter().map(of).fold(0, usize::saturating_add)
}

/// Checks what can be said of the layers without the samples: names and the ranges of numbers, those of layers within
/// layers too.
pub fn check(layers: &[Layer]) -> Result<()> {
    if layers.is_empty() {
        return Err(Error::config("model.layer", "is empty", "give at least one layer, such as a `linear`"));
    }
    check_list(layers, "model.layer", &[])?;
    let count = count(layers);
    if count > MOST_LAYERS {
        let what = format!("has {count} layers: expected at most {MOST_LAYERS}");
        return Err(Error::config("model.layer", what, "repeat fewer times"));
    }
    Ok(())
}

/// Checks the layers of one list, which stands at `place`.
fn check_list(layers: &[Layer], place: &str, reserved: &[&str]) -> Result<()> {
    let names = names(layers);
    for (i, (layer, name)) in layers.iter().zip(&names).enumerate() {
        let place = format!("{place}.{}", i + 1);
        check_name(name, &names[..i], reserved, &place)?;
        for (key, value, least, most) in layer.ranges() {
            Error::in_range(&format!("{place}.{key}"), value, least, most)?;
        }
        if let Layer::Parallel(l) = layer {
            let branches = l.names();
            if branches.is_empty() {
                let help = "give at least one [[..branch]] with its layers";
                return Err(Error::config(format!("{place}.branch"), "is empty", help));
            }
            for (b, branch) in branches.iter().enumerate() {
                check_name(branch, &branches[..b], &[l.join.name()], &format!("{place}.branch.{}", b + 1))?;
            }
        }
        for (key, list) in layer.lists() {
            // A branch without layers, and no shortcut, hand on the input.
            if list.is_empty() && key == "layer" {
                let help = "give it at least one layer, such as a `conv2d`";
                return Err(Error::config(format!("{place}.layer"), "is empty", help));
            }
            let reserved = if key == "layer" { layer.reserved() } else { &[] };
            check_list(list, &format!("{place}.{key}"), reserved)?;
        }
    }
    Ok(())
}

/// Checks a name among those `before` it in its list.
fn check_name(name: &str, before: &[String], reserved: &[&str], place: &str) -> Result<()> {
    let (what, help) = match name {
        name if reserved.contains(&name) => ("is the name of a part of the block", "choose another name"),
        name if before.iter().any(|known| known == name) => ("is the name of another layer", NAMES),
        name if name.is_empty() || name.contains(['.', '/']) => ("is no name", NAMES),
        _ => return Ok(()),
    };
    Err(Error::config(format!("{place}.name"), format!("`{name}` {what}"), help))
}

/// What is said of names.
const NAMES: &str = "give each layer a name of its own, without dots and slashes";
