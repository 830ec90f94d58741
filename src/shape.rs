//! Shapes, stored inline, and the letters by which ops state and check their shape rules.
//!
//! Sizes come from users, and products of sizes wrap silently: `[2^60 + 1, 16]` has 16 elements modulo 2^64. So the
//! number of elements is computed with checked arithmetic, and a shape whose sizes other than 0 multiply to more than
//! memory can hold ([`MAX_LEN`]) is the shape of no tensor, as in NumPy, even if another of its sizes is 0. Whatever
//! is computed from the shape of a tensor that exists (strides, lengths of parts) therefore cannot wrap.

use crate::error::{Error, Result};
use gradus_kernels::geometry::MAX_LEN;
use std::fmt;
use std::ops::Deref;

/// The largest number of axes.
pub const MAX_RANK: usize = 6;

/// Elements above which a result's memory is requested before it is computed.
const PROBED: usize = 1 << 28;

/// The sizes of a tensor's axes, outermost first. Stored inline: a shape costs no allocation.
///
/// ```
/// use gradus::shape::Shape;
/// let shape = Shape::from([2, 3, 4]);
/// assert_eq!((shape.len(), shape.numel()), (3, 24));
/// assert_eq!(&*shape.strides(), [12, 4, 1]);
/// assert_eq!(&*shape.with(1, 5), [2, 5, 4]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// Returns the shape with these sizes. Panics beyond [`MAX_RANK`] axes.
    pub fn new(sizes: &[usize]) -> Self {
        assert!(sizes.len() <= MAX_RANK, "a tensor has at most {MAX_RANK} axes, got {sizes:?}");
        let mut inline = [0; MAX_RANK];
        inline[..sizes.len()].copy_from_slice(sizes);
        Self { sizes: inline, rank: sizes.len() }
    }

    /// Returns the number of elements: the product of the sizes, 1 for a scalar. `None` if no tensor can have this
    /// shape.
    pub fn checked_numel(&self) -> Option<usize> {
        let mut others = self.iter().filter(|&&size| size > 0);
        let product = others.try_fold(1usize, |all, &size| all.checked_mul(size).filter(|&all| all <= MAX_LEN))?;
        Some(if self.contains(&0) { 0 } else { product })
    }

    /// Returns the number of elements, and `usize::MAX`, which is the length of no buffer, if no tensor can have this
    /// shape.
    pub fn numel(&self) -> usize {
        self.checked_numel().unwrap_or(usize::MAX)
    }

    /// Returns the shape if a tensor of `T` can have it; otherwise an error of the op whose result would have it,
    /// because there are no such sizes, or not as much memory.
    pub(crate) fn fits<T>(self, op: &'static str) -> Result<Self> {
        let Some(numel) = self.checked_numel() else {
            return Err(Error::shape(op, format!("gives {self:?}: expected at most {MAX_LEN} elements")));
        };
        // Asking for memory costs little beside filling it; a refusal later on would abort the program.
        if numel > PROBED && Vec::<T>::new().try_reserve_exact(numel).is_err() {
            let gib = numel / (1 << 30) * size_of::<T>();
            return Err(Error::shape(op, format!("gives {self:?}: there are no {gib} GiB of memory for it")));
        }
        Ok(self)
    }

    /// Returns the number of elements in words.
    pub(crate) fn count(&self) -> String {
        self.checked_numel().map_or_else(|| format!("more than {MAX_LEN} elements"), |n| format!("{n} elements"))
    }

    /// Returns the strides of the row-major layout. Those of a shape that no tensor can have mean nothing.
    pub fn strides(&self) -> Shape {
        let mut strides = *self;
        let mut step = 1usize;
        for axis in (0..self.rank).rev() {
            strides.sizes[axis] = step;
            step = step.saturating_mul(self.sizes[axis]);
        }
        strides
    }

    /// Returns the same shape with one axis resized.
    pub fn with(mut self, axis: usize, size: usize) -> Self {
        assert!(axis < self.rank, "axis {axis} of {self:?}");
        self.sizes[axis] = size;
        self
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        Shape::new(sizes)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        Shape::new(&sizes)
    }
}

/// Returns the shape that NumPy's rule gives two operands: aligned at the right, equal or 1.
///
/// ```
/// use gradus::shape::broadcast;
/// assert_eq!(&*broadcast("add", &[4, 1, 3], &[2, 1])?, [4, 2, 3]);
/// let error = broadcast("add", &[2], &[3]).unwrap_err().to_string();
/// assert_eq!(error, "add cannot broadcast [2] with [3]: axis -1 is 2, then 3, and neither is 1");
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn broadcast(op: &'static str, a: &[usize], b: &[usize]) -> Result<Shape> {
    let rank = a.len().max(b.len());
    let mut out = vec![0; rank];
    for i in 1..=rank {
        let (x, y) = (a.len().checked_sub(i).map_or(1, |k| a[k]), b.len().checked_sub(i).map_or(1, |k| b[k]));
        if x != y && x != 1 && y != 1 {
            return Err(Error::shape(
                op,
                format!("cannot broadcast {a:?} with {b:?}: axis -{i} is {x}, then {y}, and neither is 1"),
            ));
        }
        out[rank - i] = if x == 1 { y } else { x };
    }
    Ok(Shape::new(&out))
}

/// The sizes that the letters of an op's shape rule took, in the order they were met.
///
/// ```
/// use gradus::shape::Dims;
/// let dims = Dims::unify("matmul", &["M K", "K N"], &[&[2, 3], &[3, 4]])?;
/// assert_eq!(dims.get("K"), 3);
/// assert_eq!(&*dims.shape("M N"), [2, 4]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Dims(Vec<(&'static str, usize)>);

impl Dims {
    /// Matches the shapes `x` against patterns such as `["M K", "K N"]`: one word an axis, equal words equal sizes;
    /// a number must be met exactly, and a leading `..` matches any further axes.
    pub fn unify(op: &'static str, patterns: &[&'static str], x: &[&[usize]]) -> Result<Dims> {
        assert_eq!(patterns.len(), x.len(), "{op}: {} patterns for {} inputs", patterns.len(), x.len());
        let mut dims = Dims::default();
        let fail = |why: String| {
            let got: Vec<String> = x.iter().map(|s| format!("{s:?}")).collect();
            Err(Error::shape(op, format!("expected {patterns:?}; found {}: {why}", got.join(" and "))))
        };
        for (&pattern, &sizes) in patterns.iter().zip(x) {
            let (open, letters) = pattern.strip_prefix("..").map_or((false, pattern), |rest| (true, rest));
            let words = || letters.split_ascii_whitespace();
            let count = words().count();
            if sizes.len() < count || (sizes.len() > count && !open) {
                return fail(format!("{sizes:?} has {} axes, \"{pattern}\" has {count}", sizes.len()));
            }
            for (word, &size) in words().zip(&sizes[sizes.len() - count..]) {
                let known = dims.0.iter().find(|(w, _)| *w == word).map(|d| d.1).or_else(|| word.parse().ok());
                match known {
                    Some(known) if known != size => return fail(format!("{word} is {known}, then {size}")),
                    Some(_) => {}
                    None => dims.0.push((word, size)),
                }
            }
        }
        Ok(dims)
    }

    /// Returns the size that a letter took. Panics for a letter no pattern has.
    pub fn get(&self, letter: &str) -> usize {
        self.0.iter().find(|(l, _)| *l == letter).unwrap_or_else(|| panic!("no axis is called {letter}")).1
    }

    /// Returns the shape spelled by these letters.
    pub fn shape(&self, letters: &str) -> Shape {
        let mut shape = Shape { sizes: [0; MAX_RANK], rank: 0 };
        for letter in letters.split_ascii_whitespace() {
            shape.sizes[shape.rank] = self.get(letter);
            shape.rank += 1;
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_prints_the_arithmetic() {
        let message = Dims::unify("conv2d", &["N C H W", "O C KH KW"], &[&[8, 16, 64, 64], &[32, 8, 3, 3]])
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "conv2d expected [\"N C H W\", \"O C KH KW\"]; found [8, 16, 64, 64] and [32, 8, 3, 3]: C is 16, then 8"
        );
    }

    #[test]
    fn numbers_of_elements_do_not_wrap() {
        assert_eq!((Shape::new(&[]).numel(), Shape::new(&[2, 3]).numel(), Shape::new(&[2, 0]).numel()), (1, 6, 0));
        let (most, all) = (Shape::new(&[MAX_LEN]), usize::MAX);
        assert_eq!((most.checked_numel(), Shape::new(&[MAX_LEN, 2]).checked_numel()), (Some(MAX_LEN), None));
        for sizes in [&[(1 << 60) + 1, 16][..], &[1 << 32, 1 << 32], &[all], &[0, 1 << 40, 1 << 40], &[all, 0, all]] {
            assert_eq!((Shape::new(sizes).checked_numel(), Shape::new(sizes).numel()), (None, all), "{sizes:?}");
            assert_eq!(Shape::new(sizes).strides().len(), sizes.len());
        }
        let message = Shape::new(&[1 << 62, 16]).fits::<f32>("pad").unwrap_err().to_string();
        assert!(message.starts_with("pad gives [4611686018427387904, 16]: expected at most"), "{message}");
        let message = Shape::new(&[1 << 20, 1 << 38]).fits::<f32>("pad").unwrap_err().to_string();
        assert!(message.ends_with("there are no 1073741824 GiB of memory for it"), "{message}");
    }

    #[test]
    fn letters_take_sizes() {
        let dims = Dims::unify("matmul", &["M K", "K N"], &[&[2, 3], &[3, 4]]).unwrap();
        assert_eq!(&*dims.shape("M N"), &[2, 4]);
        assert!(Dims::unify("matmul", &["M K", "K N"], &[&[2, 3, 1], &[3, 4]]).is_err());
        assert_eq!(Dims::unify("softmax", &[".. K"], &[&[5, 7, 3]]).unwrap().get("K"), 3);
    }

    #[test]
    fn broadcasting_follows_numpy() {
        assert_eq!(&*broadcast("add", &[4, 1, 3], &[2, 1]).unwrap(), &[4, 2, 3]);
        assert_eq!(&*broadcast("add", &[], &[2]).unwrap(), &[2]);
        assert!(broadcast("add", &[2], &[3]).is_err());
    }
}
