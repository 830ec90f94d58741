//! # Artificial neural networks, assignment 3: principal components and stacked autoencoders
//!
//! The whole assignment with library calls only: the error of a reconstruction over the number of principal components, of a
//! normal distribution in 50 dimensions and of iris flowers (part 1); autoencoders of digits with codes of three sizes, over
//! the epochs, beside principal components (part 2); a deep autoencoder trained layer by layer and then as a whole, against
//! the whole alone for as long (part 3; Bengio et al. 2007, *Greedy layer-wise training of deep networks*). Every sentence is
//! made of the run's numbers.
//!
//! The networks of part 2 are the built-in experiment sae-mnist of `gradus train`.
//!
//! Run it: `cargo run --release --example exercise -- ann_assignment3 FOLDER`, where FOLDER holds the four files of MNIST.
//! `--iris FILE` takes the flowers' CSV, whose last column is the species; without it flowers are drawn. `--epochs N` trains
//! shorter, `--out DIR` names another place than target/lessons/ann_assignment3, and `--smoke` is a try in seconds on digits
//! that the program renders, whose numbers mean nothing.

#[path = "ann_assignment3/findings.rs"]
mod findings;

use clap::Parser;
use findings::{Coded, Spectrum, Worth, beside_components, codes_and_epochs, components, error, pays};
use gradus::analysis::metrics::mean_difference;
use gradus::analysis::pca::Pca;
use gradus::data::table::TableOptions;
use gradus::data::{ImageData, Images, Table as DataTable};
use gradus::experiment::found::Run;
use gradus::experiment::kinds::reconstruct::Reconstructed;
use gradus::experiment::{Prepared, Source, builtin};
use gradus::prelude::*;
use gradus::report::chart::{ImageGrid, LineChart, Tile, number};
use gradus::report::{Figure, Page, Table};
use gradus::run::Unwatched;
use ndarray::{Array2, ArrayView2};
use std::path::PathBuf;

const SEED: u64 = 42;
const PIXELS: usize = 28 * 28;
/// The epochs after which part 2 tables the error.
const EPOCHS: [usize; 5] = [1, 2, 5, 10, 20];
/// The widths of the deep autoencoder's encoder; the last is its code. The decoder mirrors it.
const WIDTHS: [usize; 3] = [128, 64, 16];

/// Principal components, autoencoders with codes of three sizes, and a stacked autoencoder.
#[derive(clap::Parser)]
struct Arguments {
    /// The folder with MNIST's four files [default: where `gradus data get mnist` puts them]
    folder: Option<PathBuf>,
    /// A CSV whose last column is the class, such as the iris flowers [default: flowers that are drawn]
    #[arg(long, value_name = "FILE")]
    iris: Option<PathBuf>,
    /// Epochs of each training, to see it sooner
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/ann_assignment3")]
    out: PathBuf,
    /// Everything in seconds, on digits that the program renders: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let arguments = Arguments::parse_from(words);
    let mut page = Page::new("Artificial neural networks, assignment 3");
    principal_components(&arguments, &mut page)?;
    let data = autoencoders(&arguments, &mut page)?;
    stacked(&arguments, &data, &mut page)?;
    page.section("", "Use of AI").field("Write here which tools you used, and for what.");
    page.save(&arguments.out.join("report.html"))?;
    println!("\nReport and figures are in {}", arguments.out.display());
    Ok(())
}

// ------------------------------------------------------------------------------------------------ part 1

/// 500 points of a standard normal distribution in 50 dimensions.
fn gaussian() -> Array2<f64> {
    let mut rng = Rng::new(SEED, "assignment3.gaussian", 0);
    Array2::from_shape_fn((500, 50), |_| rng.normal())
}

/// 150 flowers of four measures, three groups along one direction: what stands in where no file is given.
fn flowers() -> Array2<f64> {
    let mut rng = Rng::new(SEED, "assignment3.flowers", 0);
    let mut x = Array2::zeros((150, 4));
    for (i, mut flower) in x.rows_mut().into_iter().enumerate() {
        let size = (i / 50) as f64 + 0.3 * rng.normal();
        for (value, (middle, gain)) in flower.iter_mut().zip([(5.0, 0.8), (3.4, -0.2), (1.5, 2.0), (0.3, 0.9)]) {
            *value = middle + gain * size + 0.2 * rng.normal();
        }
    }
    x
}

/// The error of a reconstruction over the number of components.
fn principal_components(arguments: &Arguments, page: &mut Page) -> Result<()> {
    println!("Part 1. Reconstruction from principal components\n");
    let (kind, iris) = match &arguments.iris {
        Some(path) => ("iris", DataTable::read_csv(path, &TableOptions::default())?.features.mapv(f64::from)),
        None => ("drawn flowers", flowers()),
    };
    let normal = gaussian();
    let mut fitted = Vec::new();
    let mut drawn: Vec<Figure> = Vec::new();
    for (file, name, x) in [("gaussian", "Gaussian", &normal), ("flowers", kind, &iris)] {
        let pca = Pca::fit(x.view(), x.ncols().min(x.nrows()))?;
        let errors: Vec<f64> = pca.reconstruction_errors().iter().map(|e| e.max(0.0).sqrt()).collect();
        // The error from the spectrum is that of the reconstruction itself.
        let half = Pca::fit(x.view(), x.ncols() / 2)?;
        let back = half.inverse_transform(half.transform(x.view())?.view())?;
        let measured = (&back - x).mapv(|d| d * d).mean().expect("there are samples").sqrt();
        assert!((measured - errors[x.ncols() / 2]).abs() < 1e-6, "{measured} {}", errors[x.ncols() / 2]);
        let points: Vec<(f64, f64)> = (0..).map(f64::from).zip(errors.iter().copied()).collect();
        let title = format!("{name}: reconstruction from principal components");
        let chart = LineChart::new(&title).axes("components", "root mean squared error").series(name, &points).draw();
        chart.save(&arguments.out, &format!("pca_{file}"))?;
        drawn.push(chart);
        fitted.push((name, pca, errors));
    }
    let mut table = Table::new(&["data", "samples", "dimensions", "components", "root mean squared error"]);
    for ((name, pca, errors), x) in fitted.iter().zip([&normal, &iris]) {
        let d = x.ncols();
        let mut some = vec![0, 1, d / 4, d / 2, 3 * d / 4, d];
        some.sort_unstable();
        some.dedup();
        for k in some.into_iter().filter(|k| *k <= pca.components.nrows()) {
            table.row([name.to_string(), x.nrows().to_string(), d.to_string(), k.to_string(), number(errors[k])]);
        }
    }
    println!("1a.\n\n{}", table.text());
    let spectra: Vec<Spectrum<'_>> =
        fitted.iter().map(|(name, pca, _)| Spectrum { name, ratios: &pca.explained_variance_ratio }).collect();
    let words = components(&spectra);
    println!("1b. {words}");
    let figures: Vec<(&Figure, &str)> = drawn.iter().map(|figure| (figure, "")).collect();
    page.section("1", "Reconstruction from principal components")
        .figures(&figures)
        .table(
            &table,
            "the error of the samples that the components were computed of; with all components it is rounding",
        )
        .answer("1. How many components does each need?", &words);
    Ok(())
}

// ------------------------------------------------------------------------------------------------ part 2

/// The settings that the arguments change.
fn settings(arguments: &Arguments) -> Vec<String> {
    let mut all = Vec::new();
    match &arguments.folder {
        _ if arguments.smoke => all.extend(
            ["data.kind=digits", "data.per_class=30", "data.val=0.2", "data.test=0.2", "train.epochs=2"]
                .map(String::from),
        ),
        Some(path) => all.push(format!("data.path={}", path.display())),
        None => {} // where `gradus data get mnist` has put it
    }
    all.extend(arguments.epochs.map(|n| format!("train.epochs={n}")));
    all
}

/// Images as rows of pixels.
fn rows(images: &Images) -> Result<Tensor> {
    images.pixels.reshape([images.len(), PIXELS])
}

/// Codes of three sizes, over the epochs. Returns the digits.
fn autoencoders(arguments: &Arguments, page: &mut Page) -> Result<ImageData> {
    println!("\nPart 2. Autoencoders with codes of three sizes\n");
    let mut source = Source::text(builtin("sae-mnist").expect("it is built in").text, "sae-mnist")?;
    settings(arguments).iter().try_for_each(|set| source.set(set))?;
    let mut chart = LineChart::new("Autoencoders of digits").axes("epoch", "validation error, mean squared").log_y();
    let (mut all, mut digits, mut grid) = (Vec::new(), None, ImageGrid::new("Test digits, reconstructed").columns(10));
    let mut errors_of_components: Vec<f64> = Vec::new();
    for variant in source.variants()? {
        let e = variant.resolve()?;
        let p = Prepared::new(&e, &mut Unwatched)?;
        let mut optimizer = e.train.optimizer.build();
        let fitted = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
        let found = Reconstructed::new(Run::new(e, p, fitted.history))?;
        let p = &found.run.prepared;
        let code = p.summary.rows.iter().find(|row| row.path == "code").expect("a layer of that name").output[0];
        if digits.is_none() {
            let most = 128.min(p.data.train.len() - 1);
            let [train, test] = [rows(&p.data.train)?, rows(&p.data.test)?];
            let view = |t: &Tensor| ArrayView2::from_shape((t.shape()[0], PIXELS), t.data()).expect("rows").to_owned();
            errors_of_components = Pca::fit(view(&train).view(), most)?.reconstruction_errors_of(view(&test).view())?;
            let shown = p.data.test.first(10);
            grid = grid.group("images", tiles(shown.pixels.data()));
        }
        let curve = found.run.history.curve("val_loss");
        chart = chart.epochs(&format!("code of {code}"), &curve);
        grid = grid.group(&format!("code of {code}"), tiles(&found.outputs.data()[..10 * PIXELS]));
        all.push(Coded { code, curve, test: found.test().mse, components: errors_of_components[code] });
        digits.get_or_insert_with(|| p.data.clone());
    }
    let shown: Vec<usize> = EPOCHS.into_iter().filter(|n| all.iter().all(|c| *n <= c.curve.len())).collect();
    let mut heads = vec!["code".to_owned()];
    heads.extend(shown.iter().map(|n| format!("epoch {n}")));
    heads.extend(["test", "components, test"].map(String::from));
    let mut table = Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    for coded in &all {
        let mut row = vec![coded.code.to_string()];
        row.extend(shown.iter().map(|n| error(coded.curve[n - 1])));
        row.extend([error(coded.test), error(coded.components)]);
        table.row(row);
    }
    println!("2a. mean squared error of a pixel, on validation after so many epochs, and on test:\n\n{}", table.text());
    let (epochs, beside) = (codes_and_epochs(&all), beside_components(&all));
    println!("2b. {epochs}\n2c. {beside}");
    let (curves, images) = (chart.draw(), grid.draw());
    curves.save(&arguments.out, "codes")?;
    images.save(&arguments.out, "reconstructions")?;
    page.section("2", "Autoencoders with codes of three sizes")
        .figure(&curves, "The validation error over the epochs; one seed.")
        .table(
            &table,
            "mean squared error of a pixel; the test split is evaluated once, by the epoch kept on validation",
        )
        .figure(&images, "Test digits, and what is left of them after the code.")
        .answer("2a. What do a larger code and more epochs bring?", &epochs)
        .answer("2b. What does an autoencoder bring beside principal components?", &beside);
    Ok(digits.expect("there are variants"))
}

fn tiles(pixels: &[f32]) -> Vec<Tile> {
    pixels.chunks(PIXELS).map(|digit| Tile::chw(digit, 1, 28, 28)).collect()
}

// ------------------------------------------------------------------------------------------------ part 3

/// The layers of a deep autoencoder: encoders from wide to narrow, decoders in the same order.
struct Deep {
    encoders: Vec<Linear>,
    decoders: Vec<Linear>,
}

/// A layer with the weights of another: what trains one trains both.
fn tied(layer: &Linear) -> Linear {
    Linear { weight: layer.weight.clone(), bias: layer.bias.clone() }
}

impl Deep {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "assignment3.init", 0);
        let (mut encoders, mut decoders, mut width) = (Vec::new(), Vec::new(), PIXELS);
        for next in WIDTHS {
            encoders.push(Linear::new(width, next, Init::HeNormal, &mut rng));
            decoders.push(Linear::new(next, width, Init::HeNormal, &mut rng));
            width = next;
        }
        Self { encoders, decoders }
    }

    /// The activation function after a decoder: pixels lie between 0 and 1, codes at or above 0.
    fn end(stage: usize) -> Activation {
        if stage == 0 { Activation::Sigmoid } else { Activation::Relu }
    }

    /// The encoder of a stage.
    fn encoder(&self, stage: usize) -> Sequential {
        Sequential::new().with("encoder", tied(&self.encoders[stage])).with("relu", Activation::Relu)
    }

    /// The autoencoder of a stage alone: what it reads is reconstructed through its own code.
    fn stage(&self, stage: usize) -> Sequential {
        self.encoder(stage).with("decoder", tied(&self.decoders[stage])).with("end", Self::end(stage))
    }

    /// All encoders, then all decoders.
    fn whole(&self) -> Sequential {
        let mut net = Sequential::new();
        for (i, layer) in self.encoders.iter().enumerate() {
            net = net.with(format!("encoder{}", i + 1), tied(layer)).with(format!("relu{}", i + 1), Activation::Relu);
        }
        for (i, layer) in self.decoders.iter().enumerate().rev() {
            net = net.with(format!("decoder{}", i + 1), tied(layer)).with(format!("end{}", i + 1), Self::end(i));
        }
        net
    }
}

/// The outputs of a network for all rows.
fn outputs(model: &Sequential, rows: &Tensor) -> Result<Tensor> {
    let (n, d) = (rows.shape()[0], rows.shape()[1]);
    let (mut all, mut width) = (Vec::new(), 0);
    for part in rows.data().chunks(1000 * d) {
        let x = Var::constant(Tensor::new(part.to_vec(), [part.len() / d, d])?);
        let y = model.forward(&x, &mut Ctx::eval())?.into_value();
        width = y.shape()[1];
        all.extend_from_slice(y.data());
    }
    Tensor::new(all, [n, width])
}

/// Trains an autoencoder of these rows for so many epochs, and keeps that of the lowest validation error. Returns the
/// validation error of each.
fn reconstruct(model: &Sequential, [train, val]: [&Tensor; 2], epochs: usize, seed: u64) -> Result<Vec<f64>> {
    let objective = Objective { loss: Loss::ReconstructionMse, ..Objective::default() };
    let fit = Fit::new(epochs, usize::MAX, 128, seed).with_objective(objective);
    let [train, val] = [train, val].map(|rows| Matrix::new(rows.clone(), Target::None));
    let mut adam = FirstOrder::new(Adam::new(1e-3));
    Ok(fit.run(model, &mut adam, &train?, &val?, None, &mut Silent)?.history.curve("val_loss"))
}

/// The mean squared error of each row.
fn errors(model: &Sequential, rows: &Tensor) -> Result<Vec<f64>> {
    let outputs = outputs(model, rows)?;
    let pairs = rows.data().chunks(PIXELS).zip(outputs.data().chunks(PIXELS));
    let squared = |(x, y): (&[f32], &[f32])| x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
    Ok(pairs.map(|pair| squared(pair) / PIXELS as f64).collect())
}

/// A deep autoencoder trained layer by layer and then as a whole, against the whole alone for as long.
fn stacked(arguments: &Arguments, data: &ImageData, page: &mut Page) -> Result<()> {
    println!("\nPart 3. A stacked autoencoder\n");
    let epochs = arguments.epochs.unwrap_or(if arguments.smoke { 2 } else { 10 });
    let seeds: &[u64] = if arguments.smoke { &[1, 2] } else { &[1, 2, 3] };
    let [train, val, test] = [rows(&data.train)?, rows(&data.val)?, rows(&data.test)?];
    // One epoch of every stage has the multiply-adds of one epoch of the whole, so the whole alone trains twice as long.
    let deep = Deep::new(seeds[0]);
    let widths = [PIXELS].into_iter().chain(WIDTHS).collect::<Vec<_>>();
    let of_stage = |stage: usize| summarize(&deep.stage(stage), &[widths[stage]]).map(|s| s.macs);
    let of_stages = (0..WIDTHS.len()).map(of_stage).sum::<Result<u64>>()?;
    let of_whole = summarize(&deep.whole(), &[PIXELS])?.macs;
    let alone_for = epochs + (epochs as u64 * of_stages).div_ceil(of_whole) as usize;
    println!("3a. {epochs} epochs for each stage and {epochs} for the whole: {alone_for} epochs of the whole alone\n");

    let mut table = Table::new(&["seed", "after the stages", "stacked, test", "whole alone, test"]);
    let (mut of_each, mut chart) = ([Vec::new(), Vec::new()], None);
    for &seed in seeds {
        let deep = Deep::new(seed);
        let (mut x, mut v) = (train.clone(), val.clone());
        for stage in 0..WIDTHS.len() {
            reconstruct(&deep.stage(stage), [&x, &v], epochs, seed)?;
            (x, v) = (outputs(&deep.encoder(stage), &x)?, outputs(&deep.encoder(stage), &v)?);
        }
        let whole = deep.whole();
        let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
        let before = mean(&errors(&whole, &val)?);
        let fine = reconstruct(&whole, [&train, &val], epochs, seed)?;
        let other = Deep::new(seed).whole();
        let alone = reconstruct(&other, [&train, &val], alone_for, seed)?;
        let found = [errors(&whole, &test)?, errors(&other, &test)?];
        table.row([seed.to_string(), error(before), error(mean(&found[0])), error(mean(&found[1]))]);
        chart.get_or_insert_with(|| {
            let from = |first: usize, curve: &[f64]| -> Vec<(f64, f64)> {
                curve.iter().enumerate().map(|(i, e)| ((first + i) as f64, *e)).collect()
            };
            let begins = alone_for - epochs;
            let fine = [vec![(begins as f64, before)], from(begins + 1, &fine)].concat();
            LineChart::new("Layer by layer, or the whole at once")
                .axes("epoch of the whole, or as many multiply-adds", "validation error, mean squared")
                .log_y()
                .series("layer by layer, then the whole", &fine)
                .series("the whole alone", &from(1, &alone))
                .draw()
        });
        for (all, one) in of_each.iter_mut().zip(found) {
            all.push(one);
        }
    }
    println!("{}", table.text());
    let [a, b] = of_each.map(|seeds| Array2::from_shape_fn((seeds.len(), test.shape()[0]), |(s, i)| seeds[s][i]));
    let difference = mean_difference(a.view(), b.view(), false)?;
    let errors = [&a, &b].map(|errors| errors.mean().expect("there are test images"));
    let words = pays(&Worth { errors, interval: difference.interval, over_seeds: difference.over_seeds });
    println!("3b. {words}");
    let chart = chart.expect("at least one seed");
    chart.save(&arguments.out, "stacked")?;
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    page.section("3", "A stacked autoencoder")
        .paragraph(&format!(
            "The encoder is {}, the decoder mirrors it. Each stage first learns to reconstruct what the stage before gives, \
             for {epochs} epochs; then the whole is trained for {epochs} more. One epoch of all stages has the multiply-adds of \
             one epoch of the whole, so the whole alone is trained for {alone_for} epochs.",
            widths.join("-")
        ))
        .figure(&chart, "The validation error; the first point of the stacked network is that before it is trained as a whole.")
        .table(&table, "mean squared error of a pixel, on validation after the stages and on test at the end")
        .answer("3. Does it pay to train layer by layer first?", &words);
    Ok(())
}
