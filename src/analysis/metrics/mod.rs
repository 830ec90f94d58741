//! Metrics: how good is an answer, and how sure are we?
//!
//! * [`Confusion`]: which class is taken for which; accuracy, precision, recall, F1.
//! * `cluster`: clusters against labels (mutual information, Rand index), and groups against the space they live in
//!   (silhouette, Fisher's ratio).
//! * `neighbor`: what the nearest neighbours say (k-NN accuracy, trustworthiness of a map).
//! * `significance`: is a difference more than luck (Wilson's interval, McNemar's test)?

mod cluster;
mod confusion;
mod neighbor;
mod significance;

pub use cluster::{adjusted_rand, fisher_ratio, normalized_mutual_information, silhouette};
pub use confusion::Confusion;
pub use neighbor::{knn_accuracy, trustworthiness};
pub use significance::{McNemar, mcnemar, wilson_interval};

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
    fn partitions_by_hand() {
        let nmi = normalized_mutual_information;
        assert!((nmi(&[0, 0, 1, 1], &[5, 5, 2, 2]) - 1.0).abs() < 1e-15);
        assert_eq!(nmi(&[0, 0, 1, 1], &[0, 1, 0, 1]), 0.0);
        assert_eq!((nmi(&[0, 0], &[1, 1]), nmi(&[0, 0], &[0, 1]), nmi(&[], &[])), (1.0, 0.0, 1.0));
        // 0001 against 0011: joint shares 1/2, 1/4, 1/4; independent 3/8, 3/8, 1/8.
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

    /// 0 1 3 7 on a line; the map swaps the ends' neighbours: 0 sits by 7.
    #[test]
    fn trustworthiness_by_hand() {
        let (high, low) = (array![[0.0], [1.0], [3.0], [7.0]], array![[6.0], [1.0], [3.0], [7.5]]);
        // Nearest in the map: 0→3 (rank 3), 1→2 (rank 2), 2→1 (rank 1), 3→0 (rank 3): penalty 2 + 1 + 0 + 2.
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
