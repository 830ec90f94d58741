//! The machine of the measurements.

use gradus_kernels::{dispatch, machine};
use serde::Serialize;
use std::time::Duration;

/// The machine, and its limits with the computing threads.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, where the system reports it.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// Threads that compute.
    pub threads: usize,
    /// The instruction set of the kernels.
    pub isa: String,
    /// Most multiply-adds a second, measured: 10⁹ operations a second of all threads, an addition and a multiplication
    /// being two.
    pub peak_gflops: f64,
    /// Most traffic with memory, measured: 10⁹ bytes a second.
    pub bandwidth_gb_s: f64,
}

impl Machine {
    /// Measures the machine; `quick` does so in milliseconds, roughly.
    pub fn measure(quick: bool) -> Self {
        let (round, share) = if quick { (1, 0.01) } else { (50, 1.0) };
        Self {
            cpu: cpu_name(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            threads: rayon::current_num_threads(),
            isa: format!("{:?}", dispatch::isa()),
            peak_gflops: machine::peak_gflops(Duration::from_millis(round)),
            bandwidth_gb_s: machine::bandwidth_gb_s(share),
        }
    }
}

/// Returns the first `model name` of Linux's list of processors; else the architecture.
fn cpu_name() -> String {
    let list = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = list.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    named.map_or(std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
