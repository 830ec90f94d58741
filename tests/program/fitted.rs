//! Everything is fitted on the training split alone: with other images in validation and test, scales, clusters, class
//! weights and weights of the network stay the same to the bit. A threshold, and the best epoch, are chosen on
//! validation alone.

use crate::common::{empty_folder, gradus, json, png};
use gradus::experiment::{Prepared, Source};
use gradus::run::Unwatched;
use serde_json::Value;
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// The same image as a negative, so that every statistic of its pixels is another.
fn negative(bytes: &[u8]) -> Vec<u8> {
    let mut image = image::load_from_memory(bytes).unwrap();
    image.invert();
    let mut negative = Cursor::new(Vec::new());
    image.write_to(&mut negative, image::ImageFormat::Png).unwrap();
    negative.into_inner()
}

/// Two classes of unequal size in three given splits. In a split of `changed` each image is a negative, and there is
/// one more of the second class, so that the fractions of the classes are others too.
fn write_splits(folder: &Path, changed: &[&str]) {
    for (split, counts, seed) in [("train", [14, 6], 0), ("val", [6, 4], 100), ("test", [6, 4], 200)] {
        let other = changed.contains(&split);
        for (class, name) in ["a", "b"].into_iter().enumerate() {
            let class_folder = folder.join(split).join(name);
            fs::create_dir_all(&class_folder).unwrap();
            for i in 0..counts[class] + u32::from(other && class == 1) {
                let bytes = png(class, seed + i);
                let bytes = if other { negative(&bytes) } else { bytes };
                fs::write(class_folder.join(format!("{i}.png")), bytes).unwrap();
            }
        }
    }
}

fn experiment(features: &str, flatten: &str) -> String {
    format!(
        r#"name = "net"
[data]
kind = "folder"
path = "data"
size = 16
color = "gray"
features = "{features}"
[data.hog]
cell = [4, 4]
block = [1, 1]
{flatten}
[[model.layer]]
type = "linear"
units = 0
[train]
batch = 5
epochs = 4
loss = "bce_with_logits"
class_weights = "balanced"
[train.optimizer]
kind = "adam"
lr = 0.01
"#
    )
}

const FLATTEN: &str = "[[model.layer]]\ntype = \"flatten\"";
/// Splits that may change.
const OTHERS: [&[&str]; 3] = [&["val"], &["test"], &["val", "test"]];

#[test]
fn scales_and_class_weights_come_from_the_training_split() {
    let folder = empty_folder("fitted-scales");
    for (features, flatten) in [("pixels", FLATTEN), ("hog", ""), ("hand-crafted", "")] {
        let fitted = |changed: &[&str]| {
            let data = folder.join(format!("{features}-{}", changed.join("-")));
            write_splits(&data, changed);
            let mut source = Source::text(&experiment(features, flatten), "net").unwrap();
            source.set(&format!("data.path={}", data.display())).unwrap();
            let prepared = Prepared::new(&source.resolve().unwrap(), &mut Unwatched).unwrap();
            (prepared.preparation, prepared.fit.objective.class_weights, prepared.val.len())
        };
        let (preparation, weights, val) = fitted(&[]);
        assert!(preparation.normalization.is_some() || preparation.scaler.is_some());
        assert_eq!(weights, Some(vec![20.0 / 28.0, 20.0 / 12.0]));
        for changed in OTHERS {
            let other = fitted(changed);
            assert_eq!((&other.0, &other.1), (&preparation, &weights), "{features}, other {changed:?}");
            assert_eq!(other.2 == val, !changed.contains(&"val"), "the change has reached the data");
        }
        // The test would see it: another training split is another fit.
        let other = fitted(&["train"]);
        assert!(other.0 != preparation && other.1 != weights, "{features}");
    }
}

#[test]
fn a_threshold_and_the_best_epoch_are_chosen_on_validation() {
    let folder = empty_folder("fitted-threshold");
    let run = |changed: &[&str]| {
        let folder = folder.join(format!("other-{}", changed.join("-")));
        write_splits(&folder.join("data"), changed);
        fs::write(folder.join("net.toml"), experiment("pixels", FLATTEN)).unwrap();
        let metrics = gradus(&folder, &["train", "net.toml", "--out", "run", "--json"]).says(0, &[]).json();
        let weights = |name: &str| fs::read(folder.join(format!("run/checkpoints/model-{name}.safetensors"))).unwrap();
        (metrics, weights("best"), weights("last"))
    };
    let (own, other_test, other_val) = (run(&[]), run(&["test"]), run(&["val"]));
    assert!(own.0["chosen_threshold"]["threshold"].is_number());
    for key in ["train", "val", "best_epoch"] {
        assert_eq!(own.0[key], other_test.0[key], "{key}");
    }
    assert_eq!(own.0["chosen_threshold"]["threshold"], other_test.0["chosen_threshold"]["threshold"]);
    assert_eq!((&own.1, &own.2), (&other_test.1, &other_test.2), "the weights");
    assert_ne!(own.0["test"], other_test.0["test"], "the change has reached the data");
    // Validation chooses the epoch, and moves no weight.
    assert_eq!(own.2, other_val.2, "the last epoch's weights");
    assert_ne!(own.0["val"], other_val.0["val"], "the change has reached the data");
}

#[test]
fn what_the_pipeline_fits_comes_from_the_training_split() {
    let folder = empty_folder("fitted-pipeline");
    let artifacts = |changed: &[&str]| -> Value {
        let folder = folder.join(format!("other-{}", changed.join("-")));
        write_splits(&folder.join("data"), changed);
        gradus(&folder, &["pipeline", "--smoke", "--data", "data", "--color", "gray", "--out", "run"]).says(0, &[]);
        json(folder.join("run/artifacts.json"))
    };
    let own = artifacts(&[]);
    for key in ["scaler", "centroids", "cluster_names", "normalization"] {
        assert!(!own[key].is_null(), "{key}");
    }
    assert_eq!(artifacts(&["val", "test"]), own);
    assert_ne!(artifacts(&["train"])["normalization"], own["normalization"], "the test would see it");
}
