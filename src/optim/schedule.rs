//! How the learning rate changes from epoch to epoch.
//!
//! A schedule is a pure function of the epoch and of the validation losses so far, so a resumed training needs nothing
//! but its history to continue at the same rate.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The learning rate of each epoch, from the base rate `base`. Epochs count e = 1, 2, .. E.
///
/// The formulas are those of `torch.optim.lr_scheduler` with one step an epoch; each variant names its counterpart. In
/// a file: `kind = "cosine"` and the variant's settings.
///
/// ```
/// use gradus::prelude::*;
/// let step = Schedule::Step { every: 10, factor: 0.5 };
/// assert_eq!([1, 10, 11, 21].map(|epoch| step.lr(0.1, epoch, 30, &[])), [0.1, 0.1, 0.05, 0.025]);
/// let cosine = Schedule::Cosine { to: 0.0, warmup: 1 };
/// assert_eq!(cosine.lr(0.1, 1, 30, &[]), 0.05); // warming up
/// assert!(cosine.lr(0.1, 30, 30, &[]) < 0.001);
/// let fit = Fit { schedule: cosine, ..Fit::new(30, 30, 32, 1) }; // beginning with the optimizer's rate
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    // With braces, because a variant without would let any key pass.
    /// Always `base`.
    Constant {},
    /// base · factor^⌊(e - 1) / every⌋ (`StepLR`).
    Step {
        /// Epochs at the same rate, from 1; 0 counts as 1.
        #[cfg_attr(feature = "program", schemars(extend("unit" = "epochs")))]
        every: usize,
        /// What the rate is multiplied by.
        #[serde(default = "tenth")]
        factor: f64,
    },
    /// base · factor^(e - 1) (`ExponentialLR`).
    Exponential {
        /// What the rate is multiplied by after each epoch.
        factor: f64,
    },
    /// Half a cosine from `base` down to `to` (Loshchilov and Hutter 2017, without restarts), after a linear warm-up
    /// (Goyal et al. 2017) of w epochs:
    ///
    /// ```text
    /// e ≤ w:  base · e / (w + 1)                                                 (LinearLR)
    /// e > w:  to + (base - to) (1 + cos(π (e - w - 1) / (E - w))) / 2            (CosineAnnealingLR, T_max = E - w)
    /// ```
    ///
    /// The first epoch after the warm-up has the base rate; `to` would be reached after the last, so that none is
    /// spent without learning. If the warm-up is longer than the training, it is cut off.
    Cosine {
        /// Learning rate at the end, from 0.
        #[serde(default)]
        to: f64,
        /// Epochs of warm-up.
        #[serde(default)]
        #[cfg_attr(feature = "program", schemars(extend("unit" = "epochs")))]
        warmup: usize,
    },
    /// A straight line from `base` down to `to`, after a linear warm-up of w epochs:
    ///
    /// ```text
    /// e ≤ w:  base · e / (w + 1)                                                 (LinearLR)
    /// e > w:  to + (base - to) (1 - (e - w - 1) / (E - w))                       (LinearLR, total_iters = E - w)
    /// ```
    Linear {
        /// Learning rate at the end, from 0: it would be reached after the last epoch.
        #[serde(default)]
        to: f64,
        /// Epochs of warm-up.
        #[serde(default)]
        #[cfg_attr(feature = "program", schemars(extend("unit" = "epochs")))]
        warmup: usize,
    },
    /// Multiplies the rate with `factor` when the validation loss has not become better for more than `patience` epochs
    /// (`ReduceLROnPlateau`; Keras does so one epoch earlier, at `patience`). Better means below (1 - threshold) times
    /// the best loss; a NaN is never better. After a change the waiting begins anew.
    Plateau {
        /// The factor by which the rate is multiplied.
        #[serde(default = "tenth")]
        factor: f64,
        /// Epochs without a better loss that are tolerated.
        #[serde(default = "ten")]
        #[cfg_attr(feature = "program", schemars(extend("unit" = "epochs")))]
        patience: usize,
        /// Fraction of itself by which the best loss must fall to count as better.
        #[serde(default = "little")]
        threshold: f64,
        /// Smallest learning rate, from 0.
        #[serde(default)]
        min_lr: f64,
    },
    /// Up and down again (Smith and Topin 2018): half a cosine from base / div_factor up to `base`, and another down to
    /// base / (div_factor · final_div_factor) in the last epoch (`OneCycleLR` with `max_lr = base`; momentum is left
    /// alone). The top is at e = pct_start · E, which need not be a whole number. A single epoch has the base rate.
    OneCycle {
        /// The fraction of the epochs in which the rate rises.
        #[serde(default = "usual_start")]
        pct_start: f64,
        /// What the base rate is divided by in the first epoch.
        #[serde(default = "div")]
        div_factor: f64,
        /// What the first rate is divided by in the last epoch.
        #[serde(default = "final_div")]
        final_div_factor: f64,
    },
}

impl Default for Schedule {
    /// Constant.
    fn default() -> Self {
        Schedule::Constant {}
    }
}

fn tenth() -> f64 {
    0.1
}
fn ten() -> usize {
    10
}
fn little() -> f64 {
    1e-4
}
fn usual_start() -> f64 {
    0.3
}
fn div() -> f64 {
    25.0
}
fn final_div() -> f64 {
    1e4
}

/// Returns half a cosine, from `from` at 0 to `to` at 1.
fn anneal(from: f64, to: f64, at: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + libm::cos(std::f64::consts::PI * at))
}

impl Schedule {
    /// Returns the learning rate of epoch `epoch` (from 1) of `epochs`. `val_losses` are the validation losses of the
    /// epochs before it, in order; those of later epochs are not looked at, and no loss but for
    /// [`Plateau`](Self::Plateau).
    ///
    /// Epochs past the last have the last one's rate.
    pub fn lr(&self, base: f64, epoch: usize, epochs: usize, val_losses: &[f64]) -> f64 {
        let (epochs, epoch) = (epochs.max(1), epoch.max(1));
        let past = |epoch: usize| (epoch - 1) as f64;
        match *self {
            Schedule::Constant {} => base,
            Schedule::Step { every, factor } => base * libm::pow(factor, ((epoch - 1) / every.max(1)) as f64),
            Schedule::Exponential { factor } => base * libm::pow(factor, past(epoch)),
            Schedule::Cosine { to, warmup } => {
                let epoch = epoch.min(epochs);
                if epoch <= warmup {
                    return base * epoch as f64 / (warmup + 1) as f64;
                }
                anneal(base, to, past(epoch - warmup) / (epochs - warmup) as f64)
            }
            Schedule::Linear { to, warmup } => {
                let epoch = epoch.min(epochs);
                if epoch <= warmup {
                    return base * epoch as f64 / (warmup + 1) as f64;
                }
                to + (base - to) * (1.0 - past(epoch - warmup) / (epochs - warmup) as f64)
            }
            Schedule::Plateau { factor, patience, threshold, min_lr } => {
                let (mut lr, mut best, mut waited) = (base, f64::INFINITY, 0);
                for &loss in val_losses.iter().take(epoch - 1) {
                    if loss < best * (1.0 - threshold) {
                        (best, waited) = (loss, 0);
                    } else {
                        waited += 1;
                    }
                    if waited > patience {
                        (lr, waited) = ((lr * factor).max(min_lr.min(base)), 0);
                    }
                }
                lr
            }
            Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
                let (first, now, last) = (base / div_factor, past(epoch.min(epochs)), past(epochs));
                let top = pct_start * epochs as f64 - 1.0;
                if epochs == 1 || now == top {
                    base
                } else if now < top {
                    anneal(first, base, now / top)
                } else {
                    anneal(base, first / final_div_factor, (now - top) / (last - top))
                }
            }
        }
    }

    /// Returns the schedule whose epochs are steps, `each` of which make an epoch of this one: what was to last so many epochs
    /// lasts as many steps. A plateau is one of epochs, whose losses it looks at, and stays as it is.
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let cosine = Schedule::Cosine { to: 0.0, warmup: 1 };
    /// assert_eq!(cosine.in_steps(100), Schedule::Cosine { to: 0.0, warmup: 100 });
    /// ```
    pub fn in_steps(self, each: usize) -> Self {
        match self {
            Schedule::Step { every, factor } => Schedule::Step { every: every.max(1) * each, factor },
            Schedule::Exponential { factor } => {
                Schedule::Exponential { factor: libm::pow(factor, 1.0 / each.max(1) as f64) }
            }
            Schedule::Cosine { to, warmup } => Schedule::Cosine { to, warmup: warmup * each },
            Schedule::Linear { to, warmup } => Schedule::Linear { to, warmup: warmup * each },
            Schedule::Constant {} | Schedule::Plateau { .. } | Schedule::OneCycle { .. } => self,
        }
    }

    /// Refuses settings out of their range. `path` is what the message calls the schedule, such as `train.schedule`.
    pub fn validate(&self, path: &str) -> Result<()> {
        let refuse = |key: &str, value: f64, help: &str| {
            Err(Error::config(format!("{path}.{key}"), format!("is {value}"), format!("give {help}")))
        };
        let shrinks = |factor: f64| factor > 0.0 && factor <= 1.0;
        let rate = |lr: f64| (0.0..=1e30).contains(&lr);
        let divisor = |factor: f64| (1.0..=1e30).contains(&factor);
        match *self {
            Schedule::Step { every: 0, .. } => refuse("every", 0.0, "a whole number from 1"),
            Schedule::Step { factor, .. } | Schedule::Exponential { factor } | Schedule::Plateau { factor, .. }
                if !shrinks(factor) =>
            {
                refuse("factor", factor, "a number above 0, at most 1")
            }
            Schedule::Cosine { to, .. } | Schedule::Linear { to, .. } if !rate(to) => {
                refuse("to", to, "a learning rate up to 1e30, or 0")
            }
            Schedule::Plateau { min_lr, .. } if !rate(min_lr) => {
                refuse("min_lr", min_lr, "a learning rate up to 1e30, or 0")
            }
            Schedule::Plateau { threshold, .. } if !(0.0..1.0).contains(&threshold) => {
                refuse("threshold", threshold, "a number from 0, below 1")
            }
            Schedule::OneCycle { pct_start, .. } if !(0.0..=1.0).contains(&pct_start) => {
                refuse("pct_start", pct_start, "a fraction, from 0 to 1")
            }
            Schedule::OneCycle { div_factor, .. } if !divisor(div_factor) => {
                refuse("div_factor", div_factor, "a number from 1 to 1e30")
            }
            Schedule::OneCycle { final_div_factor, .. } if !divisor(final_div_factor) => {
                refuse("final_div_factor", final_div_factor, "a number from 1 to 1e30")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, epochs: usize, losses: &[f64]) -> Vec<f64> {
        (1..=epochs).map(|epoch| schedule.lr(8.0, epoch, epochs, losses)).collect()
    }

    #[test]
    fn rates_by_hand() {
        assert_eq!(rates(Schedule::Constant {}, 3, &[]), [8.0; 3]);
        assert_eq!(rates(Schedule::Step { every: 2, factor: 0.5 }, 5, &[]), [8.0, 8.0, 4.0, 4.0, 2.0]);
        assert_eq!(rates(Schedule::Exponential { factor: 0.5 }, 3, &[]), [8.0, 4.0, 2.0]);
        // Two of warm-up, then cosines of 0 and 90 degrees from 8 to 2.
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            let off = found.iter().zip(expected).map(|(f, w)| (f - w).abs()).fold(0.0, f64::max);
            assert!(off < 1e-14, "{found:?} for {expected:?}");
        };
        let cosine = Schedule::Cosine { to: 2.0, warmup: 2 };
        close(rates(cosine, 4, &[]), &[8.0 / 3.0, 16.0 / 3.0, 8.0, 5.0]);
        close(rates(cosine, 2, &[]), &[8.0 / 3.0, 16.0 / 3.0]);
        close(rates(cosine, 1, &[]), &[8.0 / 3.0]);
        let linear = Schedule::Linear { to: 2.0, warmup: 1 };
        close(rates(linear, 4, &[]), &[4.0, 8.0, 6.0, 4.0]);
        // In steps, two of which are an epoch.
        close(rates(linear.in_steps(2), 8, &[]), &[8.0 / 3.0, 16.0 / 3.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0]);
        close(rates(Schedule::Exponential { factor: 0.25 }.in_steps(2), 3, &[]), &[8.0, 4.0, 2.0]);
        assert_eq!(Schedule::Step { every: 3, factor: 0.5 }.in_steps(4), Schedule::Step { every: 12, factor: 0.5 });
        // Top at epoch 2 of 4: 1 up to 8, and in two steps down to 1/2.
        let cycle = Schedule::OneCycle { pct_start: 0.5, div_factor: 8.0, final_div_factor: 2.0 };
        close(rates(cycle, 4, &[]), &[1.0, 8.0, 4.25, 0.5]);
        close(rates(cycle, 1, &[]), &[8.0]);
        assert_eq!(cycle.lr(8.0, 9, 4, &[]), cycle.lr(8.0, 4, 4, &[]));
        assert_eq!(cosine.lr(8.0, 9, 4, &[]), cosine.lr(8.0, 4, 4, &[]));
    }

    #[test]
    fn a_plateau_by_hand() {
        let plateau = Schedule::Plateau { factor: 0.5, patience: 1, threshold: 0.0, min_lr: 3.0 };
        // Better, better, equal, NaN: two in a row are too many. Better than the best it must be.
        let losses = [5.0, 4.0, 4.0, f64::NAN, 4.5, 4.5, 1.0];
        assert_eq!(rates(plateau, 8, &losses), [8.0, 8.0, 8.0, 8.0, 4.0, 4.0, 3.0, 3.0]);
        // The losses of later epochs change nothing.
        assert_eq!(plateau.lr(8.0, 4, 8, &losses), plateau.lr(8.0, 4, 8, &losses[..3]));
        // A base rate below the least stays.
        assert_eq!(plateau.lr(1.0, 8, 8, &losses), 1.0);
        let choosy = Schedule::Plateau { factor: 0.5, patience: 0, threshold: 0.1, min_lr: 0.0 };
        assert_eq!(rates(choosy, 4, &[10.0, 9.5, 8.9]), [8.0, 8.0, 4.0, 4.0]);
    }

    #[test]
    fn schedules_are_read_from_tables() {
        let read = |text: &str| toml::from_str::<Schedule>(text);
        assert_eq!(read("kind = \"constant\"").unwrap(), Schedule::Constant {});
        assert_eq!(read("kind = \"cosine\"").unwrap(), Schedule::Cosine { to: 0.0, warmup: 0 });
        let plateau = Schedule::Plateau { factor: 0.1, patience: 3, threshold: 1e-4, min_lr: 0.0 };
        assert_eq!(read("kind = \"plateau\"\npatience = 3").unwrap(), plateau);
        assert_eq!(read(&toml::to_string(&plateau).unwrap()).unwrap(), plateau);
        let cycle = Schedule::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 };
        assert_eq!(read("kind = \"one_cycle\"").unwrap(), cycle);
        for (text, word) in [
            ("kind = \"cosine\"\ntoo = 1", "too"),
            ("kind = \"constant\"\nto = 1", "to"),
            ("kind = \"sine\"", "sine"),
            ("kind = \"step\"", "every"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(&format!("`{word}`")), "{message}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refused = |schedule: Schedule, key: &str| {
            let message = schedule.validate("train.schedule").unwrap_err().to_string();
            assert!(message.starts_with(&format!("train.schedule.{key}: is ")), "{message}");
        };
        refused(Schedule::Step { every: 0, factor: 0.5 }, "every");
        refused(Schedule::Step { every: 1, factor: 0.0 }, "factor");
        refused(Schedule::Exponential { factor: 1.5 }, "factor");
        refused(Schedule::Cosine { to: f64::NAN, warmup: 0 }, "to");
        refused(Schedule::Plateau { factor: 0.5, patience: 1, threshold: 1.0, min_lr: 0.0 }, "threshold");
        refused(Schedule::Plateau { factor: 0.5, patience: 1, threshold: 0.0, min_lr: -1.0 }, "min_lr");
        refused(Schedule::OneCycle { pct_start: 2.0, div_factor: 2.0, final_div_factor: 2.0 }, "pct_start");
        refused(Schedule::OneCycle { pct_start: 0.5, div_factor: 0.0, final_div_factor: 2.0 }, "div_factor");
        refused(Schedule::OneCycle { pct_start: 0.5, div_factor: 2.0, final_div_factor: 0.5 }, "final_div_factor");
        Schedule::Cosine { to: 0.0, warmup: 3 }.validate("").unwrap();
    }
}
