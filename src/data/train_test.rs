//! A data set that its makers have split into images to train and images to test on.

use super::dataset::{ImageData, Images};
use crate::error::{Error, Result};

/// The images of a set, as their makers split them.
#[derive(Clone, Debug)]
pub struct TrainTest {
    /// The training set.
    pub train: Images,
    /// The test set.
    pub test: Images,
    /// SHA-256 (hexadecimal) over the uncompressed files, in their order.
    pub sha256: String,
    /// Whether all files are the makers' own.
    pub genuine: bool,
}

impl TrainTest {
    /// Takes the last training images for validation: `val` is their fraction, or from 1 on their number. Fails if none
    /// would be left to learn from.
    pub fn divided(self, val: f64) -> Result<ImageData> {
        let n = self.train.len();
        let held_out = if val < 1.0 { (val * n as f64).round() as usize } else { val as usize };
        if held_out >= n {
            let what = format!("is {val}, but there are {n} training images");
            return Err(Error::config("data.val", what, "leave some to learn from"));
        }
        let (first, last): (Vec<usize>, Vec<usize>) = ((0..n - held_out).collect(), (n - held_out..n).collect());
        Ok(ImageData {
            train: self.train.subset(&first),
            val: self.train.subset(&last),
            test: self.test,
            classes: self.train.classes.clone(),
            skipped: Vec::new(),
            ignored: Default::default(),
            leakage: Vec::new(),
            sha256: self.sha256,
            given_splits: true,
            grouped: None,
        })
    }
}
