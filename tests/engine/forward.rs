//! Values and gradients of all ops against PyTorch, on the configurations of `golden/ops.json`.
//!
//! In `f64` digests must agree to 1e-10. In `f32` each element is held against the `f64` run (itself just checked),
//! within the bound that rounding allows.

use crate::common::{Portable, digest};
use gradus::Real;
use gradus::autograd::{Tape, Var};
use gradus::ops::conv_chain::{ChainStage, Filtering};
use gradus::ops::layout::concat;
use gradus::ops::scalar::Gelu;
use gradus::ops::{ClassTarget, Conv2d, ConvTranspose2d, Interpolation, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What may be wrong of a digest, relative to the sum of its terms' absolute values.
const TOLERANCE: f64 = 1e-10;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    op: String,
    inputs: Vec<(String, Vec<usize>)>,
    args: Args,
    shape: Vec<usize>,
    y: Vec<f64>,
    g: Vec<Vec<f64>>,
}

/// The settings of all ops together; each case has those of its own.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Args {
    scale: f64,
    shift: f64,
    p: f64,
    slope: f64,
    alpha: f64,
    eps: f64,
    mean: Vec<f64>,
    variance: Vec<f64>,
    low: f64,
    high: f64,
    value: f64,
    axes: Vec<usize>,
    keep: bool,
    to: Vec<usize>,
    order: Vec<usize>,
    index: Vec<usize>,
    /// By how much a lower limit is lowered.
    down: f64,
    axis: usize,
    heads: usize,
    causal: bool,
    start: usize,
    end: usize,
    before: usize,
    after: usize,
    stride: [usize; 2],
    dilation: [usize; 2],
    /// 0 where the case says nothing of groups.
    groups: usize,
    kernel: [usize; 2],
    padding: serde_json::Value,
    output_padding: [usize; 2],
    /// Of upsampling.
    scale2d: [usize; 2],
    mode: Interpolation,
    stages: Vec<StageArgs>,
    labels: Option<Vec<usize>>,
    weights: Option<Vec<f64>>,
}

/// A stage of a chain of convolutions.
#[derive(Deserialize)]
struct StageArgs {
    transposed: bool,
    relu: bool,
    stride: usize,
    pad: usize,
    extra: usize,
}

impl StageArgs {
    fn stage(&self) -> ChainStage {
        let (stride, padding, dilation, groups) = ([self.stride; 2], [self.pad; 2], [1, 1], 1);
        let filtering = if self.transposed {
            let output_padding = [self.extra; 2];
            Filtering::Transposed(ConvTranspose2d { stride, padding, output_padding, dilation, groups })
        } else {
            Filtering::Conv(Conv2d { stride, padding: Padding::Fixed(padding), dilation, groups })
        };
        ChainStage { filtering, relu: self.relu }
    }
}

impl Args {
    fn conv(&self) -> Conv2d {
        let padding = match self.padding.as_str() {
            Some("valid") => Padding::Valid,
            Some("same") => Padding::Same,
            _ => Padding::Fixed(serde_json::from_value(self.padding.clone()).unwrap()),
        };
        Conv2d { stride: self.stride, padding, dilation: self.dilation, groups: self.groups.max(1) }
    }

    fn transposed(&self) -> ConvTranspose2d {
        ConvTranspose2d {
            stride: self.stride,
            padding: serde_json::from_value(self.padding.clone()).unwrap(),
            output_padding: self.output_padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }

    fn window(&self) -> Window {
        let padding = serde_json::from_value(self.padding.clone()).unwrap();
        Window { kernel: self.kernel, stride: self.stride, padding }
    }
}

static GOLDEN: LazyLock<Vec<Case>> = LazyLock::new(|| {
    serde_json::from_str::<Golden>(include_str!("../golden/ops.json"))
        .expect("golden/ops.json is as its maker wrote it")
        .cases
});

/// Calls the op of a case.
fn call<T: Real>(op: &str, a: &Args, x: &[Var<T>]) -> gradus::Result<Var<T>> {
    match op {
        "neg" => x[0].neg(),
        "affine" => x[0].affine(a.scale, a.shift),
        "exp" => x[0].exp(),
        "log" => x[0].log(),
        "sqrt" => x[0].sqrt(),
        "pow" => x[0].pow(a.p),
        "abs" => x[0].abs(),
        "relu" => x[0].relu(),
        "leaky_relu" => x[0].leaky_relu(a.slope),
        "sin" => x[0].affine(a.scale, a.shift)?.sin(),
        "cos" => x[0].affine(a.scale, a.shift)?.cos(),
        "maximum" => x[0].maximum(&x[1]),
        "minimum" => x[0].minimum(&x[1]),
        // The case with ties has its lower limits moved, so that no two limits are equal.
        "clamp_by" => x[0].clamp_by(&x[1].affine(1.0, -a.down)?, &x[2]),
        "where" => x[0].where_(x[2].value(), &x[1]),
        "gather" => x[0].gather(a.axis, &a.index, &a.to[..]),
        "embedding" => x[0].embedding(&a.index, &a.to[..]),
        "cumsum" => x[0].cumsum(a.axis),
        "sigmoid" => x[0].sigmoid(),
        "tanh" => x[0].tanh(),
        "gelu" => x[0].gelu(),
        "elu" => x[0].elu(a.alpha),
        "softplus" => x[0].softplus(),
        "clamp" => x[0].clamp(a.low, a.high),
        "dropout" => x[0].dropout(a.p, Rng::new(0, "mask", 0)),
        "add" => x[0].add(&x[1]),
        "sub" => x[0].sub(&x[1]),
        "mul" => x[0].mul(&x[1]),
        "div" => x[0].div(&x[1]),
        "sum" => x[0].sum_axes(&a.axes, a.keep),
        "mean" => x[0].mean_axes(&a.axes, a.keep),
        "max" => x[0].max_axes(&a.axes, a.keep),
        "reshape" => x[0].reshape(&a.to[..]),
        "permute" => x[0].permute(&a.order),
        "slice" => x[0].slice(a.axis, a.start..a.end),
        "pad" => x[0].pad(a.axis, a.before, a.after, a.value),
        "concat" => concat(&x.iter().collect::<Vec<_>>(), a.axis),
        "matmul" => x[0].matmul(&x[1]),
        "bmm" => x[0].bmm(&x[1]),
        "linear" => x[0].linear(&x[1], &x[2]),
        "conv2d" | "conv2d_bias" => x[0].conv2d(&x[1], x.get(2), a.conv()),
        "conv_transpose2d" | "conv_transpose2d_bias" => x[0].conv_transpose2d(&x[1], x.get(2), a.transposed()),
        "conv_chain" => {
            let stages: Vec<ChainStage> = a.stages.iter().map(StageArgs::stage).collect();
            let params: Vec<[Var<T>; 2]> = x[1..].as_chunks::<2>().0.to_vec();
            x[0].conv_chain(&stages, &params)
        }
        "upsample" => x[0].upsample(a.scale2d, a.mode),
        "attention" => x[0].attention(a.heads, a.causal),
        "attention_maps" => x[0].attention_maps(a.heads, a.causal),
        "linear_act" => x[0].linear_act(&x[1], &x[2], Gelu),
        "layer_norm" => x[0].layer_norm(&x[1], &x[2], a.eps),
        "reparametrize" => x[0].reparametrize(&x[1], x[2].value()),
        "kl_normal" => x[0].kl_normal(&x[1]),
        "conv2d_block" => x[0].conv2d_block(&x[1], &x[2], a.conv(), true),
        "max_pool2d" => x[0].max_pool2d(a.window()),
        "avg_pool2d" => x[0].avg_pool2d(a.window()),
        "global_avg_pool2d" => x[0].global_avg_pool2d(),
        "softmax" => x[0].softmax(a.axis),
        "log_softmax" => x[0].log_softmax(a.axis),
        "mse" => x[0].mse(&x[1]),
        "batch_norm" if a.mean.is_empty() => Ok(x[0].batch_norm(&x[1], &x[2], a.eps)?.0),
        "batch_norm" => {
            let channels = |v: &[f64]| Tensor::from_f64(v, [v.len()]).expect("one axis");
            x[0].batch_norm_with(&x[1], &x[2], &channels(&a.mean), &channels(&a.variance), a.eps)
        }
        "nll" => {
            let weights = a.weights.as_ref().map(|w| w.iter().map(|&w| T::from_f64(w)).collect::<Vec<_>>());
            x[0].nll(a.labels.as_ref().expect("it is a loss of labels"), weights.as_deref())
        }
        "bce" => x[0].bce(x[1].value()),
        "bce_with_logits" => {
            let positive = a.weights.as_ref().map(|w| Tensor::from_f64(w, [w.len()]).expect("one axis"));
            x[0].bce_with_logits(x[1].value(), positive.as_ref())
        }
        "cross_entropy" => {
            let target = match &a.labels {
                Some(labels) => ClassTarget::Labels(labels),
                None => ClassTarget::Probabilities(x[1].value()),
            };
            match &a.weights {
                Some(w) => x[0].cross_entropy_weighted(target, &w.iter().map(|&w| T::from_f64(w)).collect::<Vec<_>>()),
                None => x[0].cross_entropy(target),
            }
        }
        other => panic!("golden/ops.json has {other}, which this test cannot call"),
    }
}

/// The inputs of case number `index`, and u, the gradient that arrives at y.
fn inputs(index: usize, case: &Case) -> (Vec<Tensor<f64>>, Tensor<f64>) {
    let portable = |i: usize| Portable::new((10 * index + i) as u64);
    let x = case.inputs.iter().enumerate().map(|(i, (kind, shape))| portable(i).draw(kind, shape)).collect();
    (x, portable(9).draw("signed", &case.shape))
}

impl Case {
    /// Which inputs have a gradient.
    fn differentiable(&self) -> Vec<bool> {
        self.inputs.iter().map(|(kind, _)| kind != "probabilities" && kind != "targets").collect()
    }
}

/// y, then the gradients of ⟨u, y⟩ with respect to the inputs that have one, computed in `T`.
fn evaluate<T: Real>(case: &Case, x: &[Tensor<f64>], u: &Tensor<f64>) -> Vec<Tensor<f64>> {
    let (y, gradients) = evaluate_some::<T>(case, x, u, &case.differentiable());
    std::iter::once(y).chain(gradients.into_iter().flatten()).collect()
}

/// y, and the gradients of ⟨u, y⟩ with respect to the inputs that are `leaves`, the others being constants; zeros
/// where y does not depend on one.
fn evaluate_some<T: Real>(
    case: &Case,
    x: &[Tensor<f64>],
    u: &Tensor<f64>,
    leaves: &[bool],
) -> (Tensor<f64>, Vec<Option<Tensor<f64>>>) {
    let tape = Tape::<T>::new();
    let var = |(x, &leaf): (&Tensor<f64>, &bool)| if leaf { tape.leaf(x.cast()) } else { Var::constant(x.cast()) };
    let vars: Vec<Var<T>> = x.iter().zip(leaves).map(var).collect();
    let y = call(&case.op, &case.args, &vars).unwrap_or_else(|e| panic!("{}: {e}", case.op));
    let value = y.value().cast();
    if !y.is_recorded() {
        return (value, vec![None; x.len()]);
    }
    let gradients = tape.backward_from(&y, u.cast()).unwrap();
    let of = |leaf: &Var<T>| gradients.of(leaf).unwrap().map_or_else(|| Tensor::zeros(leaf.shape()), Tensor::cast);
    (value, vars.iter().zip(leaves).map(|(var, &leaf)| leaf.then(|| of(var))).collect())
}

/// What a gradient is does not depend on which other inputs are constants.
#[test]
fn every_subset_of_the_inputs_has_the_gradients_of_all_of_them() {
    for (index, case) in GOLDEN.iter().enumerate() {
        let (x, u) = inputs(index, case);
        let differentiable = case.differentiable();
        let (y, all) = evaluate_some::<f64>(case, &x, &u, &differentiable);
        let count = differentiable.iter().filter(|d| **d).count();
        for set in 0..1_usize << count {
            let mut bit = 0;
            let leaf = |&d: &bool| {
                bit += usize::from(d);
                d && set >> (bit - 1) & 1 == 1
            };
            let leaves: Vec<bool> = differentiable.iter().map(leaf).collect();
            let (value, some) = evaluate_some::<f64>(case, &x, &u, &leaves);
            assert_eq!(value, y, "case {index}, {}: the value with the leaves {leaves:?}", case.op);
            for (i, gradient) in some.iter().enumerate().filter(|(i, _)| leaves[*i]) {
                let what = format!("case {index}, {}: input {i} with the leaves {leaves:?}", case.op);
                assert_eq!(gradient, &all[i], "{what}");
            }
        }
    }
}

#[test]
fn values_and_gradients_in_f64_are_pytorchs() {
    for (index, case) in GOLDEN.iter().enumerate() {
        let (x, u) = inputs(index, case);
        let results = evaluate::<f64>(case, &x, &u);
        assert_eq!(results[0].shape(), case.shape, "case {index}: the shape of {}", case.op);
        let expected: Vec<&Vec<f64>> = std::iter::once(&case.y).chain(&case.g).collect();
        assert_eq!(results.len(), expected.len(), "case {index}");
        for (which, (result, expected)) in results.iter().zip(expected).enumerate() {
            let found = digest(result);
            assert_eq!(found.len(), expected.len(), "case {index}, {}: result {which}", case.op);
            for (&(found, scale), &expected) in found.iter().zip(expected) {
                let what = if which == 0 { "y".into() } else { format!("the gradient of input {}", which - 1) };
                assert!(
                    (found - expected).abs() <= TOLERANCE * scale.max(1e-3),
                    "case {index}, {} {:?}: {what} has {found}, PyTorch {expected}",
                    case.op,
                    case.inputs
                );
            }
        }
    }
}

/// Longest sum behind any one result.
fn longest_sum(case: &Case) -> usize {
    let shape = |i: usize| &case.inputs[i].1;
    match case.op.as_str() {
        "matmul" | "bmm" | "linear" => shape(0).iter().chain(shape(1)).copied().max().unwrap(),
        // The sum of the weight's gradient runs over the input's pixels, that of the bias over the output's.
        "conv_transpose2d" | "conv_transpose2d_bias" => {
            let (x, w, y) = (shape(0), shape(1), &case.shape);
            let sums = [w[0], w[1]].map(|channels| channels * w[2] * w[3]);
            sums.into_iter().chain([x[0] * x[2] * x[3], y[0] * y[2] * y[3]]).max().unwrap()
        }
        "conv2d" | "conv2d_bias" | "conv2d_block" => {
            let (w, y) = (shape(1), &case.shape);
            [w[1] * w[2] * w[3], w[0] * w[2] * w[3], y[0] * y[2] * y[3]].into_iter().max().unwrap()
        }
        "avg_pool2d" => case.args.kernel.iter().product(),
        "max_pool2d" => 16,
        _ => case.inputs.iter().map(|(_, s)| s.iter().product()).max().unwrap(),
    }
}

/// Ops made of products and sums: for them, running on absolute values gives Σ|aᵢbᵢ| for each result.
const MULTILINEAR: [&str; 10] = [
    "matmul",
    "bmm",
    "linear",
    "conv2d",
    "conv2d_bias",
    "conv_transpose2d",
    "conv_transpose2d_bias",
    "upsample",
    "avg_pool2d",
    "mul",
];

/// Rounding allows a sum of n products an error of (n + 2) ε Σ|aᵢbᵢ| (Higham 2002, section 3.1). The other ops do at
/// most some 16 roundings an element, each of numbers no larger than the inputs, results and u together, and then
/// sum over broadcast or reduced axes.
#[test]
fn f32_is_as_near_to_f64_as_rounding_allows() {
    let epsilon = f64::from(f32::EPSILON);
    for (index, case) in GOLDEN.iter().enumerate() {
        let (x, u) = inputs(index, case);
        let (exact, rounded) = (evaluate::<f64>(case, &x, &u), evaluate::<f32>(case, &x, &u));
        let n = longest_sum(case) as f64 + 2.0;
        let sizes = MULTILINEAR
            .contains(&case.op.as_str())
            .then(|| evaluate::<f64>(case, &x.iter().map(|x| x.map(f64::abs)).collect::<Vec<_>>(), &u.map(f64::abs)));
        let largest = |t: &Tensor<f64>| t.data().iter().fold(1.0, |m: f64, v| m.max(v.abs()));
        let overall = x.iter().chain([&u]).map(largest).fold(1.0, f64::max);
        for (which, (exact, rounded)) in exact.iter().zip(&rounded).enumerate() {
            for k in 0..exact.numel() {
                let bound = match &sizes {
                    Some(sizes) => n * epsilon * sizes[which].data()[k],
                    None => (16.0 + n) * epsilon * overall.max(largest(exact)),
                };
                let error = (exact.data()[k] - rounded.data()[k]).abs();
                assert!(
                    error <= bound,
                    "case {index}, {} result {which}[{k}]: off by {error:e}, {bound:e} allowed",
                    case.op
                );
            }
        }
    }
}

#[test]
fn the_goldens_are_many_and_miss_no_op() {
    let mut count = BTreeMap::new();
    GOLDEN.iter().for_each(|case| *count.entry(case.op.as_str()).or_insert(0) += 1);
    assert!(GOLDEN.len() >= 300);
    for row in gradus::gradcheck::table().iter().filter(|row| matches!(row.kind, "op" | "loss")) {
        let op = row.name.split(',').next().unwrap();
        assert!(count.get(op).is_some_and(|&n| n >= 3), "fewer than three golden cases of {op}");
    }
}
