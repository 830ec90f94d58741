//! The units of a map as cells: squares or hexagons, coloured by a number or by a class.

use super::axes::{Legend, Swatch, extent, number};
use super::canvas::{Anchor, Canvas, SMALL, text_width};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};

/// What the colours of the cells mean.
enum Cells {
    /// A number for each unit.
    Values(Vec<f64>, ColourMap),
    /// A class for each unit, or none.
    Classes(Vec<Option<usize>>, Vec<String>),
}

/// A map of units. Each lies at its centre, in distances between neighbours, x to the right and y downwards.
///
/// Numbers are coloured from the smallest to the largest, with a bar that says which these are; classes have the colours
/// that they have everywhere, and units without a class are gray.
pub struct UnitMap {
    title: String,
    centres: Vec<(f64, f64)>,
    hexagonal: bool,
    cells: Cells,
    words: Vec<String>,
}

/// Width of the map in user units, if its units are many.
const WIDTH: f64 = 300.0;
/// Smallest side of a cell, unless the map would be longer than [`LONGEST`].
const SMALLEST: f64 = 7.0;
const LONGEST: f64 = 1200.0;

impl UnitMap {
    /// Creates a map coloured by `values`, one for each unit.
    pub fn values(title: &str, centres: &[(f64, f64)], hexagonal: bool, values: &[f64], map: ColourMap) -> Self {
        Self::new(title, centres, hexagonal, Cells::Values(values.to_vec(), map))
    }

    /// Creates a map coloured by class; a unit may have none.
    pub fn classes(
        title: &str,
        centres: &[(f64, f64)],
        hexagonal: bool,
        classes: &[Option<usize>],
        names: &[String],
    ) -> Self {
        Self::new(title, centres, hexagonal, Cells::Classes(classes.to_vec(), names.to_vec()))
    }

    fn new(title: &str, centres: &[(f64, f64)], hexagonal: bool, cells: Cells) -> Self {
        Self { title: title.into(), centres: centres.to_vec(), hexagonal, cells, words: Vec::new() }
    }

    /// Writes a word into each cell, where it fits.
    pub fn words(mut self, words: &[String]) -> Self {
        self.words = words.to_vec();
        self
    }

    /// Draws the map.
    pub fn draw(&self) -> Figure {
        let (low_x, high_x) = extent(self.centres.iter().map(|c| c.0)).unwrap_or((0.0, 0.0));
        let (low_y, high_y) = extent(self.centres.iter().map(|c| c.1)).unwrap_or((0.0, 0.0));
        let (across, down) = (high_x - low_x + 1.0, high_y - low_y + 1.2);
        let longest = across.max(down);
        let side = (WIDTH / longest).max(SMALLEST.min(LONGEST / longest)).min(76.0);
        let mut canvas = Canvas::new((side * across + 20.0).max(WIDTH + 20.0), 0.0);
        let left = 0.5 * (canvas.width - side * across);
        let mut top = canvas.title(10.0, &self.title) + 2.0;
        if let Cells::Classes(classes, names) = &self.cells {
            let mut entries: Vec<_> =
                names.iter().enumerate().map(|(i, name)| (name.clone(), Colour::class(i), Swatch::Box)).collect();
            if classes.contains(&None) {
                entries.push(("unused unit".to_owned(), ColourMap::Gray.at(f64::NAN), Swatch::Box));
            }
            let legend = Legend::new(canvas.width - 20.0, entries);
            legend.draw(&mut canvas, (10.0, top));
            top += legend.height() + 6.0;
        }
        let range = match &self.cells {
            Cells::Values(values, _) => extent(values.iter().copied()).unwrap_or((0.0, 1.0)),
            Cells::Classes(..) => (0.0, 1.0),
        };
        let gap = if side > 20.0 { 1.0 } else { 0.02 * side };
        let finite = |(_, centre): &(usize, &(f64, f64))| centre.0.is_finite() && centre.1.is_finite();
        for (unit, centre) in self.centres.iter().enumerate().filter(finite) {
            let x = left + side * (centre.0 - low_x + 0.5);
            let y = top + side * (centre.1 - low_y + 0.5);
            // A rim, so that a white cell is seen on white paper.
            self.cell(&mut canvas, (x, y), side - gap, Colour::GRID);
            let fill = self.fill(unit, range);
            self.cell(&mut canvas, (x, y), side - 3.0 * gap, fill);
            let Some(words) = self.words.get(unit) else { continue };
            let size = (0.34 * side).clamp(8.0, 15.0);
            if side >= 1.3 * size && text_width(words, size, false) <= 0.86 * side {
                canvas.text((x, y + 0.36 * size), words, size, fill.readable(), Anchor::Middle);
            }
        }
        top += side * down;
        if let Cells::Values(values, map) = &self.cells {
            let whole = values.iter().all(|v| v.fract() == 0.0);
            let words = |v: f64| if whole { format!("{v:.0}").replace('-', "−") } else { number(v) };
            bar(&mut canvas, top, [words(range.0), words(range.1)], *map);
            top += 26.0;
        }
        canvas.height = top + 6.0;
        Figure::new(canvas, format!("Map of {} units. {}", self.centres.len(), self.title))
    }

    /// A square or a hexagon about a place. The corner of a hexagon is above its centre, its flat sides touch the neighbours
    /// in the row.
    fn cell(&self, canvas: &mut Canvas, (x, y): (f64, f64), side: f64, fill: Colour) {
        if !self.hexagonal {
            return canvas.rect(x - 0.5 * side, y - 0.5 * side, side, side, fill);
        }
        let radius = side / 3f64.sqrt();
        let corner = |i: usize| {
            let angle = std::f64::consts::TAU * (i as f64 / 6.0 + 0.25);
            (x + radius * libm::cos(angle), y + radius * libm::sin(angle))
        };
        canvas.polygon((0..6).map(corner).collect(), fill);
    }

    fn fill(&self, unit: usize, (low, high): (f64, f64)) -> Colour {
        match &self.cells {
            Cells::Values(values, map) => {
                let value = values.get(unit).copied().unwrap_or(f64::NAN);
                map.at(if high > low { (value - low) / (high - low) } else { value - low })
            }
            Cells::Classes(classes, _) => match classes.get(unit).copied().flatten() {
                Some(class) => Colour::class(class),
                None => ColourMap::Gray.at(f64::NAN),
            },
        }
    }
}

/// The colours from the smallest to the largest value, with both in words.
fn bar(canvas: &mut Canvas, top: f64, [low, high]: [String; 2], map: ColourMap) {
    const STEPS: usize = 24;
    let (before, after) = (text_width(&low, SMALL, false), text_width(&high, SMALL, false));
    let length = (canvas.width - 40.0 - before - after).clamp(40.0, 140.0);
    let left = 0.5 * (canvas.width - length);
    for step in 0..STEPS {
        let width = length / STEPS as f64;
        let fill = map.at((step as f64 + 0.5) / STEPS as f64);
        canvas.rect(left + width * step as f64, top + 4.0, width + 0.3, 12.0, fill);
    }
    canvas.frame(left, top + 4.0, length, 12.0, Colour::GRAY, 0.75);
    canvas.text((left - 8.0, top + 14.0), &low, SMALL, Colour::GRAY, Anchor::End);
    canvas.text((left + length + 8.0, top + 14.0), &high, SMALL, Colour::GRAY, Anchor::Start);
}
