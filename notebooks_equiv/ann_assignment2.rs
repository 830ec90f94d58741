//! # Artificial neural networks, assignment 2: tables, time series and self-organizing maps
//!
//! The whole assignment with library calls only: least squares beside automatic relevance determination on a table, and a
//! network on the columns that were found relevant (part 1); forecasts of a temperature by persistence, the season, an
//! autoregressive model and a network (part 2); a self-organizing map and its unused units (part 3). Every sentence is made of
//! the run's numbers.
//!
//! Run it: `cargo run --release --example exercise -- ann_assignment2`. Without files of yours the table, the temperature and
//! the points of the map are drawn. `--table FILE` takes a CSV whose last column is the number to predict, `--series FILE
//! --column NAME` a column of another. `--out DIR` names another place than target/lessons/ann_assignment2, and `--smoke` is a
//! try in seconds, whose numbers mean nothing.

use clap::Parser;
use gradus::analysis::forest::Forest;
use gradus::analysis::linear::{Ard, LeastSquares};
use gradus::analysis::metrics::mean_difference;
use gradus::analysis::scale::{Scaler, Scaling};
use gradus::analysis::som::{Som, Start};
use gradus::analysis::svr::{Kernel, Svr};
use gradus::data::table::TableOptions;
use gradus::data::{Column, Images, Moons, Series, Table as DataTable, Windows};
use gradus::models::mlp::mlp;
use gradus::prelude::*;
use gradus::report::chart::{Colour, ColourMap, Intervals, LineChart, UnitMap, UnitNet, number};
use gradus::report::words::{counted, listed};
use gradus::report::{Figure, Page, Table};
use ndarray::{Array2, Axis};
use std::path::PathBuf;

const SEED: u64 = 42;

/// Relevant columns of a table, forecasts of a temperature, and a self-organizing map.
#[derive(clap::Parser)]
struct Arguments {
    /// A CSV whose last column is the number to predict [default: a table that is drawn]
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// A CSV with a column of values at equal steps of time [default: a temperature that is drawn]
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// The column of --series, by name [default: the last one that holds numbers]
    #[arg(long, value_name = "NAME", requires = "series")]
    column: Option<String>,
    /// Steps of a period of the season; 0 for none
    #[arg(long, value_name = "STEPS", default_value_t = 365.25)]
    season: f64,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/ann_assignment2")]
    out: PathBuf,
    /// Everything in seconds with few epochs: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let arguments = Arguments::parse_from(words);
    let mut page = Page::new("Artificial neural networks, assignment 2");
    relevance(&arguments, &mut page)?;
    forecasts(&arguments, &mut page)?;
    maps(&arguments, &mut page)?;
    page.section("", "Use of AI").field("Write here which tools you used, and for what.");
    page.save(&arguments.out.join("report.html"))?;
    println!("\nReport and figures are in {}", arguments.out.display());
    Ok(())
}

// ------------------------------------------------------------------------------------------------ part 1

/// Rows of numbers, and a number to predict for each.
struct Rows {
    columns: Vec<String>,
    x: Array2<f32>,
    y: Vec<f64>,
}

impl Rows {
    /// 200 rows of ten columns, of which three matter: y = 3 x₁ - 2 x₄ + x₈ + noise.
    fn drawn() -> Self {
        let mut rng = Rng::new(SEED, "assignment2.table", 0);
        let x = Array2::from_shape_fn((200, 10), |_| rng.normal() as f32);
        let y = x.rows().into_iter().map(|r| f64::from(3.0 * r[0] - 2.0 * r[3] + r[7]) + rng.normal()).collect();
        Self { columns: (1..=10).map(|j| format!("x{j}")).collect(), x, y }
    }

    fn read(path: &PathBuf) -> Result<Self> {
        let options = TableOptions { targets: Some(Vec::new()), ..TableOptions::default() };
        let table = DataTable::read_csv(path, &options)?;
        let y = table.target.values().expect("numbers were asked for").data().iter().map(|v| f64::from(*v)).collect();
        Ok(Self { columns: table.columns.features, x: table.features, y })
    }

    fn of(&self, rows: &[usize]) -> (Array2<f32>, Vec<f64>) {
        (self.x.select(Axis(0), rows), rows.iter().map(|&i| self.y[i]).collect())
    }
}

/// Which columns matter, and whether a network needs the others.
fn relevance(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("Part 1. Least squares and automatic relevance determination\n");
    let data = arguments.table.as_ref().map_or_else(|| Ok(Rows::drawn()), Rows::read)?;
    let n = data.y.len();
    let scaler = Scaler::fit(Scaling::Standard, data.x.view())?;
    let x = scaler.transform(data.x.view())?;
    let scale = spread(&data.y);
    let y: Vec<f64> = data.y.iter().map(|v| (v - scale.0) / scale.1).collect();
    let (ols, ard) = (LeastSquares::fit(x.view(), &y)?, Ard::default().fit(x.view(), &y)?);
    let mut table = Table::new(&["column", "OLS", "standard error", "ARD", "posterior deviation"]);
    let mut series = [Vec::new(), Vec::new()];
    for (j, column) in data.columns.iter().enumerate() {
        let error = ols.standard_errors.as_ref().map(|errors| errors[j]);
        let is_kept = ard.relevant.contains(&j);
        let (weight, deviation) = (ard.weights[j], ard.deviations[j]);
        table.row([
            column.clone(),
            number(ols.weights[j]),
            error.map_or("-".into(), number),
            if is_kept { number(weight) } else { "taken out".into() },
            if is_kept { number(deviation) } else { "-".into() },
        ]);
        series[0].push(ols.interval(j, 0.95).map(|interval| (ols.weights[j], interval)));
        series[1].push(is_kept.then_some((weight, (weight - 1.96 * deviation, weight + 1.96 * deviation))));
    }
    println!("1a. standardized columns, {n} rows:\n\n{}", table.text());
    let chart = Intervals::new("Weights with 95 % intervals", &data.columns)
        .axis("standard deviations of y for one of the column")
        .series("OLS", &series[0])
        .series("ARD", &series[1])
        .draw();
    chart.save(&arguments.out, "weights")?;
    let out: Vec<String> = (0..data.columns.len())
        .filter(|j| !ard.relevant.contains(j))
        .map(|j| format!("{} ({:+.3})", data.columns[j], ols.weights[j]))
        .collect();
    let left_out = if out.is_empty() {
        format!("ARD took out none of the {} columns.", data.columns.len())
    } else {
        format!(
            "ARD took out {} of {} columns; in brackets the weight that OLS gives them: {}.",
            out.len(),
            data.columns.len(),
            listed(&out)
        )
    };
    println!("1b. {left_out}");
    let (words, folds) = on_relevant(&data, arguments.smoke)?;
    println!("1c. {words}\n\n{}", folds.text());
    page.section("1", "Least squares and automatic relevance determination")
        .figure(&chart, "Both on standardized columns and targets.")
        .table(&table, "Weights in standard deviations of the target for one standard deviation of the column")
        .answer("1a. What did ARD leave out?", &left_out)
        .table(&folds, "Networks with 20 tanh units, mean squared error on each fold, in variances of the target")
        .answer("1b. Does a network need the other columns?", &words);
    Ok(())
}

/// Mean and standard deviation.
fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Compares networks on all columns and on ARD's by 5-fold cross-validation. Scales and columns are found on the training rows
/// of each fold.
fn on_relevant(data: &Rows, smoke: bool) -> Result<(String, Table)> {
    const FOLDS: usize = 5;
    let mut order: Vec<usize> = (0..data.y.len()).collect();
    Rng::new(SEED, "assignment2.folds", 0).shuffle(&mut order);
    let mut table = Table::new(&["fold", "rows", "columns kept", "all columns", "relevant columns"]);
    let mut squares: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for fold in 0..FOLDS {
        let (held_out, kept): (Vec<usize>, Vec<usize>) = (0..order.len()).partition(|i| i % FOLDS == fold);
        let [rows, test] = [kept, held_out].map(|places| places.iter().map(|&i| order[i]).collect::<Vec<usize>>());
        let ((x, y), (x_test, y_test)) = (data.of(&rows), data.of(&test));
        let scaler = Scaler::fit(Scaling::Standard, x.view())?;
        let (x, x_test) = (scaler.transform(x.view())?, scaler.transform(x_test.view())?);
        let (mean, deviation) = spread(&y);
        let scaled = |y: Vec<f64>| y.into_iter().map(|v| (v - mean) / deviation).collect::<Vec<f64>>();
        let (y, y_test) = (scaled(y), scaled(y_test));
        let relevant = Ard::default().fit(x.view(), &y)?.relevant;
        let all: Vec<usize> = (0..x.ncols()).collect();
        let mut means = Vec::new();
        for (columns, squares) in [&all, &relevant].into_iter().zip(&mut squares) {
            let errors = network(&x.select(Axis(1), columns), &y, &x_test.select(Axis(1), columns), &y_test, smoke)?;
            means.push(errors.iter().sum::<f64>() / errors.len() as f64);
            squares.extend(errors);
        }
        let row = [fold + 1, test.len(), relevant.len()].map(|n| n.to_string());
        table.row(row.into_iter().chain(means.into_iter().map(number)));
    }
    let row = |values: &[f64]| Array2::from_shape_vec((1, values.len()), values.to_vec()).expect("one row");
    let difference = mean_difference(row(&squares[0]).view(), row(&squares[1]).view(), false)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let [low, high] = difference.interval;
    let words = match () {
        () if low > 0.0 => "the network predicts better without the other columns",
        () if high < 0.0 => "the network predicts worse without the other columns",
        () => "with and without the other columns the network does not differ significantly",
    };
    let words = format!(
        "On held-out rows {words}: mean squared error {} with all columns, {} with the relevant ones, difference {} with a 95 % \
         interval from {} to {} over {} rows.",
        number(mean(&squares[0])),
        number(mean(&squares[1])),
        number(difference.difference),
        number(low),
        number(high),
        squares[0].len()
    );
    Ok((words, table))
}

/// Trains a network and returns its squared error on each test row. With no column it predicts the mean, which is 0.
fn network(x: &Array2<f32>, y: &[f64], x_test: &Array2<f32>, y_test: &[f64], smoke: bool) -> Result<Vec<f64>> {
    let d = x.ncols();
    if d == 0 {
        return Ok(y_test.iter().map(|y| y * y).collect());
    }
    let samples = |x: &Array2<f32>, y: &[f64]| {
        Matrix::new(Tensor::from(x.clone()), Target::Values(Tensor::from_fn([y.len(), 1], |i| y[i] as f32)))
    };
    let model = mlp(d, &[20], 1, Activation::Tanh, &mut Rng::new(SEED, "assignment2.init", 0));
    let fit = Fit::new(if smoke { 2 } else { 60 }, usize::MAX, 32, SEED)
        .with_objective(Objective { loss: Loss::Mse, ..Objective::default() });
    let none = samples(&Array2::zeros((0, d)), &[])?;
    fit.run(&model, &mut FirstOrder::new(Adam::new(3e-3)), &samples(x, y)?, &none, None, &mut Silent)?;
    let predicted = model.forward(&Var::constant(Tensor::from(x_test.clone())), &mut Ctx::eval())?;
    Ok(predicted.value().data().iter().zip(y_test).map(|(p, y)| (f64::from(*p) - y).powi(2)).collect())
}

// ------------------------------------------------------------------------------------------------ part 2

/// Twenty years of a temperature in °C: a season of one harmonic, and what is left of yesterday's and the day before's weather.
fn drawn_temperature(days: usize) -> Series {
    let mut rng = Rng::new(SEED, "assignment2.series", 0);
    let mut weather = [0.0; 2];
    let values = (0..days).map(|day| {
        weather = [0.9 * weather[0] - 0.15 * weather[1] + 2.5 * rng.normal(), weather[0]];
        let season = 10.0 - 8.0 * (2.0 * std::f64::consts::PI * day as f64 / 365.25).cos();
        (season + weather[0]) as f32
    });
    Series {
        name: "temperature".into(),
        values: values.collect(),
        names: (1..=days).map(|day| format!("day {day}")).collect(),
        begins: 0.0,
        notes: Vec::new(),
    }
}

/// Inputs and the values to predict of some windows, on the scale of the training windows.
type Scaled = (Array2<f32>, Vec<f64>);

/// The windows that predict the first 70 % of the values, the next 10 % and the last 20 %: training, validation and test.
fn chronological(series: &Series, windows: &Windows) -> Result<[Images; 3]> {
    let n = series.values.len();
    let ends = [7 * n / 10, 8 * n / 10];
    if ends[0] < windows.first() + 10 {
        let (lags, name) = (windows.lags, &series.name);
        return Err(Error::invalid(format!("{name} holds {n} values, too few for {lags} lags: give a longer series")));
    }
    Ok([windows.first()..ends[0], ends[0]..ends[1], ends[1]..n].map(|places| series.windows(windows, places)))
}

/// The windows of the three splits, scaled, and how a prediction gets its units back.
struct Splits {
    train: Scaled,
    val: Scaled,
    test: Scaled,
    scale: (f64, f64),
}

impl Splits {
    fn new(series: &Series, windows: &Windows) -> Result<Self> {
        let rows = |images: &Images| -> Scaled {
            let x = Array2::from_shape_vec((images.len(), windows.width()), images.pixels.data().to_vec());
            let y = images.target.values().expect("numbers to predict").data().iter().map(|v| f64::from(*v)).collect();
            (x.expect("rows of one width"), y)
        };
        let [train, val, test] = chronological(series, windows)?.map(|images| rows(&images));
        let (scaler, scale) = (Scaler::fit(Scaling::Standard, train.0.view())?, spread(&train.1));
        let scaled = |(x, y): Scaled| -> Result<Scaled> {
            Ok((scaler.transform(x.view())?, y.into_iter().map(|v| (v - scale.0) / scale.1).collect()))
        };
        Ok(Self { train: scaled(train)?, val: scaled(val)?, test: scaled(test)?, scale })
    }

    /// The squared error of each prediction, in squared units.
    fn squares(&self, predicted: &[f64], y: &[f64]) -> Vec<f64> {
        predicted.iter().zip(y).map(|(p, y)| (self.scale.1 * (p - y)).powi(2)).collect()
    }
}

/// The models of part 2, and whether they see the season.
const MODELS: [(&str, bool); 5] =
    [("AR", false), ("AR with season", true), ("network", true), ("support vectors", true), ("forest", true)];

/// Trains a model of [`MODELS`] and returns its predictions of validation and test.
fn forecast(model: &str, splits: &Splits, smoke: bool) -> Result<[Vec<f64>; 2]> {
    let (x, y) = (&splits.train.0, &splits.train.1);
    let others = [splits.val.0.view(), splits.test.0.view()];
    let both = |predict: &dyn Fn(ndarray::ArrayView2<'_, f32>) -> Result<Vec<f64>>| {
        let [val, test] = others.map(predict);
        Ok([val?, test?])
    };
    match model {
        "network" => {
            let samples = |x: &Array2<f32>, y: &[f64]| {
                Matrix::new(Tensor::from(x.clone()), Target::Values(Tensor::from_fn([y.len(), 1], |i| y[i] as f32)))
            };
            let net = mlp(x.ncols(), &[8], 1, Activation::Tanh, &mut Rng::new(SEED, "assignment2.forecaster", 0));
            let fit = Fit::new(if smoke { 2 } else { 100 }, 10, 128, SEED)
                .with_objective(Objective { loss: Loss::Mse, ..Objective::default() });
            let (train, val) = (samples(x, y)?, samples(&splits.val.0, &splits.val.1)?);
            fit.run(&net, &mut FirstOrder::new(Adam::new(2e-3)), &train, &val, None, &mut Silent)?;
            both(&|x| {
                let output = net.forward(&Var::constant(Tensor::from(x.to_owned())), &mut Ctx::eval())?;
                Ok(output.value().data().iter().map(|v| f64::from(*v)).collect())
            })
        }
        "support vectors" => {
            let fitted =
                Svr { kernel: Kernel::Rbf(Kernel::scale(x.view()) / 10.0), c: 1.0, epsilon: 0.1 }.fit(x.view(), y)?;
            both(&|x| fitted.predict(x))
        }
        "forest" => {
            let trees = if smoke { 5 } else { 100 };
            let fitted = Forest { trees, depth: 0, leaf: 10, columns: 0.4 }.fit(x.view(), y, SEED)?;
            both(&|x| fitted.predict(x))
        }
        _ => {
            let fitted = LeastSquares::fit(x.view(), y)?;
            both(&|x| fitted.predict(x))
        }
    }
}

/// Forecasts of the next value, with lags that are chosen on validation.
fn forecasts(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("\nPart 2. Forecasts of a time series\n");
    let smoke = arguments.smoke;
    let series = match &arguments.series {
        None => drawn_temperature(if smoke { 1500 } else { 7300 }),
        Some(path) => {
            let column = arguments.column.iter().map(|name| Column::Name(name.clone())).collect();
            Series::read_csv(path, &TableOptions { targets: Some(column), ..TableOptions::default() }, None)?
        }
    };
    let windows = |lags: usize, has_season: bool| Windows {
        lags,
        horizon: 1,
        season: if has_season { arguments.season } else { 0.0 },
        harmonics: 2,
    };
    let mean = |squares: &[f64]| squares.iter().sum::<f64>() / squares.len() as f64;
    // What takes long is tried with some lags only.
    let most = if smoke { 3 } else { 40 };
    let tried = |model: &str| -> Vec<usize> {
        match model {
            "AR" | "AR with season" => (1..=most).collect(),
            _ => [1, 2, 3, 5, 8, 13, 22, 40].into_iter().filter(|lags| *lags <= most).collect(),
        }
    };
    let mut chart =
        LineChart::new(&format!("{}: error over lags", series.name)).axes("lags", "validation, mean squared error");
    let mut over_lags = Table::new(&["lags", "AR", "AR with season", "network", "support vectors", "forest"]);
    let mut cells = vec![vec![String::new(); MODELS.len()]; most + 1];
    let mut table = Table::new(&["forecast", "lags", "validation", "test", "AR with season minus it", "95 % interval"]);
    let mut found: Vec<(&str, usize, f64, Vec<f64>)> = Vec::new();
    for (m, (model, has_season)) in MODELS.into_iter().enumerate() {
        let (mut points, mut best) = (Vec::new(), (f64::INFINITY, 0, Vec::new()));
        for lags in tried(model) {
            let splits = Splits::new(&series, &windows(lags, has_season))?;
            let [val, test] = forecast(model, &splits, smoke)?;
            let error = mean(&splits.squares(&val, &splits.val.1));
            points.push((lags as f64, error));
            cells[lags][m] = number(error);
            if error < best.0 {
                best = (error, lags, splits.squares(&test, &splits.test.1));
            }
        }
        chart = chart.styled(model, &points, Colour::class(m), false);
        found.push((model, best.1, best.0, best.2));
    }
    for (lags, row) in cells.into_iter().enumerate().filter(|(_, row)| row.iter().any(|cell| !cell.is_empty())) {
        let dash = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
        over_lags.row(std::iter::once(lags.to_string()).chain(row.into_iter().map(dash)));
    }
    println!("2a. validation, mean squared error:\n\n{}", over_lags.text());
    // What costs nothing: the last value again, and the season alone.
    let [_, val, test] = chronological(&series, &windows(1, false))?;
    let persistence = [val, test].map(|images| {
        let next = images.target.values().expect("numbers to predict").data();
        let pairs = images.pixels.data().iter().zip(next);
        pairs.map(|(last, next)| (f64::from(*last) - f64::from(*next)).powi(2)).collect::<Vec<f64>>()
    });
    found.push(("persistence", 1, mean(&persistence[0]), persistence[1].clone()));
    if arguments.season > 0.0 {
        let splits = Splits::new(&series, &windows(1, true))?;
        let season = LeastSquares::fit(splits.train.0.slice(ndarray::s![.., 1..]), &splits.train.1)?;
        let [val, test] = [&splits.val, &splits.test]
            .map(|(x, y)| Ok::<_, Error>(splits.squares(&season.predict(x.slice(ndarray::s![.., 1..]))?, y)));
        found.push(("season", 0, mean(&val?), test?));
    }
    let row = |values: &[f64]| Array2::from_shape_vec((1, values.len()), values.to_vec()).expect("one row");
    let reference = row(&found[1].3);
    for (name, lags, val, squares) in &found {
        let [difference, interval] = match *name {
            "AR with season" => ["-".to_owned(), "-".to_owned()],
            _ => {
                let d = mean_difference(reference.view(), row(squares).view(), false)?;
                [number(d.difference), format!("{} to {}", number(d.interval[0]), number(d.interval[1]))]
            }
        };
        table.row([(*name).to_owned(), lags.to_string(), number(*val), number(mean(squares)), difference, interval]);
    }
    println!("2b. lags of the lowest validation error:\n\n{}", table.text());
    let chosen = found[..MODELS.len()].iter().min_by(|a, b| a.2.total_cmp(&b.2)).expect("five models");
    let last = &found[MODELS.len()];
    let words = format!(
        "On validation {} with {} predicts best; on the test split its mean squared error is {}, that of repeating the last value \
         {}: {:.0} % of what persistence misses is predicted.",
        chosen.0,
        counted(chosen.1, "lag"),
        number(mean(&chosen.3)),
        number(mean(&last.3)),
        100.0 * (1.0 - mean(&chosen.3) / mean(&last.3))
    );
    println!("2c. {words}");
    let curves = chart.draw();
    curves.save(&arguments.out, "lags")?;
    page.section("2", &format!("Forecasts: {}", series.name))
        .figure(&curves, "One step ahead. Training is the first 70 % of the series, validation the next 10 %.")
        .table(&over_lags, "Validation, mean squared error")
        .table(&table, "Chosen on validation; the test split is the last 20 % of the series")
        .answer("2. Which forecast is the best, and what does it gain?", &words)
        .paragraph("Intervals take the days' errors for independent, which one step ahead they nearly are.");
    Ok(())
}

// ------------------------------------------------------------------------------------------------ part 3

/// A map of two moons, and what becomes of units that no sample chooses.
fn maps(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("\nPart 3. A self-organizing map and its unused units\n");
    let moons = Moons { per_class: 100, noise: 0.1, seed: SEED }.render()?;
    let x = Array2::from_shape_vec((moons.len(), 2), moons.pixels.data().to_vec()).expect("two columns");
    let points: Vec<(f64, f64)> = x.rows().into_iter().map(|r| (f64::from(r[0]), f64::from(r[1]))).collect();
    let epochs = if arguments.smoke { 3 } else { 100 };
    let joined_by =
        |final_radius: f64| Som { rows: 12, columns: 12, start: Start::Pca, final_radius, ..Som::default() };
    // Without a neighbourhood a unit learns from its own samples alone: K-means, one sample at a time or all at once.
    let alone = Som { radius: 0.01, ..joined_by(0.01) };
    let mut table = Table::new(&[
        "neighbourhood",
        "quantization error",
        "topographic error",
        "unused units",
        "moved, unused",
        "distance to a sample, unused",
        "distance to a sample, used",
    ]);
    let mut rows = Vec::new();
    let mut sheet: Option<UnitNet> = None;
    let mut shown = None;
    for (name, som) in [("radius 6 to 0.7", joined_by(0.7)), ("radius 6 to 0.2", joined_by(0.2)), ("none", alone)] {
        let start = som.train(x.view(), epochs, SEED, |training| Ok(training.map()))?;
        let map = som.fit(x.view(), epochs, SEED)?;
        let matches = map.matches(x.view())?;
        let hits = matches.hits();
        let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
        let at = |units: &Array2<f32>, u: usize| (f64::from(units[[u, 0]]), f64::from(units[[u, 1]]));
        let nearest = |u: usize| points.iter().map(|p| distance(*p, at(&map.units, u))).fold(f64::INFINITY, f64::min);
        let (unused, used): (Vec<usize>, Vec<usize>) = (0..hits.len()).partition(|u| hits[*u] == 0);
        let mean = |units: &[usize], of: &dyn Fn(usize) -> f64| match units {
            [] => f64::NAN,
            units => units.iter().map(|&u| of(u)).sum::<f64>() / units.len() as f64,
        };
        let moved = mean(&unused, &|u| distance(at(&start.units, u), at(&map.units, u)));
        let [far, near] = [mean(&unused, &nearest), mean(&used, &nearest)];
        let or_none = |value: f64| if value.is_nan() { "-".to_owned() } else { number(value) };
        table.row([
            name.to_owned(),
            number(matches.quantization_error()),
            format!("{:.3}", matches.topographic_error()),
            unused.len().to_string(),
            or_none(moved),
            or_none(far),
            number(near),
        ]);
        let lattice = &map.lattice;
        let pairs: Vec<(usize, usize)> = (0..lattice.units())
            .flat_map(|u| lattice.adjacent(u).into_iter().filter(move |v| u < *v).map(move |v| (u, v)))
            .filter(|&(u, v)| (lattice.squared_distance(u, v) - 1.0).abs() < 1e-9)
            .collect();
        let places: Vec<(f64, f64)> = (0..lattice.units()).map(|u| at(&map.units, u)).collect();
        let net = sheet.take().unwrap_or_else(|| {
            let net = UnitNet::new("Units among the samples", ["x", "y"], &points, &pairs);
            net.classes(&moons.classes, moons.labels())
        });
        sheet = Some(net.panel(&format!("neighbourhood: {name}"), &places));
        if shown.is_none() {
            let centres: Vec<(f64, f64)> = (0..lattice.units()).map(|u| lattice.centre(u)).collect();
            let hits: Vec<f64> = hits.iter().map(|h| *h as f64).collect();
            shown = Some((centres, map.u_matrix(), hits));
        }
        rows.push((name, unused.len(), moved, far, near));
    }
    println!("3a. two moons, 12 x 12 units, {epochs} epochs:\n\n{}", table.text());
    let words = unused_units(&rows);
    println!("3b. {words}");
    let net = sheet.expect("three maps").draw();
    net.save(&arguments.out, "units")?;
    let (centres, u_matrix, hits) = shown.expect("three maps");
    let colours = ColourMap::Terrain;
    let borders = UnitMap::values("U-matrix", &centres, false, &u_matrix, colours).draw();
    let hits = UnitMap::values("Samples of each unit", &centres, false, &hits, colours).draw();
    borders.save(&arguments.out, "u_matrix")?;
    hits.save(&arguments.out, "hits")?;
    let pair: [(&Figure, &str); 2] = [
        (&borders, "Mean distance of each unit's weights from its neighbours' (radius 6 to 0.7)."),
        (&hits, "Units without a sample are unused; compare their places with the U-matrix."),
    ];
    page.section("3", "A self-organizing map and its unused units")
        .figure(&net, "")
        .figures(&pair)
        .table(&table, "Distances in the units of the data; means over units")
        .answer("3. What happens to units that no sample chooses?", &words);
    Ok(())
}

/// What the rows say of unused units: name, how many, how far they moved, distance to the nearest sample, that of used units.
fn unused_units(rows: &[(&str, usize, f64, f64, f64)]) -> String {
    let each: Vec<String> = rows
        .iter()
        .map(|(name, unused, moved, far, near)| match unused {
            0 => format!("with neighbourhood {name} no unit is unused"),
            _ => format!(
                "with neighbourhood {name}, {} moved {} on average and lie {} from the nearest sample (used ones: {})",
                counted(*unused, "unused unit"),
                number(*moved),
                number(*far),
                number(*near)
            ),
        })
        .collect();
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let why = if last.1 > 0 && last.2 == 0.0 && first.1 > 0 && first.2 > 0.0 {
        " A unit that no sample chooses learns through its neighbours alone: they pull it between the clusters, and without \
         them it stays where it began."
    } else {
        ""
    };
    let mut words = each.join("; ");
    words[..1].make_ascii_uppercase();
    format!("{words}.{why}")
}
