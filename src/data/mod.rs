//! From files to batches.

pub mod galaxies;
