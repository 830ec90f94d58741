//! The convolution of an image with a kernel that reaches all over it, by Fourier transform.
//!
//! A convolution is a product of spectra. The transform takes an image as periodic, so an N x N image is laid into a
//! field of L x L, L = 2N, whose other three quarters are zero: no copy is within reach (Hockney & Eastwood 1981).
//!
//! The transform of a field is that of its columns, then of its rows. Sixteen columns are transformed at once, one in
//! each lane of a vector: all lanes do the same, so the code is that of a single one, and no lane needs another.
//! For the rows, blocks of 16 x 16 are transposed on the way. Three savings:
//! * Two real columns a, b are transformed as one complex a + ib, and separated by symmetry: the spectrum of a real
//!   column obeys A(-k) = A(k)*. So do the columns of all rows -k, which need not be computed.
//! * Zero columns are not transformed, and columns that are not needed not transformed back.
//! * The kernel is even in both directions, so its spectrum is real.
//!
//! The transform itself is Stockham's (in Cochran et al. 1967): a length n = r m falls into r transforms of length m,
//! written so that the result comes out in order.

use crate::Scalar;
use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::parallel::{self, Shared};

/// Columns transformed at once.
const LANES: usize = 16;

type Lanes<T> = [T; LANES];
/// Sixteen complex numbers: real parts, imaginary parts.
type Complex<T> = [Lanes<T>; 2];

/// Images have a multiple of so many rows and columns: two columns share a lane.
pub const STEP: usize = 2 * LANES;
/// The most rows and columns: a field of 2^28 numbers.
pub const MAX_SIZE: usize = 1 << 13;

/// Convolutions of N x N images with one kernel.
pub struct Convolution<T> {
    /// N.
    size: usize,
    transform: Transform<T>,
    /// The kernel's spectrum: for each strip of 16 rows k_y all k_x.
    spectrum: Vec<Lanes<T>>,
    /// Columns transformed: for each block of 16 columns all k_y.
    columns: Vec<Complex<T>>,
    /// Rows multiplied and transformed back: for each strip of 16 rows k_y all columns.
    rows: Vec<Complex<T>>,
}

impl<T: Scalar> Convolution<T> {
    /// Returns the least N that is at least `n` and made for transforms: 32 times a product of 2, 3 and 5.
    ///
    /// # Panics
    /// If `n` exceeds [`MAX_SIZE`].
    pub fn size_for(n: usize) -> usize {
        assert!(n <= MAX_SIZE, "convolution: {n} rows and columns are more than {MAX_SIZE}");
        let smooth = |mut m: usize| {
            for r in [2, 3, 5] {
                while m.is_multiple_of(r) {
                    m /= r;
                }
            }
            m == 1
        };
        STEP * (n.div_ceil(STEP).max(1)..).find(|&m| smooth(m)).expect("there are powers of 2")
    }

    /// Prepares convolutions of N x N images, N = `size` being one that [`Convolution::size_for`] gives. The kernel is
    /// `kernel(i, j)` at a distance of i rows and j columns, i and j up to N. Its spectrum is multiplied by
    /// `filter(a) filter(b)` at the frequencies a and b, in cycles per row and column, from 0 to 1/2.
    pub fn new(size: usize, kernel: impl Fn(usize, usize) -> f64, filter: impl Fn(f64) -> f64) -> Self {
        assert!(size > 0 && size == Self::size_for(size), "convolution: no size that can be transformed");
        let (len, strips, level) = (2 * size, strips(size), isa());
        let fold = |i: usize| i.min(len - i);
        let field: Vec<f64> = (0..len * len).map(|at| kernel(fold(at / len), fold(at % len))).collect();
        let transform = Transform::new(len);
        let mut columns = vec![zero(); strips * len];
        transform.columns(level, &field, len, &mut columns);
        let filter: Vec<f64> = (0..=len / 2).map(|k| filter(k as f64 / len as f64)).collect();
        // `columns` leaves twice the spectrum, of kernel and image; the inverse transforms bring L each.
        let scale = 1.0 / (4 * len * len) as f64;
        let mut spectrum = vec![[T::ZERO; LANES]; strips * len];
        parallel::chunks_unless(size <= STEP, &mut spectrum, len, |strip, out| {
            let rows = Rows { transform: &transform, columns: &columns, strip, strips };
            let (a, mut b) = (&mut vec![zero(); len], vec![zero(); len]);
            vectorize(level, Spectra { rows, a, b: &mut b });
            for (x, (out, [real, _])) in out.iter_mut().zip(a).enumerate() {
                for l in 0..LANES {
                    let y = (strip * LANES + l).min(size);
                    out[l] = T::from_f64(real[l] * filter[fold(x)] * filter[y] * scale);
                }
            }
        });
        let [columns, rows] = [vec![zero(); strips * size], vec![zero(); strips * size]];
        Self { size, transform: Transform::new(len), spectrum, columns, rows }
    }

    /// Returns N.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Replaces `image` (N x N, row-major) by its convolution with the kernel.
    pub fn apply(&mut self, image: &mut [T]) {
        let (n, level, strips) = (self.size, isa(), strips(self.size));
        assert_eq!(image.len(), n * n, "convolution: expected an image of {n} x {n}, found {} numbers", image.len());
        self.transform.columns(level, image, n, &mut self.columns);
        let (transform, columns, spectrum) = (&self.transform, &self.columns, &self.spectrum);
        parallel::chunks_unless(n <= 32, &mut self.rows, n, |strip, out| {
            let spectrum = &spectrum[strip * 2 * n..][..2 * n];
            let rows = Rows { transform, columns, strip, strips };
            vectorize(level, Product { rows, spectrum, out });
        });
        let (rows, out) = (&self.rows, Shared::new(image));
        parallel::tasks(n / STEP, n <= 32, |strip| {
            vectorize(level, Back { transform, rows, strip, strips, size: n, out: &out });
        });
    }
}

/// Strips of 16 that the rows 0 to L/2 of a spectrum take.
fn strips(size: usize) -> usize {
    (size + 1).div_ceil(LANES)
}

#[inline(always)]
fn zero<T: Scalar>() -> Complex<T> {
    [[T::ZERO; LANES]; 2]
}

/// Sixteen transforms at once, of one length.
struct Transform<T> {
    len: usize,
    /// Factors of the length.
    radices: Vec<usize>,
    /// The twiddle factors e^(-2πi t / len) for t from 0 on.
    twiddles: Vec<[T; 2]>,
}

impl<T: Scalar> Transform<T> {
    fn new(len: usize) -> Self {
        let (mut radices, mut rest) = (Vec::new(), len);
        for r in [4, 2, 3, 5] {
            while rest.is_multiple_of(r) {
                radices.push(r);
                rest /= r;
            }
        }
        let angle = |t: usize| 2.0 * std::f64::consts::PI * t as f64 / len as f64;
        let twiddle = |t: usize| [T::from_f64(libm::cos(angle(t))), T::from_f64(-libm::sin(angle(t)))];
        Self { len, radices, twiddles: (0..len).map(twiddle).collect() }
    }

    /// Transforms `a`, with the help of `b`, which is as long.
    #[inline(always)]
    fn run(&self, a: &mut [Complex<T>], b: &mut [Complex<T>]) {
        let mut stride = 1;
        for (done, &radix) in self.radices.iter().enumerate() {
            let (from, to) = if done % 2 == 0 { (&*a, &mut *b) } else { (&*b, &mut *a) };
            match radix {
                2 => self.stage::<2>(stride, from, to),
                3 => self.stage::<3>(stride, from, to),
                4 => self.stage::<4>(stride, from, to),
                _ => self.stage::<5>(stride, from, to),
            }
            stride *= radix;
        }
        if self.radices.len() % 2 == 1 {
            a.copy_from_slice(b);
        }
    }

    /// One stage: `stride` interleaved transforms of length n = R m, each made into R of length m.
    #[inline(always)]
    fn stage<const R: usize>(&self, stride: usize, from: &[Complex<T>], to: &mut [Complex<T>]) {
        let m = self.len / stride / R;
        for (p, to) in to.chunks_exact_mut(R * stride).enumerate() {
            for q in 0..stride {
                let mut x = [zero(); R];
                for k in 0..R {
                    x[k] = from[q + stride * (p + k * m)];
                }
                let y = self.small::<R>(&x);
                to[q] = y[0];
                for k in 1..R {
                    to[q + stride * k] = times(&y[k], self.twiddles[p * k * stride]);
                }
            }
        }
    }

    /// Returns the transform of length R.
    #[inline(always)]
    fn small<const R: usize>(&self, x: &[Complex<T>; R]) -> [Complex<T>; R] {
        let mut y = [x[0]; R];
        if R == 2 {
            (y[0], y[1]) = (plus(&x[0], &x[1]), minus(&x[0], &x[1]));
        } else if R == 4 {
            let (even, odd) = (plus(&x[0], &x[2]), plus(&x[1], &x[3]));
            let (a, [re, im]) = (minus(&x[0], &x[2]), minus(&x[1], &x[3]));
            let rotated = [im, negative(&re)]; // times -i
            y[0] = plus(&even, &odd);
            y[1] = plus(&a, &rotated);
            y[2] = minus(&even, &odd);
            y[3] = minus(&a, &rotated);
        } else {
            // By the definition; the terms k and R - k share a cosine, and their sines differ in sign.
            for k in 1..=R / 2 {
                let (sum, difference) = (plus(&x[k], &x[R - k]), minus(&x[k], &x[R - k]));
                y[0] = plus(&y[0], &sum);
                for q in 1..R {
                    let [cos, sin] = self.twiddles[q * k % R * (self.len / R)];
                    for l in 0..LANES {
                        y[q][0][l] += cos * sum[0][l] - sin * difference[1][l];
                        y[q][1][l] += cos * sum[1][l] + sin * difference[0][l];
                    }
                }
            }
        }
        y
    }

    /// Transforms the columns of an image of `cols` columns, below which zeros stand. Each comes out doubled: for each
    /// block of 16 columns the rows 0 to L/2 of the spectrum, and room up to a whole strip.
    fn columns(&self, level: Isa, image: &[T], cols: usize, out: &mut [Complex<T>]) {
        let room = out.len() / (cols / STEP);
        parallel::chunks_unless(self.len <= 64, out, room, |strip, out| {
            vectorize(level, Columns { transform: self, image, cols, strip, out });
        });
    }
}

#[inline(always)]
fn plus<T: Scalar>(a: &Complex<T>, b: &Complex<T>) -> Complex<T> {
    let mut sum = *a;
    for l in 0..LANES {
        sum[0][l] += b[0][l];
        sum[1][l] += b[1][l];
    }
    sum
}

#[inline(always)]
fn minus<T: Scalar>(a: &Complex<T>, b: &Complex<T>) -> Complex<T> {
    let mut difference = *a;
    for l in 0..LANES {
        difference[0][l] -= b[0][l];
        difference[1][l] -= b[1][l];
    }
    difference
}

#[inline(always)]
fn negative<T: Scalar>(a: &Lanes<T>) -> Lanes<T> {
    let mut negative = *a;
    for l in 0..LANES {
        negative[l] = -negative[l];
    }
    negative
}

#[inline(always)]
fn times<T: Scalar>(a: &Complex<T>, [re, im]: [T; 2]) -> Complex<T> {
    let mut product = *a;
    for l in 0..LANES {
        product[0][l] = a[0][l] * re - a[1][l] * im;
        product[1][l] = a[0][l] * im + a[1][l] * re;
    }
    product
}

/// A strip of 32 columns of an image: real columns to half spectra.
struct Columns<'a, T> {
    transform: &'a Transform<T>,
    image: &'a [T],
    cols: usize,
    strip: usize,
    out: &'a mut [Complex<T>],
}

impl<T: Scalar> Loop for Columns<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let len = self.transform.len;
        let [mut a, mut b] = [vec![zero(); len], vec![zero(); len]];
        for (a, row) in a.iter_mut().zip(self.image.chunks_exact(self.cols)) {
            let row = &row[self.strip * STEP..][..STEP];
            a[0].copy_from_slice(&row[..LANES]);
            a[1].copy_from_slice(&row[LANES..]);
        }
        self.transform.run(&mut a, &mut b);
        // C = A + iB, so C(k) + C(-k)* = 2 A(k), and C(k) - C(-k)* = 2i B(k).
        let (first, second) = self.out.split_at_mut(self.out.len() / 2);
        for k in 0..=len / 2 {
            let (c, back) = (&a[k], &a[(len - k) % len]);
            for l in 0..LANES {
                first[k][0][l] = c[0][l] + back[0][l];
                first[k][1][l] = c[1][l] - back[1][l];
                second[k][0][l] = c[1][l] + back[1][l];
                second[k][1][l] = back[0][l] - c[0][l];
            }
        }
    }
}

/// A strip of 16 rows of the half spectra.
struct Rows<'a, T> {
    transform: &'a Transform<T>,
    columns: &'a [Complex<T>],
    strip: usize,
    strips: usize,
}

impl<T: Scalar> Rows<'_, T> {
    /// The spectra of the rows, into `a`.
    #[inline(always)]
    fn run(&self, a: &mut [Complex<T>], b: &mut [Complex<T>]) {
        let height = self.strips * LANES;
        let known = self.columns.len() / height;
        for (block, a) in a[..known * LANES].chunks_exact_mut(LANES).enumerate() {
            transpose(&self.columns[block * height + self.strip * LANES..][..LANES], a);
        }
        a[known * LANES..].fill(zero());
        self.transform.run(a, b);
    }
}

/// Rows of a kernel to spectra.
struct Spectra<'a, T> {
    rows: Rows<'a, T>,
    a: &'a mut [Complex<T>],
    b: &'a mut [Complex<T>],
}

impl<T: Scalar> Loop for Spectra<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.rows.run(self.a, self.b);
    }
}

/// Rows to spectra, times the kernel's, and back.
struct Product<'a, T> {
    rows: Rows<'a, T>,
    spectrum: &'a [Lanes<T>],
    out: &'a mut [Complex<T>],
}

impl<T: Scalar> Loop for Product<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let [mut a, mut b] = [vec![zero(); self.spectrum.len()], vec![zero(); self.spectrum.len()]];
        self.rows.run(&mut a, &mut b);
        // With real and imaginary part exchanged before and after, the transform is its own inverse.
        for (a, s) in a.iter_mut().zip(self.spectrum) {
            let [re, im] = *a;
            for l in 0..LANES {
                a[0][l] = im[l] * s[l];
                a[1][l] = re[l] * s[l];
            }
        }
        self.rows.transform.run(&mut a, &mut b);
        for (out, a) in self.out.iter_mut().zip(&a) {
            *out = [a[1], a[0]];
        }
    }
}

/// A strip of 32 columns: half spectra to real columns.
struct Back<'a, 'b, T> {
    transform: &'a Transform<T>,
    rows: &'a [Complex<T>],
    strip: usize,
    strips: usize,
    size: usize,
    out: &'a Shared<'b, T>,
}

impl<T: Scalar> Loop for Back<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (len, size) = (self.transform.len, self.size);
        let [mut c, mut buffer] = [vec![zero(); len], vec![zero(); len]];
        for strip in 0..self.strips {
            let from = &self.rows[strip * size + self.strip * STEP..][..STEP];
            let [mut first, mut second] = [[zero(); LANES]; 2];
            transpose(&from[..LANES], &mut first);
            transpose(&from[LANES..], &mut second);
            for (k, (a, b)) in (strip * LANES..=len / 2).zip(first.iter().zip(&second)) {
                // C(k) = A(k) + iB(k), C(-k) = A(k)* + iB(k)*, with real and imaginary part exchanged.
                let back = (len - k) % len;
                for l in 0..LANES {
                    c[back][0][l] = b[0][l] - a[1][l];
                    c[back][1][l] = a[0][l] + b[1][l];
                    c[k][0][l] = a[1][l] + b[0][l];
                    c[k][1][l] = a[0][l] - b[1][l];
                }
            }
        }
        self.transform.run(&mut c, &mut buffer);
        for (row, c) in c[..size].iter().enumerate() {
            for (half, lanes) in [&c[1], &c[0]].into_iter().enumerate() {
                // SAFETY: row < size and strip < size / 32, so the place is inside; no other strip writes there.
                unsafe {
                    let to = self.out.pointer().add(row * size + self.strip * STEP + half * LANES);
                    std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, LANES);
                }
            }
        }
    }
}

/// Transposes a block of 16 x 16 complex numbers: lane l of number k becomes lane k of number l.
#[inline(always)]
fn transpose<T: Scalar>(from: &[Complex<T>], to: &mut [Complex<T>]) {
    for part in 0..2 {
        for l in 0..LANES {
            for k in 0..LANES {
                to[l][part][k] = from[k][part][l];
            }
        }
    }
}
