//! What a run says of a network that gives back its input: an autoencoder (Hinton and Salakhutdinov 2006) or a variational
//! one (Kingma and Welling 2014). There are no classes to predict; there is the loss, its parts, and how the images look.
//!
//! Whatever loss was made small, the mean squared error of a number is told too: it is the figure that autoencoders are
//! compared by. All figures are of what the network does by its nature: a variational code is drawn, and a denoising network
//! is given noisy images, whose clean originals are wanted.

use super::each::{self, elbo_of_each};
use super::findings::kept_epoch;
use super::found::Found;
use super::layers::{self, Layer};
use super::prepared::Prepared;
use super::report::{colophon, data_name, network};
use super::spec::Experiment;
use crate::analysis::latent::active_units;
use crate::autograd::Var;
use crate::data::manifest::identity as identity_of;
use crate::error::Result;
use crate::nn::summary::Row;
use crate::nn::{Ctx, Module};
use crate::report::chart::{ImageGrid, LineChart, Tile};
use crate::report::words::{counted, listed, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::{Book, RunFolder, ledger};
use crate::tensor::Tensor;
use crate::train::evaluate::activations;
use crate::train::{History, Loss, Losses, Samples, losses, outputs};
use serde_json::{Map, Value, json};

/// Reconstructions of each kind that the report shows.
const SHOWN: usize = 8;

/// The figures of the trained network on one split.
pub struct OnSplit {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Number of samples.
    pub samples: usize,
    /// The losses.
    pub losses: Losses,
    /// Mean squared error of a number.
    pub mse: f64,
}

/// Everything such a run found out.
pub struct Reconstructed {
    /// The experiment.
    pub experiment: Experiment,
    /// Its samples and its network, with the best epoch's weights.
    pub prepared: Prepared,
    /// The epochs.
    pub history: History,
    /// The training, validation (if there is one) and test split.
    pub splits: Vec<OnSplit>,
    /// What the network gives for the test samples.
    pub outputs: Tensor,
    /// Mean squared error of each test sample.
    pub errors: Vec<f64>,
    /// Of a variational code, the numbers that are in use on the test split.
    pub active_units: Option<usize>,
    /// How often its test set was evaluated on.
    pub test_set: ledger::Summary,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}

/// The layer whose output is the code, and how many numbers that is: the one named `code`, else the narrowest, of equals
/// the first. Of a variational code, which is made of `mean` and `log_var`, it is the layer that holds them.
pub fn code(rows: &[Row]) -> Option<(&str, usize)> {
    let numbers = |row: &Row| row.output.iter().product::<usize>();
    fn layer(row: &Row) -> &str {
        row.path.split('.').next().unwrap_or(&row.path)
    }
    let is_last = |(i, row): &(usize, &Row)| rows.get(i + 1).is_none_or(|next| layer(next) != layer(row));
    let ends: Vec<&Row> = rows.iter().enumerate().filter(is_last).map(|(_, row)| row).collect();
    let named = ends.iter().find(|row| layer(row) == "code");
    let row = named.or_else(|| ends.iter().min_by_key(|row| numbers(row)))?;
    Some((layer(row), numbers(row)))
}

impl Found for Reconstructed {
    fn metrics(&self) -> Result<Value> {
        Ok(self.metrics())
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.write(folder)
    }
    fn settle(&mut self, test_set: ledger::Summary) {
        self.test_set = test_set;
    }
    fn seconds(&mut self) -> &mut Vec<(String, f64)> {
        &mut self.seconds
    }
}

impl Reconstructed {
    /// Asks the trained network.
    pub fn new(e: &Experiment, prepared: Prepared, history: History, seconds: Vec<(String, f64)>) -> Result<Self> {
        let (mut splits, mut last) = (Vec::new(), None);
        for (name, samples) in [("train", &prepared.train), ("val", &prepared.val), ("test", &prepared.test)] {
            let samples: &dyn Samples = samples.as_ref();
            if samples.is_empty() {
                continue; // no validation samples
            }
            let losses = losses(&prepared.model, samples, &prepared.fit.objective, e.seed)?;
            let all: Vec<usize> = (0..samples.len()).collect();
            let outputs = outputs(&prepared.model, samples, &all, e.seed)?;
            let errors = errors(samples, &outputs);
            let mse = errors.iter().sum::<f64>() / errors.len() as f64;
            splits.push(OnSplit { name, samples: samples.len(), losses, mse });
            last = Some((outputs, errors));
        }
        let (outputs, errors) = last.expect("the test set is not empty");
        let rows = &prepared.summary.rows;
        let mean =
            code(rows).map(|(layer, _)| format!("{layer}.mean")).filter(|path| rows.iter().any(|r| r.path == *path));
        let active_units = match mean {
            Some(path) => {
                let all: Vec<usize> = (0..prepared.test.len()).collect();
                let codes = activations(&prepared.model, &path, prepared.test.as_ref(), &all)?;
                Some(active_units(codes.view())?.into_iter().filter(|active| *active).count())
            }
            None => None,
        };
        let test_set = ledger::Summary::default();
        Ok(Self { experiment: e.clone(), prepared, history, splits, outputs, errors, active_units, test_set, seconds })
    }

    /// The test split.
    pub fn test(&self) -> &OnSplit {
        self.splits.last().expect("the test set is not empty")
    }

    /// Whether there were validation samples to choose an epoch by.
    fn is_validated(&self) -> bool {
        !self.prepared.val.is_empty()
    }

    /// The content of `metrics.json`.
    pub fn metrics(&self) -> Value {
        let (p, h) = (&self.prepared, &self.history);
        let total: f64 = self.seconds.iter().map(|(_, s)| s).sum();
        let mut seconds: Map<String, Value> = self.seconds.iter().map(|(name, s)| (name.clone(), json!(s))).collect();
        seconds.insert("total".into(), json!(total));
        let split = |name: &str| {
            let found = self.splits.iter().find(|s| s.name == name);
            found.map(|s| split(&s.losses, s.mse, self.experiment.train.loss))
        };
        json!({
            "recipe": "train",
            "experiment": self.experiment.name,
            "seed": self.experiment.seed,
            "parameters": p.summary.parameters,
            "macs": p.summary.macs,
            "code": code(&p.summary.rows).map(|(layer, numbers)| json!({
                "layer": layer, "numbers": numbers, "active": self.active_units,
            })),
            "best_epoch": h.best_epoch,
            "epochs": h.epochs.len(),
            "train": split("train"),
            "val": split("val"),
            "test": split("test"),
            "data": {
                "kind": self.experiment.data.kind,
                "train": p.data.train.counts(),
                "val": p.data.val.counts(),
                "test": p.data.test.counts(),
                "missing": p.data.missing(),
                "seed": self.experiment.data.seed,
                "test_set": identity_of(&p.data.sha256, &p.data.test),
                "sha256": p.data.sha256,
            },
            "seconds": seconds,
        })
    }

    /// Writes `report.html`, the figures and the tables.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let (e, p) = (&self.experiment, &self.prepared);
        let test = counted(p.data.test.len(), &format!("test {}", p.data.noun()));
        let mut book = Book::open(folder, &e.name, &format!("Data: {}, {test}; seed {}", data_name(e), e.seed));
        let with_elbo = has_elbo(&self.test().losses, e.train.loss);
        let bounds = with_elbo.then(|| elbo_of_each(p, &self.outputs)).transpose()?;
        each::write(folder, &p.data.test.names, &self.errors, bounds.as_deref())?;
        self.verdict(&mut book);
        self.learning(&mut book)?;
        self.images(&mut book)?;
        network("3", e, p, &mut book)?;
        colophon("4", e, p, &self.seconds, &mut book);
        book.finish()
    }

    fn verdict(&self, book: &mut Book<'_>) {
        let (p, h) = (&self.prepared, &self.history);
        let numbers: usize = p.preparation.input().iter().product();
        let code = code(&p.summary.rows).map_or(numbers, |(_, numbers)| numbers);
        let (mse, parameters) = (format!("{:.5}", self.test().mse), thousands(p.summary.parameters));
        let epochs = format!("{} of {}", h.best_epoch, h.epochs.len());
        let (width, test) = (code.to_string(), &self.test().losses);
        let elbo = has_elbo(test, self.experiment.train.loss).then(|| format!("{:.2}", test.elbo()));
        let shares =
            format!("nats: −{:.2} reconstruction, −{:.2} KL divergence", test.objective, -test.elbo() - test.objective);
        let code = match self.active_units {
            Some(active) => format!("for an input of {numbers}; {active} active units"),
            None => format!("for an input of {numbers}"),
        };
        let per_value = format!("per value, on {}", counted(p.data.test.len(), &format!("test {}", p.data.noun())));
        let [kept, how] = kept_epoch(self.is_validated());
        let mut cards = vec![
            (mse.as_str(), "mean squared error", per_value.as_str()),
            (width.as_str(), "dimensions of the code", code.as_str()),
            (&epochs, kept, how),
        ];
        match &elbo {
            Some(elbo) => cards.insert(0, (elbo, "evidence lower bound", &shares)),
            None => cards.push((&parameters, "parameters", "")),
        }
        let lead = book.page.lead();
        lead.scores(&cards);
        if !self.experiment.about.is_empty() {
            lead.paragraph(&self.experiment.about);
        }
        lead.paragraph(&self.test_set.words(None));
        for missing in p.data.missing() {
            lead.callout(Callout::Caveat, "A class is missing", &format!("Note that {}.", missing.words()));
        }
    }

    fn learning(&self, book: &mut Book<'_>) -> Result<()> {
        let column = |f: fn(&crate::train::Epoch) -> f64| -> Vec<f64> { self.history.epochs.iter().map(f).collect() };
        let what = self.experiment.train.loss;
        let mut chart = LineChart::new(&format!("{}: loss", self.experiment.name)).axes("epoch", "loss");
        if what == Loss::ReconstructionMse {
            chart = chart.log_y(); // the first epoch is many times the last
        }
        chart = chart.epochs("training", &column(|e| e.train_loss));
        if self.is_validated() {
            chart = chart.epochs("validation", &column(|e| e.losses()[1]));
        }
        let chart = book.figure("model_loss", chart.marker(self.history.best_epoch as f64, "kept").draw())?;
        let parts: Vec<&String> = self.test().losses.added.keys().collect();
        let with_elbo = has_elbo(&self.test().losses, what);
        let mut columns = vec!["split", "samples", "loss"];
        columns.extend((!parts.is_empty()).then_some("reconstruction"));
        columns.extend(parts.iter().map(|name| name.as_str()));
        columns.extend(with_elbo.then_some("ELBO"));
        columns.push("mean squared error");
        let mut table = Table::new(&columns);
        for OnSplit { name, samples, losses: l, mse } in &self.splits {
            let mut row = vec![Cell::text(*name), Cell::count(*samples), Cell::number(l.loss, 5)];
            row.extend((!parts.is_empty()).then(|| Cell::number(l.objective, 5)));
            row.extend(parts.iter().map(|name| Cell::number(l.added[*name], 5)));
            row.extend(with_elbo.then(|| Cell::number(l.elbo(), 4)));
            row.push(Cell::number(*mse, 6));
            table.row(row);
        }
        let table = book.table("splits", table)?;
        book.page
            .section("1", "Learning")
            .figure(&chart, &format!("Loss over the epochs.{}", self.warming()))
            .table(&table, "The weights that are kept, on each split")
            .source("src/experiment/job.rs");
        Ok(())
    }

    /// How the KL warm-up shows in the training loss; nothing without one.
    fn warming(&self) -> String {
        let warmup = |layer: &Layer| if let Layer::GaussianLatent(l) = layer { l.warmup } else { 0 };
        match layers::leaves(&self.experiment.model.layer).into_iter().map(warmup).max() {
            None | Some(0) => String::new(),
            Some(steps) => format!(
                " KL warm-up: in the first {} steps the weight of the KL divergence in the training loss grows to its value; the \
                 validation loss has the full weight from the beginning.",
                thousands(steps as usize)
            ),
        }
    }

    /// The best, typical and worst reconstructions of the test split, each beside its original.
    fn images(&self, book: &mut Book<'_>) -> Result<()> {
        let p = &self.prepared;
        if p.preparation.is_table() {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.errors.len()).collect();
        order.sort_by(|&a, &b| self.errors[a].total_cmp(&self.errors[b]).then(a.cmp(&b)));
        let [c, h, w] = p.preparation.image;
        let shown = SHOWN.min(order.len());
        let middle = (order.len() - shown) / 2;
        let groups = [
            ("best", &order[..shown]),
            ("typical", &order[middle..middle + shown]),
            ("worst", &order[order.len() - shown..]),
        ];
        let mut grid = ImageGrid::new("Reconstructions").columns(shown).tile_size(84.0);
        let tiles = |values: &[f32]| values.chunks(c * h * w).map(|v| Tile::chw(v, c, h, w)).collect::<Vec<_>>();
        for (name, indices) in groups {
            let originals = p.test.batch(indices, None);
            grid = grid.group(&format!("{name}: inputs"), tiles(originals.data()));
            let mut outputs = self.outputs.gather(indices);
            // Noise that was added is shown with what became of it: drawn once more, as that of the figures was not kept.
            let mut cx = Ctx::eval_drawing(self.experiment.seed, 0).capture(&|_| true);
            let again = p.model.forward(&Var::constant(originals.clone()), &mut cx)?;
            let first = layers::leaves(&self.experiment.model.layer).into_iter().next();
            let is_noisy = matches!(first, Some(Layer::GaussianNoise(_)));
            if let Some(noisy) = cx.captured().into_iter().next().filter(|_| is_noisy) {
                grid = grid.group(&format!("{name}: with noise"), tiles(noisy.output.data()));
                outputs = again.into_value();
            }
            let captions = indices.iter().map(|&i| format!("{:.4}", self.errors[i]));
            let given = tiles(outputs.data()).into_iter().zip(captions).map(|(tile, words)| tile.caption(&words));
            grid = grid.group(&format!("{name}: reconstructions"), given.collect());
        }
        let grid = book.figure("reconstructions", grid.draw())?;
        // The smallest error that the fraction q does not exceed.
        let quantile =
            |q: f64| self.errors[order[((order.len() as f64 * q).ceil() as usize).clamp(1, order.len()) - 1]];
        let mut by_class = Vec::new();
        for (k, class) in p.data.classes.iter().enumerate() {
            let of: Vec<f64> =
                (0..self.errors.len()).filter(|&i| p.data.test.labels[i] == k).map(|i| self.errors[i]).collect();
            // A class without test samples has no error.
            if !of.is_empty() {
                by_class.push((of.iter().sum::<f64>() / of.len() as f64, class.clone()));
            }
        }
        by_class.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = |(error, class): &(f64, String)| format!("{class} ({error:.4})");
        let (easy, hard) = (by_class.iter().take(2).map(name), by_class.iter().rev().take(2).map(name));
        book.page
            .section("2", "Reconstructions")
            .figure(&grid, "Each input, with its noise if some was added, above its reconstruction; the number is the mean squared error per value.")
            .facts(&[
                ("Median error of a test image", format!("{:.5}", quantile(0.5))),
                ("90 % of the test images are at most at", format!("{:.5}", quantile(0.9))),
                ("Classes with the smallest mean error", listed(&easy.collect::<Vec<_>>())),
                ("Classes with the largest mean error", listed(&hard.collect::<Vec<_>>())),
            ])
            .source("src/experiment/reconstruction.rs");
        Ok(())
    }
}

/// Whether these losses make an evidence lower bound: the likelihood of an image, and a divergence.
fn has_elbo(losses: &Losses, loss: Loss) -> bool {
    loss == Loss::ReconstructionBce && !losses.added.is_empty()
}

/// The figures of one split.
pub fn split(losses: &Losses, mse: f64, loss: Loss) -> Value {
    let mut value = json!({ "loss": losses.loss, "reconstruction": losses.objective, "mse": mse });
    if !losses.added.is_empty() {
        value["added"] = json!(losses.added);
    }
    if has_elbo(losses, loss) {
        value["elbo"] = json!(losses.elbo());
    }
    value
}

/// The mean squared error of each sample's numbers.
pub fn errors(samples: &dyn Samples, outputs: &Tensor) -> Vec<f64> {
    let size = outputs.numel() / samples.len().max(1);
    let mut errors = Vec::with_capacity(samples.len());
    for start in (0..samples.len()).step_by(1024) {
        let indices: Vec<usize> = (start..(start + 1024).min(samples.len())).collect();
        let x = samples.batch(&indices, None);
        let rows = x.data().chunks(size).zip(outputs.data()[start * size..].chunks(size));
        errors.extend(rows.map(|(x, y)| {
            let sum: f64 = x.iter().zip(y).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
            sum / size as f64
        }));
    }
    errors
}
