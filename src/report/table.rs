//! Tables: one value, three faces (HTML in the page, text in the terminal, a CSV file).

use crate::error::{Error, Result};
use crate::files;
use askama::Template;
use std::path::Path;

/// Side to which a column's cells are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Named columns and rows of text.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
    /// One per column.
    pub align: Vec<Align>,
    /// Rows shown in bold (the best, the total).
    pub strong: Vec<usize>,
}

/// A cell as the template wants it.
struct Cell<'a> {
    text: &'a str,
    right: bool,
}

struct Row<'a> {
    strong: bool,
    cells: Vec<Cell<'a>>,
}

#[derive(Template)]
#[template(path = "table.html", config = "src/report/assets/askama.toml")]
struct TableHtml<'a> {
    caption: &'a str,
    head: Vec<Cell<'a>>,
    rows: Vec<Row<'a>>,
}

impl Table {
    /// An empty table. The first column holds words, the others numbers; [`Table::align`] changes that.
    pub fn new(columns: &[&str]) -> Self {
        let align = (0..columns.len()).map(|i| if i == 0 { Align::Left } else { Align::Right }).collect();
        Table {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
            align,
            strong: Vec::new(),
        }
    }

    /// Sets the alignment of all columns.
    pub fn align(mut self, align: &[Align]) -> Self {
        assert_eq!(align.len(), self.columns.len(), "Table::align: one per column");
        self.align = align.to_vec();
        self
    }

    /// Adds a row. Panics if it does not fit the columns.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let row: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(row.len(), self.columns.len(), "Table::row: {} cells for columns {:?}", row.len(), self.columns);
        self.rows.push(row);
        self
    }

    /// Adds a row in bold.
    pub fn strong_row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        self.strong.push(self.rows.len());
        self.row(cells)
    }

    /// The table in HTML, with an optional caption.
    pub fn html(&self, caption: &str) -> String {
        let rows = self.rows.iter().enumerate();
        let rows = rows.map(|(i, r)| Row { strong: self.strong.contains(&i), cells: self.cells(r) }).collect();
        let html = TableHtml { caption, head: self.cells(&self.columns), rows };
        html.render().expect("table: rendering into memory cannot fail")
    }

    fn cells<'a>(&self, texts: &'a [String]) -> Vec<Cell<'a>> {
        let sides = self.align.iter().chain(std::iter::repeat(&Align::Left));
        texts.iter().zip(sides).map(|(text, side)| Cell { text, right: *side == Align::Right }).collect()
    }

    /// The table for a terminal or a Markdown file: columns padded to one width, between bars.
    pub fn text(&self) -> String {
        let clean = |s: &String| s.replace(['\n', '\r'], " ").replace('|', "\\|");
        let all: Vec<Vec<String>> =
            std::iter::once(&self.columns).chain(&self.rows).map(|r| r.iter().map(clean).collect()).collect();
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

    /// The table as CSV, header first, quoted where needed.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            writer.write_record(row).map_err(|e| Error::invalid(format!("table: {e}")))?;
        }
        writer.into_inner().map_err(|e| Error::invalid(format!("table: {e}")))
    }

    /// Writes `name.csv` into a folder, whole or not at all.
    pub fn save(&self, dir: &Path, name: &str) -> Result<()> {
        files::write_atomic(dir.join(format!("{name}.csv")), &self.csv()?)
    }
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
        assert!(html.contains("Results &#60;1&#62;"));
    }

    #[test]
    #[should_panic(expected = "Table::row")]
    fn a_row_that_does_not_fit_is_refused() {
        sample().row(["only one"]);
    }
}
