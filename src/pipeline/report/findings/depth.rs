//! 3d and 3e: how the classes separate from block to block, and in which of three spaces best. The same images are
//! measured in each space, so each comparison is paired; a step counts only if it is significant at the 5 % level.

use crate::analysis::metrics::{mcnemar, mean_interval};
use crate::pipeline::depth::Space;
use crate::report::words::{listed, p_value, percent};

/// The change of a measure from one space to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It rises significantly.
    Rises,
    /// It falls significantly.
    Falls,
    /// It does neither.
    Stays,
}

/// Decides by the 95 % interval of the difference.
pub(crate) fn change((low, high): (f64, f64)) -> Change {
    if low > 0.0 {
        Change::Rises
    } else if high < 0.0 {
        Change::Falls
    } else {
        Change::Stays
    }
}

/// Compares silhouettes by the mean of the differences of the same images.
pub(crate) fn silhouette_change(from: &Space, to: &Space) -> Change {
    let differences: Vec<f64> = to.silhouettes.iter().zip(&from.silhouettes).map(|(b, a)| b - a).collect();
    change(mean_interval(&differences))
}

/// Compares Fisher's ratios by the middle 95 % of the differences over common bootstrap samples.
pub(crate) fn fisher_change(from: &Space, to: &Space) -> Change {
    let pairs = to.fisher_resampled.iter().zip(&from.fisher_resampled);
    let mut differences: Vec<f64> = pairs.map(|(b, a)| b - a).filter(|d| d.is_finite()).collect();
    if differences.len() < 40 {
        return Change::Stays; // too few for the 2.5 % quantiles
    }
    differences.sort_by(f64::total_cmp);
    let out = differences.len() / 40;
    change((differences[out], differences[differences.len() - 1 - out]))
}

/// Compares neighbours by McNemar's test on the images that their nearest neighbours classify correctly.
pub(crate) fn knn_change(from: &Space, to: &Space) -> Change {
    let test = mcnemar(&from.knn_correct, &to.knn_correct);
    match (test.p_value < 0.05, test.only_b > test.only_a) {
        (false, _) => Change::Stays,
        (true, true) => Change::Rises,
        (true, false) => Change::Falls,
    }
}

/// Returns the course of a measure over the blocks in words: each step, and from the first to the last.
pub(crate) fn course(name: &str, values: &[f64], steps: &[Change], whole: Change) -> String {
    let ends = match values {
        [only] => return format!("{name} is {only:.3} after the only block"),
        [first, .., last] => format!("{first:.3} after the first block, {last:.3} after the last"),
        [] => return format!("{name} was not measured"),
    };
    let all = |change| steps.iter().all(|&step| step == change);
    let how = if all(Change::Rises) {
        "rises significantly with every block"
    } else if all(Change::Falls) {
        "falls significantly with every block"
    } else {
        match whole {
            Change::Rises => "rises significantly from the first to the last block, though not with every block",
            Change::Falls => "falls significantly from the first to the last block, though not with every block",
            Change::Stays => "does not change significantly from the first to the last block",
        }
    };
    format!("{name} {how} ({ends})")
}

/// Returns the answer to 3d.
pub(crate) fn trend(spaces: &[Space]) -> String {
    let blocks: Vec<&Space> = spaces.iter().filter(|s| s.name.starts_with("block")).collect();
    let one = |name: &str, value: fn(&Space) -> f64, change: fn(&Space, &Space) -> Change| {
        let values: Vec<f64> = blocks.iter().map(|s| value(s)).collect();
        let steps: Vec<Change> = blocks.windows(2).map(|w| change(w[0], w[1])).collect();
        course(name, &values, &steps, change(blocks[0], blocks[blocks.len() - 1]))
    };
    let (output, last) = (spaces.last().expect("the CNN's output is a space"), blocks[blocks.len() - 1]);
    let end = match silhouette_change(last, output) {
        Change::Rises => "The fully connected layers then make the classes significantly more compact",
        Change::Falls => "The fully connected layers then make the classes significantly less compact",
        Change::Stays => "The fully connected layers do not change the silhouette significantly",
    };
    format!(
        "{}; {}; {}. {end}: the silhouette of the output is {:.3}. Each step is tested on the same images at the 5 % level.",
        one("The silhouette", |s| s.silhouette, silhouette_change),
        one("Fisher's ratio", |s| s.fisher_ratio, fisher_change),
        one("the k-NN accuracy", |s| s.knn_accuracy, knn_change),
        output.silhouette
    )
}

/// Returns the answer to 3e: hand-crafted features, the MLP's output, the CNN's output. `k` is the number of
/// neighbours.
pub(crate) fn spaces(features: &Space, mlp: &Space, cnn: &Space, k: usize) -> String {
    let three = [("the hand-crafted features", features), ("the MLP's output", mlp), ("the CNN's output", cnn)];
    let best =
        |f: fn(&Space) -> f64| three.iter().rev().max_by(|a, b| f(a.1).total_cmp(&f(b.1))).expect("three spaces").0;
    let (by_silhouette, by_knn) = (best(|s| s.silhouette), best(|s| s.knn_accuracy));
    let numbers: Vec<String> =
        three.iter().map(|(name, s)| format!("{name} {:.2} and {}", s.silhouette, percent(s.knn_accuracy))).collect();
    let first = if by_silhouette == by_knn {
        format!("Both measures are highest for {by_silhouette}")
    } else {
        format!("The silhouette is highest for {by_silhouette}, the {k}-NN accuracy for {by_knn}")
    };
    let against = |what: &str, from: &Space, to: &Space, than: &str| {
        let p = p_value(mcnemar(&from.knn_correct, &to.knn_correct).p_value);
        match knn_change(from, to) {
            Change::Rises => format!("{what} separates the classes significantly better than {than} ({p})"),
            Change::Falls => format!("{what} separates the classes significantly less well than {than} ({p})"),
            Change::Stays => format!("{what} and {than} do not differ significantly ({p})"),
        }
    };
    format!(
        "{first} (silhouette and {k}-NN accuracy: {}). By the {k}-NN accuracy, {}, and {}.",
        listed(&numbers),
        against("the MLP's output", features, mlp, "the hand-crafted features that it is given"),
        against("the CNN's output", mlp, cnn, "the MLP's output"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::embeddings::NamedEmbedding;

    /// Returns a space in which the neighbours of `correct` of 100 images have their class, with silhouettes about
    /// `silhouette`.
    fn space(name: &str, silhouette: f64, correct: usize, fisher: f64) -> Space {
        let wiggle = |i: usize| ((i * 37 % 100) as f64 - 49.5) / 1000.0;
        Space {
            name: name.into(),
            dimensions: 2,
            silhouette,
            fisher_ratio: fisher,
            knn_accuracy: correct as f64 / 100.0,
            silhouettes: (0..100).map(|i| silhouette + wiggle(i)).collect(),
            knn_correct: (0..100).map(|i| i < correct).collect(),
            fisher_resampled: (0..200).map(|i| fisher * (1.0 + wiggle(i % 100))).collect(),
            embedding: NamedEmbedding {
                name: name.into(),
                points: ndarray::Array2::zeros((0, 2)),
                kl: 0.0,
                method: "exact",
                perplexity: 1.0,
                seconds: 0.0,
            },
        }
    }

    #[test]
    fn a_rise_of_nothing_is_no_rise() {
        use Change::*;
        let words = course("m", &[0.02206, 0.02208, 0.02210], &[Stays, Stays], Stays);
        assert!(words.contains("does not change significantly") && !words.contains("rises"), "{words}");
        assert!(course("m", &[0.1, 0.2, 0.4], &[Rises, Rises], Rises).contains("rises significantly with every block"));
        assert!(course("m", &[0.4, 0.2, 0.1], &[Falls, Falls], Falls).contains("falls significantly with every block"));
        assert!(course("m", &[0.1, 0.1, 0.4], &[Stays, Rises], Rises).contains("though not with every block"));
        assert!(
            course("m", &[0.4, 0.1, 0.1], &[Falls, Stays], Falls).starts_with("m falls significantly from the first")
        );
        assert_eq!(course("m", &[0.4], &[], Stays), "m is 0.400 after the only block");
    }

    #[test]
    fn changes_follow_the_tests() {
        let (low, high) = (space("block1", 0.1, 60, 1.0), space("block2", 0.3, 90, 2.0));
        for change in [silhouette_change, fisher_change, knn_change] {
            assert_eq!(
                (change(&low, &high), change(&high, &low), change(&low, &low)),
                (Change::Rises, Change::Falls, Change::Stays)
            );
        }
        assert_eq!(knn_change(&low, &space("block2", 0.3, 62, 2.0)), Change::Stays);
        let unmeasured = Space { silhouettes: Vec::new(), fisher_resampled: Vec::new(), ..low.clone() };
        assert_eq!(
            (silhouette_change(&low, &unmeasured), fisher_change(&low, &unmeasured)),
            (Change::Stays, Change::Stays)
        );
    }

    #[test]
    fn the_output_is_praised_only_if_it_is_better() {
        let blocks = [space("block1", 0.1, 60, 1.0), space("block2", 0.3, 90, 2.0)];
        let of = |output: f64| trend(&[&blocks[..], &[space("cnn_output", output, 90, 2.0)]].concat());
        assert!(of(0.5).contains("significantly more compact") && of(0.1).contains("significantly less compact"));
        assert!(of(0.3).contains("do not change the silhouette significantly"));
    }

    #[test]
    fn spaces_differ_only_if_significant() {
        let (features, good) = (space("features", 0.1, 60, 1.0), space("mlp_output", 0.3, 90, 1.0));
        let words = spaces(&features, &good, &space("cnn_output", 0.4, 91, 1.0), 5);
        assert!(words.starts_with("Both measures are highest for the CNN's output"), "{words}");
        assert!(
            words.contains("MLP's output separates the classes significantly better than the hand-crafted"),
            "{words}"
        );
        assert!(words.contains("the CNN's output and the MLP's output do not differ significantly"), "{words}");
        let words = spaces(&good, &features, &space("cnn_output", 0.2, 61, 1.0), 5);
        assert!(words.contains("significantly less well"), "{words}");
        let words = spaces(&space("features", 0.5, 60, 1.0), &good, &good, 5);
        assert!(
            words.starts_with("The silhouette is highest for the hand-crafted features, the 5-NN accuracy"),
            "{words}"
        );
    }
}
