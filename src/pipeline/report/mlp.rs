//! Part 2: the MLP on the features.

use super::embeddings::{EMBEDDING_AXES, EMBEDDING_CAVEAT, points};
use super::features::moments;
use super::findings::pair::{self, Added, Pair};
use crate::error::Result;
use crate::pipeline::results::Results;
use crate::report::chart::Scatter;
use crate::report::words::{confused, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::Book;
use crate::run::book::{CONFUSION, PER_CLASS, per_class};
use crate::run::findings::generalizes;

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    book.page.part("Part 2: an MLP on the features");
    training(r, book)?;
    generalization(r, book)?;
    hardest_pair(r, book)
}

/// 2a. The network and its training.
fn training(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let config = &r.config.mlp;
    let widths: Vec<String> = std::iter::once(r.features.names.len())
        .chain(config.hidden.iter().copied())
        .chain([r.data.classes.len()])
        .map(|w| w.to_string())
        .collect();
    let mut table =
        Table::new(&["activation", "best epoch", "validation accuracy"]).key("validation accuracy", "validation");
    for (activation, scores) in &r.mlp.activations {
        let cells = [
            activation.name().into(),
            Cell::count(scores.history.best_epoch),
            Cell::fraction(scores.validation().accuracy),
        ];
        if *activation == config.activation {
            table.strong_row(cells)
        } else {
            table.row(cells)
        };
    }
    let table = book.table("activations", table)?;
    let [loss, accuracy] = book.curves("mlp", "MLP", &r.mlp.scores)?;
    book.page
        .section("2a", "The network and its training")
        .paragraph(&format!(
            "{} units, {} between the layers, softmax at the end: {} parameters. One-hot targets, cross-entropy, Adam \
             with learning rate {}, batches of {}. The epoch with the lowest validation loss is kept.",
            widths.join(" - "),
            config.activation.name(),
            thousands(r.mlp.scores.parameters),
            config.lr,
            config.batch
        ))
        .figures(&[
            (&loss, "Loss over the epochs. Training values are means over the epoch while the weights changed."),
            (&accuracy, "Accuracy over the epochs."),
        ])
        .table(&table, "The same network with other activations on the validation split (in bold the one that was chosen beforehand and is evaluated on the test set)")
        .source("src/pipeline/mlp.rs");
    Ok(())
}

/// 2b. Does it generalize?
fn generalization(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let s = &r.mlp.scores;
    let confusion = book.confusion("mlp", "MLP on the test split", &r.data.classes, &s.confusion.counts)?;
    let table = book.table("mlp_classes", per_class(&s.confusion, &r.data.classes))?;
    let answer = generalizes(s, r.config.mlp.epochs);
    book.page
        .section("2b", "Does it generalize?")
        .row(|row| {
            row.figure(&confusion, CONFUSION).table(&table, PER_CLASS);
        })
        .answer("Does the MLP generalize?", &answer)
        .source("src/run/trainer.rs");
    Ok(())
}

/// 2c. The pair of classes that is confused most, how far each feature separates it, and what the MLP adds.
fn hardest_pair(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let classes = &r.data.classes;
    let map = Scatter::new("The test images by the MLP's output", classes)
        .panel("true labels", &points(&r.mlp_embedding), r.data.test.labels())
        .panel("the MLP's predictions", &points(&r.mlp_embedding), &r.mlp.scores.test.predicted)
        .dimensions(EMBEDDING_AXES.0, EMBEDDING_AXES.1);
    book.figure("map_mlp_output", map.draw())?;
    let panels = map.draw_panels();

    let pairs = pairs(r);
    let labels: Vec<String> = r.features.names.iter().map(|f| f.label()).collect();
    let names: Vec<&str> = labels.iter().map(String::as_str).collect();
    let confusion = &r.mlp.scores.confusion;
    let mistakes = confusion.total() - confusion.correct();
    let (of_feature, of_mlp) = pair::most_confused(&pairs).map(|p| on_validation(r, p)).unwrap_or_default();
    let added = Added { feature: &of_feature, mlp: &of_mlp };
    let answer = pair::hardest(&pairs, classes, &names, mistakes, &added);

    let mut order: Vec<&Pair> = pairs.iter().collect();
    order.sort_by(|a, b| b.mistakes.cmp(&a.mistakes).then(a.classes.cmp(&b.classes)));
    let mut table = Table::new(&[&["pair", "mistakes", "test images"], &names[..]].concat());
    for p in order.into_iter().take(LISTED) {
        let names = Cell::text(format!("{} and {}", classes[p.classes.0], classes[p.classes.1]));
        let distances = p.distances.iter().map(|&d| Cell::number(d, 2));
        table.row([names, Cell::count(p.mistakes), Cell::count(p.samples)].into_iter().chain(distances));
    }
    let table = book.table("pairs", table)?;
    book.page
        .section("2c", "Which classes are hardest to separate?")
        .figures(&[
            (&panels[0], "t-SNE of the MLP's last layer (logits) on the test split, true labels."),
            (&panels[1], "The same embedding with the MLP's predictions."),
        ])
        .callout(Callout::Caveat, "Reading the embedding", EMBEDDING_CAVEAT)
        .list(confused(confusion, classes, 3))
        .table(
            &table,
            "For each pair the test images that the MLP predicts as the other class, and how far each feature separates the two \
             on the training split (Cohen's d: difference of the means over the pooled deviation)",
        )
        .answer("Which pair of classes is hardest, and by which feature do they differ?", &answer)
        .source("src/pipeline/report/findings/pair.rs");
    Ok(())
}

/// Pairs that the table lists.
const LISTED: usize = 15;

/// Returns every pair of classes, with its mistakes on the test split and its distances on the training split.
fn pairs(r: &Results) -> Vec<Pair> {
    let (k, counts) = (r.data.classes.len(), &r.mlp.scores.confusion.counts);
    // Mean and deviation of each feature in each class.
    let of: Vec<Vec<(f64, f64)>> = (0..r.features.names.len())
        .map(|j| (0..k).map(|class| moments(&column(r, 0, j, r.data.train.labels(), class))).collect())
        .collect();
    let distance = |j: usize, a: usize, b: usize| {
        let ((m_a, s_a), (m_b, s_b)) = (of[j][a], of[j][b]);
        let pooled = ((s_a * s_a + s_b * s_b) / 2.0).sqrt();
        if pooled > 0.0 { (m_a - m_b).abs() / pooled } else { 0.0 }
    };
    let both = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
    both.map(|(a, b)| Pair {
        classes: (a, b),
        mistakes: counts[a][b] + counts[b][a],
        samples: counts[a].iter().sum::<usize>() + counts[b].iter().sum::<usize>(),
        distances: (0..of.len()).map(|j| distance(j, a, b)).collect(),
    })
    .collect()
}

/// Feature `j` of the samples of one class in split `part`.
fn column(r: &Results, part: usize, j: usize, labels: &[usize], class: usize) -> Vec<f64> {
    let values = r.features.raw[part].column(j);
    values.iter().zip(labels).filter(|(_, l)| **l == class).map(|(&v, _)| f64::from(v)).collect()
}

/// Returns which validation samples of a pair are classified correctly by the best threshold on its best feature,
/// which is fitted on the training split, and by the MLP.
fn on_validation(r: &Results, pair: &Pair) -> (Vec<bool>, Vec<bool>) {
    let ((a, b), (j, _)) = (pair.classes, pair.best_feature());
    let (first, second) = (column(r, 0, j, r.data.train.labels(), a), column(r, 0, j, r.data.train.labels(), b));
    let is_second: Vec<bool> = (0..first.len() + second.len()).map(|i| i >= first.len()).collect();
    if is_second.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let (threshold, above) = pair::stump(&[first, second].concat(), &is_second);
    let labels = r.data.val.labels();
    let of_pair = (0..labels.len()).filter(|&i| labels[i] == a || labels[i] == b);
    of_pair
        .map(|i| {
            let is_above = f64::from(r.features.raw[1][[i, j]]) > threshold;
            let named = if is_above == above { b } else { a };
            (named == labels[i], r.mlp.scores.validation().predicted[i] == labels[i])
        })
        .unzip()
}
