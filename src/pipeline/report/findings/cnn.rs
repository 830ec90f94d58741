//! 3a and 3c: what the numbers of parameters imply for overfitting, and what the CNN confuses.

use crate::analysis::metrics::{McNemar, difference_interval};
use crate::report::words::{counted, listed, p_value, percent, points, thousands};
use crate::run::findings::Hits;

/// The numbers of 3a.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    /// Parameters of the fully connected layer and of the convolution that are compared.
    pub dense: usize,
    pub convolution: usize,
    /// Parameters of the whole CNN, and of its convolutions.
    pub cnn: usize,
    pub in_convolutions: usize,
    /// Training images.
    pub images: usize,
}

/// Measures against overfitting that were active in this training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restraint {
    /// Training images were augmented.
    pub augmented: bool,
    /// An epoch before the last one was kept.
    pub stopped_early: bool,
}

/// Says what the numbers of parameters imply for overfitting.
pub(crate) fn overfitting(p: &Parameters, train: Hits, test: Hits, restraint: Restraint) -> String {
    let gap = train.accuracy() - test.accuracy();
    let (low, high) = difference_interval((train.correct, train.n), (test.correct, test.n));
    let size = format!("{} points (95 % interval {} to {})", points(gap), points(low), points(high));
    let implied = if low > 0.0 && gap > 0.15 {
        format!("and here it shows: the accuracy on training images is higher than on test images by {size}")
    } else if low > 0.0 {
        format!("and here it shows a little: training accuracy is above test accuracy by {size}")
    } else {
        let switched = [(restraint.augmented, "augmentation"), (restraint.stopped_early, "early stopping")];
        let names: Vec<String> = switched.iter().filter(|s| s.0).map(|s| s.1.to_owned()).collect();
        let with = match names.as_slice() {
            [] => "without augmentation or early stopping".to_owned(),
            names => format!("with {}", listed(names)),
        };
        format!("yet here, {with}, training accuracy is not significantly above test accuracy")
    };
    let fraction = p.in_convolutions as f64 / p.cnn.max(1) as f64;
    let rest = if fraction < 0.5 {
        "most are in the fully connected layers behind them"
    } else {
        "the others are in the fully connected layers behind them"
    };
    format!(
        "The fully connected layer has {} times as many parameters as the convolution: it has a weight for each pair of \
         pixel and unit, the convolution one for each tap of a filter, used at every position. More parameters per training \
         image make it easier to memorize the training set; the CNN has {} per image, {implied}. {} of its parameters are \
         in the convolutions; {rest}.",
        thousands(p.dense / p.convolution.max(1)),
        thousands((p.cnn as f64 / p.images.max(1) as f64).round() as usize),
        percent(fraction)
    )
}

/// The confusion that the CNN makes most often, beside the MLP's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confused<'a> {
    /// True class and predicted class.
    pub label: &'a str,
    pub predicted: &'a str,
    /// Images of the true class, and how many of them CNN and MLP predict as the other class.
    pub of: usize,
    pub cnn: usize,
    pub mlp: usize,
    /// McNemar's test on these images: confused by the MLP alone, by the CNN alone.
    pub test: McNemar,
}

/// Says which classes the CNN confuses most often. `mistakes` counts all, `confident` those with a probability above 90
/// %.
pub(crate) fn misclassified(most: Option<Confused<'_>>, mistakes: usize, confident: usize) -> String {
    let Some(c) = most else { return "Nothing: the CNN makes no mistake on the test split.".to_owned() };
    let pair = if c.test.p_value >= 0.05 {
        format!("the difference is not significant ({})", p_value(c.test.p_value))
    } else if c.mlp > c.cnn {
        format!(
            "so the hand-crafted features separate the two less well than the pixels do ({})",
            p_value(c.test.p_value)
        )
    } else {
        format!("so the hand-crafted features separate the two better than the CNN does ({})", p_value(c.test.p_value))
    };
    format!(
        "{} predicted as {}: {} of {} test images. Of the {} in all, {confident} {} made with a probability above 90 %. The MLP \
         makes the same confusion for {} of these images: {pair}.",
        c.label,
        c.predicted,
        c.cnn,
        c.of,
        counted(mistakes, "mistake"),
        if confident == 1 { "was" } else { "were" },
        c.mlp,
    )
}

/// Returns how training images are augmented: `mirrored and turned by quarters at random`.
pub(crate) fn augmentation(flips: bool, quarter_turns: bool) -> &'static str {
    match (flips, quarter_turns) {
        (true, true) => "mirrored and turned by quarters at random",
        (true, false) => "mirrored at random",
        (false, true) => "turned by quarters at random",
        (false, false) => "not augmented",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: Parameters =
        Parameters { dense: 1_000_000, convolution: 500, cnn: 40_000, in_convolutions: 4_000, images: 400 };

    fn of(train: f64, test: f64, augmented: bool, stopped_early: bool) -> String {
        overfitting(&PARAMETERS, Hits::of(train, 4000), Hits::of(test, 1000), Restraint { augmented, stopped_early })
    }

    #[test]
    fn augmentation_is_credited_only_where_it_was_used() {
        let words = of(0.9, 0.9, false, false);
        assert!(
            words.contains("without augmentation or early stopping") && words.contains("2,000 times as many"),
            "{words}"
        );
        assert!(of(0.9, 0.9, true, false).contains("with augmentation,"));
        assert!(of(0.9, 0.9, false, true).contains("with early stopping,"));
        assert!(of(0.9, 0.9, true, true).contains("with augmentation and early stopping,"));
    }

    #[test]
    fn a_gap_shows_if_it_is_significant() {
        assert!(of(0.99, 0.7, true, true).contains("and here it shows: "));
        assert!(of(0.95, 0.9, true, true).contains("shows a little"));
        assert!(!of(0.95, 0.94, true, true).contains("shows"));
        assert!(
            of(0.9, 0.9, true, true).contains("10.0 % of its parameters")
                && of(0.9, 0.9, true, true).contains("most are")
        );
        let convolutional = Parameters { in_convolutions: 30_000, ..PARAMETERS };
        let restraint = Restraint { augmented: false, stopped_early: false };
        let words = overfitting(&convolutional, Hits::of(0.9, 100), Hits::of(0.9, 100), restraint);
        assert!(words.contains("the others are"), "{words}");
    }

    #[test]
    fn a_confusion_is_harder_for_the_mlp_only_if_significant() {
        let of = |cnn, mlp, p_value| {
            let test = McNemar { only_a: mlp, only_b: cnn, p_value };
            misclassified(Some(Confused { label: "a", predicted: "b", of: 30, cnn, mlp, test }), 9, 1)
        };
        assert!(of(5, 20, 0.01).contains("less well than the pixels"));
        assert!(of(20, 5, 0.01).contains("better than the CNN"));
        assert!(of(5, 6, 0.9).contains("not significant (p = 0.900)"));
        assert!(of(5, 6, 0.9).contains("Of the 9 mistakes in all, 1 was made"));
        assert!(misclassified(None, 0, 0).contains("no mistake"));
    }
}
