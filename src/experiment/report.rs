//! What the reports of all kinds of experiments have: the name of the data, the network, how the run was made.

use super::beside::Size;
use super::findings::{cross_validated, reproducible};
use super::found::Run;
use super::prepared::Prepared;
use super::read::to_toml;
use super::spec::Experiment;
use crate::error::{Error, Result};
use crate::nn::parameters;
use crate::nn::summary::formulas;
use crate::report::chart::{self, ImageGrid};
use crate::report::{Cell, Table};
use crate::run::Book;
use std::path::Path;

/// The name of the data set: of its file or folder, or of its kind.
pub(super) fn data_name(e: &Experiment) -> String {
    let kind =
        serde_json::to_value(e.data.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    match Path::new(&e.data.path).file_name() {
        Some(name) if name.to_string_lossy() != kind.as_str() => format!("{} ({kind})", name.to_string_lossy()),
        _ => kind,
    }
}

/// The layers, how their parameters are counted, and the first layer's filters.
pub(super) fn network(number: &str, run: &Run, book: &mut Book<'_>) -> Result<()> {
    let (e, p) = (&run.experiment, &run.prepared);
    let beside = e.report.beside.map(|known| {
        let own = Size::of(&p.summary, &p.preparation.input());
        sizes(&[(&e.name, own), (known.name(), known.size())])
    });
    let beside = beside.map(|table| book.table("beside", table)).transpose()?;
    let layers = book.layers("layers", &p.summary)?;
    let mut counts = Table::new(&["layer", "weights and biases", "parameters"]);
    for (path, formula, n) in formulas(&p.model, &p.summary) {
        counts.row([path.into(), formula.into(), Cell::count(n)]);
    }
    counts.strong_row(["all".into(), "".into(), Cell::count(p.summary.parameters)]);
    let counts = book.table("parameters", counts)?;
    let filters =
        filters(p).map(|(grid, words)| Ok::<_, Error>((book.figure("filters", grid.draw())?, words))).transpose()?;
    let body = book.page.section(number, "The network");
    body.table(&layers, &format!("Layer by layer, for one {}", p.data.noun())).table(&counts, "Parameters by layer");
    if let Some(beside) = &beside {
        body.table(beside, "Beside a network from the literature");
    }
    if let Some((filters, words)) = &filters {
        body.figure(filters, words);
    }
    body.source("src/experiment/layers.rs");
    Ok(())
}

/// Networks side by side: depth, parameters, multiply-adds.
pub fn sizes(networks: &[(&str, Size)]) -> Table {
    let columns = ["network", "input", "convolutions", "dense layers", "parameters", "multiply-adds"];
    let mut table = Table::new(&columns);
    for (name, size) in networks {
        let counts = [size.convolutions, size.dense, size.parameters, size.macs as usize].map(Cell::count);
        table.row([Cell::text(*name), Cell::sizes(&size.input)].into_iter().chain(counts));
    }
    table
}

/// The first layer's filters and their caption, if it is a convolution of more than one pixel.
fn filters(p: &Prepared) -> Option<(ImageGrid, String)> {
    let weight = parameters::<f32>(&p.model).first()?.1.get();
    let &[filters, channels, h, w] = weight.shape() else { return None };
    (h * w > 1).then(|| chart::filters(weight.data(), [filters, channels, h, w]))
}

/// The figures of a cross-validation, if there was one: mean and deviation, and each fold. Returns whether there was.
fn folds(number: &str, run: &Run, book: &mut Book<'_>) -> Result<bool> {
    let Some(found) = &run.folds else { return Ok(false) };
    let keys = found.keys();
    let mut means = Table::new(&["figure", "mean", "standard deviation"]);
    for key in &keys {
        let (mean, deviation) = found.mean(key).expect("it is one of the keys");
        means.row([Cell::text(key.replace('_', " ")), Cell::number(mean, 4), Cell::number(deviation, 4)]);
    }
    let mut each = Table::new(&[&["repeat", "fold"], &keys[..]].concat());
    for (i, figures) in found.figures.iter().enumerate() {
        let cells = keys.iter().map(|key| Cell::number(figures[*key].as_f64().unwrap_or(f64::NAN), 4));
        let place = [Cell::count(i / found.folds + 1), Cell::count(i % found.folds + 1)];
        each.row(place.into_iter().chain(cells).collect::<Vec<_>>());
    }
    let (means, each) = (book.table("cross_validation", means)?, book.table("each_fold", each)?);
    let body = book.page.section(number, "Cross-validation");
    let key = ["accuracy", "r_squared", "mse", "loss"].into_iter().find(|key| keys.contains(key));
    if let Some((key, (mean, deviation))) = key.and_then(|key| Some((key, found.mean(key)?))) {
        body.paragraph(&cross_validated(
            &key.replace('_', " "),
            (mean, deviation),
            [found.folds, found.repeats, found.rows],
        ));
    }
    body.table(&means, "Mean and standard deviation over all folds")
        .details("Each fold", |body| {
            body.table(&each, "The figures of each fold");
        })
        .source("src/experiment/cross_validation.rs");
    Ok(true)
}

/// What was found by cross-validation, and how to make this report again.
pub(super) fn colophon(number: &str, run: &Run, book: &mut Book<'_>) -> Result<()> {
    let next = number.parse::<usize>().map_or(number.to_owned(), |n| (n + 1).to_string());
    let number = if folds(number, run, book)? { next.as_str() } else { number };
    made(number, &run.experiment, &run.prepared.data.sha256, &run.seconds, book);
    Ok(())
}

/// How to make the report of any experiment again: `sha256` is the checksum of its data, `seconds` the wall time of each stage.
pub(super) fn made(number: &str, e: &Experiment, sha256: &str, seconds: &[(String, f64)], book: &mut Book<'_>) {
    let seconds: Vec<String> = seconds.iter().map(|(stage, s)| format!("{stage} {s:.1}")).collect();
    let facts = [
        ("Command", format!("`{}`", book.said("command_line"))),
        ("Gradus", env!("CARGO_PKG_VERSION").to_owned()),
        ("Data, SHA-256", format!("`{sha256}`")),
        ("Processor features", book.said("cpu_features")),
        ("Threads", book.said("threads")),
        ("Seconds per stage", seconds.join(", ")),
    ];
    book.page
        .section(number, "How this was made")
        .facts(&facts)
        .paragraph(reproducible(!e.model.weights.is_empty()))
        .details("The experiment file", |body| {
            body.code(&to_toml(e));
        });
}
