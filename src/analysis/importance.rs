//! Permutation importance: how much worse predictions are once a column no longer belongs to its rows.
//!
//! The numbers of one column are shuffled among the rows, so that they keep their distribution and lose what they say of a row.
//! The importance of the column is the mean squared error after that minus the one before (Breiman 2001, for forests; Fisher,
//! Rudin and Dominici 2019, for any model). On held-out rows it measures what the model's predictions gain from the column. Where
//! two columns say the same, a model can rest on either, and both may look unimportant.

use crate::error::{Error, Result};
use crate::rng::Rng;
use ndarray::{Array2, ArrayView2};

/// Predicts the M numbers of each row: N x D to N x M.
pub type Predict<'a> = &'a dyn Fn(ArrayView2<'_, f32>) -> Result<Array2<f64>>;

/// Returns the importance of each column for each number: for number m and column j the increase of the mean squared error in
/// each of `repeats` shuffles, `[m][j]`. `y` is N x M; the unit is the square of its unit. Column j is shuffled by the stream
/// ("importance", j) of `seed`. Fails as `predict` does, and unless there is a row of `y` for each of `x`.
///
/// ```
/// use gradus::analysis::importance::permutation_importance;
/// let x = ndarray::Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) % 100) as f32);
/// let y = x.column(0).mapv(f64::from).insert_axis(ndarray::Axis(1));
/// // A model that looks at the first column alone.
/// let model = |x: ndarray::ArrayView2<'_, f32>| Ok(x.column(0).mapv(f64::from).insert_axis(ndarray::Axis(1)));
/// let of = permutation_importance(&model, x.view(), y.view(), 3, 1)?;
/// assert!(of[0][0].iter().all(|increase| *increase > 500.0));
/// assert_eq!(of[0][1], [0.0; 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn permutation_importance(
    predict: Predict<'_>,
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f64>,
    repeats: usize,
    seed: u64,
) -> Result<Vec<Vec<Vec<f64>>>> {
    let (n, m) = y.dim();
    if n == 0 || x.nrows() != n {
        let what = format!("importance: expected a true value for each row, found {} rows and {n} values", x.nrows());
        return Err(Error::invalid(what));
    }
    let errors = |x: ArrayView2<'_, f32>| -> Result<Vec<f64>> {
        let predicted = predict(x)?;
        let of = |j: usize| predicted.column(j).iter().zip(y.column(j)).map(|(p, y)| (p - y) * (p - y)).sum::<f64>();
        Ok((0..m).map(|j| of(j) / n as f64).collect())
    };
    let before = errors(x)?;
    let mut found = vec![vec![Vec::new(); x.ncols()]; m];
    let mut shuffled = x.to_owned();
    for column in 0..x.ncols() {
        let mut rng = Rng::new(seed, "importance", column as u64);
        for _ in 0..repeats {
            let order = rng.permutation(n);
            (0..n).for_each(|i| shuffled[[i, column]] = x[[order[i], column]]);
            for (j, after) in errors(shuffled.view())?.into_iter().enumerate() {
                found[j][column].push(after - before[j]);
            }
        }
        shuffled.column_mut(column).assign(&x.column(column));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_increase_by_hand() {
        // ŷ = 2 x: shuffled, E (ŷ' - y)² = 4 E (x' - x)² = 8 n / (n - 1) · variance, less what stays in place: about 8 variances.
        let n = 400;
        let x = Array2::from_shape_fn((n, 1), |(i, _)| i as f32 / n as f32);
        let y = x.mapv(|x| 2.0 * f64::from(x));
        let model = |x: ArrayView2<'_, f32>| Ok(x.mapv(|x| 2.0 * f64::from(x)));
        let found = permutation_importance(&model, x.view(), y.view(), 20, 3).unwrap();
        let mean = found[0][0].iter().sum::<f64>() / 20.0;
        assert!((mean - 8.0 / 12.0).abs() < 0.03, "{mean}");
        assert_ne!(found[0][0][0], found[0][0][1], "each shuffle is another");
    }

    #[test]
    fn each_number_has_importances_of_its_own() {
        let x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (3 + j)) % 50) as f32);
        let y = x.mapv(f64::from);
        let model = |x: ArrayView2<'_, f32>| Ok(x.mapv(f64::from));
        let found = permutation_importance(&model, x.view(), y.view(), 1, 3).unwrap();
        assert!(found[0][0][0] > 0.0 && found[0][1] == [0.0] && found[1][0] == [0.0] && found[1][1][0] > 0.0);
        assert!(permutation_importance(&model, x.view(), Array2::zeros((3, 2)).view(), 1, 3).is_err());
    }
}
