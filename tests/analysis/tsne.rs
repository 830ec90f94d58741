//! t-SNE against scikit-learn, against plain sums over all pairs, and in three dimensions.
//!
//! `golden/analysis.json` is written by `golden/make_analysis.py`.

use crate::common::*;
use gradus::Real;
use gradus::analysis::metrics::{self};
use gradus::analysis::tsne::affinity::{Affinity, PERPLEXITY_TOLERANCE, conditional};
use gradus::analysis::tsne::{Forces, Init, Method, Tsne, barnes_hut, exact, fft};
use gradus::rng::Rng;
use gradus_kernels::Kernels;
use ndarray::{Array2, ArrayView2};

// t-SNE --------------------------------------------------------------------------------------------------------------

fn perplexity(p: &[f64]) -> f64 {
    p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum::<f64>().exp()
}

/// Three equal samples and a perplexity below three: no β will do, and the nearest share evenly. (β has an end as
/// numbers have: what lies within 1e-299 of the nearest is taken for equal.)
#[test]
fn more_equal_samples_than_the_perplexity_have_equal_probabilities() {
    for rest in [&[1.0, 2.0][..], &[1e-250], &[1e300, 1.0]] {
        let mut squared = vec![0.0; 3];
        squared.extend(rest);
        let mut p = vec![0.0; squared.len()];
        assert!(conditional(&squared, 4.0 / 3.0, &mut p).is_finite());
        for (i, p) in p.into_iter().enumerate() {
            close(p, if i < 3 { 1.0 / 3.0 } else { 0.0 }, &format!("p of {i} beside {rest:?}"));
        }
    }
    let rows = ndarray::array![[0.0f32, 1.0], [0.0, 1.0], [0.0, 1.0], [3.0, 1.0], [2.0, 5.0]];
    let map = Tsne { perplexity: 4.0 / 3.0, n_iter: 100, exaggeration_iter: 25, ..Tsne::default() };
    let map = map.fit(rows.view(), 1).unwrap();
    assert!(map.embedding.iter().all(|v| v.is_finite()));
}

#[test]
fn the_perplexity_is_reached() {
    let mut rng = Rng::new(3, "distances", 0);
    for (n, expected) in [(5, 1.2), (30, 9.0), (200, 1.01), (200, 30.0), (999, 5.0), (999, 333.0)] {
        for scale in [1e-12, 1.0, 1e12] {
            for power in [0.1, 1.0, 5.0] {
                let squared: Vec<f64> = (0..n).map(|_| scale * rng.uniform().powf(power)).collect();
                let mut p = vec![0.0; n];
                let beta = conditional(&squared, expected, &mut p);
                let got = perplexity(&p);
                assert!((got - expected).abs() < PERPLEXITY_TOLERANCE, "{got} for {expected} of {n}, {scale}, {power}");
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
    let twins = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 9.0]; // five at distance 0, two expected
    conditional(&twins, 2.0, &mut p);
    assert!(p[..5].iter().all(|v| (v - 0.2).abs() < 1e-12) && p[5..].iter().all(|v| *v < 1e-12), "{p:?}");
}

/// scikit-learn stops within 1e-5 of the entropy, so ln β is off by 1e-5 / (β² Var), of order 1e-5, and p by that times
/// β(d - mean), which is below some 30 wherever p counts.
#[test]
fn joint_probabilities_agree_with_scikit_learn() {
    let golden = &golden()["tsne"];
    let (x, expected) = (matrix(&golden["x"]), matrix(&golden["p"]));
    let Affinity::Dense { n, p } = Affinity::dense(x.view(), number(&golden["perplexity"])) else { panic!() };
    for (i, (got, expected)) in p.iter().zip(&expected).enumerate() {
        assert!((got - expected).abs() <= 3e-4 * expected + 1e-12, "p[{}, {}]: {got} {expected}", i / n, i % n);
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
    exact::forces(&affinity, map.as_slice().unwrap(), f64::tsne_pairs_2d, &mut forces);
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
    exact::forces(&affinity, map.as_slice().unwrap(), f64::tsne_pairs_3d, &mut forces);
    for (i, row) in forces.rows.iter().enumerate() {
        for axis in 0..3 {
            let got = 4.0 * (row.attraction[axis] - row.repulsion[axis] / forces.z);
            assert!((got - gradient[[i, axis]]).abs() < 1e-8, "{got} {}", gradient[[i, axis]]);
        }
    }
}

/// A third dimension leaves room: neighbours are kept, and the KL divergence is lower than in the plane.
#[test]
fn an_embedding_in_three_dimensions() {
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
    assert!(message(of(4, Method::Auto), 100).contains("n_components is 4; an embedding has 2 or 3"));
    assert!(message(of(3, Method::Fft), 100).contains("method fft is for two dimensions"));
    assert!(message(of(3, Method::BarnesHut), 100).contains("choose exact for three"));
    assert!(message(of(3, Method::Auto), 3001).contains("at most 3000 samples"));
}

#[test]
fn the_gradient_is_that_of_the_kl_divergence() {
    gradient_in(f64::tsne_pairs_2d);
    gradient_in(f64::tsne_pairs_3d);
}

fn gradient_in<const D: usize>(pairs: exact::Pairs<f64, D>) {
    let (x, _) = blobs(23, 4, 3, 1.0, 5);
    let mut map = blobs(23, D, 3, 1.0, 6).0;
    let affinity = Affinity::dense(x.view(), 6.0);
    let mut forces = Forces::<_, D>::new(23);
    exact::forces(&affinity, map.as_slice().unwrap(), pairs, &mut forces);
    let h = 1e-5;
    for (i, axis) in [(0, 0), (7, 1), (22, 0), (22, D - 1)] {
        let mut at = |shift: f64| {
            map[[i, axis]] += shift;
            let kl = affinity.kl_divergence(map.view());
            map[[i, axis]] -= shift;
            kl
        };
        let derivative = (at(h) - at(-h)) / (2.0 * h);
        let row = forces.rows[i];
        let got = 4.0 * (row.attraction[axis] - row.repulsion[axis] / forces.z);
        assert!((got - derivative).abs() < 1e-8, "{got} {derivative}");
    }
}

/// The forces on the same points by both methods, P complete.
fn both_methods(y: &[f64], theta: f64) -> (Forces<f64>, Forces<f64>) {
    let n = y.len() / 2;
    let (x, _) = blobs(n, 3, 4, 1.0, 9);
    let perplexity = (n - 1) as f64 / 3.0; // 3 perplexity + 1 neighbours are all there are
    let (mut all, mut tree) = (Forces::new(n), Forces::new(n));
    exact::forces(&Affinity::dense(x.view(), perplexity), y, f64::tsne_pairs_2d, &mut all);
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

/// From the first steps, where the map is a dot, to the last; also off the origin, and with all in one place. The
/// widest has a point on some ten units of area, sparser than t-SNE leaves them: there the mesh's force of a point on
/// itself, which should be none, is as large as the error gets.
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
fn plain_kl(x: &Array2<f64>, map: ArrayView2<'_, f64>, expected: f64) -> f64 {
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
            if perplexity(&row) > expected {
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
fn an_embedding_keeps_neighbours_and_reports_its_kl() {
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
