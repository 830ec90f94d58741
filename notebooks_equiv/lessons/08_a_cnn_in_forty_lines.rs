//! Lesson 08: a convolutional network in forty lines.
//!
//! Everything so far, put together: images, a network, a loss, a tape, an optimizer. The network is LeNet's scheme
//! (LeCun et al. 1998) with today's parts: *convolutions* look for small patterns, the same everywhere in the image;
//! *ReLU* keeps positive responses; *max-pooling* keeps the largest of each 2x2 and halves the image. Two such blocks
//! turn 1x32x32 pixels into 16 feature maps of 8x8; a fully connected layer computes the logits from them.
//!
//! Training repeats four lines: forward, loss, backward, step. The context of a forward pass knows the number of the
//! step, so a layer with dropout would draw another mask in each. An *epoch* is one pass over the training images in a
//! new order; flips and quarter turns make each pass a little different, since a galaxy has no up and down. The test
//! images are never trained on. Their accuracy is the result.
//!
//! The lesson's forty lines stand between the two marks. What comes after them only prints and draws.

use gradus::analysis::metrics::Confusion;
use gradus::autograd::{Tape, Var};
use gradus::data::{Galaxies, split::stratified};
use gradus::nn::{Activation, Conv2d, Ctx, Flatten, Init, Linear, MaxPool2d, Module, Sequential, summary};
use gradus::ops::{self, ClassTarget, Padding, Window};
use gradus::optim::{Adam, FirstOrder, Optimizer};
use gradus::report::chart::{self, ImageGrid, LineChart, Tile};
use gradus::report::{Align, Table};
use gradus::rng::Rng;
use gradus::train::{Augment, Batches, Normalization};
use gradus::train::{ImageSamples, Objective, Samples, evaluate};
use std::path::PathBuf;

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    // ------------------------------------------------------------------------------------ the forty lines begin
    let (seed, epochs) = (42, 12);
    let (pixels, labels, _) = Galaxies { per_class: 200, size: 32, seed }.render()?;
    let part = stratified(&labels, &[0.75, 0.25], &mut Rng::new(seed, "split", 0));
    let pick = |expected: usize| -> Vec<usize> { (0..part.len()).filter(|&i| part[i] == expected).collect() };
    let normalization = Normalization::fit(&pixels.gather(&pick(0)))?;
    let images = |of: &[usize]| {
        ImageSamples::new(&pixels.gather(of), of.iter().map(|&i| labels[i]).collect::<Vec<_>>(), &normalization)
    };
    let train = images(&pick(0))?.augmented(Augment { flips: true, quarter_turns: true, ..Augment::NONE }, seed);
    let test = images(&pick(1))?;

    let rng = &mut Rng::new(seed, "init", 0);
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let model = Sequential::new()
        .with("conv1", Conv2d::new(1, 8, [3, 3], same, Init::HeNormal, rng))
        .with("relu1", Activation::Relu)
        .with("pool1", MaxPool2d(Window::square(2)))
        .with("conv2", Conv2d::new(8, 16, [3, 3], same, Init::HeNormal, rng))
        .with("relu2", Activation::Relu)
        .with("pool2", MaxPool2d(Window::square(2)))
        .with("flatten", Flatten)
        .with("out", Linear::new(16 * 8 * 8, 3, Init::PyTorch, rng));

    let mut optimizer = FirstOrder::new(Adam::new(2e-3));
    let (mut train_loss, mut test_loss) = (Vec::new(), Vec::new());
    for epoch in 1..=epochs {
        let mut sum = 0.0;
        for indices in Batches::new(train.len(), 32, seed, epoch, true) {
            let x = Var::constant(train.batch(&indices, Some(epoch)));
            let y: Vec<usize> = indices.iter().map(|&i| train.target().labels()[i]).collect();
            let step = optimizer.steps() + 1;
            let loss = optimizer.step(&model, &mut || {
                let tape = Tape::new();
                let logits = model.forward(&x, &mut Ctx::train(&tape, seed, step))?;
                let loss = logits.cross_entropy(ClassTarget::Labels(&y))?;
                Ok((loss.value().item(), tape.backward(&loss)?))
            })?;
            sum += f64::from(loss) * indices.len() as f64;
        }
        train_loss.push(sum / train.len() as f64);
        test_loss.push(evaluate(&model, &test, &Objective::default())?.loss);
    }
    let result = evaluate(&model, &test, &Objective::default())?;
    // -------------------------------------------------------------------------------------- the forty lines end

    println!("1. The network, layer by layer\n");
    let summary = summary::summarize(&model, &[1, 32, 32])?;
    let mut table = Table::new(&["layer", "kind", "output", "parameters", "multiply-adds", "receptive field"])
        .align(&[Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right]);
    for row in &summary.rows {
        let output = row.output.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let field = row.receptive_field.map_or("all".into(), |[h, w]| format!("{h}x{w}"));
        let counts = [row.parameters.to_string(), row.macs.to_string(), field];
        table.row([row.path.clone(), row.kind.clone(), output].into_iter().chain(counts));
    }
    table.strong_row(["total", "", "", &summary.parameters.to_string(), &summary.macs.to_string(), ""]);
    println!("{}", table.text());
    println!("By hand: conv1 has 8 filters of 1·3·3 weights and a bias each, 8 · (9 + 1) = 80 parameters; conv2");
    println!(
        "16 · (8·9 + 1) = 1168; out 3 · (16·8·8 + 1) = 3075. \"Receptive field\" is the square of pixels that one output depends on."
    );
    assert_eq!(summary.parameters, 80 + 1168 + 3075);

    println!("\n2. Training on {} images, tested on {} others\n", train.len(), test.len());
    println!("   epoch   train loss   test loss");
    for (i, (a, b)) in train_loss.iter().zip(&test_loss).enumerate() {
        println!("   {:>5} {a:>12.4} {b:>11.4}", i + 1);
    }
    let chance = libm::log(3.0);
    println!("\n   Before any training the loss is about log 3 = {chance:.4}: three predictions, equally likely.");
    println!(
        "   The training loss is the higher one: it is the mean over an epoch in which the weights still improve, and"
    );
    println!("   over flipped and turned images.");

    println!("\n3. The result: {:.1} % of the test images; guessing gives 33.3 %\n", 100.0 * result.accuracy);
    let confusion = Confusion::new(test.target().labels(), &result.predicted, 3)?;
    println!("   {:>12} predicted {}", "true label", Galaxies::CLASSES.map(|c| format!("{c:>11}")).concat());
    for (class, counts) in Galaxies::CLASSES.iter().zip(&confusion.counts) {
        println!("   {class:>12}          {}", counts.iter().map(|n| format!("{n:>11}")).collect::<String>());
    }
    assert!(result.accuracy > 0.6, "clearly more than chance");
    assert!(train_loss[epochs as usize - 1] < 0.7 * train_loss[0]);

    let curve = LineChart::new("The loss falls").axes("epoch", "cross-entropy");
    curve.epochs("training", &train_loss).epochs("test", &test_loss).draw().save(&folder, "loss")?;
    let filters = gradus::nn::parameters(&model)[0].1.get();
    let tile = |k: usize| Tile::plane(&filters.data()[9 * k..][..9], 3, 3, chart::ColourMap::Diverging, None);
    let grid = ImageGrid::new("The eight filters of conv1: blue is negative, red positive").columns(8).tile_size(56.0);
    grid.group("", (0..8).map(tile).collect()).draw().save(&folder, "filters")?;
    println!("\nFigures: loss and filters (.svg, .png) in {}", folder.display());
    Ok(())
}
