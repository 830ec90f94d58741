//! `gradus compare`: runs side by side.

use super::{output, signals};
use clap::Args;
use gradus::Result;
use gradus::experiment::compare::{Comparison, Measure, compare};
use gradus::run::RunFolder;
use std::path::PathBuf;

/// Which of several runs is better, and whether the difference is more than luck.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus compare runs/*_cnn-small_* runs/*_mlp-300_*")]
pub(crate) struct Compare {
    /// Folders of finished runs of `gradus train`
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folders: Vec<RunFolder> = self.runs.iter().map(|path| RunFolder::open(path)).collect::<Result<_>>()?;
        let comparison = compare(&folders)?;
        if self.json { output::json(&comparison) } else { output::print(&words(&comparison)) }
    }
}

pub(super) fn words(comparison: &Comparison) -> String {
    let is_error = comparison.measure == Measure::Mse;
    let name = if is_error { "squared error" } else { "accuracy" };
    let digits = if is_error { 5 } else { 4 };
    let head = ["experiment", "seeds", name, "range", "macro F1", "parameters", "seconds"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for row in &comparison.rows {
        rows.push(vec![
            row.experiment.clone(),
            row.seeds.len().to_string(),
            format!("{:.digits$}", row.value),
            format!("{:.digits$} to {:.digits$}", row.range[0], row.range[1]),
            row.macro_f1.map_or("-".into(), |f1| format!("{f1:.4}")),
            output::thousands(row.parameters as u64),
            format!("{:.0}", row.seconds),
        ]);
    }
    let mut text = output::table(&rows, 1);
    for pair in &comparison.pairs {
        let points = |by: f64| if is_error { format!("{by:+.5}") } else { format!("{:+.2}", 100.0 * by) };
        let unit = if is_error { "" } else { " points" };
        let how = match (pair.interval, pair.p_value) {
            (Some([low, high]), _) => format!("95 % interval {} to {}{unit}", points(low), points(high)),
            (_, Some(p)) => format!("McNemar's p = {p:.3} on one seed"),
            _ => String::new(),
        };
        let verdict = pair.better.as_ref().map_or("not distinguishable".into(), |name| format!("{name} is better"));
        text.push_str(&format!("{} - {}: {}{unit} ({how}): {verdict}\n", pair.a, pair.b, points(pair.difference)));
    }
    text
}
