//! The stages of a chain, their filters, and the data that its backward pass reads and writes.

use crate::Conv2d;

/// One stage: a convolution or its adjoint, a bias, and ReLU or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The convolution, or the one whose adjoint this is.
    pub conv: Conv2d,
    /// Whether it is the adjoint: then the convolution's output is this stage's input.
    pub transposed: bool,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl Stage {
    /// Returns channels, height and width of the input.
    pub fn input(&self) -> [usize; 3] {
        let g = &self.conv;
        if self.transposed { [g.o, g.out_h(), g.out_w()] } else { [g.c, g.h, g.w] }
    }

    /// Returns channels, height and width of the output.
    pub fn output(&self) -> [usize; 3] {
        let g = &self.conv;
        if self.transposed { [g.c, g.h, g.w] } else { [g.o, g.out_h(), g.out_w()] }
    }
}

/// The filters of a stage, `[O, C, KH, KW]` of its convolution, and a bias for each channel of its output.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a, T> {
    /// The filters.
    pub w: &'a [T],
    /// The bias.
    pub bias: &'a [T],
}

/// Receives the gradients of a stage's [`Filters`]; written whole.
#[derive(Debug)]
pub struct FilterGradients<'a, T> {
    /// Of the filters.
    pub dw: &'a mut [T],
    /// Of the bias.
    pub db: &'a mut [T],
}

/// The data that [`backward`](super::backward) reads beside the filters.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a, T> {
    /// The input.
    pub x: &'a [T],
    /// The output.
    pub y: &'a [T],
    /// The values that [`forward`](super::forward) kept.
    pub kept: &'a [T],
}
