//! Stage 6. The CNN of Figure 1 on the pixels: conv 3x3 *same*, ReLU, max-pool 2, four times; then two fully
//! connected layers. Pixels are standardized by the training split's mean and deviation; training images are
//! mirrored and turned at random.

use super::config::Config;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::models::cnn::Cnn;
use crate::nn::Sequential;
use crate::optim::{Adam, FirstOrder};
use crate::rng::Rng;
use crate::run::{Scores, Trainer, memory, score};
use crate::train::{Augment, Normalization};
use crate::train::{Fit, ImageSamples};

/// The trained network and its figures.
pub struct CnnStage {
    /// With the best epoch's weights.
    pub model: Sequential,
    /// Its figures.
    pub scores: Scores,
    /// Mean and deviation of the training pixels.
    pub normalization: Normalization,
}

/// Builds the untrained network.
pub fn build(config: &Config, channels: usize, classes: usize) -> Result<Sequential> {
    let c = &config.cnn;
    let input = [channels, config.data.size, config.data.size];
    let figure_1 = Cnn { input, widths: c.widths.clone(), hidden: c.hidden, classes };
    figure_1.build(&mut Rng::new(config.seed, "cnn.init", 0))
}

/// Refuses a network if its weights will not fit into memory, before anything is computed. The number of channels is
/// not known yet, but does not matter for such a size.
pub(super) fn check_size(config: &Config) -> Result<()> {
    let (c, mut inputs, mut weights) = (&config.cnn, 1u64, 0u64);
    for &width in &c.widths {
        weights += 9 * inputs * width as u64;
        inputs = width as u64;
    }
    let side = (config.data.size >> c.widths.len()) as u64;
    weights = weights.saturating_add((inputs * side * side).saturating_mul(c.hidden as u64));
    let what = format!("training {weights} weights");
    memory::demand(
        "cnn.widths",
        &what,
        weights.saturating_mul(16),
        "give fewer or smaller blocks, or a smaller cnn.hidden",
    )
}

/// Trains the CNN.
pub fn train(config: &Config, data: &ImageData, trainer: &mut Trainer<'_>) -> Result<CnnStage> {
    let (c, seed, classes) = (&config.cnn, config.seed, data.classes.len());
    let normalization = Normalization::fit(&data.train.pixels)?;
    let samples = |images: &Images| ImageSamples::new(&images.pixels, images.target.clone(), &normalization);
    let augment = Augment { flips: c.flips, quarter_turns: c.quarter_turns, ..Augment::NONE };
    let (train, val, test) =
        (samples(&data.train)?.augmented(augment, seed), samples(&data.val)?, samples(&data.test)?);

    let model = build(config, data.channels(), classes)?;
    let fit = Fit { rate: "cnn.lr", network: "cnn".to_owned(), ..Fit::new(c.epochs, c.patience, c.batch, seed) };
    let mut adam = FirstOrder::new(Adam::new(c.lr));
    let mut learner = fit.learner(&model, &mut adam, &train, &val)?;
    let history = trainer.train("cnn", &fit.training(), &mut learner)?;
    trainer.export("cnn")?;
    let scores = score(&model, history, &fit.objective, [&train, &val, &test], classes)?;
    Ok(CnnStage { model, scores, normalization })
}
