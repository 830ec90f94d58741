//! 2c: the pair of classes that the MLP confuses most, how far each feature separates it compared with the other
//! pairs, and what the MLP adds to the best single feature.

use crate::analysis::metrics::mcnemar;
use crate::report::words::{counted, p_value, percent};
use crate::run::findings::Hits;

/// A pair of classes: how often it is confused, and how far the features separate it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The two classes.
    pub classes: (usize, usize),
    /// Test images of either class that the MLP predicts as the other.
    pub mistakes: usize,
    /// Test images of the two classes.
    pub samples: usize,
    /// For each feature Cohen's d on the training split: the difference of the class means over the pooled deviation.
    pub distances: Vec<f64>,
}

impl Pair {
    /// Returns the feature that separates the pair best, and its distance.
    pub(crate) fn best_feature(&self) -> (usize, f64) {
        let larger = |best: (usize, f64), (j, &d): (usize, &f64)| if d > best.1 { (j, d) } else { best };
        self.distances.iter().enumerate().fold((0, f64::NEG_INFINITY), larger)
    }

    /// Mistakes between the two classes as a fraction of their images.
    fn rate(&self) -> f64 {
        self.mistakes as f64 / self.samples.max(1) as f64
    }
}

/// Returns the pair with the highest rate of confusion (the first among equals); `None` if no pair is confused.
pub(crate) fn most_confused(pairs: &[Pair]) -> Option<&Pair> {
    let worse = |best: Option<&'_ Pair>, p: &Pair| best.is_none_or(|b| p.rate() > b.rate());
    let mut found = None;
    for pair in pairs.iter().filter(|p| p.mistakes > 0) {
        if worse(found, pair) {
            found = Some(pair);
        }
    }
    found
}

/// Fits the threshold on one feature that separates two classes best on training samples: `(threshold, whether the
/// second class lies above it)`. Values and classes (false: first, true: second) have one length, at least one.
pub(crate) fn stump(values: &[f64], second: &[bool]) -> (f64, bool) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let seconds = second.iter().filter(|s| **s).count();
    let firsts = second.len() - seconds;
    // With the second class above: below the cut only the first class is correct, above it only the second.
    let (mut best, mut found) = (seconds.max(firsts), (f64::NEG_INFINITY, seconds >= firsts));
    let (mut first_below, mut second_below) = (0, 0);
    for (rank, &i) in order.iter().enumerate() {
        if second[i] {
            second_below += 1
        } else {
            first_below += 1
        }
        let next = order.get(rank + 1).map_or(f64::INFINITY, |&j| values[j]);
        if next == values[i] {
            continue;
        }
        let threshold = if next.is_finite() { 0.5 * (values[i] + next) } else { values[i] };
        for (hits, above) in
            [(first_below + seconds - second_below, true), (second_below + firsts - first_below, false)]
        {
            if hits > best {
                (best, found) = (hits, (threshold, above));
            }
        }
    }
    found
}

/// The best single feature against the MLP on the validation images of the pair: which are classified correctly.
#[derive(Clone, Debug)]
pub(crate) struct Added<'a> {
    /// By the threshold on the feature.
    pub feature: &'a [bool],
    /// By the MLP, which must name the class among all classes.
    pub mlp: &'a [bool],
}

/// Returns the answer to 2c. `features` are names for people.
pub(crate) fn hardest(
    pairs: &[Pair],
    classes: &[String],
    features: &[&str],
    all_mistakes: usize,
    added: &Added<'_>,
) -> String {
    let Some(pair) = most_confused(pairs) else {
        return "No pair: the MLP makes no mistake on the test split.".to_owned();
    };
    let (a, b) = (&classes[pair.classes.0], &classes[pair.classes.1]);
    let (feature, d) = pair.best_feature();
    let name = features[feature];
    let mut words = format!(
        "{a} and {b}: {} of their {} test images are predicted as the other class ({}), {} of the {} in all. ",
        pair.mistakes,
        pair.samples,
        percent(pair.rate()),
        pair.mistakes,
        counted(all_mistakes, "mistake"),
    );
    words.push_str(&format!("The feature that separates the two best is {name} (d = {d:.2}). {}", rank(pair, pairs)));
    words.push_str(&what_the_mlp_adds(name, added));
    words
}

/// Says how far the best feature separates this pair, compared with the best feature of each other pair.
fn rank(pair: &Pair, pairs: &[Pair]) -> String {
    let own = pair.best_feature().1;
    let others: Vec<f64> = pairs.iter().filter(|p| p.classes != pair.classes).map(|p| p.best_feature().1).collect();
    if others.is_empty() {
        return String::new();
    }
    let farther = others.iter().filter(|&&d| d > own).count();
    let (low, high) = others.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &d| (l.min(d), h.max(d)));
    if farther == others.len() {
        format!(
            "Every other pair has a feature that separates it better (d = {low:.2} to {high:.2}): the features explain the confusion. "
        )
    } else if farther == 0 {
        format!(
            "No other pair has a feature that separates it better (d = {low:.2} to {high:.2}), so this distance does not \
            explain the confusion: the mistakes must come from images near the decision boundary, or from the other \
            features. "
        )
    } else {
        format!(
            "Of the other {}, {farther} {} a feature that separates the classes better (d = {low:.2} to {high:.2}). ",
            counted(others.len(), "pair"),
            if farther == 1 { "has" } else { "have" }
        )
    }
}

/// Compares the MLP with the best single feature on the pair's validation images.
fn what_the_mlp_adds(name: &str, added: &Added<'_>) -> String {
    let hits = |correct: &[bool]| Hits { correct: correct.iter().filter(|c| **c).count(), n: correct.len() };
    let (feature, mlp) = (hits(added.feature), hits(added.mlp));
    if feature.n == 0 {
        return String::new();
    }
    let test = mcnemar(added.feature, added.mlp);
    let both = format!(
        "On the {} of the two classes, the best threshold on {name} alone is correct for {} and the MLP, which chooses among \
         all classes, for {}",
        counted(feature.n, "validation image"),
        percent(feature.accuracy()),
        percent(mlp.accuracy())
    );
    let difference = if test.p_value >= 0.05 {
        "the difference is not significant"
    } else if mlp.correct > feature.correct {
        "the MLP gains by combining the features"
    } else {
        "the MLP loses by having to choose among all classes"
    };
    format!("{both}: {difference} ({}).", p_value(test.p_value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(classes: (usize, usize), mistakes: usize, samples: usize, distances: &[f64]) -> Pair {
        Pair { classes, mistakes, samples, distances: distances.to_vec() }
    }

    fn names() -> Vec<String> {
        ["elliptical", "spiral", "irregular"].map(String::from).to_vec()
    }

    #[test]
    fn a_stump_finds_the_cut_and_its_side() {
        let second = [false, false, true, true, false];
        assert_eq!(stump(&[0.0, 1.0, 3.0, 4.0, 2.0], &second), (2.5, true));
        assert_eq!(stump(&[4.0, 3.0, 1.0, 0.0, 2.0], &second), (1.5, false));
        // Nothing to cut at: the majority.
        assert_eq!(stump(&[1.0; 5], &second), (f64::NEG_INFINITY, false));
        assert_eq!(stump(&[1.0; 3], &[true, true, false]), (f64::NEG_INFINITY, true));
    }

    #[test]
    fn the_pair_is_chosen_by_its_rate() {
        let pairs = [pair((0, 1), 4, 100, &[1.0]), pair((0, 2), 3, 30, &[1.0]), pair((1, 2), 0, 90, &[1.0])];
        assert_eq!(most_confused(&pairs).unwrap().classes, (0, 2));
        assert!(most_confused(&pairs[2..]).is_none());
        let none = Added { feature: &[], mlp: &[] };
        assert!(hardest(&pairs[2..], &names(), &["mean"], 0, &none).contains("no mistake"));
    }

    #[test]
    fn the_distance_is_set_beside_those_of_the_other_pairs() {
        let none = Added { feature: &[], mlp: &[] };
        let of = |own: f64| {
            let pairs =
                [pair((0, 1), 13, 60, &[0.2, own]), pair((0, 2), 2, 60, &[1.5, 0.1]), pair((1, 2), 2, 60, &[0.3, 2.0])];
            hardest(&pairs, &names(), &["mean", "edge density"], 17, &none)
        };
        let words = of(0.5);
        assert!(words.starts_with("elliptical and spiral: 13 of their 60 test images"), "{words}");
        assert!(
            words.contains("13 of the 17 mistakes in all") && words.contains("best is edge density (d = 0.50)"),
            "{words}"
        );
        assert!(words.contains("Every other pair has a feature") && words.contains("d = 1.50 to 2.00"), "{words}");
        let words = of(3.0);
        assert!(words.contains("does not explain the confusion") && !words.contains("Every other pair"), "{words}");
        let words = of(1.7);
        assert!(words.contains("Of the other 2 pairs, 1 has a feature"), "{words}");
        assert!(!words.contains("almost alone"));
    }

    #[test]
    fn what_the_mlp_adds_is_tested() {
        let of = |feature: &[bool], mlp: &[bool]| what_the_mlp_adds("mean", &Added { feature, mlp });
        let (yes, no) = ([true; 20], [false; 20]);
        assert!(of(&no, &yes).contains("gains by combining"));
        assert!(of(&yes, &no).contains("loses by having to choose"));
        assert!(of(&yes, &yes).contains("not significant"));
        assert_eq!(of(&[], &[]), "");
    }
}
