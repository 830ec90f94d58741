//! # Lesson 04: convolution is a matrix product
//!
//! A convolution slides a small kernel over an image and takes an inner product at each place:
//!
//! ```text
//! y[i, j] = Σ p,q  x[i+p, j+q] · w[p, q]
//! ```
//!
//! (Without mirroring the kernel: what deep learning calls a convolution, mathematics calls a cross-correlation.)
//! It is linear in x and linear in w, so it must be a matrix product, and it is one in two ways:
//!
//! * **im2col**: copy the patch under the kernel at each place into a *column*. Then y = wᵀ · columns, one matrix
//!   product, which is what computers are best at. Pixels are copied several times: memory for speed.
//! * **Toeplitz**: put the kernel's weights into a large sparse matrix T. Then y = T · x, with x as one long vector.
//!   Row (i, j) holds the kernel, shifted; the same few weights everywhere. That is *weight sharing*, made visible.
//!
//! Backward costs nothing new. For y = wᵀ C and the gradient g at y, dw = C gᵀ and dC = w g; what im2col copied is
//! added back where it came from (**col2im**). For y = T x, dx = Tᵀ g. Both must give the same numbers.
//!
//! Sources: Y. LeCun et al., Neural Computation 1 (1989); K. Chellapilla et al. (2006) for im2col; V. Dumoulin and
//! F. Visin, *A guide to convolution arithmetic* (2016), from where the sizes 4x4 and 3x3 are taken.
//!
//! Run it: `cargo run --release --example lesson -- 04`

use gradus::autograd::{Tape, Var};
use gradus::ops::{Conv2d, Padding};
use gradus::report::chart::{ColourMap, HeatMap};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus_kernels::{Conv2d as Sizes, reference};
use std::path::PathBuf;

/// Prints a matrix of small integers; zeros as dots, so that patterns show.
fn show(title: &str, m: &Tensor<f64>) {
    println!("   {title}: {} x {}\n", m.shape()[0], m.shape()[1]);
    for row in m.data().chunks(m.shape()[1]) {
        let cells = row.iter().map(|v| if *v == 0.0 { "   .".into() } else { format!("{v:4.0}") });
        println!("     {}", cells.collect::<String>());
    }
    println!();
}

fn matmul(a: &Tensor<f64>, b: &Tensor<f64>) -> gradus::Result<Tensor<f64>> {
    Ok(Var::constant(a.clone()).matmul(&Var::constant(b.clone()))?.into_value())
}

fn transposed(a: &Tensor<f64>) -> gradus::Result<Tensor<f64>> {
    Ok(Var::constant(a.clone()).permute(&[1, 0])?.into_value())
}

/// The conv2d op of the library: its value, and its gradients by image and kernel when g arrives at the output.
fn conv2d(x: &Tensor<f64>, w: &Tensor<f64>, settings: Conv2d, g: &Tensor<f64>) -> gradus::Result<[Tensor<f64>; 3]> {
    let tape = Tape::new();
    let (x, w) = (tape.leaf(x.clone()), tape.leaf(w.clone()));
    let y = x.conv2d(&w, None, settings)?;
    let gradients = tape.backward_from(&y, g.clone())?;
    let of = |leaf| gradients.of(leaf).map(|g| g.expect("y depends on it").clone());
    Ok([y.value().clone(), of(&x)?, of(&w)?])
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let sizes =
        Sizes { n: 1, c: 1, h: 4, w: 4, o: 1, kernel: [3, 3], stride: [1, 1], pad: [[0, 0]; 2], dilation: [1, 1] };

    println!("1. An image and a kernel\n");
    let x = Tensor::from_f64(&[1., 2., 0., 1., 3., 1., 2., 0., 0., 4., 1., 2., 2., 0., 3., 1.], [4, 4])?;
    let w = Tensor::from_f64(&[1., 0., -1., 2., 0., -2., 1., 0., -1.], [3, 3])?; // Sobel's: brightness from left to right
    let g = Tensor::from_f64(&[1., 2., 3., 4.], [2, 2])?;
    show("image x", &x);
    show("kernel w (Sobel's, for vertical edges)", &w);
    let as_image = |t: &Tensor<f64>| t.reshape([1, 1, t.shape()[0], t.shape()[1]]);
    let [y, dx, dw] = conv2d(&as_image(&x)?, &as_image(&w)?, Conv2d::default(), &as_image(&g)?)?;
    show("the output of the conv2d op, y", &y.reshape([2, 2])?);

    println!("2. im2col: each patch becomes a column\n");
    let columns = Tensor::build([9, 4], |columns| reference::im2col(&sizes, x.data(), columns));
    show("columns C (column 0 is the patch at the top left, read row by row)", &columns);
    let row = w.reshape([1, 9])?;
    show("kernel as a row, wᵀ", &row);
    let product = matmul(&row, &columns)?;
    show("wᵀ · C", &product);
    assert_eq!(product.data(), y.data(), "small integers: the numbers are exactly the same");

    println!("3. Toeplitz: the kernel becomes a matrix\n");
    // Row (i, j) has w[p, q] at the pixel (i + p, j + q) and zeros elsewhere.
    let toeplitz = Tensor::from_fn([4, 16], |k| {
        let ([i, j], [row, column]) = ([k / 16 / 2, k / 16 % 2], [k % 16 / 4, k % 4]);
        let (p, q) = (row.wrapping_sub(i), column.wrapping_sub(j));
        if p < 3 && q < 3 { w.at(&[p, q]) } else { 0.0 }
    });
    show("T", &toeplitz);
    let product = matmul(&toeplitz, &x.reshape([16, 1])?)?;
    show("T · x, with x as one column (here written as a row)", &product.reshape([1, 4])?);
    assert_eq!(product.data(), y.data());
    println!(
        "   A fully connected layer from 16 pixels to 4 outputs would have 64 free weights here; T has 9, shared.\n"
    );

    println!("4. Backward: let the gradient g arrive at y\n");
    show("g", &g);
    let g_row = g.reshape([1, 4])?;
    show("by the kernel, dw = C · gᵀ, folded to 3 x 3", &matmul(&columns, &transposed(&g_row)?)?.reshape([3, 3])?);
    assert_eq!(matmul(&columns, &transposed(&g_row)?)?.data(), dw.data());

    let d_columns = matmul(&transposed(&row)?, &g_row)?;
    show("by the columns, dC = w · g", &d_columns);
    let col2im =
        |columns: &Tensor<f64>| Tensor::build([4, 4], |image| reference::col2im(&sizes, columns.data(), image));
    show("col2im adds each entry to the pixel it was copied from: dx", &col2im(&d_columns));
    assert_eq!(col2im(&d_columns).data(), dx.data());
    assert_eq!(matmul(&transposed(&toeplitz)?, &g.reshape([4, 1])?)?.data(), dx.data());
    println!(
        "   The same dx comes from Tᵀ · g, and both equal the gradient of the conv2d op. Checked, number by number.\n"
    );
    let visits = col2im(&Tensor::full([9, 4], 1.0));
    show("in how many patches each pixel was (col2im of ones)", &visits);
    assert_eq!(visits.at(&[0, 0]), 1.0, "a corner is in one patch");
    assert_eq!(visits.at(&[1, 1]), 4.0, "an inner pixel is in all four");

    println!("5. The general case: 3 channels, 4 filters, stride 2, padding *same*\n");
    let mut rng = Rng::new(4, "lesson", 0);
    let (x3, w3) = (Tensor::<f64>::randn([1, 3, 7, 6], &mut rng), Tensor::<f64>::randn([4, 3, 3, 3], &mut rng));
    let settings = Conv2d { stride: [2, 2], padding: Padding::Same, ..Default::default() };
    let y3 = Var::constant(x3.clone()).conv2d(&Var::constant(w3.clone()), None, settings)?.into_value();
    // 7 rows need a zero above and below; 6 columns only one on the right.
    let sizes = Sizes { c: 3, h: 7, w: 6, o: 4, stride: [2, 2], pad: [[1, 1], [0, 1]], ..sizes };
    let columns3 = Tensor::build([27, 12], |columns| reference::im2col(&sizes, x3.data(), columns));
    let product3 = matmul(&w3.reshape([4, 27])?, &columns3)?;
    println!("   filters [4, 27] · columns [27, 12] = [4, 12], which is y of shape {:?}", y3.shape());
    approx::assert_abs_diff_eq!(product3.data(), y3.data(), epsilon = 1e-12);
    println!("   27 = 3 channels · 3 · 3 taps, 12 = 4 · 3 places; the op agrees to rounding.");

    let names = |letter: &str, h: usize, w: usize| -> Vec<String> {
        (0..h * w).map(|k| format!("{letter}{}{}", k / w, k % w)).collect()
    };
    let draw = |title: &str, rows: &[String], columns: &[String], m: &Tensor<f64>| {
        let values: Vec<Vec<f64>> = m.data().chunks(columns.len()).map(<[f64]>::to_vec).collect();
        HeatMap::new(title, rows, columns, &values).map(ColourMap::Diverging).draw()
    };
    let (pixels, taps, places) = (names("x", 4, 4), names("w", 3, 3), names("y", 2, 2));
    draw("im2col: one column for each output", &taps, &places, &columns).save(&folder, "im2col")?;
    draw("The Toeplitz matrix: one row for each output", &places, &pixels, &toeplitz).save(&folder, "toeplitz")?;
    println!("\nFigures (im2col, toeplitz) are in {}", folder.display());
    Ok(())
}
