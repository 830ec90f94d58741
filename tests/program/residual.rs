//! Residual networks from a file: written, trained, taken apart and exported.

use crate::common::{data_folder, empty_folder, gradus};
use std::fs;

/// A residual network on rendered digits: two blocks, the second with a shortcut; then branches, and copies of a layer.
const RESIDUAL: &str = r#"name = "residual"

[define]
n = 4

[data]
kind = "digits"
per_class = 40
val = 0.2
test = 0.2

[model]
freeze = ["block2.shortcut.*"]

[[model.layer]]
type = "conv2d"
filters = "n"
kernel = 3
stride = 2
padding = 1

[[model.layer]]
type = "residual"
name = "block1"

[[model.layer.layer]]
type = "conv2d"
filters = "n"
kernel = 3
padding = "same"

[[model.layer.layer]]
type = "relu"

[[model.layer.layer]]
type = "conv2d"
filters = "n"
kernel = 3
padding = "same"

[[model.layer]]
type = "relu"

[[model.layer]]
type = "residual"
name = "block2"
shortcut = [{ type = "conv2d", filters = "2 * n", kernel = 1, stride = 2 }]

[[model.layer.layer]]
type = "conv2d"
filters = "2 * n"
kernel = 3
padding = "same"
bias = false

[[model.layer.layer]]
type = "batch_norm"

[[model.layer.layer]]
type = "relu"

[[model.layer.layer]]
type = "max_pool2d"

[[model.layer]]
type = "parallel"
name = "wide"

[[model.layer.branch]]
layer = [{ type = "conv2d", filters = 4, kernel = 1 }, { type = "relu" }]

[[model.layer.branch]]
name = "pooled"
layer = [{ type = "max_pool2d", kernel = 3, stride = 1, padding = 1 }]

[[model.layer]]
type = "flatten"

[[model.layer]]
type = "repeat"
name = "fc"
times = 2
layer = [{ type = "linear", units = 24 }, { type = "relu" }]

[[model.layer]]
type = "linear"
units = 0

[train]
batch = 16
epochs = 6

[train.optimizer]
kind = "adam"
lr = 0.003
"#;

#[test]
fn a_residual_network_is_written_trained_and_exported() {
    let folder = empty_folder("experiment-residual");
    fs::write(folder.join("residual.toml"), RESIDUAL).unwrap();
    let described = gradus(&folder, &["train", "residual.toml", "--dry-run", "--json"]).says(0, &[]).json();
    let layers = described["layers"].as_array().unwrap();
    let row = |name: &str| layers.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no layer {name}"));
    let shape = |name: &str| serde_json::from_value::<Vec<usize>>(row(name)["output"].clone()).unwrap();
    assert_eq!([shape("block1.sum"), shape("block2.sum"), shape("wide.concat")], [[4, 14, 14], [8, 7, 7], [12, 7, 7]]);
    assert_eq!(row("block2.shortcut.conv1")["parameters"], 4 * 8 + 8);
    assert_eq!(row("fc.1.linear1")["parameters"], 12 * 49 * 24 + 24);

    let ran = gradus(&folder, &["train", "residual.toml", "--out", "a", "--json"]);
    let metrics = ran.says(0, &[]).json();
    assert_eq!(metrics["parameters"], described["parameters"]);
    let accuracy = metrics["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.4, "ten classes, and the accuracy is {accuracy}");
    let again =
        gradus(&folder, &["train", "a/config.toml", "--out", "b", "--threads", "1", "--json"]).says(0, &[]).json();
    assert_eq!(again["test"], metrics["test"]);
    gradus(&folder, &["export", "a", "--to", "onnx"]).says(0, &[]);

    // Its blocks are used in another network: weights with their names and shapes are loaded, the rest is initialized.
    let other = RESIDUAL
        .replace("freeze = [\"block2.shortcut.*\"]", "weights = \"a\"\ntake = [\"block*\"]\nfreeze = [\"block1.*\"]")
        .replace("epochs = 6", "epochs = 1");
    fs::write(folder.join("other.toml"), other).unwrap();
    gradus(&folder, &["train", "other.toml", "--out", "c"]).says(0, &[]);
    // A block whose ways do not meet is refused, by its key and line, before anything is read.
    let odd = RESIDUAL.replace("kernel = 1, stride = 2 }]", "kernel = 1 }]");
    fs::write(folder.join("odd.toml"), odd).unwrap();
    let words = ["odd.toml:", "model.layer.4: block2 (residual)", "[1, 8, 7, 7] and [1, 8, 14, 14]"];
    let refused = gradus(&folder, &["train", "odd.toml", "--out", "d"]);
    words.iter().for_each(|word| assert!(refused.err.contains(word), "{word}: {}", refused.err));
    assert!(refused.code == Some(2) && !folder.join("d").exists(), "{:?}", refused.code);
}

/// Shortcuts without weights, blocks that samples skip, and a gate for each channel: the same bits on any number of threads.
#[test]
fn shortcuts_without_weights_and_stochastic_depth_are_trained() {
    let folder = empty_folder("experiment-zeros");
    let without_weights = RESIDUAL
        .replace("freeze = [\"block2.shortcut.*\"]", "")
        .replace(
            "shortcut = [{ type = \"conv2d\", filters = \"2 * n\", kernel = 1, stride = 2 }]",
            "drop = 0.2\nshortcut = [{ type = \"zero_pad_shortcut\", channels = \"2 * n\", stride = 2 }]",
        )
        .replace(
            "[[model.layer]]\ntype = \"parallel\"",
            "[[model.layer]]\ntype = \"squeeze_excitation\"\nreduction = 4\n\n[[model.layer]]\ntype = \"parallel\"",
        )
        .replace("epochs = 6", "epochs = 1");
    fs::write(folder.join("zeros.toml"), &without_weights).unwrap();
    let by_two = gradus(&folder, &["train", "zeros.toml", "--out", "z", "--json"]).says(0, &[]).json();
    let by_one = ["train", "z/config.toml", "--out", "z1", "--threads", "1", "--json"];
    assert_eq!(gradus(&folder, &by_one).says(0, &[]).json()["test"], by_two["test"]);
    gradus(&folder, &["export", "z", "--to", "onnx"]).says(0, &[]);
    fs::write(folder.join("dropped.toml"), without_weights.replace("drop = 0.2", "drop = 1.0")).unwrap();
    let refused = gradus(&folder, &["train", "dropped.toml", "--out", "z2"]);
    assert!(refused.code == Some(2) && refused.err.contains("model.layer.4.drop"), "{}", refused.err);
}

/// On real images: a residual network learns 3,000 articles of clothing far better than by chance.
#[test]
fn a_residual_network_learns_clothing() {
    let Some(data) = data_folder("fashion-mnist") else { return };
    let folder = empty_folder("experiment-residual-clothing");
    let real =
        format!("kind = \"fashion-mnist\"\npath = {data:?}\nval = 10000\nlabelled = 3000\nnormalize = \"standard\"");
    let file = RESIDUAL
        .replace("kind = \"digits\"\nper_class = 40\nval = 0.2\ntest = 0.2", &real)
        .replace("freeze = [\"block2.shortcut.*\"]", "")
        .replace("epochs = 6", "epochs = 3");
    assert!(file.contains("fashion-mnist"));
    fs::write(folder.join("clothing.toml"), file).unwrap();
    let metrics = gradus(&folder, &["train", "clothing.toml", "--out", "a", "--json"]).says(0, &[]).json();
    let accuracy = metrics["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.6, "ten classes, and the accuracy is {accuracy}");
}
