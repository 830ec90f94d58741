//! The layers of an experiment's network, as its file names them, and how they become a model.
//!
//! A layer says what it makes, never what it gets: the sizes of its inputs follow from the layer before. So the layers
//! are built in order, each shape worked out on the way, and a layer that does not fit is refused with the arithmetic.
//! Some layers hold others: `sequence` and `repeat` one after the other, `residual` and `parallel` side by side.
//!
//! Layers that hold no others are described beside their modules, in [`nn`]: settings, ranges, shape rule,
//! module. `layer` adds those that hold others; `check` reads the ranges, `outline` describes a network by its shape rules
//! without making it, and here it becomes a model.

mod check;
mod layer;
mod outline;

use super::room::check_weights;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{self, Ctx, Join, Module, Sequential};
use crate::rng::Rng;
use crate::tensor::Tensor;

pub use check::check;
pub use layer::{Branch, Layer, Parallel, Repeat, Residual, Sequence, TYPES, leaves, names, number};
pub use outline::{Outline, outline};

/// Builds the network for samples of shape `input` (without the batch axis); `outputs` stand for units = 0. The error's
/// place is the key of the layer (`model.layer.2.layer.1`); it says the layer's path and what is wrong with it.
pub fn build(layers: &[Layer], input: &[usize], outputs: usize, seed: u64) -> Result<Sequential> {
    check(layers)?;
    let mut builder = Builder { outputs, rng: Rng::new(seed, "model.init", 0), parameters: 0 };
    Ok(builder.list(layers, Place { key: "model.layer", path: "" }, input)?.0)
}

/// Where a list of layers stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The key of the list: `model.layer`.
    key: &'a str,
    /// What the paths of its layers begin with: nothing, or `block1.`.
    path: &'a str,
}

/// A network under construction.
struct Builder {
    outputs: usize,
    rng: Rng,
    /// Weights so far.
    parameters: usize,
}

impl Builder {
    /// The modules of a list of layers, and the shape of a sample after them.
    fn list(&mut self, layers: &[Layer], place: Place<'_>, input: &[usize]) -> Result<(Sequential, Vec<usize>)> {
        let (mut net, mut shape) = (Sequential::new(), input.to_vec());
        for (i, (layer, name)) in layers.iter().zip(names(layers)).enumerate() {
            let (key, path) = (format!("{}.{}", place.key, i + 1), format!("{}{name}", place.path));
            let (module, output) = self.layer(layer, &key, &path, &shape)?;
            net.push(name, module);
            shape = output;
        }
        Ok((net, shape))
    }

    /// The module of a layer, and the shape of a sample after it.
    fn layer(
        &mut self,
        layer: &Layer,
        key: &str,
        path: &str,
        input: &[usize],
    ) -> Result<(Box<dyn Module>, Vec<usize>)> {
        let refuse = |error: Error| {
            let what = format!("{path} ({}): {error}", layer.type_name());
            Error::config(key, what, format!("the layer before gives {input:?} for each sample"))
        };
        let join = |join: Join, branches: &[Vec<usize>]| outline::joined(join, branches).map_err(refuse);
        let inside = format!("{path}.");
        let place = Place { key: &format!("{key}.layer"), path: &inside };
        Ok(match layer {
            Layer::Residual(l) => {
                let (branch, output) = self.list(&l.layer, place, input)?;
                let block = nn::Residual::new(branch).with_drop(l.drop)?;
                if l.shortcut.is_empty() {
                    (Box::new(block), join(Join::Sum, &[output, input.to_vec()])?)
                } else {
                    let (key, path) = (format!("{key}.shortcut"), format!("{inside}shortcut."));
                    let (shortcut, other) = self.list(&l.shortcut, Place { key: &key, path: &path }, input)?;
                    (Box::new(block.with_shortcut(shortcut)), join(Join::Sum, &[output, other])?)
                }
            }
            Layer::Parallel(l) => {
                let (mut block, mut outputs) = (nn::Parallel::new(l.join), Vec::new());
                for (i, (branch, name)) in l.branch.iter().zip(l.names()).enumerate() {
                    let (key, path) = (format!("{key}.branch.{}.layer", i + 1), format!("{inside}{name}."));
                    let (branch, output) = self.list(&branch.layer, Place { key: &key, path: &path }, input)?;
                    block = block.with(name, branch);
                    outputs.push(output);
                }
                (Box::new(block), join(l.join, &outputs)?)
            }
            Layer::Sequence(l) => {
                let (net, output) = self.list(&l.layer, place, input)?;
                (Box::new(net), output)
            }
            Layer::Repeat(l) => {
                let (mut net, mut shape) = (Sequential::new(), input.to_vec());
                for copy in 1..=l.times {
                    let path = format!("{inside}{copy}.");
                    let (copied, output) = self.list(&l.layer, Place { path: &path, ..place }, &shape)?;
                    net.push(copy.to_string(), Box::new(copied));
                    shape = output;
                }
                (Box::new(net), shape)
            }
            _ => {
                let leaf = layer.leaf().expect("the layers that hold others are above");
                if let Ok((_, own)) = leaf.sizes(input, self.outputs) {
                    check_weights(key, &format!("{path} ({})", layer.type_name()), own, self.parameters)?;
                    self.parameters = self.parameters.saturating_add(own);
                }
                let module = leaf.module(input, self.outputs, &mut self.rng).map_err(refuse)?;
                let sample = Var::constant(Tensor::zeros(&[&[1], input].concat()[..]));
                let y = module.forward(&sample, &mut Ctx::eval()).map_err(refuse)?;
                let output = y.shape()[1..].to_vec();
                (module, output)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Source;
    use crate::nn::{Ctx, count_parameters};
    use serde::Deserialize;

    fn layers(text: &str) -> Vec<Layer> {
        #[derive(Deserialize)]
        struct File {
            layer: Vec<Layer>,
        }
        toml::from_str::<File>(text).unwrap().layer
    }

    #[test]
    fn the_small_network_of_the_course_has_7465_parameters() {
        let text = r#"
            layer = [
                { type = "conv2d", filters = 9, kernel = 5, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "conv2d", filters = 9, kernel = 5, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "conv2d", filters = 16, kernel = 3, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "flatten" }, { type = "linear", units = 25 }, { type = "relu" }, { type = "linear", units = 0 },
            ]"#;
        let layers = layers(text);
        let net = build(&layers, &[1, 28, 28], 10, 1).unwrap();
        assert_eq!(count_parameters(&net), 7465);
        assert_eq!(names(&layers)[3], "conv2");
        assert_eq!(names(&layers)[12], "linear2");
    }

    #[test]
    fn an_autoencoder_comes_back_to_the_size_it_started_from() {
        let text = r#"
            layer = [
                { type = "gaussian_noise", std = 0.1 },
                { type = "conv2d", filters = 8, kernel = 3, stride = 2, padding = 2 }, { type = "relu" },
                { type = "conv2d", filters = 16, kernel = 3, stride = 2, padding = 1 }, { type = "layer_norm" },
                { type = "conv2d", filters = 32, kernel = 3, stride = 2 }, { type = "flatten" },
                { type = "gaussian_latent", units = 14, beta = 0.5 },
                { type = "linear", units = 288 }, { type = "unflatten", shape = [32, 3, 3] },
                { type = "conv_transpose2d", filters = 16, kernel = 3, stride = 2 },
                { type = "upsample2d", mode = "bilinear" },
                { type = "conv_transpose2d", filters = 1, kernel = 3, stride = 2, padding = 1, output_padding = 1 },
            ]"#;
        let layers = layers(text);
        let net = build(&layers, &[1, 28, 28], 10, 1).unwrap();
        let y = net.forward(&Var::constant(Tensor::zeros([2, 1, 28, 28])), &mut Ctx::eval()).unwrap();
        assert_eq!(y.shape(), [2, 1, 28, 28]);
        let named = names(&layers);
        let expected = ["noise1", "norm1", "latent1", "deconv1", "upsample1", "deconv2"];
        assert!(expected.iter().all(|name| named.iter().any(|n| n == name)), "{named:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_arithmetic() {
        let refusal = |text: &str| build(&layers(text), &[1, 4, 4], 10, 1).err().expect("refused").to_string();
        let big = refusal(r#"layer = [{ type = "relu" }, { type = "conv2d", filters = 2, kernel = 5 }]"#);
        assert!(big.contains("model.layer.2") && big.contains("5x5") && big.contains("4x4"), "{big}");
        let flat = refusal(r#"layer = [{ type = "linear", units = 2 }]"#);
        assert!(flat.contains("flatten"), "{flat}");
        let twice = refusal(r#"layer = [{ type = "relu", name = "a" }, { type = "relu", name = "a" }]"#);
        assert!(twice.contains("model.layer.2.name"), "{twice}");
        assert!(refusal(r#"layer = [{ type = "dropout", p = 1.5 }]"#).contains("model.layer.1.p"));
        assert!(refusal(r#"layer = [{ type = "gaussian_noise", std = -1.0 }]"#).contains("model.layer.1.std"));
        assert!(refusal(r#"layer = [{ type = "gaussian_latent", units = 2 }]"#).contains("flatten"));
        assert!(refusal(r#"layer = [{ type = "layer_norm", axes = 4 }]"#).contains("4 axes"));
        let fewer = refusal(
            r#"layer = [{ type = "conv2d", filters = 4, kernel = 1 }, { type = "zero_pad_shortcut", channels = 3 }]"#,
        );
        assert!(fewer.contains("model.layer.2") && fewer.contains("at most 3 channels; found 4"), "{fewer}");
        assert!(
            refusal(r#"layer = [{ type = "squeeze_excitation", reduction = 0 }]"#).contains("model.layer.1.reduction")
        );
        let always = refusal(r#"layer = [{ type = "residual", drop = 1.0, layer = [{ type = "relu" }] }]"#);
        assert!(always.contains("model.layer.1.drop"), "{always}");
        let more = refusal(r#"layer = [{ type = "conv_transpose2d", filters = 1, kernel = 3, output_padding = 1 }]"#);
        assert!(more.contains("less than the stride"), "{more}");
    }

    #[test]
    fn layers_within_layers_are_refused_by_their_path() {
        let refusal = |text: &str| build(&layers(text), &[2, 6, 6], 10, 1).err().expect("refused").to_string();
        let says = |text: &str, words: &[&str]| {
            let said = refusal(text);
            words.iter().for_each(|word| assert!(said.contains(word), "{word}: {said}"));
        };
        let conv = r#"{ type = "conv2d", filters = 4, kernel = 3, padding = "same" }"#;
        // The layer that does not fit, and the arithmetic of what does not meet.
        says(
            r#"layer = [{ type = "sequence", name = "body", layer = [{ type = "relu" }, { type = "linear", units = 2 }] }]"#,
            &["model.layer.1.layer.2: body.linear1 (linear): linear", "[2, 6, 6]", "flatten"],
        );
        says(
            &format!(r#"layer = [{{ type = "relu" }}, {{ type = "residual", layer = [{conv}] }}]"#),
            &["model.layer.2: residual1 (residual): sum", "[1, 4, 6, 6] and [1, 2, 6, 6]", "shortcut"],
        );
        says(
            &format!(
                r#"layer = [{{ type = "parallel", branch = [{{ layer = [{conv}] }}, {{ layer = [{{ type = "max_pool2d" }}] }}] }}]"#
            ),
            &["model.layer.1: parallel1 (parallel): concat", "[1, 4, 6, 6] and [1, 2, 3, 3]"],
        );
        says(
            r#"layer = [{ type = "repeat", times = 3, layer = [{ type = "max_pool2d" }] }]"#,
            &["model.layer.1.layer.1: repeat1.3.pool1 (max_pool2d)", "[2, 1, 1]"],
        );
        says(
            r#"layer = [{ type = "parallel", branch = [{ layer = [] }, { layer = [{ type = "conv2d", filters = 0, kernel = 1 }] }] }]"#,
            &["model.layer.1.branch.2.layer.1.filters"],
        );
        // Names and numbers.
        says(
            r#"layer = [{ type = "residual", layer = [{ type = "relu", name = "sum" }] }]"#,
            &["model.layer.1.layer.1.name", "part of the block"],
        );
        says(
            r#"layer = [{ type = "parallel", branch = [{ name = "a" }, { name = "a" }] }]"#,
            &["model.layer.1.branch.2.name", "another layer"],
        );
        says(r#"layer = [{ type = "parallel", branch = [{ name = "concat" }] }]"#, &["model.layer.1.branch.1.name"]);
        says(r#"layer = [{ type = "parallel", branch = [] }]"#, &["model.layer.1.branch", "is empty"]);
        says(r#"layer = [{ type = "sequence", layer = [] }]"#, &["model.layer.1.layer", "is empty"]);
        says(r#"layer = [{ type = "repeat", times = 0, layer = [{ type = "relu" }] }]"#, &["model.layer.1.times"]);
        let nest = r#"{ type = "repeat", times = 1000, layer = [{ type = "relu" }] }"#;
        says(
            &format!(r#"layer = [{{ type = "repeat", times = 1000, layer = [{nest}] }}]"#),
            &["has 1000000 layers: expected at most 10000"],
        );
    }

    #[test]
    fn copies_have_weights_of_their_own() {
        let text = r#"layer = [
            { type = "repeat", name = "block", times = 2, layer = [{ type = "linear", units = 3 }, { type = "relu" }] },
        ]"#;
        let net = build(&layers(text), &[3], 10, 1).unwrap();
        let found = crate::nn::parameters(&net);
        let named: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let [first, second] = ["1", "2"].map(|copy| format!("block.{copy}.linear1"));
        let expected = [&first, &second].map(|path| [format!("{path}.weight"), format!("{path}.bias")]).concat();
        assert_eq!(named, expected);
        assert_ne!(found[0].1.get(), found[2].1.get());
    }

    #[test]
    fn keys_call_layers_by_name_at_any_depth() {
        let text = r#"layer = [
            { type = "relu" },
            { type = "residual", name = "block", layer = [
                { type = "relu" }, { type = "parallel", branch = [{ layer = [] }, { name = "b", layer = [{ type = "tanh" }] }] },
            ] },
        ]"#;
        let layers = layers(text);
        let numbered = |key: &str| {
            let mut parts: Vec<String> = key.split('.').map(str::to_owned).collect();
            number(&layers, &mut parts).map(|()| parts.join("."))
        };
        assert_eq!(numbered("relu1.name").unwrap(), "1.name");
        assert_eq!(
            numbered("block.layer.parallel1.branch.b.layer.tanh1.name").unwrap(),
            "2.layer.2.branch.2.layer.1.name"
        );
        assert_eq!(numbered("2.layer.2.join").unwrap(), "2.layer.2.join");
        let (name, known) = numbered("block.layer.conv1.filters").unwrap_err();
        assert_eq!((name.as_str(), known), ("conv1", vec!["relu1".to_owned(), "parallel1".to_owned()]));
        assert_eq!(leaves(&layers).len(), 3);
    }

    /// A file with these layers, of digits.
    fn file(layers: &str) -> String {
        let rest = "[train]\nbatch = 8\nepochs = 1\n[train.optimizer]\nkind = \"adam\"\nlr = 0.001\n";
        format!("name = \"nest\"\n[define]\nn = 3\n[data]\nkind = \"digits\"\n{layers}\n{rest}")
    }

    /// A residual block of two layers, and after it branches.
    const NEST: &str = r#"
[[model.layer]]
type = "residual"
name = "block"
[[model.layer.layer]]
type = "conv2d"
filters = "4 * n"
kernel = 3
padding = "same"
[[model.layer.shortcut]]
type = "conv2d"
filters = "4 * n"
kernel = 1
[[model.layer]]
type = "parallel"
[[model.layer.branch]]
name = "left"
layer = [{ type = "relu" }]
[[model.layer.branch]]
layer = [{ type = "conv2d", filters = 2, kernel = 1 }]
[[model.layer]]
type = "flatten"
[[model.layer]]
type = "linear"
units = 0"#;

    #[test]
    fn files_hold_layers_within_layers() {
        let mut source = Source::text(&file(NEST), "nest.toml").unwrap();
        let e = source.resolve().unwrap();
        let planned = outline(&e.model.layer, &[1, 28, 28], 10).unwrap();
        let names: Vec<&str> = planned.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "block.conv1",
                "block.shortcut.conv1",
                "block.sum",
                "parallel1.left.relu1",
                "parallel1.branch2.conv1",
                "parallel1.concat",
                "flatten1",
                "linear1"
            ]
        );
        assert_eq!(planned[5].output, [14, 28, 28]);
        // Written down, it reads back as the same; and layers within layers are set by name.
        let again = Source::text(&crate::experiment::read::to_toml(&e), "again").unwrap().resolve().unwrap();
        assert_eq!(again, e);
        source.set("model.layer.parallel1.branch.branch2.layer.conv1.filters=5").unwrap();
        source.set("model.layer.1.layer.1.kernel=5").unwrap();
        source.set("define.n=2").unwrap();
        let planned = outline(&source.resolve().unwrap().model.layer, &[1, 28, 28], 10).unwrap();
        assert_eq!((&planned[5].output[..], planned[0].parameters), (&[13, 28, 28][..], 25 * 8 + 8));
        let said = source.set("model.layer.block.layer.conv7.filters=5").unwrap_err().to_string();
        assert!(said.contains("there is no layer `conv7`") && said.contains("there are conv1"), "{said}");
    }

    #[test]
    fn faults_in_layers_within_layers_are_traced_to_their_lines() {
        for (from, to, expected) in [
            (
                "padding = \"same\"",
                "paddin = \"same\"",
                "nest.toml:14: model.layer.1.layer.1.paddin: there is no setting",
            ),
            ("padding = \"same\"", "paddin = \"same\"", "did you mean `padding`?"),
            (
                "[[model.layer.shortcut]]\ntype = \"conv2d\"",
                "[[model.layer.shortcut]]\ntype = \"conv2\"",
                "did you mean `conv2d`?",
            ),
            (
                "[[model.layer.shortcut]]\ntype = \"conv2d\"",
                "[[model.layer.shortcut]]",
                "model.layer.1.shortcut.1: has no `type`",
            ),
            (
                "name = \"left\"",
                "nam = \"left\"",
                "nest.toml:22: model.layer.2.branch.1.nam: there is no setting `nam`",
            ),
            ("name = \"left\"", "nam = \"left\"", "did you mean `name`?"),
            (
                "\"parallel\"",
                "\"parallel\"\njoin = \"concta\"",
                "nest.toml:21: model.layer.2.join: does not know the word `concta`",
            ),
            ("\"parallel\"", "\"parallel\"\njoin = \"concta\"", "did you mean `concat`?"),
            ("kernel = 3", "kernel = \"2 * m\"", "model.layer.1.layer.1.kernel: is \"2 * m\", and `m` is not a number"),
            ("filters = 2", "filters = -2", "model.layer.2.branch.2.layer.1.filters: is -2"),
            ("name = \"block\"", "name = \"block\"\ntimes = 2", "model.layer.1.times: there is no setting `times`"),
        ] {
            let text = file(&NEST.replace(from, to));
            let said = Source::text(&text, "nest.toml").unwrap().resolve().unwrap_err().to_string();
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        // The end of the network is looked for within sequences.
        let softmax = "[[model.layer]]\ntype = \"repeat\"\ntimes = 1\nlayer = [{ type = \"sequence\", layer = [\
                       { type = \"flatten\" }, { type = \"linear\", units = 0 }, { type = \"softmax\" }, { type = \"dropout\", p = 0.1 }] }]";
        let said = Source::text(&file(softmax), "nest.toml").unwrap().resolve().unwrap_err().to_string();
        assert!(said.contains("model.layer.1.layer.1.layer.3: ends the network with `softmax`"), "{said}");
    }
}
