//! The shapes of the digits: for each digit its variants, for each its strokes, for each the points on it.
//!
//! Points are (x, y) in the unit square, y downwards. A stroke is smooth from end to end; where the pen turns a corner,
//! a new one begins at the point where the last one ended.

type Stroke = &'static [[f64; 2]];
type Variant = &'static [Stroke];

/// The variants of each digit.
pub(super) const VARIANTS: [&[Variant]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

const ZERO: &[Variant] = &[
    &[&[
        [0.56, 0.02],
        [0.28, 0.12],
        [0.11, 0.45],
        [0.2, 0.82],
        [0.47, 0.98],
        [0.77, 0.84],
        [0.89, 0.48],
        [0.78, 0.14],
        [0.54, 0.02],
    ]],
    &[&[
        [0.66, 0.1],
        [0.42, 0.03],
        [0.17, 0.25],
        [0.14, 0.66],
        [0.36, 0.97],
        [0.68, 0.9],
        [0.86, 0.55],
        [0.8, 0.2],
        [0.55, 0.04],
        [0.4, 0.1],
    ]],
];

const ONE: &[Variant] = &[
    &[&[[0.52, 0.02], [0.5, 0.5], [0.5, 0.98]]],
    &[&[[0.52, 0.02], [0.5, 0.5], [0.5, 0.98]]],
    &[&[[0.28, 0.24], [0.42, 0.14], [0.54, 0.02]], &[[0.54, 0.02], [0.53, 0.5], [0.53, 0.98]]],
    &[
        &[[0.3, 0.22], [0.42, 0.14], [0.54, 0.02]],
        &[[0.54, 0.02], [0.53, 0.5], [0.53, 0.97]],
        &[[0.26, 0.97], [0.53, 0.96], [0.8, 0.97]],
    ],
];

const TWO: &[Variant] = &[
    &[
        &[[0.14, 0.24], [0.3, 0.07], [0.58, 0.02], [0.79, 0.16], [0.74, 0.4], [0.46, 0.7], [0.12, 0.95]],
        &[[0.12, 0.95], [0.5, 0.93], [0.9, 0.96]],
    ],
    &[&[
        [0.16, 0.2],
        [0.36, 0.04],
        [0.64, 0.05],
        [0.76, 0.25],
        [0.62, 0.54],
        [0.34, 0.86],
        [0.17, 0.93],
        [0.12, 0.81],
        [0.27, 0.76],
        [0.5, 0.88],
        [0.74, 0.97],
        [0.92, 0.86],
    ]],
];

const THREE: &[Variant] = &[
    &[
        &[[0.16, 0.13], [0.44, 0.02], [0.74, 0.11], [0.72, 0.34], [0.4, 0.47]],
        &[[0.4, 0.47], [0.73, 0.56], [0.82, 0.77], [0.56, 0.97], [0.13, 0.88]],
    ],
    &[
        &[[0.18, 0.05], [0.48, 0.04], [0.8, 0.05]],
        &[[0.8, 0.05], [0.6, 0.26], [0.44, 0.42]],
        &[[0.44, 0.42], [0.75, 0.52], [0.8, 0.78], [0.52, 0.98], [0.14, 0.87]],
    ],
];

const FOUR: &[Variant] = &[
    &[&[[0.2, 0.05], [0.14, 0.28], [0.15, 0.5], [0.45, 0.56], [0.86, 0.5]], &[[0.77, 0.04], [0.75, 0.5], [0.7, 0.98]]],
    &[
        &[[0.66, 0.02], [0.4, 0.34], [0.1, 0.64]],
        &[[0.1, 0.64], [0.5, 0.65], [0.93, 0.63]],
        &[[0.66, 0.02], [0.66, 0.5], [0.65, 0.98]],
    ],
];

const FIVE: &[Variant] = &[
    &[
        &[[0.83, 0.04], [0.55, 0.05], [0.27, 0.05]],
        &[[0.27, 0.05], [0.23, 0.24], [0.19, 0.45]],
        &[[0.19, 0.45], [0.47, 0.37], [0.78, 0.52], [0.78, 0.8], [0.5, 0.98], [0.12, 0.89]],
    ],
    &[
        &[[0.85, 0.06], [0.6, 0.05], [0.36, 0.1]],
        &[[0.36, 0.1], [0.24, 0.3], [0.3, 0.46], [0.62, 0.54], [0.76, 0.74], [0.56, 0.95], [0.2, 0.92]],
    ],
];

const SIX: &[Variant] = &[
    &[&[
        [0.7, 0.02],
        [0.38, 0.22],
        [0.17, 0.58],
        [0.23, 0.88],
        [0.5, 0.98],
        [0.78, 0.84],
        [0.75, 0.6],
        [0.47, 0.52],
        [0.2, 0.7],
    ]],
    &[&[
        [0.42, 0.02],
        [0.22, 0.34],
        [0.16, 0.68],
        [0.32, 0.95],
        [0.62, 0.95],
        [0.8, 0.74],
        [0.62, 0.56],
        [0.36, 0.62],
        [0.24, 0.84],
    ]],
];

const SEVEN: &[Variant] = &[
    &[&[[0.12, 0.08], [0.45, 0.06], [0.85, 0.06]], &[[0.85, 0.06], [0.6, 0.42], [0.42, 0.98]]],
    &[&[[0.12, 0.16], [0.16, 0.06], [0.5, 0.06], [0.86, 0.05]], &[[0.86, 0.05], [0.66, 0.46], [0.56, 0.98]]],
    &[
        &[[0.14, 0.07], [0.45, 0.07], [0.85, 0.05]],
        &[[0.85, 0.05], [0.58, 0.46], [0.4, 0.98]],
        &[[0.3, 0.52], [0.55, 0.5], [0.8, 0.51]],
    ],
];

const EIGHT: &[Variant] = &[
    &[&[
        [0.74, 0.16],
        [0.5, 0.02],
        [0.25, 0.14],
        [0.32, 0.36],
        [0.62, 0.54],
        [0.79, 0.78],
        [0.5, 0.98],
        [0.2, 0.8],
        [0.34, 0.56],
        [0.64, 0.38],
        [0.76, 0.18],
        [0.66, 0.07],
    ]],
    &[
        &[[0.52, 0.46], [0.26, 0.34], [0.27, 0.1], [0.52, 0.02], [0.75, 0.12], [0.74, 0.35], [0.52, 0.46]],
        &[[0.52, 0.46], [0.22, 0.6], [0.2, 0.86], [0.5, 0.98], [0.81, 0.86], [0.79, 0.59], [0.52, 0.46]],
    ],
];

const NINE: &[Variant] = &[
    &[
        &[[0.78, 0.16], [0.54, 0.03], [0.24, 0.14], [0.2, 0.38], [0.46, 0.5], [0.7, 0.38], [0.78, 0.16]],
        &[[0.78, 0.16], [0.76, 0.55], [0.68, 0.98]],
    ],
    &[&[
        [0.78, 0.3],
        [0.7, 0.08],
        [0.42, 0.03],
        [0.2, 0.24],
        [0.32, 0.46],
        [0.62, 0.44],
        [0.79, 0.22],
        [0.82, 0.52],
        [0.7, 0.86],
        [0.42, 0.98],
        [0.18, 0.86],
    ]],
];

/// Pieces into which a curve between two points is cut.
const PIECES: usize = 6;

/// Returns the curve through the points (Catmull and Rom 1974): between two points the cubic whose derivative at each
/// is half the way from the point before to the point after; at the ends the missing point is the mirror image of its
/// opposite.
pub(super) fn smooth(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let last = points.len() - 1;
    let beyond = |end: usize, inner: usize| [0, 1].map(|i| 2.0 * points[end][i] - points[inner][i]);
    let mut path = vec![points[0]];
    for k in 0..last {
        let before = if k == 0 { beyond(0, 1) } else { points[k - 1] };
        let after = if k + 1 == last { beyond(last, last - 1) } else { points[k + 2] };
        let (from, to) = (points[k], points[k + 1]);
        for piece in 1..=PIECES {
            let t = piece as f64 / PIECES as f64;
            path.push([0, 1].map(|i| {
                let (slope_from, slope_to) = ((to[i] - before[i]) / 2.0, (after[i] - from[i]) / 2.0);
                let rise = to[i] - from[i];
                from[i]
                    + t * (slope_from
                        + t * (3.0 * rise - 2.0 * slope_from - slope_to + t * (slope_from + slope_to - 2.0 * rise)))
            }));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_through_their_points_without_a_kink() {
        for stroke in VARIANTS.iter().flat_map(|variants| variants.iter()).flat_map(|strokes| strokes.iter()) {
            let path = smooth(stroke);
            assert_eq!(path.len(), (stroke.len() - 1) * PIECES + 1);
            for (k, point) in stroke.iter().enumerate() {
                let on = path[k * PIECES];
                assert!((on[0] - point[0]).abs() + (on[1] - point[1]).abs() < 1e-12);
            }
            // Neighbouring pieces never turn back: their directions differ by less than a right angle.
            for w in path.windows(3) {
                let step = |a: [f64; 2], b: [f64; 2]| [b[0] - a[0], b[1] - a[1]];
                let (a, b) = (step(w[0], w[1]), step(w[1], w[2]));
                assert!(a[0] * b[0] + a[1] * b[1] > 0.0, "{stroke:?} turns back");
            }
        }
    }
}
