//! A chain as its stages one after the other: in any number type, and on any machine.

use super::check::{check_backward, check_forward, kept_len, output_len};
use super::stage::{FilterGradients, Filters, Passed, Stage};
use crate::{Scalar, math, reduce};

/// Computes stage after stage; `kept` receives the outputs of all but the last one after the other.
pub(crate) fn plain_forward<T: Scalar>(
    stages: &[Stage],
    x: &[T],
    filters: &[Filters<'_, T>],
    y: &mut [T],
    kept: Option<&mut [T]>,
) {
    check_forward(stages, x, filters, y, kept.as_deref());
    let mut own = Vec::new();
    let mut rest = match kept {
        Some(kept) => kept,
        None => {
            own.resize(kept_len(stages), T::ZERO);
            &mut own
        }
    };
    let run = |stage: &Stage, f: &Filters<'_, T>, from: &[T], to: &mut [T]| {
        if stage.transposed {
            T::conv_transpose2d_forward(&stage.conv, from, f.w, Some(f.bias), to);
        } else {
            T::conv2d_forward(&stage.conv, from, f.w, Some(f.bias), to);
        }
        if stage.relu {
            to.iter_mut().for_each(|v| *v = if *v <= T::ZERO { T::ZERO } else { *v });
        }
    };
    let (mut from, last) = (x, stages.len() - 1);
    for (stage, f) in stages[..last].iter().zip(filters) {
        let (to, after) = rest.split_at_mut(output_len(stage));
        run(stage, f, from, to);
        (from, rest) = (to, after);
    }
    run(&stages[last], &filters[last], from, y);
}

/// Computes the gradients, stage after stage backwards.
pub(crate) fn plain_backward<T: Scalar>(
    stages: &[Stage],
    passed: Passed<'_, T>,
    filters: &[Filters<'_, T>],
    dy: &[T],
    mut dx: Option<&mut [T]>,
    out: &mut [FilterGradients<'_, T>],
) {
    check_backward(stages, &passed, filters, dy, dx.as_deref(), out);
    let mut end: usize = stages[..stages.len() - 1].iter().map(output_len).sum();
    let (mut gradient, mut values) = (dy.to_vec(), passed.y);
    for (i, stage) in stages.iter().enumerate().rev() {
        let (g, [c, h, w]) = (&stage.conv, stage.output());
        if stage.relu {
            math::update(&mut gradient, values, |gradient, y| gradient * if y <= T::ZERO { T::ZERO } else { T::ONE });
        }
        let input = if i == 0 {
            passed.x
        } else {
            end -= output_len(&stages[i - 1]);
            &passed.kept[end..][..output_len(&stages[i - 1])]
        };
        reduce::sum_channels(&gradient, g.n, c, h * w, out[i].db);
        let (image, at) = if stage.transposed { (&*gradient, input) } else { (input, &*gradient) };
        T::conv2d_backward_weights(g, image, at, out[i].dw);
        let mut before = vec![T::ZERO; input.len()];
        if i > 0 || dx.is_some() {
            if stage.transposed {
                T::conv2d_forward(g, &gradient, filters[i].w, None, &mut before);
            } else {
                T::conv2d_backward_data(g, &gradient, filters[i].w, &mut before);
            }
        }
        (gradient, values) = (before, input);
    }
    if let Some(dx) = dx.as_mut() {
        dx.copy_from_slice(&gradient);
    }
}
