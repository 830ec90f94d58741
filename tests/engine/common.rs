//! What several test programs share: the portable generator of `golden/portable.py`, digests, and hashes of bits.
use gradus::Real;
use gradus::Result;
use gradus::nn::{Module, parameters};
use gradus::tensor::Tensor;
use gradus::train::{Observer, Progress};
use sha2::{Digest, Sha256};

/// The same numbers as `golden/portable.py` makes; see there.
pub(crate) struct Portable(u64);

impl Portable {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    pub(crate) fn draw(&mut self, kind: &str, shape: &[usize]) -> Tensor<f64> {
        let n: usize = shape.iter().product();
        match kind {
            "signed" => Tensor::from_fn(shape, |_| ((self.bits() >> 20) as f64 - 1024.0) / 512.0),
            "positive" => Tensor::from_fn(shape, |_| 0.25 + (self.bits() >> 20) as f64 / 1024.0),
            "distinct" => {
                let mut order: Vec<usize> = (0..n).collect();
                for i in (1..n).rev() {
                    order.swap(i, (self.bits() % (i as u64 + 1)) as usize);
                }
                Tensor::from_fn(shape, |i| (2.0 * order[i] as f64 - n as f64 + 1.0) / 64.0)
            }
            "unit" => Tensor::from_fn(shape, |_| (2.0 * (self.bits() >> 20) as f64 + 1.0) / 4096.0),
            "quarters" => Tensor::from_fn(shape, |_| (self.bits() % 9) as f64 / 4.0 - 1.0),
            "targets" => Tensor::from_fn(shape, |_| (self.bits() % 5) as f64 / 4.0),
            "probabilities" => {
                let raw = self.draw("positive", shape);
                let total = |row: usize| raw.data()[row * shape[1]..][..shape[1]].iter().fold(0.0, |s, v| s + v);
                Tensor::from_fn(shape, |i| raw.data()[i] / total(i / shape[1]))
            }
            other => panic!("no numbers are called {other}"),
        }
    }
}

/// The numbers that `golden/portable.py` stores of a tensor, and for each the sum of its terms' absolute values: the
/// scale on which its error must be seen.
pub(crate) fn digest(tensor: &Tensor<f64>) -> Vec<(f64, f64)> {
    if tensor.numel() <= 6 {
        return tensor.data().iter().map(|&v| (v, v.abs())).collect();
    }
    let sums = |k: u64| {
        let weights = Portable::new(7 + k).draw("signed", &[tensor.numel()]);
        let terms = tensor.data().iter().zip(weights.data()).map(|(v, w)| v * w);
        terms.fold((0.0, 0.0), |(sum, scale), t| (sum + t, scale + f64::abs(t)))
    };
    (0..3).map(sums).collect()
}

/// SHA-256 of all parameters' bits.
pub(crate) fn hash_of_weights<T: Real>(model: &dyn Module<T>) -> String {
    let mut hash = Sha256::new();
    for (name, param) in parameters(model) {
        hash.update(name.as_bytes());
        param.get().data().iter().for_each(|v| hash.update(v.to_f64().to_bits().to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stops a training after so many steps, and keeps what it was given to save.
pub(crate) struct StopAfter(pub(crate) usize, pub(crate) Option<Progress>);

impl Observer for StopAfter {
    fn step(&mut self, _: usize, _: usize, _: usize) {
        self.0 = self.0.saturating_sub(1);
    }
    fn interrupted(&self) -> bool {
        self.0 == 0
    }
    fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
        if must {
            self.1 = Some(progress());
        }
        Ok(())
    }
}
