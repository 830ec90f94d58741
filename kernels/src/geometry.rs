//! The sizes of a sliding window, and the lengths of the arrays that follow from them.
//!
//! Every size here is computed with checked arithmetic. Settings such as a padding near `usize::MAX` are legal Rust,
//! and a product that wraps would describe arrays that do not exist. So a size that does not fit is a [`SizeError`]:
//! ops turn it into an error of their own, and the kernels, which check every argument at their doors, panic with its
//! text.

use std::fmt;

/// The longest array that can exist: a slice has at most `isize::MAX` bytes, and the widest number has 8.
pub const MAX_LEN: usize = isize::MAX as usize / size_of::<f64>();

/// The reason why a geometry is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// This setting is 0 and must not be.
    Zero(&'static str),
    /// This size does not fit into the machine's address space.
    TooLarge(&'static str),
    /// The padding of a pooling window is not smaller than the window: some windows would hold no pixel.
    Padding,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeError::Zero(what) => write!(f, "the {what} is 0"),
            SizeError::TooLarge(what) => write!(f, "the {what} does not fit into memory"),
            SizeError::Padding => write!(f, "the padding is not smaller than the window"),
        }
    }
}

impl std::error::Error for SizeError {}

/// Returns the product of some sizes, or `None` if it exceeds [`MAX_LEN`]. A factor of 0 makes it 0, whatever the
/// others are.
pub fn product(sizes: &[usize]) -> Option<usize> {
    if sizes.contains(&0) {
        return Some(0);
    }
    sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).filter(|&all| all <= MAX_LEN)
}

/// Returns [`product`] as the length of the array called `what`.
pub(crate) fn length(what: &'static str, sizes: &[usize]) -> Result<usize, SizeError> {
    product(sizes).ok_or(SizeError::TooLarge(what))
}

/// Returns the value, if it fits into an `isize`: kernels also count backwards.
fn signed(what: &'static str, size: Option<usize>) -> Result<usize, SizeError> {
    size.filter(|&size| isize::try_from(size).is_ok()).ok_or(SizeError::TooLarge(what))
}

/// Pixels from a kernel's first tap to its last, both included: `dilation (kernel - 1) + 1`.
fn reach(kernel: usize, dilation: usize) -> Result<usize, SizeError> {
    let steps = kernel.checked_sub(1).ok_or(SizeError::Zero("kernel"))?;
    signed("dilated kernel", dilation.checked_mul(steps).and_then(|gap| gap.checked_add(1)))
}

/// Returns the number of places of a window that slides over a padded axis:
/// `(size + pad[0] + pad[1] - dilation (kernel - 1) - 1) / stride + 1`, or 0 where the window does not fit.
pub fn out_len(
    size: usize,
    kernel: usize,
    stride: usize,
    pad: [usize; 2],
    dilation: usize,
) -> Result<usize, SizeError> {
    let reach = reach(kernel, dilation)?;
    if signed("stride", Some(stride))? == 0 {
        return Err(SizeError::Zero("stride"));
    }
    let padded = signed("padded image", pad.iter().try_fold(size, |all, &pad| all.checked_add(pad)))?;
    Ok(padded.checked_sub(reach).map_or(0, |room| room / stride + 1))
}

/// Returns the *same* padding `[before, after]`, with which a window has `⌈size / stride⌉` places on an axis. An odd
/// zero goes after.
pub fn same_pad(size: usize, kernel: usize, stride: usize, dilation: usize) -> Result<[usize; 2], SizeError> {
    let reach = reach(kernel, dilation)?;
    if signed("stride", Some(stride))? == 0 {
        return Err(SizeError::Zero("stride"));
    }
    let steps = size.div_ceil(stride).max(1) - 1;
    let covered = steps.checked_mul(stride).and_then(|step| step.checked_add(reach));
    let zeros = signed("padded image", covered.map(|covered| covered.max(size)))? - size;
    Ok([zeros / 2, zeros - zeros / 2])
}

/// Returns the size of the axis on which a window would have `size` places (one at least), less the padding and `extra`
/// more: the output of a transposed convolution,
/// `(size - 1) stride + dilation (kernel - 1) + 1 + extra - pad[0] - pad[1]`, or 0 where the padding cuts everything
/// away.
pub fn transposed_len(
    size: usize,
    kernel: usize,
    stride: usize,
    pad: [usize; 2],
    dilation: usize,
    extra: usize,
) -> Result<usize, SizeError> {
    let steps = size.checked_sub(1).ok_or(SizeError::Zero("size"))?.checked_mul(stride);
    let reach = reach(kernel, dilation)?;
    let whole = steps.and_then(|steps| steps.checked_add(reach)).and_then(|all| all.checked_add(extra));
    let cut = pad[0].checked_add(pad[1]).ok_or(SizeError::TooLarge("padding"))?;
    Ok(signed("output", whole)?.saturating_sub(cut))
}

/// A 2-d convolution (cross-correlation):
/// `y[n,o,i,j] = b[o] + sum over c,p,q of x[n,c,i s - pad + p d, ..] w[o,c,p,q]`.
///
/// All fields are free to be set; [`lengths`](Self::lengths) says whether they describe arrays that can exist.
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

/// The lengths of the three arrays of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvLengths {
    /// Of the images, `N C H W`.
    pub x: usize,
    /// Of the filters, `O C KH KW`.
    pub w: usize,
    /// Of the outputs, `N O OH OW`.
    pub y: usize,
}

impl Conv2d {
    /// Returns output height and width, 0 where the kernel does not fit; an error if a size wraps or a kernel or stride
    /// is 0.
    pub fn out(&self) -> Result<[usize; 2], SizeError> {
        let len = |axis: usize, size: usize| {
            out_len(size, self.kernel[axis], self.stride[axis], self.pad[axis], self.dilation[axis])
        };
        Ok([len(0, self.h)?, len(1, self.w)?])
    }

    /// Returns the lengths of images, filters and outputs; an error if [`out`](Self::out) has one or an array cannot
    /// exist.
    pub fn lengths(&self) -> Result<ConvLengths, SizeError> {
        let ([kh, kw], [oh, ow]) = (self.kernel, self.out()?);
        Ok(ConvLengths {
            x: length("image batch", &[self.n, self.c, self.h, self.w])?,
            w: length("filters' array", &[self.o, self.c, kh, kw])?,
            y: length("output", &[self.n, self.o, oh, ow])?,
        })
    }

    /// Panics unless slices of these lengths are the images, filters and outputs of this convolution, and can exist.
    pub(crate) fn check(&self, name: &str, x: usize, w: usize, y: usize) {
        let lengths = self.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {self:?}"));
        assert!(
            [lengths.x, lengths.w, lengths.y] == [x, w, y],
            "{name}: expected {lengths:?}, found x: {x}, w: {w}, y: {y}"
        );
    }

    /// Returns the output height.
    ///
    /// # Panics
    /// Where [`out`](Self::out) is an error.
    pub fn out_h(&self) -> usize {
        self.expect_out()[0]
    }
    /// Returns the output width.
    ///
    /// # Panics
    /// Where [`out`](Self::out) is an error.
    pub fn out_w(&self) -> usize {
        self.expect_out()[1]
    }
    fn expect_out(&self) -> [usize; 2] {
        self.out().unwrap_or_else(|e| panic!("conv2d: {e}: {self:?}"))
    }
    /// Returns the length of one output sum, `C KH KW`: the K of the matrix product that im2col makes of the
    /// convolution.
    ///
    /// # Panics
    /// If the product does not fit into memory.
    pub fn k(&self) -> usize {
        product(&[self.c, self.kernel[0], self.kernel[1]])
            .unwrap_or_else(|| panic!("conv2d: a filter does not fit into memory: {self:?}"))
    }
}

/// `groups` convolutions side by side (Krizhevsky et al. 2012): group i reads channels `i c .. (i + 1) c` of the image
/// and makes channels `i o .. (i + 1) o` of the output, with filters of its own. Its c and o are those of
/// [`each`](Self::each). One group is plain convolution; as many groups as channels is depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedConv2d {
    /// Number of groups.
    pub groups: usize,
    /// The convolution of one group.
    pub each: Conv2d,
}

impl GroupedConv2d {
    /// Returns the lengths of images, filters and outputs of all groups; an error as for [`Conv2d::lengths`].
    pub fn lengths(&self) -> Result<ConvLengths, SizeError> {
        let each = self.each.lengths()?;
        let all = |what: &'static str, len: usize| length(what, &[self.groups, len]);
        Ok(ConvLengths { x: all("image batch", each.x)?, w: all("filters' array", each.w)?, y: all("output", each.y)? })
    }
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
    /// Returns output height and width; 0 where the window does not fit, and along an axis without pixels, since a
    /// window holds at least one. An error if a size wraps, a kernel or stride is 0, or a padding is not smaller than
    /// its window.
    pub fn out(&self) -> Result<[usize; 2], SizeError> {
        let len = |axis: usize, size: usize| {
            if self.kernel[axis] > 0 && self.pad[axis].iter().any(|&pad| pad >= self.kernel[axis]) {
                return Err(SizeError::Padding);
            }
            let len = out_len(size, self.kernel[axis], self.stride[axis], self.pad[axis], 1)?;
            Ok(if size == 0 { 0 } else { len })
        };
        Ok([len(0, self.h)?, len(1, self.w)?])
    }

    /// Returns the lengths of input and output; an error if [`out`](Self::out) has one or an array cannot exist.
    pub fn lengths(&self) -> Result<[usize; 2], SizeError> {
        let [oh, ow] = self.out()?;
        Ok([length("input", &[self.planes, self.h, self.w])?, length("output", &[self.planes, oh, ow])?])
    }

    /// Returns the output height.
    ///
    /// # Panics
    /// Where [`out`](Self::out) is an error.
    pub fn out_h(&self) -> usize {
        self.expect_out()[0]
    }
    /// Returns the output width.
    ///
    /// # Panics
    /// Where [`out`](Self::out) is an error.
    pub fn out_w(&self) -> usize {
        self.expect_out()[1]
    }
    fn expect_out(&self) -> [usize; 2] {
        self.out().unwrap_or_else(|e| panic!("pooling: {e}: {self:?}"))
    }
}
