//! The run of an experiment: data, training, test, report.

use super::data::{Preparation, load};
use super::layers;
use super::report;
use super::spec::{ClassWeights, Experiment, WeightRule};
use crate::analysis::metrics::{Confusion, Reliability, brier_score, macro_auc};
use crate::data::{ImageData, Images};
use crate::error::{Error, Result};
use crate::nn::Sequential;
use crate::nn::summary::{Summary, summarize};
use crate::run::{RunFolder, Scores, Trainer, Watch, score};
use crate::train::{Evaluation, Fit, Objective, Samples, balanced};
use ndarray::ArrayView2;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// The name under which the network is trained and saved.
pub const MODEL: &str = "model";
/// Intervals of confidence in which answers are counted.
pub const BINS: usize = 10;
/// What `evaluate` and `predict` need besides the weights.
pub const PREPARATION: &str = "preparation.json";

/// Everything a run found out.
pub struct Outcome {
    /// The experiment.
    pub experiment: Experiment,
    /// The pictures.
    pub data: ImageData,
    /// From pictures to samples.
    pub preparation: Preparation,
    /// With the best epoch's weights.
    pub model: Sequential,
    /// Its layers.
    pub summary: Summary,
    /// Its figures.
    pub scores: Scores,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}

/// The network for an input and its layers in numbers, without training it.
pub fn plan(e: &Experiment, input: &[usize], classes: usize) -> Result<(Sequential, Summary)> {
    let outputs = e.train.loss.outputs(classes)?;
    let model = layers::build(&e.model.layer, input, outputs, e.seed)?;
    let summary = summarize(&model, input)?;
    let output = summary.rows.last().map(|row| row.output.clone()).unwrap_or_default();
    if output != [outputs] {
        let what = format!("ends with {output:?} numbers for each sample, where [{outputs}] are wanted");
        let help = "end with a `linear` of units = 0: one for each class, or one for the loss of yes and no";
        return Err(Error::config("model.layer", what, help));
    }
    Ok((model, summary))
}

/// What is made small: the loss, and what each class weighs.
pub fn objective(e: &Experiment, labels: &[usize], classes: usize) -> Result<Objective> {
    let class_weights = match &e.train.class_weights {
        ClassWeights::Rule(WeightRule::None) => None,
        ClassWeights::Rule(WeightRule::Balanced) => Some(balanced(labels, classes)),
        ClassWeights::Each(weights) if weights.len() == classes => Some(weights.clone()),
        ClassWeights::Each(weights) => {
            let what = format!("has {} numbers, but there are {classes} classes", weights.len());
            return Err(Error::config("train.class_weights", what, "give one for each class, in order"));
        }
    };
    Ok(Objective { loss: e.train.loss, class_weights })
}

/// Runs the experiment and writes everything into `folder`; takes up a checkpoint that is there. Returns `metrics.json`.
pub fn run(e: &Experiment, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Value> {
    const STAGES: usize = 4;
    let mut seconds: Vec<(String, f64)> = Vec::new();
    let mut trainer = Trainer::new(folder, watch)?;
    let begin = |trainer: &mut Trainer<'_>, name: &str, number: usize| -> Result<Instant> {
        if trainer.watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before stage {name}")));
        }
        trainer.watch.stage(number, STAGES, name);
        Ok(Instant::now())
    };

    let start = begin(&mut trainer, "data", 1)?;
    let data = load(e, trainer.watch)?;
    folder.settle_data(&e.data.path, &data.sha256)?;
    let preparation = Preparation::fit(&e.data, &data.train)?;
    let samples = |images: &Images, augment| preparation.samples(&images.pixels, &images.labels, augment);
    let train = samples(&data.train, Some((&e.data, e.seed)))?;
    let (val, test) = (samples(&data.val, None)?, samples(&data.test, None)?);
    seconds.push(("data".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "train", 2)?;
    let classes = data.classes.len();
    let (model, summary) = plan(e, &preparation.input(), classes)?;
    let objective = objective(e, &data.train.labels, classes)?;
    let patience = if e.train.patience == 0 { usize::MAX } else { e.train.patience };
    let fit = Fit {
        objective,
        keep: e.train.keep,
        schedule: e.train.schedule,
        ..Fit::new(e.train.epochs, patience, e.train.batch, e.seed)
    };
    let mut optimizer = e.train.optimizer.build();
    let history = trainer.train(MODEL, &model, optimizer.as_mut(), &fit, train.as_ref(), val.as_ref())?;
    trainer.export(MODEL)?;
    trainer.write_history()?;
    let text = serde_json::to_vec_pretty(&preparation).expect("plain numbers and words");
    folder.write(PREPARATION, &text)?;
    seconds.push(("train".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "test", 3)?;
    let splits: [&dyn Samples; 3] = [train.as_ref(), val.as_ref(), test.as_ref()];
    let scores = score(&model, history, &fit.objective, splits, classes)?;
    seconds.push(("test".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "report", 4)?;
    let mut outcome = Outcome { experiment: e.clone(), data, preparation, model, summary, scores, seconds };
    folder.write("tables/predictions.csv", &predictions(&outcome))?;
    report::write(&outcome, folder)?;
    outcome.seconds.push(("report".into(), start.elapsed().as_secs_f64()));
    let metrics = metrics(&outcome)?;
    folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
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

/// The content of `metrics.json`. The keys are a contract; new ones may be added.
fn metrics(o: &Outcome) -> Result<Value> {
    let (s, classes) = (&o.scores, o.data.classes.len());
    let total: f64 = o.seconds.iter().map(|(_, s)| s).sum();
    let mut seconds: Map<String, Value> = o.seconds.iter().map(|(name, s)| (name.clone(), json!(s))).collect();
    seconds.insert("total".into(), json!(total));
    Ok(json!({
        "recipe": "train",
        "experiment": o.experiment.name,
        "seed": o.experiment.seed,
        "parameters": s.parameters,
        "macs": o.summary.macs,
        "best_epoch": s.history.best_epoch,
        "epochs": s.history.epochs.len(),
        "train": figures(&s.train, &o.data.train.labels, classes)?,
        "val": figures(&s.val, &o.data.val.labels, classes)?,
        "test": figures(&s.test, &o.data.test.labels, classes)?,
        "data": {
            "kind": o.experiment.data.kind,
            "classes": o.data.classes,
            "train": o.data.train.counts(),
            "val": o.data.val.counts(),
            "test": o.data.test.counts(),
            "skipped": o.data.skipped,
            "leakage": o.data.leakage,
            "sha256": o.data.sha256,
        },
        "seconds": seconds,
    }))
}

/// `tables/predictions.csv`: every test sample, its truth, the answer, the probabilities.
fn predictions(o: &Outcome) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = ["sample", "truth", "answer"].map(String::from).to_vec();
    header.extend(o.data.classes.iter().map(|c| format!("p_{c}")));
    let mut write = |row: &[String]| csv.write_record(row).expect("writing to memory cannot fail");
    write(&header);
    let (test, k) = (&o.scores.test, o.data.classes.len());
    for i in 0..o.data.test.len() {
        let class = |c: usize| o.data.classes[c].clone();
        let mut row = vec![o.data.test.names[i].clone(), class(o.data.test.labels[i]), class(test.predicted[i])];
        row.extend(test.probabilities.data()[i * k..][..k].iter().map(|p| format!("{p:.6}")));
        write(&row);
    }
    csv.into_inner().expect("writing to memory cannot fail")
}
