//! Sentences of a classifier's report, as functions of numbers.

use crate::report::words::percent;
use crate::run::findings::Hits;

/// The verdict on a classifier: its test accuracy beside the majority-class baseline.
pub fn verdict(test: Hits, class: &str, baseline: f64) -> String {
    let above = if test.beats(baseline) {
        "significantly above"
    } else if test.interval().1 < baseline {
        "significantly below"
    } else {
        "not significantly different from"
    };
    format!(
        "The test accuracy is {}, {above} the majority-class baseline: predicting `{class}` for every sample gives {}.",
        test.words(),
        percent(baseline)
    )
}

/// What it means that samples or groups are in more than one split; `noun` in the plural.
pub fn leakage(items: usize, noun: &str) -> String {
    if items == 1 {
        format!("One group or one of the {noun} is in more than one split, so the accuracies may be too high.")
    } else {
        format!("{items} groups or {noun} are in more than one split, so the accuracies may be too high.")
    }
}

/// Whether predicted probabilities can be trusted: the mean confidence against the accuracy on `n` test samples.
pub fn calibration(mean_confidence: f64, test: Hits) -> String {
    let (low, high) = test.interval();
    let judged = if mean_confidence > high {
        "The network is overconfident"
    } else if mean_confidence < low {
        "The network is underconfident"
    } else {
        "On average the network is as confident as it is accurate"
    };
    format!("{judged}: its mean confidence is {}, its test accuracy {}.", percent(mean_confidence), test.words())
}

/// What the list of confused pairs shows: at most `most` of `pairs`, each at least the fraction `above` of its class.
pub fn confused_pairs(pairs: usize, most: usize, above: f64) -> String {
    let which = format!("pairs in which at least {} of a class are predicted as the other", percent(above));
    if pairs > most { format!("The {most} most frequent of {pairs} {which}:") } else { format!("All {which}:") }
}

/// What the rows of the table of thresholds are.
pub const THRESHOLDS: &str = "At one half, and at the threshold that is best on the validation split (largest true positive \
                              rate less false positive rate; Youden 1950)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_interval() {
        let of = |correct, n| verdict(Hits { correct, n }, "a", 0.5);
        assert!(of(80, 100).contains("80.0 %") && of(80, 100).contains(", significantly above the majority"));
        assert!(of(52, 100).contains("not significantly different from"));
        assert!(of(10, 100).contains("significantly below"));
    }

    #[test]
    fn leaks_are_counted() {
        assert!(leakage(1, "images").starts_with("One group or one of the images is"));
        assert!(leakage(7, "samples").starts_with("7 groups or samples are"));
    }

    #[test]
    fn a_shortened_list_says_so() {
        assert!(confused_pairs(24, 15, 0.01).starts_with("The 15 most frequent of 24 pairs in which at least 1.0 %"));
        assert!(confused_pairs(15, 15, 0.01).starts_with("All pairs"));
    }

    #[test]
    fn confidence_is_judged_by_the_interval_of_the_accuracy() {
        let of = |confidence| calibration(confidence, Hits { correct: 80, n: 100 });
        assert!(of(0.95).starts_with("The network is overconfident"));
        assert!(of(0.60).starts_with("The network is underconfident"));
        assert!(of(0.81).starts_with("On average"));
    }
}
