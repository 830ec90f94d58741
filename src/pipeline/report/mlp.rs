//! Part 2: the MLP on the features.

use super::features::moments;
use super::{Book, MAP_CAVEAT, Results, points};
use crate::error::Result;
use crate::report::chart::Scatter;
use crate::report::words::{confused, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::book::{generalizes, per_class};

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
    let mut table = Table::new(&["activation", "best epoch", "validation", "test"]);
    for (activation, scores) in &r.mlp.activations {
        let cells = [
            Cell::text(activation.name()),
            Cell::count(scores.history.best_epoch),
            Cell::fraction(scores.val.accuracy),
            Cell::fraction(scores.test.accuracy),
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
            (&loss, "Loss over the epochs. Training figures are means over the epoch while the weights moved."),
            (&accuracy, "Accuracy over the epochs."),
        ])
        .table(&table, "The same network with other activations (the one used in bold)")
        .source("src/pipeline/mlp.rs");
    Ok(())
}

/// 2b. Does it generalize?
fn generalization(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let s = &r.mlp.scores;
    let confusion = book.confusion("mlp", "MLP on the test split", &r.data.classes, &s.confusion.counts)?;
    let table = book.table("mlp_classes", per_class(&s.confusion, &r.data.classes))?;
    let answer = generalizes(s, r.config.mlp.epochs, r.config.mlp.patience);
    book.page
        .section("2b", "Does it generalize?")
        .figure(&confusion, "Rows are the truth, columns the answer; percentages are of the row.")
        .table(&table, "Per class, on the test split")
        .answer("Does the MLP generalize?", &answer)
        .source("src/run/trainer.rs");
    Ok(())
}

/// 2c. Which pair of classes is hardest, and which feature tells it apart best.
fn hardest_pair(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let classes = &r.data.classes;
    let map = Scatter::new("The test pictures by the MLP's output", classes)
        .panel("true labels", &points(&r.mlp_map), &r.data.test.labels)
        .panel("the MLP's answers", &points(&r.mlp_map), &r.mlp.scores.test.predicted);
    book.figure("map_mlp_output", map.draw())?;
    let panels = map.draw_panels();

    let counts = &r.mlp.scores.confusion.counts;
    let k = classes.len();
    let pairs = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b)));
    let hardest = pairs.max_by_key(|&(a, b)| (counts[a][b] + counts[b][a], std::cmp::Reverse((a, b))));
    let (a, b) = hardest.expect("there are at least two classes");
    let mistakes = counts[a][b] + counts[b][a];
    // Standardized distance (Cohen's d): difference of the means over the pooled deviation.
    let column = |j: usize, class: usize| -> Vec<f64> {
        let labels = &r.data.train.labels;
        let values = r.features.raw[0].column(j);
        values.iter().zip(labels).filter(|(_, l)| **l == class).map(|(&v, _)| f64::from(v)).collect()
    };
    let mut distances: Vec<(f64, &str)> = (0..r.features.names.len())
        .map(|j| {
            let ((m_a, s_a), (m_b, s_b)) = (moments(&column(j, a)), moments(&column(j, b)));
            let pooled = ((s_a * s_a + s_b * s_b) / 2.0).sqrt();
            (if pooled > 0.0 { (m_a - m_b).abs() / pooled } else { 0.0 }, r.features.names[j].name())
        })
        .collect();
    distances.sort_by(|x, y| y.0.total_cmp(&x.0));
    let mut table = Table::new(&["feature", "standardized distance"]);
    distances.iter().for_each(|(d, name)| {
        table.row([Cell::text(name.to_string()), Cell::number(*d, 2)]);
    });
    let table = book.table("hardest_pair", table)?;
    let (best, name) = distances[0];
    let all: usize = r.mlp.scores.confusion.total() - r.mlp.scores.confusion.correct();
    let answer = if mistakes == 0 {
        "No pair: the MLP makes no mistake on the test split.".to_owned()
    } else {
        let apart = match best {
            d if d >= 2.0 => "which is far apart: the two could be told by it almost alone",
            d if d >= 0.8 => "which separates them, with a wide overlap",
            _ => "which is little: no single feature tells them apart",
        };
        format!(
            "{} and {}: {mistakes} of the {all} mistakes are between them. The feature that differs most between the \
             two is {name}, its means {best:.2} deviations apart, {apart}.",
            classes[a], classes[b]
        )
    };
    book.page
        .section("2c", "Which classes are hardest to tell apart?")
        .figures(&[
            (&panels[0], "t-SNE of the MLP's last layer (logits) on the test split, true labels."),
            (&panels[1], "The same map with the MLP's answers."),
        ])
        .callout(Callout::Caveat, "Reading the map", MAP_CAVEAT)
        .list(confused(&r.mlp.scores.confusion, classes, 3))
        .table(
            &table,
            &format!(
                "{} against {}: distance of the means over the pooled deviation, training split",
                classes[a], classes[b]
            ),
        )
        .answer("Which pair of classes is hardest, and by which feature do they differ?", &answer)
        .source("src/pipeline/report/mlp.rs");
    Ok(())
}
