//! Tables: samples that are rows of numbers, with a class each, from CSV files.
//!
//! CSV has no standard that all keep (RFC 4180 is the nearest to one), so some things are found out by looking: the
//! separator is the one of comma, semicolon and tab that the first line has most of; and there is a header if the first
//! line has a word where the second has a number. Nothing else is guessed. A cell that is empty, or no number, would be a wrong
//! number whatever one put in its place, and it is refused with its line and column.
//!
//! Labels are words or numbers; either way the classes are the different ones that occur, in natural order (2 before
//! 10), and a label is its class's place among them.

use super::source::natural;
use crate::error::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// Labelled rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// N x D numbers, all finite.
    pub features: Array2<f32>,
    /// Names of the D columns; `x0`, `x1`, .. if the file gives none.
    pub columns: Vec<String>,
    /// For each row, its class as an index into `classes`.
    pub labels: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// How a CSV file is to be read. The default finds out, and takes the last column for the label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the first line holds names; `None` looks.
    pub header: Option<bool>,
    /// Name of the column with the label, or its number counted from 1; `None` is the last.
    pub label: Option<String>,
}

impl Table {
    /// Reads a CSV file. Fails with [`Error::Data`] if it is missing, not UTF-8, without rows, uneven, of one class
    /// only, or if a feature is missing or no finite number.
    pub fn read_csv(path: impl AsRef<Path>, options: &TableOptions) -> Result<Table> {
        let path = path.as_ref();
        let help = "check the path and who may read it";
        let bytes = std::fs::read(path).map_err(|e| Error::data(path, format!("cannot be read: {e}"), help))?;
        Self::parse_csv(&bytes, options).map_err(|(what, help)| Error::data(path, what, help))
    }

    fn parse_csv(bytes: &[u8], options: &TableOptions) -> Result<Table, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator(bytes))
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut rows: Vec<(u64, csv::StringRecord)> = Vec::new();
        for record in reader.records() {
            let help = "write the table again, in UTF-8".to_owned();
            let record = record.map_err(|e| (format!("cannot be read: {e}"), help))?;
            let line = record.position().map_or(0, |position| position.line());
            // A line of spaces alone is one empty cell.
            if record.len() == 1 && record[0].is_empty() {
                continue;
            }
            if let Some((_, first)) = rows.first().filter(|(_, first)| first.len() != record.len()) {
                let what = format!("line {line} has {} cells, but the first has {}", record.len(), first.len());
                return Err((what, "each line must have as many; quote cells that hold the separator".to_owned()));
            }
            rows.push((line, record));
        }
        let header = options.header.unwrap_or_else(|| has_header(&rows));
        let names = (header && !rows.is_empty()).then(|| rows.remove(0).1);
        let Some(width) = rows.first().map(|(_, row)| row.len()) else {
            return Err(("holds no rows".to_owned(), "a row for each sample is wanted".to_owned()));
        };
        if width < 2 {
            let help = "features and a label are wanted, apart by comma, semicolon or tab";
            return Err(("has one column only".to_owned(), help.to_owned()));
        }
        let label = label_column(options.label.as_deref(), names.as_ref(), width)?;
        let inputs: Vec<usize> = (0..width).filter(|&column| column != label).collect();
        let name = |column: usize| match &names {
            Some(names) if !names[column].is_empty() => names[column].to_owned(),
            _ => format!("x{}", inputs.iter().position(|&input| input == column).unwrap_or(column)),
        };
        let mut features = Vec::with_capacity(rows.len() * inputs.len());
        for (line, row) in &rows {
            for &column in &inputs {
                features.push(number(&row[column]).ok_or_else(|| {
                    let what = match &row[column] {
                        "" => "is empty".to_owned(),
                        cell => format!("holds `{}`, no finite number", cell.escape_debug()),
                    };
                    (
                        format!("line {line}, column {} (`{}`) {what}", column + 1, name(column)),
                        "fill in a number or remove the row; if this is the label, name its column".to_owned(),
                    )
                })?);
            }
            if row[label].is_empty() {
                let what = format!("line {line}, column {} has no label", label + 1);
                return Err((what, "fill it in or remove the row".to_owned()));
            }
        }
        let (labels, classes) = encode(rows.iter().map(|(_, row)| &row[label]));
        if classes.len() < 2 {
            let what = format!("has one class only, `{}`", classes[0]);
            return Err((what, "check that the label's column is the right one".to_owned()));
        }
        let columns = inputs.iter().map(|&column| name(column)).collect();
        let features = Array2::from_shape_vec((rows.len(), inputs.len()), features).expect("table: rows of one width");
        Ok(Table { features, columns, labels, classes })
    }

    /// The rows `indices`, in that order. Panics on an index outside.
    pub fn subset(&self, indices: &[usize]) -> Table {
        Table {
            features: self.features.select(ndarray::Axis(0), indices),
            columns: self.columns.clone(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            classes: self.classes.clone(),
        }
    }
}

/// What is wrong, and what to do.
type Fault = (String, String);

/// The most frequent of comma, semicolon and tab in the first line; comma if there is none.
fn separator(bytes: &[u8]) -> u8 {
    let line = bytes.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let count = |separator: u8| line.iter().filter(|&&byte| byte == separator).count();
    // Of equals, `max_by_key` takes the last.
    [b'\t', b';', b','].into_iter().max_by_key(|&separator| count(separator)).expect("three of them")
}

/// A finite number, in Rust's notation for floats.
fn number(cell: &str) -> Option<f32> {
    cell.parse::<f32>().ok().filter(|value| value.is_finite())
}

/// Whether the first row has a word where the second has a number. Columns of words tell nothing.
fn has_header(rows: &[(u64, csv::StringRecord)]) -> bool {
    let [(_, first), (_, second), ..] = rows else { return false };
    first.iter().zip(second).any(|(a, b)| number(a).is_none() && !is_missing(a) && number(b).is_some())
}

/// How people write that a number is missing: no name of a column.
fn is_missing(cell: &str) -> bool {
    ["", "?", "-", "na", "n/a", "nan", "null", "none", "inf", "-inf"].contains(&cell.to_ascii_lowercase().as_str())
}

fn label_column(wanted: Option<&str>, names: Option<&csv::StringRecord>, width: usize) -> Result<usize, Fault> {
    let Some(wanted) = wanted else { return Ok(width - 1) };
    if let Some(at) = names.and_then(|names| names.iter().position(|name| name == wanted)) {
        return Ok(at);
    }
    match wanted.parse::<usize>() {
        Ok(number) if (1..=width).contains(&number) => Ok(number - 1),
        _ => {
            let help = match names {
                Some(names) => format!("there are {}", names.iter().collect::<Vec<_>>().join(", ")),
                None => format!("there is no line of names; give a number from 1 to {width}"),
            };
            Err((format!("has no column `{wanted}`"), help))
        }
    }
}

/// Classes by their names, in natural order, and for each name its class.
fn encode<'a>(names: impl Iterator<Item = &'a str> + Clone) -> (Vec<usize>, Vec<String>) {
    let mut classes: Vec<&str> = names.clone().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    classes.sort_by(|a, b| natural(a, b));
    let place: std::collections::HashMap<&str, usize> =
        classes.iter().enumerate().map(|(i, &name)| (name, i)).collect();
    (names.map(|name| place[name]).collect(), classes.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        Table::parse_csv(text.as_bytes(), &TableOptions::default()).unwrap()
    }

    fn refused(text: &str) -> String {
        let (what, help) = Table::parse_csv(text.as_bytes(), &TableOptions::default()).expect_err("must be refused");
        format!("{what}; {help}")
    }

    fn labelled(text: &str, label: &str) -> Result<Table, Fault> {
        Table::parse_csv(text.as_bytes(), &TableOptions { label: Some(label.into()), ..TableOptions::default() })
    }

    #[test]
    fn with_and_without_names() {
        let bare = read("1,2.5,b\n-3e1,4,a\n");
        assert_eq!(bare.features, ndarray::array![[1.0, 2.5], [-30.0, 4.0]]);
        assert_eq!(
            (bare.columns.join(" "), bare.labels, bare.classes.join(" ")),
            ("x0 x1".into(), vec![1, 0], "a b".into())
        );
        for text in [
            "u,v,class\n1,2,b\n3,4,a\n",
            "\u{feff}u;v;class\r\n1; 2 ;b\r\n3;4;a",
            "u\tv\tclass\n\n1\t2\tb\n  \n3\t4\ta\n\n",
        ] {
            let named = read(text);
            assert_eq!(named.features, ndarray::array![[1.0, 2.0], [3.0, 4.0]], "{text:?}");
            assert_eq!((named.columns.join(" "), named.labels), ("u v".into(), vec![1, 0]));
        }
        // Numbers as names must be declared; a word over words is a row.
        let years = TableOptions { header: Some(true), ..TableOptions::default() };
        assert_eq!(Table::parse_csv(b"2001,2002,c\n1,2,a\n3,4,b", &years).unwrap().columns, ["2001", "2002"]);
        assert_eq!(read("\"1\",\"x, y\"\n2,\"say \"\"z\"\"\"\n").classes, ["say \"z\"", "x, y"]);
    }

    #[test]
    fn labels_by_name_number_and_kind() {
        let text = "class,u,v\n10,1,2\n9,3,4\n10,5,6\n";
        let by_name = labelled(text, "class").unwrap();
        assert_eq!((by_name.labels.clone(), by_name.classes.join(" ")), (vec![1, 0, 1], "9 10".into()));
        assert_eq!(by_name.columns, ["u", "v"]);
        assert_eq!(labelled(text, "1").unwrap(), by_name);
        let (what, help) = labelled(text, "klass").unwrap_err();
        assert!(what.contains("no column `klass`") && help.contains("class, u, v"), "{what} {help}");
        assert!(labelled("1,2\n3,4", "3").unwrap_err().1.contains("1 to 2"));
        let part = by_name.subset(&[2, 1]);
        assert_eq!((part.features, part.labels), (ndarray::array![[5.0, 6.0], [3.0, 4.0]], vec![1, 0]));
    }

    #[test]
    fn what_is_no_number_is_named_with_its_place() {
        assert!(refused("u,v,c\n1,2,a\n3,,b\n").starts_with("line 3, column 2 (`v`) is empty"));
        assert!(refused("u,v,c\n1,2,a\n?,4,b\n").contains("line 3, column 1 (`u`) holds `?`"));
        assert!(refused("1,2,a\n3,NaN,b\n").contains("line 2, column 2 (`x1`) holds `NaN`"));
        assert!(refused("1,2,a\n3,1e99,b\n").contains("`1e99`"));
        // A gap in the first row makes it no header.
        assert!(refused("?,2,a\n3,4,b\n").contains("line 1, column 1"));
        assert!(refused("1,2,a\n3,4,\n").contains("line 2, column 3 has no label"));
        assert!(refused("1,2,a\n3,b\n").contains("line 2 has 2 cells, but the first has 3"));
        assert!(refused("").contains("no rows") && refused("u,v\n\n").contains("holds `u`"));
        assert!(refused("1\n2\n").contains("one column only"));
        assert!(refused("1,a\n2,a\n").contains("one class only, `a`"));
        assert!(Table::parse_csv(b"1,\xff\n2,a", &TableOptions::default()).unwrap_err().1.contains("UTF-8"));
    }
}
