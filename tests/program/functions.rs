//! Samples of functions: a formula becomes data, a network, and figures of what it has learned.

use crate::common::{empty_folder, gradus};
use std::fs;

const SINE: &str = r#"name = "sine"
kind = "regress"
[data]
kind = "function"
val = 0
test = 0.2
normalize = "none"
[data.function]
formula = "-sin(0.8*pi*x)"
samples = 250
[[model.layer]]
type = "linear"
units = 10
[[model.layer]]
type = "tanh"
[[model.layer]]
type = "linear"
units = 0
[train]
loss = "mse"
batch = 200
epochs = 30
[train.optimizer]
kind = "lbfgs"
"#;

#[test]
fn a_formula_is_learned_by_lbfgs_and_drawn() {
    let folder = empty_folder("functions-sine");
    fs::write(folder.join("sine.toml"), SINE).unwrap();
    let found = gradus(&folder, &["train", "sine.toml", "--out", "run", "--json"]).says(0, &[]).json();
    let mse = found["test"]["mse"].as_f64().unwrap();
    assert!(mse < 1e-4, "mean squared error {mse} on a sine without noise");
    assert!(folder.join("run/figures/learned.png").exists());
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("What was learned") && report.contains("beside the true function"));
    // A training that is continued has what the optimizer remembers.
    let checkpoint = fs::read(folder.join("run/checkpoints/model-last.safetensors"));
    assert!(checkpoint.is_ok(), "the last weights are kept");
}

/// One linear unit cannot follow a sine: it ends at the loss of least squares, and the report says so.
#[test]
fn a_linear_unit_ends_at_least_squares() {
    let folder = empty_folder("functions-linear");
    fs::write(folder.join("sine.toml"), SINE).unwrap();
    let unit = "model.layer=[{ type = \"linear\", units = 0 }]";
    gradus(&folder, &["train", "sine.toml", "--set", unit, "--out", "run"]).says(0, &[]);
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("least squares gives") && report.contains("it has converged"));
}

#[test]
fn a_surface_is_drawn_beside_the_true_one() {
    let folder = empty_folder("functions-surface");
    let words = ["train", "surface", "--smoke", "--out", "runs"];
    gradus(&folder, &words).says(0, &["surface-relu", "surface-tanh"]);
    for figure in ["learned_surface", "true_contours", "learned_contours", "error_map"] {
        assert!(folder.join(format!("runs/surface-tanh/figures/{figure}.png")).exists(), "{figure}");
    }
}

#[test]
fn what_is_no_function_is_refused_before_training() {
    let folder = empty_folder("functions-wrong");
    fs::write(folder.join("sine.toml"), SINE).unwrap();
    for (set, words) in [
        ("data.function.formula='2 * (x'", &["data.function.formula", "2 * (x", "write it with"][..]),
        ("data.function.formula='ln(x)'", &["data.function.formula", "NaN", "x = -", "another range"]),
        ("data.function.formula='2*-x'", &["data.function.formula", "in parentheses"]),
        ("data.function.range=[1.0, 1.0]", &["data.function.range", "the smaller one first"]),
        ("data.function.samples=3", &["data.function.samples", "is 3"]),
        ("data.kind='surface'\ndata.surface.digits=[0, 0, 0, 0, 0]", &["data.surface.digits", "above 0"]),
        ("train.optimizer.clip_norm=1.0", &["train.optimizer.clip_norm", "lbfgs"]),
        ("kind='classify'\ntrain.loss='cross_entropy'", &["function"]),
    ] {
        let sets: Vec<&str> = set.split('\n').flat_map(|set| ["--set", set]).collect();
        let ran = gradus(&folder, &[&["train", "sine.toml", "--out", "run"][..], &sets].concat());
        ran.says(2, words);
        assert!(!folder.join("run").exists(), "{set}: a refused run left a folder");
    }
}
