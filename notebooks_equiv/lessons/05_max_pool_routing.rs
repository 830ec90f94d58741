//! # Lesson 05: how max-pooling routes the gradient
//!
//! Max-pooling keeps the largest value under each window:
//!
//! ```text
//! y[i, j] = max over the window (i, j) of x
//! ```
//!
//! Near any point without ties this is a selection: y[i, j] = x[argmax], so its derivative is 1 at the argmax and 0
//! at the other pixels. Backward therefore *routes*: each output's gradient goes, whole, to the argmax, and the other
//! pixels get nothing. Average-pooling divides instead: every pixel of a window of m gets 1/m.
//!
//! What follows from it:
//!
//! * with windows of 2 x 2, three quarters of the pixels get no gradient at all: work that a clever engine can skip;
//! * forward has to store the argmax (one index an output) for backward;
//! * on a tie one pixel must be the argmax: here the first in reading order, as in PyTorch;
//! * where windows overlap, a pixel may be the argmax several times, and its gradients add up;
//! * padding is never the argmax, not even beside negative numbers (it counts as -∞, and not as 0).
//!
//! Sources: M. Riesenhuber and T. Poggio, Nature Neuroscience 2 (1999); D. Scherer, A. Müller and S. Behnke, ICANN
//! (2010), for max against average.
//!
//! Run it: `cargo run --release --example lesson -- 05`

use gradus::autograd::{Tape, Var};
use gradus::data::Galaxies;
use gradus::ops::Window;
use gradus::report::chart::{ColourMap, HeatMap, ImageGrid, Tile};
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// Prints planes side by side, each under its title.
fn show(planes: &[(&str, &Tensor<f64>)]) {
    const WIDTH: usize = 34;
    let titles: String = planes.iter().map(|(title, _)| format!("{title:<WIDTH$}")).collect();
    println!("   {}\n", titles.trim_end());
    let rows = planes.iter().map(|(_, p)| p.shape()[2]).max().unwrap_or(0);
    for i in 0..rows {
        let line = planes.iter().map(|(_, p)| {
            let (h, w) = (p.shape()[2], p.shape()[3]);
            let cells: String = (0..if i < h { w } else { 0 }).map(|j| format!("{:6}", p.at(&[0, 0, i, j]))).collect();
            format!("{cells:<WIDTH$}")
        });
        println!("   {}", line.collect::<String>().trim_end());
    }
    println!();
}

/// Pools x, and sends g back: the output, and the gradient at x.
fn pool(x: &Tensor<f64>, window: Window, g: Option<&Tensor<f64>>) -> gradus::Result<(Tensor<f64>, Tensor<f64>)> {
    let tape = Tape::new();
    let leaf = tape.leaf(x.clone());
    let y = leaf.max_pool2d(window)?;
    let ones = Tensor::full(y.value().shape_owned(), 1.0);
    let gradients = tape.backward_from(&y, g.unwrap_or(&ones).clone())?;
    Ok((y.value().clone(), gradients.of(&leaf)?.expect("y depends on x").clone()))
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let plane = |values: &[f64], h: usize, w: usize| Tensor::from_f64(values, [1, 1, h, w]);

    println!("1. Windows of 2 x 2: the argmax takes the whole gradient\n");
    let x = plane(&[1., 3., 2., 1., 4., 2., 0., 5., 7., 1., 2., 2., 0., 6., 3., 1.], 4, 4)?;
    let g = plane(&[10., 20., 30., 40.], 2, 2)?;
    let (y, dx) = pool(&x, Window::square(2), Some(&g))?;
    show(&[("x", &x), ("y = max-pool(x)", &y)]);
    show(&[("g, the gradient at y", &g), ("the gradient at x", &dx)]);
    assert_eq!(y.data(), [4., 5., 7., 3.]);
    assert_eq!(dx.data(), [0., 0., 0., 0., 10., 0., 0., 20., 30., 0., 0., 0., 0., 0., 40., 0.]);
    println!("   4 of 16 pixels get a gradient. Average-pooling would give every pixel a quarter:\n");
    let tape = Tape::new();
    let leaf = tape.leaf(x.clone());
    let mean = leaf.avg_pool2d(Window::square(2))?;
    let shared = tape.backward_from(&mean, g.clone())?.of(&leaf)?.expect("it depends").clone();
    show(&[("average-pool(x)", mean.value()), ("the gradient at x", &shared)]);
    assert_eq!(shared.data()[..4], [2.5, 2.5, 5., 5.]);
    let sum = |t: &Tensor<f64>| t.data().iter().sum::<f64>();
    println!("   Either way nothing is lost: the sums are {}, {} and {}.", sum(&g), sum(&dx), sum(&shared));
    assert!(sum(&dx) == sum(&g) && sum(&shared) == sum(&g));

    println!("\n2. It is the derivative: raise an argmax and another pixel by 0.001\n");
    let mut raised = x.clone();
    raised.data_mut()[4] += 0.001; // the 4, an argmax
    raised.data_mut()[1] += 0.001; // the 3, another pixel of the same window
    let (z, _) = pool(&raised, Window::square(2), None)?;
    println!("   in the first window the 4 (argmax) and the 3 are raised:");
    println!("   y[0, 0] goes from {} to {}, by the step of the argmax alone.", y.data()[0], z.data()[0]);
    approx::assert_abs_diff_eq!(z.data()[0] - y.data()[0], 0.001, epsilon = 1e-12);

    println!("\n3. A tie: the argmax is the first\n");
    let tie = plane(&[5., 5., 5., 5.], 2, 2)?;
    let (_, routed) = pool(&tie, Window::square(2), None)?;
    show(&[("x", &tie), ("gradient at x, for g = 1", &routed)]);
    assert_eq!(routed.data(), [1., 0., 0., 0.]);

    println!("4. Overlapping windows (3 x 3, stride 1): a pixel may be the argmax several times\n");
    let peak = plane(&[0., 1., 2., 1., 1., 9., 3., 2., 2., 3., 4., 0., 1., 2., 0., 8.], 4, 4)?;
    let window = Window { kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
    let (y, wins) = pool(&peak, window, None)?;
    show(&[("x", &peak), ("y", &y), ("gradient at x, for g = 1", &wins)]);
    assert_eq!(
        (wins.at(&[0, 0, 1, 1]), sum(&wins)),
        (4., 4.),
        "the 9 lies in all four windows and is the argmax of each"
    );

    println!("5. Padding is never the argmax, even where all numbers are negative\n");
    let negative = plane(&[-1., -2., -3., -4.], 2, 2)?;
    let window = Window { kernel: [2, 2], stride: [2, 2], padding: [1, 1] };
    let (y, _) = pool(&negative, window, None)?;
    show(&[("x, padded by one on all sides", &negative), ("y: no zero among them", &y)]);
    assert_eq!(y.data(), [-1., -2., -3., -4.]);

    println!("6. On an image: the pooled values, and the pixels that get a gradient\n");
    const SIZE: usize = 64;
    let galaxy = Galaxies { per_class: 1, size: SIZE, seed: 4 }.render_one(2, 0);
    let image = Tensor::new(galaxy.clone(), [1, 1, SIZE, SIZE])?.cast::<f64>();
    let tile = |t: &Tensor<f64>| Tile::chw(t.cast::<f32>().data(), 1, t.shape()[2], t.shape()[3]);
    let (mut pooled, mut routes) = (vec![tile(&image).caption("64 x 64")], vec![tile(&image).caption("the image")]);
    for depth in 1..=3 {
        // Pool `depth` times on one tape, so the gradient passes through all of them.
        let tape = Tape::new();
        let leaf = tape.leaf(image.clone());
        let y = (0..depth).try_fold(leaf.clone(), |v: Var<f64>, _| v.max_pool2d(Window::square(2)))?;
        let value = y.value().clone();
        let dx = tape.backward(&y.sum()?)?.of(&leaf)?.expect("it depends").clone();
        let hear = dx.data().iter().filter(|v| **v != 0.0).count();
        let side = SIZE >> depth;
        let percent = 100.0 * hear as f64 / dx.numel() as f64;
        println!(
            "   pooled {depth}x: {side:2} x {side:2} left; {hear:4} of {} pixels get a gradient ({percent:.1} %)",
            dx.numel()
        );
        assert_eq!(hear, side * side, "one pixel for each output, whatever the depth");
        pooled.push(tile(&value).caption(&format!("{side} x {side}")));
        routes.push(tile(&dx).caption(&format!("through {depth} pool{}", if depth > 1 { "s" } else { "" })));
    }

    ImageGrid::new("A galaxy through max-pools of 2 x 2")
        .group("forward: the pooled values", pooled)
        .group("backward: the pixels that get a gradient", routes)
        .columns(4)
        .tile_size(150.0)
        .draw()
        .save(&folder, "galaxy")?;
    let names: Vec<String> = (0..4).map(|i| i.to_string()).collect();
    for (name, title, m) in [("x", "x: windows of 2 x 2", &x), ("routed", "the gradient at x", &dx)] {
        let rows: Vec<Vec<f64>> = m.data().chunks(4).map(<[f64]>::to_vec).collect();
        HeatMap::new(title, &names, &names, &rows).map(ColourMap::Blues).draw().save(&folder, name)?;
    }
    println!("\nFigures (galaxy, x, routed) are in {}", folder.display());
    Ok(())
}
