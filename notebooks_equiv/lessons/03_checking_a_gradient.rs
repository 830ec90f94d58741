//! # Lesson 03: checking a gradient
//!
//! An incorrect derivative does not crash: the network merely learns badly. So every derivative in this library is
//! compared with differences of the function itself:
//!
//! ```text
//! forward     (f(x+h) - f(x)) / h                                    error  h |f''| / 2      + rounding
//! central     (f(x+h) - f(x-h)) / 2h                                 error  h² |f'''| / 6    + rounding
//! five-point  (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h      error  h⁴ |f⁽⁵⁾| / 30   + rounding
//! ```
//!
//! A small h makes the first term small. But f is only known to about ε |f| (ε is 1.1e-16 in `f64`, 6e-8 in `f32`), and
//! dividing by h blows that up to ε |f| / h. The sum of a growing and a falling power of h is a **V** on double
//! logarithmic paper. Its lowest point lies near h = ε^(1/2), ε^(1/3), ε^(1/5) for the three formulas, and its depth
//! is the accuracy of a check. In `f32` it is so shallow that gradient checks are done in `f64`.
//!
//! Sources: W. Press et al., *Numerical Recipes*, section 5.7 (2007); B. Fornberg, Math. Comp. 51 (1988), for the
//! five-point formula.
//!
//! Run it: `cargo run --release --example lesson -- 03`

use gradus::Real;
use gradus::autograd::{Op, Tape, Var, apply, check::check};
use gradus::report::chart::{Colour, LineChart};
use gradus::rng::Rng;
use gradus::shape::Shape;
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// The function of this lesson: f(x) = tanh(x) eˣ.
fn f<T: Real>(x: &Var<T>) -> gradus::Result<Var<T>> {
    x.tanh()?.mul(&x.exp()?)
}

/// Its value at a number, in either precision.
fn value<T: Real>(x: f64) -> f64 {
    f(&Var::constant(Tensor::scalar(T::from_f64(x)))).expect("one number fits").value().item().to_f64()
}

/// A difference formula: from a function, a point and a step to an estimate of the derivative.
type Formula = fn(&dyn Fn(f64) -> f64, f64, f64) -> f64;
const FORWARD: Formula = |f, x, h| (f(x + h) - f(x)) / h;
const CENTRAL: Formula = |f, x, h| (f(x + h) - f(x - h)) / (2.0 * h);
const FIVE_POINT: Formula = |f, x, h| (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);

/// An op with a mistake: y = x³, whose derivative is 3x² and not 3x. Forward is correct, so nothing shows the mistake.
struct WrongCube;
impl Op<f64, 1> for WrongCube {
    const NAME: &'static str = "wrong_cube";
    type Saved = Tensor<f64>;

    fn shape(&self, [x]: [&[usize]; 1]) -> gradus::Result<Shape> {
        Ok(x.into())
    }

    fn forward(&self, [x]: [&Tensor<f64>; 1], _: Shape) -> (Tensor<f64>, Tensor<f64>) {
        (x.map(|x| x * x * x), x.clone())
    }

    fn backward(&self, x: &Tensor<f64>, g: &Tensor<f64>, _: [bool; 1]) -> [Option<Tensor<f64>>; 1] {
        [Some(Tensor::from_fn(x.shape_owned(), |i| 3.0 * x.data()[i] * g.data()[i]))]
    }
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let at = 0.7;

    println!("1. One derivative, three formulas, many steps: f(x) = tanh(x) eˣ at x = {at}\n");
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::scalar(at));
    let y = f(&x)?;
    let derivative = tape.backward(&y)?.of(&x)?.expect("y depends on x").item();
    let by_hand = (1.0 - libm::tanh(at).powi(2) + libm::tanh(at)) * libm::exp(at); // (tanh' + tanh) eˣ
    println!("   the tape gives f' = {derivative:.15}\n   by hand,      f' = {by_hand:.15}\n");
    assert!((derivative - by_hand).abs() < 1e-14);

    let steps: Vec<f64> = (0..=60).map(|i| libm::exp10(-1.0 - 0.2 * f64::from(i))).collect();
    let errors = |formula: Formula, f: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
        steps.iter().map(|&h| (h, ((formula(f, at, h) - derivative) / derivative).abs())).collect()
    };
    let forward = errors(FORWARD, &value::<f64>);
    let central = errors(CENTRAL, &value::<f64>);
    let five = errors(FIVE_POINT, &value::<f64>);
    let single = errors(CENTRAL, &value::<f32>);
    println!("      step h   forward    central    five-point central in f32     (relative errors)");
    for i in (0..steps.len()).step_by(5) {
        print!("   {:9.0e}", steps[i]);
        [&forward, &central, &five, &single].iter().for_each(|curve| print!("  {:9.1e}", curve[i].1));
        println!();
    }

    println!("\n   In f32 a step below 3e-8 does not even change x: the difference is 0, and all is lost.");
    println!("\n2. The left side of each V is rounding, the right side is the formula\n");
    let (double, float) = (f64::EPSILON / 2.0, f64::from(f32::EPSILON / 2.0));
    let curves = [
        ("forward", &forward, libm::pow(double, 1.0 / 2.0)),
        ("central", &central, libm::pow(double, 1.0 / 3.0)),
        ("five-point", &five, libm::pow(double, 1.0 / 5.0)),
        ("central in f32", &single, libm::pow(float, 1.0 / 3.0)),
    ];
    for (name, curve, theory) in curves {
        let (h, error) = curve.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are steps");
        println!("   {name:>14}: best step {h:.0e} (theory: near {theory:.0e}), error there {error:.0e}");
        assert!(h / theory < 30.0 && theory / h < 30.0, "rounding is noise, but not as much as that");
    }
    // On the right side the error is c hᵖ: ten times the step, 10ᵖ times the error. steps[5] is 0.01.
    let order = |curve: &[(f64, f64)], i: usize| libm::log10(curve[i].1 / curve[i + 5].1);
    let orders = [order(&forward, 5), order(&central, 5), order(&five, 0)];
    println!("\n   slopes of the right sides: {:.2}, {:.2}, {:.2} (theory: 1, 2, 4)", orders[0], orders[1], orders[2]);
    for (order, theory) in orders.into_iter().zip([1.0, 2.0, 4.0]) {
        assert!((order - theory).abs() < 0.25, "{order} for {theory}");
    }
    let least = |curve: &[(f64, f64)]| curve.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    assert!(least(&forward) < 1e-7 && least(&central) < 1e-9 && least(&five) < 1e-11 && least(&single) > 1e-9);
    assert!(central[60].1 > 1e-6, "a step of 1e-13 is far too small");

    println!("\n3. The same check on a whole layer: random directions through the Jacobian\n");
    let mut rng = Rng::new(3, "lesson", 0);
    let shapes: [&[usize]; 2] = [&[2, 3, 5, 5], &[4, 3, 3, 3]];
    let inputs = shapes.map(|shape| Tensor::randn(shape, &mut rng));
    let report = check(&inputs, 1e-6, &mut rng, &|x| x[0].conv2d(&x[1], None, Default::default())?.gelu())?;
    println!("   gelu(conv2d(x, w)): worst relative error {:.0e}", report.relative_error);
    assert!(report.relative_error < 1e-6 && report.worst.is_none());

    println!("\n4. A mistake is caught, and named: y = x³ with the derivative 3x\n");
    let x = [Tensor::from_f64(&[0.5, 1.0, 2.0], [3])?];
    let report = check(&x, 1e-6, &mut rng, &|x| apply(WrongCube, [&x[0]]))?;
    let worst = report.worst.expect("3x is not 3x²");
    println!(
        "   worst relative error {:.2}\n   {worst}\n   (both times the random weight that the check gave this element)",
        report.relative_error
    );
    assert!(report.relative_error > 0.01 && worst.contains("element 2"), "at x = 1 even 3x is correct; at 2 it is not");

    println!("\n5. At a kink no formula helps: relu at 0\n");
    let relu = |x: f64| Var::constant(Tensor::<f64>::scalar(x)).relu().expect("one number fits").value().item();
    let (half, h) = (CENTRAL(&relu, 0.0, 1e-5), 1e-5);
    println!(
        "   central difference with h = {h:e}: {half}; the true derivatives are 0 on the left and 1 on the right."
    );
    println!("   Gradient checks therefore keep away from kinks, by more than the step.");
    assert_eq!(half, 0.5);

    let shown = |curve: &[(f64, f64)]| curve.iter().map(|&(h, e)| (h, e.max(1e-16))).collect::<Vec<_>>();
    LineChart::new("Error of a difference quotient over its step: tanh(x) · exp(x) at 0.7")
        .axes("step h", "relative error")
        .series("forward", &shown(&forward))
        .series("central", &shown(&central))
        .series("five-point", &shown(&five))
        .styled("central, in f32", &shown(&single), Colour::GRAY, true)
        .log_x()
        .log_y()
        .size(560.0, 400.0)
        .draw()
        .save(&folder, "v_curve")?;
    println!("\nFigure (v_curve) is in {}", folder.display());
    Ok(())
}
