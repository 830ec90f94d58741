//! `metrics.json` and the tables: the run in numbers. The keys are a contract; new ones may be added.

use super::embeddings::NamedEmbedding;
use super::results::Results;
use crate::data::manifest::identity as identity_of;
use crate::error::Result;
use crate::report::table::csv_bytes;
use crate::run::{RunFolder, Scores, ledger};
use serde_json::{Map, Value, json};

/// Returns the content of `metrics.json`.
pub fn metrics(r: &Results) -> Value {
    let separability: Map<String, Value> = r
        .depth
        .spaces
        .iter()
        .map(|s| {
            let numbers = json!({
                "silhouette": s.silhouette,
                "fisher_ratio": s.fisher_ratio,
                "knn_accuracy": s.knn_accuracy,
                "dimensions": s.dimensions,
            });
            (s.name.clone(), numbers)
        })
        .collect();
    let all = [&r.feature_embedding, &r.mlp_embedding].into_iter().chain(r.depth.spaces.iter().map(|s| &s.embedding));
    let tsne: Map<String, Value> = all.map(|m| (tsne_key(r, m), embedding_numbers(m))).collect();
    let total: f64 = r.seconds.iter().map(|(_, s)| s).sum();
    let mut seconds: Map<String, Value> = r.seconds.iter().map(|(name, s)| (name.clone(), json!(s))).collect();
    seconds.insert("total".into(), json!(total));
    let scaling = serde_json::to_value(r.config.features.scaling).expect("a plain enum");
    json!({
        "recipe": "pipeline",
        "seed": r.config.seed,
        "data": {
            "classes": r.data.classes,
            "train": r.data.train.counts(),
            "val": r.data.val.counts(),
            "test": r.data.test.counts(),
            "skipped": r.data.skipped,
            "ignored": r.data.ignored,
            "leakage": r.data.leakage,
            "missing": r.data.missing(),
            "seed": r.config.data.seed,
            "test_set": identity_of(&r.data.sha256, &r.data.test),
            "sha256": r.data.sha256,
        },
        "features": { "names": r.features.names, "scaler": scaling },
        "kmeans": {
            "k": r.data.classes.len(),
            "inertia": r.clusters.clustering.inertia,
            "iterations": r.clusters.clustering.iterations,
            "train_accuracy": r.clusters.train_accuracy,
            "test_accuracy": r.clusters.confusion.accuracy(),
            "nmi": r.clusters.nmi,
            "adjusted_rand": r.clusters.adjusted_rand,
            "confusion": r.clusters.confusion.counts,
        },
        "mlp": network(&r.mlp.scores),
        "mlp_activations": r.mlp.activations.iter().map(|(a, s)| (a.name().to_owned(), network(s))).collect::<Map<_, _>>(),
        "cnn": network(&r.cnn.scores),
        "baselines": {
            "majority": {
                "class": r.data.classes[r.baselines.majority_class],
                "test_accuracy": r.baselines.majority_accuracy,
            },
            "logistic_regression": network(&r.baselines.logistic),
        },
        "separability": separability,
        "tsne": tsne,
        "seconds": seconds,
    })
}

/// Returns the key of an embedding. Those of stages 4 and 5 are of the test split, those of the depth lesson of the
/// validation split.
fn tsne_key(r: &Results, embedding: &NamedEmbedding) -> String {
    let of_test = std::ptr::eq(embedding, &r.feature_embedding) || std::ptr::eq(embedding, &r.mlp_embedding);
    if of_test { format!("{}_test", embedding.name) } else { embedding.name.clone() }
}

fn embedding_numbers(m: &NamedEmbedding) -> Value {
    json!({ "n": m.points.nrows(), "method": m.method, "perplexity": m.perplexity, "kl": m.kl, "seconds": m.seconds })
}

fn network(s: &Scores) -> Value {
    json!({
        "parameters": s.parameters,
        "best_epoch": s.history.best_epoch,
        "epochs": s.history.epochs.len(),
        "train_accuracy": s.train.accuracy,
        "val_accuracy": s.validation().accuracy,
        "test_accuracy": s.test.accuracy,
        "train_loss": s.train.loss,
        "val_loss": s.validation().loss,
        "test_loss": s.test.loss,
        "macro_f1": s.confusion.macro_f1(),
        "confusion": s.confusion.counts,
    })
}

/// Records in the ledger every classifier that was evaluated on the test set.
pub(super) fn note(r: &Results, folder: &RunFolder) -> Result<ledger::Summary> {
    let figures = |s: &Scores| json!({ "accuracy": s.test.accuracy, "loss": s.test.loss });
    let mut networks = vec![
        ("kmeans".to_owned(), json!({ "accuracy": r.clusters.confusion.accuracy() })),
        ("mlp".to_owned(), figures(&r.mlp.scores)),
    ];
    let others = r.mlp.activations.iter().filter(|(activation, _)| *activation != r.config.mlp.activation);
    networks.extend(others.map(|(activation, s)| (format!("mlp_{}", activation.name()), figures(s))));
    networks.push(("cnn".to_owned(), figures(&r.cnn.scores)));
    networks.push(("logistic".to_owned(), figures(&r.baselines.logistic)));
    let networks: Vec<(&str, Value)> = networks.iter().map(|(name, f)| (name.as_str(), f.clone())).collect();
    let split = identity_of(&r.data.sha256, &r.data.test);
    ledger::record(folder, "pipeline", (&split, r.data.test.len()), &networks)
}

/// Makes `tables/splits.csv`: every image, its class, and the split it is in, so other programs can train on the same
/// splits.
pub fn splits_csv(r: &Results) -> Vec<u8> {
    let mut rows = vec![["file", "class", "split"]];
    for (split, images) in r.data.splits() {
        let each = images.names.iter().zip(images.labels());
        rows.extend(each.map(|(name, &label)| [name, r.data.classes[label].as_str(), split]));
    }
    csv_bytes(rows).expect("the rows have one length")
}

/// Makes `tables/predictions.csv`: every test image, its true label, the three predictions, the probabilities.
pub fn predictions_csv(r: &Results) -> Vec<u8> {
    let mut header: Vec<String> = ["file", "true_label", "kmeans", "mlp", "cnn"].map(String::from).to_vec();
    for network in ["mlp", "cnn"] {
        header.extend(r.data.classes.iter().map(|c| format!("{network}_p_{c}")));
    }
    let class = |c: usize| r.data.classes[c].clone();
    let k = r.data.classes.len();
    let mut rows = vec![header];
    for i in 0..r.data.test.len() {
        let (mlp, cnn) = (&r.mlp.scores.test, &r.cnn.scores.test);
        let mut row = vec![
            r.data.test.names[i].clone(),
            class(r.data.test.labels()[i]),
            class(r.clusters.predicted[i]),
            class(mlp.predicted[i]),
            class(cnn.predicted[i]),
        ];
        for probabilities in [&mlp.probabilities, &cnn.probabilities] {
            row.extend(probabilities.data()[i * k..][..k].iter().map(|p| format!("{p:.6}")));
        }
        rows.push(row);
    }
    csv_bytes(rows).expect("the rows have one length")
}
