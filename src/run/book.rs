//! Writes the report of a run: every figure and table is also saved in the folder as a file of its own.

use super::Watch;
use super::folder::RunFolder;
use super::scores::Scores;
use crate::analysis::metrics;
use crate::error::{Error, Result};
use crate::nn::summary::Summary;
use crate::report::chart::{Confusion, LineChart};
use crate::report::{Cell, Figure, Page, Table};
use serde_json::Value;

/// Keys of `env.json` that a report shows: the title and the author given by the user, and whether the run is a smoke
/// run.
pub const TITLE: &str = "title";
/// See [`TITLE`].
pub const AUTHOR: &str = "author";
/// See [`TITLE`].
pub const SMOKE: &str = "smoke";

/// The warning on every page of a smoke run's report.
pub const SMOKE_WORDS: &str =
    "Smoke run: a few samples and epochs, to see that every stage works. Its numbers mean nothing.";

/// Returns whether a run is a smoke run.
pub fn is_smoke(folder: &RunFolder) -> bool {
    folder.env(SMOKE).is_ok_and(|value| value == true)
}

/// Returns the author and date: `A. Student, 2026-11-30`. `started` is a time as in `env.json`.
fn byline(author: Option<&str>, started: Option<&str>) -> String {
    let date = started.map(|time| time.split('T').next().unwrap_or(time));
    [author, date].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A report in progress: the page, and the folder in which each figure and table is saved as a file of its own.
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

    /// Saves a figure as SVG and PNG, and returns it for the page. One that cannot be drawn is replaced by a sheet that
    /// says why, since a fault in a figure must not cost the report.
    pub fn figure(&self, name: &str, figure: Figure) -> Result<Figure> {
        self.folder.check_held()?;
        let figures = self.folder.path("figures");
        match figure.save(&figures, name) {
            Err(error @ Error::Invalid(_)) => {
                let words = format!("The figure {name} was omitted: {error}");
                let _ = self.folder.log(&words);
                let notice = Figure::notice(&words);
                notice.save(&figures, name).map(|()| notice)
            }
            saved => saved.map(|()| figure),
        }
    }

    /// Writes the page as `report.html`.
    pub fn finish(self) -> Result<()> {
        self.folder.write_unlisted("report.html", self.page.render().as_bytes())
    }

    /// Saves a table as CSV, and returns it for the page.
    pub fn table(&self, name: &str, table: Table) -> Result<Table> {
        self.folder.check_held()?;
        table.save(&self.folder.path("tables"), name)?;
        Ok(table)
    }

    /// Draws the learning curves: training and validation loss and accuracy over the epochs.
    pub fn curves(&self, name: &str, title: &str, scores: &Scores) -> Result<[Figure; 2]> {
        let column = |f: fn(&crate::train::Epoch) -> f64| -> Vec<f64> { scores.history.epochs.iter().map(f).collect() };
        let best = scores.history.best_epoch as f64;
        let mut loss = LineChart::new(&format!("{title}: loss"))
            .axes("epoch", "loss")
            .epochs("training", &column(|e| e.losses()[0]));
        let mut accuracy = LineChart::new(&format!("{title}: accuracy"))
            .axes("epoch", "accuracy")
            .epochs("training", &column(|e| e.accuracies()[0]));
        if scores.val.is_some() {
            loss = loss.epochs("validation", &column(|e| e.losses()[1]));
            accuracy = accuracy.epochs("validation", &column(|e| e.accuracies()[1]));
        }
        let (loss, accuracy) = (loss.marker(best, "kept"), accuracy.marker(best, "kept"));
        Ok([
            self.figure(&format!("{name}_loss"), loss.draw())?,
            self.figure(&format!("{name}_accuracy"), accuracy.draw())?,
        ])
    }

    /// Returns a confusion matrix on the test split.
    pub fn confusion(&self, name: &str, title: &str, classes: &[String], counts: &[Vec<usize>]) -> Result<Figure> {
        self.figure(&format!("confusion_{name}"), Confusion::new(title, classes, counts).draw())
    }

    /// Returns a network's layers, one a row.
    pub fn layers(&self, name: &str, summary: &Summary) -> Result<Table> {
        let mut table = Table::new(&["layer", "sort", "output", "parameters", "multiply-adds", "receptive field"]);
        for row in &summary.rows {
            table.row([
                Cell::text(&row.path),
                Cell::text(&row.kind),
                Cell::sizes(&row.output),
                Cell::count(row.parameters),
                Cell::count(row.macs as usize),
                row.receptive_field.map_or(Cell::text("all"), |side| Cell::sizes(&side)),
            ]);
        }
        let (parameters, macs) = (Cell::count(summary.parameters), Cell::count(summary.macs as usize));
        table.strong_row(["all".into(), "".into(), "".into(), parameters, macs, "".into()]);
        self.table(name, table)
    }

    /// Returns a text or list of texts from the record of how the run was made.
    pub fn said(&self, key: &str) -> String {
        match self.folder.env(key).unwrap_or_default() {
            Value::Null => "not recorded".to_owned(),
            Value::String(s) => s,
            Value::Array(words) => {
                words.iter().map(|w| w.as_str().map_or(w.to_string(), shell_word)).collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        }
    }
}

/// Quotes a word for a shell, so a command in a report can be run again: `'A. Student'`.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,\\".contains(c) || !c.is_ascii();
    let is_plain = !word.is_empty() && word.chars().all(plain);
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The caption of a confusion matrix.
pub const CONFUSION: &str =
    "Rows are true classes, columns predictions; where a cell has room for a percentage, it is of its row.";
/// The caption of the table of [`per_class`].
pub const PER_CLASS: &str = "Per class, on the test split; the macro mean is over the classes that occur";

/// Handles the result of writing the report of a run whose weights are saved: a fault is printed and returned in words,
/// but does not end the run. An interruption does, and so does a folder that is no longer there.
pub fn fault_of(written: Result<()>, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Option<String>> {
    match written {
        Ok(()) => Ok(None),
        Err(error @ Error::Interrupted(_)) => Err(error),
        Err(error) => {
            folder.check_held()?;
            let words = format!("the report could not be written: {error}");
            let help =
                format!("the run is complete without it; to try again: gradus report {}", folder.root().display());
            watch.note(&format!("warning: {words}\n    help: {help}"));
            Ok(Some(words))
        }
    }
}

/// Returns the precision, recall and F1 of each class, and their means over the classes that occur. A class without
/// samples is marked: its metrics are undefined.
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
    use crate::run::Unwatched;

    #[test]
    fn a_byline_is_of_what_is_known() {
        assert_eq!(byline(Some("A. Student"), Some("2026-11-30T05:42:41Z")), "A. Student, 2026-11-30");
        assert_eq!(
            (byline(None, Some("2026-11-30T05:42:41Z")).as_str(), byline(None, None).as_str()),
            ("2026-11-30", "")
        );
    }

    #[test]
    fn a_command_can_be_run_again() {
        assert_eq!(shell_word("runs/2026_a"), "runs/2026_a");
        assert_eq!(["train", "A. Student", "it's", ""].map(shell_word), ["train", "'A. Student'", r"'it'\''s'", "''"]);
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

    #[test]
    fn a_figure_that_cannot_be_drawn_says_so_in_its_place() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(place.path());
        let book = Book::open(&folder, "a page", "of figures");
        let huge = LineChart::new("huge").size(9000.0, 9000.0).epochs("a", &[1.0, 2.0]).draw();
        let shown = book.figure("huge", huge).unwrap();
        assert!(shown.alt.starts_with("The figure huge was omitted: figure of 9000 x"), "{}", shown.alt);
        assert!(folder.path("figures/huge.png").exists() && folder.path("figures/huge.svg").exists());
        assert!(std::fs::read_to_string(folder.path("log.txt")).unwrap().contains("huge was omitted"));
        let small = LineChart::new("small").epochs("a", &[1.0, 2.0]).draw();
        assert_eq!(book.figure("small", small.clone()).unwrap().svg, small.svg);
    }

    #[test]
    fn a_fault_in_a_report_is_printed_and_an_interruption_is_not_hidden() {
        let folder = RunFolder::at("runs/a");
        let mut watch = Unwatched;
        assert_eq!(fault_of(Ok(()), &folder, &mut watch).unwrap(), None);
        let fault = fault_of(Err(Error::invalid("no ink")), &folder, &mut watch).unwrap().unwrap();
        assert_eq!(fault, "the report could not be written: no ink");
        let stopped = fault_of(Err(Error::Interrupted("stopped".into())), &folder, &mut watch).unwrap_err();
        assert_eq!(stopped.exit_code(), 130);
    }
}
