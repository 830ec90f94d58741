//! Points of the plane on a mesh: each is spread over the 6 x 6 nodes around it, and read back from them.
//!
//! The weight of a node is a quintic B-spline of the distance in each direction (Schoenberg 1946), a smooth bump of six
//! pieces, so that what is read back has a derivative. On the nodes the spline takes the values 1, 26, 66, 26, 1 over
//! 120, whose spectrum [`nodes`] gives: a mesh whose spectrum is divided by it is read back exactly on the nodes.

use crate::geometry::product;
use crate::{Scalar, parallel};

/// Nodes that a point touches in each direction.
pub const WIDTH: usize = 6;

/// The same filled up to a vector.
const LANES: usize = 8;

/// Points of one piece of parallel work.
const PIECE: usize = 1 << 13;
/// Most pieces when points are spread: each has a mesh of its own.
const PIECES: usize = 4;

/// A square mesh of nodes.
#[derive(Clone, Copy, Debug)]
pub struct Mesh<T> {
    /// Nodes in each direction.
    pub size: usize,
    /// Where node (`size / 2`, `size / 2`) is. Positions are taken from here, so that points close by keep their
    /// digits.
    pub center: [T; 2],
    /// Nodes per unit of length.
    pub per_unit: T,
}

/// Returns Σ_m B(m) e^(2πi f m) of the spline's values on the nodes, at `f` cycles per node.
pub fn nodes(f: f64) -> f64 {
    let angle = 2.0 * std::f64::consts::PI * f;
    (66.0 + 52.0 * libm::cos(angle) + 2.0 * libm::cos(2.0 * angle)) / 120.0
}

/// Returns 120 B at the six nodes around a point `t` beyond the third of them; two zeros fill up a vector.
#[inline(always)]
fn spline<T: Scalar>(t: T) -> [T; LANES] {
    let s = T::ONE - t;
    [outer(s), middle(s), inner(t), inner(s), middle(t), outer(t), T::ZERO, T::ZERO]
}

#[inline(always)]
fn outer<T: Scalar>(t: T) -> T {
    t * t * t * t * t
}

#[inline(always)]
fn middle<T: Scalar>(t: T) -> T {
    polynomial([1.0, 5.0, 10.0, 10.0, 5.0, -5.0], t)
}

#[inline(always)]
fn inner<T: Scalar>(t: T) -> T {
    polynomial([66.0, 0.0, -60.0, 0.0, 30.0, -10.0], t)
}

/// Returns the derivative of [`spline`] along `t`.
#[inline(always)]
fn derivative<T: Scalar>(t: T) -> [T; LANES] {
    let s = T::ONE - t;
    let outer = |t: T| polynomial([0.0, 0.0, 0.0, 0.0, 5.0, 0.0], t);
    let middle = |t: T| polynomial([5.0, 20.0, 30.0, 20.0, -25.0, 0.0], t);
    let inner = |t: T| polynomial([0.0, -120.0, 0.0, 120.0, -50.0, 0.0], t);
    [-outer(s), -middle(s), inner(t), -inner(s), middle(t), outer(t), T::ZERO, T::ZERO]
}

#[inline(always)]
fn polynomial<T: Scalar>(c: [f64; 6], t: T) -> T {
    let mut value = T::from_f64(c[5]);
    for k in (0..5).rev() {
        value = value * t + T::from_f64(c[k]);
    }
    value
}

impl<T: Scalar> Mesh<T> {
    /// Returns the first of a point's nodes along an axis, and how far the point is beyond the second.
    #[inline(always)]
    fn place(&self, point: [T; 2], axis: usize) -> (usize, T) {
        let u = (point[axis] - self.center[axis]) * self.per_unit;
        let cell = u.floor();
        // NaN and points outside end up at some node: the values will be NaN or large.
        let first = cell.to_f64() as i32 + self.size as i32 / 2 - 2;
        (first.clamp(0, (self.size - LANES) as i32) as usize, u - cell)
    }

    /// Computes the sum of the splines of all `points`, on the nodes: `out` is size x size, row-major, y down.
    pub fn spread(&self, points: &[[T; 2]], out: &mut [T], room: &mut Vec<T>) {
        let nodes = out.len();
        assert!(
            self.size >= LANES && Some(nodes) == product(&[self.size, self.size]),
            "mesh spread: one number for each node is needed"
        );
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
        let (x, mut y) = (spline(x), spline(y));
        y.iter_mut().for_each(|y| *y *= T::from_f64(1.0 / (120.0 * 120.0)));
        for r in 0..WIDTH {
            let nodes = &mut mesh[(row + r) * self.size + col..][..LANES];
            for c in 0..LANES {
                nodes[c] += y[r] * x[c];
            }
        }
    }

    /// Returns the value and the derivatives along x and y at `point` of the splines with the weights `values`.
    #[inline(always)]
    pub fn read(&self, values: &[T], point: [T; 2]) -> [T; 3] {
        let [(col, x), (row, y)] = [self.place(point, 0), self.place(point, 1)];
        let (wx, wy, dx, dy) = (spline(x), spline(y), derivative(x), derivative(y));
        let [mut along, mut across] = [[T::ZERO; LANES]; 2];
        for r in 0..WIDTH {
            let nodes = &values[(row + r) * self.size + col..][..LANES];
            for c in 0..LANES {
                along[c] += wy[r] * nodes[c];
                across[c] += dy[r] * nodes[c];
            }
        }
        let unit = T::from_f64(1.0 / (120.0 * 120.0));
        let per_unit = unit * self.per_unit;
        [unit * dot(wx, along), per_unit * dot(dx, along), per_unit * dot(wx, across)]
    }
}

/// Returns Σ a b, by halves.
#[inline(always)]
fn dot<T: Scalar>(a: [T; LANES], b: [T; LANES]) -> T {
    let mut sum = a;
    for l in 0..LANES {
        sum[l] *= b[l];
    }
    ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))
}
