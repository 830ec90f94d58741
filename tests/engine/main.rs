//! Tensor, tape, ops, layers, optimizers, states, export: one program, since each program links the whole library.

mod by_hand;
mod coding;
mod common;
mod determinism;
mod errors;
mod export;
mod forward;
mod gradcheck;
mod modules;
mod optimizers;
mod state;
mod trajectory;
