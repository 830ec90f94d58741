//! An image moved by whole pixels, and partly covered.
//!
//! No value is interpolated, so nothing is blurred. What comes in from beyond the border is the image, reflected at its
//! outermost pixels: row -1 is row 1. An image that is dark all around gets dark pixels so.

/// A move by whole pixels, and after it a square hole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// By how many pixels the image moves downwards and to the right.
    pub by: [isize; 2],
    /// Side of the square that is set to 0; 0 is none.
    pub hole: usize,
    /// Where its middle is, as fractions of height and width in [0, 1).
    pub at: [f64; 2],
}

impl Place {
    /// Changes a plane of `height` x `width` in place.
    pub fn apply(&self, plane: &mut [f32], height: usize, width: usize) {
        if self.by != [0, 0] {
            let from = plane.to_vec();
            for (y, row) in plane.chunks_mut(width).enumerate() {
                let source = &from[reflected(y as isize - self.by[0], height) * width..][..width];
                for (x, value) in row.iter_mut().enumerate() {
                    *value = source[reflected(x as isize - self.by[1], width)];
                }
            }
        }
        if self.hole > 0 {
            let [rows, columns] = [(self.at[0], height), (self.at[1], width)].map(|(at, size)| {
                let first = (at * size as f64) as isize - (self.hole / 2) as isize;
                let end = first + self.hole as isize;
                first.clamp(0, size as isize) as usize..end.clamp(0, size as isize) as usize
            });
            rows.for_each(|y| plane[y * width..][..width][columns.clone()].fill(0.0));
        }
    }
}

/// The place inside `0..size` onto which a place outside is reflected, as often as it takes.
fn reflected(place: isize, size: usize) -> usize {
    let last = size as isize - 1;
    if last == 0 {
        return 0;
    }
    let within = place.rem_euclid(2 * last);
    within.min(2 * last - within) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_by_hand() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let moved = |by, hole, at| {
            let mut plane = image;
            Place { by, hole, at }.apply(&mut plane, 3, 3);
            plane
        };
        assert_eq!(moved([0, 0], 0, [0.5, 0.5]), image);
        assert_eq!(moved([1, 0], 0, [0.5, 0.5]), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(moved([0, -1], 0, [0.5, 0.5]), [2.0, 3.0, 2.0, 5.0, 6.0, 5.0, 8.0, 9.0, 8.0]);
        assert_eq!(moved([0, 0], 1, [0.5, 0.99]), [1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 7.0, 8.0, 9.0]);
        assert_eq!(moved([0, 0], 3, [0.0, 0.0]), [0.0, 0.0, 3.0, 0.0, 0.0, 6.0, 7.0, 8.0, 9.0]);
        assert_eq!([-3, -1, 0, 2, 3, 4, 7].map(|place| reflected(place, 3)), [1, 1, 0, 2, 1, 0, 1]);
        assert_eq!(reflected(5, 1), 0);
    }
}
