//! From the columns of a table to the numbers that a model is given: categories as one-hot columns or codes, gaps filled.
//!
//! All of it is learned from the training split and kept with the run. With the categories c₁, .., c_K of a column, in natural
//! order, and a cell that holds c_k:
//!
//! | `data.categories` | the cell becomes |
//! |---|---|
//! | `"one_hot"` | K numbers: 1 at place k, 0 at the others; an unknown category is K zeros |
//! | `"codes"` | k - 1, which tells the model that c₂ lies between c₁ and c₃: for categories with an order |
//!
//! A gap becomes the median of its column's numbers (of an even number of them the mean of the middle two), or the most
//! frequent category, the first of equal ones. The scale of `data.normalize` comes after both.

use super::data::{Categories, Data, Gaps};
use crate::data::Images;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// How the columns of a table become numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// Whether categories become columns of zeros and ones; else they become codes.
    pub one_hot: bool,
    /// The columns of the table, in its order.
    pub columns: Vec<EncodedColumn>,
}

/// What was learned of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodedColumn {
    /// Its name.
    pub name: String,
    /// Its categories, in order; empty for a column of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// What a gap becomes: a number, or the place of a category. `None` where gaps are refused.
    pub fill: Option<f32>,
}

impl Encoding {
    /// Learns the encoding from the rows of the training split; `None` if they are numbers alone and gaps are refused, so that
    /// there is nothing to encode.
    pub fn fit(d: &Data, train: &Images) -> Result<Option<Self>> {
        let known = &train.columns.categories;
        if known.is_empty() && d.gaps == Gaps::Refuse {
            return Ok(None);
        }
        let columns = train.columns.features.iter().enumerate().map(|(j, name)| {
            let each = train.pixels.data().iter().skip(j).step_by(train.width());
            let values: Vec<f32> = each.copied().filter(|v| !v.is_nan()).collect();
            if values.is_empty() {
                let help = format!("omit the column: data.ignore = [\"{name}\"]");
                return Err(Error::data(d.source(), format!("column `{name}` has no value in a training row"), help));
            }
            let categories = known.get(name).cloned().unwrap_or_default();
            let fill = (d.gaps == Gaps::Median).then(|| match categories.len() {
                0 => median(values),
                k => most_frequent(&values, k),
            });
            Ok(EncodedColumn { name: name.clone(), categories, fill })
        });
        Ok(Some(Self { one_hot: d.categories == Categories::OneHot, columns: columns.collect::<Result<_>>()? }))
    }

    /// Returns how many numbers a row becomes.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| self.width_of(column)).sum()
    }

    fn width_of(&self, column: &EncodedColumn) -> usize {
        if self.one_hot && !column.categories.is_empty() { column.categories.len() } else { 1 }
    }

    /// Returns the names of these numbers: `colour=red` for a category.
    pub fn names(&self) -> Vec<String> {
        let each = self.columns.iter().flat_map(|column| match self.one_hot {
            true if !column.categories.is_empty() => {
                column.categories.iter().map(|category| format!("{}={category}", column.name)).collect()
            }
            _ => vec![column.name.clone()],
        });
        each.collect()
    }

    /// Returns the rows `[N, 1, 1, D]` of a table as numbers, N x [width](Self::width).
    pub fn encode(&self, rows: &Tensor) -> Result<Array2<f32>> {
        let (n, d) = (rows.shape()[0], self.columns.len());
        let mut encoded = Array2::zeros((n, self.width()));
        for (i, row) in rows.data().chunks_exact(d.max(1)).enumerate() {
            let mut at = 0;
            for (&cell, column) in row.iter().zip(&self.columns) {
                let value = if cell.is_nan() { column.fill } else { Some(cell) };
                let value = value.ok_or_else(|| {
                    Error::invalid(format!("row {i}: column `{}` has a gap, and gaps are refused", column.name))
                })?;
                let width = self.width_of(column);
                match self.one_hot && !column.categories.is_empty() {
                    true if (value as usize) < width => encoded[[i, at + value as usize]] = 1.0,
                    true => {} // an unknown category
                    false => encoded[[i, at]] = value,
                }
                at += width;
            }
        }
        Ok(encoded)
    }
}

/// The median of at least one number.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values[middle];
    }
    ((f64::from(values[middle - 1]) + f64::from(values[middle])) / 2.0) as f32
}

/// The place that occurs most often among `k`; of equals the first.
fn most_frequent(places: &[f32], k: usize) -> f32 {
    let mut counts = vec![0; k];
    places.iter().for_each(|&place| counts[place as usize] += 1);
    let first = (0..k).max_by_key(|&i| (counts[i], std::cmp::Reverse(i))).expect("a column has a category");
    first as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(one_hot: bool) -> Encoding {
        let colour = ["blue", "green", "red"].map(String::from).to_vec();
        Encoding {
            one_hot,
            columns: vec![
                EncodedColumn { name: "u".into(), categories: vec![], fill: Some(2.5) },
                EncodedColumn { name: "colour".into(), categories: colour, fill: Some(2.0) },
            ],
        }
    }

    #[test]
    fn rows_by_hand() {
        // A gap in each column, and in the last row a category that is unknown.
        let rows = Tensor::new(vec![1.0, 0.0, f32::NAN, 1.0, 3.0, f32::NAN, 4.0, 3.0], [4, 1, 1, 2]).unwrap();
        let one_hot = encoding(true);
        assert_eq!(one_hot.names(), ["u", "colour=blue", "colour=green", "colour=red"]);
        let expected =
            ndarray::array![[1.0, 1.0, 0.0, 0.0], [2.5, 0.0, 1.0, 0.0], [3.0, 0.0, 0.0, 1.0], [4.0, 0.0, 0.0, 0.0]];
        assert_eq!(one_hot.encode(&rows).unwrap(), expected);
        let codes = encoding(false);
        assert_eq!((codes.names(), codes.width()), (vec!["u".to_owned(), "colour".to_owned()], 2));
        assert_eq!(codes.encode(&rows).unwrap().row(2).to_vec(), [3.0, 2.0]);
    }

    #[test]
    fn medians_and_the_most_frequent_by_hand() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert_eq!((most_frequent(&[2.0, 1.0, 2.0, 1.0], 3), most_frequent(&[2.0], 3)), (1.0, 2.0));
    }
}
