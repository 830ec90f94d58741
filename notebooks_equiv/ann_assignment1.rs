//! # Artificial neural networks, assignment 1: functions and optimizers
//!
//! The whole assignment with library calls only. A sine is learned by one linear unit and by a network with a hidden layer
//! (part 1); five optimizers minimize the same loss on networks of three widths (part 2); a surface that is mixed from five
//! by the digits of your number is learned by two networks (part 3). Every sentence is made of the run's numbers.
//!
//! Backpropagation by hand, which belongs to this assignment, is lesson 15.
//!
//! Run it: `cargo run --release --example exercise -- ann_assignment1`, with `--digits 99765` for your surface, `--out DIR`
//! for another place than target/lessons/ann_assignment1, and `--smoke` for a try in seconds, whose numbers mean nothing.

use clap::Parser;
use gradus::analysis::linear::LeastSquares;
use gradus::analysis::metrics::RegressionErrors;
use gradus::data::function::SURFACES;
use gradus::data::{Function, Spacing};
use gradus::models::mlp::mlp;
use gradus::optim::{Lbfgs, QuasiNewton, Sgd};
use gradus::prelude::*;
use gradus::report::chart::{Colour, Contour, LineChart, Surface, number};
use gradus::report::words::listed;
use gradus::report::{Figure, Page, Table};
use ndarray::ArrayView2;
use std::path::PathBuf;
use std::time::Instant;

const SINE: &str = "-sin(0.8*pi*x)";
/// Networks and orders of samples are drawn from each of these.
const SEEDS: [u64; 3] = [1, 2, 3];
/// A loss that counts as reached. The variance of the sine is 0.6.
const REACHED: f64 = 1e-3;

/// A sine by one unit and by many, five optimizers on networks of three widths, and a surface of your own.
#[derive(clap::Parser)]
struct Arguments {
    /// The digits of the surface: the weights of the five functions that are mixed
    #[arg(long, default_value = "99765")]
    digits: String,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/ann_assignment1")]
    out: PathBuf,
    /// Everything in seconds with few epochs: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let arguments = Arguments::parse_from(words);
    let digits = read_digits(&arguments.digits)?;
    let mut page = Page::new("Artificial neural networks, assignment 1");
    perceptron(&arguments, &mut page)?;
    optimizers(&arguments, &mut page)?;
    surface(&arguments, digits, &mut page)?;
    page.section("", "Use of AI").field("Write here which tools you used, and for what.");
    page.save(&arguments.out.join("report.html"))?;
    println!("\nReport and figures are in {}", arguments.out.display());
    Ok(())
}

/// Five digits, not all 0.
fn read_digits(text: &str) -> Result<[u8; 5]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(10).map(|d| d as u8)).collect();
    let five: Option<[u8; 5]> = digits.and_then(|digits| digits.try_into().ok());
    five.filter(|digits| *digits != [0; 5]).ok_or_else(|| {
        let what = format!("is {text:?}: expected five digits, not all 0");
        Error::config("--digits", what, "write the last five digits of your number: --digits 99765")
    })
}

/// Samples of a function as rows with a number to predict.
fn samples(function: &Function) -> Result<Matrix> {
    let samples = function.sample()?;
    let (n, d) = (samples.pixels.shape()[0], samples.pixels.shape()[3]);
    Matrix::new(Tensor::new(samples.pixels.data().to_vec(), [n, d])?, samples.target)
}

fn squared_error() -> Objective {
    Objective { loss: Loss::Mse, ..Objective::default() }
}

/// The mean squared error of a network.
fn mse(model: &Sequential, samples: &Matrix) -> Result<f64> {
    Ok(losses(model, samples, &squared_error(), 0)?.loss)
}

/// Takes the time at the end of each epoch.
struct Clock {
    began: Instant,
    seconds: Vec<f64>,
}

impl Observer for Clock {
    fn epoch(&mut self, _: &Epoch, _: bool) {
        self.seconds.push(self.began.elapsed().as_secs_f64());
    }
}

/// A training: the loss of each epoch, measured while the weights moved, and the time at its end.
struct Curve {
    loss: Vec<f64>,
    seconds: Vec<f64>,
    /// The loss of the weights at the end, on training and test samples.
    last: [f64; 2],
}

impl Curve {
    /// The first epoch, from 1, whose loss is at most this.
    fn reaches(&self, loss: f64) -> Option<usize> {
        self.loss.iter().position(|l| *l <= loss).map(|i| i + 1)
    }

    /// The loss of the last epoch that had ended after this time; none if not even the first had.
    fn at(&self, seconds: f64) -> Option<f64> {
        let ended = self.seconds.partition_point(|s| *s <= seconds);
        ended.checked_sub(1).map(|i| self.loss[i])
    }
}

/// Trains for so many epochs and keeps the last.
fn learn(
    model: &Sequential,
    optimizer: &mut dyn Optimizer<f32>,
    [epochs, batch]: [usize; 2],
    [train, test]: [&Matrix; 2],
    seed: u64,
) -> Result<Curve> {
    let fit = Fit::new(epochs, usize::MAX, batch, seed).with_objective(squared_error());
    let mut clock = Clock { began: Instant::now(), seconds: Vec::new() };
    let none = Matrix::new(Tensor::zeros([0, 1]), Target::Values(Tensor::zeros([0, 1])))?; // nothing is chosen by validation
    let history = fit.run(model, optimizer, train, &none, None, &mut clock)?.history;
    let last = [mse(model, train)?, mse(model, test)?];
    Ok(Curve { loss: history.curve("train_loss"), seconds: clock.seconds, last })
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let all: Vec<f64> = values.into_iter().collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// The least and the largest of some values.
fn range(values: &[f64]) -> [f64; 2] {
    values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(*v), high.max(*v)])
}

// ------------------------------------------------------------------------------------------------ part 1

/// One linear unit and a hidden layer on a sine, at five learning rates.
fn perceptron(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("Part 1. Linear regression, a perceptron, and a hidden layer\n");
    let sine = |n: usize, seed: u64| samples(&Function { formulas: vec![SINE.into()], n, seed, ..Function::default() });
    let (train, test) = (sine(200, 1)?, sine(200, 2)?);
    let epochs = if arguments.smoke { 20 } else { 2000 };
    let rows = train.batch(&(0..200).collect::<Vec<_>>(), None);
    let x = ArrayView2::from_shape((200, 1), rows.data()).expect("one column");
    let values = train.target().values().expect("numbers to predict");
    let y: Vec<f64> = values.data().iter().map(|v| f64::from(*v)).collect();
    let line = LeastSquares::fit(x, &y)?;
    let lowest = RegressionErrors::of(&y, &line.predict(x)?)?.mse;
    println!("1a. least squares: y = {:.4} x + {:.4}, loss {lowest:.6}", line.weights[0], line.intercept);

    let rates = [0.0002, 0.02, 0.2, 0.25, 0.3];
    let mut table = Table::new(&["network", "learning rate", "settled at epoch", "training loss", "test loss"]);
    let mut chart = LineChart::new("One linear unit and a hidden layer of ten").axes("epoch", "training loss").log_y();
    let (mut linear, mut hidden) = (Vec::new(), Vec::new());
    for (name, widths, all) in [("linear unit", &[][..], &mut linear), ("hidden layer", &[10][..], &mut hidden)] {
        for rate in rates {
            let model = mlp(1, widths, 1, Activation::Tanh, &mut Rng::new(SEEDS[0], "assignment1.init", 0));
            let mut adam = FirstOrder::new(Adam::new(rate));
            let curve = learn(&model, &mut adam, [epochs, 200], [&train, &test], SEEDS[0])?;
            // It has settled at the first epoch from which on the loss stays within 1 % of the last.
            let end = *curve.loss.last().expect("at least one epoch");
            let settled = curve.loss.iter().rposition(|l| (l - end).abs() > 0.01 * end).map_or(1, |i| i + 2);
            let settled = if settled < epochs { settled.to_string() } else { "not settled".to_owned() };
            table.row([name.to_owned(), rate.to_string(), settled, number(curve.last[0]), number(curve.last[1])]);
            if rate == 0.02 || rate == 0.3 {
                let points: Vec<(f64, f64)> = (1..).map(f64::from).zip(curve.loss.iter().copied()).collect();
                let colour = Colour::class(usize::from(name == "hidden layer"));
                chart = chart.styled(&format!("{name}, {rate}"), &points, colour, rate == 0.3);
            }
            all.push((rate, curve));
        }
    }
    println!("1b. Adam:\n\n{}", table.text());
    let gap = |curve: &Curve| curve.last[0] - lowest;
    let near: Vec<String> =
        linear.iter().filter(|(_, c)| gap(c).abs() < 1e-5).map(|(rate, _)| rate.to_string()).collect();
    let same = if near.is_empty() {
        format!("At no learning rate did the linear unit come within 1e-5 of the loss of least squares, {lowest:.6}.")
    } else {
        format!(
            "With Adam at {} the linear unit ends within 1e-5 of the loss of least squares, {lowest:.6}: a perceptron with a \
             linear unit and the squared error is linear regression, computed step by step.",
            listed(&near)
        )
    };
    let (rate, best) = hidden.iter().min_by(|a, b| a.1.last[0].total_cmp(&b.1.last[0])).expect("five rates");
    let by = lowest / best.last[0];
    let gain = format!(
        "The lowest training loss with a hidden layer is {} (at {rate}), {} times below that of any line.",
        number(best.last[0]),
        number(by)
    );
    println!("1c. {same}\n    {gain}");
    let curves = chart.draw();
    curves.save(&arguments.out, "perceptron")?;
    page.section("1", "Linear regression, a perceptron, and a hidden layer")
        .figure(&curves, "Adam at two learning rates.")
        .table(&table, "Adam, 200 samples at once; one seed")
        .answer("1a. Is a perceptron with a linear unit linear regression?", &same)
        .answer("1b. What does a hidden layer change?", &gain);
    Ok(())
}

// ------------------------------------------------------------------------------------------------ part 2

/// The optimizers of part 2, with the samples of a step.
const SOLVERS: [(&str, usize); 5] =
    [("gradient descent", 1600), ("momentum", 1600), ("Adam", 1600), ("L-BFGS", 1600), ("SGD, batches of 40", 40)];

fn optimizer(name: &str) -> Box<dyn Optimizer<f32>> {
    match name {
        "momentum" => Box::new(FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(0.05) })),
        "Adam" => Box::new(FirstOrder::new(Adam::new(1e-3))),
        "L-BFGS" => Box::new(QuasiNewton::new(Lbfgs { max_iter: 1, ..Lbfgs::default() })),
        _ => Box::new(FirstOrder::new(Sgd::new(0.05))),
    }
}

/// What the seeds of one optimizer on one width have in common.
struct Raced {
    solver: &'static str,
    curves: Vec<Curve>,
}

impl Raced {
    fn mean(&self, of: impl Fn(&Curve) -> f64) -> f64 {
        mean(self.curves.iter().map(of))
    }

    /// Milliseconds of an epoch.
    fn epoch(&self) -> f64 {
        self.mean(|c| 1e3 * c.seconds.last().expect("at least one epoch") / c.seconds.len() as f64)
    }

    /// The mean number of epochs to [`REACHED`]; none unless all seeds reached it.
    fn epochs_to(&self) -> Option<f64> {
        let all: Option<Vec<usize>> = self.curves.iter().map(|c| c.reaches(REACHED)).collect();
        all.map(|all| mean(all.iter().map(|n| *n as f64)))
    }

    /// The mean time to it, in seconds.
    fn seconds_to(&self) -> Option<f64> {
        let time = |c: &Curve| c.reaches(REACHED).map(|n| c.seconds[n - 1]);
        self.curves.iter().map(time).collect::<Option<Vec<f64>>>().map(mean)
    }
}

/// Five optimizers on networks of three widths.
fn optimizers(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("\nPart 2. Five optimizers, three widths, three seeds\n");
    let sine = |n: usize, seed: u64| samples(&Function { formulas: vec![SINE.into()], n, seed, ..Function::default() });
    let (train, test) = (sine(1600, 1)?, sine(400, 2)?);
    let epochs = if arguments.smoke { 10 } else { 3000 };
    let mut table = Table::new(&[
        "hidden layers",
        "optimizer",
        "training loss, mean",
        "least",
        "largest",
        "test loss",
        "ms an epoch",
        "epochs to 0.001",
        "seconds to 0.001",
    ]);
    let mut figures: Vec<Figure> = Vec::new();
    let mut widths: Vec<(usize, Vec<Raced>)> = Vec::new();
    for width in [10, 50, 100] {
        let mut all = Vec::new();
        for (solver, batch) in SOLVERS {
            let each = SEEDS.iter().map(|&seed| {
                let model = mlp(1, &[width; 2], 1, Activation::Tanh, &mut Rng::new(seed, "assignment1.init", 0));
                learn(&model, optimizer(solver).as_mut(), [epochs, batch], [&train, &test], seed)
            });
            let raced = Raced { solver, curves: each.collect::<Result<_>>()? };
            let last: Vec<f64> = raced.curves.iter().map(|c| c.last[0]).collect();
            let [low, high] = range(&last);
            let or_never =
                |value: Option<f64>, digits: usize| value.map_or("not by all".into(), |v| format!("{v:.digits$}"));
            table.row([
                format!("{width}, {width}"),
                solver.to_owned(),
                number(mean(last)),
                number(low),
                number(high),
                number(raced.mean(|c| c.last[1])),
                format!("{:.2}", raced.epoch()),
                or_never(raced.epochs_to(), 0),
                or_never(raced.seconds_to(), 2),
            ]);
            all.push(raced);
        }
        figures.extend(race(arguments, width, &all)?);
        widths.push((width, all));
    }
    println!("2a. {epochs} epochs each:\n\n{}", table.text());
    let words: Vec<String> = widths.iter().map(|(width, all)| winners(*width, all)).collect();
    let why = growth(&widths[0].1, &widths[2].1);
    println!("2b. {}\n2c. {why}", words.join("\n    "));
    let figures: Vec<(&Figure, &str)> = figures.iter().map(|figure| (figure, "")).collect();
    page.section("2", "Five optimizers, three widths")
        .figures(&figures)
        .table(&table, "1,600 samples of the sine; means over three seeds of the weights at the end")
        .answer("2a. Epochs or seconds: who wins?", &words.join(" "))
        .answer("2b. Why does an optimizer win on one size and not on another?", &why)
        .paragraph(
            "The loss of an epoch is measured while the weights move, so that with several steps an epoch it lags a little \
             behind that of the weights at its end. Curves are of the first seed.",
        );
    Ok(())
}

/// The curves of one width, by epoch and by second.
fn race(arguments: &Arguments, width: usize, all: &[Raced]) -> Result<[Figure; 2]> {
    let draw = |name: &str, axis: &str, x: fn(usize, &Curve) -> f64| {
        let title = format!("Hidden layers of {width}: loss by {axis}");
        let mut chart = LineChart::new(&title).axes(axis, "training loss").log_x().log_y();
        for Raced { solver, curves } in all {
            let points: Vec<(f64, f64)> =
                curves[0].loss.iter().enumerate().map(|(i, l)| (x(i, &curves[0]), *l)).collect();
            chart = chart.series(solver, &points);
        }
        let figure = chart.draw();
        figure.save(&arguments.out, &format!("race_{name}_{width}"))?;
        Ok(figure)
    };
    Ok([draw("epochs", "epoch", |i, _| (i + 1) as f64)?, draw("seconds", "seconds", |i, c| c.seconds[i])?])
}

/// Who has the lowest loss after equal epochs, and after equal times.
fn winners(width: usize, all: &[Raced]) -> String {
    let lowest = |of: &dyn Fn(&Raced) -> f64| -> (&'static str, f64) {
        let each = all.iter().map(|raced| (raced.solver, of(raced)));
        each.min_by(|a, b| a.1.total_cmp(&b.1)).expect("five optimizers")
    };
    let n = all[0].curves[0].loss.len();
    let (by_epoch, loss) = lowest(&|r| r.mean(|c| c.loss[n - 1]));
    // The time that the fastest training took: until then all of them were running.
    let time = all.iter().flat_map(|r| &r.curves).map(|c| c.seconds[n - 1]).fold(f64::INFINITY, f64::min);
    let (by_time, then) = lowest(&|r| r.mean(|c| c.at(time).unwrap_or(f64::INFINITY)));
    format!(
        "Hidden layers of {width}: after {n} epochs {by_epoch} has the lowest mean loss ({}), after {time:.1} s {by_time} has \
         ({}).",
        number(loss),
        number(then)
    )
}

/// How the two factors of the time to a loss grow from a narrow to a wide network: epochs, and time of an epoch.
fn growth(narrow: &[Raced], wide: &[Raced]) -> String {
    let each: Vec<String> = narrow
        .iter()
        .zip(wide)
        .map(|(a, b)| {
            let dearer = format!("{}: an epoch takes {:.1} times as long", a.solver, b.epoch() / a.epoch());
            match (a.epochs_to(), b.epochs_to()) {
                (Some(few), Some(many)) => {
                    format!("{dearer}, and the loss {REACHED} takes {:.2} times the epochs", many / few)
                }
                (None, Some(many)) => {
                    format!("{dearer}, and only the wide network reaches {REACHED} ({many:.0} epochs)")
                }
                (Some(few), None) => {
                    format!("{dearer}, and only the narrow network reaches {REACHED} ({few:.0} epochs)")
                }
                (None, None) => format!("{dearer}, and neither network reaches {REACHED} with every seed"),
            }
        })
        .collect();
    format!(
        "The time to a loss is the number of epochs times the time of one, and the optimizers differ in how both grow with the \
         network. From hidden layers of 10 to 100: {}.",
        each.join("; ")
    )
}

// ------------------------------------------------------------------------------------------------ part 3

/// A surface of one's own by two networks.
fn surface(arguments: &Arguments, digits: [u8; 5], page: &mut Page) -> Result<()> {
    println!("\nPart 3. A surface of your own\n");
    let of = |n: usize, seed: u64, spacing: Spacing| Function {
        formulas: SURFACES.map(|(_, formula)| formula.to_owned()).to_vec(),
        weights: digits.map(f64::from).to_vec(),
        range: [0.0, 1.0],
        n,
        spacing,
        seed,
        ..Function::default()
    };
    let n = 3000;
    let (train, val) = (samples(&of(n, 1, Spacing::Random))?, samples(&of(1000, 2, Spacing::Random))?);
    let test = samples(&of(1000, 3, Spacing::Random))?;
    let tanh = mlp(2, &[20, 10], 1, Activation::Tanh, &mut Rng::new(SEEDS[0], "assignment1.init", 0));
    let rng = &mut Rng::new(SEEDS[0], "assignment1.init", 1);
    let relu = Sequential::new()
        .with("fc1", Linear::new(2, 20, Init::HeNormal, rng))
        .with("norm1", BatchNorm::new(20))
        .with("relu1", Activation::Relu)
        .with("fc2", Linear::new(20, 10, Init::HeNormal, rng))
        .with("norm2", BatchNorm::new(10))
        .with("relu2", Activation::Relu)
        .with("out", Linear::new(10, 1, Init::HeNormal, rng));
    let mixture = of(n, 1, Spacing::Random).mixture()?;
    let unit = (0.0, 1.0);
    let nodes = Contour::nodes(unit, unit);
    let side = nodes.len().isqrt();
    let true_heights: Vec<f64> = nodes.iter().map(|&(x, y)| mixture.at([x, y])).collect();
    let mut sheet = Surface::new("The surface, and what was learned of it", ["x", "y"], unit, unit);
    // Half as many lines as nodes: finer ones would be black.
    let coarse = |values: &[f64]| -> Vec<f64> {
        (0..side).step_by(2).flat_map(|j| (0..side).step_by(2).map(move |i| values[j * side + i])).collect()
    };
    let half = side.div_ceil(2);
    sheet = sheet.panel("true", half, &coarse(&true_heights));
    let mut table = Table::new(&["network", "parameters", "epochs", "validation loss", "test loss"]);
    let mut found = Vec::new();
    let mut maps = Vec::new();
    let most = if arguments.smoke { 3 } else { 400 };
    for (name, model) in [("tanh", &tanh), ("ReLU and batch normalization", &relu)] {
        let fit = Fit::new(most, 20, 32, SEEDS[0]).with_objective(squared_error());
        let mut momentum = FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(0.01) });
        let history = fit.run(model, &mut momentum, &train, &val, None, &mut Silent)?.history;
        let [on_val, on_test] = [mse(model, &val)?, mse(model, &test)?];
        let row = [name.to_owned(), count_parameters(model).to_string(), history.epochs.len().to_string()];
        table.row(row.into_iter().chain([number(on_val), number(on_test)]));
        found.push((name, on_test));
        let at = Tensor::new(nodes.iter().flat_map(|&(x, y)| [x as f32, y as f32]).collect(), [nodes.len(), 2])?;
        let predicted = model.forward(&Var::constant(at), &mut Ctx::eval())?;
        let predicted: Vec<f64> = predicted.value().data().iter().map(|v| f64::from(*v)).collect();
        sheet = sheet.panel(name, half, &coarse(&predicted));
        let error: Vec<f64> = predicted.iter().zip(&true_heights).map(|(p, t)| (p - t).abs()).collect();
        let map = Contour::of_values(&format!("{name}: absolute error"), unit, unit, error).axes("x", "y").draw();
        map.save(&arguments.out, &format!("error_{}", name.split(' ').next().unwrap_or(name)))?;
        maps.push(map);
    }
    println!("3a. digits {}:\n\n{}", arguments.digits, table.text());
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    let [(better, low), (worse, high)] = [found[0], found[1]];
    let words = format!(
        "With one seed, {better} has the lower test loss: {} against {} with {worse}; the variance of the surface is {}.",
        number(low),
        number(high),
        number(variance(&true_heights))
    );
    println!("3b. {words}");
    let surfaces = sheet.draw();
    surfaces.save(&arguments.out, "surfaces")?;
    let maps: Vec<(&Figure, &str)> = maps.iter().map(|map| (map, "")).collect();
    page.section("3", &format!("The surface of {}", arguments.digits))
        .figure(&surfaces, "The true surface, and the two networks' predictions, on one scale.")
        .figures(&maps)
        .table(
            &table,
            "3,000 training, 1,000 validation, 1,000 test samples without noise; the epoch of lowest validation loss",
        )
        .answer("3. Which network learns it better?", &words);
    Ok(())
}

fn variance(values: &[f64]) -> f64 {
    let centre = mean(values.iter().copied());
    mean(values.iter().map(|v| (v - centre) * (v - centre)))
}
