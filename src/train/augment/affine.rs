//! An image shifted, turned and zoomed a little, all at once.
//!
//! For each pixel of the result one asks where in the source it comes from, which is hardly ever the middle of a pixel,
//! and mixes the four around that place by how near they are (bilinear interpolation). Shifting, turning and zooming
//! one after the other would blur three times; their product is one affine map, and blurs once. What would come from
//! beyond the border is taken from the border's nearest pixel, so that no frame of a foreign colour appears, whatever
//! the pixels' scale.

use super::symmetry::Symmetry;

/// Zoom, stretch and turn about the middle, then shift: p' = c + t + R diag(z / s, z s) (p - c) for (row, column), c the
/// middle of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// By how many degrees the image is turned, counter-clockwise.
    pub degrees: f64,
    /// By which factor it is enlarged. Not 0.
    pub zoom: f64,
    /// s: by which factor it is made wider, and as much lower. Not 0.
    pub stretch: f64,
    /// By how many pixels it moves downwards and to the right.
    pub shift: [f64; 2],
}

impl Affine {
    /// Nothing changes.
    pub const IDENTITY: Affine = Affine { degrees: 0.0, zoom: 1.0, stretch: 1.0, shift: [0.0; 2] };

    /// Writes the plane `from` (`height` x `width`) to `to`, first through `symmetry`, then through the map. A
    /// symmetry with a transpose needs a square.
    pub fn apply(&self, symmetry: Symmetry, from: &[f32], to: &mut [f32], height: usize, width: usize) {
        assert!(from.len() == height * width && to.len() == from.len(), "Affine::apply: a plane is height x width");
        assert!(!symmetry.transpose || height == width, "Affine::apply: only squares have a transpose");
        let [start, down, right] = symmetry.walk(height, width);
        let pixel = |y: usize, x: usize| from[(start + y as isize * down + x as isize * right) as usize];
        let (last_y, last_x) = (height.saturating_sub(1), width.saturating_sub(1));
        let (middle_y, middle_x) = (last_y as f64 / 2.0, last_x as f64 / 2.0);
        // Backwards: take away the shift, turn back, shrink. With y downwards the signs of the sine are exchanged.
        let (sin, cos) = libm::sincos(self.degrees.to_radians());
        let (sin, cos) = (sin / self.zoom, cos / self.zoom);
        let (tall, wide) = (self.stretch, 1.0 / self.stretch);
        for (y, row) in to.chunks_mut(width).enumerate() {
            let dy = y as f64 - middle_y - self.shift[0];
            let (row_y, row_x) = (middle_y + tall * cos * dy, middle_x - wide * sin * dy);
            for (x, value) in row.iter_mut().enumerate() {
                let dx = x as f64 - middle_x - self.shift[1];
                let (y0, y1, fy) = between(row_y + tall * sin * dx, last_y);
                let (x0, x1, fx) = between(row_x + wide * cos * dx, last_x);
                let upper = mix(pixel(y0, x0), pixel(y0, x1), fx);
                let lower = mix(pixel(y1, x0), pixel(y1, x1), fx);
                *value = mix(upper, lower, fy);
            }
        }
    }
}

/// The two pixels around a place, and how far it is from the first to the second: 0 to 1.
fn between(place: f64, last: usize) -> (usize, usize, f32) {
    let place = place.clamp(0.0, last as f64);
    let first = place as usize;
    (first, (first + 1).min(last), (place - first as f64) as f32)
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    (1.0 - share) * a + share * b
}
