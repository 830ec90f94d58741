//! The binary `gradus` as its users run it.

#[cfg(unix)]
mod as_written;
mod autoencoders;
mod cli;
mod common;
mod deployed;
mod experiments;
mod fetch;
mod fits;
mod fitted;
mod folds;
mod functions;
mod identity;
mod linear;
mod maps;
mod memory;
mod pipeline;
mod predict;
mod regress;
mod residual;
mod safety;
mod series;
mod study;
mod tables;
mod validation;
