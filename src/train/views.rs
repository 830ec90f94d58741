//! Several views of an image, over which a prediction is averaged (test-time augmentation, Krizhevsky et al. 2012).

use super::augment::{Place, Symmetry};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{Ctx, Kind, Module, Walk};
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};

/// The views of an image: itself, and what else of it a trained network is shown. The default is itself alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Views {
    /// Mirrored left to right.
    pub mirror: bool,
    /// Moved by so many pixels up and to the left, and down and to the right, what comes in being reflected; 0 is none.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "pixels")))]
    pub translate: usize,
}

/// A view: mirrored or not, and moved.
type View = (bool, isize);

impl Views {
    /// Whether the image itself is the only view.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the number of views.
    pub fn count(&self) -> usize {
        self.all().count()
    }

    /// The views, the image itself first.
    fn all(&self) -> impl Iterator<Item = View> {
        let moves = if self.translate == 0 { 1 } else { 3 };
        let by = [0, -(self.translate as isize), self.translate as isize];
        let mirrored = [false, true].into_iter().take(1 + usize::from(self.mirror));
        mirrored.flat_map(move |mirrored| by.into_iter().take(moves).map(move |by| (mirrored, by)))
    }

    /// Fails unless the amounts make sense for any image.
    pub fn check(&self) -> Result<()> {
        if self.translate > 1 << 15 {
            let what = format!("is {}", self.translate);
            return Err(Error::config("views.translate", what, "give a few pixels, or 0"));
        }
        Ok(())
    }

    /// Returns the network whose output is the mean of the outputs of `model` for these views of a batch of images.
    pub fn of<'a>(&self, model: &'a dyn Module) -> MeanOverViews<'a> {
        MeanOverViews { model, views: *self }
    }
}

/// A trained network whose output is the mean over views of its input: y = (1/V) Σᵥ f(view v of x). It is for evaluation;
/// `f` itself is what is trained, and what a pass that captures sees, of the image itself.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::Views;
/// let flat = Sequential::<f32>::new().with("flatten", Flatten);
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0], [1, 1, 1, 2])?);
/// let mean = Views { mirror: true, translate: 0 }.of(&flat).forward(&x, &mut Ctx::eval())?;
/// assert_eq!(mean.value().data(), [1.5, 1.5]);
/// # Ok::<(), Error>(())
/// ```
pub struct MeanOverViews<'a> {
    model: &'a dyn Module,
    views: Views,
}

impl Module for MeanOverViews<'_> {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        let y = self.model.forward(x, cx)?;
        if self.views.is_default() {
            return Ok(y);
        }
        let mut sum = y.into_value();
        for view in self.views.all().skip(1) {
            let y = self.model.forward(&Var::constant(seen(x.value(), view)?), &mut Ctx::eval())?;
            sum = &sum + y.value();
        }
        let count = self.views.count() as f32;
        Ok(Var::constant(sum.map(|sum| sum / count)))
    }

    fn walk(&self, walk: &mut Walk<'_, f32>) {
        self.model.walk(walk);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// The images `[N, C, H, W]` in one view.
fn seen(x: &Tensor, (mirrored, by): View) -> Result<Tensor> {
    let &[_, _, height, width] = x.shape() else {
        return Err(Error::shape("views", format!("are of images [N, C, H, W]; found {:?}", x.shape())));
    };
    let (symmetry, place) =
        (Symmetry { flip_x: mirrored, ..Symmetry::IDENTITY }, Place { by: [by, by], hole: 0, at: [0.0; 2] });
    Ok(Tensor::build(x.shape_owned(), |out| {
        parallel::chunks(out, (height * width).max(1), |i, to| {
            symmetry.apply(&x.data()[i * to.len()..][..to.len()], to, height, width);
            place.apply(to, height, width);
        });
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Flatten, Sequential};

    #[test]
    fn views_by_hand() {
        let flat = Sequential::new().with("flatten", Flatten);
        let x = Tensor::from_fn([2, 1, 3, 3], |i| i as f32);
        let mean = |views: Views| views.of(&flat).forward(&Var::constant(x.clone()), &mut Ctx::eval()).unwrap();
        assert_eq!(mean(Views::default()).value().data(), x.data());
        let moved = Views { mirror: false, translate: 1 };
        assert_eq!((moved.count(), Views { mirror: true, ..moved }.count()), (3, 6));
        // The corner of the first image: 0, what is moved up and left (4), and the reflection (4).
        assert_eq!(mean(moved).value().data()[0], 8.0 / 3.0);
        // Mirrored too: 2 at the corner, then 4 and 4 again.
        assert_eq!(mean(Views { mirror: true, ..moved }).value().data()[0], (8.0 + 2.0 + 8.0) / 6.0);
    }
}
