//! What a regression on a time series is worth as a forecast: beside forecasts that need no model, and fed with its own
//! predictions.
//!
//! Beside the model stand, on the same test values,
//!
//! * persistence: the last value that is known, `x̂[t + h] = x[t]`;
//! * the season alone: least squares on its harmonics, over the training windows;
//! * the mean of the training values.
//!
//! A model that is not better than these has learned nothing about the future. Differences of squared errors have the interval of
//! Diebold and Mariano (1995).
//!
//! A *free-running* forecast goes more than one step ahead with a model of one step: each prediction takes the place of the value
//! that is not known yet. Errors then feed on errors, so the mean squared error over the steps ahead shows how far a model sees.

pub mod findings;
mod report;

use super::found::Run;
use super::values::ValueScale;
use crate::analysis::linear::LeastSquares;
use crate::analysis::metrics::{ForecastDifference, RegressionErrors, diebold_mariano};
use crate::data::{Images, Windows};
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tensor::Tensor;
use ndarray::Array2;
use serde_json::{Map, Value, json};

/// Most steps ahead at which the error of a free-running forecast is measured.
const STEPS: usize = 30;
/// Most places from which free-running forecasts begin.
const ORIGINS: usize = 300;
/// Test values that are drawn.
const DRAWN: usize = 60;

/// A forecast that needs no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The last value that is known.
    Persistence,
    /// The season alone.
    Season,
    /// The mean of the training values.
    Mean,
}

impl Baseline {
    /// Returns its key in `metrics.json`, and its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Baseline::Persistence => "persistence",
            Baseline::Season => "season",
            Baseline::Mean => "mean",
        }
    }
}

/// One of them on the test values.
pub struct Beside {
    /// Which one.
    pub baseline: Baseline,
    /// Its errors.
    pub errors: RegressionErrors,
    /// The squared error of the model minus its own; none for a single test value.
    pub difference: Option<ForecastDifference>,
}

/// The mean squared errors of a free-running forecast 1, 2, .. steps ahead.
pub struct FreeRunning {
    /// The forecast from the first test value on.
    pub first: Vec<f64>,
    /// Places of the test split from which forecasts begin, evenly spread.
    pub origins: usize,
    /// The model's errors.
    pub model: Vec<f64>,
    /// Those of forecasts without a model, and up to how many steps ahead the model is better: the 95 % interval of the
    /// difference excludes 0 at each of them.
    pub beside: Vec<(Baseline, Vec<f64>, usize)>,
}

/// The forecasts of a run on a time series.
pub struct Forecasts {
    /// How many steps ahead the model predicts.
    pub horizon: usize,
    /// The model's errors on the test values.
    pub model: RegressionErrors,
    /// The forecasts without a model, on the same values.
    pub beside: Vec<Beside>,
    /// The model fed with its own predictions; only for models of one step.
    pub free: Option<FreeRunning>,
    true_values: Vec<f64>,
    predicted: Vec<f64>,
}

/// The numbers of a target, one for each sample.
fn numbers(images: &Images) -> Result<Vec<f64>> {
    let none = || Error::invalid("forecasts: the samples have no numbers to predict");
    Ok(images.target.values().ok_or_else(none)?.data().iter().map(|&y| f64::from(y)).collect())
}

/// The harmonics of the season of each window, N x 2K.
fn harmonics(images: &Images, windows: &Windows) -> Array2<f32> {
    let (d, lags) = (windows.width(), windows.lags);
    Array2::from_shape_fn((images.len(), d - lags), |(i, j)| images.pixels.data()[i * d + lags + j])
}

/// The squared error of each prediction.
fn squares(true_values: &[f64], predicted: &[f64]) -> Vec<f64> {
    true_values.iter().zip(predicted).map(|(y, p)| (y - p) * (y - p)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Forecasts {
    /// Evaluates the forecasts of a run, whose predictions of the test values are `predicted`; none of a run on other data.
    pub fn of(run: &Run, predicted: &[f64]) -> Result<Option<Self>> {
        let d = &run.experiment.data;
        let p = &run.prepared;
        let Some(scale) = p.preparation.values.as_ref().filter(|_| d.kind.source().is_ordered()) else {
            return Ok(None);
        };
        let (windows, test) = (d.series.windows(), &p.data.test);
        let true_values = numbers(test)?;
        let baselines = baselines(&windows, scale, &p.data.train, test)?;
        let own = squares(&true_values, predicted);
        let beside = baselines.iter().map(|(baseline, values)| {
            let errors = RegressionErrors::of(&true_values, values)?;
            let difference = diebold_mariano(&own, &squares(&true_values, values), windows.horizon).ok();
            Ok(Beside { baseline: *baseline, errors, difference })
        });
        let beside = beside.collect::<Result<_>>()?;
        let free = match windows.horizon {
            1 => Some(FreeRunning::of(run, &windows, scale, &true_values, &baselines)?),
            _ => None,
        };
        let model = RegressionErrors::of(&true_values, predicted)?;
        let predicted = predicted.to_vec();
        Ok(Some(Self { horizon: windows.horizon, model, beside, free, true_values, predicted }))
    }

    /// Returns what `metrics.json` holds of them.
    pub fn metrics(&self) -> Value {
        let beside: Map<String, Value> = self
            .beside
            .iter()
            .map(|b| (b.baseline.name().to_owned(), json!({ "errors": b.errors, "model_minus_this": b.difference })))
            .collect();
        let free = self.free.as_ref().map(|free| {
            let each = free.beside.iter().map(|(baseline, mse, until)| {
                (baseline.name().to_owned(), json!({ "mse": mse, "model_is_better_up_to": until }))
            });
            json!({ "origins": free.origins, "model": { "mse": free.model }, "baselines": each.collect::<Map<_, _>>() })
        });
        json!({
            "horizon": self.horizon, "samples": self.true_values.len(), "model": { "errors": self.model }, "baselines": beside,
            "free_running": free,
        })
    }
}

/// The forecasts without a model of each test value.
fn baselines(
    windows: &Windows,
    scale: &ValueScale,
    train: &Images,
    test: &Images,
) -> Result<Vec<(Baseline, Vec<f64>)>> {
    let d = windows.width();
    let last = |i: usize| f64::from(test.pixels.data()[i * d + windows.lags - 1]);
    let mut all = vec![(Baseline::Persistence, (0..test.len()).map(last).collect())];
    if d > windows.lags {
        let season = LeastSquares::fit(harmonics(train, windows).view(), &numbers(train)?)?;
        all.push((Baseline::Season, season.predict(harmonics(test, windows).view())?));
    }
    all.push((Baseline::Mean, vec![scale.mean[0]; test.len()]));
    Ok(all)
}

impl FreeRunning {
    fn of(
        run: &Run,
        windows: &Windows,
        scale: &ValueScale,
        true_values: &[f64],
        baselines: &[(Baseline, Vec<f64>)],
    ) -> Result<Self> {
        let n = true_values.len();
        // Half of the test split at most, so that there is more than one place to begin at.
        let steps = STEPS.min(n.div_ceil(2));
        let places = n - steps + 1;
        let count = places.min(ORIGINS);
        let origins: Vec<usize> = (0..count).map(|i| i * (places - 1) / (count - 1).max(1)).collect();
        let ran = run_free(run, windows, scale, &origins, steps)?;
        let error = |predicted: &dyn Fn(usize, usize) -> f64, step: usize| -> Vec<f64> {
            origins.iter().enumerate().map(|(j, &i)| (true_values[i + step] - predicted(j, step)).powi(2)).collect()
        };
        let model: Vec<Vec<f64>> = (0..steps).map(|step| error(&|j, step| ran[step][j], step)).collect();
        // Forecasts overlap if they begin nearer to each other than they reach.
        let spacing = ((places - 1) / (count - 1).max(1)).max(1);
        let beside = baselines.iter().map(|(baseline, values)| {
            // What persistence predicts of the first value, it predicts of all.
            let predicted = |j: usize, step: usize| match baseline {
                Baseline::Persistence => values[origins[j]],
                _ => values[origins[j] + step],
            };
            let own: Vec<Vec<f64>> = (0..steps).map(|step| error(&predicted, step)).collect();
            let is_better = |step: usize| {
                let found = diebold_mariano(&model[step], &own[step], (step + 1).div_ceil(spacing));
                found.is_ok_and(|found| found.interval[1] < 0.0)
            };
            let until = (0..steps).take_while(|&step| is_better(step)).count();
            (*baseline, own.iter().map(|errors| mean(errors)).collect(), until)
        });
        let beside = beside.collect();
        let first = run_free(run, windows, scale, &[0], DRAWN.min(n))?.concat();
        Ok(Self { first, origins: count, model: model.iter().map(|errors| mean(errors)).collect(), beside })
    }
}

/// The free-running forecasts that begin at these test values: for each step ahead, the prediction from each of them.
fn run_free(
    run: &Run,
    windows: &Windows,
    scale: &ValueScale,
    origins: &[usize],
    steps: usize,
) -> Result<Vec<Vec<f64>>> {
    let (p, d, lags) = (&run.prepared, windows.width(), windows.lags);
    let rows = p.data.test.pixels.data();
    let mut seen: Vec<Vec<f32>> = origins.iter().map(|&i| rows[i * d..][..lags].to_vec()).collect();
    let mut predicted = Vec::with_capacity(steps);
    for step in 0..steps {
        // The values are the model's own; the season of a later time is known.
        let of = |(window, &i): (&Vec<f32>, &usize)| {
            [&window[..], &rows[(i + step) * d + lags..(i + step + 1) * d]].concat()
        };
        let inputs: Vec<f32> = seen.iter().zip(origins).flat_map(of).collect();
        let inputs = Tensor::new(inputs, [origins.len(), 1, 1, d])?;
        let samples = p.preparation.samples(&inputs, Target::None, None)?;
        let next = scale.in_units(&run.outputs(samples.as_ref())?, 0);
        for (window, &value) in seen.iter_mut().zip(&next) {
            window.rotate_left(1);
            window[lags - 1] = value as f32;
        }
        predicted.push(next);
    }
    Ok(predicted)
}
