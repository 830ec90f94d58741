//! Part 3: the CNN on the pixels, parameter counts, mistakes, and depth.

use super::data::tile;
use super::embeddings::{EMBEDDING_AXES, EMBEDDING_CAVEAT, points};
use super::findings::cnn::{Confused, Parameters, Restraint, augmentation, misclassified, overfitting};
use super::findings::depth;
use crate::analysis::metrics::mcnemar;
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::{Ctx, Module, parameters as parameters_of};
use crate::pipeline::depth::Space;
use crate::pipeline::results::Results;
use crate::report::chart::{Colour, ColourMap, ImageGrid, Scatter, StageChart, Tile, filters};
use crate::report::words::{confused, counted, listed, thousands};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::Book;
use crate::run::book::{CONFUSION, PER_CLASS, per_class};
use crate::run::findings::generalizes;
use crate::tensor::Tensor;

/// Mistakes shown.
const MISTAKES: usize = 12;
/// Feature maps shown of each block.
const MAPS: usize = 8;
/// Classes of which feature maps are shown.
const CLASSES: usize = 6;

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    book.page.part("Part 3: a CNN on the pixels");
    parameters(r, book)?;
    training(r, book)?;
    mistakes(r, book)?;
    separation(r, book)?;
    spaces(r, book)
}

/// 3a. Counting parameters.
fn parameters(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let lesson = &r.parameters;
    let mut table = Table::new(&["layer", "formula", "parameters"]);
    for count in [&lesson.dense, &lesson.convolution] {
        table.row([Cell::text(&count.layer), Cell::text(&count.formula), Cell::count(count.parameters)]);
    }
    let table = book.table("parameter_lesson", table)?;
    let (mlp, cnn) = (book.layers("layers_mlp", &lesson.mlp)?, book.layers("layers_cnn", &lesson.cnn)?);
    let images = lesson.training_images;
    let mut ratio =
        Table::new(&["network", "parameters", "training images", "parameters per image", "training − test accuracy"])
            .key("training images", "training images")
            .key("parameters per image", "parameters per image")
            .key("training − test accuracy", "training - test accuracy");
    for (name, scores) in
        [("MLP", &r.mlp.scores), ("CNN", &r.cnn.scores), ("logistic regression", &r.baselines.logistic)]
    {
        ratio.row([
            Cell::text(name),
            Cell::count(scores.parameters),
            Cell::count(images),
            Cell::number(scores.parameters as f64 / images as f64, 1),
            Cell::points(scores.train.accuracy - scores.test.accuracy),
        ]);
    }
    let ratio = book.table("parameters_per_image", ratio)?;
    let convolutions: usize = lesson.cnn.rows.iter().filter(|l| l.kind.starts_with("conv")).map(|l| l.parameters).sum();
    let restraint = Restraint {
        augmented: r.config.cnn.flips || r.config.cnn.quarter_turns,
        stopped_early: r.cnn.scores.history.best_epoch < r.cnn.scores.history.epochs.len(),
    };
    let counted = Parameters {
        dense: lesson.dense.parameters,
        convolution: lesson.convolution.parameters,
        cnn: lesson.cnn.parameters,
        in_convolutions: convolutions,
        images,
    };
    let on_splits = r.cnn.scores.on_splits();
    let answer = overfitting(&counted, on_splits.train, on_splits.test, restraint);
    book.page
        .section("3a", "Counting parameters")
        .table(&table, "One fully connected layer against one convolution, on an image of 128 x 128")
        .table(&ratio, "The trained networks")
        .answer("What do the parameter counts imply for overfitting?", &answer)
        .details("The CNN, layer by layer", |body| {
            body.table(&cnn, "CNN, for one image");
        })
        .details("The MLP, layer by layer", |body| {
            body.table(&mlp, "MLP, for one image");
        })
        .source("src/pipeline/parameters.rs");
    Ok(())
}

/// 3b. Training the CNN.
fn training(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let c = &r.config.cnn;
    let [loss, accuracy] = book.curves("cnn", "CNN", &r.cnn.scores)?;
    let widths: Vec<String> = c.widths.iter().map(|w| w.to_string()).collect();
    let text = format!(
        "{} of convolution 3 x 3, ReLU and max-pool 2 with {} channels, then {} units, ReLU, and softmax: {} \
         parameters. Adam with learning rate {}, batches of {}; training images are {}.",
        counted(c.widths.len(), "block"),
        listed(&widths),
        c.hidden,
        thousands(r.cnn.scores.parameters),
        c.lr,
        c.batch,
        augmentation(c.flips, c.quarter_turns)
    );
    let answer = generalizes(&r.cnn.scores, c.epochs);
    let weight = parameters_of::<f32>(&r.cnn.model)[0].1.get();
    let shape = weight.shape().try_into().expect("the first layer is a convolution");
    let (kernels, reading) = filters(weight.data(), shape);
    let kernels = book.figure("filters", kernels.draw())?;
    let figures = feature_maps(r, book)?;
    let body = book.page.section("3b", "Training the CNN");
    body.paragraph(&text)
        .figures(&[(&loss, "Loss over the epochs."), (&accuracy, "Accuracy over the epochs.")])
        .answer("Does the CNN generalize?", &answer)
        .figure(&kernels, &reading)
        .heading(if r.data.classes.len() > CLASSES {
            "Feature maps for an image of each of the first six classes"
        } else {
            "Feature maps for an image of each class"
        });
    let captioned: Vec<(&Figure, &str)> = figures.iter().map(|(figure, caption)| (figure, caption.as_str())).collect();
    body.figures(&captioned).source("src/pipeline/cnn.rs");
    Ok(())
}

/// Draws for the first correctly predicted test image of each class (or simply the first) the feature maps of each
/// block with the largest mean, with a caption.
fn feature_maps(r: &Results, book: &Book<'_>) -> Result<Vec<(Figure, String)>> {
    let test = &r.data.test;
    let mut figures = Vec::new();
    for (c, class) in r.data.classes.iter().enumerate().take(CLASSES) {
        let mut of_class = (0..test.len()).filter(|&i| test.labels()[i] == c);
        let correct = of_class.clone().find(|&i| r.cnn.scores.test.predicted[i] == c);
        let Some(i) = correct.or_else(|| of_class.next()) else { continue };
        let x = r.cnn.normalization.apply(&test.pixels.gather(&[i]))?;
        let is_block = |path: &str| path.starts_with("block") && !path.contains('.');
        let mut cx = Ctx::eval().capture(&is_block);
        r.cnn.model.forward(&Var::constant(x), &mut cx)?;
        let mut grid = ImageGrid::new(class).columns(MAPS / 2).tile_size(72.0).group("input", vec![tile(test, i)]);
        for layer in cx.captured() {
            grid = grid.group(&layer.path, strongest(&layer.output));
        }
        let predicted = &r.data.classes[r.cnn.scores.test.predicted[i]];
        let how =
            if correct.is_some() { "predicted correctly".to_owned() } else { format!("predicted as {predicted}") };
        let caption = format!(
            "A test image of the class {class}, {how}, and of each block the (at most {MAPS}) feature maps with the largest mean."
        );
        figures.push((book.figure(&format!("feature_maps_{c}"), grid.draw())?, caption));
    }
    Ok(figures)
}

/// Returns the feature maps with the largest mean activation.
fn strongest(output: &Tensor) -> Vec<Tile> {
    let &[_, channels, h, w] = output.shape() else { unreachable!("a block gives planes") };
    let plane = |c: usize| &output.data()[c * h * w..][..h * w];
    let mut order: Vec<usize> = (0..channels).collect();
    let mean = |c: usize| plane(c).iter().map(|&v| f64::from(v)).sum::<f64>();
    order.sort_by(|&a, &b| mean(b).total_cmp(&mean(a)).then(a.cmp(&b)));
    order.into_iter().take(MAPS).map(|c| Tile::plane(plane(c), w, h, ColourMap::Gray, None)).collect()
}

/// 3c. The most frequent confusion.
fn mistakes(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let (s, test, classes) = (&r.cnn.scores, &r.data.test, &r.data.classes);
    let confusion = book.confusion("cnn", "CNN on the test split", classes, &s.confusion.counts)?;
    let table = book.table("cnn_classes", per_class(&s.confusion, classes))?;
    let k = classes.len();
    let probability = |i: usize| s.test.probabilities.data()[i * k + s.test.predicted[i]];
    let mut mistakes: Vec<usize> = (0..test.len()).filter(|&i| s.test.predicted[i] != test.labels()[i]).collect();
    mistakes.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)).then(a.cmp(&b)));
    let tiles: Vec<Tile> = mistakes
        .iter()
        .take(MISTAKES)
        .map(|&i| {
            tile(test, i)
                .caption(&format!("true {}", classes[test.labels()[i]]))
                .caption(&format!("predicted {}, {:.0} %", classes[s.test.predicted[i]], 100.0 * probability(i)))
                .border(Colour::INCORRECT)
        })
        .collect();
    let confident = mistakes.iter().filter(|&&i| probability(i) > 0.9).count();
    let most = s.confusion.most_confused().first().map(|&(label, predicted, count)| {
        let of: Vec<usize> = (0..test.len()).filter(|&i| test.labels()[i] == label).collect();
        let confused = |p: &[usize]| -> Vec<bool> { of.iter().map(|&i| p[i] == predicted).collect() };
        let test = mcnemar(&confused(&r.mlp.scores.test.predicted), &confused(&s.test.predicted));
        let mlp = r.mlp.scores.confusion.counts[label][predicted];
        Confused { label: &classes[label], predicted: &classes[predicted], of: of.len(), cnn: count, mlp, test }
    });
    let answer = misclassified(most, mistakes.len(), confident);
    let sheet =
        (!tiles.is_empty()).then(|| ImageGrid::new("Worst mistakes").group("", tiles).columns(6).tile_size(104.0));
    let sheet = sheet.map(|grid| book.figure("mistakes", grid.draw())).transpose()?;
    let body = book.page.section("3c", "What is misclassified?");
    body.row(|row| {
        row.figure(&confusion, CONFUSION).table(&table, PER_CLASS);
    })
    .list(confused(&s.confusion, classes, 3));
    if let Some(sheet) = &sheet {
        body.figure(sheet, "The mistakes with the highest predicted probability.");
    }
    body.answer("What is most often misclassified?", &answer).source("src/run/trainer.rs");
    Ok(())
}

/// 3d. Compactness and separability from block to block.
fn separation(r: &Results, book: &mut Book<'_>) -> Result<()> {
    const TITLE: &str = "Compactness and separability from block to block";
    if let Some(why) = &r.depth.omitted {
        book.page.section("3d", TITLE).paragraph(why).source("src/pipeline/depth.rs");
        return Ok(());
    }
    let spaces = &r.depth.spaces;
    let names: Vec<String> = spaces.iter().map(|s| s.name.replace('_', " ")).collect();
    let column = |f: fn(&Space) -> f64| -> Vec<f64> { spaces.iter().map(f).collect() };
    // Features and MLP are not earlier stages of the CNN: only its own layers are joined.
    let first_block = spaces.iter().position(|s| s.name.starts_with("block")).unwrap_or(0);
    let chart = StageChart::new("How well each space separates the classes", &names)
        .joined_from(first_block)
        .measure("silhouette", &column(|s| s.silhouette))
        .measure("Fisher ratio", &column(|s| s.fisher_ratio))
        .measure("k-NN accuracy", &column(|s| s.knn_accuracy));
    let chart = book.figure("depth", chart.draw())?;
    let mut table = Table::new(&["space", "dimensions", "silhouette", "Fisher ratio", "k-NN accuracy"]);
    for s in spaces {
        table.row([
            Cell::text(s.name.replace('_', " ")),
            Cell::count(s.dimensions),
            Cell::number(s.silhouette, 3),
            Cell::number(s.fisher_ratio, 3),
            Cell::number(s.knn_accuracy, 3),
        ]);
    }
    let table = book.table("separability", table)?;
    let mut sheet = Scatter::new("The validation images in each space", &r.data.classes)
        .columns(3)
        .dimensions(EMBEDDING_AXES.0, EMBEDDING_AXES.1);
    for s in spaces {
        sheet = sheet.panel(&s.name.replace('_', " "), &points(&s.embedding), &r.depth.labels);
    }
    book.figure("map_depth", sheet.draw())?;
    let panels = sheet.draw_panels();
    let captions: Vec<String> = spaces
        .iter()
        .map(|s| {
            format!(
                "{} dimensions, perplexity {:.0}, KL {:.2}.",
                thousands(s.dimensions),
                s.embedding.perplexity,
                s.embedding.kl
            )
        })
        .collect();
    let figures: Vec<(&Figure, &str)> = panels.iter().zip(captions.iter().map(String::as_str)).collect();
    book.page
        .section("3d", TITLE)
        .paragraph(&format!(
            "{} in each space; spaces of more than {} dimensions are first reduced by PCA.",
            counted(r.depth.labels.len(), "validation image"),
            r.config.depth.components
        ))
        .figure(&chart, "Silhouette: 1 for compact, separate classes, 0 where they touch. Fisher ratio: scatter between classes over scatter within. Lines join the layers of the CNN.")
        .table(&table, "The numbers of the chart")
        .figures(&figures)
        .callout(Callout::Caveat, "Reading the embeddings", EMBEDDING_CAVEAT)
        .answer("How do compactness and separability change from block to block?", &depth::trend(spaces))
        .source("src/pipeline/depth.rs");
    Ok(())
}

/// 3e. The three feature spaces compared.
fn spaces(r: &Results, book: &mut Book<'_>) -> Result<()> {
    if let Some(why) = &r.depth.omitted {
        book.page.section("3e", "Three feature spaces").paragraph(why).source("src/pipeline/depth.rs");
        return Ok(());
    }
    let find = |name: &str| r.depth.spaces.iter().find(|s| s.name == name).expect("a space of the lesson");
    let answer = depth::spaces(find("features"), find("mlp_output"), find("cnn_output"), r.config.depth.neighbors);
    book.page
        .section("3e", "Three feature spaces")
        .answer("How do hand-crafted features, the MLP's and the CNN's compare?", &answer)
        .source("src/pipeline/report/findings/depth.rs");
    Ok(())
}
