//! `gradus bench`: the named workloads, measured.

use super::{output, signals};
use clap::Args;
use gradus::bench::machine::Machine;
use gradus::bench::nets::Net;
use gradus::bench::{Bench as Conditions, Row, Workload, blobs, curves, process};
use gradus::text::thousands;
use gradus::{Error, Result};
use gradus_kernels::counting::Counting;
use serde_json::json;
use std::path::PathBuf;

/// Counts allocations only while `gradus bench` measures.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures how long training steps, forward passes, matrix products, K-means and t-SNE take on this machine.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Workloads, by name or by the beginning of their names [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print machine and measurements as JSON
    #[arg(long)]
    json: bool,
    /// A few steps on little data, to check that everything works; the times mean nothing
    #[arg(long)]
    quick: bool,
    /// Print the names of all workloads
    #[arg(long)]
    list: bool,
    /// The folder of the data of K, SOM, T and process; missing files are written [default: gradus-bench in the system's
    /// folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Evaluate an embedding (.npy, n x 2, float32) of the named T workload's samples, made by any program
    #[arg(long, value_name = "EMBEDDING.npy", requires = "names", conflicts_with_all = ["quick", "list"])]
    judge: Option<PathBuf>,
    /// Write weights, batches, dropout masks and the first 50 losses of P1, P2, P3 and P7 into this folder, for
    /// benches/peers/curves.py
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["quick", "list", "judge"])]
    curves: Option<PathBuf>,
    /// The work of the process that `process` measures
    #[arg(long, value_name = "FOLDER", hide = true)]
    epoch: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  gradus bench                 everything: some minutes
  gradus bench P1 G --json     the Figure-1 network, and all matrix products
  gradus bench T2 --judge embedding.npy   the quality of another program's embedding of T2's samples

benches/README.md explains the names, and how to measure other programs beside this one.";

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let chosen = Workload::select(&self.names)?;
        if self.list {
            return output::print(&chosen.iter().map(|w| w.name() + "\n").collect::<String>());
        }
        let data = self.data.unwrap_or_else(|| std::env::temp_dir().join("gradus-bench"));
        if let Some(folder) = &self.epoch {
            return output::json(&process::epoch(folder)?);
        }
        if let Some(path) = &self.judge {
            let [Workload::Embedding(embedding)] = chosen[..] else {
                return Err(Error::config("--judge", "needs one of T1, T2, T3", ""));
            };
            return output::json(&embedding.judge(&data, blobs::from_npy(path)?.view())?);
        }
        if let Some(folder) = &self.curves {
            let is_chosen = |net: &&Net| chosen.contains(&Workload::Train(**net));
            return curves::NETS.iter().filter(is_chosen).try_for_each(|net| curves::export(*net, folder));
        }
        let program = std::env::current_exe().map_err(Error::io("find", "gradus"))?;
        let machine = Machine::measure(self.quick);
        let conditions = Conditions { machine, quick: self.quick, data, program };
        let mut rows = Vec::new();
        for workload in chosen {
            if output::is_terminal() {
                output::say(&format!("{} ...", workload.name()));
            }
            rows.push(workload.run(&conditions)?);
        }
        let machine = &conditions.machine;
        if self.json {
            return output::json(&json!({ "machine": machine, "workloads": rows }));
        }
        output::print(&format!(
            "{}, {} of {} cores, {}: {:.0} GFLOP/s, {:.0} GB/s\n\n{}",
            machine.cpu,
            machine.threads,
            machine.cores,
            machine.isa,
            machine.peak_gflops,
            machine.bandwidth_gb_s,
            table(&rows)
        ))
    }
}

/// Returns the measurements, and below them those that only some workloads have.
fn table(rows: &[Row]) -> String {
    let head = ["workload", "median ms", "images/s", "GFLOP/s", "of peak", "bytes/step", "more"];
    let mut cells = vec![head.map(String::from).to_vec()];
    for row in rows {
        let more = row.more.iter().map(|(name, value)| match value.as_f64() {
            Some(v) if value.is_f64() => format!("{name} {v:.4}"),
            _ => format!("{name} {value}"),
        });
        cells.push(vec![
            row.name.clone(),
            digits(row.ms),
            row.images_per_second.map_or(String::new(), |n| thousands(n as u64)),
            digits(row.gflops),
            format!("{:.0} %", 100.0 * row.share_of_peak),
            thousands(row.allocated_bytes_per_step),
            more.collect::<Vec<_>>().join(", "),
        ]);
    }
    output::table(&cells, 1)
}

/// Formats a number with three digits or more.
fn digits(x: f64) -> String {
    let decimals = if x < 0.1 { 4 } else { (2.0 - x.abs().log10().floor()).clamp(0.0, 3.0) as usize };
    format!("{x:.decimals$}")
}
