//! Points of the plane on a mesh: each is spread over the 4 x 4 nodes around it, and read back from them.
//!
//! The share of a node is a cubic B-spline of the distance in each direction (Schoenberg 1946), B(u) = Σ of pieces on
//! four unit intervals; it is smooth, so what is read back has a slope. On the nodes the spline takes the values
//! 1/6, 4/6, 1/6, whose spectrum [`nodes`] gives: dividing by it makes reading back exact on the nodes.

use crate::{Scalar, parallel};

/// Nodes that a point touches in each direction.
pub const WIDTH: usize = 4;

/// Points of one piece of parallel work.
const PIECE: usize = 1 << 13;
/// Most pieces when points are spread: each has a mesh of its own.
const PIECES: usize = 4;

/// A square mesh of nodes.
#[derive(Clone, Copy, Debug)]
pub struct Mesh<T> {
    /// Nodes in each direction.
    pub size: usize,
    /// Where node (`size / 2`, `size / 2`) is. Positions are taken from here, so that points close by keep their digits.
    pub center: [T; 2],
    /// Nodes per unit of length.
    pub per_unit: T,
}

/// Σ_m B(m) e^(2πi f m) of the spline's values on the nodes, at `f` cycles per node.
pub fn nodes(f: f64) -> f64 {
    (2.0 + libm::cos(2.0 * std::f64::consts::PI * f)) / 3.0
}

/// B at the four nodes around a point `t` beyond the second of them.
#[inline(always)]
fn spline<T: Scalar>(t: T) -> [T; WIDTH] {
    let (sixth, half, two_thirds) = (T::from_f64(1.0 / 6.0), T::from_f64(0.5), T::from_f64(2.0 / 3.0));
    let s = T::ONE - t;
    let near = |t: T| (t * half - T::ONE) * t * t + two_thirds;
    [s * s * s * sixth, near(t), near(s), t * t * t * sixth]
}

/// The slope of [`spline`] along `t`.
#[inline(always)]
fn slope<T: Scalar>(t: T) -> [T; WIDTH] {
    let (half, two) = (T::from_f64(0.5), T::from_f64(2.0));
    let s = T::ONE - t;
    let near = |t: T| (t * T::from_f64(1.5) - two) * t;
    [-(s * s * half), near(t), -near(s), t * t * half]
}

impl<T: Scalar> Mesh<T> {
    /// The first of a point's nodes along an axis, and how far the point is beyond the second.
    #[inline(always)]
    fn place(&self, point: [T; 2], axis: usize) -> (usize, T) {
        let u = (point[axis] - self.center[axis]) * self.per_unit;
        let cell = u.floor();
        // NaN and what lies outside end up at some node: the values will tell.
        let first = cell.to_f64() as i32 + self.size as i32 / 2 - 1;
        (first.clamp(0, (self.size - WIDTH) as i32) as usize, u - cell)
    }

    /// The sum of the splines of all `points`, on the nodes: `out` is size x size, row-major, y down.
    pub fn spread(&self, points: &[[T; 2]], out: &mut [T], room: &mut Vec<T>) {
        let nodes = self.size * self.size;
        assert_eq!(out.len(), nodes, "mesh spread: one number for each node is wanted");
        // The pieces depend on the number of points alone, and are added up in order.
        let pieces = points.len().div_ceil(PIECE).clamp(1, PIECES);
        let len = points.len().div_ceil(pieces).max(1);
        room.clear();
        room.resize(nodes * (pieces - 1), T::ZERO);
        out.fill(T::ZERO);
        let mut meshes: Vec<&mut [T]> = std::iter::once(&mut *out).chain(room.chunks_mut(nodes)).collect();
        parallel::chunks_unless(pieces == 1, &mut meshes, 1, |piece, mesh| {
            let start = (piece * len).min(points.len());
            let points = &points[start..points.len().min(start + len)];
            points.iter().for_each(|&point| self.add(point, mesh[0]));
        });
        let rest = &*room;
        parallel::chunks_unless(pieces == 1, out, nodes.div_ceil(8), |piece, out| {
            for mesh in rest.chunks(nodes) {
                let mesh = &mesh[piece * nodes.div_ceil(8)..][..out.len()];
                out.iter_mut().zip(mesh).for_each(|(out, &more)| *out += more);
            }
        });
    }

    #[inline(always)]
    fn add(&self, point: [T; 2], mesh: &mut [T]) {
        let [(col, x), (row, y)] = [self.place(point, 0), self.place(point, 1)];
        let (x, y) = (spline(x), spline(y));
        for r in 0..WIDTH {
            let nodes = &mut mesh[(row + r) * self.size + col..][..WIDTH];
            for c in 0..WIDTH {
                nodes[c] += y[r] * x[c];
            }
        }
    }

    /// The value and the slopes along x and y at `point` of the splines with the weights `values`.
    #[inline(always)]
    pub fn read(&self, values: &[T], point: [T; 2]) -> [T; 3] {
        let [(col, x), (row, y)] = [self.place(point, 0), self.place(point, 1)];
        let (wx, wy, dx, dy) = (spline(x), spline(y), slope(x), slope(y));
        let [mut along, mut across] = [[T::ZERO; WIDTH]; 2];
        for r in 0..WIDTH {
            let nodes = &values[(row + r) * self.size + col..][..WIDTH];
            for c in 0..WIDTH {
                along[c] += wy[r] * nodes[c];
                across[c] += dy[r] * nodes[c];
            }
        }
        let dot = |a: [T; WIDTH], b: [T; WIDTH]| (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
        [dot(wx, along), dot(dx, along) * self.per_unit, dot(wx, across) * self.per_unit]
    }
}
