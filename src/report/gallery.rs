//! A gallery of every kind of figure, with typical data, and a page of them, for the tests.
//! `GRADUS_GALLERY=folder cargo test --lib report::` also writes them to look at.

use super::chart::*;
use super::{Callout, Page, Table};

/// Numbers that look random and are always the same (a small congruential generator; quality does not matter here).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal: the sum of twelve uniform numbers less six.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

fn galaxies() -> Vec<String> {
    words(&["elliptical", "spiral", "edge_on"])
}

fn many(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("class {:02}", i + 1)).collect()
}

fn curves() -> (Vec<f64>, Vec<f64>) {
    let mut noise = Noise(1);
    let train = (0..40).map(|e| 1.1 * (-0.09 * f64::from(e)).exp() + 0.02 * noise.uniform()).collect();
    let val = (0..40).map(|e| 0.9 * (-0.1 * f64::from(e)).exp() + 0.2 + 0.004 * f64::from(e) + 0.06 * noise.uniform());
    (train, val.collect())
}

fn line_charts() -> Vec<(&'static str, Figure)> {
    let (train, val) = curves();
    let loss = LineChart::new("CNN: loss per epoch").axes("epoch", "cross-entropy");
    let loss = loss.epochs("training", &train).epochs("validation", &val).marker(23.0, "best epoch 23");
    let v: Vec<(f64, f64)> =
        (0..60).map(|i| 10f64.powf(-13.0 + 0.2 * f64::from(i))).map(|h| (h, 0.3 * h * h + 1e-16 / h)).collect();
    let steps = LineChart::new("Error of a central difference over its step").axes("step h", "relative error");
    let few = LineChart::new("Two epochs").axes("epoch", "accuracy").epochs("training", &[0.4, 0.55]);
    let mut six = LineChart::new("Activation functions compared on the same small network").axes("epoch", "loss");
    for (i, name) in
        ["relu", "leaky relu", "tanh", "sigmoid", "gelu", "a function with quite a long name"].iter().enumerate()
    {
        let curve: Vec<f64> = (0..30).map(|e| (-(0.03 + 0.02 * i as f64) * f64::from(e)).exp()).collect();
        six = six.epochs(name, &curve);
    }
    vec![
        ("lines", loss.draw()),
        ("lines_log", steps.series("", &v).log_x().log_y().draw()),
        ("lines_few", few.epochs("validation", &[0.5, f64::NAN]).y_range(0.0, 1.0).marker(2.0, "best epoch 2").draw()),
        ("lines_six", six.draw()),
    ]
}

fn bar_charts() -> Vec<(&'static str, Figure)> {
    let bars = BarChart::new("Test accuracy of the three models, with 95 % intervals").percent().axis("test accuracy");
    let bars = bars
        .bar("K-means", 0.62, Some((0.54, 0.70)))
        .bar("MLP", 0.86, Some((0.80, 0.91)))
        .bar("CNN", 1.0, Some((0.973, 1.0)))
        .coloured("Logistic regression on pixels", 0.474, Some((0.39, 0.55)), Colour::GRAY)
        .line(1.0 / 3.0, "majority class");
    let signed = BarChart::new("Standardized distance").bar("mean", -0.8, None).bar("asymmetry", 2.13, None);
    let scores = GroupedBars::new("Precision, recall and F1 of each class", &galaxies()).axis("score").range(0.0, 1.0);
    let scores = scores.series("precision", &[0.93, 0.81, 1.0]).series("recall", &[0.9, 0.87, 0.98]);
    let many_scores = GroupedBars::new("F1 of many classes", &many(24)).series("F1", &[0.7; 24]).range(0.0, 1.0);
    let columns = words(&["glucose", "body mass index", "age", "blood pressure", "skin thickness of the triceps"]);
    let of = |values: [f64; 5], half: f64| values.map(|v| Some((v, (v - half, v + half))));
    let mut relevant = of([0.42, 0.19, 0.06, 0.0, 0.0], 0.07);
    (relevant[3], relevant[4]) = (None, Some((0.0, (0.0, 0.0))));
    let weights = Intervals::new("Weights of the outcome with 95 % intervals", &columns).axis("standardized weight");
    let weights = weights.series("OLS", &of([0.44, 0.22, 0.09, -0.07, 0.01], 0.08)).series("ARD", &relevant);
    let no_whisker = Intervals::new("One method, no interval", &words(&["u"]));
    let no_whisker = no_whisker.series("OLS", &[Some((2.0, (f64::NAN, f64::NAN)))]);
    vec![
        ("intervals", weights.draw()),
        ("intervals_none", no_whisker.draw()),
        ("bars", bars.draw()),
        ("bars_signed", signed.draw()),
        ("grouped", scores.series("F1", &[0.915, 0.84, 0.99]).draw()),
        ("grouped_many", many_scores.draw()),
    ]
}

fn feature_sheet() -> Histograms {
    let mut noise = Noise(7);
    let labels: Vec<usize> = (0..600).map(|i| i % 3).collect();
    let mut sheet = Histograms::new("Features by class, training images", &galaxies());
    for (k, name) in
        ["mean intensity", "standard deviation", "edge density (Sobel)", "concentration r80/r20", "asymmetry"]
            .iter()
            .enumerate()
    {
        let values: Vec<f64> =
            labels.iter().map(|&l| 0.2 + 0.03 * k as f64 * l as f64 + 0.03 * noise.normal()).collect();
        sheet = sheet.panel(name, &values, &labels);
    }
    sheet
}

fn matrices() -> Vec<(&'static str, Figure)> {
    let three =
        Confusion::new("CNN on 135 test images", &galaxies(), &[vec![43, 2, 0], vec![5, 36, 4], vec![0, 1, 44]]);
    let long = words(&["bacterial pneumonia", "viral pneumonia", "normal chest x-ray", "unreadable or something else"]);
    let four =
        Confusion::new("Long names", &long, &[vec![128, 31, 2, 0], vec![40, 90, 7, 1], vec![3, 9, 222, 0], vec![0; 4]]);
    let mut noise = Noise(3);
    let mut big = |n: usize| -> Vec<Vec<usize>> {
        let cell = |i: usize, j: usize, u: f64| {
            if i == j {
                60 + (30.0 * u) as usize
            } else if u > 0.8 {
                (40.0 * (u - 0.8)) as usize
            } else {
                0
            }
        };
        (0..n).map(|i| (0..n).map(|j| cell(i, j, noise.uniform())).collect()).collect()
    };
    let ten = Confusion::new("Ten digits", &words(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]), &big(10));
    let hundred = Confusion::new("A hundred classes", &many(100), &big(100));
    let features = words(&["mean", "deviation", "edges", "r80/r20"]);
    let values = vec![
        vec![1.0, 0.6, -0.3, 0.0],
        vec![0.6, 1.0, 0.2, -0.8],
        vec![-0.3, 0.2, 1.0, 0.4],
        vec![0.0, -0.8, 0.4, 1.0],
    ];
    let heat = HeatMap::new("Correlation of the features", &features, &features, &values).map(ColourMap::Diverging);
    vec![
        ("confusion", three.draw()),
        ("confusion_long", four.draw()),
        ("confusion_ten", ten.draw()),
        ("confusion_hundred", hundred.draw()),
        ("heat", heat.draw()),
    ]
}

fn clouds(n: usize, classes: usize, seed: u64) -> (Vec<(f64, f64)>, Vec<usize>) {
    let mut noise = Noise(seed);
    let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
    let place = |l: usize| {
        let angle = std::f64::consts::TAU * l as f64 / classes as f64;
        (30.0 * angle.cos(), 20.0 * angle.sin())
    };
    let points =
        labels.iter().map(|&l| (place(l).0 + 6.0 * noise.normal(), place(l).1 + 6.0 * noise.normal())).collect();
    (points, labels)
}

fn scatters() -> Vec<(&'static str, Figure)> {
    let (points, labels) = clouds(180, 3, 5);
    let found: Vec<usize> = labels.iter().enumerate().map(|(i, &l)| if i % 5 == 0 { (l + 1) % 3 } else { l }).collect();
    let pair = Scatter::new("t-SNE of the test images, five features", &galaxies());
    let pair = pair.panel("true classes", &points, &labels).panel(
        "clusters of K-means, named by majority vote",
        &points,
        &found,
    );
    let plain =
        Scatter::new("Two features", &galaxies()).panel("", &points, &labels).axes("mean intensity", "edge density");
    let (crowd, of_crowd) = clouds(3000, 100, 9);
    let hundred = Scatter::new("A hundred classes", &many(100)).panel("CNN output", &crowd, &of_crowd);
    let mut six = Scatter::new("From features to classes", &galaxies()).columns(3);
    for name in ["features", "MLP output", "block 1", "block 2", "block 3", "CNN output"] {
        six = six.panel(name, &points, &labels);
    }
    let mut noise = Noise(12);
    let height = |l: usize| 40.0 * l as f64 - 40.0;
    let space: Vec<[f64; 3]> =
        points.iter().zip(&labels).map(|(p, &l)| [p.0, p.1, height(l) + 5.0 * noise.normal()]).collect();
    let space = Scatter::new("t-SNE of the codes in three dimensions", &galaxies()).projections("", &space, &labels);
    vec![
        ("scatter_space", space.draw()),
        ("scatter", pair.draw()),
        ("scatter_axes", plain.draw()),
        ("scatter_hundred", hundred.draw()),
        ("scatter_six", six.draw()),
    ]
}

fn image(seed: u64, n: usize) -> Vec<f32> {
    let mut noise = Noise(seed);
    let (tilt, flat) = (noise.uniform() * 3.0, 0.3 + 0.7 * noise.uniform());
    let value = |k: usize, u: f64| {
        let (x, y) = ((k % n) as f64 - 0.5 * n as f64, (k / n) as f64 - 0.5 * n as f64);
        let (a, b) = (x * tilt.cos() + y * tilt.sin(), (y * tilt.cos() - x * tilt.sin()) / flat);
        ((-(a.hypot(b)) / (0.14 * n as f64)).exp() + 0.08 * u) as f32
    };
    (0..n * n).map(|k| value(k, noise.uniform())).collect()
}

fn image_sheets() -> Vec<(&'static str, Figure)> {
    let tile = |s: u64| Tile::chw(&image(s, 96), 1, 96, 96);
    let mut contact = ImageGrid::new("Contact sheet").columns(6).smooth();
    for (c, name) in galaxies().iter().enumerate() {
        contact = contact.group(name, (0..6).map(|i| tile(10 * c as u64 + i)).collect());
    }
    let mistake = |s: u64| {
        let tile = tile(s).caption("spiral_0132.png").caption("is spiral").caption("CNN: edge_on 0.97");
        tile.border(Colour::INCORRECT)
    };
    let mistakes = ImageGrid::new("Worst mistakes of the CNN")
        .tile_size(120.0)
        .columns(4)
        .group("", (0..6).map(mistake).collect());
    let filter = |s: u64| {
        let mut noise = Noise(s + 1);
        let values: Vec<f32> = (0..9).map(|_| noise.normal() as f32 / 5.0).collect();
        Tile::plane(&values, 3, 3, ColourMap::Diverging, Some((-0.6, 0.6)))
    };
    let filters = ImageGrid::new("The 16 filters of the first layer").columns(8).tile_size(48.0);
    let map = |s: u64| Tile::plane(&image(s, 32), 32, 32, ColourMap::Terrain, None);
    let maps = ImageGrid::new("Feature maps of one image").columns(8).tile_size(60.0);
    let maps = maps.group("elliptical_007.png after block 1", (0..16).map(map).collect());
    vec![
        ("contact", contact.draw()),
        ("mistakes", mistakes.draw()),
        ("filters", filters.group("", (0..16).map(filter).collect()).draw()),
        ("maps", maps.draw()),
    ]
}

/// Returns a blob that moves to the right and grows: what a decoder might make of two numbers.
fn decoded(a: f64, b: f64) -> Tile {
    let pixels: Vec<f32> = (0..28 * 28)
        .map(|k| {
            let (x, y) = ((k % 28) as f64 - 14.0 - 4.0 * a, (k / 28) as f64 - 14.0);
            (-(x * x + y * y) / (2.0 * (4.0 + b).powi(2))).exp() as f32
        })
        .collect();
    Tile::chw(&pixels, 1, 28, 28)
}

fn latent_figures() -> Vec<(&'static str, Figure)> {
    let values: Vec<f64> = (0..9).map(|i| -2.0 + 0.5 * f64::from(i)).collect();
    let names: Vec<String> = values.iter().map(|&v| number(v)).collect();
    let line = ImageStrips::new("From one image to another").row("", values.iter().map(|&v| decoded(v, -v)).collect());
    let walk = ImageStrips::new("Traversals: each dimension by itself, the others kept").columns(&names);
    let walk = walk.row("z1", values.iter().map(|&v| decoded(v, 0.0)).collect());
    let walk = walk.row("z2", values.iter().map(|&v| decoded(0.0, v)).collect());
    let walk = walk.row("a dimension with a long name", values.iter().map(|_| decoded(0.0, 0.0)).collect());
    let mut pairs = ImageStrips::new("Reconstructions of test images").tile_size(64.0);
    for (heading, error) in [("best", 0.0021), ("typical", 0.0137), ("worst", 0.0713)] {
        let output = |i: usize| decoded(0.3 * i as f64, 10.0 * error).caption(&number(error + 1e-4 * i as f64));
        pairs = pairs.group(heading).row("input", (0..8).map(|i| decoded(0.3 * i as f64, 0.0)).collect());
        pairs = pairs.row("output", (0..8).map(output).collect());
    }
    let grid: Vec<f64> = (0..15).map(|i| -1.83 + 3.66 * f64::from(i) / 14.0).collect();
    let tiles = grid.iter().rev().flat_map(|&b| grid.iter().map(move |&a| decoded(a, b))).collect();
    let plane = ImagePlane::new("The plane of the first two dimensions, decoded", &grid, &grid, tiles);
    let few = ImagePlane::new("Two images", &[0.0, 1.0], &[0.0], vec![decoded(0.0, 0.0), decoded(1.0, 0.0)]);
    vec![
        ("strip_line", line.draw()),
        ("strips_walk", walk.draw()),
        ("strips_pairs", pairs.draw()),
        ("plane", plane.axes("z1, in quantiles of the normal distribution", "z2").draw()),
        ("plane_few", few.draw()),
    ]
}

fn lesson_figures() -> Vec<(&'static str, Figure)> {
    let stages =
        words(&["hand-crafted features", "MLP output", "block 1", "block 2", "block 3", "block 4", "CNN output"]);
    let depth = StageChart::new("Separability of the validation images over depth", &stages)
        .measure("silhouette", &[0.08, 0.31, -0.02, 0.01, 0.12, 0.44, 0.71])
        .measure("Fisher ratio (between / within)", &[0.6, 1.4, 0.2, 0.25, 0.5, 2.1, 8.35])
        .measure("5-nearest-neighbour accuracy", &[0.71, 0.83, 0.66, 0.7, 0.84, 0.96, 0.98]);
    let f = |x: f64, y: f64| (1.0 - x).powi(2) + 20.0 * (y - x * x).powi(2);
    let descend = |rate: f64, momentum: f64| {
        let (mut p, mut v, mut path) = ((-1.4, 1.6), (0.0, 0.0), vec![(-1.4, 1.6)]);
        for _ in 0..150 {
            let g = (-2.0 * (1.0 - p.0) - 80.0 * p.0 * (p.1 - p.0 * p.0), 40.0 * (p.1 - p.0 * p.0));
            v = (momentum * v.0 - rate * g.0, momentum * v.1 - rate * g.1);
            p = (p.0 + v.0, p.1 + v.1);
            path.push(p);
        }
        path
    };
    let paths = Contour::new("How optimizers descend Rosenbrock's valley", (-2.0, 2.0), (-1.0, 3.0), f)
        .axes("first weight", "second weight")
        .log_levels()
        .path("SGD", &descend(0.003, 0.0))
        .path("momentum 0.9", &descend(0.001, 0.9))
        .minimum(1.0, 1.0);
    let mut graph = Graph::new("The tape of L = (σ(w·x + b) − y)²");
    use NodeKind::*;
    let x = graph.node(Input, &["x", "2.0"]);
    let w = graph.node(Parameter, &["w", "0.5", "∂L/∂w = −0.14"]);
    let mul = graph.node(Op, &["mul", "1.0"]);
    let b = graph.node(Parameter, &["b", "0.1", "∂L/∂b = −0.07"]);
    let add = graph.node(Op, &["add", "1.1"]);
    let sigmoid = graph.node(Op, &["sigmoid", "0.75"]);
    let y = graph.node(Input, &["y", "1.0"]);
    let sub = graph.node(Op, &["sub", "−0.25"]);
    let loss = graph.node(Output, &["L = square", "0.0625"]);
    for (from, to, words) in [(x, mul, ""), (w, mul, "2.0"), (mul, add, ""), (b, add, "1.0"), (add, sigmoid, "0.19")] {
        graph.edge(from, to, words);
    }
    graph.edge(sigmoid, sub, "");
    graph.edge(y, sub, "");
    graph.edge(sub, loss, "−0.5");
    vec![("stages", depth.draw()), ("contour", paths.draw()), ("graph", graph.draw())]
}

/// Returns a self-organizing map of 6 x 8 units: numbers on squares and hexagons, classes, and the units among samples.
fn map_figures() -> Vec<(&'static str, Figure)> {
    let mut noise = Noise(11);
    let square: Vec<(f64, f64)> = (0..48).map(|c| (f64::from(c % 8), f64::from(c / 8))).collect();
    let hexagons: Vec<(f64, f64)> = square.iter().map(|&(x, y)| (x + 0.5 * (y % 2.0), y * 0.75f64.sqrt())).collect();
    let border: Vec<f64> = square.iter().map(|&(x, y)| (-0.5 * (x - 3.0 - 0.3 * y).powi(2)).exp()).collect();
    let hits: Vec<f64> = (0..48).map(|c| f64::from((c * 37) % 11)).collect();
    let words: Vec<String> = hits.iter().map(|n| if *n > 0.0 { format!("{n}") } else { String::new() }).collect();
    let classes: Vec<Option<usize>> = (0..48).map(|c| if c % 7 == 3 { None } else { Some(c % 8 / 3) }).collect();
    let points: Vec<(f64, f64)> = (0..150).map(|_| (4.0 + 2.0 * noise.normal(), 3.0 + 1.5 * noise.normal())).collect();
    let labels: Vec<usize> = points.iter().map(|p| usize::from(p.0 > 3.0) + usize::from(p.0 > 6.0)).collect();
    let joined: Vec<(usize, usize)> = (0..48).filter(|c| c % 8 < 7).map(|c| (c, c + 1)).collect();
    let shrunk: Vec<(f64, f64)> = square.iter().map(|p| (3.5 + 0.3 * p.0, 2.5 + 0.3 * p.1)).collect();
    let net = UnitNet::new("How a map unfolds", ["x", "y"], &points, &joined).classes(&galaxies(), &labels);
    vec![
        ("u_matrix", UnitMap::values("U-matrix", &hexagons, true, &border, ColourMap::Terrain).draw()),
        ("hits", UnitMap::values("Hits", &square, false, &hits, ColourMap::Blues).words(&words).draw()),
        ("unit_classes", UnitMap::classes("Classes", &hexagons, true, &classes, &galaxies()).draw()),
        ("unit_net", net.panel("start", &shrunk).panel("10 epochs", &square).draw()),
    ]
}

/// Returns a study of 40 trials over a learning rate, a width, a rule, and a momentum that counts for one rule alone.
fn study_figures() -> Vec<(&'static str, Figure)> {
    let mut noise = Noise(9);
    let axis = |name: &str, scale, range| Dimension { name: name.into(), scale, range };
    let dimensions = || {
        vec![
            axis("lr", Scale::Log, Some((1e-4, 1e-1))),
            axis("conv1.filters", Scale::Linear, Some((4.0, 32.0))),
            axis("kind", Scale::Words(words(&["adam", "sgd"])), None),
            axis("momentum", Scale::Linear, Some((0.0, 0.95))),
        ]
    };
    let mut all = dimensions();
    all.push(axis("validation loss", Scale::Log, None));
    let mut parallel = ParallelCoordinates::new("Settings and values", all);
    let mut curves = Curves::new("Validation curves", ["pruned", "complete", "the best"]).axes("epoch", "loss");
    let mut trials: Vec<([Option<f64>; 4], f64)> = Vec::new();
    for _ in 0..40 {
        let (lr, width) = (10f64.powf(-4.0 + 3.0 * noise.uniform()), (4.0 + 28.0 * noise.uniform()).round());
        let kind = f64::from(noise.uniform() < 0.5);
        let momentum = (kind > 0.0).then(|| 0.95 * noise.uniform());
        let loss = 0.02 + 0.05 * (lr.log10() + 2.4).powi(2) + 0.3 / width + 0.02 * noise.uniform();
        trials.push(([Some(lr), Some(width), Some(kind), momentum], loss));
    }
    let rank = |loss: f64| trials.iter().filter(|t| t.1 > loss).count();
    for (i, (values, loss)) in trials.iter().enumerate() {
        let values: Vec<Option<f64>> = values.iter().copied().chain([Some(*loss)]).collect();
        parallel = parallel.line(i, &values, rank(*loss) as f64 / 39.0, rank(*loss) > 34);
        let look = match rank(*loss) {
            39 => Look::Bold,
            20.. => Look::Plain,
            _ => Look::Faint,
        };
        let steps = if look == Look::Faint { 1 + i % 4 } else { 20 };
        let curve: Vec<(f64, f64)> =
            (1..=steps).map(|e| (e as f64, loss + 0.6 * (-0.3 * e as f64).exp() + 0.004 * noise.uniform())).collect();
        curves = curves.curve(i, look, &curve);
    }
    let mut slices = Slices::new("Each parameter alone", "validation loss").log_y();
    for (d, dimension) in dimensions().into_iter().enumerate() {
        slices = slices.panel(dimension);
        for (i, (values, loss)) in trials.iter().enumerate() {
            let Some(x) = values[d] else { continue };
            slices = slices.dot(i, (x, *loss), i as f64 / 39.0, i % 3 == 0);
        }
    }
    let places: Vec<(usize, (f64, f64))> =
        (0..40).filter_map(|i| Some((i, (trials[i].0[0]?, trials[i].0[1]?)))).collect();
    let map = Contour::new("Expected loss", (-4.0, -1.0), (4.0, 32.0), |x, y| 0.05 * (x + 2.4).powi(2) + 0.3 / y)
        .log_axes(true, false)
        .axes("lr", "conv1.filters")
        .key("validation loss")
        .items(&places);
    let hill = |x: f64, y: f64| (-(x * x) - y * y).exp() + 0.3 * x;
    let height: Vec<f64> = (0..441).map(|k| hill((k % 21) as f64 / 7.0 - 1.5, (k / 21) as f64 / 7.0 - 1.5)).collect();
    let surface = Surface::new("A hill", ["x", "y"], (-1.5, 1.5), (-1.5, 1.5)).panel("one", 21, &height).panel(
        "its half",
        21,
        &height.iter().map(|h| h / 2.0).collect::<Vec<_>>(),
    );
    vec![
        ("surface", surface.draw()),
        ("parallel", parallel.draw()),
        ("curves", curves.log_y().draw()),
        ("slices", slices.draw()),
        ("study_map", map.draw()),
    ]
}

/// Returns all figures by name.
pub(super) fn figures() -> Vec<(&'static str, Figure)> {
    [
        line_charts(),
        bar_charts(),
        vec![("histograms", feature_sheet().draw())],
        matrices(),
        scatters(),
        image_sheets(),
        latent_figures(),
        lesson_figures(),
        map_figures(),
        study_figures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns a page that uses every element.
pub(super) fn page(figures: &[(&str, Figure)]) -> Page {
    let features = feature_sheet().draw_panels();
    let get = |name: &str| &figures.iter().find(|f| f.0 == name).expect("a figure of this name").1;
    let mut page = Page::new("Galaxies: three ways to classify them");
    page.subtitle("gradus pipeline, seed 42, 900 images of 128 x 128, 3 classes <elliptical & co>");
    page.byline("A. Student, 2026-11-30").banner("Smoke run: its numbers mean nothing.");
    page.lead()
        .callout(
            Callout::Verdict,
            "The CNN is the most accurate.",
            "It predicts 132 of 135 test images correctly; the MLP 116, K-means 84.",
        )
        .scores(&[
            ("62.2 %", "K-means", "95 % interval 53.8 to 70.0 %"),
            ("85.9 %", "MLP", "95 % interval 79.0 to 90.8 %"),
            ("97.8 %", "CNN", "95 % interval 93.7 to 99.2 %"),
            ("33.3 %", "majority class", "baseline"),
        ])
        .figure(get("bars"), "Accuracy on the same 135 test images; whiskers are **Wilson's** intervals.");
    page.part("Part 1. Hand-crafted features");
    let mut table = Table::new(&["class", "train", "val", "test"]);
    table.row(["elliptical", "210", "45", "45"]).row(["spiral", "210", "45", "45"]).row(["edge_on", "210", "45", "45"]);
    table.strong_row(["all", "630", "135", "135"]);
    page.section("1a", "The data")
        .paragraph("Images come from `data/galaxies <new>` and are split 70/15/15, *stratified*.")
        .facts(&[("seed", "42"), ("image size", "128 x 128, gray"), ("skipped", "none")])
        .row(|row| {
            row.table(&table, "Images per class and split")
                .figure(get("contact"), "Six training images of each class.");
        })
        .source("src/pipeline/data.rs");
    let panels: Vec<(&Figure, &str)> = features.iter().map(|f| (f, "Training images only.")).collect();
    page.section("1b", "Features").figures(&panels).source("src/pipeline/features.rs");
    page.section("1c", "Clusters against labels")
        .figures(&[
            (get("confusion"), "K-means"),
            (get("confusion_long"), "another"),
            (get("confusion_ten"), "ten classes"),
        ])
        .figure(get("scatter"), "Test images.")
        .callout(Callout::Caveat, "Careful:", "distances between clusters in a t-SNE embedding have no scale.")
        .answer(
            "How well do the clusters agree with the labels?",
            "Moderately: accuracy 62 %, normalized mutual information 0.31.",
        );
    page.part("Part 2. A multilayer perceptron");
    page.section("2b", "Does the MLP generalize?")
        .figures(&[(get("lines"), "Loss."), (get("lines_six"), "Activations.")])
        .figure(get("grouped"), "Scores by class.");
    page.part("Part 3. A convolutional network");
    page.section("3c", "Filters, feature maps, mistakes")
        .figures(&[
            (get("filters"), "Blue is negative, red positive."),
            (get("maps"), "Each feature map on its own scale."),
        ])
        .figure(get("mistakes"), "The misclassified samples with the highest predicted probability.");
    page.section("3d", "Depth")
        .figure(get("stages"), "Validation images.")
        .figure(get("scatter_six"), "One embedding per stage.");
    page.section("", "How this was made")
        .heading("Command")
        .code("gradus pipeline --data galaxies --seed 42 --set train.epochs=40 --out runs/2026-11-20_pipeline_k7f3")
        .details("Configuration", |body| {
            body.code("seed = 42\n[train]\nbatch = 32\n");
        })
        .list(["crate 0.1.0", "two threads", "`AVX2`"]);
    page.section("", "Use of AI")
        .paragraph("To be filled in by the author.")
        .field("Write here which tools you used, and for what.");
    page.footer("Made by Gradus 0.1.0.");
    page
}
