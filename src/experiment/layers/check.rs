//! What can be said of a network without the samples: names, and the ranges of numbers.

use super::layer::{Layer, names};
use crate::error::{Error, Result};
use crate::nn;

/// The most layers of a network, those of every copy counted.
const MOST_LAYERS: usize = 10_000;

impl Layer {
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
        for (key, value, least, most) in layer.leaf().map(|leaf| leaf.ranges()).unwrap_or_default() {
            Error::in_range(&format!("{place}.{key}"), value, least, most)?;
        }
        if let Layer::Residual(l) = layer {
            Error::in_range(&format!("{place}.drop"), l.drop, 0.0, nn::settings::BELOW_1)?;
        }
        if layer.leaf().is_some_and(|leaf| leaf.is_first()) && place != "model.layer.1" {
            let what = format!("is a `{}`, which is computed from images as they are read", layer.type_name());
            return Err(Error::config(place, what, "make it the first layer of the network"));
        }
        if let Layer::Repeat(l) = layer {
            Error::in_range(&format!("{place}.times"), l.times as f64, 1.0, 1000.0)?;
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
        name if name.is_empty() || name.contains(['.', '/']) => ("is not a name", NAMES),
        _ => return Ok(()),
    };
    Err(Error::config(format!("{place}.name"), format!("`{name}` {what}"), help))
}

/// What is said of names.
const NAMES: &str = "give each layer a name of its own, without dots and slashes";
