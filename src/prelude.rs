//! What a program that makes, trains and keeps a network needs: `use gradus::prelude::*;`.
//!
//! A residual network with an op and a loss of its own, checked, trained, saved and loaded:
//!
//! ```
//! use gradus::prelude::*;
//!
//! /// The activation y = x² where x > 0, else 0, with the derivative 2 max(x, 0).
//! struct SquaredRelu;
//!
//! impl<T: Real> Op<T, 1> for SquaredRelu {
//!     const NAME: &'static str = "squared_relu";
//!     type Saved = Tensor<T>;
//!
//!     fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
//!         Ok(Shape::new(x))
//!     }
//!     fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
//!         let positive = x.map(|x| x.max(T::ZERO));
//!         (&positive * &positive, positive)
//!     }
//!     fn backward(&self, positive: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
//!         [Some(positive * g * T::from_f64(2.0))]
//!     }
//! }
//!
//! // Checked: its derivative against differences.
//! let mut rng = Rng::new(1, "check", 0);
//! let x = Tensor::rand([3, 4], 0.5, 2.0, &mut rng);
//! let report = check(&[x], 1e-8, &mut rng, &|x| apply(SquaredRelu, [&x[0]]))?;
//! assert!(report.relative_error < 1e-8);
//!
//! /// y = x + W₂ f(W₁ x): a residual block.
//! struct Residual {
//!     inner: Linear,
//!     outer: Linear,
//! }
//!
//! impl Module for Residual {
//!     fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
//!         let h = apply(SquaredRelu, [&cx.call("inner", &self.inner, x)?])?;
//!         x.add(&cx.call("outer", &self.outer, &h)?)
//!     }
//!     fn walk(&self, walk: &mut Walk<'_, f32>) {
//!         walk.child("inner", &self.inner);
//!         walk.child("outer", &self.outer);
//!     }
//!     fn kind(&self) -> Kind {
//!         Kind::Container
//!     }
//! }
//!
//! fn network() -> Sequential {
//!     let mut rng = Rng::new(1, "init", 0);
//!     let mut linear = |inputs, outputs| Linear::new(inputs, outputs, Init::PyTorch, &mut rng);
//!     Sequential::new()
//!         .with("in", linear(1, 8))
//!         .with("block", Residual { inner: linear(8, 8), outer: linear(8, 8) })
//!         .with("out", linear(8, 1))
//! }
//!
//! // Trained: y = sin x by a loss of one's own, log cosh of the error; early stopping after 20 epochs without a better one.
//! let rows = Tensor::from_fn([64, 1], |i| i as f32 / 10.0 - 3.2);
//! let samples = Matrix::new(rows.clone(), Target::Values(rows.map(f32::sin)))?;
//! let fit = Fit::new(100, 20, 8, 1).with_loss(|output, batch| {
//!     let error = (output - batch.values()?).abs()?;
//!     (&error + (-2.0 * &error).softplus()? - 2f32.ln()).mean() // ln cosh e = e + ln(1 + e^-2e) - ln 2, for e ≥ 0
//! });
//! let net = network();
//! let trained = fit.run(&net, &mut FirstOrder::new(Adam::new(0.01)), &samples, &samples, None, &mut Silent)?;
//! assert!(trained.history.best().unwrap().get("val_loss").unwrap() < 0.005);
//!
//! // Saved, and loaded into another network.
//! let file = std::env::temp_dir().join(format!("gradus-prelude-{}.safetensors", std::process::id()));
//! save(&net, &file)?;
//! let copy = network();
//! load(&copy, &file)?;
//! # std::fs::remove_file(&file).unwrap();
//! let run = |net: &Sequential| net.forward(&Var::constant(rows.clone()), &mut Ctx::eval());
//! assert_eq!(run(&copy)?.value(), run(&net)?.value());
//! # Ok::<(), Error>(())
//! ```

pub use crate::autograd::check::check;
pub use crate::autograd::{Gradients, Op, Param, Tape, Var, VariadicOp, apply, apply_variadic};
pub use crate::error::{Error, Result};
pub use crate::nn::layers::*;
pub use crate::nn::state::{State, load, save, state_dict};
pub use crate::nn::summary::summarize;
pub use crate::nn::{
    Buffer, Ctx, Init, Join, Kind, Module, Parallel, Residual, Sequential, Walk, count_parameters, freeze, parameters,
    unfreeze,
};
pub use crate::ops::layout::concat;
pub use crate::ops::{self, ClassTarget, Interpolation, Padding, Window};
pub use crate::optim::*;
pub use crate::real::Real;
pub use crate::rng::Rng;
pub use crate::shape::Shape;
pub use crate::target::Target;
pub use crate::tensor::Tensor;
pub use crate::train::Batches;
pub use crate::train::{
    Batch, Criterion, Epoch, Fit, History, ImageSamples, Keep, Loss, Matrix, Objective, Observer, Samples, Silent,
    Trained, evaluate, losses,
};
