//! Whitening of patches: a first layer that is computed from the images and not trained.

use super::settings::{Example, Range, Settings, batch, channels, product, sides};
use super::sizes::{Sides, two};
use crate::autograd::{Op, Param, Var};
use crate::error::{Error, Result};
use crate::nn::buffer::Buffer;
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Whitening of the patches of an image by principal components (PCA whitening, Krizhevsky 2009), as a convolution whose
/// filters are fixed and whose bias is trained (Jordan 2024).
///
/// Of a patch p of K = C · KH · KW numbers, M = E[p pᵀ] over the patches of training images, with eigenvectors vᵢ and
/// eigenvalues λᵢ, gives the filters
///
/// ```text
/// fᵢ = vᵢ / √(λᵢ + ε),     and the 2 K outputs are  fᵢ · p + bᵢ  and  -fᵢ · p + bₖ₊ᵢ
/// ```
///
/// so that the outputs have second moments of 1 and no correlation, and a nonlinearity that keeps one sign loses nothing.
/// Neighbouring pixels are nearly equal; without this, most of the first layers' effort goes into their mean. The largest
/// eigenvalue comes first; of the two signs of vᵢ that is taken with which its largest number is positive.
///
/// [`fit_inputs`](Module::fit_inputs) computes the filters. Before, they copy one number of the patch each. It must be the
/// first layer of a network.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Whitening::new(3, [2, 2], 5e-4);
/// let images = Tensor::<f32>::randn([50, 3, 8, 8], &mut Rng::new(1, "images", 0)).map(|x| 3.0 * x);
/// layer.fit_inputs(&|| images.clone())?;
/// let y = layer.forward(&Var::constant(images), &mut Ctx::eval())?;
/// assert_eq!(y.shape(), [50, 24, 7, 7]);
/// let squares = (&y * &y).mean_axes(&[0, 2, 3], false)?;
/// assert!(squares.value().data().iter().all(|square| (square - 1.0).abs() < 0.01));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Whitening<T: Real = f32> {
    /// The filters, `[2 K, C, KH, KW]`.
    pub weight: Buffer<T>,
    /// `[2 K]`; 0 at first.
    pub bias: Param<T>,
    /// ε: what is added to the eigenvalues, so that directions of noise are not blown up.
    pub eps: f64,
}

impl<T: Real> Whitening<T> {
    /// A layer for images of this many channels.
    pub fn new(channels: usize, [h, w]: [usize; 2], eps: f64) -> Self {
        let k = channels * h * w;
        let copies = |i: usize| match (i / k % k.max(1) == i % k, i / k < k) {
            (true, true) => T::ONE,
            (true, false) => -T::ONE,
            _ => T::ZERO,
        };
        let weight = Buffer::new(Tensor::from_fn([2 * k, channels, h, w], copies));
        Self { weight, bias: Param::new(Tensor::zeros([2 * k])), eps }
    }
}

impl<T: Real> Module<T> for Whitening<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let weight = Var::constant(cx.buffer(&self.weight));
        x.conv2d(&weight, Some(&cx.param(&self.bias)), ops::Conv2d::default())
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.buffer("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        let [_, seen, h, w] = super::conv2d::weight_sizes(&self.weight.get());
        let reach = Reach::Window { kernel: [h, w], stride: [1, 1], dilation: [1, 1] };
        Kind::reaching(format!("whitening {h}x{w}"), reach).working(Work::PerOutput(seen * h * w))
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let [_, _, h, w] = super::conv2d::weight_sizes(&self.weight.get());
        let operands = [Operand::Input(0), Operand::Weight("weight"), Operand::Weight("bias")];
        Some(vec![Node::new("Conv", operands).ints("kernel_shape", &[h, w])])
    }

    fn fit_inputs(&self, inputs: &dyn Fn() -> Tensor<T>) -> Result<()> {
        let (x, shape) = (inputs(), self.weight.get().shape_owned());
        let [outputs, c, h, w] = super::conv2d::weight_sizes(&self.weight.get());
        let &[n, channels, height, width] = x.shape() else {
            return Err(Error::shape("whitening", format!("is of images [N, C, H, W]; found {:?}", x.shape())));
        };
        if channels != c || n == 0 || height < h || width < w {
            let what = format!("of {c} channels by {h}x{w} cannot learn from images {:?}", x.shape());
            return Err(Error::shape("whitening", what));
        }
        let k = outputs / 2;
        let moments = second_moments(&x, [h, w]);
        let (values, vectors) = eigen(&moments, k);
        let filters = Tensor::from_fn(shape, |i| {
            let (filter, sign) = if i / k < k { (i / k, 1.0) } else { (i / k - k, -1.0) };
            T::from_f64(sign * vectors[filter * k + i % k] / (values[filter].max(0.0) + self.eps).sqrt())
        });
        self.weight.set(filters);
        Ok(())
    }
}

/// E[p pᵀ] over all patches of all images, `[K, K]`; the sums run image by image.
fn second_moments<T: Real>(x: &Tensor<T>, [h, w]: [usize; 2]) -> Vec<f64> {
    let &[n, c, height, width] = x.shape() else { unreachable!("images have four axes") };
    let (k, image) = (c * h * w, c * height * width);
    let of_image = |i: usize| {
        let x = &x.data()[i * image..][..image];
        let (mut sums, mut patch) = (vec![0.0; k * k], vec![0.0; k]);
        for top in 0..=height - h {
            for left in 0..=width - w {
                for (j, value) in patch.iter_mut().enumerate() {
                    let (channel, dy, dx) = (j / (h * w), j / w % h, j % w);
                    *value = x[(channel * height + top + dy) * width + left + dx].to_f64();
                }
                for (row, &a) in sums.chunks_exact_mut(k).zip(&patch) {
                    row.iter_mut().zip(&patch).for_each(|(sum, &b)| *sum += a * b);
                }
            }
        }
        sums
    };
    let mut total = vec![0.0; k * k];
    for sums in parallel::map(n, of_image) {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    let patches = (n * (height - h + 1) * (width - w + 1)) as f64;
    total.iter().map(|sum| sum / patches).collect()
}

/// Returns the eigenvalues of a symmetric matrix `[K, K]`, the largest first, and the eigenvectors as rows, by Jacobi's
/// rotations (1846): each makes one number beside the diagonal zero, and a few rounds over all make all of them vanish.
fn eigen(matrix: &[f64], k: usize) -> (Vec<f64>, Vec<f64>) {
    const ROUNDS: usize = 60;
    let mut a = matrix.to_vec();
    let mut v: Vec<f64> = (0..k * k).map(|i| if i / k == i % k { 1.0 } else { 0.0 }).collect();
    let scale = a.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    for _ in 0..ROUNDS {
        let beside = (0..k * k).filter(|i| i / k != i % k).fold(0.0f64, |most, i| most.max(a[i].abs()));
        if beside <= 1e-15 * scale {
            break;
        }
        for p in 0..k {
            for q in p + 1..k {
                if a[p * k + q] == 0.0 {
                    continue;
                }
                // The tangent of the angle that makes a[p, q] zero, the smaller of the two.
                let theta = (a[q * k + q] - a[p * k + p]) / (2.0 * a[p * k + q]);
                let t = 1f64.copysign(theta) / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cosine = 1.0 / (t * t + 1.0).sqrt();
                let sine = t * cosine;
                for i in 0..k {
                    let (x, y) = (a[i * k + p], a[i * k + q]);
                    (a[i * k + p], a[i * k + q]) = (cosine * x - sine * y, sine * x + cosine * y);
                }
                for i in 0..k {
                    let (x, y) = (a[p * k + i], a[q * k + i]);
                    (a[p * k + i], a[q * k + i]) = (cosine * x - sine * y, sine * x + cosine * y);
                    let (x, y) = (v[p * k + i], v[q * k + i]);
                    (v[p * k + i], v[q * k + i]) = (cosine * x - sine * y, sine * x + cosine * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&i, &j| a[j * k + j].total_cmp(&a[i * k + i]));
    let vectors = order.iter().flat_map(|&i| {
        let row = &v[i * k..][..k];
        let largest = row.iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
        row.iter().map(move |x| x * 1f64.copysign(largest)).collect::<Vec<f64>>()
    });
    (order.iter().map(|&i| a[i * k + i]).collect(), vectors.collect())
}

/// The settings of whitening in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhiteningSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Height and width of a patch: one number, or two.
    #[serde(default = "two")]
    pub kernel: Sides,
    /// Added to the eigenvalues.
    #[serde(default = "eps")]
    pub eps: f64,
}

fn eps() -> f64 {
    5e-4
}

impl<T: Real> Settings<T> for WhiteningSettings {
    fn ranges(&self) -> Vec<Range> {
        [sides("kernel", self.kernel.get(), 1.0, 8.0), vec![("eps", self.eps, 1e-12, 1.0)]].concat()
    }

    fn is_first(&self) -> bool {
        true
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let ([h, w], c) = (self.kernel.get(), channels("whitening", input)?);
        let outputs = product(&[2, c, h, w]);
        let output = <ops::Conv2d as Op<T, 2>>::shape(&ops::Conv2d::default(), [&batch(input), &[outputs, c, h, w]])?;
        Ok((output[1..].to_vec(), outputs))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(Whitening::new(channels("whitening", input)?, self.kernel.get(), self.eps)))
    }

    fn examples() -> Vec<Example> {
        vec![Example::new(json!({}), &[2, 2, 3, 4])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_by_hand() {
        let (values, vectors) = eigen(&[2.0, 1.0, 1.0, 2.0], 2);
        let half = 0.5f64.sqrt();
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14, "{values:?}");
        assert!((vectors[0] - half).abs() < 1e-14 && (vectors[1] - half).abs() < 1e-14, "{vectors:?}");
        // Of a random symmetric matrix: M v = λ v, and rows that are orthonormal.
        let (k, mut rng) = (12, Rng::new(1, "eigen", 0));
        let mut m = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..=i {
                m[i * k + j] = rng.normal();
                m[j * k + i] = m[i * k + j];
            }
        }
        let (values, vectors) = eigen(&m, k);
        let row = |i: usize| &vectors[i * k..][..k];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for i in 0..k {
            for j in 0..k {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(row(i), row(j)) - expected).abs() < 1e-12);
                assert!((dot(&m[j * k..][..k], row(i)) - values[i] * row(i)[j]).abs() < 1e-12);
            }
        }
        assert!(values.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let layer = Whitening::<f32>::new(3, [2, 2], 1e-3);
        for shape in [&[2, 1, 4, 4][..], &[0, 3, 4, 4], &[2, 3, 1, 4], &[2, 12]] {
            let refusal = layer.fit_inputs(&|| Tensor::zeros(shape)).unwrap_err().to_string();
            assert!(refusal.contains("whitening"), "{refusal}");
        }
    }
}
