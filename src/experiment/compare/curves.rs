//! How the runs of a comparison learned: their curves by epoch and by second, and when their losses settled.

use super::Comparison;
use super::read;
use crate::error::Result;
use crate::report::chart::{Colour, LineChart, number};
use crate::report::{Cell, Figure, Table};
use crate::run::RunFolder;
use crate::train::Epoch;

/// Most curves in one figure.
const MOST: usize = 12;
/// Most curves in each figure of several.
const SOME: usize = 8;

/// How one run learned.
pub(super) struct Learned {
    /// The variant and the seed.
    label: String,
    /// The number of the variant.
    variant: usize,
    epochs: Vec<Epoch>,
    /// The time at the end of each epoch, in seconds of training; empty where it is unknown.
    clock: Vec<f64>,
}

/// A figure of curves, with the name of its file and its caption.
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) figure: Figure,
    pub(super) caption: String,
}

/// Reads how the runs learned, in the order in which they were given.
pub(super) fn learned(comparison: &Comparison, folders: &[RunFolder]) -> Result<Vec<Learned>> {
    let mut all = Vec::new();
    for folder in folders {
        let path = folder.root().display().to_string();
        let of = |(v, row): (usize, &super::Row)| Some((v, row.runs.iter().position(|run| *run == path)?));
        let Some((variant, i)) = comparison.rows.iter().enumerate().find_map(of) else { continue };
        let row = &comparison.rows[variant];
        let folder = folder.verified()?;
        let epochs = read::history(&folder)?.epochs;
        let sum = |all: &mut f64, seconds: f64| {
            *all += seconds;
            Some(*all)
        };
        let clock = read::epoch_seconds(&folder)?.into_iter().scan(0.0, sum).collect();
        all.push(Learned { label: format!("{}, seed {}", row.experiment, row.seeds[i]), variant, epochs, clock });
    }
    Ok(all)
}

impl Learned {
    /// The loss by which the run is judged, `val_loss` or, without validation samples, `train_loss`; none of a run without
    /// losses.
    fn loss(&self) -> Option<&'static str> {
        let last = self.epochs.last()?;
        ["val_loss", "train_loss"].into_iter().find(|name| last.get(name).is_some())
    }

    /// A figure of each epoch.
    fn curve(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|epoch| epoch.get(name)).collect()
    }
}

/// The first epoch, from 1, from which on the loss stays within 1 % of its lowest; none where it does not stay there.
fn settled(losses: &[f64]) -> Option<usize> {
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let outside = losses.iter().rposition(|loss| loss - lowest > 0.01 * lowest.abs());
    Some(outside.map_or(1, |last| last + 2)).filter(|epoch| *epoch <= losses.len())
}

/// That epoch in words, or what the loss did instead.
fn settling(losses: &[f64]) -> String {
    match (settled(losses), losses) {
        (Some(epoch), _) => epoch.to_string(),
        (None, [first, .., last]) if last > first => "diverged: the last loss is above the first".to_owned(),
        _ => "does not stay there".to_owned(),
    }
}

/// Returns when the loss of each run settled; none if no run has a loss of two epochs.
pub(super) fn settling_table(all: &[Learned]) -> Option<Table> {
    let headings = ["run", "loss", "lowest", "epochs", "epochs to within 1 % of its lowest loss", "seconds to it"];
    let mut table = Table::new(&headings);
    for run in all {
        let Some(name) = run.loss().filter(|_| run.epochs.len() > 1) else { continue };
        let losses = run.curve(name);
        let seconds = settled(&losses).and_then(|epoch| run.clock.get(epoch - 1));
        table.row([
            Cell::text(&run.label),
            Cell::text(if name == "val_loss" { "validation" } else { "training" }),
            Cell::text(number(losses.iter().copied().fold(f64::INFINITY, f64::min))),
            Cell::count(losses.len()),
            Cell::text(settling(&losses)),
            seconds.map_or(Cell::none(), |s| Cell::number(*s, 3)),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Draws the losses by epoch and by second, and the accuracies by epoch: of the validation split, and of the training split for
/// runs that have no other.
pub(super) fn figures(all: &[Learned]) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    for (split, loss, accuracy) in
        [("validation", "val_loss", "val_accuracy"), ("training", "train_loss", "train_accuracy")]
    {
        let runs: Vec<&Learned> = all.iter().filter(|run| run.loss() == Some(loss)).collect();
        let mut add = |what: &str, name: &str, by_second: bool| {
            let runs: Vec<&Learned> = runs
                .iter()
                .copied()
                .filter(|run| !run.curve(name).is_empty() && (!by_second || run.clock.len() == run.epochs.len()))
                .collect();
            let figures = if runs.len() > MOST { runs.len().div_ceil(SOME) } else { 1 };
            for (i, some) in runs.chunks(runs.len().div_ceil(figures).max(1)).enumerate() {
                let place = if figures > 1 { format!("_{}", i + 1) } else { String::new() };
                let seconds = if by_second { "_seconds" } else { "" };
                let of = if figures > 1 { format!(" ({} of {figures})", i + 1) } else { String::new() };
                drawn.push(Drawn {
                    name: format!("{split}_{what}{seconds}{place}"),
                    figure: draw(some, &format!("{split} {what}"), &of, name, by_second),
                    caption: caption(split, by_second).to_owned(),
                });
            }
        };
        add("loss", loss, false);
        add("loss", loss, true);
        add("accuracy", accuracy, false);
    }
    drawn
}

fn caption(split: &str, by_second: bool) -> &'static str {
    match (split, by_second) {
        (_, true) => {
            "The same over the seconds of training: the sum of the times of the epochs, checkpoints not counted."
        }
        ("validation", _) => "One curve for each run; runs of one variant have one colour.",
        _ => {
            "One curve for each run without validation samples; runs of one variant have one colour. The training loss is \
             the mean over an epoch while the weights moved."
        }
    }
}

fn draw(runs: &[&Learned], what: &str, of: &str, name: &str, by_second: bool) -> Figure {
    let axis = if by_second { "seconds of training" } else { "epoch" };
    let mut chart = LineChart::new(&format!("Learning curves: {what}{of}")).axes(axis, what).size(640.0, 400.0);
    let mut variants: Vec<usize> = Vec::new();
    for run in runs {
        let colour = variants.iter().position(|v| *v == run.variant).unwrap_or_else(|| {
            variants.push(run.variant);
            variants.len() - 1
        });
        let points: Vec<(f64, f64)> = run
            .epochs
            .iter()
            .enumerate()
            .filter_map(|(i, epoch)| {
                let x = if by_second { run.clock[i] } else { epoch.epoch as f64 };
                Some((x, epoch.get(name)?))
            })
            .collect();
        chart = chart.styled(&run.label, &points, Colour::class(colour), false);
    }
    // Where one run takes many times as long as another, the short one would be a stroke at the left.
    let ends = || runs.iter().filter_map(|run| run.clock.last().copied());
    let far = ends().fold(0.0, f64::max) > 10.0 * ends().fold(f64::INFINITY, f64::min);
    let chart = match by_second {
        true if far => chart.log_x(),
        true => chart,
        false => chart.whole_x(),
    };
    if name.ends_with("loss") { chart.log_y_if_wide().draw() } else { chart.draw() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_settles_once_it_stays_within_one_percent_of_its_lowest() {
        assert_eq!(settled(&[9.0, 1.009, 1.02, 1.005, 1.0]), Some(4), "it left once more after epoch 2");
        assert_eq!(settled(&[1.0, 1.0]), Some(1));
        assert_eq!(settled(&[9.0, 1.0, 1.011]), None);
        assert_eq!(settled(&[-1.0, -2.0, -1.99]), Some(2), "a negative loss (in nats)");
        assert_eq!(settling(&[9.0, 1.0, 1.011]), "does not stay there");
        assert!(settling(&[1.0, 0.5, 7.0]).starts_with("diverged"));
        assert_eq!(settling(&[9.0, 1.0, 1.0]), "2");
    }
}
