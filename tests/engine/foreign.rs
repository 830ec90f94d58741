//! Files that other programs wrote, damaged files, and, where other programs are available, what these make of ours.

use crate::export::{conv, largest_difference, linear, networks, rng, run, samples};
use gradus::export::onnx::Network;
use gradus::export::{Format, npz, onnx, write};
use gradus::nn::state::{self, state_dict, to_safetensors};
use gradus::nn::{Activation, AvgPool2d, Flatten, Join, MaxPool2d, Parallel, Residual, Sequential};
use gradus::ops::{self, Padding, Window};
use gradus::tensor::Tensor;
use gradus::{Error, Result};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A network that the `onnx` package put together, with what ONNX Runtime makes of it; see golden/make_onnx.py. It has
/// every operator of the subset, so the names of the settings are the standard's and not just our own.
#[test]
fn a_file_of_the_onnx_package_gives_onnx_runtimes_output() {
    let network = Network::from_bytes(include_bytes!("../golden/network.onnx")).unwrap();
    let values = state::from_safetensors::<f32>(include_bytes!("../golden/network.safetensors")).unwrap();
    let output = network.run(&values["input"]).unwrap();
    let error = largest_difference(&output, &values["output"]);
    assert!(error <= 1e-5, "off by {error}");
}

/// `bytes` with the first `from` as `to`, which is as long.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).expect("it is in there");
    [&bytes[..at], to.as_bytes(), &bytes[at + to.len()..]].concat()
}

#[test]
fn foreign_files_are_refused_by_name() {
    let (_, model, input) = networks().swap_remove(0);
    let (bytes, _) = onnx::export(&*model, &samples(&input)).unwrap();
    for (from, to, why) in [
        ("Relu", "Sqrt", "node block1.relu: operator Sqrt is not known"),
        ("Gemm", "Gumm", "node fc1: operator Gumm is not known"),
        ("dilations", "directions", "node block1.conv: Conv: setting direction is not known"),
        ("transB", "transA", "node fc1: setting transB is known as 1 only"),
        ("kernel_shape", "kernel_scope", "node block1.conv: Conv: setting kernel_scope is not known"),
        ("block1.conv.bias", "block1.conv.bill", "node block1.conv: it takes block1.conv.bill"),
        ("block1.relu", "block1.rely", "node block1.pool: it takes block1.relu, which is neither"),
    ] {
        let error = Network::from_bytes(&replaced(&bytes, from, &to[..from.len()])).unwrap_err();
        assert!(matches!(error, Error::State(_)) && error.to_string().contains(why), "{error}");
    }
    let error = Network::from_bytes(b"PK\x03\x04 this is something else").unwrap_err();
    assert!(error.to_string().contains("damaged, or not ONNX"), "{error}");
    assert!(Network::from_bytes(b"").is_err());
}

/// A NumPy array file with this description of its numbers, which begin at a multiple of 64 bytes.
fn array(header: &str, data: &[u8]) -> Vec<u8> {
    let spaces = 63 - (10 + header.len()) % 64;
    let header = format!("{header}{}\n", " ".repeat(spaces));
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// An archive with one such file in it, its checksum correct.
fn archive(array: &[u8], compression: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("fc.weight.npy", SimpleFileOptions::default().compression_method(compression)).unwrap();
    zip.write_all(array).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn arrays_are_read_as_numpy_describes_them() {
    let read = |header: &str| {
        let data: Vec<u8> = [1.5f32, -2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        npz::from_bytes(&archive(&array(header, &data), CompressionMethod::Stored))
    };
    let expected = [("fc.weight".to_owned(), Tensor::new(vec![1.5, -2.0, 3.0], [3, 1]).unwrap())].into();
    assert_eq!(read("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }").unwrap(), expected);
    for wrong in [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 1), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3, 1), }",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 1, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 3), }",
        // Claims of more memory than there is, and a nest that would be deeper than a parser's stack.
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }",
        &"(".repeat(60_000),
    ] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(error.starts_with("fc.weight: "), "{error}");
    }
    let compressed = archive(&array("", &[0; 64]), CompressionMethod::Deflated);
    assert!(npz::from_bytes(&compressed).unwrap_err().to_string().contains("numpy.savez"));
}

/// Every beginning of a file, and the file with each of its bytes changed and with several: an error or another
/// network, but no panic and no endless memory.
fn survive(bytes: &[u8], read: impl Fn(&[u8]) -> Result<()>) {
    for len in 0..bytes.len() {
        let _ = read(&bytes[..len]);
    }
    let mut damaged = bytes.to_vec();
    for at in 0..bytes.len() {
        for change in [0x01, 0x40, 0x80, 0xff] {
            damaged[at] ^= change;
            let _ = read(&damaged);
            damaged[at] = bytes[at];
        }
    }
    let mut rng = rng(7);
    for _ in 0..2000 {
        let mut damaged = bytes.to_vec();
        for _ in 0..2 + rng.below(6) {
            damaged[rng.below(bytes.len())] = rng.below(256) as u8;
        }
        let _ = read(&damaged);
    }
}

#[test]
fn damaged_files_do_no_harm() {
    let model = Sequential::new()
        .with("conv", conv(1, 2, [2, 2], ops::Conv2d { padding: Padding::Same, ..Default::default() }))
        .with("relu", Activation::Relu)
        .with("pool", MaxPool2d(Window::square(2)))
        .with("average", AvgPool2d(Window::square(1)))
        .with("flatten", Flatten)
        .with("leaky", Activation::LeakyRelu)
        .with("out", linear(8, 2));
    let x = samples(&[1, 4, 4]);
    let (bytes, _) = onnx::export(&model, &x).unwrap();
    survive(&bytes, |bytes| Network::from_bytes(bytes)?.run(&x).map(drop));
    let branches =
        Parallel::new(Join::Concat).with("a", Sequential::new().with("fc", linear(3, 2))).with("b", Sequential::new());
    let branched = Sequential::new()
        .with("wide", branches)
        .with("block", Residual::new(Sequential::new().with("fc", linear(5, 5))));
    let x3 = samples(&[2, 3]);
    // Along axis 1 two rows of two numbers and two of three do not meet; of vectors all is well.
    assert!(onnx::export(&branched, &x3).is_err());
    let x3 = samples(&[3]);
    let (bytes, _) = onnx::export(&branched, &x3).unwrap();
    survive(&bytes, |bytes| Network::from_bytes(bytes)?.run(&x3).map(drop));
    let golden = include_bytes!("../golden/network.onnx");
    let input =
        state::from_safetensors::<f32>(include_bytes!("../golden/network.safetensors")).unwrap()["input"].clone();
    survive(golden, |bytes| Network::from_bytes(bytes)?.run(&input.gather(&[0])).map(drop));

    let small = state_dict(&linear(2, 2));
    survive(&npz::to_bytes(&small).unwrap(), |bytes| npz::from_bytes(bytes).map(drop));
    let array = array("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", &[1; 16]);
    survive(&array, |array| npz::from_bytes(&archive(array, CompressionMethod::Stored)).map(drop));
    survive(&to_safetensors(&small).unwrap(), |bytes| state::from_safetensors::<f32>(bytes).map(drop));
}

// ---- other programs ---------------------------------------------------------------------------------------------

/// With `GRADUS_PEERS_PYTHON` set to a Python that has torch, safetensors, onnx and onnxruntime: the ONNX checker
/// accepts every file, and ONNX Runtime, PyTorch and NumPy get from the files what the networks gave.
#[test]
fn other_programs_get_the_same_outputs() {
    let Some(python) = std::env::var_os("GRADUS_PEERS_PYTHON") else {
        eprintln!("skipped: GRADUS_PEERS_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, model, input) in networks() {
        let x = samples(&input);
        for format in Format::ALL {
            write(&*model, &input, format, &folder.path().join(format!("{name}.{format}")), &x).unwrap();
        }
        let values = [("input".to_owned(), x.clone()), ("output".to_owned(), run(&*model, &x))].into();
        fs::write(folder.path().join(format!("{name}.values")), to_safetensors(&values).unwrap()).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/export_check.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let (said, faults) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{faults}");
    println!("{said}");
}
