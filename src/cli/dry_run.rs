//! `gradus train --dry-run`: shows a training and its cost without running it.
//!
//! It makes all checks that a training makes before its first step, and fails where the training would. For a network
//! that does not fit into memory it prints the sizes and allocates nothing.

use super::output;
use super::progress::Terminal;
use gradus::Result;
use gradus::experiment::layers::{Outline, outline};
use gradus::experiment::load::load;
use gradus::experiment::read::to_toml;
use gradus::experiment::{Experiment, Prepared, Source, cost, plan_early};
use gradus::run::memory;
use gradus::text::thousands;
use serde_json::{Value, json};

/// Returns the settings, the network and its cost as text. Fails as the training would.
pub(super) fn dry_run(e: &Experiment, source: &Source, as_json: bool) -> Result<()> {
    let mut watch = Terminal::new(None);
    if !e.kind.is_network() {
        return without_network(e, &mut watch, as_json);
    }
    let prepared = plan_early(e).map_err(|error| source.say_where(error)).and_then(|()| Prepared::new(e, &mut watch));
    watch.finish();
    let p = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            // What follows from the file alone is printed all the same.
            if !as_json {
                let sizes = sizes(e).map(|sizes| format!("\n{}", sketch(&sizes))).unwrap_or_default();
                output::print(&format!("{}{sizes}", to_toml(e)))?;
            }
            return Err(error);
        }
    };
    let estimate = cost::estimate(e, &p);
    let counts = p.data.splits().map(|(_, images)| images.len());
    let seconds = cost::seconds(e, &p.summary, counts[0]);
    if as_json {
        let layers: Vec<Value> = p.summary.rows.iter().map(|row| json!({
            "name": row.path, "kind": row.kind, "output": row.output, "parameters": row.parameters, "macs": row.macs,
        })).collect();
        output::json(&json!({
            "experiment": e.name, "parameters": p.summary.parameters, "macs": p.summary.macs, "layers": layers,
            "samples": { "train": counts[0], "val": counts[1], "test": counts[2] },
            "memory_bytes": estimate.total(), "memory": estimate, "estimated_seconds": seconds,
        }))?;
        return cost::check(e, &p);
    }
    let [data, weights, checkpoint, activations] =
        [estimate.data, estimate.weights, estimate.checkpoint, estimate.activations].map(memory::words);
    output::print(&format!(
        "{}\n{}\nsamples: {} for training, {} for validation, {} for the test\nmemory: about {} at the peak (data \
         {data}, weights and optimizer {weights}, checkpoint {checkpoint}, activations of a batch {activations})\ntime: about {} s for {} \
         epochs at half of this machine's peak, and what each step and layer costs\n",
        to_toml(e),
        super::summary::words(&e.name, &p.summary),
        counts[0],
        counts[1],
        counts[2],
        memory::words(estimate.total()),
        if seconds < 10.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") },
        e.train.epochs,
    ))?;
    cost::check(e, &p)
}

/// The settings and the samples of an experiment that trains no network.
fn without_network(e: &Experiment, watch: &mut Terminal, as_json: bool) -> Result<()> {
    let data = load(e, watch);
    watch.finish();
    let data = match data {
        Ok(data) => data,
        Err(error) => {
            if !as_json {
                output::print(&to_toml(e))?;
            }
            return Err(error);
        }
    };
    let counts = data.splits().map(|(_, images)| images.len());
    if as_json {
        let samples = json!({ "train": counts[0], "val": counts[1], "test": counts[2] });
        return output::json(&json!({ "experiment": e.name, "samples": samples }));
    }
    let [train, val, test] = counts;
    let samples = format!("samples: {train} for training, {val} for validation, {test} for the test");
    output::print(&format!("{}\n{samples}\n", to_toml(e)))
}

/// Returns the sizes of the network, as far as they follow from the file alone.
fn sizes(e: &Experiment) -> Option<Vec<Outline>> {
    let input = e.input()?;
    let outputs = e.train.loss.outputs(&input, e.classes().unwrap_or(2)).ok()?;
    outline(&e.model.layer, &input, outputs.iter().product()).ok()
}

/// Returns the layers with their outputs and parameters.
fn sketch(sizes: &[Outline]) -> String {
    let mut rows = vec![["layer", "kind", "output", "parameters"].map(String::from).to_vec()];
    for layer in sizes {
        let output: Vec<String> = layer.output.iter().map(usize::to_string).collect();
        let parameters = thousands(layer.parameters as u64);
        rows.push(vec![layer.name.clone(), layer.kind.to_owned(), output.join("x"), parameters]);
    }
    output::table(&rows, 2)
}
