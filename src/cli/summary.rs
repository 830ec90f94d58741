//! `gradus summary`: prints the layers of both networks.

use super::output;
use super::settings::SettingsArgs;
use super::signals;
use clap::Args;
use gradus::Result;
use gradus::data::{Color, Galaxies};
use gradus::nn::summary::{Row, Summary as Layers, summarize};
use gradus::pipeline::{Config, cnn, mlp};
use gradus::text::thousands;
use serde_json::{Value, json};

/// Shows the layers of the MLP and the CNN: output shapes, parameters, multiply-adds, receptive field, memory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Summary {
    /// Number of classes [default: 3]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..=100))]
    classes: Option<u16>,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  gradus summary
  gradus summary --size 64 --color rgb --classes 10 --set cnn.widths=[8,16,32]

The images themselves are not read: colour `auto` counts as gray here.";

impl Summary {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let config = self.settings.source()?.resolve()?;
        let classes = self.classes.map_or(Galaxies::CLASSES.len(), usize::from);
        let [mlp, cnn] = networks(&config, classes)?;
        if self.json {
            return output::json(&json!({ "mlp": as_json(&mlp), "cnn": as_json(&cnn) }));
        }
        let side = config.data.size;
        let mlp = words(&format!("MLP on {} features", config.features.names.len()), &mlp);
        let cnn = words(&format!("CNN on {} x {side} x {side} pixels", channels(&config)), &cnn);
        output::print(&format!("{mlp}\n{cnn}"))
    }
}

fn channels(config: &Config) -> usize {
    if config.data.color == Color::Rgb { 3 } else { 1 }
}

/// Builds both networks as the pipeline would.
fn networks(config: &Config, classes: usize) -> Result<[Layers; 2]> {
    let (inputs, side) = (config.features.names.len(), config.data.size);
    let on_features = mlp::build(&config.mlp, config.mlp.activation, inputs, classes, config.seed);
    let on_pixels = cnn::build(config, channels(config), classes)?;
    Ok([summarize(&on_features, &[inputs])?, summarize(&on_pixels, &[channels(config), side, side])?])
}

fn as_json(layers: &Layers) -> Value {
    let layer = |row: &Row| {
        json!({
            "name": row.path,
            "kind": row.kind,
            "output": row.output,
            "parameters": row.parameters,
            "macs": row.macs,
            "receptive_field": row.receptive_field,
            "activation_bytes": row.activation_bytes,
        })
    };
    json!({
        "parameters": layers.parameters,
        "macs": layers.macs,
        "activation_bytes": layers.activation_bytes,
        "layers": layers.rows.iter().map(layer).collect::<Vec<_>>(),
    })
}

pub(crate) fn words(title: &str, layers: &Layers) -> String {
    let head = ["layer", "kind", "output", "parameters", "multiply-adds", "receptive field", "bytes"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for row in &layers.rows {
        let output: Vec<String> = row.output.iter().map(usize::to_string).collect();
        rows.push(vec![
            row.path.clone(),
            row.kind.clone(),
            output.join("x"),
            thousands(row.parameters as u64),
            thousands(row.macs),
            row.receptive_field.map_or("all".into(), |[h, w]| format!("{h}x{w}")),
            thousands(row.activation_bytes as u64),
        ]);
    }
    rows.push(vec![
        "total".into(),
        String::new(),
        String::new(),
        thousands(layers.parameters as u64),
        thousands(layers.macs),
        String::new(),
        thousands(layers.activation_bytes as u64),
    ]);
    format!("{title}, one sample\n{}", output::table(&rows, 2))
}
