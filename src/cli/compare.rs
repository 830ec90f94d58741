//! `gradus compare`: compares runs.

use super::{output, signals};
use clap::{Args, ValueEnum};
use gradus::experiment::compare::{Comparison, TestMeasure, compare, report};
use gradus::report::words::p_value;
use gradus::run::RunFolder;
use gradus::text::thousands;
use gradus::{Error, Result};
use std::path::PathBuf;

/// Compares runs: which is better, and is the difference significant?
///
/// Runs with the same settings and other seeds are one variant. Give at least three seeds of each (--seed 1, 2, 3):
/// with one seed a difference holds for the trained networks only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gradus compare runs/*_cnn-small_* runs/*_mlp-300_*
  gradus compare RUN1 RUN2 --out comparison   with a page: tables and learning curves")]
pub(crate) struct Compare {
    /// Folders of finished runs of `gradus train`
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The measure [default: accuracy of classifiers, ELBO of variational autoencoders, squared error of others]
    #[arg(long, value_name = "MEASURE")]
    by: Option<By>,
    /// Write the comparison as a page with the learning curves of all runs into this folder; it must not exist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Accuracy,
    Elbo,
    Mse,
}

impl From<By> for TestMeasure {
    fn from(by: By) -> Self {
        match by {
            By::Accuracy => TestMeasure::Accuracy,
            By::Elbo => TestMeasure::Elbo,
            By::Mse => TestMeasure::Mse,
        }
    }
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        if let Some(out) = self.out.as_ref().filter(|out| out.exists()) {
            return Err(Error::config(format!("--out {}", out.display()), "exists already", "choose another --out"));
        }
        let folders: Vec<RunFolder> = self.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<_>>()?;
        let comparison = compare(&folders, self.by.map(TestMeasure::from))?;
        if let Some(out) = &self.out {
            report::write(&comparison, &folders, out)?;
        }
        if self.json {
            return output::json(&comparison);
        }
        let page = self.out.map_or(String::new(), |out| format!("report: {}\n", out.join("report.html").display()));
        output::print(&(words(&comparison) + &page))
    }
}

/// Returns the table of variants, a line for each pair, and the notes.
pub(super) fn words(comparison: &Comparison) -> String {
    let measure = comparison.measure;
    let head = ["variant", "seeds", measure.title(), "range", "macro F1", "parameters", "seconds"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for row in &comparison.rows {
        let [low, high] = row.range.map(|value| report::value(measure, value));
        rows.push(vec![
            row.experiment.clone(),
            row.seeds.len().to_string(),
            report::value(measure, row.value),
            format!("{low} to {high}"),
            row.macro_f1.map_or("-".into(), |f1| format!("{f1:.4}")),
            thousands(row.parameters as u64),
            format!("{:.0}", row.seconds),
        ]);
    }
    let mut text = output::table(&rows, 1);
    for pair in &comparison.pairs {
        let by = report::difference(measure, pair);
        let p = p_value(pair.adjusted_p_value);
        text.push_str(&format!("{} - {}: {by}, {p}: {}\n", pair.a, pair.b, report::verdict(pair)));
    }
    comparison.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text
}
