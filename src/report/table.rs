//! Tables with two forms of each value: `2,056` and `42.5 %` for readers (HTML in the page, text in the terminal),
//! `2056` and `0.425` for programs (CSV).

use super::markup::inline;
use super::words::{percent, thousands};
use crate::error::{Error, Result};
use crate::files;
use askama::Template;
use std::path::Path;

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One cell of a table: its text for readers, and its value in the CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// For people: with thousands separators, percent signs and units.
    pub shown: String,
    /// For programs: a plain number, a word, or nothing where there is no value.
    pub value: String,
}

impl Cell {
    /// Creates a cell of words, the same in both forms.
    pub fn text(words: impl Into<String>) -> Self {
        let shown = words.into();
        Cell { value: shown.clone(), shown }
    }

    /// Creates a count: `2,056`, and `2056` in the file.
    pub fn count(n: usize) -> Self {
        Cell { shown: thousands(n), value: n.to_string() }
    }

    /// Creates a number, shown with so many decimals; the file has all its digits.
    pub fn number(x: f64, decimals: usize) -> Self {
        Cell { shown: format!("{x:.decimals$}"), value: x.to_string() }
    }

    /// Creates a fraction: `42.5 %`, and `0.425` in the file.
    pub fn fraction(x: f64) -> Self {
        Cell { shown: percent(x), value: x.to_string() }
    }

    /// Creates a difference of two fractions: `+1.2 points`, and `0.012` in the file. A difference that rounds to zero
    /// has no sign.
    pub fn points(x: f64) -> Self {
        let rounded = (1000.0 * x).round() / 10.0;
        let shown = if rounded == 0.0 { "0.0 points".to_owned() } else { format!("{rounded:+.1} points") };
        Cell { shown, value: x.to_string() }
    }

    /// Returns the sizes of axes: `16 x 14 x 14`, and `16x14x14` in the file.
    pub fn sizes(axes: &[usize]) -> Self {
        let join = |between: &str| axes.iter().map(usize::to_string).collect::<Vec<_>>().join(between);
        Cell { shown: join(" x "), value: join("x") }
    }

    /// Creates a cell without a value: a dash, and nothing in the file.
    pub fn none() -> Self {
        Cell { shown: "-".to_owned(), value: String::new() }
    }
}

impl From<&str> for Cell {
    fn from(words: &str) -> Self {
        Cell::text(words)
    }
}

impl From<String> for Cell {
    fn from(words: String) -> Self {
        Cell::text(words)
    }
}

/// Named columns and rows of cells.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// One per column.
    pub align: Vec<Align>,
    /// Rows shown in bold (the best, the total).
    pub strong: Vec<usize>,
    /// Names of columns in the CSV file where they are not the headings: column and name.
    keys: Vec<(usize, String)>,
}

/// A cell as the template takes it.
struct Shown<'a> {
    text: &'a str,
    right: bool,
}

struct Row<'a> {
    strong: bool,
    cells: Vec<Shown<'a>>,
}

#[derive(Template)]
#[template(path = "table.html", config = "src/report/assets/askama.toml")]
struct TableHtml<'a> {
    caption: String,
    head: Vec<Shown<'a>>,
    rows: Vec<Row<'a>>,
}

impl Table {
    /// Creates an empty table. The first column holds words, the others numbers; [`Table::align`] changes that.
    pub fn new(columns: &[&str]) -> Self {
        let align = (0..columns.len()).map(|i| if i == 0 { Align::Left } else { Align::Right }).collect();
        Table {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
            align,
            strong: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Sets the alignment of all columns.
    pub fn align(mut self, align: &[Align]) -> Self {
        assert_eq!(align.len(), self.columns.len(), "Table::align: one per column");
        self.align = align.to_vec();
        self
    }

    /// Names the column under `heading` in the CSV file: a heading is for people and may change, the name in
    /// the file is for programs and stays. Panics if there is no such heading.
    pub fn key(mut self, heading: &str, name: &str) -> Self {
        let column = self.columns.iter().position(|c| c == heading);
        self.keys.push((column.unwrap_or_else(|| panic!("Table::key: no column {heading:?}")), name.to_owned()));
        self
    }

    /// Adds a row. Panics if it does not fit the columns.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let row: Vec<Cell> = cells.into_iter().map(Into::into).collect();
        assert_eq!(row.len(), self.columns.len(), "Table::row: {} cells for columns {:?}", row.len(), self.columns);
        self.rows.push(row);
        self
    }

    /// Adds a row in bold.
    pub fn strong_row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        self.strong.push(self.rows.len());
        self.row(cells)
    }

    /// Returns the same table with a row for each column after the first: the first column's cells become the names.
    pub fn transposed(&self) -> Table {
        let names: Vec<&str> = self
            .columns
            .first()
            .map(String::as_str)
            .into_iter()
            .chain(self.rows.iter().map(|r| &*r[0].value))
            .collect();
        let mut table = Table::new(&names);
        for (j, name) in self.columns.iter().enumerate().skip(1) {
            table.row(std::iter::once(Cell::text(name)).chain(self.rows.iter().map(|row| row[j].clone())));
        }
        table
    }

    /// Returns the table in HTML, with an optional caption, in which `` `code` ``, `**strong**` and `*emphasis*` are
    /// understood.
    pub fn html(&self, caption: &str) -> String {
        let rows = self.rows.iter().enumerate().map(|(i, row)| Row {
            strong: self.strong.contains(&i),
            cells: self.aligned(row.iter().map(|cell| &*cell.shown)),
        });
        let head = self.aligned(self.columns.iter().map(String::as_str));
        let html = TableHtml { caption: inline(caption), head, rows: rows.collect() };
        html.render().expect("table: rendering into memory cannot fail")
    }

    fn aligned<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Vec<Shown<'a>> {
        let sides = self.align.iter().chain(std::iter::repeat(&Align::Left));
        texts.zip(sides).map(|(text, side)| Shown { text, right: *side == Align::Right }).collect()
    }

    /// Returns the table for a terminal or a Markdown file: columns padded to one width, between bars.
    pub fn text(&self) -> String {
        let clean = |s: &String| s.replace(['\n', '\r'], " ").replace('|', "\\|");
        let head = self.columns.iter().map(clean).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| clean(&cell.shown)).collect());
        let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let length = |s: &String| s.chars().count();
        let wide: Vec<usize> =
            (0..self.columns.len()).map(|j| all.iter().map(|r| length(&r[j])).max().unwrap_or(0).max(3)).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().enumerate().map(|(j, cell)| match self.align[j] {
                Align::Left => format!("{cell:<width$}", width = wide[j]),
                Align::Right => format!("{cell:>width$}", width = wide[j]),
            });
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = self.align.iter().zip(&wide).map(|(a, &w)| match a {
            Align::Left => "-".repeat(w + 2),
            Align::Right => format!("{}:", "-".repeat(w + 1)),
        });
        let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        let body: String = all[1..].iter().map(line).collect();
        line(&all[0]) + &rule + &body
    }

    /// Returns the table as CSV, header first: the cells' values, quoted where needed.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.value.as_str()).collect::<Vec<_>>());
        let mut head: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        self.keys.iter().for_each(|(column, name)| head[*column] = name);
        csv_bytes(std::iter::once(head).chain(rows))
    }

    /// Writes `name.csv` into a folder, whole or not at all.
    pub fn save(&self, dir: &Path, name: &str) -> Result<()> {
        files::write_atomic(dir.join(format!("{name}.csv")), &self.csv()?)
    }
}

/// Rows of equal length as the bytes of a CSV file (RFC 4180): fields that hold a comma, a quote or a line end are
/// quoted. Fails with [`Error::Invalid`] if the rows differ in length.
pub fn csv_bytes<R>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>>
where
    R: IntoIterator,
    R::Item: AsRef<[u8]>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|e| Error::invalid(format!("table: {e}")))?;
    }
    writer.into_inner().map_err(|e| Error::invalid(format!("table: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["model", "accuracy"]);
        table.row(["K-means, \"k = 3\"", "0.61"]).strong_row(["<CNN> & co", "0.97"]);
        table
    }

    #[test]
    fn csv_quotes_commas_and_quotes() {
        let csv = String::from_utf8(sample().csv().unwrap()).unwrap();
        assert_eq!(csv, "model,accuracy\n\"K-means, \"\"k = 3\"\"\",0.61\n<CNN> & co,0.97\n");
    }

    #[test]
    fn people_and_programs_read_the_same_number_in_their_own_form() {
        let mut table = Table::new(&["", "a", "b"]);
        table.row([Cell::text("samples"), Cell::count(2056), Cell::count(7)]);
        table.row([Cell::text("accuracy"), Cell::fraction(0.425), Cell::none()]);
        table.row([Cell::text("gap"), Cell::points(-0.0004), Cell::points(0.012)]);
        table.row([Cell::text("error"), Cell::number(1.0 / 3.0, 3), Cell::sizes(&[16, 1])]);
        let shown = table.text();
        for word in ["| 2,056 ", "| 42.5 % ", "| - ", "| 0.0 points ", "| +1.2 points ", "| 0.333 ", "| 16 x 1 "] {
            assert!(shown.replace("  ", " ").replace("  ", " ").contains(&word.replace("| ", "")), "{word}: {shown}");
        }
        assert!(table.html("").contains(">2,056<"));
        let csv = |table: &Table| String::from_utf8(table.csv().unwrap()).unwrap();
        let lines = ",a,b\nsamples,2056,7\naccuracy,0.425,\ngap,-0.0004,0.012\nerror,0.3333333333333333,16x1\n";
        assert_eq!(csv(&table), lines);
        let across = ",samples,accuracy,gap,error\na,2056,0.425,-0.0004,0.3333333333333333\nb,7,,0.012,16x1\n";
        assert_eq!(csv(&table.transposed()), across);
        let mut keyed = Table::new(&["class", "samples"]).key("samples", "n");
        keyed.row([Cell::text("a"), Cell::count(7)]);
        assert_eq!((csv(&keyed).as_str(), keyed.html("").contains(">samples<")), ("class,n\na,7\n", true));
    }

    #[test]
    fn text_is_aligned_and_valid_markdown() {
        let text = sample().text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "| model            | accuracy |");
        assert_eq!(lines[1], "|------------------|---------:|");
        assert_eq!(lines[3], "| <CNN> & co       |     0.97 |");
    }

    #[test]
    fn html_escapes_and_names_its_headers() {
        let html = sample().html("Results <1>");
        assert!(html.contains("&#60;CNN&#62; &#38; co"), "{html}");
        assert!(html.contains("scope=\"col\"") && html.contains("scope=\"row\""));
        assert!(html.contains("Results &lt;1&gt;"));
        assert!(sample().html("all in `a.csv`").contains("<caption>all in <code>a.csv</code></caption>"));
    }

    #[test]
    #[should_panic(expected = "Table::row")]
    fn a_row_that_does_not_fit_is_refused() {
        sample().row(["only one"]);
    }
}
