//! The rows: op by op, layer by layer, and some whole networks.

use super::row::{
    Input, Row, away_from_0, beside, between, distribution, example, kinked, kinked_model, layer, loss, normal,
    positive, smooth,
};
use crate::autograd::Var;
use crate::models::cnn::Cnn;
use crate::models::mlp::mlp;
use crate::models::resnet::{ResNet, Shortcut, Stem};
use crate::models::vit::Vit;
use crate::nn::{self, Activation, Init, Sequential};
use crate::ops::conv_chain::{ChainStage, Filtering};
use crate::ops::latent::standard_normals;
use crate::ops::layout::concat;
use crate::ops::scalar::Gelu;
use crate::ops::{ClassTarget, Conv2d, ConvTranspose2d, Interpolation, Padding, Window};
use crate::rng::Rng;
use crate::tensor::Tensor;

/// All rows.
pub fn table() -> Vec<Row> {
    [
        elementwise(),
        arithmetic(),
        reductions(),
        layout(),
        products(),
        convolutions(),
        transposed_convolutions(),
        latents(),
        pooling(),
        softmax_and_losses(),
        normalizations(),
        layers(),
        models(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn elementwise() -> Vec<Row> {
    vec![
        smooth("neg", &[(normal, &[2, 3])], |x| x[0].neg()),
        smooth("affine", &[(normal, &[2, 3])], |x| x[0].affine(-1.5, 0.3)),
        smooth("exp", &[(normal, &[2, 3])], |x| x[0].exp()),
        smooth("log", &[(positive, &[2, 3])], |x| x[0].log()),
        smooth("sin", &[(normal, &[2, 3])], |x| x[0].sin()),
        smooth("cos", &[(normal, &[2, 3])], |x| x[0].cos()),
        smooth("sqrt", &[(positive, &[2, 3])], |x| x[0].sqrt()),
        smooth("pow, 0", &[(normal, &[2, 3])], |x| x[0].pow(0.0)),
        smooth("pow, 1", &[(normal, &[2, 3])], |x| x[0].pow(1.0)),
        smooth("pow, 2 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(2.0)),
        smooth("pow, 3 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(3.0)),
        smooth("pow, 4 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(4.0)),
        smooth("pow, -1.7", &[(positive, &[2, 3])], |x| x[0].pow(-1.7)),
        kinked("abs", &[(away_from_0, &[3, 5])], |x| x[0].abs()),
        kinked("relu", &[(away_from_0, &[3, 5])], |x| x[0].relu()),
        kinked("leaky_relu", &[(away_from_0, &[3, 5])], |x| x[0].leaky_relu(0.2)),
        kinked("clamp", &[(away_from_0, &[4, 5])], |x| x[0].clamp(-0.4, 0.6)),
        smooth("sigmoid", &[(normal, &[2, 3])], |x| x[0].sigmoid()),
        smooth("tanh", &[(normal, &[2, 3])], |x| x[0].tanh()),
        smooth("gelu", &[(normal, &[3, 4])], |x| x[0].gelu()),
        kinked("elu", &[(away_from_0, &[3, 5])], |x| x[0].elu(1.0)),
        kinked("elu, 0.3", &[(away_from_0, &[3, 5])], |x| x[0].elu(0.3)),
        smooth("softplus", &[(normal, &[3, 4])], |x| x[0].softplus()),
        smooth("softplus, further from 0", &[(normal, &[3, 4])], |x| x[0].affine(3.0, 0.0)?.softplus()),
        smooth("dropout, one fixed mask", &[(normal, &[4, 5])], |x| x[0].dropout(0.4, Rng::new(1, "mask", 0))),
    ]
}

fn arithmetic() -> Vec<Row> {
    vec![
        smooth("add", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].add(&x[1])),
        smooth("add, row to matrix", &[(normal, &[4, 3]), (normal, &[3])], |x| x[0].add(&x[1])),
        smooth("add, column to row", &[(normal, &[4, 1]), (normal, &[1, 3])], |x| x[0].add(&x[1])),
        smooth("sub", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].sub(&x[1])),
        smooth("sub, matrix from scalar", &[(normal, &[]), (normal, &[2, 3])], |x| x[0].sub(&x[1])),
        smooth("mul", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].mul(&x[1])),
        smooth("mul, with itself", &[(normal, &[2, 3])], |x| x[0].mul(&x[0])),
        smooth("mul, middle axis repeated", &[(normal, &[2, 1, 3]), (normal, &[4, 1])], |x| x[0].mul(&x[1])),
        smooth("div", &[(normal, &[2, 3]), (positive, &[2, 3])], |x| x[0].div(&x[1])),
        smooth("div, by a row", &[(normal, &[2, 4, 3]), (positive, &[1, 3])], |x| x[0].div(&x[1])),
        kinked("maximum", &[(away_from_0, &[3, 5]), (beside, &[3, 5])], |x| x[0].maximum(&x[1])),
        kinked("maximum, by a column", &[(away_from_0, &[3, 5]), (beside, &[3, 1])], |x| x[0].maximum(&x[1])),
        kinked("minimum", &[(away_from_0, &[3, 5]), (beside, &[3, 5])], |x| x[0].minimum(&x[1])),
        kinked("minimum, row with column", &[(away_from_0, &[5]), (beside, &[3, 1])], |x| x[0].minimum(&x[1])),
        kinked("clamp_by", &[(away_from_0, &[3, 5]), (beside, &[5]), (between, &[3, 1])], |x| {
            x[0].clamp_by(&x[1], &x[2])
        }),
        smooth("where", &[(normal, &[3, 4]), (normal, &[3, 4])], |x| x[0].where_(&every_third(&[3, 4]), &x[1])),
        smooth("where, a scalar or a row", &[(normal, &[]), (normal, &[4])], |x| {
            x[0].where_(&every_third(&[3, 4]), &x[1])
        }),
    ]
}

/// A mask that chooses each third element.
fn every_third(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| if i % 3 == 0 { 1.0 } else { 0.0 })
}

fn reductions() -> Vec<Row> {
    vec![
        smooth("cumsum, last axis", &[(normal, &[2, 5])], |x| x[0].cumsum(1)),
        smooth("cumsum, middle axis", &[(normal, &[2, 5, 3])], |x| x[0].cumsum(1)),
        smooth("sum, all", &[(normal, &[2, 3, 4])], |x| x[0].sum()),
        smooth("sum, outer axes", &[(normal, &[2, 3, 4])], |x| x[0].sum_axes(&[0, 2], false)),
        smooth("sum, middle axis kept", &[(normal, &[2, 3, 4])], |x| x[0].sum_axes(&[1], true)),
        smooth("mean, all", &[(normal, &[2, 3, 4])], |x| x[0].mean()),
        smooth("mean, last axes kept", &[(normal, &[2, 3, 4])], |x| x[0].mean_axes(&[1, 2], true)),
        kinked("max, all", &[(away_from_0, &[2, 3, 4])], |x| x[0].max()),
        kinked("max, first and last axis", &[(away_from_0, &[2, 3, 4])], |x| x[0].max_axes(&[0, 2], false)),
        kinked("max, middle axis kept", &[(away_from_0, &[2, 3, 4])], |x| x[0].max_axes(&[1], true)),
    ]
}

fn layout() -> Vec<Row> {
    vec![
        smooth("reshape", &[(normal, &[2, 6])], |x| x[0].reshape([3, 4])),
        smooth("reshape, flatten", &[(normal, &[2, 3, 2])], |x| x[0].flatten()),
        smooth("reshape, unflatten", &[(normal, &[2, 12])], |x| x[0].unflatten(&[3, 2, 2])),
        smooth("permute", &[(normal, &[2, 3, 4, 5])], |x| x[0].permute(&[2, 0, 3, 1])),
        smooth("slice, middle axis", &[(normal, &[3, 5, 2])], |x| x[0].slice(1, 1..4)),
        smooth("slice, last axis", &[(normal, &[3, 5])], |x| x[0].slice(1, 3..5)),
        smooth("gather, some twice", &[(normal, &[3, 4])], |x| x[0].gather(1, &[3, 0, 0, 0, 1, 1], [2, 3])),
        smooth("gather, first of three axes", &[(normal, &[4, 2, 2])], |x| {
            x[0].gather(0, &[3, 1, 0, 0, 2, 1, 3, 3], [2, 2, 2])
        }),
        smooth("embedding", &[(normal, &[5, 3])], |x| x[0].embedding(&[4, 0, 1, 0, 0, 2], [2, 3])),
        smooth("embedding, of numbers", &[(normal, &[4])], |x| x[0].embedding(&[3, 3, 1], [3])),
        smooth("pad, middle axis", &[(normal, &[2, 3, 2])], |x| x[0].pad(1, 2, 1, 0.7)),
        smooth("pad, first axis, behind only", &[(normal, &[2, 3])], |x| x[0].pad(0, 0, 2, 0.0)),
        smooth(
            "concat, four of different lengths",
            &[(normal, &[2, 1, 3]), (normal, &[2, 4, 3]), (normal, &[2, 2, 3]), (normal, &[2, 1, 3])],
            |x| concat(&[&x[0], &x[1], &x[2], &x[3]], 1),
        ),
        smooth("concat, with itself", &[(normal, &[2, 3])], |x| concat(&[&x[0], &x[0]], 0)),
    ]
}

fn products() -> Vec<Row> {
    vec![
        smooth("matmul", &[(normal, &[3, 5]), (normal, &[5, 2])], |x| x[0].matmul(&x[1])),
        smooth("matmul, with itself", &[(normal, &[3, 3])], |x| x[0].matmul(&x[0])),
        smooth("bmm", &[(normal, &[2, 3, 5]), (normal, &[2, 5, 2])], |x| x[0].bmm(&x[1])),
        smooth("bmm, many small ones", &[(normal, &[9, 2, 1]), (normal, &[9, 1, 3])], |x| x[0].bmm(&x[1])),
        smooth("bmm, with itself", &[(normal, &[2, 3, 3])], |x| x[0].bmm(&x[0])),
        smooth("linear", &[(normal, &[4, 5]), (normal, &[3, 5]), (normal, &[3])], |x| x[0].linear(&x[1], &x[2])),
        smooth("linear_act, gelu", &[(normal, &[20, 5]), (normal, &[3, 5]), (normal, &[3])], |x| {
            x[0].linear_act(&x[1], &x[2], Gelu)
        }),
        smooth("attention", &[(normal, &[2, 3, 12])], |x| x[0].attention(2, false)),
        smooth("attention, causal", &[(normal, &[1, 5, 9])], |x| x[0].attention(1, true)),
        smooth("attention_maps", &[(normal, &[2, 3, 12])], |x| x[0].attention_maps(2, false)),
        smooth("attention_maps, causal", &[(normal, &[1, 4, 9])], |x| x[0].attention_maps(3, true)),
    ]
}

/// A convolution's settings, in short.
fn conv(stride: [usize; 2], padding: Padding, dilation: [usize; 2]) -> Conv2d {
    Conv2d { stride, padding, dilation, groups: 1 }
}

fn convolutions() -> Vec<Row> {
    use Padding::{Fixed, Same, Valid};
    vec![
        smooth("conv2d, 3x3", &[(normal, &[2, 3, 5, 6]), (normal, &[4, 3, 3, 3])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [1, 1]))
        }),
        smooth("conv2d, stride 2 down, 1 across", &[(normal, &[2, 2, 7, 5]), (normal, &[3, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, conv([2, 1], Valid, [1, 1]))
        }),
        smooth("conv2d, dilation 2 down, 3 across", &[(normal, &[1, 2, 7, 9]), (normal, &[2, 2, 2, 3])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [2, 3]))
        }),
        smooth("conv2d, 1x1", &[(normal, &[2, 3, 4, 3]), (normal, &[5, 3, 1, 1])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [1, 1]))
        }),
        smooth("conv2d_bias, same", &[(normal, &[2, 2, 5, 4]), (normal, &[3, 2, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), conv([1, 1], Same, [1, 1]))
        }),
        smooth(
            "conv2d_bias, same with an even kernel",
            &[(normal, &[2, 2, 5, 6]), (normal, &[3, 2, 2, 4]), (normal, &[3])],
            |x| x[0].conv2d(&x[1], Some(&x[2]), conv([1, 1], Same, [1, 1])),
        ),
        smooth(
            "conv2d_bias, stride, padding and dilation all different",
            &[(normal, &[2, 3, 8, 7]), (normal, &[2, 3, 3, 2]), (normal, &[2])],
            |x| x[0].conv2d(&x[1], Some(&x[2]), conv([2, 3], Fixed([2, 1]), [1, 2])),
        ),
        smooth("conv2d, two groups", &[(normal, &[2, 4, 5, 4]), (normal, &[6, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, Conv2d { groups: 2, ..conv([1, 2], Valid, [1, 1]) })
        }),
        smooth("conv2d_bias, depthwise", &[(normal, &[2, 3, 5, 4]), (normal, &[3, 1, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), Conv2d { groups: 3, ..conv([1, 1], Same, [1, 1]) })
        }),
    ]
}

fn transposed_convolutions() -> Vec<Row> {
    vec![
        smooth("conv_transpose2d, 3x3", &[(normal, &[2, 3, 4, 3]), (normal, &[3, 2, 3, 3])], |x| {
            x[0].conv_transpose2d(&x[1], None, ConvTranspose2d::default())
        }),
        smooth("conv_transpose2d, two groups", &[(normal, &[2, 4, 3, 4]), (normal, &[4, 3, 2, 3])], |x| {
            let settings = ConvTranspose2d { stride: [2, 1], groups: 2, ..Default::default() };
            x[0].conv_transpose2d(&x[1], None, settings)
        }),
        smooth(
            "conv_transpose2d_bias, as a decoder has it",
            &[(normal, &[2, 3, 4, 4]), (normal, &[3, 2, 3, 3]), (normal, &[2])],
            |x| x[0].conv_transpose2d(&x[1], Some(&x[2]), doubling()),
        ),
        smooth(
            "conv_transpose2d_bias, all settings different",
            &[(normal, &[2, 2, 4, 3]), (normal, &[2, 3, 3, 2]), (normal, &[3])],
            |x| {
                let (stride, padding, dilation) = ([3, 2], [1, 2], [2, 3]);
                let settings = ConvTranspose2d { stride, padding, output_padding: [2, 1], dilation, groups: 1 };
                x[0].conv_transpose2d(&x[1], Some(&x[2]), settings)
            },
        ),
        smooth(
            "conv_chain, down and up",
            &[
                (normal, &[2, 1, 6, 5]),
                (normal, &[3, 1, 3, 3]),
                (normal, &[3]),
                (normal, &[3, 2, 3, 2]),
                (normal, &[2]),
            ],
            |x| {
                let down = Filtering::Conv(conv([2, 1], Padding::Fixed([1, 0]), [1, 1]));
                let up = Filtering::Transposed(ConvTranspose2d { stride: [2, 2], ..Default::default() });
                let stages = [ChainStage { filtering: down, relu: false }, ChainStage { filtering: up, relu: false }];
                x[0].conv_chain(&stages, &[[x[1].clone(), x[2].clone()], [x[3].clone(), x[4].clone()]])
            },
        ),
        smooth(
            "conv_chain, ReLUs far from their kinks",
            &[
                (normal, &[1, 2, 3, 3]),
                (normal, &[2, 3, 2, 2]),
                (normal, &[3]),
                (normal, &[3, 3, 2, 2]),
                (normal, &[3]),
            ],
            |x| {
                let up = Filtering::Transposed(doubling_by_two());
                let across = Filtering::Conv(conv([1, 1], Padding::Valid, [1, 1]));
                let stages = [up, across].map(|filtering| ChainStage { filtering, relu: true });
                // Alive, dead, alive.
                let far = |bias: &Var<f64>, by: f64| bias.add(&Var::constant(Tensor::from_f64(&[by, -by, by], [3])?));
                x[0].conv_chain(&stages, &[[x[1].clone(), far(&x[2], 10.0)?], [x[3].clone(), far(&x[4], 200.0)?]])
            },
        ),
        smooth("upsample, nearest", &[(normal, &[2, 2, 3, 4])], |x| x[0].upsample([2, 3], Interpolation::Nearest)),
        smooth("upsample, bilinear", &[(normal, &[2, 2, 3, 4])], |x| x[0].upsample([2, 3], Interpolation::Bilinear)),
        smooth("upsample, bilinear from one row", &[(normal, &[1, 2, 1, 3])], |x| {
            x[0].upsample([4, 1], Interpolation::Bilinear)
        }),
    ]
}

/// From H x W to 2 H x 2 W by 3 x 3 filters.
fn doubling() -> ConvTranspose2d {
    ConvTranspose2d { stride: [2, 2], padding: [1, 1], output_padding: [1, 1], ..Default::default() }
}

/// From H x W to 2 H x 2 W by 2 x 2 filters, which do not overlap.
fn doubling_by_two() -> ConvTranspose2d {
    ConvTranspose2d { stride: [2, 2], ..Default::default() }
}

fn latents() -> Vec<Row> {
    vec![
        smooth("reparametrize", &[(normal, &[3, 4]), (normal, &[3, 4])], |x| {
            x[0].reparametrize(&x[1], &standard_normals([3, 4], Rng::new(1, "noise", 0)))
        }),
        smooth("reparametrize, maps", &[(normal, &[2, 1, 2, 3]), (normal, &[2, 1, 2, 3])], |x| {
            x[0].reparametrize(&x[1], &standard_normals([2, 1, 2, 3], Rng::new(2, "noise", 0)))
        }),
        smooth("kl_normal", &[(normal, &[3, 4]), (normal, &[3, 4])], |x| x[0].kl_normal(&x[1])),
        smooth("kl_normal, maps", &[(normal, &[2, 1, 2, 3]), (normal, &[2, 1, 2, 3])], |x| x[0].kl_normal(&x[1])),
    ]
}

/// A pooling window, in short.
fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
    Window { kernel, stride, padding }
}

fn pooling() -> Vec<Row> {
    vec![
        kinked("max_pool2d, 2x2", &[(away_from_0, &[2, 2, 4, 6])], |x| x[0].max_pool2d(Window::square(2))),
        kinked("max_pool2d, overlapping and padded", &[(away_from_0, &[2, 2, 5, 6])], |x| {
            x[0].max_pool2d(window([3, 2], [2, 1], [1, 1]))
        }),
        kinked("max_pool2d, odd sizes with a rest", &[(away_from_0, &[1, 2, 7, 5])], |x| {
            x[0].max_pool2d(window([2, 3], [3, 2], [0, 0]))
        }),
        kinked("conv2d_block, same", &[(normal, &[2, 2, 6, 5]), (normal, &[3, 2, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d_block(&x[1], &x[2], conv([1, 1], Padding::Same, [1, 1]), true)
        }),
        kinked(
            "conv2d_block, valid, without ReLU",
            &[(normal, &[1, 3, 7, 8]), (normal, &[2, 3, 2, 3]), (normal, &[2])],
            |x| x[0].conv2d_block(&x[1], &x[2], conv([1, 1], Padding::Valid, [1, 1]), false),
        ),
        smooth("avg_pool2d, 2x2", &[(normal, &[2, 2, 4, 6])], |x| x[0].avg_pool2d(Window::square(2))),
        smooth("avg_pool2d, overlapping and padded", &[(normal, &[2, 2, 5, 6])], |x| {
            x[0].avg_pool2d(window([3, 2], [2, 1], [1, 1]))
        }),
        smooth("global_avg_pool2d", &[(normal, &[2, 3, 4, 5])], |x| x[0].global_avg_pool2d()),
        smooth("global_avg_pool2d, one pixel", &[(normal, &[2, 3, 1, 1])], |x| x[0].global_avg_pool2d()),
    ]
}

fn softmax_and_losses() -> Vec<Row> {
    const LABELS: [usize; 4] = [2, 0, 1, 2];
    const WEIGHTS: [f64; 3] = [0.5, 2.0, 1.25];
    vec![
        smooth("softmax, last axis", &[(normal, &[4, 3])], |x| x[0].softmax(1)),
        smooth("softmax, middle axis", &[(normal, &[2, 4, 3])], |x| x[0].softmax(1)),
        smooth("log_softmax, last axis", &[(normal, &[4, 3])], |x| x[0].log_softmax(1)),
        smooth("log_softmax, first axis", &[(normal, &[4, 3])], |x| x[0].log_softmax(0)),
        loss("cross_entropy, labels", &[4, 3], |x, _| x.cross_entropy(ClassTarget::Labels(&LABELS))),
        loss("cross_entropy, labels and class weights", &[4, 3], |x, _| {
            x.cross_entropy_weighted(ClassTarget::Labels(&LABELS), &WEIGHTS)
        }),
        loss("cross_entropy, soft targets", &[4, 3], |x, mut rng| {
            x.cross_entropy(ClassTarget::Probabilities(&distribution(4, 3, &mut rng)))
        }),
        loss("cross_entropy, soft targets and class weights", &[4, 3], |x, mut rng| {
            x.cross_entropy_weighted(ClassTarget::Probabilities(&distribution(4, 3, &mut rng)), &WEIGHTS)
        }),
        loss("nll, labels", &[4, 3], |x, _| x.nll(&LABELS, None)),
        loss("nll, labels and class weights", &[4, 3], |x, _| x.nll(&LABELS, Some(&WEIGHTS))),
        loss("bce, of sigmoids", &[4, 3], |x, mut rng| x.sigmoid()?.bce(&distribution(4, 3, &mut rng))),
        loss("bce, hard targets", &[2, 3], |x, _| {
            x.sigmoid()?.bce(&Tensor::from_fn([2, 3], |i| if i % 2 == 0 { 1.0 } else { 0.0 }))
        }),
        loss("bce_with_logits", &[4, 3], |x, mut rng| x.bce_with_logits(&distribution(4, 3, &mut rng), None)),
        loss("bce_with_logits, positive weights", &[4, 3], |x, mut rng| {
            x.bce_with_logits(&distribution(4, 3, &mut rng), Some(&positive(&[3], &mut rng)))
        }),
        smooth("mse", &[(normal, &[3, 4]), (normal, &[3, 4])], |x| x[0].mse(&x[1])).kind("loss"),
    ]
}

fn normalizations() -> Vec<Row> {
    const IMAGES: &[Input] = &[(normal, &[3, 2, 2, 3]), (normal, &[2]), (normal, &[2])];
    vec![
        smooth("batch_norm, features", &[(normal, &[6, 3]), (normal, &[3]), (normal, &[3])], |x| {
            Ok(x[0].batch_norm(&x[1], &x[2], 1e-5)?.0)
        }),
        smooth("batch_norm, images, a large eps", IMAGES, |x| Ok(x[0].batch_norm(&x[1], &x[2], 0.5)?.0)),
        smooth("layer_norm, last axis", &[(normal, &[4, 5]), (normal, &[5]), (normal, &[5])], |x| {
            x[0].layer_norm(&x[1], &x[2], 1e-5)
        }),
        smooth(
            "layer_norm, pictures, a large eps",
            &[(normal, &[3, 2, 2, 3]), (normal, &[2, 2, 3]), (normal, &[2, 2, 3])],
            |x| x[0].layer_norm(&x[1], &x[2], 0.5),
        ),
        smooth("batch_norm, given statistics", IMAGES, |x| {
            let (mean, variance) = (Tensor::from_f64(&[0.3, -1.0], [2])?, Tensor::from_f64(&[0.5, 2.0], [2])?);
            x[0].batch_norm_with(&x[1], &x[2], &mean, &variance, 1e-5)
        }),
    ]
}

/// The layers by the examples that they give, and what no file makes of them.
fn layers() -> Vec<Row> {
    let made_here = vec![
        layer("Linear, of sequences", (normal, &[2, 3, 5]), |rng| Box::new(nn::Linear::new(5, 4, Init::PyTorch, rng))),
        layer("Standardize", (normal, &[3, 4]), |_| {
            let numbers = |from: f64| Tensor::from_fn([4], |i| from + 0.25 * i as f64);
            Box::new(nn::Standardize::new(numbers(-0.5), numbers(0.75)).expect("a std for each mean"))
        }),
        layer("TiedLinear, to its encoder", (normal, &[3, 4]), |rng| {
            let encoder = nn::Linear::new(4, 2, Init::PyTorch, rng);
            let decoder = nn::TiedLinear::new(&encoder);
            Box::new(Sequential::new().with("encoder", encoder).with("decoder", decoder))
        }),
        layer("ConvTranspose2d, tied to its encoder", (normal, &[2, 2, 5, 5]), |rng| {
            let settings = conv([2, 2], Padding::Fixed([1, 1]), [1, 1]);
            let encoder = nn::Conv2d::new(2, 3, [3, 3], settings, Init::PyTorch, rng);
            let back = ConvTranspose2d { output_padding: [0, 0], ..doubling() };
            let decoder = nn::ConvTranspose2d::tied(&encoder, back);
            Box::new(Sequential::new().with("encoder", encoder).with("decoder", decoder))
        }),
        layer("Sequential, linear, tanh, linear", (normal, &[3, 4]), |rng| {
            let first = nn::Linear::new(4, 5, Init::XavierUniform, rng);
            let second = nn::Linear::new(5, 2, Init::XavierUniform, rng);
            Box::new(Sequential::new().with("fc1", first).with("tanh", Activation::Tanh).with("fc2", second))
        }),
        layer("Residual", (normal, &[3, 4]), |rng| Box::new(nn::Residual::new(dense(4, 4, rng)))),
        layer("Residual, with a shortcut", (normal, &[3, 4]), |rng| {
            let shortcut = Sequential::new().with("fc", nn::Linear::new(4, 2, Init::PyTorch, rng));
            Box::new(nn::Residual::new(dense(4, 2, rng)).with_shortcut(shortcut))
        }),
        layer("Residual, with stochastic depth, one fixed mask", (normal, &[5, 4]), |rng| {
            Box::new(nn::Residual::new(dense(4, 4, rng)).with_drop(0.5).expect("a probability"))
        }),
        layer("Parallel, concatenated", (normal, &[3, 4]), |rng| {
            let branches = nn::Parallel::new(nn::Join::Concat).with("a", dense(4, 2, rng)).with("b", dense(4, 3, rng));
            Box::new(branches.with("same", Sequential::new()))
        }),
        layer("Parallel, added up", (normal, &[3, 4]), |rng| {
            Box::new(nn::Parallel::new(nn::Join::Sum).with("a", dense(4, 2, rng)).with("b", dense(4, 2, rng)))
        }),
    ];
    nn::layer_examples().into_iter().map(example).chain(made_here).collect()
}

/// A fully connected layer and tanh.
fn dense(inputs: usize, outputs: usize, rng: &mut Rng) -> Sequential<f64> {
    let linear = nn::Linear::new(inputs, outputs, Init::PyTorch, rng);
    Sequential::new().with("fc", linear).with("tanh", Activation::Tanh)
}

/// Two stages of a block.
fn small_resnet(shortcut: Shortcut) -> ResNet {
    let (widths, blocks) = (vec![2, 3], vec![1, 1]);
    ResNet { channels: 3, stem: Stem::Cifar, widths, blocks, shortcut, drop: 0.0, classes: 3 }
}

fn models() -> Vec<Row> {
    vec![
        layer("mlp, gelu", (normal, &[3, 4]), |rng| Box::new(mlp(4, &[6, 5], 3, Activation::Gelu, rng))).kind("model"),
        layer("Vit, two blocks on 4x4", (normal, &[2, 1, 4, 4]), |rng| {
            let sizes =
                Vit { input: [1, 4, 4], patch: 2, dim: 4, depth: 2, heads: 2, mlp: 3, dropout: 0.0, classes: 3 };
            let net: Sequential<f64> = sizes.build(rng).expect("sizes that fit");
            // Normalized, the small first values of token and positions are steeper than the step of the differences.
            for (name, param) in nn::parameters(&net) {
                if ["token.weight", "position.weight"].contains(&name.as_str()) {
                    param.set(param.get().map(|x| 50.0 * x));
                }
            }
            Box::new(net)
        })
        .kind("model"),
        kinked_model("mlp, relu", &[3, 4], |rng| Ok(mlp(4, &[6], 3, Activation::Relu, rng))),
        kinked_model("Cnn, two blocks on 8x8", &[1, 1, 8, 8], |rng| {
            Cnn { input: [1, 8, 8], widths: vec![2, 3], hidden: 4, classes: 3 }.build(rng)
        }),
        kinked_model("ResNet, shortcuts by projection", &[2, 3, 5, 4], |rng| {
            small_resnet(Shortcut::Projection).build(rng)
        }),
        kinked_model("ResNet, shortcuts by zeros", &[2, 3, 5, 4], |rng| small_resnet(Shortcut::ZeroPad).build(rng)),
    ]
}
