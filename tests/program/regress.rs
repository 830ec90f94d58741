//! Regressions: numbers to predict, from a table or arrays to metrics, report, predictions and exported network.

use crate::common::{data_folder, empty_folder, gradus, json, uniform};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A number in [0, 1) for `i` and `stream`, the same on every machine.
fn fraction(i: usize, stream: u64) -> f64 {
    0.5 + 0.5 * uniform(i, stream)
}

/// A table of flats: size in m², floor, age in years and distance to the centre in km give the rent in euros, with
/// noise of deviation 40 or so; a second number is the running costs.
fn flats(path: &Path, n: usize) {
    let mut text = String::from("id,size,floor,age,distance,rent,costs\n");
    for i in 0..n {
        let (size, floor) = (25.0 + 100.0 * fraction(i, 1), (6.0 * fraction(i, 2)).floor());
        let (age, distance) = (80.0 * fraction(i, 3), 12.0 * fraction(i, 4));
        let noise = 140.0 * (fraction(i, 5) + fraction(i, 6) - 1.0);
        let rent = 150.0 + 11.0 * size + 20.0 * floor - 2.0 * age + 300.0 / (1.0 + distance) + noise;
        text.push_str(&format!(
            "{},{size:.1},{floor},{age:.0},{distance:.2},{rent:.2},{:.2}\n",
            i + 1,
            2.5 * size + age
        ));
    }
    fs::write(path, text).unwrap();
}

fn experiment(loss: &str, data: &str) -> String {
    format!(
        r#"name = "flats"
kind = "regress"
[data]
{data}
[[model.layer]]
type = "linear"
units = 16
[[model.layer]]
type = "relu"
[[model.layer]]
type = "linear"
units = 0
[train]
{loss}
batch = 32
epochs = 40
[train.optimizer]
kind = "adam"
lr = 0.01
"#
    )
}

const TABLE: &str = "kind = \"csv\"\npath = \"flats.csv\"\ntarget = \"rent\"\nignore = [\"costs\"]";

fn r_squared(metrics: &Value) -> f64 {
    metrics["test"]["r_squared"].as_f64().unwrap()
}

#[test]
fn a_number_is_learned_by_each_loss_and_predicted_with_its_interval() {
    let folder = empty_folder("regress-flats");
    flats(&folder.join("flats.csv"), 600);
    for loss in ["", "loss = \"mae\"", "loss = \"huber\"\nhuber_delta = 0.5"] {
        fs::write(folder.join("flats.toml"), experiment(loss, TABLE)).unwrap();
        let name = format!("run{}", loss.len());
        let metrics = gradus(&folder, &["train", "flats.toml", "--out", &name, "--json"]).says(0, &[]).json();
        assert!(r_squared(&metrics) > 0.9, "{loss}: {metrics}");
        // The noise alone has a deviation of 57.
        let rmse = metrics["test"]["rmse"].as_f64().unwrap();
        assert!((45.0..110.0).contains(&rmse), "{loss}: {metrics}");
        assert_eq!(metrics["data"]["targets"], serde_json::json!(["rent"]));
        let interval = &metrics["intervals"][0];
        assert!(interval["half_width"].as_f64().unwrap() > rmse && interval["test_coverage"].as_f64().unwrap() > 0.85);
    }
    let config = fs::read_to_string(folder.join("run0/config.toml")).unwrap();
    assert!(config.contains("kind = \"regress\"") && config.contains("loss = \"mse\""), "{config}");

    // The files of the run agree with each other and with later evaluations.
    let metrics: Value = json(folder.join("run0/metrics.json"));
    let again = gradus(&folder, &["evaluate", "run0", "--json"]).says(0, &[]).json();
    assert_eq!((&again["mse"], &again["r_squared"]), (&metrics["test"]["mse"], &metrics["test"]["r_squared"]));
    let table = fs::read_to_string(folder.join("run0/tables/predictions.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["sample", "true rent", "predicted rent", "low rent", "high rent"]);
    let squared = |row: &Vec<&str>| (row[1].parse::<f64>().unwrap() - row[2].parse::<f64>().unwrap()).powi(2);
    let mse = rows[1..].iter().map(squared).sum::<f64>() / (rows.len() - 1) as f64;
    assert!((mse / metrics["test"]["mse"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{mse}");
    for file in
        ["figures/predicted.png", "figures/residuals.svg", "figures/residual_histogram.png", "figures/model_loss.png"]
    {
        assert!(folder.join("run0").join(file).exists(), "{file}");
    }
    let report = fs::read_to_string(folder.join("run0/report.html")).unwrap();
    for words in ["The network explains", "prediction interval", "of the variance of rent", "Residuals"] {
        assert!(report.contains(words), "{words}");
    }

    // Rows without the number, in another order of columns.
    fs::write(folder.join("new.csv"), "distance,age,floor,size\n1.0,10,2,60\n9.0,60,0,30\n").unwrap();
    let ran = gradus(&folder, &["predict", "run0", "new.csv"]);
    let lines: Vec<&str> = ran.says(0, &[]).out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "row,rent,low rent,high rent"));
    let rent: f64 = lines[1].split(',').nth(1).unwrap().parse().unwrap();
    let expected = 150.0 + 11.0 * 60.0 + 40.0 - 20.0 + 150.0;
    assert!((rent - expected).abs() < 120.0, "{rent} {expected}");
    let json = gradus(&folder, &["predict", "run0", "new.csv", "--json"]).says(0, &[]).json();
    assert!((json[0]["values"][0]["value"].as_f64().unwrap() - rent).abs() < 1e-9 && json[1]["row"] == 2);

    gradus(&folder, &["runs", "."]).says(0, &[]);
    let compared = gradus(&folder, &["compare", "run0", "run12", "--json"]).says(0, &[]).json();
    assert_eq!(compared["measure"], "mse");
    gradus(&folder, &["export", "run0", "--to", "onnx", "--out", "flats.onnx"]).says(0, &[]);
    gradus(&folder, &["predict", "run0", "a.png"]).says(3, &["a.png"]);
    gradus(&folder, &["embed", "run0", "--layer", "linear1"]).says(2, &["predicts numbers"]);
    gradus(&folder, &["latent", "run0", "--out", "latent"]).says(2, &[]);

    // Without validation samples there is no interval, and other data are evaluated in their own units.
    let whole = ["train", "flats.toml", "--set", "data.val=0", "--epochs", "3", "--out", "whole", "--json"];
    let metrics = gradus(&folder, &whole).says(0, &[]).json();
    assert!(metrics["val"].is_null() && metrics["intervals"][0]["half_width"].is_null());
    flats(&folder.join("more.csv"), 900);
    let other =
        gradus(&folder, &["evaluate", "run0", "--data", "more.csv", "--json"]).says(0, &["training set"]).json();
    assert!(other["r_squared"].as_f64().unwrap() > 0.9, "{other}");
}

#[test]
fn several_numbers_at_once_and_a_study_by_their_loss() {
    let folder = empty_folder("regress-several");
    flats(&folder.join("flats.csv"), 300);
    let data = "kind = \"csv\"\npath = \"flats.csv\"\ntarget = [\"rent\", \"costs\"]";
    fs::write(folder.join("flats.toml"), experiment("", data)).unwrap();
    let metrics = gradus(&folder, &["train", "flats.toml", "--out", "run", "--json"]).says(0, &[]).json();
    assert_eq!(metrics["data"]["targets"], serde_json::json!(["rent", "costs"]));
    for name in ["rent", "costs"] {
        assert!(metrics["test"]["targets"][name]["r_squared"].as_f64().unwrap() > 0.8, "{metrics}");
    }
    assert!(folder.join("run/figures/predicted_2.png").exists());
    let study =
        experiment("", data) + "[study]\ntrials = 2\n[study.space]\n\"train.optimizer.lr\" = { log = [0.001, 0.1] }\n";
    fs::write(folder.join("study.toml"), study).unwrap();
    let found = gradus(&folder, &["study", "study.toml", "--out", "study", "--json"]).says(0, &[]).json();
    assert_eq!(found["measure"], "validation loss");
}

#[test]
fn what_is_no_regression_is_refused() {
    let folder = empty_folder("regress-refused");
    flats(&folder.join("flats.csv"), 60);
    let refused = |toml: String, words: &[&str]| {
        fs::write(folder.join("x.toml"), toml).unwrap();
        gradus(&folder, &["train", "x.toml", "--dry-run"]).says(2, words);
    };
    refused(
        experiment("loss = \"cross_entropy\"", TABLE),
        &["train.loss", "is not a loss of kind = \"regress\"", "mse, mae, huber"],
    );
    refused(experiment("", TABLE).replace("\"regress\"", "\"regres\""), &["did you mean `regress`"]);
    refused(experiment("", TABLE).replace("kind = \"regress\"", ""), &["data.target", "is for kind = \"regress\""]);
    refused(experiment("huber_delta = 0.0", TABLE), &["train.huber_delta"]);
    refused(experiment("", "kind = \"digits\""), &["data.kind", "holds classes"]);
    refused(experiment("", TABLE).replace("units = 0", "units = 2"), &["one for each number to predict"]);
    // A column that is missing, and a table without the kind: what to write is said.
    fs::write(folder.join("x.toml"), experiment("", TABLE).replace("\"rent\"", "\"price\"")).unwrap();
    gradus(&folder, &["train", "x.toml"]).says(3, &["has no column `price` (data.target)", "rent"]);
    let classes =
        experiment("", "kind = \"csv\"\npath = \"flats.csv\"").replace("kind = \"regress\"", "kind = \"classify\"");
    fs::write(folder.join("x.toml"), classes).unwrap();
    gradus(&folder, &["train", "x.toml"]).says(3, &["kind = \"regress\""]);
}

/// Tomorrow's temperature in Brussels from that of the last three days and the time of the year.
#[test]
fn the_temperature_of_the_next_day() {
    let Some(data) = data_folder("temperature/brussels.csv") else { return };
    let folder = empty_folder("regress-temperature");
    let text = fs::read_to_string(data).unwrap();
    let days: Vec<(f64, f64)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let date: u32 = cells[4].parse().unwrap();
            let of_year = f64::from(date / 100 % 100 - 1) * 30.44 + f64::from(date % 100);
            (of_year / 365.25 * std::f64::consts::TAU, cells[11].parse::<f64>().unwrap() - 273.15)
        })
        .collect();
    let mut table = String::from("today,yesterday,before,sine,cosine,tomorrow\n");
    for i in (2..days.len() - 1).step_by(4) {
        let (angle, t) = (days[i].0, |back: usize| days[i - back].1);
        table.push_str(&format!("{},{},{},{},{},{}\n", t(0), t(1), t(2), angle.sin(), angle.cos(), days[i + 1].1));
    }
    fs::write(folder.join("brussels.csv"), table).unwrap();
    let data = "kind = \"csv\"\npath = \"brussels.csv\"\ntarget = \"tomorrow\"";
    fs::write(folder.join("brussels.toml"), experiment("", data).replace("epochs = 40", "epochs = 15")).unwrap();
    let metrics = gradus(&folder, &["train", "brussels.toml", "--out", "run", "--json"]).says(0, &[]).json();
    println!("test: {}, intervals: {}", metrics["test"], metrics["intervals"]);
    assert!(r_squared(&metrics) > 0.85, "{metrics}");
    let coverage = metrics["intervals"][0]["test_coverage"].as_f64().unwrap();
    assert!((0.91..=0.985).contains(&coverage), "{metrics}");
}
