//! Self-organizing maps: from a file to a report; interrupted, resumed and repeated with the same bits; refused elsewhere.

use crate::common::{data_folder, empty_folder, gradus, json};
use std::fs;

const MAP: &str = r#"name = "map"
kind = "som"

[data]
kind = "moons"
per_class = 60
normalize = "standard"

[som]
rows = 4
columns = 5
grid = "hexagonal"

[validation]
folds = 3
repeats = 2

[train]
epochs = 12
"#;

#[test]
fn a_map_is_trained_reported_and_repeated() {
    let folder = empty_folder("map");
    fs::write(folder.join("map.toml"), MAP).unwrap();
    let planned = gradus(&folder, &["train", "map.toml", "--dry-run"]);
    planned.says(0, &[]);
    assert!(planned.out.contains("rows = 4") && planned.out.contains("samples: 84 for training"), "{}", planned.out);
    let metrics = gradus(&folder, &["train", "map.toml", "--out", "a", "--json"]).says(0, &[]).json();
    let number = |split: &str, key: &str| metrics[split][key].as_f64().unwrap_or(f64::NAN);
    assert!(number("test", "quantization_error") < 0.6, "{metrics}");
    assert!((0.0..=1.0).contains(&number("val", "topographic_error")));
    assert!(number("test", "accuracy") > 0.6 && number("train", "mutual_information") > 0.2);
    assert_eq!(metrics["cross_validation"]["accuracies"].as_array().unwrap().len(), 2);
    assert_eq!((&metrics["parameters"], &metrics["best_epoch"]), (&40.into(), &12.into()));
    let page = fs::read_to_string(folder.join("a/report.html")).unwrap();
    for words in ["U-matrix", "Component planes", "How the map unfolds", "topographic error", "3-fold cross-validation"]
    {
        assert!(page.contains(words), "{words}");
    }
    for figure in
        ["u_matrix", "hits", "classes", "component_1", "component_2", "frames", "quantization_error", "radius"]
    {
        assert!(folder.join(format!("a/figures/{figure}.svg")).exists(), "{figure}");
    }
    let units = fs::read_to_string(folder.join("a/tables/units.csv")).unwrap();
    assert!(units.starts_with("row,column,hits,u_matrix,class,x,y\n") && units.lines().count() == 21, "{units}");
    let config = fs::read_to_string(folder.join("a/config.toml")).unwrap();
    assert!(config.contains("[som]") && !config.contains("[model]") && !config.contains("optimizer"), "{config}");

    // On another number of threads, from the written settings: the same bits.
    let again =
        gradus(&folder, &["train", "a/config.toml", "--out", "b", "--threads", "1", "--json"]).says(0, &[]).json();
    assert_eq!(again["test"], metrics["test"]);
    let weights = |run: &str| fs::read(folder.join(run).join("checkpoints/model-best.safetensors")).unwrap();
    assert!(weights("a") == weights("b"));

    // What needs a network refuses the run, and says where its map is.
    for words in [&["evaluate", "a"][..], &["export", "a", "--to", "onnx"]] {
        gradus(&folder, words).says(3, &["is no run of a network: it holds a self-organizing map", "tables/units.csv"]);
    }
    gradus(&folder, &["study", "map.toml"]).says(2, &["kind", "a study searches the settings of networks"]);
    gradus(&folder, &["compare", "a", "b", "--out", "c"]).says(3, &["has the settings and the seed"]);
}

/// A run whose training is finished and whose report is not takes its map, and the frames, out of its state.
#[test]
fn a_map_is_resumed() {
    let folder = empty_folder("map-resumed");
    let online = MAP.replace("rows = 4", "mode = \"online\"\nsteps = 50\nrows = 4");
    fs::write(folder.join("map.toml"), online).unwrap();
    gradus(&folder, &["train", "map.toml", "--out", "a"]).says(0, &[]);
    let whole = fs::read(folder.join("a/checkpoints/model-last.safetensors")).unwrap();
    fs::remove_file(folder.join("a/COMPLETE")).unwrap();
    gradus(&folder, &["train", "--resume", "a"]).says(0, &[]);
    assert!(fs::read(folder.join("a/checkpoints/model-last.safetensors")).unwrap() == whole);
    assert!(folder.join("a/figures/frames.svg").exists());
}

/// With `GRADUS_DATA`: the iris flowers in three clusters, and by majority.
#[test]
fn iris_in_three_clusters() {
    let Some(data) = data_folder("tabular").map(|root| root.join("iris.csv")) else { return };
    let folder = empty_folder("map-iris");
    gradus(&folder, &["train", "som-iris", "--data", data.to_str().unwrap(), "--out", "iris"]).says(0, &[]);
    let of = |run: &str| -> serde_json::Value { json(folder.join("iris").join(run).join("metrics.json")) };
    let information = of("som-iris-clusters")["train"]["mutual_information"].as_f64().unwrap();
    assert!(information >= 0.813, "{information}");
    let accuracy = of("som-iris-classifier")["cross_validation"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
}
