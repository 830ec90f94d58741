//! # Lesson 01: tensors and shapes
//!
//! A tensor is two things: a row of numbers in memory, and a *shape* that says how to read it. In the row-major order
//! that NumPy, PyTorch and this library use, the last index runs fastest. The element (i, j, k) of a tensor of shape
//! [A, B, C] therefore stands at
//!
//! ```text
//! offset = i · (B C) + j · C + k · 1
//! ```
//!
//! and the factors (B C, C, 1) are the *strides*. Three consequences carry this lesson:
//!
//! * **reshape** changes the shape and leaves the numbers where they are; **permute** (a transpose) moves them;
//! * **broadcasting**: shapes are aligned at the right, and an axis of size 1 is repeated (a stride of 0, so to speak);
//! * **shape errors** are the most common mistake in deep learning, and the cheapest to find if the message names the
//!   axis.
//!
//! Sources: C. R. Harris et al., *Array programming with NumPy*, Nature 585 (2020), for strides and broadcasting.
//!
//! Run it: `cargo run --release --example lesson -- 01`

use gradus::autograd::Var;
use gradus::data::Galaxies;
use gradus::report::chart::{HeatMap, ImageGrid, Tile};
use gradus::shape::broadcast;
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// A tensor of small whole numbers, indented.
fn shown(x: &Tensor<f64>) -> String {
    format!("     {x}").replace(".0000", "").replace('\n', "\n     ")
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    println!("1. A shape is a way to read a row of numbers\n");
    let x = Tensor::from_fn([2, 3, 4], |offset| offset as f64);
    let strides = x.shape_owned().strides();
    println!(
        "   the numbers 0 to 23 in memory, read with shape {:?} and strides {strides:?}:\n\n{}\n",
        x.shape(),
        shown(&x)
    );
    let (i, j, k) = (1, 2, 0);
    let offset = i * strides[0] + j * strides[1] + k * strides[2];
    println!("   x[1, 2, 0] stands at 1·12 + 2·4 + 0·1 = {offset}, and is {}", x.at(&[i, j, k]));
    assert_eq!(x.at(&[i, j, k]), x.data()[offset]);

    println!("\n2. Reshape keeps the numbers in place, permute moves them\n");
    let m = Tensor::from_fn([3, 4], |offset| offset as f64);
    let reshaped = m.reshape([4, 3])?;
    let permuted = Var::constant(m.clone()).permute(&[1, 0])?.into_value();
    println!("   m, of shape [3, 4]:\n\n{}\n", shown(&m));
    println!("   m.reshape([4, 3]):\n\n{}\n", shown(&reshaped));
    println!("   m.permute([1, 0]), the transpose:\n\n{}\n", shown(&permuted));
    println!("   Both have shape [4, 3], but they are not the same: a reshape never transposes.");
    assert_eq!(reshaped.data(), m.data(), "reshape: the same numbers in the same order");
    assert_eq!(permuted.at(&[3, 1]), m.at(&[1, 3]), "permute: element (j, i) was element (i, j)");
    assert_ne!(reshaped, permuted);
    assert!(m.is_shared(), "the reshaped tensor shares m's buffer: no copy was made");

    println!("\n3. Broadcasting: aligned at the right, and a 1 is repeated\n");
    for (a, b) in [(&[3, 1][..], &[4][..]), (&[8, 16, 32, 32], &[16, 1, 1]), (&[32, 10], &[10]), (&[32, 10], &[32])] {
        let result = broadcast("add", a, b).map_or_else(|error| error.to_string(), |shape| format!("{shape:?}"));
        println!("   {:>16} and {:>10}:  {result}", format!("{a:?}"), format!("{b:?}"));
    }
    println!(
        "\n   The second line is how a bias of 16 channels meets a batch of images. The last is the classic mistake:"
    );
    println!("   32 values, one a row, must have the shape [32, 1].");
    let tens = Var::constant(Tensor::<f64>::from_f64(&[10.0, 20.0, 30.0], [3, 1])?);
    let ones = Var::constant(Tensor::from_f64(&[1.0, 2.0, 3.0, 4.0], [4])?);
    let table = tens.add(&ones)?.into_value();
    println!("\n   a column [3, 1] plus a row [4] makes a table [3, 4]:\n\n{}", shown(&table));
    assert_eq!(table.shape(), [3, 4]);
    assert_eq!(table.at(&[2, 3]), 34.0);

    println!("\n4. A reduction removes an axis\n");
    let table = Var::constant(table);
    for axis in [0, 1] {
        let (removed, kept) = (table.mean_axes(&[axis], false)?, table.mean_axes(&[axis], true)?);
        let means = removed.value();
        println!(
            "   mean over axis {axis}: {:?} -> {:?}, kept as {:?}: {means}",
            table.shape(),
            means.shape(),
            kept.shape()
        );
    }
    // With `keep`, the result broadcasts against what it was computed from: each row minus its own mean.
    let centred = table.sub(&table.mean_axes(&[1], true)?)?;
    assert!(centred.mean_axes(&[1], false)?.value().data().iter().all(|mean| mean.abs() < 1e-12));

    println!("\n5. A matrix product joins the inner axes, and says so when they differ\n");
    let (a, b) = (Var::constant(Tensor::<f64>::zeros([2, 3])), Var::constant(Tensor::<f64>::zeros([4, 5])));
    let error = a.matmul(&b).expect_err("3 is not 4").to_string();
    println!("   [2, 3] times [4, 5]: {error}");
    assert!(error.contains("K is 3, then 4"));

    println!("\n6. Images are tensors of four axes: N C H W (image, channel, row, column)\n");
    let (images, labels, _) = Galaxies { per_class: 2, size: 64, seed: 1 }.render()?;
    println!("   two galaxies of each of three classes: shape {:?}, labels {labels:?}", images.shape());
    let upside_down = Var::constant(images.clone()).permute(&[0, 1, 3, 2])?.into_value();
    let flat = Var::constant(images.clone()).flatten()?;
    println!("   flattened for a fully connected layer: {:?}", flat.shape());
    assert_eq!(flat.shape(), [6, 64 * 64]);
    assert_eq!(upside_down.at(&[4, 0, 10, 50]), images.at(&[4, 0, 50, 10]));

    let tiles = |x: &Tensor| x.data().chunks(64 * 64).map(|p| Tile::chw(p, 1, 64, 64)).collect();
    ImageGrid::new("A batch of shape [6, 1, 64, 64], and with its last two axes exchanged")
        .group("N C H W", tiles(&images))
        .group("N C W H: each image mirrored at its diagonal", tiles(&upside_down))
        .draw()
        .save(&folder, "batch")?;
    let sheet = |title: &str, x: &Tensor<f64>| {
        let rows: Vec<Vec<f64>> = x.data().chunks(x.shape()[1]).map(<[f64]>::to_vec).collect();
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        HeatMap::new(title, &names(x.shape()[0]), &names(x.shape()[1]), &rows).sides("row", "column").draw()
    };
    sheet("m: shape [3, 4], strides [4, 1]", &m).save(&folder, "m")?;
    sheet("m.reshape([4, 3])", &reshaped).save(&folder, "m_reshaped")?;
    sheet("m.permute([1, 0])", &permuted).save(&folder, "m_permuted")?;
    println!("\nFigures (batch, m, m_reshaped, m_permuted) are in {}", folder.display());
    Ok(())
}
