//! Gradus: a deep-learning engine that reads like a textbook.

#![forbid(unsafe_code)]

pub mod analysis;
pub mod autograd;
pub mod data;
pub mod error;
pub mod files;
pub mod gradcheck;
pub mod models;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod pipeline;
pub mod real;
pub mod report;
pub mod rng;
pub mod shape;
pub mod tensor;
pub mod train;

pub use error::{Error, Result};
pub use real::Real;
