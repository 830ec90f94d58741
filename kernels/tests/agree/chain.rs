//! Chains of convolutions and transposed convolutions: values against the reference's stage by stage, gradients against
//! the reference's order of sums, bit for bit, on any level and any number of threads.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::chain::{self, FilterGradients, Filters, Passed, Stage};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::{Conv2d, reference};
use proptest::prelude::*;

/// Stages with data for them.
struct Case {
    stages: Vec<Stage>,
    x: Vec<f32>,
    dy: Vec<f32>,
    /// Filters and bias of each stage.
    filters: Vec<[Vec<f32>; 2]>,
}

/// y, dx, and dw and db of each stage.
type Results = Vec<Vec<f32>>;

fn numel(n: usize, sizes: [usize; 3]) -> usize {
    n * sizes.iter().product::<usize>()
}

impl Case {
    fn new(stages: Vec<Stage>, seed: u64) -> Self {
        let (mut data, n) = (Data::new(seed), stages[0].conv.n);
        let x = data.floats(numel(n, stages[0].input()));
        let dy = data.floats(numel(n, stages[stages.len() - 1].output()));
        let filters =
            stages.iter().map(|s| [s.conv.o * s.conv.k(), s.output()[0]].map(|len| data.floats(len))).collect();
        Self { stages, x, dy, filters }
    }

    fn filters(&self) -> Vec<Filters<'_, f32>> {
        self.filters.iter().map(|[w, bias]| Filters { w, bias }).collect()
    }

    /// By the kernels in use. All that is to be written starts as NaN.
    fn run(&self) -> Results {
        let nan = |len: usize| vec![f32::NAN; len];
        let (filters, mut y, mut kept) = (self.filters(), nan(self.dy.len()), nan(chain::kept_len(&self.stages)));
        chain::forward(&self.stages, &self.x, &filters, &mut y, Some(&mut kept));
        let mut without = nan(y.len());
        chain::forward(&self.stages, &self.x, &filters, &mut without, None);
        assert_bits(&without, &y, "with and without keeping");
        // Once with dx, once without, each into gradients of its own.
        let [alone, whole] = [false, true].map(|with_dx| {
            let mut gradients: Vec<[Vec<f32>; 2]> =
                self.filters.iter().map(|f| [nan(f[0].len()), nan(f[1].len())]).collect();
            let mut dx = nan(self.x.len());
            let mut out: Vec<_> = gradients.iter_mut().map(|[dw, db]| FilterGradients { dw, db }).collect();
            let passed = Passed { x: &self.x, y: &y, kept: &kept };
            chain::backward(&self.stages, passed, &filters, &self.dy, with_dx.then_some(&mut dx[..]), &mut out);
            [dx].into_iter().chain(gradients.into_iter().flatten()).collect::<Results>()
        });
        for (alone, whole) in alone.iter().zip(&whole).skip(1) {
            assert_bits(alone, whole, &format!("gradients without dx, {:?}", self.stages));
        }
        [y].into_iter().chain(whole).collect()
    }

    /// By the reference; `lanes` says whether the filters' gradients are summed as the fast kernels do.
    fn reference(&self, lanes: bool) -> Results {
        let (n, mut values) = (self.stages[0].conv.n, vec![self.x.clone()]);
        for (stage, [w, bias]) in self.stages.iter().zip(&self.filters) {
            let mut y = vec![0.0; numel(n, stage.output())];
            let x = &values[values.len() - 1];
            if stage.transposed {
                reference::conv_transpose2d_forward(&stage.conv, x, w, Some(bias), &mut y);
            } else {
                reference::conv2d_forward(&stage.conv, x, w, Some(bias), &mut y);
            }
            y.iter_mut().filter(|y| stage.relu && **y <= 0.0).for_each(|y| *y = 0.0);
            values.push(y);
        }
        let (mut gradient, mut gradients) = (self.dy.clone(), Vec::new());
        for (i, stage) in self.stages.iter().enumerate().rev() {
            let (g, w) = (&stage.conv, &self.filters[i][0]);
            if stage.relu {
                gradient.iter_mut().zip(&values[i + 1]).for_each(|(s, y)| *s *= if *y <= 0.0 { 0.0 } else { 1.0 });
            }
            let (image, at) = if stage.transposed { (&gradient, &values[i]) } else { (&values[i], &gradient) };
            let [mut dw, db] = reference::lane_weights(g, stage.transposed, image, at);
            if !lanes {
                reference::conv2d_backward_weights(g, image, at, &mut dw);
            }
            drop(gradients.splice(0..0, [dw, db]));
            let mut before = vec![0.0; values[i].len()];
            if stage.transposed {
                reference::conv2d_forward(g, &gradient, w, None, &mut before);
            } else {
                reference::conv2d_backward_data(g, &gradient, w, &mut before);
            }
            gradient = before;
        }
        [values.pop().unwrap(), gradient].into_iter().chain(gradients).collect()
    }

    fn check(&self) {
        let expected = self.reference(true);
        for isa in fused_levels() {
            for threads in [1, 3] {
                let got = on_threads(threads, || dispatch::with(isa, || self.run()));
                for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    assert_bits(got, expected, &format!("result {i}, {isa:?}, {threads} threads, {:?}", self.stages));
                }
            }
        }
    }
}

fn conv(n: usize, [c, o]: [usize; 2], size: [usize; 2], pad: usize, stride: usize) -> Conv2d {
    let pad = [[pad; 2]; 2];
    Conv2d { n, c, h: size[0], w: size[1], o, kernel: [3, 3], stride: [stride; 2], pad, dilation: [1, 1] }
}

/// The encoder and the decoder of the course's autoencoder.
fn autoencoder(n: usize) -> [Vec<Stage>; 2] {
    let stage = |conv, transposed| Stage { conv, transposed, relu: true };
    let down = [conv(n, [1, 8], [28, 28], 2, 2), conv(n, [8, 16], [15, 15], 1, 2), conv(n, [16, 32], [8, 8], 0, 2)];
    let up = [conv(n, [16, 32], [7, 7], 0, 2), conv(n, [8, 16], [14, 14], 1, 2), conv(n, [1, 8], [28, 28], 1, 2)];
    let mut up = up.map(|conv| stage(conv, true)).to_vec();
    up[2].relu = false;
    [down.map(|conv| stage(conv, false)).to_vec(), up]
}

#[test]
fn the_autoencoder_in_batches_around_a_block() {
    for n in [1, 15, 16, 17, 40] {
        autoencoder(n).into_iter().for_each(|stages| Case::new(stages, n as u64).check());
    }
}

#[test]
fn more_blocks_than_groups() {
    let stages = vec![
        Stage { conv: conv(16 * 9 + 3, [2, 3], [4, 5], 1, 1), transposed: false, relu: true },
        Stage { conv: conv(16 * 9 + 3, [1, 3], [9, 11], 0, 2), transposed: true, relu: false },
    ];
    // The second is the adjoint of a convolution from 9 x 11 to 4 x 5.
    Case::new(stages, 1).check();
}

/// Rows of pixels in several pieces, in the gradients of filters and of biases.
#[test]
fn more_pixels_than_a_block() {
    let large = |n| Stage { conv: conv(n, [1, 2], [40, 37], 1, 1), transposed: false, relu: true };
    Case::new(vec![large(17)], 8).check();
    let transposed = Stage { conv: conv(3, [1, 2], [39, 35], 1, 2), transposed: true, relu: false };
    Case::new(vec![transposed], 9).check();
}

#[test]
fn more_terms_than_a_block_of_k() {
    let stages = vec![
        Stage { conv: conv(3, [30, 40], [4, 4], 1, 1), transposed: false, relu: false },
        Stage { conv: conv(3, [2, 40], [4, 4], 1, 1), transposed: true, relu: true },
    ];
    Case::new(stages, 2).check();
}

/// Machines without a micro-kernel run stage by stage. All numbers are at most 1 and sums are short: 1e-4 would be many
/// thousand roundings.
#[test]
fn the_plain_way_is_near() {
    for stages in autoencoder(5) {
        let case = Case::new(stages, 3);
        let (expected, got) = (case.reference(false), dispatch::with(Isa::Scalar, || case.run()));
        for (got, expected) in got.iter().zip(&expected) {
            let size = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
            assert!(got.iter().zip(expected).all(|(g, w)| (g - w).abs() <= 1e-4 * size));
        }
    }
}

/// NaN and infinities in every array: as in the stages one by one, NaN for NaN and infinity for infinity. Five images,
/// so that eleven lanes hold none: what an infinite bias leaves there must not show.
#[test]
fn infinities_and_nans_come_through() {
    for special in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for (half, n) in [(0, 5), (1, 5), (0, 16), (1, 17)] {
            let stages = autoencoder(n)[half].clone();
            for place in 0..2 + 2 * stages.len() {
                let mut case = Case::new(stages.clone(), 4);
                match place {
                    0 => case.x[40] = special,
                    1 => case.dy[30] = special,
                    _ => case.filters[place / 2 - 1][place % 2][0] = special,
                }
                let expected = case.reference(true);
                // ReLU hides what is below zero.
                assert!(special == f32::NEG_INFINITY || expected.iter().flatten().any(|v| !v.is_finite()));
                for isa in fused_levels() {
                    let got = dispatch::with(isa, || case.run());
                    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                        assert_bits(
                            got,
                            expected,
                            &format!("{special} at {place}, result {i} of half {half}, {isa:?}"),
                        );
                    }
                }
            }
        }
    }
}

/// An infinite bias whose channel ReLU passes on: the filters' gradients are infinite, not NaN.
#[test]
fn an_infinite_bias_leaves_the_empty_lanes_alone() {
    let stage = |[c, o]: [usize; 2], relu| Stage { conv: conv(3, [c, o], [4, 4], 0, 1), transposed: false, relu };
    let mut second = stage([2, 1], false);
    (second.conv.h, second.conv.w, second.conv.kernel) = (2, 2, [1, 1]);
    let mut case = Case::new(vec![stage([1, 2], true), second], 6);
    case.filters[0][1] = vec![f32::INFINITY; 2];
    (case.filters[1][0], case.dy) = (vec![1.0; 2], vec![1.0; case.dy.len()]);
    case.x.fill(1.0);
    for &isa in dispatch::variants() {
        // y, dx, dw and db of the first stage, dw and db of the second.
        let got = dispatch::with(isa, || case.run());
        assert!(got[0].iter().chain(&got[4]).all(|v| *v == f32::INFINITY), "{isa:?}: {got:?}");
        assert!(got[1].iter().chain(&got[2]).chain(&got[3]).chain(&got[5]).all(|v| v.is_finite()), "{isa:?}: {got:?}");
    }
}

/// Stages that have no pixels, or outputs that are all border, are computed one by one.
#[test]
fn nothing_in_gives_nothing_out() {
    for (c, h, w) in [(0, 4, 4), (2, 0, 4), (2, 4, 0)] {
        for n in [0, 1, 20] {
            for pad in [0, 1, 2] {
                let conv = Conv2d { kernel: [1, 1], ..conv(n, [c, 3], [h, w], pad, 1) };
                let stage = Stage { conv, transposed: false, relu: true };
                assert!(!chain::pays(&[stage, stage]));
                let case = Case::new(vec![stage], 7);
                for &isa in dispatch::variants() {
                    let got = dispatch::with(isa, || case.run());
                    let bias = |i: usize| case.filters[0][1][i / (case.dy.len() / (n * 3).max(1)).max(1) % 3].max(0.0);
                    assert!(got[0].iter().enumerate().all(|(i, y)| *y == bias(i)), "{conv:?}");
                    assert!(got[1..].iter().flatten().all(|v| v.is_finite()), "{conv:?}");
                }
            }
        }
    }
}

#[test]
fn small_images_in_large_batches_pay() {
    let [down, up] = autoencoder(256);
    assert!(chain::pays(&down) && chain::pays(&up) && chain::pays(&down[..1]), "with a stride, one stage pays too");
    let step = |stride| Stage { conv: conv(32, [8, 8], [12, 12], 1, stride), transposed: false, relu: true };
    assert!(chain::pays(&[step(2)]) && !chain::pays(&[step(1)]) && chain::pays(&[step(1), step(1)]));
    assert!(!chain::pays(&autoencoder(8)[0]));
    let large = |size| Stage { conv: conv(32, [16, 16], size, 1, 1), transposed: false, relu: true };
    assert!(!chain::pays(&[large([64, 64]), large([64, 64])]));
}

prop_compose! {
    /// Two or three stages that fit: each stage's small side is given, and its large side follows.
    fn stages()(n in 1usize..20, sizes in prop::array::uniform4(1usize..5), first in prop::array::uniform2(1usize..6),
                kernels in prop::array::uniform3(prop::array::uniform2(1usize..4)),
                strides in prop::array::uniform3(prop::array::uniform2(1usize..4)),
                dilations in prop::array::uniform3(prop::array::uniform2(1usize..3)),
                pads in prop::array::uniform3(prop::array::uniform2(0usize..3)),
                relus in prop::array::uniform3(any::<bool>()), count in 2usize..4) -> Vec<Stage> {
        // Transposed stages first, then convolutions back: so any sizes fit.
        let (mut stages, mut size) = (Vec::new(), first);
        for i in 0..count {
            let transposed = i * 2 < count;
            let (kernel, stride, dilation) = (kernels[i], strides[i], dilations[i]);
            let reach = [0, 1].map(|a| dilation[a] * (kernel[a] - 1) + 1);
            let (channels, mut pad) = ([sizes[i], sizes[i + 1]], pads[i].map(|p| [p, p]));
            let conv = if transposed {
                let full = [0, 1].map(|a| (size[a] - 1) * stride[a] + reach[a]);
                (0..2).for_each(|a| pad[a] = [pad[a][0].min((full[a] - 1) / 2); 2]);
                let [h, w] = [0, 1].map(|a| full[a] - 2 * pad[a][0]);
                Conv2d { n, c: channels[1], h, w, o: channels[0], kernel, stride, pad, dilation }
            } else {
                (0..2).for_each(|a| while size[a] + 2 * pad[a][0] < reach[a] { pad[a] = [pad[a][0] + 1; 2] });
                Conv2d { n, c: channels[0], h: size[0], w: size[1], o: channels[1], kernel, stride, pad, dilation }
            };
            let stage = Stage { conv, transposed, relu: relus[i] };
            size = [stage.output()[1], stage.output()[2]];
            stages.push(stage);
        }
        stages
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn random_chains(stages in stages(), seed: u64) {
        Case::new(stages, seed).check();
    }
}
