//! # Lesson 11: transposed convolution
//!
//! A convolution with stride 2 halves an image. The decoder of an autoencoder must enlarge small feature maps to the
//! large image, and its layers are the *transpose* of the encoder's convolutions. With the convolution written as a
//! matrix, y = A x, it is
//!
//! ```text
//! x' = Aᵀ y,     so that     ⟨y, A x⟩ = ⟨Aᵀ y, x⟩     for all x and y.
//! ```
//!
//! That is not the inverse: Aᵀ A x is not x. It is what backward computes anyway, the convolution's gradient of its
//! input; used forwards it works so: every pixel of the small feature map adds its multiple of the kernel to the large
//! one, two pixels further for each step, and overlaps are summed.
//!
//! Where kernels overlap unevenly, a checkerboard appears (Odena, Dumoulin and Olah 2016): a 3x3 kernel with stride 2
//! covers some pixels once, some twice, some four times. Learned kernels can make up for that; kernels at the beginning
//! of a training do not.
//!
//! Sources: M. Zeiler et al., *Deconvolutional networks* (2010); V. Dumoulin and F. Visin, *A guide to convolution
//! arithmetic* (2016).
//!
//! Run it: `cargo run --release --example lesson -- 11`

use gradus::autograd::{Tape, Var};
use gradus::ops::{Conv2d, ConvTranspose2d, Padding};
use gradus::report::chart::{ColourMap, ImageGrid, Tile};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// A row of numbers, as it is printed.
fn row(values: &[f64]) -> String {
    values.iter().map(|v| format!("{v:6.2}")).collect()
}

/// ⟨a, b⟩.
fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.data().iter().zip(b.data()).map(|(a, b)| a * b).sum()
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let mut rng = Rng::new(11, "lesson", 0);
    let down = Conv2d { stride: [2, 2], padding: Padding::Fixed([1, 1]), ..Conv2d::default() };
    let up = ConvTranspose2d { stride: [2, 2], padding: [1, 1], ..ConvTranspose2d::default() };

    println!("1. A matrix and its transpose\n");
    // In one dimension the matrix fits on a page: seven pixels, kernel (1, 2, 3), stride 2, one pixel of padding.
    let line = Conv2d { stride: [1, 2], padding: Padding::Fixed([0, 1]), ..Conv2d::default() };
    let line_up = ConvTranspose2d { stride: [1, 2], padding: [0, 1], ..ConvTranspose2d::default() };
    let kernel = Var::constant(Tensor::new(vec![1.0f64, 2.0, 3.0], [1, 1, 1, 3])?);
    let pixel = |j: usize| Var::constant(Tensor::from_fn([1, 1, 1, 7], |i| f64::from(i == j)));
    let columns: Vec<Var<f64>> = (0..7).map(|j| pixel(j).conv2d(&kernel, None, line)).collect::<gradus::Result<_>>()?;
    println!("   A, whose row i is the kernel, 2i pixels further right:");
    for i in 0..4 {
        println!("   {}", row(&columns.iter().map(|column| column.value().data()[i]).collect::<Vec<_>>()));
    }
    println!("   Aᵀ, whose column i is the kernel, 2i pixels further down, and Aᵀ y for y = (1, 0, 0, 2):");
    let small = Var::constant(Tensor::new(vec![1.0, 0.0, 0.0, 2.0], [1, 1, 1, 4])?);
    let large = small.conv_transpose2d(&kernel, None, line_up)?;
    for (j, column) in columns.iter().enumerate() {
        println!("   {}   |{:6.2}", row(column.value().data()), large.value().data()[j]);
    }
    assert_eq!(large.value().data(), [2.0, 3.0, 0.0, 0.0, 0.0, 2.0, 4.0]);
    let x = Var::constant(Tensor::from_fn([1, 1, 1, 7], |i| i as f64));
    let there = x.conv2d(&kernel, None, line)?;
    let back = there.conv_transpose2d(&kernel, None, line_up)?;
    println!("   it is not the inverse:\n   x      {}", row(x.value().data()));
    println!("   A x    {}\n   Aᵀ A x {}", row(there.value().data()), row(back.value().data()));
    assert_ne!(back.value().data(), x.value().data());

    println!("\n2. Three ways to one result\n");
    let x: Tensor<f64> = Tensor::randn([1, 1, 7, 7], &mut rng);
    let w: Tensor<f64> = Tensor::randn([1, 1, 3, 3], &mut rng);
    let y: Tensor<f64> = Tensor::randn([1, 1, 4, 4], &mut rng);
    // The definition: each pixel adds its multiple of the kernel; the padding is cut off at the end.
    let mut laid = vec![0.0; 9 * 9];
    for (place, value) in y.data().iter().enumerate() {
        let (row, column) = (2 * (place / 4), 2 * (place % 4));
        for tap in 0..9 {
            laid[(row + tap / 3) * 9 + column + tap % 3] += value * w.data()[tap];
        }
    }
    let cut = Tensor::from_fn([1, 1, 7, 7], |i| laid[(i / 7 + 1) * 9 + i % 7 + 1]);
    // The matrix: its column j is the convolution of the image that is 1 at pixel j and 0 elsewhere.
    let unit = |j: usize| Tensor::from_fn([1, 1, 7, 7], |i| f64::from(i == j));
    let column = |j: usize| Var::constant(unit(j)).conv2d(&Var::constant(w.clone()), None, down);
    let columns: Vec<Var<f64>> = (0..49).map(column).collect::<gradus::Result<_>>()?;
    let transposed = Tensor::from_fn([1, 1, 7, 7], |j| dot(columns[j].value(), &y));
    // The gradient: of ⟨y, A x⟩ with respect to x.
    let tape = Tape::new();
    let leaf = tape.leaf(x.clone());
    let inner = leaf.conv2d(&Var::constant(w.clone()), None, down)?.mul(&Var::constant(y.clone()))?.sum()?;
    let gradient = tape.backward(&inner)?.of(&leaf)?.expect("x took part").clone();
    // The op.
    let op = Var::constant(y.clone()).conv_transpose2d(&Var::constant(w.clone()), None, up)?.into_value();
    for (name, other) in [("kernel by kernel", &cut), ("Aᵀ y", &transposed), ("a gradient", &gradient)] {
        let most = op.data().iter().zip(other.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("   the op and {name}: largest difference {most:.1e}");
        assert!(most < 1e-12);
    }
    assert_eq!(op.shape(), [1, 1, 7, 7]);

    println!("\n3. The adjoint\n");
    let ax = Var::constant(x.clone()).conv2d(&Var::constant(w.clone()), None, down)?.into_value();
    println!("   ⟨y, A x⟩ = {:.12}\n   ⟨Aᵀ y, x⟩ = {:.12}", dot(&y, &ax), dot(&op, &x));
    assert!((dot(&y, &ax) - dot(&op, &x)).abs() < 1e-12);

    println!("\n4. Sizes\n");
    println!(
        "   a convolution with stride 2 takes 7 and 8 pixels to 4, so the output padding chooses the size of the inverse direction:"
    );
    for output_padding in [0, 1] {
        let up = ConvTranspose2d { output_padding: [output_padding; 2], ..up };
        let back = Var::constant(y.clone()).conv_transpose2d(&Var::constant(w.clone()), None, up)?;
        println!("   output padding {output_padding}: 4 -> {}", back.shape()[2]);
        assert_eq!(back.shape()[2], 7 + output_padding);
    }

    println!("\n5. The checkerboard\n");
    let ones = |n: usize| Var::constant(Tensor::<f64>::full([1, 1, n, n], 1.0));
    let free = ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() };
    let mut grid = ImageGrid::new("How many kernels cover each pixel").columns(3).tile_size(150.0);
    for (kernel, words) in [(2, "kernel 2, stride 2"), (3, "kernel 3, stride 2"), (4, "kernel 4, stride 2")] {
        let painted = ones(6).conv_transpose2d(&ones(kernel), None, free)?.into_value();
        let side = painted.shape()[2];
        let inner: Vec<f64> = (0..4).map(|i| painted.data()[(4 + i / 2) * side + 4 + i % 2]).collect();
        println!("   {words}: in the middle, {inner:?} times; the corner of the image:");
        for line in painted.data().chunks(side).take(6) {
            println!("      {}", line.iter().take(8).map(|v| format!("{v} ")).collect::<String>().trim_end());
        }
        // A kernel whose size is a multiple of the stride covers evenly; 3 is not a multiple of 2.
        assert_eq!(inner.iter().all(|v| *v == inner[0]), kernel % 2 == 0);
        let values: Vec<f32> = painted.data().iter().map(|&v| v as f32).collect();
        let tile = Tile::plane(&values, side, side, ColourMap::Blues, Some((0.0, 4.0)));
        grid = grid.group("", vec![tile.caption(words)]);
    }
    grid.draw().save(&folder, "checkerboard")?;
    println!("\nfigures: {}", folder.display());
    Ok(())
}
