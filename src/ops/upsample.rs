//! Upsampling by integer factors: enlarging feature maps without weights.
//!
//! ```text
//! nearest:   y[i, j] = x[⌊i/s⌋, ⌊j/s'⌋]
//! bilinear:  y[i, j] = Σ a[i, u] b[j, v] x[u, v],   a, b the weights of the two pixels around (i + ½)/s - ½
//! ```
//!
//! Bilinear outputs lie between the centres of their pixels, borders repeated: PyTorch's `align_corners = false`. Both
//! are linear, y = Ux, so dx = Uᵀg: each gradient goes back with the weights of its output. Followed by a convolution
//! this is the gentler alternative to a transposed convolution, whose filters overlap unevenly (Odena, Dumoulin and
//! Olah, *Deconvolution and checkerboard artifacts*, 2016).

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels::upsample::Upsample2d;

/// How the pixels between are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Each pixel is repeated.
    #[default]
    Nearest,
    /// Neighbouring pixels are mixed.
    Bilinear,
}

/// `[N, C, H, W]` to `[N, C, H s, W s']`.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::new(vec![1.0, 3.0], [1, 1, 1, 2])?);
/// assert_eq!(x.upsample([1, 2], Interpolation::Nearest)?.value().data(), [1.0, 1.0, 3.0, 3.0]);
/// assert_eq!(x.upsample([1, 2], Interpolation::Bilinear)?.value().data(), [1.0, 1.5, 2.5, 3.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample {
    /// Vertical and horizontal factor.
    pub scale: [usize; 2],
    /// How the pixels between are found.
    pub mode: Interpolation,
}

impl Upsample {
    fn sizes(&self, x: &[usize]) -> Upsample2d {
        let (planes, bilinear) = (x[0] * x[1], self.mode == Interpolation::Bilinear);
        Upsample2d { planes, h: x[2], w: x[3], scale: self.scale, bilinear }
    }
}

impl<T: Real> Op<T, 1> for Upsample {
    const NAME: &'static str = "upsample";
    /// The input's shape.
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let dims = Dims::unify("upsample", &["N C H W"], &[x])?;
        if self.scale.contains(&0) {
            return Err(Error::shape("upsample", format!("needs factors of at least 1; found {:?}", self.scale)));
        }
        let size = |letter: &str, scale: usize| {
            dims.get(letter).checked_mul(scale).ok_or_else(|| {
                Error::shape("upsample", format!("of {x:?} by {:?}: the result does not fit into memory", self.scale))
            })
        };
        Ok(Shape::from([dims.get("N"), dims.get("C"), size("H", self.scale[0])?, size("W", self.scale[1])?]))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        (Tensor::build(out, |y| T::upsample_forward(&self.sizes(x.shape()), x.data(), y)), x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(Tensor::build(*x, |dx| T::upsample_backward(&self.sizes(x), g.data(), dx)))]
    }
}

/// Upsampling.
impl<T: Real> Var<T> {
    /// See [`Upsample`].
    pub fn upsample(&self, scale: [usize; 2], mode: Interpolation) -> Result<Self> {
        apply(Upsample { scale, mode }, [self])
    }
}
