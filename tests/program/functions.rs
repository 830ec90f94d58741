//! Samples of functions: a formula becomes data, a network, and figures of what it has learned.

use crate::common::{empty_folder, gradus, json};
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
    // A step an epoch, each of which ended for a reason.
    let reasons = found["optimizer_stopped"].as_object().unwrap();
    assert_eq!(reasons.values().map(|n| n.as_u64().unwrap()).sum::<u64>(), 30, "{reasons:?}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("What was learned") && report.contains("beside the true function"));
    assert!(report.contains("of L-BFGS"), "the report says why its steps ended");
    // A training that is continued has what the optimizer remembers.
    let checkpoint = fs::read(folder.join("run/checkpoints/model-last.safetensors"));
    assert!(checkpoint.is_ok(), "the last weights are kept");
}

/// A linear network cannot follow a sine: it ends at the loss of least squares, and the report says so.
#[test]
fn a_linear_unit_ends_at_least_squares() {
    let folder = empty_folder("functions-linear");
    fs::write(folder.join("sine.toml"), SINE).unwrap();
    for (out, hidden) in [("unit", ""), ("deep", "{ type = \"linear\", units = 3 }, ")] {
        let layers = format!("model.layer=[{hidden}{{ type = \"linear\", units = 0 }}]");
        let metrics =
            gradus(&folder, &["train", "sine.toml", "--set", &layers, "--out", out, "--json"]).says(0, &[]).json();
        let of = |key: &str| metrics["least_squares"][key].as_f64().unwrap();
        assert!((of("train_loss") - of("lowest_train_loss")).abs() < 1e-5 && of("train_loss") > 0.1, "{metrics}");
        let report = fs::read_to_string(folder.join(out).join("report.html")).unwrap();
        assert!(report.contains("least squares gives") && report.contains("it has converged"));
    }
}

/// A tiny network's time is that of its steps, not of its arithmetic.
#[test]
fn the_estimate_of_a_tiny_network_counts_its_steps() {
    let folder = empty_folder("functions-dry");
    fs::write(folder.join("sine.toml"), SINE).unwrap();
    let estimated = |batch: &str| {
        let ran = gradus(&folder, &["train", "sine.toml", "--set", batch, "--dry-run", "--json"]);
        ran.says(0, &[]).json()["estimated_seconds"].as_f64().unwrap()
    };
    // 30 epochs of 200 steps, and of one.
    let (many, one) = (estimated("train.batch=1"), estimated("train.batch=200"));
    assert!(many > 0.05 && many > 10.0 * one, "{many} s and {one} s");
}

/// A learning rate that is too high ends its own training only: the others are trained and compared, and the end says what diverged.
#[test]
fn a_variant_that_diverges_leaves_the_others() {
    let folder = empty_folder("functions-diverged");
    let each = [("low", "0.05"), ("absurd", "1e25"), ("middle", "0.1")].map(|(name, lr)| {
        format!("[[variant]]\nname = \"{name}\"\nset = {{ \"train.optimizer\" = {{ kind = \"sgd\", lr = {lr} }} }}\n")
    });
    fs::write(folder.join("family.toml"), SINE.to_owned() + &each.concat()).unwrap();
    let ran = gradus(&folder, &["train", "family.toml", "--out", "f"]);
    assert!(
        ran.says(4, &["absurd diverged"]).out.contains("note: absurd is not compared: training diverged"),
        "{ran:?}"
    );
    let report = fs::read_to_string(folder.join("f/report.html")).unwrap();
    for words in ["middle, seed 42", "absurd is not compared", "epochs to within 1 % of its lowest loss"] {
        assert!(report.contains(words), "{words}");
    }
    assert_eq!(json(folder.join("f/comparison.json"))["rows"].as_array().unwrap().len(), 2);
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

/// Runs without validation samples are compared by their training losses, by epoch and by second; of thirteen none is left out.
#[test]
fn a_family_is_compared_by_its_training_losses() {
    let folder = empty_folder("functions-family");
    let each = (1..=13).map(|i| {
        format!(
            "[[variant]]\nname = \"v{i}\"\nset = {{ \"train.optimizer\" = {{ kind = \"sgd\", lr = {} }} }}\n",
            0.002 * f64::from(i)
        )
    });
    fs::write(folder.join("family.toml"), SINE.to_owned() + &each.collect::<String>()).unwrap();
    let ran = gradus(&folder, &["train", "family.toml", "--set", "train.epochs=40", "--out", "f"]);
    assert!(ran.says(0, &[]).out.contains("report: f/report.html"), "{}", ran.out);
    let drawn = |name: &str| fs::read_to_string(folder.join("f/figures").join(name)).unwrap();
    for x in ["", "_seconds"] {
        let (first, second) = (drawn(&format!("training_loss{x}_1.svg")), drawn(&format!("training_loss{x}_2.svg")));
        // In the order of the file, not of the results.
        assert!((1..=7).all(|i| first.contains(&format!("v{i}, seed 42"))), "{x}");
        assert!((8..=13).all(|i| second.contains(&format!("v{i}, seed 42"))) && !second.contains("v7, seed"), "{x}");
    }
    assert!(!folder.join("f/figures/validation_loss.svg").exists());
    let seconds = fs::read_to_string(folder.join("f/v1/tables/epoch_seconds.csv")).unwrap();
    assert!(seconds.starts_with("training,epoch,seconds\nmodel,1,0.") && seconds.lines().count() == 41, "{seconds}");
}
