//! Stage 9. The report: one file that opens anywhere, with the assignment's numbers on its sections.
//!
//! * `verdict`: which answer is best, and is the difference more than luck?
//! * `data`: what was looked at;
//! * `features` (1a to 1c), `mlp` (2a to 2c), `cnn` (3a to 3e): the assignment, question by question;
//! * `words`: sentences that follow the numbers, whatever they say.

mod cnn;
mod data;
mod features;
mod mlp;
mod verdict;
mod words;

use super::Results;
use super::folder::RunFolder;
use super::maps::NamedMap;
use super::training::Scores;
use crate::error::Result;
use crate::report::chart::{Confusion, LineChart};
use crate::report::{Figure, Page, Table};

/// The report while it is written: the page, and the folder that takes each figure and table as a file of its own.
pub(super) struct Book<'a> {
    folder: &'a RunFolder,
    page: Page,
}

impl Book<'_> {
    /// Saves a figure as SVG and PNG, and hands it back for the page.
    fn figure(&self, name: &str, figure: Figure) -> Result<Figure> {
        figure.save(&self.folder.path("figures"), name)?;
        Ok(figure)
    }

    /// Saves a table as CSV, and hands it back for the page.
    fn table(&self, name: &str, table: Table) -> Result<Table> {
        table.save(&self.folder.path("tables"), name)?;
        Ok(table)
    }

    /// Training and validation loss and accuracy over the epochs.
    fn curves(&self, name: &str, title: &str, scores: &Scores) -> Result<[Figure; 2]> {
        let column = |f: fn(&crate::train::Epoch) -> f64| -> Vec<f64> { scores.history.epochs.iter().map(f).collect() };
        let best = scores.history.best_epoch as f64;
        let loss = LineChart::new(&format!("{title}: loss"))
            .axes("epoch", "cross-entropy")
            .epochs("training", &column(|e| e.train_loss))
            .epochs("validation", &column(|e| e.val_loss))
            .marker(best, "kept");
        let accuracy = LineChart::new(&format!("{title}: accuracy"))
            .axes("epoch", "accuracy")
            .epochs("training", &column(|e| e.train_accuracy))
            .epochs("validation", &column(|e| e.val_accuracy))
            .marker(best, "kept");
        Ok([
            self.figure(&format!("{name}_loss"), loss.draw())?,
            self.figure(&format!("{name}_accuracy"), accuracy.draw())?,
        ])
    }

    /// A confusion matrix on the test split.
    fn confusion(&self, name: &str, title: &str, classes: &[String], counts: &[Vec<usize>]) -> Result<Figure> {
        self.figure(&format!("confusion_{name}"), Confusion::new(title, classes, counts).draw())
    }
}

/// Writes `report.html`, the figures and the tables.
pub fn write(r: &Results, folder: &RunFolder) -> Result<()> {
    let mut page = Page::new("Three ways to tell pictures apart");
    page.subtitle(&format!(
        "{} classes, {} test pictures, seed {}",
        r.data.classes.len(),
        r.data.test.len(),
        r.config.seed
    ));
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    let mut book = Book { folder, page };
    verdict::write(r, &mut book)?;
    data::write(r, &mut book)?;
    features::write(r, &mut book)?;
    mlp::write(r, &mut book)?;
    cnn::write(r, &mut book)?;
    colophon(r, &mut book)?;
    folder.write("report.html", book.page.render().as_bytes())
}

/// How to make this report again, and the statement that the course asks for.
fn colophon(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let config = toml::to_string_pretty(&r.config).expect("a config is plain tables");
    let env: serde_json::Value = book.folder.read_json("env.json").unwrap_or_default();
    let said = |key: &str| match &env[key] {
        serde_json::Value::Null => "not recorded".to_owned(),
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Array(words) => {
            words.iter().map(|w| w.as_str().map_or(w.to_string(), str::to_owned)).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let seconds: Vec<String> = r.seconds.iter().map(|(stage, s)| format!("{stage} {s:.1}")).collect();
    book.page.part("How this was made");
    book.page
        .section("", "Reproduce this report")
        .facts(&[
            ("Command", format!("`{}`", said("command_line"))),
            ("Gradus", env!("CARGO_PKG_VERSION").to_owned()),
            ("Seed", r.config.seed.to_string()),
            ("Data, SHA-256", format!("`{}`", r.data.sha256)),
            ("Processor features", said("cpu_features")),
            ("Threads", said("threads")),
            ("Seconds per stage", seconds.join(", ")),
        ])
        .paragraph("The same command, seed and data give the same weights, bit for bit, on any number of threads.")
        .details("The whole configuration", |body| {
            body.code(&config);
        })
        .source("src/pipeline/mod.rs");
    book.page
        .section("", "Use of AI")
        .paragraph("Say here which AI tools were used, for what, and how their answers were checked.")
        .field("Use of AI");
    Ok(())
}

/// The points of a map for a chart.
fn points(map: &NamedMap) -> Vec<(f64, f64)> {
    map.points.rows().into_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
}

/// What to remember while looking at a t-SNE map.
const MAP_CAVEAT: &str = "t-SNE keeps neighbours together and nothing else: distances between clusters, their sizes \
                          and their places on the sheet carry no scale.";
