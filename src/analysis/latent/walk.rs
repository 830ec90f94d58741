//! Walks through a latent space: along a line, along an axis, over a plane, by a difference.

use super::width;
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::{Array1, Array2, ArrayView1};

/// Returns `steps` codes evenly spaced on the straight line from `a` to `b`, both included: steps x d.
///
/// Row i is (1 - t) a + t b with t = i / (steps - 1); the ends are `a` and `b` themselves. Fails for fewer than 2
/// steps.
pub fn interpolate<T: Real>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>, steps: usize) -> Result<Array2<T>> {
    width("interpolate", "the second code", b.len(), a.len())?;
    if steps < 2 {
        return Err(Error::invalid(format!("interpolate: {steps} steps; the two ends alone are 2")));
    }
    Ok(Array2::from_shape_fn((steps, a.len()), |(i, j)| {
        let t = i as f64 / (steps - 1) as f64;
        T::from_f64((1.0 - t) * a[j].to_f64() + t * b[j].to_f64())
    }))
}

/// Returns the code with its number at `dimension` replaced by each of `values` in turn: values x d.
pub fn traverse<T: Real>(code: ArrayView1<'_, T>, dimension: usize, values: &[f64]) -> Result<Array2<T>> {
    known("traverse", code, dimension)?;
    Ok(Array2::from_shape_fn(
        (values.len(), code.len()),
        |(i, j)| {
            if j == dimension { T::from_f64(values[i]) } else { code[j] }
        },
    ))
}

/// Returns the code with two of its numbers replaced by all pairs of values, (rows · columns) x d, in the order of
/// reading: the first dimension rises from left to right, the second, as on paper, from the bottom row to the top row.
pub fn plane<T: Real>(
    code: ArrayView1<'_, T>,
    dimensions: [usize; 2],
    across: &[f64],
    upwards: &[f64],
) -> Result<Array2<T>> {
    let [first, second] = dimensions;
    known("plane", code, first)?;
    known("plane", code, second)?;
    if first == second {
        return Err(Error::invalid(format!("plane: dimension {first} twice; a plane has two")));
    }
    let (columns, rows) = (across.len(), upwards.len());
    Ok(Array2::from_shape_fn((rows * columns, code.len()), |(i, j)| {
        if j == first {
            T::from_f64(across[i % columns])
        } else if j == second {
            T::from_f64(upwards[rows - 1 - i / columns])
        } else {
            code[j]
        }
    }))
}

/// Computes a - b + c: the difference of `a` and `b`, added to `c` (Mikolov et al. 2013 for words, Radford et al. 2016
/// for images, with means of a few codes for a, b and c).
pub fn analogy<T: Real>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>, c: ArrayView1<'_, T>) -> Result<Array1<T>> {
    width("analogy", "the second code", b.len(), a.len())?;
    width("analogy", "the third code", c.len(), a.len())?;
    Ok(&a - &b + c)
}

fn known<T>(op: &str, code: ArrayView1<'_, T>, dimension: usize) -> Result<()> {
    if dimension < code.len() {
        return Ok(());
    }
    Err(Error::invalid(format!("{op}: a code of {} dimensions has none of index {dimension}", code.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, aview1};

    #[test]
    fn lines_by_hand() {
        let (a, b) = ([0.0, 10.0], [4.0, -10.0]);
        let line = interpolate(aview1(&a), aview1(&b), 5).unwrap();
        assert_eq!(line, array![[0.0, 10.0], [1.0, 5.0], [2.0, 0.0], [3.0, -5.0], [4.0, -10.0]]);
        // The ends keep their bits, whatever they are.
        let (a, b) = ([0.1f32, -3.3e7], [0.7, 1e-9]);
        let line = interpolate(aview1(&a), aview1(&b), 7).unwrap();
        assert_eq!((line.row(0).to_vec(), line.row(6).to_vec()), (a.to_vec(), b.to_vec()));
        assert!(interpolate(aview1(&a), aview1(&b), 1).is_err());
        let message = interpolate(aview1(&a), aview1(&[1.0f32]), 3).unwrap_err().to_string();
        assert_eq!(message, "interpolate: the second code has 1 dimensions: expected 2");
    }

    #[test]
    fn traversals_by_hand() {
        let code = [1.0, 2.0, 3.0];
        let walk = traverse(aview1(&code), 1, &[-1.0, 0.5]).unwrap();
        assert_eq!(walk, array![[1.0, -1.0, 3.0], [1.0, 0.5, 3.0]]);
        assert!(
            traverse(aview1(&code), 3, &[0.0]).unwrap_err().to_string().contains("3 dimensions has none of index 3")
        );
    }

    /// Three across, two up: the first row read is the upper one.
    #[test]
    fn planes_by_hand() {
        let grid = plane(aview1(&[9.0, 0.0, 0.0]), [2, 1], &[1.0, 2.0, 3.0], &[-5.0, 5.0]).unwrap();
        let expected = array![
            [9.0, 5.0, 1.0],
            [9.0, 5.0, 2.0],
            [9.0, 5.0, 3.0],
            [9.0, -5.0, 1.0],
            [9.0, -5.0, 2.0],
            [9.0, -5.0, 3.0]
        ];
        assert_eq!(grid, expected);
        assert!(plane(aview1(&[0.0, 0.0]), [1, 1], &[0.0], &[0.0]).is_err());
        assert!(plane(aview1(&[0.0, 0.0]), [0, 2], &[0.0], &[0.0]).is_err());
    }

    #[test]
    fn differences_by_hand() {
        let sum = analogy(aview1(&[5.0, 1.0]), aview1(&[3.0, 2.0]), aview1(&[10.0, 10.0])).unwrap();
        assert_eq!(sum, aview1(&[12.0, 9.0]));
        assert!(analogy(aview1(&[5.0]), aview1(&[3.0]), aview1(&[1.0, 2.0])).is_err());
    }
}
