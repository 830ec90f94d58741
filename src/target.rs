//! What is to be predicted of samples.

use crate::tensor::Tensor;

/// What is to be predicted of each of N samples.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::Target;
///
/// let species = Target::Classes(vec![0, 2, 1, 1]);
/// assert_eq!(species.gather(&[3, 0]), Target::Classes(vec![1, 0]));
/// let heights = Target::Values(Tensor::new(vec![1.5, 1.8], [2, 1])?);
/// assert!(heights.labels().is_empty() && heights.values().is_some());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Target {
    /// The class of each sample, from 0.
    Classes(Vec<usize>),
    /// Numbers of each sample, `[N, ..]`.
    Values(Tensor),
    /// Nothing: the inputs are all that there is.
    #[default]
    None,
}

impl Target {
    /// Returns the class of each sample; empty where there are none.
    pub fn labels(&self) -> &[usize] {
        if let Target::Classes(labels) = self { labels } else { &[] }
    }

    /// Returns the numbers to predict, `[N, ..]`, if there are any.
    pub fn values(&self) -> Option<&Tensor> {
        if let Target::Values(values) = self { Some(values) } else { None }
    }

    /// Returns those of the samples `indices`, in that order. Panics on an index outside.
    pub fn gather(&self, indices: &[usize]) -> Target {
        match self {
            Target::Classes(labels) => Target::Classes(indices.iter().map(|&i| labels[i]).collect()),
            Target::Values(values) => Target::Values(values.gather(indices)),
            Target::None => Target::None,
        }
    }

    /// Returns the number of samples; none where nothing is to be predicted.
    pub fn samples(&self) -> Option<usize> {
        match self {
            Target::Classes(labels) => Some(labels.len()),
            Target::Values(values) => Some(values.shape().first().copied().unwrap_or(0)),
            Target::None => None,
        }
    }
}

impl From<Vec<usize>> for Target {
    fn from(labels: Vec<usize>) -> Self {
        Target::Classes(labels)
    }
}
