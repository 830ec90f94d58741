//! What is settled before training: the samples, the network, and how it will be fitted.

use super::known::check_data;
use super::layers;
use super::load::load;
use super::preparation::Preparation;
use super::spec::{ClassWeights, Experiment, Model, Train, WeightRule};
use super::validate::wrong_count;
use crate::data::ImageData;
use crate::error::{Error, Result};
use crate::nn::state::load_matching_dict;
use crate::nn::summary::{Summary, summarize};
use crate::nn::{Module, Sequential, fits, freeze};
use crate::run::weights::starting_weights;
use crate::run::{RunFolder, Scores, Watch, identity, score};
use crate::train::{Fit, History, Objective, Samples, Views, balanced};
use std::path::Path;

/// The name under which the network is trained and saved.
pub const MODEL: &str = "model";
/// Most training samples from which a first layer is computed.
const FITTED_ON: usize = 5000;

/// What is settled before training: samples, network, and how it will be fitted.
///
/// ```no_run
/// # use gradus::experiment::{Prepared, Source, builtin};
/// # use gradus::run::Unwatched;
/// # use gradus::train::Silent;
/// let experiment = Source::text(builtin("mlp-300").unwrap().text, "mlp-300")?.resolve()?;
/// let p = Prepared::new(&experiment, &mut Unwatched)?;
/// let mut optimizer = experiment.train.optimizer.build();
/// let (train, val) = (p.train.as_ref(), p.val.as_ref());
/// let trained = p.fit.run(&p.model, optimizer.as_mut(), train, val, None, &mut Silent)?;
/// println!("{}", p.score(trained.history)?.test.accuracy);
/// # Ok::<(), gradus::Error>(())
/// ```
pub struct Prepared {
    /// The images in their three splits.
    pub data: ImageData,
    /// From images to samples.
    pub preparation: Preparation,
    /// The training samples, varied as the experiment says.
    pub train: Box<dyn Samples>,
    /// The validation samples, on which the best epoch is chosen; empty with `data.val = 0`.
    pub val: Box<dyn Samples>,
    /// The held-out test samples.
    pub test: Box<dyn Samples>,
    /// The network, untrained.
    pub model: Sequential,
    /// Its layers.
    pub summary: Summary,
    /// Loss, epochs, batches.
    pub fit: Fit,
    /// The views over which the trained network's outputs are averaged.
    pub views: Views,
}

impl Prepared {
    /// Reads the data and builds the network. Scales are learned from the training split alone: test images must
    /// not influence them.
    pub fn new(e: &Experiment, watch: &mut dyn Watch) -> Result<Self> {
        check_data(e)?;
        let data = load(e, watch)?;
        Self::of(e, data, watch)
    }

    /// The same of data that have been read.
    pub fn of(e: &Experiment, data: ImageData, watch: &mut dyn Watch) -> Result<Self> {
        let preparation = Preparation::fit(&e.data, &data.train)?;
        let train = preparation.samples_of(&data.train, Some((&e.data, e.seed)))?;
        let [val, test] = [&data.val, &data.test].map(|images| preparation.samples_of(images, None));
        let (val, test) = (val?, test?);
        let classes = data.classes.len();
        let (model, summary) = plan(e, &preparation.input(), preparation.outputs())?;
        let seen: Vec<usize> = (0..train.len().min(FITTED_ON)).collect();
        model.fit_inputs(&|| train.batch(&seen, None))?;
        begin_with(&e.model, &model, &data, watch)?;
        let t = &e.train;
        let fit = Fit {
            objective: objective(e, data.train.labels(), classes)?,
            keep: t.keep,
            schedule: t.schedule,
            by_step: t.schedule_by_step,
            drop_last: t.drop_last,
            rate: "train.optimizer.lr",
            network: MODEL.to_owned(),
            ..Fit::new(t.epochs, if t.patience == 0 { usize::MAX } else { t.patience }, t.batch, e.seed)
        };
        fit.check_validation(val.len())?;
        t.optimizer.build().check(&model)?;
        Ok(Self { data, preparation, train, val, test, model, summary, fit, views: e.views })
    }

    /// The figures of the trained network on all three splits.
    pub fn score(&self, history: History) -> Result<Scores> {
        let splits: [&dyn Samples; 3] = [self.train.as_ref(), self.val.as_ref(), self.test.as_ref()];
        score(&self.views.of(&self.model), history, &self.fit.objective, splits, self.data.classes.len())
    }
}

/// The network for an input and its layers in numbers, without training it. `numbers` is that of classes, or of numbers to
/// predict. In the place of a network, a model without layers that is not yet fitted.
pub fn plan(e: &Experiment, input: &[usize], numbers: usize) -> Result<(Sequential, Summary)> {
    if let Some(fitting) = e.kind.fitting {
        let nothing = Summary { rows: Vec::new(), parameters: 0, macs: 0, activation_bytes: 0 };
        return Ok((fitting.model(numbers), nothing));
    }
    let outputs = e.train.loss.outputs(input, numbers)?;
    let model = layers::build(&e.model.layer, input, outputs.iter().product(), e.seed)?;
    let summary = summarize(&model, input)?;
    let output = summary.rows.last().map(|row| row.output.clone()).unwrap_or_default();
    if output != outputs {
        let what = format!("ends with {output:?} numbers for each sample, expected {outputs:?}");
        return Err(Error::config("model.layer", what, e.kind.end));
    }
    Ok((model, summary))
}

/// Refuses a network that does not fit, as far as shapes are known before the data are read: it should not wait for them.
pub fn plan_early(e: &Experiment) -> Result<()> {
    match e.input().filter(|_| e.kind.is_network()) {
        Some(input) => plan(e, &input, e.classes().unwrap_or(2)).map(drop),
        None => Ok(()),
    }
}

/// Takes the weights that the network begins with, and freezes what is not to be trained.
///
/// Says it if the weights come from a run that was trained on samples which are held out here.
fn begin_with(spec: &Model, model: &Sequential, data: &ImageData, watch: &mut dyn Watch) -> Result<()> {
    if !spec.weights.is_empty() && !spec.take.is_empty() {
        let path = Path::new(&spec.weights);
        let matching = load_matching_dict(model, &starting_weights(path, MODEL)?, |name| {
            spec.take.iter().any(|pattern| fits(pattern, name)).then(|| name.to_owned())
        })?;
        if matching.taken.is_empty() {
            let help = "give the layers the names and shapes that they have there";
            return Err(Error::data(path, "has no weight that this network has (model.weights)", help));
        }
        watch.note(&format!("weights of {}: {matching}", path.display()));
        if path.join(identity::MANIFEST).exists() {
            let known = identity::manifest(&RunFolder::at(path))?;
            for (split, images) in [("validation", &data.val), ("test", &data.test)] {
                let n = known.trained_on(images);
                if n > 0 {
                    let of = images.len();
                    watch.note(&format!(
                        "warning: the run of these weights was trained on {n} of the {of} {split} samples"
                    ));
                }
            }
        }
    }
    for pattern in &spec.freeze {
        freeze(model, pattern)
            .map_err(|e| Error::config("model.freeze", e.to_string(), "write names as in `conv*`"))?;
    }
    Ok(())
}

/// Returns the loss, and what each class weighs in it.
pub fn objective(e: &Experiment, labels: &[usize], classes: usize) -> Result<Objective> {
    let class_weights = match &e.train.class_weights {
        ClassWeights::Rule(WeightRule::None) => None,
        ClassWeights::Rule(WeightRule::Balanced) => Some(balanced(labels, classes)),
        ClassWeights::Each(weights) if weights.len() == classes => Some(weights.clone()),
        ClassWeights::Each(weights) => return Err(wrong_count(weights.len(), classes)),
    };
    let Train { loss, label_smoothing, huber_delta, .. } = e.train;
    Ok(Objective { loss, class_weights, label_smoothing, huber_delta })
}
