//! The metrics of a trained classifier on its three splits.

use crate::analysis::metrics::{Confusion, wilson_interval};
use crate::error::Result;
use crate::nn::{Module, count_parameters};
use crate::report::words::{percent, thousands};
use crate::train::{Evaluation, History, Objective, Samples, evaluate};

/// A trained classifier's metrics.
#[derive(Clone, Debug)]
pub struct Scores {
    /// Number of parameters.
    pub parameters: usize,
    /// The epochs.
    pub history: History,
    /// The best epoch's weights on the training split.
    pub train: Evaluation,
    /// On the validation split; none without validation samples.
    pub val: Option<Evaluation>,
    /// On the test split.
    pub test: Evaluation,
    /// True labels against predictions on the test split.
    pub confusion: Confusion,
    /// The most frequent class of the training split (the first among equals): what the majority-class baseline
    /// predicts.
    pub majority_class: usize,
}

impl Scores {
    /// Returns the test accuracy of the majority-class baseline.
    pub fn baseline(&self) -> f64 {
        Hits { correct: self.confusion.support(self.majority_class), n: self.confusion.total() }.accuracy()
    }

    /// Returns the evaluations with the names of their splits: train, val (if there is one), test.
    pub fn splits(&self) -> impl Iterator<Item = (&'static str, &Evaluation)> {
        let val = self.val.as_ref().map(|val| ("val", val));
        [Some(("train", &self.train)), val, Some(("test", &self.test))].into_iter().flatten()
    }

    /// Returns the evaluation on the validation split. Panics if there is none.
    pub fn validation(&self) -> &Evaluation {
        self.val.as_ref().expect("there are validation samples")
    }

    /// Returns the accuracies with their numbers of samples, beside the baseline.
    pub fn on_splits(&self) -> OnSplits {
        let hits = |e: &Evaluation| Hits::of(e.accuracy, e.predicted.len());
        let (train, val, test) = (hits(&self.train), self.val.as_ref().map(hits), hits(&self.test));
        OnSplits { train, val, test, baseline: self.baseline() }
    }
}

/// Evaluates a trained classifier on train, val and test.
pub fn score(
    model: &dyn Module,
    history: History,
    objective: &Objective,
    samples: [&dyn Samples; 3],
    classes: usize,
) -> Result<Scores> {
    let [train, val, test] = samples;
    let on_test = evaluate(model, test, objective)?;
    let mut counts = vec![0usize; classes];
    train.target().labels().iter().for_each(|&label| counts[label] += 1);
    let majority_class = (0..classes).fold(0, |best, c| if counts[c] > counts[best] { c } else { best });
    Ok(Scores {
        majority_class,
        parameters: count_parameters(model),
        history,
        train: evaluate(model, train, objective)?,
        val: (!val.is_empty()).then(|| evaluate(model, val, objective)).transpose()?,
        confusion: Confusion::new(test.target().labels(), &on_test.predicted, classes)?,
        test: on_test,
    })
}

/// Correct predictions among `n` samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hits {
    /// Correctly predicted samples.
    pub correct: usize,
    /// All samples.
    pub n: usize,
}

impl Hits {
    /// Converts a fraction of `n` samples.
    pub fn of(accuracy: f64, n: usize) -> Self {
        Self { correct: (accuracy * n as f64).round() as usize, n }
    }

    /// Returns the fraction of correct predictions; 0 without samples.
    pub fn accuracy(self) -> f64 {
        self.correct as f64 / self.n.max(1) as f64
    }

    /// Computes Wilson's 95 % interval.
    pub fn interval(self) -> (f64, f64) {
        wilson_interval(self.correct, self.n)
    }

    /// Returns the interval and n: `95 % interval 85.1 to 90.1 %, n = 640`.
    pub fn precision(self) -> String {
        let (low, high) = self.interval();
        format!("95 % interval {:.1} to {}, n = {}", 100.0 * low, percent(high), thousands(self.n))
    }

    /// Returns the fraction with its interval: `87.8 % (95 % interval 85.1 to 90.1 %, n = 640)`.
    pub fn words(self) -> String {
        format!("{} ({})", percent(self.accuracy()), self.precision())
    }

    /// Returns whether the fraction is above `baseline` by more than chance explains.
    pub fn beats(self, baseline: f64) -> bool {
        self.interval().0 > baseline
    }
}

/// A trained classifier on its three splits, and the test accuracy of the majority-class baseline.
#[derive(Clone, Copy, Debug)]
pub struct OnSplits {
    /// On the training set.
    pub train: Hits,
    /// On the validation set; none without validation samples.
    pub val: Option<Hits>,
    /// On the test set.
    pub test: Hits,
    /// Test accuracy of predicting the most frequent training class for every sample.
    pub baseline: f64,
}
