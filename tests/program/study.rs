//! Studies: samplers and pruners on known functions, workers and processes on one journal, the program from a file to
//! the best network, and compatibility with Optuna.

use crate::common::{command, empty_folder, gradus, plain_numbers};
use gradus::study::{
    Direction, Hyperband, Median, NoPruner, Objective, Overseer, Prune, Pruner, Random, Sampler, Space, State, Study,
    StudyEvent, Tpe, Trial, Unseen, best, database,
};
use gradus::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn space(text: &str) -> Space {
    Space::read(&text.parse().unwrap()).unwrap()
}

/// A learning rate on a logarithmic axis, and a fraction: the valley is at (0.01, 0.7).
const VALLEY: &str = "lr = { log = [1e-5, 1] }\np = { uniform = [0, 1] }";

fn valley(trial: &Trial) -> f64 {
    let (lr, p) = (trial.point[0].unwrap(), trial.point[1].unwrap());
    (libm::log10(lr) + 2.0).powi(2) + 4.0 * (p - 0.7).powi(2)
}

fn study(space_text: &str, sampler: impl Sampler + 'static, pruner: impl Pruner + 'static, seed: u64) -> Study {
    Study {
        name: "known".into(),
        space: space(space_text),
        sampler: Box::new(sampler),
        pruner: Box::new(pruner),
        direction: Direction::Minimize,
        trials: 30,
        parallel: 2,
        seed,
        own_seeds: true,
    }
}

/// Runs a study of a function without a file that lasts.
fn run(study: &Study, objective: &Objective<'_>) -> Vec<Trial> {
    let folder = tempfile::tempdir().unwrap();
    study.run(&folder.path().join("study.jsonl"), 1, None, objective, &mut Unseen).unwrap()
}

fn lowest(trials: &[Trial]) -> f64 {
    best(trials, Direction::Minimize).unwrap().value.unwrap()
}

/// Over twenty seeds: in 30 trials, ten of them random, TPE comes on average twice as near to the bottom as random
/// search, and is the better one for most seeds.
#[test]
fn tpe_beats_random_on_a_valley() {
    let of = |study: Study| lowest(&run(&study, &|trial, _| Ok(valley(trial))));
    let pairs: Vec<(f64, f64)> = (0..20)
        .map(|seed| (of(study(VALLEY, Tpe::default(), NoPruner, seed)), of(study(VALLEY, Random, NoPruner, seed))))
        .collect();
    let mean = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / pairs.len() as f64;
    let (tpe, random) = (mean(|pair| pair.0), mean(|pair| pair.1));
    println!("tpe {tpe:.4}, random {random:.4}");
    assert!(2.0 * tpe < random, "tpe {tpe}, random {random}: {pairs:?}");
    assert!(pairs.iter().filter(|(tpe, random)| tpe < random).count() >= 13, "{pairs:?}");
}

/// Two branches with a parameter of their own each; the good one is `deep`, at 24 units.
#[test]
fn tpe_finds_the_best_branch_of_a_tree() {
    let text = "kind = { choice = [\"flat\", \"deep\", \"odd\"] }\n\
                rate = { uniform = [0, 1], when = \"kind = flat | odd\" }\n\
                units = { int = [4, 64], when = \"kind = deep\" }";
    let objective = |trial: &Trial| {
        let (branch, rate, units) = (trial.point[0].unwrap(), trial.point[1], trial.point[2]);
        assert_eq!((rate.is_some(), units.is_some()), (branch != 1.0, branch == 1.0));
        units.map_or_else(|| 2.0 + rate.unwrap(), |units| (units - 24.0).abs() / 20.0)
    };
    for seed in 0..5 {
        let trials = run(&study(text, Tpe::default(), NoPruner, seed), &|trial, _| Ok(objective(trial)));
        let deep = |trials: &[Trial]| trials.iter().filter(|trial| trial.point[0] == Some(1.0)).count();
        assert!(deep(&trials[15..]) >= 9, "seed {seed}: {} of the last 15 are deep", deep(&trials[15..]));
        assert!(lowest(&trials) <= 0.2, "seed {seed}: {}", lowest(&trials));
    }
}

/// A loss that falls to the valley's height over 20 steps.
fn descent(trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune) -> Result<f64> {
    let end = valley(trial);
    for step in 1..=20 {
        if report(step, end + 3.0 * libm::exp(-0.4 * step as f64)) == Prune::Yes {
            break;
        }
    }
    Ok(end)
}

/// Curves that do not cross: pruning must not lose the best, and must save much.
#[test]
fn pruners_save_steps_and_keep_the_best() {
    for seed in 0..3 {
        let steps = |trials: &[Trial]| trials.iter().map(|trial| trial.curve.len()).sum::<usize>();
        let whole = run(&study(VALLEY, Random, NoPruner, seed), &descent);
        assert_eq!(steps(&whole), 600);
        let median = run(&study(VALLEY, Random, Median::default(), seed), &descent);
        let halved = run(&study(VALLEY, Random, Hyperband::new(20, 3).unwrap(), seed), &descent);
        for (name, trials) in [("median", &median), ("hyperband", &halved)] {
            assert_eq!(lowest(trials), lowest(&whole), "{name}, seed {seed}");
            assert!(steps(trials) < 450, "{name}, seed {seed}: {} steps", steps(trials));
            let pruned = trials.iter().filter(|trial| trial.state == State::Pruned).count();
            assert!(pruned > 5, "{name}: {pruned} pruned");
            assert!(trials.iter().zip(&whole).all(|(a, b)| a.point == b.point), "points do not depend on the pruner");
        }
    }
}

/// The parts of a trial that do not depend on the clock.
fn essence(trials: &[Trial]) -> Vec<Trial> {
    trials.iter().map(|trial| Trial { seconds: 0.0, ..trial.clone() }).collect()
}

/// Trials take times that have nothing to do with their order.
fn uneven(trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune) -> Result<f64> {
    std::thread::sleep(Duration::from_millis((trial.seed % 7) * 3));
    descent(trial, report)
}

#[test]
fn any_number_of_workers_and_processes_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let new = || Study { parallel: 4, ..study(VALLEY, Tpe::default(), Median::default(), 3) };
    let with = |workers: usize| {
        let path = folder.path().join(format!("{workers}.jsonl"));
        essence(&new().run(&path, workers, None, &uneven, &mut Unseen).unwrap())
    };
    let alone = with(1);
    assert_eq!(alone.len(), 30);
    for workers in [2, 4, 9] {
        assert_eq!(with(workers), alone, "{workers} workers");
    }
    // Two studies on one file, as two processes have it: each trial is run once.
    let (path, runs) = (folder.path().join("shared.jsonl"), AtomicUsize::new(0));
    let counted = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| {
        runs.fetch_add(1, Ordering::Relaxed);
        uneven(trial, report)
    };
    let both: Vec<Vec<Trial>> = std::thread::scope(|scope| {
        let go = || new().run(&path, 2, None, &counted, &mut Unseen).unwrap();
        let handles = [scope.spawn(go), scope.spawn(go)];
        handles.map(|handle| handle.join().unwrap()).into()
    });
    assert_eq!((essence(&both[0]), essence(&both[1])), (alone.clone(), alone));
    assert_eq!(runs.load(Ordering::Relaxed), 30);
}

#[test]
fn parallel_is_part_of_the_study() {
    let at = |parallel| {
        essence(&run(&Study { parallel, ..study(VALLEY, Tpe::default(), NoPruner, 1) }, &|t, _| Ok(valley(t))))
    };
    let (one, four) = (at(1), at(4));
    assert_eq!(one[..10], four[..10], "random ones first");
    assert_ne!(one[10..], four[10..]);
}

#[test]
fn faults_fail_a_trial_or_end_the_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.jsonl");
    let faulty = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| match trial.number {
        3 => Err(Error::invalid("a network that cannot be")),
        4 => Ok(f64::NAN),
        5 => Ok(if report(1, f64::INFINITY) == Prune::Yes { 0.0 } else { 1.0 }),
        _ => descent(trial, report),
    };
    let new = || study(VALLEY, Tpe::default(), Median::default(), 1);
    let trials = new().run(&path, 2, None, &faulty, &mut Unseen).unwrap();
    for (number, words) in [(3, "cannot be"), (4, "NaN"), (5, "inf")] {
        let trial = &trials[number];
        assert!(trial.state == State::Failed && trial.value.is_none() && trial.fault.contains(words), "{trial:?}");
    }
    assert!(trials.iter().all(|trial| trial.is_finished()) && trials.len() == 30);

    // Missing data are not the fault of a trial: the study stops, and is resumed when they are back.
    let path = folder.path().join("other.jsonl");
    let missing = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| match trial.number {
        7 => Err(Error::data("images", "is gone", "bring it back")),
        _ => descent(trial, report),
    };
    assert_eq!(new().run(&path, 2, None, &missing, &mut Unseen).unwrap_err().exit_code(), 3);
    let after = new().run(&path, 2, None, &descent, &mut Unseen).unwrap();
    assert_eq!(essence(&after), essence(&run(&new(), &descent)));
}

/// Stops after so many events.
struct Impatient(usize);

impl Overseer for Impatient {
    fn event(&mut self, _: StudyEvent) {
        self.0 = self.0.saturating_sub(1);
    }
    fn stops(&mut self) -> bool {
        self.0 == 0
    }
}

#[test]
fn stopped_anywhere_a_study_is_resumed_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let new = || study(VALLEY, Tpe::default(), Hyperband::new(20, 3).unwrap(), 5);
    let whole = essence(&run(&new(), &descent));
    let path = folder.path().join("study.jsonl");
    let mut stops = 0;
    let end = loop {
        match new().run(&path, 2, None, &uneven, &mut Impatient(40)) {
            Err(Error::Interrupted(_)) => stops += 1,
            result => break essence(&result.unwrap()),
        }
        assert!(stops < 100);
    };
    assert!(stops > 3, "stopped {stops} times");
    assert_eq!(end, whole);
    // Its time over, a study begins no trial.
    let late = new().run(&folder.path().join("late.jsonl"), 2, Some(Instant::now()), &descent, &mut Unseen).unwrap();
    assert!(late.is_empty());
}

/// Three classes of rendered galaxies and a network that trains in a fraction of a second, with a space.
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
keep = "loss"

[train.optimizer]
kind = "adam"
lr = 0.003

[study]
trials = 8
startup = 3
pruner = "median"
parallel = 2
seeds = "same"

[study.space]
"train.optimizer.lr" = { log = [1e-4, 1e-1] }
"train.optimizer.kind" = { choice = ["adam", "sgd"] }
"train.optimizer.momentum" = { uniform = [0, 0.9], when = "train.optimizer.kind = sgd" }
width = { int = [2, 6], keys = { "model.layer.conv1.filters" = 1 } }
"#;

/// The table of a study without its seconds.
fn table(folder: &Path) -> Vec<Vec<String>> {
    let mut csv = csv::Reader::from_path(folder.join("tables/trials.csv")).unwrap();
    let rows = csv
        .records()
        .map(|row| row.unwrap().iter().enumerate().filter(|(i, _)| *i != 4).map(|(_, c)| c.into()).collect());
    rows.collect()
}

#[test]
fn the_life_of_a_study() {
    let folder = empty_folder("study-life");
    std::fs::write(folder.join("small.toml"), SMALL).unwrap();
    let ran = gradus(&folder, &["study", "small.toml", "--out", "a", "--json"]);
    let metrics = ran.says(0, &["[1/3] trials", "[2/3] best trial"]).json();
    assert_eq!((&metrics["recipe"], &metrics["trials"], &metrics["failed"]), (&"study".into(), &8.into(), &0.into()));
    let best = &metrics["best"];
    assert_eq!(best["value"], best["val"]["loss"], "trained again, it gives the same bits");
    for file in ["study.jsonl", "report.html", "tables/trials.csv", "figures/parallel.png", "figures/curves.svg"] {
        assert!(folder.join("a").join(file).exists(), "{file}");
    }
    let (tables, _) = plain_numbers(&folder.join("a"));
    assert!(tables >= 5, "{tables} tables");
    let page = std::fs::read_to_string(folder.join("a/report.html")).unwrap();
    assert!(page.contains("data-item=\"7\"") && page.contains("<script>") && !page.contains("http"));

    // With two workers, and stopped by `kill -9` again and again, it is the same study.
    gradus(&folder, &["study", "small.toml", "--out", "b", "-j", "2"]).says(0, &[]);
    assert_eq!(table(&folder.join("a")), table(&folder.join("b")));
    let mut args = vec!["study", "small.toml", "--out", "c"];
    for milliseconds in [700, 400, 900, 550, 1200] {
        let mut child = command(&folder, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        if folder.join("c/env.json").exists() {
            args = vec!["study", "--resume", "c"];
        }
    }
    gradus(&folder, &args).says(0, &[]);
    assert_eq!(table(&folder.join("a")), table(&folder.join("c")));

    // Two processes on one study; each shows its end.
    let first = command(&folder, &["study", "small.toml", "--out", "d", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.join("d/study.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = gradus(&folder, &["study", "--resume", "d", "--json"]);
    let first: crate::common::Ran = first.wait_with_output().unwrap().into();
    assert_eq!(first.says(0, &[]).json()["best"]["value"], best["value"]);
    assert_eq!(second.says(0, &[]).json()["best"]["value"], best["value"]);
    assert_eq!(table(&folder.join("a")), table(&folder.join("d")));

    // The best run is a run like any other; a finished study says so.
    let evaluated = gradus(&folder, &["evaluate", "a/best", "--json"]).says(0, &[]).json();
    assert_eq!(evaluated, best["test"]);
    gradus(&folder, &["study", "--resume", "a"]).says(0, &["complete"]);
    assert!(!folder.join("a/study.db").exists(), "a database is made only on request");
    gradus(&folder, &["study", "--resume", "a", "--sqlite"]).says(0, &["complete"]);
    let head = std::fs::read(folder.join("a/study.db")).unwrap();
    assert!(head.starts_with(b"SQLite format 3\0"));
    let (page, report) = (std::fs::read(folder.join("a/report.html")).unwrap(), folder.join("a/report.html"));
    std::fs::remove_file(&report).unwrap();
    gradus(&folder, &["report", "a"]).says(0, &[]);
    assert!(std::fs::read(&report).unwrap() == page, "the same report again");
    gradus(&folder, &["train", "--resume", "a"]).says(3, &["is not a run of `gradus train`"]);
    let random = gradus(
        &folder,
        &[
            "study",
            "small.toml",
            "--sampler",
            "grid",
            "--pruner",
            "none",
            "--trials",
            "3",
            "--set",
            "train.epochs=1",
            "--set",
            "study.values=2",
            "--out",
            "e",
            "--json",
        ],
    );
    assert_eq!(random.says(0, &[]).json()["epochs"], 3);
}

#[test]
fn faulty_studies_are_refused_in_words() {
    let folder = empty_folder("study-wrong");
    std::fs::write(folder.join("small.toml"), SMALL).unwrap();
    let plain = SMALL.split("[study]").next().unwrap();
    std::fs::write(folder.join("plain.toml"), plain).unwrap();
    let says = |args: &[&str], words: &[&str]| {
        gradus(&folder, &[&["study"], args].concat()).says(2, words);
    };
    says(&["plain.toml"], &["study.space", "nothing to search"]);
    says(&["none.toml"], &["none.toml: does not exist"]);
    says(&["smal.toml"], &["did you mean `small.toml`"]);
    says(&["plain.toml", "--search", "train.optimizer.lr"], &["--search", "no `=`"]);
    says(&["plain.toml", "--search", "train.optimizer.lr={ log = [0, 1] }"], &["begins at 0"]);
    says(&["plain.toml", "--search", "train.optimiser.lr={ log = [1e-3, 1] }"], &["with lr", "optimizer"]);
    says(&["plain.toml", "--search", "train.optimizer.momentum={ uniform = [0, 0.9] }"], &["momentum 0", "lr"]);
    says(&["plain.toml", "--search", "model.layer.conv1.filters={ int = [0, 4] }"], &["conv1.filters 0"]);
    says(&["small.toml", "--set", "study.trails=3"], &["trails"]);
    says(&["small.toml", "--set", "study.trials=0"], &["study.trials"]);
    says(&["small.toml", "--sampler", "tpee"], &["tpee"]);
    assert!(!folder.join("runs").exists(), "nothing was begun");
    let missing = ["small.toml", "--set", "data.kind=mnist", "--set", "data.path=nowhere", "--out", "x"];
    assert_eq!(gradus(&folder, &[&["study"][..], &missing].concat()).code, Some(3));
    assert!(!folder.join("x").exists(), "a study without data leaves nothing");
}

/// With `GRADUS_PEERS_PYTHON` set to a Python that has Optuna: it reads our journal and our database, and finds the
/// same.
#[test]
fn optuna_reads_the_journal_and_the_database() {
    let Some(python) = std::env::var_os("GRADUS_PEERS_PYTHON") else {
        eprintln!("skipped: GRADUS_PEERS_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{VALLEY}\nk = {{ choice = [\"a\", 2, true, 0.5] }}\nn = {{ int = [2, 9], step = 3, when = \"k = a | 2\" }}"
    );
    for direction in [Direction::Minimize, Direction::Maximize] {
        let path = folder.path().join("study.jsonl");
        let study = Study { direction, ..study(&text, Tpe::default(), Median::default(), 1) };
        let objective = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| {
            // Numbers in the order of names: k, lr, n, p.
            let named = Trial { point: vec![trial.point[1], trial.point[3]], ..trial.clone() };
            if trial.number == 4 { Err(Error::invalid("a fault")) } else { descent(&named, report) }
        };
        let names: Vec<&str> = study.space.params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["k", "lr", "n", "p"]);
        let trials = study.run(&path, 2, None, &objective, &mut Unseen).unwrap();
        database::write(&path, &folder.path().join("study.db")).unwrap();
        // The study as this program reads it, as text.
        let rows: Vec<serde_json::Value> = trials
            .iter()
            .map(|trial| {
                let each = study.space.params.iter().zip(&trial.point);
                let params: serde_json::Map<String, serde_json::Value> = each
                    .filter_map(|(p, v)| Some((p.name.clone(), serde_json::to_value(p.domain.value((*v)?)).unwrap())))
                    .collect();
                serde_json::json!({
                    "state": format!("{:?}", trial.state), "value": trial.value, "params": params, "seed": trial.seed,
                    "curve": trial.curve, "fault": trial.fault,
                })
            })
            .collect();
        let known = serde_json::json!({
            "best": best(&trials, direction).unwrap().number, "trials": rows,
            "direction": format!("{direction:?}"),
        });
        std::fs::write(folder.path().join("known.json"), known.to_string()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/optuna_check.py");
        let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
        let (said, faults) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{faults}");
        println!("{said}");
        std::fs::remove_file(&path).unwrap();
    }
}

/// Every built-in experiment has a space that fits its network: each of its bounds was tried.
#[test]
fn every_builtin_can_be_searched() {
    for known in gradus::experiment::builtin::ALL {
        let source = gradus::experiment::Source::text(known.text, known.name).unwrap();
        let job = gradus::study::job::StudyJob::new(source);
        if known.text.contains("kind = \"som\"") {
            // A map has no loss to be searched by.
            assert!(job.is_err_and(|e| e.to_string().contains("a study searches the settings of networks")));
            continue;
        }
        let job = job.unwrap_or_else(|e| panic!("{}: {e}", known.name));
        assert!(!job.space.params.is_empty(), "{}: [study.space] is empty", known.name);
    }
}

/// The space that the help shows fits the file that it names, whatever keys its optimizer had.
#[test]
fn the_space_of_the_help_fits() {
    let help = gradus(&empty_folder("study-help"), &["help", "study"]).says(0, &[]).out.clone();
    let lines: Vec<&str> = help.lines().map(str::trim).skip_while(|line| *line != "[study.space]").collect();
    let space = lines.split(|line| line.is_empty()).next().unwrap().join("\n");
    assert!(space.contains("choice") && space.contains("momentum"), "{space}");
    let file = gradus::experiment::builtin("cnn-small").unwrap().text.split("[study]").next().unwrap();
    let source = gradus::experiment::Source::text(&format!("{file}\n{space}\n"), "help").unwrap();
    let job = gradus::study::job::StudyJob::new(source).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(job.space.params.len(), 5);
}

/// With `GRADUS_PEERS_PYTHON`: Optuna itself runs a trial, adds one whole and leaves one running; the study continues.
#[test]
fn a_study_continues_after_optuna_has_added_trials() {
    let Some(python) = std::env::var_os("GRADUS_PEERS_PYTHON") else {
        eprintln!("skipped: GRADUS_PEERS_PYTHON is not set");
        return;
    };
    const SCRIPT: &str = r#"
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
study = optuna.load_study(study_name="known", storage=JournalStorage(JournalFileBackend(sys.argv[1])))
def objective(trial):
    trial.report(float("nan"), 1)
    trial.set_user_attr("by", "optuna")
    return trial.suggest_float("lr", 1e-5, 1, log=True) + trial.suggest_float("depth", 0, 1)
study.optimize(objective, n_trials=1)
low = optuna.distributions.FloatDistribution(0.0, 1.0)
study.add_trial(optuna.trial.create_trial(params={"p": 0.5}, distributions={"p": low}, value=-5.0))
study.ask()
"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.jsonl");
    let with = |trials| Study { trials, ..study(VALLEY, Tpe::default(), Median::default(), 1) };
    with(6).run(&path, 1, None, &descent, &mut Unseen).unwrap();
    let output = Command::new(&python).args(["-c", SCRIPT]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let trials = with(14).run(&path, 2, None, &descent, &mut Unseen).unwrap();
    let foreign: Vec<usize> = trials.iter().filter(|trial| trial.foreign).map(|trial| trial.number).collect();
    assert_eq!((trials.len(), foreign), (14, vec![6, 7, 8]));
    assert!(trials[7].value == Some(-5.0) && trials[8].state == State::Running);
    assert!(trials.iter().all(|trial| trial.foreign || trial.is_finished()));
    assert!(!best(&trials, Direction::Minimize).unwrap().foreign);
    database::write(&path, &folder.path().join("study.db")).unwrap();
}
