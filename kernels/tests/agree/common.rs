//! What the tests of the kernels share: data, and comparisons.

use gradus_kernels::dispatch::{self, Isa};

/// A small generator of test data (xorshift64*).
pub(crate) struct Data(u64);

impl Data {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    /// Uniform in [-1, 1), with some exact zeros of both signs.
    pub(crate) fn float(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        match bits % 32 {
            0 => 0.0,
            1 => -0.0,
            _ => bits as f32 / (1 << 23) as f32 - 1.0,
        }
    }
    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.float();
        from[(self.0 >> 33) as usize % from.len()]
    }
    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }
}

/// The levels whose products must have the reference's bits.
pub(crate) fn fused_levels() -> impl Iterator<Item = Isa> {
    dispatch::variants().iter().copied().filter(|&isa| isa != Isa::Scalar)
}

/// Equal bits; any NaN equals any other.
#[track_caller]
pub(crate) fn assert_bits(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    for (i, (g, w)) in got.iter().zip(expected).enumerate() {
        assert!(g.to_bits() == w.to_bits() || (g.is_nan() && w.is_nan()), "{what}: [{i}] is {g:e}, not {w:e}");
    }
}

/// Runs `f` on a pool of `threads`.
pub(crate) fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

/// Runs `f` at each level on 1, 2, 3 and 8 threads and asserts that the bits are `expected`.
#[track_caller]
pub(crate) fn always(expected: &[f32], what: &str, f: impl Fn() -> Vec<f32> + Send + Sync) {
    for &isa in dispatch::variants() {
        for threads in [1, 2, 3, 8] {
            let got = on_threads(threads, || dispatch::with(isa, &f));
            assert_bits(&got, expected, &format!("{what}, {isa:?}, {threads} threads"));
        }
    }
}

/// Some special values in the data.
pub(crate) fn spice(x: &mut [f32]) {
    let n = x.len();
    for (i, v) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 4.0].into_iter().enumerate() {
        if n > 20 {
            x[(i + 1) * n / 6] = v;
        }
    }
}
