//! The verdict: accuracies side by side, and whether the differences are more than luck.

use super::{Book, Results};
use crate::analysis::metrics::{mcnemar, wilson_interval};
use crate::error::Result;
use crate::report::chart::{BarChart, Colour};
use crate::report::words::{p_value, percent};
use crate::report::{Callout, Cell, Table};

/// Classes have the colours of the palette; classifiers must not borrow them.
const BASELINE: Colour = Colour::new(0xb4, 0xba, 0xc1);

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let n = r.data.test.len();
    let truth = &r.data.test.labels;
    let right = |answers: &[usize]| -> Vec<bool> { answers.iter().zip(truth).map(|(a, t)| a == t).collect() };
    let (kmeans, mlp, cnn) =
        (right(&r.clusters.predicted), right(&r.mlp.scores.test.predicted), right(&r.cnn.scores.test.predicted));
    let logistic = right(&r.baselines.logistic.test.predicted);
    let majority: Vec<bool> = truth.iter().map(|&t| t == r.baselines.majority_class).collect();

    let rows = [
        ("CNN on pixels", &cnn, Colour::INK),
        ("MLP on features", &mlp, Colour::INK),
        ("K-means on features", &kmeans, Colour::INK),
        ("logistic regression on pixels", &logistic, BASELINE),
        ("always the commonest class", &majority, BASELINE),
    ];
    let mut chart = BarChart::new("Test accuracy with 95 % intervals").percent();
    let mut table = Table::new(&["classifier", "right", "of", "accuracy", "95 % from", "to"]);
    let count = |answers: &[bool]| answers.iter().filter(|r| **r).count();
    for (name, answers, colour) in rows {
        let hits = count(answers);
        let (low, high) = wilson_interval(hits, n);
        let accuracy = hits as f64 / n as f64;
        chart = chart.coloured(name, accuracy, Some((low, high)), colour);
        let counts = [hits, n].map(Cell::count);
        table.row(std::iter::once(Cell::text(name)).chain(counts).chain([accuracy, low, high].map(Cell::fraction)));
    }
    let test = mcnemar(&mlp, &cnn);
    let (a_mlp, a_cnn, a_kmeans) = (share(&mlp), share(&cnn), share(&kmeans));
    let (better, by) = if a_cnn > a_mlp {
        ("The CNN on pixels is better than the MLP on features", a_cnn - a_mlp)
    } else if a_cnn < a_mlp {
        ("The MLP on features is better than the CNN on pixels", a_mlp - a_cnn)
    } else {
        ("The CNN on pixels and the MLP on features are equally accurate", 0.0)
    };
    let sure = if by == 0.0 {
        "There is nothing to explain by luck or otherwise".to_owned()
    } else if test.p_value < 0.05 {
        format!("That is more than luck ({})", p_value(test.p_value))
    } else {
        format!("That may be luck ({})", p_value(test.p_value))
    };
    let size = if by == 0.0 { String::new() } else { format!(" by {:.1} points", 100.0 * by) };
    let words = format!(
        "{better}{size}. {sure}: of the {n} test pictures, {} were answered rightly by the CNN alone and {} by the MLP \
         alone (McNemar's exact test on the same pictures). K-means, which never saw a label until its clusters were \
         named, reaches {}; always answering `{}` would reach {}.",
        test.only_b,
        test.only_a,
        percent(a_kmeans),
        r.data.classes[r.baselines.majority_class],
        percent(r.baselines.majority_accuracy),
    );

    let chart = book.figure("accuracies", chart.draw())?;
    let table = book.table("accuracies", table)?;
    let remark = |hits: &[bool]| {
        let (low, high) = wilson_interval(count(hits), n);
        format!("{:.1} to {}", 100.0 * low, percent(high))
    };
    book.page
        .lead()
        .callout(Callout::Verdict, "Verdict", &words)
        .scores(&[
            (&percent(a_cnn), "CNN", &remark(&cnn)),
            (&percent(a_mlp), "MLP", &remark(&mlp)),
            (&percent(a_kmeans), "K-means", &remark(&kmeans)),
        ])
        .figure(&chart, "Whiskers are Wilson's intervals. Pale bars are what any answer must beat.")
        .details("The same as a table", |body| {
            body.table(&table, "Test accuracy");
        })
        .source("src/pipeline/report/verdict.rs");
    Ok(())
}

/// Share of right answers.
fn share(right: &[bool]) -> f64 {
    right.iter().filter(|r| **r).count() as f64 / right.len() as f64
}
