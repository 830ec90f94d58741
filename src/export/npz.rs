//! NPZ: NumPy's archive of arrays, a zip file with one `.npy` file for each parameter.
//!
//! `numpy.load("weights.npz")["block1.conv.weight"]` gives a parameter back: names are the parameters' paths, shapes are
//! PyTorch's. As `numpy.savez` does, the arrays are stored uncompressed; trained weights hardly compress.

use crate::error::{Error, Result};
use crate::nn::state::State;
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use ndarray::{ArrayViewD, IxDyn};
use ndarray_npy::{ViewNpyExt, WriteNpyExt};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Bytes of an array's header: magic, version and length take ten, the description of a plain array about eighty.
const LONGEST_HEADER: usize = 1024;

/// An array's numbers begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// The bytes of an NPZ file with this state.
pub fn to_bytes(state: &State<f32>) -> Result<Vec<u8>> {
    let failed =
        |name: &str, e: &dyn std::fmt::Display| Error::State(format!("{name}: cannot go into an NPZ file: {e}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, tensor) in state {
        let array = ArrayViewD::from_shape(IxDyn(tensor.shape()), tensor.data()).expect("contiguous by construction");
        let mut bytes = Vec::with_capacity(tensor.numel() * 4 + 128);
        array.write_npy(&mut bytes).map_err(|e| failed(name, &e))?;
        archive.start_file(format!("{name}.npy"), stored).map_err(|e| failed(name, &e))?;
        archive.write_all(&bytes).map_err(|e| failed(name, &e))?;
    }
    Ok(archive.finish().map_err(|e| failed("the archive", &e))?.into_inner())
}

/// The state in the bytes of an NPZ file: uncompressed arrays of `f32` in C order.
pub fn from_bytes(bytes: &[u8]) -> Result<State<f32>> {
    let wrong = |what: &dyn std::fmt::Display| Error::State(format!("this is not a whole NPZ file: {what}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| wrong(&e))?;
    let mut state = State::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| wrong(&e))?;
        let file = entry.name().map_err(|e| wrong(&e))?.into_owned();
        let name = file.strip_suffix(".npy").unwrap_or(&file).to_owned();
        if entry.compression() != CompressionMethod::Stored {
            return Err(Error::State(format!("{name}: is compressed; numpy.savez writes what is read here")));
        }
        let mut array = Vec::new();
        entry.read_to_end(&mut array).map_err(|e| wrong(&format!("{name}: {e}")))?;
        let tensor = read_array(&array).map_err(|what| Error::State(format!("{name}: {what}")))?;
        state.insert(name, tensor);
    }
    Ok(state)
}

/// The tensor in the bytes of a `.npy` file.
///
/// The array is looked at in place, so a header that claims more than there is costs no memory; for that its numbers
/// must lie as the processor wants them. A header that is longer than any needed is not parsed.
fn read_array(bytes: &[u8]) -> Result<Tensor, String> {
    let header = match bytes {
        [_, _, _, _, _, _, 1, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
        _ => return Err("is not an array of NumPy's".into()),
    };
    if header > LONGEST_HEADER {
        return Err(format!("has a header of {header} bytes; an array of numbers needs no more than {LONGEST_HEADER}"));
    }
    let mut room = vec![0; bytes.len() + ALIGNMENT];
    let start = room.as_ptr().align_offset(ALIGNMENT);
    let aligned = &mut room[start..start + bytes.len()];
    aligned.copy_from_slice(bytes);
    let array = ArrayViewD::<f32>::view_npy(aligned).map_err(|e| e.to_string())?;
    match array.as_slice() {
        Some(data) if array.ndim() <= MAX_RANK => Tensor::new(data.to_vec(), array.shape()).map_err(|e| e.to_string()),
        Some(_) => Err(format!("has {} axes; at most {MAX_RANK} are taken", array.ndim())),
        None => Err("is in Fortran's order; numpy.ascontiguousarray turns it".into()),
    }
}
