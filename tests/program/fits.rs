//! Support vector regressions and random forests as experiments: fitted at once, reported, and used as any run.

use crate::common::{data_folder, empty_folder, gradus, json, uniform};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A table of four columns in different units, of which the first bends `y` and `z` follows the second; the others say nothing.
fn table(path: &Path, n: usize) {
    let mut text = String::from("a,b,c,d,y,z\n");
    for i in 0..n {
        let x: Vec<f64> = (0..4).map(|j| uniform(i, j + 1)).collect();
        let (y, z) = (20.0 + 8.0 * x[0] * x[0] + 0.3 * uniform(i, 9), 5.0 * x[1] + 0.3 * uniform(i, 10));
        text += &format!("{:.5},{:.5},{:.5},{:.5},{y:.5},{z:.5}\n", x[0], 100.0 * x[1], x[2], 0.01 * x[3]);
    }
    fs::write(path, text).unwrap();
}

fn experiment(kind: &str, target: &str, more: &str) -> String {
    format!("name = \"fit\"\nkind = \"{kind}\"\n[data]\nkind = \"csv\"\npath = \"table.csv\"\n{target}\n{more}\n")
}

/// What holds for both kinds: the metrics, the report, and each command on a finished run.
fn is_used_as_any_run(kind: &str, settings: &str, words: &[&str]) {
    let folder = empty_folder(&format!("fits-{kind}"));
    table(&folder.join("table.csv"), 260);
    fs::write(folder.join("fit.toml"), experiment(kind, "target = \"y\"\nignore = [\"z\"]", settings)).unwrap();
    let metrics = gradus(&folder, &["train", "fit.toml", "--out", "run", "--json"]).says(0, &[]).json();
    assert_eq!((&metrics["kind"], &metrics["epochs"]), (&kind.into(), &1.into()));
    assert!(metrics["test"]["r_squared"].as_f64().unwrap() > 0.9, "{metrics}");
    assert!(metrics["parameters"].as_u64().unwrap() > 4, "{metrics}");
    let importance = &metrics[kind]["models"][0]["importance"];
    let of = |column: &str| importance[column].as_f64().unwrap();
    assert!(of("a") > 0.5 && ["b", "c", "d"].iter().all(|column| of(column) < 0.1), "{importance}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    for words in words.iter().chain(&["rest most on a", "Which columns matter"]) {
        assert!(report.contains(words), "{words}");
    }
    for file in ["figures/importance.png", "figures/predicted.png", "preparation.json", "tables/model.csv"] {
        assert!(folder.join("run").join(file).exists(), "{file}");
    }
    let config = fs::read_to_string(folder.join("run/config.toml")).unwrap();
    assert!(config.contains(&format!("[{kind}]")) && !config.contains("[train"), "{config}");

    // The same file gives the same run; the folder's tensors predict what was predicted.
    let again = gradus(&folder, &["evaluate", "run", "--json"]).says(0, &[]).json();
    assert_eq!(again["mse"], metrics["test"]["mse"]);
    let twice = gradus(&folder, &["train", "fit.toml", "--out", "twice", "--json"]).says(0, &[]).json();
    assert_eq!(twice["test"], metrics["test"]);
    let weights = |run: &str| fs::read(folder.join(run).join("checkpoints/model-best.safetensors")).unwrap();
    assert_eq!(weights("run"), weights("twice"));
    fs::write(folder.join("new.csv"), "d,c,b,a\n0,0,0,0.5\n0,0,0,0.0\n").unwrap();
    let json = gradus(&folder, &["predict", "run", "new.csv", "--json"]).says(0, &[]).json();
    let value = |row: usize| json[row]["values"][0]["value"].as_f64().unwrap();
    assert!((value(0) - 22.0).abs() < 0.7 && (value(1) - 20.0).abs() < 0.7, "{json}");
    assert!(json[0]["values"][0]["interval"][0].as_f64().unwrap() < value(0), "{json}");
    gradus(&folder, &["train", "--resume", "run"]).says(0, &[]);
    gradus(&folder, &["report", "run"]).says(0, &[]);

    // What needs a network refuses it.
    gradus(&folder, &["export", "run", "--to", "onnx", "--out", "fit.onnx"]).says(1, &["no ONNX operator"]);
    assert!(!folder.join("fit.onnx").exists());

    // Without validation rows there is no importance, and no interval.
    let none = gradus(&folder, &["train", "fit.toml", "--set", "data.val=0", "--out", "none", "--json"]);
    let none = none.says(0, &[]).json();
    gradus(&folder, &["compare", "run", "none", "--json"]).says(0, &[]);
    assert!(none[kind]["models"][0]["importance"].is_null() && none["val"].is_null(), "{none}");
    assert!(!fs::read_to_string(folder.join("none/report.html")).unwrap().contains("Which columns matter"));
}

#[test]
fn a_support_vector_regression_is_used_as_any_run() {
    let words = ["The support vector regression explains", "support vectors,", "of the training samples"];
    is_used_as_any_run("svr", "[svr]\nc = 10\nepsilon = 0.05", &words);
}

#[test]
fn a_random_forest_is_used_as_any_run() {
    let words = ["The random forest explains", "by the mean of 40 trees", "mean depth"];
    is_used_as_any_run("forest", "[forest]\ntrees = 40\nleaf = 2", &words);
}

#[test]
fn several_numbers_have_a_model_each_and_folds_are_evaluated() {
    let folder = empty_folder("fits-several");
    table(&folder.join("table.csv"), 240);
    for (kind, more) in [("svr", "[svr]\nc = 10"), ("forest", "[forest]\ntrees = 20")] {
        let more = format!("{more}\n[validation]\nfolds = 3");
        fs::write(folder.join("fit.toml"), experiment(kind, "target = [\"y\", \"z\"]", &more)).unwrap();
        let metrics = gradus(&folder, &["train", "fit.toml", "--out", kind, "--json"]).says(0, &[]).json();
        let models = metrics[kind]["models"].as_array().unwrap();
        assert_eq!(models.len(), 2);
        let of = |j: usize, column: &str| models[j]["importance"][column].as_f64().unwrap();
        assert!(of(0, "a") > 0.5 && of(0, "b") < 0.1 && of(1, "a") < 0.1 && of(1, "b") > 0.5, "{metrics}");
        for target in ["y", "z"] {
            assert!(metrics["test"]["targets"][target]["r_squared"].as_f64().unwrap() > 0.85, "{metrics}");
        }
        let folds = &metrics["cross_validation"];
        assert_eq!(folds["mse"]["each"].as_array().unwrap().len(), 3, "{folds}");
        assert!(folds["r_squared"]["mean"].as_f64().unwrap() > 0.8, "{folds}");
    }
}

#[test]
fn settings_out_of_range_and_of_other_kinds_are_refused_before_the_data_are_read() {
    let folder = empty_folder("fits-refused");
    let refused = |kind: &str, set: &[&str], code: i32, words: &[&str]| {
        fs::write(folder.join("fit.toml"), experiment(kind, "target = \"y\"", "")).unwrap();
        let sets = set.iter().flat_map(|set| ["--set", set]);
        let arguments: Vec<&str> = ["train", "fit.toml", "--out", "run"].into_iter().chain(sets).collect();
        gradus(&folder, &arguments).says(code, words);
    };
    // There is no table yet.
    refused("svr", &["svr.c=0"], 2, &["svr.c"]);
    refused("svr", &["svr.epsilon=-1"], 2, &["svr.epsilon"]);
    refused("svr", &["svr.gamma=0"], 2, &["svr.gamma"]);
    refused("svr", &["svr.gamma=auto"], 2, &["svr.gamma", "scale"]);
    refused("svr", &["svr.gamma=2", "svr.kernel=linear"], 2, &["svr.gamma", "rbf"]);
    refused("svr", &["svr.kernel=poly"], 2, &["svr.kernel", "rbf", "linear"]);
    refused("forest", &["forest.trees=0"], 2, &["forest.trees"]);
    refused("forest", &["forest.columns=1.5"], 2, &["forest.columns"]);
    refused("forest", &["forest.leaf=0"], 2, &["forest.leaf"]);
    refused("forest", &["forest.depth=20000"], 2, &["forest.depth"]);
    refused("forest", &["svr.c=2"], 2, &["svr.c", "is not a setting of kind = \"forest\""]);
    refused("svr", &["train.epochs=3"], 2, &["train.epochs", "is not a setting of kind = \"svr\""]);
    refused("regress", &["forest.trees=3"], 2, &["forest.trees", "is not a setting of kind"]);
    refused("svr", &["data.kind=digits"], 2, &["data.kind"]);
    refused("svr", &[], 3, &["table.csv"]);
    for (kind, key) in [("svr", "epsilon"), ("forest", "columns")] {
        let keys = gradus(&folder, &["init", "--keys", kind]);
        assert!(keys.says(0, &[]).out.contains(key), "{}", keys.out);
    }
    table(&folder.join("table.csv"), 60);
    fs::write(folder.join("fit.toml"), experiment("svr", "target = \"y\"", "")).unwrap();
    let dry = gradus(&folder, &["train", "fit.toml", "--dry-run"]);
    let dry = &dry.says(0, &[]).out;
    assert!(dry.contains("[svr]") && dry.contains("gamma = \"scale\"") && dry.contains("for validation"), "{dry}");
    gradus(&folder, &["train", "fit.toml", "--smoke", "--out", "smoke"]).says(0, &[]);
}

#[test]
fn a_study_compares_fits_by_their_validation_loss() {
    let folder = empty_folder("fits-study");
    table(&folder.join("table.csv"), 160);
    let study = "[study]\ntrials = 4\n[study.space]\n\"svr.c\" = { log = [0.01, 100.0] }\n";
    fs::write(folder.join("fit.toml"), experiment("svr", "target = \"y\"\nignore = [\"z\"]", study)).unwrap();
    gradus(&folder, &["study", "fit.toml", "--out", "study"]).says(0, &[]);
    let metrics: Value = json(folder.join("study/best/metrics.json"));
    assert_eq!(metrics["kind"], "svr");
    assert!(metrics["test"]["r_squared"].as_f64().unwrap() > 0.8, "{metrics}");
    // A linear model is computed in a study as it is in a run, not trained step by step.
    let study = "[linear]\nmethod = \"ard\"\n[study]\ntrials = 2\n[study.space]\n\"linear.threshold\" = { log = [100.0, 10000.0] }\n";
    fs::write(folder.join("line.toml"), experiment("linear", "target = \"z\"\nignore = [\"y\"]", study)).unwrap();
    gradus(&folder, &["study", "line.toml", "--out", "line"]).says(0, &[]);
    let journal = fs::read_to_string(folder.join("line/study.jsonl")).unwrap();
    let best: Value = json(folder.join("line/best/metrics.json"));
    let loss = best["val"]["loss"].as_f64().unwrap();
    assert!(journal.contains(&format!("{loss}")), "the trial's value is the loss of its run: {loss}");
}

/// Diabetes as a number, from the real table if it is there: a forest and a regression follow the training split.
#[test]
fn fits_of_diabetes() {
    let Some(data) = data_folder("tabular/pima-indians-diabetes.csv") else { return };
    let folder = empty_folder("fits-diabetes");
    let path = data.display().to_string();
    for kind in ["svr", "forest"] {
        let text = format!("name = \"diabetes\"\nkind = \"{kind}\"\n[data]\nkind = \"csv\"\npath = {path:?}\n");
        fs::write(folder.join("diabetes.toml"), text).unwrap();
        let metrics = gradus(&folder, &["train", "diabetes.toml", "--out", kind, "--json"]).says(0, &[]).json();
        assert!(metrics["train"]["r_squared"].as_f64().unwrap() > 0.3, "{metrics}");
        assert_eq!(metrics[kind]["models"][0]["importance"].as_object().unwrap().len(), 8, "{metrics}");
    }
}
