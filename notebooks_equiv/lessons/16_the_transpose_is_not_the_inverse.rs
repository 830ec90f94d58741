//! # Lesson 16: the transpose is not the inverse
//!
//! A convolution is linear, so it is a matrix: a *Toeplitz* matrix, whose rows are the kernel, one place further to the right
//! each. With the kernel w = (1, 0, 1) and six numbers,
//!
//! ```text
//!           1 0 1 . . .
//! y = A x,  . 1 0 1 . .      y_i = x_i + x_(i+2)
//!           . . 1 0 1 .
//!           . . . 1 0 1
//! ```
//!
//! The *transposed convolution* multiplies with Aᵀ: from four numbers back to six. It has the shape of an inverse and is none.
//! What comes closest to one is the *pseudo-inverse* (Moore 1920, Penrose 1955),
//!
//! ```text
//! A⁺ = Aᵀ (A Aᵀ)⁻¹,      A A⁺ = 1,      A⁺ A = the projection onto the rows of A:
//! ```
//!
//! of all x with the same y it returns the shortest. What lies across the rows, A n = 0, no matrix can bring back: y does
//! not contain it. A decoder that gives more than A⁺ knows it from the training images.
//!
//! Source: V. Dumoulin and F. Visin, *A guide to convolution arithmetic* (2016).
//!
//! Run it: `cargo run --release --example lesson -- 16`

use gradus::autograd::Var;
use gradus::ops::{Conv2d, ConvTranspose2d};
use gradus::report::chart::{ColourMap, HeatMap};
use gradus::tensor::Tensor;
use std::path::PathBuf;

const KERNEL: [f64; 3] = [1.0, 0.0, 1.0];
const X: [f64; 6] = [2.0, 5.0, 4.0, 1.0, 3.0, 7.0];

/// A matrix as rows of numbers.
type Matrix = Vec<Vec<f64>>;

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    let entry = |row: &[f64], j: usize| row.iter().zip(b).map(|(a, b)| a * b[j]).sum();
    a.iter().map(|row| (0..b[0].len()).map(|j| entry(row, j)).collect()).collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

/// One number a row.
fn column(x: &[f64]) -> Matrix {
    x.iter().map(|v| vec![*v]).collect()
}

fn flat(a: &Matrix) -> Vec<f64> {
    a.concat()
}

/// The inverse by Gauss and Jordan: what turns a into the identity matrix, applied to the identity matrix.
fn inverse(a: &Matrix) -> Matrix {
    let n = a.len();
    let unit = |i: usize| (0..n).map(move |j| f64::from(i == j));
    let mut rows: Matrix = a.iter().enumerate().map(|(i, row)| row.iter().copied().chain(unit(i)).collect()).collect();
    for i in 0..n {
        let pivot = rows[i][i]; // not 0 here: the rows of A are independent, so A Aᵀ is positive definite
        rows[i].iter_mut().for_each(|v| *v /= pivot);
        let from = rows[i].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(k, _)| *k != i) {
            let factor = row[i];
            row.iter_mut().zip(&from).for_each(|(v, p)| *v -= factor * p);
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}

fn show(title: &str, a: &Matrix) {
    println!("   {title}");
    for row in a {
        let cell = |v: &f64| if v.abs() < 1e-12 { "      .".into() } else { format!("{v:7.2}") };
        println!("   {}", row.iter().map(cell).collect::<String>());
    }
    println!();
}

fn line(name: &str, x: &[f64]) {
    println!("   {name:<8}{}", x.iter().map(|v| format!("{v:7.2}")).collect::<String>());
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    println!("1. The convolution as a matrix\n");
    // Entry (i, j) is the tap j - i, if the kernel has it.
    let tap = |i: usize, j: usize| j.checked_sub(i).and_then(|t| KERNEL.get(t)).copied().unwrap_or(0.0);
    let a: Matrix = (0..4).map(|i| (0..6).map(|j| tap(i, j)).collect()).collect();
    show("A, a Toeplitz matrix", &a);
    let y = flat(&times(&a, &column(&X)));
    line("x", &X);
    line("A x", &y);
    assert_eq!(y, [6.0, 6.0, 7.0, 8.0]);
    let [x_op, w_op] = [&X[..], &KERNEL].map(|v| Tensor::new(v.to_vec(), [1, 1, 1, v.len()]).map(Var::constant));
    let (x_op, w_op) = (x_op?, w_op?);
    let y_op = x_op.conv2d(&w_op, None, Conv2d::default())?;
    assert_eq!(y_op.value().data(), y, "the op of the library gives the same");

    println!("\n2. The transposed convolution\n");
    let at = transposed(&a);
    show("Aᵀ, whose columns are the kernel, one place further down each", &at);
    let back = flat(&times(&at, &column(&y)));
    line("x", &X);
    line("Aᵀ A x", &back);
    let op = y_op.conv_transpose2d(&w_op, None, ConvTranspose2d::default())?;
    assert_eq!(op.value().data(), back, "and so does the transposed convolution");
    assert_eq!(back, [6.0, 6.0, 13.0, 14.0, 7.0, 8.0]);

    println!("\n3. Why Aᵀ A x is not x\n");
    let gram = times(&at, &a);
    show("Aᵀ A: the identity matrix it would have to be", &gram);
    println!("   It adds to each number its neighbours at a distance of two, and counts those in the middle twice.");
    println!(
        "   No matrix could make it the identity matrix: A has 4 rows, so of 6 directions 2 are lost. These two:\n"
    );
    let lost: [[f64; 6]; 2] = [[1.0, 0.0, -1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0, 0.0, 1.0]];
    for n in lost {
        line("n", &n);
        line("A n", &flat(&times(&a, &column(&n))));
        assert_eq!(flat(&times(&a, &column(&n))), [0.0; 4]);
    }

    println!("\n4. The pseudo-inverse beside it\n");
    let pseudo = times(&at, &inverse(&times(&a, &at)));
    show("A⁺ = Aᵀ (A Aᵀ)⁻¹", &pseudo);
    let shortest = flat(&times(&pseudo, &column(&y)));
    line("x", &X);
    line("A⁺ A x", &shortest);
    line("A A⁺ A x", &flat(&times(&a, &column(&shortest))));
    for (found, expected) in shortest.iter().zip([5.0, 4.0, 13.0, 14.0, 8.0, 10.0]) {
        assert!((found - expected / 3.0).abs() < 1e-12);
    }
    let rest: Vec<f64> = X.iter().zip(&shortest).map(|(x, s)| x - s).collect();
    line("the rest", &rest);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!(dot(&rest, &shortest).abs() < 1e-12, "what is lost stands at a right angle to what is kept");
    let lengths = [&X[..], &shortest, &back].map(|v| dot(v, v).sqrt());
    let error = |v: &[f64]| v.iter().zip(X).map(|(v, x)| (v - x) * (v - x)).sum::<f64>().sqrt();
    println!("\n   lengths: x {:.2}, A⁺ A x {:.2}, Aᵀ A x {:.2}", lengths[0], lengths[1], lengths[2]);
    println!("   distances from x: A⁺ A x {:.2}, Aᵀ A x {:.2}", error(&shortest), error(&back));
    assert!(error(&shortest) < error(&back) && lengths[1] < lengths[0]);
    println!("   The pseudo-inverse gives the same y again and is the shortest that does; the transpose does neither.");

    let names = |letter: &str, n: usize| -> Vec<String> { (1..=n).map(|i| format!("{letter}{i}")).collect() };
    let (six, four) = (names("x", 6), names("y", 4));
    let maps: [(&str, &str, &[String], &Matrix); 3] = [
        ("matrix", "A", &four, &a),
        ("gram", "Aᵀ A: what the transpose makes of x", &six, &gram),
        ("projection", "A⁺ A: what the pseudo-inverse makes of x", &six, &times(&pseudo, &a)),
    ];
    for (name, title, rows, values) in maps {
        HeatMap::new(title, rows, &six, values).map(ColourMap::Diverging).draw().save(&folder, name)?;
    }
    println!("\nFigures (matrix, gram, projection) are in {}", folder.display());
    Ok(())
}
