//! Self-organizing maps against plain loops, against MiniSom, and on any number of threads.
//!
//! `golden/som.json` is written by `golden/make_som.py`.

use crate::common::{all_close, blobs, close, indices, list, matrix, number, single};
use gradus::analysis::metrics::normalized_mutual_information;
use gradus::analysis::scale::{Scaler, Scaling};
use gradus::analysis::som::{ClassMap, Decay, Grid, Lattice, Map, Mode, Neighbourhood, Som, Start, reference};
use gradus::rng::Rng;
use ndarray::Array2;
use serde_json::Value;

fn rows(x: &Array2<f64>) -> Vec<Vec<f64>> {
    x.rows().into_iter().map(|row| row.to_vec()).collect()
}

fn flat(rows: &[Vec<f64>]) -> Vec<f64> {
    rows.concat()
}

/// Grids of all sorts, of one unit, one row, one column.
const GRIDS: [(usize, usize, Grid, bool); 7] = [
    (1, 1, Grid::Rectangular, false),
    (1, 9, Grid::Rectangular, true),
    (7, 1, Grid::Hexagonal, false),
    (5, 6, Grid::Rectangular, false),
    (5, 6, Grid::Rectangular, true),
    (5, 6, Grid::Hexagonal, false),
    (6, 5, Grid::Hexagonal, true),
];

const SHAPES: [Neighbourhood; 4] =
    [Neighbourhood::Gaussian, Neighbourhood::Bubble, Neighbourhood::Triangle, Neighbourhood::MexicanHat];

#[test]
fn batch_epochs_agree_with_the_plain_loops() {
    let (x, _) = blobs(150, 7, 1, 1.0, 3);
    for (rows_of, columns, grid, toroidal) in GRIDS {
        for neighbourhood in SHAPES.into_iter().filter(|shape| *shape != Neighbourhood::MexicanHat) {
            for start in [Start::Pca, Start::Linear, Start::Random] {
                // Where the radius is small, unused units may come to lie on each other, so that rounding decides between them.
                let (radius, final_radius) = (4.0, 2.5);
                let shape = Som { rows: rows_of, columns, grid, toroidal, radius, final_radius, ..Som::default() };
                let som = Som { neighbourhood, start, ..shape };
                let lattice = som.lattice().unwrap();
                let plain_x = rows(&x);
                som.train(x.view(), 6, 5, |training| {
                    let mut plain = rows(&training.units().to_owned());
                    for _ in 0..6 {
                        reference::batch(&mut plain, &plain_x, &lattice, neighbourhood, training.radius());
                        training.advance()?;
                        all_close(&training.units().to_owned(), &flat(&plain), &format!("{som:?}"));
                    }
                    Ok(())
                })
                .unwrap();
            }
        }
    }
}

#[test]
fn online_epochs_agree_with_the_plain_loops() {
    let (x, _) = blobs(40, 5, 3, 0.7, 4);
    for (rows_of, columns, grid, toroidal) in GRIDS {
        for neighbourhood in SHAPES {
            let som = Som {
                rows: rows_of,
                columns,
                grid,
                toroidal,
                neighbourhood,
                mode: Mode::Online,
                radius: 2.0,
                final_radius: 0.5,
                radius_decay: Decay::Linear,
                rate_decay: Decay::Inverse,
                rate: 0.3,
                ..Som::default()
            };
            let (lattice, epochs) = (som.lattice().unwrap(), 3);
            som.train(x.view(), epochs, 9, |training| {
                let mut plain = rows(&training.units().to_owned());
                for epoch in 0..epochs {
                    let order = Rng::new(9, "som order", epoch as u64).permutation(40);
                    for (step, &i) in order.iter().enumerate() {
                        let t = (epoch * 40 + step) as f64 / (epochs * 40 - 1) as f64;
                        let (radius, rate) = (Decay::Linear.at(2.0, 0.5, t), Decay::Inverse.at(0.3, 0.01, t));
                        let sample = x.row(i).to_vec();
                        reference::online(&mut plain, &sample, &lattice, neighbourhood, radius, rate);
                    }
                    training.advance()?;
                    all_close(&training.units().to_owned(), &flat(&plain), &format!("{som:?}"));
                }
                Ok(())
            })
            .unwrap();
        }
    }
}

#[test]
fn errors_are_those_of_their_definitions() {
    let (x, _) = blobs(300, 6, 5, 1.0, 8);
    for (rows_of, columns, grid, toroidal) in GRIDS {
        let map = Som { rows: rows_of, columns, grid, toroidal, ..Som::default() }.fit(x.view(), 5, 2).unwrap();
        let (quantization, topographic) = reference::errors(&rows(&map.units), &rows(&x), &map.lattice);
        let matches = map.matches(x.view()).unwrap();
        close(matches.quantization_error(), quantization, "quantization error");
        assert_eq!(matches.topographic_error(), topographic);
        assert_eq!(matches.hits().iter().sum::<usize>(), 300);
    }
}

#[test]
fn a_map_has_the_same_bits_on_any_number_of_threads() {
    let (x, _) = blobs(3000, 20, 6, 1.0, 1);
    let x = single(&x);
    for mode in [Mode::Batch, Mode::Online] {
        let som = Som { rows: 12, columns: 11, grid: Grid::Hexagonal, mode, ..Som::default() };
        let epochs = if mode == Mode::Batch { 6 } else { 1 };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let map = som.fit(x.view(), epochs, 7).unwrap();
                let matches = map.matches(x.view()).unwrap();
                let bits: Vec<u32> = map.units.iter().map(|w| w.to_bits()).collect();
                (bits, matches.quantization_error().to_bits(), map.u_matrix())
            })
        };
        let one = on(1);
        assert_eq!(on(2), one, "{mode:?}");
        assert_eq!(on(3), one, "{mode:?}");
    }
}

#[test]
fn a_training_that_is_resumed_ends_in_the_same_bits() {
    let (x, _) = blobs(200, 4, 3, 1.0, 6);
    for mode in [Mode::Batch, Mode::Online] {
        let som = Som { rows: 4, columns: 5, mode, ..Som::default() };
        let whole = som.fit(x.view(), 8, 3).unwrap();
        let half = |from: Option<Array2<f64>>, epochs: usize| {
            let work = |training: &mut gradus::analysis::som::Training<'_, f64>| {
                from.map_or(Ok(()), |units| training.resume(8 - epochs, units))?;
                (0..epochs).try_for_each(|_| training.advance())?;
                Ok(training.units().to_owned())
            };
            som.train(x.view(), 8, 3, work).unwrap()
        };
        let first = som.train(x.view(), 8, 3, |t| (0..5).try_for_each(|_| t.advance()).map(|()| t.units().to_owned()));
        assert_eq!(half(Some(first.unwrap()), 3), whole.units, "{mode:?}");
    }
}

/// Of two groups far apart a chain of units bridges the gap with units that no sample is nearest to.
#[test]
fn unused_units_lie_between_the_groups() {
    let mut rng = Rng::new(5, "groups", 0);
    let x = Array2::from_shape_fn((200, 2), |(i, _)| if i % 2 == 0 { 0.0 } else { 20.0 } + rng.normal());
    let map = Som { rows: 1, columns: 10, ..Som::default() }.fit(x.view(), 20, 1).unwrap();
    let (hits, border) = (map.matches(x.view()).unwrap().hits(), map.u_matrix());
    let unused: Vec<usize> = (0..10).filter(|&unit| hits[unit] == 0).collect();
    assert!(!unused.is_empty(), "{hits:?}");
    let highest = (1..10).fold(0, |b, c| if border[c] > border[b] { c } else { b });
    for unit in &unused {
        assert!((2.0..18.0).contains(&map.units[[*unit, 0]]), "{:?}", map.units);
    }
    assert!(unused.contains(&highest) || unused.iter().any(|u| u.abs_diff(highest) == 1), "{border:?} {hits:?}");
    // A bubble of less than one unit does not reach them at all: they stay where they are.
    let som = Som { rows: 1, columns: 3, neighbourhood: Neighbourhood::Bubble, radius: 0.5, ..Som::default() };
    som.train(x.view(), 1, 1, |training| {
        let start = ndarray::array![[0.0, 0.0], [500.0, 500.0], [20.0, 20.0]];
        training.resume(0, start)?;
        training.advance()?;
        assert_eq!(training.units().row(1).to_vec(), [500.0, 500.0]);
        assert!(training.units()[[0, 0]].abs() < 0.5 && (training.units()[[2, 0]] - 20.0).abs() < 0.5);
        Ok(())
    })
    .unwrap();
}

#[test]
fn starts_are_where_they_are_said_to_be() {
    let (x, _) = blobs(80, 3, 3, 1.0, 2);
    let start = |start| {
        let som = Som { rows: 3, columns: 4, start, ..Som::default() };
        som.train(x.view(), 1, 6, |training| Ok(training.units().to_owned())).unwrap()
    };
    let random = start(Start::Random);
    let drawn: Vec<usize> = random
        .rows()
        .into_iter()
        .map(|unit| x.rows().into_iter().position(|row| row == unit).expect("a unit begins on a sample"))
        .collect();
    assert!((0..12).all(|a| (0..a).all(|b| drawn[a] != drawn[b])), "no sample is drawn twice: {drawn:?}");
    let linear = start(Start::Linear);
    let least = |j: usize| x.column(j).iter().copied().fold(f64::INFINITY, f64::min);
    let most = |j: usize| x.column(j).iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert_eq!((linear[[0, 0]], linear[[0, 1]]), (least(0), least(1)));
    close(linear[[11, 0]], most(0), "the last column of the map");
    close(linear[[11, 1]], most(1), "the last row of the map");
    // The mean of the units is that of the samples, and neighbours are equally far apart everywhere.
    let pca = start(Start::Pca);
    for j in 0..3 {
        close(pca.column(j).sum() / 12.0, x.column(j).sum() / 80.0, "mean");
        close(pca[[1, j]] - pca[[0, j]], pca[[11, j]] - pca[[10, j]], "step");
    }
}

#[test]
fn bad_settings_are_refused_with_what_to_do() {
    let x = Array2::from_shape_fn((5, 2), |(i, j)| (i * j) as f64);
    let said = |som: Som| som.fit(x.view(), 2, 1).unwrap_err().to_string();
    assert!(said(Som { rows: 0, ..Som::default() }).contains("rows: is 0: the map would have no units"));
    let hat = Som { neighbourhood: Neighbourhood::MexicanHat, ..Som::default() };
    assert!(said(hat).contains("help: write mode = \"online\", or another neighbourhood"));
    assert!(said(Som { final_radius: 0.0, ..Som::default() }).contains("final_radius: is 0, outside 0.01 to 1000"));
    assert!(said(Som { radius: -1.0, ..Som::default() }).contains("radius: is -1"));
    assert!(said(Som { rate: f64::NAN, ..Som::default() }).contains("rate: is NaN"));
    let one = x.view().split_at(ndarray::Axis(0), 1).0;
    let alone = Som::default().fit(one, 2, 1).unwrap_err().to_string();
    assert!(alone.contains("start: is pca, but there is only one sample"), "{alone}");
    assert!(Som { start: Start::Linear, ..Som::default() }.fit(one, 2, 1).is_ok());
    let empty = Array2::<f64>::zeros((0, 2));
    assert!(Som::default().fit(empty.view(), 2, 1).is_err());
    let mut odd = x.clone();
    odd[[3, 1]] = f64::INFINITY;
    assert!(Som::default().fit(odd.view(), 2, 1).unwrap_err().to_string().contains("row 3, column 1"));
    // A mexican hat at full speed drives units apart without end.
    let wild = Som { rate: 1.0, final_rate: 1.0, final_radius: 3.0, steps: 10_000, ..hat };
    let wild = Som { mode: Mode::Online, radius: 3.0, ..wild }.fit(x.view(), 2, 1).unwrap_err().to_string();
    assert!(wild.contains("the weights of the map") && wild.contains("lower som.rate"), "{wild}");
}

// MiniSom ------------------------------------------------------------------------------------------------------------

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/som.json")).expect("som.json is JSON")
}

fn settings(case: &Value) -> Som {
    let word = |key: &str| case[key].as_str().expect("a word");
    let of = |key: &str| case[key].as_u64().expect("a number") as usize;
    Som {
        rows: of("rows"),
        columns: of("columns"),
        grid: if word("grid") == "hexagonal" { Grid::Hexagonal } else { Grid::Rectangular },
        neighbourhood: match word("neighbourhood") {
            "gaussian" => Neighbourhood::Gaussian,
            _ => Neighbourhood::MexicanHat,
        },
        ..Som::default()
    }
}

/// The same samples in the same order, from the same weights, with the same decay.
#[test]
fn online_training_is_minisoms() {
    for case in golden()["online"].as_array().unwrap() {
        let som = settings(case);
        let lattice = som.lattice().unwrap();
        let x = rows(&matrix(&case["x"]));
        let mut units = rows(&matrix(&case["start"]));
        let order = indices(&case["order"]);
        for (step, &i) in order.iter().enumerate() {
            let t = step as f64 / (order.len() - 1) as f64;
            let radius = Decay::Exponential.at(number(&case["radius"]), number(&case["final_radius"]), t);
            let rate = Decay::Exponential.at(number(&case["rate"]), number(&case["final_rate"]), t);
            reference::online(&mut units, &x[i], &lattice, som.neighbourhood, radius, rate);
        }
        all_close(&flat(&units), &matrix(&case["units"]), "units");
        let map = Map { lattice, units: Array2::from_shape_vec((units.len(), x[0].len()), flat(&units)).unwrap() };
        let matches = map.matches(matrix(&case["x"]).view()).unwrap();
        close(matches.quantization_error(), number(&case["quantization_error"]), "quantization error");
        close(matches.topographic_error(), number(&case["topographic_error"]), "topographic error");
        // MiniSom's U-matrix is divided by its largest value.
        let u_matrix = map.u_matrix();
        let most = u_matrix.iter().copied().fold(0.0, f64::max);
        let scaled: Vec<f64> = u_matrix.iter().map(|u| u / most).collect();
        all_close(&scaled, &list(&case["distance_map"], number), "U-matrix");
    }
}

/// Batch training against a few lines of NumPy.
#[test]
fn batch_training_is_numpys() {
    for case in golden()["batch"].as_array().unwrap() {
        let som = Som {
            radius: number(&case["radius"]),
            final_radius: number(&case["final_radius"]),
            radius_decay: Decay::Linear,
            ..settings(case)
        };
        let (x, start) = (matrix(&case["x"]), matrix(&case["start"]));
        let epochs = case["epochs"].as_u64().unwrap() as usize;
        som.train(x.view(), epochs, 1, |training| {
            training.resume(0, start)?;
            (0..epochs).try_for_each(|_| training.advance())?;
            all_close(&training.units().to_owned(), &matrix(&case["units"]), "units");
            Ok(())
        })
        .unwrap();
    }
}

// The iris flowers ---------------------------------------------------------------------------------------------------

/// With `GRADUS_DATA`: a map of 1 x 3 units finds the three species, and one of 4 x 4 classifies them.
#[test]
fn iris() {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&root).join("tabular/iris.csv")).unwrap();
    let mut species = Vec::new();
    let (mut numbers, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (features, name) = line.rsplit_once(',').unwrap();
        numbers.extend(features.split(',').map(|v| v.parse::<f64>().unwrap()));
        let known = species.iter().position(|known| *known == name);
        labels.push(known.unwrap_or_else(|| {
            species.push(name);
            species.len() - 1
        }));
    }
    let x = Array2::from_shape_vec((labels.len(), 4), numbers).unwrap();
    let x = Scaler::fit(Scaling::Standard, x.view()).unwrap().transform(x.view()).unwrap();
    // Length and width of the petals.
    let petals = x.select(ndarray::Axis(1), &[2, 3]);
    let clusters = Som { rows: 1, columns: 3, final_radius: 0.5, ..Som::default() }.fit(petals.view(), 50, 42).unwrap();
    let found = clusters.matches(petals.view()).unwrap();
    let information = normalized_mutual_information(&found.best, &labels);
    assert!(information >= 0.813, "{information}");
    let map = Som { rows: 4, columns: 4, final_radius: 0.5, ..Som::default() }.fit(x.view(), 50, 42).unwrap();
    let classes = ClassMap::new(&map.matches(x.view()).unwrap(), &labels, 3).unwrap();
    assert!(classes.purity().unwrap() > 0.93, "{:?}", classes.purity());
    assert_eq!(Lattice::new(4, 4, Grid::Rectangular, false).unwrap(), map.lattice);
}
