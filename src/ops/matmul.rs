//! Matrix products. Y = A B gives dA = G Bᵀ and dB = Aᵀ G: shapes alone leave no other way to multiply.

use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels::{MatMut, MatRef, dispatch, parallel};

/// Returns a tensor of rank 2 as a matrix view.
pub(super) fn mat<T: Real>(x: &Tensor<T>) -> MatRef<'_, T> {
    MatRef::new(x.data(), x.shape()[0], x.shape()[1])
}

/// Returns the product of two matrix views as a new tensor.
pub(super) fn product<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Tensor<T> {
    Tensor::build([a.rows(), b.cols()], |y| T::gemm(a, b, T::ZERO, MatMut::new(y, a.rows(), b.cols())))
}

/// Y = A B: `y[m,n] = Σₖ a[m,k] b[k,n]`.
///
/// ```
/// use gradus::prelude::*;
/// let a = Var::constant(Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?);
/// let b = Var::constant(Tensor::new(vec![5.0, 6.0], [2, 1])?);
/// assert_eq!(a.matmul(&b)?.value().data(), [17.0, 39.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatMul;

impl<T: Real> Op<T, 2> for MatMul {
    const NAME: &'static str = "matmul";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, x: [&[usize]; 2]) -> Result<Shape> {
        Ok(Dims::unify("matmul", &["M K", "K N"], &x)?.shape("M N"))
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], _: Shape) -> (Tensor<T>, Self::Saved) {
        (product(mat(a), mat(b)), [a.clone(), b.clone()])
    }

    fn backward(&self, [a, b]: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        [need[0].then(|| product(mat(g), mat(b).t())), need[1].then(|| product(mat(a).t(), mat(g)))]
    }
}

/// Y = A B for each of a batch of matrix pairs: `y[b,m,n] = Σₖ a[b,m,k] b[b,k,n]`. dA = G Bᵀ and dB = Aᵀ G, pair by
/// pair.
///
/// ```
/// use gradus::prelude::*;
///
/// let [a, b] = [[8, 2, 3], [8, 3, 4]].map(|shape| Var::constant(Tensor::<f32>::zeros(shape)));
/// assert_eq!(a.bmm(&b)?.shape(), [8, 2, 4]); // eight products
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchedMatMul;

/// Pairs from which on each goes to one thread; before, one after the other goes to all.
const MANY: usize = 8;

/// Matrix `i` of a batch.
fn nth<T: Real>(x: &Tensor<T>, i: usize) -> MatRef<'_, T> {
    let (rows, cols) = (x.shape()[1], x.shape()[2]);
    MatRef::new(&x.data()[i * rows * cols..][..rows * cols], rows, cols)
}

/// Returns the products of `pair(i)` for each i of a batch, in a tensor of this shape.
fn products<'a, T: Real>(shape: [usize; 3], pair: impl Fn(usize) -> [MatRef<'a, T>; 2] + Sync) -> Tensor<T> {
    let ([batch, rows, cols], level) = (shape, dispatch::isa());
    Tensor::build(shape, |y| {
        parallel::chunks_unless(batch < MANY, y, rows * cols, |i, y| {
            let [a, b] = pair(i);
            dispatch::with(level, || T::gemm(a, b, T::ZERO, MatMut::new(y, rows, cols)));
        });
    })
}

impl<T: Real> Op<T, 2> for BatchedMatMul {
    const NAME: &'static str = "bmm";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, x: [&[usize]; 2]) -> Result<Shape> {
        Ok(Dims::unify("bmm", &["B M K", "B K N"], &x)?.shape("B M N"))
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        let y = products([out[0], out[1], out[2]], |i| [nth(a, i), nth(b, i)]);
        (y, [a.clone(), b.clone()])
    }

    fn backward(&self, [a, b]: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let (&[batch, m, k], n) = (a.shape().first_chunk().expect("three axes"), b.shape()[2]);
        [
            need[0].then(|| products([batch, m, k], |i| [nth(g, i), nth(b, i).t()])),
            need[1].then(|| products([batch, k, n], |i| [nth(a, i).t(), nth(g, i)])),
        ]
    }
}

/// The fully connected layer, Y = X Wᵀ + b: `y[n,o] = b[o] + Σₖ x[n,k] w[o,k]`. The weight is stored output by
/// output, as in PyTorch. dX = G W, dW = Gᵀ X, db = 1ᵀ G.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0], [1, 2])?); // N K
/// let w = Var::constant(Tensor::new(vec![3.0, 4.0], [1, 2])?); // O K
/// let b = Var::constant(Tensor::new(vec![0.5], [1])?);
/// assert_eq!(x.linear(&w, &b)?.value().data(), [11.5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Linear;

impl<T: Real> Op<T, 3> for Linear {
    const NAME: &'static str = "linear";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, x: [&[usize]; 3]) -> Result<Shape> {
        Ok(Dims::unify("linear", &["N K", "O K", "O"], &x)?.shape("N O"))
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        let y = Tensor::build(out, |y| T::linear(mat(x), mat(w), b.data(), y));
        (y, [x.clone(), w.clone()])
    }

    fn backward(&self, [x, w]: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let one = [T::ONE];
        let ones = MatRef::strided(&one, 1, g.shape()[0], 0, 0); // a row of them
        [
            need[0].then(|| product(mat(g), mat(w))),
            need[1].then(|| product(mat(g).t(), mat(x))),
            need[2].then(|| product(ones, mat(g)).reshape([g.shape()[1]]).expect("one row")),
        ]
    }
}

/// Matrix products.
impl<T: Real> Var<T> {
    /// See [`MatMul`].
    pub fn matmul(&self, b: &Self) -> Result<Self> {
        apply(MatMul, [self, b])
    }
    /// Returns the products of a batch of pairs; see [`BatchedMatMul`].
    pub fn bmm(&self, b: &Self) -> Result<Self> {
        apply(BatchedMatMul, [self, b])
    }
    /// Computes X Wᵀ + b; see [`Linear`].
    pub fn linear(&self, weight: &Self, bias: &Self) -> Result<Self> {
        apply(Linear, [self, weight, bias])
    }
}
