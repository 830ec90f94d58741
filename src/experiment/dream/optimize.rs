//! Optimizing the *input*: the network stays as it is, and gradient descent moves the pixels until it predicts the target
//! (Simonyan, Vedaldi and Zisserman 2014; Yosinski et al. 2015).
//!
//! ```text
//! minimize over x in [0, 1]:   L(f(x), target) + tv · TV(x) + l2 · |x|²       TV(x) = Σ (differences of neighbours)²
//! ```
//!
//! No term of L makes x look like a digit: the network's prediction is fixed on the images it has seen, and almost
//! free elsewhere, so texture that no human would read can satisfy it as well. The regularizers ask for what digits
//! have: neighbours alike (TV, blur), few bright pixels (l2), the same prediction when moved a little (jitter).

use super::target::DreamTarget;
use crate::autograd::{Param, Tape, Var};
use crate::error::Result;
use crate::nn::{Ctx, Module, Walk};
use crate::ops;
use crate::optim::{Adam, FirstOrder, Optimizer};
use crate::rng::Rng;
use crate::tensor::Tensor;
use crate::train::Normalization;
use crate::train::check_finite;

/// How pixels are kept in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// x = σ(z), and z moves freely.
    Sigmoid,
    /// x moves, and is put back to the nearest of [0, 1] after each step (projected gradient).
    Projected,
}

/// What the distance between prediction and target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// Cross-entropy of the target under the prediction.
    CrossEntropy,
    /// Mean squared difference of the probabilities.
    Squared,
}

/// The settings of an optimization.
#[derive(Clone, Debug, PartialEq)]
pub struct DreamSettings {
    /// Weight of the total variation, per pixel.
    pub tv: f64,
    /// Weight of the squared brightness, per pixel.
    pub l2: f64,
    /// Deviation, in pixels, of the blur that is laid on the image every tenth step of the first half; 0 is none.
    pub blur: f64,
    /// Most pixels by which the image is moved at random before each look.
    pub jitter: usize,
    /// Adam's learning rate, in units of the parametrization.
    pub lr: f64,
    /// Steps; an image whose prediction has not reached the target settles for as many again at most.
    pub steps: usize,
    /// Keeping pixels in [0, 1].
    pub pixels: Pixels,
    /// Distance to the target.
    pub distance: Distance,
}

impl DreamSettings {
    /// What makes images that look like something.
    pub fn regularized() -> Self {
        Self {
            tv: 3.0,
            l2: 10.0,
            blur: 0.5,
            jitter: 1,
            lr: 0.1,
            steps: 400,
            pixels: Pixels::Sigmoid,
            distance: Distance::CrossEntropy,
        }
    }

    /// The prediction and nothing else.
    pub fn unregularized() -> Self {
        Self { tv: 0.0, l2: 0.0, blur: 0.0, jitter: 0, ..Self::regularized() }
    }
}

/// One start and what became of it.
#[derive(Clone, Debug)]
pub struct Dream {
    /// The image at the start, at some steps, and at the end, `[C, H, W]` each.
    pub frames: Vec<(usize, Vec<f32>)>,
    /// The network's prediction to the last image.
    pub reached: Vec<f32>,
    /// Distance to the target after each step.
    pub losses: Vec<f32>,
}

impl Dream {
    /// The last image.
    pub fn image(&self) -> &[f32] {
        &self.frames.last().expect("a dream has an end").1
    }

    /// The last distance.
    pub fn loss(&self) -> f32 {
        self.losses.last().copied().unwrap_or(f32::NAN)
    }
}

/// The pixels as the one parameter of a module, so that an optimizer can move them.
struct Canvas(Param<f32>);

impl Module for Canvas {
    fn forward(&self, _: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        Ok(cx.param(&self.0))
    }

    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.param("pixels", &self.0);
    }

    fn kind(&self) -> crate::nn::Kind {
        crate::nn::Kind::layer("canvas")
    }
}

/// How a pixel is kept from the ends of the sigmoid, where nothing moves.
const EDGE: f32 = 0.02;
/// A prediction is reached if no probability is further from the target.
const REACHED: f32 = 0.005;
/// Steps without a change after which an optimization is over.
const STILL: usize = 30;

/// Optimizes all `starts` `[R, C, H, W]` (values in [0, 1]) side by side toward the target. They do not influence each
/// other: each has its own loss, and Adam moves each pixel by its own gradient.
pub fn optimize(
    model: &dyn Module,
    normalization: Option<&Normalization>,
    starts: &Tensor,
    target: &DreamTarget,
    settings: &DreamSettings,
    seed: u64,
) -> Result<Vec<Dream>> {
    let &[restarts, channels, h, w] = starts.shape() else {
        panic!("optimize: expected images [R, C, H, W], found {:?}", starts.shape())
    };
    let size = channels * h * w;
    let canvas = Canvas(Param::new(match settings.pixels {
        Pixels::Projected => starts.clone(),
        Pixels::Sigmoid => starts.map(|x| {
            let x = x.clamp(EDGE, 1.0 - EDGE);
            libm::logf(x / (1.0 - x))
        }),
    }));
    let look = Look { model, normalization, target, settings, shape: [restarts, channels, h, w] };
    let mut dreams: Vec<Dream> = (0..restarts)
        .map(|r| Dream {
            frames: vec![(0, starts.data()[r * size..][..size].to_vec())],
            reached: Vec::new(),
            losses: vec![],
        })
        .collect();
    let mut adam = FirstOrder::new(Adam::new(settings.lr));
    let (mut best, mut still) = (f32::INFINITY, 0);
    // An image whose prediction is not there when the steps run out may settle for as long again.
    for step in 1..=2 * settings.steps {
        if step > settings.steps && step % 10 == 1 && look.end(&canvas.0.get(), step - 1, &mut dreams, REACHED)? {
            break;
        }
        let mut rng = Rng::new(seed, "dream.jitter", step as u64);
        let span = 2 * settings.jitter + 1;
        let shift = [rng.below(span), rng.below(span)];
        // The last steps settle: smaller ones, and the image held still.
        let shift = if 10 * step > 9 * settings.steps { [settings.jitter; 2] } else { shift };
        adam.set_lr(settings.lr * easing(step, settings.steps).max(0.4));
        let mut distances = Vec::new();
        let total = adam.step(&canvas, &mut || {
            let tape = Tape::new();
            let z = tape.param(&canvas.0);
            let (loss, each) = look.loss(&z, shift, easing(step, settings.steps))?;
            distances = each;
            Ok((loss.value().item(), tape.backward(&loss)?))
        })?;
        canvas.0.update(|z| settle(z, settings, step, [h, w]));
        dreams.iter_mut().zip(&distances).filter(|(d, _)| d.reached.is_empty()).for_each(|(d, &x)| d.losses.push(x));
        if step.is_power_of_two() && step < settings.steps {
            look.keep(&canvas.0.get(), step, &mut dreams)?;
        }
        (best, still) = if total < best - 1e-4 * restarts as f32 { (total, 0) } else { (best, still + 1) };
        // With regularizers the whole way is gone: they ease off at its end.
        if still >= STILL && settings.tv == 0.0 && settings.l2 == 0.0 {
            break;
        }
    }
    let last = dreams.iter().map(|dream| dream.losses.len()).max().unwrap_or(0);
    look.end(&canvas.0.get(), last, &mut dreams, f32::INFINITY)?;
    Ok(dreams)
}

/// How much the regularizers count at a step: wholly until six tenths of the way, then ever less, and not at all in the
/// last tenth, so that in the end the prediction is the target and no compromise with them.
fn easing(step: usize, steps: usize) -> f64 {
    let way = step as f64 / steps as f64;
    (1.0 - (way - 0.6).max(0.0) / 0.3).max(0.0)
}

/// What an optimization looks at, step after step.
struct Look<'a> {
    model: &'a dyn Module,
    normalization: Option<&'a Normalization>,
    target: &'a DreamTarget,
    settings: &'a DreamSettings,
    shape: [usize; 4],
}

impl Look<'_> {
    /// Pixels in [0, 1].
    fn pixels(&self, z: &Var) -> Result<Var> {
        match self.settings.pixels {
            Pixels::Sigmoid => z.sigmoid(),
            Pixels::Projected => Ok(z.clone()),
        }
    }

    /// The network's output for the images, moved by `shift` less the jitter.
    fn output(&self, x: &Var, shift: [usize; 2]) -> Result<Var> {
        let [_, channels, h, w] = self.shape;
        let j = self.settings.jitter;
        let mut x = x.clone();
        if j > 0 {
            x = x.pad(2, j, j, 0.0)?.pad(3, j, j, 0.0)?;
            x = x.slice(2, shift[0]..shift[0] + h)?.slice(3, shift[1]..shift[1] + w)?;
        }
        if let Some(n) = self.normalization {
            let of = |values: Vec<f32>| Tensor::new(values, [1, channels, 1, 1]).map(Var::constant);
            x = x.sub(&of(n.mean.clone())?)?.mul(&of(n.std.iter().map(|s| 1.0 / s).collect())?)?;
        }
        let y = self.model.forward(&x, &mut Ctx::eval())?;
        check_finite(self.model, x.value(), y.value())?;
        Ok(y)
    }

    /// Ends the dreams whose predictions are within `tolerance` of the target, and says whether that is all of them.
    fn end(&self, z: &Tensor, step: usize, dreams: &mut [Dream], tolerance: f32) -> Result<bool> {
        let (z, still) = (Var::constant(z.clone()), [self.settings.jitter; 2]);
        let (images, predictions) = (self.pixels(&z)?.into_value(), self.predictions(&z, still)?);
        let (_, distances) = self.loss(&z, still, 0.0)?;
        let (size, classes) = (images.numel() / dreams.len(), predictions.shape()[1]);
        for (r, dream) in dreams.iter_mut().enumerate().filter(|(_, dream)| dream.reached.is_empty()) {
            let prediction = &predictions.data()[r * classes..][..classes];
            if self.target.distance(prediction) <= tolerance {
                dream.reached = prediction.to_vec();
                dream.losses.push(distances[r]);
                dream.frames.push((step, images.data()[r * size..][..size].to_vec()));
            }
        }
        Ok(dreams.iter().all(|dream| !dream.reached.is_empty()))
    }

    fn predictions(&self, z: &Var, shift: [usize; 2]) -> Result<Tensor> {
        Ok(self.output(&self.pixels(z)?, shift)?.softmax(1)?.into_value())
    }

    /// The sum of all images' losses, and each one's distance to the target. `weight` is how much the regularizers
    /// count.
    fn loss(&self, z: &Var, shift: [usize; 2], weight: f64) -> Result<(Var, Vec<f32>)> {
        let [n, channels, h, w] = self.shape;
        let x = self.pixels(z)?;
        let output = self.output(&x, shift)?;
        let q = Tensor::from_fn([n, self.target.probabilities.len()], |i| {
            self.target.probabilities[i % self.target.probabilities.len()]
        });
        let (distance, each) = match self.settings.distance {
            Distance::CrossEntropy => {
                let log_p = output.log_softmax(1)?;
                let each = rows(&q, log_p.value(), |q, l| if q > 0.0 { q * (libm::logf(q) - l) } else { 0.0 });
                (output.cross_entropy(ops::ClassTarget::Probabilities(&q))?.affine(n as f64, 0.0)?, each)
            }
            Distance::Squared => {
                let p = output.softmax(1)?;
                let each = rows(&q, p.value(), |q, p| (q - p) * (q - p));
                (p.mse(&Var::constant(q))?.affine((n * self.target.probabilities.len()) as f64, 0.0)?, each)
            }
        };
        let per_pixel = weight / (channels * h * w) as f64;
        let mut loss = distance;
        if self.settings.tv > 0.0 {
            for (axis, length) in [(2, h), (3, w)] {
                let step = x.slice(axis, 1..length)?.sub(&x.slice(axis, 0..length - 1)?)?;
                loss = loss.add(&step.mul(&step)?.sum()?.affine(self.settings.tv * per_pixel, 0.0)?)?;
            }
        }
        if self.settings.l2 > 0.0 {
            loss = loss.add(&x.mul(&x)?.sum()?.affine(self.settings.l2 * per_pixel, 0.0)?)?;
        }
        Ok((loss, each))
    }

    /// Remembers the images as they are.
    fn keep(&self, z: &Tensor, step: usize, dreams: &mut [Dream]) -> Result<()> {
        let x = self.pixels(&Var::constant(z.clone()))?;
        let size = x.value().numel() / dreams.len();
        for (dream, image) in dreams.iter_mut().zip(x.value().data().chunks(size)) {
            dream.frames.push((step, image.to_vec()));
        }
        Ok(())
    }
}

/// Sums of f over each row of two matrices.
fn rows(a: &Tensor, b: &Tensor, f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let width = a.shape()[1];
    let row = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(&a, &b)| f(a, b)).sum();
    a.data().chunks(width).zip(b.data().chunks(width)).map(row).collect()
}

/// After a step: pixels back into [0, 1] where they are moved directly, and the blur where it is its turn.
fn settle(z: &mut Tensor, settings: &DreamSettings, step: usize, [h, w]: [usize; 2]) {
    if settings.pixels == Pixels::Projected {
        z.data_mut().iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
    }
    if settings.blur > 0.0 && step.is_multiple_of(10) && 2 * step < settings.steps {
        z.data_mut().chunks_mut(h * w).for_each(|plane| blur(plane, [h, w], settings.blur));
    }
}

/// A Gaussian blur of deviation `sigma`, rows then columns; the border is repeated.
fn blur(plane: &mut [f32], [h, w]: [usize; 2], sigma: f64) {
    let reach = (3.0 * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=reach).map(|d| libm::exp(-0.5 * (d as f64 / sigma) * (d as f64 / sigma))).collect();
    let total = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    let mut pass = |count: usize, length: usize, down: usize, along: usize| {
        for line in 0..count {
            let values: Vec<f64> = (0..length).map(|i| f64::from(plane[line * down + i * along])).collect();
            for i in 0..length {
                let at = |d: usize| values[i.saturating_sub(d)] + values[(i + d).min(length - 1)];
                let sum = weights[0] * values[i] + (1..=reach).map(|d| weights[d] * at(d)).sum::<f64>();
                plane[line * down + i * along] = (sum / total) as f32;
            }
        }
    };
    pass(h, w, w, 1);
    pass(w, h, 1, w);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Flatten, Init, Linear, Sequential};

    fn model() -> Sequential {
        let linear = Linear::new(16, 3, Init::XavierUniform, &mut Rng::new(3, "test", 0));
        Sequential::new().with("flatten", Flatten).with("out", linear)
    }

    #[test]
    fn a_network_is_brought_to_every_answer() {
        let starts = Tensor::rand([2, 1, 4, 4], 0.2, 0.8, &mut Rng::new(1, "test", 0));
        for pixels in [Pixels::Sigmoid, Pixels::Projected] {
            for distance in [Distance::CrossEntropy, Distance::Squared] {
                let settings =
                    DreamSettings { pixels, distance, steps: 600, lr: 0.05, ..DreamSettings::unregularized() };
                let target = DreamTarget { probabilities: vec![0.5, 0.5, 0.0], note: None };
                for dream in optimize(&model(), None, &starts, &target, &settings, 1).unwrap() {
                    assert!(dream.image().iter().all(|x| (0.0..=1.0).contains(x)));
                    assert!(dream.loss() < dream.losses[0], "{pixels:?} {distance:?}: {:?}", dream.reached);
                }
            }
        }
    }

    #[test]
    fn starts_do_not_influence_each_other() {
        let starts = Tensor::rand([3, 1, 4, 4], 0.0, 1.0, &mut Rng::new(1, "test", 0));
        let settings = DreamSettings { steps: 20, ..DreamSettings::regularized() };
        let target = DreamTarget::class(2, 3);
        let together = optimize(&model(), None, &starts, &target, &settings, 7).unwrap();
        let alone = optimize(&model(), None, &starts.gather(&[1]), &target, &settings, 7).unwrap();
        for (a, b) in together[1].image().iter().zip(alone[0].image()) {
            assert!((a - b).abs() < 1e-4);
        }
    }

    #[test]
    fn a_blur_keeps_the_mean_of_a_flat_plane() {
        let mut plane = vec![0.25f32; 12];
        blur(&mut plane, [3, 4], 0.8);
        assert!(plane.iter().all(|x| (x - 0.25).abs() < 1e-6));
    }
}
