//! The settings of a node: how a file spells them, and how they are read back.

use super::proto::{Attribute, Node};
use crate::nn::onnx::Setting;

/// The largest stride, padding, dilation or window: a file with a larger one is damaged, and is refused before memory is.
pub(super) const LARGEST: usize = 1 << 12;

/// A window with its steps and the zeros around the image, in the standard's order: above, left, below, right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slide {
    /// Height and width.
    pub(super) kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub(super) stride: [usize; 2],
    /// Padding above, left, below, right.
    pub(super) pads: [usize; 4],
}

/// A setting as the file has it.
pub(super) fn written(name: &str, setting: &Setting) -> Attribute {
    let named = Attribute { name: name.into(), ..Default::default() };
    match setting {
        Setting::Int(value) => Attribute { i: Some(*value), r#type: Attribute::INT, ..named },
        Setting::Ints(values) => Attribute { ints: values.clone(), r#type: Attribute::INTS, ..named },
        Setting::Real(value) => Attribute { f: Some(*value), r#type: Attribute::FLOAT, ..named },
        Setting::Word(word) => Attribute { s: Some((*word).into()), r#type: Attribute::STRING, ..named },
    }
}

/// The settings of a node that have not been read yet. In the end there must be none: a setting that is skipped is a network computed wrongly.
pub(super) struct Settings<'a>(Vec<&'a Attribute>);

impl<'a> Settings<'a> {
    /// The settings of a node, none read yet.
    pub(super) fn of(node: &'a Node) -> Self {
        Self(node.attribute.iter().collect())
    }

    /// The name of a setting that was not read.
    pub(super) fn left(&self) -> Option<&'a str> {
        self.0.first().map(|setting| setting.name.as_str())
    }

    /// Takes the setting `name`, if the node has it.
    fn take(&mut self, name: &str) -> Option<&'a Attribute> {
        let at = self.0.iter().position(|setting| setting.name == name)?;
        Some(self.0.remove(at))
    }

    /// A real number.
    pub(super) fn float(&mut self, name: &str, default: f32) -> Result<f32, String> {
        match self.take(name) {
            None => Ok(default),
            Some(setting) => setting.f.ok_or_else(|| format!("setting {name} is not a real number")),
        }
    }

    /// Whole numbers from `least` on; a setting that is one number counts as a list of one.
    pub(super) fn sizes<const N: usize>(
        &mut self,
        name: &str,
        default: [usize; N],
        least: usize,
    ) -> Result<[usize; N], String> {
        let Some(setting) = self.take(name) else { return Ok(default) };
        let numbers: Vec<i64> = setting.i.into_iter().chain(setting.ints.iter().copied()).collect();
        let sizes = numbers.iter().map(|&n| usize::try_from(n).ok().filter(|n| (least..=LARGEST).contains(n)));
        sizes
            .collect::<Option<Vec<usize>>>()
            .and_then(|sizes| sizes.try_into().ok())
            .ok_or_else(|| format!("setting {name} expects {N} numbers from {least} to {LARGEST}; found {numbers:?}"))
    }

    /// The window of a convolution whose weight has this one, or of a pooling, which must say its own.
    pub(super) fn slide(&mut self, weight: Option<[usize; 2]>) -> Result<Slide, String> {
        let kernel = self.sizes("kernel_shape", weight.unwrap_or_default(), 1)?;
        if kernel == [0, 0] {
            return Err("setting kernel_shape is missing".into());
        }
        if let Some(weight) = weight.filter(|weight| *weight != kernel) {
            return Err(format!("setting kernel_shape is {kernel:?}, but the weight's is {weight:?}"));
        }
        let stride = self.sizes("strides", [1, 1], 1)?;
        Ok(Slide { kernel, stride, pads: self.sizes("pads", [0; 4], 0)? })
    }

    /// A word, which must be there.
    pub(super) fn word(&mut self, name: &str) -> Result<String, String> {
        let word = self.take(name).and_then(|setting| String::from_utf8(setting.s.clone()?).ok());
        word.ok_or_else(|| format!("setting {name} is not there"))
    }

    /// A word, if the node has it.
    pub(super) fn optional_word(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.iter().any(|setting| setting.name == name) {
            true => self.word(name).map(Some),
            false => Ok(None),
        }
    }

    /// A whole number from 0 to [`LARGEST`], which must be there.
    pub(super) fn whole(&mut self, name: &str) -> Result<usize, String> {
        let number = self.take(name).and_then(|setting| setting.i);
        let number = number.and_then(|i| usize::try_from(i).ok()).filter(|&i| i <= LARGEST);
        number.ok_or_else(|| format!("setting {name} expects a number from 0 to {LARGEST}"))
    }

    /// An order of axes, which must be there.
    pub(super) fn order(&mut self, name: &str) -> Result<Vec<usize>, String> {
        let axes = self.take(name).map(|setting| setting.ints.iter().map(|&axis| usize::try_from(axis)).collect());
        match axes {
            Some(Ok(axes)) => Ok(axes),
            _ => Err(format!("setting {name} expects the axes in their new order")),
        }
    }

    /// The setting must be there with one of these values, which is returned.
    pub(super) fn one_of(&mut self, name: &str, known: &[i64]) -> Result<i64, String> {
        let found = self.take(name).and_then(|setting| setting.i).filter(|found| known.contains(found));
        found.ok_or_else(|| format!("setting {name} is known as one of {known:?} only"))
    }

    /// The setting must be there with this value, the only one that is known here.
    pub(super) fn must(&mut self, name: &str, value: i64) -> Result<(), String> {
        match self.take(name).and_then(|setting| setting.i) {
            Some(found) if found == value => Ok(()),
            _ => Err(format!("setting {name} is known as {value} only")),
        }
    }
}
