//! Heat maps: any matrix, and the confusion matrix.

use super::axes::number;
use super::canvas::{Anchor, Canvas, LABEL, SMALL, fit, text_width, wrap};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};

/// The contents of one cell.
struct Cell {
    fill: Colour,
    lines: Vec<String>,
}

/// Row names, column names, cells, and what the two sides mean.
struct Sheet<'a> {
    title: &'a str,
    row_title: &'a str,
    column_title: &'a str,
    rows: &'a [String],
    columns: &'a [String],
    cells: Vec<Vec<Cell>>,
}

/// Most classes for which a confusion matrix is readable.
const LEGIBLE: usize = 60;
/// Classes shown if there are more: those with the most mistakes.
const SHOWN: usize = 30;

/// A confusion matrix: rows are the true class, columns the prediction. A cell shows the count and its fraction of the
/// row; correct predictions are blue, mistakes orange, the deeper the larger the fraction. Of more than 60 classes the
/// 30 with the most mistakes are shown, each row's fractions still of all its samples.
pub struct Confusion {
    title: String,
    classes: Vec<String>,
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Creates the matrix from `counts[true label][prediction]`.
    pub fn new(title: &str, classes: &[String], counts: &[Vec<usize>]) -> Self {
        Confusion { title: title.into(), classes: classes.to_vec(), counts: counts.to_vec() }
    }

    /// Returns each count as a fraction of its row; a row without counts is all zero.
    pub fn fractions(&self) -> Vec<Vec<f64>> {
        let fraction = |row: &Vec<usize>| {
            let total = row.iter().sum::<usize>().max(1) as f64;
            row.iter().map(|&n| n as f64 / total).collect()
        };
        self.counts.iter().map(fraction).collect()
    }

    /// Returns the classes to show, in their own order.
    fn shown(&self) -> Vec<usize> {
        let k = self.classes.len();
        if k <= LEGIBLE {
            return (0..k).collect();
        }
        let mistakes =
            |c: usize| -> usize { (0..k).filter(|&o| o != c).map(|o| self.counts[c][o] + self.counts[o][c]).sum() };
        let mut order: Vec<(std::cmp::Reverse<usize>, usize)> =
            (0..k).map(|c| (std::cmp::Reverse(mistakes(c)), c)).collect();
        order.sort_unstable();
        let mut shown: Vec<usize> = order.into_iter().take(SHOWN).map(|(_, c)| c).collect();
        shown.sort_unstable();
        shown
    }

    /// Draws the matrix.
    pub fn draw(&self) -> Figure {
        let shown = self.shown();
        let classes: Vec<String> = shown.iter().map(|&c| self.classes[c].clone()).collect();
        let title = if shown.len() < self.classes.len() {
            format!("{}: the {} of {} classes with the most mistakes", self.title, shown.len(), self.classes.len())
        } else {
            self.title.clone()
        };
        let fractions = self.fractions();
        let cell = |i: usize, j: usize, fraction: f64| {
            let map = if i == j { ColourMap::Blues } else { ColourMap::Oranges };
            let count = self.counts[i][j];
            // the faintest error still shows
            let depth = if count == 0 { 0.0 } else { 0.12 + 0.88 * fraction };
            let percent = if count > 0 { format!("{:.0} %", 100.0 * fraction) } else { String::new() };
            Cell { fill: map.at(depth), lines: vec![count.to_string(), percent] }
        };
        let cells = shown.iter().map(|&i| shown.iter().map(|&j| cell(i, j, fractions[i][j])).collect()).collect();
        let sheet = Sheet {
            title: &title,
            row_title: "true class ↓",
            column_title: "prediction →",
            rows: &classes,
            columns: &classes,
            cells,
        };
        let correct: usize = (0..self.counts.len()).map(|i| self.counts[i].get(i).copied().unwrap_or(0)).sum();
        let total: usize = self.counts.iter().flatten().sum();
        Figure::new(sheet.draw(), format!("Confusion matrix. {}: {correct} of {total} correct", self.title))
    }
}

/// Any matrix in colour with its numbers.
pub struct HeatMap {
    title: String,
    sides: [String; 2],
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<Vec<f64>>,
    map: ColourMap,
    range: Option<(f64, f64)>,
}

impl HeatMap {
    /// Creates a heat map of `values[row][column]`.
    pub fn new(title: &str, rows: &[String], columns: &[String], values: &[Vec<f64>]) -> Self {
        HeatMap {
            title: title.into(),
            sides: [String::new(), String::new()],
            rows: rows.to_vec(),
            columns: columns.to_vec(),
            values: values.to_vec(),
            map: ColourMap::Blues,
            range: None,
        }
    }

    /// Sets the titles of rows and columns.
    pub fn sides(mut self, rows: &str, columns: &str) -> Self {
        self.sides = [rows.into(), columns.into()];
        self
    }

    /// Sets the colours; [`ColourMap::Diverging`] is centred on zero.
    pub fn map(mut self, map: ColourMap) -> Self {
        self.map = map;
        self
    }

    /// Sets the values at the two ends of the colours; the default is the range of the data.
    pub fn range(mut self, lo: f64, hi: f64) -> Self {
        self.range = Some((lo, hi));
        self
    }

    /// Draws the matrix.
    pub fn draw(&self) -> Figure {
        let data = super::axes::extent(self.values.iter().flatten().copied()).unwrap_or((0.0, 1.0));
        let (mut lo, mut hi) = self.range.unwrap_or(data);
        if self.map == ColourMap::Diverging && self.range.is_none() {
            hi = hi.abs().max(lo.abs());
            lo = -hi;
        }
        let width = if hi > lo { hi - lo } else { 1.0 };
        // a matrix of whole numbers (counts, a lesson's small integers) is written without decimals
        let whole = self.values.iter().flatten().all(|v| v.fract() == 0.0 && v.abs() < 1e4);
        let words = |v: f64| if whole { format!("{v:.0}").replace('-', "−") } else { number(v) };
        let cell = |&v: &f64| Cell { fill: self.map.at((v - lo) / width), lines: vec![words(v)] };
        let sheet = Sheet {
            title: &self.title,
            row_title: &self.sides[0],
            column_title: &self.sides[1],
            rows: &self.rows,
            columns: &self.columns,
            cells: self.values.iter().map(|row| row.iter().map(cell).collect()).collect(),
        };
        Figure::new(sheet.draw(), format!("Heat map. {}", self.title))
    }
}

impl Sheet<'_> {
    fn draw(&self) -> Canvas {
        let (n, m) = (self.rows.len().max(1), self.columns.len().max(1));
        // cells shrink as there are more of them, down to a few pixels for a hundred classes
        let size = (330.0 / n.max(m) as f64).clamp(9.0, 78.0);
        let (wide, high) = (size.max((234.0 / m as f64).min(100.0)), size * if size > 50.0 { 0.8 } else { 1.0 });
        let letters = if size >= 26.0 { LABEL } else { (0.8 * size).clamp(7.0, SMALL) };
        let names = Names::new(self.rows, self.columns, letters, (wide, high));

        let mut left = 18.0 + names.row_width;
        if !self.row_title.is_empty() {
            left = left.max(18.0 + text_width(self.row_title, SMALL, false));
        }
        let width = (left + wide * m as f64 + 12.0).max(240.0);
        let mut canvas = Canvas::new(width, 0.0);
        let mut top = canvas.title(8.0, self.title) + 4.0;
        let middle = left + 0.5 * wide * m as f64;
        if !self.column_title.is_empty() {
            canvas.text((middle, top + SMALL), self.column_title, SMALL, Colour::GRAY, Anchor::Middle);
            top += 20.0;
        }
        top += names.column_height;
        if !self.row_title.is_empty() {
            canvas.text((left - 10.0, top - 7.0), self.row_title, SMALL, Colour::GRAY, Anchor::End);
        }
        names.draw(&mut canvas, (left, top), (wide, high));
        for (i, row) in self.cells.iter().enumerate() {
            for (j, cell) in row.iter().enumerate() {
                draw_cell(&mut canvas, cell, (left + wide * j as f64, top + high * i as f64), (wide, high));
            }
        }
        canvas.frame(left, top, wide * m as f64, high * n as f64, Colour::GRAY, 0.75);
        canvas.height = top + high * n as f64 + 12.0;
        canvas
    }
}

/// Row and column names, broken into lines that fit their cells; column names stand upright where that fails.
struct Names {
    rows: Vec<Vec<String>>,
    columns: Vec<Vec<String>>,
    turned: bool,
    letters: f64,
    column_letters: f64,
    row_width: f64,
    column_height: f64,
}

impl Names {
    fn new(rows: &[String], columns: &[String], letters: f64, (wide, high): (f64, f64)) -> Self {
        let widest =
            |names: &[Vec<String>]| names.iter().flatten().map(|n| text_width(n, letters, false)).fold(0.0, f64::max);
        let most = |names: &[Vec<String>]| names.iter().map(Vec::len).max().unwrap_or(1) as f64;
        let cut = |lines: &[Vec<String>]| lines.iter().flatten().any(|l| l.ends_with('…') || l.is_empty());
        let one_line = |names: &[String]| names.iter().map(|n| vec![fit(n, letters, false, 150.0)]).collect();

        let mut row_lines: Vec<Vec<String>> = rows.iter().map(|n| wrap(n, letters, false, 120.0)).collect();
        if most(&row_lines) * 1.2 * letters > high {
            row_lines = one_line(rows);
        }
        // column names: broken into lines, then smaller, then standing upright
        let broken =
            |size: f64| -> Vec<Vec<String>> { columns.iter().map(|n| wrap(n, size, false, wide - 4.0)).collect() };
        let fits = |lines: &Vec<Vec<String>>| !cut(lines) && most(lines) <= 3.0;
        let tries = [letters, 0.85 * letters].map(|size| (size, broken(size)));
        let found = tries.into_iter().find(|(size, lines)| *size >= 7.0 && fits(lines));
        let turned = found.is_none();
        let (column_letters, column_lines) = found.unwrap_or_else(|| (letters, one_line(columns)));
        let column_height =
            if turned { widest(&column_lines) + 10.0 } else { 4.0 + 1.2 * column_letters * most(&column_lines) };
        let row_width = widest(&row_lines);
        Names { rows: row_lines, columns: column_lines, turned, letters, column_letters, row_width, column_height }
    }

    fn draw(&self, canvas: &mut Canvas, (left, top): (f64, f64), (wide, high): (f64, f64)) {
        let (size, line) = (self.column_letters, 1.2 * self.column_letters);
        for (j, lines) in self.columns.iter().enumerate() {
            let x = left + wide * (j as f64 + 0.5);
            for (k, words) in lines.iter().enumerate() {
                if self.turned {
                    let at = (x + 0.36 * size, top - 6.0);
                    canvas.turned(at, words, size, Colour::INK, Anchor::Start);
                } else {
                    let y = top - 7.0 - line * (lines.len() - 1 - k) as f64;
                    canvas.text((x, y), words, size, Colour::INK, Anchor::Middle);
                }
            }
        }
        let line = 1.2 * self.letters;
        for (i, lines) in self.rows.iter().enumerate() {
            let middle = top + high * (i as f64 + 0.5) + 0.36 * self.letters;
            for (k, words) in lines.iter().enumerate() {
                let y = middle + line * (k as f64 - 0.5 * (lines.len() - 1) as f64);
                canvas.text((left - 10.0, y), words, self.letters, Colour::INK, Anchor::End);
            }
        }
    }
}

/// The cell's colour, and as many of its lines as fit.
fn draw_cell(canvas: &mut Canvas, cell: &Cell, (x, y): (f64, f64), (wide, high): (f64, f64)) {
    let gap = if wide > 20.0 { 1.0 } else { 0.25 };
    canvas.rect(x, y, wide - gap, high - gap, cell.fill);
    let big = (0.24 * high).clamp(11.0, 19.0);
    let fits = |line: &String, size| text_width(line, size, true) <= wide - 4.0;
    let lines: Vec<&String> = cell.lines.iter().filter(|l| !l.is_empty()).collect();
    let room = high >= 38.0 && lines.len() > 1 && fits(lines[1], SMALL);
    // a bare zero steps back
    let empty = lines.len() == 1 && lines[0] == "0";
    let ink = if empty { Colour::GRAY.mix(Colour::PAPER, 0.35) } else { cell.fill.readable() };
    if let Some(first) = lines.first().filter(|l| high >= 15.0 && fits(l, big)) {
        let lift = if room { 0.1 * big } else { -0.36 * big };
        canvas.bold((x + 0.5 * wide, y + 0.5 * high - lift), first, big, ink, Anchor::Middle);
    }
    if room {
        canvas.text((x + 0.5 * wide, y + 0.5 * high + 1.25 * SMALL), lines[1], SMALL, ink, Anchor::Middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("class {i}")).collect()
    }

    #[test]
    fn fractions_are_of_the_row() {
        let confusion = Confusion::new("t", &names(2), &[vec![3, 1], vec![0, 0]]);
        assert_eq!(confusion.fractions(), vec![vec![0.75, 0.25], vec![0.0, 0.0]]);
    }

    #[test]
    fn cells_say_count_and_percent() {
        let figure = Confusion::new("t", &names(2), &[vec![43, 2], vec![9, 36]]).draw();
        for words in ["\n43\n", "\n96 %\n", "\n2\n", "\n4 %\n", "\n20 %\n", "\n80 %\n"] {
            assert!(figure.svg.contains(words), "{words}");
        }
        assert!(figure.alt.ends_with("79 of 90 correct"));
    }

    #[test]
    fn of_many_classes_those_with_the_most_mistakes_are_drawn() {
        let mut counts = vec![vec![0; 450]; 450];
        (0..450).for_each(|c| counts[c][c] = 5);
        counts[440][17] = 3;
        let figure = Confusion::new("t", &names(450), &counts).draw();
        assert!(
            figure.svg.contains("class 440") && figure.svg.contains("class 17") && !figure.svg.contains("class 300")
        );
        assert!(figure.svg.contains("the 30 of 450 classes with the most mistakes"));
        assert!(figure.width < 1400 && figure.png().is_ok());
        let all = Confusion::new("t", &names(60), &vec![vec![1; 60]; 60]).draw();
        assert!(all.svg.contains("class 59") && !all.svg.contains("most mistakes"));
    }
}
