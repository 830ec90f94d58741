//! The report of an autoencoder: how near the reconstructions come, how it learned, what it reconstructs worst.

use super::{OnSplit, Reconstructed, code, has_elbo};
use crate::autograd::Var;
use crate::error::Result;
use crate::experiment::each::{self, elbo_of_each};
use crate::experiment::findings::{kept_epoch, steps_ended};
use crate::experiment::layers::{self, Layer};
use crate::experiment::report::{colophon, data_name, network};
use crate::nn::{Ctx, Module};
use crate::report::chart::{ImageGrid, LineChart, Tile};
use crate::report::words::{counted, listed, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::{Book, RunFolder};
use crate::train::Loss;

/// Reconstructions of each kind that the report shows.
const SHOWN: usize = 8;

impl Reconstructed {
    /// Writes `report.html`, the figures and the tables.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let (e, p) = (&self.run.experiment, &self.run.prepared);
        let test = counted(p.data.test.len(), &format!("test {}", p.data.noun()));
        let mut book = Book::open(folder, &e.name, &format!("Data: {}, {test}; seed {}", data_name(e), e.seed));
        let with_elbo = has_elbo(&self.test().losses, e.train.loss);
        let bounds = with_elbo.then(|| elbo_of_each(p, &self.outputs)).transpose()?;
        each::write(folder, &p.data.test.names, &self.errors, bounds.as_deref())?;
        self.verdict(&mut book);
        self.learning(&mut book)?;
        self.images(&mut book)?;
        network("3", &self.run, &mut book)?;
        colophon("4", &self.run, &mut book)?;
        book.finish()
    }

    fn verdict(&self, book: &mut Book<'_>) {
        let (p, h) = (&self.run.prepared, &self.run.history);
        let numbers: usize = p.preparation.input().iter().product();
        let code = code(&p.summary.rows).map_or(numbers, |(_, numbers)| numbers);
        let (mse, parameters) = (format!("{:.5}", self.test().mse), thousands(p.summary.parameters));
        let epochs = format!("{} of {}", h.best_epoch, h.epochs.len());
        let (width, test) = (code.to_string(), &self.test().losses);
        let elbo = has_elbo(test, self.run.experiment.train.loss).then(|| format!("{:.2}", test.elbo()));
        let parts =
            format!("nats: −{:.2} reconstruction, −{:.2} KL divergence", test.objective, -test.elbo() - test.objective);
        let code = match self.active_units {
            Some(active) => format!("for an input of {numbers}; {active} active units"),
            None => format!("for an input of {numbers}"),
        };
        let per_value = format!("per value, on {}", counted(p.data.test.len(), &format!("test {}", p.data.noun())));
        let [kept, how] = kept_epoch(self.run.is_validated());
        let mut cards = vec![
            (mse.as_str(), "mean squared error", per_value.as_str()),
            (width.as_str(), "dimensions of the code", code.as_str()),
            (&epochs, kept, how),
        ];
        match &elbo {
            Some(elbo) => cards.insert(0, (elbo, "evidence lower bound", &parts)),
            None => cards.push((&parameters, "parameters", "")),
        }
        let lead = book.page.lead();
        lead.scores(&cards);
        if !self.run.experiment.about.is_empty() {
            lead.paragraph(&self.run.experiment.about);
        }
        lead.paragraph(&self.run.test_set.words(None));
        for missing in p.data.missing() {
            lead.callout(Callout::Caveat, "A class is missing", &format!("Note that {}.", missing.words()));
        }
    }

    fn learning(&self, book: &mut Book<'_>) -> Result<()> {
        let column =
            |f: fn(&crate::train::Epoch) -> f64| -> Vec<f64> { self.run.history.epochs.iter().map(f).collect() };
        let what = self.run.experiment.train.loss;
        let mut chart = LineChart::new(&format!("{}: loss", self.run.experiment.name)).axes("epoch", "loss");
        if what == Loss::ReconstructionMse {
            chart = chart.log_y(); // the first epoch is many times the last
        }
        chart = chart.epochs("training", &column(|e| e.losses()[0]));
        if self.run.is_validated() {
            chart = chart.epochs("validation", &column(|e| e.losses()[1]));
        }
        let chart = book.figure("model_loss", chart.marker(self.run.history.best_epoch as f64, "kept").draw())?;
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
        let body = book.page.section("1", "Learning");
        body.figure(&chart, &format!("Loss over the epochs.{}", self.warming()))
            .table(&table, "The weights that are kept, on each split");
        steps_ended(&self.run.stopped()).iter().for_each(|words| _ = body.paragraph(words));
        body.source("src/experiment/task.rs");
        Ok(())
    }

    /// How the KL warm-up shows in the training loss; nothing without one.
    fn warming(&self) -> String {
        let warmup = |layer: &Layer| if let Layer::GaussianLatent(l) = layer { l.warmup } else { 0 };
        match layers::leaves(&self.run.experiment.model.layer).into_iter().map(warmup).max() {
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
        let p = &self.run.prepared;
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
            let mut cx = Ctx::eval_drawing(self.run.experiment.seed, 0).capture(&|_| true);
            let again = p.model.forward(&Var::constant(originals.clone()), &mut cx)?;
            let first = layers::leaves(&self.run.experiment.model.layer).into_iter().next();
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
                (0..self.errors.len()).filter(|&i| p.data.test.labels()[i] == k).map(|i| self.errors[i]).collect();
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
            .source("src/experiment/kinds/reconstruct/mod.rs");
        Ok(())
    }
}
