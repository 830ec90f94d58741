//! Which search is the faster one? Random search against TPE with pruning, on one and the same study.
//!
//! The study is small enough to be run many times: a network of one hidden layer on 5,000 images of Fashion-MNIST, 30
//! trials of at most 20 epochs over its width, its optimizer, learning rate, momentum, weight decay and dropout. Both
//! searches have the same space, the same number of trials and the same seeds; the cost is counted in epochs, which
//! take nearly all the time. The program reports after how many of them TPE with pruning reaches the final validation
//! loss of random search: for each seed, and for the mean of the best losses so far over the seeds. (A seed where it
//! never does counts as the fraction 1.)
//!
//! ```text
//! cargo run --release --example exercise -- study_race FOLDER [FIRST LAST] [KEY=VALUE ...]
//! ```
//!
//! FOLDER holds the four IDX files. FIRST and LAST are the seeds, 0 and 4 if not given; settings such as
//! `study.pruner=hyperband` are those of TPE.

use gradus::Result;
use gradus::experiment::Source;
use gradus::study::job::StudyJob;
use gradus::study::{Overseer, State, StudyEvent, Trial};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The fixed study.
const STUDY: &str = include_str!("study_race.toml");

/// Shows progress.
struct Dots;

impl Overseer for Dots {
    fn event(&mut self, event: StudyEvent) {
        if let StudyEvent::Over(trial) = event {
            eprint!("{}", if trial.state == State::Pruned { '-' } else { '*' });
        }
    }
}

/// The best value after each epoch of a study, trial after trial.
fn race(folder: &str, seed: u64, settings: &[String]) -> Result<Vec<f64>> {
    let mut source = Source::text(STUDY, "race")?;
    source.set(&format!("data.path={folder}"))?;
    settings.iter().try_for_each(|set| source.set(set))?;
    source.set(&format!("seed={seed}"))?;
    let job = StudyJob::new(source)?;
    let journal = tempfile::tempdir().expect("a place for the journal");
    let stops = AtomicBool::new(false);
    let trials = job.study()?.run(
        &journal.path().join("study.jsonl"),
        1,
        None,
        &|trial, report| job.train(trial, None, report, &stops),
        &mut Dots,
    )?;
    eprintln!(" seed {seed}: {}", settings.join(", "));
    // A value counts when it is reached, be its trial pruned later or not.
    let values = trials.iter().flat_map(|trial: &Trial| trial.curve.iter().map(|(_, value)| *value));
    let mut best = f64::INFINITY;
    Ok(values
        .map(|value| {
            best = best.min(value);
            best
        })
        .collect())
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let words = &words[1..];
    let folder = words.first().map_or("", String::as_str);
    if !Path::new(folder).is_dir() {
        println!(
            "usage: exercise study_race FOLDER [FIRST LAST] [KEY=VALUE ...]   (FOLDER holds Fashion-MNIST's files)"
        );
        return Ok(());
    }
    let seeds: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let (first, last) = if let [first, last] = seeds[..] { (first, last) } else { (0, 4) };
    let plain = ["study.sampler=random", "study.pruner=none"].map(String::from);
    let mut clever = ["study.sampler=tpe", "study.pruner=median"].map(String::from).to_vec();
    clever.extend(words.iter().filter(|word| word.contains('=')).cloned());
    let started = Instant::now();
    println!("seed  random: loss, epochs    TPE with pruning: loss, epochs, random's loss reached after");
    let (mut fractions, mut ends, mut searches) = (Vec::new(), Vec::new(), Vec::new());
    let mut epochs = 0;
    for seed in first..=last {
        let random = race(folder, seed, &plain)?;
        let tpe = race(folder, seed, &clever)?;
        let goal = random[random.len() - 1];
        epochs = random.len();
        let reached = tpe.iter().position(|&value| value <= goal).map(|at| at + 1);
        let words = reached.map_or("never".into(), |at| format!("{at} = {:.2}", at as f64 / epochs as f64));
        println!("{seed:>4}  {goal:.5} {epochs:>14}    {:.5} {:>5}   {words}", tpe[tpe.len() - 1], tpe.len());
        fractions.push(reached.map_or(1.0, |at| at as f64 / epochs as f64));
        ends.push(goal);
        searches.push(tpe);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let after = |epoch: usize| mean(&searches.iter().map(|best| best[epoch.min(best.len()) - 1]).collect::<Vec<_>>());
    let goal = mean(&ends);
    let fraction = |at: usize| format!("after {:.2} of its epochs", at as f64 / epochs as f64);
    println!(
        "mean: random search ends at {goal:.5}; TPE with pruning is there {}, stands at {:.5} after half as many, and at \
         {:.5} at its end; the mean of the fractions is {:.2}; {:.0} s",
        (1..=epochs).find(|&epoch| after(epoch) <= goal).map_or("never".into(), fraction),
        after(epochs / 2),
        after(epochs),
        mean(&fractions),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}
