//! Stage 5. An MLP on the features: softmax output, one-hot targets, cross-entropy, Adam.
//!
//! The same network is trained with each activation, for the small table of the report.

use super::config::MlpConfig;
use super::features::FeatureStage;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::models::mlp::mlp;
use crate::nn::{Activation, Sequential};
use crate::optim::{Adam, FirstOrder};
use crate::rng::Rng;
use crate::run::{Scores, Trainer, score};
use crate::tensor::Tensor;
use crate::train::{Fit, Matrix, Samples, activations};
use ndarray::Array2;

/// The activations of the table.
const ACTIVATIONS: [Activation; 4] = [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Gelu];

/// The trained network and its figures.
pub struct MlpStage {
    /// With the best epoch's weights.
    pub model: Sequential,
    /// Its figures.
    pub scores: Scores,
    /// Logits of the validation samples (for the depth lesson) and of the test samples (for the embedding).
    pub logits: [Array2<f32>; 2],
    /// The same network with each activation.
    pub activations: Vec<(Activation, Scores)>,
}

/// Builds the untrained network.
pub fn build(config: &MlpConfig, activation: Activation, inputs: usize, classes: usize, seed: u64) -> Sequential {
    mlp(inputs, &config.hidden, classes, activation, &mut Rng::new(seed, "mlp.init", 0))
}

/// Trains the MLP, and its variants.
pub fn train(
    config: &MlpConfig,
    seed: u64,
    features: &FeatureStage,
    data: &ImageData,
    trainer: &mut Trainer<'_>,
) -> Result<MlpStage> {
    let classes = data.classes.len();
    let samples =
        |part: usize, images: &Images| Matrix::new(Tensor::from(features.scaled[part].clone()), images.target.clone());
    let (train, val, test) = (samples(0, &data.train)?, samples(1, &data.val)?, samples(2, &data.test)?);
    let fit = Fit { rate: "mlp.lr", ..Fit::new(config.epochs, config.patience, config.batch, seed) };

    let mut train_one = |name: &str, activation: Activation| -> Result<(Sequential, Scores)> {
        let model = build(config, activation, features.names.len(), classes, seed);
        let mut adam = FirstOrder::new(Adam::new(config.lr));
        let fit = Fit { network: name.to_owned(), ..fit.clone() };
        let mut learner = fit.learner(&model, &mut adam, &train, &val)?;
        let history = trainer.train(name, &fit.training(), &mut learner)?;
        let scores = score(&model, history, &fit.objective, [&train, &val, &test], classes)?;
        Ok((model, scores))
    };
    let (model, scores) = train_one("mlp", config.activation)?;
    let mut variants = Vec::new();
    let own = (!ACTIVATIONS.contains(&config.activation)).then_some(config.activation);
    for activation in own.into_iter().chain(ACTIVATIONS) {
        let scores = if activation == config.activation {
            scores.clone()
        } else {
            train_one(&format!("mlp_{}", activation.name()), activation)?.1
        };
        variants.push((activation, scores));
    }
    trainer.export("mlp")?;
    let logits = |samples: &Matrix| activations(&model, "", samples, &(0..samples.len()).collect::<Vec<_>>());
    let logits = [logits(&val)?, logits(&test)?];
    Ok(MlpStage { model, scores, logits, activations: variants })
}
