//! Part 1: features, clusters, and whether they agree with the labels.

use super::embeddings::{EMBEDDING_AXES, EMBEDDING_CAVEAT, points};
use super::findings::{Agreement, agreement};
use crate::analysis::features::Feature;
use crate::analysis::scale::Scaling;
use crate::error::Result;
use crate::pipeline::results::Results;
use crate::report::chart::{Histograms, Scatter};
use crate::report::words::{confused, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::Book;
use crate::run::findings::Hits;

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    book.page.part("Part 1: hand-crafted features and K-means");
    features(r, book)?;
    clusters(r, book)?;
    agreement_with_labels(r, book)
}

/// 1a. The features, and how each is distributed in each class.
fn features(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let labels = r.data.train.labels();
    let mut histograms =
        Histograms::new("Features of the training images", &r.data.classes).axes("fraction of the class");
    let mut table = Table::new(&["feature", "class", "mean", "deviation"]);
    for (j, feature) in r.features.names.iter().enumerate() {
        let values: Vec<f64> = r.features.raw[0].column(j).iter().map(|&v| f64::from(v)).collect();
        histograms = histograms.panel(feature.title(), &values, labels);
        for (c, class) in r.data.classes.iter().enumerate() {
            let of_class: Vec<f64> = values.iter().zip(labels).filter(|(_, l)| **l == c).map(|(v, _)| *v).collect();
            let (mean, deviation) = moments(&of_class);
            // A program that reads the file knows the feature by its key.
            let name = Cell { shown: feature.label(), value: feature.name().to_owned() };
            table.row([name, class.clone().into(), Cell::number(mean, 4), Cell::number(deviation, 4)]);
        }
    }
    book.figure("features", histograms.draw())?;
    let panels = histograms.draw_panels();
    // Words about galaxies are true of the rendered ones only.
    let of = if r.config.is_rendered() { Feature::in_galaxies } else { Feature::why };
    let captions: Vec<&str> = r.features.names.iter().map(|&f| of(f)).collect();
    let table = book.table("features", table)?;
    book.page
        .section("1a", "Features")
        .paragraph(&format!(
            "Each image of {1} pixels is described by {0} numbers. {2} computed on the training split and applied to the \
            validation and test splits.",
            r.features.names.len(),
            thousands(r.config.data.size * r.config.data.size),
            scaling(r.config.features.scaling)
        ))
        .figures(&panels.iter().zip(captions).collect::<Vec<_>>())
        .details("Mean and deviation by class", |body| {
            body.table(&table, "Features of the training images, before scaling");
        })
        .source("src/analysis/features.rs");
    Ok(())
}

/// 1b. K-means.
fn clusters(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let k = r.data.classes.len();
    let mut table = Table::new(&["cluster", "named after", "training images", "of that class"])
        .key("training images", "training images");
    for cluster in 0..k {
        let members: Vec<usize> =
            (0..r.data.train.len()).filter(|&i| r.clusters.clustering.labels[i] == cluster).collect();
        let name = r.clusters.names[cluster];
        let of_class = members.iter().filter(|&&i| r.data.train.labels()[i] == name).count();
        let fraction =
            if members.is_empty() { Cell::none() } else { Cell::fraction(of_class as f64 / members.len() as f64) };
        let (number, class) = (Cell::count(cluster + 1), Cell::text(&r.data.classes[name]));
        table.row([number, class, Cell::count(members.len()), fraction]);
    }
    let table = book.table("clusters", table)?;
    let counts = &r.clusters.confusion.counts;
    let confusion = book.confusion("kmeans", "K-means on the test split", &r.data.classes, counts)?;
    book.page
        .section("1b", "K-means")
        .paragraph(&format!(
            "K = {k} clusters, the best of {} starts by k-means++; it took {} iterations to an inertia of {:.1}. A \
             majority vote over the training labels names each cluster.",
            r.config.kmeans.n_init, r.clusters.clustering.iterations, r.clusters.clustering.inertia
        ))
        .row(|row| {
            row.figure(
                &confusion,
                "Rows are true classes, columns the class after which the image's cluster is named.",
            )
            .table(&table, "Clusters of the training images");
        })
        .list(confused(&r.clusters.confusion, &r.data.classes, 3))
        .source("src/analysis/kmeans.rs");
    Ok(())
}

/// 1c. How well clusters agree with labels.
fn agreement_with_labels(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let at = points(&r.feature_embedding);
    let labels = Scatter::new("True labels of the test images", &r.data.classes)
        .panel("", &at, r.data.test.labels())
        .dimensions(EMBEDDING_AXES.0, EMBEDDING_AXES.1);
    let (names, looks) = cluster_looks(&r.clusters.names, &r.data.classes);
    let clusters = Scatter::new("Clusters, and the class each is named after", &names)
        .looks(&looks)
        .panel("", &at, &r.clusters.test_clusters)
        .dimensions(EMBEDDING_AXES.0, EMBEDDING_AXES.1);
    let labels = book.figure("map_features", labels.draw())?;
    let clusters = book.figure("map_clusters", clusters.draw())?;
    let unnamed = (0..r.data.classes.len()).filter(|c| !r.clusters.names.contains(c));
    let answer = agreement(&Agreement {
        adjusted_rand: r.clusters.adjusted_rand,
        nmi: r.clusters.nmi,
        named: Hits { correct: r.clusters.confusion.correct(), n: r.clusters.confusion.total() },
        baseline: r.baselines.majority_accuracy,
        unnamed: unnamed.map(|c| r.data.classes[c].clone()).collect(),
    });
    book.page
        .section("1c", "Do clusters agree with labels?")
        .figures(&[
            (&labels, "t-SNE of the test features, coloured by the true label."),
            (
                &clusters,
                "The same embedding, coloured by cluster. A cluster has the colour of the class it is named after; a \
                         second cluster of the same class has a colour of its own.",
            ),
        ])
        .callout(Callout::Caveat, "Reading the embedding", EMBEDDING_CAVEAT)
        .answer("How well do the clusters agree with the labels?", &answer)
        .source("src/pipeline/kmeans.rs");
    Ok(())
}

/// Returns how the features are scaled, as the beginning of a sentence.
fn scaling(scaling: Scaling) -> &'static str {
    match scaling {
        Scaling::Standard => "They are standardized by mean and standard deviation,",
        Scaling::MinMax { .. } => "They are scaled to one range by minimum and maximum,",
    }
}

/// Returns the legend of the clusters, and the marker of each: that of the class it is named after, or, for a further
/// cluster of the same class, the next marker that no class has.
fn cluster_looks(named_after: &[usize], classes: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut free = classes.len()..;
    let mut looks: Vec<usize> = Vec::new();
    for &class in named_after {
        let look = if looks.contains(&class) { free.next().expect("endless") } else { class };
        looks.push(look);
    }
    let names = named_after.iter().enumerate();
    (names.map(|(i, &class)| format!("cluster {}: {}", i + 1, classes[class])).collect(), looks)
}

/// Returns the mean and standard deviation.
pub(super) fn moments(x: &[f64]) -> (f64, f64) {
    let n = x.len().max(1) as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clusters_of_one_class_look_different() {
        let classes = ["a", "b", "c"].map(String::from);
        let (names, looks) = cluster_looks(&[1, 1, 0], &classes);
        assert_eq!(
            (names[0].as_str(), names[1].as_str(), names[2].as_str()),
            ("cluster 1: b", "cluster 2: b", "cluster 3: a")
        );
        assert_eq!(looks, [1, 3, 0]);
    }
}
