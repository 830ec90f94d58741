//! The command line without a training: words, settings, folders, output, exit codes.

use crate::common::{command, empty_folder, gradus};
use std::fs;
use std::io::Read;
use std::process::Stdio;

const COMMANDS: [&str; 14] = [
    "pipeline",
    "init",
    "train",
    "evaluate",
    "predict",
    "embed",
    "dream",
    "compare",
    "export",
    "report",
    "summary",
    "gradcheck",
    "bench",
    "completions",
];

#[test]
fn without_a_command_the_help_is_shown() {
    let folder = empty_folder("cli-help");
    let ran = gradus(&folder, &[]);
    ran.says(0, &[]);
    for command in COMMANDS {
        assert!(ran.out.contains(command), "{command} is missing from the help");
        let help = gradus(&folder, &[command, "--help"]);
        assert!(help.says(0, &[]).out.contains("Usage:"));
    }
    assert!(gradus(&folder, &["--version"]).says(0, &[]).out.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn unknown_words_are_usage_errors() {
    let folder = empty_folder("cli-words");
    gradus(&folder, &["pipelin"]).says(2, &["pipeline"]);
    gradus(&folder, &["pipeline", "--sed", "1"]).says(2, &["--seed"]);
    gradus(&folder, &["pipeline", "--epochs", "many"]).says(2, &["--epochs"]);
    gradus(&folder, &["pipeline", "--seed=-1"]).says(2, &["--seed"]);
    gradus(&folder, &["pipeline", "--threads", "0"]).says(2, &["--threads"]);
    gradus(&folder, &["pipeline", "--color", "grey"]).says(2, &["gray"]);
    gradus(&folder, &["predict", "run"]).says(2, &["IMAGE"]);
    assert!(!folder.join("runs").exists());
}

#[test]
fn faulty_settings_say_where_what_and_what_to_do() {
    let folder = empty_folder("cli-settings");
    fs::write(folder.join("my.toml"), "seed = 1\n\n[cnn]\nepoch = 3\n").unwrap();
    gradus(&folder, &["pipeline", "--config", "my.toml"])
        .says(2, &["my.toml:4", "cnn.epoch: there is no setting", "`cnn.epochs`"]);
    fs::write(folder.join("bad.toml"), "seed = 1\nseed 2").unwrap();
    gradus(&folder, &["pipeline", "--config", "bad.toml"]).says(2, &["bad.toml:2"]);
    gradus(&folder, &["pipeline", "--config", "none.toml"]).says(2, &["none.toml"]);
    gradus(&folder, &["pipeline", "--set", "cnn.lrr=1"]).says(2, &["cnn.lrr", "did you mean `cnn.lr`"]);
    gradus(&folder, &["pipeline", "--set", "cnn.lr=-1"]).says(2, &["--set cnn.lr", "-1", "1e-12 to 1e30"]);
    gradus(&folder, &["pipeline", "--set", "cnn.lr"]).says(2, &["key=value"]);
    gradus(&folder, &["pipeline", "--size", "4"]).says(2, &["--size", "16 to 1024"]);
    gradus(&folder, &["pipeline", "--epochs", "0"]).says(2, &["--epochs", "1 to"]);
    gradus(&folder, &["pipeline", "--group-by", "("]).says(2, &["--group-by", "regular expression"]);
    gradus(&folder, &["summary", "--set", "cnn.widths=[1,1,1,1,1,1,1,1]"]).says(2, &["cnn.widths"]);
    assert!(!folder.join("runs").exists(), "a refused run left a folder");
}

#[test]
fn printed_settings_come_back_as_they_went() {
    let folder = empty_folder("cli-print");
    let changed = ["pipeline", "--print-config", "--seed", "7", "--epochs", "3", "--set", "data.group_by=(a'\"\\d)"];
    let first = gradus(&folder, &changed);
    first.says(0, &[]);
    fs::write(folder.join("my.toml"), &first.out).unwrap();
    let again = gradus(&folder, &["pipeline", "--print-config", "--config", "my.toml"]);
    assert_eq!(again.says(0, &[]).out, first.out);
    let flag = gradus(&folder, &["pipeline", "--print-config", "--config", "my.toml", "--seed", "8"]);
    assert_eq!(flag.out, first.out.replace("seed = 7", "seed = 8"));
    assert!(!folder.join("runs").exists());
}

#[test]
fn what_is_in_the_way_is_left_alone() {
    let folder = empty_folder("cli-folders");
    let thesis = folder.join("thesis");
    fs::create_dir(&thesis).unwrap();
    fs::write(thesis.join("chapter1"), "long work").unwrap();
    fs::write(folder.join("file"), "x").unwrap();
    for out in ["thesis", "file"] {
        gradus(&folder, &["pipeline", "--smoke", "--out", out]).says(2, &[out, "exists", "--out"]);
        gradus(&folder, &["pipeline", "--smoke", "--out", out, "--force"]).says(2, &[out, "no Gradus run"]);
    }
    assert_eq!(fs::read_to_string(thesis.join("chapter1")).unwrap(), "long work");
}

#[test]
fn what_is_no_run_cannot_be_used_as_one() {
    let folder = empty_folder("cli-no-run");
    fs::create_dir(folder.join("other")).unwrap();
    for run in ["none", "other"] {
        gradus(&folder, &["pipeline", "--resume", run]).says(2, &[run, "help:"]);
        gradus(&folder, &["evaluate", run, "--data", "."]).says(3, &[run, "help:"]);
        gradus(&folder, &["predict", run, "a.png"]).says(3, &[run, "help:"]);
    }
    gradus(&folder, &["pipeline", "--resume", "none", "--force"]).says(2, &["--force"]);
}

#[test]
fn missing_data_leave_no_run_behind() {
    let folder = empty_folder("cli-missing");
    gradus(&folder, &["pipeline", "--data", "nowhere", "--out", "run"]).says(3, &["nowhere", "does not exist"]);
    assert!(!folder.join("run").exists());
}

#[test]
fn the_summary_knows_figure_1() {
    let folder = empty_folder("cli-summary");
    let ran = gradus(&folder, &["summary"]);
    assert!(ran.says(0, &[]).out.contains("1,146,243"), "{}", ran.out);
    let json = gradus(&folder, &["summary", "--json"]).json();
    assert_eq!(json["cnn"]["parameters"], 1_146_243);
    let layers = json["cnn"]["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
    assert_eq!(sum, 1_146_243);
    // 5 x 64 + 64, 64 x 32 + 32, 32 x 3 + 3.
    assert_eq!(json["mlp"]["parameters"], 384 + 2080 + 99);
    let small = ["summary", "--json", "--color", "rgb", "--size", "16", "--classes", "5", "--set", "cnn.widths=[4]"];
    // 4 filters of 3 x 3 x 3, an 8 x 8 feature map of 4 channels to 128, then to 5.
    let expected = (4 * 27 + 4) + (4 * 8 * 8 * 128 + 128) + (128 * 5 + 5);
    assert_eq!(gradus(&folder, &small).json()["cnn"]["parameters"], expected);
}

#[test]
fn every_gradient_is_checked() {
    let folder = empty_folder("cli-gradcheck");
    let ran = gradus(&folder, &["gradcheck", "--json"]);
    let outcomes = ran.says(0, &["agree"]).json();
    let outcomes = outcomes.as_array().unwrap();
    assert!(outcomes.len() > 50);
    for outcome in outcomes {
        assert!(outcome["name"].is_string() && outcome["kind"].is_string(), "{outcome}");
        assert_eq!(outcome["pass"], true, "{outcome}");
        assert!(outcome["relative_error"].as_f64().unwrap() <= outcome["tolerance"].as_f64().unwrap(), "{outcome}");
    }
    let lines = gradus(&folder, &["gradcheck", "--seed", "3"]);
    lines.says(0, &[]);
    assert_eq!(lines.out.lines().filter(|line| line.ends_with("pass")).count(), outcomes.len());
}

#[test]
fn workloads_are_measured() {
    let folder = empty_folder("cli-bench");
    gradus(&folder, &["bench", "P8 train"]).says(2, &["`P8 train`", "did you mean `P8"]);
    gradus(&folder, &["bench", "P1", "--judge", "map.npy"]).says(2, &["--judge", "T1"]);
    let names = gradus(&folder, &["bench", "--list"]);
    assert!(names.says(0, &[]).out.starts_with("P1 train\nP1 infer\nP2 train"), "{}", names.out);

    let quick = ["bench", "--quick", "--json", "--data", ".", "--threads"];
    let chosen = ["P3 train", "P3 infer", "P8c", "G 256", "K3", "T1", "process"];
    let measured = |threads| gradus(&folder, &[&quick[..], &[threads], &chosen[..]].concat()).says(0, &[]).json();
    let [one, two] = ["1", "2"].map(measured);
    assert!(
        one["machine"]["peak_gflops"].as_f64() > Some(0.1) && one["machine"]["bandwidth_gb_s"].as_f64() > Some(0.1)
    );
    assert_eq!((&one["machine"]["threads"], &two["machine"]["threads"]), (&1.into(), &2.into()));
    let order = ["P3 train", "P3 infer", "P8c train", "process", "G 256x256x256", "K3", "T1"];
    let more: [&[&str]; 7] = [
        &["loss_first", "loss_last"],
        &[],
        &["loss_first", "loss_last"],
        &["loss_first", "loss_last"],
        &[],
        &["iterations", "inertia"],
        &["kl", "knn10", "trustworthiness"],
    ];
    for (i, (name, more)) in order.iter().zip(more).enumerate() {
        let (row, other) = (&one["workloads"][i], &two["workloads"][i]);
        assert_eq!(row["name"], *name);
        for key in ["ms", "gflops", "share_of_peak"] {
            assert!(row[key].as_f64() > Some(0.0), "{name}: {key} is {}", row[key]);
        }
        assert!(row["allocated_bytes_per_step"].is_u64(), "{row}");
        for key in more {
            assert!(row[key].is_number() && row[key] == other[key], "{name}: {key} on two threads is {}", other[key]);
        }
    }
    assert!(one["workloads"][3]["allocated_bytes_per_step"].as_u64() > Some(1000), "nothing is counted");
    assert_eq!(one["workloads"][3]["rss_mb"].is_number(), cfg!(target_os = "linux"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = empty_folder("cli-pipe");
    let mut child = command(&folder, &["gradcheck"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    assert!(!err.contains("internal error") && !err.contains("panicked"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_a_runtime_error() {
    let folder = empty_folder("cli-full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran: crate::common::Ran = command(&folder, &["summary"]).stdout(full).output().unwrap().into();
    ran.says(1, &["stdout", "No space left"]);
}

#[test]
fn without_a_terminal_there_are_no_colours() {
    let folder = empty_folder("cli-plain");
    let ran = gradus(&folder, &["pipeline", "--set", "cnn.lrr=1"]);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}
