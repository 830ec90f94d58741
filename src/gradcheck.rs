//! The table of gradient checks: every op, layer, loss and model, held against finite differences.
//!
//! `gradus gradcheck` prints it and the tests run it. A row says by what name something goes, where it is evaluated
//! and how it is called; the first word of its name is the op's `NAME` or the layer's type. Layers bring their rows along:
//! the table of [`nn`](crate::nn) has examples of each. How a check works is told
//! in [`autograd::check`](crate::autograd::check). A test fails as long as an op or a layer has no row.
//!
//! All numbers are `f64`. The five-point formula leaves errors of some 1e-10 on the functions here, which is why the
//! tolerance can be 1e-8: an error of one ten-thousandth in a single derivative shows. Where a check finds that its point
//! lies near a kink, the row draws its inputs again, so every seed gives a verdict. Most piecewise functions (`smooth`
//! is false) are spared that: they are evaluated on numbers of a grid with gaps of 0.1 that passes 0 by at 0.05, further
//! from their kinks than the differences reach. In whole networks with ReLU and max-pooling kinks are everywhere; there
//! the step is smaller.

mod row;
mod table;

pub use row::{CheckOutcome, Row};
pub use table::table;

/// Runs all rows on numbers drawn for `seed`.
pub fn run_all(seed: u64) -> Vec<CheckOutcome> {
    table().iter().map(|row| row.run(seed)).collect()
}
