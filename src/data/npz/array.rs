//! Arrays in NumPy's `.npy` format.
//!
//! An array is a header, a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, and
//! then its numbers. The dictionary is always written in this form (NEP 1), so three regular expressions read it. As
//! with [`crate::data::idx`], the header is not trusted: the shape must account for the array's length exactly, and
//! no more than 4 GiB are unpacked.

use crate::data::table::Fault;
use crate::shape::MAX_RANK;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use regex::Regex;
use std::io::Read;

/// Most bytes that an array may take in memory.
const MOST: u64 = 4 << 30;
/// Most bytes of an array's header; NumPy itself refuses longer ones.
const MOST_HEADER: usize = 10_000;
const TYPES: &str = "numbers (float16 to float64, int8 to int64, uint8 to uint64), bool, and strings as labels are read; \
                     x.astype(\"float32\"), y.astype(\"int64\") or y.astype(str) before saving make them so";

/// The numbers of an array, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// `float16` and `float32`
    F32(Vec<f32>),
    /// `float64`
    F64(Vec<f64>),
    /// `uint8`
    U8(Vec<u8>),
    /// All other whole numbers, and `bool` as 0 and 1
    I64(Vec<i64>),
    /// Strings
    Text(Vec<String>),
}

/// An array of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub numbers: Numbers,
}

/// The type of an element: its kind, as NumPy's letter, its size in bytes, and whether its bytes are in big-endian
/// order.
struct Element {
    kind: u8,
    size: usize,
    big: bool,
}

impl Element {
    /// From NumPy's word for it, such as `<f4`; `None` if it is not one that is read.
    fn parse(word: &str) -> Option<Self> {
        let (order, rest) = (word.bytes().next()?, word.get(1..)?);
        let (kind, count): (u8, usize) = (rest.bytes().next()?, rest.get(1..)?.parse().ok()?);
        let size = match (kind, count) {
            (b'b', 1) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'f', 2 | 4 | 8) => count,
            // A string of so many characters of four bytes, or of so many bytes.
            (b'U', 1..=4096) => 4 * count,
            (b'S', 1..=4096) => count,
            _ => return None,
        };
        b"<>|=".contains(&order).then_some(Self { kind, size, big: order == b'>' })
    }

    /// Returns the bytes that an element takes once it is read.
    fn in_memory(&self) -> usize {
        match (self.kind, self.size) {
            (b'u', 1) => 1,
            (b'f', 2) => 4,
            (b'U' | b'S', size) => size + size_of::<String>(),
            (_, size) => size.max(8),
        }
    }

    /// Elements of their bytes. The error is a number that does not fit.
    fn numbers(&self, mut data: Vec<u8>) -> Result<Numbers, String> {
        if self.kind == b'U' {
            // Strings are swapped character by character.
            data.chunks_exact_mut(4).filter(|_| self.big).for_each(<[u8]>::reverse);
        } else if self.big && self.kind != b'S' {
            data.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
        fn each<const B: usize, V>(data: &[u8], number: impl Fn([u8; B]) -> V) -> Vec<V> {
            data.chunks_exact(B).map(|bytes| number(bytes.try_into().expect("npz: B bytes"))).collect()
        }
        Ok(match (self.kind, self.size) {
            (b'u', 1) => Numbers::U8(data),
            (b'f', 2) => Numbers::F32(each(&data, |b| half(u16::from_le_bytes(b)))),
            (b'f', 4) => Numbers::F32(each(&data, f32::from_le_bytes)),
            (b'f', _) => Numbers::F64(each(&data, f64::from_le_bytes)),
            (b'b', _) => Numbers::I64(data.iter().map(|&b| i64::from(b != 0)).collect()),
            (b'i', 1) => Numbers::I64(each(&data, |b| i8::from_le_bytes(b).into())),
            (b'i', 2) => Numbers::I64(each(&data, |b| i16::from_le_bytes(b).into())),
            (b'i', 4) => Numbers::I64(each(&data, |b| i32::from_le_bytes(b).into())),
            (b'i', _) => Numbers::I64(each(&data, i64::from_le_bytes)),
            (b'u', 2) => Numbers::I64(each(&data, |b| u16::from_le_bytes(b).into())),
            (b'u', 4) => Numbers::I64(each(&data, |b| u32::from_le_bytes(b).into())),
            (b'u', _) => {
                let fit = |n: u64| i64::try_from(n).map_err(|_| n.to_string());
                Numbers::I64(each(&data, u64::from_le_bytes).into_iter().map(fit).collect::<Result<_, _>>()?)
            }
            (b'U', size) => {
                let letters = |bytes: &[u8]| -> String {
                    let codes = each(bytes, u32::from_le_bytes).into_iter().take_while(|&code| code != 0);
                    codes.map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
                };
                Numbers::Text(data.chunks_exact(size).map(letters).collect())
            }
            (_, size) => {
                let letters = |bytes: &[u8]| {
                    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                    String::from_utf8_lossy(&bytes[..end]).into_owned()
                };
                Numbers::Text(data.chunks_exact(size).map(letters).collect())
            }
        })
    }
}

/// Returns the number whose IEEE 754 half-precision bits these are.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction / (1 << 24) as f32,
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// Returns an array of `.npy` bytes.
pub(super) fn parse(mut from: impl Read) -> Result<NpyArray, Fault> {
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
    if field(r"'descr':\s*(\[)").is_some() {
        let help = "save each field as an array of its own: numpy.savez(file, x=.., y=..)";
        return Err(("holds records of several fields: expected numbers".to_owned(), help.to_owned()));
    }
    let descr = field(r"'descr':\s*'([^']*)'");
    let fortran = field(r"'fortran_order':\s*(True|False)");
    let shape = field(r"'shape':\s*\(([\d\s,]*)\)");
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
        return Err(damaged(format!("has the header `{}`", header.trim().escape_debug())));
    };
    let Some(element) = Element::parse(&descr) else {
        let holds =
            if descr == "|O" { "Python objects".to_owned() } else { format!("the type `{}`", descr.escape_debug()) };
        return Err((format!("holds {holds}"), TYPES.to_owned()));
    };
    let sizes = shape.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse::<usize>);
    let shape: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(|_| damaged(format!("has the shape ({shape})")))?;
    let count = shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let fits = |n: &usize| n.checked_mul(element.in_memory()).is_some_and(|bytes| bytes as u64 <= MOST);
    let Some(expected) = count.filter(fits).filter(|_| shape.len() <= MAX_RANK).map(|n| n * element.size) else {
        let what = format!("has the shape {shape:?}: expected at most {MAX_RANK} axes and {} GiB", MOST >> 30);
        return Err((what, "save fewer samples, or several files; or it is damaged".to_owned()));
    };
    // One more than expected, to see whether the file is longer.
    let mut data = Vec::new();
    let found = from.take(expected as u64 + 1).read_to_end(&mut data).map_err(broken)?;
    if found != expected {
        let found = if found > expected { "more".to_owned() } else { format!("{found} bytes") };
        return Err(damaged(format!("has the shape {shape:?}, {expected} bytes, but holds {found}")));
    }
    let numbers =
        element.numbers(data).map_err(|n| (format!("holds {n}: expected numbers below 2^63"), TYPES.to_owned()))?;
    let numbers = if fortran == "True" { row_major(numbers, &shape) } else { numbers };
    Ok(NpyArray { shape, numbers })
}

/// Returns the same array, whose first axis moved fastest, with the last one moving fastest.
fn row_major(numbers: Numbers, shape: &[usize]) -> Numbers {
    fn turned<V: Clone>(values: Vec<V>, shape: &[usize]) -> Vec<V> {
        let array = ArrayD::from_shape_vec(IxDyn(shape).f(), values).expect("npz: the numbers fill the shape");
        array.iter().cloned().collect()
    }
    match numbers {
        Numbers::F32(v) => Numbers::F32(turned(v, shape)),
        Numbers::F64(v) => Numbers::F64(turned(v, shape)),
        Numbers::U8(v) => Numbers::U8(turned(v, shape)),
        Numbers::I64(v) => Numbers::I64(turned(v, shape)),
        Numbers::Text(v) => Numbers::Text(turned(v, shape)),
    }
}

impl Numbers {
    /// Rounded to `f32`, where need be; `None` for strings.
    pub(super) fn to_f32(&self) -> Option<Vec<f32>> {
        Some(match self {
            Numbers::F32(v) => v.clone(),
            Numbers::F64(v) => v.iter().map(|&x| x as f32).collect(),
            Numbers::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Numbers::I64(v) => v.iter().map(|&x| x as f32).collect(),
            Numbers::Text(_) => return None,
        })
    }

    /// Returns each element as a word: `7`, `0.5`, `cat`. Equal numbers are equal words.
    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Numbers::F32(v) => v.iter().map(|&x| (x + 0.0).to_string()).collect(),
            Numbers::F64(v) => v.iter().map(|&x| (x + 0.0).to_string()).collect(),
            Numbers::U8(v) => v.iter().map(u8::to_string).collect(),
            Numbers::I64(v) => v.iter().map(i64::to_string).collect(),
            Numbers::Text(v) => v.iter().map(|word| word.trim().to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Result<NpyArray, Fault> {
        let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        parse(&[b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()[..])
    }

    #[test]
    fn every_type_in_both_orders_of_bytes() {
        let read = |descr: &str, data: &[u8]| npy(&format!("'{descr}'"), "False", "(2,)", data).unwrap().numbers;
        assert_eq!(read("|b1", &[0, 1]), Numbers::I64(vec![0, 1]));
        assert_eq!(read("|i1", &[0xff, 3]), Numbers::I64(vec![-1, 3]));
        assert_eq!(read("|u1", &[0xff, 3]), Numbers::U8(vec![255, 3]));
        for (little, big) in [("<", false), (">", true)] {
            let order = |mut bytes: Vec<u8>, size: usize| {
                bytes.chunks_mut(size).filter(|_| big).for_each(<[u8]>::reverse);
                bytes
            };
            let word = |rest: &str| format!("{little}{rest}");
            let i16s = order([(-2i16).to_le_bytes(), 300i16.to_le_bytes()].concat(), 2);
            assert_eq!(read(&word("i2"), &i16s), Numbers::I64(vec![-2, 300]));
            assert_eq!(read(&word("u2"), &i16s), Numbers::I64(vec![65_534, 300]));
            let i32s = order([(-70_000i32).to_le_bytes(), 7i32.to_le_bytes()].concat(), 4);
            assert_eq!(read(&word("i4"), &i32s), Numbers::I64(vec![-70_000, 7]));
            assert_eq!(read(&word("u4"), &i32s), Numbers::I64(vec![4_294_897_296, 7]));
            let i64s = order([(-5i64).to_le_bytes(), (1i64 << 40).to_le_bytes()].concat(), 8);
            assert_eq!(read(&word("i8"), &i64s), Numbers::I64(vec![-5, 1 << 40]));
            assert!(
                npy(&format!("'{little}u8'"), "False", "(2,)", &i64s).unwrap_err().0.contains("18446744073709551611")
            );
            let halves = order([0x3c00u16.to_le_bytes(), 0xc500u16.to_le_bytes()].concat(), 2);
            assert_eq!(read(&word("f2"), &halves), Numbers::F32(vec![1.0, -5.0]));
            let floats = order([0.1f32.to_le_bytes(), 3f32.to_le_bytes()].concat(), 4);
            assert_eq!(read(&word("f4"), &floats), Numbers::F32(vec![0.1, 3.0]));
            let doubles = order([0.1f64.to_le_bytes(), 3f64.to_le_bytes()].concat(), 8);
            assert_eq!(read(&word("f8"), &doubles), Numbers::F64(vec![0.1, 3.0]));
            let letters: Vec<u8> = "cat\0ß\0\0\0".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
            assert_eq!(read(&word("U4"), &order(letters, 4)), Numbers::Text(vec!["cat".into(), "ß".into()]));
        }
        assert_eq!(read("|S3", b"catno\0"), Numbers::Text(vec!["cat".into(), "no".into()]));
    }

    #[test]
    fn half_precision_at_its_edges() {
        // The smallest subnormal, the largest of them, the smallest normal, the largest number.
        let values = [(0x0001, 5.960_464_5e-8), (0x03ff, 6.097_555e-5), (0x0400, 6.103_515_6e-5), (0x7bff, 65_504.0)];
        for (bits, value) in values {
            assert_eq!((half(bits), half(bits | 0x8000)), (value, -value));
        }
        assert!(half(0x7c00) == f32::INFINITY && half(0x7e00).is_nan() && half(0) == 0.0);
    }

    #[test]
    fn columns_first_is_turned() {
        // numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) has its columns one after the other.
        let array = npy("'|u1'", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]).unwrap();
        assert_eq!(array, NpyArray { shape: vec![2, 3], numbers: Numbers::U8(vec![1, 2, 3, 4, 5, 6]) });
        let data: Vec<u8> = (0..24).collect();
        let Numbers::U8(turned) = npy("'|u1'", "True", "(2, 3, 4)", &data).unwrap().numbers else { panic!("bytes") };
        assert!((0..24).all(|i| usize::from(turned[i]) == (i / 12) + (i / 4 % 3) * 2 + (i % 4) * 6), "{turned:?}");
        assert_eq!(npy("'|u1'", "True", "(3,)", &[1, 2, 3]).unwrap().numbers, Numbers::U8(vec![1, 2, 3]));
    }

    #[test]
    fn what_is_not_read_says_what_is() {
        for (descr, words) in [
            ("'|O'", "Python objects"),
            ("'<c8'", "`<c8`"),
            ("'<f16'", "`<f16`"),
            ("'<M8[ns]'", "`<M8[ns]`"),
            ("[('a', '<f4')]", "records of several fields"),
        ] {
            let (what, help) = npy(descr, "False", "(2,)", &[0; 16]).unwrap_err();
            assert!(what.contains(words) && help.contains("sav"), "{what} {help}");
        }
        // Eight bytes each in memory, though one in the file.
        assert!(npy("'|i1'", "False", "(1073741824,)", &[]).unwrap_err().0.contains("4 GiB"));
        assert!(npy("'<i8'", "False", "(4611686018427387904, 4)", &[]).unwrap_err().0.contains("4 GiB"));
    }
}
