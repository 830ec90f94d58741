//! The options of reading a CSV file.

use crate::files::printable;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A column: its number, counted from 1, or its name. A name that no column has, but that is a number, is the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "the name of a column in quotes, or its number from 1")]
pub enum Column {
    /// The number, from 1.
    Number(usize),
    /// The name.
    Name(String),
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Column::Number(number) => write!(f, "{number}"),
            Column::Name(name) => write!(f, "{}", printable(name)),
        }
    }
}

/// The options of reading a CSV file. The default detects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the first line holds names; `None` detects it.
    pub header: Option<bool>,
    /// What separates cells; `None` detects comma, semicolon or tab.
    pub delimiter: Option<u8>,
    /// The column with the class; `None` takes the last, or the one that is called label, class, target, species or y.
    pub label: Option<Column>,
    /// Columns that are features; empty: all but those omitted.
    pub columns: Vec<Column>,
    /// Columns that are omitted.
    pub ignore: Vec<Column>,
    /// The columns with the numbers to predict, for a regression; an empty list takes the one that `label` names or
    /// that is detected in its place. `None`: the label is a class.
    pub targets: Option<Vec<Column>>,
    /// Whether columns of words are read, as categories; else a word is refused.
    pub categories: bool,
    /// Whether a category that the run of a [`Table::read_csv_like`](super::Table::read_csv_like) does not have is read; else
    /// it is refused.
    pub unknown: bool,
    /// Whether gaps among the features are read, as NaN; else they are refused.
    pub gaps: bool,
}
