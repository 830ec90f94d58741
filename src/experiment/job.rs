//! The run of an experiment: data, training, test, report.

use super::answer::of_run;
use super::cost;
use super::data::{Preparation, load};
use super::layers;
use super::reconstruction::Reconstructed;
use super::report;
use super::spec::{ClassWeights, Experiment, Model, WeightRule};
use super::validate::wrong_count;
use crate::analysis::metrics::{Confusion, Reliability, brier_score, macro_auc, roc_curve};
use crate::data::manifest::identity as identity_of;
use crate::data::{ImageData, Images};
use crate::error::{Error, Result};
use crate::nn::state::load_matching_dict;
use crate::nn::summary::{Summary, summarize};
use crate::nn::{Sequential, fits, freeze};
use crate::optim::Schedule;
use crate::report::table::csv_bytes;
use crate::run::book::told;
use crate::run::weights::starting_weights;
use crate::run::{RunFolder, Scores, Settings, Trainer, Watch, identity, ledger, score};
use crate::train::{Evaluation, Fit, History, Objective, Samples, balanced};
use ndarray::ArrayView2;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Instant;

/// The name under which the network is trained and saved.
pub const MODEL: &str = "model";
/// Intervals of confidence in which answers are counted.
pub const BINS: usize = 10;
/// What `evaluate` and `predict` need besides the weights.
pub const PREPARATION: &str = "preparation.json";

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
    /// The pictures in their three splits.
    pub data: ImageData,
    /// From pictures to samples.
    pub preparation: Preparation,
    /// What is learned from, varied as the experiment says.
    pub train: Box<dyn Samples>,
    /// What the best epoch is chosen on; empty with `data.val = 0`.
    pub val: Box<dyn Samples>,
    /// What is asked once.
    pub test: Box<dyn Samples>,
    /// The network, untrained.
    pub model: Sequential,
    /// Its layers.
    pub summary: Summary,
    /// Loss, epochs, batches.
    pub fit: Fit,
}

impl Prepared {
    /// Reads the data and builds the network. Scales are learned from the training split alone: what test pictures look
    /// like is part of the answer.
    pub fn new(e: &Experiment, watch: &mut dyn Watch) -> Result<Self> {
        cost::check_data(e)?;
        let data = load(e, watch)?;
        let preparation = Preparation::fit(&e.data, &data.train)?;
        let samples = |images: &Images, augment| preparation.samples(&images.pixels, &images.labels, augment);
        let train = samples(&data.train, Some((&e.data, e.seed)))?;
        let (val, test) = (samples(&data.val, None)?, samples(&data.test, None)?);
        let classes = data.classes.len();
        let (model, summary) = plan(e, &preparation.input(), classes)?;
        begin_with(&e.model, &model, &data, watch)?;
        let t = &e.train;
        let fit = Fit {
            objective: objective(e, &data.train.labels, classes)?,
            keep: t.keep,
            schedule: t.schedule,
            drop_last: t.drop_last,
            rate: "train.optimizer.lr",
            ..Fit::new(t.epochs, if t.patience == 0 { usize::MAX } else { t.patience }, t.batch, e.seed)
        };
        fit.check_validation(val.len())?;
        Ok(Self { data, preparation, train, val, test, model, summary, fit })
    }

    /// The figures of the trained network on all three splits.
    pub fn score(&self, history: History) -> Result<Scores> {
        let splits: [&dyn Samples; 3] = [self.train.as_ref(), self.val.as_ref(), self.test.as_ref()];
        score(&self.model, history, &self.fit.objective, splits, self.data.classes.len())
    }
}

/// Everything a run found out.
pub struct Outcome {
    /// The experiment.
    pub experiment: Experiment,
    /// Its samples and its network, with the best epoch's weights.
    pub prepared: Prepared,
    /// Its figures.
    pub scores: Scores,
    /// How often its test set was evaluated on.
    pub test_set: ledger::Summary,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}

/// The network for an input and its layers in numbers, without training it.
pub fn plan(e: &Experiment, input: &[usize], classes: usize) -> Result<(Sequential, Summary)> {
    let outputs = e.train.loss.outputs(input, classes)?;
    let model = layers::build(&e.model.layer, input, outputs.iter().product(), e.seed)?;
    let summary = summarize(&model, input)?;
    let output = summary.rows.last().map(|row| row.output.clone()).unwrap_or_default();
    if output != outputs {
        let what = format!("ends with {output:?} numbers for each sample, where {outputs:?} are wanted");
        let help = if e.train.loss.is_reconstruction() {
            "a reconstruction has the shape of the input"
        } else {
            "end with a `linear` of units = 0: one for each class, or one for the loss of yes and no"
        };
        return Err(Error::config("model.layer", what, help));
    }
    Ok((model, summary))
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

/// What is made small: the loss, and what each class weighs.
pub fn objective(e: &Experiment, labels: &[usize], classes: usize) -> Result<Objective> {
    let class_weights = match &e.train.class_weights {
        ClassWeights::Rule(WeightRule::None) => None,
        ClassWeights::Rule(WeightRule::Balanced) => Some(balanced(labels, classes)),
        ClassWeights::Each(weights) if weights.len() == classes => Some(weights.clone()),
        ClassWeights::Each(weights) => return Err(wrong_count(weights.len(), classes)),
    };
    Ok(Objective { loss: e.train.loss, class_weights, label_smoothing: e.train.label_smoothing })
}

/// The settings of a run as its `config.toml` has them, and which of them may change before it is resumed. Data may lie
/// elsewhere by then: their checksum tells whether they are the same.
fn settings(folder: &RunFolder) -> Result<Settings> {
    let e = of_run(folder)?;
    let table = toml::Table::try_from(&e).expect("an experiment is plain tables");
    let settings = Settings::new(&table).free(&["name", "about", "report", "study", "data.path"]);
    let settings = settings.length("train.patience", MODEL);
    let rates_follow_epochs = matches!(e.train.schedule, Schedule::Cosine { .. } | Schedule::OneCycle { .. });
    Ok(if rates_follow_epochs { settings } else { settings.length("train.epochs", MODEL) })
}

/// Runs the experiment, writes everything into `folder` and completes it; takes up a checkpoint that is there. Returns
/// `metrics.json`.
pub fn run(e: &Experiment, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Value> {
    const STAGES: usize = 4;
    let mut seconds: Vec<(String, f64)> = Vec::new();
    let mut trainer = Trainer::new(folder, watch, &settings(folder)?)?;
    let begin = |trainer: &mut Trainer<'_>, name: &str, number: usize| -> Result<Instant> {
        if trainer.watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before stage {name}")));
        }
        trainer.watch.stage(number, STAGES, name);
        Ok(Instant::now())
    };

    let start = begin(&mut trainer, "data", 1)?;
    let mut prepared = Prepared::new(e, trainer.watch)?;
    cost::check(e, &prepared)?;
    identity::settle(folder, e.data.source(), &mut prepared.data)?;
    let test_set = (identity_of(&prepared.data.sha256, &prepared.data.test), prepared.data.test.len());
    seconds.push(("data".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "train", 2)?;
    let mut optimizer = e.train.optimizer.build();
    let (train, val) = (prepared.train.as_ref(), prepared.val.as_ref());
    let history = trainer.train(MODEL, &prepared.model, optimizer.as_mut(), &prepared.fit, train, val)?;
    trainer.export(MODEL)?;
    trainer.write_history()?;
    let text = serde_json::to_vec_pretty(&prepared.preparation).expect("plain numbers and words");
    folder.write(PREPARATION, &text)?;
    seconds.push(("train".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "test", 3)?;
    if e.train.loss.is_reconstruction() {
        let mut found = Reconstructed::new(e, prepared, history, seconds)?;
        let networks = [(MODEL, short(&found.metrics()["test"]))];
        found.test_set = ledger::record(folder, "train", (&test_set.0, test_set.1), &networks)?;
        found.seconds.push(("test".into(), start.elapsed().as_secs_f64()));
        let start = begin(&mut trainer, "report", 4)?;
        let fault = told(found.write(folder), folder, trainer.watch)?;
        found.seconds.push(("report".into(), start.elapsed().as_secs_f64()));
        return write_metrics(folder, found.metrics(), fault);
    }
    let scores = prepared.score(history)?;
    let networks = [(MODEL, json!({ "accuracy": scores.test.accuracy, "loss": scores.test.loss }))];
    let test_set = ledger::record(folder, "train", (&test_set.0, test_set.1), &networks)?;
    seconds.push(("test".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "report", 4)?;
    let mut outcome = Outcome { experiment: e.clone(), prepared, scores, test_set, seconds };
    folder.write("tables/predictions.csv", &predictions(&outcome))?;
    let fault = told(report::write(&outcome, folder), folder, trainer.watch)?;
    outcome.seconds.push(("report".into(), start.elapsed().as_secs_f64()));
    write_metrics(folder, metrics(&outcome)?, fault)
}

/// Writes the figures and completes the run. `fault` is what went wrong with its report.
fn write_metrics(folder: &RunFolder, mut metrics: Value, fault: Option<String>) -> Result<Value> {
    if let Some(fault) = fault {
        metrics["warning"] = fault.into();
    }
    folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
    folder.complete()?;
    Ok(metrics)
}

/// The probabilities as a matrix, a row for each sample.
pub fn probabilities(evaluation: &Evaluation) -> ArrayView2<'_, f32> {
    let p = &evaluation.probabilities;
    ArrayView2::from_shape((p.shape()[0], p.shape()[1]), p.data()).expect("a tensor is contiguous")
}

/// The figures of one split. `f1` is that of the second of two classes, else the mean over the classes.
pub fn figures(evaluation: &Evaluation, labels: &[usize], classes: usize) -> Result<Value> {
    let confusion = Confusion::new(labels, &evaluation.predicted, classes)?;
    let f1_of: Vec<f64> = (0..classes).map(|c| confusion.f1(c)).collect();
    let p = probabilities(evaluation);
    let reliability = Reliability::of_answers(p, labels, BINS)?;
    Ok(json!({
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "macro_f1": confusion.macro_f1(),
        "weighted_f1": confusion.weighted_f1(),
        "f1": if classes == 2 { f1_of[1] } else { confusion.macro_f1() },
        "f1_of_classes": f1_of,
        "macro_precision": confusion.macro_precision(),
        "macro_recall": confusion.macro_recall(),
        // Without a sample of each class there is no such area.
        "auc": macro_auc(p, labels).ok(),
        "expected_calibration_error": reliability.expected_calibration_error(),
        "brier_score": brier_score(p, labels)?,
        "confusion": confusion.counts,
    }))
}

/// The figures that stand in the ledger.
pub(super) fn short(figures: &Value) -> Value {
    let of = |key: &str| Some((key.to_owned(), figures.get(key)?.clone()));
    Value::Object(["accuracy", "mse", "loss"].into_iter().filter_map(of).collect())
}

/// Two classes told apart at a threshold: the second if its probability reaches it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The probability.
    pub threshold: f64,
    /// What becomes of the validation split.
    pub val: Confusion,
    /// And of the test split.
    pub test: Confusion,
}

/// The decisions at 0.5 and at the threshold that is best on the validation split ([`Roc::best_threshold`]); none unless
/// there are two classes and validation samples of both.
///
/// [`Roc::best_threshold`]: crate::analysis::metrics::Roc::best_threshold
pub fn decisions(p: &Prepared, scores: &Scores) -> Option<[Decision; 2]> {
    if p.data.classes.len() != 2 {
        return None;
    }
    let of_second = |e: &Evaluation| probabilities(e).column(1).to_vec();
    let (val, test) = (of_second(scores.val.as_ref()?), of_second(&scores.test));
    let positive: Vec<bool> = p.data.val.labels.iter().map(|&label| label == 1).collect();
    let best = roc_curve(&val, &positive).ok()?.best_threshold();
    Some([0.5, best].map(|threshold| {
        let confusion = |p: &[f32], labels: &[usize]| {
            let answers: Vec<usize> = p.iter().map(|&p| usize::from(f64::from(p) >= threshold)).collect();
            Confusion::new(labels, &answers, 2).expect("an answer for each label")
        };
        Decision { threshold, val: confusion(&val, &p.data.val.labels), test: confusion(&test, &p.data.test.labels) }
    }))
}

/// The content of `metrics.json`. The keys are a contract; new ones may be added.
fn metrics(o: &Outcome) -> Result<Value> {
    let (s, data) = (&o.scores, &o.prepared.data);
    let classes = data.classes.len();
    let chosen = decisions(&o.prepared, s).map(|[_, chosen]| {
        let of = |c: &Confusion| json!({ "accuracy": c.accuracy(), "f1": c.f1(1), "confusion": c.counts });
        json!({ "threshold": chosen.threshold, "val": of(&chosen.val), "test": of(&chosen.test) })
    });
    let total: f64 = o.seconds.iter().map(|(_, s)| s).sum();
    let mut seconds: Map<String, Value> = o.seconds.iter().map(|(name, s)| (name.clone(), json!(s))).collect();
    seconds.insert("total".into(), json!(total));
    Ok(json!({
        "recipe": "train",
        "experiment": o.experiment.name,
        "seed": o.experiment.seed,
        "parameters": s.parameters,
        "macs": o.prepared.summary.macs,
        "best_epoch": s.history.best_epoch,
        "epochs": s.history.epochs.len(),
        "train": figures(&s.train, &data.train.labels, classes)?,
        "val": s.val.as_ref().map(|val| figures(val, &data.val.labels, classes)).transpose()?,
        "test": figures(&s.test, &data.test.labels, classes)?,
        "chosen_threshold": chosen,
        "data": {
            "kind": o.experiment.data.kind,
            "classes": data.classes,
            "train": data.train.counts(),
            "val": data.val.counts(),
            "test": data.test.counts(),
            "skipped": data.skipped,
            "ignored": data.ignored,
            "leakage": data.leakage,
            "missing": data.missing(),
            "seed": o.experiment.data.seed,
            "test_set": identity_of(&data.sha256, &data.test),
            "sha256": data.sha256,
        },
        "seconds": seconds,
    }))
}

/// `tables/predictions.csv`: every test sample, its truth, the answer, the probabilities.
fn predictions(o: &Outcome) -> Vec<u8> {
    let mut header: Vec<String> = ["sample", "truth", "answer"].map(String::from).to_vec();
    header.extend(o.prepared.data.classes.iter().map(|c| format!("p_{c}")));
    let mut rows = vec![header];
    let (test, data) = (&o.scores.test, &o.prepared.data);
    let k = data.classes.len();
    for i in 0..data.test.len() {
        let class = |c: usize| data.classes[c].clone();
        let mut row = vec![data.test.names[i].clone(), class(data.test.labels[i]), class(test.predicted[i])];
        row.extend(test.probabilities.data()[i * k..][..k].iter().map(|p| format!("{p:.6}")));
        rows.push(row);
    }
    csv_bytes(rows).expect("the rows have one length")
}
