//! # Lesson 14: searching hyper-parameters
//!
//! A network's weights are learnt by gradients; its learning rate, width and optimizer are not: one trains with some
//! setting, looks at the validation loss, and tries another. A search is a rule for which setting comes next.
//!
//! 1. *Grid or random?* On a grid of k x k points each parameter takes only k values. If one parameter matters and the
//!    other does not, k trials of every k are wasted; drawn at random, all of them try something new of the one that
//!    matters (Bergstra and Bengio 2012).
//! 2. *Learning from trials.* The tree-structured Parzen estimator (Bergstra et al. 2011) splits the trials so far into
//!    good and bad ones, models where each lie, l(x) and g(x), and tries next where l(x) / g(x) is greatest: that is
//!    where the expected improvement is.
//! 3. *Pruning.* After a few epochs most bad settings can be distinguished from good ones. The median rule stops a
//!    trial that is worse than the median of those before it.
//!
//! `gradus study` does the same with any experiment file, on several workers, with a journal that survives a crash.
//!
//! Run it: `cargo run --release --example lesson -- 14`

use gradus::data::Digits;
use gradus::models::mlp::mlp;
use gradus::nn::Activation;
use gradus::optim::{Adam, FirstOrder, Sgd};
use gradus::report::chart::{Curves, Figure, LineChart, Look, Scatter};
use gradus::rng::Rng;
use gradus::study::{Direction, Grid, Median, NoPruner, Prune, Pruner, Random, Sampler, Space, State, Study, Tpe};
use gradus::study::{Trial, Unseen};
use gradus::train::{Epoch, Fit, Matrix, Objective, Observer};
use std::path::PathBuf;

/// Trials of each search.
const TRIALS: usize = 30;
/// Epochs of each trial, at most.
const EPOCHS: usize = 12;
const PIXELS: usize = 28 * 28;

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    println!("1. Sixteen trials, one parameter that matters\n");
    // The loss of an imagined network: the best learning rate is 0.01, dropout hardly matters.
    let valley = |lr: f64, dropout: f64| (lr.log10() + 2.0) * (lr.log10() + 2.0) + 0.05 * dropout;
    let space = space("lr = { log = [1e-4, 1.0] }\ndropout = { uniform = [0.0, 1.0] }")?;
    let place = |trial: &Trial| {
        let of = |name| at(&space, trial, name).expect("it has no condition");
        (of("lr"), of("dropout"))
    };
    let mut chart = Scatter::new("Sixteen points", &["tried".to_owned()]).axes("log10 of the learning rate", "dropout");
    let mut least = Vec::new();
    let samplers: [(&str, Box<dyn Sampler>); 2] =
        [("grid", Box::new(Grid { values: 4 })), ("random", Box::new(Random))];
    for (name, sampler) in samplers {
        let trials = search(&space, sampler, Box::new(NoPruner), 16, 14, &|trial, _| {
            let (lr, dropout) = place(trial);
            Ok(valley(lr, dropout))
        })?;
        let points: Vec<(f64, f64)> = trials.iter().map(place).map(|(lr, dropout)| (lr.log10(), dropout)).collect();
        let mut rates: Vec<f64> = points.iter().map(|p| p.0).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        least.push(trials.iter().filter_map(|trial| trial.value).fold(f64::INFINITY, f64::min));
        println!("   {name:<7} {:>2} different learning rates, least loss {:.3}", rates.len(), least[least.len() - 1]);
        println!(
            "           their logarithms: {}",
            rates.iter().map(|r| format!("{r:.2} ")).collect::<String>().trim_end()
        );
        chart = chart.panel(name, &points, &[0; 16]);
    }
    chart.draw().save(&folder, "grid_or_random")?;
    assert!(least[1] < least[0], "sixteen learning rates come nearer to the best one than four");

    println!("\n2. Thirty trainings: drawn at random, or near good ones\n");
    let digits = Work::new()?;
    let space = self::space(
        r#"lr = { log = [1e-5, 1.0] }
           kind = { choice = ["adam", "sgd"] }
           momentum = { uniform = [0.0, 0.95], when = "kind = sgd" }
           units = { int = [8, 128], log = true }"#,
    )?;
    let ways: [Way; 3] = [
        ("random", || Box::new(Random), || Box::new(NoPruner)),
        ("TPE", || Box::new(Tpe::default()), || Box::new(NoPruner)),
        ("TPE, median rule", || Box::new(Tpe::default()), || Box::new(Median::default())),
    ];
    let (mut by_trial, mut by_epoch) = (
        LineChart::new("Best so far, over trials").axes("trial", "validation loss, mean of three searches").log_y(),
        LineChart::new("Best so far, over epochs")
            .axes("epochs of training", "validation loss, mean of three searches")
            .log_y(),
    );
    let (mut ends, mut epochs) = (Vec::new(), Vec::new());
    let (mut curves, mut pruned) = (None, Vec::new());
    println!("   best validation loss, mean of three searches, after trial     1       5      10      20      30");
    for (name, sampler, pruner) in ways {
        let searches: Vec<Vec<Trial>> = (0..3)
            .map(|seed| {
                search(&space, sampler(), pruner(), TRIALS, seed, &|trial, report| digits.train(&space, trial, report))
            })
            .collect::<gradus::Result<_>>()?;
        let best: Vec<Vec<f64>> = searches.iter().map(|trials| best_so_far(trials.iter().map(least_of))).collect();
        let steps = |trials: &[Trial]| trials.iter().flat_map(|t| t.curve.iter().map(|c| c.1)).collect::<Vec<_>>();
        let along: Vec<Vec<f64>> = searches.iter().map(|trials| best_so_far(steps(trials).into_iter())).collect();
        ends.push(mean(best.iter().map(|b| b[TRIALS - 1])));
        epochs.push(mean(along.iter().map(|a| a.len() as f64)));
        let after = |n: usize| format!("{:8.4}", mean(best.iter().map(|b| b[n - 1])));
        let row: String = [1, 5, 10, 20, 30].map(after).concat();
        println!("   {name:<17} ({:.0} epochs in all) {:>23}{row}", epochs[epochs.len() - 1], "");
        let over = |lines: &[Vec<f64>]| -> Vec<f64> {
            let shortest = lines.iter().map(Vec::len).min().unwrap_or(0);
            (0..shortest).map(|i| mean(lines.iter().map(|line| line[i]))).collect()
        };
        by_trial = by_trial.epochs(name, &over(&best));
        by_epoch = by_epoch.epochs(name, &over(&along));
        if name == "TPE" {
            where_good_ones_are(&space, &searches[0]);
        }
        pruned = searches[0].iter().filter(|trial| trial.state == State::Pruned).map(|t| t.curve.len()).collect();
        curves = Some(draw_curves(&searches[0]));
    }
    by_trial.draw().save(&folder, "over_trials")?;
    by_epoch.draw().save(&folder, "over_epochs")?;
    assert!(ends[1] < ends[0], "TPE ends below random search: {} and {}", ends[1], ends[0]);

    println!("\n3. Pruning\n");
    curves.expect("there were searches").save(&folder, "pruned")?;
    println!("   of the {TRIALS} trials of one search {} were pruned, after epoch {pruned:?}", pruned.len());
    let saved = 1.0 - epochs[2] / epochs[1];
    println!(
        "   the median rule saves {:.0} % of the epochs, and ends at {:.4} for {:.4}",
        100.0 * saved,
        ends[2],
        ends[1]
    );
    assert!(saved > 0.25 && ends[2] < 1.1 * ends[1]);
    println!("\nfigures: {}", folder.display());
    Ok(())
}

/// A search: its name, sampler and pruner.
type Way = (&'static str, fn() -> Box<dyn Sampler>, fn() -> Box<dyn Pruner>);

/// A space from its text.
fn space(text: &str) -> gradus::Result<Space> {
    Space::read(&text.parse().expect("it is well-formed"))
}

/// The value of a parameter in a trial; none if its condition does not hold.
fn at(space: &Space, trial: &Trial, name: &str) -> Option<f64> {
    trial.point[space.params.iter().position(|param| param.name == name)?]
}

/// One search from its first trial to its last.
fn search(
    space: &Space,
    sampler: Box<dyn Sampler>,
    pruner: Box<dyn Pruner>,
    trials: usize,
    seed: u64,
    objective: &gradus::study::Objective<'_>,
) -> gradus::Result<Vec<Trial>> {
    let (name, direction) = ("lesson".into(), Direction::Minimize);
    let study =
        Study { name, space: space.clone(), sampler, pruner, direction, trials, parallel: 1, seed, own_seeds: false };
    let folder = tempfile::tempdir().expect("a place for the journal");
    study.run(&folder.path().join("study.jsonl"), 1, None, objective, &mut Unseen)
}

/// Prints where the best fifth of the trials lies, and where the others do: what TPE models by l(x) and g(x).
fn where_good_ones_are(space: &Space, trials: &[Trial]) {
    let mut sorted: Vec<&Trial> = trials.iter().collect();
    sorted.sort_by(|a, b| least_of(a).total_cmp(&least_of(b)));
    for (words, part) in [("best six", &sorted[..6]), ("others", &sorted[6..])] {
        let rates: Vec<f64> = part.iter().filter_map(|trial| at(space, trial, "lr")).map(f64::log10).collect();
        let (low, high) = rates.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), r| (l.min(*r), h.max(*r)));
        let adam = part.iter().filter(|trial| at(space, trial, "kind") == Some(0.0)).count();
        println!("      the {words} of one search: lr from 10^{low:.1} to 10^{high:.1}, Adam {adam} of {}", part.len());
    }
}

/// The value of a trial, pruned or not.
fn least_of(trial: &Trial) -> f64 {
    trial.curve.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min)
}

fn best_so_far(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values
        .scan(f64::INFINITY, |best, value| {
            *best = best.min(value);
            Some(*best)
        })
        .collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// The curves of all trials of a search, pruned ones faint.
fn draw_curves(trials: &[Trial]) -> Figure {
    let best = trials.iter().map(least_of).fold(f64::INFINITY, f64::min);
    let mut chart = Curves::new("The trials of one search", ["pruned", "complete", "best"])
        .axes("epoch", "validation loss")
        .log_y();
    for trial in trials {
        let look = match trial.state {
            State::Pruned => Look::Faint,
            _ if least_of(trial) <= best => Look::Bold,
            _ => Look::Plain,
        };
        let points: Vec<(f64, f64)> = trial.curve.iter().map(|&(epoch, loss)| (epoch as f64, loss)).collect();
        chart = chart.curve(trial.number, look, &points);
    }
    chart.draw()
}

/// The network of a trial: one hidden layer, trained on a few rendered digits.
struct Work {
    train: Matrix,
    val: Matrix,
}

impl Work {
    fn new() -> gradus::Result<Self> {
        let images = Digits { n: 700, seed: 14 }.render()?;
        let part = |of: std::ops::Range<usize>| {
            let of: Vec<usize> = of.collect();
            let rows = images.pixels.gather(&of).reshape([of.len(), PIXELS])?;
            Matrix::new(rows, images.target.gather(&of))
        };
        Ok(Self { train: part(0..400)?, val: part(400..700)? })
    }

    /// Trains with the settings of a trial; the value is the least validation loss.
    fn train(&self, space: &Space, trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune) -> gradus::Result<f64> {
        let of = |name| at(space, trial, name).expect("it has no condition");
        let (lr, units) = (of("lr"), of("units") as usize);
        let model = mlp(PIXELS, &[units], 10, Activation::Relu, &mut Rng::new(trial.seed, "init", 0));
        let mut adam = FirstOrder::new(Adam::new(lr));
        let mut sgd = FirstOrder::new(Sgd { momentum: at(space, trial, "momentum").unwrap_or(0.0), ..Sgd::new(lr) });
        let fit = Fit { objective: Objective::default(), ..Fit::new(EPOCHS, EPOCHS, 50, trial.seed) };
        let mut epochs = Epochs { report, stop: false };
        let trained = match of("kind") as usize {
            0 => fit.run(&model, &mut adam, &self.train, &self.val, None, &mut epochs),
            _ => fit.run(&model, &mut sgd, &self.train, &self.val, None, &mut epochs),
        };
        match trained {
            // The study has recorded the decision.
            Err(gradus::Error::Interrupted(_)) if epochs.stop => Ok(f64::INFINITY),
            result => Ok(result?.history.curve("val_loss").into_iter().fold(f64::INFINITY, f64::min)),
        }
    }
}

/// Reports the validation loss of each epoch to the search, and stops if it prunes the trial.
struct Epochs<'a> {
    report: &'a mut dyn FnMut(usize, f64) -> Prune,
    stop: bool,
}

impl Observer for Epochs<'_> {
    fn epoch(&mut self, e: &Epoch, _: bool) {
        self.stop |= (self.report)(e.epoch, e.losses()[1]) == Prune::Yes;
    }

    fn interrupted(&self) -> bool {
        self.stop
    }
}
