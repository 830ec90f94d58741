//! What the tests of the analysis share: the values of `golden/analysis.json`, and samples.
use gradus::rng::Rng;
use ndarray::Array2;
use serde_json::Value;

pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/analysis.json")).expect("analysis.json is JSON")
}

pub(crate) fn number(v: &Value) -> f64 {
    v.as_f64().expect("a number")
}

pub(crate) fn list<R>(v: &Value, f: impl Fn(&Value) -> R) -> Vec<R> {
    v.as_array().expect("a list").iter().map(f).collect()
}

pub(crate) fn indices(v: &Value) -> Vec<usize> {
    list(v, |v| v.as_u64().expect("an index") as usize)
}

pub(crate) fn matrix(v: &Value) -> Array2<f64> {
    let rows = list(v, |row| list(row, number));
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("rows of one length")
}

/// Equal to the 12 digits that the goldens keep, and a few rounding errors.
#[track_caller]
pub(crate) fn close(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{what}: got {got}, expected {expected}");
}

#[track_caller]
pub(crate) fn all_close<'a>(
    got: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    what: &str,
) {
    let (got, expected): (Vec<_>, Vec<_>) = (got.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(got.len(), expected.len(), "{what}");
    for (g, w) in got.into_iter().zip(expected) {
        close(*g, *w, what);
    }
}

/// `n` samples around `k` centres, sample i around centre i mod k.
pub(crate) fn blobs(n: usize, d: usize, k: usize, spread: f64, seed: u64) -> (Array2<f64>, Vec<usize>) {
    let mut rng = Rng::new(seed, "blobs", 0);
    let centers = Array2::from_shape_fn((k, d), |_| 5.0 * rng.normal());
    let x = Array2::from_shape_fn((n, d), |(i, j)| centers[[i % k, j]] + spread * rng.normal());
    (x, (0..n).map(|i| i % k).collect())
}

pub(crate) fn single(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|v| v as f32)
}
