//! Times a workload and reports its measurements.

use super::machine::Machine;
use crate::error::Result;
use gradus_kernels::counting::bytes_during;
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Instant;

/// The settings of a measurement.
pub struct Bench {
    /// The machine's limits.
    pub machine: Machine,
    /// A few steps on little data, to check that everything works.
    pub quick: bool,
    /// The folder of the common data; missing files are written.
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
    /// What only some workloads have: losses, memory, the quality of an embedding.
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
    pub(super) fn time(
        &self,
        samples: usize,
        per_sample: usize,
        mut step: impl FnMut() -> Result<()>,
    ) -> Result<Timing> {
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

    /// Returns the row of the workload `name`, of so many operations.
    pub(super) fn row(&self, name: impl Into<String>, timing: Timing, operations: f64) -> Row {
        let gflops = operations / timing.median / 1e6;
        Row {
            name: name.into(),
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
