//! Part 1: features, clusters, and whether they agree with the labels.

use super::{Book, MAP_CAVEAT, Results, points};
use crate::error::Result;
use crate::report::chart::{Histograms, Scatter};
use crate::report::words::{confused, listed, percent};
use crate::report::{Callout, Cell, Table};

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    book.page.part("Part 1: hand-crafted features and K-means");
    features(r, book)?;
    clusters(r, book)?;
    agreement(r, book)
}

/// 1a. The features, and how each is distributed in each class.
fn features(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let labels = &r.data.train.labels;
    let mut histograms = Histograms::new("Features of the training pictures", &r.data.classes);
    let mut table = Table::new(&["feature", "class", "mean", "deviation"]);
    for (j, feature) in r.features.names.iter().enumerate() {
        let values: Vec<f64> = r.features.raw[0].column(j).iter().map(|&v| f64::from(v)).collect();
        histograms = histograms.panel(feature.name(), &values, labels);
        for (c, class) in r.data.classes.iter().enumerate() {
            let of_class: Vec<f64> = values.iter().zip(labels).filter(|(_, l)| **l == c).map(|(v, _)| *v).collect();
            let (mean, deviation) = moments(&of_class);
            let moments = [mean, deviation].map(|v| Cell::number(v, 4));
            table.row([Cell::text(feature.name()), Cell::text(class)].into_iter().chain(moments));
        }
    }
    book.figure("features", histograms.draw())?;
    let panels = histograms.draw_panels();
    let captions: Vec<&str> = r.features.names.iter().map(|f| f.why()).collect();
    let table = book.table("features", table)?;
    book.page
        .section("1a", "Features")
        .paragraph(&format!(
            "{} numbers stand for the {} pixels of a picture. They are brought to one scale by the training split's \
             mean and deviation (or range); validation and test are only mapped by it.",
            r.features.names.len(),
            r.config.data.size * r.config.data.size
        ))
        .figures(&panels.iter().zip(captions).collect::<Vec<_>>())
        .details("Mean and deviation by class", |body| {
            body.table(&table, "Features of the training pictures, before scaling");
        })
        .source("src/analysis/features.rs");
    Ok(())
}

/// 1b. K-means.
fn clusters(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let k = r.data.classes.len();
    let mut table = Table::new(&["cluster", "named after", "training pictures", "of that class"]);
    for cluster in 0..k {
        let members: Vec<usize> =
            (0..r.data.train.len()).filter(|&i| r.clusters.clustering.labels[i] == cluster).collect();
        let name = r.clusters.names[cluster];
        let of_class = members.iter().filter(|&&i| r.data.train.labels[i] == name).count();
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
        .table(&table, "Clusters of the training pictures")
        .figure(&confusion, "Rows are the truth, columns the class after which the picture's cluster is named.")
        .list(confused(&r.clusters.confusion, &r.data.classes, 3))
        .source("src/analysis/kmeans.rs");
    Ok(())
}

/// 1c. How well clusters agree with labels.
fn agreement(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let at = points(&r.feature_map);
    let clusters: Vec<usize> = r.clusters.predicted.clone();
    let map = Scatter::new("The test pictures by their features", &r.data.classes)
        .panel("true labels", &at, &r.data.test.labels)
        .panel("K-means, clusters named", &at, &clusters);
    book.figure("map_features", map.draw())?;
    let panels = map.draw_panels();
    let accuracy = r.clusters.confusion.accuracy();
    let majority = r.baselines.majority_accuracy;
    let nmi = r.clusters.nmi;
    let unnamed: Vec<String> = (0..r.data.classes.len())
        .filter(|c| !r.clusters.names.contains(c))
        .map(|c| r.data.classes[c].clone())
        .collect();
    let degree = match nmi {
        v if v >= 0.8 => "The clusters are nearly the classes",
        v if v >= 0.4 => "The clusters agree with the classes in part",
        v if v >= 0.1 => "The clusters agree with the classes only a little",
        _ => "The clusters have hardly anything to do with the classes",
    };
    let mut answer = format!(
        "{degree}: normalized mutual information is {nmi:.2} (0 is chance, 1 is identity), and naming clusters by \
         majority gives {} on the test split, against {} for always answering the commonest class.",
        percent(accuracy),
        percent(majority)
    );
    if !unnamed.is_empty() {
        answer.push_str(&format!(
            " No cluster is named after {}: such pictures are always answered wrongly.",
            listed(&unnamed)
        ));
    }
    answer.push_str(
        " K-means looks for round groups of equal spread in feature space; where a class is drawn out, or two overlap, \
         its borders are not the classes'.",
    );
    book.page
        .section("1c", "Do clusters agree with labels?")
        .figures(&[
            (&panels[0], "t-SNE of the test features, coloured by the true label."),
            (&panels[1], "The same map, coloured by the class of the picture's cluster."),
        ])
        .callout(Callout::Caveat, "Reading the map", MAP_CAVEAT)
        .answer("How well do the clusters agree with the labels?", &answer)
        .source("src/pipeline/kmeans.rs");
    Ok(())
}

/// Mean and standard deviation.
pub(super) fn moments(x: &[f64]) -> (f64, f64) {
    let n = x.len().max(1) as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt())
}
