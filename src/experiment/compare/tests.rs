//! What a comparison says of runs whose figures are known.

use super::*;
use std::path::PathBuf;

/// A run of `settings` whose network classifies the samples correctly where `correct` has a 1.
fn run(name: &str, epochs: u32, seed: u64, correct: &[u8]) -> ComparedRun {
    ComparedRun {
        folder: PathBuf::from(format!("{name}-{epochs}-{seed}")),
        name: name.to_owned(),
        seed,
        settings: [("train.epochs".to_owned(), epochs.to_string())].into(),
        samples: (0..correct.len()).map(|i| i.to_string()).collect(),
        values: correct.iter().map(|&c| f64::from(c)).collect(),
        macro_f1: Some(0.5),
        parameters: 10.0,
        seconds: 1.0,
    }
}

/// `n` samples of which the first `k` are classified correctly, beginning at sample `from`.
fn first(k: usize, n: usize, from: usize) -> Vec<u8> {
    (0..n).map(|i| u8::from((i + n - from) % n < k)).collect()
}

#[test]
fn a_run_given_twice_is_refused() {
    let twice = vec![run("a", 5, 1, &[1, 0]), run("a", 5, 1, &[1, 0])];
    let message = of_runs(TestMeasure::Accuracy, twice).unwrap_err().to_string();
    assert!(message.contains("the seed (1) of a-5-1"), "{message}");
}

#[test]
fn other_test_samples_are_refused() {
    let other = vec![run("a", 5, 1, &[1, 0]), run("b", 5, 1, &[1, 0, 1])];
    assert!(of_runs(TestMeasure::Accuracy, other).unwrap_err().to_string().contains("other test samples"));
}

#[test]
fn settings_make_the_variant_and_its_label() {
    let runs = vec![
        run("a", 5, 1, &first(90, 100, 0)),
        run("a", 5, 2, &first(91, 100, 3)),
        run("a", 9, 1, &first(50, 100, 50)),
        run("b", 5, 1, &first(10, 100, 0)),
    ];
    let found = of_runs(TestMeasure::Accuracy, runs).unwrap();
    let labels: Vec<&str> = found.rows.iter().map(|row| row.experiment.as_str()).collect();
    assert_eq!(labels, ["a (train.epochs = 5)", "a (train.epochs = 9)", "b"]);
    assert_eq!((found.rows[0].seeds.clone(), found.pairs.len()), (vec![1, 2], 3));
    assert!(found.notes.iter().any(|note| note.contains("one seed")), "{:?}", found.notes);
    assert!(found.notes.iter().any(|note| note.contains("Two seeds")), "{:?}", found.notes);
}

#[test]
fn of_one_seed_each_the_statement_is_about_two_networks() {
    // Nine samples that only the first classifies correctly: McNemar's p is 2 / 2^9.
    let found = of_runs(TestMeasure::Accuracy, vec![run("a", 5, 1, &[1; 9]), run("b", 5, 1, &[0; 9])]).unwrap();
    let pair = &found.pairs[0];
    assert!((pair.p_value - 2.0 / 512.0).abs() < 1e-12 && !pair.over_seeds, "{pair:?}");
    assert_eq!(pair.better.as_deref(), Some("a"));
    assert_eq!(report::verdict(pair), "the trained network of a is better");
}

#[test]
fn of_errors_the_smaller_is_better_and_of_bounds_the_larger() {
    for (measure, better) in [(TestMeasure::Mse, "b"), (TestMeasure::Elbo, "a")] {
        let values = |level: f64, seed| {
            let mut run = run(if level > 1.5 { "a" } else { "b" }, 5, seed, &[0; 40]);
            run.values.iter_mut().enumerate().for_each(|(i, v)| *v = level + (i % 4) as f64 * 0.01);
            run.values[0] += 0.001 * seed as f64;
            run
        };
        let runs = (1..=3).flat_map(|seed| [values(2.0, seed), values(1.0, seed)]).collect();
        let found = of_runs(measure, runs).unwrap();
        assert_eq!(found.rows[0].experiment, better, "{measure:?}");
        assert_eq!(found.pairs[0].better.as_deref(), Some(better), "{measure:?}: {:?}", found.pairs);
    }
}

/// Eight times ten variants that are alike: at the uncorrected 5 % level some of 45 pairs differ by chance, time and
/// again; after the correction hardly ever.
#[test]
fn several_comparisons_are_corrected() {
    let (mut uncorrected, mut corrected) = (0, 0);
    for seed in 0..8 {
        let mut rng = crate::rng::Rng::new(seed, "compare", 0);
        let mut alike = |v: usize| {
            let correct: Vec<u8> = (0..300).map(|_| u8::from(rng.uniform() < 0.8)).collect();
            run(&format!("v{v}"), 5, 1, &correct)
        };
        let found = of_runs(TestMeasure::Accuracy, (0..10).map(&mut alike).collect()).unwrap();
        assert!(found.pairs.iter().all(|pair| pair.adjusted_p_value >= pair.p_value));
        uncorrected += usize::from(found.pairs.iter().any(|pair| pair.p_value < LEVEL));
        corrected += usize::from(found.pairs.iter().any(|pair| pair.better.is_some()));
    }
    assert!(uncorrected >= 3 && corrected <= 1, "{uncorrected} and {corrected} of 8");
}

#[test]
fn small_errors_are_not_shown_as_zero() {
    assert_eq!(report::value(TestMeasure::Mse, 0.032_464), "0.03246");
    assert_eq!(report::value(TestMeasure::Mse, 7.3e-6), "7.30e-6");
    assert_eq!(report::value(TestMeasure::Mse, 0.0), "0.00000");
}
