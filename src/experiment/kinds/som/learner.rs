//! A self-organizing map as a [`Learner`]: an epoch is trained and measured, and some epochs are kept as frames.

use crate::analysis::som::{Mode, Som, Training};
use crate::error::{Error, Result};
use crate::nn::state::State;
use crate::tensor::Tensor;
use crate::train::{Figures, History, Learner, Observer, States};
use ndarray::{Array2, ArrayView2};

/// The name of the units' weights among those of a run.
const UNITS: &str = "units";
/// What stands before the number of an epoch in the name of a frame.
const FRAME: &str = "frame.";
/// Most frames: the start, and the last epochs of 1, 2, 5, 10, 20, ..
const FRAMES: usize = 8;

/// A map that learns.
pub(super) struct MapLearner<'t, 'a> {
    training: &'t mut Training<'a, f32>,
    settings: Som,
    train: ArrayView2<'t, f32>,
    val: Option<ArrayView2<'t, f32>>,
    /// Epochs that are kept, rising.
    kept: Vec<usize>,
    frames: State<f32>,
}

impl<'t, 'a> MapLearner<'t, 'a> {
    /// Begins with a map at its start.
    pub(super) fn new(
        training: &'t mut Training<'a, f32>,
        settings: Som,
        epochs: usize,
        train: ArrayView2<'t, f32>,
        val: Option<ArrayView2<'t, f32>>,
    ) -> Self {
        let mut learner = Self { training, settings, train, val, kept: epochs_kept(epochs), frames: State::new() };
        learner.keep(0);
        learner
    }

    fn keep(&mut self, epoch: usize) {
        if self.kept.contains(&epoch) {
            self.frames.insert(format!("{FRAME}{epoch:06}"), self.units());
        }
    }

    fn units(&self) -> Tensor {
        Tensor::from(self.training.units().to_owned())
    }
}

/// Returns which epochs of a training are frames: the start, a few on a logarithmic scale, the last.
fn epochs_kept(epochs: usize) -> Vec<usize> {
    let scale = (0..7).flat_map(|power| [1, 2, 5].map(|digit| digit * 10usize.pow(power)));
    let mut between: Vec<usize> = scale.filter(|&epoch| epoch < epochs).collect();
    between.push(epochs);
    let surplus = (between.len() + 1).saturating_sub(FRAMES);
    [0].into_iter().chain(between.into_iter().skip(surplus)).collect()
}

/// Returns the frames among the weights of a run, by epoch.
pub(super) fn frames(weights: &State<f32>) -> Result<Vec<(usize, Array2<f32>)>> {
    let named = weights.iter().filter_map(|(name, units)| Some((name.strip_prefix(FRAME)?.parse().ok()?, units)));
    named.map(|(epoch, units)| Ok((epoch, units.array2()?.to_owned()))).collect()
}

impl Learner for MapLearner<'_, '_> {
    fn epoch(&mut self, history: &History, observer: &mut dyn Observer) -> Result<Figures> {
        let epoch = history.epochs.len() + 1;
        if observer.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before epoch {epoch}")));
        }
        let radius = self.training.radius();
        self.training.advance()?;
        self.keep(epoch);
        observer.step(epoch, 1, 1);
        let map = self.training.map();
        let mut figures: Figures = [("radius", radius)].into();
        if self.settings.mode == Mode::Online {
            figures.set("rate", self.training.rate(epoch - 1));
        }
        for (split, x) in [("train", Some(self.train)), ("val", self.val)] {
            let Some(x) = x else { continue };
            let matches = map.matches(x)?;
            figures.set(&format!("{split}_quantization_error"), matches.quantization_error());
            figures.set(&format!("{split}_topographic_error"), matches.topographic_error());
        }
        Ok(figures)
    }

    fn weights(&self) -> State<f32> {
        let mut weights = self.frames.clone();
        weights.insert(UNITS.to_owned(), self.units());
        weights
    }

    fn set_weights(&mut self, weights: &State<f32>) -> Result<()> {
        let Some(units) = weights.get(UNITS) else {
            return Err(Error::invalid(format!("som: expected weights called `{UNITS}`; found {:?}", weights.keys())));
        };
        self.training.resume(self.training.epoch(), units.array2()?.to_owned())?;
        self.frames =
            weights.iter().filter(|(name, _)| name.starts_with(FRAME)).map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(())
    }

    fn states(&self) -> States {
        let numbers = [("epoch".to_owned(), self.training.epoch() as f64)].into();
        States { tensors: [("map".to_owned(), self.weights())].into(), numbers }
    }

    fn load(&mut self, mut states: States) -> Result<()> {
        self.set_weights(&states.tensor("map"))?;
        let units = self.training.units().to_owned();
        self.training.resume(states.number("epoch") as usize, units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::train::{Progress, Silent};

    /// Stops before the epoch after `.0` of them, and keeps the progress.
    struct Stop(usize, Option<Progress>);

    impl Observer for Stop {
        fn step(&mut self, _: usize, _: usize, _: usize) {
            self.0 -= 1;
        }
        fn interrupted(&self) -> bool {
            self.0 == 0
        }
        fn save(&mut self, _: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
            self.1 = Some(progress());
            Ok(())
        }
    }

    #[test]
    fn a_map_that_is_interrupted_is_resumed_with_the_same_bits() {
        let mut rng = Rng::new(1, "x", 0);
        let x = Array2::from_shape_fn((50, 3), |_| rng.normal() as f32);
        for mode in [Mode::Batch, Mode::Online] {
            let som = Som { rows: 3, columns: 4, mode, ..Som::default() };
            let run = |from: Option<Progress>, observer: &mut dyn Observer| {
                som.train(x.view(), 7, 1, |map| {
                    let mut learner = MapLearner::new(map, som, 7, x.view(), None);
                    let training = crate::train::Training { epochs: 7, patience: usize::MAX, measures: &[] };
                    training.run(&mut learner, from, observer)
                })
            };
            let whole = run(None, &mut Silent).unwrap();
            assert_eq!(whole.history.best_epoch, 7, "the last epoch is kept");
            assert_eq!(frames(&whole.best).unwrap().iter().map(|f| f.0).collect::<Vec<_>>(), [0, 1, 2, 5, 7]);
            let mut stop = Stop(3, None);
            assert!(matches!(run(None, &mut stop), Err(Error::Interrupted(_))));
            let resumed = run(stop.1, &mut Silent).unwrap();
            assert_eq!((resumed.best, resumed.history), (whole.best, whole.history), "{mode:?}");
        }
    }

    #[test]
    fn frames_are_the_start_the_end_and_a_few_between() {
        assert_eq!(epochs_kept(1), [0, 1]);
        assert_eq!(epochs_kept(7), [0, 1, 2, 5, 7]);
        assert_eq!(epochs_kept(100), [0, 1, 2, 5, 10, 20, 50, 100]);
        assert_eq!(epochs_kept(1000), [0, 10, 20, 50, 100, 200, 500, 1000]);
    }
}
