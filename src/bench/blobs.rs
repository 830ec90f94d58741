//! Gaussian blobs in files of NumPy's format, the data of the benchmarks in several programs.
//!
//! A file is made once, from a seed, and then only read. Sample i belongs to a cluster drawn at random; each row is
//! drawn from a stream of its own, so the files have the same bytes on any number of threads.

use super::nets::SEED;
use crate::error::{Error, Result};
use crate::files;
use crate::rng::Rng;
use gradus_kernels::parallel;
use ndarray::{Array2, Axis};
use std::path::{Path, PathBuf};

/// A set of Gaussian blobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blobs {
    /// The file's name begins with it, and so does the random stream.
    pub name: &'static str,
    /// Samples.
    pub n: usize,
    /// Dimensions.
    pub d: usize,
    /// Clusters.
    pub clusters: usize,
    /// Centres: uniform on the unit cube, or normal with this standard deviation.
    pub centres: Centres,
    /// Standard deviation about the centres.
    pub spread: f64,
}

/// Where the centres of blobs lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Centres {
    /// Uniform on [0, 1) in each dimension.
    Cube,
    /// Normal about 0, with this standard deviation.
    Normal(f64),
}

/// Rows that one piece of parallel work draws.
const PIECE: usize = 512;

impl Blobs {
    /// Returns the first `n` samples of the file in `folder`, which is written if it does not exist.
    pub fn load(&self, folder: &Path, n: usize) -> Result<Array2<f32>> {
        let path = self.path(folder);
        if !path.exists() {
            files::write_atomic(&path, &to_npy(&self.draw()))?;
        }
        let whole = from_npy(&path)?;
        if whole.dim() != (self.n, self.d) || n > self.n {
            let (expected, got) = ((self.n, self.d), whole.dim());
            return Err(Error::data(
                &path,
                format!("holds {got:?} numbers, not {expected:?}"),
                "delete it: it will be written again",
            ));
        }
        Ok(if n == self.n { whole } else { whole.view().split_at(Axis(0), n).0.to_owned() })
    }

    /// Returns the path of the file.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{}x{}.npy", self.name, self.n, self.d))
    }

    fn draw(&self) -> Array2<f32> {
        let mut rng = Rng::new(SEED, self.name, u64::MAX);
        let centre = |_| match self.centres {
            Centres::Cube => rng.uniform(),
            Centres::Normal(deviation) => deviation * rng.normal(),
        };
        let centres: Vec<f64> = (0..self.clusters * self.d).map(centre).collect();
        let mut data = vec![0.0; self.n * self.d];
        parallel::chunks_unless(false, &mut data, PIECE * self.d, |piece, rows| {
            let mut rng = Rng::new(SEED, self.name, piece as u64);
            for row in rows.chunks_mut(self.d) {
                let centre = &centres[rng.below(self.clusters) * self.d..][..self.d];
                row.iter_mut().zip(centre).for_each(|(x, c)| *x = (c + self.spread * rng.normal()) as f32);
            }
        });
        Array2::from_shape_vec((self.n, self.d), data).expect("as many numbers as places")
    }
}

/// The first bytes of NumPy's format, version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Returns a matrix in NumPy's format: magic, the header's length, the header (padded to 64 bytes), the numbers.
pub fn to_npy(x: &Array2<f32>) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {:?}, }}", x.dim());
    while !(MAGIC.len() + 2 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = Vec::with_capacity(MAGIC.len() + 2 + header.len() + 4 * x.len());
    bytes.extend(MAGIC);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    x.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
    bytes
}

/// Reads what [`to_npy`] or NumPy wrote: row-major `f32` matrices only.
pub fn from_npy(path: &Path) -> Result<Array2<f32>> {
    let bytes = files::read(path)?;
    let parse = || {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, data) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let header = std::str::from_utf8(header).ok()?;
        if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
            return None;
        }
        let (_, shape) = header.split_once("'shape': (")?;
        let mut sizes = shape.split_once(')')?.0.split(',').map(|size| size.trim().parse::<usize>().ok());
        let (rows, cols) = (sizes.next()??, sizes.next()??);
        let numbers = rows.checked_mul(cols)?.checked_mul(4).filter(|&n| n == data.len());
        numbers?;
        let data = data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Array2::from_shape_vec((rows, cols), data).ok()
    };
    parse().ok_or_else(|| {
        Error::data(
            path,
            "is not a matrix of f32 in NumPy's format, or is damaged",
            "write it with numpy.save; C order, float32",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Blobs =
        Blobs { name: "test", n: 1200, d: 3, clusters: 4, centres: Centres::Normal(50.0), spread: 1.0 };

    #[test]
    fn a_file_is_written_once_and_damage_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let whole = SMALL.load(folder.path(), 1200).unwrap();
        assert_eq!(whole, SMALL.draw());
        assert_eq!(SMALL.load(folder.path(), 7).unwrap(), whole.view().split_at(Axis(0), 7).0);
        let bytes = files::read(SMALL.path(folder.path())).unwrap();
        assert_eq!((bytes.len() - 4 * 3600) % 64, 0);
        for end in [0, 5, 9, 60, bytes.len() - 1] {
            std::fs::write(SMALL.path(folder.path()), &bytes[..end]).unwrap();
            assert_eq!(SMALL.load(folder.path(), 7).unwrap_err().exit_code(), 3, "cut at {end}");
        }
    }

    /// Far apart, the blobs are distinguished by their distance: each sample has a neighbour, and the spread is 1.
    #[test]
    fn blobs_lie_about_their_centres() {
        let x = SMALL.draw();
        let near = x.rows().into_iter().skip(1).filter(|row| (row - &x.row(0)).iter().all(|d| d.abs() < 8.0));
        let near: Vec<_> = near.collect();
        assert!((200..400).contains(&near.len()), "{} of 1200 are in the first one's blob", near.len());
        let mean = near.iter().map(|row| row[0]).sum::<f32>() / near.len() as f32;
        let variance = near.iter().map(|row| (row[0] - mean) * (row[0] - mean)).sum::<f32>() / near.len() as f32;
        assert!((0.75..1.3).contains(&variance), "{variance}");
    }
}
