//! Tables and arrays of all forms: training, evaluation, prediction.

use crate::common::{Ran, empty_folder, gradus};
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
    let kept: Value =
        serde_json::from_slice(&fs::read(folder.join("plain.csv.run/preparation.json")).unwrap()).unwrap();
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
