//! The main job: from a folder of images to a report.
//!
//! K-means and an MLP on hand-crafted features and a CNN on the pixels classify the same test images; the report
//! compares them. Each stage is a file that reads as the assignment does, and [`run`]
//! calls them in order.

pub mod artifacts;
pub mod baselines;
pub mod cnn;
pub mod config;
pub mod data;
pub mod depth;
pub mod embeddings;
pub mod evaluate;
pub mod features;
pub mod kmeans;
pub mod metrics;
pub mod mlp;
pub mod parameters;
pub mod report;
pub mod results;
pub mod source;

pub use config::Config;
pub use results::Results;
pub use source::ConfigSource;

use crate::error::Result;
use crate::run::book::fault_of;
use crate::run::{RunFolder, Settings, Stages, Trainer, Watch, conclude, identity, ledger};

const STAGES: usize = 9;

/// The settings of a run as its `config.toml` has them, and which of them may change before it is resumed. Data may lie
/// elsewhere by then: their checksum tells whether they are the same. Clusters, maps and the depth lesson are computed
/// anew in any case.
fn run_settings(folder: &RunFolder) -> Result<Settings> {
    let table = toml::Table::try_from(source::of_run(folder)?).expect("settings are plain tables");
    let free = ["data.source", "kmeans", "tsne", "depth"];
    let lengths = [("mlp.epochs", "mlp"), ("mlp.patience", "mlp"), ("cnn.epochs", "cnn"), ("cnn.patience", "cnn")];
    Ok(lengths.into_iter().fold(Settings::new(&table).free(&free), |all, (key, name)| all.length(key, name)))
}

/// Runs the job, writes everything into `folder` and completes it; resumes from a checkpoint that is there. Returns
/// `metrics.json`.
pub fn run(config: &Config, folder: &RunFolder, watch: &mut dyn Watch) -> Result<serde_json::Value> {
    cnn::check_size(config)?;
    let mut trainer = Trainer::new(folder, watch, &run_settings(folder)?)?;
    let mut stages = Stages::new(STAGES);
    let t = &mut trainer;

    let mut data = stages.time("data", t, |t| data::prepare(config, t.watch))?;
    identity::settle(folder, &config.data.source, &mut data)?;
    let features = stages.time("features", t, |_| features::compute(&config.features, &data))?;
    let clusters = stages.time("kmeans", t, |_| kmeans::cluster(config, &features, &data))?;
    let embed = |name: &str, x: &ndarray::Array2<f32>| embeddings::embed(name, &config.tsne, x.view(), config.seed);
    let feature_embedding = stages.time("tsne", t, |_| embed("features", &features.scaled[2]))?;
    let mlp = stages.time("mlp", t, |t| mlp::train(&config.mlp, config.seed, &features, &data, t))?;
    let mlp_embedding = embed("mlp_output", &mlp.logits[1])?;
    let (cnn, baselines) = stages.time("cnn", t, |t| {
        let cnn = cnn::train(config, &data, t)?;
        let baselines = baselines::measure(config, &data, &cnn, t)?;
        Ok((cnn, baselines))
    })?;
    artifacts::Artifacts::write(folder, &data, &features, &clusters, &cnn)?;
    let parameters = stages.time("parameters", t, |_| {
        let input = [data.channels(), config.data.size, config.data.size];
        parameters::count(&mlp.model, features.names.len(), &cnn.model, input, data.train.len())
    })?;
    let depth = stages.time("depth", t, |t| depth::measure(config, &data, &features, &mlp, &cnn, t))?;
    t.write_history()?;

    let seconds = stages.seconds.clone();
    let config = config.clone();
    let mut results = Results {
        config,
        data,
        features,
        clusters,
        feature_embedding,
        mlp,
        mlp_embedding,
        cnn,
        baselines,
        parameters,
        depth,
        test_set: ledger::Summary::default(),
        seconds,
    };
    results.test_set = metrics::note(&results, folder)?;
    let fault = stages.time("report", t, |t| {
        folder.write("tables/splits.csv", &metrics::splits_csv(&results))?;
        folder.write("tables/predictions.csv", &metrics::predictions_csv(&results))?;
        fault_of(report::write(&results, folder), folder, t.watch)
    })?;
    results.seconds = stages.seconds;
    conclude(folder, metrics::metrics(&results), fault)
}
