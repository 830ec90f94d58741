//! The report of a run while it is written: every figure and table also goes into the folder as a file of its own.

use super::folder::RunFolder;
use super::trainer::Scores;
use crate::analysis::metrics;
use crate::error::Result;
use crate::nn::summary::Summary;
use crate::report::chart::{Confusion, LineChart};
use crate::report::{Cell, Figure, Page, Table};
use serde_json::Value;

/// Keys of `env.json` that a report shows: the title and the author given by the user, and whether the run is a smoke run.
pub const TITLE: &str = "title";
/// See [`TITLE`].
pub const AUTHOR: &str = "author";
/// See [`TITLE`].
pub const SMOKE: &str = "smoke";

/// What the report of a smoke run says on every page.
pub const SMOKE_WORDS: &str =
    "Smoke run: a few samples and epochs, to see that every stage works. Its numbers mean nothing.";

/// Whether a run is a smoke run.
pub fn is_smoke(folder: &RunFolder) -> bool {
    folder.env(SMOKE).is_ok_and(|value| value == true)
}

/// Author and date: `A. Student, 2026-11-30`. `started` is a time as in `env.json`.
fn byline(author: Option<&str>, started: Option<&str>) -> String {
    let date = started.map(|time| time.split('T').next().unwrap_or(time));
    [author, date].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The report while it is written: the page, and the folder that takes each figure and table as a file of its own.
pub struct Book<'a> {
    /// Takes figures and tables.
    pub folder: &'a RunFolder,
    /// The page so far.
    pub page: Page,
}

impl<'a> Book<'a> {
    /// Opens the report of a run: its title (or the one that the user gave), author and date, and a warning if it is a
    /// smoke run.
    pub fn open(folder: &'a RunFolder, title: &str, subtitle: &str) -> Self {
        let known = |key: &str| folder.env(key).ok().and_then(|value| value.as_str().map(str::to_owned));
        let mut page = Page::new(&known(TITLE).unwrap_or_else(|| title.to_owned()));
        page.subtitle(subtitle);
        page.byline(&byline(known(AUTHOR).as_deref(), known("started").as_deref()));
        if is_smoke(folder) {
            page.banner(SMOKE_WORDS);
        }
        page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
        Self { folder, page }
    }

    /// Saves a figure as SVG and PNG, and hands it back for the page.
    pub fn figure(&self, name: &str, figure: Figure) -> Result<Figure> {
        figure.save(&self.folder.path("figures"), name)?;
        Ok(figure)
    }

    /// Saves a table as CSV, and hands it back for the page.
    pub fn table(&self, name: &str, table: Table) -> Result<Table> {
        table.save(&self.folder.path("tables"), name)?;
        Ok(table)
    }

    /// Training and validation loss and accuracy over the epochs.
    pub fn curves(&self, name: &str, title: &str, scores: &Scores) -> Result<[Figure; 2]> {
        let column = |f: fn(&crate::train::Epoch) -> f64| -> Vec<f64> { scores.history.epochs.iter().map(f).collect() };
        let best = scores.history.best_epoch as f64;
        let loss = LineChart::new(&format!("{title}: loss"))
            .axes("epoch", "loss")
            .epochs("training", &column(|e| e.train_loss))
            .epochs("validation", &column(|e| e.val_loss))
            .marker(best, "kept");
        let accuracy = LineChart::new(&format!("{title}: accuracy"))
            .axes("epoch", "accuracy")
            .epochs("training", &column(|e| e.accuracies()[0]))
            .epochs("validation", &column(|e| e.accuracies()[1]))
            .marker(best, "kept");
        Ok([
            self.figure(&format!("{name}_loss"), loss.draw())?,
            self.figure(&format!("{name}_accuracy"), accuracy.draw())?,
        ])
    }

    /// A confusion matrix on the test split.
    pub fn confusion(&self, name: &str, title: &str, classes: &[String], counts: &[Vec<usize>]) -> Result<Figure> {
        self.figure(&format!("confusion_{name}"), Confusion::new(title, classes, counts).draw())
    }

    /// A network's layers, one a row.
    pub fn layers(&self, name: &str, summary: &Summary) -> Result<Table> {
        let mut table = Table::new(&["layer", "sort", "output", "parameters", "multiply-adds", "receptive field"]);
        for row in &summary.rows {
            table.row([
                Cell::text(&row.path),
                Cell::text(&row.kind),
                Cell::sizes(&row.output),
                Cell::count(row.parameters),
                Cell::count(row.macs as usize),
                row.receptive_field.map_or(Cell::text("all"), |f| Cell::sizes(&[f, f])),
            ]);
        }
        let (parameters, macs) = (Cell::count(summary.parameters), Cell::count(summary.macs as usize));
        table.strong_row(["all".into(), "".into(), "".into(), parameters, macs, "".into()]);
        self.table(name, table)
    }

    /// A word or list of words from the record of how the run was made.
    pub fn said(&self, key: &str) -> String {
        match self.folder.env(key).unwrap_or_default() {
            Value::Null => "not recorded".to_owned(),
            Value::String(s) => s,
            Value::Array(words) => {
                words.iter().map(|w| w.as_str().map_or(w.to_string(), str::to_owned)).collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        }
    }
}

/// How to read a confusion matrix.
pub const CONFUSION: &str = "Rows are true classes, columns predictions; percentages are of the row.";
/// What the table of [`per_class`] is.
pub const PER_CLASS: &str = "Per class, on the test split; the macro mean is over the classes that occur";

/// Precision, recall and F1 of each class, and their means over the classes that occur. A class without samples says so:
/// nothing is known about it.
pub fn per_class(confusion: &metrics::Confusion, classes: &[String]) -> Table {
    let mut table = Table::new(&["class", "precision", "recall", "F1", "samples"]);
    for (c, class) in classes.iter().enumerate() {
        let (of_class, predicted) = (confusion.support(c), confusion.predicted(c));
        let some = |n: usize, value: f64| if n > 0 { Cell::number(value, 3) } else { Cell::none() };
        let mut samples = Cell::count(of_class);
        if of_class == 0 {
            samples.shown = "no samples".to_owned();
        }
        table.row([
            Cell::text(class),
            some(predicted, confusion.precision(c)),
            some(of_class, confusion.recall(c)),
            some(of_class + predicted, confusion.f1(c)),
            samples,
        ]);
    }
    let means =
        [confusion.macro_precision(), confusion.macro_recall(), confusion.macro_f1()].map(|v| Cell::number(v, 3));
    let total = [Cell::count(confusion.total())];
    table.strong_row(std::iter::once(Cell::text("macro mean")).chain(means).chain(total));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byline_is_of_what_is_known() {
        assert_eq!(byline(Some("A. Student"), Some("2026-11-30T05:42:41Z")), "A. Student, 2026-11-30");
        assert_eq!(
            (byline(None, Some("2026-11-30T05:42:41Z")).as_str(), byline(None, None).as_str()),
            ("2026-11-30", "")
        );
    }

    #[test]
    fn a_class_without_samples_is_marked() {
        let confusion = metrics::Confusion::new(&[0, 0, 1], &[0, 2, 1], 4).unwrap();
        let table = per_class(&confusion, &["a", "b", "c", "d"].map(String::from));
        let shown = |row: usize| table.rows[row].iter().map(|cell| cell.shown.as_str()).collect::<Vec<_>>();
        assert_eq!(shown(2), ["c", "0.000", "-", "0.000", "no samples"]);
        assert_eq!(shown(3), ["d", "-", "-", "-", "no samples"]);
        // Over a, b and c: 2/3, 1, 0.
        assert_eq!(shown(4), ["macro mean", "0.667", "0.500", "0.556", "3"]);
        assert_eq!(table.rows[3][4].value, "0");
    }
}
