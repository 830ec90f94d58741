//! Elements and rows by their numbers, and running sums: by hand, without elements, and over many repetitions.

use gradus::autograd::{Tape, Var};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

/// Value and gradient of Σ u f(x), where u counts 1, 2, 3, ..
fn run(x: Tensor, f: impl Fn(&Var) -> gradus::Result<Var>) -> [Tensor; 2] {
    let tape = Tape::new();
    let leaf = tape.leaf(x);
    let y = f(&leaf).unwrap();
    let u = Tensor::from_fn(y.shape(), |i| (i + 1) as f32);
    let gradients = tape.backward_from(&y, u).unwrap();
    [y.value().clone(), gradients.of(&leaf).unwrap().unwrap().clone()]
}

fn counting(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |i| i as f32)
}

#[test]
fn gather_by_hand() {
    // Rows 0 1 2 | 3 4 5; from the first 2 and 2, from the second 0 and 1.
    let [y, d] = run(counting(&[2, 3]), |x| x.gather(1, &[2, 2, 0, 1], [2, 2]));
    assert_eq!(y.data(), [2.0, 2.0, 3.0, 4.0]);
    assert_eq!(d.data(), [0.0, 0.0, 1.0 + 2.0, 3.0, 4.0, 0.0]);
    // Along the first axis, of the first two columns alone.
    let [y, d] = run(counting(&[2, 3]), |x| x.gather(0, &[1, 0, 1, 1], [2, 2]));
    assert_eq!(y.data(), [3.0, 1.0, 3.0, 4.0]);
    assert_eq!(d.data(), [0.0, 2.0, 0.0, 1.0 + 3.0, 4.0, 0.0]);
}

#[test]
fn embedding_by_hand() {
    let [y, d] = run(counting(&[3, 2]), |table| table.embedding(&[2, 0, 2], [1, 3]));
    assert_eq!((y.shape(), y.data()), (&[1, 3, 2][..], &[4.0, 5.0, 0.0, 1.0, 4.0, 5.0][..]));
    assert_eq!(d.data(), [3.0, 4.0, 0.0, 0.0, 1.0 + 5.0, 2.0 + 6.0]);
    // One number for a row, and one row.
    let [y, d] = run(counting(&[3]), |table| table.embedding(&[1], []));
    assert_eq!((y.shape(), y.data(), d.data()), (&[][..], &[1.0][..], &[0.0, 1.0, 0.0][..]));
}

#[test]
fn running_sums_by_hand() {
    let [y, d] = run(counting(&[2, 3]), |x| x.cumsum(1));
    assert_eq!(y.data(), [0.0, 1.0, 3.0, 3.0, 7.0, 12.0]);
    assert_eq!(d.data(), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    let [y, d] = run(counting(&[2, 3]), |x| x.cumsum(0));
    assert_eq!(y.data(), [0.0, 1.0, 2.0, 3.0, 5.0, 7.0]);
    assert_eq!(d.data(), [5.0, 7.0, 9.0, 4.0, 5.0, 6.0]);
}

#[test]
fn nothing_can_be_picked_and_summed() {
    for shape in [[0, 3], [3, 0], [0, 0]] {
        let [y, d] = run(counting(&shape), |x| x.cumsum(0));
        assert_eq!((y.shape(), d.shape()), (&shape[..], &shape[..]));
        let [y, d] = run(counting(&shape), |x| x.gather(1, &[], [0, 0]));
        assert_eq!((y.shape(), d.shape()), (&[0, 0][..], &shape[..]));
    }
    let [y, d] = run(counting(&[4, 2]), |table| table.embedding(&[], [0]));
    assert_eq!((y.shape(), d.data()), (&[0, 2][..], &[0.0; 8][..]));
    let [y, d] = run(counting(&[4, 0]), |table| table.embedding(&[3, 3], [2]));
    assert_eq!((y.shape(), d.shape()), (&[2, 0][..], &[4, 0][..]));
}

/// One row taken 100,000 times: in a running sum of `f32` each addition of 0.1 would be rounded to the size of the sum.
#[test]
fn many_repetitions_lose_no_digits() {
    let index = vec![1; 100_000];
    let tape = Tape::new();
    let table = tape.leaf(Tensor::<f32>::zeros([2, 3]));
    let y = table.embedding(&index, [index.len()]).unwrap();
    let seed = Tensor::full(y.shape(), 0.1);
    let gradients = tape.backward_from(&y, seed).unwrap();
    let found = gradients.of(&table).unwrap().unwrap().data().to_vec();
    let exact = 1e5 * f64::from(0.1f32);
    assert!(
        found[..3] == [0.0; 3] && found[3..].iter().all(|&g| (f64::from(g) / exact - 1.0).abs() < 1e-6),
        "{found:?}"
    );
    // The same of a running sum, at its end and backward at its beginning.
    let [y, d] = {
        let tape = Tape::new();
        let x = tape.leaf(Tensor::full([100_000], 0.1f32));
        let y = x.cumsum(0).unwrap();
        let gradients = tape.backward_from(&y, Tensor::full([100_000], 0.1)).unwrap();
        [y.value().data()[99_999], gradients.of(&x).unwrap().unwrap().data()[0]]
    };
    assert!([y, d].iter().all(|&sum| (f64::from(sum) / exact - 1.0).abs() < 1e-7), "{y} {d}");
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // Large enough that the work is split, and odd, so that the last piece is a short one.
    let run = || {
        let mut rng = Rng::new(1, "large", 0);
        let tape = Tape::<f32>::new();
        let table = tape.leaf(Tensor::randn([97, 61], &mut rng));
        let index: Vec<usize> = (0..1003).map(|_| rng.below(97)).collect();
        let words = table.embedding(&index, [17, 59]).unwrap().cumsum(1).unwrap();
        let along: Vec<usize> = (0..17 * 201 * 61).map(|_| rng.below(59)).collect();
        let picked = words.gather(1, &along, [17, 201, 61]).unwrap();
        let waves = picked.sin().unwrap().maximum(&picked.cos().unwrap()).unwrap();
        let chosen = waves.where_(&picked.value().map(f32::floor), &(&waves * 2.0)).unwrap();
        let bits = |x: &Tensor| x.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let value = bits(chosen.value());
        let gradients = tape.backward(&chosen.sum().unwrap()).unwrap();
        (value, bits(gradients.of(&table).unwrap().unwrap()))
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let on_one = on(1);
    assert!([2, 3, 8].into_iter().all(|threads| on(threads) == on_one));
}
