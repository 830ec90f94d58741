//! NumPy's files, written by NumPy itself (`golden/make_npz.py`), and damaged here.

use gradus::data::npz::{self, Npz, NpzOptions, Numbers};
use gradus::data::{Images, Table};
use gradus::rng::Rng;
use ndarray::array;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tempfile::tempdir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn named(x: &str, y: &str) -> NpzOptions {
    NpzOptions { x: Some(x.into()), y: Some(y.into()), evaluated: false, values: false }
}

fn load(x: &str, y: &str) -> gradus::Result<Npz> {
    Ok(npz::load(golden("arrays.npz"), &named(x, y))?.0)
}

fn rows(x: &str, y: &str) -> Table {
    match load(x, y).unwrap() {
        Npz::Rows(table) => table,
        other => panic!("{x} are rows, not {other:?}"),
    }
}

fn images(path: &str, x: &str, y: &str) -> Images {
    match npz::load(golden(path), &named(x, y)).unwrap().0 {
        Npz::Images(images) => images,
        other => panic!("{x} are images, not {other:?}"),
    }
}

#[test]
fn all_types_and_forms_of_labels_are_read() {
    let expected = array![[0.0, 0.25, 0.5], [0.75, 1.0, 1.25], [1.5, 1.75, 2.0], [2.25, 2.5, 2.75]];
    for (x, scale) in [
        ("rows32", 1.0),
        ("rows64", 1.0),
        ("rows8", 4.0),
        ("rows_int", 4.0),
        ("rows_short", 4.0),
        ("single", 1.0),
        ("fortran", 1.0),
        ("big_endian", 1.0),
    ] {
        for y in ["y", "column", "y_float", "y_int32"] {
            let table = rows(x, y);
            assert_eq!(table.features, &expected * scale, "{x}");
            assert_eq!((table.target, table.classes.join(" ")), (vec![1, 0, 2, 1].into(), "-1 7 10".into()), "{y}");
        }
    }
    assert_eq!(rows("rows32", "y8").classes, ["0", "1", "2"]);
    for (y, labels, classes) in [
        ("one_hot", vec![1, 0, 2, 1], "0 1 2"),
        ("one_hot_bool", vec![1, 0, 2, 1], "0 1 2"),
        ("y_bool", vec![1, 0, 0, 1], "0 1"),
        ("words", vec![1, 0, 2, 1], "ant bee cat"),
        ("bytes", vec![1, 0, 2, 1], "ant bee cat"),
    ] {
        let table = rows("rows32", y);
        assert_eq!((table.target, table.classes.join(" ")), (labels.into(), classes.to_owned()), "{y}");
    }
    let array = npz::read(golden("arrays.npz"), "y").unwrap();
    assert_eq!((array.shape, array.numbers), (vec![4], Numbers::I64(vec![7, -1, 10, 7])));
}

#[test]
fn images_come_with_their_channels_first() {
    for (path, x, y, scale) in [
        ("arrays.npz", "gray8", "y", 255.0),
        ("arrays.npz", "gray_fortran", "y", 255.0),
        ("arrays.npz", "gray32", "y", 32.0),
        // Whole numbers above 1 are bytes, whatever their type.
        ("arrays.npz", "gray_int", "y", 255.0),
        ("packed.npz", "x_train", "y_train", 255.0),
    ] {
        let images = images(path, x, y);
        assert_eq!(images.pixels.shape(), [4, 1, 2, 3]);
        assert_eq!(images.pixels.data()[23], 23.0 / scale);
        assert_eq!((images.target, images.names.join(" ")), (vec![1, 0, 2, 1].into(), "0 1 2 3".into()));
    }
    let first = images("arrays.npz", "channels_first", "y");
    assert_eq!(first.pixels.shape(), [4, 3, 2, 2]);
    assert_eq!(first.pixels.at(&[1, 2, 0, 1]), (12.0 + 3.0 + 2.0) / 255.0);
    assert_eq!(images("arrays.npz", "channels_last", "y").pixels, first.pixels);
}

#[test]
fn what_cannot_be_read_is_explained() {
    for (x, y, words) in [
        ("nowhere", "y", "holds no array `nowhere`"),
        ("nowhere", "y", "rows32"),
        ("complex", "y", "the type `<c16`"),
        ("words", "y", "holds strings: expected numbers"),
        ("y", "y8", "array `y` has the shape [4]: expected [N, D]"),
        ("nan", "y", "sample 1 holds NaN"),
        ("rows32", "short", "array `short` has the shape [3]: expected [4], [4, 1] or one-hot [4, K]"),
        ("rows32", "rows32", "row 0 is not one-hot"),
        ("rows32", "half", "the label `3.5`: expected a whole number or a word"),
        ("rows32", "zeros", "array `zeros` holds one class only, `0`"),
        ("five", "y", "has the shape [4, 1, 1, 1, 1]: expected [N, D]"),
        ("none", "y", "holds no samples"),
        ("big", "y", "holds the pixel"),
    ] {
        let error = load(x, y).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains(words), "{x}: {error}");
    }
    assert!(npz::read(golden("make_npz.py"), "y").unwrap_err().to_string().contains("is not an npz file"));
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
    assert!(refused(&npy(&header("(99999999999, 99999999999)"), &[1])).contains("and 4 GiB"));
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

/// Writes an array of bytes or of eight-byte whole numbers.
fn array(zip: &mut zip::ZipWriter<Cursor<Vec<u8>>>, name: &str, shape: &str, numbers: &[i64]) {
    zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
    let data: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let header = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n");
    zip.write_all(&npy(&header, &data)).unwrap();
}

#[test]
fn arrays_are_found_by_what_they_are_called() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("set.npz");
    let write = |names: &[&str]| {
        let mut zip = zip::ZipWriter::new(Cursor::new(vec![]));
        for name in names {
            let is_label =
                ["y", "label", "target", "class", "arr_1", "second"].iter().any(|y| name.to_lowercase().contains(y));
            match is_label {
                true => array(&mut zip, name, "(4,)", &[3, 5, 5, 3]),
                false => array(&mut zip, name, "(4, 2)", &[1, 2, 3, 4, 5, 6, 7, 8]),
            }
        }
        fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    };
    for names in [
        &["x", "y"][..],
        &["X_train", "y_train"],
        &["x_test", "x_train", "y_test", "y_train"],
        &["train_images", "train_labels", "val_images", "val_labels"],
        &["arr_0", "arr_1"],
        &["target", "data"],
        &["Features", "Labels"],
        // Only their shapes distinguish these two.
        &["second", "first"],
    ] {
        write(names);
        let (samples, notes) = npz::load(&path, &NpzOptions::default()).unwrap();
        let Npz::Rows(table) = samples else { panic!("rows") };
        assert_eq!((table.features[[3, 1]], table.target), (8.0, vec![0, 1, 1, 0].into()), "{names:?}");
        assert_eq!(notes.len(), usize::from(names[0] != "x"), "{notes:?}");
        if names.len() == 4 {
            assert!(notes[0].contains("train") && notes[0].contains("not used"), "{notes:?}");
        }
    }
    write(&["first", "third", "second"]);
    let error = npz::load(&path, &NpzOptions::default()).unwrap_err().to_string();
    assert!(error.contains("found first, third, second") && error.contains("data.x"), "{error}");
    assert!(npz::load(&path, &named("third", "second")).is_ok());
    let half = NpzOptions { x: Some("first".into()), ..NpzOptions::default() };
    assert!(npz::load(&path, &half).unwrap_err().to_string().contains("data.y"));
    write(&["x", "y"]);
    assert!(npz::load(&path, &named("x", "x")).unwrap_err().to_string().contains("row 0 is not one-hot"));
}

/// One class is enough for an evaluation, and none to train on.
#[test]
fn a_single_class_is_refused_unless_it_is_evaluated() {
    let evaluated = NpzOptions { evaluated: true, ..named("rows32", "zeros") };
    assert!(npz::load(golden("arrays.npz"), &evaluated).is_ok());
    assert!(npz::load(golden("arrays.npz"), &named("rows32", "zeros")).is_err());
}
