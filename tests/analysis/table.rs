//! Tables that a trained network meets later: other orders of columns, no class, other names.

use gradus::data::{Column, Columns, Table, TableOptions};
use gradus::rng::Rng;
use ndarray::array;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("table.csv");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn columns(features: &[&str], label: &str) -> Columns {
    Columns { features: features.iter().map(|&name| name.into()).collect(), label: label.into(), ..Columns::default() }
}

fn like(text: &str, options: &TableOptions, run: &Columns) -> gradus::Result<Table> {
    let (_dir, path) = file(text);
    Table::read_csv_like(path, options, run)
}

#[test]
fn columns_are_matched_by_name() {
    let (plain, run) = (TableOptions::default(), columns(&["u", "v"], "kind"));
    let expected = array![[1.0, 2.0], [3.0, 4.0]];
    for text in [
        "u,v,kind\n1,2,b\n3,4,a\n",
        "v,u,kind\n2,1,b\n4,3,a\n",
        // The class is where its name is, not in the last column.
        "kind,v,u\nb,2,1\na,4,3\n",
        // A column that numbers the rows is not a feature here either.
        ",v,kind,u\n0,2,b,1\n1,4,a,3\n",
        "id,v,kind,u\n7,2,b,1\n8,4,a,3\n",
        // Without names the place counts.
        "1,2,b\n3,4,a\n",
    ] {
        let table = like(text, &plain, &run).unwrap();
        assert_eq!(
            (table.features, table.target, table.classes.join(" ")),
            (expected.clone(), vec![1, 0].into(), "a b".into()),
            "{text}"
        );
        assert_eq!(table.columns, run);
    }
    // One class, or as many as rows, may be evaluated.
    assert_eq!(like("u,v,kind\n1,2,a\n3,4,a\n", &plain, &run).unwrap().classes, ["a"]);
    let ignoring = TableOptions { ignore: vec![Column::Name("w".into())], ..TableOptions::default() };
    assert_eq!(like("w,u,v,kind\n9,1,2,b\n9,3,4,a\n", &ignoring, &run).unwrap().features, expected);
    assert_eq!(like("u,v,kind\n1,2,b\n3,4,a\n", &ignoring, &run).unwrap().features, expected, "it need not be there");
    let choosing =
        TableOptions { columns: vec![Column::Name("u".into()), Column::Number(2)], ..TableOptions::default() };
    assert_eq!(like("w,v,u,kind\n9,2,1,b\n9,4,3,a\n", &choosing, &run).unwrap().features, expected);
    // A run on a table without names.
    let bare = columns(&["x0", "x1"], "");
    assert_eq!(like("u,v,kind\n1,2,b\n3,4,a\n", &plain, &bare).unwrap().features, expected);
}

#[test]
fn columns_that_are_missing_or_too_many_are_named() {
    let (plain, run) = (TableOptions::default(), columns(&["u", "v"], "kind"));
    for (text, words) in [
        ("u,w,kind\n1,2,b\n3,4,a\n", "lacks columns of the run: v; and has columns that the run does not have: w"),
        ("u,v,w,kind\n1,2,5,b\n3,4,6,a\n", "has columns that the run does not have: w"),
        ("u,kind\n1,b\n3,a\n", "lacks columns of the run: v"),
        ("1,2,3,b\n3,4,5,a\n", "has 3 features: expected 2, as the run"),
    ] {
        let error = like(text, &plain, &run).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(words), "{text}: {error}");
    }
}

#[test]
fn rows_without_a_class_are_read() {
    let (plain, run) = (TableOptions::default(), columns(&["u", "v"], "kind"));
    for text in [
        "u,v\n1,2\n3,4\n",
        "v,u\n2,1\n4,3\n",
        "v,kind,u\n2,b,1\n4,,3\n",
        ",v,u\n0,2,1\n1,4,3\n",
        "1,2\n3,4\n",
        "1,2,b\n3,4,a\n",
    ] {
        let (_dir, path) = file(text);
        let rows = Table::read_rows_like(&path, &plain, &run).unwrap();
        assert_eq!(rows, array![[1.0, 2.0], [3.0, 4.0]], "{text}");
    }
    let (_dir, path) = file("u,w\n1,2\n3,4\n");
    let error = Table::read_rows_like(&path, &plain, &run).unwrap_err().to_string();
    assert!(error.contains("lacks columns of the run: v"), "{error}");
}

/// Damaged tables: refused or read, never a panic.
#[test]
fn three_thousand_mutants_do_not_panic() {
    let whole = "u,v,kind\r\n1.5,2,\"a, b\"\r\n-3,4e2,c\r\n5,6,\"a, b\"\r\n";
    let run = columns(&["u", "v"], "kind");
    let dir = tempdir().unwrap();
    let path = dir.path().join("table.csv");
    let (mut read, mut refused) = (0, 0);
    for number in 0..3000 {
        let (rng, mut bytes) = (&mut Rng::new(11, "csv", number), whole.as_bytes().to_vec());
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(4) {
                0 => bytes[at] = rng.bits() as u8,
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\",;\t\r\n .x0"[rng.below(10)]),
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        fs::write(&path, &bytes).unwrap();
        match Table::read_csv(&path, &TableOptions::default()) {
            Ok(table) => {
                assert!(
                    table.features.iter().all(|v| v.is_finite())
                        && table.target.labels().len() == table.features.nrows()
                );
                read += 1;
            }
            Err(error) => {
                assert_eq!(error.exit_code(), 3, "{error}");
                refused += 1;
            }
        }
        let _ = Table::read_csv_like(&path, &TableOptions::default(), &run);
        let _ = Table::read_rows_like(&path, &TableOptions::default(), &run);
    }
    assert!(read > 300 && refused > 300, "{read} read, {refused} refused");
}

/// The tables of the course, if the variable GRADUS_DATA names a folder that holds `tabular/`.
#[test]
fn real_tables() {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return;
    };
    for (name, n, d, classes) in [
        ("ionosphere", 351, 34, "b g"),
        ("pima-indians-diabetes", 768, 8, "0 1"),
        ("iris", 150, 4, "Iris-setosa Iris-versicolor Iris-virginica"),
    ] {
        let path = Path::new(&root).join("tabular").join(name).with_extension("csv");
        let table = Table::read_csv(path, &TableOptions::default()).unwrap();
        assert_eq!((table.features.dim(), table.classes.join(" ")), ((n, d), classes.to_owned()));
        assert!(table.notes.is_empty(), "{name}: {:?}", table.notes);
    }
}
