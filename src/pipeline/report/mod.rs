//! Stage 9. The report: one file that opens anywhere, with the assignment's numbers on its sections.
//!
//! * `verdict`: which classifier is best, and is the difference significant?
//! * `data`: the data sheet;
//! * `features` (1a to 1c), `mlp` (2a to 2c), `cnn` (3a to 3e): the assignment, question by question;
//! * `findings`: the sentences, as functions of numbers.

mod cnn;
mod data;
mod embeddings;
mod features;
mod findings;
mod mlp;
mod verdict;

use super::results::Results;
use crate::error::Result;
use crate::report::words::counted;
use crate::run::{Book, RunFolder};
use std::path::Path;

/// Writes `report.html`, the figures and the tables.
pub fn write(r: &Results, folder: &RunFolder) -> Result<()> {
    let data = if r.config.is_rendered() {
        "rendered galaxies".to_owned()
    } else {
        let path = Path::new(&r.config.data.source);
        path.file_name().map_or(r.config.data.source.clone(), |name| name.to_string_lossy().into_owned())
    };
    let subtitle = format!(
        "Data: {data}, {}, {}; seed {}",
        counted(r.data.classes.len(), "class"),
        counted(r.data.test.len(), "test image"),
        r.config.seed
    );
    let mut book = Book::open(folder, "Three ways to classify images", &subtitle);
    verdict::write(r, &mut book)?;
    data::write(r, &mut book)?;
    features::write(r, &mut book)?;
    mlp::write(r, &mut book)?;
    cnn::write(r, &mut book)?;
    colophon(r, &mut book)?;
    book.finish()
}

/// How to make this report again, and the statement that the course asks for.
fn colophon(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let config = toml::to_string_pretty(&r.config).expect("a config is plain tables");
    let facts = ["command_line", "cpu_features", "threads"].map(|key| book.said(key));
    let [command, features, threads] = facts;
    let seconds: Vec<String> = r.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1}")).collect();
    book.page.part("How this was made");
    book.page
        .section("", "Reproduce this report")
        .facts(&[
            ("Command", format!("`{command}`")),
            ("Gradus", env!("CARGO_PKG_VERSION").to_owned()),
            ("Seed", r.config.seed.to_string()),
            ("Data, SHA-256", format!("`{}`", r.data.sha256)),
            ("Processor features", features),
            ("Threads", threads),
            ("Seconds per stage", seconds.join(", ")),
        ])
        .paragraph("The same command, seed and data give the same weights, bit for bit, on any number of threads.")
        .details("The whole configuration", |body| {
            body.code(&config);
        })
        .source("src/pipeline/mod.rs");
    book.page
        .section("", "Use of AI")
        .paragraph("State here which AI tools were used, for what, and how their output was checked.")
        .field("Use of AI");
    Ok(())
}
