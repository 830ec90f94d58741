//! What is constant costs no gradient: the images of a first layer have none computed for them.

use gradus::autograd::{Op, Tape, Var, VariadicOp, apply, apply_variadic};
use gradus::ops::arith::{Div, Maximum, Minimum, Mul, Sub};
use gradus::ops::conv_block::ConvBlock;
use gradus::ops::layer_norm::LayerNorm;
use gradus::ops::layout::Concat;
use gradus::ops::loss::Mse;
use gradus::ops::matmul::{BatchedMatMul, Linear, MatMul};
use gradus::ops::select::Where;
use gradus::ops::{Conv2d, ConvTranspose2d};
use gradus::rng::Rng;
use gradus::shape::Shape;
use gradus::tensor::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// The sum of three tensors; remembers which gradients were requested.
struct Requested(Rc<RefCell<Vec<[bool; 3]>>>);

impl Op<f64, 3> for Requested {
    const NAME: &'static str = "requested";
    type Saved = ();
    fn shape(&self, [x, ..]: [&[usize]; 3]) -> gradus::Result<Shape> {
        Ok(Shape::new(x))
    }
    fn forward(&self, x: [&Tensor<f64>; 3], out: Shape) -> (Tensor<f64>, ()) {
        (Tensor::from_fn(out, |i| x.iter().map(|x| x.data()[i]).sum()), ())
    }
    fn backward(&self, _: &(), g: &Tensor<f64>, need: [bool; 3]) -> [Option<Tensor<f64>>; 3] {
        self.0.borrow_mut().push(need);
        [(); 3].map(|()| Some(g.clone()))
    }
}

#[test]
fn an_op_computes_the_gradients_of_its_variables_only() {
    let requested = Rc::new(RefCell::new(Vec::new()));
    for set in 1..8 {
        let tape = Tape::new();
        let leaves = [0, 1, 2].map(|i| set >> i & 1 == 1);
        let x = leaves.map(|leaf| {
            let value = Tensor::full([2], 1.0);
            if leaf { tape.leaf(value) } else { Var::constant(value) }
        });
        let y = apply(Requested(requested.clone()), x.each_ref()).unwrap().sum().unwrap();
        let gradients = tape.backward(&y).unwrap();
        assert_eq!(requested.borrow_mut().pop(), Some(leaves));
        for (x, leaf) in x.iter().zip(leaves) {
            assert_eq!(gradients.of(x).is_ok(), leaf, "a constant has no gradient to ask for");
        }
    }
}

/// Holds an op to `need`: the gradients that it asks for are there, and those among `costly` that it does not are not.
fn obeys<const N: usize>(name: &str, op: &impl Op<f32, N>, shapes: [&[usize]; N], costly: &[usize]) {
    let mut rng = Rng::new(1, "test", 0);
    let inputs = shapes.map(|shape| Tensor::<f32>::randn(shape, &mut rng));
    let out = op.shape(shapes).unwrap();
    let (y, saved) = op.forward(inputs.each_ref(), out);
    let g = Tensor::full(y.shape_owned(), 1.0);
    let all = op.backward(&saved, &g, [true; N]);
    for set in 0..1 << N {
        let need: [bool; N] = std::array::from_fn(|i| set >> i & 1 == 1);
        let found = op.backward(&saved, &g, need);
        for (i, (found, all)) in found.iter().zip(&all).enumerate() {
            if need[i] {
                // Beside other gradients, the sums may run in another order.
                let [found, all] = [found, all].map(|g| g.as_ref().expect("it was requested").data());
                let size = all.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                let same = found.iter().zip(all).all(|(f, a)| (f - a).abs() <= 1e-5 * size);
                assert!(same, "{name}: input {i} of {need:?} has {found:?}, beside all others {all:?}");
            } else if costly.contains(&i) {
                assert!(found.is_none(), "{name}: input {i} has a gradient that was not requested ({need:?})");
            }
        }
    }
}

#[test]
fn costly_gradients_are_computed_only_where_needed() {
    let (x, w, b): (&[usize], &[usize], &[usize]) = (&[2, 3, 6, 6], &[4, 3, 3, 3], &[4]);
    obeys::<2>("conv2d", &Conv2d::default(), [x, w], &[0, 1]);
    obeys::<3>("conv2d_bias", &Conv2d::default(), [x, w, b], &[0, 1, 2]);
    obeys::<3>("conv2d_block", &ConvBlock { conv: Conv2d::default(), relu: true }, [x, w, b], &[0]);
    let wt: &[usize] = &[3, 4, 3, 3];
    obeys::<2>("conv_transpose2d", &ConvTranspose2d::default(), [x, wt], &[0, 1]);
    obeys::<3>("conv_transpose2d_bias", &ConvTranspose2d::default(), [x, wt, b], &[0, 1, 2]);
    obeys("matmul", &MatMul, [&[4, 5], &[5, 3]], &[0, 1]);
    obeys("bmm", &BatchedMatMul, [&[2, 4, 5], &[2, 5, 3]], &[0, 1]);
    obeys("linear", &Linear, [&[4, 5], &[3, 5], &[3]], &[0, 1, 2]);
    obeys("layer_norm", &LayerNorm { eps: 1e-5 }, [&[4, 5], &[5], &[5]], &[0]);
    obeys("mul", &Mul, [&[4, 5], &[5]], &[0, 1]);
    obeys("sub", &Sub, [&[4, 5], &[5]], &[0, 1]);
    obeys("div", &Div, [&[4, 5], &[4, 1]], &[0, 1]);
    obeys("maximum", &Maximum, [&[4, 5], &[5]], &[0, 1]);
    obeys("minimum", &Minimum, [&[4, 5], &[4, 1]], &[0, 1]);
    let mask = Tensor::from_fn([5], |i| (i % 2) as f32);
    obeys::<2>("where", &Where { mask }, [&[4, 5], &[5]], &[0, 1]);
    obeys("mse", &Mse, [&[4, 5], &[4, 5]], &[0, 1]);
}

#[test]
fn an_op_of_any_number_of_inputs_computes_the_gradients_of_its_variables_only() {
    // The same three sums as above, and each part's gradient counted.
    struct Counting(Rc<RefCell<Vec<bool>>>);
    impl VariadicOp<f64> for Counting {
        const NAME: &'static str = "counting";
        type Saved = ();
        fn shape(&self, x: &[&[usize]]) -> gradus::Result<Shape> {
            Ok(Shape::new(x[0]))
        }
        fn forward(&self, x: &[&Tensor<f64>], out: Shape) -> (Tensor<f64>, ()) {
            (Tensor::from_fn(out, |i| x.iter().map(|x| x.data()[i]).sum()), ())
        }
        fn backward(&self, _: &(), g: &Tensor<f64>, need: &[bool]) -> Vec<Option<Tensor<f64>>> {
            *self.0.borrow_mut() = need.to_vec();
            need.iter().map(|_| Some(g.clone())).collect()
        }
    }
    for set in 0..32 {
        let (tape, requested) = (Tape::new(), Rc::new(RefCell::new(Vec::new())));
        let leaves: Vec<bool> = (0..5).map(|i| set >> i & 1 == 1).collect();
        let var = |&leaf: &bool| {
            let value = Tensor::full([2], 1.0);
            if leaf { tape.leaf(value) } else { Var::constant(value) }
        };
        let x: Vec<Var<f64>> = leaves.iter().map(var).collect();
        let y = apply_variadic(Counting(requested.clone()), &x.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!((y.value().data(), y.is_recorded()), (&[5.0; 2][..], set > 0));
        if set > 0 {
            let gradients = tape.backward(&y.sum().unwrap()).unwrap();
            assert_eq!(*requested.borrow(), leaves);
            for (x, leaf) in x.iter().zip(leaves) {
                assert_eq!(gradients.of(x).is_ok_and(|g| g.unwrap().data() == [1.0; 2]), leaf);
            }
        }
    }
}

#[test]
fn concat_makes_no_gradient_for_a_constant_part() {
    let parts = [Tensor::<f32>::zeros([2, 1]), Tensor::zeros([2, 3])];
    let (y, shapes) = Concat { axis: 1 }.forward(&parts.each_ref(), Shape::new(&[2, 4]));
    let g = Tensor::from_fn(y.shape_owned(), |i| i as f32);
    let found = VariadicOp::<f32>::backward(&Concat { axis: 1 }, &shapes, &g, &[false, true]);
    assert!(found[0].is_none());
    assert_eq!(found[1].as_ref().unwrap().data(), [1.0, 2.0, 3.0, 5.0, 6.0, 7.0]);
}
