//! `kind = "classify"`: what a classifier's run found out, in numbers.

pub mod findings;
pub mod report;

use crate::analysis::metrics::{Confusion, Reliability, brier_score, macro_auc, roc_curve};
use crate::error::Result;
use crate::experiment::found::Run;
use crate::experiment::kind::{Kind, Learns, NETWORK};
use crate::experiment::prepared::Prepared;
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, OneNetwork, Runner, Task};
use crate::report::table::csv_bytes;
use crate::run::{Scores, Watch};
use crate::tensor::Tensor;
use crate::train::{Evaluation, Loss, evaluate};
use ndarray::ArrayView2;
use serde_json::{Value, json};

/// Intervals of confidence in which predictions are counted.
pub const BINS: usize = 10;

/// What makes the kind.
static KIND: Kind = Kind {
    name: "classify",
    learns: Learns::Classes,
    losses: &[Loss::CrossEntropy, Loss::Nll, Loss::BceWithLogits, Loss::Bce, Loss::Mse],
    gives: "names a class",
    end: "end with a `linear` of units = 0: one for each class, or one for the loss of yes and no",
    implied: "",
    instead: "",
    takes: NETWORK,
    fitting: None,
};

/// `kind = "classify"`: the class of each sample.
pub struct Classify;

impl Runner for Classify {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        OneNetwork::begin(e, watch, |run| Ok(Box::new(Classified::new(run)?)))
    }

    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value> {
        let found = evaluate(&on.experiment.views.of(on.model), on.samples, on.objective)?;
        figures(&found, on.images.labels(), on.images.classes.len())
    }
}

/// Everything a run found out.
pub struct Classified {
    /// The run.
    pub run: Run,
    /// Its figures.
    pub scores: Scores,
}

impl Classified {
    /// Evaluates the trained network on all three splits.
    pub fn new(run: Run) -> Result<Self> {
        let scores = run.prepared.score(run.history.clone())?;
        Ok(Self { run, scores })
    }
}

/// Probabilities `[N, K]` as a matrix, a row for each sample.
pub fn probabilities(p: &Tensor) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((p.shape()[0], p.shape()[1]), p.data()).expect("a tensor is contiguous")
}

/// The figures of one split. `f1` is that of the second of two classes, else the mean over the classes.
pub fn figures(evaluation: &Evaluation, labels: &[usize], classes: usize) -> Result<Value> {
    let confusion = Confusion::new(labels, &evaluation.predicted, classes)?;
    let f1_of: Vec<f64> = (0..classes).map(|c| confusion.f1(c)).collect();
    let p = probabilities(&evaluation.probabilities);
    let reliability = Reliability::of_predictions(p, labels, BINS)?;
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

/// Two classes distinguished at a threshold: the second if its probability reaches it.
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
    let of_second = |e: &Evaluation| probabilities(&e.probabilities).column(1).to_vec();
    let (val, test) = (of_second(scores.val.as_ref()?), of_second(&scores.test));
    let positive: Vec<bool> = p.data.val.labels().iter().map(|&label| label == 1).collect();
    let best = roc_curve(&val, &positive).ok()?.best_threshold();
    Some([0.5, best].map(|threshold| {
        let confusion = |p: &[f32], labels: &[usize]| {
            let predicted: Vec<usize> = p.iter().map(|&p| usize::from(f64::from(p) >= threshold)).collect();
            Confusion::new(labels, &predicted, 2).expect("a prediction for each label")
        };
        Decision { threshold, val: confusion(&val, p.data.val.labels()), test: confusion(&test, p.data.test.labels()) }
    }))
}

/// The content of `metrics.json`.
pub fn metrics(o: &Classified) -> Result<Value> {
    let (s, p) = (&o.scores, &o.run.prepared);
    let data = &p.data;
    let classes = data.classes.len();
    let chosen = decisions(p, s).map(|[_, chosen]| {
        let of = |c: &Confusion| json!({ "accuracy": c.accuracy(), "f1": c.f1(1), "confusion": c.counts });
        json!({ "threshold": chosen.threshold, "val": of(&chosen.val), "test": of(&chosen.test) })
    });
    let own = json!({
        "train": figures(&s.train, data.train.labels(), classes)?,
        "val": s.val.as_ref().map(|val| figures(val, data.val.labels(), classes)).transpose()?,
        "test": figures(&s.test, data.test.labels(), classes)?,
        "chosen_threshold": chosen,
    });
    let own_data = json!({
        "classes": data.classes,
        "skipped": data.skipped,
        "ignored": data.ignored,
        "leakage": data.leakage,
        "missing": data.missing(),
    });
    Ok(o.run.metrics(own, own_data))
}

/// `tables/predictions.csv`: every test sample, its true label, the prediction, the probabilities.
pub fn predictions(o: &Classified) -> Vec<u8> {
    let mut header: Vec<String> = ["sample", "true_label", "prediction"].map(String::from).to_vec();
    header.extend(o.run.prepared.data.classes.iter().map(|c| format!("p_{c}")));
    let mut rows = vec![header];
    let (test, data) = (&o.scores.test, &o.run.prepared.data);
    let k = data.classes.len();
    for i in 0..data.test.len() {
        let class = |c: usize| data.classes[c].clone();
        let mut row = vec![data.test.names[i].clone(), class(data.test.labels()[i]), class(test.predicted[i])];
        row.extend(test.probabilities.data()[i * k..][..k].iter().map(|p| format!("{p:.6}")));
        rows.push(row);
    }
    csv_bytes(rows).expect("the rows have one length")
}
