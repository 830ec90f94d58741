//! The numbers that a regression predicts: their names and their scale.

use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The names of the numbers, and their means and standard deviations over the training split. The network learns
/// (y - mean) / deviation, so that its loss and its learning rate do not depend on units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueScale {
    /// What each number is called.
    pub names: Vec<String>,
    /// Mean of each.
    pub mean: Vec<f64>,
    /// Standard deviation of each; 1 for a number that never changes.
    pub deviation: Vec<f64>,
}

impl ValueScale {
    /// Learns the scale from the numbers `[N, M]` of the training split.
    pub fn fit(names: &[String], values: &Tensor) -> Self {
        let m = names.len();
        let n = values.numel() / m.max(1);
        let column = |j: usize| values.data().iter().skip(j).step_by(m).map(|&v| f64::from(v));
        let mean: Vec<f64> = (0..m).map(|j| column(j).sum::<f64>() / n as f64).collect();
        let deviation = (0..m).map(|j| {
            let variance = column(j).map(|v| (v - mean[j]) * (v - mean[j])).sum::<f64>() / n as f64;
            if variance > 0.0 { variance.sqrt() } else { 1.0 }
        });
        Self { names: names.to_vec(), deviation: deviation.collect(), mean }
    }

    /// From units to the scale of the network's outputs, `[N, M]`.
    pub fn scaled(&self, numbers: &Tensor) -> Tensor {
        let m = self.names.len();
        let scaled = |i: usize| (f64::from(numbers.data()[i]) - self.mean[i % m]) / self.deviation[i % m];
        Tensor::from_fn([numbers.numel() / m, m], |i| scaled(i) as f32)
    }

    /// From the network's outputs `[N, M]` to units: number j of each sample, in order.
    pub fn in_units(&self, outputs: &Tensor, j: usize) -> Vec<f64> {
        let column = outputs.data().iter().skip(j).step_by(self.names.len());
        column.map(|&y| f64::from(y) * self.deviation[j] + self.mean[j]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let numbers = Tensor::new(vec![1.0, 5.0, 3.0, 5.0], [2, 2]).unwrap();
        let scale = ValueScale::fit(&["a".into(), "b".into()], &numbers);
        assert_eq!((scale.mean.clone(), scale.deviation.clone()), (vec![2.0, 5.0], vec![1.0, 1.0]));
        let scaled = scale.scaled(&numbers);
        assert_eq!(scaled.data(), [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!((scale.in_units(&scaled, 0), scale.in_units(&scaled, 1)), (vec![1.0, 3.0], vec![5.0, 5.0]));
    }
}
