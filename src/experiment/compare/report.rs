//! A comparison as a page: the table of variants, the differences of each two, and the learning curves of all runs.

use super::read::history;
use super::{Comparison, Pair, TestMeasure};
use crate::error::Result;
use crate::report::chart::{Colour, LineChart};
use crate::report::words::{p_value, thousands};
use crate::report::{Figure, Page, Table};
use crate::run::RunFolder;
use crate::train::Epoch;
use std::path::Path;

/// Curves in one figure at most; of more runs the first ones are shown, and the caption says so.
const MOST_CURVES: usize = 12;

/// A value of the measure, as text.
pub fn value(measure: TestMeasure, value: f64) -> String {
    match measure {
        TestMeasure::Accuracy => format!("{:.2} %", 100.0 * value),
        TestMeasure::Elbo => format!("{value:.2}"),
        TestMeasure::Mse => format!("{value:.5}"),
    }
}

/// A difference of two values with its sign, without a unit.
fn signed(measure: TestMeasure, by: f64) -> String {
    match measure {
        TestMeasure::Accuracy => format!("{:+.2}", 100.0 * by),
        TestMeasure::Elbo => format!("{by:+.2}"),
        TestMeasure::Mse => format!("{by:+.5}"),
    }
}

/// The unit of a difference, with a space before it.
fn unit(measure: TestMeasure) -> &'static str {
    match measure {
        TestMeasure::Accuracy => " points",
        TestMeasure::Elbo => " nats",
        TestMeasure::Mse => "",
    }
}

/// What a pair's difference is: the figure with its interval.
pub fn difference(measure: TestMeasure, pair: &Pair) -> String {
    let [low, high] = pair.interval.map(|by| signed(measure, by));
    format!("{}{} (95 % interval {low} to {high})", signed(measure, pair.difference), unit(measure))
}

/// What follows from a pair's difference.
pub fn verdict(pair: &Pair) -> String {
    match (&pair.better, pair.over_seeds) {
        (Some(better), true) => format!("{better} is better"),
        (Some(better), false) => format!("the trained network of {better} is better"),
        (None, _) => "not significant at the 5 % level".to_owned(),
    }
}

/// Writes `report.html`, `comparison.json` and the figures into `folder`.
pub fn write(comparison: &Comparison, folder: &Path) -> Result<()> {
    let measure = comparison.measure;
    let mut page = Page::new("Comparison of runs");
    page.subtitle(&format!("{}, {} test samples", measure.title(), thousands(comparison.test_samples)));
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    page.section("1", "Variants")
        .table(&variants(comparison), "Mean over the seeds of each variant on the test set, the best first")
        .source("src/experiment/compare/mod.rs");
    let pairs = page.section("2", "Differences");
    pairs.table(
        &pairs_table(comparison),
        "First minus second. p values are two-sided and corrected for the number of pairs.",
    );
    comparison.notes.iter().for_each(|note| _ = pairs.paragraph(note));
    pairs.source("src/analysis/metrics/difference.rs");

    let (loss, left_out) = curves(comparison, "validation loss", |epoch| epoch.get("val_loss"))?;
    let (accuracy, _) = curves(comparison, "validation accuracy", |epoch| epoch.get("val_accuracy"))?;
    let more = if left_out > 0 { format!(" {left_out} further runs are not drawn.") } else { String::new() };
    let caption = format!("One curve for each run; runs of one variant have one colour.{more}");
    let body = page.section("3", "Learning curves");
    for (figure, name) in [(loss, "validation_loss"), (accuracy, "validation_accuracy")] {
        if let Some(figure) = figure {
            figure.save(&folder.join("figures"), name)?;
            body.figure(&figure, &caption);
        }
    }
    page.save(&folder.join("report.html"))?;
    let text = serde_json::to_vec_pretty(comparison).expect("plain words and numbers");
    crate::files::write_atomic(folder.join("comparison.json"), &text)
}

fn variants(comparison: &Comparison) -> Table {
    let measure = comparison.measure;
    let mut table = Table::new(&["variant", "seeds", measure.title(), "lowest", "highest", "parameters", "seconds"]);
    for row in &comparison.rows {
        let seeds: Vec<String> = row.seeds.iter().map(u64::to_string).collect();
        table.row([
            row.experiment.clone(),
            seeds.join(", "),
            value(measure, row.value),
            value(measure, row.range[0]),
            value(measure, row.range[1]),
            thousands(row.parameters as usize),
            format!("{:.0}", row.seconds),
        ]);
    }
    table
}

fn pairs_table(comparison: &Comparison) -> Table {
    let mut table = Table::new(&["first", "second", "difference", "p", "holds for", "conclusion"]);
    for pair in &comparison.pairs {
        table.row([
            pair.a.clone(),
            pair.b.clone(),
            difference(comparison.measure, pair),
            p_value(pair.adjusted_p_value),
            if pair.over_seeds { "other seeds too" } else { "these networks" }.to_owned(),
            verdict(pair),
        ]);
    }
    table
}

/// The runs' curves in one chart, none where no run has any; and how many runs were omitted.
fn curves(comparison: &Comparison, what: &str, of: impl Fn(&Epoch) -> Option<f64>) -> Result<(Option<Figure>, usize)> {
    let mut chart =
        LineChart::new(&format!("Learning curves: {what}")).axes("epoch", what).whole_x().size(640.0, 400.0);
    let (mut drawn, mut left_out) = (0, 0);
    for (v, row) in comparison.rows.iter().enumerate() {
        for (path, seed) in row.runs.iter().zip(&row.seeds) {
            let epochs = history(&RunFolder::finished(Path::new(path))?)?.epochs;
            let points: Vec<(f64, f64)> = epochs.iter().filter_map(|e| Some((e.epoch as f64, of(e)?))).collect();
            if points.is_empty() {
                continue;
            }
            if drawn == MOST_CURVES {
                left_out += 1;
                continue;
            }
            chart = chart.styled(&format!("{}, seed {seed}", row.experiment), &points, Colour::class(v), false);
            drawn += 1;
        }
    }
    Ok(((drawn > 0).then(|| chart.draw()), left_out))
}
