//! First values of weights. The right scale keeps the size of activations and gradients the same from layer to layer.

use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;

/// How a weight is drawn. `fan_in` is the number of inputs of one output, `fan_out` of outputs of one input. Where they
/// are 0, there is no weight, and a bias is 0.
///
/// ```
/// use gradus::prelude::*;
/// let mut rng = Rng::new(1, "init", 0);
/// let weight: Tensor = Init::HeUniform.weight(&[20, 6], &mut rng); // 20 outputs of 6 inputs
/// assert!(weight.data().iter().all(|w| w.abs() <= 1.0)); // √(6/6)
/// let copies: Tensor = Init::Dirac.weight(&[4, 2, 3, 3], &mut rng); // the first two of four filters copy a channel
/// assert_eq!((copies.at(&[1, 1, 1, 1]), copies.at(&[1, 0, 1, 1])), (1.0, 0.0));
/// assert_eq!(Init::HeUniform.bias::<f32>(20, 6, &mut rng).data(), [0.0; 20]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// N(0, 2/fan_in): He et al. 2015, for ReLU.
    HeNormal,
    /// U(-a, a), a = √(6/fan_in): He et al. 2015.
    HeUniform,
    /// N(0, 2/(fan_in + fan_out)): Glorot and Bengio 2010, for tanh and sigmoid.
    XavierNormal,
    /// U(-a, a), a = √(6/(fan_in + fan_out)): Glorot and Bengio 2010; Keras's default.
    XavierUniform,
    /// U(-a, a), a = 1/√fan_in, for weights and biases: what PyTorch's Linear and Conv2d do (LeCun et al. 1998).
    #[default]
    #[serde(rename = "pytorch")]
    PyTorch,
    /// As PyTorch, but the first filters copy an input channel each, so that the layer begins by handing on what it gets
    /// (Zagoruyko and Komodakis 2017): filter i is 1 in the middle of channel i, else 0.
    Dirac,
    /// Zeros: a last layer that begins without an opinion.
    Zeros,
}

impl Init {
    /// All of them.
    pub const ALL: [Init; 7] = [
        Init::HeNormal,
        Init::HeUniform,
        Init::XavierNormal,
        Init::XavierUniform,
        Init::PyTorch,
        Init::Dirac,
        Init::Zeros,
    ];

    /// Draws a weight whose first axis counts outputs and whose other axes are the inputs of one output: `[O, K]` or
    /// `[O, C, KH, KW]`, with fan_in = K or C KH KW and fan_out = O or O KH KW.
    pub fn weight<T: Real>(self, shape: &[usize], rng: &mut Rng) -> Tensor<T> {
        let receptive: usize = shape[2..].iter().product();
        let (fan_in, fan_out) = ((shape[1] * receptive) as f64, (shape[0] * receptive) as f64);
        let uniform = |a: f64, rng: &mut Rng| Tensor::rand(shape, -a, a, rng);
        let normal = |std: f64, rng: &mut Rng| Tensor::from_fn(shape, |_| T::from_f64(std * rng.normal()));
        if shape.contains(&0) {
            return Tensor::zeros(shape); // The widths below are infinite for an empty layer.
        }
        match self {
            Init::HeNormal => normal((2.0 / fan_in).sqrt(), rng),
            Init::HeUniform => uniform((6.0 / fan_in).sqrt(), rng),
            Init::XavierNormal => normal((2.0 / (fan_in + fan_out)).sqrt(), rng),
            Init::XavierUniform => uniform((6.0 / (fan_in + fan_out)).sqrt(), rng),
            Init::PyTorch => uniform(1.0 / fan_in.sqrt(), rng),
            Init::Dirac => {
                let mut weight: Tensor<T> = uniform(1.0 / fan_in.sqrt(), rng);
                // The middle of a filter of even size is the tap right of and below it.
                let middle = shape[2..].iter().fold(0, |at, &size| at * size + size / 2);
                for (o, filter) in weight.data_mut().chunks_mut(shape[1] * receptive).take(shape[1]).enumerate() {
                    filter.fill(T::ZERO);
                    filter[o * receptive + middle] = T::ONE;
                }
                weight
            }
            Init::Zeros => Tensor::zeros(shape),
        }
    }

    /// Draws the bias that goes with such a weight: uniform on ±1/√fan_in in PyTorch's scheme, zero in the others and
    /// for a layer without inputs.
    pub fn bias<T: Real>(self, outputs: usize, fan_in: usize, rng: &mut Rng) -> Tensor<T> {
        match self {
            Init::PyTorch | Init::Dirac if fan_in > 0 => {
                let a = 1.0 / (fan_in as f64).sqrt();
                Tensor::rand([outputs], -a, a, rng)
            }
            _ => Tensor::zeros([outputs]),
        }
    }
}
