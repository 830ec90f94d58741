//! The section of a report on forecasts.

use super::{Baseline, DRAWN, Forecasts, findings, numbers};
use crate::error::Result;
use crate::experiment::found::Run;
use crate::report::chart::{Colour, LineChart};
use crate::report::{Cell, Figure, Table};
use crate::run::Book;

/// Most points of the chart of the whole series.
const POINTS: usize = 400;

impl Forecasts {
    /// Writes the section, its figures and its tables.
    pub fn write(&self, section: &str, run: &Run, book: &mut Book<'_>) -> Result<()> {
        let (title, value) = (&run.experiment.name, &run.prepared.data.test.value_names[0]);
        let table = book.table("forecasts", self.table())?;
        let mut figures: Vec<(Figure, String)> = Vec::new();
        let drawn = self.true_values.len().min(DRAWN);
        let steps = if self.horizon == 1 { "one step".to_owned() } else { format!("{} steps", self.horizon) };
        let ahead = format!("{steps} ahead");
        let points = |values: &[f64]| -> Vec<(f64, f64)> {
            values.iter().take(drawn).enumerate().map(|(i, &y)| (i as f64 + 1.0, y)).collect()
        };
        let mut chart = LineChart::new(&format!("{title}: the first {drawn} test values"))
            .axes("step of the test split", value)
            .whole_x()
            .size(760.0, 330.0)
            .styled("true value", &points(&self.true_values), Colour::INK, false)
            .styled(&ahead, &points(&self.predicted), Colour::class(0), false);
        let mut words = format!("The first {drawn} test values and their forecasts {ahead}.");
        if let Some(free) = &self.free {
            chart = chart.styled("free-running", &points(&free.first), Colour::class(1), true);
            words += " The free-running forecast has seen none of these values: it is fed with its own predictions.";
        }
        figures.push((book.figure("forecast", chart.draw())?, words));
        if let Some(free) = &self.free {
            let points = |values: &[f64]| -> Vec<(f64, f64)> {
                values.iter().enumerate().map(|(i, &y)| (i as f64 + 1.0, y)).collect()
            };
            let mut chart = LineChart::new(&format!("{title}: error over steps ahead"))
                .axes("steps ahead", "mean squared error")
                .whole_x()
                .styled("free-running model", &points(&free.model), Colour::class(0), false);
            // Dashed, so that the model is seen where it has come down to the season.
            for (i, (baseline, mse, _)) in free.beside.iter().enumerate() {
                chart = chart.styled(baseline.name(), &points(mse), Colour::class(i + 1), true);
            }
            let words = format!(
                "Mean squared error of forecasts that begin at {} places spread evenly over the test split.",
                free.origins
            );
            figures.push((book.figure("forecast_error", chart.draw())?, words));
        }
        if let Some((chart, words)) = splits(run, value)? {
            figures.push((book.figure("series", chart.draw())?, words));
        }
        let body = book.page.section(section, "Forecasts");
        let n = self.true_values.len();
        for b in &self.beside {
            if let Some(difference) = &b.difference {
                let sentence = findings::beside(b.baseline, self.model.mse, b.errors.mse, difference.interval, n);
                body.paragraph(&sentence);
            }
        }
        match &self.free {
            Some(free) => {
                free.beside.iter().filter(|(baseline, ..)| *baseline != Baseline::Mean).for_each(|(b, _, until)| {
                    body.paragraph(&findings::reach(*b, *until, free.model.len()));
                })
            }
            None => drop(body.paragraph(&findings::not_free(self.horizon))),
        }
        body.table(
            &table,
            &format!(
                "Forecasts {ahead} on the test set, errors in the units of the data. The last two columns: mean squared error of the \
                 model minus that of the row, and its 95 % interval (Diebold and Mariano 1995)"
            ),
        );
        figures.iter().for_each(|(figure, words)| _ = body.figure(figure, words));
        body.source("src/experiment/forecasts/mod.rs");
        Ok(())
    }

    fn table(&self) -> Table {
        let heads = ["forecast", "MSE", "RMSE", "MAE", "model minus this", "95 % interval"];
        let mut table = Table::new(&heads);
        let errors =
            |e: &crate::analysis::metrics::RegressionErrors| [e.mse, e.rmse, e.mae].map(|x| Cell::number(x, 4));
        let model = [Cell::text("model")].into_iter().chain(errors(&self.model)).chain([Cell::none(), Cell::none()]);
        table.strong_row(model.collect::<Vec<_>>());
        for b in &self.beside {
            let difference = b.difference.as_ref();
            let last = [
                difference.map_or(Cell::none(), |d| Cell::number(d.difference, 4)),
                difference.map_or(Cell::none(), |d| {
                    let [low, high] = d.interval;
                    Cell::text(format!("{low:.4} to {high:.4}"))
                }),
            ];
            table.row(
                [Cell::text(b.baseline.name())].into_iter().chain(errors(&b.errors)).chain(last).collect::<Vec<_>>(),
            );
        }
        table
    }
}

/// The whole series, each split in its colour; none of a part of it.
fn splits(run: &Run, value: &str) -> Result<Option<(LineChart, String)>> {
    let data = &run.prepared.data;
    let d = &run.experiment.data;
    if d.limit > 0 || d.labelled > 0 {
        return Ok(None);
    }
    let all: usize = data.splits().iter().map(|(_, images)| images.len()).sum();
    let width = all.div_ceil(POINTS);
    let mut chart = LineChart::new(&format!("{}: the series and its splits", run.experiment.name))
        .axes("place of the value", value)
        .size(760.0, 300.0);
    let mut begins = d.series.windows().first();
    for ((_, images), name) in data.splits().into_iter().zip(["training", "validation", "test"]) {
        let values = if images.is_empty() { Vec::new() } else { numbers(images)? };
        let point = |(i, some): (usize, &[f64])| {
            let middle = begins as f64 + (i * width) as f64 + some.len() as f64 / 2.0;
            (middle, super::mean(some))
        };
        let points: Vec<(f64, f64)> = values.chunks(width).enumerate().map(point).collect();
        if !points.is_empty() {
            chart = chart.series(name, &points);
        }
        begins += values.len();
    }
    let thinned = if width > 1 { format!(" Each point is the mean of {width} values.") } else { String::new() };
    Ok(Some((chart, format!("The values that are predicted: training first, the test split last.{thinned}"))))
}
