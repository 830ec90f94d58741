//! Nothing is lost, and nothing damaged passes: files of a finished run that were changed, settings that were edited
//! before a run is resumed, runs that are replaced, folders that vanish, disks that are full, studies that are stopped.

use crate::common::{command, copy, empty_folder, gradus, json, names, png, wait_for};
use crate::pipeline::smoke_run;
use gradus::experiment::compare::compare;
use gradus::experiment::map::Method;
use gradus::experiment::trained::TrainedRun;
use gradus::nn::state::{from_safetensors, to_safetensors};
use gradus::rng::Rng;
use gradus::run::{RunFolder, Unwatched};
use gradus::{Error, Result};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Three classes of rendered galaxies and a network that trains in a moment.
const SMALL: &str = r#"name = "small"

[data]
kind = "galaxies"
size = 16
per_class = 24
val = 0.25
test = 0.25

[[model.layer]]
type = "conv2d"
filters = 4
kernel = 3

[[model.layer]]
type = "relu"

[[model.layer]]
type = "flatten"

[[model.layer]]
type = "linear"
units = 0

[train]
batch = 8
epochs = 3

[train.optimizer]
kind = "adam"
lr = 0.003

[study]
trials = 6
startup = 3
parallel = 1
sampler = "random"

[study.space]
"train.optimizer.lr" = { log = [1e-4, 1e-1] }
"#;

/// A folder with the experiment's file.
fn place(name: &str) -> std::path::PathBuf {
    let folder = empty_folder(name);
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    folder
}

/// Replaces words in a file; they must be there.
#[track_caller]
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// All outputs of the commands on a run, or the error.
fn predictions(run: &Path, other: &Path, image: &Path) -> Result<String> {
    let folder = RunFolder::finished(run)?;
    let trained = TrainedRun::open(&folder)?;
    let figures = trained.evaluate(None, &mut Unwatched)?;
    let predictions = trained.predict(image, &trained.reader(None)?.read(image)?)?;
    let embedding = trained.embed("flatten1", (Method::Pca, 2), 20, &mut Unwatched)?;
    let comparison = compare(&[folder, RunFolder::finished(other)?], None)?;
    let rows = serde_json::to_string(&comparison).unwrap();
    Ok(format!("{figures} {predictions:?} {} {rows}", embedding.knn_accuracy))
}

/// A byte changed anywhere in a finished run: the commands refuse it as bad data, or give the same outputs as before.
#[test]
fn a_damaged_run_is_refused_or_gives_the_same_predictions() {
    let folder = place("safety-damage");
    for (out, seed) in [("a", "1"), ("b", "2")] {
        gradus(&folder, &["train", "small.toml", "--seed", seed, "--out", out]).says(0, &[]);
    }
    let (run, other, image) = (folder.join("a"), folder.join("b"), folder.join("image.png"));
    fs::write(&image, png(1, 1)).unwrap();
    let known = predictions(&run, &other, &image).unwrap();
    let mut rng = Rng::new(1, "damage", 0);
    let files =
        ["config.toml", "env.json", "preparation.json", "metrics.json", "checksums.json", "data.csv.gz", "COMPLETE"];
    let more = ["tables/predictions.csv", "history.jsonl", "checkpoints/model-last.safetensors"];
    let weights = ["checkpoints/model-best.safetensors", "checkpoints/last.state"];
    for name in files.iter().chain(&more).chain(&weights) {
        let path = run.join(name);
        let whole = fs::read(&path).unwrap();
        let is_read = ["config.toml", "env.json", "preparation.json", "metrics.json", "checksums.json", "data.csv.gz"]
            .iter()
            .chain(&[weights[0], more[0]])
            .any(|read| read == name);
        // A place in each of as many equal parts: all regions of a file are hit, its first and its last bytes among them.
        let (mut refused, places) = (0, if is_read { 40 } else { 8 });
        for part in 0..places {
            let (from, to) = (part * whole.len() / places, (part + 1) * whole.len() / places);
            let place = match part {
                0 => 0,
                _ if part + 1 == places => whole.len() - 1,
                _ => from + rng.below((to - from).max(1)),
            };
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << rng.below(8);
            fs::write(&path, &bytes).unwrap();
            match predictions(&run, &other, &image) {
                Ok(said) => assert_eq!(said, known, "{name}"),
                Err(error) => {
                    assert_eq!(error.exit_code(), 3, "{name}: {error}");
                    refused += 1;
                }
            }
        }
        // Every file that the commands read is refused wherever it is changed.
        if is_read && !["env.json", "checksums.json"].contains(name) {
            assert_eq!(refused, places, "{name}");
        }
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        predictions(&run, &other, &image).map_or_else(|e| assert_eq!(e.exit_code(), 3), |said| assert_eq!(said, known));
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(predictions(&run, &other, &image).unwrap(), known);

    // The program: every command that reads weights, and a network that begins with them.
    let weights = run.join(weights[0]);
    let whole = fs::read(&weights).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() - 8;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).unwrap();
    let transfer = ["train", "small.toml", "--set", "model.weights=a", "--out", "t"];
    let commands: [&[&str]; 8] = [
        &["evaluate", "a"],
        &["predict", "a", "image.png"],
        &["embed", "a", "--layer", "flatten1"],
        &["export", "a", "--to", "onnx"],
        &["dream", "a", "--all", "--steps", "2"],
        &["latent", "a"],
        &transfer,
        &["train", "small.toml", "--set", "model.weights=a/checkpoints/model-best.safetensors", "--out", "t"],
    ];
    for args in commands {
        gradus(&folder, args).says(3, &["model-best.safetensors", "checksums.json"]);
    }
    assert!(!folder.join("t").exists(), "nothing was begun");
    fs::write(&weights, whole).unwrap();
    gradus(&folder, &transfer).says(0, &["taken"]);
}

/// Weights that are not finite are refused by name, and so are such outputs, which finite weights can give too.
#[test]
fn numbers_that_are_not_finite_are_refused_by_name() {
    let folder = place("safety-finite");
    gradus(&folder, &["train", "small.toml", "--out", "a"]).says(0, &[]);
    fs::write(folder.join("image.png"), png(1, 1)).unwrap();
    let name = "checkpoints/model-best.safetensors";
    let state = from_safetensors::<f32>(&fs::read(folder.join("a").join(name)).unwrap()).unwrap();
    let with = |value: f32| {
        let mut state = state.clone();
        let mut conv = state["conv1.weight"].clone();
        conv.data_mut().fill(value);
        state.insert("conv1.weight".into(), conv);
        to_safetensors(&state).unwrap()
    };
    // A file from elsewhere has no checksum.
    fs::write(folder.join("nan.safetensors"), with(f32::NAN)).unwrap();
    let args = ["train", "small.toml", "--set", "model.weights=nan.safetensors", "--out", "t"];
    gradus(&folder, &args).says(3, &["nan.safetensors", "conv1.weight", "NaN"]);
    // A run whose list of checksums has such weights: as a run of an engine with a fault would have.
    for (value, words) in [(f32::NAN, "conv1.weight"), (3e38, "conv1: expected finite numbers, found ")] {
        let run = RunFolder::finished(&folder.join("a")).unwrap().locked().unwrap();
        run.write(name, &with(value)).unwrap();
        run.complete().unwrap();
        drop(run);
        let commands: [&[&str]; 5] = [
            &["evaluate", "a"],
            &["predict", "a", "image.png"],
            &["embed", "a", "--layer", "flatten1"],
            &["export", "a", "--to", "npz"],
            &["dream", "a", "--all", "--steps", "2"],
        ];
        for args in commands {
            let ran = gradus(&folder, args);
            ran.says(3, &[words]);
            assert!(!ran.out.contains("NaN") && !ran.out.contains("differ by at most"), "{ran:?}");
        }
    }
}

/// A training of several seconds, stopped when its log says so.
#[cfg(unix)]
fn stopped(folder: &Path, out: &str, words: &str) {
    let args = ["train", "small.toml", "--set", "train.epochs=400", "--set", "data.per_class=60", "--out", out];
    let mut child = command(folder, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| fs::read_to_string(folder.join(out).join("log.txt")).is_ok_and(|log| log.contains(words)));
    assert!(signal(child.id(), "-INT"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(unix)]
fn signal(id: u32, kind: &str) -> bool {
    std::process::Command::new("kill").args([kind, &id.to_string()]).status().unwrap().success()
}

#[track_caller]
/// config.toml edited before a run is resumed: a change of the training is refused, one of its length is printed.
#[cfg(unix)]
#[test]
fn a_run_is_resumed_with_the_settings_it_began_with() {
    let folder = place("safety-settings");
    stopped(&folder, "a", "epoch  2");
    let (config, resume) = (folder.join("a/config.toml"), ["train", "--resume", "a"]);
    let begun = fs::read_to_string(&config).unwrap();
    for (from, to, key) in [
        ("lr = 0.003", "lr = 0.3", "train.optimizer.lr"),
        ("batch = 8", "batch = 9", "train.batch"),
        ("kind = \"adam\"", "kind = \"adamw\"", "train.optimizer"),
        ("seed = 42", "seed = 43", "seed"),
        ("filters = 4", "filters = 5", "model.layer.1.filters"),
        ("per_class = 60", "per_class = 61", "data.per_class"),
        ("horizontal = false", "horizontal = true", "data.augment"),
    ] {
        if !begun.contains(from) {
            assert!(key == "data.augment", "{begun}");
            continue;
        }
        edit(&config, from, to);
        gradus(&folder, &resume).says(2, &[key, "changed since the run began", "help: put the old value back"]);
        fs::write(&config, &begun).unwrap();
    }
    // Fewer epochs than are done.
    edit(&config, "epochs = 400", "epochs = 1");
    gradus(&folder, &resume).says(2, &["to be 1", "are done"]);
    fs::write(&config, begun.replace("epochs = 400", "epochs = 30").replace("mistakes = 24", "mistakes = 2")).unwrap();
    gradus(&folder, &resume).says(0, &["train.epochs: 400 -> 30", "report.mistakes: 24 -> 2"]);
    let env: serde_json::Value = json(folder.join("a/env.json"));
    assert!(env["changed"].to_string().contains("train.epochs: 400 -> 30"), "{env}");
    // Finished, it keeps its settings.
    edit(&config, "epochs = 30", "epochs = 60");
    gradus(&folder, &resume).says(3, &["config.toml", "is not what the run wrote"]);
    gradus(&folder, &["report", "a"]).says(3, &["config.toml"]);
}

/// `--force` with a mistake in it: the finished run is still there.
#[test]
fn a_run_that_is_replaced_goes_last() {
    let folder = place("safety-force");
    gradus(&folder, &["train", "small.toml", "--out", "a"]).says(0, &[]);
    let known = gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json();
    let unfit =
        ["train", "small.toml", "--set", "data.kind=folder", "--set", "data.path=typo", "--out", "a", "--force"];
    gradus(&folder, &unfit).says(3, &["typo", "holds the previous run again"]);
    assert_eq!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known);
    // A study or a pipeline in its place, with the same mistake.
    let study = ["study", "small.toml", "--set", "data.kind=mnist", "--set", "data.path=typo", "--out", "a", "--force"];
    gradus(&folder, &study).says(3, &["holds the previous run again"]);
    fs::create_dir(folder.join("empty")).unwrap();
    gradus(&folder, &["pipeline", "--data", "empty", "--out", "a", "--force"])
        .says(3, &["holds the previous run again"]);
    assert_eq!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known);
    // One that diverges has learned something: both are kept, with a note where.
    let diverging = ["train", "small.toml", "--set", "train.optimizer.lr=1e30", "--out", "a", "--force"];
    let ran = gradus(&folder, &diverging);
    ran.says(4, &[]);
    assert!(folder.join("a.replaced/COMPLETE").exists() || folder.join("a/COMPLETE").exists(), "{ran:?}");
    // A good one replaces them all.
    gradus(&folder, &["train", "small.toml", "--seed", "2", "--out", "a", "--force"]).says(0, &[]);
    assert!(names(&folder).iter().all(|name| !name.contains("replaced")), "{:?}", names(&folder));
    assert_ne!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known);
}

/// The folder of several variants is replaced as a whole, and only if it holds nothing else.
#[test]
fn a_family_of_runs_goes_last_together() {
    let folder = empty_folder("safety-family");
    let variants = "\n[[variant]]\nname = \"one\"\n\n[[variant]]\nname = \"two\"\nset = { \"seed\" = 7 }\n";
    fs::write(folder.join("both.toml"), format!("{}{variants}", SMALL.split("[study]").next().unwrap())).unwrap();
    gradus(&folder, &["train", "both.toml", "--out", "f"]).says(0, &[]);
    let unfit = ["train", "both.toml", "--set", "data.kind=mnist", "--set", "data.path=typo", "--out", "f", "--force"];
    gradus(&folder, &unfit).says(3, &["holds the previous runs again"]);
    gradus(&folder, &["evaluate", "f/one"]).says(0, &[]);
    fs::write(folder.join("f/thesis.txt"), "mine").unwrap();
    gradus(&folder, &["train", "both.toml", "--out", "f", "--force"]).says(2, &["thesis.txt", "left alone"]);
    fs::remove_file(folder.join("f/thesis.txt")).unwrap();
    gradus(&folder, &["train", "both.toml", "--set", "train.epochs=1", "--out", "f", "--force"]).says(0, &[]);
    assert_eq!(names(&folder), ["both.toml", "f"]);
}

/// A folder that is deleted or replaced during its run: exit 1, and not a file of ours in the other's.
#[cfg(unix)]
#[test]
fn a_run_reports_that_its_folder_vanished() {
    let folder = place("safety-vanished");
    let args = ["train", "small.toml", "--set", "train.epochs=2000", "--set", "data.per_class=60", "--out", "a"];
    for replace in [false, true] {
        let child = command(&folder, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(|| fs::read_to_string(folder.join("a/log.txt")).is_ok_and(|log| log.contains("epoch  1")));
        fs::rename(folder.join("a"), folder.join("moved")).unwrap();
        if replace {
            gradus(&folder, &["train", "small.toml", "--out", "a"]).says(0, &[]);
        }
        let known = replace.then(|| gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json());
        let ran: crate::common::Ran = child.wait_with_output().unwrap().into();
        ran.says(1, &["deleted or replaced"]);
        assert!(!ran.out.contains("report:"), "{ran:?}");
        match known {
            Some(known) => assert_eq!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known),
            None => assert!(!folder.join("a").exists()),
        }
        fs::remove_dir_all(folder.join("moved")).unwrap();
    }
}

/// What a killed process left half written is gone when the run is resumed, and its lock is waited for.
#[cfg(unix)]
#[test]
fn a_killed_run_leaves_nothing_for_good() {
    let folder = place("safety-killed");
    let args = ["train", "small.toml", "--set", "train.epochs=400", "--set", "data.per_class=60", "--out", "a"];
    let mut child = command(&folder, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| fs::read_to_string(folder.join("a/log.txt")).is_ok_and(|log| log.contains("epoch  1")));
    // Stopped, it is still there and holds its lock; it is killed a moment after another process asks for the lock.
    assert!(signal(child.id(), "-STOP"));
    for name in ["a/.gradus-dead.tmp", "a/checkpoints/.gradus-dead.tmp"] {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), vec![0; 1 << 20]).unwrap();
    }
    let resumed = command(&folder, &["train", "--resume", "a"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    let ran: crate::common::Ran = resumed.unwrap().wait_with_output().unwrap().into();
    child.wait().unwrap();
    ran.says(0, &[]);
    assert!(!folder.join("a/.gradus-dead.tmp").exists() && !folder.join("a/checkpoints/.gradus-dead.tmp").exists());
}

/// A study that was stopped by its time limit is not complete, and is resumed with the same trials; a finished one
/// takes more.
#[test]
fn a_study_that_ran_out_of_time_is_resumed() {
    let folder = place("safety-study");
    gradus(&folder, &["study", "small.toml", "--out", "whole"]).says(0, &[]);
    let late =
        ["study", "small.toml", "--set", "study.trials=6", "--set", "train.epochs=100", "--timeout", "1", "--out", "s"];
    let ran = gradus(&folder, &[&late[..], &["--set", "data.per_class=100"]].concat());
    ran.says(0, &["of 6 trials are finished", "--resume s"]);
    assert!(!folder.join("s/COMPLETE").exists() && folder.join("s/report.html").exists());
    let edited = folder.join("s/config.toml");
    edit(&edited, "batch = 8", "batch = 16");
    gradus(&folder, &["study", "--resume", "s"]).says(2, &["train.batch", "expected 8, found 16"]);
    edit(&edited, "batch = 16", "batch = 8");
    let metrics = gradus(&folder, &["study", "--resume", "s", "--json"]).says(0, &["resuming after"]).json();
    assert_eq!(metrics["trials"], 6);
    assert!(folder.join("s/COMPLETE").exists());

    // More trials for a finished study; fewer than it has make no sense.
    gradus(&folder, &["study", "--resume", "whole", "--trials", "5"]).says(2, &["the study has 6"]);
    let metrics = gradus(&folder, &["study", "--resume", "whole", "--trials", "8", "--json"]).says(0, &[]).json();
    assert_eq!(metrics["trials"], 8);
    let text = fs::read_to_string(folder.join("whole/config.toml")).unwrap();
    assert!(text.contains("trials = 8"), "{text}");
    gradus(&folder, &["study", "small.toml", "--trials", "8", "--out", "at-once"]).says(0, &[]);
    let table = |run: &str| {
        let text = fs::read_to_string(folder.join(run).join("tables/trials.csv")).unwrap();
        let without_seconds = text.lines().map(|line| line.split(',').enumerate().filter(|(i, _)| *i != 4));
        without_seconds.map(|cells| cells.map(|(_, cell)| cell.to_owned()).collect()).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(table("whole"), table("at-once"));
    // A damaged journal is refused; another program may have added to it.
    let journal = folder.join("whole/study.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("0.", "1.", 1)).unwrap();
    gradus(&folder, &["report", "whole"]).says(3, &["study.jsonl"]);
    let added = r#"{"op_code": 4, "worker_id": "theirs", "study_id": 0, "datetime_start": "2026-11-20T05:48:28.1"}"#;
    fs::write(&journal, format!("{text}{added}\n")).unwrap();
    let metrics = gradus(&folder, &["study", "--resume", "whole", "--trials", "10", "--json"]).says(0, &[]).json();
    assert_eq!(metrics["trials"], 10);
}

/// A study that is running is not replaced, though several processes may work on it.
#[test]
fn a_running_study_is_not_replaced() {
    let folder = place("safety-study-held");
    let args = ["study", "small.toml", "--set", "train.epochs=20000", "--set", "data.per_class=60", "--out", "s"];
    let mut child = command(&folder, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(|| folder.join("s/study.jsonl").exists());
    gradus(&folder, &["study", "small.toml", "--out", "s", "--force"]).says(2, &["another gradus process"]);
    gradus(&folder, &["train", "small.toml", "--out", "s", "--force"]).says(2, &["another gradus process"]);
    assert!(child.try_wait().unwrap().is_none(), "it continues");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// No room, no permission: an error that names the file and what to do, and the run can be resumed.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_folder_without_permission_are_named() {
    let folder = place("safety-disk");
    gradus(&folder, &["train", "small.toml", "--out", "/proc/a"]).says(1, &["cannot create"]);
    gradus(&folder, &["train", "small.toml", "--out", "/dev/null/a"]).says(1, &["cannot create", "/dev/null"]);
    // A limit on the size of files stands for a full disk: the write fails in the middle.
    let program = command(&folder, &[]).get_program().to_owned();
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" train small.toml --set train.epochs=8 --out full";
    let output = std::process::Command::new("bash").arg("-c").arg(limited).arg(&program).current_dir(&folder).output();
    let ran: crate::common::Ran = output.unwrap().into();
    ran.says(1, &["cannot write", "full/", "help: when that is fixed, continue with:", "train --resume full"]);
    assert!(!folder.join("full/COMPLETE").exists());
    gradus(&folder, &["train", "--resume", "full"]).says(0, &[]);
    let left: Vec<String> = names(&folder.join("full")).into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A report that cannot be written does not end a run that has its weights.
#[test]
fn a_report_never_ends_a_run() {
    let folder = place("safety-report");
    gradus(&folder, &["train", "small.toml", "--out", "a"]).says(0, &[]);
    let known = gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json();
    fs::remove_dir_all(folder.join("a/figures")).unwrap();
    fs::write(folder.join("a/figures"), "in the way").unwrap();
    gradus(&folder, &["report", "a"]).says(0, &["warning: the report could not be written", "gradus report a"]);
    let metrics: serde_json::Value = json(folder.join("a/metrics.json"));
    assert!(metrics["warning"].as_str().unwrap().contains("figures"), "{metrics}");
    assert_eq!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known);
    fs::remove_file(folder.join("a/figures")).unwrap();
    gradus(&folder, &["report", "a"]).says(0, &[]);
    assert!(folder.join("a/figures/filters.png").exists());
    // The list of checksums was lost, and weights were damaged: both are written again from the run's state.
    fs::remove_file(folder.join("a/checksums.json")).unwrap();
    fs::write(folder.join("a/checkpoints/model-best.safetensors"), "nothing").unwrap();
    gradus(&folder, &["evaluate", "a"]).says(3, &["checksums.json", "gradus report a"]);
    gradus(&folder, &["report", "a"]).says(0, &["warning"]);
    assert_eq!(gradus(&folder, &["evaluate", "a", "--json"]).says(0, &[]).json(), known);
}

/// The refusals of the library for programs: a class of error each.
#[test]
fn a_refusal_is_an_error_of_data() {
    let missing = RunFolder::finished(Path::new("no/such/run")).unwrap_err();
    assert!(matches!(missing, Error::Data { .. }) && missing.exit_code() == 3);
}

/// The main job likewise: networks keep their settings, and what is computed anew may change.
#[test]
fn a_pipeline_is_resumed_with_the_settings_it_began_with() {
    let folder = empty_folder("safety-pipeline");
    copy(&smoke_run().0.join("run"), &folder.join("p"));
    let (config, resume) = (folder.join("p/config.toml"), ["pipeline", "--resume", "p"]);
    let begun = fs::read_to_string(&config).unwrap();
    let changed = |section: &str, key: &str, value: &str| {
        let mut file: toml::Table = begun.parse().unwrap();
        file[section][key] = value.parse::<toml::Value>().unwrap();
        fs::write(&config, toml::to_string(&file).unwrap()).unwrap();
        gradus(&folder, &resume)
    };
    changed("cnn", "lr", "0.5").says(3, &["config.toml", "is not what the run wrote"]);
    // As if it had been stopped before its end.
    fs::remove_file(folder.join("p/COMPLETE")).unwrap();
    changed("cnn", "lr", "0.5").says(2, &["cnn.lr", "changed since the run began"]);
    changed("mlp", "epochs", "77").says(2, &["mlp.epochs", "and training mlp has ended"]);
    changed("kmeans", "n_init", "3").says(0, &["changed in config.toml: kmeans.n_init"]);
}
