//! Attention against the reference, bit for bit where products are fused, and against its formula in double precision.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::attention::{Attention, ROWS, backward, forward, maps};
use gradus_kernels::{Scalar, dispatch, reference};

/// Y, the maps, and the gradient of the packed rows.
fn run<T: Scalar>(g: &Attention, qkv: &[T], dy: &[T]) -> Vec<T> {
    let nan = |len: usize| vec![T::NAN; len];
    let mut y = nan(dy.len());
    let (mut kept, mut p, mut dqkv) = (nan(2 * g.n * g.heads * g.tokens), nan(g.maps().unwrap()), nan(qkv.len()));
    forward(g, qkv, &mut y, &mut kept);
    maps(g, qkv, &mut p);
    backward(g, qkv, &kept, dy, &mut dqkv);
    [y, p, dqkv].concat()
}

fn expected<T: Scalar>(g: &Attention, qkv: &[T], dy: &[T]) -> Vec<T> {
    let [y, p] = reference::attention_forward(g, qkv);
    [y, p, reference::attention_backward(g, qkv, dy)].concat()
}

/// Sizes of all sorts: one token, one head, ragged lanes, heads of one number, more tokens than one block of queries.
fn cases() -> impl Iterator<Item = Attention> {
    let sizes = [
        [1, 1, 1, 1],
        [2, 17, 8, 8],
        [3, 5, 2, 3],
        [2, 16, 1, 32],
        [17, 2, 3, 1],
        [1, 50, 4, 24],
        [1, 64, 2, 16],
        [2, 9, 5, 200],
    ];
    let long = [1, ROWS + 3, 1, 4];
    sizes
        .into_iter()
        .chain([long])
        .flat_map(|[n, tokens, heads, depth]| [false, true].map(|causal| Attention { n, tokens, heads, depth, causal }))
}

fn data(g: &Attention, spread: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut data, len) = (Data::new(g.tokens as u64), g.n * g.tokens * g.heads * g.depth);
    (data.floats(3 * len).into_iter().map(|x| spread * x).collect(), data.floats(len))
}

#[test]
fn bits_are_those_of_the_reference() {
    for g in cases() {
        let (qkv, dy) = data(&g, 3.0);
        let expected = expected(&g, &qkv, &dy);
        for isa in fused_levels() {
            for threads in [1, 2, 3, 8] {
                let got = on_threads(threads, || dispatch::with(isa, || run(&g, &qkv, &dy)));
                assert_bits(&got, &expected, &format!("{g:?}, {isa:?}, {threads} threads"));
            }
        }
    }
}

/// Every level, in single and in double precision, is as close to the formula in double precision as its digits allow.
#[test]
fn values_are_those_of_the_formula() {
    for g in cases() {
        let (qkv, dy) = data(&g, 3.0);
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let exact = expected(&g, &wide(&qkv), &wide(&dy));
        let largest = exact.iter().fold(1.0f64, |most, x| most.max(x.abs()));
        let double = run(&g, &wide(&qkv), &wide(&dy));
        assert!(double.iter().zip(&exact).all(|(got, x)| (got - x).abs() < 1e-13 * largest), "{g:?}");
        for &isa in dispatch::variants() {
            let single = dispatch::with(isa, || run(&g, &qkv, &dy));
            let far = single.iter().zip(&exact).map(|(&got, x)| (f64::from(got) - x).abs()).fold(0.0, f64::max);
            assert!(far < 4e-6 * largest, "{g:?}, {isa:?}: {far:e} of {largest}");
        }
    }
}

/// Each row of a map sums to 1, and under a causal mask nothing behind the diagonal counts: neither its weight nor its
/// number, be it infinite. Scores that no exponential function can hold give 0 and 1.
#[test]
fn masks_and_extremes() {
    let g = Attention { n: 1, tokens: 4, heads: 1, depth: 2, causal: true };
    let (mut qkv, dy) = data(&g, 1.0);
    let before = run(&g, &qkv, &dy);
    let p = &before[8..24];
    assert!(p.chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6), "{p:?}");
    assert!((0..4).all(|i| p[4 * i + i + 1..4 * (i + 1)].iter().all(|&p| p == 0.0)), "{p:?}");
    // Another key and another value of the last token change the last token alone.
    qkv[3 * 6 + 2..].fill(7.0);
    let after = run(&g, &qkv, &dy);
    assert_eq!(before[..6], after[..6]);
    assert_ne!(before[6..8], after[6..8]);
    let steep = Attention { causal: false, ..g };
    let (far, dy) = data(&steep, 1e4);
    assert!(run(&steep, &far, &dy).iter().all(|x| x.is_finite()));
}

#[test]
#[should_panic(expected = "attention: the lengths do not fit")]
fn lengths_are_checked() {
    let g = Attention { n: 1, tokens: 2, heads: 1, depth: 2, causal: false };
    forward(&g, &[0.0f32; 12], &mut [0.0; 3], &mut [0.0; 4]);
}
