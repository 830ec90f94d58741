//! `gradus embed`: how a layer of a trained network sees the test samples.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::{Args, ValueEnum};
use gradus::experiment::answer::{self, Method, Trained};
use gradus::{Error, Result};
use serde_json::json;
use std::path::PathBuf;

/// Lays the test samples out in the plane as a layer of a trained network sees them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus embed runs/2026-11-20_cnn-small_k7f3 --layer linear1 --method tsne")]
pub(crate) struct Embed {
    /// The folder of a finished run of `gradus train`
    run: PathBuf,
    /// The layer; `input` is what the network is given
    #[arg(long)]
    layer: String,
    /// How the plane is found
    #[arg(long, value_enum, default_value = "tsne")]
    method: Way,
    /// Most samples
    #[arg(long, default_value = "2000", value_parser = clap::value_parser!(u32).range(10..=70_000))]
    samples: u32,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Tsne,
    Pca,
}

impl Embed {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folder = open_finished(&self.run)?;
        if folder.recipe()? != "train" {
            let help = "its report already shows the maps of the depth lesson";
            return Err(Error::config("embed", "takes runs of `gradus train`; this is one of the main job", help));
        }
        let mut trained = Trained::open(&folder)?;
        trained.experiment = answer::at_home(trained.experiment, &folder)?;
        let (method, name) = match self.method {
            Way::Tsne => (Method::Tsne, "tsne"),
            Way::Pca => (Method::Pca, "pca"),
        };
        let mut watch = Terminal::new(None);
        let embedding = trained.embed(&self.layer, method, self.samples as usize, &mut watch)?;
        watch.finish();
        let file = format!("embed_{}_{name}", self.layer);
        embedding.figure.save(&folder.path("figures"), &file)?;
        let mut csv = String::from("x,y,class\n");
        for (point, &label) in embedding.points.rows().into_iter().zip(&embedding.labels) {
            csv.push_str(&format!("{},{},{}\n", point[0], point[1], trained.preparation.classes[label]));
        }
        folder.write(&format!("tables/{file}.csv"), csv.as_bytes())?;
        let picture = folder.path(&format!("figures/{file}.png"));
        if self.json {
            return output::json(&json!({
                "layer": self.layer,
                "method": name,
                "samples": embedding.labels.len(),
                "dimensions": embedding.dimensions,
                "knn_accuracy": embedding.knn_accuracy,
                "figure": picture,
            }));
        }
        output::print(&format!(
            "{} samples, {} dimensions; 5 nearest neighbours there name the class of {:.1} %\nfigure: {}\n",
            embedding.labels.len(),
            embedding.dimensions,
            100.0 * embedding.knn_accuracy,
            picture.display()
        ))
    }
}
