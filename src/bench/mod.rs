//! The named workloads by which Gradus is measured, here and beside other programs.
//!
//! | names | work |
//! | --- | --- |
//! | `P1`..`P8c`, `train` and `infer` | a step, or a forward pass, of eight course networks ([`nets`]) |
//! | `process` | one epoch over 60,000 images from files to a trained model, a whole process ([`process`]) |
//! | `G 256x256x256`.. | matrix products M x K x N ([`products`]) |
//! | `K1`..`K3` | twenty iterations of K-means ([`clusters`]) |
//! | `T1`..`T3` | t-SNE maps, with their quality ([`maps`], [`judge`]) |
//!
//! A row's time is the median of repeated steps after warm-up. Its arithmetic is that of the textbook definition, a
//! multiply-add counting two: a method that leaves arithmetic out (because a factor is zero, or by interpolating) may
//! therefore show more than the machine's peak. K and T, and `process`, read files that [`blobs`] writes once, so that
//! other programs work on the same numbers; `benches/peers` has those programs. [`curves`] hands them whole trainings.

pub mod blobs;
pub mod clusters;
pub mod curves;
pub mod judge;
pub mod machine;
pub mod maps;
pub mod nets;
pub mod process;
pub mod products;

use crate::error::{Error, Result};
use crate::text::guess::nearest;
use gradus_kernels::counting::bytes_during;
use machine::Machine;
use nets::Net;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Instant;

/// Something to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A training step.
    Train(Net),
    /// A forward pass.
    Infer(Net),
    /// A whole process.
    Process,
    /// A matrix product: M, K, N.
    Product([usize; 3]),
    /// K-means on this data set.
    Clusters(&'static clusters::Clusters),
    /// A map.
    Map(&'static maps::Map),
}

impl Workload {
    /// All of them, in the order in which they are printed.
    pub fn all() -> Vec<Self> {
        let nets = [Net::P1, Net::P2, Net::P3, Net::P4, Net::P4w]
            .into_iter()
            .flat_map(|net| [Self::Train(net), Self::Infer(net)]);
        nets.chain([Net::P7, Net::P8a, Net::P8b, Net::P8c].map(Self::Train))
            .chain([Self::Process])
            .chain(products::SHAPES.map(Self::Product))
            .chain(clusters::ALL.iter().map(Self::Clusters))
            .chain(maps::ALL.iter().map(Self::Map))
            .collect()
    }

    /// The name under which it is asked for and reported.
    pub fn name(self) -> String {
        match self {
            Self::Train(net) => format!("{} train", net.name()),
            Self::Infer(net) => format!("{} infer", net.name()),
            Self::Process => "process".into(),
            Self::Product([m, k, n]) => format!("G {m}x{k}x{n}"),
            Self::Clusters(clusters) => clusters.name.into(),
            Self::Map(map) => map.name.into(),
        }
    }

    /// Those whose name is one of `names` or begins with it; all, if there are no names. Fails on a name that fits
    /// none, and says which comes nearest.
    pub fn select(names: &[String]) -> Result<Vec<Self>> {
        let all = Self::all();
        for name in names {
            if !all.iter().any(|w| w.name().starts_with(name.as_str())) {
                let known: Vec<String> = all.iter().map(|w| w.name()).collect();
                let guess =
                    nearest(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
                let help = format!("{}`gradus bench --list` shows all names", guess.unwrap_or_default());
                return Err(Error::config("bench", format!("there is no workload `{name}`"), help));
            }
        }
        let chosen = |w: &Self| names.is_empty() || names.iter().any(|name| w.name().starts_with(name.as_str()));
        Ok(all.into_iter().filter(chosen).collect())
    }

    /// Measures it.
    pub fn run(self, bench: &Bench) -> Result<Row> {
        match self {
            Self::Train(net) => nets::train(net, bench),
            Self::Infer(net) => nets::infer(net, bench),
            Self::Process => process::run(bench),
            Self::Product(shape) => products::run(shape, bench),
            Self::Clusters(clusters) => clusters.run(bench),
            Self::Map(map) => map.run(bench),
        }
    }
}

/// How to measure.
pub struct Bench {
    /// The machine's limits.
    pub machine: Machine,
    /// A few steps on little data: to see that everything works.
    pub quick: bool,
    /// The folder of the shared data; what is missing there is made.
    pub data: PathBuf,
    /// The program `gradus`, to be started as a whole process.
    pub program: PathBuf,
}

/// A measured workload.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The workload's name.
    pub name: String,
    /// Median milliseconds of a step (of the whole, for K, T and `process`).
    pub ms: f64,
    /// The shortest step's.
    pub min_ms: f64,
    /// Images (samples) per second, for the networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_per_second: Option<f64>,
    /// Arithmetic of the definition, in 10⁹ operations a second.
    pub gflops: f64,
    /// Its fraction of the machine's peak.
    pub share_of_peak: f64,
    /// Bytes allocated in a step (an iteration, for K and T), if the program installed [`gradus_kernels::counting`].
    pub allocated_bytes_per_step: u64,
    /// What only some workloads have: losses, memory, the quality of a map.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Times of steps.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Median milliseconds of a step.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// Bytes allocated in each step.
    pub bytes: u64,
}

impl Bench {
    /// Times `samples` samples of `per_sample` steps each (so many that the clock does not matter), after one fifth as
    /// many in warm-up. Then counts what three more samples allocate: counting would cost time.
    fn time(&self, samples: usize, per_sample: usize, mut step: impl FnMut() -> Result<()>) -> Result<Timing> {
        let (samples, per_sample) = if self.quick { (3, per_sample.div_ceil(50)) } else { (samples, per_sample) };
        let mut sample = || (0..per_sample).try_for_each(|_| step());
        (0..samples.div_ceil(5)).try_for_each(|_| sample())?;
        let mut times = Vec::with_capacity(samples);
        for _ in 0..samples {
            let start = Instant::now();
            sample()?;
            times.push(1e3 * start.elapsed().as_secs_f64() / per_sample as f64);
        }
        times.sort_by(f64::total_cmp);
        let mut bytes = [0; 3];
        for bytes in &mut bytes {
            let (done, count) = bytes_during(&mut sample);
            done?;
            *bytes = count / per_sample as u64;
        }
        bytes.sort_unstable();
        Ok(Timing { median: times[samples / 2], min: times[0], bytes: bytes[1] })
    }

    /// The row of a workload of so many operations.
    fn row(&self, workload: Workload, timing: Timing, operations: f64) -> Row {
        let gflops = operations / timing.median / 1e6;
        Row {
            name: workload.name(),
            ms: timing.median,
            min_ms: timing.min,
            images_per_second: None,
            gflops,
            share_of_peak: gflops / self.machine.peak_gflops,
            allocated_bytes_per_step: timing.bytes,
            more: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        Workload::select(&names).unwrap().into_iter().map(Workload::name).collect()
    }

    #[test]
    fn names_and_their_beginnings_select() {
        assert_eq!(named(&["P8", "P1 t"]), ["P1 train", "P8a train", "P8b train", "P8c train"]);
        assert_eq!(named(&["G 1"]), ["G 1024x1024x1024", "G 128x1152x1024", "G 16x9x16384"]);
        assert_eq!(named(&["K2", "process", "P3 infer"]), ["P3 infer", "process", "K2"]);
        assert_eq!(named(&[]).len(), 29);
        let error = Workload::select(&["P1 trian".into()]).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("did you mean `P1 train`"), "{error}");
        assert!(!Workload::select(&["speed".into()]).unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn figure_1_has_the_known_arithmetic() {
        let net = Net::P1.build(&mut crate::rng::Rng::new(0, "test", 0)).unwrap();
        let [_, step] = nets::operations(&net, Net::P1.input(), 32).unwrap();
        assert!((step / 1e9 - 11.375).abs() < 0.001, "{step}");
    }
}
