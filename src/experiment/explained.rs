//! What runs of models that are fitted at once and are no networks found: their predictions, what is special of the model, and
//! which columns it rests on.

use super::at_once::{inputs, targets};
use super::findings::important;
use super::fitted::Fitting;
use super::folds::CrossValidated;
use super::found::{Found, Run};
use super::kinds::regress::Regressed;
use super::kinds::regress::findings::verdict;
use super::report::{colophon, data_name};
use crate::analysis::importance::permutation_importance;
use crate::error::Result;
use crate::nn::state::state_dict;
use crate::report::chart::{Interval, Intervals, number};
use crate::report::words::{counted, listed};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder, ledger};
use crate::tensor::Tensor;
use crate::train::{Matrix, outputs};
use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

/// How often each column is shuffled.
const REPEATS: usize = 5;
/// Most validation rows on which columns are shuffled.
const ROWS: usize = 1000;
/// Most columns that a figure shows: the most important ones.
const DRAWN: usize = 40;

/// What is special of a kind's model: a table with a row for each number, sentences, and figures for `metrics.json`.
pub struct Special {
    /// The table.
    pub table: Table,
    /// What it shows.
    pub caption: String,
    /// Sentences.
    pub words: Vec<String>,
    /// The figures of each number.
    pub figures: Vec<Value>,
    /// One of them for the head of the report: the figure, what it is, and a note.
    pub score: Option<(String, &'static str, String)>,
}

impl Special {
    /// Returns an empty table with these headings, and nothing else.
    pub fn new(headings: &[&str]) -> Self {
        let (table, caption) = (Table::new(headings), String::new());
        Self { table, caption, words: Vec::new(), figures: Vec::new(), score: None }
    }
}

/// Everything that such a run found out.
pub struct Explained {
    /// What it predicts.
    pub regressed: Regressed,
    /// What it predicts with.
    pub fitting: &'static Fitting,
    /// The names of the columns as the model takes them.
    pub columns: Vec<String>,
    /// The permutation importance of each number, column and repeat, in variances of the number; empty without validation rows.
    pub importance: Vec<Vec<Vec<f64>>>,
    /// The validation rows that it was measured on.
    pub rows: usize,
    special: fn(&Explained) -> Special,
}

impl Explained {
    /// Evaluates the fitted model, and shuffles columns of the validation split.
    pub fn new(run: Run, fitting: &'static Fitting, special: fn(&Explained) -> Special) -> Result<Self> {
        let regressed = Regressed::new(run)?;
        let p = &regressed.run.prepared;
        let width = p.preparation.input().iter().product();
        let columns = p.preparation.input_names();
        let columns = columns.unwrap_or_else(|| (0..width).map(|j| format!("x{j}")).collect());
        let (importance, rows) = importance(&regressed.run)?;
        Ok(Self { regressed, fitting, columns, importance, rows, special })
    }

    /// The mean importance of each column for number `j`, with the least and the largest, in the order of the columns.
    fn ranges(&self, j: usize) -> Vec<Interval> {
        let range = |repeats: &Vec<f64>| {
            let mean = repeats.iter().sum::<f64>() / repeats.len() as f64;
            (
                mean,
                (
                    repeats.iter().copied().fold(f64::INFINITY, f64::min),
                    repeats.iter().copied().fold(f64::MIN, f64::max),
                ),
            )
        };
        self.importance[j].iter().map(range).collect()
    }

    /// Writes `report.html`, the figures and the tables.
    fn report(&self, folder: &RunFolder) -> Result<()> {
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
        colophon(&(next + 1).to_string(), run, &mut book)?;
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

/// The permutation importance on at most [`ROWS`] rows of the validation split, evenly spaced, and their number.
fn importance(run: &Run) -> Result<(Vec<Vec<Vec<f64>>>, usize)> {
    let (p, seed) = (&run.prepared, run.experiment.seed);
    if p.val.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let every = p.val.len().div_ceil(ROWS);
    let chosen: Vec<usize> = (0..p.val.len()).step_by(every).collect();
    let x = inputs(p.val.as_ref()).select(ndarray::Axis(0), &chosen);
    let y = targets(p.val.as_ref())?;
    let (n, m) = (chosen.len(), y.len());
    let y = Array2::from_shape_fn((n, m), |(i, j)| y[j][chosen[i]]);
    let predict = |x: ArrayView2<'_, f32>| -> Result<Array2<f64>> {
        let rows = Tensor::new(x.iter().copied().collect(), [n, x.ncols()])?;
        let all: Vec<usize> = (0..n).collect();
        let predicted = outputs(&p.model, &Matrix::new(rows, crate::target::Target::None)?, &all, seed)?;
        Ok(Array2::from_shape_fn((n, m), |(i, j)| f64::from(predicted.data()[i * m + j])))
    };
    Ok((permutation_importance(&predict, x.view(), y.view(), REPEATS, seed)?, n))
}

impl Found for Explained {
    fn metrics(&self) -> Result<Value> {
        let run = &self.regressed.run;
        let mut metrics = self.regressed.metrics();
        // It has no weights; this is how many numbers make it.
        let numbers: usize = state_dict(&run.prepared.model).values().map(Tensor::numel).sum();
        metrics["parameters"] = numbers.into();
        let importance = |j: usize| -> Option<Value> {
            let ranges = self.importance.get(j).map(|_| self.ranges(j))?;
            let each = self.columns.iter().zip(ranges).map(|(column, (mean, _))| (column.clone(), json!(mean)));
            Some(Value::Object(each.collect()))
        };
        let mut models = (self.special)(self).figures;
        models.iter_mut().enumerate().for_each(|(j, model)| model["importance"] = json!(importance(j)));
        metrics[run.experiment.kind.name] = json!({ "models": models });
        Ok(metrics)
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.report(folder)
    }
    fn settle(&mut self, test_set: ledger::Summary) {
        self.regressed.run.test_set = test_set;
    }
    fn cross_validated(&mut self, found: CrossValidated) {
        self.regressed.run.folds = Some(found);
    }
    fn took(&mut self, seconds: &[(String, f64)]) {
        self.regressed.run.seconds = seconds.to_vec();
    }
}
