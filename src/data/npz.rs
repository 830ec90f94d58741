//! NumPy's files: `.npz`, a zip of arrays, each in the `.npy` format.
//!
//! Two of the arrays are the samples and their labels. The usual names are tried in turn, and where none is there, the
//! shapes decide: there are as many labels as samples. A note says which were found, unless they are `x` and `y`.
//! Labels are whole numbers, words, or rows with a single 1 (one-hot).

mod array;

use super::dataset::{Columns, Images};
use super::table::{Fault, Table, encode, no_classes};
use crate::error::{Error, Result};
use crate::files;
use crate::target::Target;
use crate::tensor::Tensor;
use array::parse;
pub use array::{NpyArray, Numbers};
use ndarray::Array2;
use std::io::BufReader;
use std::path::Path;
use zip::ZipArchive;

/// The usual names of the samples and of the labels beside them; compared without regard to case.
const SAMPLES: [&str; 9] = ["x", "data", "images", "features", "inputs", "samples", "pixels", "digits", "arr_0"];
const LABELS: [&str; 8] = ["y", "labels", "label", "target", "targets", "classes", "class", "arr_1"];

/// The contents of a file: rows, or images.
#[derive(Clone, Debug)]
pub enum Npz {
    /// From features `[N, D]`.
    Rows(Table),
    /// From images `[N, H, W]`, `[N, C, H, W]` or `[N, H, W, C]`, C being 1 or 3.
    Images(Images),
}

/// How a file is read. The default finds the arrays, and takes the samples for those that a network is trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NpzOptions {
    /// Name of the array with the samples; `None` looks.
    pub x: Option<String>,
    /// Name of the array with the labels; `None` looks.
    pub y: Option<String>,
    /// Whether a trained network is evaluated on them: then a single class is enough.
    pub evaluated: bool,
    /// Whether `y` holds numbers to predict, `[N]` or `[N, M]`, and no classes.
    pub values: bool,
}

/// Reads samples and labels of a file, and notes on how they were found. The classes are the different labels, from the
/// smallest. Bytes that are images are divided by 255, and so are other whole numbers from 0 to 255; other pixels must
/// be in [0, 1]. Of four axes the second is taken for the channels if it is 1 or 3, else the last. Fails with
/// [`Error::Data`] for anything else.
pub fn load(path: impl AsRef<Path>, options: &NpzOptions) -> Result<(Npz, Vec<String>)> {
    let path = path.as_ref();
    let mut notes = Vec::new();
    let mut all = || -> Result<Npz, Fault> {
        let mut zip = open(path)?;
        let [x, y] = find(&mut zip, options, &mut notes)?;
        let (values, labels) = (member(&mut zip, &x)?, member(&mut zip, &y)?);
        assemble((&x, values), (&y, labels), options, &mut notes)
    };
    let npz = all().map_err(|(what, help)| Error::data(path, what, help))?;
    Ok((npz, notes))
}

/// Reads the array `name` of a file.
pub fn read(path: impl AsRef<Path>, name: &str) -> Result<NpyArray> {
    let path = path.as_ref();
    open(path).and_then(|mut zip| member(&mut zip, name)).map_err(|(what, help)| Error::data(path, what, help))
}

type Archive = ZipArchive<BufReader<std::fs::File>>;

fn open(path: &Path) -> Result<Archive, Fault> {
    let file = files::open_regular(path).map_err(|e| (format!("cannot be read: {e}"), "check the path".to_owned()))?;
    ZipArchive::new(BufReader::new(file))
        .map_err(|e| (format!("is not an npz file: {e}"), "numpy.savez writes one".to_owned()))
}

/// Returns the names of the arrays.
fn names(zip: &Archive) -> Vec<String> {
    zip.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect()
}

fn member(zip: &mut Archive, name: &str) -> Result<NpyArray, Fault> {
    let there = names(zip);
    let member = zip.by_name(&format!("{name}.npy")).map_err(|_| {
        let what = format!("holds no array `{}`: expected one of {}", name.escape_debug(), listed(&there));
        (what, "name the arrays by data.x and data.y".to_owned())
    })?;
    parse(member).map_err(|(what, help)| (format!("array `{}` {what}", name.escape_debug()), help))
}

/// Names for a message.
fn listed(names: &[String]) -> String {
    names.iter().map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the names of the samples and of the labels.
fn find(zip: &mut Archive, options: &NpzOptions, notes: &mut Vec<String>) -> Result<[String; 2], Fault> {
    let there = names(zip);
    let free = |taken: &Option<String>| there.iter().filter(|name| taken.as_ref() != Some(*name)).cloned().collect();
    let (for_x, for_y): (Vec<String>, Vec<String>) = (free(&options.y), free(&options.x));
    let x = options.x.clone().or_else(|| usual(&for_x, &SAMPLES));
    let y = options.y.clone().or_else(|| usual(&for_y, &LABELS));
    let found = match (x, y) {
        (Some(x), Some(y)) => Some([x, y]),
        // Two arrays are a pair, and the one with a label for each sample has fewer numbers.
        _ => match &there[..] {
            [a, b] => {
                let (shape_a, shape_b) = (member(zip, a)?.shape, member(zip, b)?.shape);
                let count = |shape: &[usize]| shape.iter().product::<usize>();
                let [x, y] = if count(&shape_a) >= count(&shape_b) { [a, b] } else { [b, a] };
                let said =
                    options.x.as_ref().is_none_or(|name| name == x) && options.y.as_ref().is_none_or(|name| name == y);
                (said && shape_a.first() == shape_b.first()).then(|| [x.clone(), y.clone()])
            }
            _ => None,
        },
    };
    let Some([x, y]) = found else {
        let what = format!("holds no arrays `x` and `y`: found {}", listed(&there));
        return Err((what, "name the samples by data.x and the labels by data.y".to_owned()));
    };
    if (options.x.is_none() && x != "x") || (options.y.is_none() && y != "y") {
        let others: Vec<String> = there.into_iter().filter(|name| *name != x && *name != y).collect();
        let rest = if others.is_empty() { String::new() } else { format!("; not used: {}", listed(&others)) };
        notes.push(format!("samples are the array `{}`, labels `{}`{rest}", x.escape_debug(), y.escape_debug()));
    }
    Ok([x, y])
}

/// Returns the array with the most usual name: `x` before `data`, and `x_train` before names without such an ending.
fn usual(there: &[String], usual: &[&str]) -> Option<String> {
    let rank = |name: &String| {
        let plain = name.to_lowercase();
        let trained = plain.strip_suffix("_train").or_else(|| plain.strip_prefix("train_"));
        let of = |word: &str| usual.iter().position(|known| *known == word);
        trained.and_then(of).map(|rank| (rank, 0)).or_else(|| of(&plain).map(|rank| (rank, 1)))
    };
    there.iter().filter_map(|name| Some((rank(name)?, name))).min().map(|(_, name)| name.clone())
}

/// Samples of values and labels, each with the name of its array.
fn assemble(
    (x_name, x): (&str, NpyArray),
    (y_name, y): (&str, NpyArray),
    options: &NpzOptions,
    notes: &mut Vec<String>,
) -> Result<Npz, Fault> {
    let fault = |what: String, help: &str| Err((what, help.to_owned()));
    let shapes = "expected [N, D], [N, H, W], [N, C, H, W] or [N, H, W, C], C being 1 or 3";
    let n = x.shape.first().copied().unwrap_or(0);
    if n == 0 || x.shape.contains(&0) {
        let what = format!("holds no samples: `{x_name}` has the shape {:?}: {shapes}", x.shape);
        return fault(what, "the first axis counts the samples");
    }
    let Some(mut values) = x.numbers.to_f32() else {
        return fault(
            format!("array `{x_name}` holds strings: expected numbers"),
            "x.astype(\"float32\") before saving",
        );
    };
    let (target, classes, value_names) = if options.values {
        let (names, values) = numbers(n, (y_name, &y))?;
        (Target::Values(values), Vec::new(), names)
    } else {
        let words = labels(n, (y_name, y), notes)?;
        let (labels, classes) = encode(words.iter().map(String::as_str));
        if let Some((what, help)) = no_classes(n, &classes).filter(|_| !options.evaluated) {
            return Err((format!("array `{y_name}` {what}"), help));
        }
        (Target::Classes(labels), classes, Vec::new())
    };
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        let (sample, value) = (at / (values.len() / n), values[at]);
        return fault(format!("sample {sample} holds {value}"), "remove or replace numbers that are not finite");
    }
    if let [_, d] = x.shape[..] {
        let columns = Columns { features: (0..d).map(|i| format!("x{i}")).collect(), ..Columns::default() };
        let features = Array2::from_shape_vec((n, d), values).expect("npz: numbers fill the shape");
        return Ok(Npz::Rows(Table { features, columns, target, classes, value_names, notes: Vec::new() }));
    }
    let (shape, last) = match x.shape[..] {
        [n, h, w] => ([n, 1, h, w], false),
        [n, c @ (1 | 3), h, w] => ([n, c, h, w], false),
        [n, h, w, c @ (1 | 3)] => ([n, c, h, w], true),
        [_] => {
            let what = format!("array `{x_name}` has the shape {:?}: {shapes}", x.shape);
            return fault(what, "x.reshape(-1, 1) makes a column of one feature");
        }
        _ => {
            return fault(
                format!("array `{x_name}` has the shape {:?}: {shapes}", x.shape),
                "reshape it before saving",
            );
        }
    };
    let largest = values.iter().copied().fold(0.0, f32::max);
    match x.numbers {
        Numbers::U8(_) => values.iter_mut().for_each(|v| *v /= 255.0),
        Numbers::I64(_) if largest > 1.0 && values.iter().all(|v| (0.0..=255.0).contains(v)) => {
            notes.push(format!("pixels of `{x_name}` are whole numbers up to {largest}, and are divided by 255"));
            values.iter_mut().for_each(|v| *v /= 255.0);
        }
        _ => {}
    }
    if let Some(pixel) = values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        let what = format!("holds the pixel {pixel}: expected bytes, or numbers between 0 and 1");
        return fault(what, "divide the pixels by their largest possible value before saving");
    }
    let [_, c, h, w] = shape;
    let pixels = match last {
        false => Tensor::new(values, shape).expect("npz: numbers fill the shape"),
        true => Tensor::from_fn(shape, |i| {
            let (image, channel, place) = (i / (c * h * w), i / (h * w) % c, i % (h * w));
            values[image * c * h * w + place * c + channel]
        }),
    };
    let names = (0..n).map(|i| i.to_string()).collect();
    Ok(Npz::Images(Images { names, pixels, target, classes, value_names, columns: Columns::default() }))
}

/// Returns the numbers to predict of each of `n` samples.
fn numbers(n: usize, (name, y): (&str, &NpyArray)) -> Result<(Vec<String>, Tensor), Fault> {
    let fault = |what: String, help: &str| Err((format!("array `{name}` {what}"), help.to_owned()));
    let expected = format!("expected [{n}] or [{n}, M], the numbers to predict of each sample");
    let m = match y.shape[..] {
        [rows] if rows == n => 1,
        [rows, m] if rows == n && m > 0 => m,
        _ => {
            return fault(
                format!("has the shape {:?}: {expected}", y.shape),
                "check that both arrays hold the same samples",
            );
        }
    };
    let Some(values) = y.numbers.to_f32() else {
        return fault(
            "holds strings: expected numbers to predict".to_owned(),
            "to predict words, omit kind = \"regress\"",
        );
    };
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        return fault(
            format!("holds {} for sample {}", values[at], at / m),
            "remove the samples whose number is not known",
        );
    }
    let names = if m == 1 { vec![name.to_owned()] } else { (0..m).map(|i| format!("{name}{i}")).collect() };
    Ok((names, Tensor::new(values, [n, m]).expect("npz: numbers fill the shape")))
}

/// For each of `n` samples its label as a word: of whole numbers, of words, or of one-hot rows.
fn labels(n: usize, (name, y): (&str, NpyArray), notes: &mut Vec<String>) -> Result<Vec<String>, Fault> {
    let fault = |what: String, help: &str| Err((format!("array `{name}` {what}"), help.to_owned()));
    // Labels often come as a column.
    if y.shape == [n] || y.shape == [n, 1] {
        let words = y.numbers.words();
        let unfit = |word: &&String| match &y.numbers {
            Numbers::Text(_) => word.is_empty(),
            _ => word.parse::<f64>().map_or(true, |v| v.fract() != 0.0 || v.abs() > 9e15),
        };
        let Some(word) = words.iter().find(unfit) else { return Ok(words) };
        return fault(
            format!("holds the label `{}`: expected a whole number or a word for each class", word.escape_debug()),
            "number the classes from 0; to predict a number, write kind = \"regress\"",
        );
    }
    let expected = format!("expected [{n}], [{n}, 1] or one-hot [{n}, K], a label for each sample");
    let [rows, k] = y.shape[..] else { return fault(format!("has the shape {:?}: {expected}", y.shape), "reshape it") };
    let values = y.numbers.to_f32().filter(|_| rows == n && k > 1);
    let Some(values) = values else {
        return fault(
            format!("has the shape {:?}: {expected}", y.shape),
            "check that both arrays hold the same samples",
        );
    };
    let hot = |row: &[f32]| -> Option<usize> {
        let at = row.iter().position(|&v| v == 1.0)?;
        row.iter().enumerate().all(|(j, &v)| v == if j == at { 1.0 } else { 0.0 }).then_some(at)
    };
    let mut words = Vec::with_capacity(n);
    for (i, row) in values.chunks_exact(k).enumerate() {
        let Some(class) = hot(row) else {
            let what = format!("has the shape {:?}, but row {i} is not one-hot (one 1, else 0): {expected}", y.shape);
            return fault(what, "give one label for each sample; several at once are not offered");
        };
        words.push(class.to_string());
    }
    notes.push(format!("labels of `{name}` are one-hot, of {k} classes"));
    Ok(words)
}
