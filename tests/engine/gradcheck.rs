//! The gradient table: every row passes, every op and layer has a row, and a small error in a derivative shows.

use gradus::autograd::{Op, Var, apply, check};
use gradus::gradcheck::{run_all, table};
use gradus::nn::Activation;
use gradus::rng::Rng;
use gradus::shape::Shape;
use gradus::tensor::Tensor;
use std::fs;
use std::path::Path;

#[test]
fn every_row_passes() {
    // 10, 14, 17 and 18 draw a convolution's block near a kink at first.
    for seed in (0..5).chain([10, 14, 17, 18]) {
        for outcome in run_all(seed) {
            assert!(outcome.pass, "seed {seed}, {}: {:?}, {:?}", outcome.name, outcome.relative_error, outcome.worst);
        }
    }
}

/// For a night: `GRADUS_SEEDS=1000 cargo test --test engine as_many_seeds`.
#[test]
fn every_row_passes_for_as_many_seeds_as_are_requested() {
    let Some(seeds) = std::env::var("GRADUS_SEEDS").ok().and_then(|n| n.parse::<u64>().ok()) else {
        println!("skipped: GRADUS_SEEDS is not set");
        return;
    };
    for seed in 0..seeds {
        for outcome in run_all(seed) {
            assert!(outcome.pass, "seed {seed}, {}: {:?}, {:?}", outcome.name, outcome.relative_error, outcome.worst);
        }
    }
}

#[test]
fn smooth_rows_are_held_to_less_than_a_millionth() {
    assert!(table().iter().filter(|row| row.smooth).all(|row| row.tolerance < 1e-6));
}

#[test]
fn names_are_unique() {
    let rows = table();
    let mut names: Vec<_> = rows.iter().map(|row| &*row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len());
}

/// What stands between `before` and `after` on each line of the sources under `folder` that has both.
fn found_in_sources(folder: &str, before: &str, after: char) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for file in files {
        // Examples in the documentation are no ops.
        let text = fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text = code.collect::<Vec<_>>().join("\n");
        for (at, _) in text.match_indices(before) {
            let rest = text[at + before.len()..].trim_start();
            found.push(rest[..rest.find(after).unwrap()].trim().trim_end_matches("<T>").to_owned());
        }
    }
    found
}

#[test]
fn every_op_and_layer_has_a_row() {
    let mut required = found_in_sources("src/ops", "const NAME: &'static str = \"", '"');
    required.extend(found_in_sources("src/ops", "fn name(&self) -> &'static str {\n        \"", '"'));
    assert!(required.len() > 35, "the search for ops found only {required:?}");
    let layers =
        ["src/nn", "src/nn/layers"].map(|folder| found_in_sources(folder, "impl<T: Real> Module<T> for ", '{'));
    // What borrows its modules runs them as its owner does.
    required.extend(layers.into_iter().flatten().filter(|name| !name.contains("'_")));

    let rows = table();
    let known: Vec<&str> = rows.iter().map(|row| row.name.split(',').next().unwrap()).collect();
    let missing: Vec<_> = required.iter().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "no row in src/gradcheck.rs for {missing:?}");
    // Ops of activation functions that stand beside their layer are checked by it.
    for activation in Activation::ALL {
        let row = format!("Activation, {}", activation.name());
        assert!(rows.iter().any(|known| known.name == row), "no row {row}");
    }
    for expected in ["concat", "conv2d_bias", "Linear", "Activation", "Sequential"] {
        assert!(required.iter().any(|name| name == expected), "the search for ops and layers misses {expected}");
    }
}

/// y = x³ with a derivative that is wrong by a factor, in one element only.
struct SlightlyWrong(f64);

impl Op<f64, 1> for SlightlyWrong {
    const NAME: &'static str = "slightly_wrong";
    type Saved = Tensor<f64>;
    fn shape(&self, [x]: [&[usize]; 1]) -> gradus::Result<Shape> {
        Ok(Shape::new(x))
    }
    fn forward(&self, [x]: [&Tensor<f64>; 1], _: Shape) -> (Tensor<f64>, Tensor<f64>) {
        (x.map(|x| x * x * x), x.clone())
    }
    fn backward(&self, x: &Tensor<f64>, g: &Tensor<f64>, _: [bool; 1]) -> [Option<Tensor<f64>>; 1] {
        let factor = |i: usize| if i == 3 { self.0 } else { 1.0 };
        [Some(Tensor::from_fn(x.shape_owned(), |i| factor(i) * 3.0 * x.data()[i] * x.data()[i] * g.data()[i]))]
    }
}

#[test]
fn an_error_of_a_ten_thousandth_in_one_element_is_found_and_named() {
    let cube = |factor: f64| {
        let mut rng = Rng::new(3, "test", 0);
        let x = Tensor::rand([4, 5], 0.5, 2.0, &mut rng);
        check::check(&[x], 1e-7, &mut rng, &|x: &[Var<f64>]| apply(SlightlyWrong(factor), [&x[0]])).unwrap()
    };
    assert!(cube(1.0).relative_error < 1e-9 && cube(1.0).worst.is_none());
    for factor in [1.0001, 0.9999, -1.0] {
        let report = cube(factor);
        assert!(report.relative_error > 1e-7, "{report:?}");
        assert!(report.worst.unwrap().contains("input 0, element 3 of shape [4, 5]"));
    }
}

/// y = |x| with a derivative that is wrong by a factor.
#[derive(Clone, Copy)]
struct Kinked(f64);

impl Op<f64, 1> for Kinked {
    const NAME: &'static str = "kinked";
    type Saved = Tensor<f64>;
    fn shape(&self, [x]: [&[usize]; 1]) -> gradus::Result<Shape> {
        Ok(Shape::new(x))
    }
    fn forward(&self, [x]: [&Tensor<f64>; 1], _: Shape) -> (Tensor<f64>, Tensor<f64>) {
        (x.map(f64::abs), x.clone())
    }
    fn backward(&self, x: &Tensor<f64>, g: &Tensor<f64>, _: [bool; 1]) -> [Option<Tensor<f64>>; 1] {
        [Some(Tensor::from_fn(x.shape_owned(), |i| self.0 * x.data()[i].signum() * g.data()[i]))]
    }
}

#[test]
fn a_point_near_a_kink_is_distinguished_from_an_incorrect_derivative() {
    let look = |x: f64, factor: f64| {
        let (x, mut rng) = (Tensor::full([4], x), Rng::new(3, "test", 0));
        check::check(&[x], 1e-8, &mut rng, &|x: &[Var<f64>]| apply(Kinked(factor), [&x[0]])).unwrap()
    };
    for distance in [1e-9, 1e-6, 1e-4, 4e-4, 9e-4] {
        assert!(look(distance, 1.0).near_kink && look(-distance, 1.0).near_kink, "{distance}");
    }
    let (far, wrong) = (look(0.1, 1.0), look(0.1, 1.01));
    assert!(!far.near_kink && far.relative_error < 1e-10);
    assert!(!wrong.near_kink && wrong.relative_error > 1e-3 && wrong.worst.is_some());
}

/// y = a b, with the gradient of b given only where that of a is needed too, or of both always.
struct Forgetful {
    always: bool,
}

impl Op<f64, 2> for Forgetful {
    const NAME: &'static str = "forgetful";
    type Saved = [Tensor<f64>; 2];
    fn shape(&self, [a, _]: [&[usize]; 2]) -> gradus::Result<Shape> {
        Ok(Shape::new(a))
    }
    fn forward(&self, [a, b]: [&Tensor<f64>; 2], out: Shape) -> (Tensor<f64>, Self::Saved) {
        (Tensor::from_fn(out, |i| a.data()[i] * b.data()[i]), [a.clone(), b.clone()])
    }
    fn backward(&self, [a, b]: &Self::Saved, g: &Tensor<f64>, need: [bool; 2]) -> [Option<Tensor<f64>>; 2] {
        let times = |x: &Tensor<f64>| Tensor::from_fn(g.shape_owned(), |i| x.data()[i] * g.data()[i]);
        [Some(times(b)), (need[0] || self.always).then(|| times(a))]
    }
}

#[test]
fn a_gradient_that_is_missing_beside_a_constant_is_found() {
    let look = |always| {
        let mut rng = Rng::new(3, "test", 0);
        let x = [Tensor::randn([3], &mut rng), Tensor::randn([3], &mut rng)];
        check::check(&x, 1e-7, &mut rng, &|x: &[Var<f64>]| apply(Forgetful { always }, [&x[0], &x[1]])).unwrap()
    };
    assert!(look(true).relative_error < 1e-9);
    let report = look(false);
    assert!(report.relative_error.is_infinite());
    assert_eq!(report.worst.unwrap(), "with only the inputs [1] on the tape the gradient of input 1 is missing");
}

#[test]
fn a_gradient_that_is_not_a_number_fails() {
    let mut rng = Rng::new(3, "test", 0);
    let x = Tensor::rand([2], 0.5, 2.0, &mut rng);
    let report = check::check(&[x], 1e-7, &mut rng, &|x: &[Var<f64>]| apply(SlightlyWrong(f64::NAN), [&x[0]]));
    assert!(report.unwrap().relative_error < 1e-7, "element 3, the wrong one, does not exist here");
    let x = Tensor::rand([5], 0.5, 2.0, &mut rng);
    let report = check::check(&[x], 1e-7, &mut rng, &|x: &[Var<f64>]| apply(SlightlyWrong(f64::NAN), [&x[0]])).unwrap();
    assert!(report.relative_error.is_infinite());
}
