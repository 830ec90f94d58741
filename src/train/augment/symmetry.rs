//! The eight ways to lay a square onto itself: the dihedral group D4.
//!
//! Each is a walk through the same pixels from another corner with other steps, so applying one costs no more than a
//! copy, and no pixel changes its value.

/// One of the eight symmetries of the square: mirror the image's columns, its rows, or both, then perhaps exchange
/// rows and columns (as the reader of the source walks it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Symmetry {
    /// Rows of the result are columns of the source.
    pub transpose: bool,
    /// Going down the result goes backwards through the source.
    pub flip_y: bool,
    /// Going right in the result goes backwards through the source.
    pub flip_x: bool,
}

impl Symmetry {
    /// Nothing changes.
    pub const IDENTITY: Symmetry = Symmetry { transpose: false, flip_y: false, flip_x: false };

    /// Counter-clockwise turn by `quarters` times 90 degrees (as `numpy.rot90`).
    pub fn turn(quarters: usize) -> Symmetry {
        match quarters % 4 {
            0 => Self::IDENTITY,
            1 => Symmetry { transpose: true, flip_y: true, flip_x: false },
            2 => Symmetry { transpose: false, flip_y: true, flip_x: true },
            _ => Symmetry { transpose: true, flip_y: false, flip_x: true },
        }
    }

    /// Where in a plane of `height` x `width` the result's first pixel stands, and how far it is to the pixel below it
    /// and to the one right of it.
    pub(super) fn walk(self, height: usize, width: usize) -> [isize; 3] {
        let (height, width) = (height as isize, width as isize);
        let (down, right) = if self.transpose { (1, width) } else { (width, 1) };
        // On a square, going backwards down a column is as long as going backwards along a row.
        let start =
            if self.flip_y { (height - 1) * down } else { 0 } + if self.flip_x { (width - 1) * right } else { 0 };
        [start, if self.flip_y { -down } else { down }, if self.flip_x { -right } else { right }]
    }

    /// Writes the plane `from` (`height` x `width`) to `to` through the symmetry. A transpose needs a square.
    pub fn apply(self, from: &[f32], to: &mut [f32], height: usize, width: usize) {
        assert!(from.len() == height * width && to.len() == from.len(), "Symmetry::apply: a plane is height x width");
        assert!(!self.transpose || height == width, "Symmetry::apply: only squares have a transpose");
        let [start, down, right] = self.walk(height, width);
        for (y, to) in to.chunks_mut(width).enumerate() {
            let row = start + y as isize * down;
            match right {
                1 => to.copy_from_slice(&from[row as usize..][..width]),
                _ => to.iter_mut().enumerate().for_each(|(x, v)| *v = from[(row + x as isize * right) as usize]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(s: Symmetry, from: &[f32]) -> Vec<f32> {
        let mut to = vec![0.0; 4];
        s.apply(from, &mut to, 2, 2);
        to
    }

    #[test]
    fn turns_are_those_of_numpy() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(apply(Symmetry::turn(0), &x), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(apply(Symmetry::turn(1), &x), [2.0, 4.0, 1.0, 3.0]);
        assert_eq!(apply(Symmetry::turn(2), &x), [4.0, 3.0, 2.0, 1.0]);
        assert_eq!(apply(Symmetry::turn(3), &x), [3.0, 1.0, 4.0, 2.0]);
        assert_eq!(apply(Symmetry { flip_x: true, ..Symmetry::IDENTITY }, &x), [2.0, 1.0, 4.0, 3.0]);
    }

    #[test]
    fn oblong_images_are_mirrored_and_turned_by_half() {
        let x: Vec<f32> = (0..6).map(|i| i as f32).collect();
        let through = |s: Symmetry| {
            let mut to = vec![0.0; 6];
            s.apply(&x, &mut to, 2, 3);
            to
        };
        assert_eq!(through(Symmetry { flip_x: true, ..Symmetry::IDENTITY }), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert_eq!(through(Symmetry { flip_y: true, ..Symmetry::IDENTITY }), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
        assert_eq!(through(Symmetry::turn(2)), [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    }
}
