//! Samples of a function: points (x) or (x, y), and the value there, which is to be predicted.
//!
//! A function is one formula or several, mixed by weights: f = Σ wᵢ fᵢ / Σ wᵢ. Points lie on a grid, or are drawn uniformly.
//! Noise is normal and added to every value, of all splits alike: no prediction has a mean squared error below its
//! variance on samples that it has not seen.
//!
//! [`SURFACES`] are five functions of two variables on the unit square by which regressions have long been compared (Hwang,
//! Lay, Maechler, Martin and Schimert 1994, section 5): each is scaled to a standard deviation of about 1. Mixed by five
//! digits they give every student a surface of his own.

mod formula;

pub use formula::Formula;

use super::dataset::{Columns, Images};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest number that a setting may be.
const LARGEST: f64 = 1e30;
/// Most samples.
const MOST: usize = 10_000_000;

/// Five surfaces on the unit square: their names, and their formulas.
pub const SURFACES: [(&str, &str); 5] = [
    ("simple interaction", "10.391*((x - 0.4)*(y - 0.6) + 0.36)"),
    ("radial", "24.234*((x - 0.5)^2 + (y - 0.5)^2)*(0.75 - (x - 0.5)^2 - (y - 0.5)^2)"),
    ("harmonic", "42.659*(0.1 + (x - 0.5)*(0.05 + (x - 0.5)^4 - 10*(x - 0.5)^2*(y - 0.5)^2 + 5*(y - 0.5)^4))"),
    ("additive", "1.3356*(1.5*(1 - x) + exp(2*x - 1)*sin(3*pi*(x - 0.6)^2) + exp(3*(y - 0.5))*sin(4*pi*(y - 0.9)^2))"),
    ("complicated interaction", "1.9*(1.35 + exp(x)*sin(13*(x - 0.6)^2)*exp(-y)*sin(7*y))"),
];

/// Where the points lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// On a grid that includes both ends; of two variables as many rows as columns.
    Grid,
    /// Drawn uniformly, each by itself.
    #[default]
    Random,
}

/// The recipe of samples of a function.
///
/// ```
/// use gradus::data::{Function, Spacing};
/// let formulas = vec!["-sin(0.8*pi*x)".into()];
/// let sine = Function { formulas, n: 11, spacing: Spacing::Grid, ..Function::default() };
/// let samples = sine.sample()?;
/// assert_eq!((samples.pixels.data()[0], samples.pixels.data()[5]), (-1.0, 0.0));
/// let values = samples.target.values().unwrap();
/// assert!((values.data()[10] + (0.8 * std::f32::consts::PI).sin()).abs() < 1e-6);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The formulas, of x or of x and y.
    pub formulas: Vec<String>,
    /// The weight of each formula; empty for equal ones.
    pub weights: Vec<f64>,
    /// The least and the largest value of each variable.
    pub range: [f64; 2],
    /// Number of samples; on a grid of two variables, the largest square that is not above it.
    pub n: usize,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// Where the points lie.
    pub spacing: Spacing,
    /// Seed of points and noise.
    pub seed: u64,
    /// Where these settings stand, for messages.
    pub place: &'static str,
}

impl Default for Function {
    /// 1,000 random points in [-1, 1] of the sine of a course, without noise.
    fn default() -> Self {
        Self {
            formulas: vec!["-sin(0.8*pi*x)".into()],
            weights: Vec::new(),
            range: [-1.0, 1.0],
            n: 1000,
            noise: 0.0,
            spacing: Spacing::Random,
            seed: 42,
            place: "data.function",
        }
    }
}

/// A mixture of formulas that have been read.
pub struct Mixture {
    parts: Vec<(f64, Formula)>,
    /// The least and the largest value of each variable.
    pub range: [f64; 2],
}

impl Mixture {
    /// The number of variables: 1 (x) or 2 (x and y).
    pub fn variables(&self) -> usize {
        1 + usize::from(self.parts.iter().any(|(_, formula)| formula.uses_y()))
    }

    /// Returns the value at (x, y).
    pub fn at(&self, point: [f64; 2]) -> f64 {
        self.parts.iter().map(|(weight, formula)| weight * formula.at(point)).sum()
    }
}

impl Function {
    /// Refuses numbers out of their range, with the key that is wrong. The formulas are not read.
    pub fn check(&self) -> Result<()> {
        let at = |key: &str| format!("{}.{key}", self.place);
        if self.formulas.is_empty() {
            return Err(Error::config(at("formula"), "is empty", "write one, such as \"-sin(0.8*pi*x)\""));
        }
        let weights = self.each_weight();
        let sum: f64 = weights.iter().sum();
        if weights.len() != self.formulas.len() {
            let what = format!("has {} numbers, but there are {} formulas", weights.len(), self.formulas.len());
            return Err(Error::config(at("weights"), what, "give one for each"));
        }
        if !(sum.abs() > 0.0 && weights.iter().all(|weight| weight.abs() <= LARGEST)) {
            return Err(Error::config(at("weights"), format!("have the sum {sum}"), "give finite numbers, not all 0"));
        }
        let [low, high] = self.range;
        if !(low < high && low >= -LARGEST && high <= LARGEST) {
            let what = format!("is {low} to {high}");
            return Err(Error::config(at("range"), what, "give two numbers, the smaller one first: [-1.0, 1.0]"));
        }
        if !(0.0..=LARGEST).contains(&self.noise) {
            return Err(Error::config(at("noise"), format!("is {}", self.noise), "give a number from 0"));
        }
        if !(10..=MOST).contains(&self.n) {
            let what = format!("is {}", self.n);
            return Err(Error::config(at("samples"), what, format!("give a whole number from 10 to {MOST}")));
        }
        Ok(())
    }

    /// The weight of each formula.
    fn each_weight(&self) -> Vec<f64> {
        if self.weights.is_empty() { vec![1.0; self.formulas.len()] } else { self.weights.clone() }
    }

    /// Reads the formulas. Fails with the key that is wrong, a number out of its range included.
    pub fn mixture(&self) -> Result<Mixture> {
        self.check()?;
        let at = |key: &str| format!("{}.{key}", self.place);
        let weights = self.each_weight();
        let sum: f64 = weights.iter().sum();
        let read = |(text, weight): (&String, f64)| match Formula::read(text) {
            Ok(formula) => Ok((weight / sum, formula)),
            Err(what) => {
                let (what, help) = what.split_once(". help: ").unwrap_or((&what, "write another formula"));
                Err(Error::config(at("formula"), format!("`{text}` {what}"), help))
            }
        };
        let parts = self.formulas.iter().zip(weights).map(read).collect::<Result<_>>()?;
        Ok(Mixture { parts, range: self.range })
    }

    /// Returns the samples. Point i and its noise are drawn from a stream of their own, so that a larger set begins with the
    /// smaller one.
    ///
    /// Fails for settings that make no sense, and if the function has no finite value at a point.
    pub fn sample(&self) -> Result<Images> {
        let mixture = self.mixture()?;
        let variables = mixture.variables();
        let [low, high] = self.range;
        let side = if variables == 2 { self.n.isqrt() } else { self.n };
        let n = if self.spacing == Spacing::Grid { side.pow(variables as u32) } else { self.n };
        let on_grid = |i: usize| low + (high - low) * i as f64 / (side - 1) as f64;
        let (mut points, mut values) = (Vec::with_capacity(n * variables), Vec::with_capacity(n));
        for i in 0..n {
            let mut rng = Rng::new(self.seed, "function", i as u64);
            let point = match self.spacing {
                Spacing::Grid if variables == 2 => [on_grid(i / side), on_grid(i % side)],
                Spacing::Grid => [on_grid(i), 0.0],
                Spacing::Random => [0, 1].map(|_| low + (high - low) * rng.uniform()),
            };
            let value = mixture.at(point) + self.noise * rng.normal();
            if !(value.is_finite() && (value as f32).is_finite()) {
                let words: Vec<String> =
                    ["x", "y"].iter().zip(point).take(variables).map(|(v, x)| format!("{v} = {x}")).collect();
                let what = format!("has the value {value} at {}", words.join(", "));
                return Err(Error::config(
                    format!("{}.formula", self.place),
                    what,
                    "choose another range, or another formula",
                ));
            }
            points.extend(point[..variables].iter().map(|x| *x as f32));
            values.push(value as f32);
        }
        let names = |all: &[&str]| all.iter().map(|name| name.to_string()).collect();
        Ok(Images {
            names: (1..=n).map(|i| format!("point {i}")).collect(),
            pixels: Tensor::new(points, [n, 1, 1, variables])?,
            target: Target::Values(Tensor::new(values, [n, 1])?),
            classes: Vec::new(),
            value_names: vec!["f".into()],
            columns: Columns { features: names(&["x", "y"][..variables]), ..Columns::default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surfaces_have_deviations_of_about_one() {
        for (name, formula) in SURFACES {
            let f = Function {
                formulas: vec![formula.into()],
                range: [0.0, 1.0],
                n: 10_000,
                spacing: Spacing::Grid,
                ..Function::default()
            };
            let samples = f.sample().unwrap();
            let values = samples.target.values().unwrap();
            let (n, mean) = (
                values.numel() as f64,
                values.data().iter().map(|&v| f64::from(v)).sum::<f64>() / values.numel() as f64,
            );
            let deviation = (values.data().iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert!((deviation - 1.0).abs() < 0.1, "{name}: {deviation}");
            assert!(values.data().iter().all(|v| *v >= -1e-3), "{name} is not negative");
        }
    }

    #[test]
    fn a_mixture_is_the_weighted_mean() {
        let f = Function { formulas: vec!["x".into(), "y".into()], weights: vec![3.0, 1.0], ..Function::default() };
        let mixture = f.mixture().unwrap();
        assert!(mixture.variables() == 2 && (mixture.at([1.0, 5.0]) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_larger_set_begins_with_the_smaller_one_and_noise_has_its_deviation() {
        let some = |n: usize, noise: f64| Function { n, noise, ..Function::default() }.sample().unwrap();
        let (few, many) = (some(100, 0.0), some(4000, 0.0));
        assert_eq!(few.pixels.data(), &many.pixels.data()[..100]);
        let noisy = some(4000, 0.3);
        let difference = noisy.target.values().unwrap() - many.target.values().unwrap();
        let square: f32 = difference.data().iter().map(|d| d * d).sum::<f32>() / 4000.0;
        assert!((square.sqrt() - 0.3).abs() < 0.01, "{}", square.sqrt());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        let wrong = |f: Function| f.sample().unwrap_err().to_string();
        let d = Function::default;
        for (f, words) in [
            (Function { formulas: vec!["ln(x)".into()], ..d() }, "data.function.formula: has the value NaN at x = -"),
            (Function { formulas: vec!["1/x".into()], n: 11, spacing: Spacing::Grid, ..d() }, "inf at x = 0"),
            (Function { formulas: vec!["sinus(x)".into()], ..d() }, "data.function.formula: `sinus(x)`"),
            (Function { formulas: vec![], ..d() }, "data.function.formula: is empty"),
            (Function { weights: vec![1.0, 2.0], ..d() }, "data.function.weights: has 2 numbers"),
            (Function { weights: vec![0.0], ..d() }, "data.function.weights: have the sum 0"),
            (Function { range: [1.0, 1.0], ..d() }, "data.function.range: is 1 to 1"),
            (Function { noise: f64::NAN, ..d() }, "data.function.noise: is NaN"),
            (Function { n: 3, ..d() }, "data.function.samples: is 3"),
        ] {
            let message = wrong(f);
            assert!(message.contains(words), "{message}");
        }
    }
}
