//! The analysis module against scikit-learn, against plain versions of itself, and on any number of threads.
//!
//! `golden/analysis.json` is written by `golden/make_analysis.py`.

use crate::common::*;
use gradus::analysis::features::{self, Feature};
use gradus::analysis::kmeans::{Clustering, KMeans};
use gradus::analysis::latent::{self, Bounds, Gaussian};
use gradus::analysis::metrics::{self, ClassProbabilities, Confusion};
use gradus::analysis::neighbors::nearest_rows;
use gradus::analysis::pca::{Pca, Randomized};
use gradus::analysis::scale::{Scaler, Scaling};
use gradus::analysis::tsne::{Method, Tsne};
use ndarray::Array2;

// K-means ------------------------------------------------------------------------------------------------------------

#[test]
fn kmeans_agrees_with_scikit_learn_from_the_same_start() {
    for case in golden()["kmeans"].as_array().unwrap() {
        let (x, initial) = (matrix(&case["x"]), matrix(&case["initial"]));
        let fit = KMeans::new(initial.nrows()).fit_from(x.view(), initial.clone()).unwrap();
        assert_eq!(fit.labels, indices(&case["labels"]));
        assert_eq!(fit.iterations as u64, case["iterations"].as_u64().unwrap());
        close(fit.inertia, number(&case["inertia"]), "inertia");
        all_close(&fit.centroids, &matrix(&case["centroids"]), "centroids");

        let narrow = KMeans::new(initial.nrows()).fit_from(single(&x).view(), single(&initial)).unwrap();
        assert_eq!(narrow.labels, fit.labels);
        assert!((narrow.inertia - fit.inertia).abs() < 1e-5 * fit.inertia);
    }
}

/// Lloyd's iteration as plainly as it can be written, to the end.
fn plain_lloyd(x: &Array2<f64>, mut centroids: Array2<f64>) -> (Vec<usize>, f64) {
    let squared = |i: usize, c: &Array2<f64>, j: usize| -> f64 {
        x.row(i).iter().zip(c.row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let k = centroids.nrows();
    let mut labels = vec![usize::MAX; x.nrows()];
    loop {
        let nearest =
            |i: usize| (0..k).min_by(|&a, &b| squared(i, &centroids, a).total_cmp(&squared(i, &centroids, b))).unwrap();
        let next: Vec<usize> = (0..x.nrows()).map(nearest).collect();
        if next == labels {
            let inertia = (0..x.nrows()).map(|i| squared(i, &centroids, labels[i])).sum();
            return (labels, inertia);
        }
        labels = next;
        for c in 0..k {
            let own: Vec<usize> = (0..x.nrows()).filter(|&i| labels[i] == c).collect();
            assert!(!own.is_empty(), "this plain version knows no empty clusters");
            for j in 0..x.ncols() {
                centroids[[c, j]] = own.iter().map(|&i| x[[i, j]]).sum::<f64>() / own.len() as f64;
            }
        }
    }
}

#[test]
fn kmeans_equals_plain_lloyd() {
    for (n, d, k, seed) in [(50, 2, 3, 1), (700, 5, 4, 2), (1500, 17, 6, 3), (513, 1, 2, 4), (2000, 33, 9, 5)] {
        let (x, _) = blobs(n, d, k, 2.0, seed);
        let initial = x.slice(ndarray::s![..k, ..]).to_owned();
        let settings = KMeans { tol: 0.0, ..KMeans::new(k) };
        let fit = settings.fit_from(x.view(), initial.clone()).unwrap();
        let (labels, inertia) = plain_lloyd(&x, initial);
        assert_eq!(fit.labels, labels, "n {n} d {d} k {k}");
        close(fit.inertia, inertia, "inertia");
        assert_eq!(fit.predict(x.view()).unwrap(), labels);
    }
}

#[test]
fn kmeans_finds_separate_blobs_whatever_the_seed() {
    let (x, labels) = blobs(300, 4, 5, 0.3, 8);
    for seed in 0..10 {
        let fit = KMeans::new(5).fit(x.view(), seed).unwrap();
        close(metrics::normalized_mutual_information(&fit.labels, &labels), 1.0, "nmi");
    }
}

/// The starts of a seed are the same for any number of them, so more of them can only find less.
#[test]
fn the_best_of_several_starts_is_kept() {
    let x = Array2::from_shape_fn((200, 2), |(i, j)| ((i * 37 + 11) * (j * 53 + 29) % 211) as f64);
    let inertia = |n_init| KMeans { n_init, ..KMeans::new(12) }.fit(x.view(), 3).unwrap().inertia;
    let best: Vec<f64> = (1..=10).map(inertia).collect();
    assert!(best.windows(2).all(|pair| pair[1] <= pair[0]), "{best:?}");
    assert!(best[9] < best[0], "ten starts find something better than the first: {best:?}");
}

// Metrics ------------------------------------------------------------------------------------------------------------

#[test]
fn classification_metrics_agree_with_scikit_learn() {
    let golden = &golden()["classes"];
    let (labels, predicted) = (indices(&golden["truth"]), indices(&golden["predicted"]));
    let confusion = Confusion::new(&labels, &predicted, 4).unwrap();
    assert_eq!(confusion.counts, list(&golden["confusion"], indices));
    close(confusion.accuracy(), number(&golden["accuracy"]), "accuracy");
    close(confusion.macro_f1(), number(&golden["macro_f1"]), "macro F1");
    for c in 0..4 {
        close(confusion.precision(c), number(&golden["precision"][c]), "precision");
        close(confusion.recall(c), number(&golden["recall"][c]), "recall");
    }
    close(metrics::normalized_mutual_information(&labels, &predicted), number(&golden["nmi"]), "nmi");
    close(metrics::adjusted_rand(&labels, &predicted), number(&golden["adjusted_rand"]), "adjusted Rand index");
}

#[test]
fn means_over_classes_agree_with_scikit_learn() {
    let golden = &golden()["classes"];
    let confusion = Confusion::new(&indices(&golden["truth"]), &indices(&golden["predicted"]), 4).unwrap();
    for (name, value) in [
        ("macro_precision", confusion.macro_precision()),
        ("macro_recall", confusion.macro_recall()),
        ("macro_f1", confusion.macro_f1()),
        ("weighted_precision", confusion.weighted_precision()),
        ("weighted_recall", confusion.weighted_recall()),
        ("weighted_f1", confusion.weighted_f1()),
    ] {
        close(value, number(&golden[name]), name);
    }
    for c in 0..4 {
        let binary = confusion.binary(c);
        close(binary.matthews(), number(&golden["matthews"][c]), "Matthews' correlation");
        close(binary.specificity(), number(&golden["specificity"][c]), "specificity");
        close(binary.precision(), number(&golden["precision"][c]), "precision");
        close(binary.recall(), number(&golden["recall"][c]), "recall");
    }
}

#[test]
fn means_with_absent_classes_agree_with_scikit_learn() {
    let golden = &golden()["absent"];
    let confusion = Confusion::new(&indices(&golden["truth"]), &indices(&golden["predicted"]), 5).unwrap();
    for (name, value) in [
        ("macro_precision", confusion.macro_precision()),
        ("macro_recall", confusion.macro_recall()),
        ("macro_f1", confusion.macro_f1()),
        ("weighted_precision", confusion.weighted_precision()),
        ("weighted_recall", confusion.weighted_recall()),
        ("weighted_f1", confusion.weighted_f1()),
    ] {
        close(value, number(&golden[name]), name);
    }
}

#[test]
fn curves_agree_with_scikit_learn() {
    let golden = golden();
    let cases = golden["curves"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let numbers = |key: &str| list(&case[key], number);
        let labels: Vec<bool> = indices(&case["labels"]).iter().map(|&l| l == 1).collect();
        let roc = metrics::roc_curve(&numbers("scores"), &labels).unwrap();
        all_close(&roc.fpr, &numbers("fpr"), "false positive rate");
        all_close(&roc.tpr, &numbers("tpr"), "true positive rate");
        all_close(&roc.thresholds[1..], &numbers("thresholds"), "thresholds");
        close(roc.area(), number(&case["auc"]), "area under the ROC curve");
        let curve = metrics::precision_recall_curve(&numbers("scores"), &labels).unwrap();
        all_close(&curve.precision, &numbers("precision"), "precision");
        all_close(&curve.recall, &numbers("recall"), "recall");
        all_close(&curve.thresholds[1..], &numbers("cuts"), "thresholds");
        close(curve.average_precision(), number(&case["average_precision"]), "average precision");
    }
}

#[test]
fn calibration_agrees_with_scikit_learn() {
    let golden = &golden()["calibration"];
    let (p, labels) = (matrix(&golden["p"]), indices(&golden["labels"]));
    let bins = golden["bins"].as_u64().unwrap() as usize;
    let reliability = metrics::Reliability::of_predictions(p.view(), &labels, bins).unwrap();
    assert_eq!(reliability.bins.iter().map(|b| b.count).collect::<Vec<_>>(), indices(&golden["counts"]));
    let filled: Vec<_> = reliability.bins.iter().filter(|b| b.count > 0).collect();
    all_close(&filled.iter().map(|b| b.accuracy).collect::<Vec<_>>(), &list(&golden["accuracy"], number), "accuracy");
    let confidence: Vec<_> = filled.iter().map(|b| b.confidence).collect();
    all_close(&confidence, &list(&golden["confidence"], number), "confidence");
    close(reliability.expected_calibration_error(), number(&golden["ece"]), "expected calibration error");
    close(reliability.maximum_calibration_error(), number(&golden["mce"]), "maximum calibration error");
    close(metrics::brier_score(p.view(), &labels).unwrap(), number(&golden["brier"]), "Brier score");
    close(metrics::macro_auc(p.view(), &labels).unwrap(), number(&golden["macro_auc"]), "macro AUC");
}

#[test]
fn silhouette_agrees_with_scikit_learn() {
    let golden = &golden()["silhouette"];
    let (x, labels) = (matrix(&golden["x"]), indices(&golden["labels"]));
    close(metrics::silhouette(x.view(), &labels).unwrap(), number(&golden["value"]), "silhouette");
}

#[test]
fn significance_agrees_with_scipy() {
    let golden = golden();
    for case in golden["mcnemar"].as_array().unwrap() {
        let (only_a, only_b) = (number(&case[0]) as usize, number(&case[1]) as usize);
        let a: Vec<bool> = (0..only_a + only_b + 3).map(|i| i < only_a).collect();
        let b: Vec<bool> = (0..only_a + only_b + 3).map(|i| (only_a..only_a + only_b).contains(&i)).collect();
        let test = metrics::mcnemar(&a, &b);
        assert_eq!((test.only_a, test.only_b), (only_a, only_b));
        close(test.p_value, number(&case[2]), "p value");
    }
    for case in golden["wilson"].as_array().unwrap() {
        let (low, high) = metrics::wilson_interval(number(&case[0]) as usize, number(&case[1]) as usize);
        close(low, number(&case[2]), "low");
        close(high, number(&case[3]), "high");
    }
}

#[test]
fn trustworthiness_agrees_with_scikit_learn() {
    let golden = &golden()["tsne"];
    let (x, map) = (matrix(&golden["x"]), matrix(&golden["map"]));
    for (k, expected) in golden["trustworthiness"].as_object().unwrap() {
        let got = metrics::trustworthiness(x.view(), map.view(), k.parse().unwrap()).unwrap();
        close(got, number(expected), "trustworthiness");
    }
    assert_eq!(metrics::trustworthiness(x.view(), x.view(), 7).unwrap(), 1.0);
}

// Scaling and PCA ----------------------------------------------------------------------------------------------------

#[test]
fn scalers_agree_with_scikit_learn_and_invert() {
    let golden = &golden()["scale"];
    let x = matrix(&golden["x"]);
    let min_max = Scaling::MinMax { low: -1.0, high: 1.0 };
    for (scaling, expected) in [(Scaling::Standard, "standard"), (min_max, "min_max")] {
        let scaler = Scaler::fit(scaling, x.view()).unwrap();
        let y = scaler.transform(x.view()).unwrap();
        all_close(&y, &matrix(&golden[expected]), expected);
        all_close(&scaler.inverse_transform(y.view()).unwrap(), &x, "inverse");
        let saved = serde_json::to_string(&scaler).unwrap();
        assert_eq!(serde_json::from_str::<Scaler>(&saved).unwrap(), scaler);
    }
}

#[test]
fn pca_agrees_with_scikit_learn_on_both_paths() {
    for case in golden()["pca"].as_array().unwrap() {
        let x = matrix(&case["x"]);
        let pca = Pca::fit(x.view(), 4).unwrap();
        all_close(&pca.mean, &list(&case["mean"], number), "mean");
        all_close(&pca.components, &matrix(&case["components"]), "components");
        all_close(&pca.explained_variance, &list(&case["variance"], number), "variance");
        all_close(&pca.explained_variance_ratio, &list(&case["ratio"], number), "ratio");
        all_close(&pca.transform(x.view()).unwrap(), &matrix(&case["scores"]), "scores");
    }
}

/// All components: nothing is lost. The shapes straddle the blocks and both paths.
#[test]
fn pca_inverts_and_its_components_are_orthonormal() {
    for (n, d) in [(2100, 3), (7, 2100), (20, 20), (5, 9)] {
        let (x, _) = blobs(n, d, 3, 1.0, 11);
        let c = (n - 1).min(d);
        let pca = Pca::fit(x.view(), c).unwrap();
        let back = pca.inverse_transform(pca.transform(x.view()).unwrap().view()).unwrap();
        all_close(&back, &x, "inverse");
        all_close(&pca.components.dot(&pca.components.t()), &Array2::eye(c), "orthonormal");
        close(pca.explained_variance_ratio.iter().sum(), 1.0, "all of the variance");
    }
}

/// Error against number of components: from the spectrum, of any samples, and by going there and back.
#[test]
fn reconstruction_errors_agree_with_scikit_learn_and_with_the_way_back() {
    for case in golden()["pca"].as_array().unwrap() {
        let (x, expected) = (matrix(&case["x"]), list(&case["errors"], number));
        let pca = Pca::fit(x.view(), 4).unwrap();
        all_close(&pca.reconstruction_errors(), &expected, "errors from the spectrum");
        all_close(&pca.reconstruction_errors_of(x.view()).unwrap(), &expected, "errors of the same samples");
    }
    for (n, d) in [(2100, 5), (9, 2100), (40, 40)] {
        let (x, _) = blobs(2 * n, d, 3, 1.0, 12);
        let (train, test) = x.view().split_at(ndarray::Axis(0), n);
        let pca = Pca::fit(train, 4).unwrap();
        let found = [pca.reconstruction_errors_of(train).unwrap(), pca.reconstruction_errors_of(test).unwrap()];
        all_close(&pca.reconstruction_errors(), &found[0], "the spectrum");
        for (x, found) in [train, test].into_iter().zip(&found) {
            assert_eq!(found.len(), 5);
            for (k, error) in found.iter().enumerate().skip(1) {
                let few = Pca::fit(train, k).unwrap();
                let back = few.inverse_transform(few.transform(x).unwrap().view()).unwrap();
                close(*error, (&back - &x).mapv(|v| v * v).mean().unwrap(), "there and back");
            }
        }
        let single = Pca::fit(single(&train.to_owned()).view(), 4).unwrap();
        for (got, expected) in single.reconstruction_errors().iter().zip(&found[0]) {
            // A sum of products in blocks of 256 is off by at most 256 + 9 roundings of 6e-8 of the total variance, and
            // the total and four variances are such sums.
            assert!((got - expected).abs() < 8e-5 * found[0][0], "{got} {expected}");
        }
    }
}

/// How much of the variances and components a random projection to `l` mixtures may lose, by Gu's theorem 5.8 (2015),
/// with a probability of 1 - 1e-6: δ_j, so that found_j >= λ_j / (1 + δ_j).
fn gus_bound(variances: &[f64], j: usize, components: usize, l: usize, power: usize) -> f64 {
    let (d, l_, odds) = (variances.len() as f64, l as f64, 2e6f64);
    let at = |p: usize| {
        let p_ = p as f64;
        let c = std::f64::consts::E * l_.sqrt() / (p_ + 1.0)
            * odds.powf(1.0 / (p_ + 1.0))
            * ((d - l_ + p_).sqrt() + l_.sqrt() + (2.0 * odds.ln()).sqrt());
        // Variances are squared singular values, and σ_{l-p+1} has the index l - p.
        c * c * (variances[l - p] / variances[j]).powi(2 * power as i32 + 1)
    };
    (1..=l - components).map(at).fold(f64::INFINITY, f64::min)
}

/// Both ways' variances lie between λ / (1 + δ) and λ, so they are no farther apart than that. What the first j
/// directions found catch is at least their variances, Σ λ / (1 + δ); a part sin² of a direction that leans out of the
/// true first j costs at least λ_j - λ_{j+1}. So Σ sin² <= η_j = Σ_{i<=j} λ_i δ_i / (λ_j - λ_{j+1}), and the j-th
/// direction, which may neither lean out of the first j nor into the first j - 1, has a cosine² of at least 1 - η_j -
/// η_{j-1}.
#[test]
fn randomized_pca_agrees_with_scikit_learn_within_gus_bound() {
    let golden = golden();
    let cases = golden["pca_randomized"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let (x, all) = (matrix(&case["x"]), list(&case["all_variances"], number));
        let power = case["power"].as_u64().unwrap() as usize;
        let fit = |iterated_power| {
            let how = Randomized { n_oversamples: 10, iterated_power };
            Pca::fit_randomized(x.view(), 3, how, 1).unwrap()
        };
        let (pca, careless) = (fit(power), fit(0));
        let (theirs, exact) = (list(&case["variance"], number), matrix(&case["true_components"]));
        close(pca.total_variance, all.iter().sum(), "total variance");
        let bounds: Vec<f64> = (0..3).map(|j| gus_bound(&all, j, 3, 13, power)).collect();
        let eta = |j: usize| (0..j).map(|i| all[i] * bounds[i]).sum::<f64>() / (all[j.max(1) - 1] - all[j.max(1)]);
        for j in 0..3 {
            let (found, bound) = (pca.explained_variance[j], 1e-9 + bounds[j]);
            assert!(bound < 1e-3, "the bound says something: {bound:e}");
            assert!(found <= all[j] * (1.0 + 1e-9) && found >= all[j] * (1.0 - bound), "{found} of {}", all[j]);
            assert!((found - theirs[j]).abs() <= all[j] * bound, "{found} {}", theirs[j]);
            close(pca.explained_variance_ratio[j], found / pca.total_variance, "ratio");
            let cosine = pca.components.row(j).dot(&exact.row(j));
            assert!(cosine > 0.0 && 1.0 - cosine * cosine <= 1e-9 + eta(j + 1) + eta(j), "{cosine}");
        }
        // The power iterations are what does it.
        let lost = 1.0 - careless.explained_variance[2] / all[2];
        assert!(lost > 10.0 * bounds[2], "{lost:e} {:e}", bounds[2]);
        // Errors from the spectrum are not less than those of the way there and back.
        let (upper, true_errors) =
            (careless.reconstruction_errors(), careless.reconstruction_errors_of(x.view()).unwrap());
        assert!(upper.iter().zip(&true_errors).all(|(u, e)| e <= &(u * (1.0 + 1e-9))), "{upper:?} {true_errors:?}");
        all_close(&careless.components.dot(&careless.components.t()), &Array2::eye(3), "orthonormal");
    }
}

/// More samples than a block has rows, more dimensions than samples, fewer directions than requested, `f32`.
#[test]
fn randomized_pca_finds_what_there_is() {
    for (n, d) in [(2100, 40), (60, 5000), (30, 30)] {
        // Two blobs' worth of plane: three centres span two directions, the rest is noise.
        let (x, _) = blobs(n, d, 3, 0.1, 13);
        let (full, random) =
            (Pca::fit(x.view(), 2).unwrap(), Pca::fit_randomized(x.view(), 2, Randomized::default(), 7).unwrap());
        all_close(&random.explained_variance, &full.explained_variance, "variance");
        all_close(&random.components, &full.components, "components");
        close(random.total_variance, full.total_variance, "total variance");
        let narrow = Pca::fit_randomized(single(&x).view(), 2, Randomized::default(), 7).unwrap();
        for (a, b) in narrow.components.iter().zip(&full.components) {
            assert!((f64::from(*a) - b).abs() < 1e-4, "{a} {b}");
        }
    }
    let line = Array2::from_shape_fn((50, 40), |(i, j)| (i * (j + 1)) as f64);
    let pca = Pca::fit_randomized(line.view(), 3, Randomized::default(), 0).unwrap();
    assert!(pca.explained_variance[0] > 0.0 && pca.explained_variance[1..] == [0.0, 0.0]);
    assert!(pca.components.row(1).iter().all(|&v| v == 0.0));
    let flat = Pca::fit_randomized(Array2::from_elem((9, 9), 0.5f32).view(), 2, Randomized::default(), 0).unwrap();
    let errors = flat.reconstruction_errors_of(Array2::from_elem((2, 9), 1.5f32).view()).unwrap();
    assert_eq!((flat.explained_variance, errors), (vec![0.0; 2], vec![1.0; 3]));
    assert!(Pca::fit_randomized(line.view(), 41, Randomized::default(), 0).is_err());
}

// Latent spaces ------------------------------------------------------------------------------------------------------

#[test]
fn codes_agree_with_numpy_and_scipy() {
    let golden = &golden()["latent"];
    let (codes, numbers) = (matrix(&golden["codes"]), |key: &str| list(&golden[key], number));
    let gaussian = Gaussian::fit(codes.view()).unwrap();
    all_close(&gaussian.mean, &numbers("mean"), "mean");
    all_close(&gaussian.covariance(), &matrix(&golden["covariance"]), "covariance");
    all_close(&gaussian.cholesky, &matrix(&golden["cholesky"]), "Cholesky factor");
    let bounds = Bounds::of_fraction(codes.view(), 0.8).unwrap();
    all_close(&bounds.low, &numbers("low"), "low");
    all_close(&bounds.high, &numbers("high"), "high");
    let quantiles: Vec<f64> = numbers("probabilities").into_iter().map(latent::normal_quantile).collect();
    all_close(&quantiles, &numbers("quantiles"), "quantiles");
    close(latent::mean_distance(codes.view()).unwrap(), number(&golden["distance"]), "mean distance");
    all_close(&latent::unit_variances(codes.view()).unwrap(), &numbers("variances"), "variances");
    let (queries, rest) = codes.view().split_at(ndarray::Axis(0), 5);
    let near = nearest_rows(queries, rest, 3).unwrap();
    assert_eq!(near.index.iter().map(|&j| j as usize).collect::<Vec<_>>(), list(&golden["nearest"], indices).concat());
    let predictions = ClassProbabilities::of(matrix(&self::golden()["calibration"]["p"]).view()).unwrap();
    all_close(&predictions.entropy, &numbers("entropies"), "entropy");
    close(predictions.entropy_of_mean(), number(&golden["entropy_of_mean"]), "entropy of the mean");
}

// Determinism --------------------------------------------------------------------------------------------------------

fn on_threads<R: Send>(n: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool of threads").install(f)
}

/// Debug output prints every float so that it reads back to the same bits.
fn everything() -> String {
    let (x, labels) = blobs(1100, 12, 4, 3.0, 77);
    let x = single(&x);
    let part = x.slice(ndarray::s![..300, ..]);
    let Clustering { centroids, inertia, labels: found, .. } = KMeans::new(4).fit(x.view(), 5).unwrap();
    let short = Tsne { n_iter: 60, exaggeration_iter: 30, ..Tsne::default() };
    let exact = short.fit(part, 5).unwrap();
    let tree = Tsne { method: Method::BarnesHut, ..short.clone() }.fit(x.view(), 5).unwrap();
    let mesh = Tsne { method: Method::Fft, ..short.clone() }.fit(x.view(), 5).unwrap();
    let images: Vec<&[f32]> = x.as_slice().unwrap().chunks(120).collect();
    let table = features::extract(&Feature::ALL, &images, 10, 12).unwrap();
    let numbers = [
        metrics::silhouette(x.view(), &labels).unwrap(),
        metrics::fisher_ratio(x.view(), &labels).unwrap(),
        metrics::knn_accuracy(x.view(), &labels, 5).unwrap(),
        metrics::trustworthiness(x.view(), tree.embedding.view(), 5).unwrap(),
        latent::mean_distance(x.view()).unwrap(),
    ];
    let deep = Tsne { n_components: 3, ..short.clone() }.fit(part, 5).unwrap();
    let components = Pca::fit(x.view(), 3).unwrap().components;
    let random = Pca::fit_randomized(x.view(), 3, Randomized::default(), 5).unwrap().components;
    let maps = [exact.embedding, tree.embedding, mesh.embedding, deep.embedding];
    let codes = Gaussian::fit(x.view()).unwrap().sample(100, 5);
    let near = nearest_rows(codes.view(), x.view(), 4).unwrap();
    let arrays: Vec<_> = maps
        .into_iter()
        .chain([centroids, table, components, random, codes])
        .map(|a| a.into_raw_vec_and_offset().0)
        .collect();
    format!("{arrays:?} {near:?} {found:?} {inertia:?} {:?} {:?} {numbers:?}", exact.kl, tree.kl)
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let one = on_threads(1, everything);
    for threads in [2, 3, 8] {
        assert!(on_threads(threads, everything) == one, "{threads} threads differ from one");
    }
}
