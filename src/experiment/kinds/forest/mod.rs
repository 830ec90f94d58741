//! `kind = "forest"`: a random forest ([`crate::analysis::forest`]) of each number to predict.
//!
//! What is kept of it are the nodes of its trees, as tensors: a run predicts with them as a network with its weights.

pub mod findings;
pub mod settings;

use crate::analysis::forest::{self, NODE, Trees};
use crate::error::{Error, Result};
use crate::experiment::at_once::{inputs, targets};
use crate::experiment::explained::{Explained, FittedKind, Special};
use crate::experiment::fitted::Fitting;
use crate::experiment::kind::{Kind, Learns};
use crate::experiment::prepared::Prepared;
use crate::experiment::spec::Experiment;
use crate::nn::state::{State, state_dict};
use crate::report::Cell;
use crate::tensor::Tensor;
use crate::train::Loss;
use ndarray::{Array2, ArrayView2};
use serde_json::json;

/// What makes the kind.
static KIND: Kind = Kind {
    name: "forest",
    learns: Learns::Values,
    losses: &[Loss::Mse],
    gives: "predicts numbers",
    end: "",
    implied: "",
    instead: "for rows of numbers: gradus predict RUN TABLE.csv",
    takes: &["forest", "validation"],
    fitting: Some(&FITTING),
};

/// The model: the roots of the trees `[T]`, their nodes `[K, 4]`, and the number of columns `[1]`.
static FITTING: Fitting = Fitting { name: "random forest", tensors: &["roots", "nodes", "columns"], predict };

fn predict(tensors: &[Tensor], x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
    let columns = tensors[2].item() as usize;
    if x.ncols() != columns {
        return Err(Error::shape(FITTING.name, format!("expected {columns} columns; found {}", x.ncols())));
    }
    Ok(forest::predict(tensors[0].data(), tensors[1].data(), x))
}

/// Grows a forest for each number, all of one seed.
fn fit(e: &Experiment, p: &Prepared) -> Result<State<f32>> {
    let x = inputs(p.train.as_ref());
    let each = targets(p.train.as_ref())?.into_iter().map(|y| {
        let Trees { roots, nodes, columns } = e.forest.forest().fit(x.view(), &y, e.seed)?;
        let (trees, k) = (roots.len(), nodes.nrows());
        Ok(vec![
            Tensor::new(roots, [trees])?,
            Tensor::new(nodes.into_raw_vec_and_offset().0, [k, NODE])?,
            Tensor::full([1], columns as f32),
        ])
    });
    Ok(FITTING.state(each.collect::<Result<_>>()?))
}

/// The trees of a fitted model's tensors.
fn trees(tensors: &[Tensor]) -> Trees {
    let nodes = &tensors[1];
    let nodes = Array2::from_shape_vec((nodes.numel() / NODE, NODE), nodes.data().to_vec()).expect("nodes in rows");
    Trees { roots: tensors[0].data().to_vec(), nodes, columns: tensors[2].item() as usize }
}

/// `kind = "forest"`: one number or several for each row, by random forests.
pub static RUNNER: FittedKind = FittedKind { kind: &KIND, check: |e| e.forest.validate(), fit, special };

/// What the report says of the trees.
fn special(explained: &Explained) -> Special {
    let run = &explained.regressed.run;
    let state = state_dict(&run.prepared.model);
    let mut special = Special::new(&["target", "trees", "mean depth", "largest depth", "leaves of a tree, mean"]);
    for (j, test) in explained.regressed.test.iter().enumerate() {
        let trees = trees(&FITTING.tensors_of(&state, j));
        let (depths, count) = (trees.depths(), trees.roots.len());
        let mean = |sum: usize| sum as f64 / count as f64;
        let (depth, deepest, leaves) = (mean(depths.iter().sum()), depths.iter().max(), mean(trees.leaves()));
        let deepest = *deepest.expect("a forest has a tree");
        special.words.push(findings::trees(&test.name, count, depth, leaves, run.prepared.train.len()));
        special.table.row([
            Cell::text(&test.name),
            Cell::count(count),
            Cell::number(depth, 2),
            Cell::count(deepest),
            Cell::number(leaves, 1),
        ]);
        special.figures.push(json!({
            "target": test.name, "trees": count, "mean_depth": depth, "largest_depth": deepest, "mean_leaves": leaves,
        }));
        special.score.get_or_insert((count.to_string(), "trees", format!("mean depth {depth:.1}")));
    }
    special.caption = "The trees: depth is the number of splits from the root to the farthest leaf".to_owned();
    special
}
