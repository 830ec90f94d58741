//! Lesson 07: SGD, momentum, RMSprop and Adam on one loss surface.
//!
//! Near a minimum every smooth loss is a bowl, and in a bowl whose axes are the coordinates each coordinate falls on
//! its own. Ours is a ravine, a hundred times as steep across (b) as along (a):
//!
//! ```text
//! L(a, b) = (a² + 100 b²) / 2          gradient (a, 100 b)
//! ```
//!
//! **SGD** (Robbins and Monro 1951), p ← p - lr g, multiplies a by 1 - lr and b by 1 - 100 lr at each step. It
//! converges if both factors lie within ±1, that is for lr < 2/100: the steep direction limits the step, and the flat
//! direction has to live with it. The best it can do is a factor (κ - 1)/(κ + 1) = 0.98 per step, with the condition
//! number κ = 100/1.
//!
//! **Momentum** (Polyak 1964) adds the gradients up in a velocity, v ← 0.9 v + g, p ← p - lr v. Across the ravine they
//! cancel, along it they pile up, up to ten times; the price is that the ball rolls past the minimum and comes back.
//!
//! **RMSprop** (Tieleman and Hinton 2012) divides each coordinate's gradient by its own recent size, √v with
//! v ← 0.9 v + 0.1 g². Steep or flat, each step is about lr long, also at the end, where it should be short.
//!
//! **Adam** (Kingma and Ba 2015) is momentum and RMSprop together, both corrected for having started at zero: its first
//! step is exactly lr in each coordinate, whatever the gradient.
//!
//! The last two measure each coordinate on its own. Turn the ravine by 45 degrees, and their advantage is gone, while
//! SGD and momentum do not notice: their path just turns too. That Adam does so well on networks
//! has to do with the different scales of their layers, which it evens out.

use gradus::autograd::{Param, Tape, Var};
use gradus::nn::{Ctx, Kind, Module, Walk};
use gradus::optim::{Adam, FirstOrder, Optimizer, RmsProp, Rule, Sgd};
use gradus::report::chart::{Colour, Contour, LineChart};
use gradus::tensor::Tensor;
use std::path::PathBuf;

const START: (f64, f64) = (-9.0, 1.0);
const STEPS: usize = 61;

/// A point that is trained as a network is. Its input says how the ravine is turned, its output is the loss.
struct Point {
    at: Param<f64>,
}

impl Module<f64> for Point {
    fn forward(&self, turn: &Var<f64>, cx: &mut Ctx<'_, f64>) -> gradus::Result<Var<f64>> {
        let along_and_across = cx.param(&self.at).matmul(turn)?;
        let curvature = Var::constant(Tensor::from_f64(&[1.0, 100.0], [1, 2])?);
        along_and_across.mul(&along_and_across)?.mul(&curvature)?.sum()?.affine(0.5, 0.0)
    }

    fn walk(&self, walk: &mut Walk<'_, f64>) {
        walk.param("at", &self.at);
    }

    fn kind(&self) -> Kind {
        Kind::layer("point")
    }
}

/// A place of the descent: a, b and the loss there.
type Place = (f64, f64, f64);

/// Descends from the point that lies at `START` of a ravine turned by `angle`.
fn descend(rule: impl Rule<f64>, angle: f64) -> gradus::Result<Vec<Place>> {
    let (sin, cos) = libm::sincos(angle);
    let turn = Var::constant(Tensor::from_f64(&[cos, -sin, sin, cos], [2, 2])?);
    let (a, b) = rotate(START, angle);
    let model = Point { at: Param::new(Tensor::from_f64(&[a, b], [1, 2])?) };
    let mut optimizer = FirstOrder::new(rule);
    let mut path = Vec::new();
    for _ in 0..STEPS {
        let at = model.at.get().to_vec();
        let loss = optimizer.step(&model, &mut || {
            let tape = Tape::new();
            let loss = model.forward(&turn, &mut Ctx::train(&tape, 0, 0))?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        })?;
        path.push((at[0], at[1], loss));
    }
    Ok(path)
}

fn rotate((x, y): (f64, f64), angle: f64) -> (f64, f64) {
    let (sin, cos) = libm::sincos(angle);
    (cos * x - sin * y, sin * x + cos * y)
}

/// The four runs, and a table of their losses.
fn run_all(angle: f64) -> gradus::Result<[(&'static str, Vec<Place>); 4]> {
    let runs = [
        ("SGD, lr 0.018", descend(Sgd::new(0.018), angle)?),
        ("momentum 0.9, lr 0.01", descend(Sgd { momentum: 0.9, ..Sgd::new(0.01) }, angle)?),
        ("RMSprop, lr 0.4", descend(RmsProp { alpha: 0.9, ..RmsProp::new(0.4) }, angle)?),
        ("Adam, lr 0.4", descend(Adam::new(0.4), angle)?),
    ];
    let shown = [0, 5, 10, 30, 60];
    println!("   {:<22}{}", "loss after step", shown.map(|t| format!(" {t:>10}")).concat());
    for (name, path) in &runs {
        println!("   {name:<22}{}", shown.map(|t| format!(" {:>10.5}", path[t].2)).concat());
    }
    Ok(runs)
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    println!("1. The loss L = (a² + 100 b²) / 2, from (a, b) = {START:?}\n");
    let straight = run_all(0.0)?;

    println!("\n2. SGD is two geometric series: a times 0.982 at each step, b times 1 - 100 · 0.018 = -0.8\n");
    for t in [1, 2, 10] {
        let (a, b, _) = straight[0].1[t];
        let (a_expected, b_expected) = (START.0 * libm::pow(0.982, t as f64), START.1 * libm::pow(-0.8, t as f64));
        println!(
            "   step {t:>2}:  a = {a:>8.4}, expected {a_expected:>8.4};   b = {b:>7.4}, expected {b_expected:>7.4}"
        );
        assert!((a - a_expected).abs() < 1e-12 && (b - b_expected).abs() < 1e-12);
    }
    let beyond = descend(Sgd::new(0.0202), 0.0)?;
    let (from, to) = (beyond[0], beyond[STEPS - 1]);
    println!("\n   With lr 0.0202, just beyond 2/100, |b| grows from {:.2} to {:.2}.", from.1.abs(), to.1.abs());
    assert!(to.1.abs() > from.1.abs());

    println!("\n3. Adam's first step is lr in each coordinate, however long the gradient\n");
    let (from, to) = (straight[3].1[0], straight[3].1[1]);
    println!("   gradient ({}, {}), step ({:+.4}, {:+.4})", from.0, 100.0 * from.1, to.0 - from.0, to.1 - from.1);
    assert!((to.0 - from.0 - 0.4).abs() < 1e-6 && (to.1 - from.1 + 0.4).abs() < 1e-6);

    println!("\n4. The same ravine turned by 45 degrees\n");
    let quarter = std::f64::consts::FRAC_PI_4;
    let turned = run_all(quarter)?;
    let same = |k: usize| straight[k].1.iter().zip(&turned[k].1).all(|(p, q)| (p.2 - q.2).abs() < 1e-9);
    assert!(same(0) && same(1));
    assert!((2..4).all(|k| turned[k].1[30].2 > 2.0 * straight[k].1[30].2));
    println!("\n   SGD and momentum: the same losses. RMSprop and Adam, which measure along a and b, are slower.");

    let valley = |angle: f64| {
        move |a: f64, b: f64| {
            let (along, across) = rotate((a, b), -angle);
            0.5 * (along * along + 100.0 * across * across)
        }
    };
    let draw = |title: &str, runs: &[(&str, Vec<Place>)], x: (f64, f64), y: (f64, f64), angle: f64| {
        let map = Contour::new(title, x, y, valley(angle)).axes("a", "b").log_levels().minimum(0.0, 0.0);
        let points = |path: &[Place]| -> Vec<(f64, f64)> { path.iter().map(|p| (p.0, p.1)).collect() };
        runs.iter().fold(map, |map, (name, path)| map.path(name, &points(path))).draw()
    };
    draw("Four ways down a ravine", &straight, (-10.0, 4.0), (-1.3, 1.3), 0.0).save(&folder, "paths")?;
    let title = "The same ravine, turned by 45 degrees";
    draw(title, &turned, (-9.0, 4.0), (-8.0, 4.0), quarter).save(&folder, "paths_turned")?;
    let chart = LineChart::new("Loss on the way down").axes("step", "loss").log_y();
    let curve = |path: &[Place]| -> Vec<(f64, f64)> { path.iter().enumerate().map(|(t, p)| (t as f64, p.2)).collect() };
    // The colours of the paths in the contour plot.
    let colours = [1, 2, 3, 6].map(Colour::class);
    let runs = straight.iter().zip(colours);
    runs.fold(chart, |chart, ((name, path), c)| chart.styled(name, &curve(path), c, false))
        .draw()
        .save(&folder, "loss")?;
    println!("\nFigures: paths, paths_turned and loss (.svg, .png) in {}", folder.display());
    Ok(())
}
