//! # SH2150, assignment 2: classifying images in three ways
//!
//! The whole assignment with library calls only. Three classes of galaxies (or your own images) are
//! classified in three ways: by clusters of hand-crafted features (part 1), by a small network on these features
//! (part 2), and by a convolutional network on the pixels (part 3). The numbers 1a to 3e are the assignment's.
//!
//! `gradus pipeline` does the same with intervals, significance tests, checkpoints and a longer report; here every
//! step stands in the open, to be read and changed.
//!
//! Run it: `cargo run --release --example exercise -- sh2150_assignment2`, with `FOLDER` for images of your own (one
//! sub-folder a class), `--out DIR` for another place than target/lessons/sh2150_assignment2, and `--smoke` for a try
//! in seconds on small images, whose numbers mean nothing.

use clap::Parser;
use gradus::analysis::features::{Feature, of_images};
use gradus::analysis::kmeans::{KMeans, name_clusters};
use gradus::analysis::metrics::{Confusion, fisher_ratio, knn_accuracy, normalized_mutual_information, silhouette};
use gradus::analysis::pca::Pca;
use gradus::analysis::scale::{Scaler, Scaling};
use gradus::analysis::tsne::Tsne;
use gradus::data::{Color, FolderOptions, Galaxies, Images, load};
use gradus::models::{cnn::Cnn, mlp::mlp};
use gradus::nn::{Activation, Conv2d, Init, Linear, Sequential, count_parameters};
use gradus::optim::{Adam, FirstOrder};
use gradus::report::chart::{self, Histograms, ImageGrid, LineChart, Scatter, StageChart, Tile};
use gradus::report::{Figure, Page, Table};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::train::{Augment, Normalization};
use gradus::train::{Epoch, Evaluation, Fit, History, ImageSamples, Matrix, Observer, Samples, activations, evaluate};
use ndarray::{Array2, ArrayView2};
use std::path::PathBuf;

const SEED: u64 = 42;
const FRACTIONS: [f64; 3] = [0.70, 0.15, 0.15]; // training, validation, test

/// Features, K-means, t-SNE, an MLP and a CNN on the same images.
#[derive(clap::Parser)]
struct Arguments {
    /// A folder or zip with images, one sub-folder for each class [default: galaxies that the program renders]
    folder: Option<PathBuf>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/sh2150_assignment2")]
    out: PathBuf,
    /// Everything in seconds on small images: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> gradus::Result<()> {
    assignment(&Arguments::parse_from(words))
}

fn assignment(arguments: &Arguments) -> gradus::Result<()> {
    let (source, smoke, folder) = (&arguments.folder, arguments.smoke, &arguments.out);
    let (size, per_class) = if smoke { (32, 20) } else { (128, 300) };
    // Rendered galaxies are learned sooner than real images.
    let epochs = [[18, 40], [2, 2]][usize::from(smoke)][usize::from(source.is_some())];
    let save = |name: &str, figure: Figure| figure.save(folder, name).map(|()| figure);

    println!("Part 1. Hand-crafted features and clusters\n");
    let data = match source {
        None => Galaxies { per_class, size, seed: SEED }.divided(FRACTIONS)?,
        Some(path) => {
            let settings =
                FolderOptions { size, color: Color::Gray, seed: SEED, fractions: FRACTIONS, ..Default::default() };
            load(path, &settings, &mut |_, _| ())?
        }
    };
    let (train, val, test) = (data.train, data.val, data.test);
    let (classes, k) = (train.classes.clone(), train.classes.len());
    println!("1a. {k} classes ({}); {} / {} / {} images", classes.join(", "), train.len(), val.len(), test.len());
    let tile = |i: usize| Tile::chw(&train.pixels.data()[i * size * size..][..size * size], 1, size, size);
    let mut sheet = ImageGrid::new("Training images").smooth();
    for (c, class) in classes.iter().enumerate() {
        let of_class = (0..train.len()).filter(|&i| train.labels()[i] == c);
        sheet = sheet.group(class, of_class.take(6).map(tile).collect());
    }
    let sheet = save("images", sheet.draw())?;

    let features = |images: &Images| of_images(&Feature::DEFAULT, &images.pixels);
    let raw = [features(&train)?, features(&val)?, features(&test)?];
    let scaler = Scaler::fit(Scaling::Standard, raw[0].view())?; // the scaler must not be fitted on test images
    let table = |part: usize| scaler.transform(raw[part].view());
    let [x_train, x_val, x_test] = [table(0)?, table(1)?, table(2)?];
    let mut histograms = Histograms::new("Features of the training images", &classes);
    for (j, feature) in Feature::DEFAULT.iter().enumerate() {
        println!("1b. {}: {}", feature.name(), feature.why());
        let column: Vec<f64> = raw[0].column(j).iter().map(|&v| f64::from(v)).collect();
        histograms = histograms.panel(feature.name(), &column, train.labels());
    }
    let histograms = save("features", histograms.draw())?;

    let clusters = KMeans::new(k).fit(x_train.view(), SEED)?;
    let names = name_clusters(&clusters.labels, train.labels(), k, k); // a majority vote names each cluster
    let found = clusters.predict(x_test.view())?;
    let named: Vec<usize> = found.iter().map(|&c| names[c]).collect();
    let kmeans = Confusion::new(test.labels(), &named, k)?;
    let nmi = normalized_mutual_information(test.labels(), &found);
    println!("1c. K-means: test accuracy {:.3}, normalized mutual information {nmi:.3}", kmeans.accuracy());
    let map = t_sne(x_test.view(), smoke)?;
    let maps = Scatter::new("t-SNE of the test images' features", &classes).dimensions("t-SNE 1", "t-SNE 2");
    let maps = save(
        "tsne",
        maps.panel("true classes", &map, test.labels()).panel("clusters, named by vote", &map, &named).draw(),
    )?;

    println!("\nPart 2. A multilayer perceptron on the features\n");
    let rows = |x: &Array2<f32>, images: &Images| Matrix::new(Tensor::from(x.clone()), images.target.clone());
    let samples = [rows(&x_train, &train)?, rows(&x_val, &val)?, rows(&x_test, &test)?];
    let net = mlp(Feature::DEFAULT.len(), &[64, 32], k, Activation::Relu, &mut Rng::new(SEED, "mlp.init", 0));
    let fit = Fit::new(if smoke { 3 } else { 40 }, 12, 32, SEED);
    let (mlp_history, mlp_test) = learn("2a", &net, fit, [&samples[0], &samples[1], &samples[2]])?;
    let mlp_confusion = Confusion::new(test.labels(), &mlp_test.predicted, k)?;
    println!("2b. {}", generalizes(&mlp_history, &mlp_test));
    println!("2c. {}", hardest(&mlp_confusion, &classes));
    if let Some(&(a, b, _)) = mlp_confusion.most_confused().first() {
        println!("    {}", telling_features(&x_train, train.labels(), a, b));
    }

    println!("\nPart 3. A convolutional network on the pixels\n");
    let rng = &mut Rng::new(SEED, "count", 0);
    let dense = count_parameters(&Linear::<f32>::new(128 * 128, 512, Init::PyTorch, rng));
    let filters = count_parameters(&Conv2d::<f32>::new(1, 64, [3, 3], Default::default(), Init::PyTorch, rng));
    assert_eq!((dense, filters), (128 * 128 * 512 + 512, 64 * (3 * 3 + 1)));
    println!("3a. fully connected, 128·128 -> 512: 128·128·512 + 512 = {dense} parameters");
    println!("    convolution, 64 filters 3 x 3:  64·(3·3 + 1) = {filters}");
    let figure_1 = Cnn { input: [1, size, size], widths: vec![16, 32, 64, 128], hidden: 128, classes: k };
    let cnn = figure_1.build(&mut Rng::new(SEED, "cnn.init", 0))?;
    let per_image = count_parameters(&cnn) as f64 / train.len() as f64;
    println!("    the CNN of Figure 1: {} ({per_image:.0} a training image)", count_parameters(&cnn));

    let pixels = Normalization::fit(&train.pixels)?;
    let normalized = |images: &Images| ImageSamples::new(&images.pixels, images.target.clone(), &pixels);
    let turned = Augment { flips: true, quarter_turns: true, ..Augment::NONE }; // a galaxy has no upper side
    let (p_train, p_val, p_test) = (normalized(&train)?.augmented(turned, SEED), normalized(&val)?, normalized(&test)?);
    let fit = Fit::new(epochs, 20, 32, SEED);
    let (cnn_history, cnn_test) = learn("3b", &cnn, fit, [&p_train, &p_val, &p_test])?;
    let cnn_confusion = Confusion::new(test.labels(), &cnn_test.predicted, k)?;
    println!("    {}", generalizes(&cnn_history, &cnn_test));
    println!("3c. {}", hardest(&cnn_confusion, &classes));

    // The same validation images in seven spaces, from shallow to deep.
    let shown: Vec<usize> = (0..val.len()).step_by(val.len() / 500 + 1).collect();
    let labels: Vec<usize> = shown.iter().map(|&i| val.labels()[i]).collect();
    let mut spaces = vec![("features".to_owned(), x_val.select(ndarray::Axis(0), &shown))];
    spaces.push(("MLP output".into(), activations(&net, "", &samples[1], &shown)?));
    for block in 1..=4 {
        spaces.push((format!("block {block}"), activations(&cnn, &format!("block{block}"), &p_val, &shown)?));
    }
    spaces.push(("CNN output".into(), activations(&cnn, "", &p_val, &shown)?));
    let mut depth = Table::new(&["space", "silhouette", "Fisher ratio", "5-NN accuracy"]);
    let mut scores = [vec![], vec![], vec![]];
    let mut deep_maps =
        Scatter::new("t-SNE of the validation images in each space", &classes).dimensions("t-SNE 1", "t-SNE 2");
    for (name, x) in &spaces {
        let components = 50.min(x.nrows() - 1);
        let x = if x.ncols() > components { Pca::fit(x.view(), components)?.transform(x.view())? } else { x.clone() };
        let (x, labels) = (x.view(), &labels[..]);
        let numbers = [silhouette(x, labels)?, fisher_ratio(x, labels)?, knn_accuracy(x, labels, 5)?];
        let [silhouette, fisher, neighbours] = numbers.map(|v| format!("{v:.3}"));
        depth.row([name.clone(), silhouette, fisher, neighbours]);
        scores.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        deep_maps = deep_maps.panel(name, &t_sne(x, smoke)?, labels);
    }
    println!("3d. The separation of the classes, layer by layer:\n\n{}", depth.text());
    let names: Vec<String> = spaces.iter().map(|(name, _)| name.clone()).collect();
    let stages = StageChart::new("Separability of the validation images over depth", &names)
        .joined_from(2) // features and MLP are not layers of the CNN
        .measure("silhouette", &scores[0])
        .measure("Fisher ratio", &scores[1])
        .measure("5-nearest-neighbour accuracy", &scores[2]);
    let stages = save("depth", stages.draw())?;
    let deep_maps = save("tsne_depth", deep_maps.columns(4).draw())?;

    let accuracies = [kmeans.accuracy(), mlp_test.accuracy, cnn_test.accuracy];
    let [a, b, c] = accuracies.map(|a| format!("{:.1} %", 100.0 * a));
    println!("3e. Test accuracy: K-means {a}, MLP {b}, CNN {c}");
    let matrix = |name: &str, c: &Confusion| {
        save(&format!("confusion_{name}"), chart::Confusion::new(name, &classes, &c.counts).draw())
    };
    let (m1, m2, m3) = (matrix("K-means", &kmeans)?, matrix("MLP", &mlp_confusion)?, matrix("CNN", &cnn_confusion)?);
    let curve_mlp = save("loss_MLP", curves("MLP", &mlp_history))?;
    let curve_cnn = save("loss_CNN", curves("CNN", &cnn_history))?;
    let mut page = Page::new("SH2150, assignment 2");
    page.lead().scores(&[(&a, "K-means", "1c"), (&b, "MLP", "2b"), (&c, "CNN", "3b")]);
    page.section("1a", "The data").figure(&sheet, "");
    page.section("1b", "Features").figure(&histograms, "");
    page.section("1c", "Clusters")
        .figures(&[(&m1, ""), (&maps, "Distances between clusters have no scale.")])
        .answer("Do clusters agree with classes?", &format!("Accuracy {a}, normalized mutual information {nmi:.2}."));
    page.section("2", "MLP on the features")
        .figures(&[(&curve_mlp, ""), (&m2, "")])
        .answer("2b. Does it generalize?", &generalizes(&mlp_history, &mlp_test))
        .answer("2c. Which classes are hardest to separate?", &hardest(&mlp_confusion, &classes));
    page.section("3", "CNN on the pixels")
        .paragraph(&format!("3a. A fully connected layer: {dense} parameters; a convolution: {filters}."))
        .figures(&[(&curve_cnn, ""), (&m3, "")])
        .answer("3b. Does it generalize?", &generalizes(&cnn_history, &cnn_test))
        .answer("3c. What is misclassified most often?", &hardest(&cnn_confusion, &classes));
    page.section("3d", "Depth").table(&depth, "Validation images").figure(&stages, "").figure(&deep_maps, "");
    page.section("", "Use of AI").field("Write here which tools you used, and for what.");
    page.save(&folder.join("report.html"))?;
    println!("\nReport and figures are in {}", folder.display());
    Ok(())
}

/// A t-SNE embedding as points to draw.
fn t_sne(x: ArrayView2<'_, f32>, smoke: bool) -> gradus::Result<Vec<(f64, f64)>> {
    let (n_iter, exaggeration_iter) = if smoke { (50, 12) } else { (1000, 250) };
    let perplexity = Tsne::perplexity_for(x.nrows(), 30.0);
    let map = Tsne { perplexity, n_iter, exaggeration_iter, ..Default::default() }.fit(x, SEED)?;
    Ok(map.embedding.outer_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect())
}

/// Prints every so many epochs.
struct Say(usize);
impl Observer for Say {
    fn epoch(&mut self, e: &Epoch, best: bool) {
        let star = if best { " *" } else { "" };
        if e.epoch.is_multiple_of(self.0) {
            println!("    epoch {:2}: loss {:.3}, validation {:.3}{star}", e.epoch, e.losses()[0], e.losses()[1]);
        }
    }
}

type Learned = (History, Evaluation);

/// Trains with Adam, keeps the epoch with the lowest validation loss, and only then evaluates the test images.
fn learn(number: &str, model: &Sequential, fit: Fit, [train, val, test]: [&dyn Samples; 3]) -> gradus::Result<Learned> {
    println!("{number}. {} parameters; cross-entropy per epoch (* the best so far):", count_parameters(model));
    let trained =
        fit.run(model, &mut FirstOrder::new(Adam::new(1e-3)), train, val, None, &mut Say(fit.epochs.div_ceil(14)))?;
    Ok((trained.history, evaluate(model, test, &fit.objective)?))
}

/// Returns the gap between training and validation in words.
fn generalizes(history: &History, test: &Evaluation) -> String {
    let best = history.best().expect("at least one epoch was trained");
    let gap = 100.0 * (best.accuracies()[0] - best.accuracies()[1]);
    let (epoch, accuracy, of) = (best.epoch, 100.0 * test.accuracy, history.epochs.len());
    let words = if gap > 10.0 { "it overfits" } else { "the gap is small" };
    format!(
        "Test accuracy {accuracy:.1} %. Best epoch {epoch} of {of}; {gap:+.1} points from validation to training: {words}."
    )
}

/// The most frequent mistake in words.
fn hardest(confusion: &Confusion, classes: &[String]) -> String {
    let Some(&(label, predicted, n)) = confusion.most_confused().first() else {
        return "No mistake on the test images.".into();
    };
    let of = confusion.support(label);
    format!("Most frequent mistake: {n} of {of} of class {} predicted as {}.", classes[label], classes[predicted])
}

/// By how many standard deviations the means of two classes differ, feature by feature.
fn telling_features(x: &Array2<f32>, labels: &[usize], a: usize, b: usize) -> String {
    let mean = |c: usize, j: usize| {
        let of_class: Vec<f32> = (0..labels.len()).filter(|&i| labels[i] == c).map(|i| x[[i, j]]).collect();
        of_class.iter().sum::<f32>() / of_class.len() as f32
    };
    let distance = |(j, f): (usize, &Feature)| format!("{} {:.2}", f.name(), (mean(a, j) - mean(b, j)).abs());
    let all: Vec<String> = Feature::DEFAULT.iter().enumerate().map(distance).collect();
    format!("The two classes' means differ, in standard deviations, by: {}.", all.join(", "))
}

/// Loss over the epochs.
fn curves(title: &str, history: &History) -> Figure {
    let column = |f: fn(&Epoch) -> f64| history.epochs.iter().map(f).collect::<Vec<f64>>();
    LineChart::new(&format!("{title}: loss"))
        .axes("epoch", "cross-entropy")
        .epochs("training", &column(|e| e.losses()[0]))
        .epochs("validation", &column(|e| e.losses()[1]))
        .marker(history.best_epoch as f64, "kept")
        .draw()
}
