//! Random numbers have one owner each: no two layers, calls, networks or purposes draw from one stream.

use gradus::autograd::{Tape, Var};
use gradus::nn::{Ctx, Draws, Dropout, GaussianNoise, Module, Sequential};
use gradus::rng::{LayerDraw, Rng};
use gradus::tensor::Tensor;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// 64 zeros and twos: a mask.
fn mask(module: &dyn Module, cx: &mut Ctx<'_>) -> Vec<f32> {
    module.forward(&Var::constant(Tensor::full([64], 1.0)), cx).unwrap().value().to_vec()
}

#[test]
fn a_dropout_that_is_called_twice_in_a_pass_draws_two_masks() {
    let tape = Tape::new();
    let pass = |step| {
        let mut cx = Ctx::train(&tape, 1, step);
        [(); 3].map(|()| mask(&Dropout(0.5), &mut cx))
    };
    let [first, second, third] = pass(1);
    assert!(first != second && second != third && first != third);
    assert_eq!(pass(1), [first.clone(), second, third], "a pass of the same step draws the same");
    assert!(!pass(2).contains(&first));
}

#[test]
fn layers_and_networks_have_masks_of_their_own() {
    let tape = Tape::new();
    let nets = ["a", "b", "shuffle"].map(|name| Sequential::<f32>::new().with(name, Dropout(0.5)));
    let of = |net: &dyn Module, network| mask(net, &mut Ctx::train(&tape, Draws { seed: 1, network }, 1));
    let mut masks: Vec<Vec<f32>> = nets.iter().map(|net| of(net, "")).collect();
    // Equal names in two networks; and names that spell the same path in another way.
    masks.extend([of(&nets[0], "generator"), of(&nets[0], "critic")]);
    let inner = Sequential::<f32>::new().with("b", Dropout(0.5));
    masks.push(of(&Sequential::<f32>::new().with("a", inner), ""));
    masks.push(of(&nets[1], "a."));
    let all = masks.len();
    masks.sort_by(|a, b| a.partial_cmp(b).unwrap());
    masks.dedup();
    assert_eq!(masks.len(), all);
    // Two dropouts side by side in one network, and the layers before one do not change its mask.
    let alone = of(&nets[1], "");
    let two = Sequential::<f32>::new().with("noise", GaussianNoise(0.0)).with("b", Dropout(0.5));
    assert_eq!(of(&two, ""), alone);
}

#[test]
fn a_layer_called_shuffle_does_not_draw_the_order_of_the_samples() {
    for (path, step) in [("shuffle", 1), ("shuffle", 2), ("split", 0)] {
        let draw = LayerDraw { training: true, network: "", path, call: 0, step };
        let (mut layer, mut purpose) = (Rng::of_layer(7, &draw), Rng::new(7, path, step));
        assert!((0..8).all(|_| layer.bits() != purpose.bits()));
    }
}

/// The Rust sources under `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Purposes that several files open, always for the same thing.
const SHARED: [&str; 3] = ["split", "bench weights", "bench images"];

#[test]
fn no_two_files_open_the_stream_of_one_purpose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        // Examples in the documentation own no stream.
        let lines = text.split("#[cfg(test)]").next().unwrap().lines();
        let code = lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for (at, _) in code.match_indices("Rng::new(") {
            let call = &code[at..code[at..].find(';').map_or(code.len(), |end| at + end)];
            let Some(start) = call.find('"') else { continue };
            let purpose = &call[start + 1..][..call[start + 1..].find('"').unwrap()];
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            let names = owners.entry(purpose.to_owned()).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    assert!(owners.len() > 20, "the search found only {owners:?}");
    for (purpose, names) in &owners {
        assert!(names.len() == 1 || SHARED.contains(&&purpose[..]), "\"{purpose}\" is opened by {names:?}");
        // A purpose that is put together, such as "digit/{digit}", must not run into another.
        if let Some(prefix) = purpose.split('{').next().filter(|prefix| prefix.len() < purpose.len()) {
            let clash = owners.keys().find(|other| *other != purpose && other.starts_with(prefix));
            assert!(prefix.len() > 1 && clash.is_none(), "\"{purpose}\" may spell {clash:?}");
        }
    }
}
