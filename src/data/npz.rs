//! NumPy's files: `.npz`, a zip of arrays, each in the `.npy` format.
//!
//! An array is a header, a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, and
//! then its numbers. The dictionary is always written in this form (NEP 1), so three regular expressions read it. As
//! with [`super::idx`], the header is not believed: the shape must account for the file's length exactly, and no more
//! than 4 GiB are unpacked.

use super::dataset::Images;
use super::table::Table;
use crate::error::{Error, Result};
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use ndarray::Array2;
use regex::Regex;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Most bytes that an array may unpack to.
const MOST: u64 = 4 << 30;
/// Most bytes of an array's header; NumPy itself refuses longer ones.
const MOST_HEADER: usize = 10_000;

/// The numbers of an array, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// `float32`
    F32(Vec<f32>),
    /// `float64`
    F64(Vec<f64>),
    /// `uint8`
    U8(Vec<u8>),
    /// `int64`
    I64(Vec<i64>),
}

/// An array of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub numbers: Numbers,
}

/// What a file holds: rows, or pictures.
#[derive(Clone, Debug)]
pub enum Npz {
    /// From features `[N, D]`.
    Rows(Table),
    /// From pictures `[N, H, W]`, `[N, C, H, W]` or `[N, H, W, C]`, C being 1 or 3.
    Pictures(Images),
}

/// Reads the arrays `x` and `y` (such as `x_train` and `y_train`) of a file. The classes are the different labels, from
/// the smallest. Bytes are divided by 255 if they are pictures; other pixels must be in [0, 1]. Of four axes the second
/// is taken for the channels if it is 1 or 3, else the last. Fails with [`Error::Data`] for anything else.
pub fn load(path: impl AsRef<Path>, x: &str, y: &str) -> Result<Npz> {
    let path = path.as_ref();
    let (values, labels) = (read(path, x)?, read(path, y)?);
    assemble(values, labels).map_err(|(what, help)| Error::data(path, what, help))
}

/// Reads the array `name` of a file.
pub fn read(path: impl AsRef<Path>, name: &str) -> Result<NpyArray> {
    let path = path.as_ref();
    let array = || -> Result<NpyArray, Fault> {
        let file = File::open(path).map_err(|e| (format!("cannot be read: {e}"), "check the path".to_owned()))?;
        let mut zip = ZipArchive::new(BufReader::new(file))
            .map_err(|e| (format!("is no npz file: {e}"), "numpy.savez writes one".to_owned()))?;
        let inside = format!("{name}.npy");
        let names: Vec<String> = zip.file_names().flatten().map(|n| n.trim_end_matches(".npy").to_owned()).collect();
        let member = zip
            .by_name(&inside)
            .map_err(|_| (format!("holds no array `{name}`"), format!("there are {}", names.join(", "))))?;
        parse(member).map_err(|(what, help)| (format!("array `{name}` {what}"), help))
    };
    array().map_err(|(what, help)| Error::data(path, what, help))
}

/// What is wrong, and what to do.
type Fault = (String, String);

/// An array of `.npy` bytes.
fn parse(mut from: impl Read) -> Result<NpyArray, Fault> {
    let damaged = |what: String| (what, "write it again with numpy.savez; it is damaged".to_owned());
    let broken = |e: std::io::Error| damaged(format!("cannot be unpacked: {e}"));
    let mut head = [0; 8];
    from.read_exact(&mut head).map_err(broken)?;
    let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = head else {
        return Err(damaged("does not begin like an npy file".to_owned()));
    };
    // Version 1 has two bytes for the header's length, later ones four.
    let mut length = [0; 4];
    from.read_exact(&mut length[..if version == 1 { 2 } else { 4 }]).map_err(broken)?;
    let length = u32::from_le_bytes(length) as usize;
    if !(1..=3).contains(&version) || length > MOST_HEADER {
        return Err(damaged(format!("has a header of version {version} and {length} bytes")));
    }
    let mut header = vec![0; length];
    from.read_exact(&mut header).map_err(broken)?;
    let header = String::from_utf8_lossy(&header).into_owned();
    let field = |pattern: &str| {
        let pattern = Regex::new(pattern).expect("npz: the pattern is well-formed");
        pattern.captures(&header).map(|found| found[1].to_owned())
    };
    let descr = field(r"'descr':\s*'([^']*)'");
    let fortran = field(r"'fortran_order':\s*(True|False)");
    let shape = field(r"'shape':\s*\(([\d\s,]*)\)");
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
        return Err(damaged(format!("has the header `{}`", header.trim().escape_debug())));
    };
    if fortran == "True" {
        let help = "numpy.ascontiguousarray(x) before saving";
        return Err(("is in column-major order".to_owned(), help.to_owned()));
    }
    let size = match descr.as_str() {
        "|u1" => 1,
        "<f4" => 4,
        "<f8" | "<i8" => 8,
        other => {
            let help = "x.astype(\"float32\") or y.astype(\"int64\") before saving; float32, float64, uint8 and int64 are read";
            return Err((format!("holds numbers of type `{}`", other.escape_debug()), help.to_owned()));
        }
    };
    let sizes = shape.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse::<usize>);
    let shape: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(|_| damaged(format!("has the shape ({shape})")))?;
    let bytes = shape.iter().try_fold(size, |n: usize, &axis| n.checked_mul(axis)).filter(|&n| n as u64 <= MOST);
    let Some(wanted) = bytes.filter(|_| shape.len() <= MAX_RANK) else {
        return Err(damaged(format!("has the shape {shape:?}; at most {} GiB are taken", MOST >> 30)));
    };
    // One more than wanted, to see whether the file goes on.
    let mut data = Vec::new();
    let found = from.take(wanted as u64 + 1).read_to_end(&mut data).map_err(broken)?;
    if found != wanted {
        let found = if found > wanted { "more".to_owned() } else { format!("{found} bytes") };
        return Err(damaged(format!("has the shape {shape:?}, {wanted} bytes, but holds {found}")));
    }
    fn each<const B: usize, V>(data: &[u8], number: fn([u8; B]) -> V) -> Vec<V> {
        data.chunks_exact(B).map(|bytes| number(bytes.try_into().expect("npz: B bytes"))).collect()
    }
    let numbers = match descr.as_str() {
        "|u1" => Numbers::U8(data),
        "<f4" => Numbers::F32(each(&data, f32::from_le_bytes)),
        "<f8" => Numbers::F64(each(&data, f64::from_le_bytes)),
        _ => Numbers::I64(each(&data, i64::from_le_bytes)),
    };
    Ok(NpyArray { shape, numbers })
}

impl Numbers {
    /// Rounded to `f32`, where need be.
    fn to_f32(&self) -> Vec<f32> {
        match self {
            Numbers::F32(v) => v.clone(),
            Numbers::F64(v) => v.iter().map(|&x| x as f32).collect(),
            Numbers::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Numbers::I64(v) => v.iter().map(|&x| x as f32).collect(),
        }
    }

    /// As whole numbers, if they are.
    fn to_i64(&self) -> Option<Vec<i64>> {
        // Beyond 2^53 not every whole number is an f64.
        let whole = |x: f64| (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64);
        match self {
            Numbers::F32(v) => v.iter().map(|&x| whole(f64::from(x))).collect(),
            Numbers::F64(v) => v.iter().map(|&x| whole(x)).collect(),
            Numbers::U8(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
            Numbers::I64(v) => Some(v.clone()),
        }
    }
}

/// Samples of values and labels.
fn assemble(x: NpyArray, y: NpyArray) -> Result<Npz, Fault> {
    let fault = |what: String, help: &str| Err((what, help.to_owned()));
    let n = x.shape.first().copied().unwrap_or(0);
    if n == 0 || x.shape.contains(&0) {
        return fault(format!("holds no samples: x has the shape {:?}", x.shape), "the first axis counts the samples");
    }
    // Labels often come as a column.
    if y.shape != [n] && y.shape != [n, 1] {
        return fault(format!("holds {n} samples, but labels {:?}", y.shape), "one label for each sample is wanted");
    }
    let Some(labels) = y.numbers.to_i64() else {
        return fault("has a label that is no whole number".to_owned(), "number the classes from 0");
    };
    let mut different = labels.clone();
    different.sort_unstable();
    different.dedup();
    let labels: Vec<usize> =
        labels.iter().map(|label| different.binary_search(label).expect("npz: it is one of them")).collect();
    let classes: Vec<String> = different.iter().map(i64::to_string).collect();
    let mut values = x.numbers.to_f32();
    if let Some(at) = values.iter().position(|v| !v.is_finite()) {
        let (sample, value) = (at / (values.len() / n), values[at]);
        return fault(format!("sample {sample} holds {value}"), "remove or replace numbers that are not finite");
    }
    if let [_, d] = x.shape[..] {
        let columns = (0..d).map(|i| format!("x{i}")).collect();
        let features = Array2::from_shape_vec((n, d), values).expect("npz: numbers fill the shape");
        return Ok(Npz::Rows(Table { features, columns, labels, classes }));
    }
    let (shape, last) = match x.shape[..] {
        [n, h, w] => ([n, 1, h, w], false),
        [n, c @ (1 | 3), h, w] => ([n, c, h, w], false),
        [n, h, w, c @ (1 | 3)] => ([n, c, h, w], true),
        _ => {
            let help = "[N, D], [N, H, W], [N, C, H, W] and [N, H, W, C] are taken, C being 1 or 3";
            return fault(format!("holds samples of the shape {:?}", x.shape), help);
        }
    };
    if let Numbers::U8(_) = x.numbers {
        values.iter_mut().for_each(|v| *v /= 255.0);
    }
    if let Some(pixel) = values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        return fault(
            format!("holds the pixel {pixel}"),
            "pixels are bytes, or between 0 and 1; divide by their largest",
        );
    }
    let [_, c, h, w] = shape;
    let pixels = match last {
        false => Tensor::new(values, shape).expect("npz: numbers fill the shape"),
        true => Tensor::from_fn(shape, |i| {
            let (picture, channel, place) = (i / (c * h * w), i / (h * w) % c, i % (h * w));
            values[picture * c * h * w + place * c + channel]
        }),
    };
    Ok(Npz::Pictures(Images { names: (0..n).map(|i| i.to_string()).collect(), pixels, labels, classes }))
}
