//! Attention and transformers: against PyTorch's (`golden/attention.json`), captured maps, masks, frozen parts, summaries. The
//! transformers that are exported are here too.

use crate::common::{Portable, digest};
use gradus::autograd::{Tape, Var};
use gradus::models::vit::Vit;
use gradus::nn::summary::summarize;
use gradus::nn::{
    Attention, BlockActivation, BlockSettings, ClassToken, Ctx, Init, Module, NormPlace, Pooling, Position, Sequential,
    TokenPool, TransformerBlock, freeze, parameters,
};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    blocks: Vec<Block>,
    attention: Vec<ByItself>,
}

#[derive(Deserialize)]
struct Block {
    norm: NormPlace,
    activation: BlockActivation,
    causal: bool,
    output: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct ByItself {
    causal: bool,
    output: Vec<f64>,
    maps: Vec<f64>,
    gradient: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/attention.json")).expect("as its maker wrote it")
}

/// N, tokens, numbers of a token, heads, units, as in golden/make_attention.py.
const SIZES: [usize; 5] = [3, 5, 8, 2, 12];

#[track_caller]
fn assert_digest(what: &str, found: &Tensor<f64>, expected: &[f64]) {
    let found = digest(found);
    assert_eq!(found.len(), expected.len(), "{what}");
    for ((found, scale), expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12 * scale.max(1.0), "{what}: {found}, not {expected}");
    }
}

/// Half the sum of squares, as the loss of the goldens.
fn loss(y: &Var<f64>) -> Var<f64> {
    (y * y).sum().unwrap() * 0.5
}

#[test]
fn blocks_are_those_of_pytorch() {
    let [n, tokens, dim, heads, mlp] = SIZES;
    for case in golden().blocks {
        let Block { norm, activation, causal, output, gradients } = case;
        let what = format!("{norm:?}, {activation:?}, causal {causal}");
        let settings = BlockSettings { heads, mlp, norm, activation, causal, ..Default::default() };
        let block = TransformerBlock::<f64>::new(dim, &settings, &mut Rng::new(1, "init", 0)).unwrap();
        let mut portable = Portable::new(5);
        let all = parameters(&block);
        for (_, param) in &all {
            param.set(portable.draw("signed", param.get().shape()).map(|x| x / 4.0));
        }
        let tape = Tape::new();
        let x = tape.leaf(portable.draw("signed", &[n, tokens, dim]));
        let y = block.forward(&x, &mut Ctx::train(&tape, 1, 1)).unwrap();
        assert_digest(&what, y.value(), &output);
        let found = tape.backward(&loss(&y)).unwrap();
        assert_digest(&format!("{what}, input"), found.of(&x).unwrap().unwrap(), &gradients["input"]);
        assert_eq!(gradients.len(), all.len() + 1, "{what}");
        for (name, param) in &all {
            let gradient = found.param(param).unwrap_or_else(|| panic!("{what}: {name} has no gradient"));
            assert_digest(&format!("{what}, {name}"), gradient, &gradients[name]);
        }
    }
}

#[test]
fn attention_is_that_of_pytorch() {
    let [n, tokens, dim, heads, _] = SIZES;
    for case in golden().attention {
        let tape = Tape::new();
        let qkv = tape.leaf(Portable::new(6).draw("signed", &[n, tokens, 3 * dim]));
        let y = qkv.attention(heads, case.causal).unwrap();
        assert_digest("output", y.value(), &case.output);
        assert_digest("maps", qkv.attention_maps(heads, case.causal).unwrap().value(), &case.maps);
        let gradients = tape.backward(&loss(&y)).unwrap();
        assert_digest("gradient", gradients.of(&qkv).unwrap().unwrap(), &case.gradient);
    }
}

fn vit(dropout: f64) -> Sequential {
    let sizes = Vit { input: [1, 12, 12], patch: 4, dim: 16, depth: 2, heads: 4, mlp: 24, dropout, classes: 3 };
    sizes.build(&mut Rng::new(3, "init", 0)).unwrap()
}

/// Capturing changes no bit of the output, whether the maps are captured or not; nor of gradients' values but for rounding.
#[test]
fn maps_are_captured_by_path() {
    let net = vit(0.0);
    let x = Var::constant(Tensor::randn([2, 1, 12, 12], &mut Rng::new(1, "x", 0)));
    let plain = net.forward(&x, &mut Ctx::eval()).unwrap().into_value();
    let maps = |path: &str| path.ends_with("attn.map");
    let mut cx = Ctx::eval().capture(&maps);
    assert_eq!(net.forward(&x, &mut cx).unwrap().value(), &plain);
    let captured = cx.captured();
    let paths: Vec<&str> = captured.iter().map(|layer| layer.path.as_str()).collect();
    assert_eq!(paths, ["block1.attn.map", "block2.attn.map"]);
    for layer in &captured {
        assert_eq!(layer.output.shape(), [2, 4, 10, 10]);
        assert!(layer.output.data().chunks(10).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    }
    // The two halves by themselves have the gradients of the whole.
    let gradients = |capture: bool| {
        let (tape, all) = (Tape::new(), |_: &str| true);
        let mut cx = Ctx::eval_on(&tape);
        if capture {
            cx = cx.capture(&all);
        }
        let loss = net.forward(&x, &mut cx).unwrap().sum().unwrap();
        let found = tape.backward(&loss).unwrap();
        parameters(&net).iter().flat_map(|(_, param)| found.param(param).unwrap().to_vec()).collect::<Vec<f32>>()
    };
    let (whole, halves) = (gradients(false), gradients(true));
    let largest = whole.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(largest > 0.1 && whole.iter().zip(&halves).all(|(a, b)| (a - b).abs() < 1e-5 * largest));
}

/// Under a causal mask no token depends on those behind it; without one, the first does.
#[test]
fn a_causal_mask_hides_what_comes_later() {
    let first = |causal: bool, last: f64| {
        let layer = Attention::<f64>::new(6, 2, causal, Init::XavierUniform, &mut Rng::new(2, "init", 0)).unwrap();
        let mut x = Tensor::randn([1, 4, 6], &mut Rng::new(5, "causal", 0));
        x.data_mut()[18..].fill(last);
        layer.forward(&Var::constant(x), &mut Ctx::eval()).unwrap().value().data()[..18].to_vec()
    };
    assert_eq!(first(true, 1.0), first(true, -3.0));
    assert_ne!(first(false, 1.0), first(false, -3.0));
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let refusal = |y: gradus::Result<Var<f32>>| y.unwrap_err().to_string();
    let zeros = |shape: &[usize]| Var::constant(Tensor::<f32>::zeros(shape));
    assert!(refusal(zeros(&[2, 3, 8]).attention(2, false)).contains("3 D"));
    assert!(refusal(zeros(&[2, 3, 12]).attention(3, false)).contains("3 heads"));
    assert!(refusal(zeros(&[2, 0, 12]).attention(2, false)).contains("[2, 0, 12]"));
    assert!(refusal(zeros(&[2, 12]).attention(2, false)).contains("[2, 12]"));
    let eval = |module: &dyn Module, shape: &[usize]| module.forward(&zeros(shape), &mut Ctx::eval());
    assert!(refusal(eval(&Position::sinusoidal(4, 6), &[1, 5, 6])).contains("[N, 4, 6]"));
    assert!(refusal(eval(&ClassToken::new(6, 0.02, &mut Rng::new(1, "t", 0)), &[1, 5, 7])).contains("[1, 5, 7]"));
    assert!(refusal(eval(&TokenPool(Pooling::Mean), &[1, 0, 7])).contains("at least one"));
    assert!(
        Attention::<f32>::new(6, 4, false, Init::PyTorch, &mut Rng::new(1, "i", 0))
            .unwrap_err()
            .to_string()
            .contains("divides")
    );
}

/// Multiply-adds of a block: 4 D² + 2 D M for each token, and 2 L D for attention itself.
#[test]
fn the_summary_counts_attention() {
    let sizes = Vit { input: [1, 28, 28], patch: 7, dim: 64, depth: 6, heads: 8, mlp: 128, dropout: 0.0, classes: 10 };
    let net: Sequential = sizes.build(&mut Rng::new(0, "init", 0)).unwrap();
    let summary = summarize(&net, &[1, 28, 28]).unwrap();
    let (l, d, m) = (17, 64, 128);
    let block = l * (4 * d * d + 2 * d * m) + 2 * l * l * d;
    assert_eq!(summary.macs, (16 * 49 * d + 6 * block + d * 10) as u64);
    let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap();
    assert_eq!(
        (&row("block3.attn.map").output[..], row("block3.attn.map").macs),
        (&[8, 17, 17][..], (l * l * d) as u64)
    );
    assert_eq!(row("block3.attn.qkv").parameters, 3 * d * (d + 1));
}

/// What is frozen stays, and what is not is trained; dropout draws other masks in each place.
#[test]
fn parts_are_frozen_by_path() {
    let net = vit(0.5);
    freeze(&net, "block1.attn.*").unwrap();
    let tape = Tape::new();
    let x = Var::constant(Tensor::randn([2, 1, 12, 12], &mut Rng::new(1, "x", 0)));
    let y = net.forward(&x, &mut Ctx::train(&tape, 1, 1)).unwrap();
    let found = tape.backward(&y.sum().unwrap()).unwrap();
    for (name, param) in parameters(&net) {
        assert_eq!(found.param(&param).is_some(), !name.starts_with("block1.attn."), "{name}");
    }
}

/// Two transformers, which the tests of exports take.
pub(crate) fn transformers() -> Vec<(&'static str, Box<dyn Module>, Vec<usize>)> {
    let mut rng = Rng::new(4, "init", 0);
    let (norm, activation) = (NormPlace::Post, BlockActivation::GeluTanh);
    let settings = BlockSettings { heads: 2, mlp: 5, norm, activation, causal: true, ..Default::default() };
    let causal = Sequential::new()
        .with("block", TransformerBlock::new(6, &settings, &mut rng).unwrap())
        .with("pool", TokenPool(Pooling::Mean));
    vec![("vit", Box::new(vit(0.1)), vec![1, 12, 12]), ("causal", Box::new(causal), vec![3, 6])]
}
