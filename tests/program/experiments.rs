//! Experiments on the command line: from the file to optimized inputs, and the messages for faulty files.

use crate::common::{Ran, empty_folder, gradus, plain_numbers};
use std::fs;
use std::path::Path;

/// Three classes of rendered galaxies, 16 pixels wide, and a network of two layers: a training of a second.
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
padding = "same"

[[model.layer]]
type = "relu"

[[model.layer]]
type = "max_pool2d"

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
"#;

/// The four files of a set in MNIST's form: `n` training and ten test images, the class written into the pixels.
fn write_digits(folder: &Path, n: usize) {
    fs::create_dir_all(folder).unwrap();
    let idx = |shape: &[u32], data: Vec<u8>| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(data);
        bytes
    };
    for (part, n) in [("train", n), ("t10k", 10)] {
        let pixel = |i: usize| if i % 784 / 28 == i / 784 % 10 { 255 } else { (i * 7 % 50) as u8 };
        let images = idx(&[n as u32, 28, 28], (0..n * 784).map(pixel).collect());
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(
            folder.join(format!("{part}-labels-idx1-ubyte")),
            idx(&[n as u32], (0..n).map(|i| (i % 10) as u8).collect()),
        )
        .unwrap();
    }
}

#[test]
fn the_life_of_an_experiment() {
    let folder = empty_folder("experiment-life");
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let masthead = ["--title", "Spirals and zeros", "--author", "A. Student"];
    let ran = gradus(&folder, &[&["train", "small.toml", "--out", "a", "--json"], &masthead[..]].concat());
    let metrics: serde_json::Value = ran.says(0, &[]).json();
    let page = fs::read_to_string(folder.join("a/report.html")).unwrap();
    for words in ["<h1>Spirals and zeros</h1>", "A. Student, 20", "majority-class baseline", "95 % interval"] {
        assert!(page.contains(words), "the report does not say: {words}");
    }
    assert!(!page.contains("class=\"banner\""), "this is not a smoke run");
    assert_eq!(
        (&metrics["experiment"], &metrics["seed"], &metrics["epochs"]),
        (&"small".into(), &42.into(), &3.into())
    );
    assert_eq!(metrics["parameters"], 4 * 9 + 4 + 8 * 8 * 4 * 3 + 3);
    for split in ["train", "val", "test"] {
        for key in ["loss", "accuracy", "macro_f1", "f1", "confusion"] {
            assert!(!metrics[split][key].is_null(), "{split}.{key}");
        }
    }
    let written = ["config.toml", "env.json", "metrics.json", "history.jsonl", "log.txt", "report.html", "COMPLETE"];
    let weights =
        ["checkpoints/model-best.safetensors", "checkpoints/model-last.safetensors", "checkpoints/last.state"];
    for file in written.iter().chain(&weights).chain(&["tables/predictions.csv", "figures/filters.png"]) {
        assert!(fs::metadata(folder.join("a").join(file)).is_ok_and(|m| m.len() > 0), "{file}");
    }

    // The file that the run keeps gives the same bits again, on one thread too.
    let again = gradus(&folder, &["train", "a/config.toml", "--out", "b", "--threads", "1", "--json"]);
    let repeated: serde_json::Value = serde_json::from_str(&again.says(0, &[]).out).unwrap();
    assert_eq!(repeated["test"], metrics["test"]);
    assert_eq!(
        fs::read(folder.join("a").join(weights[0])).unwrap(),
        fs::read(folder.join("b").join(weights[0])).unwrap()
    );

    // Evaluated afterwards, it gives the same numbers.
    let evaluated = gradus(&folder, &["evaluate", "a", "--json"]);
    let test: serde_json::Value = serde_json::from_str(&evaluated.says(0, &[]).out).unwrap();
    assert_eq!(test, metrics["test"]);
    assert_eq!(
        gradus(&folder, &["evaluate", "a", "--data", "galaxies", "--json"]).says(0, &[]).json(),
        metrics["test"]
    );
    fs::create_dir_all(folder.join("images/spiral")).unwrap();
    fs::copy(folder.join("a/figures/filters.png"), folder.join("images/spiral/1.png")).unwrap();
    let other = gradus(&folder, &["evaluate", "a", "--data", "images", "--json"]);
    assert_eq!(other.says(0, &[]).json()["confusion"][2].as_array().unwrap().len(), 3);
    fs::rename(folder.join("images/spiral"), folder.join("images/snail")).unwrap();
    gradus(&folder, &["evaluate", "a", "--data", "images"]).says(3, &["snail", "spiral"]);
    fs::write(folder.join("table.csv"), "1,2,spiral\n3,4,edge_on\n").unwrap();
    gradus(&folder, &["evaluate", "a", "--data", "table.csv"]).says(3, &["2 numbers", "1x16x16"]);
    gradus(&folder, &["predict", "a", "a/figures/filters.png"]).says(0, &[]);
    gradus(&folder, &["embed", "a", "--layer", "flatten1", "--method", "pca"]).says(0, &[]);
    gradus(&folder, &["embed", "a", "--layer", "flaten1"]).says(2, &["flatten1"]);
    let (tables, numbers) = plain_numbers(&folder.join("a"));
    assert!(tables >= 6 && numbers > 100, "{numbers} numbers in {tables} tables");
    gradus(&folder, &["report", "a"]).says(0, &[]);
    for format in ["onnx", "npz", "safetensors"] {
        let exported = gradus(&folder, &["export", "a", "--to", format, "--json"]);
        let largest = exported.says(0, &[]).json()["largest_error"].as_f64().unwrap();
        assert!(largest < 1e-5, "{format}: {largest}");
        assert!(folder.join(format!("a/exports/small.{format}")).exists());
    }
    gradus(&folder, &["export", "a", "--to", "onx"]).says(2, &["onnx"]);
    gradus(&folder, &["train", "--resume", "a"]).says(0, &["complete"]);

    // Other seeds, side by side.
    for seed in ["1", "2"] {
        gradus(&folder, &["train", "small.toml", "--seed", seed, "--out", &format!("s{seed}")]).says(0, &[]);
    }
    let compared = gradus(&folder, &["compare", "a", "s1", "s2", "--json"]);
    let comparison: serde_json::Value = serde_json::from_str(&compared.says(0, &[]).out).unwrap();
    assert_eq!(comparison["rows"][0]["seeds"], serde_json::json!([42, 1, 2]));
    gradus(&folder, &["compare", "a", "folder"]).says(3, &["folder"]);
    gradus(&folder, &["compare", "a", "s1", "a"]).says(3, &["the settings and the seed (42)"]);
    // One epoch more is another variant, whatever its name.
    gradus(&folder, &["train", "small.toml", "--set", "train.epochs=4", "--out", "longer"]).says(0, &[]);
    let compared = gradus(&folder, &["compare", "a", "s1", "s2", "longer", "--out", "side-by-side"]);
    let text = &compared.says(0, &[]).out;
    for words in ["train.epochs = 4", "note: A variant with one seed", "side-by-side/report.html"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(folder.join("side-by-side/figures/validation_accuracy.svg").exists());
    gradus(&folder, &["compare", "a", "s1", "--out", "side-by-side"]).says(2, &["exists already"]);

    // The list of runs.
    let listed = gradus(&folder, &["runs", ".", "--json"]).says(0, &[]).json();
    let of = |path: &str| listed.as_array().unwrap().iter().find(|run| run["path"] == path).unwrap().clone();
    let run = of("./s1");
    assert_eq!((&run["recipe"], &run["seed"], &run["progress"]), (&"train".into(), &1.into(), &"complete".into()));
    assert!(run["figure"][1].as_f64().is_some_and(|accuracy| (0.0..=1.0).contains(&accuracy)), "{run}");
    assert!(gradus(&folder, &["runs", "."]).says(0, &[]).out.contains("longer"));
    assert!(gradus(&folder, &["runs"]).says(0, &[]).out.contains("no runs in runs"));
    gradus(&folder, &["runs", "nowhere"]).says(1, &["nowhere"]);
}

#[test]
fn a_network_dreams() {
    let folder = empty_folder("experiment-dream");
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    gradus(&folder, &["train", "small.toml", "--out", "a"]).says(0, &[]);
    let dreamt =
        gradus(&folder, &["dream", "a", "--target", "1,0", "--target", "0:0.5,2:0.5", "--restarts", "3", "--json"]);
    let results: serde_json::Value = serde_json::from_str(&dreamt.says(0, &["1 zeros"]).out).unwrap();
    let results = results["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for (result, expected) in results.iter().zip([[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]) {
        let reached: Vec<f64> = result["reached"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        assert!((reached.iter().sum::<f64>() - 1.0).abs() < 1e-4);
        for (a, b) in reached.iter().zip(expected) {
            assert!((a - b).abs() < 0.3, "{result}");
        }
    }
    for file in ["report.html", "dreams.json", "dreams.csv", "dream_0.gif", "figures/overview.png"] {
        assert!(folder.join("a/dreams/1").join(file).exists(), "{file}");
    }
    gradus(&folder, &["dream", "a", "--all", "--init", "test:spiral", "--restarts", "2", "--steps", "20"]).says(0, &[]);
    gradus(&folder, &["dream", "a", "--target", "spirall"]).says(2, &["spiral"]);
    gradus(&folder, &["dream", "a", "--target", "0.5,0.1,0.1"]).says(2, &["sums to"]);
}

#[test]
fn the_builtin_files_are_printed_and_planned() {
    let folder = empty_folder("experiment-init");
    let list = gradus(&folder, &["init", "--list"]);
    for line in list.says(0, &[]).out.lines() {
        let name = line.split_whitespace().next().unwrap();
        let file = format!("{name}.toml");
        gradus(&folder, &["init", name, "--out", &file]).says(0, &[]);
        // Without its data nothing is planned to the end, but the network is shown.
        let planned = gradus(&folder, &["train", &file, "--dry-run", "--set", "data.color=gray"]);
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        let is_rendered =
            ["digits", "moons", "function", "surface"].iter().any(|kind| text.contains(&format!("kind = \"{kind}\"")));
        assert!(if is_rendered { planned.code == Some(0) } else { matches!(planned.code, Some(2 | 3)) }, "{planned:?}");
        // How many columns a table has is not known before it is read; some kinds have no layers, but a section of their own.
        let is_of = |kind: &str| text.contains(&format!("kind = \"{kind}\""));
        let words: &[&str] = match () {
            () if is_of("som") => &["[som]", "rows"],
            () if is_of("svr") => &["[svr]", "gamma"],
            () if is_of("forest") => &["[forest]", "leaf"],
            () if is_of("csv") => &["linear"],
            () => &["linear", "parameters"],
        };
        assert!(words.iter().all(|word| planned.out.contains(word)), "{name}: {}", planned.out);
    }
    let keys = gradus(&folder, &["init", "--keys", "train.optimizer"]);
    let rows = ["train.optimizer.lr", "0.001", "train.optimizer.clip_norm", "not set", "Learning rate"];
    assert!(rows.iter().all(|row| keys.says(0, &[]).out.contains(row)), "{}", keys.out);
    gradus(&folder, &["init", "--keys", "train.epoch"]).says(2, &["--keys", "did you mean `train.epochs`"]);
    gradus(&folder, &["init", "mlp-30"]).says(2, &["mlp-300"]);
    gradus(&folder, &["init", "mlp-300", "--out", "mlp-300.toml"]).says(2, &["exists"]);
    assert!(!folder.join("runs").exists());
}

/// A map in few words.
const MAP: &str = r#"name = "map"
kind = "som"

[data]
kind = "moons"
per_class = 20

[som]
rows = 3
columns = 4

[train]
epochs = 3
"#;

/// A line of least squares through samples of a function.
const FORMULA: &str = r#"name = "formula"
kind = "linear"

[data]
kind = "function"

[data.function]
formula = "x^2"
samples = 50
"#;

/// The same through the rows of a table.
const TABLE: &str = r#"name = "table"
kind = "linear"

[data]
kind = "csv"
path = "steps.csv"
target = "v"
"#;

/// The same through the windows of a time series.
const SERIES: &str = r#"name = "series"
kind = "linear"

[data]
kind = "series"
path = "steps.csv"
target = "v"

[data.series]
time = "day"
lags = 2
season = 4
harmonics = 1
"#;

/// Each faulty file or word: the message and the exit code, as they were last reviewed. To write them again after a
/// change, and review them: `UPDATE_GOLDEN=1 cargo test --test program faulty`.
#[test]
fn faulty_files_are_refused_in_words() {
    let folder = empty_folder("experiment-wrong");
    write_digits(&folder.join("digits"), 40);
    write_digits(&folder.join("cut"), 40);
    let whole = fs::read(folder.join("cut/train-images-idx3-ubyte")).unwrap();
    fs::write(folder.join("cut/train-images-idx3-ubyte"), &whole[..9000]).unwrap();
    write_digits(&folder.join("swapped"), 40);
    fs::rename(folder.join("swapped/train-images-idx3-ubyte"), folder.join("swapped/x")).unwrap();
    fs::copy(folder.join("swapped/train-labels-idx1-ubyte"), folder.join("swapped/train-images-idx3-ubyte")).unwrap();
    write_digits(&folder.join("missing"), 40);
    fs::remove_file(folder.join("missing/t10k-labels-idx1-ubyte")).unwrap();

    let edit = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        SMALL.replacen(from, to, 1)
    };
    let files: Vec<(&str, String)> = vec![
        ("no-toml", edit("kernel = 3", "kernel 3")),
        ("typo-section", edit("[train]", "[trian]")),
        ("typo-key", edit("epochs = 3", "epoch = 3")),
        ("typo-data-key", edit("per_class", "perclass")),
        ("typo-layer-key", edit("filters = 4", "filter = 4")),
        ("typo-layer-type", edit("\"max_pool2d\"", "\"maxpool2d\"")),
        ("no-layer-type", edit("type = \"relu\"", "name = \"a\"")),
        ("typo-optimizer", edit("\"adam\"", "\"adma\"")),
        ("typo-optimizer-key", edit("lr = 0.003", "learning_rate = 0.003")),
        ("word-for-number", edit("epochs = 3", "epochs = \"three\"")),
        ("fraction-for-count", edit("filters = 4", "filters = 4.5")),
        ("negative", edit("batch = 8", "batch = -8")),
        ("zero", edit("batch = 8", "batch = 0")),
        ("rate-out-of-range", edit("lr = 0.003", "lr = -1.0")),
        ("unknown-kind", edit("\"galaxies\"", "\"mnits\"")),
        ("kernel-too-large", edit("kernel = 3\npadding = \"same\"", "kernel = 17")),
        ("no-flatten", edit("[[model.layer]]\ntype = \"flatten\"\n\n", "")),
        ("wrong-end", edit("units = 0", "units = 7")),
        (
            "no-layers",
            edit(&SMALL[SMALL.find("[[model.layer]]").unwrap()..SMALL.find("[train]").unwrap()], "[model]\n\n"),
        ),
        (
            "twice-the-name",
            edit("type = \"relu\"", "type = \"relu\"\nname = \"a\"").replacen(
                "type = \"flatten\"",
                "type = \"flatten\"\nname = \"a\"",
                1,
            ),
        ),
        ("bad-name", edit("name = \"small\"", "name = \"a/b\"")),
        ("bad-padding", edit("padding = \"same\"", "padding = \"full\"")),
        ("weights-of-two", edit("batch = 8", "class_weights = [1.0, 2.0]\nbatch = 8")),
        ("map-of-no-units", MAP.replace("rows = 3", "rows = 0")),
        ("map-too-large", MAP.replace("rows = 3", "rows = 5000")),
        ("map-typo", MAP.replace("rows = 3", "row = 3")),
        ("map-of-odd-rows", MAP.replace("rows = 3", "rows = 3\ngrid = \"hexagonal\"\ntoroidal = true")),
        ("map-without-mean", MAP.replace("rows = 3", "neighbourhood = \"mexican_hat\"")),
        ("map-with-a-loss", MAP.replace("epochs = 3", "loss = \"mse\"")),
        ("map-with-layers", format!("{MAP}\n[[model.layer]]\ntype = \"relu\"\n")),
        ("map-of-a-network", edit("[train]", "[som]\nrows = 3\n\n[train]")),
        ("map-with-many-folds", format!("{MAP}\n[validation]\nfolds = 20\n")),
        ("formula-not-read", FORMULA.replace("x^2", "2 * (x")),
        ("formula-without-value", FORMULA.replace("x^2", "ln(x)")),
        ("table-without-target", TABLE.replace("\"v\"", "\"w\"")),
        ("table-of-words", TABLE.replace("\"v\"", "\"k\"")),
        ("series-of-no-lags", SERIES.replace("lags = 2", "lags = 0")),
        ("series-short-season", SERIES.replace("season = 4", "season = 1.5")),
        ("series-many-harmonics", SERIES.replace("harmonics = 1", "harmonics = 3")),
        ("series-too-short", SERIES.replace("lags = 2", "lags = 20")),
        ("series-with-folds", format!("{SERIES}\n[validation]\nfolds = 5\n")),
        ("series-not-there", SERIES.replace("\"v\"", "\"w\"")),
        ("series-of-words", SERIES.replace("\"v\"", "\"k\"")),
        ("series-with-a-gap", SERIES.replace("steps.csv", "gap.csv")),
        ("series-without-a-day", SERIES.replace("steps.csv", "skipped.csv")),
        ("series-of-classes", SERIES.replace("\"linear\"", "\"som\"").replace("target = \"v\"\n", "")),
    ];
    // Rows of a number, a word and a date, with one row that is another.
    let steps = |odd: usize, row: &str| -> String {
        let each = (1..=28).map(|i| match i == odd {
            true => row.to_owned(),
            false => format!("{},{},200002{i:02}\n", i % 5, ["a", "b"][i % 2]),
        });
        "v,k,day\n".chars().map(String::from).chain(each).collect()
    };
    fs::write(folder.join("steps.csv"), steps(0, "")).unwrap();
    fs::write(folder.join("gap.csv"), steps(9, ",a,20000209\n")).unwrap();
    fs::write(folder.join("skipped.csv"), steps(9, "")).unwrap();
    let mut said = String::new();
    let mut note = |name: &str, ran: &Ran| {
        assert!(ran.out.is_empty(), "{name}: an error belongs on stderr");
        said.push_str(&format!("## {name}: exit code {}\n{}\n", ran.code.unwrap_or(-1), ran.err.trim_end()));
    };
    for (name, text) in &files {
        let file = format!("{name}.toml");
        fs::write(folder.join(&file), text).unwrap();
        note(name, &gradus(&folder, &["train", &file, "--out", "run"]));
    }
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    for (name, words) in [
        ("set-unknown", vec!["small.toml", "--set", "train.epoch=3"]),
        ("set-unknown-layer", vec!["small.toml", "--set", "model.layer.conv9.filters=3"]),
        ("set-wrong-sort", vec!["small.toml", "--set", "train.epochs=many"]),
        ("set-no-value", vec!["small.toml", "--set", "train.epochs"]),
        ("no-such-experiment", vec!["cnn-smal"]),
        ("no-path", vec!["mlp-300"]),
        ("no-data", vec!["mlp-300", "--set", "data.path=nowhere"]),
        ("missing-file", vec!["mlp-300", "--set", "data.path=missing"]),
        ("cut-file", vec!["mlp-300", "--set", "data.path=cut"]),
        ("swapped-files", vec!["mlp-300", "--set", "data.path=swapped"]),
        ("too-much-for-validation", vec!["mlp-300", "--set", "data.path=digits"]),
    ] {
        note(name, &gradus(&folder, &[&["train", "--out", "run"], &words[..]].concat()));
    }
    for (name, words) in [
        ("wrong-checksum", vec!["data", "verify", "mnist", "--from", "digits"]),
        ("wrong-checksum-of-fetched", vec!["data", "get", "mnist", "--from", "digits", "--to", "fetched"]),
    ] {
        note(name, &gradus(&folder, &words));
    }
    assert!(!folder.join("run").exists() && !folder.join("runs").exists(), "a refused run left a folder");

    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wrong_experiments.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &said).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    for (said, expected) in said.split("## ").zip(expected.split("## ")) {
        assert_eq!(said, expected);
    }
    assert_eq!(said, expected);
}
