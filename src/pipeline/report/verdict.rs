//! The verdict: accuracies side by side, and whether the differences are significant.

use super::findings::{Compared, verdict};
use crate::analysis::metrics::mcnemar;
use crate::error::Result;
use crate::pipeline::results::Results;
use crate::report::chart::{BarChart, Colour};
use crate::report::words::percent;
use crate::report::{Callout, Cell, Table};
use crate::run::Book;
use crate::run::findings::Hits;

/// Classes have the colours of the palette; classifiers must not borrow them.
const CLASSIFIER: Colour = Colour::new(0x6b, 0x8c, 0xae);
const BASELINE: Colour = Colour::new(0xb4, 0xba, 0xc1);

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let labels = r.data.test.labels();
    let correct =
        |predicted: &[usize]| -> Vec<bool> { predicted.iter().zip(labels).map(|(p, label)| p == label).collect() };
    let [mlp, cnn] = [&r.mlp.scores, &r.cnn.scores].map(|s| correct(&s.test.predicted));
    let hits = |correct: &[bool]| Hits { correct: correct.iter().filter(|c| **c).count(), n: correct.len() };
    let kmeans = hits(&correct(&r.clusters.predicted));
    let majority_class = r.baselines.majority_class;
    let majority = Hits { correct: labels.iter().filter(|&&l| l == majority_class).count(), n: labels.len() };
    let compared = Compared {
        kmeans,
        mlp: hits(&mlp),
        cnn: hits(&cnn),
        test: mcnemar(&mlp, &cnn),
        majority: (&r.data.classes[majority_class], majority.accuracy()),
    };

    let rows = [
        ("CNN on pixels", compared.cnn, CLASSIFIER),
        ("MLP on features", compared.mlp, CLASSIFIER),
        ("K-means on features", kmeans, CLASSIFIER),
        ("logistic regression on pixels", hits(&correct(&r.baselines.logistic.test.predicted)), BASELINE),
        ("majority-class baseline", majority, BASELINE),
    ];
    let mut chart = BarChart::new("Test accuracy with 95 % intervals").percent().axis("test accuracy");
    let mut table = Table::new(&["classifier", "correct", "of", "accuracy", "95 % from", "to"]).key("correct", "right");
    for (name, hits, colour) in rows {
        let (low, high) = hits.interval();
        chart = chart.coloured(name, hits.accuracy(), Some((low, high)), colour);
        let counts = [hits.correct, hits.n].map(Cell::count);
        table.row(
            std::iter::once(Cell::text(name)).chain(counts).chain([hits.accuracy(), low, high].map(Cell::fraction)),
        );
    }
    let chart = book.figure("accuracies", chart.draw())?;
    let table = book.table("accuracies", table)?;
    book.page
        .lead()
        .callout(Callout::Verdict, "Verdict", &verdict(&compared))
        .scores(&[
            (&percent(compared.cnn.accuracy()), "CNN", &compared.cnn.precision()),
            (&percent(compared.mlp.accuracy()), "MLP", &compared.mlp.precision()),
            (&percent(kmeans.accuracy()), "K-means", &kmeans.precision()),
        ])
        .paragraph(&r.test_set.words(Some(compared.cnn.accuracy())))
        .row(|row| {
            row.figure(
                &chart,
                "Accuracy on the held-out test set; whiskers are Wilson's 95 % intervals. Pale bars are baselines, which a \
                 classifier should beat.",
            )
            .table(&table, "Test accuracy");
        })
        .source("src/pipeline/report/verdict.rs");
    Ok(())
}
