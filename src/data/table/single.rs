//! Reads one column of numbers whose rows stand in order, and one that tells their times: a time series.

use super::cells::{Fault, is_missing, number};
use super::columns::Sheet;
use super::options::{Column, TableOptions};
use super::read;
use crate::error::Result;
use std::path::Path;

/// A column of numbers, with the line of each row and what stands in the column of times.
pub(in crate::data) struct Single {
    /// The column's name; `y` if the file has no names.
    pub(in crate::data) name: String,
    /// Its numbers, all finite.
    pub(in crate::data) values: Vec<f32>,
    /// The line of each.
    pub(in crate::data) lines: Vec<usize>,
    /// The cells of the column of times, if one is named, and what messages call that column.
    pub(in crate::data) times: Option<(String, Vec<String>)>,
    /// Notes on what was detected while reading.
    pub(in crate::data) notes: Vec<String>,
}

/// Reads the first column of `options.targets` of a CSV file: without one, the last that holds numbers. `time` names the column
/// of times.
///
/// Fails for a column that is not there, for a cell that holds no number, and for an empty line between two rows.
pub(in crate::data) fn read_single(path: &Path, options: &TableOptions, time: Option<&Column>) -> Result<Single> {
    read(path, |bytes| single(bytes, options, time))
}

/// What to do with a missing value.
const FILL: &str = "fill it in (by interpolation, say), or cut the series there: rows that are left out would shift all times \
                    after them";

fn single(bytes: &[u8], options: &TableOptions, time: Option<&Column>) -> Result<Single, Fault> {
    let mut sheet = Sheet::of_any_width(bytes, options)?;
    let time = time.map(|column| sheet.find(column, "data.series.time")).transpose()?;
    let column = match options.targets.iter().flatten().next() {
        Some(column) => sheet.find(column, "data.target")?,
        None => {
            let found = last_of_numbers(&sheet, time)?;
            let called = sheet.called(found);
            sheet.notes.push(format!("{called} is read as the series; data.target names another"));
            found
        }
    };
    // An empty line is no row, so the reader of records does not show it.
    for (row, next) in sheet.rows.iter().zip(&sheet.rows[1..]) {
        let ends: usize = row.cells.iter().map(|cell| cell.matches('\n').count()).sum();
        if next.line > row.line + ends + 1 {
            let what = format!("line {} is empty: expected a value of the series", row.line + ends + 1);
            return Err((what, FILL.to_owned()));
        }
    }
    let is_gap = |cell: &str| number(cell).is_none() && is_missing(cell);
    let numbers = sheet.numbers(&[column]).map_err(|(what, help)| {
        let first = sheet.cells(column).find(|cell| number(cell).is_none());
        let help = match first.is_some_and(is_gap) {
            true => FILL.to_owned(),
            false if first.is_some() => "write numbers alone, or name another column by data.target".to_owned(),
            false => help,
        };
        (what, help)
    })?;
    let times = time.map(|time| (sheet.called(time), sheet.cells(time).map(str::to_owned).collect()));
    Ok(Single {
        name: sheet.name(column).unwrap_or_else(|| "y".to_owned()),
        values: numbers.iter().copied().collect(),
        lines: sheet.rows.iter().map(|row| row.line).collect(),
        times,
        notes: sheet.notes,
    })
}

/// The last column whose cells are numbers or gaps, apart from that of the times.
fn last_of_numbers(sheet: &Sheet, time: Option<usize>) -> Result<usize, Fault> {
    let holds_numbers = |column: &usize| {
        let is_number = |cell: &str| number(cell).is_some();
        Some(*column) != time
            && sheet.cells(*column).any(is_number)
            && sheet.cells(*column).all(|cell| is_number(cell) || is_missing(cell))
    };
    (0..sheet.width).rev().find(holds_numbers).ok_or_else(|| {
        let what = "has no column of numbers: expected one with a value for each step".to_owned();
        (what, "name the column by data.target: each of its cells must hold a number".to_owned())
    })
}
