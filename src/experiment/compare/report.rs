//! A comparison as a page: the table of variants, the differences of each two, and the learning curves of all runs.

use super::curves::{Drawn, figures, learned, settling_table};
use super::{Comparison, Pair, TestMeasure};
use crate::error::Result;
use crate::report::words::{p_value, thousands};
use crate::report::{Page, Table};
use crate::run::RunFolder;
use std::path::Path;

/// A value of the measure, as text.
pub fn value(measure: TestMeasure, value: f64) -> String {
    match measure {
        TestMeasure::Accuracy => format!("{:.2} %", 100.0 * value),
        TestMeasure::Elbo => format!("{value:.2}"),
        TestMeasure::Mse => error(value),
    }
}

/// A squared error with five digits after the point, or three significant ones where those would be zeros.
fn error(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-3 { format!("{value:.5}") } else { format!("{value:.2e}") }
}

/// A difference of two values with its sign, without a unit.
fn signed(measure: TestMeasure, by: f64) -> String {
    match measure {
        TestMeasure::Accuracy => format!("{:+.2}", 100.0 * by),
        TestMeasure::Elbo => format!("{by:+.2}"),
        TestMeasure::Mse => format!("{}{}", if by < 0.0 { "" } else { "+" }, error(by)),
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

/// Writes `report.html`, `comparison.json` and the figures into `out`. Curves follow the order of the compared `runs`.
pub fn write(comparison: &Comparison, runs: &[RunFolder], out: &Path) -> Result<()> {
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

    let body = page.section("3", "Learning curves");
    let learned = learned(comparison, runs)?;
    for Drawn { name, figure, caption } in figures(&learned) {
        figure.save(&out.join("figures"), &name)?;
        body.figure(&figure, &caption);
    }
    if let Some(table) = settling_table(&learned) {
        body.table(
            &table,
            "The first epoch from which on the loss stays within 1 % of its lowest, and the seconds of training until its end. A \
             loss that still falls when the training ends reaches its lowest there, and so settles late.",
        );
    }
    page.save(&out.join("report.html"))?;
    let text = serde_json::to_vec_pretty(comparison).expect("plain words and numbers");
    crate::files::write_atomic(out.join("comparison.json"), &text)
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
