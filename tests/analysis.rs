//! The analysis module against scikit-learn, against plain versions of itself, and on any number of threads.
//!
//! `golden/analysis.json` is written by `golden/make_analysis.py`.

use gradus::Real;
use gradus::analysis::features::{self, Feature};
use gradus::analysis::kmeans::{Clustering, KMeans};
use gradus::analysis::latent::{self, Bounds, Gaussian};
use gradus::analysis::metrics::{self, Answers, Confusion};
use gradus::analysis::neighbors::nearest_rows;
use gradus::analysis::pca::{Pca, Randomized};
use gradus::analysis::scale::{Scaler, Scaling};
use gradus::analysis::tsne::affinity::{Affinity, PERPLEXITY_TOLERANCE, conditional};
use gradus::analysis::tsne::{Forces, Init, Method, Tsne, barnes_hut, exact, fft};
use gradus::rng::Rng;
use ndarray::{Array2, ArrayView2};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/analysis.json")).expect("analysis.json is JSON")
}

fn number(v: &Value) -> f64 {
    v.as_f64().expect("a number")
}

fn list<R>(v: &Value, f: impl Fn(&Value) -> R) -> Vec<R> {
    v.as_array().expect("a list").iter().map(f).collect()
}

fn indices(v: &Value) -> Vec<usize> {
    list(v, |v| v.as_u64().expect("an index") as usize)
}

fn matrix(v: &Value) -> Array2<f64> {
    let rows = list(v, |row| list(row, number));
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("rows of one length")
}

/// Equal to the 12 digits that the goldens keep, and a few rounding errors.
#[track_caller]
fn close(got: f64, wanted: f64, what: &str) {
    assert!((got - wanted).abs() <= 1e-9 * (1.0 + wanted.abs()), "{what}: got {got}, wanted {wanted}");
}

#[track_caller]
fn all_close<'a>(got: impl IntoIterator<Item = &'a f64>, wanted: impl IntoIterator<Item = &'a f64>, what: &str) {
    let (got, wanted): (Vec<_>, Vec<_>) = (got.into_iter().collect(), wanted.into_iter().collect());
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (g, w) in got.into_iter().zip(wanted) {
        close(*g, *w, what);
    }
}

/// `n` samples around `k` centres, sample i around centre i mod k.
fn blobs(n: usize, d: usize, k: usize, spread: f64, seed: u64) -> (Array2<f64>, Vec<usize>) {
    let mut rng = Rng::new(seed, "blobs", 0);
    let centers = Array2::from_shape_fn((k, d), |_| 5.0 * rng.normal());
    let x = Array2::from_shape_fn((n, d), |(i, j)| centers[[i % k, j]] + spread * rng.normal());
    (x, (0..n).map(|i| i % k).collect())
}

fn single(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|v| v as f32)
}

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
    let (x, truth) = blobs(300, 4, 5, 0.3, 8);
    for seed in 0..10 {
        let fit = KMeans::new(5).fit(x.view(), seed).unwrap();
        close(metrics::normalized_mutual_information(&fit.labels, &truth), 1.0, "nmi");
    }
}

// Metrics ------------------------------------------------------------------------------------------------------------

#[test]
fn classification_metrics_agree_with_scikit_learn() {
    let golden = &golden()["classes"];
    let (truth, predicted) = (indices(&golden["truth"]), indices(&golden["predicted"]));
    let confusion = Confusion::new(&truth, &predicted, 4).unwrap();
    assert_eq!(confusion.counts, list(&golden["confusion"], indices));
    close(confusion.accuracy(), number(&golden["accuracy"]), "accuracy");
    close(confusion.macro_f1(), number(&golden["macro_f1"]), "macro F1");
    for c in 0..4 {
        close(confusion.precision(c), number(&golden["precision"][c]), "precision");
        close(confusion.recall(c), number(&golden["recall"][c]), "recall");
    }
    close(metrics::normalized_mutual_information(&truth, &predicted), number(&golden["nmi"]), "nmi");
    close(metrics::adjusted_rand(&truth, &predicted), number(&golden["adjusted_rand"]), "adjusted Rand index");
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
    let reliability = metrics::Reliability::of_answers(p.view(), &labels, bins).unwrap();
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
    for (k, wanted) in golden["trustworthiness"].as_object().unwrap() {
        let got = metrics::trustworthiness(x.view(), map.view(), k.parse().unwrap()).unwrap();
        close(got, number(wanted), "trustworthiness");
    }
    assert_eq!(metrics::trustworthiness(x.view(), x.view(), 7).unwrap(), 1.0);
}

// Scaling and PCA ----------------------------------------------------------------------------------------------------

#[test]
fn scalers_agree_with_scikit_learn_and_invert() {
    let golden = &golden()["scale"];
    let x = matrix(&golden["x"]);
    let min_max = Scaling::MinMax { low: -1.0, high: 1.0 };
    for (scaling, wanted) in [(Scaling::Standard, "standard"), (min_max, "min_max")] {
        let scaler = Scaler::fit(scaling, x.view()).unwrap();
        let y = scaler.transform(x.view()).unwrap();
        all_close(&y, &matrix(&golden[wanted]), wanted);
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
        let (x, wanted) = (matrix(&case["x"]), list(&case["errors"], number));
        let pca = Pca::fit(x.view(), 4).unwrap();
        all_close(&pca.reconstruction_errors(), &wanted, "errors from the spectrum");
        all_close(&pca.reconstruction_errors_of(x.view()).unwrap(), &wanted, "errors of the same samples");
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
        for (got, wanted) in single.reconstruction_errors().iter().zip(&found[0]) {
            // A sum of products in blocks of 256 is off by at most 256 + 9 roundings of 6e-8 of the total variance, and
            // the total and four variances are such sums.
            assert!((got - wanted).abs() < 8e-5 * found[0][0], "{got} {wanted}");
        }
    }
}

/// How much of the variances and components a random projection to `l` mixtures may lose, by Gu's theorem 5.8 (2015), with
/// a probability of 1 - 1e-6: δ_j, so that found_j >= λ_j / (1 + δ_j).
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

/// Both ways' variances lie between λ / (1 + δ) and λ, so they are no farther apart than that. What the first j directions
/// found catch is at least their variances, Σ λ / (1 + δ); a part sin² of a direction that leans out of the true first j
/// costs at least λ_j - λ_{j+1}. So Σ sin² <= η_j = Σ_{i<=j} λ_i δ_i / (λ_j - λ_{j+1}), and the j-th direction, which may
/// neither lean out of the first j nor into the first j - 1, has a cosine² of at least 1 - η_j - η_{j-1}.
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
        let (theirs, truth) = (list(&case["variance"], number), matrix(&case["true_components"]));
        close(pca.total_variance, all.iter().sum(), "total variance");
        let bounds: Vec<f64> = (0..3).map(|j| gus_bound(&all, j, 3, 13, power)).collect();
        let eta = |j: usize| (0..j).map(|i| all[i] * bounds[i]).sum::<f64>() / (all[j.max(1) - 1] - all[j.max(1)]);
        for j in 0..3 {
            let (found, bound) = (pca.explained_variance[j], 1e-9 + bounds[j]);
            assert!(bound < 1e-3, "the bound says something: {bound:e}");
            assert!(found <= all[j] * (1.0 + 1e-9) && found >= all[j] * (1.0 - bound), "{found} of {}", all[j]);
            assert!((found - theirs[j]).abs() <= all[j] * bound, "{found} {}", theirs[j]);
            close(pca.explained_variance_ratio[j], found / pca.total_variance, "ratio");
            let cosine = pca.components.row(j).dot(&truth.row(j));
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

/// More samples than a block has rows, more dimensions than samples, fewer directions than asked for, `f32`.
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
    let bounds = Bounds::of_share(codes.view(), 0.8).unwrap();
    all_close(&bounds.low, &numbers("low"), "low");
    all_close(&bounds.high, &numbers("high"), "high");
    let quantiles: Vec<f64> = numbers("probabilities").into_iter().map(latent::normal_quantile).collect();
    all_close(&quantiles, &numbers("quantiles"), "quantiles");
    close(latent::mean_distance(codes.view()).unwrap(), number(&golden["distance"]), "mean distance");
    all_close(&latent::unit_variances(codes.view()).unwrap(), &numbers("variances"), "variances");
    let (queries, rest) = codes.view().split_at(ndarray::Axis(0), 5);
    let near = nearest_rows(queries, rest, 3).unwrap();
    assert_eq!(near.index.iter().map(|&j| j as usize).collect::<Vec<_>>(), list(&golden["nearest"], indices).concat());
    let answers = Answers::of(matrix(&self::golden()["calibration"]["p"]).view()).unwrap();
    all_close(&answers.entropy, &numbers("entropies"), "entropy");
    close(answers.entropy_of_mean(), number(&golden["entropy_of_mean"]), "entropy of the mean");
}

// t-SNE --------------------------------------------------------------------------------------------------------------

fn perplexity(p: &[f64]) -> f64 {
    p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum::<f64>().exp()
}

#[test]
fn the_perplexity_is_reached() {
    let mut rng = Rng::new(3, "distances", 0);
    for (n, wanted) in [(5, 1.2), (30, 9.0), (200, 1.01), (200, 30.0), (999, 5.0), (999, 333.0)] {
        for scale in [1e-12, 1.0, 1e12] {
            for power in [0.1, 1.0, 5.0] {
                let squared: Vec<f64> = (0..n).map(|_| scale * rng.uniform().powf(power)).collect();
                let mut p = vec![0.0; n];
                let beta = conditional(&squared, wanted, &mut p);
                let got = perplexity(&p);
                assert!((got - wanted).abs() < PERPLEXITY_TOLERANCE, "{got} for {wanted} of {n}, {scale}, {power}");
                let sum: f64 = p.iter().sum();
                close(sum, 1.0, "sum of p");
                // p(j) / p(k) = exp(-beta (d_j - d_k)), where neither is negligible.
                let nearest = (0..n).min_by(|&a, &b| squared[a].total_cmp(&squared[b])).unwrap();
                for j in (0..n).filter(|&j| p[j] > 1e-12) {
                    let ratio = (-beta * (squared[j] - squared[nearest])).exp();
                    assert!((p[j] / p[nearest] - ratio).abs() < 1e-6, "{} {ratio}", p[j] / p[nearest]);
                }
            }
        }
    }
}

#[test]
fn impossible_perplexities_end_in_uniform_neighbours() {
    let mut p = vec![0.0; 9];
    conditional(&[2.0; 9], 3.0, &mut p);
    assert_eq!(p, [1.0 / 9.0; 9]);
    let twins = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 9.0]; // five at distance 0, two wanted
    conditional(&twins, 2.0, &mut p);
    assert!(p[..5].iter().all(|v| (v - 0.2).abs() < 1e-12) && p[5..].iter().all(|v| *v < 1e-12), "{p:?}");
}

/// scikit-learn stops within 1e-5 of the entropy, so ln β is off by 1e-5 / (β² Var), of order 1e-5, and p by that times
/// β(d - mean), which is below some 30 wherever p counts.
#[test]
fn joint_probabilities_agree_with_scikit_learn() {
    let golden = &golden()["tsne"];
    let (x, wanted) = (matrix(&golden["x"]), matrix(&golden["p"]));
    let Affinity::Dense { n, p } = Affinity::dense(x.view(), number(&golden["perplexity"])) else { panic!() };
    for (i, (got, wanted)) in p.iter().zip(&wanted).enumerate() {
        assert!((got - wanted).abs() <= 3e-4 * wanted + 1e-12, "p[{}, {}]: {got} {wanted}", i / n, i % n);
    }
    close(p.iter().sum(), 1.0, "sum of P");
}

/// P is read from the golden here, so that nothing but the formulas is compared.
#[test]
fn kl_and_gradient_agree_with_scikit_learn() {
    let golden = &golden()["tsne"];
    let (p, map, gradient) = (matrix(&golden["p"]), matrix(&golden["map"]), matrix(&golden["gradient"]));
    let affinity = Affinity::Dense { n: 40, p: p.iter().copied().collect() };
    let kl = affinity.kl_divergence(map.view());
    assert!((kl - number(&golden["kl"])).abs() < 1e-7, "{kl}"); // P has nine digits
    let mut forces = Forces::<_, 2>::new(40);
    exact::forces(&affinity, map.as_slice().unwrap(), &mut forces);
    for (i, row) in forces.rows.iter().enumerate() {
        for axis in 0..2 {
            let got = 4.0 * (row.attraction[axis] - row.repulsion[axis] / forces.z);
            assert!((got - gradient[[i, axis]]).abs() < 1e-8, "{got} {}", gradient[[i, axis]]);
        }
    }
}

#[test]
fn kl_and_gradient_agree_with_scikit_learn_in_three_dimensions() {
    let (golden, flat) = (&golden()["tsne_3d"], &golden()["tsne"]);
    let (p, map, gradient) = (matrix(&flat["p"]), matrix(&golden["map"]), matrix(&golden["gradient"]));
    let affinity = Affinity::Dense { n: 40, p: p.iter().copied().collect() };
    let kl = affinity.kl_divergence(map.view());
    assert!((kl - number(&golden["kl"])).abs() < 1e-7, "{kl}"); // P has nine digits
    let mut forces = Forces::<_, 3>::new(40);
    exact::forces(&affinity, map.as_slice().unwrap(), &mut forces);
    for (i, row) in forces.rows.iter().enumerate() {
        for axis in 0..3 {
            let got = 4.0 * (row.attraction[axis] - row.repulsion[axis] / forces.z);
            assert!((got - gradient[[i, axis]]).abs() < 1e-8, "{got} {}", gradient[[i, axis]]);
        }
    }
}

/// A third dimension leaves room: neighbours are kept, and the KL divergence is lower than in the plane.
#[test]
fn a_map_in_three_dimensions() {
    let (x, labels) = blobs(240, 10, 6, 1.0, 21);
    let flat = Tsne { perplexity: 20.0, n_iter: 500, ..Tsne::default() };
    for init in [Init::Pca, Init::Random] {
        let deep = Tsne { n_components: 3, init, ..flat.clone() };
        let (plane, space) = (flat.fit(x.view(), 1).unwrap(), deep.fit(x.view(), 1).unwrap());
        assert_eq!((space.embedding.dim(), space.method), ((240, 3), Method::Exact));
        assert!(metrics::knn_accuracy(space.embedding.view(), &labels, 5).unwrap() > 0.98);
        assert!(metrics::trustworthiness(x.view(), space.embedding.view(), 10).unwrap() > 0.95);
        assert!(space.kl > 0.0 && space.kl < plane.kl, "{} {}", space.kl, plane.kl);
        let plain = plain_kl(&x, space.embedding.view(), 20.0);
        assert!((space.kl - plain).abs() < 1e-5, "KL {} but recomputed {plain}", space.kl);
        let depth = metrics::silhouette(space.embedding.view(), &labels).unwrap();
        assert!(depth > 0.3, "silhouette {depth}");
    }
    let message = |settings: Tsne, n| settings.fit(Array2::<f32>::zeros((n, 2)).view(), 0).unwrap_err().to_string();
    let of = |n_components, method| Tsne { n_components, method, ..Tsne::default() };
    assert!(message(of(4, Method::Auto), 100).contains("n_components is 4; a map has 2 or 3"));
    assert!(message(of(3, Method::Fft), 100).contains("method fft is for two dimensions"));
    assert!(message(of(3, Method::BarnesHut), 100).contains("choose exact for three"));
    assert!(message(of(3, Method::Auto), 3001).contains("at most 3000 samples"));
}

#[test]
fn the_gradient_is_that_of_the_kl_divergence() {
    gradient_in::<2>();
    gradient_in::<3>();
}

fn gradient_in<const D: usize>() {
    let (x, _) = blobs(23, 4, 3, 1.0, 5);
    let mut map = blobs(23, D, 3, 1.0, 6).0;
    let affinity = Affinity::dense(x.view(), 6.0);
    let mut forces = Forces::<_, D>::new(23);
    exact::forces(&affinity, map.as_slice().unwrap(), &mut forces);
    let h = 1e-5;
    for (i, axis) in [(0, 0), (7, 1), (22, 0), (22, D - 1)] {
        let mut at = |shift: f64| {
            map[[i, axis]] += shift;
            let kl = affinity.kl_divergence(map.view());
            map[[i, axis]] -= shift;
            kl
        };
        let slope = (at(h) - at(-h)) / (2.0 * h);
        let row = forces.rows[i];
        let got = 4.0 * (row.attraction[axis] - row.repulsion[axis] / forces.z);
        assert!((got - slope).abs() < 1e-8, "{got} {slope}");
    }
}

/// The forces on the same points by both methods, P complete.
fn both_methods(y: &[f64], theta: f64) -> (Forces<f64>, Forces<f64>) {
    let n = y.len() / 2;
    let (x, _) = blobs(n, 3, 4, 1.0, 9);
    let perplexity = (n - 1) as f64 / 3.0; // 3 perplexity + 1 neighbours are all there are
    let (mut all, mut tree) = (Forces::new(n), Forces::new(n));
    exact::forces(&Affinity::dense(x.view(), perplexity), y, &mut all);
    barnes_hut::forces(&Affinity::sparse(x.view(), perplexity), y, theta, &mut tree);
    (all, tree)
}

fn scattered(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed, "map", 0);
    (0..2 * n).map(|_| rng.normal() * if rng.chance(0.3) { 0.01 } else { 10.0 }).collect()
}

#[test]
fn barnes_hut_with_theta_0_is_exact() {
    let coincident: Vec<f64> = (0..400).map(|i| [1.5, -2.0, 7.0, 0.25][i / 2 % 2 * 2 + i % 2]).collect();
    let mut twins = scattered(300, 1);
    twins.copy_within(0..200, 400);
    let line: Vec<f64> = (0..300).map(|i| if i % 2 == 0 { i as f64 } else { 3.0 }).collect();
    for y in [scattered(7, 2), scattered(500, 3), twins, line, coincident, vec![0.0; 100]] {
        let (all, tree) = both_methods(&y, 0.0);
        close(tree.z, all.z, "Z");
        for (a, t) in all.rows.iter().zip(&tree.rows) {
            all_close(&[t.attraction, t.repulsion].concat(), &[a.attraction, a.repulsion].concat(), "forces");
            close(t.weight, a.weight, "weight");
        }
    }
}

#[test]
fn barnes_hut_with_theta_a_half_is_close() {
    let (all, tree) = both_methods(&scattered(1000, 4), 0.5);
    assert!((tree.z / all.z - 1.0).abs() < 0.01, "Z {} {}", tree.z, all.z);
    let size = |f: &dyn Fn(usize, usize) -> f64| (0..2000).map(|k| f(k / 2, k % 2).powi(2)).sum::<f64>().sqrt();
    let push = |forces: &Forces<f64>, i: usize, a: usize| forces.rows[i].repulsion[a];
    let error = size(&|i, a| push(&all, i, a) - push(&tree, i, a)) / size(&|i, a| push(&all, i, a));
    assert!(error > 0.0 && error < 0.02, "{error}"); // and it does save work
}

/// The relative error of all repulsions together, and of Z, by the mesh.
fn mesh_error<T: Real>(y: &[f64]) -> (f64, f64) {
    let (all, _) = both_methods(y, 0.0);
    let n = y.len() / 2;
    let sparse = Affinity::sparse(blobs(n, 3, 4, 1.0, 9).0.mapv(T::from_f64).view(), (n - 1) as f64 / 3.0);
    let (mut mesh, y) = (Forces::new(n), y.iter().map(|&v| T::from_f64(v)).collect::<Vec<T>>());
    fft::forces(&sparse, &y, &mut fft::Field::default(), &mut mesh);
    let (mut error, mut size) = (0.0, 0.0);
    for (a, m) in all.rows.iter().zip(&mesh.rows) {
        for axis in 0..2 {
            let (pull, by_mesh) = (a.attraction[axis], m.attraction[axis].to_f64());
            assert!((pull - by_mesh).abs() < 1e-6, "attraction {pull} {by_mesh}");
            error += (a.repulsion[axis] - m.repulsion[axis].to_f64()).powi(2);
            size += a.repulsion[axis].powi(2);
        }
    }
    ((error / size).sqrt(), mesh.z / all.z - 1.0)
}

/// From the first steps, where the map is a dot, to the last; also off the origin, and with all in one place. The widest
/// has a point on some ten units of area, sparser than t-SNE leaves them: there the mesh's force of a point on itself, which
/// should be none, is as large as the error gets.
#[test]
fn the_mesh_is_close() {
    let mut rng = Rng::new(6, "map", 0);
    let cloud: Vec<f64> = (0..1000).map(|_| rng.normal()).collect();
    for width in [1e-4, 1e-2, 0.3, 1.0, 5.0, 20.0] {
        let y: Vec<f64> = cloud.iter().map(|v| width * v).collect();
        for (error, z) in [mesh_error::<f32>(&y), mesh_error::<f64>(&y)] {
            assert!(error < 0.015 && z.abs() < 1e-3, "width {width}: {error:e}, Z {z:e}");
        }
    }
    let shifted: Vec<f64> = cloud.iter().map(|v| 10.0 * v + 300.0).collect();
    assert!(mesh_error::<f64>(&shifted).0 < 0.01);
    let (_, z) = mesh_error::<f32>(&[3.0; 100]);
    assert!(z.abs() < 1e-3, "{z}");
}

/// KL from the samples and the map alone: plain bisection, plain sums.
fn plain_kl(x: &Array2<f64>, map: ArrayView2<'_, f64>, wanted: f64) -> f64 {
    let n = x.nrows();
    let squared = |m: ArrayView2<'_, f64>, i: usize, j: usize| -> f64 {
        m.row(i).iter().zip(m.row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let mut conditional = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        let (mut low, mut high) = (1e-6, 1e6);
        for _ in 0..200 {
            let beta = f64::sqrt(low * high);
            let row: Vec<f64> =
                (0..n).map(|j| if j == i { 0.0 } else { (-beta * squared(x.view(), i, j)).exp() }).collect();
            let sum: f64 = row.iter().sum();
            let row: Vec<f64> = row.iter().map(|v| v / sum).collect();
            if perplexity(&row) > wanted {
                low = beta
            } else {
                high = beta
            }
            conditional.row_mut(i).assign(&ndarray::aview1(&row));
        }
    }
    let weight = |i, j| if i == j { 0.0 } else { 1.0 / (1.0 + squared(map, i, j)) };
    let z: f64 = (0..n * n).map(|k| weight(k / n, k % n)).sum();
    let pairs = (0..n * n).map(|k| (k / n, k % n)).filter(|(i, j)| i != j);
    let p = |i: usize, j: usize| (conditional[[i, j]] + conditional[[j, i]]) / (2 * n) as f64;
    pairs.map(|(i, j)| (i, j, p(i, j))).filter(|e| e.2 > 0.0).map(|(i, j, p)| p * (p * z / weight(i, j)).ln()).sum()
}

#[test]
fn a_map_keeps_neighbours_and_its_kl_is_what_it_says() {
    let (x, labels) = blobs(240, 10, 6, 1.0, 21);
    let before = metrics::knn_accuracy(x.view(), &labels, 5).unwrap();
    for (method, init) in [
        (Method::Auto, Init::Pca),
        (Method::BarnesHut, Init::Pca),
        (Method::Fft, Init::Pca),
        (Method::Exact, Init::Random),
    ] {
        let tsne = Tsne { method, init, perplexity: 20.0, n_iter: 500, ..Tsne::default() };
        let map = tsne.fit(x.view(), 1).unwrap();
        let after = metrics::knn_accuracy(map.embedding.view(), &labels, 5).unwrap();
        assert!(before > 0.98 && after > 0.98, "{method:?}: {before} before, {after} after");
        let trust = metrics::trustworthiness(x.view(), map.embedding.view(), 10).unwrap();
        assert!(trust > 0.95, "{method:?}: trustworthiness {trust}");
        if map.method == Method::Exact {
            let plain = plain_kl(&x, map.embedding.view(), 20.0);
            assert!((map.kl - plain).abs() < 1e-5, "{method:?}: KL {} but recomputed {plain}", map.kl);
        }
        assert!(map.kl > 0.0 && map.kl < 1.0, "{method:?}: KL {}", map.kl);
    }
}

#[test]
fn frames_show_the_descent() {
    let (x, _) = blobs(90, 5, 3, 1.0, 2);
    let tsne = Tsne { perplexity: 10.0, n_iter: 300, exaggeration_iter: 100, ..Tsne::default() };
    let mut seen = Vec::new();
    let map = tsne
        .fit_with(x.view(), 0, |frame| {
            if frame.iteration % 100 == 0 {
                seen.push((frame.iteration, frame.kl(), frame.embedding.to_owned()));
            }
        })
        .unwrap();
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [100, 200, 300]);
    assert!(seen[0].1 > seen[1].1 && seen[2].1 == map.kl && seen[2].2 == map.embedding);
}

#[test]
fn tsne_survives_odd_inputs() {
    let tsne = Tsne { perplexity: 3.0, n_iter: 60, exaggeration_iter: 20, ..Tsne::default() };
    let same = Array2::from_elem((20, 3), 1.0f32);
    let line = Array2::from_shape_fn((20, 1), |(i, _)| i as f32);
    let twins = Array2::from_shape_fn((20, 2), |(i, j)| (i / 2 * (j + 1)) as f32);
    for x in [same, line, twins] {
        for method in [Method::Exact, Method::BarnesHut, Method::Fft] {
            let map = Tsne { method, ..tsne.clone() }.fit(x.view(), 4).unwrap();
            assert!(map.embedding.iter().all(|v| v.is_finite()) && map.kl.is_finite());
        }
    }
    let message = |perplexity, n| {
        let settings = Tsne { perplexity, ..tsne.clone() };
        settings.fit(Array2::<f32>::zeros((n, 2)).view(), 0).unwrap_err().to_string()
    };
    assert!(message(30.0, 50).contains("perplexity is 30; with 50 samples"), "{}", message(30.0, 50));
    assert!(message(30.0, 50).contains("(n - 1) / 3 = 16.33"), "{}", message(30.0, 50));
    assert!(message(2.0, 4).contains("at least 5"), "{}", message(2.0, 4));
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
    let pictures: Vec<&[f32]> = x.as_slice().unwrap().chunks(120).collect();
    let table = features::extract(&Feature::ALL, &pictures, 10, 12).unwrap();
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
