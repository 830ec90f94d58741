//! `kind = "svr"`: a support vector regression ([`crate::analysis::svr`]) of each number to predict.
//!
//! Its optimum is one, so no seed enters. What is kept of it are the support vectors, their coefficients, the intercept and the
//! kernel, as tensors: a run predicts with them as a network with its weights.

pub mod findings;
pub mod settings;

use crate::analysis::svr::{self, Kernel};
use crate::error::Result;
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
use ndarray::ArrayView2;
use serde_json::json;

/// What makes the kind.
static KIND: Kind = Kind {
    name: "svr",
    learns: Learns::Values,
    losses: &[Loss::Mse],
    gives: "predicts numbers",
    end: "",
    implied: "",
    instead: "for rows of numbers: gradus predict RUN TABLE.csv",
    takes: &["svr", "validation"],
    fitting: Some(&FITTING),
};

/// The model: support vectors `[S, D]`, their coefficients `[S]`, the intercept `[1]`, and gamma `[1]`, 0 with the linear kernel.
static FITTING: Fitting =
    Fitting { name: "support vector regression", tensors: &["vectors", "coefficients", "intercept", "gamma"], predict };

fn predict(tensors: &[Tensor], x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
    let [vectors, coefficients, intercept, gamma] = [0, 1, 2, 3].map(|i| &tensors[i]);
    let shape = (vectors.shape()[0], vectors.shape()[1]);
    let vectors = ArrayView2::from_shape(shape, vectors.data()).expect("vectors in rows");
    let kernel = if gamma.item() > 0.0 { Kernel::Rbf(gamma.item()) } else { Kernel::Linear };
    svr::predict(vectors, coefficients.data(), intercept.item(), kernel, x)
}

/// Fits a regression to each number.
fn fit(e: &Experiment, p: &Prepared) -> Result<State<f32>> {
    let x = inputs(p.train.as_ref());
    let regression = e.svr.regression(x.view());
    let each = targets(p.train.as_ref())?.into_iter().map(|y| {
        let model = regression.fit(x.view(), &y)?;
        let gamma = if let Kernel::Rbf(gamma) = model.kernel { gamma } else { 0.0 };
        let (s, d) = model.vectors.dim();
        Ok(vec![
            Tensor::new(model.vectors.into_raw_vec_and_offset().0, [s, d])?,
            Tensor::new(model.coefficients, [s])?,
            Tensor::full([1], model.intercept),
            Tensor::full([1], gamma),
        ])
    });
    Ok(FITTING.state(each.collect::<Result<_>>()?))
}

/// `kind = "svr"`: one number or several for each row, by support vectors.
pub static RUNNER: FittedKind = FittedKind { kind: &KIND, check: |e| e.svr.validate(), fit, special };

/// What the report says of the support vectors.
fn special(explained: &Explained) -> Special {
    let run = &explained.regressed.run;
    let (n, state) = (run.prepared.train.len(), state_dict(&run.prepared.model));
    let mut special = Special::new(&["target", "support vectors", "of training samples", "at the bound c", "gamma"]);
    for (j, test) in explained.regressed.test.iter().enumerate() {
        let tensors = FITTING.tensors_of(&state, j);
        let coefficients = tensors[1].data();
        let vectors = coefficients.len();
        let bound = run.experiment.svr.c as f32;
        let at_bound = coefficients.iter().filter(|b| b.abs() >= bound).count();
        let fraction = vectors as f64 / n as f64;
        let gamma = f64::from(tensors[3].item());
        special.words.push(findings::vectors(&test.name, vectors, n, at_bound, run.experiment.svr.epsilon));
        special.table.row([
            Cell::text(&test.name),
            Cell::count(vectors),
            Cell::fraction(fraction),
            Cell::count(at_bound),
            if gamma > 0.0 { Cell::number(gamma, 4) } else { Cell::none() },
        ]);
        special.figures.push(json!({
            "target": test.name, "support_vectors": vectors, "fraction": fraction, "at_bound": at_bound, "gamma": gamma,
        }));
        special.score.get_or_insert((vectors.to_string(), "support vectors", format!("of {n} training samples")));
    }
    special.caption = "The support vectors: samples whose error is epsilon or more".to_owned();
    special
}
