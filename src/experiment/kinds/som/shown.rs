//! The units of a map in the units of the data: as numbers of a table, or as images.

use crate::analysis::som::{Grid, Lattice};
use crate::error::Result;
use crate::experiment::data::Features;
use crate::experiment::preparation::Preparation;
use crate::report::chart::Tile;
use ndarray::{Array2, ArrayView2};

/// Returns the weights of the units in the units of the data: without the scale that was learned from the training split.
pub(super) fn in_units(p: &Preparation, units: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
    if let Some(scaler) = &p.scaler {
        return scaler.inverse_transform(units);
    }
    let mut units = units.to_owned();
    if let Some(scale) = &p.normalization {
        let area = p.image[1] * p.image[2];
        units.indexed_iter_mut().for_each(|((_, j), w)| *w = *w * scale.std[j / area] + scale.mean[j / area]);
    }
    Ok(units)
}

/// Whether the units are images: pixels of images, and not the rows of a table or features.
pub(super) fn are_images(p: &Preparation) -> bool {
    p.features == Features::Pixels && !p.is_table()
}

/// Returns all units as one image, each at its place on the map; every second row of a hexagonal map is shifted. What lies
/// outside [0, 1] is shown as black or white; where each image was brought to a scale of its own, the map is brought to one.
pub(super) fn mosaic(p: &Preparation, lattice: &Lattice, units: &Array2<f32>) -> Tile {
    let [channels, height, width] = p.image;
    let shift = if lattice.grid == Grid::Hexagonal { width / 2 } else { 0 };
    let (high, wide) = (lattice.rows * height, lattice.columns * width + shift);
    let (low, range) = if p.per_image {
        let (low, most) = units.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &w| (a.min(w), b.max(w)));
        (low, (most - low).max(f32::MIN_POSITIVE))
    } else {
        (0.0, 1.0)
    };
    let mut pixels = vec![0.5; channels * high * wide];
    for (unit, weights) in units.rows().into_iter().enumerate() {
        let (row, column) = (unit / lattice.columns, unit % lattice.columns);
        let left = column * width + if row % 2 == 1 { shift } else { 0 };
        for (j, &w) in weights.iter().enumerate() {
            let (channel, y, x) = (j / (height * width), j / width % height, j % width);
            pixels[(channel * high + row * height + y) * wide + left + x] = (w - low) / range;
        }
    }
    Tile::chw(&pixels, channels, high, wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::data::{Data, Normalize};
    use crate::report::chart::ImageGrid;

    #[test]
    fn units_come_back_to_the_scale_of_the_data() {
        let points = crate::data::Moons { per_class: 40, noise: 0.1, seed: 3 }.render().unwrap();
        let d: Data = toml::from_str("kind = \"moons\"\nnormalize = \"standard\"").unwrap();
        assert_eq!(d.normalize, Normalize::Standard);
        let p = Preparation::fit(&d, &points).unwrap();
        let scaled = p.samples_of(&points, None).unwrap().batch(&[0, 1, 2], None);
        let back = in_units(&p, scaled.array2().unwrap()).unwrap();
        assert!(back.iter().zip(points.pixels.data()).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(!are_images(&p));
    }

    #[test]
    fn a_mosaic_holds_each_unit_at_its_place() {
        let digits = crate::data::Digits { n: 20, seed: 1 }.render().unwrap();
        let d: Data = toml::from_str("kind = \"digits\"\nnormalize = \"none\"").unwrap();
        let p = Preparation::fit(&d, &digits).unwrap();
        assert!(are_images(&p));
        let units = Array2::from_shape_fn((6, 784), |(unit, _)| unit as f32 / 5.0);
        let lattice = Lattice::new(2, 3, Grid::Hexagonal, false).unwrap();
        let figure = ImageGrid::new("map").group("", vec![mosaic(&p, &lattice, &units)]).draw();
        assert!(figure.png().is_ok());
    }
}
