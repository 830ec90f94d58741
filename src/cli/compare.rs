//! `gradus compare`: runs side by side.

use super::{output, signals};
use clap::Args;
use gradus::Result;
use gradus::experiment::compare::{Comparison, compare};
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
    let head = ["experiment", "seeds", "accuracy", "range", "macro F1", "parameters", "seconds"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for row in &comparison.rows {
        rows.push(vec![
            row.experiment.clone(),
            row.seeds.len().to_string(),
            format!("{:.4}", row.accuracy),
            format!("{:.4} to {:.4}", row.range[0], row.range[1]),
            format!("{:.4}", row.macro_f1),
            output::thousands(row.parameters as u64),
            format!("{:.0}", row.seconds),
        ]);
    }
    let mut text = output::table(&rows, 1);
    for pair in &comparison.pairs {
        let points = |share: f64| format!("{:+.2}", 100.0 * share);
        let how = match (pair.interval, pair.p_value) {
            (Some([low, high]), _) => format!("95 % interval {} to {} points", points(low), points(high)),
            (_, Some(p)) => format!("McNemar's p = {p:.3} on one seed"),
            _ => String::new(),
        };
        let verdict = match (pair.distinguishable, pair.difference > 0.0) {
            (false, _) => "not distinguishable".to_owned(),
            (true, true) => format!("{} is better", pair.a),
            (true, false) => format!("{} is better", pair.b),
        };
        text.push_str(&format!("{} - {}: {} points ({how}): {verdict}\n", pair.a, pair.b, points(pair.difference)));
    }
    text
}
