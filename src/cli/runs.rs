//! `gradus runs`: lists runs.

use super::{output, signals};
use clap::Args;
use gradus::Result;
use gradus::run::list::{Listed, RunState, list};
use std::path::PathBuf;

/// Lists runs with their kind, data, state and result.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gradus runs\n  gradus runs --json > runs.json")]
pub(crate) struct Runs {
    /// The folder that holds the runs
    #[arg(default_value = "runs", value_name = "DIR")]
    root: PathBuf,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let runs = if self.root.exists() || self.root.as_os_str() != "runs" { list(&self.root)? } else { Vec::new() };
        if self.json {
            return output::json(&runs);
        }
        if runs.is_empty() {
            return output::print(&format!("no runs in {}\n", self.root.display()));
        }
        let mut rows =
            vec![["run", "kind", "data", "seed", "started (UTC)", "state", "result"].map(String::from).to_vec()];
        rows.extend(runs.iter().map(row));
        output::print(&output::table(&rows, 7))
    }
}

fn row(run: &Listed) -> Vec<String> {
    let kind = match run.recipe.as_str() {
        "train" => run.experiment.clone(),
        "study" => format!("study of {}", run.experiment),
        other => other.to_owned(),
    };
    let state = match run.progress {
        RunState::Complete => "complete",
        RunState::Running => "running",
        RunState::Stopped => "stopped",
    };
    let result = run.figure.as_ref().map_or("-".to_owned(), |(name, value)| match name.contains("accuracy") {
        true => format!("{name} {:.2} %", 100.0 * value),
        false => format!("{name} {value:.5}"),
    });
    let seed = run.seed.map_or("-".to_owned(), |seed| seed.to_string());
    let started = run.started.replace('T', " ").trim_end_matches('Z').to_owned();
    vec![run.path.display().to_string(), kind, run.data.clone(), seed, started, state.to_owned(), result]
}
