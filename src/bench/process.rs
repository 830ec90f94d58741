//! Benchmark of a whole process: start, read 60,000 images and labels from IDX files, train one epoch, save the model,
//! end.
//!
//! The network is that of P3. The work is done by `gradus bench --epoch FOLDER` in a process of its own, so that
//! start-up counts and the peak of its memory is its own. The pixels stay bytes; each batch is converted to numbers as
//! it is drawn.

use super::measure::{Bench, Row, Timing};
use super::nets::{self, Net, SEED};
use crate::autograd::Var;
use crate::data::Idx;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::state;
use crate::ops::ClassTarget;
use crate::rng::Rng;
use crate::tensor::Tensor;
use crate::train::Batches;
use gradus_kernels::counting::bytes_during;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Its name as a workload.
pub(super) const NAME: &str = "process";
/// The files' names, MNIST's own.
pub const FILES: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];

/// The report of the process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Loss of the first batch.
    pub loss_first: f32,
    /// Mean loss of the last 20 batches.
    pub loss_last: f32,
    /// Steps taken.
    pub steps: u64,
    /// Images seen.
    pub images: usize,
    /// Bytes allocated.
    pub allocated: u64,
    /// Most memory ever resident, in 10⁶ bytes; `None` where the system does not report it.
    pub rss_mb: Option<f64>,
}

/// Measures the whole process.
pub(super) fn run(bench: &Bench) -> Result<Row> {
    let folder = bench.data.join(if bench.quick { "idx-quick" } else { "idx" });
    make_files(&folder, if bench.quick { 512 } else { 60_000 })?;
    let threads = bench.machine.threads.to_string();
    let start = Instant::now();
    let output = Command::new(&bench.program)
        .args(["bench", "--threads", &threads, "--epoch"])
        .arg(&folder)
        .output()
        .map_err(Error::io("start", &bench.program))?;
    let ms = 1e3 * start.elapsed().as_secs_f64();
    let report: Report = serde_json::from_slice(&output.stdout).map_err(|_| {
        Error::invalid(format!("bench process: the epoch failed: {}", String::from_utf8_lossy(&output.stderr)))
    })?;
    let bytes = report.allocated / report.steps;
    let net = Net::P3.build(&mut Rng::new(SEED, "bench weights", 0))?;
    let [_, operations] = nets::operations(&net, Net::P3.input(), report.images)?;
    let mut row = bench.row(NAME, Timing { median: ms, min: ms, bytes }, operations);
    row.images_per_second = Some(1e3 * report.images as f64 / ms);
    row.more.insert("loss_first".into(), report.loss_first.into());
    row.more.insert("loss_last".into(), report.loss_last.into());
    row.more.insert("rss_mb".into(), report.rss_mb.into());
    Ok(row)
}

/// Runs the work of the process.
pub fn epoch(folder: &Path) -> Result<Report> {
    let (report, allocated) = bytes_during(|| train(folder));
    Ok(Report { allocated, ..report? })
}

fn train(folder: &Path) -> Result<Report> {
    let [images, labels] = FILES.map(|name| Idx::read(folder.join(name)));
    let (images, labels) = (images?, labels?);
    let (&[n, 28, 28], true) = (&images.shape[..], labels.shape == images.shape[..1]) else {
        let what = format!("holds {:?} pixels for {:?} labels", images.shape, labels.shape);
        return Err(Error::data(folder, what, "expected images of 28x28, and a label for each"));
    };
    let net = Net::P3.build(&mut Rng::new(SEED, "bench weights", 0))?;
    let mut optimizer = Net::P3.optimizer();
    let mut losses = Vec::new();
    for (step, batch) in Batches::new(n, Net::P3.batch(), SEED, 0, true).enumerate() {
        let x = Tensor::build([batch.len(), 1, 28, 28], |out| {
            for (image, &i) in out.chunks_mut(28 * 28).zip(&batch) {
                let pixels = &images.data[i * 28 * 28..][..28 * 28];
                image.iter_mut().zip(pixels).for_each(|(x, &p)| *x = f32::from(p) / 255.0);
            }
        });
        let y: Vec<usize> = batch.iter().map(|&i| labels.data[i].into()).collect();
        let loss = |out: &Var| out.cross_entropy(ClassTarget::Labels(&y));
        losses.push(nets::step(&net, optimizer.as_mut(), x, step as u64 + 1, &loss)?);
    }
    state::save(&net, folder.join("model.safetensors"))?;
    let last = &losses[losses.len().saturating_sub(20)..];
    Ok(Report {
        loss_first: losses.first().copied().unwrap_or(f32::NAN),
        loss_last: last.iter().sum::<f32>() / last.len() as f32,
        steps: losses.len() as u64,
        images: n,
        allocated: 0,
        rss_mb: peak_memory(),
    })
}

/// Writes images and labels, unless they are there: ten images of blurred noise, each image one of them with more
/// noise.
fn make_files(folder: &Path, n: usize) -> Result<()> {
    let paths = FILES.map(|name| folder.join(name));
    if paths.iter().all(|path| path.exists()) {
        return Ok(());
    }
    let mut rng = Rng::new(SEED, "bench images", u64::MAX);
    let patterns: Vec<Vec<f64>> = (0..10).map(|_| (0..7 * 7).map(|_| rng.range(0.0, 160.0)).collect()).collect();
    let labels: Vec<u8> = (0..n).map(|_| rng.below(10) as u8).collect();
    let mut data = vec![0u8; n * 28 * 28];
    parallel::chunks_unless(false, &mut data, 28 * 28, |i, image| {
        let mut rng = Rng::new(SEED, "bench images", i as u64);
        let pattern = &patterns[usize::from(labels[i])];
        for (at, pixel) in image.iter_mut().enumerate() {
            let (row, column) = (at / 28, at % 28);
            *pixel = (pattern[row / 4 * 7 + column / 4] + rng.range(0.0, 96.0)) as u8;
        }
    });
    files::write_atomic(&paths[0], &Idx { shape: vec![n, 28, 28], data }.to_bytes())?;
    files::write_atomic(&paths[1], &Idx { shape: vec![n], data: labels }.to_bytes())
}

/// Returns the most memory this process ever had resident, as Linux counts it.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<f64>().ok()? * 1024.0 / 1e6)
}
