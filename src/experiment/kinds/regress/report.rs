//! The report of a regression: how near the predictions come, how it learned, where it errs, what it is made of.

use super::findings;
use super::{COVERAGE, OnSplit, PREDICTIONS, Predicted, Regressed};
use crate::analysis::metrics::{conformal_coverage_range, mean_interval};
use crate::error::Result;
use crate::experiment::each;
use crate::experiment::findings::{kept_epoch, steps_ended};
use crate::experiment::report::{colophon, data_name, network};
use crate::report::chart::{Histograms, LineChart, Scatter, number};
use crate::report::words::{counted, thousands};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder};

/// Most points that are drawn of one split.
const DRAWN: usize = 2000;

impl Regressed {
    /// Writes `report.html`, the figures and the tables.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let (e, p) = (&self.run.experiment, &self.run.prepared);
        let test = counted(p.data.test.len(), &format!("test {}", p.data.noun()));
        let names: Vec<&str> = self.test.iter().map(|t| t.name.as_str()).collect();
        let what = format!("Data: {}, {test}; to predict: {}; seed {}", data_name(e), names.join(", "), e.seed);
        let mut book = Book::open(folder, &e.name, &what);
        self.write_predictions(folder)?;
        self.verdict(&mut book);
        self.learning(&mut book)?;
        self.mistakes("2", &mut book)?;
        let next = self.write_forecasts(3, &mut book)?;
        let next = next + usize::from(self.learned(&next.to_string(), &mut book)?);
        network(&next.to_string(), &self.run, &mut book)?;
        colophon(&(next + 1).to_string(), &self.run, &mut book)?;
        book.finish()
    }

    /// Writes the prediction of every test sample, and its squared error for comparisons.
    pub(in crate::experiment) fn write_predictions(&self, folder: &RunFolder) -> Result<()> {
        folder.write(PREDICTIONS, &self.predictions())?;
        each::write(folder, &self.run.prepared.data.test.names, &self.squared_errors(), None)
    }

    fn verdict(&self, book: &mut Book<'_>) {
        let n = self.on_test().samples;
        let epochs = format!("{} of {}", self.run.history.best_epoch, self.run.history.epochs.len());
        let [kept, how] = kept_epoch(self.run.is_validated());
        let words: Vec<String> = self
            .test
            .iter()
            .zip(&self.on_test().errors)
            .map(|(t, errors)| findings::verdict("network", &t.name, errors.r_squared, t.r_squared_interval, n))
            .collect();
        let first = &self.on_test().errors[0];
        let r_squared = first.r_squared.map_or("-".to_owned(), |r| format!("{r:.3}"));
        let (mae, rmse) = (number(first.mae), number(first.rmse));
        let of = format!("of {}, test set", self.test[0].name);
        let parameters = thousands(self.run.prepared.summary.parameters);
        let lead = book.page.lead();
        lead.callout(Callout::Verdict, "Verdict", &words.join(" ")).scores(&[
            (&r_squared, "coefficient of determination R²", &of),
            (&mae, "mean absolute error", &of),
            (&rmse, "root mean squared error", &of),
            (&parameters, "parameters", ""),
            (&epochs, kept, how),
        ]);
        if !self.run.experiment.about.is_empty() {
            lead.paragraph(&self.run.experiment.about);
        }
        lead.paragraph(&self.run.test_set.words(None));
    }

    fn learning(&self, book: &mut Book<'_>) -> Result<()> {
        let column = |i: usize| -> Vec<f64> { self.run.history.epochs.iter().map(|e| e.losses()[i]).collect() };
        let mut chart = LineChart::new(&format!("{}: loss", self.run.experiment.name)).axes("epoch", "loss").log_y();
        chart = chart.epochs("training", &column(0));
        if self.run.is_validated() {
            chart = chart.epochs("validation", &column(1));
        }
        let chart = book.figure("model_loss", chart.marker(self.run.history.best_epoch as f64, "kept").draw())?;
        let table = book.table("splits", self.splits_table())?;
        let words = format!(
            "Loss ({}) over the epochs, of numbers brought to mean 0 and deviation 1.",
            self.run.experiment.train.loss.name()
        );
        let body = book.page.section("1", "Learning").figure(&chart, &words);
        body.table(&table, "The weights that are kept, on each split; errors in the units of the data");
        steps_ended(&self.run.stopped()).iter().for_each(|words| _ = body.paragraph(words));
        if let Some(lowest) = self.least_squares {
            body.paragraph(&findings::beside_least_squares(self.splits[0].loss, lowest));
        }
        body.source("src/experiment/kinds/regress/mod.rs");
        Ok(())
    }

    /// Loss and errors of each split and number.
    pub(in crate::experiment) fn splits_table(&self) -> Table {
        let heads = ["split", "target", "samples", "loss", "MSE", "RMSE", "MAE", "R²"];
        let mut table = Table::new(&heads).key("R²", "r_squared");
        for OnSplit { name, samples, loss, errors } in &self.splits {
            for (t, errors) in self.test.iter().zip(errors) {
                table.row([
                    Cell::text(*name),
                    Cell::text(&t.name),
                    Cell::count(*samples),
                    Cell::number(*loss, 5),
                    Cell::number(errors.mse, 5),
                    Cell::number(errors.rmse, 5),
                    Cell::number(errors.mae, 5),
                    errors.r_squared.map_or(Cell::none(), |r| Cell::number(r, 4)),
                ]);
            }
        }
        table
    }

    /// Predictions against true values, residuals, and what they show.
    pub(in crate::experiment) fn mistakes(&self, number: &str, book: &mut Book<'_>) -> Result<()> {
        let mut figures: Vec<(Figure, String)> = Vec::new();
        let mut words = Vec::new();
        for (j, t) in self.test.iter().enumerate() {
            let named = |what: &str| if self.test.len() == 1 { what.to_owned() } else { format!("{what}_{}", j + 1) };
            let step = t.true_values.len().div_ceil(DRAWN);
            let drawn = if step > 1 { format!(" One in {step} samples is drawn.") } else { String::new() };
            let (against, residuals, histogram) = charts(t, step);
            let interval =
                if t.half_width.is_some() { " The outer lines are the ends of the prediction interval." } else { "" };
            figures.push((
                book.figure(&named("predicted"), against)?,
                format!("Predictions against true values; on the middle line they are equal.{interval}{drawn}"),
            ));
            figures.push((
                book.figure(&named("residuals"), residuals)?,
                format!("Residuals (true value minus prediction) against predictions.{drawn}"),
            ));
            figures
                .push((book.figure(&named("residual_histogram"), histogram)?, "How residuals are distributed.".into()));
            let usual = conformal_coverage_range(self.run.prepared.val.len(), t.true_values.len(), COVERAGE);
            if let (Some(q), Some(coverage), Some(usual)) = (t.half_width, t.coverage(), usual) {
                words.push(findings::intervals(&t.name, q, coverage, usual));
            }
            words.extend(spread(t).map(|interval| findings::spread(interval).to_owned()));
        }
        let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, words.as_str())).collect();
        let body = book.page.section(number, "Predictions and residuals").figures(&figures);
        words.iter().for_each(|words| _ = body.paragraph(words));
        if self.forecasts.is_some() {
            body.paragraph(findings::in_time());
        }
        body.paragraph(&format!("Every test sample is in `{PREDICTIONS}`."));
        Ok(())
    }
}

/// Predictions against true values, residuals against predictions, and the distribution of residuals.
fn charts(t: &Predicted, step: usize) -> (Figure, Figure, Figure) {
    let pairs: Vec<(f64, f64)> = t.true_values.iter().copied().zip(t.predicted.iter().copied()).collect();
    let some = |points: Vec<(f64, f64)>| points.into_iter().step_by(step).collect::<Vec<_>>();
    let classes = ["test sample".to_owned()];
    let labels = vec![0; pairs.len().div_ceil(step)];
    let (low, high) = range(t.true_values.iter().copied());
    let mut against = Scatter::new(&format!("{}: predicted against true", t.name), &classes)
        .panel("", &some(pairs.clone()), &labels)
        .axes(&format!("true {}", t.name), &format!("predicted {}", t.name))
        .line((low, low), (high, high));
    if let Some(q) = t.half_width {
        against = against.line((low, low + q), (high, high + q)).line((low, low - q), (high, high - q));
    }
    let residuals: Vec<(f64, f64)> = pairs.iter().map(|(y, p)| (*p, y - p)).collect();
    let (low, high) = range(residuals.iter().map(|r| r.0));
    let by_prediction = Scatter::new(&format!("{}: residuals", t.name), &classes)
        .panel("", &some(residuals.clone()), &labels)
        .axes(&format!("predicted {}", t.name), "residual")
        .line((low, 0.0), (high, 0.0));
    let values: Vec<f64> = residuals.iter().map(|r| r.1).collect();
    let histogram = Histograms::new(&format!("{}: distribution of residuals", t.name), &classes)
        .panel("residual", &values, &vec![0; values.len()])
        .bins(((values.len() as f64).sqrt().ceil() as usize).clamp(6, 40))
        .axes("fraction of test samples");
    (against.draw(), by_prediction.draw(), histogram.draw())
}

fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
}

/// The 95 % interval of the correlation of |residual| and prediction, a mean of products; none where one of them never
/// changes.
fn spread(t: &Predicted) -> Option<(f64, f64)> {
    let standard = |values: Vec<f64>| -> Option<Vec<f64>> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
        (deviation > 0.0).then(|| values.iter().map(|v| (v - mean) / deviation).collect())
    };
    let sizes = t.true_values.iter().zip(&t.predicted).map(|(y, p)| (y - p).abs()).collect();
    let (sizes, predicted) = (standard(sizes)?, standard(t.predicted.clone())?);
    let products: Vec<f64> = sizes.iter().zip(&predicted).map(|(a, b)| a * b).collect();
    Some(mean_interval(&products))
}
