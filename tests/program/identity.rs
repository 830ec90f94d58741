//! The samples of a run and their split: subsets, splits that belong to the data, and data that have changed.

use crate::common::{Ran, empty_folder, gradus, json, write_images};
use gradus::experiment::{Experiment, Source, load};
use gradus::run::Unwatched;
use gradus::study::job::StudyJob;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A softmax regression on whatever comes in, trained for two epochs.
const LINEAR: &str = r#"name = "linear"

[data]
kind = "KIND"
path = "PATH"
size = 16
val = 0.2
test = 0.2

[[model.layer]]
type = "flatten"

[[model.layer]]
type = "linear"
units = 0

[train]
batch = 16
epochs = 2

[train.optimizer]
kind = "adam"
lr = 0.01
"#;

/// Writes `linear.toml` for data of a kind at a path.
fn write_linear(folder: &Path, kind: &str, path: &str) {
    fs::write(folder.join("linear.toml"), LINEAR.replace("KIND", kind).replace("PATH", path)).unwrap();
}

/// A table class by class, as files lie: `counts[c]` rows of class `c`, no two rows the same.
fn write_table(path: &Path, counts: &[usize]) {
    let mut text = String::from("a,b,c,class\n");
    for (class, &n) in counts.iter().enumerate() {
        for i in 0..n {
            text.push_str(&format!("{}.5,{},{},k{class}\n", class * 3, i, (i * 7 + class) % 11));
        }
    }
    fs::write(path, text).unwrap();
}

/// The four files of a set in MNIST's form, labelled as the function says.
fn write_idx(folder: &Path, n: [usize; 2], label: impl Fn(usize, usize) -> u8) {
    fs::create_dir_all(folder).unwrap();
    let idx = |shape: &[u32], data: Vec<u8>| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(data);
        bytes
    };
    for (part, (name, n)) in ["train", "t10k"].into_iter().zip(n).enumerate() {
        let labels: Vec<u8> = (0..n).map(|i| label(part, i)).collect();
        let pixel =
            |i: usize, at: usize| if at / 28 == usize::from(labels[i]) { 255 } else { (i * 7 + at + 100 * part) % 50 };
        let pixels = (0..n).flat_map(|i| (0..784).map(move |at| (i, at))).map(|(i, at)| pixel(i, at) as u8).collect();
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), idx(&[n as u32, 28, 28], pixels)).unwrap();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx(&[n as u32], labels)).unwrap();
    }
}

fn train(folder: &Path, out: &str, more: &[&str]) -> Ran {
    gradus(folder, &[&["train", "linear.toml", "--out", out, "--json"], more].concat())
}

fn counts(metrics: &Value, split: &str) -> Vec<usize> {
    serde_json::from_value(metrics["data"][split].clone()).unwrap()
}

/// The samples of a run's test set, by name.
fn tested(run: &Path) -> BTreeSet<String> {
    let mut csv = csv::Reader::from_path(run.join("tables/predictions.csv")).unwrap();
    csv.records().map(|row| row.unwrap()[0].to_owned()).collect()
}

#[test]
fn a_limit_takes_every_class_in_proportion() {
    let folder = empty_folder("identity-limit");
    write_table(&folder.join("sorted.csv"), &[300, 100]);
    write_linear(&folder, "csv", "sorted.csv");
    // 240 training samples: three of four are of the first class.
    let limited = train(&folder, "limit", &["--set", "data.limit=60"]).says(0, &[]).json();
    assert_eq!(counts(&limited, "train"), [45, 15]);
    let labelled = train(&folder, "labelled", &["--set", "data.labelled=20"]).says(0, &[]).json();
    assert_eq!((counts(&labelled, "train"), counts(&labelled, "test")), (vec![15, 5], vec![60, 20]));
    let smoke = train(&folder, "smoke", &["--smoke"]).says(0, &[]).json();
    assert!(counts(&smoke, "train").iter().all(|&n| n > 0));
    let words = ["--smoke", "--set", "data.limit=8", "--set", "train.epochs=1"];
    let smaller = train(&folder, "smaller", &words).says(0, &[]).json();
    assert_eq!((counts(&smaller, "train"), &smaller["epochs"]), (vec![6, 2], &json!(1)), "--set lies above --smoke");
    gradus(&folder, &["embed", "limit", "--layer", "input", "--method", "pca", "--samples", "20"]).says(0, &[]);
    let embedded = fs::read_to_string(folder.join("limit/tables/embed_input_pca.csv")).unwrap();
    let of = |class: &str| embedded.lines().filter(|line| line.trim_end_matches('"').ends_with(class)).count();
    assert_eq!((of("k0"), of("k1")), (15, 5));
    // Fewer samples than classes are refused.
    train(&folder, "one", &["--set", "data.limit=1"]).says(2, &["data.limit", "is 1", "class `k1`", "2"]);

    // Images in folders, class by class too.
    write_images(&folder.join("images"), &["a", "b", "c"], 30);
    write_linear(&folder, "folder", "images");
    let limited = train(&folder, "images-limit", &["--set", "data.limit=9"]).says(0, &[]).json();
    assert_eq!(counts(&limited, "train"), [3, 3, 3]);
}

#[test]
fn seeds_of_the_training_have_one_split() {
    let folder = empty_folder("identity-seeds");
    write_table(&folder.join("t.csv"), &[40, 40]);
    for (kind, path) in [("csv", "t.csv"), ("digits", ""), ("galaxies", "")] {
        write_linear(&folder, kind, path);
        let out = |name: &str| format!("{kind}-{name}");
        let few = ["--set", "data.per_class=10"];
        let sum = |ran: Ran| ran.says(0, &[]).json()["data"]["sha256"].clone();
        let one = sum(train(&folder, &out("1"), &[&["--seed", "1"][..], &few].concat()));
        let two = sum(train(&folder, &out("2"), &[&["--seed", "2"][..], &few].concat()));
        assert_eq!(one, two, "{kind}: the data are the same");
        assert_eq!(tested(&folder.join(out("1"))), tested(&folder.join(out("2"))), "{kind}: and so is the split");
        train(&folder, &out("3"), &[&["--set", "data.seed=7"][..], &few].concat()).says(0, &[]);
        assert_ne!(
            (sum_of(&folder.join(out("1"))), tested(&folder.join(out("1")))),
            (sum_of(&folder.join(out("3"))), tested(&folder.join(out("3")))),
            "{kind}: data.seed decides"
        );
    }
}

fn sum_of(run: &Path) -> Value {
    json(run.join("metrics.json"))["data"]["sha256"].clone()
}

/// The samples of one trial, by split.
fn names(e: &Experiment) -> [BTreeSet<String>; 3] {
    let data = load::load(e, &mut Unwatched).unwrap();
    [data.train, data.val, data.test].map(|images| images.names.into_iter().collect())
}

/// The best trial's test samples were training samples of no other trial, and nothing that changes the split is
/// searched.
#[test]
fn the_trials_of_a_study_have_one_split() {
    let folder = empty_folder("identity-study");
    write_table(&folder.join("t.csv"), &[40, 40, 20]);
    write_images(&folder.join("images"), &["a", "b"], 12);
    for (kind, path) in [("csv", "t.csv"), ("folder", "images"), ("digits", "")] {
        let path = if path.is_empty() { String::new() } else { folder.join(path).display().to_string() };
        let text = LINEAR.replace("KIND", kind).replace("PATH", &path)
            + "[study]\nseeds = \"own\"\n[study.space]\n\"train.optimizer.lr\" = { log = [1e-3, 1e-1] }\n";
        let mut source = Source::text(&text, "linear").unwrap();
        source.set("data.per_class=10").unwrap();
        let job = StudyJob::new(source).unwrap();
        let study = job.study().unwrap();
        let trials: Vec<Experiment> = (0..4)
            .map(|number| {
                let trial = study.trial(number, &[]);
                job.at(&trial.point, trial.seed).unwrap()
            })
            .collect();
        assert_ne!(trials[0].seed, trials[1].seed, "each trial has a seed of its own");
        let splits: Vec<_> = trials.iter().map(names).collect();
        for (i, one) in splits.iter().enumerate() {
            for other in &splits {
                assert!(one[2].is_disjoint(&other[0]), "{kind}: test samples of trial {i} were trained on");
                assert_eq!(one, other, "{kind}");
            }
        }
    }
    write_linear(&folder, "csv", "t.csv");
    for (key, domain) in [("data.val", "{ uniform = [0.1, 0.3] }"), ("data.seed", "{ int = [1, 9] }")] {
        let search = format!("{key} = {domain}");
        gradus(&folder, &["study", "linear.toml", "--search", &search, "--out", "s"]).says(2, &[key, "split"]);
    }
}

#[test]
fn a_missing_class_is_a_warning_or_refused() {
    let folder = empty_folder("identity-missing");
    // The test files lack the nine.
    write_idx(&folder.join("digits"), [200, 45], |part, i| (i % (10 - part)) as u8);
    write_linear(&folder, "mnist", "digits");
    let ran = train(&folder, "run", &["--set", "data.val=40"]);
    let metrics = ran.says(0, &["warning: the test set has no sample of class `9`"]).json();
    assert_eq!(metrics["data"]["missing"], json!([{ "split": "test", "class": "9" }]));
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("the test set has no sample of class"), "the report says so too");
    assert!(fs::read_to_string(folder.join("run/log.txt")).unwrap().contains("no sample of class"));
    // Sorted by class, the last training images are all the nines there are.
    write_idx(&folder.join("sorted"), [200, 20], |part, i| if part == 0 { (i / 20) as u8 } else { (i % 10) as u8 });
    write_linear(&folder, "mnist", "sorted");
    train(&folder, "x", &["--set", "data.val=40"]).says(3, &["the training set has no sample of class `8`"]);
    // A class of two samples is refused by tables as it is by folders.
    write_table(&folder.join("rare.csv"), &[30, 2]);
    write_linear(&folder, "csv", "rare.csv");
    train(&folder, "x", &[]).says(3, &["class `k1` has 2 samples", "at least 3", "train, val, test"]);
    write_images(&folder.join("rare"), &["a", "b"], 6);
    (2..6).for_each(|i| fs::remove_file(folder.join(format!("rare/b/{i}.png"))).unwrap());
    write_linear(&folder, "folder", "rare");
    train(&folder, "x", &[]).says(3, &["class `b` has 2 readable images", "at least 3", "train, val, test"]);
    assert!(!folder.join("x").exists());
}

/// With `GRADUS_DATA`: a smoke run on chest X-rays, which lie class by class, has both classes in each split.
#[test]
fn a_smoke_run_on_real_data_has_both_classes() {
    let Some(root) = std::env::var_os("GRADUS_DATA").map(|root| Path::new(&root).join("chest-xray")) else {
        eprintln!("skipped: GRADUS_DATA is not set");
        return;
    };
    if !root.is_dir() {
        eprintln!("skipped: no chest-xray there");
        return;
    }
    let folder = empty_folder("identity-pneumonia");
    let path = format!("data.path={}", root.display());
    let metrics = gradus(&folder, &["train", "pneumonia", "--smoke", "--set", &path, "--out", "run", "--json"])
        .says(0, &[])
        .json();
    // 1,081 healthy and 3,135 ill in all 4,216 or so training images: about a quarter are healthy.
    let train = counts(&metrics, "train");
    assert_eq!(train.iter().sum::<usize>(), 256);
    assert!((55..=75).contains(&train[0]), "{train:?}");
    assert!(counts(&metrics, "val").iter().chain(&counts(&metrics, "test")).all(|&n| n > 0), "{metrics}");
    assert!(metrics["test"]["accuracy"].as_f64().unwrap() < 1.0);
}

/// An autoencoder of the same images: a code of four numbers.
fn write_auto(folder: &Path) {
    let text = LINEAR
        .replace("KIND", "folder")
        .replace("PATH", "images")
        .replace("\"linear\"\n\n[data]", "\"auto\"\n\n[data]");
    let layers = "[[model.layer]]\ntype = \"linear\"\nunits = 4\nname = \"code\"\n\n[[model.layer]]\ntype = \"linear\"\n\
                  units = 256\n\n[[model.layer]]\ntype = \"unflatten\"\nshape = [1, 16, 16]\n";
    let text = text
        .replace("[[model.layer]]\ntype = \"linear\"\nunits = 0\n", layers)
        .replace("[train]\n", "[train]\nloss = \"reconstruction_mse\"\nkeep = \"loss\"\n")
        .replace("test = 0.2\n", "test = 0.2\nnormalize = \"none\"\ncolor = \"gray\"\n");
    fs::write(folder.join("auto.toml"), text).unwrap();
}

/// Every command that reads a run's data again refuses them after a file was added, removed or changed, and takes them
/// again when it is put back.
#[test]
fn changed_data_are_refused_by_every_command() {
    let folder = empty_folder("identity-changed");
    write_images(&folder.join("images"), &["a", "b"], 25);
    write_linear(&folder, "folder", "images");
    write_auto(&folder);
    train(&folder, "run", &[]).says(0, &[]);
    gradus(&folder, &["train", "auto.toml", "--out", "auto"]).says(0, &[]);
    let search = ["--search", "train.optimizer.lr = { log = [1e-3, 1e-1] }", "--trials", "2", "--out", "study"];
    gradus(&folder, &[&["study", "linear.toml"], &search[..]].concat()).says(0, &[]);
    fs::remove_file(folder.join("study/COMPLETE")).unwrap();
    gradus(&folder, &["train", "linear.toml", "--seed", "3", "--out", "begun"]).says(0, &[]);
    fs::remove_file(folder.join("begun/COMPLETE")).unwrap();

    let commands: [&[&str]; 8] = [
        &["evaluate", "run"],
        &["embed", "run", "--layer", "input", "--method", "pca"],
        &["dream", "run", "--target", "a", "--restarts", "1", "--steps", "2"],
        &["export", "run", "--to", "npz"],
        &["latent", "auto"],
        &["report", "run"],
        &["train", "--resume", "begun"],
        &["study", "--resume", "study"],
    ];
    let image = |class: &str, name: &str| folder.join("images").join(class).join(name);
    let (kept, other) = (fs::read(image("a", "3.png")).unwrap(), crate::common::png(2, 77));
    for words in ["1 added (a/new.png)", "1 removed (a/3.png)", "1 changed (a/3.png)"] {
        match &words[2..4] {
            "ad" => fs::write(image("a", "new.png"), &other).unwrap(),
            "re" => fs::remove_file(image("a", "3.png")).unwrap(),
            _ => fs::write(image("a", "3.png"), &other).unwrap(),
        }
        for command in commands {
            let ran = gradus(&folder, command);
            assert_eq!(ran.code, Some(3), "{command:?} after {words}: {ran:?}");
            ran.says(3, &["images", "other samples than when this run began", words, "help:", "--data"]);
        }
        // The present data are other data, and are distinguished from those that the run was trained on.
        let ran = gradus(&folder, &["evaluate", "run", "--data", "images", "--json"]);
        let seen = ran.says(0, &["samples are in the run's training set"]).json()["in_training_set"].as_u64().unwrap();
        assert!((29..=30).contains(&seen), "30 training images, of which at most one was changed: {seen}");
        let _ = fs::remove_file(image("a", "new.png"));
        fs::write(image("a", "3.png"), &kept).unwrap();
    }
    for command in commands {
        gradus(&folder, command).says(0, &[]);
    }
    // The run's kind of data means all samples, not a split of them.
    let ran = gradus(&folder, &["evaluate", "run", "--data", "folder", "--json"]);
    assert_eq!(ran.says(0, &["30 of 50 samples are in"]).json()["in_training_set"], 30);
    // Weights from a run with another split were trained on some of the samples that are held out here.
    let ran = train(&folder, "transfer", &["--set", "model.weights=run", "--set", "data.seed=5"]);
    ran.says(0, &["warning: the run of these weights was trained on", "of the 10 test samples"]);
    let ran = train(&folder, "continued", &["--set", "model.weights=run"]);
    assert!(!ran.says(0, &[]).err.contains("was trained on"), "{}", ran.err);
    // Another name for the same image changes nothing for a network.
    fs::rename(image("b", "24.png"), image("b", "24b.png")).unwrap();
    gradus(&folder, &["evaluate", "run"]).says(0, &[]);

    // A row more, a label changed: tables and IDX files.
    write_table(&folder.join("t.csv"), &[20, 20]);
    write_linear(&folder, "csv", "t.csv");
    train(&folder, "table", &[]).says(0, &[]);
    let rows = fs::read_to_string(folder.join("t.csv")).unwrap();
    fs::write(folder.join("t.csv"), format!("{rows}9,9,9,k0\n")).unwrap();
    gradus(&folder, &["evaluate", "table"]).says(3, &["t.csv", "1 added (row 41)"]);
    let lines: Vec<&str> = rows.lines().collect();
    fs::write(folder.join("t.csv"), [&lines[..5], &lines[6..]].concat().join("\n")).unwrap();
    gradus(&folder, &["evaluate", "table"]).says(3, &["t.csv", "1 removed"]);
    write_idx(&folder.join("digits"), [200, 40], |_, i| (i % 10) as u8);
    write_linear(&folder, "mnist", "digits");
    train(&folder, "digits-run", &["--set", "data.val=40"]).says(0, &[]);
    let labels = folder.join("digits/t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[8 + 7] = 3;
    fs::write(&labels, bytes).unwrap();
    gradus(&folder, &["evaluate", "digits-run"]).says(3, &["1 changed (test/7)"]);
}

#[test]
fn autoencoders_of_different_splits_are_not_compared() {
    let folder = empty_folder("identity-latent");
    write_images(&folder.join("images"), &["a", "b", "c"], 25);
    write_linear(&folder, "folder", "images");
    write_auto(&folder);
    for (name, out, set) in [
        ("auto.toml", "one", "seed=1"),
        ("auto.toml", "two", "seed=2"),
        ("auto.toml", "other", "data.seed=7"),
        ("linear.toml", "judge", "seed=3"),
        ("linear.toml", "other-judge", "data.seed=7"),
    ] {
        gradus(&folder, &["train", name, "--out", out, "--set", set, "--set", "data.color=gray"]).says(0, &[]);
    }
    gradus(&folder, &["latent", "one", "two", "--classifier", "judge", "--out", "l"]).says(0, &[]);
    gradus(&folder, &["latent", "one", "other", "--out", "x"]).says(3, &["other", "another split", "data.seed"]);
    let judged = ["latent", "one", "--classifier", "other-judge", "--out", "x"];
    gradus(&folder, &judged).says(3, &["other-judge", "another split"]);
    assert!(!folder.join("x").exists());
}

/// No sample is in two splits, and none is lost, for each kind of data; with a limit the splits are smaller, and still
/// disjoint.
#[test]
fn no_sample_is_in_two_splits() {
    let folder = empty_folder("identity-overlap");
    write_table(&folder.join("t.csv"), &[30, 30, 30]);
    write_images(&folder.join("images"), &["a", "b", "c"], 30);
    write_idx(&folder.join("idx"), [70, 20], |_, i| (i % 10) as u8);
    write_npz(&folder.join("rows.npz"), &[90, 4]);
    write_npz(&folder.join("images.npz"), &[90, 8, 8]);
    for (kind, path, set) in [
        ("csv", "t.csv", "data.size=16"),
        ("npz", "rows.npz", "data.size=16"),
        ("npz", "images.npz", "data.size=16"),
        ("folder", "images", "data.size=16"),
        ("folder", "images", "data.group_by=(\\d)"),
        ("mnist", "idx", "data.val=15"),
        ("fashion-mnist", "idx", "data.val=15"),
        ("digits", "", "data.per_class=10"),
        ("galaxies", "", "data.per_class=30"),
    ] {
        let path = if path.is_empty() { String::new() } else { folder.join(path).display().to_string() };
        let mut source = Source::text(&LINEAR.replace("KIND", kind).replace("PATH", &path), "linear").unwrap();
        source.set(set).unwrap();
        let whole = names(&source.resolve().unwrap());
        source.set("data.limit=24").unwrap();
        let limited = names(&source.resolve().unwrap());
        for [train, val, test] in [&whole, &limited] {
            assert!(train.is_disjoint(val) && train.is_disjoint(test) && val.is_disjoint(test), "{kind} {set}");
        }
        let total: usize = whole.iter().map(BTreeSet::len).sum();
        assert_eq!(total, if kind == "digits" { 100 } else { 90 }, "{kind} {set}");
        assert_eq!(limited[0].len(), 24, "{kind} {set}");
        assert!(limited.iter().zip(&whole).all(|(part, whole)| part.is_subset(whole)), "{kind} {set}");
        if set.starts_with("data.group_by") {
            let groups = |images: &BTreeSet<String>| -> BTreeSet<char> {
                images.iter().filter_map(|name| name.rsplit('/').next()?.chars().next()).collect()
            };
            let [train, val, test] = limited.each_ref().map(groups);
            assert!(train.is_disjoint(&val) && train.is_disjoint(&test) && val.is_disjoint(&test), "groups");
        }
    }
}

/// NumPy's arrays `x` (of this shape, each sample different) and `y` (three classes, sorted).
fn write_npz(path: &Path, shape: &[usize]) {
    let npy = |descr: &str, shape: &[usize], data: Vec<u8>| {
        let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}\n", sizes.trim_end());
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.into_bytes());
        bytes.extend(data);
        bytes
    };
    let total: usize = shape.iter().product();
    let x = (0..total).flat_map(|i| (i as f32 / total as f32).to_le_bytes()).collect();
    let y = (0..shape[0]).flat_map(|i| ((i * 3 / shape[0]) as i64).to_le_bytes()).collect();
    let files = [("x.npy", npy("<f4", shape, x)), ("y.npy", npy("<i8", &shape[..1], y))];
    fs::write(path, crate::common::zip(&files)).unwrap();
}

#[test]
fn the_ledger_counts_every_evaluation() {
    let folder = empty_folder("identity-ledger");
    write_table(&folder.join("t.csv"), &[60, 60]);
    write_linear(&folder, "csv", "t.csv");
    let lines = |path: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.join(path)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let page = |run: &str| fs::read_to_string(folder.join(run).join("report.html")).unwrap();
    let metrics = train(&folder, "a", &[]).says(0, &[]).json();
    assert!(page("a").contains("The held-out test set was evaluated once."));
    gradus(&folder, &["evaluate", "a"]).says(0, &["evaluated 2 times, by one configuration"]);
    gradus(&folder, &["evaluate", "a"]).says(0, &["evaluated 3 times, by one configuration"]);
    train(&folder, "b", &["--seed", "2"]).says(0, &[]);
    let said = page("b");
    assert!(
        said.contains("evaluated 4 times, by 2 configurations. The best of 2 equally good ones"),
        "not in the report"
    );
    let own = lines("a/ledger.jsonl");
    assert_eq!(
        own.iter().map(|e| e["command"].as_str().unwrap()).collect::<Vec<_>>(),
        ["train", "evaluate", "evaluate"]
    );
    for entry in &own {
        assert_eq!(entry["figures"]["accuracy"], metrics["test"]["accuracy"]);
        assert_eq!((&entry["split"], &entry["samples"]), (&metrics["data"]["test_set"], &json!(24)));
    }
    assert_eq!(lines("test_ledger.jsonl").len(), 4);
    // Written again, a report is not a new evaluation; other data, and another split, are other test sets.
    gradus(&folder, &["report", "b"]).says(0, &[]);
    assert!(page("b").contains("evaluated 4 times, by 2 configurations"));
    gradus(&folder, &["evaluate", "a", "--data", "t.csv"]).says(0, &["72 of 120 samples are in", "evaluated once"]);
    train(&folder, "c", &["--set", "data.seed=9"]).says(0, &[]);
    assert!(page("c").contains("The held-out test set was evaluated once."));
    assert_eq!(lines("test_ledger.jsonl").len(), 6);
    // The trials of a study use validation alone: the whole study is one configuration more.
    let search = ["--search", "train.optimizer.lr = { log = [1e-3, 1e-1] }", "--trials", "4", "--out", "s"];
    gradus(&folder, &[&["study", "linear.toml"], &search[..]].concat()).says(0, &[]);
    assert_eq!(lines("test_ledger.jsonl").len(), 7);
    assert!(page("s/best").contains("evaluated 5 times, by 3 configurations"));
    assert!(page("s").contains("On this test set 3 configurations were evaluated. The best of 3"));
}
