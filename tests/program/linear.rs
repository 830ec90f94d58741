//! Linear models as experiments: fitted at once, reported with the uncertainty of their weights, used as any run.

use crate::common::{data_folder, empty_folder, gradus, uniform};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A table of ten columns in different units, of which the second and the sixth make `y`.
fn table(path: &Path, n: usize) {
    let mut text: String = (0..10).map(|j| format!("c{j},")).collect::<String>() + "kind,y\n";
    for i in 0..n {
        let x: Vec<f64> = (0..10).map(|j| uniform(i, j + 1) * 10f64.powi(j as i32 % 3)).collect();
        let kind = ["plain", "fine"][(i * 7) % 2];
        let y = 5.0 + 0.4 * x[1] - 0.02 * x[5] + 0.3 * uniform(i, 20);
        text += &x.iter().map(|x| format!("{x:.5},")).collect::<String>();
        text += &format!("{kind},{y:.5}\n");
    }
    fs::write(path, text).unwrap();
}

const MODEL: &str = r#"
name = "line"
kind = "linear"
[data]
kind = "csv"
path = "table.csv"
target = "y"
categories = "one_hot"
[linear]
method = "ard"
threshold = 400
"#;

fn weights(folder: &Path, run: &str) -> Vec<csv::StringRecord> {
    let mut file = csv::Reader::from_path(folder.join(run).join("tables/weights.csv")).unwrap();
    file.records().map(Result::unwrap).collect()
}

#[test]
fn a_linear_model_names_the_columns_that_matter_and_is_used_as_any_run() {
    let folder = empty_folder("linear");
    table(&folder.join("table.csv"), 300);
    fs::write(folder.join("line.toml"), MODEL).unwrap();
    let metrics = gradus(&folder, &["train", "line.toml", "--out", "ard", "--json"]).says(0, &[]).json();
    assert_eq!((&metrics["kind"], &metrics["epochs"]), (&"linear".into(), &1.into()));
    assert!(metrics["test"]["r_squared"].as_f64().unwrap() > 0.9, "{metrics}");
    let model = &metrics["linear"]["models"][0];
    assert_eq!(metrics["linear"]["method"], "ard");
    assert_eq!(model["ard"]["relevant"], serde_json::json!(["c1", "c5"]));
    assert_eq!(model["ard"]["taken_out"].as_array().unwrap().len(), 10, "eight columns and two categories");
    // One of the two columns of a category with two words follows from the other.
    assert_eq!(model["ols"]["rank"], 11);

    // Weights in the units of the data are those that made y.
    let rows = weights(&folder, "ard");
    let row = |column: &str| rows.iter().find(|row| &row[1] == column).unwrap();
    let in_units = |column: &str| row(column)[7].parse::<f64>().unwrap();
    assert!((in_units("c1") - 0.4).abs() < 0.01 && (in_units("c5") + 0.02).abs() < 0.001, "{rows:?}");
    assert_eq!((in_units("kind=fine"), &row("kind=fine")[3]), (0.0, ""));
    let report = fs::read_to_string(folder.join("ard/report.html")).unwrap();
    for words in ["The linear model explains", "ARD kept 2 of 12 columns (c1 and c5)", "only 11 of its 12 columns"] {
        assert!(report.contains(words), "{words}");
    }
    for file in ["figures/weights.png", "figures/weights.svg", "figures/predicted.png", "preparation.json"] {
        assert!(folder.join("ard").join(file).exists(), "{file}");
    }

    // Evaluated, compared, predicted and exported as any other.
    let again = gradus(&folder, &["evaluate", "ard", "--json"]).says(0, &[]).json();
    assert_eq!(again["mse"], metrics["test"]["mse"]);
    let ols = ["--set", "linear.method=ols", "--set", "data.ignore=[\"kind\"]"];
    let ols = gradus(&folder, &[&["train", "line.toml", "--out", "ols", "--json"], &ols[..]].concat());
    let ols = ols.says(0, &[]).json();
    let mse = |metrics: &Value| metrics["test"]["mse"].as_f64().unwrap();
    assert!((mse(&ols) / mse(&metrics) - 1.0).abs() < 0.3, "{ols}");
    let said = ols["linear"]["models"][0]["test_mse"]["ols"].as_f64().unwrap();
    assert!((said / mse(&ols) - 1.0).abs() < 1e-4, "the weights in f32 predict as those in f64: {ols}");
    let rows = weights(&folder, "ols");
    assert!(rows.iter().all(|row| row[3].parse::<f64>().unwrap() > 0.0), "a standard error each: {rows:?}");
    gradus(&folder, &["compare", "ard", "ols", "--json"]).says(0, &[]);
    gradus(&folder, &["export", "ard", "--to", "onnx", "--out", "line.onnx"]).says(0, &[]);
    let head = (0..10).rev().map(|j| format!("c{j}")).collect::<Vec<_>>().join(",");
    fs::write(folder.join("new.csv"), format!("kind,{head}\nfine,0,0,0,0,50,0,0,0,5,0\n")).unwrap();
    let json = gradus(&folder, &["predict", "ard", "new.csv", "--json"]).says(0, &[]).json();
    let value = json[0]["values"][0]["value"].as_f64().unwrap();
    assert!((value - 6.0).abs() < 0.1, "5 + 0.4 * 5 - 0.02 * 50: {value}");
    // The resolved file reads back, and the run is found complete.
    gradus(&folder, &["train", "--resume", "ard"]).says(0, &[]);
}

#[test]
fn settings_of_other_kinds_are_refused() {
    let folder = empty_folder("linear-refused");
    table(&folder.join("table.csv"), 60);
    fs::write(folder.join("line.toml"), MODEL).unwrap();
    let refused = |set: &str, code: i32, words: &[&str]| {
        gradus(&folder, &["train", "line.toml", "--set", set, "--out", "run"]).says(code, words);
    };
    refused("train.patience=3", 2, &["train.patience", "computed at once"]);
    refused("linear.threshold=0", 2, &["linear.threshold"]);
    refused("linear.method=lasso", 2, &["linear.method", "ols", "ard"]);
    refused("train.loss=mae", 2, &["train.loss", "not a loss of kind = \"linear\""]);
    refused("data.target=kind", 3, &["expected a number"]);
    refused("data.kind=digits", 2, &["data.kind"]);
    let layers = "\n[[model.layer]]\ntype = \"linear\"\nunits = 3\n[[model.layer]]\ntype = \"linear\"\nunits = 0\n";
    fs::write(folder.join("line.toml"), format!("{MODEL}{layers}")).unwrap();
    gradus(&folder, &["train", "line.toml", "--out", "run"]).says(2, &["model.layer", "remove [model]"]);
    let network = MODEL.replace("\"linear\"", "\"regress\"") + "\n[[model.layer]]\ntype = \"linear\"\nunits = 0\n";
    fs::write(folder.join("network.toml"), network).unwrap();
    gradus(&folder, &["train", "network.toml", "--out", "run"]).says(2, &["linear", "is not a setting of kind"]);
    let keys = gradus(&folder, &["init", "--keys", "linear"]);
    assert!(keys.says(0, &[]).out.contains("threshold") && keys.out.contains("standard deviation"), "{}", keys.out);
}

/// Diabetes as a number, from the real table if it is there: glucose and body mass are among the columns that matter.
#[test]
fn relevant_columns_of_diabetes() {
    let Some(data) = data_folder("tabular/pima-indians-diabetes.csv") else { return };
    let folder = empty_folder("linear-diabetes");
    let path = data.display().to_string();
    let text = format!(
        "name = \"diabetes\"\nkind = \"linear\"\n[data]\nkind = \"csv\"\npath = {path:?}\n[linear]\nmethod = \"ard\"\n"
    );
    fs::write(folder.join("diabetes.toml"), text).unwrap();
    let metrics = gradus(&folder, &["train", "diabetes.toml", "--out", "run", "--json"]).says(0, &[]).json();
    let relevant = metrics["linear"]["models"][0]["ard"]["relevant"].as_array().unwrap().clone();
    assert!(relevant.contains(&"x1".into()) && relevant.contains(&"x5".into()), "{relevant:?}");
    assert!(metrics["test"]["r_squared"].as_f64().unwrap() > 0.15, "{metrics}");
}
