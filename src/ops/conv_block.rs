//! Convolution, bias, ReLU and 2 x 2 max-pooling in one op: the block that convolutional networks are made of.
//!
//! ```text
//! z = x * w + b            y[n,o,i,j] = max(0, z at the window's argmax)
//! dy reaches the argmax alone, and only where y > 0; with g the gradient there and (i', j') the place of the argmax:
//! db[o] = Σ g      dw[o,c,p,q] = Σ g · x[n, c, i' + p - pad, j' + q - pad]      dx[n,c,..] += g · w[o,c,p,q]
//! ```
//!
//! The same numbers as the four ops one after the other give (the gradients up to the order of their sums), without
//! the activation in between ever going to memory. What the backward pass must know of it fits in a byte: which of a
//! window's four pixels is the argmax, and whether ReLU sent it to zero. The block is also computed without the ReLU, for
//! networks in which batch normalization stands between pooling and activation. Networks need not ask for this op: a
//! [`Sequential`](crate::nn::Sequential) recognizes where it fits.
//!
//! # Where the block is computed
//!
//! In the order in which the data flow; the files of the kernels are under `kernels/src/`.
//!
//! * `nn/fuse.rs` finds convolution, ReLU and max-pooling side by side in a network and calls this op.
//! * `ops/conv_block.rs`, this file, checks the shapes, keeps x, w and the codes for the backward pass, and calls
//!   `T::conv2d_block_forward` and `T::conv2d_block_backward`.
//! * `floats.rs` says which kernels those are: for `f32` the fast ones, for `f64` the plain ones.
//! * `conv/pooled/mod.rs` chooses between fast and plain; `conv/pooled/block.rs` has the sizes and checks the lengths.
//!
//! Forward:
//!
//! * `conv/pooled/forward.rs` copies the image with its border (`conv/image.rs`) and the filters in panels (`pack.rs`),
//!   passes windows to the micro-kernel, and writes what comes back plane by plane.
//! * `simd/body.rs`, function `windows`, sums the four pixels of each window in registers and adds the bias.
//! * `Vector::pool` in `simd/vector.rs`, `avx2.rs` and `avx512.rs` takes ReLU and the largest of the four, and makes
//!   the code; `conv/pooled/window.rs` is the same in plain Rust, and says what a code is.
//!
//! Backward:
//!
//! * `conv/pooled/backward.rs` lists the argmaxes whose gradient is not 0, some rows of windows at a time, sums dw over
//!   them and adds to dx at their places; its micro-kernels `argmaxes`, `gather` and `scatter` are in `simd/body.rs`.
//! * `conv/pooled/direct.rs` does it for a first layer (few channels, no dx), with the micro-kernel `direct`.
//! * `conv/pooled/sums.rs` adds up db, and the images' parts of dw and db.
//! * `conv/pooled/plain.rs` computes the block as its separate steps: other geometries, numbers that are not finite,
//!   `f64`.
//! * `splits.rs` fixes the bands, tiles and groups of these sums, and `reference.rs` writes down their order.

use super::conv::Conv2d;
use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::{Indices, Tensor};
use gradus_kernels::{self as kernels, BlockGradients};

/// Convolution with these settings (one group of channels), bias, ReLU and 2 x 2 max-pooling.
#[derive(Clone, Copy, Debug)]
pub struct ConvBlock {
    /// The settings of the convolution.
    pub conv: Conv2d,
    /// Whether there is a ReLU before the pooling.
    pub relu: bool,
}

impl ConvBlock {
    fn geometry(&self, x: &[usize], w: &[usize]) -> kernels::Conv2d {
        self.conv.geometry(x, w).expect("shape() accepted it").each
    }
}

impl<T: Real> Op<T, 3> for ConvBlock {
    const NAME: &'static str = "conv2d_block";
    /// x, w, and a code for each output.
    type Saved = (Tensor<T>, Tensor<T>, Indices<u8>);

    fn shape(&self, [x, w, b]: [&[usize]; 3]) -> Result<Shape> {
        Dims::unify("conv2d", &["O C KH KW", "O"], &[w, b])?;
        if self.conv.groups != 1 {
            return Err(Error::shape(
                "conv2d_block",
                format!("computes one group of channels; found {}", self.conv.groups),
            ));
        }
        let g = self.conv.geometry(x, w)?.each;
        super::pool::Window::square(2).out("max_pool2d", &[g.n, g.o, g.out_h(), g.out_w()])
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        let g = self.geometry(x.shape(), w.shape());
        let (codes, y) = Indices::build(out.numel(), |codes| {
            Tensor::build(out, |y| T::conv2d_block_forward(&g, x.data(), w.data(), b.data(), self.relu, y, Some(codes)))
        });
        (y, (x.clone(), w.clone(), codes))
    }

    fn infer(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> Tensor<T> {
        let g = self.geometry(x.shape(), w.shape());
        Tensor::build(out, |y| T::conv2d_block_forward(&g, x.data(), w.data(), b.data(), self.relu, y, None))
    }

    fn backward(&self, (x, w, codes): &Self::Saved, dy: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let g = self.geometry(x.shape(), w.shape());
        let (mut dx, mut dw, mut db) = (None, None, None);
        let mut run = |dx_out: Option<&mut [T]>| {
            db = Some(Tensor::build([g.o], |db| {
                dw = Some(Tensor::build(w.shape_owned(), |dw| {
                    let out = BlockGradients { dx: dx_out, dw, db };
                    T::conv2d_block_backward(&g, x.data(), w.data(), dy.data(), codes, out);
                }));
            }));
        };
        if need[0] {
            dx = Some(Tensor::build(x.shape_owned(), |dx| run(Some(dx))));
        } else {
            run(None);
        }
        [dx, dw, db]
    }
}

/// Blocks of a convolutional network.
impl<T: Real> Var<T> {
    /// See [`ConvBlock`].
    pub fn conv2d_block(&self, weight: &Self, bias: &Self, conv: Conv2d, relu: bool) -> Result<Self> {
        apply(ConvBlock { conv, relu }, [self, weight, bias])
    }
}
