//! The values that settings of layers share: sizes of one or two numbers, and zeros around an image; their defaults.

use crate::ops::Padding;
use serde::{Deserialize, Serialize};

/// Height and width: `3`, or `[3, 5]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a number such as 3, or two such as [3, 5]")]
pub enum Sides {
    /// Both the same.
    Square(usize),
    /// Height, then width.
    Each([usize; 2]),
}

impl Sides {
    /// Height and width.
    pub fn get(self) -> [usize; 2] {
        match self {
            Sides::Square(side) => [side; 2],
            Sides::Each(sides) => sides,
        }
    }
}

pub(super) fn zero() -> Sides {
    Sides::Square(0)
}

pub(super) fn one() -> Sides {
    Sides::Square(1)
}

pub(super) fn two() -> Sides {
    Sides::Square(2)
}

pub(super) fn single() -> usize {
    1
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn norm_eps() -> f64 {
    1e-5
}

/// Zeros around an image, by a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ZerosByName {
    /// None.
    #[default]
    Valid,
    /// As many as keep the output at ⌈size / stride⌉.
    Same,
}

/// Zeros around an image: a word, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "`same`, `valid`, a number such as 1, or two such as [1, 2]")]
pub enum Zeros {
    /// `valid` or `same`.
    Word(ZerosByName),
    /// Rows above and below, columns left and right.
    Count(Sides),
}

impl Default for Zeros {
    fn default() -> Self {
        Zeros::Word(ZerosByName::Valid)
    }
}

impl Zeros {
    /// As the op wants it.
    pub(super) fn padding(self) -> Padding {
        match self {
            Zeros::Word(ZerosByName::Valid) => Padding::Valid,
            Zeros::Word(ZerosByName::Same) => Padding::Same,
            Zeros::Count(sides) => Padding::Fixed(sides.get()),
        }
    }
}
