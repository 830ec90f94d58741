//! IDX files: the format in which MNIST and similar sets are distributed.
//!
//! Big-endian: two zero bytes, the type of the numbers (8 for `u8`, the only one that occurs), the number of axes, the
//! size of each axis in four bytes, then the numbers in row-major order; the whole perhaps gzipped.
//!
//! The header is not trusted. It may declare 1 GiB at most, no more is unpacked than it declares, memory grows only
//! with the bytes that are there, and the numbers must end exactly where the file ends. So a damaged file can neither
//! claim memory nor be misread, and reading a few bytes that unpack to terabytes stops after the first ones.

use crate::error::{Error, Result};
use crate::files;
use crate::shape::MAX_RANK;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most numbers that a file may hold: 1 GiB, twenty times MNIST.
pub const MOST: usize = 1 << 30;
const DAMAGED: &str = "get the file again; it is damaged or not an IDX file";
/// The type of `u8` numbers.
const U8: u8 = 8;

/// What is wrong, and what to do.
type Fault = (String, &'static str);

/// An array of bytes: images `[N, H, W]`, or labels `[N]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sizes of the axes, 1 to [`MAX_RANK`] of them.
    pub shape: Vec<usize>,
    /// The numbers, in row-major order.
    pub data: Vec<u8>,
}

impl Idx {
    /// Reads a file, plain or gzipped. Fails with [`Error::Data`] if it is missing, damaged, or of numbers other than
    /// `u8`.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = files::open_regular(path)
            .map_err(|e| Error::data(path, format!("cannot be opened: {e}"), "check the path"));
        Self::parse(BufReader::new(file?)).map_err(|(what, help)| Error::data(path, what, help))
    }

    /// Parses a file's bytes, plain or gzipped.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).map_err(|(what, help)| Error::data("IDX", what, help))
    }

    fn parse(mut from: impl BufRead) -> Result<Self, Fault> {
        let gzipped = from.fill_buf().map_err(broken)?.starts_with(&GZIP);
        if gzipped { Self::plain(MultiGzDecoder::new(from)) } else { Self::plain(from) }
    }

    fn plain(mut from: impl Read) -> Result<Self, Fault> {
        let head: [u8; 4] = exactly(&mut from)?;
        let [0, 0, kind, rank] = head else {
            return Err(("does not begin like an IDX file".into(), DAMAGED));
        };
        if kind != U8 {
            return Err((format!("holds numbers of type {kind:#04x}"), "only bytes (type 0x08) are taken"));
        }
        let rank = usize::from(rank);
        if rank == 0 || rank > MAX_RANK {
            return Err((format!("has {rank} axes; 1 to {MAX_RANK} are taken"), DAMAGED));
        }
        let mut shape = vec![0; rank];
        for size in &mut shape {
            *size = u32::from_be_bytes(exactly(&mut from)?) as usize;
        }
        let numbers = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size)).filter(|&n| n <= MOST);
        let Some(numbers) = numbers else {
            return Err((format!("has a header for {shape:?}; at most {MOST} numbers are taken"), DAMAGED));
        };
        // One more than expected, to see whether the file is longer.
        let mut data = Vec::new();
        let found = from.take(numbers as u64 + 1).read_to_end(&mut data).map_err(broken)?;
        if found != numbers {
            let found = if found > numbers { "more".to_owned() } else { found.to_string() };
            return Err((format!("has a header for {shape:?}, {numbers} numbers, but holds {found}"), DAMAGED));
        }
        Ok(Self { shape, data })
    }

    /// Returns the header.
    fn header(&self) -> Vec<u8> {
        let mut header = vec![0, 0, U8, self.shape.len() as u8];
        for &size in &self.shape {
            header.extend(u32::try_from(size).expect("Idx: an axis fits four bytes").to_be_bytes());
        }
        header
    }

    /// Returns the bytes of a file. Panics if the numbers do not fill the shape, or an axis is longer than 2³² - 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        assert_eq!(self.shape.iter().product::<usize>(), self.data.len(), "Idx: numbers and shape");
        [self.header(), self.data.clone()].concat()
    }

    /// Returns the SHA-256 of [`Idx::to_bytes`], which is that of the unpacked file.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.feed(&mut hash);
        hash.finalize().into()
    }

    /// Feeds [`Idx::to_bytes`] to a hash.
    pub(crate) fn feed(&self, hash: &mut Sha256) {
        hash.update(self.header());
        hash.update(&self.data);
    }
}

/// Returns the next `N` bytes.
fn exactly<const N: usize>(from: &mut impl Read) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => ("ends within its header".into(), DAMAGED),
        _ => broken(e),
    })?;
    Ok(bytes)
}

fn broken(e: std::io::Error) -> Fault {
    (format!("cannot be read or unpacked: {e}"), DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn refused(bytes: &[u8]) -> String {
        Idx::parse(bytes).expect_err("damaged").0
    }

    #[test]
    fn what_was_written_comes_back() {
        for shape in [vec![5], vec![2, 3, 4], vec![0, 28, 28], vec![1, 2, 1, 2, 1, 2]] {
            let n: usize = shape.iter().product();
            let idx = Idx { shape, data: (0..n).map(|i| i as u8).collect() };
            let bytes = idx.to_bytes();
            assert_eq!(idx.sha256(), <[u8; 32]>::from(Sha256::digest(&bytes)));
            assert_eq!(Idx::parse(&gzip(&bytes)[..]).as_ref(), Ok(&idx));
            assert_eq!(Idx::parse(&bytes[..]), Ok(idx));
        }
        // MNIST's labels begin like this: type 8, one axis, 60,000.
        let labels = Idx { shape: vec![60_000], data: vec![7; 60_000] };
        assert_eq!(labels.to_bytes()[..8], [0, 0, 8, 1, 0, 0, 0xea, 0x60]);
    }

    #[test]
    fn a_header_is_not_believed() {
        let whole = Idx { shape: vec![3, 2], data: vec![1; 6] }.to_bytes();
        for end in 0..whole.len() {
            assert!(Idx::parse(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(refused(&[whole.clone(), vec![0]].concat()).contains("6 numbers, but holds more"));
        // 2³² - 1 on every axis: the product does not fit, and nothing may be allocated for it.
        assert!(refused(&[vec![0, 0, 8, 3], vec![0xff; 12]].concat()).contains("at most 1073741824 numbers"));
        assert!(refused(&[vec![0, 0, 8, 200], vec![0; 800]].concat()).contains("200 axes"));
        assert!(refused(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).contains("type 0x0d"));
        assert!(refused(b"PNG, say").contains("does not begin"));
        assert!(refused(b"").contains("ends within its header"));
    }

    #[test]
    fn a_gzip_file_is_not_believed_either() {
        let whole = gzip(&Idx { shape: vec![40], data: (0..40).collect() }.to_bytes());
        for end in 0..whole.len() {
            assert!(Idx::parse(&whole[..end]).is_err(), "cut at {end}");
        }
        let mut wrong_sum = whole.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert!(refused(&wrong_sum).contains("cannot be read or unpacked"));
    }
}
