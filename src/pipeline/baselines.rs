//! Baselines: the majority-class baseline, and logistic regression on the pixels.

use super::cnn::CnnStage;
use super::config::Config;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::nn::{Flatten, Init, Linear, Sequential};
use crate::optim::{Adam, FirstOrder};
use crate::rng::Rng;
use crate::run::{Scores, Trainer, score};
use crate::train::{Fit, ImageSamples};

/// The baselines.
#[derive(Clone, Debug)]
pub struct Baselines {
    /// The most frequent class of the training split.
    pub majority_class: usize,
    /// Test accuracy of always predicting it.
    pub majority_accuracy: f64,
    /// Softmax regression on all pixels, trained like the CNN but without hidden layers or augmentation.
    pub logistic: Scores,
}

/// Most epochs of the regression; early stopping may end it sooner.
const EPOCHS: usize = 20;
/// Its learning rate: its many weights all move together, and a larger one overshoots.
const LR: f64 = 1e-4;

/// Computes the baselines.
pub fn measure(config: &Config, data: &ImageData, cnn: &CnnStage, trainer: &mut Trainer<'_>) -> Result<Baselines> {
    let counts = data.train.counts();
    let majority_class = (0..counts.len()).fold(0, |best, c| if counts[c] > counts[best] { c } else { best });
    let hits = data.test.labels().iter().filter(|&&l| l == majority_class).count();

    let samples = |images: &Images| ImageSamples::new(&images.pixels, images.target.clone(), &cnn.normalization);
    let (train, val, test) = (samples(&data.train)?, samples(&data.val)?, samples(&data.test)?);
    let pixels = data.channels() * config.data.size * config.data.size;
    let mut rng = Rng::new(config.seed, "logistic.init", 0);
    let out = Linear::new(pixels, data.classes.len(), Init::PyTorch, &mut rng);
    let model = Sequential::new().with("flatten", Flatten).with("out", out);
    let fit = Fit::new(EPOCHS.min(config.cnn.epochs), 4, config.cnn.batch, config.seed);
    let fit = Fit { network: "logistic".to_owned(), ..fit };
    let mut adam = FirstOrder::new(Adam::new(LR));
    let mut learner = fit.learner(&model, &mut adam, &train, &val)?;
    let history = trainer.train("logistic", &fit.training(), &mut learner)?;
    let logistic = score(&model, history, &fit.objective, [&train, &val, &test], data.classes.len())?;
    Ok(Baselines { majority_class, majority_accuracy: hits as f64 / data.test.len() as f64, logistic })
}
