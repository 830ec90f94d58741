//! The sentences of reports on a trained classifier. Each sentence is a function of numbers, and is tested with numbers
//! for which it is true and with numbers for which it is false.
//!
//! A classifier *has learned* something if its test accuracy is above that of the majority-class baseline by more than
//! chance explains: if that baseline lies below Wilson's 95 % interval. It *generalizes* if, besides, its test
//! accuracy is not significantly below its training accuracy, and neither is its validation accuracy (Newcombe's
//! interval for the difference of two fractions). Validation and test accuracy are compared by the same interval: the
//! best epoch is chosen on the validation set, so accuracy on that set is too high in expectation.

pub use super::scores::{Hits, OnSplits};

use super::scores::Scores;
use crate::analysis::metrics::difference_interval;
use crate::report::words::{counted, percent, points};

/// The course of a training.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// The epoch that was kept.
    pub best: usize,
    /// Epochs trained.
    pub ran: usize,
    /// Epochs that were allowed.
    pub allowed: usize,
    /// Whether the last epoch's training loss is below that of the best epoch.
    pub training_loss_fell_on: bool,
    /// Whether there were validation samples to choose an epoch by.
    pub validated: bool,
}

/// Says whether a trained classifier generalizes to new samples.
pub fn generalizes(s: &Scores, epochs: usize) -> String {
    let (best, ran) = (s.history.best_epoch, s.history.epochs.len());
    let loss =
        |epoch: usize| epoch.checked_sub(1).and_then(|i| s.history.epochs.get(i)).and_then(|e| e.get("train_loss"));
    let training_loss_fell_on = loss(ran) < loss(best);
    let course = Course { best, ran, allowed: epochs, training_loss_fell_on, validated: s.val.is_some() };
    format!("{} {}", generalization(&s.on_splits()), best_epoch(&course))
}

/// Decides by the training, validation and test accuracy and by the majority-class baseline. The gap is that to
/// validation or test accuracy, whichever is larger.
pub fn generalization(s: &OnSplits) -> String {
    let to_test = ("test", gap(s.train, s.test));
    let gaps: Vec<_> = s.val.map(|val| ("validation", gap(s.train, val))).into_iter().chain([to_test]).collect();
    let by_gap = |a: &&(_, (f64, _)), b: &&(_, (f64, _))| a.1.0.total_cmp(&b.1.0);
    let (name, (gap, (low, high))) = *gaps.iter().max_by(by_gap).expect("there is a test set");
    let with_gap = || {
        format!(
            "a gap of {} points between training and {name} accuracy (95 % interval {} to {})",
            points(gap),
            points(low),
            points(high)
        )
    };
    let validation = s.val.map(|val| format!(", {} on the validation set", percent(val.accuracy())));
    let figures = format!(
        "the accuracy is {} on the training set{} and {} on the test set",
        percent(s.train.accuracy()),
        validation.unwrap_or_default(),
        s.test.words()
    );
    let baseline = percent(s.baseline);
    let verdict = if !s.test.beats(s.baseline) {
        let memorized = if low > 0.0 {
            format!(
                " It fits its training set better than new samples, with {}: what it learned does not generalize.",
                with_gap()
            )
        } else {
            String::new()
        };
        format!(
            "There is no evidence that it learned the task: {figures}, not significantly above the {baseline} of the \
             majority-class baseline.{memorized}"
        )
    } else {
        let above = format!("The majority-class baseline reaches {baseline}.");
        let is_above = |(_, (_, (_, high))): &(&str, (f64, (f64, f64)))| *high < 0.0;
        if gaps.iter().all(is_above) {
            format!(
                "It does better on new samples than on the training set: {figures}. The differences are significant at the \
                 5 % level: the new samples are easier, or the training samples were augmented or noisy. {above}"
            )
        } else if low <= 0.0 {
            let none =
                if s.val.is_some() { "Neither validation nor test accuracy is" } else { "The test accuracy is not" };
            format!("It generalizes: {figures}. {none} significantly below training accuracy at the 5 % level. {above}")
        } else if gap > 0.15 {
            format!("It overfits: {figures}, {}. {above}", with_gap())
        } else if gap > 0.05 {
            format!("It generalizes only in part: {figures}, {}. {above}", with_gap())
        } else {
            format!("It generalizes with a small but significant gap: {figures}, {}. {above}", with_gap())
        }
    };
    format!("{verdict}{}", s.val.map_or(String::new(), |val| validation_against_test(val, s.test)))
}

/// Returns p_a - p_b with its 95 % interval.
fn gap(a: Hits, b: Hits) -> (f64, (f64, f64)) {
    (a.accuracy() - b.accuracy(), difference_interval((a.correct, a.n), (b.correct, b.n)))
}

/// Returns a sentence if validation and test accuracy differ significantly; nothing otherwise.
pub fn validation_against_test(val: Hits, test: Hits) -> String {
    let (difference, (low, high)) = gap(val, test);
    let size = points(difference.abs());
    if low > 0.0 {
        format!(
            " The test accuracy is {size} points below the validation accuracy, which is significant at the 5 % level: the \
             test samples are harder or of another kind, or the choices made on the validation set fit that set only."
        )
    } else if high < 0.0 {
        format!(
            " The test accuracy is {size} points above the validation accuracy, which is significant at the 5 % level: the \
             test samples are easier."
        )
    } else {
        String::new()
    }
}

/// Says which epoch was kept, and why the training ended.
pub fn best_epoch(c: &Course) -> String {
    if !c.validated {
        return format!(
            "There are no validation samples: all {} were trained, and the last is kept.",
            counted(c.ran, "epoch")
        );
    }
    let kept = format!("Epoch {} of {} was the best on the validation set and is kept", c.best, c.ran);
    if c.ran < c.allowed && c.best < c.ran {
        let without = counted(c.ran - c.best, "epoch");
        format!("{kept}: the training stopped early, after {without} without improvement.")
    } else if c.best == c.ran {
        format!("{kept}; it was the last one, so more epochs may help.")
    } else if c.training_loss_fell_on {
        format!(
            "{kept}: afterwards the training loss continued to fall, and no epoch was better on the validation set."
        )
    } else {
        format!("{kept}; no later epoch was better on the validation set.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splits(train: f64, val: f64, test: f64, baseline: f64, n: usize) -> OnSplits {
        OnSplits { train: Hits::of(train, 8 * n), val: Some(Hits::of(val, n)), test: Hits::of(test, n), baseline }
    }

    #[test]
    fn chance_level_is_never_called_generalization() {
        for (train, test, baseline, n) in [
            (0.108, 0.108, 0.1135, 10_000),
            (0.333, 0.333, 1.0 / 3.0, 90),
            (0.4, 0.4, 0.35, 90),
            (1.0, 0.35, 0.34, 300),
        ] {
            let words = generalization(&splits(train, test, test, baseline, n));
            assert!(words.starts_with("There is no evidence that it learned"), "{words}");
            assert_eq!(words.contains("does not generalize"), train == 1.0, "{words}");
        }
    }

    #[test]
    fn a_gap_is_named_by_its_size_and_only_if_it_is_significant() {
        for (train, val, test, n, begins) in [
            (0.978, 0.975, 0.974, 2000, "It generalizes: "),
            (0.90, 0.90, 0.86, 100, "It generalizes: "),
            (0.90, 0.80, 0.90, 1000, "It generalizes only in part"),
            (0.995, 0.975, 0.975, 5000, "It generalizes with a small but significant gap"),
            (0.97, 0.965, 0.878, 624, "It generalizes only in part"),
            (1.0, 0.8, 0.8, 500, "It overfits"),
            (0.80, 0.90, 0.90, 500, "It does better on new samples"),
            (0.80, 0.80, 0.90, 500, "It generalizes: "),
            (0.535, 0.37, 0.43, 100, "It overfits"),
        ] {
            let words = generalization(&splits(train, val, test, 0.3, n));
            assert!(words.starts_with(begins), "{train} {val} {test}: {words}");
            assert!(words.contains("The majority-class baseline reaches 30.0 %."));
        }
        let words = generalization(&splits(0.9, 0.9, 0.9004, 0.3, 2500));
        assert!(!words.contains("−0.0") && !words.contains("-0.0"), "{words}");
    }

    #[test]
    fn without_validation_samples_no_sentence_mentions_them() {
        for (train, test, begins) in
            [(0.978, 0.974, "It generalizes: "), (1.0, 0.8, "It overfits"), (0.3, 0.3, "There is no evidence")]
        {
            let words = generalization(&OnSplits { val: None, ..splits(train, 0.0, test, 0.3, 2000) });
            assert!(words.starts_with(begins) && !words.contains("alidation"), "{words}");
        }
    }

    #[test]
    fn the_test_set_is_called_harder_only_if_it_is() {
        let harder = |val, test| validation_against_test(Hits::of(val, 600), Hits::of(test, 600));
        assert!(harder(0.965, 0.878).contains("8.7 points below"));
        assert!(harder(0.878, 0.965).contains("8.7 points above"));
        assert_eq!(harder(0.90, 0.89), "");
        assert_eq!(validation_against_test(Hits { correct: 9, n: 10 }, Hits { correct: 7, n: 10 }), "");
    }

    #[test]
    fn the_end_of_a_training_is_described_correctly() {
        let course = Course { best: 3, ran: 8, allowed: 20, training_loss_fell_on: true, validated: true };
        assert!(best_epoch(&course).ends_with("stopped early, after 5 epochs without improvement."));
        assert!(best_epoch(&Course { best: 8, allowed: 8, ..course }).contains("more epochs may help"));
        let whole = Course { allowed: 8, ..course };
        assert!(best_epoch(&whole).contains("the training loss continued to fall"));
        let both = best_epoch(&Course { training_loss_fell_on: false, ..whole });
        assert!(both.ends_with("no later epoch was better on the validation set.") && !both.contains("training loss"));
        let last = best_epoch(&Course { best: 8, validated: false, ..whole });
        assert_eq!(last, "There are no validation samples: all 8 epochs were trained, and the last is kept.");
    }

    #[test]
    fn fractions_come_with_interval_and_n() {
        assert_eq!(Hits { correct: 135, n: 180 }.words(), "75.0 % (95 % interval 68.2 to 80.8 %, n = 180)");
        assert!(Hits { correct: 60, n: 90 }.beats(0.5) && !Hits { correct: 50, n: 90 }.beats(0.5));
    }
}
