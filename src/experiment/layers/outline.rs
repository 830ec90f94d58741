//! Describes a network without building it.
//!
//! Two layers of 65,536 filters have 39 billion weights. Whoever describes a network, or is about to make it, learns its
//! sizes here first: shapes and counts alone, no tensors.

use super::layer::{Layer, names};
use crate::error::Result;
use crate::nn::Join;

/// A layer's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its path: its name, and before it those of the layers that it is in.
    pub name: String,
    /// Its type, as the file writes it.
    pub kind: &'static str,
    /// The shape of its output for one sample.
    pub output: Vec<usize>,
    /// Its weights and biases; `usize::MAX` if they cannot be counted.
    pub parameters: usize,
}

/// The sizes of all layers that hold no others, and of what joins branches, for samples of shape `input`; `outputs` stand
/// for units = 0. Fails where a layer does not fit.
pub fn outline(layers: &[Layer], input: &[usize], outputs: usize) -> Result<Vec<Outline>> {
    let mut rows = Vec::new();
    outline_list(layers, "", input.to_vec(), outputs, &mut rows)?;
    Ok(rows)
}

/// Appends the rows of a list of layers. Returns the shape of a sample after them.
fn outline_list(
    layers: &[Layer],
    prefix: &str,
    mut shape: Vec<usize>,
    outputs: usize,
    rows: &mut Vec<Outline>,
) -> Result<Vec<usize>> {
    let join = |join: Join, path: &str, branches: &[Vec<usize>], rows: &mut Vec<Outline>| {
        let output = joined(join, branches)?;
        let name = format!("{path}.{}", join.name());
        rows.push(Outline { name, kind: join.name(), output: output.clone(), parameters: 0 });
        Ok::<_, crate::Error>(output)
    };
    for (layer, name) in layers.iter().zip(names(layers)) {
        let path = format!("{prefix}{name}");
        let inside = format!("{path}.");
        shape = match layer {
            Layer::Residual(l) => {
                let branch = outline_list(&l.layer, &inside, shape.clone(), outputs, rows)?;
                let shortcut = outline_list(&l.shortcut, &format!("{inside}shortcut."), shape, outputs, rows)?;
                join(Join::Sum, &path, &[branch, shortcut], rows)?
            }
            Layer::Parallel(l) => {
                let mut branches = Vec::with_capacity(l.branch.len());
                for (branch, name) in l.branch.iter().zip(l.names()) {
                    let prefix = format!("{inside}{name}.");
                    branches.push(outline_list(&branch.layer, &prefix, shape.clone(), outputs, rows)?);
                }
                join(l.join, &path, &branches, rows)?
            }
            Layer::Sequence(l) => outline_list(&l.layer, &inside, shape, outputs, rows)?,
            Layer::Repeat(l) => {
                for copy in 1..=l.times {
                    shape = outline_list(&l.layer, &format!("{inside}{copy}."), shape, outputs, rows)?;
                }
                shape
            }
            _ => {
                let leaf = layer.leaf().expect("the layers that hold others are above");
                let (output, parameters) = leaf.sizes(&shape, outputs)?;
                rows.push(Outline { name: path, kind: layer.type_name(), output: output.clone(), parameters });
                output
            }
        };
    }
    Ok(shape)
}

/// The shape of one sample where branches of these shapes meet.
pub(super) fn joined(join: Join, branches: &[Vec<usize>]) -> Result<Vec<usize>> {
    let batches: Vec<Vec<usize>> = branches.iter().map(|shape| [&[1], &shape[..]].concat()).collect();
    let shape = join.shape(&batches.iter().map(|shape| &shape[..]).collect::<Vec<_>>())?;
    Ok(shape[1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::builtin::ALL;
    use crate::experiment::{Source, plan};
    use crate::nn::summary::summarize;

    /// What is described is what is built: for every network that comes with the program.
    #[test]
    fn the_outline_is_that_of_the_network() {
        let mut seen = 0;
        for known in ALL {
            let source = Source::text(known.text, known.name).unwrap();
            let variants = source.variants().unwrap();
            for source in if variants.is_empty() { vec![source] } else { variants } {
                let e = source.resolve().unwrap();
                let (input, classes) = (e.input().unwrap_or(vec![1, 32, 32]), e.classes().unwrap_or(2));
                let Ok((_, summary)) = plan(&e, &input, classes) else { continue };
                let outputs = e.train.loss.outputs(&input, classes).unwrap().iter().product();
                let planned = outline(&e.model.layer, &input, outputs).unwrap();
                // A latent layer has two rows in the summary, one for each of its parts.
                let is_of = |path: &str, name: &str| path == name || path.starts_with(&format!("{name}."));
                for planned in &planned {
                    let made: Vec<_> = summary.rows.iter().filter(|row| is_of(&row.path, &planned.name)).collect();
                    let last = made.last().unwrap_or_else(|| panic!("{}: no row {}", e.name, planned.name));
                    assert_eq!(planned.output, last.output, "{}: {}", e.name, planned.name);
                    let parameters: usize = made.iter().map(|row| row.parameters).sum();
                    assert_eq!(planned.parameters, parameters, "{}: {}", e.name, planned.name);
                }
                assert!(summary.rows.iter().all(|row| planned.iter().any(|planned| is_of(&row.path, &planned.name))));
                seen += 1;
            }
        }
        assert!(seen > 10, "{seen} networks");
    }

    #[test]
    fn a_network_that_nobody_could_hold_is_told() {
        #[derive(serde::Deserialize)]
        struct File {
            layer: Vec<Layer>,
        }
        let conv = r#"{ type = "conv2d", filters = 65536, kernel = 3 }"#;
        let file: File = toml::from_str(&format!("layer = [{conv}, {conv}]")).unwrap();
        let planned = outline(&file.layer, &[1, 28, 28], 10).unwrap();
        assert_eq!(planned[1].parameters, 65536 * 65536 * 9 + 65536);
        assert_eq!(planned[1].output, [65536, 24, 24]);
    }

    /// Layers within layers have a row each, by their paths, as in the summary of the network that is built of them.
    #[test]
    fn layers_within_layers_are_outlined_one_by_one() {
        #[derive(serde::Deserialize)]
        struct File {
            layer: Vec<Layer>,
        }
        let text = r#"layer = [
            { type = "conv2d", filters = 4, kernel = 3, padding = "same" },
            { type = "residual", name = "block", layer = [
                { type = "conv2d", filters = 8, kernel = 3, padding = "same", stride = 2, bias = false }, { type = "batch_norm" },
                { type = "relu" }, { type = "conv2d", filters = 8, kernel = 3, padding = "same" },
            ], shortcut = [{ type = "conv2d", filters = 8, kernel = 1, stride = 2 }] },
            { type = "repeat", times = 2, layer = [
                { type = "parallel", branch = [
                    { layer = [{ type = "conv2d", filters = 2, kernel = 1 }] },
                    { name = "same", layer = [] },
                ] },
                { type = "sequence", layer = [{ type = "relu" }] },
            ] },
            { type = "parallel", join = "sum", branch = [{ layer = [{ type = "relu" }] }, { layer = [{ type = "tanh" }] }] },
            { type = "global_avg_pool2d" }, { type = "linear", units = 0 },
        ]"#;
        let layers = toml::from_str::<File>(text).unwrap().layer;
        let planned = outline(&layers, &[1, 7, 6], 3).unwrap();
        let summary = summarize(&super::super::build(&layers, &[1, 7, 6], 3, 1).unwrap(), &[1, 7, 6]).unwrap();
        let of_rows: Vec<_> = summary.rows.iter().map(|r| (r.path.clone(), r.output.clone(), r.parameters)).collect();
        let of_planned: Vec<_> = planned.iter().map(|t| (t.name.clone(), t.output.clone(), t.parameters)).collect();
        assert_eq!(of_planned, of_rows);
        let row = |name: &str| planned.iter().find(|planned| planned.name == name).unwrap();
        assert_eq!((&row("block.sum").output[..], row("block.sum").kind), (&[8, 4, 3][..], "sum"));
        assert_eq!(row("block.shortcut.conv1").parameters, 4 * 8 + 8);
        assert_eq!(
            (&row("repeat1.2.parallel1.concat").output[..], row("linear1").parameters),
            (&[12, 4, 3][..], 12 * 3 + 3)
        );
        assert_eq!(row("repeat1.1.sequence1.relu1").output, [10, 4, 3]);
    }
}
