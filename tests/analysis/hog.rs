//! Histograms of oriented gradients against scikit-image, by hand, and on any number of threads.
//!
//! `golden/hog.json` is written by `golden/make_hog.py`.

use gradus::analysis::hog::{BlockNorm, Hog};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    shape: [usize; 3],
    hog: Hog,
    /// Pixels are whole numbers over this.
    unit: f32,
    pixels: Vec<f32>,
    vector: Vec<f64>,
}

#[test]
fn the_values_are_those_of_scikit_image() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/hog.json")).unwrap();
    assert_eq!(cases.len(), 17);
    for Case { shape: [c, h, w], hog, unit, pixels, vector } in cases {
        let pixels = Tensor::new(pixels.iter().map(|v| v / unit).collect(), [1, c, h, w]).unwrap();
        let got = hog.of_images(&pixels).unwrap();
        assert_eq!(got.dim(), (1, hog.dimensions([h, w]).unwrap()));
        assert_eq!(got.len(), vector.len(), "{hog:?}");
        assert!(vector.iter().any(|&v| v > 0.1));
        // scikit-image adds a cell's votes in f32: each of up to `area` additions, and the division, is off by up to
        // 2^-24 of the (never negative) sum; a block's length is off as much again. Our f32 result adds its own half
        // unit. A vote in the wrong bin or cell would be off by a hundredth or more.
        let relative = 2.0 * (hog.cell[0] * hog.cell[1] + 1) as f64 * 2f64.powi(-24);
        for (i, (g, w)) in got.iter().zip(&vector).enumerate() {
            assert!((f64::from(*g) - w).abs() <= relative * w + 2f64.powi(-25), "{hog:?}, {i}: got {g}, expected {w}");
        }
    }
}

#[test]
fn a_ramp_fills_one_bin() {
    // Brightness rises by 1/16 a pixel to the right: gx = 1/8 but for the border, direction 0°.
    let ramp = Tensor::from_fn([1, 1, 8, 8], |i| (i % 8) as f32 / 16.0);
    let hog = Hog { orientations: 4, cell: [4, 4], block: [1, 1], ..Hog::default() };
    let cells = hog.histograms(&ramp, 0).unwrap();
    assert_eq!(cells.dim(), (2, 2, 4));
    // 12 of a cell's 16 pixels are inside.
    assert!(
        cells.outer_iter().all(|row| row.outer_iter().all(|cell| cell.to_vec() == [12.0 / 8.0 / 16.0, 0., 0., 0.]))
    );
    assert_eq!(hog.directions(), [22.5, 67.5, 112.5, 157.5]);
    // Downwards: 90°, which opens bin 2 of 4.
    let ramp = Tensor::from_fn([1, 1, 8, 8], |i| (i / 8) as f32 / 16.0);
    assert_eq!(hog.histograms(&ramp, 0).unwrap()[[1, 0, 2]], 12.0 / 8.0 / 16.0);
    // The channel with the largest gradient decides, wherever it stands.
    let both = |order: [usize; 2]| {
        Tensor::from_fn([1, 2, 8, 8], move |i| {
            let steep = order[i / 64] == 0;
            if steep { (i % 64 / 8) as f32 / 8.0 } else { (i % 8) as f32 / 16.0 }
        })
    };
    let inner = |x: &Tensor| hog.histograms(x, 0).unwrap()[[0, 0, 2]];
    assert_eq!(inner(&both([0, 1])), inner(&both([1, 0])));
    // But the first row, where nothing points down, shows the other channel's 0°.
    assert_eq!(hog.histograms(&both([0, 1]), 0).unwrap()[[0, 0, 0]], 3.0 / 8.0 / 16.0);
}

#[test]
fn bits_are_the_same_on_any_number_of_threads() {
    let pixels = Tensor::rand([40, 1, 28, 28], 0.0, 1.0, &mut Rng::new(3, "hog", 0));
    let hog = Hog { orientations: 8, cell: [4, 4], block: [2, 2], ..Hog::default() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| hog.of_images(&pixels).unwrap())
    };
    let one = with(1);
    assert_eq!(one.dim(), (40, 6 * 6 * 4 * 8));
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
    // And an image's row does not depend on the others.
    assert_eq!(hog.of_images(&pixels.gather(&[7])).unwrap().row(0), one.row(7));
    assert_eq!(hog.of_images(&pixels.gather(&[])).unwrap().dim(), (0, one.ncols()));
}

#[test]
fn silly_requests_are_refused() {
    let refused = |hog: &Hog, x: &Tensor| hog.of_images(x).unwrap_err().to_string();
    let hog = Hog::default();
    let x = Tensor::zeros([1, 1, 28, 28]);
    assert!(refused(&hog, &Tensor::zeros([1, 1, 23, 28])).contains("2 x 3 cells of 8 x 8 pixels"));
    assert!(refused(&hog, &Tensor::zeros([28, 28])).contains("N C H W"));
    assert!(refused(&Hog { orientations: 0, ..hog.clone() }, &x).contains("at least 1"));
    assert!(refused(&Hog { cell: [0, 4], ..hog.clone() }, &x).contains("at least 1"));
    let mut odd = x.to_vec();
    odd[5] = f32::NAN;
    assert!(refused(&hog, &Tensor::new(odd.clone(), [1, 1, 28, 28]).unwrap()).contains("image 0 has the pixel NaN"));
    odd[5] = -0.5;
    let negative = Tensor::new(odd, [1, 1, 28, 28]).unwrap();
    assert!(hog.of_images(&negative).is_ok());
    assert!(refused(&Hog { transform_sqrt: true, ..hog.clone() }, &negative).contains("not negative"));
    assert!(hog.histograms(&x, 1).unwrap_err().to_string().contains("there is no image 1"));
}

#[test]
fn recipes_are_written_as_scikit_image_spells_them() {
    let hog: Hog = toml::from_str("orientations = 8\ncell = [4, 4]\nblock = [1, 1]\nnorm = \"L1-sqrt\"").unwrap();
    assert_eq!((hog.dimensions([28, 28]).unwrap(), hog.norm), (392, BlockNorm::L1Sqrt));
    assert_eq!(toml::from_str::<Hog>("").unwrap(), Hog::default());
    assert_eq!(toml::from_str::<Hog>("norm = \"L2-Hys\"").unwrap(), Hog::default());
    assert!(toml::from_str::<Hog>("orientation = 8").unwrap_err().to_string().contains("unknown field"));
}
