//! Reads the values of a table's columns: numbers, categories and labels, and says what is wrong with a cell.

use super::cells::{Fault, encode, is_gap, is_missing, no_categories, number, with_comma, with_point};
use super::columns::{Sheet, shortened};
use super::options::TableOptions;
use super::records::Record;
use crate::data::dataset::Columns;
use crate::files::printable;
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The categories of each column of words, by its name.
pub(super) type Categories = BTreeMap<String, Vec<String>>;

/// How the cells of a column are read.
enum Reading {
    Numbers,
    /// As the place of a word among these; of any other word, the place behind the last.
    Places(HashMap<String, usize>),
}

impl Sheet {
    /// Returns the numbers to predict, all of them finite.
    pub(super) fn numbers(&self, columns: &[usize]) -> Result<Array2<f32>, Fault> {
        let mut commas = BTreeSet::new();
        let mut numbers = Vec::with_capacity(self.rows.len() * columns.len());
        for row in &self.rows {
            for &column in columns {
                let value = cell_number(&row.cells[column], column, &mut commas);
                numbers.push(value.ok_or_else(|| self.not_a_number(columns, row, column, None))?);
            }
        }
        self.thousands(commas)?;
        Ok(Array2::from_shape_vec((self.rows.len(), columns.len()), numbers).expect("table: rows of one width"))
    }

    /// Returns the features called `names`, and the categories of the columns of words, as the options tell to read them: those
    /// of the run, if one is given.
    pub(super) fn features(
        &mut self,
        inputs: &[usize],
        names: &[String],
        options: &TableOptions,
        run: Option<&Columns>,
    ) -> Result<(Array2<f32>, Categories), Fault> {
        let mut categories = Categories::new();
        for (&column, name) in inputs.iter().zip(names) {
            let words = match run {
                Some(run) => run.categories.get(name).cloned(),
                None if options.categories => self.categories(column)?,
                None => None,
            };
            categories.extend(words.map(|words| (name.clone(), words)));
        }
        let readings: Vec<Reading> = names.iter().map(|name| reading(categories.get(name))).collect();
        let (mut features, mut commas) = (Vec::with_capacity(self.rows.len() * inputs.len()), BTreeSet::new());
        let (mut gaps, mut unknown): (BTreeMap<usize, usize>, BTreeSet<(usize, String)>) = Default::default();
        for row in &self.rows {
            for (&column, reading) in inputs.iter().zip(&readings) {
                let cell = &row.cells[column];
                let value = match reading {
                    _ if options.gaps && is_gap(cell, matches!(reading, Reading::Places(_))) => {
                        *gaps.entry(column).or_default() += 1;
                        f32::NAN
                    }
                    Reading::Places(places) => {
                        let place = self.place_of(row, column, places, options)?;
                        if place == places.len() {
                            unknown.insert((column, printable(cell).into_owned()));
                        }
                        place as f32
                    }
                    Reading::Numbers => cell_number(cell, column, &mut commas)
                        .ok_or_else(|| self.not_a_number(inputs, row, column, Some(options)))?,
                };
                features.push(value);
            }
        }
        self.thousands(commas)?;
        if !gaps.is_empty() {
            let of: Vec<String> = gaps.keys().map(|&column| self.called(column)).collect();
            let n: usize = gaps.values().sum();
            let cells = if n == 1 { "1 cell".to_owned() } else { format!("{n} cells") };
            self.notes.push(format!("gaps: {cells} of {}", shortened(of.iter().map(String::as_str))));
        }
        if !unknown.is_empty() {
            let each = unknown.iter().map(|(column, word)| format!("{} `{word}`", self.called(*column)));
            let each: Vec<String> = each.collect();
            let listed = shortened(each.iter().map(String::as_str));
            self.notes
                .push(format!("warning: categories that the run does not know, taken as none of its own: {listed}"));
        }
        let features = Array2::from_shape_vec((self.rows.len(), inputs.len()), features);
        Ok((features.expect("table: rows of one width"), categories))
    }

    /// Returns the different words of a column, if it holds any that is not a number.
    fn categories(&mut self, column: usize) -> Result<Option<Vec<String>>, Fault> {
        if !self.cells(column).any(|cell| number(cell).is_none() && !is_missing(cell)) {
            return Ok(None);
        }
        let (words, categories) = encode(self.cells(column).filter(|cell| !is_gap(cell, true)));
        if no_categories(words.len(), categories.len()) {
            let called = self.called(column);
            let what = format!("{called} holds {} different words in {} rows", categories.len(), words.len());
            let help = format!("omit it (data.ignore = [{}]), or write fewer categories", self.named(column));
            return Err((format!("{what}: expected categories"), help));
        }
        let listed = shortened(categories.iter().map(String::as_str));
        self.notes.push(format!("{} holds words: {} categories ({listed})", self.called(column), categories.len()));
        Ok(Some(categories))
    }

    /// Returns the place of a cell's word among the categories.
    fn place_of(
        &self,
        row: &Record,
        column: usize,
        places: &HashMap<String, usize>,
        options: &TableOptions,
    ) -> Result<usize, Fault> {
        let cell = &row.cells[column];
        let place = places.get(printable(cell).as_ref());
        match place {
            Some(&place) => Ok(place),
            None if is_gap(cell, true) => {
                let holds = held(cell);
                let what = format!("line {}, {} {holds}: expected a category", row.line, self.called(column));
                Err((what, filled(&self.named(column))))
            }
            None if options.unknown => Ok(places.len()),
            None => {
                let mut known: Vec<(&usize, &str)> = places.iter().map(|(word, at)| (at, word.as_str())).collect();
                known.sort_unstable();
                let known = shortened(known.into_iter().map(|(_, word)| word));
                let (line, called, holds) = (row.line, self.called(column), held(cell));
                let what = format!("line {line}, {called} {holds}, which the run does not know: expected {known}");
                let help =
                    "remove the row; a run with data.categories = \"one_hot\" takes it as none of the known ones";
                Err((what, help.to_owned()))
            }
        }
    }

    /// Returns a column as a list of settings names it.
    fn named(&self, column: usize) -> String {
        self.name(column).map_or((column + 1).to_string(), |name| format!("\"{name}\""))
    }

    /// Returns what is wrong with the first cell that is not a number, and how many like it there are. `options` are those of
    /// features; numbers to predict have none.
    fn not_a_number(&self, inputs: &[usize], row: &Record, column: usize, options: Option<&TableOptions>) -> Fault {
        let (cell, mut count, mut columns) = (&row.cells[column], 0, Vec::new());
        let gaps_are_read = options.is_some_and(|options| options.gaps);
        for &column in inputs {
            let is_bad = |cell: &&str| number(cell).is_none() && !(gaps_are_read && is_gap(cell, false));
            let bad = self.cells(column).filter(is_bad).count();
            count += bad;
            columns.extend((bad > 0).then(|| self.name(column).unwrap_or_else(|| (column + 1).to_string())));
        }
        let name = self.name(column).unwrap_or_else(|| {
            let at = inputs.iter().position(|input| *input == column).unwrap_or(column);
            format!("x{at}")
        });
        let holds = held(cell);
        let mut what = format!("line {}, column {} (`{name}`) {holds}: expected a number", row.line, column + 1);
        if count > 1 {
            what += &format!("; {count} cells of {} are not numbers", shortened(columns.iter().map(String::as_str)));
        }
        let named = self.named(column);
        let help = match options {
            None if is_missing(cell) => "fill in a number, or remove the row".to_owned(),
            None => "correct it, or name another column by data.target; a class is predicted by kind = \"classify\""
                .to_owned(),
            Some(_) if is_gap(cell, false) => filled(&named),
            Some(_) if is_missing(cell) => {
                format!("fill in a number, remove the row, or omit the column (data.ignore = [{named}])")
            }
            Some(_) => format!(
                "if this is the class, say data.label = {named}; if it is a category, say data.categories = \"one_hot\" or \
                 \"codes\"; else correct it, or omit the column (data.ignore = [{named}])"
            ),
        };
        (what, help)
    }

    /// Refuses a column in which `1,234` may be a thousand or one: each comma is followed by three digits, and other
    /// cells are whole numbers.
    fn thousands(&self, columns: BTreeSet<usize>) -> Result<(), Fault> {
        for column in columns {
            let commas = || self.cells(column).filter(|cell| cell.contains(','));
            let Some(first) = commas().next() else { continue };
            let three = |cell: &str| {
                let (whole, rest) = cell.split_once(',').unwrap_or_default();
                rest.len() == 3
                    && rest.bytes().all(|b| b.is_ascii_digit())
                    && whole.trim_start_matches(['-', '+']) != "0"
            };
            let whole = self.cells(column).any(|cell| cell.parse::<i64>().is_ok());
            if whole && commas().all(three) {
                let what =
                    format!("{} holds `{first}`, which may be a thousand or a decimal comma", self.called(column));
                return Err((
                    what,
                    "write numbers without separators of thousands, and with a decimal point".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// For each row its class, and the classes.
    pub(super) fn labels(&self) -> Result<(Vec<usize>, Vec<String>), Fault> {
        let cells = self.cells(self.label);
        let numeric = cells.clone().all(|cell| number(cell).is_some() || is_missing(cell));
        let missing = |cell: &str| cell.is_empty() || (numeric && is_missing(cell));
        if let Some(row) = self.rows.iter().find(|row| missing(&row.cells[self.label])) {
            let what = format!("line {}, {} has no label", row.line, self.called(self.label));
            return Err((what, "fill it in or remove the row".to_owned()));
        }
        Ok(encode(cells))
    }
}

/// How a column is read whose categories, if it has any, are these.
fn reading(categories: Option<&Vec<String>>) -> Reading {
    let places = |words: &Vec<String>| words.iter().enumerate().map(|(i, word)| (word.clone(), i)).collect();
    categories.map_or(Reading::Numbers, |words| Reading::Places(places(words)))
}

/// Returns the number of a cell; a column with decimal commas goes into `commas`.
fn cell_number(cell: &str, column: usize, commas: &mut BTreeSet<usize>) -> Option<f32> {
    with_point(cell).or_else(|| {
        commas.insert(column);
        with_comma(cell)
    })
}

/// What a cell holds, for a message.
fn held(cell: &str) -> String {
    if cell.is_empty() { "is empty".to_owned() } else { format!("holds `{}`", cell.escape_debug()) }
}

/// What to do with a gap.
fn filled(named: &str) -> String {
    format!(
        "fill it in, remove the row, omit the column (data.ignore = [{named}]), or have gaps filled by the median of the \
         training split (data.gaps = \"median\")"
    )
}
