//! The report of a run while it is written: every figure and table also goes into the folder as a file of its own.

use super::folder::RunFolder;
use super::trainer::Scores;
use crate::analysis::metrics;
use crate::error::Result;
use crate::nn::summary::Summary;
use crate::report::chart::{Confusion, LineChart};
use crate::report::words::percent;
use crate::report::{Cell, Figure, Page, Table};
use serde_json::Value;

/// The report while it is written: the page, and the folder that takes each figure and table as a file of its own.
pub struct Book<'a> {
    /// Takes figures and tables.
    pub folder: &'a RunFolder,
    /// The page so far.
    pub page: Page,
}

impl<'a> Book<'a> {
    /// A book for this folder.
    pub fn new(folder: &'a RunFolder, page: Page) -> Self {
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
            .axes("epoch", "cross-entropy")
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

/// Whether a trained network does as well on new samples, in words.
pub fn generalizes(s: &Scores, epochs: usize, patience: usize) -> String {
    let gap = s.train.accuracy - s.val.accuracy;
    let verdict = match gap {
        g if g > 0.15 => "It overfits",
        g if g > 0.05 => "It generalizes with a gap",
        g if g > -0.05 => "It generalizes",
        _ => "It does better on validation than on training, which speaks for luck or an easier validation split",
    };
    let (best, ran) = (s.history.best_epoch, s.history.epochs.len());
    let after = if ran < epochs {
        format!("; {patience} epochs without a better one ended the training after {ran}")
    } else if best == ran {
        "; it was still improving when the epochs ran out, so more might help".to_owned()
    } else if s.history.epochs[ran - 1].train_loss < s.history.epochs[best - 1].train_loss {
        format!(" of {ran}; later epochs lowered the training loss but not validation's")
    } else {
        format!(" of {ran}; later epochs were better on neither split")
    };
    format!(
        "{verdict}: accuracy is {} on training and {} on validation, a gap of {:.1} points; on the test split, touched \
         once, it is {}. The best epoch was {best}{after}.",
        percent(s.train.accuracy),
        percent(s.val.accuracy),
        100.0 * gap,
        percent(s.test.accuracy)
    )
}

/// Precision, recall and F1 of each class.
pub fn per_class(confusion: &metrics::Confusion, classes: &[String]) -> Table {
    let mut table = Table::new(&["class", "precision", "recall", "F1", "pictures"]);
    for (c, class) in classes.iter().enumerate() {
        let numbers = [confusion.precision(c), confusion.recall(c), confusion.f1(c)].map(|v| Cell::number(v, 3));
        table.row(std::iter::once(Cell::text(class)).chain(numbers).chain([Cell::count(confusion.support(c))]));
    }
    let (f1, total) = (Cell::number(confusion.macro_f1(), 3), Cell::count(confusion.total()));
    table.strong_row(["macro mean".into(), "".into(), "".into(), f1, total]);
    table
}
