//! A quadtree in an array, for forces from afar (Barnes & Hut 1986).
//!
//! Each cell of the plane is cut into four until few points are left. The points are first sorted along Morton's
//! Z-curve (1966), whose index interleaves the bits of x and y: the points of any cell then lie next to each other, so
//! a cell is a range, and cutting it in four is three binary searches. Cells are stored in depth-first order, each with
//! the index of the first cell that is not inside it: a walk is one loop that goes to the next cell, or skips ahead.
//! No pointers, no stack; building recurses at most `DEPTH` deep, also if all points coincide.

use crate::real::Real;

/// Levels below the root: bits of a coordinate along the curve.
const DEPTH: u32 = 32;

/// Points up to which a cell is not cut again.
const LEAF: usize = 8;

/// A square of the plane.
#[derive(Clone, Copy, Debug)]
struct Cell<T> {
    /// The points' mean.
    center: [T; 2],
    /// The squared width; 0 for the smallest cells there are, whose points count as coinciding.
    squared_width: T,
    /// The points inside: a range along the curve.
    start: u32,
    end: u32,
    /// The next cell that is not inside this one.
    skip: u32,
    leaf: bool,
}

/// The tree over some points of the plane.
#[derive(Debug)]
pub struct QuadTree<T> {
    cells: Vec<Cell<T>>,
    /// Along the curve: the points' indices, positions, and codes.
    order: Vec<u32>,
    points: Vec<[T; 2]>,
    codes: Vec<u64>,
}

impl<T: Real> QuadTree<T> {
    /// Returns the tree over the points `y` (x and y of each in turn), which must be finite.
    pub fn new(y: &[T]) -> Self {
        let (codes, width) = morton_codes(y);
        let mut order: Vec<u32> = (0..codes.len() as u32).collect();
        order.sort_unstable_by_key(|&i| (codes[i as usize], i));
        let points: Vec<[T; 2]> = order.iter().map(|&i| [y[2 * i as usize], y[2 * i as usize + 1]]).collect();
        let codes = order.iter().map(|&i| codes[i as usize]).collect();
        let mut tree = Self { cells: Vec::with_capacity(2 * points.len() / LEAF + 1), order, points, codes };
        if !tree.points.is_empty() {
            tree.build(0, tree.points.len(), 0, width);
        }
        tree
    }

    /// Returns the points' indices along the curve: neighbours here are mostly neighbours in the plane.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Returns the number of cells.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Adds the cell of the points `start..end` and all inside it.
    fn build(&mut self, start: usize, end: usize, level: u32, width: f64) {
        let index = self.cells.len();
        let smallest = level == DEPTH;
        let leaf = smallest || end - start <= LEAF;
        let mean = |axis: usize| {
            let sum: f64 = self.points[start..end].iter().map(|p| p[axis].to_f64()).sum();
            T::from_f64(sum / (end - start) as f64)
        };
        let squared_width = if smallest { T::ZERO } else { T::from_f64(width * width) };
        let center = [mean(0), mean(1)];
        self.cells.push(Cell { center, squared_width, start: start as u32, end: end as u32, skip: 0, leaf });
        if !leaf {
            let shift = 2 * (DEPTH - 1 - level);
            let mut from = start;
            for quadrant in 0..4 {
                let to = from + self.codes[from..end].partition_point(|c| (c >> shift) & 3 <= quadrant);
                if to > from {
                    self.build(from, to, level + 1, width / 2.0);
                }
                from = to;
            }
        }
        self.cells[index].skip = self.cells.len() as u32;
    }

    /// Computes the repulsion on the point at place `rank` of the curve: Σ w² dx, Σ w² dy and Σ w over all other
    /// points.
    ///
    /// A cell without the point stands for its points if width < `theta` times distance; with `theta` 0 none does.
    pub fn repulsion(&self, rank: usize, theta: T) -> [T; 3] {
        let (point, theta2) = (self.points[rank], theta * theta);
        let mut sum = [T::ZERO; 3];
        let mut add = |from: [T; 2], count: T| {
            let (dx, dy) = (point[0] - from[0], point[1] - from[1]);
            let w = T::ONE / (T::ONE + dx * dx + dy * dy);
            let push = count * w * w;
            sum[0] += push * dx;
            sum[1] += push * dy;
            sum[2] += count * w;
        };
        let mut i = 0;
        while let Some(cell) = self.cells.get(i) {
            let (start, end) = (cell.start as usize, cell.end as usize);
            let inside = (start..end).contains(&rank);
            let (dx, dy) = (point[0] - cell.center[0], point[1] - cell.center[1]);
            let far = cell.squared_width < theta2 * (dx * dx + dy * dy);
            if cell.squared_width == T::ZERO && end - start > LEAF {
                add(cell.center, T::from_usize(end - start - usize::from(inside)));
            } else if far && !inside {
                add(cell.center, T::from_usize(end - start));
            } else if cell.leaf {
                (start..end).filter(|&j| j != rank).for_each(|j| add(self.points[j], T::ONE));
            } else {
                i += 1;
                continue;
            }
            i = cell.skip as usize;
        }
        sum
    }
}

/// Returns each point's index along the Z-curve, and the width of the square around all.
fn morton_codes<T: Real>(y: &[T]) -> (Vec<u64>, f64) {
    let bounds = |axis: usize| {
        let values = y.iter().skip(axis).step_by(2).map(|v| v.to_f64());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    };
    let (x, y_bounds) = (bounds(0), bounds(1));
    let width = (x.1 - x.0).max(y_bounds.1 - y_bounds.0).max(f64::MIN_POSITIVE);
    let steps = (1u64 << DEPTH) as f64;
    let code = |point: &[T]| {
        let bits = |v: T, low: f64| spread((((v.to_f64() - low) / width * steps) as u64).min((1 << DEPTH) - 1) as u32);
        bits(point[0], x.0) | bits(point[1], y_bounds.0) << 1
    };
    (y.chunks_exact(2).map(code).collect(), width)
}

/// Puts a zero before each bit.
fn spread(x: u32) -> u64 {
    let mut x = u64::from(x);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_interleaved() {
        assert_eq!(spread(0b1011), 0b1000101);
        assert_eq!(spread(u32::MAX), 0x5555_5555_5555_5555);
    }

    #[test]
    fn cells_are_ranges_that_tile_their_parent() {
        let y: Vec<f32> = (0..2000).map(|i| libm::sinf(i as f32 * 12.9898) * 43.75).collect();
        let tree = QuadTree::new(&y);
        let mut seen = tree.order().to_vec();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000));
        for (i, cell) in tree.cells.iter().enumerate().filter(|c| !c.1.leaf) {
            let (mut child, mut from) = (i + 1, cell.start);
            while child < cell.skip as usize {
                let inner = tree.cells[child];
                assert!(inner.start == from && inner.squared_width == cell.squared_width / 4.0);
                (from, child) = (inner.end, inner.skip as usize);
            }
            assert_eq!(from, cell.end);
        }
        assert_eq!(tree.cells[0].skip as usize, tree.cells());
    }

    #[test]
    fn coinciding_points_end_the_cutting() {
        let mut y = [0.3f32, 0.7].repeat(100_000);
        assert_eq!(QuadTree::new(&y).cells(), 1 + DEPTH as usize);
        y[0] = 1.0;
        let tree = QuadTree::new(&y);
        assert!(tree.cells() <= 2 + DEPTH as usize, "{}", tree.cells());
        // One point against 99,999 at distance 0.7: w = 1 / 1.49.
        let rank = tree.order().iter().position(|&i| i == 0).unwrap();
        let [push, _, z] = tree.repulsion(rank, 0.5);
        let w = 1.0 / 1.49f32;
        assert!((z / (99_999.0 * w) - 1.0).abs() < 1e-5 && (push / (99_999.0 * w * w * 0.7) - 1.0).abs() < 1e-5);
        assert_eq!(QuadTree::<f64>::new(&[]).cells(), 0);
    }
}
