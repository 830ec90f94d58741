//! A map while it learns: an epoch at a time.

use super::grid::Lattice;
use super::map::Map;
use super::neighbourhood::Neighbourhood;
use super::settings::{Mode, Som};
use crate::analysis::mat;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use gradus_kernels::kmeans::{Clusters, Samples};
use gradus_kernels::{MatMut, MatRef, parallel};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};

/// A neighbourhood below this counts as 0: its products with samples would lose their digits in `f32`.
pub(super) const FAINT: f64 = 1e-30;
/// Rows of the units that one task works on.
const ROWS: usize = 32;

/// A map that is being trained; [`Som::train`] creates it.
pub struct Training<'a, T: Real> {
    settings: Som,
    reach: Reach,
    x: MatRef<'a, T>,
    clusters: Clusters<'a, T>,
    units: Array2<T>,
    epoch: usize,
    epochs: usize,
    seed: u64,
}

impl<'a, T: Real> Training<'a, T> {
    /// Begins with these weights. `samples` are the rows of `x`.
    pub(super) fn new(
        settings: &Som,
        x: &'a CowArray<'a, T, Ix2>,
        samples: &'a Samples<'a, T>,
        units: Array2<T>,
        epochs: usize,
        seed: u64,
    ) -> Result<Self> {
        let lattice = settings.lattice()?;
        let clusters = Clusters::new(samples, lattice.units());
        let reach = Reach::new(lattice, settings.neighbourhood);
        Ok(Self { settings: *settings, reach, x: mat(x), clusters, units, epoch: 0, epochs, seed })
    }

    /// Returns the number of epochs so far.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Returns the weights of the units: one row each.
    pub fn units(&self) -> ArrayView2<'_, T> {
        self.units.view()
    }

    /// Returns the map as it is now.
    pub fn map(&self) -> Map<T> {
        Map { lattice: self.reach.lattice, units: self.units.clone() }
    }

    /// Takes up after `epoch` epochs, with the weights that the units had then; or begins with other weights. What follows
    /// has the bits of a training that never stopped.
    pub fn resume(&mut self, epoch: usize, units: Array2<T>) -> Result<()> {
        if units.dim() != self.units.dim() {
            let (expected, got) = (self.units.dim(), units.dim());
            return Err(Error::invalid(format!("som: the weights of the units must be {expected:?}, found {got:?}")));
        }
        (self.epoch, self.units) = (epoch, units.as_standard_layout().into_owned());
        Ok(())
    }

    /// Returns the radius of the neighbourhood after a fraction `t` of the training.
    fn radius_at(&self, t: f64) -> f64 {
        self.settings.radius_decay.at(self.settings.first_radius(), self.settings.final_radius, t)
    }

    /// Returns the radius with which the next epoch begins.
    pub fn radius(&self) -> f64 {
        self.radius_at(fraction(self.epoch, self.epochs))
    }

    /// Returns the learning rate with which online epoch `epoch`, from 0, begins.
    pub fn rate(&self, epoch: usize) -> f64 {
        let s = &self.settings;
        s.rate_decay.at(s.rate, s.final_rate, fraction(epoch, self.epochs))
    }

    /// Trains one epoch. Fails if a weight is no longer finite.
    pub fn advance(&mut self) -> Result<()> {
        match self.settings.mode {
            Mode::Batch => self.batch(),
            Mode::Online => {
                let n = self.x.rows();
                let steps = if self.settings.steps == 0 { n } else { self.settings.steps };
                let mut rng = Rng::new(self.seed, "som order", self.epoch as u64);
                let mut order = Vec::new();
                while order.len() < steps {
                    let more = rng.permutation(n);
                    order.extend(more.into_iter().take(steps - order.len()));
                }
                self.online(&order);
            }
        }
        self.epoch += 1;
        if self.units.iter().all(|w| w.is_finite()) {
            return Ok(());
        }
        let help = "lower som.rate, or choose another som.neighbourhood: a mexican hat pushes units away".to_owned();
        let place = format!("the weights of the map, epoch {}", self.epoch);
        Err(Error::NotFinite { what: "a number that is not finite".to_owned(), place, help })
    }

    /// All samples at once: sums of the samples of each unit, smoothed over the grid.
    fn batch(&mut self) {
        let (k, d) = self.units.dim();
        T::kmeans_assign(&mut self.clusters, self.units.as_slice().expect("som: standard layout"));
        let sums = self.clusters.sums();
        let sum: Vec<T> = sums.sum.iter().map(|&v| T::from_f64(v)).collect();
        let pull = self.reach.table(self.radius());
        let mut h = vec![T::ZERO; k * k];
        parallel::chunks(&mut h, ROWS * k, |piece, rows| {
            let places = &self.reach.places[piece * ROWS * k..];
            rows.iter_mut().zip(places).for_each(|(h, &place)| *h = T::from_f64(pull[place as usize]));
        });
        let mut smoothed = vec![T::ZERO; k * d];
        T::gemm(MatRef::new(&h, k, k), MatRef::new(&sum, k, d), T::ZERO, MatMut::new(&mut smoothed, k, d));
        let units = self.units.as_slice_mut().expect("som: standard layout");
        parallel::chunks(units, ROWS * d, |piece, units| {
            for (r, w) in units.chunks_mut(d).enumerate() {
                let c = piece * ROWS + r;
                let weight: f64 = h[c * k..][..k].iter().zip(&sums.size).map(|(h, &n)| h.to_f64() * n as f64).sum();
                if weight > 0.0 {
                    let smoothed = &smoothed[c * d..][..d];
                    w.iter_mut().zip(smoothed).for_each(|(w, s)| *w = T::from_f64(s.to_f64() / weight));
                }
            }
        });
    }

    /// Learns from these samples, one after the other.
    pub(super) fn online(&mut self, order: &[usize]) {
        let (k, d) = self.units.dim();
        let sample = |i: usize| &self.x.data()[i * d..][..d];
        let units = self.units.as_slice_mut().expect("som: standard layout");
        let (mut gains, mut squared) = (vec![T::ZERO; k], vec![T::ZERO; k]);
        let Some(&first) = order.first() else { return };
        T::som_step(units, &gains, sample(first), sample(first), &mut squared);
        let s = &self.settings;
        for (step, &i) in order.iter().enumerate() {
            let t = fraction(self.epoch * order.len() + step, self.epochs * order.len());
            let radius = s.radius_decay.at(s.first_radius(), s.final_radius, t);
            let rate = s.rate_decay.at(s.rate, s.final_rate, t);
            let pull: Vec<T> = self.reach.table(radius).into_iter().map(|h| T::from_f64(rate * h)).collect();
            let best = (1..k).fold(0, |b, c| if squared[c] < squared[b] { c } else { b });
            let places = &self.reach.places[best * k..][..k];
            gains.iter_mut().zip(places).for_each(|(gain, &place)| *gain = pull[place as usize]);
            let next = order.get(step + 1).copied().unwrap_or(i);
            T::som_step(units, &gains, sample(i), sample(next), &mut squared);
        }
    }
}

/// Returns how far a training is at step `at` of `steps`: 0 at the first, 1 at the last.
fn fraction(at: usize, steps: usize) -> f64 {
    if steps > 1 { at as f64 / (steps - 1) as f64 } else { 0.0 }
}

/// The distances on the grid, each only once, and which of them lies between two units.
struct Reach {
    lattice: Lattice,
    neighbourhood: Neighbourhood,
    /// Squared distances, rising.
    distances: Vec<f64>,
    /// For each pair of units the place of their distance.
    places: Vec<u32>,
}

impl Reach {
    fn new(lattice: Lattice, neighbourhood: Neighbourhood) -> Self {
        let k = lattice.units();
        // Any two units are as far apart as one in the first two rows and some other.
        let some = 0..k.min(2 * lattice.columns);
        let mut distances: Vec<f64> = some.flat_map(|a| (0..k).map(move |b| lattice.squared_distance(a, b))).collect();
        distances.sort_unstable_by(f64::total_cmp);
        distances.dedup();
        let mut places = vec![0u32; k * k];
        parallel::chunks(&mut places, ROWS * k, |piece, rows| {
            for (at, place) in rows.iter_mut().enumerate() {
                let squared = lattice.squared_distance(piece * ROWS + at / k, at % k);
                *place = distances.partition_point(|&d| d < squared) as u32;
            }
        });
        Self { lattice, neighbourhood, distances, places }
    }

    /// Returns the neighbourhood at each of the distances.
    fn table(&self, radius: f64) -> Vec<f64> {
        let at = |&squared: &f64| clear(self.neighbourhood.at(squared, radius));
        self.distances.iter().map(at).collect()
    }
}

/// Returns a neighbourhood without what counts as 0.
pub(super) fn clear(h: f64) -> f64 {
    if h.abs() < FAINT { 0.0 } else { h }
}
