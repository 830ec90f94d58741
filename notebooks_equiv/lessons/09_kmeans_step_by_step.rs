//! Lesson 09: K-means, step by step.
//!
//! Groups without labels: find k centroids μ that make the *inertia* small, the sum of squared distances from each
//! sample to its nearest centroid,
//!
//! ```text
//! J = Σ_i min_c |x_i - μ_c|²
//! ```
//!
//! Lloyd (1957, published 1982) takes turns with two steps, neither of which can raise J:
//!
//! 1. *assign*: each sample goes to its nearest centroid (the best labels for these centroids);
//! 2. *update*: each centroid goes to the mean of its samples (the best centroids for these labels, as the derivative
//!    of Σ |x - μ|² vanishes there).
//!
//! There are finitely many ways to label the samples and J falls each time the labels change, so it ends; but in a
//! *local* minimum, which depends on the start. **k-means++** (Arthur and Vassilvitskii 2007) starts well: the first
//! centroid is any sample, each further one a sample drawn with probability proportional to its squared distance from
//! the nearest centroid so far, so that a group without a centroid is likely to get the next one.

use gradus::analysis::kmeans::KMeans;
use gradus::analysis::metrics::adjusted_rand;
use gradus::report::chart::Scatter;
use gradus::rng::Rng;
use ndarray::Array2;
use std::path::PathBuf;

type Point = (f64, f64);

/// One moment of the algorithm.
struct Frame {
    centroids: Vec<Point>,
    labels: Vec<usize>,
    inertia: f64,
}

fn squared(a: Point, b: Point) -> f64 {
    (a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)
}

/// Step 1. The nearest centroid of each sample, and J.
fn assign(x: &[Point], centroids: &[Point]) -> (Vec<usize>, f64) {
    let nearest = |p: &Point| {
        let distances = centroids.iter().map(|&c| squared(*p, c)).enumerate();
        distances.min_by(|a, b| a.1.total_cmp(&b.1)).expect("there is a centroid")
    };
    let found: Vec<(usize, f64)> = x.iter().map(nearest).collect();
    (found.iter().map(|f| f.0).collect(), found.iter().map(|f| f.1).sum())
}

/// Step 2. The mean of each cluster. An empty one stays where it is (the library moves it to the sample farthest from
/// its centroid).
fn update(x: &[Point], labels: &[usize], centroids: &[Point]) -> Vec<Point> {
    let mean = |(c, &old): (usize, &Point)| {
        let own: Vec<Point> = x.iter().zip(labels).filter(|(_, l)| **l == c).map(|(p, _)| *p).collect();
        let sum = own.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        if own.is_empty() { old } else { (sum.0 / own.len() as f64, sum.1 / own.len() as f64) }
    };
    centroids.iter().enumerate().map(mean).collect()
}

/// Lloyd's algorithm: a frame for the start and one after each iteration.
fn lloyd(x: &[Point], start: Vec<Point>) -> Vec<Frame> {
    let (labels, inertia) = assign(x, &start);
    let mut frames = vec![Frame { centroids: start, labels, inertia }];
    loop {
        let last = &frames[frames.len() - 1];
        let centroids = update(x, &last.labels, &last.centroids);
        let (labels, inertia) = assign(x, &centroids);
        let done = labels == last.labels;
        frames.push(Frame { centroids, labels, inertia });
        if done {
            return frames;
        }
    }
}

/// k-means++: far samples are likely samples.
fn plus_plus(x: &[Point], k: usize, rng: &mut Rng) -> Vec<Point> {
    let mut chosen = vec![x[rng.below(x.len())]];
    while chosen.len() < k {
        let far: Vec<f64> = x.iter().map(|&p| assign(&[p], &chosen).1).collect();
        let mut left = rng.uniform() * far.iter().sum::<f64>();
        let hit = far.iter().position(|d| {
            left -= d;
            left < 0.0
        });
        chosen.push(x[hit.unwrap_or(x.len() - 1)]);
    }
    chosen
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    // Four blobs of 60 samples: two on the left, two on the right.
    let (k, rng) = (4, &mut Rng::new(9, "blobs", 0));
    let centers = [(-4.0, 2.5), (-4.0, -2.5), (4.0, 2.5), (4.0, -2.5)];
    let blobs: Vec<usize> = (0..240).map(|i| i / 60).collect();
    let x: Vec<Point> =
        blobs.iter().map(|&c| (centers[c].0 + 0.9 * rng.normal(), centers[c].1 + 0.9 * rng.normal())).collect();

    // The bad start: the first samples of the list, which all lie in one blob. The good start: k-means++ (of whose
    // starts not all are good, see 2.; this one shows it at work).
    let bad = lloyd(&x, x[..k].to_vec());
    let good = lloyd(&x, plus_plus(&x, k, &mut Rng::new(9, "plus_plus", 17)));
    println!("1. The inertia after each iteration: it never rises\n");
    for (name, frames) in [("first four samples", &bad), ("k-means++", &good)] {
        println!("   start from {name}:");
        for (i, frame) in frames.iter().enumerate() {
            let sizes: Vec<usize> = (0..k).map(|c| frame.labels.iter().filter(|l| **l == c).count()).collect();
            println!("   {i:>4} {:>10.2}   cluster sizes {sizes:?}", frame.inertia);
        }
        assert!(frames.windows(2).all(|f| f[1].inertia <= f[0].inertia));
        let index = adjusted_rand(&frames[frames.len() - 1].labels, &blobs);
        println!("        adjusted Rand index with the true blobs: {index:.3} (1 is perfect, 0 is chance)\n");
    }

    let (worse, best) = (bad[bad.len() - 1].inertia, good[good.len() - 1].inertia);
    println!("2. How often is the best minimum found? 200 starts of each kind\n");
    let share = |start: &dyn Fn(&mut Rng) -> Vec<Point>| {
        let run = |i: u64| lloyd(&x, start(&mut Rng::new(9, "starts", i))).pop().expect("a start is a frame").inertia;
        (0..200).filter(|&i| run(i) < 1.001 * best).count() as f64 / 2.0
    };
    let random = share(&|rng| rng.permutation(x.len())[..k].iter().map(|&i| x[i]).collect());
    let spread = share(&|rng| plus_plus(&x, k, rng));
    println!("   four random samples {random:>5.1} %\n   k-means++           {spread:>5.1} %");
    let ten = libm::pow(1.0 - spread / 100.0, 10.0);
    println!(
        "\n   One start may fail; that ten in a row do (n_init = 10) has a chance of {ten:.0e}. The library's k-means++"
    );
    println!("   is the greedy one: for each centroid it draws a few samples and keeps the one that lowers J most.");
    assert!(best < 0.7 * worse && spread > random);

    println!("\n3. Against analysis::kmeans\n");
    let matrix = Array2::from_shape_fn((x.len(), 2), |(i, j)| if j == 0 { x[i].0 } else { x[i].1 });
    let library = KMeans::new(k).fit(matrix.view(), 42)?;
    let agreement = adjusted_rand(&library.labels, &good[good.len() - 1].labels);
    println!(
        "   inertia here {best:.6}, in the library {:.6}; agreement of the labels {agreement:.3}",
        library.inertia
    );
    assert!((library.inertia - best).abs() < 1e-9 * best && agreement == 1.0);
    let start = Array2::from_shape_fn((k, 2), |(i, j)| matrix[[i, j]]);
    let same_start = KMeans { tol: 0.0, ..KMeans::new(k) }.fit_from(matrix.view(), start)?;
    println!("   from the bad start: {worse:.6} here, {:.6} in the library", same_start.inertia);
    assert!(same_start.labels == bad[bad.len() - 1].labels);

    let names: Vec<String> = (1..=k).map(|c| format!("cluster {c}")).collect();
    for (file, title, frames) in [
        ("bad_start", "A bad start: two centroids in one blob, one for two blobs", &bad),
        ("plus_plus", "A start by k-means++", &good),
    ] {
        // The start, the first iterations, and the end; a star is a centroid.
        let mut shown: Vec<usize> = [0, 1, 2, 3, 5].into_iter().filter(|&i| i + 1 < frames.len()).collect();
        shown.push(frames.len() - 1);
        let sheet = shown.iter().fold(Scatter::new(title, &names).columns(2), |sheet, &i| {
            let words = if i == 0 { "start".to_owned() } else { format!("after iteration {i}") };
            let panel = format!("{words}: J = {:.0}", frames[i].inertia);
            sheet.panel(&panel, &x, &frames[i].labels).stars(&frames[i].centroids)
        });
        sheet.draw().save(&folder, file)?;
    }
    println!("\nFigures: bad_start and plus_plus (.svg, .png) in {}", folder.display());
    Ok(())
}
