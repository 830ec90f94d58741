//! The grid of units: where they lie, how far apart they are, which are adjacent.
//!
//! Neighbouring centres are one apart. On a hexagonal grid every second row is shifted by half a unit and the rows are
//! √3/2 apart, so that each unit has six neighbours at the same distance. All distances are Euclidean, between centres.
//! On a toroidal grid the sides meet: a distance is the shortest of all ways round, so that no unit lies on a border.

use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most units of a map: their distances on the grid are kept for all pairs.
pub const MOST_UNITS: usize = 5000;

/// How units lie on the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// In rows and columns.
    #[default]
    Rectangular,
    /// Every second row is shifted by half a unit: six neighbours each.
    Hexagonal,
}

/// The places of the units, numbered row by row.
///
/// ```
/// use gradus::analysis::som::{Grid, Lattice};
///
/// let lattice = Lattice::new(4, 5, Grid::Hexagonal, false)?;
/// assert_eq!(lattice.adjacent(6), [1, 2, 5, 7, 11, 12]); // six neighbours
/// let torus = Lattice::new(4, 5, Grid::Rectangular, true)?;
/// assert_eq!(torus.squared_distance(0, 4), 1.0); // the first and the last column meet
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    /// Rows of units.
    pub rows: usize,
    /// Units of a row.
    pub columns: usize,
    /// How rows lie to each other.
    pub grid: Grid,
    /// Whether opposite sides meet.
    pub toroidal: bool,
}

impl Lattice {
    /// Creates the lattice of `rows` x `columns` units.
    ///
    /// Fails for a side of 0, for more than 5,000 units, and for a toroidal hexagonal grid of an odd number of rows, whose
    /// first and last row would be shifted alike. The place of an error is the setting.
    pub fn new(rows: usize, columns: usize, grid: Grid, toroidal: bool) -> Result<Self> {
        for (place, side) in [("rows", rows), ("columns", columns)] {
            if side == 0 {
                let what = "is 0: the map would have no units";
                return Err(Error::config(place, what, "give 1 or more, such as 10"));
            }
        }
        if rows.checked_mul(columns).is_none_or(|units| units > MOST_UNITS) {
            let what = format!("is {rows}, and columns {columns}: the map would have more than {MOST_UNITS} units");
            return Err(Error::config("rows", what, "make the map smaller, such as 30 x 30"));
        }
        if toroidal && grid == Grid::Hexagonal && rows % 2 == 1 {
            let what =
                format!("is {rows}: the first and the last row of a toroidal hexagonal grid would not interlock");
            return Err(Error::config("rows", what, "give an even number, or write grid = \"rectangular\""));
        }
        Ok(Self { rows, columns, grid, toroidal })
    }

    /// Returns the number of units.
    pub fn units(&self) -> usize {
        self.rows * self.columns
    }

    /// Returns the centre of a unit: x to the right, y downwards, in distances between neighbours.
    pub fn centre(&self, unit: usize) -> (f64, f64) {
        let (row, column) = (unit / self.columns, unit % self.columns);
        match self.grid {
            Grid::Rectangular => (column as f64, row as f64),
            Grid::Hexagonal => (column as f64 + 0.5 * (row % 2) as f64, row as f64 * (0.75f64).sqrt()),
        }
    }

    /// Returns the squared distance of two units on the grid. It is a multiple of 1/4, and exact.
    pub fn squared_distance(&self, a: usize, b: usize) -> f64 {
        let place = |unit: usize| (unit / self.columns, unit % self.columns);
        let ((row, column), (row_b, column_b)) = (place(a), place(b));
        let hexagonal = self.grid == Grid::Hexagonal;
        // In half units, so that the shift of a row is a whole number.
        let shift = |row: usize| if hexagonal { row % 2 } else { 0 };
        let across = (2 * column + shift(row)).abs_diff(2 * column_b + shift(row_b));
        let (down, width) = (row.abs_diff(row_b), 2 * self.columns);
        let (across, down) = if self.toroidal {
            (across.min(width.abs_diff(across)), down.min(self.rows - down))
        } else {
            (across, down)
        };
        let of_row = if hexagonal { 0.75 } else { 1.0 };
        (across * across) as f64 / 4.0 + of_row * (down * down) as f64
    }

    /// Whether two different units are neighbours: on a rectangular grid also those that touch at a corner.
    pub fn are_adjacent(&self, a: usize, b: usize) -> bool {
        let reach = if self.grid == Grid::Hexagonal { 1.0 } else { 2.0 };
        a != b && self.squared_distance(a, b) <= reach
    }

    /// Returns the neighbours of a unit, in order: at most eight on a rectangular grid, six on a hexagonal one.
    pub fn adjacent(&self, unit: usize) -> Vec<usize> {
        (0..self.units()).filter(|&other| self.are_adjacent(unit, other)).collect()
    }

    /// Returns the fractions along rows and columns at which a unit lies: 0 at one side of the map, 1 at the other, 0.5
    /// where there is only one.
    pub(super) fn fractions(&self, unit: usize) -> (f64, f64) {
        let of = |at: usize, sides: usize| if sides == 1 { 0.5 } else { at as f64 / (sides - 1) as f64 };
        (of(unit / self.columns, self.rows), of(unit % self.columns, self.columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hexagonal_unit_has_six_neighbours_at_distance_one() {
        let lattice = Lattice::new(5, 6, Grid::Hexagonal, false).unwrap();
        for (unit, neighbours) in [(7, [1, 2, 6, 8, 13, 14]), (13, [6, 7, 12, 14, 18, 19])] {
            assert_eq!(lattice.adjacent(unit), neighbours);
            for other in neighbours {
                assert_eq!(lattice.squared_distance(unit, other), 1.0);
                let ((x, y), (u, v)) = (lattice.centre(unit), lattice.centre(other));
                assert!(((x - u) * (x - u) + (y - v) * (y - v) - 1.0).abs() < 1e-15);
            }
        }
        assert_eq!(lattice.adjacent(0), [1, 6]);
    }

    #[test]
    fn all_units_of_a_torus_are_alike() {
        for grid in [Grid::Rectangular, Grid::Hexagonal] {
            let lattice = Lattice::new(6, 7, grid, true).unwrap();
            let sorted = |unit: usize| {
                let mut all: Vec<f64> = (0..42).map(|other| lattice.squared_distance(unit, other)).collect();
                all.sort_by(f64::total_cmp);
                all
            };
            for unit in 0..42 {
                assert_eq!(sorted(unit), sorted(0), "{grid:?} {unit}");
                assert_eq!(lattice.adjacent(unit).len(), if grid == Grid::Hexagonal { 6 } else { 8 });
            }
        }
    }

    #[test]
    fn a_map_of_no_units_is_refused() {
        let said = |rows, columns, grid, toroidal| Lattice::new(rows, columns, grid, toroidal).unwrap_err().to_string();
        assert!(said(0, 3, Grid::Rectangular, false).contains("rows: is 0: the map would have no units"));
        assert!(said(3, 0, Grid::Rectangular, false).contains("columns: is 0"));
        assert!(said(usize::MAX, 2, Grid::Rectangular, false).contains("more than 5000 units"));
        assert!(said(3, 4, Grid::Hexagonal, true).contains("would not interlock"));
        assert!(
            Lattice::new(3, 4, Grid::Hexagonal, false).is_ok() && Lattice::new(3, 4, Grid::Rectangular, true).is_ok()
        );
    }
}
