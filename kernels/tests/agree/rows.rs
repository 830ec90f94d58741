//! An elementwise function with the sums of its columns, against both by themselves.

use crate::common::{Data, always};
use gradus_kernels::layer_norm::BLOCK;
use gradus_kernels::math::Pointwise;
use gradus_kernels::reference::sum_in_turn;
use gradus_kernels::rows::apply_and_sum;

struct Product;

impl Pointwise<f32, 2> for Product {
    #[inline(always)]
    fn at(&self, [a, b]: [f32; 2]) -> f32 {
        a * b
    }
}

#[test]
fn bits_are_those_of_the_two_passes() {
    for [rows, len] in [[1, 1], [0, 3], [3, 7], [17, 5], [700, 64], [40, 1000]] {
        let mut data = Data::new((rows + len) as u64);
        let (a, b) = (data.floats(rows * len), data.floats(rows * len));
        let out: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        let column = |j: usize| {
            sum_in_turn(rows.div_ceil(BLOCK), |block| {
                (block * BLOCK..rows.min((block + 1) * BLOCK)).fold(0.0, |sum, r| sum + out[r * len + j])
            })
        };
        let expected = [out.clone(), (0..len).map(column).collect()].concat();
        always(&expected, &format!("{rows} rows of {len}"), || {
            let (mut out, mut sums) = (vec![f32::NAN; rows * len], vec![f32::NAN; len]);
            apply_and_sum([&a, &b], &mut out, &mut sums, &Product);
            [out, sums].concat()
        });
    }
}

#[test]
#[should_panic(expected = "apply_and_sum: the lengths do not fit")]
fn lengths_are_checked() {
    apply_and_sum([&[0.0; 6], &[0.0; 6]], &mut [0.0; 6], &mut [0.0; 4], &Product);
}
