//! An exported network alone gives the run's own predictions on raw pixels: scale before it, probabilities after it,
//! and words about both inside the file.

use crate::common::{empty_folder, gradus, png, write_images};
use gradus::data::read_image;
use gradus::export::onnx::Network;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A file for the images in `data`, with these settings and this last activation.
fn experiment(data: &str, train: &str, end: &str) -> String {
    format!(
        r#"name = "net"
[data]
kind = "folder"
path = "data"
size = 16
color = "gray"
val = 0.25
test = 0.25
{data}
[[model.layer]]
type = "conv2d"
filters = 4
kernel = 3
[[model.layer]]
type = "relu"
[[model.layer]]
type = "flatten"
[[model.layer]]
type = "linear"
units = 0
{end}
[train]
batch = 8
epochs = 3
{train}
[train.optimizer]
kind = "adam"
lr = 0.01
"#
    )
}

fn probabilities(prediction: &Value) -> Vec<f64> {
    prediction["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect()
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn the_file_alone_predicts_what_the_run_predicts() {
    let log_softmax = "[[model.layer]]\ntype = \"log_softmax\"";
    for (name, classes, data, train, end) in [
        ("standard", &["a", "b", "c"][..], "", "", ""),
        ("each", &["a", "b"][..], "normalize = \"per_image\"", "loss = \"bce_with_logits\"", ""),
        ("none", &["a", "b", "c"][..], "normalize = \"none\"", "loss = \"nll\"", log_softmax),
    ] {
        let folder = empty_folder(&format!("deployed-{name}"));
        write_images(&folder.join("data"), classes, 16);
        fs::write(folder.join("net.toml"), experiment(data, train, end)).unwrap();
        gradus(&folder, &["train", "net.toml", "--out", "run"]).says(0, &[]);
        let exported = gradus(&folder, &["export", "run", "--to", "onnx", "--out", "net.onnx", "--json"]);
        let said = exported.says(0, &[]).json();
        assert!(said["largest_error"].as_f64().unwrap() < 1e-5, "{name}: {said}");

        let images: Vec<String> = (0..2 * classes.len()).map(|i| format!("new{i}.png")).collect();
        for (i, image) in images.iter().enumerate() {
            fs::write(folder.join(image), png(i % classes.len(), 90 + i as u32)).unwrap();
        }
        let arguments: Vec<&str> =
            ["predict", "run", "--json"].into_iter().chain(images.iter().map(String::as_str)).collect();
        let predicted = gradus(&folder, &arguments).says(0, &[]).json();

        let network = Network::from_bytes(&fs::read(folder.join("net.onnx")).unwrap()).unwrap();
        let about = network.metadata();
        assert_eq!(serde_json::from_str::<Vec<String>>(&about["classes"]).unwrap(), classes, "{name}");
        assert_eq!((about["input_layout"].as_str(), about["input_color"].as_str()), ("NCHW", "gray"));
        assert_eq!(about["input_range"], "0 to 1: byte / 255");
        assert_eq!(network.input(), [1, 16, 16]);
        for (image, prediction) in images.iter().zip(predicted.as_array().unwrap()) {
            let output = network.run(&read_image(&folder.join(image), 1, 16).unwrap()).unwrap();
            let mut found: Vec<f64> = output.data().iter().map(|&p| f64::from(p)).collect();
            if about["output"] == "probability of the second class" {
                found.insert(0, 1.0 - found[0]);
            }
            assert!(close(&found, &probabilities(prediction)), "{name}: {found:?}, the run {prediction}");
        }
        by_onnx_runtime(&folder, &images, &predicted);
    }
}

/// With `GRADUS_PEERS_PYTHON` set to a Python that has onnxruntime and pillow, the same by ONNX Runtime.
fn by_onnx_runtime(folder: &Path, images: &[String], predicted: &Value) {
    let Some(python) = std::env::var_os("GRADUS_PEERS_PYTHON") else {
        eprintln!("skipped: GRADUS_PEERS_PYTHON is not set");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/predict_onnx.py");
    let ran = Command::new(python).current_dir(folder).arg(script).arg("net.onnx").args(images).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found: Value = serde_json::from_slice(&ran.stdout).unwrap();
    for (found, expected) in found.as_array().unwrap().iter().zip(predicted.as_array().unwrap()) {
        assert_eq!(found["class"], expected["class"]);
        assert!(close(&probabilities(found), &probabilities(expected)), "{found}, the run {expected}");
    }
}

#[test]
fn what_a_file_does_not_compute_is_in_its_metadata() {
    let folder = empty_folder("deployed-hog");
    write_images(&folder.join("data"), &["a", "b"], 16);
    let hog = experiment("features = \"hog\"\n[data.hog]\ncell = [4, 4]\nblock = [1, 1]", "", "");
    let linear = hog.find("[[model.layer]]\ntype = \"conv2d\"").unwrap()
        ..hog.find("[[model.layer]]\ntype = \"linear\"").unwrap();
    fs::write(folder.join("net.toml"), hog.replace(&hog[linear], "")).unwrap();
    gradus(&folder, &["train", "net.toml", "--out", "run"]).says(0, &[]);
    let exported = gradus(&folder, &["export", "run", "--to", "onnx"]);
    let words = &exported.says(0, &[]).out;
    for part in [
        "onnxruntime.InferenceSession(",
        "histograms of oriented gradients, which this file does not compute",
        "[N, 144]",
    ] {
        assert!(words.contains(part), "{words}");
    }
    let weights = gradus(&folder, &["export", "run", "--to", "npz"]);
    assert!(weights.says(0, &[]).out.contains("numpy.load("), "{weights:?}");
}
