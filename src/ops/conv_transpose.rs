//! Transposed convolution (Zeiler et al. 2010; also called fractionally strided convolution, or incorrectly
//! deconvolution): the adjoint of [`conv2d`](super::conv), which enlarges feature maps.
//!
//! ```text
//! y[n,o,i,j] = b[o] + Σ x[n,c,u,v] · w[c,o,p,q]    over all c and u·s + p·d - pad = i, v·s + q·d - pad = j
//! ```
//!
//! Each input pixel lays its multiple of the filter down on the output, s pixels further for each step, and what
//! overlaps is added. As a linear map this is the transpose of a convolution A from y's shape to x's: y = Aᵀx. So
//! nothing new has to be computed. The value is that convolution's gradient of its input, dx = A·g is that convolution
//! of g, and dw is its gradient of the filters with both roles exchanged: `⟨g, Aᵀx⟩ = ⟨A g, x⟩`.
//!
//! A convolution with stride s gives several input sizes the same output size, so the inverse is not unique: of the
//! sizes that fit, `output_padding` = 0 .. s - 1 chooses one,
//!
//! ```text
//! OH = (H - 1) s - 2 pad + d (KH - 1) + 1 + output_padding.
//! ```
//!
//! Lesson 11 lays the pixels down one by one.

use super::conv::{sum_channels, with_strides_that_are_taken};
use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels as kernels;
use gradus_kernels::geometry::{SizeError, transposed_len};

/// The settings of a transposed convolution: those of the convolution that it turns around.
///
/// ```
/// use gradus::prelude::*;
/// // The decoder's half of a convolution with stride 2: maps grow to twice their size.
/// let settings = ops::ConvTranspose2d { stride: [2, 2], ..Default::default() };
/// let x = Var::constant(Tensor::zeros([1, 8, 7, 7])); // N C H W
/// let w = Var::constant(Tensor::<f32>::zeros([8, 4, 2, 2])); // C O KH KW
/// assert_eq!(x.conv_transpose2d(&w, None, settings)?.shape(), [1, 4, 14, 14]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// Vertical and horizontal step from one input pixel's filter to the next one's.
    pub stride: [usize; 2],
    /// Rows cut off above and below, and columns left and right.
    pub padding: [usize; 2],
    /// Rows added below, and columns to the right; each less than the stride.
    pub output_padding: [usize; 2],
    /// Distance between kernel taps.
    pub dilation: [usize; 2],
    /// Number of groups of channels that are convolved separately; it divides the channels, in and out.
    pub groups: usize,
}

impl Default for ConvTranspose2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0, 0], output_padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl ConvTranspose2d {
    /// Returns the convolution that this is the adjoint of, for `x` = N C H W and filters `w` = C O/groups KH KW: its
    /// input has the shape of our output.
    pub(super) fn adjoint(&self, x: &[usize], w: &[usize]) -> Result<kernels::GroupedConv2d> {
        let dims = Dims::unify("conv_transpose2d", &["N C H W", "C O/groups KH KW"], &[x, w])?;
        let (c, groups, size) = (dims.get("C"), self.groups, [dims.get("H"), dims.get("W")]);
        let refuse = |why: String| Error::shape("conv_transpose2d", why);
        if groups == 0 || c % groups != 0 {
            return Err(refuse(format!("of {x:?} in {groups} groups: they must divide the {c} channels")));
        }
        let kernel = [dims.get("KH"), dims.get("KW")];
        if self.stride.contains(&0) || self.dilation.contains(&0) || kernel.contains(&0) || size.contains(&0) {
            return Err(refuse(format!(
                "needs positive sizes; found an image of {size:?}, kernel {kernel:?}, stride {:?}, dilation {:?}",
                self.stride, self.dilation
            )));
        }
        if (0..2).any(|axis| self.output_padding[axis] >= self.stride[axis]) {
            let (more, stride) = (self.output_padding, self.stride);
            return Err(refuse(format!("output padding {more:?} must be less than the stride {stride:?}")));
        }
        let too_large = |why: SizeError| refuse(format!("of {x:?} with filters {w:?}, {self:?}: {why}"));
        let out = |axis: usize, pad: usize| {
            let (stride, dilation, extra) = (self.stride[axis], self.dilation[axis], self.output_padding[axis]);
            transposed_len(size[axis], kernel[axis], stride, [pad; 2], dilation, extra).map_err(too_large)
        };
        let [top, left] = self.padding;
        let [height, width] = [out(0, top)?, out(1, left)?];
        if height == 0 || width == 0 {
            let whole = [out(0, 0)?, out(1, 0)?];
            return Err(refuse(format!(
                "has no output: padding {:?} cuts all of {} x {} away",
                self.padding, whole[0], whole[1]
            )));
        }
        let each = kernels::Conv2d {
            n: dims.get("N"),
            c: dims.get("O/groups"),
            h: height,
            w: width,
            o: c / groups,
            kernel,
            stride: self.stride,
            pad: [[top; 2], [left; 2]],
            dilation: self.dilation,
        };
        let all = kernels::GroupedConv2d { groups, each };
        all.lengths().map_err(too_large)?;
        Ok(kernels::GroupedConv2d { each: with_strides_that_are_taken(each), ..all })
    }

    fn value<T: Real>(&self, x: &Tensor<T>, w: &Tensor<T>, b: Option<&Tensor<T>>, out: Shape) -> Tensor<T> {
        let g = self.adjoint(x.shape(), w.shape()).expect("shape() accepted it");
        Tensor::build(out, |y| T::grouped_conv_transpose2d_forward(&g, x.data(), w.data(), b.map(Tensor::data), y))
    }

    fn gradients<T: Real>(&self, [x, w]: &[Tensor<T>; 2], dy: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let g = self.adjoint(x.shape(), w.shape()).expect("shape() accepted it");
        [
            need[0].then(|| {
                Tensor::build(x.shape_owned(), |dx| T::grouped_conv2d_forward(&g, dy.data(), w.data(), None, dx))
            }),
            need[1].then(|| {
                Tensor::build(w.shape_owned(), |dw| T::grouped_conv2d_backward_weights(&g, dy.data(), x.data(), dw))
            }),
        ]
    }
}

/// Without a bias.
impl<T: Real> Op<T, 2> for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x, w]: [&[usize]; 2]) -> Result<Shape> {
        let g = self.adjoint(x, w)?;
        Ok(Shape::from([g.each.n, g.groups * g.each.c, g.each.h, g.each.w]))
    }

    fn forward(&self, [x, w]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        (self.value(x, w, None, out), [x.clone(), w.clone()])
    }

    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        self.gradients(saved, g, need)
    }
}

/// With a bias: `db[o] = Σ g` over all images and pixels of channel o.
impl<T: Real> Op<T, 3> for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d_bias";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x, w, b]: [&[usize]; 3]) -> Result<Shape> {
        let out = <Self as Op<T, 2>>::shape(self, [x, w])?;
        Dims::unify("conv_transpose2d", &["N O H W", "O"], &[&*out, b])?;
        Ok(out)
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        (self.value(x, w, Some(b), out), [x.clone(), w.clone()])
    }

    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let [dx, dw] = self.gradients(saved, g, [need[0], need[1]]);
        [dx, dw, need[2].then(|| sum_channels(g))]
    }
}

/// Transposed convolution.
impl<T: Real> Var<T> {
    /// See [`ConvTranspose2d`]; the weight is `[C, O/groups, KH, KW]`, as in PyTorch.
    pub fn conv_transpose2d(&self, weight: &Self, bias: Option<&Self>, settings: ConvTranspose2d) -> Result<Self> {
        match bias {
            Some(bias) => apply(settings, [self, weight, bias]),
            None => apply(settings, [self, weight]),
        }
    }
}
