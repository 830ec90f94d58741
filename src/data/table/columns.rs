//! Determines the columns of a table: names or none, the class, the features, and what is omitted.

use super::cells::{Fault, is_missing, number};
use super::options::{Column, TableOptions};
use super::records::{Record, records, separator, text};
use crate::data::dataset::Columns;
use crate::files::printable;
use std::collections::{HashMap, HashSet};

/// Usual names of a column with the class, the most usual first.
const LABELS: [&str; 9] = ["label", "class", "target", "species", "y", "labels", "classes", "category", "outcome"];
/// Usual names of a column that numbers the rows; one without a name may, too.
const INDEX: [&str; 8] = ["id", "index", "row", "rowid", "row_id", "nr", "no", "number"];
/// Rows from which on a first column that counts 0, 1, 2, .. numbers the rows of a table without names.
const COUNTED: usize = 10;
/// Most names that a message lists.
const LISTED: usize = 12;

/// The cells of a table and the roles of its columns.
pub(super) struct Sheet {
    /// Names of the columns, no two alike, if the file gives any; some may be empty.
    names: Option<Vec<String>>,
    pub(super) rows: Vec<Record>,
    pub(super) width: usize,
    /// The column with the class; meaningful once the inputs are chosen.
    pub(super) label: usize,
    /// Notes on what was detected or omitted.
    pub(super) notes: Vec<String>,
}

impl Sheet {
    /// Reads the cells, and the names if there are any, of a table with features and a class.
    pub(super) fn new(bytes: &[u8], options: &TableOptions) -> Result<Self, Fault> {
        let sheet = Self::of_any_width(bytes, options)?;
        if sheet.width < 2 {
            let help = "give features and a class, separated by comma, semicolon or tab; another separator is named by \
                        data.delimiter";
            return Err(("has one column only".to_owned(), help.to_owned()));
        }
        Ok(sheet)
    }

    /// Reads the cells, and the names if there are any, of a table that may have one column only.
    pub(super) fn of_any_width(bytes: &[u8], options: &TableOptions) -> Result<Self, Fault> {
        let text = text(bytes)?;
        let separator = options.delimiter.unwrap_or_else(|| separator(text));
        let (mut rows, hollow) = records(text, separator)?;
        let Some(width) = rows.first().map(|row| row.cells.len()) else {
            return Err(("holds no rows".to_owned(), "give a row for each sample".to_owned()));
        };
        if let Some(row) = rows.iter().find(|row| row.cells.len() != width) {
            let what = format!(
                "line {} has {} cells: expected {width}, as in line {}",
                row.line,
                row.cells.len(),
                rows[0].line
            );
            let help = "each line must have as many; quote cells that hold the separator, and write decimal commas only \
                        where another character separates (data.delimiter = \";\")";
            return Err((what, help.to_owned()));
        }
        let mut notes = Vec::new();
        if hollow > 0 {
            notes.push(format!("lines of separators alone: {hollow} skipped"));
        }
        let found = has_header(&rows);
        if options.header.unwrap_or(found != Header::None) {
            let names = unique(rows.remove(0).cells.iter().map(|name| printable(name).into_owned()));
            if options.header.is_none() && found == Header::Guessed {
                let some = shortened(names.iter().map(String::as_str));
                notes.push(format!("the first line ({some}) is read as names; data.header = false reads it as a row"));
            }
            if rows.is_empty() {
                return Err(("holds no rows beside the names".to_owned(), "give a row for each sample".to_owned()));
            }
            return Ok(Self { names: Some(names), rows, width, label: width - 1, notes });
        }
        Ok(Self { names: None, rows, width, label: width - 1, notes })
    }

    /// Returns the name of a column, unless it has none.
    pub(super) fn name(&self, column: usize) -> Option<String> {
        self.names.as_ref().map(|names| names[column].clone()).filter(|name| !name.is_empty())
    }

    pub(super) fn cells(&self, column: usize) -> impl Iterator<Item = &str> + Clone {
        self.rows.iter().map(move |row| &row.cells[column])
    }

    /// Returns a column for a message.
    pub(super) fn called(&self, column: usize) -> String {
        match self.name(column) {
            Some(name) => format!("column {} (`{name}`)", column + 1),
            None => format!("column {}", column + 1),
        }
    }

    /// Returns the columns that are features, by the options or by looking; settles the label's column.
    pub(super) fn inputs(&mut self, options: &TableOptions) -> Result<Vec<usize>, Fault> {
        let hollow = self.hollow();
        let targets = self.all(options.targets.as_deref().unwrap_or_default(), "data.target")?;
        let mut ignored = self.all(&options.ignore, "data.ignore")?;
        ignored.extend(targets.iter().skip(1));
        let chosen = self.all(&options.columns, "data.columns")?;
        self.label = match &options.label {
            _ if !targets.is_empty() => targets[0],
            Some(column) => self.find(column, "data.label")?,
            None => {
                // A column that the options call a feature, or ignore, is not the class.
                let settled: HashSet<usize> = hollow.iter().chain(&ignored).chain(&chosen).copied().collect();
                self.guess_label(&settled, options.categories)?
            }
        };
        let inputs = if chosen.is_empty() {
            self.usual(&hollow, &ignored)
        } else {
            chosen.into_iter().filter(|column| *column != self.label && !ignored.contains(column)).collect()
        };
        if inputs.is_empty() {
            let what = "leaves no feature: all columns are the class or omitted".to_owned();
            return Err((what, "change data.columns, data.ignore or data.label".to_owned()));
        }
        Ok(inputs)
    }

    /// Returns the columns with the numbers to predict; the inputs have been chosen.
    pub(super) fn targets(&self, options: &TableOptions) -> Result<Vec<usize>, Fault> {
        let named = self.all(options.targets.as_deref().unwrap_or_default(), "data.target")?;
        Ok(if named.is_empty() { vec![self.label] } else { named })
    }

    /// Returns all columns but the label's, the ignored ones, those without any value, and one that numbers the rows.
    fn usual(&mut self, hollow: &HashSet<usize>, ignored: &[usize]) -> Vec<usize> {
        let ignored: HashSet<usize> = ignored.iter().copied().collect();
        let kept = |column: &usize| *column != self.label && !hollow.contains(column) && !ignored.contains(column);
        let mut inputs: Vec<usize> = (0..self.width).filter(kept).collect();
        let index: Vec<usize> = inputs.iter().copied().filter(|&column| self.numbers_rows(column)).collect();
        if !index.is_empty() && index.len() < inputs.len() {
            for &column in &index {
                let called = self.called(column);
                self.notes.push(format!("{called} numbers the rows and is omitted; data.columns can choose it"));
            }
            inputs.retain(|column| !index.contains(column));
        }
        if !hollow.is_empty() {
            let mut columns: Vec<usize> = hollow.iter().map(|column| column + 1).collect();
            columns.sort_unstable();
            let columns = columns.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            self.notes.push(format!("columns without a name and a value are omitted: {columns}"));
        }
        inputs
    }

    /// Returns the columns that a network with these columns is given, in its order; settles the label's column.
    pub(super) fn inputs_like(&mut self, options: &TableOptions, run: &Columns) -> Result<Vec<usize>, Fault> {
        let mut own = TableOptions { ignore: self.present(&options.ignore), ..options.clone() };
        // A column that has the name of the run's label holds the class, whatever its place.
        if let Some(&column) = self.place().get(run.label.as_str()) {
            own.label = Some(Column::Number(column + 1));
        }
        if self.names.is_some() {
            own.columns.clear();
        }
        own.targets = own.targets.map(|targets| self.present(&targets));
        let found = self.inputs(&own)?;
        self.matched(found, options, run)
    }

    /// As [`Sheet::inputs_like`], of a table that may lack the class.
    pub(super) fn inputs_without_label(&mut self, options: &TableOptions, run: &Columns) -> Result<Vec<usize>, Fault> {
        let known = self.place().contains_key(run.label.as_str());
        let by_place = self.names.is_none() || run.label.is_empty();
        if known || (by_place && self.width > run.features.len()) {
            return self.inputs_like(options, run);
        }
        // No column is the class.
        self.label = self.width;
        if by_place {
            return self.matched((0..self.width).collect(), options, run);
        }
        let ignored = self.all(&self.present(&options.ignore), "data.ignore")?;
        let found = self.usual(&self.hollow(), &ignored);
        self.matched(found, options, run)
    }

    /// Returns `found` in the order of the run's columns. Where the options choose columns, others are ignored.
    fn matched(&self, found: Vec<usize>, options: &TableOptions, run: &Columns) -> Result<Vec<usize>, Fault> {
        let expected = &run.features;
        let numbered = expected.iter().enumerate().all(|(i, name)| *name == format!("x{i}"));
        let place = self.place();
        let named = !numbered || expected.iter().all(|name| place.contains_key(name.as_str()));
        if self.names.is_none() || !named {
            if found.len() == expected.len() {
                return Ok(found);
            }
            let what = format!("has {} features: expected {}, as the run", found.len(), expected.len());
            return Err((what, "give a table with the columns that the run was trained on".to_owned()));
        }
        let known: HashSet<&str> = expected.iter().map(String::as_str).collect();
        let missing: Vec<&str> = expected.iter().map(String::as_str).filter(|name| !place.contains_key(name)).collect();
        let others = found.iter().filter(|_| options.columns.is_empty());
        let extra: Vec<String> = others
            .filter(|&&column| self.name(column).is_none_or(|name| !known.contains(name.as_str())))
            .map(|&column| self.name(column).unwrap_or_else(|| (column + 1).to_string()))
            .collect();
        let mut faults = Vec::new();
        if !missing.is_empty() {
            faults.push(format!("lacks columns of the run: {}", shortened(missing.into_iter())));
        }
        if !extra.is_empty() {
            faults.push(format!(
                "has columns that the run does not have: {}",
                shortened(extra.iter().map(String::as_str))
            ));
        }
        if !faults.is_empty() {
            let help = "give the columns the names of the run's table, or omit others by data.ignore before training";
            return Err((faults.join("; and "), help.to_owned()));
        }
        Ok(expected.iter().map(|name| place[name.as_str()]).collect())
    }

    /// Columns by their names.
    fn place(&self) -> HashMap<&str, usize> {
        let names = self.names.iter().flatten().enumerate();
        names.filter(|(_, name)| !name.is_empty()).map(|(i, name)| (name.as_str(), i)).collect()
    }

    fn all(&self, columns: &[Column], key: &str) -> Result<Vec<usize>, Fault> {
        columns.iter().map(|column| self.find(column, key)).collect()
    }

    /// Returns those of the columns that the table has.
    fn present(&self, columns: &[Column]) -> Vec<Column> {
        columns.iter().filter(|column| self.find(column, "").is_ok()).cloned().collect()
    }

    /// Returns the column of this name or number.
    pub(super) fn find(&self, column: &Column, key: &str) -> Result<usize, Fault> {
        let number = match column {
            Column::Number(number) => Some(*number),
            Column::Name(chosen) => {
                let names = || self.names.iter().flatten();
                let exact = names().position(|name| name == chosen);
                let other_case = || names().position(|name| name.eq_ignore_ascii_case(chosen));
                if let Some(at) = exact.or_else(other_case).filter(|_| !chosen.is_empty()) {
                    return Ok(at);
                }
                chosen.parse().ok()
            }
        };
        if let Some(number) = number.filter(|number| (1..=self.width).contains(number)) {
            return Ok(number - 1);
        }
        let range = format!("number from 1 to {}", self.width);
        let (expected, help) = match &self.names {
            Some(names) => (
                format!("one of {}", shortened(names.iter().map(String::as_str))),
                format!("give a name of the first line, or a {range}"),
            ),
            None => (format!("a {range}"), "the table has no line of names; data.header = true says it has".to_owned()),
        };
        Err((format!("has no column `{column}` ({key}): expected {expected}"), help))
    }

    /// Returns the label's column if no option names it: the last one, unless another one has a usual name and the
    /// last has not. Unless columns of words are read as `categories`, one can only be the class, so it comes before a column
    /// with a usual name.
    fn guess_label(&mut self, settled: &HashSet<usize>, categories: bool) -> Result<usize, Fault> {
        let Some(last) = (0..self.width).rev().find(|column| !settled.contains(column)) else {
            let what = "has no column left for the class: all are features or omitted".to_owned();
            return Err((what, "name it by data.label, or change data.columns or data.ignore".to_owned()));
        };
        let Some(names) = &self.names else { return Ok(last) };
        let rank = |column: usize| LABELS.iter().position(|label| names[column].eq_ignore_ascii_case(label));
        if rank(last).is_some() {
            return Ok(last);
        }
        let usual = (0..self.width).filter(|column| rank(*column).is_some() && !settled.contains(column));
        let Some(named) = usual.min_by_key(|&column| rank(column)) else { return Ok(last) };
        let has_words = |column: usize| self.cells(column).any(|cell| number(cell).is_none() && !is_missing(cell));
        if !categories && has_words(last) && !has_words(named) {
            return Ok(last);
        }
        let called = self.called(named);
        self.notes.push(format!("{called} is read as the class; data.label names another"));
        Ok(named)
    }

    /// Columns without a name and without a value.
    fn hollow(&self) -> HashSet<usize> {
        let unnamed = (0..self.width).filter(|&column| self.name(column).is_none());
        unnamed.filter(|&column| self.cells(column).all(str::is_empty)).collect()
    }

    /// Returns whether a column numbers the rows: whole numbers, no two alike, in a column without a name (pandas'
    /// index, in whatever order and with whatever gaps); without gaps in one that is called `id` and the like; 0, 1,
    /// 2, .. or 1, 2, 3, .. in the first column of a table without names.
    fn numbers_rows(&self, column: usize) -> bool {
        let name = self.name(column).unwrap_or_default().to_ascii_lowercase();
        let unnamed = name.is_empty() || name.starts_with("unnamed: ");
        if !((unnamed && column == 0) || INDEX.contains(&name.as_str())) {
            return false;
        }
        let numbers: Option<Vec<i64>> = self.cells(column).map(|cell| cell.parse().ok()).collect();
        let Some(numbers) = numbers else { return false };
        if self.names.is_none() {
            let first = numbers[0];
            let counts = numbers.iter().enumerate().all(|(i, &n)| n == first + i as i64);
            return counts && (0..=1).contains(&first) && numbers.len() >= COUNTED;
        }
        let (low, high) = (numbers.iter().min(), numbers.iter().max());
        let span = low.zip(high).and_then(|(low, high)| high.checked_sub(*low));
        let dense = span.is_some_and(|span| span + 1 == numbers.len() as i64);
        numbers.iter().collect::<HashSet<_>>().len() == numbers.len() && (unnamed || dense)
    }
}

/// The role of the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// A row like the others.
    None,
    /// Names: a word stands above a number.
    Words,
    /// Probably names: numbers stand above numbers.
    Guessed,
}

/// Returns whether the first row holds names. It does if a word stands above a number. Where all words stand above
/// words, or there are none, it does if its numbers count the columns (0, 1, 2, .. or 1, 2, 3, ..), as pandas calls
/// columns without names, or if one of its words names a class's column; and no row below has the same words.
fn has_header(rows: &[Record]) -> Header {
    let [first, second, ..] = rows else { return Header::None };
    let mut above = first.cells.iter().zip(&second.cells).filter(|(_, b)| number(b).is_some()).map(|(a, _)| a);
    if above.clone().any(|a| number(a).is_none() && !is_missing(a)) {
        return if above.all(|a| number(a).is_none()) { Header::Words } else { Header::Guessed };
    }
    let numbers: Vec<&str> = first.cells.iter().filter(|cell| number(cell).is_some()).collect();
    let start = usize::from(numbers.first() == Some(&"1"));
    let counts = numbers.iter().enumerate().all(|(i, cell)| cell.parse() == Ok(i + start));
    let words: Vec<(usize, &str)> =
        first.cells.iter().enumerate().filter(|(_, cell)| number(cell).is_none() && !cell.is_empty()).collect();
    let usual = words.iter().any(|(_, word)| LABELS.iter().any(|label| word.eq_ignore_ascii_case(label)));
    // A gap in the first row makes it no header, unless it stands above pandas' index.
    let gap = first.cells.iter().enumerate().any(|(i, cell)| is_missing(cell) && (i > 0 || !cell.is_empty()));
    let repeats = |row: &Record| words.iter().any(|&(column, word)| &row.cells[column] == word);
    if gap || rows[1..].iter().any(repeats) {
        return Header::None;
    }
    let named = !words.is_empty() && (usual || (counts && !numbers.is_empty() && rows.len() > 3));
    let numbered = words.is_empty() && counts && numbers.len() >= 4;
    if named || numbered { Header::Guessed } else { Header::None }
}

/// Returns the names of which no two are alike: the second `u` is `u.1`, as in pandas.
fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: Vec<String> = names.collect();
    let all: HashSet<String> = names.iter().cloned().collect();
    let (mut seen, mut used): (HashSet<String>, HashMap<String, usize>) = (HashSet::new(), HashMap::new());
    let each = names.into_iter().map(|name| {
        if name.is_empty() || seen.insert(name.clone()) {
            return name;
        }
        let count = used.entry(name.clone()).or_insert(0);
        loop {
            *count += 1;
            let other = format!("{name}.{count}");
            if !all.contains(&other) {
                return other;
            }
        }
    });
    each.collect()
}

/// Returns the first names of many.
pub(super) fn shortened<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let first = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED { format!("{first} and {} more", names.len() - LISTED) } else { first }
}
