//! # Lesson 12: an autoencoder, and its relation to principal components
//!
//! An autoencoder reconstructs its input through a layer that is too narrow for it: the *code*. It learns to represent
//! an image by few numbers (Hinton and Salakhutdinov 2006). Its target is its input, so no labels are needed:
//!
//! ```text
//! minimize   mean |x - D(E(x))|²      E: 784 -> k, D: k -> 784.
//! ```
//!
//! If E and D are linear, the best that can be reached is known: the projection onto the first k principal components
//! (Baldi and Hornik 1989). So a linear autoencoder finds what PCA computes, and PCA's error is the baseline. The gain
//! of a nonlinear one over it is the benefit of depth.
//!
//! Run it: `cargo run --release --example lesson -- 12`

use gradus::analysis::pca::Pca;
use gradus::autograd::Var;
use gradus::data::Digits;
use gradus::nn::{Activation, Ctx, Flatten, Init, Linear, Module, Sequential, count_parameters};
use gradus::optim::{Adam, FirstOrder};
use gradus::report::chart::{ImageGrid, LineChart, Tile};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::train::{Fit, Loss, Matrix, Objective, Silent};
use ndarray::ArrayView2;
use std::path::PathBuf;

/// Numbers in a code.
const CODE: usize = 8;
const PIXELS: usize = 28 * 28;

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let images = Digits { n: 1200, seed: 12 }.render()?;
    let (pixels, labels) = (&images.pixels, images.labels());
    let all: Vec<usize> = (0..pixels.shape()[0]).collect();
    let (train, test): (Vec<usize>, Vec<usize>) = all.into_iter().partition(|i| i % 7 != 0);
    let rows = |of: &[usize]| pixels.gather(of).reshape([of.len(), PIXELS]);
    let samples = |of: &[usize]| Matrix::new(rows(of)?, images.target.gather(of));
    let (x_train, x_test) = (samples(&train)?, samples(&test)?);

    println!("1. The baseline: {CODE} principal components\n");
    let view = |t: &Tensor| ArrayView2::from_shape((t.shape()[0], PIXELS), t.data()).expect("rows").to_owned();
    let (seen, unseen) = (view(&rows(&train)?), view(&rows(&test)?));
    let pca = Pca::fit(seen.view(), CODE)?;
    let projected = pca.inverse_transform(pca.transform(unseen.view())?.view())?;
    let by_pca = (&projected - &unseen).mapv(|d| f64::from(d * d)).mean().expect("there are images");
    println!("   mean squared error of a pixel on test images: {by_pca:.5}");

    let rng = &mut Rng::new(12, "init", 0);
    let linear = Sequential::new()
        .with("code", Linear::new(PIXELS, CODE, Init::XavierUniform, rng))
        .with("out", Linear::new(CODE, PIXELS, Init::XavierUniform, rng));
    let deep = Sequential::new()
        .with("flatten", Flatten)
        .with("wide1", Linear::new(PIXELS, 128, Init::HeNormal, rng))
        .with("relu1", Activation::Relu)
        .with("code", Linear::new(128, CODE, Init::XavierUniform, rng))
        .with("wide2", Linear::new(CODE, 128, Init::HeNormal, rng))
        .with("relu2", Activation::Relu)
        .with("out", Linear::new(128, PIXELS, Init::XavierUniform, rng))
        .with("sigmoid", Activation::Sigmoid);

    println!("\n2. Two autoencoders: error on test images\n");
    let objective = Objective { loss: Loss::ReconstructionMse, ..Objective::default() };
    let mut chart = LineChart::new("Error on test images").axes("epoch", "mean squared error").log_y();
    let mut errors = Vec::new();
    for (name, model, lr) in [("linear", &linear, 2e-3), ("with a hidden layer", &deep, 2e-3)] {
        let fit = Fit { objective: objective.clone(), ..Fit::new(60, 60, 50, 12) };
        let trained = fit.run(model, &mut FirstOrder::new(Adam::new(lr)), &x_train, &x_test, None, &mut Silent)?;
        let curve: Vec<f64> = trained.history.curve("val_loss");
        let least = curve.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: usize = count_parameters(model);
        let some: Vec<String> = [1, 5, 15, 30, 60].map(|n| format!("{n}: {:.5}", curve[n - 1])).into();
        println!("   {name}, {weights} parameters; after epoch {}", some.join(", "));
        chart = chart.epochs(name, &curve);
        errors.push(least);
    }
    chart.epochs("principal components", &vec![by_pca; 60]).draw().save(&folder, "errors")?;
    // On the training images no linear network can do better than PCA; on others, hardly.
    assert!(errors[0] > 0.9 * by_pca && errors[0] < 1.3 * by_pca, "{} {by_pca}", errors[0]);
    assert!(errors[1] < errors[0], "depth lowers the error");

    println!(
        "   the least: principal components {by_pca:.5}, linear {:.5}, with a hidden layer {:.5}",
        errors[0], errors[1]
    );

    println!("\n3. The linear one has found the principal components\n");
    let through = |model: &Sequential, x: Tensor| -> gradus::Result<Vec<f32>> {
        Ok(model.forward(&Var::constant(x), &mut Ctx::eval())?.into_value().data().to_vec())
    };
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from((a - b) * (a - b))).sum::<f64>() / a.len() as f64;
    let (by_linear, by_deep) = (through(&linear, rows(&test)?)?, through(&deep, rows(&test)?)?);
    let by_components = projected.iter().copied().collect::<Vec<f32>>();
    let apart = distance(&by_linear, &by_components);
    println!("   mean squared distance of its images from those of the components: {apart:.5},");
    println!("   of the images themselves from those of the components: {by_pca:.5}");
    assert!(apart < 0.3 * by_pca, "they lie near each other: {apart} {by_pca}");

    println!("\n4. Which digits are hard to represent by {CODE} numbers\n");
    println!("   digit   components   linear   with a hidden layer");
    for digit in 0..10 {
        let of: Vec<usize> = (0..test.len()).filter(|&i| labels[test[i]] == digit).collect();
        let error = |values: &[f32]| {
            let one = |&i: &usize| distance(&values[i * PIXELS..][..PIXELS], pixels.gather(&[test[i]]).data());
            of.iter().map(one).sum::<f64>() / of.len() as f64
        };
        println!("   {digit:>5} {:12.5} {:8.5} {:14.5}", error(&by_components), error(&by_linear), error(&by_deep));
    }

    println!("\n5. Reconstructions\n");
    let some: Vec<usize> =
        (0..10).map(|d| *test.iter().find(|&&i| labels[i] == d).expect("each digit is there")).collect();
    let x = rows(&some)?;
    let mut grid = ImageGrid::new("Digits through eight numbers").columns(10).tile_size(72.0);
    let tiles = |values: &[f32]| values.chunks(PIXELS).map(|p| Tile::chw(p, 1, 28, 28)).collect::<Vec<_>>();
    let project = |x: &Tensor| -> gradus::Result<Vec<f32>> {
        Ok(pca.inverse_transform(pca.transform(view(x).view())?.view())?.into_raw_vec_and_offset().0)
    };
    grid = grid.group("images", tiles(x.data())).group("principal components", tiles(&project(&x)?));
    for (name, model) in [("linear", &linear), ("with a hidden layer", &deep)] {
        let y = model.forward(&Var::constant(x.clone()), &mut Ctx::eval())?;
        grid = grid.group(name, tiles(y.value().data()));
    }
    grid.draw().save(&folder, "reconstructions")?;
    let [encoder, _] = deep.split_after("code").expect("it has a layer of this name");
    let code = encoder.forward(&Var::constant(x.clone()), &mut Ctx::eval())?;
    for (digit, numbers) in code.value().data().chunks(CODE).enumerate().take(3) {
        println!("   the code of a {digit}: {}", numbers.iter().map(|v| format!("{v:7.2}")).collect::<String>());
    }
    println!("   {PIXELS} pixels through {CODE} numbers\n\nfigures: {}", folder.display());
    Ok(())
}
