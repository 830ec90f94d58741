//! Tensor, tape, ops, layers, optimizers, states, export: one program, since each program links the whole library.

mod branches;
mod by_hand;
mod coding;
mod common;
mod constants;
mod conventions;
mod determinism;
mod errors;
mod export;
mod foreign;
mod forward;
mod fusion;
mod gradcheck;
mod initial;
mod lbfgs;
mod learners;
mod modules;
mod operators;
mod optimizers;
mod picking;
mod precision;
mod shapes;
mod state;
mod streams;
mod training;
mod trajectory;
