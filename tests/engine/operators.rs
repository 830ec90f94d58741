//! `+ - * /` and the unary `-`: the methods' bits, on operands of every kind, and their messages as panics.

use gradus::autograd::{Tape, Var};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::panic::catch_unwind;

/// The bits of a tensor, with its shape.
fn bits(x: &Tensor) -> (Vec<usize>, Vec<u32>) {
    (x.shape().to_vec(), x.data().iter().map(|x| x.to_bits()).collect())
}

/// Numbers of both signs, with zeros of both signs, infinities and NaN among them.
fn numbers(shape: &[usize], purpose: &str) -> Tensor {
    let mut rng = Rng::new(1, purpose, 0);
    let odd = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    Tensor::from_fn(shape, |_| if rng.chance(0.2) { odd[rng.below(5)] } else { rng.normal() as f32 })
}

/// Holds an operator, on operands owned and borrowed and on numbers, to its method.
macro_rules! holds {
    ($op:tt, $method:ident) => {
        for (a, b) in [(&[3usize, 4][..], &[3usize, 4][..]), (&[3, 4], &[4]), (&[3, 1], &[2, 1, 4]), (&[], &[0, 2])] {
            let (a, b) = (numbers(a, "a"), numbers(b, "b"));
            let [u, v] = [&a, &b].map(|x| Var::constant(x.clone()));
            let expected = bits(u.$method(&v).unwrap().value());
            assert_eq!(bits(&a.$method(&b).unwrap()), expected);
            for tensor in [&a $op &b, a.clone() $op &b, &a $op b.clone(), a.clone() $op b.clone()] {
                assert_eq!(bits(&tensor), expected);
            }
            for var in [&u $op &v, u.clone() $op &v, &u $op v.clone(), u.clone() $op v.clone()] {
                assert_eq!(bits(var.value()), expected);
            }
            for number in [0.0, -0.0, 3.0, f32::NAN, f32::INFINITY] {
                let constant = Var::constant(Tensor::scalar(number));
                let right = bits(u.$method(&constant).unwrap().value());
                let left = bits(constant.$method(&u).unwrap().value());
                assert_eq!([bits(&(&a $op number)), bits(&(a.clone() $op number))], [right.clone(), right.clone()]);
                assert_eq!([bits(&(number $op &a)), bits(&(number $op a.clone()))], [left.clone(), left.clone()]);
                assert_eq!([bits((&u $op number).value()), bits((u.clone() $op number).value())], [right.clone(), right]);
                assert_eq!([bits((number $op &u).value()), bits((number $op u.clone()).value())], [left.clone(), left]);
            }
        }
    };
}

#[test]
fn operators_are_their_methods_bit_for_bit() {
    holds!(+, add);
    holds!(-, sub);
    holds!(*, mul);
    holds!(/, div);
    let x = numbers(&[3, 4], "a");
    let v = Var::constant(x.clone());
    let expected = bits(v.neg().unwrap().value());
    assert_eq!([bits(&-&x), bits(&-x), bits((-&v).value()), bits((-v).value())], [(); 4].map(|()| expected.clone()));
}

#[test]
fn arithmetic_by_hand() {
    let [a, b] = [[6.0f32, -1.0], [2.0, 4.0]].map(|row| Tensor::new(row.to_vec(), [2]).unwrap());
    assert_eq!((&a + &b).data(), [8.0, 3.0]);
    assert_eq!((&a - &b).data(), [4.0, -5.0]);
    assert_eq!((&a * &b).data(), [12.0, -4.0]);
    assert_eq!((&a / &b).data(), [3.0, -0.25]);
    assert_eq!((-&a).data(), [-6.0, 1.0]);
    assert_eq!((1.0 - &a).data(), [-5.0, 2.0]);
    assert_eq!((12.0 / &b).data(), [6.0, 3.0]);
    assert_eq!((b / 4.0).data(), [0.5, 1.0]);
    // In f64 numbers are f64.
    assert_eq!((Tensor::<f64>::scalar(0.1) * 0.2).item(), 0.1 * 0.2);
}

#[test]
fn operators_are_recorded() {
    let tape = Tape::new();
    let (x, y) = (tape.leaf(Tensor::<f64>::scalar(3.0)), tape.leaf(Tensor::scalar(2.0)));
    let z = (&x * &y - &x / &y + 5.0) * 2.0 / (1.0 - -&y); // 2 (xy - x/y + 5) / (1 + y)
    let gradients = tape.backward(&z).unwrap();
    assert!((z.value().item() - 2.0 * 9.5 / 3.0).abs() < 1e-15);
    let of = |leaf| gradients.of(leaf).unwrap().unwrap().item();
    // d/dx = 2 (y - 1/y) / (1 + y); d/dy = 2 (x + x/y²) / (1 + y) - z / (1 + y).
    assert!((of(&x) - 1.0).abs() < 1e-15 && (of(&y) - (2.5 - 19.0 / 9.0)).abs() < 1e-15);
}

#[test]
fn where_the_method_refuses_the_operator_panics_with_its_message() {
    let [a, b] = [2, 3].map(|n| Tensor::<f32>::zeros([n]));
    let expected = a.add(&b).unwrap_err().to_string();
    assert!(expected.starts_with("add cannot broadcast [2] with [3]"), "{expected}");
    let panic = catch_unwind(|| &a + &b).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), expected);
    let panic =
        catch_unwind(|| Var::constant(Tensor::<f32>::zeros([2])) * Var::constant(Tensor::zeros([3]))).unwrap_err();
    assert!(panic.downcast::<String>().unwrap().starts_with("mul cannot broadcast [2] with [3]"));
}
