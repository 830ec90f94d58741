//! Models that are fitted at once and are no networks, as modules: wherever outputs are asked for, they give them.

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::state::State;
use crate::nn::{Buffer, Ctx, Kind, Module, Sequential, Walk};
use crate::tensor::Tensor;
use ndarray::ArrayView2;

/// The name of the module in its model, and so the first part of its tensors' paths.
const NAME: &str = "fit";

/// How a kind's model predicts one number, and of which tensors.
#[derive(Debug)]
pub struct Fitting {
    /// What the model is called.
    pub name: &'static str,
    /// The names of its tensors.
    pub tensors: &'static [&'static str],
    /// Computes the prediction for each row from these tensors.
    pub predict: fn(&[Tensor], ArrayView2<'_, f32>) -> Result<Vec<f64>>,
}

impl Fitting {
    /// Returns a model that is not yet fitted, for so many numbers to predict.
    pub fn model(&'static self, numbers: usize) -> Sequential {
        Sequential::new().with(NAME, Fitted::new(self, numbers))
    }

    /// Returns the state of such a model, of the tensors for each number.
    pub fn state(&self, each: Vec<Vec<Tensor>>) -> State<f32> {
        let named = each.into_iter().enumerate().flat_map(|(j, tensors)| {
            let name = move |tensor: &str| format!("{NAME}.{}.{tensor}", j + 1);
            self.tensors.iter().map(move |tensor| name(tensor)).zip(tensors)
        });
        named.collect()
    }

    /// Returns the tensors of number `j`, from 0, in such a state.
    pub fn tensors_of(&self, state: &State<f32>, j: usize) -> Vec<Tensor> {
        self.tensors.iter().map(|tensor| state[&format!("{NAME}.{}.{tensor}", j + 1)].clone()).collect()
    }
}

/// A model for each number to predict, as one module: inputs `[N, D]` to outputs `[N, M]`.
///
/// Its tensors are buffers, which are saved and loaded like weights; until it is fitted they hold nothing, and it is an error to
/// ask. No gradient passes through it: its output is a constant of the tape.
///
/// ```
/// use gradus::experiment::fitted::Fitting;
/// use gradus::prelude::*;
/// use gradus::nn::state::load_state_dict;
/// /// ŷ is the mean, whatever x is.
/// static MEAN: Fitting = Fitting {
///     name: "mean",
///     tensors: &["mean"],
///     predict: |tensors, x| Ok(vec![f64::from(tensors[0].item()); x.nrows()]),
/// };
/// let model = MEAN.model(2);
/// let x = Var::constant(Tensor::zeros([3, 4]));
/// assert!(model.forward(&x, &mut Ctx::eval()).is_err());
/// load_state_dict(&model, &MEAN.state(vec![vec![Tensor::full([1], 5.0)], vec![Tensor::full([1], 7.0)]]))?;
/// assert_eq!(model.forward(&x, &mut Ctx::eval())?.value().data(), [5.0, 7.0, 5.0, 7.0, 5.0, 7.0]);
/// # Ok::<(), Error>(())
/// ```
pub struct Fitted {
    fitting: &'static Fitting,
    /// The tensors of each number's model.
    each: Vec<Vec<Buffer>>,
}

impl Fitted {
    fn new(fitting: &'static Fitting, numbers: usize) -> Self {
        let buffers = || fitting.tensors.iter().map(|_| Buffer::new(Tensor::zeros([0]))).collect();
        Self { fitting, each: (0..numbers).map(|_| buffers()).collect() }
    }
}

impl Module for Fitted {
    fn forward(&self, x: &Var, _: &mut Ctx<'_>) -> Result<Var> {
        let name = self.fitting.name;
        let &[n, d] = x.shape() else {
            return Err(Error::shape(name, format!("expected [N, D]; found {:?}", x.shape())));
        };
        let rows = ArrayView2::from_shape((n, d), x.value().data()).expect("rows of one length");
        let m = self.each.len();
        let mut outputs = vec![0.0; n * m];
        for (j, buffers) in self.each.iter().enumerate() {
            let tensors: Vec<Tensor> = buffers.iter().map(Buffer::get).collect();
            if tensors.iter().all(|tensor| tensor.numel() == 0) {
                return Err(Error::State(format!("the {name} has not been fitted: it predicts nothing yet")));
            }
            let predicted = (self.fitting.predict)(&tensors, rows)?;
            outputs.iter_mut().skip(j).step_by(m).zip(predicted).for_each(|(output, p)| *output = p as f32);
        }
        Ok(Var::constant(Tensor::new(outputs, [n, m])?))
    }

    fn walk(&self, walk: &mut Walk<'_, f32>) {
        for (j, buffers) in self.each.iter().enumerate() {
            for (name, buffer) in self.fitting.tensors.iter().zip(buffers) {
                walk.buffer(&format!("{}.{name}", j + 1), buffer);
            }
        }
    }

    fn kind(&self) -> Kind {
        Kind::layer(self.fitting.name)
    }
}
