//! Pooling: a window slides over each plane and gives its maximum, or its mean.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::{Indices, Tensor};
use gradus_kernels::Pool2d;

/// The settings of a pooling window.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::from_fn([1, 1, 4, 4], |i| i as f32));
/// assert_eq!(x.max_pool2d(Window::square(2))?.value().data(), [5.0, 7.0, 13.0, 15.0]);
/// let overlapping = Window { kernel: [2, 2], stride: [1, 1], padding: [0, 0] };
/// assert_eq!(x.avg_pool2d(overlapping)?.shape(), [1, 1, 3, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Padding above and below, left and right; at most half the window, as in PyTorch.
    pub padding: [usize; 2],
}

impl Window {
    /// Creates a square window that steps by its own size: the usual pooling.
    pub fn square(size: usize) -> Self {
        Self { kernel: [size, size], stride: [size, size], padding: [0, 0] }
    }

    fn geometry(&self, op: &'static str, x: &[usize]) -> Result<Pool2d> {
        let dims = Dims::unify(op, &["N C H W"], &[x])?;
        if self.kernel.contains(&0) || self.stride.contains(&0) || (0..2).any(|a| self.padding[a] > self.kernel[a] / 2)
        {
            return Err(Error::shape(
                op,
                format!("needs a positive window and stride, and padding of at most half the window; found {self:?}"),
            ));
        }
        let pad = self.padding.map(|p| [p, p]);
        let g = Pool2d {
            planes: dims.get("N") * dims.get("C"),
            h: dims.get("H"),
            w: dims.get("W"),
            kernel: self.kernel,
            stride: self.stride,
            pad,
        };
        let out = g.out().map_err(|why| Error::shape(op, format!("of {x:?} with {self:?}: {why}")))?;
        if out.contains(&0) {
            let [kh, kw] = self.kernel;
            return Err(Error::shape(
                op,
                format!(
                    "has no output: a {kh}x{kw} window does not fit into {}x{} padded by {:?}",
                    g.h, g.w, self.padding
                ),
            ));
        }
        Ok(g)
    }

    pub(super) fn out(&self, op: &'static str, x: &[usize]) -> Result<Shape> {
        let g = self.geometry(op, x)?;
        Ok(Shape::from([x[0], x[1], g.out_h(), g.out_w()]))
    }
}

/// Max-pooling: `y[n,c,i,j]` is the largest x under the window. The whole gradient goes to the argmax (the first, on a
/// tie); padding is never the argmax. Source: Riesenhuber and Poggio 1999.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d(pub Window);

impl<T: Real> Op<T, 1> for MaxPool2d {
    const NAME: &'static str = "max_pool2d";
    type Saved = (Shape, Indices);

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        self.0.out("max_pool2d", x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let g = self.0.geometry("max_pool2d", x.shape()).expect("shape() accepted it");
        let (argmax, y) = Indices::build(out.numel(), |argmax| {
            Tensor::build(out, |y| T::max_pool2d_forward(&g, x.data(), y, argmax))
        });
        (y, (x.shape_owned(), argmax))
    }

    fn backward(&self, (shape, argmax): &Self::Saved, dy: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let g = self.0.geometry("max_pool2d", shape).expect("shape() accepted it");
        [Some(Tensor::build(*shape, |dx| T::max_pool2d_backward(&g, dy.data(), argmax, dx)))]
    }
}

/// Average-pooling: the mean of the window, zeros of the padding counted in (PyTorch's `count_include_pad=True`). The
/// gradient is divided evenly.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d(pub Window);

impl<T: Real> Op<T, 1> for AvgPool2d {
    const NAME: &'static str = "avg_pool2d";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        self.0.out("avg_pool2d", x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let g = self.0.geometry("avg_pool2d", x.shape()).expect("shape() accepted it");
        (Tensor::build(out, |y| T::avg_pool2d_forward(&g, x.data(), y)), x.shape_owned())
    }

    fn backward(&self, shape: &Shape, dy: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let g = self.0.geometry("avg_pool2d", shape).expect("shape() accepted it");
        [Some(Tensor::build(*shape, |dx| T::avg_pool2d_backward(&g, dy.data(), dx)))]
    }
}

/// Global average-pooling (Lin, Chen and Yan 2013): `y[n,c]` is the mean of plane (n, c), whatever its size. `[N, C,
/// H, W]` to `[N, C]`; the gradient is divided evenly over the plane. A plane without pixels has no mean: an error.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool2d;

impl<T: Real> Op<T, 1> for GlobalAvgPool2d {
    const NAME: &'static str = "global_avg_pool2d";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let dims = Dims::unify("global_avg_pool2d", &["N C H W"], &[x])?;
        if dims.get("H") == 0 || dims.get("W") == 0 {
            return Err(Error::shape("global_avg_pool2d", format!("of planes without pixels: {x:?}")));
        }
        Ok(dims.shape("N C"))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let (planes, pixels) = (out.numel(), x.shape()[2] * x.shape()[3]);
        let y = Tensor::build(out, |y| {
            T::sum_axis(x.data(), planes, pixels, 1, y);
            y.iter_mut().for_each(|sum| *sum /= T::from_usize(pixels));
        });
        (y, x.shape_owned())
    }

    fn backward(&self, shape: &Shape, dy: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let pixels = shape[2] * shape[3];
        [Some(Tensor::build(*shape, |dx| {
            dx.chunks_mut(pixels).zip(dy.data()).for_each(|(dx, &g)| dx.fill(g / T::from_usize(pixels)));
        }))]
    }
}

/// Pooling.
impl<T: Real> Var<T> {
    /// See [`MaxPool2d`].
    pub fn max_pool2d(&self, window: Window) -> Result<Self> {
        apply(MaxPool2d(window), [self])
    }
    /// See [`AvgPool2d`].
    pub fn avg_pool2d(&self, window: Window) -> Result<Self> {
        apply(AvgPool2d(window), [self])
    }
    /// See [`GlobalAvgPool2d`].
    pub fn global_avg_pool2d(&self) -> Result<Self> {
        apply(GlobalAvgPool2d, [self])
    }
}
