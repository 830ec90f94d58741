//! The report of linear models: the weights with their uncertainty, both methods side by side, and the predictions.

use super::settings::Method;
use super::{Explained, Fitted, findings};
use crate::error::Result;
use crate::experiment::kinds::regress::findings::verdict;
use crate::experiment::report::{colophon, data_name};
use crate::report::chart::{Interval, Intervals, number};
use crate::report::words::{counted, listed};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder};

/// Most columns that a figure shows: those with the largest weights.
const DRAWN: usize = 40;
/// Standard deviations on either side of the mean of a normal distribution that hold 95 %.
const OF_95: f64 = 1.959_964;

impl Explained {
    /// Writes `report.html`, the figures and the tables.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let run = &self.regressed.run;
        let (e, p) = (&run.experiment, &run.prepared);
        let test = counted(p.data.test.len(), &format!("test {}", p.data.noun()));
        let names: Vec<String> = self.regressed.test.iter().map(|t| t.name.clone()).collect();
        let what = format!("Data: {}, {test}; to predict: {}; seed {}", data_name(e), listed(&names), e.seed);
        let mut book = Book::open(folder, &e.name, &what);
        self.regressed.write_predictions(folder)?;
        self.verdict(&mut book);
        self.weights(&mut book)?;
        self.regressed.mistakes("2", &mut book)?;
        let next = self.regressed.write_forecasts(3, &mut book)?;
        colophon(&next.to_string(), run, &mut book)?;
        book.finish()
    }

    fn verdict(&self, book: &mut Book<'_>) {
        let on_test = self.regressed.on_test();
        let words: Vec<String> = self
            .regressed
            .test
            .iter()
            .zip(&on_test.errors)
            .map(|(t, errors)| {
                verdict("linear model", &t.name, errors.r_squared, t.r_squared_interval, on_test.samples)
            })
            .collect();
        let first = &on_test.errors[0];
        let r_squared = first.r_squared.map_or("-".to_owned(), |r| format!("{r:.3}"));
        let of = format!("of {}, test set", self.regressed.test[0].name);
        let run = &self.regressed.run;
        let method = run.experiment.linear.method.short();
        let used = self.fitted.iter().filter_map(|models| models.line(run.experiment.linear.method));
        let used = used.map(|(weights, _)| weights.iter().filter(|w| **w != 0.0).count()).max().unwrap_or_default();
        let used = format!("{used} of {}", self.columns.len());
        let lead = book.page.lead();
        lead.callout(Callout::Verdict, "Verdict", &words.join(" ")).scores(&[
            (&r_squared, "coefficient of determination R²", &of),
            (&number(first.mae), "mean absolute error", &of),
            (&number(first.rmse), "root mean squared error", &of),
            (method, "method", "whose weights predict"),
            (&used, "columns", "with a weight other than 0"),
        ]);
        if !run.experiment.about.is_empty() {
            lead.paragraph(&run.experiment.about);
        }
        lead.paragraph(&run.test_set.words(None));
    }

    fn weights(&self, book: &mut Book<'_>) -> Result<()> {
        let several = self.fitted.len() > 1;
        let mut figures: Vec<(Figure, String)> = Vec::new();
        let mut words = Vec::new();
        for (j, models) in self.fitted.iter().enumerate() {
            let name = if several { format!("weights_{}", j + 1) } else { "weights".to_owned() };
            let (chart, shown) = self.chart(models, &self.regressed.test[j].name);
            let rest = self.columns.len() - shown;
            let rest = if rest > 0 {
                format!(" The {rest} columns with the smallest weights are not drawn.")
            } else {
                String::new()
            };
            let caption = format!(
                "Standardized weights: the change of {}, in its standard deviations, per standard deviation of the column, the \
                 other columns being the same. Whiskers are 95 % intervals: of OLS from standard errors and Student's \
                 distribution, of ARD from the posterior. A column that ARD took out has no ARD mark.{rest}",
                self.regressed.test[j].name
            );
            figures.push((book.figure(&name, chart.draw())?, caption));
            words.extend(self.sentences(j, models));
        }
        let table = book.table("weights", self.table())?;
        let splits = book.table("splits", self.regressed.splits_table())?;
        let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, words.as_str())).collect();
        let body = book.page.section("1", "Weights").figures(&figures);
        words.iter().for_each(|words| _ = body.paragraph(words));
        body.table(
            &table,
            "Weights by both methods: standardized, with standard error (OLS) or posterior standard deviation \
                            (ARD), and in the units of the data",
        )
        .table(&splits, "The model on each split; errors in the units of the data")
        .source("src/experiment/kinds/linear/mod.rs");
        Ok(())
    }

    /// The chart of one number's weights, the largest first, and how many columns it shows.
    fn chart(&self, models: &Fitted, name: &str) -> (Intervals, usize) {
        let size = |j: usize| {
            let of = |method| models.line(method).map_or(0.0, |(weights, _)| weights[j].abs());
            of(Method::Ols).max(of(Method::Ard))
        };
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by(|&a, &b| size(b).total_cmp(&size(a)).then(a.cmp(&b)));
        order.truncate(DRAWN);
        let rows: Vec<String> = order.iter().map(|&j| self.columns[j].clone()).collect();
        let mut chart = Intervals::new(&format!("Weights of {name}"), &rows).axis("standardized weight");
        if let Some(model) = &models.least_squares {
            let of = |&j: &usize| Some((model.weights[j], model.interval(j, 0.95).unwrap_or((f64::NAN, f64::NAN))));
            chart = chart.series("OLS", &order.iter().map(of).collect::<Vec<Option<Interval>>>());
        }
        if let Some(model) = &models.relevance {
            let ends = |j: usize| {
                let half = OF_95 * model.deviations[j];
                (model.weights[j] - half, model.weights[j] + half)
            };
            let of = |j: &usize| model.relevant.contains(j).then(|| (model.weights[*j], ends(*j)));
            chart = chart.series("ARD", &order.iter().map(of).collect::<Vec<Option<Interval>>>());
        }
        (chart, rows.len())
    }

    /// What the numbers say about the weights of number `j`.
    fn sentences(&self, j: usize, models: &Fitted) -> Vec<String> {
        let name = &self.regressed.test[j].name;
        let mut words = Vec::new();
        if let Some(model) = &models.relevance {
            let (relevant, out) = (self.relevant(model, true), self.relevant(model, false));
            let least = self.regressed.run.experiment.linear.threshold.powf(-0.5);
            words.push(findings::kept(name, &relevant, &out, least));
            let excludes = |j: &&usize| model.weights[**j].abs() > OF_95 * model.deviations[**j];
            let clear: Vec<String> = model.relevant.iter().filter(excludes).map(|&j| self.columns[j].clone()).collect();
            words.extend(findings::clear(name, &clear, relevant.len()));
            words.extend(findings::unsettled(name, model.iterations, model.converged));
        }
        if let Some(model) = &models.least_squares {
            let d = self.columns.len();
            words.extend(findings::no_standard_errors(name, model.rank, d, model.degrees_of_freedom));
        }
        if let Some(b) = &self.beside[j] {
            let n = self.regressed.on_test().samples;
            words.push(findings::beside(name, b.least_squares, b.relevance, b.difference.interval, n));
        }
        words
    }

    /// All weights, a row for each number and column.
    fn table(&self) -> Table {
        let heads = [
            "target",
            "column",
            "OLS",
            "standard error",
            "ARD",
            "posterior deviation",
            "OLS, in units",
            "ARD, in units",
        ];
        let mut table = Table::new(&heads);
        let p = &self.regressed.run.prepared.preparation;
        let scale = p.values.as_ref().expect("numbers are predicted");
        let unit =
            |target: usize, j: usize| scale.deviation[target] / p.scaler.as_ref().map_or(1.0, |scaler| scaler.width[j]);
        for (t, models) in self.fitted.iter().enumerate() {
            for (j, column) in self.columns.iter().enumerate() {
                let cell = |value: Option<f64>| value.map_or(Cell::none(), |value| Cell::number(value, 5));
                let ols = models.least_squares.as_ref();
                let ard = models.relevance.as_ref();
                let [a, b] = [ols.map(|m| m.weights[j]), ard.map(|m| m.weights[j])];
                table.row([
                    Cell::text(&self.regressed.test[t].name),
                    Cell::text(column),
                    cell(a),
                    cell(ols.and_then(|m| m.standard_errors.as_ref()).map(|errors| errors[j])),
                    cell(b),
                    cell(ard.map(|m| m.deviations[j])),
                    cell(a.map(|w| w * unit(t, j))),
                    cell(b.map(|w| w * unit(t, j))),
                ]);
            }
        }
        table
    }
}
