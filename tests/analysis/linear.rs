//! Linear models: against scikit-learn and numpy (`golden/linear.json`), and by what must hold whatever they are fitted to.

use crate::common::{close, list, number};
use gradus::analysis::linear::{Ard, LeastSquares};
use gradus::rng::Rng;
use ndarray::Array2;
use serde_json::Value;

/// The kind "signed" of `golden/portable.py`: multiples of 1/512 on [-2, 2).
fn signed(seed: u64, n: usize, d: usize) -> Array2<f64> {
    let mut state = seed;
    Array2::from_shape_simple_fn((n, d), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 53) as f64 - 1024.0) / 512.0
    })
}

/// The cases of the golden file: name, rows, targets, and the values of the peers.
fn cases() -> Vec<(String, Array2<f64>, Vec<f64>, Value)> {
    let all: Value = serde_json::from_str(include_str!("../golden/linear.json")).expect("linear.json is JSON");
    list(&all, |case| {
        let size = |key: &str| case[key].as_u64().unwrap();
        let x = signed(size("seed"), size("n") as usize, size("d") as usize);
        (case["name"].as_str().unwrap().to_owned(), x, list(&case["y"], number), case.clone())
    })
}

#[track_caller]
fn within(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got - expected).abs() <= tolerance, "{what}: got {got}, expected {expected}");
}

/// The promise is 1e-3; the updates are the same, so the digits agree much further. With more columns than samples the peer's
/// rounding shows in the fifth digit: there, the same updates in extended precision say whose digits are right.
#[test]
fn relevance_determination_agrees_with_scikit_learn() {
    let mut forms = [0, 0];
    for (name, x, y, case) in cases() {
        let model = Ard::default().fit(x.view(), &y).unwrap();
        let expected = &case["ard"];
        let tolerance = if x.ncols() > x.nrows() { 1e-4 } else { 1e-6 };
        let agrees = |got: &[f64], expected: &Value, tolerance: f64, what: &str| {
            let each = list(expected, number);
            assert_eq!(each.len(), got.len());
            for (j, (g, e)) in got.iter().zip(each).enumerate() {
                within(*g, e, tolerance, &format!("{name}: {what} {j}"));
            }
        };
        for (key, got) in [("weights", &model.weights), ("deviations", &model.deviations)] {
            agrees(got, &expected[key], tolerance, key);
        }
        if !expected["extended"].is_null() {
            agrees(&model.weights, &expected["extended"], 1e-9, "extended");
        }
        within(model.intercept, number(&expected["intercept"]), tolerance, &name);
        let relevant: Vec<usize> = list(&expected["relevant"], |j| j.as_u64().unwrap() as usize);
        assert_eq!((model.relevant, model.converged), (relevant, true), "{name}");
        if name != "constant target" {
            let noise = number(&expected["noise_precision"]);
            within(model.noise_precision / noise, 1.0, tolerance, &format!("{name}: noise"));
            assert_eq!(model.iterations as u64, expected["iterations"].as_u64().unwrap(), "{name}");
        }
        forms[usize::from(x.ncols() > x.nrows())] += 1;
    }
    assert!(forms.iter().all(|&n| n > 0), "both forms of the posterior were used");
}

#[test]
fn least_squares_agree_with_the_normal_equations() {
    let mut compared = 0;
    for (name, x, y, case) in cases() {
        let model = LeastSquares::fit(x.view(), &y).unwrap();
        let expected = &case["least_squares"];
        if expected.is_null() {
            continue;
        }
        compared += 1;
        close(model.intercept, number(&expected["intercept"]), &name);
        close(model.noise_variance.unwrap(), number(&expected["noise_variance"]), &name);
        for (key, got) in
            [("weights", &model.weights), ("standard_errors", model.standard_errors.as_ref().expect("full rank"))]
        {
            let each = list(&expected[key], number);
            got.iter().zip(each).for_each(|(g, e)| close(*g, e, &format!("{name}: {key}")));
        }
    }
    assert_eq!(compared, 2);
}

#[test]
fn irrelevant_columns_are_taken_out_and_relevant_ones_kept() {
    let mut rng = Rng::new(5, "test", 0);
    let x = Array2::from_shape_fn((400, 12), |_| rng.normal());
    let y: Vec<f64> = x.rows().into_iter().map(|row| 2.0 * row[3] - row[8] + 5.0 + 0.05 * rng.normal()).collect();
    // Weights below 0.1 are taken out, and those of noise are about 0.0025.
    let model = Ard { threshold: 1e2, ..Ard::default() }.fit(x.view(), &y).unwrap();
    assert_eq!(model.relevant, [3, 8]);
    assert_eq!(model.weights.iter().filter(|w| **w != 0.0).count(), 2);
    assert!(model.deviations.iter().enumerate().all(|(j, d)| (*d > 0.0) == (j == 3 || j == 8)));
    within(1.0 / model.noise_precision.sqrt(), 0.05, 0.005, "the deviation of the noise");
    let predicted = model.predict(x.view()).unwrap();
    assert!(predicted.iter().zip(&y).all(|(p, y)| (p - y).abs() < 0.3));
    // The same from single precision.
    let single = Ard { threshold: 1e2, ..Ard::default() }.fit(x.mapv(|v| v as f32).view(), &y).unwrap();
    within(single.weights[3], model.weights[3], 1e-5, "f32");
}

/// Of 300 data sets, the interval of 95 % holds the true weight as often as it says.
#[test]
fn intervals_of_least_squares_hold_the_true_weight() {
    let mut rng = Rng::new(9, "test", 0);
    let held = (0..300).filter(|_| {
        let x = Array2::from_shape_fn((15, 2), |_| rng.normal());
        let y: Vec<f64> = x.rows().into_iter().map(|row| row[0] - 0.5 * row[1] + rng.normal()).collect();
        let (low, high) = LeastSquares::fit(x.view(), &y).unwrap().interval(0, 0.95).unwrap();
        low <= 1.0 && 1.0 <= high
    });
    let held = held.count();
    // 285 ± 2.6 standard deviations of 3.8.
    assert!((275..=295).contains(&held), "{held}");
}

#[test]
fn odd_inputs_are_fitted_or_named() {
    let x = signed(3, 20, 4);
    let mut dependent = x.clone();
    for i in 0..20 {
        dependent[[i, 2]] = 2.0 * dependent[[i, 1]];
        dependent[[i, 3]] = 7.0;
    }
    let y: Vec<f64> = x.column(1).iter().map(|v| 3.0 * v).collect();
    let model = Ard::default().fit(dependent.view(), &y).unwrap();
    assert!(model.weights.iter().all(|w| w.is_finite()) && model.weights[3] == 0.0);
    within(model.weights[1] + 2.0 * model.weights[2], 3.0, 1e-3, "dependent columns share the slope");
    for scale in [1e-6, 1e6] {
        let scaled = Ard::default().fit(dependent.mapv(|v| v * scale).view(), &y).unwrap();
        assert!(scaled.weights.iter().chain(&scaled.deviations).all(|w| w.is_finite()), "{scale}");
    }
    let fault = Ard::default().fit(x.view(), &y[1..]).unwrap_err().to_string();
    assert!(fault.starts_with("relevance determination: expected at least 2 rows and a target for each"), "{fault}");
    assert!(model.predict(x.slice(ndarray::s![.., ..2])).unwrap_err().to_string().contains("x has 2 columns"));
}
