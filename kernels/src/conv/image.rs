//! An image copied with its zero border, laid out so that the pixels under any one tap are contiguous.
//!
//! With a horizontal stride s the columns are divided into s *phases*: column x goes to place `x / s` of phase
//! `x % s`. Neighbouring outputs then read neighbouring floats whatever the stride.

use crate::Conv2d;

/// Where the pixels of a bordered image lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Channels.
    pub(super) channels: usize,
    /// Height and width of the source.
    pub(super) source: [usize; 2],
    /// Rows kept, border included.
    pub(super) rows: usize,
    /// Rows and columns of zeros before the source begins; negative where its first ones are omitted.
    pub(super) border: [isize; 2],
    /// Horizontal stride.
    pub(super) phases: usize,
    /// Columns per phase.
    pub(super) phase_len: usize,
}

impl Layout {
    /// Returns the layout for the output rows `rows` of a convolution.
    pub(super) fn forward(g: &Conv2d, rows: std::ops::Range<usize>) -> Self {
        let reach = |axis: usize| (g.kernel[axis] - 1) * g.dilation[axis] + 1;
        Self {
            channels: g.c,
            source: [g.h, g.w],
            rows: (rows.len() - 1) * g.stride[0] + reach(0),
            border: [g.pad[0][0] as isize - (rows.start * g.stride[0]) as isize, g.pad[1][0] as isize],
            phases: g.stride[1],
            phase_len: ((g.out_w() - 1) * g.stride[1] + reach(1)).div_ceil(g.stride[1]),
        }
    }

    /// Floats from one row to the next.
    pub(super) fn row_len(&self) -> usize {
        self.phases * self.phase_len
    }

    /// Floats from one channel to the next.
    pub(super) fn plane_len(&self) -> usize {
        self.rows * self.row_len()
    }

    /// Floats to reserve: whole vectors of `lanes` may be read from the last pixel on.
    pub(super) fn len(&self, lanes: usize) -> usize {
        self.channels * self.plane_len() + lanes
    }

    /// Returns the position of the pixel under a tap `y` down and `x` to the right, for an output at the origin.
    pub(super) fn offset(&self, channel: usize, y: usize, x: usize) -> usize {
        let column = if self.phases == 1 { x } else { x % self.phases * self.phase_len + x / self.phases };
        channel * self.plane_len() + y * self.row_len() + column
    }

    /// Copies `image` into `out`, border and slack included.
    pub(super) fn fill(&self, image: &[f32], out: &mut [f32]) {
        let [h, w] = self.source;
        let (planes, slack) = out.split_at_mut(self.channels * self.plane_len());
        slack.fill(0.0);
        if planes.is_empty() {
            return;
        }
        for (c, plane) in planes.chunks_exact_mut(self.plane_len()).enumerate() {
            for (r, row) in plane.chunks_exact_mut(self.row_len()).enumerate() {
                let y = r as isize - self.border[0];
                if y < 0 || y >= h as isize {
                    row.fill(0.0);
                } else {
                    self.fill_row(&image[(c * h + y as usize) * w..][..w], row);
                }
            }
        }
    }

    fn fill_row(&self, source: &[f32], row: &mut [f32]) {
        let width = self.row_len() as isize;
        // Columns [from, to) of the bordered row come from the source.
        let from = self.border[1].clamp(0, width);
        let to = (self.border[1] + source.len() as isize).clamp(from, width);
        let first = (from - self.border[1]) as usize;
        let (from, to) = (from as usize, to as usize);
        if self.phases == 1 {
            row[..from].fill(0.0);
            row[to..].fill(0.0);
            if from < to {
                row[from..to].copy_from_slice(&source[first..][..to - from]);
            }
        } else {
            row.fill(0.0);
            for (phase, row) in row.chunks_exact_mut(self.phase_len).enumerate() {
                // The first column of this phase that has a source.
                let skip = (phase + self.phases - from % self.phases) % self.phases;
                let columns = source[first..first + to - from].iter().skip(skip).step_by(self.phases);
                row[((from + skip) / self.phases).min(self.phase_len)..]
                    .iter_mut()
                    .zip(columns)
                    .for_each(|(to, x)| *to = *x);
            }
        }
    }
}
