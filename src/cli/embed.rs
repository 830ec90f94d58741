//! `gradus embed`: embeds the activations of a layer for the test samples in two or three dimensions.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::{Args, ValueEnum};
use gradus::experiment::map::Method;
use gradus::experiment::read;
use gradus::experiment::trained::TrainedRun;
use gradus::report::table::csv_bytes;
use gradus::report::words::{listed, percent};
use gradus::{Error, Result};
use serde_json::json;
use std::path::PathBuf;

/// Embeds the test samples in two or three dimensions by the activations of a layer of a trained network.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus embed runs/2026-11-20_cnn-small_k7f3 --layer linear1 --method tsne")]
pub(crate) struct Embed {
    /// The folder of a finished run of `gradus train`
    run: PathBuf,
    /// The layer; `input` is the input of the network
    #[arg(long)]
    layer: String,
    /// The method
    #[arg(long, value_enum, default_value = "tsne")]
    method: Way,
    /// Dimensions of the embedding
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3))]
    dims: u8,
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
            let help = "its report already shows the embeddings of the depth lesson";
            return Err(Error::config("embed", "takes runs of `gradus train`; this is one of the main job", help));
        }
        let mut trained = TrainedRun::open(&folder)?;
        trained.experiment = read::at_home(trained.experiment, &folder)?;
        let (method, name) = match self.method {
            Way::Tsne => (Method::Tsne, "tsne"),
            Way::Pca => (Method::Pca, "pca"),
        };
        let mut watch = Terminal::new(None);
        let dims = self.dims.into();
        let embedding = trained.embed(&self.layer, (method, dims), self.samples as usize, &mut watch)?;
        watch.finish();
        let three = if dims == 3 { "_3d" } else { "" };
        let (map, file) = (&embedding.map, format!("embed_{}_{name}{three}", self.layer));
        embedding.figure.save(&folder.path("figures"), &file)?;
        let header: Vec<String> =
            ["x", "y", "z"][..map.points.ncols()].iter().chain(&["class"]).map(|&s| s.into()).collect();
        let rows = map.points.rows().into_iter().zip(&map.labels).map(|(point, &label)| {
            let place = point.iter().map(ToString::to_string);
            place.chain([trained.preparation.classes[label].clone()]).collect()
        });
        folder.write(&format!("tables/{file}.csv"), &csv_bytes(std::iter::once(header).chain(rows))?)?;
        let image = folder.path(&format!("figures/{file}.png"));
        if self.json {
            return output::json(&json!({
                "layer": self.layer,
                "method": name,
                "samples": map.labels.len(),
                "dimensions": embedding.dimensions,
                "knn_accuracy": embedding.knn_accuracy,
                "knn_accuracy_of_map": map.knn_accuracy,
                "explained_variance_ratio": map.explained,
                "figure": image,
            }));
        }
        let explained = map.explained.as_ref().map_or(String::new(), |fractions| {
            let fractions: Vec<String> = fractions.iter().map(|f| percent(*f)).collect();
            format!("the axes explain {} of the variance\n", listed(&fractions))
        });
        output::print(&format!(
            "{} samples, {} dimensions; 5-NN accuracy there {}, in the embedding {}\n\
             {explained}figure: {}\n",
            map.labels.len(),
            embedding.dimensions,
            percent(embedding.knn_accuracy),
            percent(map.knn_accuracy),
            image.display()
        ))
    }
}
