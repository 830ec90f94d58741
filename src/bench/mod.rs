//! The named workloads by which Gradus is measured, here and beside other programs.
//!
//! | names | work |
//! | --- | --- |
//! | `P1`..`P8c`, `train` and `infer` | a step, or a forward pass, of ten course networks ([`nets`]) |
//! | `attention` | self-attention of 8 heads over 256 tokens, forward and backward ([`attention`]) |
//! | `L-BFGS` | two hundred iterations on a small network, all samples at once ([`minimizing`]) |
//! | `process` | one epoch over 60,000 images from files to a trained model, a whole process ([`process`]) |
//! | `G 256x256x256`.. | matrix products M x K x N ([`products`]) |
//! | `K1`..`K3` | twenty iterations of K-means ([`clusters`]) |
//! | `SOM1`, `SOM2` | a hundred epochs of a self-organizing map ([`maps`]) |
//! | `T1`..`T3` | t-SNE embeddings, with their quality ([`embeddings`], [`judge`]) |
//!
//! A row's time is the median of repeated steps after warm-up. Its arithmetic is that of the textbook definition, a
//! multiply-add counting two: a method that skips arithmetic (because a factor is zero, or by interpolating) may
//! therefore show more than the machine's peak. K, SOM and T, and `process`, read files that [`blobs`] writes once, so that
//! other programs work on the same numbers; `benches/peers` has those programs. [`curves`] writes whole trainings for
//! them.

pub mod attention;
pub mod blobs;
pub mod clusters;
pub mod curves;
pub mod embeddings;
pub mod judge;
pub mod machine;
pub mod maps;
mod measure;
pub mod minimizing;
pub mod nets;
pub mod process;
pub mod products;
mod workload;

pub use measure::{Bench, Row, Timing};
pub use workload::Workload;
