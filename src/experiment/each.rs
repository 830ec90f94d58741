//! The measure of each test sample of a network that reconstructs: what a paired comparison of two runs needs.

use super::prepared::Prepared;
use crate::autograd::Var;
use crate::error::Result;
use crate::run::RunFolder;
use crate::tensor::Tensor;
use crate::train::evaluate::activations;
use crate::train::{Batch, Criterion};

/// The table in the folder of a run: `sample`, `squared_error` and, of a variational autoencoder, `elbo`.
pub const TEST_SAMPLES: &str = "tables/test_samples.csv";

/// The evidence lower bound of each test sample in nats, log p(x | z) - KL(q(z | x) | N(0, 1)) (Kingma and Welling 2014),
/// of `outputs` that were computed with the objective -log p(x | z). For a diagonal normal q with mean μ and variance σ²,
///
/// ```text
/// KL = 1/2 Σ (σ² + μ² - 1 - log σ²)
/// ```
///
/// over the numbers of every latent layer (those whose parts are captured as `LAYER.mean` and `LAYER.log_var`). The mean
/// over the samples is the bound that the run reports.
pub fn elbo_of_each(p: &Prepared, outputs: &Tensor) -> Result<Vec<f64>> {
    let n = p.test.len();
    let all: Vec<usize> = (0..n).collect();
    let mut bounds = Vec::with_capacity(n);
    for i in 0..n {
        let (output, inputs) = (Var::constant(outputs.gather(&[i])), p.test.batch(&[i], None));
        let batch = Batch { inputs: &inputs, target: &p.test.target().gather(&[i]) };
        let loss = p.fit.objective.loss(&output, &batch)?;
        bounds.push(-f64::from(loss.value().item()));
    }
    for layer in p.summary.rows.iter().filter_map(|row| row.path.strip_suffix(".log_var")) {
        let of = |part: &str| activations(&p.model, &format!("{layer}.{part}"), p.test.as_ref(), &all);
        let (mean, log_var) = (of("mean")?, of("log_var")?);
        for (i, bound) in bounds.iter_mut().enumerate() {
            let numbers = mean.row(i).into_iter().zip(log_var.row(i)).map(|(m, v)| (f64::from(*m), f64::from(*v)));
            *bound -= 0.5 * numbers.map(|(m, v)| libm::exp(v) + m * m - 1.0 - v).sum::<f64>();
        }
    }
    Ok(bounds)
}

/// Writes the table of all test samples.
pub fn write(folder: &RunFolder, names: &[String], errors: &[f64], bounds: Option<&[f64]>) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| csv.write_record(row).expect("writing to memory cannot fail");
    let header = ["sample", "squared_error", "elbo"].map(String::from);
    write(&header[..if bounds.is_some() { 3 } else { 2 }]);
    for (i, (name, error)) in names.iter().zip(errors).enumerate() {
        let mut row = vec![name.clone(), error.to_string()];
        row.extend(bounds.map(|bounds| bounds[i].to_string()));
        write(&row);
    }
    folder.write(TEST_SAMPLES, &csv.into_inner().expect("writing to memory cannot fail"))
}
