//! The main job through the program: a whole run, resuming, bad data, divergence, and the use of a trained run.

use crate::common::{Ran, command, empty_folder, gradus, json, plain_numbers, png, write_images, zip};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A smoke run that several tests look at; made once. Returns its folder and its stdout.
pub(crate) fn smoke_run() -> &'static (PathBuf, Value) {
    static RUN: OnceLock<(PathBuf, Value)> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = empty_folder("pipeline-smoke");
        let ran = gradus(&folder, &["pipeline", "--smoke", "--out", "run", "--json"]);
        let metrics = ran.says(0, &["data", "cnn", "report"]).json();
        (folder, metrics)
    })
}

fn files_ending(folder: &Path, ending: &str) -> usize {
    let there = fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    there.iter().filter(|entry| entry.file_name().to_string_lossy().ends_with(ending)).count()
}

#[test]
fn a_run_leaves_every_promised_file() {
    let (folder, _) = smoke_run();
    let run = folder.join("run");
    for name in [
        "config.toml",
        "env.json",
        "metrics.json",
        "history.jsonl",
        "log.txt",
        "report.html",
        "COMPLETE",
        "checkpoints/mlp-best.safetensors",
        "checkpoints/mlp-last.safetensors",
        "checkpoints/cnn-best.safetensors",
        "checkpoints/cnn-last.safetensors",
        "checkpoints/last.state",
        "tables/predictions.csv",
    ] {
        assert!(fs::metadata(run.join(name)).is_ok_and(|meta| meta.len() > 0), "{name} is missing or empty");
    }
    let (tables, numbers) = plain_numbers(&run.join("tables"));
    assert!(tables >= 10 && numbers > 200, "{numbers} numbers in {tables} tables");
    assert!(files_ending(&run.join("figures"), ".svg") > 0 && files_ending(&run.join("figures"), ".png") > 0);
    assert_eq!(files_ending(&run, ".tmp") + files_ending(&run.join("checkpoints"), ".tmp"), 0);
    let env = json(run.join("env.json"));
    for key in ["version", "os", "arch", "cpu_features", "threads", "command_line", "seed", "started", "data_sha256"] {
        assert!(!env[key].is_null(), "env.json has no {key}");
    }
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    assert!(log.contains("cnn epoch  2") && log.contains("[1/"), "{log}");
}

#[test]
fn the_keys_of_metrics_are_a_contract() {
    let (folder, metrics) = smoke_run();
    assert_eq!(*metrics, json(folder.join("run/metrics.json")));
    let network = "parameters best_epoch train_accuracy val_accuracy test_accuracy test_loss macro_f1 confusion";
    let space = "silhouette fisher_ratio knn_accuracy";
    for (place, keys) in [
        ("", "recipe seed data features kmeans mlp cnn separability tsne seconds"),
        ("/data", "classes train val test skipped leakage"),
        ("/features", "names scaler"),
        ("/kmeans", "k inertia iterations train_accuracy test_accuracy nmi confusion"),
        ("/mlp", network),
        ("/cnn", network),
        ("/separability", "features mlp_output block1 block2 block3 block4 cnn_output"),
        ("/separability/features", space),
        ("/separability/block4", space),
        ("/separability/cnn_output", space),
        ("/seconds", "total"),
    ] {
        for key in keys.split(' ') {
            assert!(metrics.pointer(&format!("{place}/{key}")).is_some(), "no {place}/{key}");
        }
    }
    for (name, map) in metrics["tsne"].as_object().unwrap() {
        for key in ["n", "method", "kl", "seconds"] {
            assert!(!map[key].is_null(), "tsne/{name} has no {key}");
        }
    }
    assert_eq!((&metrics["recipe"], &metrics["seed"]), (&"pipeline".into(), &42.into()));
    assert_eq!(metrics["features"]["scaler"], "standard");
    let tested: u64 = metrics["data"]["test"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    for name in ["kmeans", "mlp", "cnn"] {
        let rows = metrics[name]["confusion"].as_array().unwrap();
        let cells = rows.iter().flat_map(|row| row.as_array().unwrap());
        assert_eq!(cells.map(|n| n.as_u64().unwrap()).sum::<u64>(), tested, "{name} did not classify every test image");
    }
}

#[test]
fn the_report_is_whole_and_points_to_nothing_outside() {
    let (folder, metrics) = smoke_run();
    let page = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
    for attribute in ["src=\"", "href=\"", "url("] {
        for rest in page.split(attribute).skip(1) {
            let inside = rest.starts_with('#') || rest.starts_with("data:");
            assert!(inside, "{attribute}{}", rest.chars().take(60).collect::<String>());
        }
    }
    for number in ["1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "3c", "3d", "3e"] {
        assert!(page.contains(&format!("id=\"s-{number}\"")), "there is no section {number}");
    }
    assert_eq!(page.matches("class=\"answer\"").count(), 8, "each question of the assignment has an answer");
    assert!(page.contains("class=\"banner\"") && page.contains("Its numbers mean nothing"), "a smoke run is marked");
    // Test figures are shown for choices made beforehand only: activations are compared on the validation split.
    let activations = fs::read_to_string(folder.join("run/tables/activations.csv")).unwrap();
    assert!(activations.contains("validation") && !activations.contains("test"), "{activations}");
    assert!(
        page.contains("Use of AI") && page.contains("gradus pipeline --smoke"),
        "the command or the field is missing"
    );
    // Each section names the file that computed it, and the file is there.
    let sources: Vec<&str> =
        page.split("computed by <code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert!(sources.len() >= 13, "{sources:?}");
    for source in sources {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "there is no {source}");
    }
    // The verdict quotes the accuracies of metrics.json.
    for name in ["kmeans", "mlp", "cnn"] {
        let accuracy = format!("{:.1} %", 100.0 * metrics[name]["test_accuracy"].as_f64().unwrap());
        assert!(page.contains(&accuracy), "{name}: {accuracy}");
    }
}

/// Seven classifiers are evaluated on one test set; the ledger has each, and the report says so.
#[test]
fn every_classifier_is_in_the_ledger() {
    let (folder, metrics) = smoke_run();
    let ledger = fs::read_to_string(folder.join("run/ledger.jsonl")).unwrap();
    let entries: Vec<Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).take(7).collect();
    let of = |name: &str| match name {
        "logistic" => &metrics["baselines"]["logistic_regression"]["test_accuracy"],
        _ => match name.strip_prefix("mlp_") {
            Some(activation) => &metrics["mlp_activations"][activation]["test_accuracy"],
            None => &metrics[name]["test_accuracy"],
        },
    };
    let networks = ["kmeans", "mlp", "mlp_tanh", "mlp_sigmoid", "mlp_gelu", "cnn", "logistic"];
    assert_eq!(entries.iter().map(|e| e["network"].as_str().unwrap()).collect::<Vec<_>>(), networks);
    for (entry, name) in entries.iter().zip(networks) {
        assert_eq!((&entry["figures"]["accuracy"], &entry["command"]), (of(name), &"pipeline".into()), "{name}");
        assert_eq!(entry["split"], metrics["data"]["test_set"]);
    }
    let page = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(page.contains("evaluated 7 times, by 7 configurations. The best of 7 equally good ones"));
}

#[test]
fn too_few_images_for_the_embeddings_are_refused_before_training() {
    let folder = empty_folder("pipeline-small");
    write_images(&folder.join("data"), &["a", "b"], 14);
    let ran = gradus(&folder, &["pipeline", "--smoke", "--data", "data", "--out", "run"]);
    ran.says(3, &["data", "images for", "at least", "help:"]);
    assert!(!folder.join("run").exists(), "a fruitless run is left behind");
}

#[test]
fn a_complete_run_is_left_alone() {
    let (folder, metrics) = smoke_run();
    let before = fs::metadata(folder.join("run/metrics.json")).unwrap().modified().unwrap();
    let ran = gradus(folder, &["pipeline", "--resume", "run", "--json"]);
    assert_eq!(ran.says(0, &["complete"]).json(), *metrics);
    assert_eq!(fs::metadata(folder.join("run/metrics.json")).unwrap().modified().unwrap(), before);
    gradus(folder, &["pipeline", "--resume", "run", "--seed", "7"]).says(2, &["seed = 42", "7"]);
    gradus(folder, &["pipeline", "--resume", "run", "--seed", "42", "--threads", "1"]).says(0, &[]);
    gradus(folder, &["pipeline", "--smoke", "--out", "run"]).says(2, &["--force", "--resume"]);
}

#[test]
fn force_replaces_a_run() {
    let folder = empty_folder("pipeline-force");
    let args = ["pipeline", "--smoke", "--out", "run"];
    gradus(&folder, &args).says(0, &[]);
    fs::write(folder.join("run/old"), "x").unwrap();
    let ran = gradus(&folder, &[&args[..], &["--force", "--seed", "2"]].concat());
    assert!(ran.says(0, &[]).out.contains("report.html"), "{}", ran.out);
    assert!(!folder.join("run/old").exists());
    assert_eq!(json(folder.join("run/metrics.json"))["seed"], 2);
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["run", "test_ledger.jsonl"], "something is left beside the run");
}

#[test]
fn a_run_is_not_resumed_on_other_images() {
    let folder = empty_folder("pipeline-changed");
    write_images(&folder.join("data"), &["a", "b"], 20);
    let small = ["--smoke", "--size", "16", "--set", "cnn.widths=[4,8]"];
    gradus(&folder, &[&["pipeline", "--data", "data", "--out", "run"], &small[..]].concat()).says(0, &[]);
    fs::remove_file(folder.join("run/COMPLETE")).unwrap();
    fs::write(folder.join("data/a/3.png"), png(2, 99)).unwrap();
    gradus(&folder, &["pipeline", "--resume", "run"])
        .says(3, &["data", "other samples", "1 changed (a/3.png)", "help:"]);
    fs::write(folder.join("data/a/3.png"), png(0, 3)).unwrap();
    // Relative data are found from wherever the run is resumed.
    let elsewhere = empty_folder("pipeline-changed-elsewhere");
    let run = folder.join("run");
    gradus(&elsewhere, &["pipeline", "--resume", run.to_str().unwrap()]).says(0, &[]);
}

/// A job on few small images with many epochs.
const LONG: [&str; 9] = [
    "pipeline",
    "--smoke",
    "--set",
    "cnn.epochs=150",
    "--set",
    "cnn.patience=1000",
    "--set",
    "cnn.widths=[8,16]",
    "--out",
];

/// Starts the program and waits until its log in `run` says `word`.
fn start_until(folder: &Path, args: &[&str], run: &str, word: &str) -> Child {
    let log = folder.join(run).join("log.txt");
    let begin = fs::metadata(&log).map_or(0, |meta| meta.len() as usize);
    let mut child = command(folder, args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !fs::read_to_string(&log).is_ok_and(|text| text[begin..].contains(word)) {
        assert!(child.try_wait().unwrap().is_none(), "the job ended before its log said {word:?}");
        assert!(start.elapsed() < Duration::from_secs(120), "the log never said {word:?}");
        sleep(Duration::from_millis(2));
    }
    child
}

/// The results of a run that must not depend on interruptions: weights, epochs, metrics without times.
fn results(run: &Path) -> (Vec<Vec<u8>>, Value) {
    let files = ["checkpoints/mlp-best", "checkpoints/mlp-last", "checkpoints/cnn-best", "checkpoints/cnn-last"];
    let mut bytes: Vec<_> = files.iter().map(|f| fs::read(run.join(format!("{f}.safetensors"))).unwrap()).collect();
    bytes.push(fs::read(run.join("history.jsonl")).unwrap());
    bytes.push(fs::read(run.join("tables/predictions.csv")).unwrap());
    let mut metrics = json(run.join("metrics.json"));
    metrics.as_object_mut().unwrap().remove("seconds");
    for map in metrics["tsne"].as_object_mut().unwrap().values_mut() {
        map.as_object_mut().unwrap().remove("seconds");
    }
    (bytes, metrics)
}

#[cfg(unix)]
#[test]
fn interrupted_killed_and_resumed_it_ends_in_the_same_bits() {
    let folder = empty_folder("pipeline-resume");
    gradus(&folder, &[&LONG[..], &["whole"]].concat()).says(0, &[]);
    let expected = results(&folder.join("whole"));

    // Killed before there is a checkpoint.
    let mut child = start_until(&folder, &[&LONG[..], &["run"]].concat(), "run", "[1/");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("run/COMPLETE").exists());

    // Resumed from nothing, stopped within an epoch.
    let resume = ["pipeline", "--resume", "run"];
    let child = start_until(&folder, &resume, "run", "cnn epoch  3");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.says(130, &["pipeline --resume run"]);
    assert!(folder.join("run/checkpoints/last.state").exists() && !folder.join("run/COMPLETE").exists());
    // An unfinished run cannot be used.
    gradus(&folder, &["evaluate", "run", "--data", "."]).says(3, &["--resume run"]);

    // Resumed from the middle of an epoch, and killed some epochs later.
    let mut child = start_until(&folder, &[&resume[..], &["--threads", "1"]].concat(), "run", "cnn epoch  9");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("run/COMPLETE").exists());

    gradus(&folder, &[&resume[..], &["--threads", "3"]].concat()).says(0, &["resuming cnn"]);
    let resumed = results(&folder.join("run"));
    assert!(expected.0 == resumed.0, "weights, history or predictions differ");
    assert_eq!(expected.1, resumed.1);
    assert_eq!(json(folder.join("run/env.json"))["resumed"].as_array().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn a_run_has_one_writer_and_stops_when_terminated() {
    let folder = empty_folder("pipeline-writer");
    // Both refusals wait two seconds for a process that may be ending: the job must last longer.
    let longer = ["run", "--set", "cnn.epochs=9000"];
    let child = start_until(&folder, &[&LONG[..], &longer].concat(), "run", "cnn epoch  1");
    gradus(&folder, &["pipeline", "--resume", "run"]).says(2, &["another gradus"]);
    gradus(&folder, &["pipeline", "--smoke", "--out", "run", "--force"]).says(2, &["another gradus"]);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.says(130, &["--resume run"]);
}

#[test]
fn a_run_that_diverges_says_where() {
    let folder = empty_folder("pipeline-diverged");
    let ran = gradus(&folder, &["pipeline", "--smoke", "--set", "cnn.lr=1e30", "--out", "run"]);
    ran.says(4, &["diverged", "step", "help:"]);
    assert!(["block", "fc1", "out"].iter().any(|layer| ran.err.contains(&format!(" at {layer}"))), "{}", ran.err);
    assert!(!folder.join("run/COMPLETE").exists());
}

#[test]
fn bad_data_are_exit_code_3_and_say_what_to_do() {
    let folder = empty_folder("pipeline-bad-data");
    fs::create_dir(folder.join("empty")).unwrap();
    write_images(&folder.join("lonely"), &["cats"], 12);
    write_images(&folder.join("few"), &["cats", "dogs"], 1);
    fs::write(folder.join("text.zip"), "no zip at all").unwrap();
    let whole = zip(&[("a/1.png", png(0, 1)), ("b/1.png", png(1, 1))]);
    fs::write(folder.join("cut.zip"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.join("climbs.zip"), zip(&[("../evil/1.png", png(0, 1)), ("b/1.png", png(1, 1))])).unwrap();
    for (data, words) in [
        ("nowhere", "does not exist"),
        ("empty", "no image"),
        ("lonely", "cats"),
        ("few", "cats"),
        ("text.zip", "neither a folder nor a zip"),
        ("cut.zip", "zip"),
        ("climbs.zip", "../evil"),
    ] {
        let ran = gradus(&folder, &["pipeline", "--smoke", "--data", data, "--out", "run"]);
        ran.says(3, &[data, words, "help:"]);
        assert!(!folder.join("run").exists(), "{data}: a run folder is in the way of the next attempt");
        assert_eq!(ran.out, "");
    }
    assert!(!folder.parent().unwrap().join("evil").exists());
}

#[test]
fn images_of_ones_own_from_a_zip_and_back() {
    let folder = empty_folder("pipeline-own");
    let classes = ["lying", "standing", "checked"];
    write_images(&folder.join("images"), &classes, 14);
    fs::write(folder.join("images/lying/broken.png"), "no image").unwrap();
    let mut files: Vec<(String, Vec<u8>)> = vec![("wrap/__MACOSX/x.png".into(), vec![1])];
    for (class, name) in classes.iter().enumerate() {
        files.extend((0..14).map(|i| (format!("wrap/{name}/{i}.png"), png(class, i))));
    }
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    fs::write(folder.join("images.zip"), zip(&files)).unwrap();

    let small = ["--smoke", "--size", "16", "--set", "cnn.widths=[4,8]"];
    for (data, out, skipped) in [("images", "a", 1), ("images.zip", "b", 0)] {
        let ran = gradus(&folder, &[&["pipeline", "--data", data, "--out", out, "--json"], &small[..]].concat());
        let metrics = ran.says(0, &[]).json();
        assert_eq!(metrics["data"]["classes"], serde_json::json!(["checked", "lying", "standing"]));
        assert_eq!(metrics["data"]["skipped"].as_array().unwrap().len(), skipped);
    }

    let ran = gradus(&folder, &["evaluate", "a", "--data", "images", "--json"]);
    let evaluation = ran.says(0, &[]).json();
    for name in ["kmeans", "mlp", "cnn"] {
        let accuracy = evaluation[name]["test_accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy) && evaluation[name]["confusion"].is_array());
    }
    assert_eq!(evaluation["data"]["test"], serde_json::json!([14, 14, 14]));
    assert!(gradus(&folder, &["evaluate", "a", "--data", "images"]).says(0, &[]).out.contains("CNN"));
    gradus(&folder, &["evaluate", "a", "--data", "nowhere"]).says(3, &["nowhere"]);

    let images = ["images/lying/0.png", "images/checked/3.png"];
    let predictions = gradus(&folder, &["predict", "a", images[0], images[1], "--json"]);
    let predictions = predictions.says(0, &[]).json();
    for (prediction, path) in predictions.as_array().unwrap().iter().zip(images) {
        assert_eq!(prediction["path"], path);
        assert!(classes.contains(&prediction["class"].as_str().unwrap()));
        let sum: f64 = prediction["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }
    assert!(gradus(&folder, &["predict", "a", images[0]]).says(0, &[]).out.contains(images[0]));
    gradus(&folder, &["predict", "a", "images/lying/broken.png"]).says(3, &["broken.png", "PNG"]);
    gradus(&folder, &["predict", "a", "none.png"]).says(3, &["none.png", "does not exist"]);
}

/// A limit on the size of files is met by `write` like a full disk, and needs no disk of one's own.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_runtime_error_with_the_file() {
    let folder = empty_folder("pipeline-full");
    let script = r#"ulimit -f 60; trap "" XFSZ; exec "$0" pipeline --smoke --out run"#;
    let output = Command::new("sh").current_dir(&folder).args(["-c", script, env!("CARGO_BIN_EXE_gradus")]).output();
    let ran: Ran = output.unwrap().into();
    ran.says(1, &["cannot write", "run/"]);
    assert!(!folder.join("run/COMPLETE").exists());
    assert_eq!(files_ending(&folder.join("run/checkpoints"), ".tmp"), 0, "a half-written file is left");
    // With room again, the run can be finished.
    gradus(&folder, &["pipeline", "--resume", "run"]).says(0, &[]);
}
