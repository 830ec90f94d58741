//! NumPy's files, written by NumPy itself (`golden/make_npz.py`), and damaged here.

use gradus::data::npz::{self, Npz, Numbers};
use gradus::data::{Table, TableOptions};
use gradus::rng::Rng;
use ndarray::array;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::tempdir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(x: &str, y: &str) -> gradus::Result<Npz> {
    npz::load(golden("arrays.npz"), x, y)
}

fn rows(x: &str, y: &str) -> Table {
    match load(x, y).unwrap() {
        Npz::Rows(table) => table,
        other => panic!("{x} are rows, not {other:?}"),
    }
}

fn pictures(path: &str, x: &str, y: &str) -> gradus::data::Images {
    match npz::load(golden(path), x, y).unwrap() {
        Npz::Pictures(images) => images,
        other => panic!("{x} are pictures, not {other:?}"),
    }
}

#[test]
fn all_types_and_forms_of_labels_are_read() {
    let wanted = array![[0.0, 0.25, 0.5], [0.75, 1.0, 1.25], [1.5, 1.75, 2.0], [2.25, 2.5, 2.75]];
    for (x, scale) in [("rows32", 1.0), ("rows64", 1.0), ("rows8", 4.0), ("rows_int", 4.0)] {
        for y in ["y", "column", "y_float"] {
            let table = rows(x, y);
            assert_eq!(table.features, &wanted * scale, "{x}");
            assert_eq!((table.labels, table.classes.join(" ")), (vec![1, 0, 2, 1], "-1 7 10".into()), "{y}");
        }
    }
    assert_eq!(rows("rows32", "y8").classes, ["0", "1", "2"]);
    let array = npz::read(golden("arrays.npz"), "y").unwrap();
    assert_eq!((array.shape, array.numbers), (vec![4], Numbers::I64(vec![7, -1, 10, 7])));
}

#[test]
fn pictures_come_with_their_channels_first() {
    for (path, x, y, scale) in [
        ("arrays.npz", "gray8", "y", 255.0),
        ("arrays.npz", "gray32", "y", 32.0),
        ("packed.npz", "x_train", "y_train", 255.0),
    ] {
        let images = pictures(path, x, y);
        assert_eq!(images.pixels.shape(), [4, 1, 2, 3]);
        assert_eq!(images.pixels.data()[23], 23.0 / scale);
        assert_eq!((images.labels, images.names.join(" ")), (vec![1, 0, 2, 1], "0 1 2 3".into()));
    }
    let first = pictures("arrays.npz", "channels_first", "y");
    assert_eq!(first.pixels.shape(), [4, 3, 2, 2]);
    assert_eq!(first.pixels.at(&[1, 2, 0, 1]), (12.0 + 3.0 + 2.0) / 255.0);
    assert_eq!(pictures("arrays.npz", "channels_last", "y").pixels, first.pixels);
}

#[test]
fn what_cannot_be_read_is_explained() {
    for (x, y, words) in [
        ("nowhere", "y", "holds no array `nowhere`"),
        ("nowhere", "y", "rows32"),
        ("single", "y", "type `<f2`"),
        ("fortran", "y", "ascontiguousarray"),
        ("nan", "y", "sample 1 holds NaN"),
        ("rows32", "short", "4 samples, but labels [3]"),
        ("rows32", "half", "no whole number"),
        ("five", "y", "[4, 1, 1, 1, 1]"),
        ("none", "y", "holds no samples"),
        ("big", "y", "holds the pixel"),
    ] {
        let error = load(x, y).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(words), "{x}: {error}");
    }
    assert!(npz::read(golden("make_npz.py"), "y").unwrap_err().to_string().contains("is no npz file"));
    assert_eq!(npz::read("nowhere.npz", "y").unwrap_err().exit_code(), 3);
}

/// A file of one array with these bytes.
fn write(path: &Path, npy: &[u8]) {
    let mut zip = zip::ZipWriter::new(Cursor::new(vec![]));
    zip.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(npy).unwrap();
    fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn a_header_is_not_believed() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let refused = |bytes: &[u8]| {
        write(&path, bytes);
        npz::read(&path, "x").expect_err("must be refused").to_string()
    };
    let header = |shape: &str| format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    write(&path, &npy(&header("(2, 2)"), &[1, 2, 3, 4]));
    assert_eq!(npz::read(&path, "x").unwrap().numbers, Numbers::U8(vec![1, 2, 3, 4]));
    assert!(refused(&npy(&header("(2, 2)"), &[1, 2, 3])).contains("4 bytes, but holds 3 bytes"));
    assert!(refused(&npy(&header("(2, 2)"), &vec![1; 1 << 20])).contains("4 bytes, but holds more"));
    assert!(refused(&npy(&header("(99999999999, 99999999999)"), &[1])).contains("at most 4 GiB"));
    assert!(refused(&npy(&header("(99999999999999999999999,)"), &[1])).contains("999,"));
    assert!(refused(&npy(&header("(1, 1, 1, 1, 1, 1, 1)"), &[1])).contains("[1, 1, 1, 1, 1, 1, 1]"));
    assert!(refused(&npy("{}", &[])).contains("the header `{}`"));
    assert!(refused(b"\x93NUMPY\x02\0\xff\xff\xff\xff").contains("4294967295 bytes"));
    assert!(refused(b"not numpy").contains("does not begin"));
    // Thousands of damaged ones: never a panic.
    let whole = npy(&header("(2, 2)"), &[1, 2, 3, 4]);
    for number in 0..3000 {
        let (rng, mut bytes) = (&mut Rng::new(7, "npy", number), whole.clone());
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len());
            match rng.below(3) {
                0 => bytes[at] = rng.bits() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, b"0123456789(),"[rng.below(13)]),
            }
        }
        write(&path, &bytes);
        if let Ok(array) = npz::read(&path, "x") {
            assert!(array.shape.iter().product::<usize>() < 100);
        }
    }
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
    }
}
