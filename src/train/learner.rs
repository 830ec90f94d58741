//! What learns, epoch by epoch, and the one loop that all of it goes through: the best epoch, early stopping, interruption,
//! and the progress from which a training resumes.
//!
//! The loop knows a [`Learner`] and the [`Figures`] it reports, nothing of networks. A network with a loss is one learner
//! ([`Supervised`](super::Supervised)); two networks against each other, centroids, couplings or trees are others.

use super::history::{Epoch, Figures, History};
use super::measure::Measure;
use crate::error::{Error, Result};
use crate::nn::state::State;
use std::collections::BTreeMap;

/// Something that learns, epoch by epoch: it owns (or borrows) its networks and their optimizers, or whatever else it adapts.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::{Direction, Figures, Learner, Measure, States, Training};
///
/// /// The mean of some numbers, by a step of a tenth of the way in each epoch: no network, no tape.
/// struct Mean {
///     numbers: Vec<f32>,
///     guess: f32,
/// }
///
/// impl Learner for Mean {
///     fn epoch(&mut self, _: &History, _: &mut dyn Observer) -> Result<Figures> {
///         let mean = self.numbers.iter().sum::<f32>() / self.numbers.len() as f32;
///         self.guess += 0.1 * (mean - self.guess);
///         Ok([("distance", f64::from((mean - self.guess).abs()))].into())
///     }
///     fn weights(&self) -> State<f32> {
///         [("guess".to_owned(), Tensor::full([1], self.guess))].into()
///     }
///     fn set_weights(&mut self, weights: &State<f32>) -> Result<()> {
///         self.guess = weights["guess"].item();
///         Ok(())
///     }
///     fn states(&self) -> States {
///         States { tensors: [("mean".to_owned(), self.weights())].into(), ..States::default() }
///     }
///     fn load(&mut self, mut states: States) -> Result<()> {
///         self.set_weights(&states.tensor("mean"))
///     }
/// }
///
/// const DISTANCE: Measure = Measure { name: "distance", words: "distance to the mean", direction: Direction::Minimize };
/// let mut mean = Mean { numbers: vec![1.0, 2.0, 6.0], guess: 0.0 };
/// let training = Training { epochs: 100, patience: 5, measures: &[DISTANCE] };
/// let trained = training.run(&mut mean, None, &mut Silent)?;
/// assert!((mean.guess - 3.0).abs() < 0.01);
/// assert_eq!(trained.best, mean.weights());
/// # Ok::<(), Error>(())
/// ```
pub trait Learner {
    /// Trains one more epoch than `history` holds, and returns what was measured: finite numbers.
    ///
    /// After each step the observer is [told](Observer::step) and asked whether to [stop](Observer::interrupted). If so, the
    /// epoch ends with [`Error::Interrupted`], [`states`](Self::states) says where, and the next call goes on from there.
    fn epoch(&mut self, history: &History, observer: &mut dyn Observer) -> Result<Figures>;

    /// Returns what is used once training is over, by path: weights (their average, if one is kept), centroids, couplings.
    /// Those of the best epoch are kept.
    fn weights(&self) -> State<f32>;

    /// Puts such weights back.
    fn set_weights(&mut self, weights: &State<f32>) -> Result<()>;

    /// Returns all that a resume needs: weights as they are, optimizers, the place within an epoch.
    fn states(&self) -> States;

    /// Takes up where [`states`](Self::states) was taken; trained on, it ends in the same bits.
    fn load(&mut self, states: States) -> Result<()>;
}

/// The state of a learner: tensors by part and path, and numbers by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    /// Each network's and each optimizer's tensors. A part's name holds no slash.
    pub tensors: BTreeMap<String, State<f32>>,
    /// Counts and sums. A whole number is kept exactly up to 2⁵³.
    pub numbers: BTreeMap<String, f64>,
}

impl States {
    /// Takes the tensors of a part out; empty if there are none.
    pub fn tensor(&mut self, part: &str) -> State<f32> {
        self.tensors.remove(part).unwrap_or_default()
    }

    /// Returns a number; 0 if there is none.
    pub fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }
}

/// How long a learner is trained, and which epoch is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one after which training stops (Prechelt 1998).
    pub patience: usize,
    /// By what the best epoch is chosen; see [`History::push`].
    pub measures: &'static [Measure],
}

/// How far a training has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The learner now.
    pub states: States,
    /// The weights of the best epoch so far.
    pub best: State<f32>,
    /// The epochs so far.
    pub history: History,
}

/// A finished training. The learner itself holds the best epoch's weights.
#[derive(Clone, Debug)]
pub struct Trained {
    /// All epochs.
    pub history: History,
    /// The best epoch's weights.
    pub best: State<f32>,
    /// The last epoch's weights.
    pub last: State<f32>,
}

/// An observer of a training: a progress bar, a log, what stops or saves it.
///
/// ```
/// use gradus::prelude::*;
///
/// /// Prints each epoch's losses.
/// struct Print;
///
/// impl Observer for Print {
///     fn epoch(&mut self, record: &Epoch, best: bool) {
///         let [train, val] = record.losses();
///         println!("epoch {}: {train:.3}, {val:.3}{}", record.epoch, if best { " *" } else { "" });
///     }
/// }
///
/// let samples = Matrix::new(Tensor::zeros([4, 2]), vec![0, 1, 0, 1])?;
/// let model = Linear::new(2, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// Fit::new(3, 3, 2, 1).run(&model, &mut FirstOrder::new(Sgd::new(0.1)), &samples, &samples, None, &mut Print)?;
/// # Ok::<(), Error>(())
/// ```
pub trait Observer {
    /// After each step: `done` of `total` samples of epoch number `epoch` have been seen.
    fn step(&mut self, epoch: usize, done: usize, total: usize) {
        let _ = (epoch, done, total);
    }

    /// After each epoch. `best` tells whether it is the best so far.
    fn epoch(&mut self, record: &Epoch, best: bool) {
        let _ = (record, best);
    }

    /// Asked after each step: whether to stop now. The training then saves itself and ends with
    /// [`Error::Interrupted`].
    fn interrupted(&self) -> bool {
        false
    }

    /// Offered after each epoch, and always before an interruption (`must`): `progress()` is everything needed to
    /// take the training up from here.
    fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
        let _ = (must, progress);
        Ok(())
    }
}

/// An observer that does nothing.
#[derive(Debug)]
pub struct Silent;
impl Observer for Silent {}

impl Training {
    /// Trains `learner` and leaves the best epoch's weights in it. `from` resumes a training that was stopped.
    pub fn run(
        &self,
        learner: &mut dyn Learner,
        from: Option<Progress>,
        observer: &mut dyn Observer,
    ) -> Result<Trained> {
        let (mut history, mut best) = match from {
            Some(progress) => {
                learner.load(progress.states)?;
                (progress.history, progress.best)
            }
            None => (History::default(), learner.weights()),
        };
        while history.epochs.len() < self.epochs && (history.epochs.is_empty() || history.stale() < self.patience) {
            let figures = match learner.epoch(&history, observer) {
                Err(Error::Interrupted(why)) => {
                    observer.save(true, &|| progress(learner, &history, &best))?;
                    return Err(Error::Interrupted(why));
                }
                figures => figures?,
            };
            let epoch = history.epochs.len() + 1;
            if let Some((name, value)) = figures.iter().find(|(_, value)| !value.is_finite()) {
                let (what, place) = (format!("{value}"), format!("{} of epoch {epoch}", name.replace('_', " ")));
                let help = "lower the learning rate, or look for odd samples in the data".to_owned();
                return Err(Error::NotFinite { what, place, help });
            }
            let is_best = history.push(Epoch { epoch, figures }, self.measures);
            if is_best {
                best = learner.weights();
            }
            observer.epoch(history.epochs.last().expect("an epoch was pushed"), is_best);
            observer.save(false, &|| progress(learner, &history, &best))?;
        }
        let last = learner.weights();
        learner.set_weights(&best)?;
        Ok(Trained { history, best, last })
    }
}

/// Everything needed to take the training up again.
fn progress(learner: &dyn Learner, history: &History, best: &State<f32>) -> Progress {
    Progress { states: learner.states(), best: best.clone(), history: history.clone() }
}
