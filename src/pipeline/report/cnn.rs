//! Part 3: the CNN on the pixels, parameter counts, mistakes, and depth.

use super::data::tile;
use super::{Book, MAP_CAVEAT, Results, points};
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::{Ctx, Module, parameters as parameters_of};
use crate::pipeline::depth::Space;
use crate::report::chart::{Colour, ColourMap, ImageGrid, Scatter, StageChart, Tile};
use crate::report::words::{confused, counted, listed, percent, thousands};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::book::{generalizes, per_class};
use crate::tensor::Tensor;

/// Mistakes shown.
const MISTAKES: usize = 12;
/// Feature maps shown of each block.
const MAPS: usize = 8;

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    book.page.part("Part 3: a CNN on the pixels");
    parameters(r, book)?;
    training(r, book)?;
    mistakes(r, book)?;
    depth(r, book)?;
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
        Table::new(&["network", "parameters", "training pictures", "parameters per picture", "gap in accuracy"]);
    for (name, scores) in
        [("MLP", &r.mlp.scores), ("CNN", &r.cnn.scores), ("logistic regression", &r.baselines.logistic)]
    {
        ratio.row([
            Cell::text(name),
            Cell::count(scores.parameters),
            Cell::count(images),
            Cell::number(scores.parameters as f64 / images as f64, 1),
            Cell::points(scores.train.accuracy - scores.val.accuracy),
        ]);
    }
    let ratio = book.table("parameters_per_picture", ratio)?;
    let convolutions: usize = lesson.cnn.rows.iter().filter(|l| l.kind.starts_with("conv")).map(|l| l.parameters).sum();
    let share = convolutions as f64 / lesson.cnn.parameters as f64;
    let times = lesson.dense.parameters / lesson.convolution.parameters;
    let gap = r.cnn.scores.train.accuracy - r.cnn.scores.val.accuracy;
    let implied = if gap > 0.15 {
        "and here it shows: the CNN knows its training pictures much better than new ones"
    } else if gap > 0.05 {
        "and here it shows a little, as a gap between training and validation"
    } else {
        "yet here it does no harm: training and validation accuracy agree, since augmentation and early stopping hold it back"
    };
    let answer = format!(
        "The fully connected layer has {times} times the parameters of the convolution: it has a weight for each pair \
         of pixel and unit, the convolution one for each tap of a filter, used at every place. More parameters per \
         training picture mean more ways to learn them by heart; the CNN has {:.0} per picture, {implied}. Only {} of \
         its parameters are in the convolutions; the rest are in the fully connected layers behind them.",
        r.cnn.scores.parameters as f64 / images as f64,
        percent(share)
    );
    book.page
        .section("3a", "Counting parameters")
        .table(&table, "One fully connected layer against one convolution, on a picture of 128 x 128")
        .table(&ratio, "The trained networks")
        .answer("What do the parameter counts imply for overfitting?", &answer)
        .details("The CNN, layer by layer", |body| {
            body.table(&cnn, "CNN, for one picture");
        })
        .details("The MLP, layer by layer", |body| {
            body.table(&mlp, "MLP, for one picture");
        })
        .source("src/pipeline/parameters.rs");
    Ok(())
}

/// 3b. Training the CNN.
fn training(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let c = &r.config.cnn;
    let [loss, accuracy] = book.curves("cnn", "CNN", &r.cnn.scores)?;
    let augmentation = match (c.flips, c.quarter_turns) {
        (true, true) => "mirrored and turned by quarters at random",
        (true, false) => "mirrored at random",
        (false, true) => "turned by quarters at random",
        (false, false) => "not augmented",
    };
    let widths: Vec<String> = c.widths.iter().map(|w| w.to_string()).collect();
    let text = format!(
        "{} of convolution 3 x 3, ReLU and max-pool 2 with {} channels, then {} units, ReLU, and softmax: {} \
         parameters. Adam with learning rate {}, batches of {}; training pictures are {augmentation}.",
        counted(c.widths.len(), "block"),
        listed(&widths),
        c.hidden,
        thousands(r.cnn.scores.parameters),
        c.lr,
        c.batch
    );
    let answer = generalizes(&r.cnn.scores, c.epochs, c.patience);
    let filters = book.figure("filters", filters(r).draw())?;
    let (maps, shown) = feature_maps(r, book)?;
    let body = book.page.section("3b", "Training the CNN");
    body.paragraph(&text)
        .figures(&[(&loss, "Loss over the epochs."), (&accuracy, "Accuracy over the epochs.")])
        .answer("Does the CNN generalize?", &answer)
        .figure(&filters, "The filters of the first layer; blue is negative, orange positive, each on its own scale.")
        .heading("What the blocks make of one picture of each class");
    for (figure, class) in maps.iter().zip(shown) {
        body.figure(
            figure,
            &format!("A test picture of the class {class}, and the {MAPS} strongest feature maps of each block."),
        );
    }
    body.source("src/pipeline/cnn.rs");
    Ok(())
}

/// The first layer's filters.
fn filters(r: &Results) -> ImageGrid {
    let weight = parameters_of::<f32>(&r.cnn.model)[0].1.get();
    let &[filters, channels, h, w] = weight.shape() else { unreachable!("the first layer is a convolution") };
    let tiles = (0..filters * channels).map(|i| {
        let values = &weight.data()[i * h * w..][..h * w];
        let most = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        Tile::plane(values, w, h, ColourMap::Diverging, Some((-most, most)))
    });
    ImageGrid::new("First-layer filters").group("", tiles.collect()).columns(8).tile_size(64.0)
}

/// For the first rightly answered test picture of each class (or simply the first): the strongest maps of each block.
fn feature_maps(r: &Results, book: &Book<'_>) -> Result<(Vec<Figure>, Vec<String>)> {
    let test = &r.data.test;
    let (mut figures, mut shown) = (Vec::new(), Vec::new());
    for (c, class) in r.data.classes.iter().enumerate().take(6) {
        let mut of_class = (0..test.len()).filter(|&i| test.labels[i] == c);
        let right = of_class.clone().find(|&i| r.cnn.scores.test.predicted[i] == c);
        let Some(i) = right.or_else(|| of_class.next()) else { continue };
        let x = r.cnn.normalization.apply(&test.pixels.gather(&[i]))?;
        let is_block = |path: &str| path.starts_with("block") && !path.contains('.');
        let mut cx = Ctx::eval().capture(&is_block);
        r.cnn.model.forward(&Var::constant(x), &mut cx)?;
        let mut grid = ImageGrid::new(class).columns(MAPS).tile_size(72.0).group("the picture", vec![tile(test, i)]);
        for layer in cx.captured() {
            grid = grid.group(&layer.path, strongest(&layer.output));
        }
        figures.push(book.figure(&format!("feature_maps_{c}"), grid.draw())?);
        shown.push(class.clone());
    }
    Ok((figures, shown))
}

/// The maps with the largest mean activation.
fn strongest(output: &Tensor) -> Vec<Tile> {
    let &[_, channels, h, w] = output.shape() else { unreachable!("a block gives planes") };
    let plane = |c: usize| &output.data()[c * h * w..][..h * w];
    let mut order: Vec<usize> = (0..channels).collect();
    let mean = |c: usize| plane(c).iter().map(|&v| f64::from(v)).sum::<f64>();
    order.sort_by(|&a, &b| mean(b).total_cmp(&mean(a)).then(a.cmp(&b)));
    order.into_iter().take(MAPS).map(|c| Tile::plane(plane(c), w, h, ColourMap::Gray, None)).collect()
}

/// 3c. What is most often misclassified.
fn mistakes(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let (s, test, classes) = (&r.cnn.scores, &r.data.test, &r.data.classes);
    let confusion = book.confusion("cnn", "CNN on the test split", classes, &s.confusion.counts)?;
    let table = book.table("cnn_classes", per_class(&s.confusion, classes))?;
    let k = classes.len();
    let probability = |i: usize| s.test.probabilities.data()[i * k + s.test.predicted[i]];
    let mut wrong: Vec<usize> = (0..test.len()).filter(|&i| s.test.predicted[i] != test.labels[i]).collect();
    wrong.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)).then(a.cmp(&b)));
    let tiles: Vec<Tile> = wrong
        .iter()
        .take(MISTAKES)
        .map(|&i| {
            tile(test, i)
                .caption(&format!("is {}", classes[test.labels[i]]))
                .caption(&format!("said {} {:.0} %", classes[s.test.predicted[i]], 100.0 * probability(i)))
                .border(Colour::WRONG)
        })
        .collect();
    let answer = match s.confusion.most_confused().first() {
        None => "Nothing: the CNN makes no mistake on the test split.".to_owned(),
        Some(&(truth, answer, count)) => {
            let sure = wrong.iter().filter(|&&i| probability(i) > 0.9).count();
            let mlp = r.mlp.scores.confusion.counts[truth][answer];
            format!(
                "{} taken for {}, {}. Of the {} in all, {sure} were made with more than 90 % confidence. The MLP makes \
                 the same confusion {}, so the pair is {}.",
                classes[truth],
                classes[answer],
                if count == 1 { "once".into() } else { format!("{count} times") },
                counted(wrong.len(), "mistake"),
                if mlp == 1 { "once".into() } else { format!("{mlp} times") },
                match mlp.cmp(&count) {
                    std::cmp::Ordering::Greater => "harder still from features alone",
                    std::cmp::Ordering::Equal => "as hard from features alone",
                    std::cmp::Ordering::Less => "easier from features alone",
                }
            )
        }
    };
    let sheet =
        (!tiles.is_empty()).then(|| ImageGrid::new("Worst mistakes").group("", tiles).columns(6).tile_size(104.0));
    let sheet = sheet.map(|grid| book.figure("mistakes", grid.draw())).transpose()?;
    let body = book.page.section("3c", "What is misclassified?");
    body.figure(&confusion, "Rows are the truth, columns the answer; percentages are of the row.")
        .list(confused(&s.confusion, classes, 3))
        .table(&table, "Per class, on the test split");
    if let Some(sheet) = &sheet {
        body.figure(sheet, "The mistakes of which the CNN was surest.");
    }
    body.answer("What is most often misclassified?", &answer).source("src/run/trainer.rs");
    Ok(())
}

/// 3d. Compactness and separability from block to block.
fn depth(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let spaces = &r.depth.spaces;
    let names: Vec<String> = spaces.iter().map(|s| s.name.replace('_', " ")).collect();
    let column = |f: fn(&Space) -> f64| -> Vec<f64> { spaces.iter().map(f).collect() };
    let chart = StageChart::new("How the classes come apart", &names)
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
    let mut sheet = Scatter::new("The validation pictures in each space", &r.data.classes).columns(3);
    for s in spaces {
        sheet = sheet.panel(&s.name.replace('_', " "), &points(&s.map), &r.depth.labels);
    }
    book.figure("map_depth", sheet.draw())?;
    let panels = sheet.draw_panels();
    let captions: Vec<String> = spaces
        .iter()
        .map(|s| {
            format!("{} dimensions, perplexity {:.0}, KL {:.2}.", thousands(s.dimensions), s.map.perplexity, s.map.kl)
        })
        .collect();
    let figures: Vec<(&Figure, &str)> = panels.iter().zip(captions.iter().map(String::as_str)).collect();
    book.page
        .section("3d", "Compactness and separability from block to block")
        .paragraph(&format!(
            "{} seen in each space, those of more than {} dimensions first reduced by PCA.",
            counted(r.depth.labels.len(), "validation picture"),
            r.config.depth.components
        ))
        .figure(&chart, "Silhouette: compact and apart is 1, touching 0. Fisher ratio: scatter between classes over scatter within.")
        .table(&table, "The numbers of the chart")
        .figures(&figures)
        .callout(Callout::Caveat, "Reading the maps", MAP_CAVEAT)
        .answer("How do compactness and separability change from block to block?", &trend(spaces))
        .source("src/pipeline/depth.rs");
    Ok(())
}

/// The course of the three measures over the blocks, in words.
fn trend(spaces: &[Space]) -> String {
    let blocks: Vec<&Space> = spaces.iter().filter(|s| s.name.starts_with("block")).collect();
    let course = |name: &str, f: fn(&Space) -> f64| {
        let values: Vec<f64> = blocks.iter().map(|s| f(s)).collect();
        let (first, last) = (values[0], values[values.len() - 1]);
        let rises = values.windows(2).filter(|w| w[1] > w[0]).count();
        let how = if values.len() == 1 {
            "stands"
        } else if rises == values.len() - 1 {
            "rises with every block"
        } else if rises == 0 {
            "falls with every block"
        } else if last > first {
            "rises on the whole, though not with every block"
        } else {
            "does not rise on the whole"
        };
        format!("{name} {how} ({first:.2} after the first, {last:.2} after the last)")
    };
    let output = spaces.last().expect("the CNN's output is a space");
    let last = blocks[blocks.len() - 1];
    let end = if output.silhouette > last.silhouette {
        "The fully connected layers then pull the classes further apart"
    } else {
        "The fully connected layers do not make the classes more compact"
    };
    format!(
        "{}; {}; {}. {end}: the silhouette of the output is {:.2}.",
        course("The silhouette", |s| s.silhouette),
        course("the Fisher ratio", |s| s.fisher_ratio),
        course("k-NN accuracy", |s| s.knn_accuracy),
        output.silhouette
    )
}

/// 3e. The three feature spaces compared.
fn spaces(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let find = |name: &str| r.depth.spaces.iter().find(|s| s.name == name).expect("a space of the lesson");
    let three = [
        ("hand-crafted features", find("features")),
        ("the MLP's output", find("mlp_output")),
        ("the CNN's output", find("cnn_output")),
    ];
    let best = |f: fn(&Space) -> f64| three.iter().max_by(|a, b| f(a.1).total_cmp(&f(b.1))).expect("three spaces").0;
    let (by_silhouette, by_knn) = (best(|s| s.silhouette), best(|s| s.knn_accuracy));
    let numbers: Vec<String> =
        three.iter().map(|(name, s)| format!("{name} {:.2} and {}", s.silhouette, percent(s.knn_accuracy))).collect();
    let verdict = if by_silhouette == by_knn {
        format!("By both measures {by_silhouette} separates the classes best")
    } else {
        format!("{by_silhouette} is the most compact, but neighbours agree most often in the space of {by_knn}")
    };
    let learned = if three[1].1.knn_accuracy > three[0].1.knn_accuracy + 0.01 {
        "The MLP improves on the features it is given"
    } else {
        "The MLP can only rearrange the features it is given, and gains little over them"
    };
    let pixels = if three[2].1.knn_accuracy > three[1].1.knn_accuracy + 0.01 {
        "; the CNN, which learns its own features from the pixels, sees what they leave out."
    } else {
        "; the CNN's own features are no better here."
    };
    let answer = format!(
        "{verdict} (silhouette and {}-NN accuracy: {}). {learned}{pixels}",
        r.config.depth.neighbors,
        listed(&numbers)
    );
    book.page
        .section("3e", "Three feature spaces")
        .answer("How do hand-crafted features, the MLP's and the CNN's compare?", &answer)
        .source("src/pipeline/report/cnn.rs");
    Ok(())
}
