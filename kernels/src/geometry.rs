//! The sizes of a sliding window, and the one formula that follows from them.

/// Output length of a window sliding over a padded axis: `(size + pads - dilation (kernel - 1) - 1) / stride + 1`,
/// or 0 where the window does not fit.
fn out_len(size: usize, kernel: usize, stride: usize, pad: [usize; 2], dilation: usize) -> usize {
    (size + pad[0] + pad[1]).checked_sub(dilation * (kernel - 1) + 1).map_or(0, |room| room / stride + 1)
}

/// A 2-d convolution (cross-correlation): `y[n,o,i,j] = b[o] + sum over c,p,q of x[n,c,i s - pad + p d, ..] w[o,c,p,q]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Images in the batch.
    pub n: usize,
    /// Input channels.
    pub c: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Output channels.
    pub o: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Zeros added: `[[top, bottom], [left, right]]`.
    pub pad: [[usize; 2]; 2],
    /// Distance between kernel taps.
    pub dilation: [usize; 2],
}

impl Conv2d {
    /// Output height.
    pub fn out_h(&self) -> usize {
        out_len(self.h, self.kernel[0], self.stride[0], self.pad[0], self.dilation[0])
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        out_len(self.w, self.kernel[1], self.stride[1], self.pad[1], self.dilation[1])
    }
    /// Length of one output sum, `C KH KW`: the K of the matrix product that im2col makes of the convolution.
    pub fn k(&self) -> usize {
        self.c * self.kernel[0] * self.kernel[1]
    }
}

/// `groups` convolutions side by side (Krizhevsky et al. 2012): group i sees channels `i c .. (i + 1) c` of the image and
/// makes channels `i o .. (i + 1) o` of the output, with filters of its own. Its c and o are those of [`each`](Self::each).
/// One group is plain convolution; as many groups as channels is depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedConv2d {
    /// Number of groups.
    pub groups: usize,
    /// The convolution of one group.
    pub each: Conv2d,
}

/// A 2-d pooling window over each of `planes` = N C planes of H x W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Number of planes, N times C.
    pub planes: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Window height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
    /// Padding `[[top, bottom], [left, right]]`, each smaller than the window.
    pub pad: [[usize; 2]; 2],
}

impl Pool2d {
    /// Output height.
    pub fn out_h(&self) -> usize {
        out_len(self.h, self.kernel[0], self.stride[0], self.pad[0], 1)
    }
    /// Output width.
    pub fn out_w(&self) -> usize {
        out_len(self.w, self.kernel[1], self.stride[1], self.pad[1], 1)
    }
}
