//! IDX files: the format in which MNIST and its like are given away.
//!
//! Big-endian: two zero bytes, the type of the numbers (8 for `u8`, the only one in use), the number of axes, the size of
//! each axis in four bytes, then the numbers in row-major order. The header is not believed: the sizes must account for
//! the file's length exactly, so that a damaged file can neither ask for memory nor be read askew.

use crate::error::{Error, Result};
use crate::files;
use crate::shape::MAX_RANK;
use std::io::Read;
use std::path::Path;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most bytes that a file may unpack to.
const MOST: u64 = 4 << 30;
const DAMAGED: &str = "get the file again; it is damaged or not an IDX file";

/// Unpacks a gzip file, up to [`MOST`] bytes.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, (String, &'static str)> {
    let mut unpacked = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).take(MOST + 1).read_to_end(&mut unpacked);
    read.map_err(|e| (format!("cannot be unpacked: {e}"), DAMAGED))?;
    if unpacked.len() as u64 > MOST {
        return Err((format!("unpacks to more than {} GiB", MOST >> 30), DAMAGED));
    }
    Ok(unpacked)
}

/// The type of `u8` numbers.
const U8: u8 = 8;

/// An array of bytes: images `[N, H, W]`, or labels `[N]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The numbers, in row-major order.
    pub data: Vec<u8>,
}

impl Idx {
    /// Reads a file, plain or gzipped. Fails with [`Error::Data`] if it is damaged, or of numbers other than `u8`.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = files::read(path)?;
        let bytes = if bytes.starts_with(&GZIP) { unpack(&bytes) } else { Ok(bytes) };
        bytes.and_then(Self::parse).map_err(|(what, help)| Error::data(path, what, help))
    }

    /// The same of a file's bytes; the error is what is wrong and what to do.
    fn parse(mut bytes: Vec<u8>) -> Result<Self, (String, &'static str)> {
        let [0, 0, kind, rank, ..] = bytes[..] else {
            return Err(("does not begin like an IDX file".into(), DAMAGED));
        };
        if kind != U8 {
            return Err((format!("holds numbers of type {kind:#04x}"), "only bytes (type 0x08) are taken"));
        }
        let (rank, header) = (usize::from(rank), 4 + 4 * usize::from(rank));
        if rank == 0 || rank > MAX_RANK {
            return Err((format!("has {rank} axes; 1 to {MAX_RANK} are taken"), DAMAGED));
        }
        let Some(sizes) = bytes.get(4..header) else {
            return Err(("ends within its header".into(), DAMAGED));
        };
        let shape: Vec<usize> =
            sizes.chunks_exact(4).map(|b| u32::from_be_bytes(b.try_into().expect("four bytes")) as usize).collect();
        let numbers = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        let found = bytes.len() - header;
        if numbers != Some(found) {
            let wanted = numbers.map_or("more numbers than memory can hold".into(), |n| format!("{n} numbers"));
            return Err((format!("has a header for {shape:?}, {wanted}, but holds {found}"), DAMAGED));
        }
        bytes.drain(..header);
        Ok(Self { shape, data: bytes })
    }

    /// The bytes of a file. Panics if the numbers do not fill the shape, or an axis is longer than 2³² - 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        assert_eq!(self.shape.iter().product::<usize>(), self.data.len(), "Idx: numbers and shape");
        let mut bytes = vec![0, 0, U8, self.shape.len() as u8];
        for &size in &self.shape {
            bytes.extend(u32::try_from(size).expect("Idx: an axis fits four bytes").to_be_bytes());
        }
        bytes.extend(&self.data);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        Idx::parse(bytes.to_vec()).expect_err("damaged").0
    }

    #[test]
    fn what_was_written_comes_back() {
        for shape in [vec![5], vec![2, 3, 4], vec![0, 28, 28]] {
            let n: usize = shape.iter().product();
            let idx = Idx { shape, data: (0..n).map(|i| i as u8).collect() };
            assert_eq!(Idx::parse(idx.to_bytes()), Ok(idx));
        }
        // MNIST's labels begin like this: type 8, one axis, 60,000.
        let labels = Idx { shape: vec![60_000], data: vec![7; 60_000] };
        assert_eq!(labels.to_bytes()[..8], [0, 0, 8, 1, 0, 0, 0xea, 0x60]);
    }

    #[test]
    fn a_header_is_not_believed() {
        let whole = Idx { shape: vec![3, 2], data: vec![1; 6] }.to_bytes();
        for end in 0..whole.len() {
            assert!(Idx::parse(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
        assert!(refused(&[whole.clone(), vec![0]].concat()).contains("6 numbers, but holds 7"));
        // 2³² - 1 on every axis: the product does not fit, and nothing may be allocated for it.
        assert!(refused(&[vec![0, 0, 8, 3], vec![0xff; 12]].concat()).contains("more numbers than memory can hold"));
        assert!(refused(&[vec![0, 0, 8, 200], vec![0; 800]].concat()).contains("200 axes"));
        assert!(refused(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).contains("type 0x0d"));
        assert!(refused(b"PNG, say").contains("does not begin"));
    }
}
