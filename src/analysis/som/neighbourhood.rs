//! How far learning reaches on the grid, and how reach and learning rate fall from epoch to epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a unit at distance r from the best matching unit learns; σ is the radius.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Neighbourhood {
    /// exp(-r² / 2σ²)
    #[default]
    Gaussian,
    /// 1 up to r = σ, 0 beyond.
    Bubble,
    /// 1 - r / σ up to r = σ, 0 beyond.
    Triangle,
    /// (1 - r² / σ²) exp(-r² / 2σ²), which pushes units beyond r = σ away. For online training only.
    MexicanHat,
}

impl Neighbourhood {
    /// Returns the value at a squared distance r² on the grid, for the radius σ > 0. It is 1 at distance 0.
    pub fn at(self, squared: f64, radius: f64) -> f64 {
        let ratio = squared / (radius * radius);
        match self {
            Neighbourhood::Gaussian => libm::exp(-0.5 * ratio),
            Neighbourhood::Bubble => f64::from(ratio <= 1.0),
            Neighbourhood::Triangle => (1.0 - ratio.sqrt()).max(0.0),
            Neighbourhood::MexicanHat => (1.0 - ratio) * libm::exp(-0.5 * ratio),
        }
    }
}

/// How a value falls from a, at the first step, to b, at the last; t goes from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// a (b / a)^t
    #[default]
    Exponential,
    /// a + (b - a) t
    Linear,
    /// a / (1 + (a / b - 1) t)
    Inverse,
    /// a throughout.
    Constant,
}

impl Decay {
    /// Returns the value at `t` from 0 to 1, between two positive numbers.
    pub fn at(self, from: f64, to: f64, t: f64) -> f64 {
        match self {
            Decay::Exponential => from * libm::pow(to / from, t),
            Decay::Linear => from + (to - from) * t,
            Decay::Inverse => from / (1.0 + (from / to - 1.0) * t),
            Decay::Constant => from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbourhoods_by_hand() {
        use Neighbourhood::*;
        for shape in [Gaussian, Bubble, Triangle, MexicanHat] {
            assert_eq!(shape.at(0.0, 1.5), 1.0, "{shape:?}");
        }
        assert_eq!(Gaussian.at(8.0, 2.0), libm::exp(-1.0));
        assert_eq!([Bubble.at(4.0, 2.0), Bubble.at(4.25, 2.0)], [1.0, 0.0]);
        assert_eq!([Triangle.at(1.0, 2.0), Triangle.at(9.0, 2.0)], [0.5, 0.0]);
        assert_eq!(MexicanHat.at(4.0, 2.0), 0.0);
        assert!(MexicanHat.at(9.0, 2.0) < 0.0);
    }

    #[test]
    fn a_decay_ends_at_its_end() {
        for decay in [Decay::Exponential, Decay::Linear, Decay::Inverse] {
            assert_eq!(decay.at(8.0, 2.0, 0.0), 8.0);
            assert!((decay.at(8.0, 2.0, 1.0) - 2.0).abs() < 1e-15, "{decay:?}");
        }
        let half = [Decay::Exponential, Decay::Linear, Decay::Inverse, Decay::Constant].map(|d| d.at(8.0, 2.0, 0.5));
        assert_eq!(half, [4.0, 5.0, 3.2, 8.0]);
    }
}
