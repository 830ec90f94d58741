//! Cross-validation: folds of a table, their figures, and studies that compare trials by them.

use crate::common::{command, copy, data_folder, empty_folder, gradus, json, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A table of two classes, `b` rarer, that a line divides but for some rows; `words` adds a column of words.
fn table(path: &Path, n: usize) {
    let mut text = String::from("u,v,shape,y\n");
    for i in 0..n {
        let (u, v) = ((i * 37 % 101) as f64 / 50.0 - 1.0, (i * 53 % 97) as f64 / 48.0 - 1.0);
        let class = if (u + v > 0.5) != (i % 17 == 0) { "b" } else { "a" };
        text += &format!("{u:.3},{v:.3},{},{class}\n", ["round", "flat", "long"][i % 3]);
    }
    fs::write(path, text).unwrap();
}

const FOLDED: &str = r#"
name = "folded"
[data]
kind = "csv"
path = "table.csv"
val = 0.0
categories = "one_hot"
[validation]
folds = 4
repeats = 2
[model]
hidden = [4]
activation = "tanh"
[train]
batch = 16
epochs = 6
[train.optimizer]
kind = "adam"
lr = 0.05
"#;

#[test]
fn every_row_outside_the_test_split_is_evaluated_once_in_each_repeat() {
    let folder = empty_folder("folds");
    table(&folder.join("table.csv"), 120);
    fs::write(folder.join("folded.toml"), FOLDED).unwrap();
    let metrics = gradus(&folder, &["train", "folded.toml", "--out", "run", "--json"]).says(0, &[]).json();
    let found = &metrics["cross_validation"];
    assert_eq!((&found["folds"], &found["repeats"]), (&4.into(), &2.into()));
    let counts =
        |split: &str| -> u64 { metrics["data"][split].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum() };
    assert_eq!(found["rows"].as_u64().unwrap() + counts("test"), 120);
    assert_eq!(found["rows"].as_u64().unwrap(), counts("train"), "without validation rows all others are trained on");
    for key in ["accuracy", "loss"] {
        let each: Vec<f64> = found[key]["each"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let mean = each.iter().sum::<f64>() / 8.0;
        let squares = each.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        assert_eq!(each.len(), 8);
        assert!((found[key]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
        assert!((found[key]["standard_deviation"].as_f64().unwrap() - (squares / 7.0).sqrt()).abs() < 1e-12);
    }
    assert!(found["accuracy"]["mean"].as_f64().unwrap() > 0.75, "{found}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(
        report.contains("Cross-validation") && report.contains("over 8 folds (2 repeats of 4) of"),
        "no such sentence"
    );

    // The table of folds: no test row, each row once in each repeat, the classes even in all folds.
    let classes: Vec<String> = csv::Reader::from_path(folder.join("table.csv"))
        .unwrap()
        .records()
        .map(|row| row.unwrap()[3].to_owned())
        .collect();
    let mut file = csv::Reader::from_path(folder.join("run/tables/folds.csv")).unwrap();
    assert_eq!(file.headers().unwrap(), vec!["sample", "repeat 1", "repeat 2"]);
    let rows: Vec<csv::StringRecord> = file.records().map(Result::unwrap).collect();
    assert_eq!(rows.len() as u64, found["rows"].as_u64().unwrap());
    for repeat in [1, 2] {
        let mut in_fold: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for row in &rows {
            let number: usize = row[0].strip_prefix("row ").unwrap().parse().unwrap();
            *in_fold.entry((&classes[number - 1], &row[repeat])).or_default() += 1;
        }
        assert_eq!(in_fold.len(), 8);
        for class in ["a", "b"] {
            let counts: Vec<usize> = in_fold.iter().filter(|(key, _)| key.0 == class).map(|(_, n)| *n).collect();
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{in_fold:?}");
        }
    }
    assert!(rows.iter().any(|row| row[1] != row[2]), "the folds of each repeat are drawn anew");
    let tested = fs::read_to_string(folder.join("run/tables/predictions.csv")).unwrap();
    let tested: Vec<&str> = tested.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert!(rows.iter().all(|row| !tested.contains(&&row[0])), "a test row is in a fold");
    // The resolved file has the layers that `hidden` stands for, and reads back.
    let config = fs::read_to_string(folder.join("run/config.toml")).unwrap();
    assert!(
        config.contains("type = \"tanh\"") && config.contains("folds = 4") && !config.contains("hidden ="),
        "{config}"
    );
    gradus(&folder, &["evaluate", "run"]).says(0, &[]);

    // Numbers, and models that are computed at once.
    let set =
        ["--set", "kind=linear", "--set", "data.target=v", "--set", "data.ignore=[\"y\"]", "--out", "line", "--json"];
    let text = FOLDED.replace("[model]\nhidden = [4]\nactivation = \"tanh\"\n", "");
    fs::write(folder.join("line.toml"), text).unwrap();
    let line = gradus(&folder, &[&["train", "line.toml"], &set[..]].concat()).says(0, &[]).json();
    assert_eq!(line["cross_validation"]["mse"]["each"].as_array().unwrap().len(), 8, "{line}");
}

/// A run that is killed among its folds resumes with the next one, and ends as one that was never stopped; folds of other settings
/// are not taken.
#[test]
fn finished_folds_are_kept() {
    let folder = empty_folder("folds-resumed");
    table(&folder.join("table.csv"), 120);
    fs::write(folder.join("folded.toml"), FOLDED.replace("epochs = 6", "epochs = 60")).unwrap();
    let whole = gradus(&folder, &["train", "folded.toml", "--out", "whole", "--json"]).says(0, &[]).json();
    let kept = folder.join("run/checkpoints/folds.json");
    let finished = || {
        let kept: Option<Value> = fs::read(&kept).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.map_or(0, |kept| kept["figures"].as_array().unwrap().len())
    };
    let mut child = command(&folder, &["train", "folded.toml", "--out", "run"]).spawn().unwrap();
    wait_for(|| finished() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let n = finished();
    assert!((2..8).contains(&n) && !folder.join("run/COMPLETE").exists(), "killed after fold {n} of 8");
    // The figures that are kept are those that count: of the second fold another loss is written.
    let mut changed = json(&kept);
    changed["figures"][1]["loss"] = 1234.5.into();
    fs::write(&kept, changed.to_string()).unwrap();
    copy(&folder.join("run"), &folder.join("edited"));
    let ran = gradus(&folder, &["train", "--resume", "run", "--json"]);
    let mut resumed = ran.says(0, &[&format!("resuming the cross-validation after fold {n} of 8")]).json();
    assert_eq!(resumed["cross_validation"]["loss"]["each"][1], 1234.5);
    let each = |metrics: &Value, key: &str| -> Vec<f64> {
        let each = metrics["cross_validation"][key]["each"].as_array().unwrap();
        each.iter().enumerate().filter(|(i, _)| key != "loss" || *i != 1).map(|(_, v)| v.as_f64().unwrap()).collect()
    };
    assert_eq!((each(&resumed, "loss"), each(&resumed, "accuracy")), (each(&whole, "loss"), each(&whole, "accuracy")));
    // Begun anew with other settings, it is the run as it was, for the changed fold is not taken.
    let config = fs::read_to_string(folder.join("edited/config.toml")).unwrap();
    let config = format!("about = \"edited\"\n{}", config.replace("about = \"\"\n", ""));
    fs::write(folder.join("edited/config.toml"), config).unwrap();
    resumed = gradus(&folder, &["train", "--resume", "edited", "--json"]).says(0, &[]).json();
    let without_times = |mut metrics: Value| {
        metrics.as_object_mut().unwrap().remove("seconds");
        metrics
    };
    assert_eq!(without_times(resumed), without_times(whole));
}

#[test]
fn a_study_compares_its_trials_by_cross_validation() {
    let folder = empty_folder("folds-study");
    table(&folder.join("table.csv"), 90);
    let space = "[study]\nsampler = \"grid\"\ntrials = 4\nseeds = \"same\"\n[study.space]\n\
                 \"model.activation\" = { choice = [\"relu\", \"identity\"] }\n\"model.hidden\" = { choice = [[4], [3, 3]] }\n";
    fs::write(folder.join("folded.toml"), FOLDED.replace("repeats = 2", "repeats = 1") + space).unwrap();
    let ran = gradus(&folder, &["study", "folded.toml", "--out", "study", "-j", "2", "--json"]);
    let metrics: Value = ran.says(0, &["cross-validated accuracy"]).json();
    assert_eq!((&metrics["trials"], &metrics["failed"]), (&4.into(), &0.into()), "{metrics}");
    assert_eq!(metrics["measure"], "cross-validated accuracy");
    let best: Value = json(folder.join("study/best/metrics.json"));
    let again = best["cross_validation"]["accuracy"]["mean"].as_f64().unwrap();
    assert!((metrics["best"]["value"].as_f64().unwrap() - again).abs() < 1e-12, "{metrics}");
    let report = fs::read_to_string(folder.join("study/report.html")).unwrap();
    assert!(report.contains("after each fold") && report.contains("folds trained"));
    let trials = fs::read_to_string(folder.join("study/tables/trials.csv")).unwrap();
    assert!(trials.contains("[3, 3]") && trials.contains("identity"), "{trials}");
}

#[test]
fn folds_that_cannot_be_are_refused() {
    let folder = empty_folder("folds-refused");
    table(&folder.join("table.csv"), 60);
    fs::write(folder.join("folded.toml"), FOLDED).unwrap();
    let refused = |set: &[&str], code: i32, words: &[&str]| {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", *set]).collect();
        gradus(&folder, &[&["train", "folded.toml", "--out", "run", "--force"], &set[..]].concat()).says(code, words);
    };
    let few = ["validation.folds", "is 30, but class `b` has", "outside the test split", "choose at most"];
    refused(&["validation.folds=30"], 2, &few);
    refused(&["validation.folds=1"], 2, &["validation.folds", "2"]);
    refused(&["validation.repeats=0"], 2, &["validation.repeats"]);
    refused(&["data.kind=digits", "data.categories=refuse"], 2, &["validation", "is for tables"]);
    refused(&["model.hidden=[4, 0]"], 2, &["model.hidden", "holds 0"]);
    refused(&["model.activation=swish"], 2, &["model.activation", "relu", "tanh"]);
    let both = FOLDED.replace("[train]\n", "[[model.layer]]\ntype = \"linear\"\nunits = 0\n[train]\n");
    fs::write(folder.join("both.toml"), both).unwrap();
    gradus(&folder, &["train", "both.toml", "--out", "run"]).says(2, &["model.hidden", "beside [[model.layer]]"]);
    let space = "[study.space]\n\"validation.folds\" = { int = [2, 4] }\n";
    fs::write(folder.join("study.toml"), format!("{FOLDED}{space}")).unwrap();
    gradus(&folder, &["study", "study.toml", "--out", "study"]).says(2, &["validation", "changes the split"]);
}

/// The promise on the real tables, if they are there: five repeats of stratified five-fold.
#[test]
fn ionosphere_and_diabetes_reach_what_was_promised() {
    for (name, least, more) in [
        ("ionosphere", 0.930, ["model.hidden=[100, 100]", "train.epochs=30", "train.optimizer.weight_decay=0.0"]),
        (
            "pima-indians-diabetes",
            0.740,
            ["model.hidden=[20, 20]", "train.epochs=10", "train.optimizer.weight_decay=0.01"],
        ),
    ] {
        let Some(path) = data_folder(&format!("tabular/{name}.csv")) else { return };
        let folder = empty_folder(&format!("folds-{name}"));
        let path = format!("data.path={}", path.display());
        let set: Vec<&str> =
            [&path, "validation.repeats=5"].into_iter().chain(more).flat_map(|set| ["--set", set]).collect();
        let ran = gradus(&folder, &[&["train", "mlp-tables", "--out", "run", "--json"], &set[..]].concat());
        let metrics = ran.says(0, &[]).json();
        let found = metrics["cross_validation"]["accuracy"].clone();
        println!("{name}: {} ± {}", found["mean"], found["standard_deviation"]);
        assert!(found["mean"].as_f64().unwrap() >= least, "{name}: {found}");
    }
}
