//! Parses the cells of a table: numbers, missing values, and the classes of a column of labels.

use crate::data::source::natural;
use crate::files::printable;
use std::collections::{BTreeSet, HashMap};

/// What is wrong, and what to do.
pub(crate) type Fault = (String, String);

/// Returns a finite number, with a point or a comma before its decimals.
pub(super) fn number(cell: &str) -> Option<f32> {
    with_point(cell).or_else(|| with_comma(cell))
}

pub(super) fn with_point(cell: &str) -> Option<f32> {
    cell.parse::<f32>().ok().filter(|value| value.is_finite())
}

/// Returns a number as half of the world writes it: `1,5`.
pub(super) fn with_comma(cell: &str) -> Option<f32> {
    let (whole, decimals) = cell.split_once(',')?;
    let plain = !whole.contains('.') && decimals.starts_with(|c: char| c.is_ascii_digit());
    if plain { with_point(&format!("{whole}.{decimals}")) } else { None }
}

/// Returns the usual ways to write that a value is missing.
pub(super) fn is_missing(cell: &str) -> bool {
    ["", "?", "-", "na", "n/a", "nan", "null", "none", "inf", "-inf"].contains(&cell.to_ascii_lowercase().as_str())
}

/// Returns whether a cell of features holds no value, which may be filled. In a column of words, `none` and `-` are words.
pub(super) fn is_gap(cell: &str, words: bool) -> bool {
    let cell = cell.to_ascii_lowercase();
    ["", "?", "na", "n/a", "nan", "null"].contains(&cell.as_str()) || (!words && ["-", "none"].contains(&cell.as_str()))
}

/// Classes by their names, and for each name its class. If all names are numbers, equal ones are one class and the
/// order is theirs; else the order is natural.
pub(in crate::data) fn encode<'a>(names: impl Iterator<Item = &'a str> + Clone) -> (Vec<usize>, Vec<String>) {
    let different: BTreeSet<&str> = names.clone().collect();
    let numbers: Option<Vec<(f64, &str)>> = different.iter().map(|&name| Some((precise(name)?, name))).collect();
    let (mut classes, mut place) = (Vec::new(), HashMap::new());
    match numbers {
        Some(mut numbers) => {
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut last = None;
            for (value, name) in numbers {
                if last != Some(value) {
                    classes.push(value.to_string());
                    last = Some(value);
                }
                place.insert(name, classes.len() - 1);
            }
        }
        None => {
            let mut sorted: Vec<&str> = different.into_iter().collect();
            sorted.sort_by(|a, b| natural(a, b));
            place.extend(sorted.iter().enumerate().map(|(i, &name)| (name, i)));
            classes.extend(sorted.into_iter().map(|name| printable(name).into_owned()));
        }
    }
    (names.map(|name| place[name]).collect(), classes)
}

/// Returns a label that is a number, unless it has more digits than an `f64` holds: such a label is a word.
fn precise(label: &str) -> Option<f64> {
    let value: f64 = label.parse().or_else(|_| label.replacen(',', ".", 1).parse()).ok()?;
    // Minus zero is zero.
    (value.is_finite() && value.abs() < 9e15).then_some(value + 0.0)
}

/// Returns why these labels of `n` samples cannot be classes, if so: there is only one, or they are a quantity or
/// names.
pub(in crate::data) fn no_classes(n: usize, classes: &[String]) -> Option<Fault> {
    let k = classes.len();
    if let [only] = classes {
        let help =
            "check that the class's column or array is the correct one (data.label, data.y), or add samples of another";
        return Some((format!("holds one class only, `{only}`"), help.to_owned()));
    }
    let numbers: Option<Vec<f64>> = classes.iter().map(|class| precise(class)).collect();
    let is_fractional = numbers.as_ref().is_some_and(|all| all.iter().any(|x| x.fract() != 0.0));
    // So many numbers with decimals, or values that nearly all differ, are not classes.
    if !(is_fractional && k > 20 || n >= 8 && 2 * k > n) {
        return None;
    }
    let (kind, help) = match numbers {
        Some(_) => {
            let help = "to predict a number, write kind = \"regress\"; to classify, name the class's column by data.label \
                        (of arrays: data.y), or write a class for each range of numbers, such as low and high";
            ("numbers", help)
        }
        None => ("words", "name the class's column by data.label (of arrays: data.y)"),
    };
    Some((format!("holds {k} different {kind} in {n} samples: expected a class"), help.to_owned()))
}

/// Returns whether a column of `n` words, `k` of them different, holds names or texts: they nearly all differ.
pub(super) fn no_categories(n: usize, k: usize) -> bool {
    n >= 8 && 2 * k > n
}
