//! The sentences of the report. Each is a function of the run's numbers, is tested with numbers that make it true and
//! with numbers that make it false, and claims a difference only where a test at the 5 % level finds one.
//!
//! * here: which classifier is best, whether clusters agree with labels, what a leak between splits means;
//! * `pair`: the pair of classes that is confused most, how features separate it, and what the MLP adds (2c);
//! * `cnn`: what the numbers of parameters imply (3a), what the CNN confuses (3c);
//! * `depth`: how classes separate from block to block, and in which space best (3d, 3e).

pub(super) mod cnn;
pub(super) mod depth;
pub(super) mod pair;

use crate::analysis::metrics::McNemar;
use crate::report::words::{listed, p_value, percent, points};
use crate::run::findings::Hits;

/// The numbers of the verdict: test accuracies of three classifiers, the majority-class baseline, and McNemar's test
/// between MLP (a) and CNN (b).
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared<'a> {
    pub kmeans: Hits,
    pub mlp: Hits,
    pub cnn: Hits,
    pub test: McNemar,
    /// Name and test accuracy of the most frequent training class.
    pub majority: (&'a str, f64),
}

/// Says which of MLP and CNN is more accurate, whether that is significant, and which classifiers beat the baseline.
pub(super) fn verdict(c: &Compared<'_>) -> String {
    let difference = c.cnn.accuracy() - c.mlp.accuracy();
    let by = points(difference.abs());
    let (better, other) =
        if difference > 0.0 { ("CNN on pixels", "MLP on features") } else { ("MLP on features", "CNN on pixels") };
    let first = if c.test.only_a == c.test.only_b {
        "The CNN on pixels and the MLP on features are equally accurate".to_owned()
    } else if c.test.p_value < 0.05 {
        format!(
            "The {better} is significantly more accurate than the {other}, by {by} points ({})",
            p_value(c.test.p_value)
        )
    } else {
        format!(
            "The {better} is {by} points more accurate than the {other}, which is not significant at the 5 % level ({})",
            p_value(c.test.p_value)
        )
    };
    let named = [("the CNN", c.cnn), ("the MLP", c.mlp), ("K-means", c.kmeans)];
    let beaten: Vec<String> = named.iter().filter(|(_, hits)| !hits.beats(c.majority.1)).map(|n| n.0.into()).collect();
    let baseline = format!("predicting `{}` for every image, is correct for {}", c.majority.0, percent(c.majority.1));
    let above = match beaten.len() {
        0 => format!("The majority-class baseline, {baseline}: all three are significantly above it."),
        3 => format!("The majority-class baseline, {baseline}: none of the three is significantly above it."),
        n => {
            format!(
                "The majority-class baseline, {baseline}: {} {} not significantly above it.",
                listed(&beaten),
                if n == 1 { "is" } else { "are" }
            )
        }
    };
    format!(
        "{first}: of {} test images, the CNN alone predicts {} correctly and the MLP alone {} (McNemar's exact test on the \
         same images). K-means, which uses labels only to name its clusters, reaches {}. {above}",
        c.cnn.n,
        c.test.only_b,
        c.test.only_a,
        percent(c.kmeans.accuracy()),
    )
}

/// Clusters against labels on the test split.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    /// Adjusted Rand index and normalized mutual information.
    pub adjusted_rand: f64,
    pub nmi: f64,
    /// Accuracy of the named clusters, and of the majority-class baseline.
    pub named: Hits,
    pub baseline: f64,
    /// Classes after which no cluster is named.
    pub unnamed: Vec<String>,
}

/// Says how well clusters agree with labels.
pub(super) fn agreement(a: &Agreement) -> String {
    let degree = match a.adjusted_rand {
        v if v >= 0.8 => "The clusters are nearly the classes",
        v if v >= 0.4 => "The clusters agree with the classes in part",
        v if v >= 0.1 => "The clusters agree with the classes only a little",
        _ => "The clusters hardly agree with the classes",
    };
    let above = if a.named.beats(a.baseline) { "significantly above" } else { "not significantly above" };
    let mut words = format!(
        "{degree}: the adjusted Rand index is {:.2} (1 for identical groups, 0 expected by chance). The normalized mutual \
         information is {:.2} (1 for identical groups; by chance it is a little above 0, the more the smaller the data). With \
         each cluster named after its majority class, the test accuracy is {}, {above} the {} of the majority-class baseline.",
        a.adjusted_rand,
        a.nmi,
        a.named.words(),
        percent(a.baseline),
    );
    if !a.unnamed.is_empty() {
        words.push_str(&format!(
            " No cluster is named after {}: test images of {} are always misclassified.",
            listed(&a.unnamed),
            if a.unnamed.len() == 1 { "this class" } else { "these classes" }
        ));
    }
    if a.adjusted_rand < 0.8 {
        words.push_str(
            " K-means looks for round groups of equal spread in feature space; where a class is elongated, or two classes \
             overlap, cluster borders and class borders differ.",
        );
    }
    words
}

/// Says what a leak means: `items` images or groups are in more than one split, `into_test` of them in the test
/// split.
pub(super) fn leakage(items: usize, into_test: usize) -> String {
    let what = if items == 1 { "One group or image is".to_owned() } else { format!("{items} groups or images are") };
    let which = if into_test > 0 { "test" } else { "validation" };
    format!("{what} in more than one split, so the {which} accuracy may be too high")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::metrics::mcnemar;

    fn compared(only_mlp: usize, only_cnn: usize, both: usize, neither: usize) -> Compared<'static> {
        let n = only_mlp + only_cnn + both + neither;
        let seen = |a: bool, count: usize| std::iter::repeat_n(a, count);
        let mlp: Vec<bool> = seen(true, only_mlp + both).chain(seen(false, only_cnn + neither)).collect();
        let cnn: Vec<bool> =
            seen(false, only_mlp).chain(seen(true, both + only_cnn)).chain(seen(false, neither)).collect();
        let hits = |v: &[bool]| Hits { correct: v.iter().filter(|c| **c).count(), n };
        Compared {
            kmeans: Hits { correct: n / 3, n },
            mlp: hits(&mlp),
            cnn: hits(&cnn),
            test: mcnemar(&mlp, &cnn),
            majority: ("spiral", 1.0 / 3.0),
        }
    }

    #[test]
    fn the_better_classifier_is_named_and_called_so_only_if_significant() {
        let words = verdict(&compared(2, 30, 50, 10));
        assert!(
            words.starts_with("The CNN on pixels is significantly more accurate than the MLP on features"),
            "{words}"
        );
        assert!(words.contains("K-means is not significantly above"), "{words}");
        let words = verdict(&compared(30, 2, 50, 10));
        assert!(words.starts_with("The MLP on features is significantly more accurate"), "{words}");
        let words = verdict(&compared(2, 4, 70, 14));
        assert!(
            words.contains("2.2 points more accurate") && words.contains("not significant at the 5 % level"),
            "{words}"
        );
        let words = verdict(&compared(5, 5, 20, 60));
        assert!(words.starts_with("The CNN on pixels and the MLP on features are equally accurate"), "{words}");
        assert!(words.contains("none of the three is significantly above"), "{words}");
        let all = Compared { kmeans: Hits { correct: 80, n: 90 }, ..compared(5, 5, 70, 10) };
        assert!(verdict(&all).contains("all three are significantly above"));
    }

    #[test]
    fn agreement_goes_by_the_adjusted_rand_index() {
        let of = |adjusted_rand, correct| {
            agreement(&Agreement {
                adjusted_rand,
                nmi: 0.1,
                named: Hits { correct, n: 90 },
                baseline: 0.333,
                unnamed: Vec::new(),
            })
        };
        assert!(
            of(0.01, 32).starts_with("The clusters hardly agree") && of(0.01, 32).contains("not significantly above")
        );
        assert!(of(0.2, 60).contains("only a little") && !of(0.2, 60).contains("not significantly"));
        assert!(of(0.5, 60).contains("in part") && of(0.5, 60).contains("borders differ"));
        assert!(of(0.9, 88).contains("nearly the classes") && !of(0.9, 88).contains("borders differ"));
        assert!(!of(0.9, 88).contains("No cluster is named"));
        let named = Hits { correct: 60, n: 90 };
        let a = Agreement { adjusted_rand: 0.5, nmi: 0.5, named, baseline: 0.3, unnamed: vec!["a".into(), "b".into()] };
        assert!(agreement(&a).contains("named after a and b: test images of these classes"));
    }

    #[test]
    fn a_leak_names_the_split_that_it_biases() {
        assert!(leakage(3, 1).starts_with("3 groups or images are") && leakage(3, 1).contains("test accuracy"));
        assert!(leakage(1, 0).starts_with("One group or image is") && leakage(1, 0).contains("validation accuracy"));
    }
}
