//! Convolution in two dimensions (LeCun et al. 1989), in deep learning's sense: a cross-correlation.
//!
//! ```text
//! y[n,o,i,j] = b[o] + Σ c,p,q  x[n, c, i·s + p·d - pad, j·s + q·d - pad] · w[o,c,p,q]
//! ```
//!
//! With the patches under the kernel copied into columns (im2col), this is one matrix product `W · columns`; so dW is
//! `G · columnsᵀ`, and dX is `Wᵀ · G` added back to where each column came from (col2im). The kernels in
//! `gradus_kernels::reference` are written just so; the fast ones compute the same without storing the columns.
//! Lesson 04 prints the matrices.
//!
//! With `groups` > 1 (Krizhevsky et al. 2012), the channels fall into that many groups, and an output channel reads
//! those of its own group alone: c runs over C/groups channels, and the filters are `[O, C/groups, KH, KW]`.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels as kernels;
use gradus_kernels::geometry::{SizeError, same_pad};

/// How many zeros to put around the image.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::zeros([1, 1, 28, 28]));
/// let w = Var::constant(Tensor::<f32>::zeros([1, 1, 5, 5]));
/// let height = |padding| Ok(x.conv2d(&w, None, ops::Conv2d { padding, ..Default::default() })?.shape()[2]);
/// assert_eq!(height(Padding::Valid)?, 24);
/// assert_eq!(height(Padding::Same)?, 28);
/// assert_eq!(height(Padding::Fixed([1, 1]))?, 26);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// No zeros: the output shrinks.
    Valid,
    /// As many as keep the output at ⌈size / stride⌉; an odd one goes to the bottom and right (as in TensorFlow).
    Same,
    /// This many above and below, and this many left and right.
    Fixed([usize; 2]),
}

/// The settings of a convolution.
///
/// ```
/// use gradus::prelude::*;
/// let settings = ops::Conv2d { stride: [2, 2], padding: Padding::Same, ..Default::default() };
/// let x = Var::constant(Tensor::zeros([1, 3, 32, 32])); // N C H W
/// let w = Var::constant(Tensor::<f32>::zeros([8, 3, 5, 5])); // O C KH KW
/// assert_eq!(x.conv2d(&w, None, settings)?.shape(), [1, 8, 16, 16]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Zeros around the image.
    pub padding: Padding,
    /// Distance between kernel taps.
    pub dilation: [usize; 2],
    /// Number of groups of channels that are convolved separately; it divides the channels, in and out. As many groups
    /// as channels is depthwise convolution.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: Padding::Valid, dilation: [1, 1], groups: 1 }
    }
}

impl Conv2d {
    /// Returns all sizes of this convolution on an image batch `x` = N C H W with filters `w` = O C/groups KH KW.
    /// Fails for images without pixels, settings that are 0, and sizes that wrap.
    pub(crate) fn geometry(&self, x: &[usize], w: &[usize]) -> Result<kernels::GroupedConv2d> {
        let (dims, c, o) = self.channels(x, w)?;
        let kernel = [dims.get("KH"), dims.get("KW")];
        if self.stride.contains(&0) || self.dilation.contains(&0) || kernel.contains(&0) {
            return Err(Error::shape(
                "conv2d",
                format!(
                    "needs positive sizes; found kernel {kernel:?}, stride {:?}, dilation {:?}",
                    self.stride, self.dilation
                ),
            ));
        }
        if x[2] == 0 || x[3] == 0 {
            return Err(Error::shape("conv2d", format!("of images without pixels: {x:?}")));
        }
        let too_large = |why: SizeError| {
            let Self { stride, padding, dilation, .. } = self;
            let settings = format!("stride {stride:?}, dilation {dilation:?}, padding {padding:?}");
            Error::shape("conv2d", format!("of {x:?} with filters {w:?}, {settings}: {why}"))
        };
        let pad = |axis: usize| match self.padding {
            Padding::Valid => Ok([0, 0]),
            Padding::Fixed(pad) => Ok([pad[axis], pad[axis]]),
            Padding::Same => same_pad(x[2 + axis], kernel[axis], self.stride[axis], self.dilation[axis]),
        };
        let g = kernels::Conv2d {
            n: dims.get("N"),
            c,
            h: dims.get("H"),
            w: dims.get("W"),
            o,
            kernel,
            stride: self.stride,
            pad: [pad(0).map_err(too_large)?, pad(1).map_err(too_large)?],
            dilation: self.dilation,
        };
        if g.out().map_err(too_large)?.contains(&0) {
            return Err(Error::shape(
                "conv2d",
                format!(
                    "has no output: a {}x{} kernel with dilation {:?} does not fit into {}x{} padded by {:?}",
                    kernel[0], kernel[1], self.dilation, g.h, g.w, g.pad
                ),
            ));
        }
        let all = kernels::GroupedConv2d { groups: self.groups, each: g };
        all.lengths().map_err(too_large)?;
        Ok(kernels::GroupedConv2d { each: with_strides_that_are_taken(g), ..all })
    }

    /// Returns the sizes by their letters, and the channels of one group, in and out.
    fn channels(&self, x: &[usize], w: &[usize]) -> Result<(Dims, usize, usize)> {
        if self.groups == 1 {
            let dims = Dims::unify("conv2d", &["N C H W", "O C KH KW"], &[x, w])?;
            let (c, o) = (dims.get("C"), dims.get("O"));
            return Ok((dims, c, o));
        }
        let dims = Dims::unify("conv2d", &["N C H W", "O C/groups KH KW"], &[x, w])?;
        let (groups, c, o, seen) = (self.groups, dims.get("C"), dims.get("O"), dims.get("C/groups"));
        let fault = if groups == 0 {
            "at least one group is needed".to_owned()
        } else if c % groups != 0 || o % groups != 0 {
            format!("C = {c} and O = {o} must both be multiples of {groups}")
        } else if c / groups != seen {
            format!("{c}/{groups} = {} channels a group, but filters of {seen}", c / groups)
        } else {
            return Ok((dims, seen, o / groups));
        };
        Err(Error::shape("conv2d", format!("of {x:?} with filters {w:?} in {groups} groups: {fault}")))
    }

    fn value<T: Real>(&self, x: &Tensor<T>, w: &Tensor<T>, b: Option<&Tensor<T>>, out: Shape) -> Tensor<T> {
        let g = self.geometry(x.shape(), w.shape()).expect("shape() accepted it");
        Tensor::build(out, |y| T::grouped_conv2d_forward(&g, x.data(), w.data(), b.map(Tensor::data), y))
    }

    fn gradients<T: Real>(&self, [x, w]: &[Tensor<T>; 2], dy: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let g = self.geometry(x.shape(), w.shape()).expect("shape() accepted it");
        [
            need[0].then(|| {
                Tensor::build(x.shape_owned(), |dx| T::grouped_conv2d_backward_data(&g, dy.data(), w.data(), dx))
            }),
            need[1].then(|| {
                Tensor::build(w.shape_owned(), |dw| T::grouped_conv2d_backward_weights(&g, x.data(), dy.data(), dw))
            }),
        ]
    }
}

/// Without a bias.
impl<T: Real> Op<T, 2> for Conv2d {
    const NAME: &'static str = "conv2d";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x, w]: [&[usize]; 2]) -> Result<Shape> {
        let g = self.geometry(x, w)?.each;
        Ok(Shape::from([g.n, w[0], g.out_h(), g.out_w()]))
    }

    fn forward(&self, [x, w]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        (self.value(x, w, None, out), [x.clone(), w.clone()])
    }

    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        self.gradients(saved, g, need)
    }
}

/// With a bias: `db[o] = Σ g` over all images and pixels of channel o.
impl<T: Real> Op<T, 3> for Conv2d {
    const NAME: &'static str = "conv2d_bias";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x, w, b]: [&[usize]; 3]) -> Result<Shape> {
        Dims::unify("conv2d", &["O C KH KW", "O"], &[w, b])?;
        <Self as Op<T, 2>>::shape(self, [x, w])
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        (self.value(x, w, Some(b), out), [x.clone(), w.clone()])
    }

    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let [dx, dw] = self.gradients(saved, g, [need[0], need[1]]);
        [dx, dw, need[2].then(|| sum_channels(g))]
    }
}

/// Returns the same convolution with no stride longer than the way that the kernel has on the padded image. A longer
/// one is never taken, but the kernels sort the pixels by their place within a stride, and would look through all of
/// it.
pub(super) fn with_strides_that_are_taken(mut g: kernels::Conv2d) -> kernels::Conv2d {
    for (axis, size) in [g.h, g.w].into_iter().enumerate() {
        let padded = size + g.pad[axis][0] + g.pad[axis][1];
        let way = padded - (g.dilation[axis] * (g.kernel[axis] - 1) + 1);
        g.stride[axis] = g.stride[axis].min(way + 1);
    }
    g
}

/// Sums `[N, C, H, W]` over all but the channels.
pub(super) fn sum_channels<T: Real>(g: &Tensor<T>) -> Tensor<T> {
    let [n, c, h, w] = *g.shape() else { unreachable!("conv2d's output has four axes") };
    Tensor::build([c], |s| T::sum_channels(g.data(), n, c, h * w, s))
}

/// Convolution.
impl<T: Real> Var<T> {
    /// See [`Conv2d`].
    pub fn conv2d(&self, weight: &Self, bias: Option<&Self>, settings: Conv2d) -> Result<Self> {
        match bias {
            Some(bias) => apply(settings, [self, weight, bias]),
            None => apply(settings, [self, weight]),
        }
    }
}
