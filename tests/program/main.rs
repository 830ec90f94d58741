//! The binary `gradus` as its users run it.

mod autoencoders;
mod cli;
mod common;
mod experiments;
mod fetch;
mod identity;
mod pipeline;
mod predict;
mod study;
mod tables;
