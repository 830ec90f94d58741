//! Metrics: how good a prediction is, and with which uncertainty.
//!
//! * [`Confusion`]: which classes are confused; accuracy, precision, recall, F1.
//! * `curve`: scores before a threshold is chosen (ROC and precision-recall curves, and their areas).
//! * `calibration`: probabilities against outcomes (reliability, calibration error, Brier score).
//! * `answers`: how certain a classifier is, without true labels (confidence, entropy, inception score).
//! * `cluster`: clusters against labels (mutual information, Rand index), and groups against the distances in their
//!   space (silhouette, Fisher's ratio).
//! * `neighbor`: agreement of nearest neighbours (k-NN accuracy, trustworthiness of an embedding).
//! * `regression`: errors of predicted numbers (R², intervals by residuals).
//! * `selection`: the gain that choosing the best of several has by chance alone.
//! * `significance`: is a difference larger than chance explains (Wilson's and Newcombe's intervals, McNemar's test)?
//! * `difference`: by how much one method is better than another, over samples and seeds; Holm's correction.
//! * `forecast`: is one forecast of a series better than another (Diebold and Mariano)?

mod answers;
mod calibration;
mod cluster;
mod confusion;
mod curve;
mod difference;
mod forecast;
mod neighbor;
mod regression;
mod selection;
mod significance;

pub use answers::ClassProbabilities;
pub use calibration::{Reliability, ReliabilityBin, brier_score};
pub use cluster::{adjusted_rand, fisher_ratio, normalized_mutual_information, silhouette, silhouettes};
pub use confusion::{Binary, Confusion};
pub use curve::{PrecisionRecall, Roc, macro_auc, precision_recall_curve, roc_curve};
pub use difference::{MeanDifference, holm, mean_difference};
pub use forecast::{ForecastDifference, diebold_mariano};
pub use neighbor::{knn_accuracy, knn_correct, trustworthiness};
pub use regression::{RegressionErrors, conformal_coverage_range, conformal_half_width, r_squared_interval};
pub use selection::{expected_maximum, selection_gain};
pub use significance::{McNemar, difference_interval, mcnemar, mean_interval, wilson_interval};

use crate::analysis::one_label_a_row;
use crate::error::{Error, Result};

/// Returns `part / whole`, or 0 if `whole` is 0.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// One label for each of `rows` samples, at least one, each below `classes`.
fn class_labels(op: &str, rows: usize, classes: usize, labels: &[usize]) -> Result<()> {
    one_label_a_row(op, rows, labels)?;
    if rows == 0 || classes == 0 {
        return Err(Error::invalid(format!(
            "{op}: {rows} samples of {classes} classes; at least one of each is needed"
        )));
    }
    match labels.iter().position(|&label| label >= classes) {
        Some(i) => Err(Error::invalid(format!("{op}: sample {i} has class {}, there are {classes}", labels[i]))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_confusion_matrix_by_hand() {
        let confusion = Confusion::new(&[0, 0, 0, 1, 1, 2], &[0, 1, 1, 1, 0, 1], 3).unwrap();
        assert_eq!(confusion.counts, [[1, 2, 0], [1, 1, 0], [0, 1, 0]]);
        assert_eq!((confusion.accuracy(), confusion.support(0), confusion.total()), (2.0 / 6.0, 3, 6));
        assert_eq!((confusion.precision(1), confusion.recall(1)), (0.25, 0.5));
        assert_eq!((confusion.precision(2), confusion.recall(2), confusion.f1(2)), (0.0, 0.0, 0.0));
        assert!((confusion.macro_f1() - (0.4 + 1.0 / 3.0) / 3.0).abs() < 1e-15);
        assert_eq!(confusion.most_confused(), [(0, 1, 2), (1, 0, 1), (2, 1, 1)]);
        assert_eq!(serde_json::to_string(&confusion).unwrap(), "[[1,2,0],[1,1,0],[0,1,0]]");
        assert!(Confusion::new(&[0], &[3], 3).is_err() && Confusion::new(&[0], &[], 3).is_err());
        assert_eq!(Confusion::new(&[], &[], 2).unwrap().accuracy(), 0.0);
    }

    #[test]
    fn means_over_classes_by_hand() {
        let confusion = Confusion::new(&[0, 0, 0, 1, 1, 2], &[0, 1, 1, 1, 0, 1], 3).unwrap();
        // Supports 3, 2, 1; recalls 1/3, 1/2, 0; precisions 1/2, 1/4, 0; F1 2/5, 1/3, 0.
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-15, "{found} for {expected}");
        close(confusion.weighted_recall(), confusion.accuracy());
        close(confusion.weighted_precision(), (3.0 * 0.5 + 2.0 * 0.25) / 6.0);
        close(confusion.weighted_f1(), (3.0 * 0.4 + 2.0 / 3.0) / 6.0);
        close(confusion.macro_precision(), 0.25);
        close(confusion.macro_recall(), (1.0 / 3.0 + 0.5) / 3.0);
        assert_eq!(Confusion::new(&[], &[], 2).unwrap().weighted_f1(), 0.0);
        let one = confusion.binary(1);
        assert_eq!(one, Binary { true_positives: 1, false_positives: 3, false_negatives: 1, true_negatives: 1 });
        assert_eq!((one.precision(), one.recall(), one.specificity(), one.accuracy()), (0.25, 0.5, 0.25, 2.0 / 6.0));
        close(one.f1(), confusion.f1(1));
        close(one.matthews(), (1.0 - 3.0) / (4.0f64 * 2.0 * 4.0 * 2.0).sqrt());
        assert_eq!(confusion.binary(2).matthews(), 0.0);
        // 2 of 3, 1 of 2, 1 of 1.
        assert_eq!(confusion.most_confused_above(0.6), [(0, 1, 2), (2, 1, 1)]);
        assert_eq!(confusion.most_confused_above(0.5).len(), 3);
    }

    /// Of four classes the last neither has samples nor is predicted, the third is predicted without having samples.
    #[test]
    fn macro_means_are_over_the_classes_that_occur() {
        let confusion = Confusion::new(&[0, 0, 1, 1], &[0, 2, 1, 1], 4).unwrap();
        assert_eq!([0, 1, 2, 3].map(|c| confusion.occurs(c)), [true, true, true, false]);
        assert_eq!(confusion.macro_recall(), (0.5 + 1.0 + 0.0) / 3.0);
        assert_eq!(confusion.macro_precision(), (1.0 + 1.0 + 0.0) / 3.0);
        assert!((confusion.macro_f1() - (2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-15);
        assert_eq!(Confusion::new(&[1, 1], &[1, 1], 5).unwrap().macro_f1(), 1.0);
        assert_eq!(Confusion::new(&[], &[], 5).unwrap().macro_f1(), 0.0);
    }

    /// Newcombe's own table II, method 10.
    #[test]
    fn intervals_of_differences_are_the_published_ones() {
        for (a, b, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((10, 10), (0, 10), 0.6075, 1.0000),
        ] {
            let (l, h) = difference_interval(a, b);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{a:?} {b:?}: {l} {h}");
        }
        assert_eq!(difference_interval((1, 2), (0, 0)), (-1.0, 1.0));
        // 1, 2, 3: mean 2, s = 1.
        let (low, high) = mean_interval(&[1.0, 2.0, 3.0]);
        assert!((low + high - 4.0).abs() < 1e-15 && ((high - low) / 2.0 * 3f64.sqrt() - 1.959_964).abs() < 1e-6);
        assert_eq!(mean_interval(&[1.0]), (f64::NEG_INFINITY, f64::INFINITY));
    }

    /// Scores 3 2 2 1: positive, one of each, negative. The tie is one sloping step.
    #[test]
    fn curves_by_hand() {
        let (scores, labels) = ([2.0f32, 1.0, 3.0, 2.0], [true, false, true, false]);
        let roc = roc_curve(&scores, &labels).unwrap();
        assert_eq!((&roc.fpr[..], &roc.tpr[..]), (&[0.0, 0.0, 0.5, 1.0][..], &[0.0, 0.5, 1.0, 1.0][..]));
        assert_eq!(roc.thresholds, [f64::INFINITY, 3.0, 2.0, 1.0]);
        // Of four pairs three are in order, and one is a tie.
        assert_eq!(roc.area(), 3.5 / 4.0);
        // tpr - fpr is 0, 1/2, 1/2, 0: at 3 or above, so midway down to 2.
        assert_eq!(roc.best_threshold(), 2.5);
        assert_eq!(roc_curve(&[1.0, 0.5], &[false, true]).unwrap().best_threshold(), 0.5);
        let curve = precision_recall_curve(&scores, &labels).unwrap();
        assert_eq!(curve.recall, [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(curve.precision, [1.0, 1.0, 2.0 / 3.0, 0.5]);
        assert_eq!(curve.average_precision(), 0.5 + 0.5 * 2.0 / 3.0);
        assert_eq!(roc_curve(&[0.0, -0.0], &[true, false]).unwrap().area(), 0.5);
        for (scores, labels, word) in [
            (&[1.0, 2.0][..], &[true, true][..], "0 negative"),
            (&[1.0], &[true, false], "1 scores, but 2 labels"),
            (&[1.0, f64::NAN], &[true, false], "sample 1 is NaN"),
        ] {
            let message = roc_curve(scores, labels).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        assert!(precision_recall_curve(&[1.0f32], &[false]).is_err());
        let scores = array![[3.0, 1.0], [2.0, 2.0], [2.0, 2.0], [1.0, 3.0]];
        assert_eq!(macro_auc(scores.view(), &[0, 0, 1, 1]).unwrap(), 3.5 / 4.0);
        assert!(macro_auc(scores.view(), &[0, 0, 0, 0]).unwrap_err().to_string().contains("class 0 against the rest"));
        assert!(macro_auc(scores.view(), &[0, 0, 0, 2]).unwrap_err().to_string().contains("sample 3 has class 2"));
    }

    #[test]
    fn calibration_by_hand() {
        let bins = Reliability::new(&[0.0, 0.5, 0.75, 1.0], &[false, true, true, false], 2).unwrap();
        // (0, 1/2] holds its upper end, and 0.
        let first = ReliabilityBin { from: 0.0, to: 0.5, count: 2, confidence: 0.25, accuracy: 0.5 };
        assert_eq!(bins.bins, [first, ReliabilityBin { from: 0.5, to: 1.0, confidence: 0.875, ..first }]);
        assert_eq!((bins.expected_calibration_error(), bins.maximum_calibration_error()), (0.3125, 0.375));
        let p = array![[0.5, 0.5, 0.0], [0.25, 0.0, 0.75]];
        let answers = Reliability::of_predictions(p.view(), &[0, 1], 4).unwrap();
        let filled: Vec<_> = answers.bins.iter().map(|b| (b.count, b.confidence, b.accuracy)).collect();
        assert_eq!(filled, [(0, 0.0, 0.0), (1, 0.5, 1.0), (1, 0.75, 0.0), (0, 0.0, 0.0)]);
        assert_eq!(brier_score(p.view(), &[0, 1]).unwrap(), (0.5 + (0.0625 + 1.0 + 0.5625)) / 2.0);
        assert!(Reliability::new(&[1.5], &[true], 2).is_err() && Reliability::new(&[0.5], &[true], 0).is_err());
        assert!(brier_score(p.view(), &[0, 3]).is_err() && brier_score(p.view(), &[0]).is_err());
        // Each edge belongs to the bin below it, also where its product with the number of bins is rounded.
        for bins in 1..60 {
            let edges: Vec<f64> = (1..=bins).map(|b| b as f64 / bins as f64).collect();
            let counts = Reliability::new(&edges, &vec![true; bins], bins).unwrap().bins;
            assert!(counts.iter().all(|b| b.count == 1), "{bins} bins");
        }
    }

    #[test]
    fn partitions_by_hand() {
        let nmi = normalized_mutual_information;
        assert!((nmi(&[0, 0, 1, 1], &[5, 5, 2, 2]) - 1.0).abs() < 1e-15);
        assert_eq!(nmi(&[0, 0, 1, 1], &[0, 1, 0, 1]), 0.0);
        assert_eq!((nmi(&[0, 0], &[1, 1]), nmi(&[0, 0], &[0, 1]), nmi(&[], &[])), (1.0, 0.0, 1.0));
        // 0001 against 0011: joint proportions 1/2, 1/4, 1/4; independent 3/8, 3/8, 1/8.
        let information = 0.5 * (4.0f64 / 3.0).ln() + 0.25 * (2.0f64 / 3.0).ln() + 0.25 * 2.0f64.ln();
        let entropies = (2.0f64.ln() + 0.25 * 4.0f64.ln() + 0.75 * (4.0f64 / 3.0).ln()) / 2.0;
        assert!((nmi(&[0, 0, 0, 1], &[0, 0, 1, 1]) - information / entropies).abs() < 1e-14);
        assert_eq!(adjusted_rand(&[0, 0, 1], &[1, 1, 0]), 1.0);
        // No pair together in both; 2 in each of 6: (0 - 2/3) / (2 - 2/3).
        assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-15);
    }

    /// 0, 2 | 10: silhouettes (10 - 2) / 10, (8 - 2) / 8, and 0 for the one alone.
    #[test]
    fn a_silhouette_by_hand() {
        let x = array![[0.0], [2.0], [10.0]];
        assert!((silhouette(x.view(), &[0, 0, 1]).unwrap() - (0.8 + 0.75) / 3.0).abs() < 1e-15);
        assert_eq!(silhouette(Array2::<f32>::zeros((4, 2)).view(), &[0, 0, 1, 1]).unwrap(), 0.0);
        assert!(silhouette(x.view(), &[0, 0, 0]).is_err() && silhouette(x.view(), &[0, 1, 2]).is_err());
        assert!(silhouette(x.view(), &[0, 1]).unwrap_err().to_string().contains("3 rows, but there are 2 labels"));
    }

    /// Means 1 and 8 around 4.5: between 2·3.5² + 2·3.5² = 49; within 4 ones.
    #[test]
    fn fishers_ratio_by_hand() {
        assert_eq!(fisher_ratio(array![[0.0], [2.0], [7.0], [9.0]].view(), &[0, 0, 3, 3]).unwrap(), 49.0 / 4.0);
        assert_eq!(fisher_ratio(array![[1.0f32], [2.0]].view(), &[0, 1]).unwrap(), f64::INFINITY);
        assert_eq!(fisher_ratio(array![[1.0f32], [1.0]].view(), &[0, 1]).unwrap(), 0.0);
    }

    #[test]
    fn neighbours_vote_by_hand() {
        let x = array![[0.0], [1.0], [2.5], [10.0], [11.0]];
        // Nearest others: 0→1, 1→0, 2→1, 3→4, 4→3.
        assert_eq!(knn_accuracy(x.view(), &[0, 0, 1, 1, 1], 1).unwrap(), 0.8);
        // Two neighbours, a tie goes to the nearer: 0→1,2  1→0,2  2→1,0  3→4,2  4→3,2.
        assert_eq!(knn_accuracy(x.view(), &[0, 0, 1, 1, 1], 2).unwrap(), 0.8);
        assert!(knn_accuracy(x.view(), &[0; 5], 5).is_err() && knn_accuracy(x.view(), &[0; 5], 0).is_err());
    }

    /// 0 1 3 7 on a line; the embedding swaps the ends' neighbours: 0 sits by 7.
    #[test]
    fn trustworthiness_by_hand() {
        let (high, low) = (array![[0.0], [1.0], [3.0], [7.0]], array![[6.0], [1.0], [3.0], [7.5]]);
        // Nearest in the embedding: 0→3 (rank 3), 1→2 (rank 2), 2→1 (rank 1), 3→0 (rank 3): penalty 2 + 1 + 0 + 2.
        assert_eq!(trustworthiness(high.view(), low.view(), 1).unwrap(), 1.0 - 2.0 / (4.0 * 4.0) * 5.0);
        assert!(trustworthiness(high.view(), low.view(), 2).is_err());
    }

    #[test]
    fn tosses_of_a_coin_by_hand() {
        let test = |a: &[u8], b: &[u8]| {
            let correct = |x: &[u8]| x.iter().map(|v| *v == 1).collect::<Vec<_>>();
            mcnemar(&correct(a), &correct(b))
        };
        let all = test(&[1, 1, 1, 1, 1, 0], &[0, 0, 0, 0, 1, 0]);
        assert_eq!((all.only_a, all.only_b), (4, 0));
        assert!((all.p_value - 0.125).abs() < 1e-14); // 2 / 2^4
        assert_eq!(test(&[1, 0], &[1, 0]).p_value, 1.0);
        assert_eq!(test(&[1, 0], &[0, 1]).p_value, 1.0);
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
    }
}
