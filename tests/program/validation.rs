//! Checks before anything is read or trained, and the messages when a training fails: every number of every
//! setting, ends of a network that do not fit the loss, divergence; and the smallest data that a run takes.

use crate::common::{empty_folder, gradus, write_images};
use gradus::Result;
use gradus::experiment::builtin::ALL;
use gradus::experiment::read::to_toml;
use gradus::experiment::{Experiment, Source, builtin, plan};
use gradus::pipeline::{Config, ConfigSource, source};
use std::collections::BTreeSet;
use std::fs;
use toml::Value;

/// Numbers that no setting takes.
const BAD: [&str; 5] = ["nan", "-1", "inf", "-inf", "1e300"];

fn resolve(source: &Source) -> Result<Experiment> {
    let e = source.resolve()?;
    // A map has no layers to plan.
    if let Some(input) = e.input().filter(|_| e.kind.is_network()) {
        plan(&e, &input, e.classes().unwrap_or(2))?;
    }
    Ok(e)
}

/// The dotted paths of all numbers in a table.
fn numbers(prefix: &str, value: &Value, into: &mut Vec<String>) {
    let inside = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match value {
        Value::Table(table) => table.iter().for_each(|(name, value)| numbers(&inside(name), value, into)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| numbers(&inside(&(i + 1).to_string()), value, into));
        }
        Value::Integer(_) | Value::Float(_) => into.push(prefix.to_owned()),
        _ => {}
    }
}

/// A file with every kind of layer, and one that each schedule and each optimizer is put into.
const EVERYTHING: &str = r#"
    name = "everything"
    [data]
    kind = "galaxies"
    size = 16
    [[model.layer]]
    type = "gaussian_noise"
    std = 0.1
    [[model.layer]]
    type = "conv2d"
    filters = 4
    kernel = [3, 3]
    stride = [1, 1]
    padding = [1, 1]
    [[model.layer]]
    type = "batch_norm"
    [[model.layer]]
    type = "max_pool2d"
    stride = 2
    [[model.layer]]
    type = "avg_pool2d"
    kernel = 2
    [[model.layer]]
    type = "conv_transpose2d"
    filters = 4
    kernel = 3
    [[model.layer]]
    type = "upsample2d"
    [[model.layer]]
    type = "layer_norm"
    [[model.layer]]
    type = "flatten"
    [[model.layer]]
    type = "gaussian_latent"
    units = 8
    [[model.layer]]
    type = "unflatten"
    shape = [2, 4]
    [[model.layer]]
    type = "flatten"
    [[model.layer]]
    type = "dropout"
    p = 0.5
    [[model.layer]]
    type = "linear"
    units = 3
    [train]
    batch = 8
    epochs = 2
    class_weights = [1.0, 2.0, 3.0]
    [train.optimizer]
    kind = "adam"
    clip_value = 1.0
    clip_norm = 1.0
    global_clip_norm = 1.0
"#;

#[test]
fn every_number_out_of_its_range_is_refused_with_its_key() {
    let mut files: Vec<(String, String)> = vec![("everything".into(), EVERYTHING.into())];
    for kind in ["sgd", "adamw", "nadam", "rmsprop", "adadelta", "adagrad"] {
        files.push((kind.into(), EVERYTHING.replace("kind = \"adam\"", &format!("kind = \"{kind}\""))));
    }
    for schedule in ["step\"\nevery = 2", "exponential\"\nfactor = 0.5", "cosine\"", "plateau\"", "one_cycle\""] {
        files.push((schedule.into(), format!("{EVERYTHING}\n[train.schedule]\nkind = \"{schedule}\n")));
    }
    files.extend(ALL.iter().map(|known| (known.name.to_owned(), known.text.to_owned())));
    let (mut tried, mut keys) = (0, BTreeSet::new());
    for (name, text) in files {
        let file = Source::text(&text, &name).unwrap();
        if !file.variants().unwrap().is_empty() {
            continue;
        }
        // The resolved file has the settings that were left to their defaults too.
        let text = to_toml(&resolve(&file).unwrap_or_else(|e| panic!("{name}: {e}")));
        let mut paths = Vec::new();
        numbers("", &toml::from_str(&text).unwrap(), &mut paths);
        for path in paths.into_iter().filter(|path| !path.starts_with("study.")) {
            for bad in BAD {
                // A function may be looked at left of 0.
                if bad == "-1" && path.starts_with("data.function.range") {
                    continue;
                }
                let mut source = Source::text(&text, &name).unwrap();
                source.set(&format!("{path}={bad}")).unwrap_or_else(|e| panic!("{name}: {path} = {bad}: {e}"));
                let error = resolve(&source).err().unwrap_or_else(|| panic!("{name}: {path} = {bad} is taken"));
                assert_eq!(error.exit_code(), 2, "{name}: {path} = {bad}: {error}");
                // Of a list the list is named.
                let list = path.rsplit_once('.').filter(|(_, last)| last.parse::<usize>().is_ok());
                let key = list.map_or(path.as_str(), |(list, _)| list);
                assert!(error.to_string().contains(&format!("{key}: ")), "{name}: {path} = {bad}: {error}");
                keys.insert(path.clone());
                tried += 1;
            }
        }
    }
    // The walk itself must not become empty.
    assert!(tried > 2000 && keys.len() > 100, "{tried} {keys:?}");
    assert!(keys.contains("train.optimizer.betas.2") && keys.contains("data.augment.noise"), "{keys:?}");
}

fn refusal(from: &str, to: &str) -> String {
    assert!(EVERYTHING.contains(from), "{from}");
    let error = Source::text(&EVERYTHING.replace(from, to), "mine.toml").unwrap().resolve().unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn class_weights_are_positive_numbers_for_each_class() {
    let weights = "class_weights = [1.0, 2.0, 3.0]";
    for bad in ["[1.0, -2.0, 3.0]", "[1.0, nan, 3.0]", "[0.0, 0.0, 0.0]", "[1.0, 0.0, 3.0]", "[1.0, inf, 1.0]"] {
        let message = refusal(weights, &format!("class_weights = {bad}"));
        let line = 1 + EVERYTHING[..EVERYTHING.find(weights).unwrap()].matches('\n').count();
        assert!(message.starts_with(&format!("mine.toml:{line}: train.class_weights: is ")), "{message}");
    }
    assert!(refusal(weights, "class_weights = [1.0, 2.0]").contains("there are 3 classes"));
    let message = refusal(weights, "class_weights = \"balanced\"\nloss = \"reconstruction_mse\"");
    assert!(message.contains("not used by the loss reconstruction_mse"), "{message}");
}

#[test]
fn ends_that_do_not_fit_the_loss_are_refused_with_what_to_write() {
    const LOSSES: [&str; 5] = ["cross_entropy", "bce_with_logits", "nll", "bce", "mse"];
    let loss_and_end = |loss: &str, end: &str| {
        let text = EVERYTHING.replace("class_weights = [1.0, 2.0, 3.0]", &format!("loss = \"{loss}\""));
        let end = if end.is_empty() { String::new() } else { format!("[[model.layer]]\ntype = \"{end}\"\n") };
        Source::text(&text.replace("[train]", &format!("{end}[train]")), "mine.toml").unwrap().resolve()
    };
    for (end, fitting) in [
        ("", &["cross_entropy", "bce_with_logits"][..]),
        ("relu", &["cross_entropy", "bce_with_logits"]),
        ("softmax", &["mse"]),
        ("log_softmax", &["nll"]),
        ("sigmoid", &["bce"]),
    ] {
        for loss in LOSSES {
            let found = loss_and_end(loss, end);
            if fitting.contains(&loss) {
                found.unwrap_or_else(|e| panic!("{loss} after {end}: {e}"));
                continue;
            }
            let message = found.err().unwrap_or_else(|| panic!("{loss} after {end} is taken")).to_string();
            let number = if end.is_empty() { 14 } else { 15 };
            assert!(message.contains(&format!("model.layer.{number}: ends the network with `")), "{message}");
            assert!(message.contains(loss) && message.contains("help: "), "{message}");
        }
    }
    // Layers that only arrange numbers do not hide the end.
    let hidden = EVERYTHING
        .replace("units = 3", "units = 3\n[[model.layer]]\ntype = \"softmax\"\n[[model.layer]]\ntype = \"flatten\"");
    let message = Source::text(&hidden, "mine.toml").unwrap().resolve().unwrap_err().to_string();
    assert!(message.contains("model.layer.15: ends the network with `softmax`"), "{message}");
}

#[test]
fn what_a_loss_cannot_use_is_refused() {
    let weights = "class_weights = [1.0, 2.0, 3.0]";
    assert!(refusal(weights, "loss = \"nll\"\nlabel_smoothing = 0.1").contains("train.label_smoothing: is for"));
    assert!(refusal(weights, "label_smoothing = 1.0").contains("train.label_smoothing: is 1, outside 0 to"));
    assert!(refusal("size = 16", "size = 16\nval = -0.1").contains("data.val: is -0.1"));
    assert!(refusal("size = 16", "size = 16\ntest = 0").contains("data.test: is 0: there would be no test"));
    assert!(refusal("size = 16", "size = 16\nval = 0.9").contains("no training samples are left"));
    let vae = builtin("vae-fashion").unwrap().text;
    for (set, key) in [("data.normalize=standard", "data.normalize"), ("data.augment.noise=0.1", "data.augment.noise")]
    {
        let mut source = Source::text(vae, "vae").unwrap();
        source.set(set).unwrap();
        let message = source.resolve().unwrap_err().to_string();
        assert!(message.contains(key) && message.contains("from 0 to 1"), "{message}");
    }
}

#[test]
fn what_is_set_by_hand_reads_back() {
    let file = EVERYTHING.replace("batch = 8", "batch = 8\nlabel_smoothing = 0.1\ndrop_last = true");
    let e = Source::text(&file, "mine.toml").unwrap().resolve().unwrap();
    assert_eq!((e.train.label_smoothing, e.train.drop_last), (0.1, true));
    assert_eq!(Source::text(&to_toml(&e), "config.toml").unwrap().resolve().unwrap(), e);
}

/// The same of the main job, whose settings are one flat list of keys.
#[test]
fn every_number_of_the_pipeline_out_of_its_range_is_refused() {
    let mut paths = Vec::new();
    let defaults: Value = toml::from_str(&source::to_toml(&Config::default()).unwrap()).unwrap();
    numbers("", &defaults, &mut paths);
    let at = |path: &str| path.split('.').try_fold(&defaults, |value, part| value.get(part)).cloned();
    let mut tried = 0;
    for path in &paths {
        for bad in BAD {
            let (list, last) = path.rsplit_once('.').unwrap_or(("", path));
            let (key, value) = match (at(list), last.parse::<usize>()) {
                // One number of a list: the whole list is given.
                (Some(Value::Array(mut numbers)), Ok(n)) => {
                    let bad = toml::from_str::<toml::Table>(&format!("v = {bad}")).unwrap().remove("v").unwrap();
                    numbers[n - 1] = bad;
                    (list, Value::Array(numbers).to_string())
                }
                _ => (path.as_str(), bad.to_owned()),
            };
            let mut settings = ConfigSource::new();
            let set = settings.set(&format!("{key}={value}")).and_then(|()| settings.resolve());
            let error = set.err().unwrap_or_else(|| panic!("{key} = {value} is taken"));
            assert_eq!(error.exit_code(), 2, "{key} = {value}: {error}");
            assert!(error.to_string().contains(key), "{key} = {value}: {error}");
            tried += 1;
        }
    }
    for bad in ["nan", "inf", "-inf", "1e300"] {
        for (low, high) in [(bad, "1.0"), ("0.0", bad), (bad, bad)] {
            let mut settings = ConfigSource::new();
            settings.set(&format!("features.scaling={{ min_max = {{ low = {low}, high = {high} }} }}")).unwrap();
            let error = settings.resolve().unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains("features.scaling"), "{error}");
        }
    }
    assert!(tried > 100, "{tried}");
}

/// A file with a small network on rendered galaxies; `{}` stands for lines of its training section.
fn small(train: &str) -> String {
    format!(
        r#"name = "small"
[data]
kind = "galaxies"
size = 16
per_class = 24
[[model.layer]]
type = "flatten"
[[model.layer]]
type = "linear"
units = 0
[train]
batch = 8
epochs = 2
{train}
[train.optimizer]
kind = "sgd"
lr = 0.01
"#
    )
}

#[test]
fn a_refused_number_is_named_with_its_line_and_leaves_no_run() {
    let folder = empty_folder("validation-lines");
    fs::write(folder.join("small.toml"), small("").replace("lr = 0.01", "lr = nan")).unwrap();
    gradus(&folder, &["train", "small.toml"]).says(2, &["small.toml:17: train.optimizer.lr: is nan", "give a number"]);
    fs::write(folder.join("small.toml"), small("class_weights = [1.0, -2.0, 1.0]")).unwrap();
    gradus(&folder, &["train", "small.toml"]).says(2, &["small.toml:14: train.class_weights: is -2, outside"]);
    fs::write(folder.join("small.toml"), small("")).unwrap();
    gradus(&folder, &["train", "small.toml", "--set", "train.optimizer.lr=1e300"])
        .says(2, &["--set train.optimizer.lr: is 1e+300", "from 1e-12 to 1e30"]);
    gradus(&folder, &["train", "small.toml", "--set", "train.loss=nll"])
        .says(2, &["model.layer.2: ends the network with `linear`", "log_softmax"]);
    let unvalidated = ["train", "small.toml", "--set", "data.val=0", "--set"];
    for (set, what) in [
        ("train.patience=3", "ends the training by the validation loss"),
        ("train.schedule={ kind = \"plateau\" }", "follows the validation loss"),
    ] {
        gradus(&folder, &[&unvalidated[..], &[set]].concat()).says(2, &[what, "no validation samples (data.val = 0)"]);
    }
    assert!(!folder.join("runs").exists(), "a refused run left a folder");
}

#[test]
fn smoothed_labels_and_dropped_batches_train_to_the_end() {
    let folder = empty_folder("validation-trained");
    fs::write(folder.join("small.toml"), small("label_smoothing = 0.1\ndrop_last = true")).unwrap();
    let ran = gradus(&folder, &["train", "small.toml", "--out", "run", "--json"]);
    assert!(ran.says(0, &[]).json()["test"]["loss"].as_f64().unwrap() > 0.0);
    let config = fs::read_to_string(folder.join("run/config.toml")).unwrap();
    assert!(config.contains("label_smoothing = 0.1") && config.contains("drop_last = true"), "{config}");
    gradus(&folder, &["evaluate", "run"]).says(0, &[]);
}

/// A file names its data and its layers; the training has defaults, which the run's `config.toml` writes out.
#[test]
fn a_training_has_defaults() {
    let folder = empty_folder("validation-defaults");
    let text = small("");
    fs::write(folder.join("short.toml"), text.split("[train]").next().unwrap()).unwrap();
    gradus(&folder, &["train", "short.toml", "--epochs", "1", "--out", "run"]).says(0, &[]);
    let config = fs::read_to_string(folder.join("run/config.toml")).unwrap();
    for words in ["batch = 32", "loss = \"cross_entropy\"", "kind = \"adam\"", "lr = 0.001", "kind = \"classify\""] {
        assert!(config.contains(words), "{words}: {config}");
    }
    // Settings of the optimizer without a kind are those of Adam.
    let set = ["train", "short.toml", "--epochs", "1", "--set", "train.optimizer.lr=0.01", "--out", "set"];
    gradus(&folder, &set).says(0, &[]);
    let config = fs::read_to_string(folder.join("set/config.toml")).unwrap();
    assert!(config.contains("kind = \"adam\"") && config.contains("lr = 0.01"), "{config}");
}

/// With `data.val = 0` all epochs are trained, the last is kept, and no figure of a validation set is shown anywhere;
/// the samples are in the training set.
#[test]
fn without_validation_samples_the_last_epoch_is_kept() {
    let folder = empty_folder("validation-none");
    fs::write(folder.join("small.toml"), small("")).unwrap();
    write_images(&folder.join("data"), &["a", "b"], 12);
    fs::write(folder.join("back.toml"), BACK).unwrap();
    let table: String =
        (0..40).map(|i| format!("{},{},{}\n", i % 7, i % 5, if i % 2 == 0 { "odd" } else { "even" })).collect();
    fs::write(folder.join("table.csv"), format!("a,b,class\n{table}")).unwrap();
    let runs: [(&str, &[&str]); 4] = [
        ("rendered", &["small.toml"]),
        ("images", &["small.toml", "--set", "data.kind=folder", "--set", "data.path=data"]),
        ("rows", &["mlp-300", "--set", "data.kind=csv", "--set", "data.path=table.csv", "--set", "train.patience=0"]),
        ("back", &["back.toml"]),
    ];
    for (run, args) in runs {
        let args = [&["train"], args, &["--set", "data.val=0", "--epochs", "3", "--out", run, "--json"]].concat();
        let ran = gradus(&folder, &args);
        let metrics = ran.says(0, &[]).json();
        let sum = |split: &str| -> u64 {
            metrics["data"][split].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum()
        };
        assert_eq!(
            (&metrics["val"], sum("val"), metrics["best_epoch"].as_u64()),
            (&serde_json::Value::Null, 0, Some(3))
        );
        assert!(sum("train") > 4 * sum("test"), "{metrics}");
        assert!(!ran.err.contains("validation"), "{}", ran.err);
        let report = fs::read_to_string(folder.join(run).join("report.html")).unwrap();
        let text = report.split("The experiment file").next().unwrap();
        assert!(text.contains("there are no validation samples") && !text.contains("NaN"), "{run}");
        gradus(&folder, &["evaluate", run]).says(0, &[]);
    }
    let history = fs::read_to_string(folder.join("rendered/history.jsonl")).unwrap();
    assert!(history.lines().count() == 3 && !history.contains("val_"), "{history}");
    gradus(&folder, &["runs"]).says(0, &[]);
    gradus(&folder, &["compare", "rendered", "images"]);
    fs::write(
        folder.join("study.toml"),
        small("") + "\n[study]\ntrials = 2\n[study.space]\n\"train.optimizer.lr\" = { log = [0.001, 0.1] }\n",
    )
    .unwrap();
    gradus(&folder, &["study", "study.toml", "--set", "data.val=0"])
        .says(2, &["data.val: is 0", "trials are compared"]);
}

/// An autoencoder of rendered digits.
const BACK: &str = r#"
    name = "back"
    [data]
    kind = "digits"
    per_class = 10
    [[model.layer]]
    type = "flatten"
    [[model.layer]]
    type = "linear"
    units = 8
    name = "code"
    [[model.layer]]
    type = "linear"
    units = 784
    [[model.layer]]
    type = "unflatten"
    shape = [1, 28, 28]
    [train]
    batch = 32
    loss = "reconstruction_mse"
    [train.optimizer]
    kind = "adam"
    lr = 0.001
"#;

/// Divergence is exit code 4, and names the key of the command that was run; it mentions a checkpoint only if there is
/// one.
#[test]
fn divergence_names_the_key_that_was_set() {
    let folder = empty_folder("validation-diverged");
    fs::write(folder.join("small.toml"), small("")).unwrap();
    let ran = gradus(&folder, &["train", "small.toml", "--set", "train.optimizer.lr=1e30", "--out", "run"]);
    ran.says(
        4,
        &["training diverged", "lower train.optimizer.lr (it is 1e30 now)", "no epoch of this training was saved"],
    );
    for (set, key) in
        [("mlp.lr=1e9", "lower mlp.lr (it is 1000000000.0 now)"), ("cnn.lr=1e30", "lower cnn.lr (it is 1e30 now)")]
    {
        let ran = gradus(&folder, &["pipeline", "--smoke", "--set", set, "--out", &set[..3]]);
        ran.says(4, &["training diverged", key, "no epoch of this training was saved"]);
        assert!(!folder.join(&set[..3]).join("COMPLETE").exists());
    }
}

/// Five classes of six images: one validation sample of each class, so there is no silhouette, and the run says so.
#[test]
fn small_data_run_to_the_end_without_what_cannot_be_measured() {
    let folder = empty_folder("validation-small");
    write_images(&folder.join("data"), &["a", "b", "c", "d", "e"], 6);
    let ran = gradus(&folder, &["pipeline", "--smoke", "--data", "data", "--out", "run", "--json"]);
    let metrics = ran.says(0, &["depth lesson is omitted", "5 samples of 5 classes"]).json();
    assert!(metrics["separability"].as_object().unwrap().is_empty() && metrics["cnn"]["test_accuracy"].is_number());
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("depth lesson is omitted"));
}
