//! `gradus gradcheck`: checks every derivative against finite differences.

use super::{output, signals};
use clap::Args;
use gradus::gradcheck::{CheckOutcome, table};
use gradus::{Error, Result};

/// Check the derivative of every op, loss, layer and model against finite differences.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gradus gradcheck
  gradus gradcheck --seed 3 --json

Exits with 5 if a check fails.")]
pub(crate) struct Gradcheck {
    /// Seed of the numbers at which derivatives are taken
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print the outcomes as JSON
    #[arg(long)]
    json: bool,
}

impl Gradcheck {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let rows = table();
        let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let mut outcomes = Vec::new();
        for row in &rows {
            let outcome = row.run(self.seed);
            if !self.json {
                output::print(&line(&outcome, width))?;
            }
            outcomes.push(outcome);
        }
        if self.json {
            output::json(&outcomes)?;
        }
        verdict(&outcomes)
    }
}

/// Formats a row: name, worst relative error, tolerance, pass or fail.
fn line(outcome: &CheckOutcome, width: usize) -> String {
    let CheckOutcome { name, relative_error, tolerance, .. } = outcome;
    let verdict = if outcome.pass { "pass" } else { "FAIL" };
    let worst = outcome.worst.as_ref().filter(|_| !outcome.pass).map(|worst| format!("  {worst}")).unwrap_or_default();
    format!("{name:<width$}  {relative_error:>8.1e}  (at most {tolerance:.0e})  {verdict}{worst}")
}

/// Fails if a check failed.
fn verdict(outcomes: &[CheckOutcome]) -> Result<()> {
    let failed: Vec<&str> = outcomes.iter().filter(|outcome| !outcome.pass).map(|outcome| &*outcome.name).collect();
    if failed.is_empty() {
        output::say(&format!("all {} gradients agree with finite differences", outcomes.len()));
        return Ok(());
    }
    let (incorrect, all) = (failed.len(), outcomes.len());
    Err(Error::Check(format!("{incorrect} of {all} gradients are incorrect: {}", failed.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_exit_code_5() {
        let outcome = |name: &'static str, pass| CheckOutcome {
            name: name.into(),
            kind: "op",
            relative_error: 1.0,
            tolerance: 1e-8,
            pass,
            worst: (!pass).then(|| "input 0 at [1, 2]".into()),
        };
        assert!(verdict(&[outcome("exp", true)]).is_ok());
        let error = verdict(&[outcome("exp", true), outcome("log", false)]).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().as_str()), (5, "1 of 2 gradients are incorrect: log"));
        assert!(line(&outcome("log", false), 5).ends_with("FAIL  input 0 at [1, 2]"));
    }
}
