//! The report of such a model: how near its predictions come, what is special of it, and which columns it rests on.

use super::{Explained, REPEATS, Special};
use crate::error::Result;
use crate::experiment::findings::important;
use crate::experiment::kinds::regress::findings::verdict;
use crate::experiment::report::{colophon, data_name};
use crate::report::chart::{Interval, Intervals, number};
use crate::report::words::{counted, listed};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder};

/// Most columns that a figure shows: the most important ones.
const DRAWN: usize = 40;

impl Explained {
    /// Writes `report.html`, the figures and the tables.
    pub(super) fn report(&self, folder: &RunFolder) -> Result<()> {
        let run = &self.regressed.run;
        let (e, p) = (&run.experiment, &run.prepared);
        let test = counted(p.data.test.len(), &format!("test {}", p.data.noun()));
        let names: Vec<String> = self.regressed.test.iter().map(|t| t.name.clone()).collect();
        let what = format!("Data: {}, {test}; to predict: {}; seed {}", data_name(e), listed(&names), e.seed);
        let mut book = Book::open(folder, &e.name, &what);
        self.regressed.write_predictions(folder)?;
        let special = (self.special)(self);
        self.verdict(special.score.as_ref(), &mut book);
        self.model(&special, &mut book)?;
        let next = if self.importance.is_empty() { 2 } else { 3 };
        if next == 3 {
            self.columns("2", &mut book)?;
        }
        self.regressed.mistakes(&next.to_string(), &mut book)?;
        let next = self.regressed.write_forecasts(next + 1, &mut book)?;
        colophon(&next.to_string(), run, &mut book)?;
        book.finish()
    }

    fn verdict(&self, score: Option<&(String, &'static str, String)>, book: &mut Book<'_>) {
        let on_test = self.regressed.on_test();
        let of_each = self.regressed.test.iter().zip(&on_test.errors);
        let words: Vec<String> = of_each
            .map(|(t, errors)| {
                verdict(self.fitting.name, &t.name, errors.r_squared, t.r_squared_interval, on_test.samples)
            })
            .collect();
        let first = &on_test.errors[0];
        let r_squared = first.r_squared.map_or("-".to_owned(), |r| format!("{r:.3}"));
        let of = format!("of {}, test set", self.regressed.test[0].name);
        let (mae, rmse) = (number(first.mae), number(first.rmse));
        let mut scores = vec![
            (r_squared.as_str(), "coefficient of determination R²", of.as_str()),
            (&mae, "mean absolute error", &of),
            (&rmse, "root mean squared error", &of),
        ];
        scores.extend(score.map(|(figure, what, note)| (figure.as_str(), *what, note.as_str())));
        let run = &self.regressed.run;
        let lead = book.page.lead();
        lead.callout(Callout::Verdict, "Verdict", &words.join(" ")).scores(&scores);
        if !run.experiment.about.is_empty() {
            lead.paragraph(&run.experiment.about);
        }
        lead.paragraph(&run.test_set.words(None));
    }

    fn model(&self, special: &Special, book: &mut Book<'_>) -> Result<()> {
        let table = book.table("model", special.table.clone())?;
        let splits = book.table("splits", self.regressed.splits_table())?;
        let body = book.page.section("1", "The model");
        special.words.iter().for_each(|words| _ = body.paragraph(words));
        body.table(&table, &special.caption)
            .table(&splits, "The model on each split; errors in the units of the data, loss in variances of the target")
            .source("src/experiment/fitted.rs");
        Ok(())
    }

    fn columns(&self, section: &str, book: &mut Book<'_>) -> Result<()> {
        let mut figures: Vec<(Figure, String)> = Vec::new();
        let mut table = Table::new(&["target", "column", "importance", "least", "largest"]);
        let mut words = Vec::new();
        for (j, test) in self.regressed.test.iter().enumerate() {
            let ranges = self.ranges(j);
            let mut order: Vec<usize> = (0..ranges.len()).collect();
            order.sort_by(|&a, &b| ranges[b].0.total_cmp(&ranges[a].0).then(a.cmp(&b)));
            let sorted: Vec<(String, Interval)> = order.iter().map(|&c| (self.columns[c].clone(), ranges[c])).collect();
            for (column, (mean, (least, largest))) in &sorted {
                let numbers = [*mean, *least, *largest].map(|v| Cell::number(v, 5));
                table.row([Cell::text(&test.name), Cell::text(column)].into_iter().chain(numbers));
            }
            words.push(important(&test.name, &sorted, REPEATS));
            let shown = &sorted[..sorted.len().min(DRAWN)];
            let rows: Vec<String> = shown.iter().map(|(column, _)| column.clone()).collect();
            let values: Vec<Option<Interval>> = shown.iter().map(|(_, interval)| Some(*interval)).collect();
            let chart = Intervals::new(&format!("Permutation importance for {}", test.name), &rows)
                .axis("increase of the mean squared error, in variances of the target")
                .series("mean and range of the repeats", &values);
            let name =
                if self.regressed.test.len() > 1 { format!("importance_{}", j + 1) } else { "importance".into() };
            let rest = sorted.len() - shown.len();
            let rest =
                if rest > 0 { format!(" The {rest} least important columns are not drawn.") } else { String::new() };
            let caption = format!(
                "How much the mean squared error of {} grows when the numbers of one column are shuffled among {} validation \
                 rows: mean, least and largest of {REPEATS} shuffles. Columns that say the same stand in for each other, and may \
                 both look unimportant.{rest}",
                test.name, self.rows
            );
            figures.push((book.figure(&name, chart.draw())?, caption));
        }
        let table = book.table("importance", table)?;
        let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, words.as_str())).collect();
        let body = book.page.section(section, "Which columns matter").figures(&figures);
        words.iter().for_each(|words| _ = body.paragraph(words));
        body.details("Every column", |body| {
            body.table(&table, "Permutation importance: mean, least and largest of the repeats");
        })
        .source("src/analysis/importance.rs");
        Ok(())
    }
}
