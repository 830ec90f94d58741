//! Tables: samples that are rows of numbers, with a class each, from CSV files.
//!
//! CSV has no standard that all programs follow, so some properties are detected, and each of them can be set instead
//! ([`TableOptions`]): the separator, whether the first line holds names, and which column holds the class. Unusual
//! findings are notes of the table. Three things are omitted, with a note: a column that numbers the rows (the index
//! that pandas writes; in a table that is sorted by class it leaks the class), a column without a name and without a
//! value, and lines of separators alone. Nothing else is guessed. A cell that is empty, or not a number, is refused
//! with its line and column, since any number in its place would be invented; unless the options say that gaps are read
//! (as NaN, to be filled from the training rows) and that columns of words are categories (read as places in a list).
//!
//! Labels are words or numbers; either way the classes are the different ones that occur, in natural order (2 before
//! 10), and a label is its class's place among them. Numbers that are equal are one class (`1` and `1.0`). Numbers that
//! nearly all differ are not classes but a quantity, and are refused.

mod cells;
mod columns;
mod options;
mod records;
mod single;
mod values;

pub(crate) use cells::Fault;
pub(super) use cells::{encode, no_classes};
pub use options::{Column, TableOptions};
pub(super) use single::{Single, read_single};

use super::dataset::{Columns, Images};
use crate::error::{Error, Result};
use crate::files;
use crate::target::Target;
use crate::tensor::Tensor;
use columns::Sheet;
use ndarray::Array2;
use std::path::Path;

/// Labelled rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// N x D numbers: finite, or NaN in a gap if the options say that gaps are read. A column of categories holds their places
    /// in `columns.categories`, from 0.
    pub features: Array2<f32>,
    /// The names of the columns.
    pub columns: Columns,
    /// What is to be predicted of each row: its class as an index into `classes`, or numbers if the options ask for them.
    pub target: Target,
    /// Names of the classes; empty where numbers are to be predicted.
    pub classes: Vec<String>,
    /// The numbers to predict, if the options ask for them; then there are no classes, and every label is 0.
    pub value_names: Vec<String>,
    /// Notes on what was detected or omitted while reading, a sentence each.
    pub notes: Vec<String>,
}

impl Table {
    /// Reads a CSV file. Fails with [`Error::Data`] if it is missing, not UTF-8, without rows, uneven, has a quote
    /// that is not closed, has fewer than two classes, or if a feature is missing or not a finite number.
    pub fn read_csv(path: impl AsRef<Path>, options: &TableOptions) -> Result<Table> {
        read(path.as_ref(), |bytes| Self::parse_csv(bytes, options))
    }

    /// Reads a CSV file for a network that was trained on a table with these columns. They are matched by name, so
    /// their order is free; by place if one of the two tables has no names. Columns of the file that the run omitted
    /// are ignored; any other one, and one that is missing, is refused by name.
    pub fn read_csv_like(path: impl AsRef<Path>, options: &TableOptions, columns: &Columns) -> Result<Table> {
        read(path.as_ref(), |bytes| {
            let mut sheet = Sheet::new(bytes, options)?;
            let inputs = sheet.inputs_like(options, columns)?;
            let (features, _) = sheet.features(&inputs, &columns.features, options, Some(columns))?;
            let (target, classes, value_names) = targets(&mut sheet, options)?;
            Ok(Table { features, columns: columns.clone(), target, classes, value_names, notes: sheet.notes })
        })
    }

    /// Reads the features of a CSV file for such a network; the file need not have a column with the class.
    pub fn read_rows_like(path: impl AsRef<Path>, options: &TableOptions, columns: &Columns) -> Result<Array2<f32>> {
        read(path.as_ref(), |bytes| {
            let mut sheet = Sheet::new(bytes, options)?;
            let inputs = sheet.inputs_without_label(options, columns)?;
            Ok(sheet.features(&inputs, &columns.features, options, Some(columns))?.0)
        })
    }

    fn parse_csv(bytes: &[u8], options: &TableOptions) -> Result<Table, Fault> {
        let mut sheet = Sheet::new(bytes, options)?;
        let inputs = sheet.inputs(options)?;
        let names = inputs.iter().enumerate().map(|(i, &column)| sheet.name(column).unwrap_or_else(|| format!("x{i}")));
        let names: Vec<String> = names.collect();
        let (features, categories) = sheet.features(&inputs, &names, options, None)?;
        let label = sheet.name(sheet.label).unwrap_or_default();
        let columns = Columns { features: names, label, categories };
        let (target, classes, value_names) = targets(&mut sheet, options)?;
        let called = sheet.called(sheet.label);
        if let (Target::Classes(_), Some((what, help))) = (&target, no_classes(features.nrows(), &classes)) {
            return Err((format!("{called} {what}"), help));
        }
        Ok(Table { features, columns, target, classes, value_names, notes: sheet.notes })
    }

    /// Returns the rows as images of height 1: what is split, counted and reported is the same for both.
    pub fn into_images(self) -> Images {
        let (n, d) = self.features.dim();
        Images {
            names: (1..=n).map(|row| format!("row {row}")).collect(),
            pixels: Tensor::from_fn([n, 1, 1, d], |i| self.features[[i / d, i % d]]),
            target: self.target,
            classes: self.classes,
            value_names: self.value_names,
            columns: self.columns,
        }
    }

    /// Returns the rows `indices`, in that order. Panics on an index outside.
    pub fn subset(&self, indices: &[usize]) -> Table {
        Table {
            features: self.features.select(ndarray::Axis(0), indices),
            columns: self.columns.clone(),
            target: self.target.gather(indices),
            classes: self.classes.clone(),
            value_names: self.value_names.clone(),
            notes: self.notes.clone(),
        }
    }
}

/// The targets of the rows: labels with the names of their classes, or numbers.
type ToPredict = (Target, Vec<String>, Vec<String>);

/// Returns the targets; the inputs have been chosen.
fn targets(sheet: &mut Sheet, options: &TableOptions) -> Result<ToPredict, Fault> {
    if options.targets.is_none() {
        let (labels, classes) = sheet.labels()?;
        return Ok((Target::Classes(labels), classes, Vec::new()));
    }
    let columns = sheet.targets(options)?;
    let numbers = sheet.numbers(&columns)?;
    let (n, m) = numbers.dim();
    let names = columns.iter().enumerate().map(|(i, &column)| sheet.name(column).unwrap_or_else(|| format!("y{i}")));
    let names: Vec<String> = names.collect();
    let numbers = Tensor::from_fn([n, m], |i| numbers[[i / m, i % m]]);
    Ok((Target::Values(numbers), Vec::new(), names))
}

/// Reads a file and returns what `parse` makes of its bytes.
fn read<R>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<R, Fault>) -> Result<R> {
    let help = "check the path and who may read it";
    let bytes = files::read_regular(path).map_err(|e| Error::data(path, format!("cannot be read: {e}"), help))?;
    parse(&bytes).map_err(|(what, help)| Error::data(path, what, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        Table::parse_csv(text.as_bytes(), &TableOptions::default()).unwrap()
    }

    fn with(text: &str, options: TableOptions) -> Result<Table, Fault> {
        Table::parse_csv(text.as_bytes(), &options)
    }

    fn refused(text: &str) -> String {
        let (what, help) = with(text, TableOptions::default()).expect_err("must be refused");
        format!("{what}; {help}")
    }

    fn labelled(text: &str, label: Column) -> Result<Table, Fault> {
        with(text, TableOptions { label: Some(label), ..TableOptions::default() })
    }

    fn word(name: &str) -> Column {
        Column::Name(name.into())
    }

    #[test]
    fn with_and_without_names() {
        let bare = read("1,2.5,b\n-3e1,4,a\n");
        assert_eq!(bare.features, ndarray::array![[1.0, 2.5], [-30.0, 4.0]]);
        assert_eq!(
            (bare.columns.features.join(" "), bare.target, bare.classes.join(" ")),
            ("x0 x1".into(), vec![1, 0].into(), "a b".into())
        );
        assert_eq!((bare.columns.label, bare.notes), (String::new(), vec![]));
        for text in [
            "u,v,class\n1,2,b\n3,4,a\n",
            "\u{feff}u;v;class\r\n1; 2 ;b\r\n3;4;a",
            "u\tv\tclass\n\n1\t2\tb\n  \n3\t4\ta\n\n",
            "u;v;class\n1,0;2,0;\"b\"\n3,0;4; \"a\" \n",
        ] {
            let named = read(text);
            assert_eq!(named.features, ndarray::array![[1.0, 2.0], [3.0, 4.0]], "{text:?}");
            assert_eq!((named.columns.features.join(" "), named.target), ("u v".into(), vec![1, 0].into()));
            assert_eq!((named.columns.label, named.classes.join(" ")), ("class".into(), "a b".into()));
        }
        assert_eq!(read("\"1\",\"x, y\"\n2,\"say \"\"z\"\"\"\n").classes, ["say \"z\"", "x, y"]);
    }

    #[test]
    fn headers_of_numbers_are_recognized_or_set() {
        // What pandas writes for a frame without column names.
        let rows = "0.5,1.5,a\n2.5,0.1,b\n0.3,0.2,a\n";
        for head in ["0,1,species\n", "1,2,kind\n", "2001,2002,class\n"] {
            let table = read(&format!("{head}{rows}"));
            assert_eq!((table.target, table.classes.join(" ")), (vec![0, 1, 0].into(), "a b".to_owned()), "{head}");
        }
        let counted = read("0,1,2,3\n0.5,1.5,1,0\n2.5,0.1,7,1\n0.3,0.2,0,1\n");
        assert_eq!((counted.columns.features.join(" "), counted.target), ("0 1 2".into(), vec![0, 1, 1].into()));
        // A row that could be a header, and is not one; and the converse, by setting.
        assert_eq!(read("0,7,b\n1,5,a\n0,2,b\n").target.labels(), [1, 0, 1]);
        let none = TableOptions { header: Some(false), ..TableOptions::default() };
        assert_eq!(with(&format!("0,1,species\n{rows}"), none).unwrap().classes, ["a", "b", "species"]);
        let years = TableOptions { header: Some(true), ..TableOptions::default() };
        assert_eq!(with("2001,2002,c\n1,2,a\n3,4,b", years).unwrap().columns.features, ["2001", "2002"]);
    }

    #[test]
    fn a_column_that_numbers_the_rows_is_omitted_with_a_note() {
        for text in
            [",u,y\n0,5,a\n1,6,a\n2,7,b\n", "Unnamed: 0,u,y\n17,5,a\n3,6,a\n9,7,b\n", "Id,u,y\n1,5,a\n3,6,a\n2,7,b\n"]
        {
            let table = read(text);
            assert_eq!(
                (table.columns.features.join(" "), table.features.column(0).sum()),
                ("u".into(), 18.0),
                "{text}"
            );
            assert!(
                table.notes[0].contains("numbers the rows") && table.notes[0].contains("data.columns"),
                "{table:?}"
            );
        }
        let bare: String = (0..12).map(|i| format!("{i},{},{}\n", i * i, i / 6)).collect();
        assert_eq!((read(&bare).features.dim(), read(&bare).notes.len()), ((12, 1), 1));
        // Not every column of whole numbers is an index.
        assert_eq!(read(",u,y\n1,5,a\n1,6,a\n2,7,b\n").features.ncols(), 2);
        assert_eq!(read("id,u,y\n10,5,a\n30,6,a\n20,7,b\n").features.ncols(), 2);
        assert_eq!(read(",y\n1,a\n2,a\n3,b\n").features.ncols(), 1, "else nothing is left");
        // Naming it chooses it.
        let all = TableOptions { columns: vec![Column::Number(1), word("u")], ..TableOptions::default() };
        assert_eq!(with(",u,y\n0,5,a\n1,6,a\n2,7,b\n", all).unwrap().features.ncols(), 2);
        // Spreadsheets leave empty columns and lines behind.
        let sheet = read("u,y,,\n5,a,,\n6,b,,\n,,,\n");
        assert_eq!((sheet.features.dim(), sheet.columns.label.as_str(), sheet.notes.len()), ((2, 1), "y", 2));
    }

    #[test]
    fn columns_are_chosen_by_name_or_number() {
        let text = "u,v,w,y\n1,2,x,a\n3,4,x,b\n";
        let pick = |columns: Vec<Column>, ignore: Vec<Column>| {
            with(text, TableOptions { columns, ignore, ..TableOptions::default() })
        };
        assert_eq!(pick(vec![], vec![word("w")]).unwrap().columns.features, ["u", "v"]);
        assert_eq!(
            pick(vec![Column::Number(2), word("u")], vec![]).unwrap().features,
            ndarray::array![[2., 1.], [4., 3.]]
        );
        assert_eq!(pick(vec![], vec![Column::Number(3), word("u")]).unwrap().columns.features, ["v"]);
        let (what, help) = pick(vec![], vec![word("z")]).unwrap_err();
        assert_eq!(what, "has no column `z` (data.ignore): expected one of u, v, w, y");
        assert!(help.contains("number from 1 to 4"), "{help}");
        assert!(pick(vec![Column::Number(5)], vec![]).unwrap_err().0.contains("no column `5` (data.columns)"));
        assert!(pick(vec![word("u")], vec![word("u")]).unwrap_err().0.contains("leaves no feature"));
        // The class is not among the columns that are features or omitted.
        let settled = |options| with("kind,u,v,note\na,1,2,x\nb,3,4,y\n", options).map(|table| table.columns);
        let (all, kind) = (
            vec![word("u"), word("v")],
            Columns { features: vec!["u".into(), "v".into()], label: "kind".into(), ..Columns::default() },
        );
        let chosen = TableOptions { columns: all, ignore: vec![word("note")], ..TableOptions::default() };
        assert_eq!(settled(chosen).unwrap(), kind);
        let every = TableOptions { columns: (1..=4).map(Column::Number).collect(), ..TableOptions::default() };
        assert!(settled(every).unwrap_err().0.contains("no column left for the class"));
        // Two columns of one name, as pandas calls them.
        assert_eq!(read("u,u,y\n1,2,a\n3,4,b\n").columns.features, ["u", "u.1"]);
    }

    #[test]
    fn labels_by_name_number_and_kind() {
        let text = "kind,u,v\n10,1,2\n9,3,4\n10,5,6\n";
        let by_name = labelled(text, word("kind")).unwrap();
        assert_eq!((by_name.target.clone(), by_name.classes.join(" ")), (vec![1, 0, 1].into(), "9 10".into()));
        assert_eq!(by_name.columns.features, ["u", "v"]);
        for same in [word("1"), Column::Number(1), word("KIND")] {
            assert_eq!(labelled(text, same).unwrap(), by_name);
        }
        let (what, _) = labelled(text, word("klass")).unwrap_err();
        assert_eq!(what, "has no column `klass` (data.label): expected one of kind, u, v");
        assert!(labelled("1,2\n3,4", Column::Number(3)).unwrap_err().0.contains("expected a number from 1 to 2"));
        assert!(labelled("1,2\n3,4", Column::Number(0)).is_err());
        let part = by_name.subset(&[2, 1]);
        assert_eq!((part.features, part.target), (ndarray::array![[5.0, 6.0], [3.0, 4.0]], vec![1, 0].into()));
        // A column with a usual name is the class, wherever it stands; a coordinate called y is not, beside words.
        for name in ["label", "Class", "TARGET", "species", "y"] {
            let first = read(&format!("{name},u,v\na,1,2\nb,3,4\n"));
            assert_eq!((first.columns.label.as_str(), first.classes.join(" ")), (name, "a b".into()));
            assert!(first.notes[0].contains("column 1") && first.notes[0].contains("data.label"), "{:?}", first.notes);
        }
        assert_eq!(read("x,y,colour\n1,2,red\n3,4,blue\n").columns.label, "colour");
        assert_eq!(read("label,u,class\n1,2,3\n3,4,5\n").columns.label, "class");
    }

    #[test]
    fn equal_numbers_are_one_class() {
        let table = read("5,1\n6,1.0\n7,10\n8,2e0\n9,-1\n3,+2\n1,01\n");
        assert_eq!((table.target, table.classes.join(" ")), (vec![1, 1, 3, 2, 0, 2, 1].into(), "-1 1 2 10".into()));
        assert_eq!(read("5,a\n6,\"a\"\n7, \"b \"\n").classes, ["a", "b"]);
        assert_eq!(read("5,1\n6,1.0\n7,a\n").classes, ["1", "1.0", "a"], "words are as they are");
        assert_eq!(read("5,0.5\n6,.5\n7,1.5\n").classes, ["0.5", "1.5"]);
        assert_eq!(read("5,a\x1b[2J\n6,b\n").classes[0], "a\\u{1b}[2J");
    }

    #[test]
    fn what_is_not_a_number_is_named_with_its_place() {
        let gap = refused("a,b,y\r\n1,2,x\r\n,4,z\r\n");
        assert!(gap.starts_with("line 3, column 1 (`a`) is empty: expected a number"), "{gap}");
        assert!(gap.contains("data.ignore") && gap.contains("data.gaps"), "{gap}");
        let many = refused("u,v,c\n1,,a\n2,,b\n,4,b\n");
        assert!(many.starts_with("line 2, column 2 (`v`) is empty") && many.contains("3 cells of u, v"), "{many}");
        assert!(refused("u,v,c\n1,2,a\n?,4,b\n").contains("line 3, column 1 (`u`) holds `?`"));
        assert!(refused("1,2,a\n3,NaN,b\n").contains("line 2, column 2 (`x1`) holds `NaN`"));
        assert!(refused("1,2,a\n3,1e99,b\n").contains("`1e99`"));
        let words = refused("sex,u,y\nm,1,a\nf,2,b\n");
        assert!(words.starts_with("line 2, column 1 (`sex`) holds `m`") && words.contains("data.label"), "{words}");
        assert!(words.contains("data.categories"), "{words}");
        // A gap in the first row makes it no header.
        assert!(refused("?,2,a\n3,4,b\n").contains("line 1, column 1"));
        assert!(refused("1,2,a\n3,4,\n").contains("line 2, column 3 has no label"));
        assert!(refused("1,2,1\n3,4,nan\n").contains("line 2, column 3 has no label"));
        assert!(refused("1,2,a\n3,b\n").contains("line 2 has 2 cells: expected 3, as in line 1"));
        assert!(refused("").contains("no rows") && refused("u,v\n\n").contains("holds `u`"));
        assert!(refused("1\n2\n").contains("one column only"));
        assert!(refused("1,a\n2,a\n").starts_with("column 2 holds one class only, `a`"));
        assert!(refused("1,\"a\n2,b\n").contains("never closed (line 1, column 2)"));
        assert!(Table::parse_csv(b"1,\xff\n2,a", &TableOptions::default()).unwrap_err().1.contains("UTF-8"));
        // `1,234` beside `999`: a thousand and more, or a little more than one?
        assert!(refused("u;y\n1,234;a\n999;b\n").contains("1,234"));
        assert_eq!(read("u;y\n1,234;a\n9,5;b\n").features.column(0).to_vec(), [1.234, 9.5]);
    }

    #[test]
    fn a_quantity_is_no_class() {
        let prices: String = (0..60).map(|i| format!("{},{}.25\n", i % 7, 100 + i)).collect();
        let price = refused(&format!("u,price\n{prices}"));
        assert!(price.starts_with("column 2 (`price`) holds 60 different numbers in 60 samples"), "{price}");
        assert!(price.contains("kind = \"regress\"") && price.contains("data.label"), "{price}");
        let names: String = (0..10).map(|i| format!("{},person {i}\n", i % 7)).collect();
        assert!(refused(&format!("u,name\n{names}")).contains("10 different words in 10 samples"));
        // A few halves are classes, and so are many classes of a few each.
        let halves: String = (0..20).map(|i| format!("{},{}\n", i % 7, (i % 4) as f64 / 2.0)).collect();
        assert_eq!(read(&halves).classes, ["0", "0.5", "1", "1.5"]);
        let many: String = (0..300).map(|i| format!("{},{}\n", i % 7, i / 3)).collect();
        assert_eq!(read(&many).classes.len(), 100);
    }

    /// The work grows with the number of columns, not with its square.
    #[test]
    fn wide_tables_are_read_in_linear_time() {
        let time = |width: usize| {
            let row = "0.5,".repeat(width);
            let text = format!("{row}a\n{row}b\n");
            let start = std::time::Instant::now();
            assert_eq!(read(&text).features.dim(), (2, width));
            start.elapsed().as_secs_f64()
        };
        // The square of 16 is 256; a busy machine may spoil one measurement, not three.
        let ratio = || time(64_000) / time(4_000).max(1e-4);
        assert!((0..3).any(|_| ratio() < 80.0), "16 times the columns");
    }
}
