//! `gradus predict`: the answers of a trained run to single pictures.

use super::evaluate::open_finished;
use super::{output, signals};
use clap::Args;
use gradus::Result;
use gradus::experiment::answer::Trained;
use gradus::pipeline::evaluate::predict;
use gradus::pipeline::settings;
use std::path::PathBuf;

/// What a trained run says about pictures.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus predict runs/2026-11-20_pipeline_k7f3 a.png b.jpg")]
pub(crate) struct Predict {
    /// The folder of a finished run
    run: PathBuf,
    /// PNG or JPEG files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Print the answers as JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folder = open_finished(&self.run)?;
        if folder.recipe()? == "train" {
            let answers = Trained::open(&folder)?.predict(&self.images)?;
            if self.json {
                return output::json(&answers);
            }
            let mut rows = vec![["picture", "class", "probability"].map(String::from).to_vec()];
            for answer in answers {
                rows.push(vec![answer.path, answer.class, format!("{:.1} %", 100.0 * answer.probability)]);
            }
            return output::print(&output::table(&rows, 2));
        }
        let answers = predict(&folder, &settings::of_run(&folder)?, &self.images)?;
        if self.json {
            return output::json(&answers);
        }
        let mut rows = vec![["picture", "CNN", "probability", "MLP", "cluster"].map(String::from).to_vec()];
        for answer in answers {
            rows.push(vec![
                answer.path,
                answer.class,
                format!("{:.1} %", 100.0 * answer.probability),
                answer.mlp,
                answer.cluster,
            ]);
        }
        output::print(&output::table(&rows, 2))
    }
}
