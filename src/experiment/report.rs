//! What the reports of all kinds of experiments have: the name of the data, the network, how the run was made.

use super::beside::Size;
use super::findings::reproducible;
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

/// How to make this report again.
pub(super) fn colophon(number: &str, run: &Run, book: &mut Book<'_>) {
    made(number, &run.experiment, &run.prepared.data.sha256, &run.seconds, book);
}

/// The same for any experiment: `sha256` is the checksum of its data, `seconds` the wall time of each stage.
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
