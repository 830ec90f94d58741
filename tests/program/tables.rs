//! Tables and arrays of all forms: training, evaluation, prediction.

use crate::common::{Ran, empty_folder, gradus, json};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;

const SMALL: &str = r#"
name = "small"
[data]
kind = "csv"
val = 0.2
test = 0.2
[[model.layer]]
type = "linear"
units = 0
[train]
batch = 8
epochs = 12
[train.optimizer]
kind = "adam"
lr = 0.05
"#;

/// 60 rows of two numbers, with the quadrant that decides the class.
fn rows() -> Vec<(f64, f64, &'static str)> {
    let at = |i: usize| (((i * 37) % 60) as f64 / 30.0 - 0.98, ((i * 23 + 7) % 60) as f64 / 30.0 - 0.98);
    let class = |(u, v): (f64, f64)| {
        if v > 0.4 {
            "k2"
        } else if u > 0.0 {
            "k1"
        } else {
            "k0"
        }
    };
    (0..60).map(at).map(|p| (p.0, p.1, class(p))).collect()
}

/// A table with this first line, each row written by `line`.
fn table(folder: &Path, name: &str, head: &str, line: impl Fn(usize, f64, f64, &str) -> String) {
    let rows: String = rows().into_iter().enumerate().map(|(i, (u, v, class))| line(i, u, v, class)).collect();
    fs::write(folder.join(name), format!("{head}{rows}")).unwrap();
}

fn train(folder: &Path, data: &str, more: &[&str]) -> Ran {
    let (path, out) = (format!("data.path={data}"), format!("{data}.run"));
    let kind = if data.ends_with(".npz") { "data.kind=npz" } else { "data.kind=csv" };
    let set = ["--set", &path, "--set", kind, "--out", &out, "--force", "--json"];
    gradus(folder, &[&["train", "small.toml"], &set[..], more].concat())
}

fn trained(folder: &Path, data: &str, words: &[&str], more: &[&str]) -> Value {
    train(folder, data, more).says(0, words).json()
}

fn accuracy(folder: &Path, run: &str, data: &str) -> Value {
    gradus(folder, &["evaluate", run, "--data", data, "--json"]).says(0, &[]).json()["accuracy"].clone()
}

#[test]
fn columns_are_found_whatever_the_table_looks_like() {
    let folder = empty_folder("tables");
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    table(&folder, "plain.csv", "u,v,y\n", |_, u, v, c| format!("{u:.3},{v:.3},{c}\n"));
    let plain = trained(&folder, "plain.csv", &[], &[]);
    assert_eq!((&plain["parameters"], &plain["data"]["classes"]), (&9.into(), &serde_json::json!(["k0", "k1", "k2"])));
    let kept: Value = json(folder.join("plain.csv.run/preparation.json"));
    assert_eq!(kept["columns"], serde_json::json!({ "features": ["u", "v"], "label": "y" }));

    // The same samples in other formats give the same weights.
    for (name, head, words, more) in [
        ("numbered.csv", "0,1,species\n", "read as names", &[][..]),
        ("index.csv", ",u,v,y\n", "column 1 numbers the rows", &[]),
        ("first.csv", "label,u,v\n", "column 1 (`label`) is read as the class", &[]),
        ("number.csv", "u,kind,v\n", "", &["--set", "data.label=2"]),
        ("ignored.csv", "u,name,v,y\n", "", &["--set", "data.ignore=[\"name\"]"]),
        ("chosen.csv", "u,name,v,y\n", "", &["--set", "data.columns=[1, \"v\"]"]),
        ("semicolons.csv", "u;v;y\r\n", "", &[]),
        ("bars.csv", "u|v|y\n", "", &["--set", "data.delimiter=|"]),
        ("quoted.csv", "u, v, y\n", "", &[]),
        ("bare.csv", "", "", &["--set", "data.header=false"]),
    ] {
        table(&folder, name, head, |i, u, v, c| match name {
            "index.csv" => format!("{i},{u:.3},{v:.3},{c}\n"),
            "first.csv" => format!("{c},{u:.3},{v:.3}\n"),
            "number.csv" => format!("{u:.3},{c},{v:.3}\n"),
            "ignored.csv" | "chosen.csv" => format!("{u:.3},row {i},{v:.3},{c}\n"),
            "semicolons.csv" => format!("{u:.3};{v:.3};{c}\r\n").replace('.', ","),
            "bars.csv" => format!("{u:.3}|{v:.3}|{c}\n"),
            "quoted.csv" => format!("{u:.3}, {v:.3}, \"{c}\"\n"),
            _ => format!("{u:.3},{v:.3},{c}\n"),
        });
        let metrics = trained(&folder, name, &[words], more);
        assert_eq!(
            (&metrics["test"], &metrics["data"]["classes"]),
            (&plain["test"], &plain["data"]["classes"]),
            "{name}"
        );
    }

    // Other tables are matched by name.
    table(&folder, "swapped.csv", "v,u,y\n", |_, u, v, c| format!("{v:.3},{u:.3},{c}\n"));
    let all = accuracy(&folder, "plain.csv.run", "plain.csv");
    assert!(all.as_f64().unwrap() > 0.6, "{all}");
    assert_eq!(accuracy(&folder, "plain.csv.run", "swapped.csv"), all);
    assert_eq!(accuracy(&folder, "plain.csv.run", "index.csv"), all);
    // Rows without a class are predicted, in their order; with one, it is ignored.
    table(&folder, "rows.csv", "v,u\n", |_, u, v, _| format!("{v:.3},{u:.3}\n"));
    let predicted = gradus(&folder, &["predict", "plain.csv.run", "rows.csv"]);
    let mut csv = csv::Reader::from_reader(predicted.says(0, &[]).out.as_bytes());
    assert_eq!(csv.headers().unwrap(), vec!["row", "class", "p_k0", "p_k1", "p_k2"]);
    let predictions: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let correct = predictions.iter().zip(rows()).filter(|(row, (_, _, class))| &row[1] == *class).count();
    assert_eq!((predictions.len(), correct as f64 / 60.0), (60, all.as_f64().unwrap()));
    let listed = gradus(&folder, &["predict", "plain.csv.run", "swapped.csv", "--json"]).says(0, &[]).json();
    assert_eq!(listed[59]["class"], predictions[59][1]);
    gradus(&folder, &["predict", "plain.csv.run", "small.toml"]).says(3, &["small.toml"]);
    table(&folder, "other.csv", "u,w,y\n", |_, u, v, c| format!("{u:.3},{v:.3},{c}\n"));
    let other = gradus(&folder, &["evaluate", "plain.csv.run", "--data", "other.csv"]);
    other.says(3, &["lacks columns of the run: v", "does not have: w"]);
}

#[test]
fn unusable_tables_are_refused_before_anything_is_trained() {
    let folder = empty_folder("tables-refused");
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let refused = |name: &str, text: &str, words: &[&str]| {
        fs::write(folder.join(name), text).unwrap();
        train(&folder, name, &[]).says(3, words);
        assert!(!folder.join(format!("{name}.run/checkpoints")).exists(), "{name} was trained on");
    };
    refused("gap.csv", "a,b,y\r\n1,2,x\r\n,4,z\r\n", &["line 3, column 1 (`a`) is empty", "data.ignore"]);
    refused("quote.csv", "a,y\n1,\"x\n2,y\n3,x\n", &["never closed (line 2, column 2)"]);
    refused("one.csv", "a,y\n1,x\n2,x\n3,x\n", &["one class only, `x`"]);
    table(&folder, "price.csv", "u,v,price\n", |i, u, v, _| format!("{u:.3},{v:.3},{:.4}\n", 3.0 * u + v + i as f64));
    train(&folder, "price.csv", &[]).says(3, &["`price`", "60 different numbers in 60 samples", "kind = \"regress\""]);
    let wrong = ["--set", "data.label=7"];
    table(&folder, "plain.csv", "u,v,y\n", |_, u, v, c| format!("{u:.3},{v:.3},{c}\n"));
    train(&folder, "plain.csv", &wrong).says(3, &["no column `7` (data.label)", "u, v, y"]);
    train(&folder, "plain.csv", &["--set", "data.header=maybe"]).says(2, &["data.header", "auto"]);
    train(&folder, "plain.csv", &["--set", "data.delimiter=;;"]).says(2, &["data.delimiter", "one character"]);
    // A class that would clear the screen.
    table(&folder, "esc.csv", "u,v,y\n", |_, u, v, c| format!("{u:.3},{v:.3},{c}\x1b[2J\n"));
    let ran = train(&folder, "esc.csv", &[]);
    assert!(!ran.says(0, &["k0\\u{1b}[2J"]).err.contains('\x1b') && !ran.out.contains('\x1b'), "{ran:?}");
    let page = fs::read_to_string(folder.join("esc.csv.run/report.html")).unwrap();
    assert!(!page.contains('\x1b'));
}

/// A table of 120 rows with a gap in every tenth size and a colour in words, of which `violet` stands in row 5 alone.
fn colours(path: &Path, order: [usize; 4], change: impl Fn(usize, [String; 4]) -> [String; 4]) {
    let mut text = String::new();
    let head = ["size", "colour", "weight", "price"].map(String::from);
    for i in 0..=120 {
        let cells = if i == 0 {
            head.clone()
        } else {
            let size = (i * 37) % 50;
            let (colour, extra) = [("red", 0), ("green", 40), ("blue", 90)][(i * 7) % 3];
            let colour = if i == 5 { "violet" } else { colour };
            let weight = (i * 13) % 17;
            let written = if i % 10 == 0 { String::new() } else { size.to_string() };
            change(i, [written, colour.into(), weight.to_string(), (2 * size + extra + 3 * weight).to_string()])
        };
        text += &format!("{}\n", order.map(|at| cells[at].as_str()).join(","));
    }
    fs::write(path, text).unwrap();
}

const PRICE: &str = r#"
name = "price"
kind = "regress"
[data]
kind = "csv"
path = "colours.csv"
target = "price"
categories = "one_hot"
gaps = "median"
val = 0.2
test = 0.2
[[model.layer]]
type = "linear"
units = 0
[train]
batch = 16
epochs = 60
[train.optimizer]
kind = "adam"
lr = 0.05
"#;

fn preparation(folder: &Path, run: &str) -> Value {
    json(folder.join(run).join("preparation.json"))
}

/// The names of the rows of each split, from the manifest of a run.
fn split_of(folder: &Path, run: &str, row: usize) -> String {
    let bytes = fs::read(folder.join(run).join("data.csv.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
    let name = format!(",row {row}");
    text.lines().find(|line| line.ends_with(&name)).unwrap().split(',').next().unwrap().to_owned()
}

#[test]
fn words_and_gaps_are_encoded_as_the_training_rows_say() {
    let folder = empty_folder("tables-colours");
    let same = |_: usize, cells: [String; 4]| cells;
    colours(&folder.join("colours.csv"), [0, 1, 2, 3], same);
    fs::write(folder.join("price.toml"), PRICE).unwrap();
    let run = |out: &str, more: &[&str]| {
        gradus(&folder, &[&["train", "price.toml", "--out", out, "--force", "--json"], more].concat())
    };
    // A seed that puts the one violet row into the test set, and one that trains on it.
    let mut seeds = [None, None];
    for seed in 1..40 {
        let set = format!("data.seed={seed}");
        let ran = run("run", &["--set", &set, "--epochs", "1"]);
        let place = split_of(&folder, "run", 5);
        seeds[usize::from(place == "train")].get_or_insert((set, ran, place));
        if seeds.iter().all(Option::is_some) {
            break;
        }
    }
    let [Some((held_out, ran, place)), Some((trained_on, whole, _))] = seeds else {
        panic!("no seed tells them apart")
    };
    ran.says(
        0,
        &["column 2 (`colour`) holds words: 4 categories", "gaps: 12 cells", "taken as none of the known ones: 1"],
    );
    assert!(["val", "test"].contains(&place.as_str()));
    assert!(!whole.says(0, &[]).err.contains("none of the known ones"));
    run("whole", &["--set", &trained_on, "--epochs", "1"]).says(0, &[]);
    let learned = preparation(&folder, "whole");
    assert_eq!(learned["columns"]["categories"]["colour"], serde_json::json!(["blue", "green", "red", "violet"]));

    // Nothing of a held-out row is learned: with other numbers and words there, the run has the same preparation and weights.
    let metrics = run("run", &["--set", &held_out]).says(0, &[]).json();
    let kept = preparation(&folder, "run");
    assert_eq!(kept["columns"]["categories"]["colour"], serde_json::json!(["blue", "green", "red"]));
    assert_eq!(kept["encoding"]["one_hot"], true);
    assert_eq!(metrics["parameters"], 6, "size, weight and three colours, and a bias");
    let sizes = |run: &str| -> f64 {
        let mut values: Vec<f64> = (1..=120usize)
            .filter(|i| i % 10 != 0 && split_of(&folder, run, *i) == "train")
            .map(|i| ((i * 37) % 50) as f64)
            .collect();
        values.sort_by(f64::total_cmp);
        (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
    };
    assert_eq!(kept["encoding"]["columns"][0]["fill"].as_f64().unwrap(), sizes("run"), "the median of training rows");
    let test_rows: Vec<usize> = (1..=120).filter(|&i| split_of(&folder, "run", i) == "test").collect();
    colours(&folder.join("colours.csv"), [0, 1, 2, 3], |i, cells| match test_rows.contains(&i) {
        true => ["1000".into(), "ultramarine".into(), "-77".into(), "5".into()],
        false => cells,
    });
    run("other", &["--set", &held_out]).says(0, &[]);
    assert_eq!(preparation(&folder, "other"), kept);
    let weights = |run: &str| fs::read(folder.join(run).join("checkpoints/model-best.safetensors")).unwrap();
    assert_eq!(weights("other"), weights("run"));

    // Columns in another order are matched by name; a gap is filled and an unknown word tolerated there too.
    colours(&folder.join("colours.csv"), [0, 1, 2, 3], same);
    colours(&folder.join("turned.csv"), [3, 2, 1, 0], same);
    let evaluated = |data: &str| gradus(&folder, &["evaluate", "run", "--data", data, "--json"]);
    let [a, b] = ["colours.csv", "turned.csv"].map(|data| evaluated(data).says(0, &["does not know", "violet"]).json());
    assert_eq!(a, b);
    fs::write(folder.join("new.csv"), "weight,colour,size\n1,red,\n1,red,?\n2,mauve,10\n").unwrap();
    let predicted = gradus(&folder, &["predict", "run", "new.csv"]);
    let lines: Vec<&str> = predicted.says(0, &[]).out.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1].split_once(',').unwrap().1, lines[2].split_once(',').unwrap().1);
    fs::write(folder.join("lacking.csv"), "weight,size\n1,2\n").unwrap();
    gradus(&folder, &["predict", "run", "lacking.csv"]).says(3, &["lacks columns of the run: colour"]);

    // Codes: a category without a place is refused, at training and later.
    run("codes", &["--set", &held_out, "--set", "data.categories=codes"])
        .says(3, &["row 5", "`colour` holds `violet`", "one_hot"]);
    let metrics = run("codes", &["--set", &trained_on, "--set", "data.categories=codes"]).says(0, &[]).json();
    assert_eq!(metrics["parameters"], 4);
    gradus(&folder, &["predict", "codes", "new.csv"]).says(3, &["line 4", "holds `mauve`", "blue, green, red, violet"]);

    // By default both are refused, with place and what to do.
    run("refused", &["--set", "data.gaps=refuse"]).says(3, &["line 11, column 1 (`size`) is empty", "data.gaps"]);
    let words = run("refused", &["--set", "data.categories=refuse"]);
    words.says(3, &["line 2, column 2 (`colour`) holds `green`", "data.categories"]);
    run("refused", &["--set", "data.categories=words"]).says(2, &["data.categories", "one_hot", "codes"]);
    run("refused", &["--set", "data.kind=npz"]).says(2, &["data.categories", "is for tables (csv)"]);
    colours(&folder.join("names.csv"), [0, 1, 2, 3], |i, [size, _, weight, price]| {
        [size, format!("person {i}"), weight, price]
    });
    run("refused", &["--data", "names.csv"]).says(3, &["holds 120 different words in 120 rows", "data.ignore"]);
}

/// A .npz of arrays with these headers and bytes.
fn npz(path: &Path, arrays: &[(&str, &str, &str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, descr, shape, data) in arrays {
        let (descr, order) = descr.split_once('/').unwrap_or((descr, "False"));
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        let npy = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat();
        zip.write_all(&npy).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn arrays_of_other_names_orders_and_types_are_the_same_samples() {
    let folder = empty_folder("arrays");
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let rows = rows();
    let class = |c: &str| c.as_bytes()[1] - b'0';
    let x: Vec<u8> = rows.iter().flat_map(|r| [r.0 as f32, r.1 as f32]).flat_map(f32::to_le_bytes).collect();
    let turned = rows.iter().map(|r| r.0 as f32).chain(rows.iter().map(|r| r.1 as f32));
    let turned: Vec<u8> = turned.flat_map(f32::to_le_bytes).collect();
    let y: Vec<u8> = rows.iter().flat_map(|r| i64::from(class(r.2)).to_le_bytes()).collect();
    let small: Vec<u8> = rows.iter().flat_map(|r| i32::from(class(r.2)).to_le_bytes()).collect();
    let hot: Vec<u8> = rows.iter().flat_map(|r| [0, 1, 2].map(|k| u8::from(k == class(r.2)))).collect();
    npz(&folder.join("plain.npz"), &[("x", "<f4", "(60, 2)", x.clone()), ("y", "<i8", "(60,)", y.clone())]);
    let plain = trained(&folder, "plain.npz", &[], &[]);
    let found = "samples are the array `X_train`, labels `y_train`";
    npz(&folder.join("a.npz"), &[("X_train", "<f4", "(60, 2)", x.clone()), ("y_train", "<i4", "(60,)", small)]);
    npz(&folder.join("b.npz"), &[("x", "<f4/True", "(60, 2)", turned), ("y", "|b1", "(60, 3)", hot)]);
    npz(
        &folder.join("c.npz"),
        &[("p", "<f4", "(60, 2)", x.clone()), ("q", "<i8", "(60,)", y), ("r", "|u1", "(1,)", vec![0])],
    );
    let named = ["--set", "data.x=p", "--set", "data.y=q"];
    for (file, words, more) in [("a.npz", found, &[][..]), ("b.npz", "one-hot", &[]), ("c.npz", "", &named)] {
        assert_eq!(trained(&folder, file, &[words], more)["test"], plain["test"], "{file}");
    }
    train(&folder, "c.npz", &[]).says(3, &["found p, q, r", "data.x"]);
    assert_eq!(accuracy(&folder, "plain.npz.run", "a.npz"), accuracy(&folder, "plain.npz.run", "plain.npz"));
    npz(&folder.join("one.npz"), &[("x", "<f4", "(60, 2)", x), ("y", "|u1", "(60,)", vec![4; 60])]);
    train(&folder, "one.npz", &[]).says(3, &["array `y` holds one class only, `4`"]);
}
