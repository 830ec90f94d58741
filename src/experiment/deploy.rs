//! A trained network as other programs are given it: from raw pixels to probabilities.
//!
//! A network alone is half of what predicts. Before it, pixels are brought to the scale of the training split; after it,
//! logits become probabilities. Whoever loads an exported network and forgets either gets numbers that look right and are
//! not. So a [`Deployed`] network has both inside, as layers, and words about itself: its classes, the layout and the range
//! of its input, and what its output is.

use super::data::{Features, Normalize};
use super::encoding::Encoding;
use super::preparation::Preparation;
use super::trained::TrainedRun;
use super::values::ValueScale;
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::{Activation, Ctx, Kind, LayerNorm, Module, Pointwise, Sequential, Softmax, Standardize, Walk};
use crate::ops::scalar::Exp;
use crate::run::Watch;
use crate::tensor::Tensor;
use crate::train::Loss;

/// Paths of the layers before and after the network. No layer of a file has a slash in its name.
const BEFORE: &str = "before/scale";
const AFTER: &str = "after/probabilities";

/// Added to the variance of an image that is standardized by itself: as good as nothing, unless it is constant.
const EPSILON: f64 = 1e-12;

/// A network between its scale and its probabilities.
pub struct Deployed<'a> {
    scale: Option<Box<dyn Module>>,
    model: &'a Sequential,
    end: Option<Box<dyn Module>>,
    /// Words about it, by key: `classes` (a list in JSON), `input`, `input_layout`, `input_range`, `input_color`,
    /// `output`.
    pub metadata: Vec<(String, String)>,
}

/// Samples for a deployed network, and what the run itself makes of them.
pub struct Reference {
    /// Raw samples `[N, ..]`.
    pub raw: Tensor,
    /// The same as the network alone is given them.
    pub prepared: Tensor,
    /// The run's own output for them, after its own preparation.
    pub expected: Tensor,
}

impl Module for Deployed<'_> {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        let x = match &self.scale {
            Some(scale) => cx.call(BEFORE, scale.as_ref(), x)?,
            None => x.clone(),
        };
        let y = self.model.forward(&x, cx)?;
        self.finish(&y, cx)
    }

    fn walk(&self, walk: &mut Walk<'_, f32>) {
        if let Some(scale) = &self.scale {
            walk.child(BEFORE, scale.as_ref());
        }
        self.model.walk(walk);
        if let Some(end) = &self.end {
            walk.child(AFTER, end.as_ref());
        }
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

impl Deployed<'_> {
    /// From the network's output to what is given out.
    fn finish(&self, y: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        match &self.end {
            Some(end) => cx.call(AFTER, end.as_ref(), y),
            None => Ok(y.clone()),
        }
    }

    /// A word about it.
    pub fn word(&self, key: &str) -> &str {
        self.metadata.iter().find(|(known, _)| known == key).map_or("", |(_, word)| word)
    }
}

impl TrainedRun {
    /// The network with its scale before it and the probabilities after it.
    pub fn deployed(&self) -> Result<Deployed<'_>> {
        Ok(Deployed {
            scale: scale(&self.preparation)?,
            model: &self.model,
            end: match &self.preparation.values {
                Some(values) => Some(in_units(values)?),
                None => end(self.experiment.train.loss),
            },
            metadata: metadata(self),
        })
    }

    /// `n` test samples, raw, and the run's own output for them.
    pub fn reference(&self, deployed: &Deployed<'_>, n: usize, watch: &mut dyn Watch) -> Result<Reference> {
        let test = self.data(watch)?.test.sample(n, self.experiment.data.seed);
        let all: Vec<usize> = (0..test.len()).collect();
        let prepared = self.preparation.samples_of(&test, None)?.batch(&all, None);
        let mut cx = Ctx::eval();
        let output = self.model.forward(&Var::constant(prepared.clone()), &mut cx)?;
        let expected = deployed.finish(&output, &mut cx)?.into_value();
        Ok(Reference { raw: self.preparation.raw(&test.pixels)?, prepared, expected })
    }
}

/// The layer that brings raw samples to the network's scale, if it has one.
fn scale(p: &Preparation) -> Result<Option<Box<dyn Module>>> {
    if p.per_image {
        return Ok(Some(Box::new(LayerNorm { eps: EPSILON, ..LayerNorm::new(&p.image) })));
    }
    if let Some(n) = &p.normalization {
        let of = |values: &[f32]| Tensor::new(values.to_vec(), [values.len(), 1, 1]);
        return Ok(Some(Box::new(Standardize::new(of(&n.mean)?, of(&n.std)?)?)));
    }
    if let Some(s) = &p.scaler {
        let of = |values: &[f64]| Tensor::new(values.iter().map(|&v| v as f32).collect(), [values.len()]);
        return Ok(Some(Box::new(Standardize::new(of(&s.center)?, of(&s.width)?)?)));
    }
    Ok(None)
}

/// The layer that makes probabilities of what a loss takes, if they are none yet.
fn end(loss: Loss) -> Option<Box<dyn Module>> {
    match loss {
        Loss::CrossEntropy => Some(Box::new(Softmax)),
        Loss::BceWithLogits => Some(Box::new(Activation::Sigmoid)),
        Loss::Nll => Some(Box::new(Pointwise(Exp))), // probabilities from their logarithms
        Loss::Bce | Loss::Mse | Loss::Mae | Loss::Huber | Loss::ReconstructionMse | Loss::ReconstructionBce => None,
    }
}

/// The layer that brings predicted numbers back to their units: y d + m = (y - (-m / d)) / (1 / d).
fn in_units(values: &ValueScale) -> Result<Box<dyn Module>> {
    let of = |number: &dyn Fn(f64, f64) -> f64| {
        let each = values.mean.iter().zip(&values.deviation).map(|(&m, &d)| number(m, d) as f32);
        Tensor::new(each.collect(), [values.names.len()])
    };
    Ok(Box::new(Standardize::new(of(&|m, d| -m / d)?, of(&|_, d| 1.0 / d)?)?))
}

fn metadata(trained: &TrainedRun) -> Vec<(String, String)> {
    let (p, e) = (&trained.preparation, &trained.experiment);
    let classes = serde_json::to_string(&p.classes).expect("words");
    let (input, layout, range) = match p.features {
        Features::Pixels if p.encoding.is_some() => {
            ("rows of a table, encoded and without gaps, which this file does not compute", "ND", "as computed")
        }
        Features::Pixels if p.is_table() => ("rows of a table", "ND", "as in the table"),
        Features::Pixels => ("pixels", "NCHW", "0 to 1: byte / 255"),
        Features::Hog => ("histograms of oriented gradients, which this file does not compute", "ND", "as computed"),
        Features::HandCrafted => ("hand-crafted features, which this file does not compute", "ND", "as computed"),
    };
    let output = match e.train.loss {
        Loss::Bce | Loss::BceWithLogits => "probability of the second class",
        Loss::ReconstructionMse | Loss::ReconstructionBce => match e.data.normalize {
            Normalize::None => "reconstruction of the input",
            Normalize::Standard | Normalize::PerImage => "reconstruction of the standardized input",
        },
        _ if p.values.is_some() => "predicted numbers, in the units of the data",
        Loss::CrossEntropy | Loss::Nll | Loss::Mse | Loss::Mae | Loss::Huber => "probability of each class",
    };
    let mut words = vec![("classes", classes), ("input", input.into()), ("input_layout", layout.into())];
    words.push(("input_range", range.into()));
    if p.features == Features::Pixels && !p.is_table() {
        words.push(("input_color", if p.image[0] == 1 { "gray" } else { "rgb" }.into()));
    }
    if let Some(names) = p.encoding.as_ref().map(Encoding::names) {
        words.push(("columns", serde_json::to_string(&names).expect("words")));
    }
    words.push(("output", output.into()));
    if let Some(values) = &p.values {
        words.push(("targets", serde_json::to_string(&values.names).expect("words")));
    }
    words.into_iter().map(|(key, word)| (key.to_owned(), word)).collect()
}
