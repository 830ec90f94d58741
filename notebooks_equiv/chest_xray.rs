//! # Chest X-rays: is there pneumonia?
//!
//! The second half of the first course: images of children's chests (Kermany et al. 2018), a convolutional network
//! with a sigmoid at its end, class weights, augmentation, and the choice of the threshold above which an image
//! is classified as pneumonia. Each part has the course's form: the code, its results, comments that follow the
//! numbers.
//!
//! The network is the built-in experiment `pneumonia` of `gradus train` (`gradus init pneumonia` prints it as a file).
//!
//! Run it: `cargo run --release --example exercise -- chest_xray FOLDER`, where FOLDER holds `train/` and `test/` with the
//! sub-folders `NORMAL` and `PNEUMONIA`; `--out DIR` for another place than target/lessons/chest_xray; `--epochs N`,
//! `--seed N`; `--smoke` for a try in seconds on images that the program paints, whose numbers mean nothing.

use clap::Parser;
use gradus::analysis::metrics::roc_curve;
use gradus::data::Images;
use gradus::experiment::kinds::classify::report::at_thresholds;
use gradus::experiment::kinds::classify::{Decision, decisions, probabilities};
use gradus::experiment::{Experiment, Prepared, Source, builtin};
use gradus::nn::summary::formulas;
use gradus::report::chart::{Colour, ColourMap, Confusion, ImageGrid, LineChart, Tile};
use gradus::report::words::{function, percent, thousands};
use gradus::report::{Callout, Figure, Page, Table};
use gradus::rng::Rng;
use gradus::run::{
    Scores, Unwatched,
    findings::{generalizes, validation_against_test},
};
use gradus::train::Silent;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// This file: its functions are shown in the report.
const CODE: &str = include_str!("chest_xray.rs");

/// Chest X-rays: is there pneumonia?
#[derive(clap::Parser)]
struct Arguments {
    /// The folder with `train/` and `test/`, and in them `NORMAL` and `PNEUMONIA`
    folder: Option<PathBuf>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/chest_xray")]
    out: PathBuf,
    /// Epochs of each training, to see it sooner
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Seed of everything random but the split
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Everything in seconds, on images that the program paints: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> gradus::Result<()> {
    exercise(&Arguments::parse_from(words))
}

fn exercise(arguments: &Arguments) -> gradus::Result<()> {
    let folder = &arguments.out;
    let mut settings = Vec::new();
    if arguments.smoke {
        let painted = folder.join("painted");
        paint(&painted)?;
        settings.extend([format!("data.path={}", painted.display()), "data.size=32".into(), "train.epochs=2".into()]);
    } else if let Some(path) = &arguments.folder {
        settings.push(format!("data.path={}", path.display()));
    }
    settings.extend(arguments.epochs.map(|n| format!("train.epochs={n}")));
    settings.extend(arguments.seed.map(|n| format!("seed={n}")));

    let (experiment, prepared) = data(&settings)?;
    let mut page = Page::new("Chest X-rays: is there pneumonia?");
    page.subtitle("A convolutional network with a sigmoid, class weights and augmentation");
    images_part(&experiment, &prepared, &mut page, folder)?;
    network(&prepared, &mut page);
    let (scores, seconds) = train(&experiment, &prepared)?;
    learning(&experiment, &scores, seconds, &mut page, folder)?;
    let Some([half, chosen]) = decisions(&prepared, &scores) else {
        let help = "two sub-folders, such as NORMAL and PNEUMONIA";
        return Err(gradus::Error::data(&experiment.data.path, "does not have two classes on each split", help));
    };
    decision(&prepared, &scores, [&half, &chosen], &mut page, folder)?;
    mistakes(&prepared, &scores, &mut page, folder)?;

    let test = format!(
        "The test accuracy is {} at a threshold of one half, with F1 {:.3}; at the threshold chosen on validation, {:.3}, it \
         is {} with F1 {:.3}.",
        percent(half.test.accuracy()),
        half.test.f1(1),
        chosen.threshold,
        percent(chosen.test.accuracy()),
        chosen.test.f1(1)
    );
    println!("{test}");
    page.lead().callout(Callout::Verdict, "On the test split", &test);
    page.save(&folder.join("report.html"))?;
    println!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// Prepares the samples: gray, 128 x 128, each standardized to mean 0 and deviation 1, persons kept within one split.
fn data(settings: &[String]) -> gradus::Result<(Experiment, Prepared)> {
    let mut source = Source::text(builtin("pneumonia").expect("it is built in").text, "pneumonia")?;
    settings.iter().try_for_each(|set| source.set(set))?;
    let experiment = source.resolve()?;
    let prepared = Prepared::new(&experiment, &mut Unwatched)?;
    Ok((experiment, prepared))
}

/// Part 1: how many images, what they look like, and their augmentation.
fn images_part(e: &Experiment, p: &Prepared, page: &mut Page, folder: &Path) -> gradus::Result<()> {
    let mut counts = Table::new(&["split", "images", &p.data.classes[0], p.data.classes.last().map_or("", |c| c)]);
    for (name, images) in p.data.splits() {
        let of = |class: usize| thousands(images.labels().iter().filter(|&&label| label == class).count());
        counts.row([name.to_owned(), thousands(images.len()), of(0), of(1)]);
    }
    println!("Part 1. The images\n\n{}", counts.text());
    let size = e.data.size;
    let mut sheet = ImageGrid::new("Training images").smooth();
    for (c, class) in p.data.classes.iter().enumerate() {
        let some = of_class(&p.data.train, c, 6);
        let tile = |&i: &usize| Tile::chw(&p.data.train.pixels.data()[i * size * size..][..size * size], 1, size, size);
        sheet = sheet.group(class, some.iter().map(tile).collect());
    }
    // One image as augmented in six epochs.
    let first = of_class(&p.data.train, 1, 1);
    let seen = (0..6).map(|epoch| {
        let xray = p.train.batch(&first, Some(epoch));
        Tile::plane(xray.data(), size, size, ColourMap::Gray, None).caption(&format!("epoch {}", epoch + 1))
    });
    let varied = ImageGrid::new("One image, as augmented in six epochs").smooth().group("", seen.collect()).draw();
    let (sheet, varied) = (save(folder, "images", sheet.draw())?, save(folder, "augmented", varied)?);
    let kept = match p.data.grouped {
        Some(n) => format!("{n} file names contain the person; "),
        None => String::new(),
    };
    let shared = p.data.leakage.len();
    page.part("Part 1. The images");
    page.section("", "Code").code(function(CODE, "data"));
    page.section("", "Results").table(&counts, "Images of each class").figures(&[
        (&sheet, "Six of each class."),
        (
            &varied,
            "Shifted, rotated, stretched, mirrored, with changed brightness and contrast: a new image each time.",
        ),
    ]);
    page.section("", "Comments").paragraph(&format!(
        "{kept}images of one person stay in one split, and {shared} persons or images are in more than one. \
         Validation is carved from the training images; the test split is its authors' own and has \
         another distribution: its fraction of {} differs. The exposure of an image depends on the machine, not on the \
         lung, so each image is standardized by itself.",
        p.data.classes[1]
    ));
    Ok(())
}

fn of_class(images: &Images, class: usize, most: usize) -> Vec<usize> {
    (0..images.len()).filter(|&i| images.labels()[i] == class).take(most).collect()
}

/// Part 2: topology and weights.
fn network(p: &Prepared, page: &mut Page) {
    let formulas = formulas(&p.model, &p.summary);
    let mut layers = Table::new(&["layer", "kind", "output", "weights and biases", "parameters"]);
    for row in &p.summary.rows {
        let output: Vec<String> = row.output.iter().map(usize::to_string).collect();
        let formula = formulas.iter().find(|(path, ..)| *path == row.path);
        let formula = formula.map_or(String::new(), |(_, formula, _)| formula.clone());
        layers.row([row.path.clone(), row.kind.clone(), output.join(" x "), formula, thousands(row.parameters)]);
    }
    println!("Part 2. The network\n\n{} parameters\n", thousands(p.summary.parameters));
    let weights = p.fit.objective.class_weights.clone().unwrap_or_else(|| vec![1.0; 2]);
    page.part("Part 2. The network");
    page.section("", "Results").table(&layers, "Layer by layer").facts(&[
        ("Parameters", thousands(p.summary.parameters)),
        ("Multiply-adds for one image", thousands(p.summary.macs as usize)),
    ]);
    page.section("", "Comments").paragraph(&format!(
        "The last layer gives one number z, the logit of {}: p = σ(z) = 1 / (1 + e⁻ᶻ). The loss is the binary \
        cross-entropy -[y ln p + (1 - y) ln(1 - p)], a sample of {} with weight {:.2} and one of {} with {:.2}: both \
        classes count the same, though one has {} times the images.",
        p.data.classes[1],
        p.data.classes[0],
        weights[0],
        p.data.classes[1],
        weights[1],
        (weights[0] / weights[1] * 10.0).round() / 10.0
    ));
}

/// Fits the network; its weights are then those of the best epoch on the validation split.
fn train(e: &Experiment, p: &Prepared) -> gradus::Result<(Scores, f64)> {
    let start = Instant::now();
    let mut optimizer = e.train.optimizer.build();
    let trained = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
    Ok((p.score(trained.history)?, start.elapsed().as_secs_f64()))
}

/// Part 3: the curves.
fn learning(e: &Experiment, s: &Scores, seconds: f64, page: &mut Page, folder: &Path) -> gradus::Result<()> {
    let column = |f: fn(&gradus::train::Epoch) -> f64| s.history.epochs.iter().map(f).collect::<Vec<f64>>();
    let kept = s.history.best_epoch as f64;
    let chart = |name: &str, train: Vec<f64>, val: Vec<f64>| {
        let chart = LineChart::new(name).axes("epoch", name).epochs("training", &train).epochs("validation", &val);
        save(folder, name, chart.marker(kept, "kept").draw())
    };
    let loss = chart("loss", column(|e| e.losses()[0]), column(|e| e.losses()[1]))?;
    let accuracy = chart("accuracy", column(|e| e.accuracies()[0]), column(|e| e.accuracies()[1]))?;
    println!("Part 3. Training\n\n{} epochs in {seconds:.0} s, the best is {kept}\n", s.history.epochs.len());
    page.part("Part 3. Training");
    page.section("", "Code").code(function(CODE, "train"));
    page.section("", "Results")
        .figures(&[(&loss, "Binary cross-entropy."), (&accuracy, "Accuracy at one half.")])
        .facts(&[("Seconds", format!("{seconds:.0}")), ("Best epoch", format!("{kept}"))]);
    page.section("", "Comments").paragraph(&generalizes(s, e.train.epochs));
    Ok(())
}

/// Part 4: the threshold of the decision.
fn decision(
    p: &Prepared,
    s: &Scores,
    [half, chosen]: [&Decision; 2],
    page: &mut Page,
    folder: &Path,
) -> gradus::Result<()> {
    let classes = &p.data.classes;
    let table = at_thresholds(&[half.clone(), chosen.clone()], classes);
    println!("Part 4. The decision\n\n{}", table.text());
    let mut chart = LineChart::new("ROC curves")
        .axes("false positive rate", "true positive rate")
        .y_range(0.0, 1.0)
        .size(420.0, 360.0);
    let mut areas = Vec::new();
    for (name, evaluation, labels) in
        [("validation", s.validation(), p.data.val.labels()), ("test", &s.test, p.data.test.labels())]
    {
        let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        let roc = roc_curve(&probabilities(&evaluation.probabilities).column(1).to_vec(), &positive)?;
        let points: Vec<(f64, f64)> = roc.fpr.iter().copied().zip(roc.tpr.iter().copied()).collect();
        chart = chart.series(name, &points);
        areas.push(roc.area());
    }
    let roc = save(folder, "roc", chart.draw())?;
    let matrix = |name: &str, title: &str, d: &Decision| {
        save(folder, name, Confusion::new(title, classes, &d.test.counts).draw())
    };
    let at_half = matrix("confusion_half", "Test, at 0.5", half)?;
    let at_chosen = matrix("confusion_chosen", &format!("Test, at {:.3}", chosen.threshold), chosen)?;
    let verdict = match chosen.test.correct().cmp(&half.test.correct()) {
        std::cmp::Ordering::Greater => "raises the accuracy",
        std::cmp::Ordering::Equal => "does not change the accuracy",
        std::cmp::Ordering::Less => "lowers the accuracy",
    };
    let splits = s.on_splits();
    page.part("Part 4. The decision");
    page.section("", "Code").code(function(CODE, "decision"));
    page.section("", "Results")
        .table(&table, "Counts, accuracy and F1 at one half and at the threshold chosen on the validation split")
        .figures(&[
            (&at_half, "Rows are true classes, columns predictions."),
            (&at_chosen, "The same at the threshold chosen on validation."),
            (&roc, "One point for each threshold."),
        ]);
    page.section("", "Comments").paragraph(&format!(
        "The area under the ROC curve is {:.3} on validation and {:.3} on test.{} The threshold {:.3} has the largest true \
         positive rate less false positive rate on validation (Youden 1950); on test it {verdict}. At one half {} of the \
         healthy are predicted as ill and {} of the ill as healthy: the costs of the two mistakes are not known to \
         the network.",
        areas[0],
        areas[1],
        splits.val.map_or(String::new(), |val| validation_against_test(val, splits.test)),
        chosen.threshold,
        percent(1.0 - half.test.recall(0)),
        percent(1.0 - half.test.recall(1)),
    ));
    Ok(())
}

/// Part 5: the mistakes with the highest predicted probability.
fn mistakes(p: &Prepared, s: &Scores, page: &mut Page, folder: &Path) -> gradus::Result<()> {
    let (test, fractions) = (&p.data.test, probabilities(&s.test.probabilities));
    let sure = |i: usize| fractions[[i, s.test.predicted[i]]];
    let mut mistakes: Vec<usize> = (0..test.len()).filter(|&i| s.test.predicted[i] != test.labels()[i]).collect();
    mistakes.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)).then(a.cmp(&b)));
    let size = test.width();
    let tile = |&i: &usize| {
        Tile::chw(&test.pixels.data()[i * size * size..][..size * size], 1, size, size)
            .caption(&format!("is {}", p.data.classes[test.labels()[i]]))
            .caption(&format!("{} sure of {}", percent(f64::from(sure(i))), p.data.classes[s.test.predicted[i]]))
            .border(Colour::class(test.labels()[i]))
    };
    page.part("Part 5. Mistakes");
    let body = page.section("", "Results");
    if mistakes.is_empty() {
        body.paragraph("There are none.");
        return Ok(());
    }
    let sheet = ImageGrid::new("Worst mistakes").smooth().group("", mistakes.iter().take(12).map(tile).collect());
    body.figure(
        &save(folder, "mistakes", sheet.columns(4).draw())?,
        "The mistakes with the highest predicted probability.",
    );
    let healthy = mistakes.iter().filter(|&&i| test.labels()[i] == 0).count();
    page.section("", "Comments").paragraph(&format!(
        "Of {} mistakes {healthy} are healthy chests predicted as ill, {} ill ones predicted as healthy.",
        mistakes.len(),
        mistakes.len() - healthy
    ));
    Ok(())
}

fn save(folder: &Path, name: &str, figure: Figure) -> gradus::Result<Figure> {
    figure.save(folder, name).map(|()| figure)
}

/// For the smoke run: two dark lungs in a gray chest; where there is pneumonia, a bright patch lies in one of them.
fn paint(folder: &Path) -> gradus::Result<()> {
    const SIDE: u32 = 48;
    // The test split has other persons.
    for (split, persons) in [("train", 0..40), ("test", 40..52)] {
        for (c, class) in ["NORMAL", "PNEUMONIA"].iter().enumerate() {
            let place = folder.join(split).join(class);
            std::fs::create_dir_all(&place).map_err(gradus::Error::io("create", &place))?;
            for i in persons.clone() {
                let mut rng = Rng::new(c as u64, split, i);
                let patch = [rng.range(12.0, 36.0), rng.range(14.0, 34.0)];
                let near = |x: f64, y: f64, [cx, cy]: [f64; 2], [rx, ry]: [f64; 2]| {
                    ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0
                };
                let xray = image::GrayImage::from_fn(SIDE, SIDE, |x, y| {
                    let (x, y) = (f64::from(x), f64::from(y));
                    let lung = [14.0, 34.0].iter().any(|&cx| near(x, y, [cx, 24.0], [8.0, 16.0]));
                    let ill = c == 1 && near(x, y, patch, [6.0, 6.0]);
                    let light = if lung { 60.0 } else { 150.0 } + if ill { 70.0 } else { 0.0 };
                    image::Luma([(light + 12.0 * rng.normal()) as u8])
                });
                let path = place.join([format!("IM-{i:04}-0001.png"), format!("person{i}_virus_1.png")][c].clone());
                xray.save(&path).map_err(|e| gradus::Error::invalid(format!("{}: {e}", path.display())))?;
            }
        }
    }
    Ok(())
}
