//! The report of a study: the best trials, the course of the search, and the importance of the settings.

use super::findings;
use super::importance::Importance;
use super::outcome::{BEST, StudyOutcome};
use super::settings::SamplerKind;
use super::space::{Domain, SearchedParam};
use super::trial::{State, Trial};
use crate::error::Result;
use crate::report::chart::{BarChart, Colour, Contour, Curves, Dimension, Look, ParallelCoordinates, Scale, Slices};
use crate::report::words::{counted, thousands};
use crate::report::{Align, Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder, ledger};

/// Trials that are highlighted, and listed.
const LEADING: usize = 5;
const LISTED: usize = 10;

/// Writes `report.html`, the figures and the tables.
pub fn write(o: &StudyOutcome<'_>, folder: &RunFolder) -> Result<()> {
    o.save_table(folder)?;
    let e = &o.job.experiment;
    let names: Vec<String> = o.job.space.params.iter().map(SearchedParam::short).collect();
    let subtitle = format!("{} over {}; seed {}", counted(o.trials.len(), "trial"), names.join(", "), e.seed);
    let words: Vec<(usize, String)> = o
        .trials
        .iter()
        .map(|trial| {
            let value = trial.value.map_or("failed".into(), |value| format!("{} {value:.5}", o.job.measure().words));
            let cut = if trial.state == State::Pruned { " (pruned)" } else { "" };
            (trial.number, format!("{value}{cut}; {}", o.job.space.words(&trial.point)))
        })
        .collect();
    let mut book = Book::open(folder, &format!("{}: a study", e.name), &subtitle);
    book.page.brushed(&words);
    verdict(o, &mut book);
    best(o, folder, &mut book)?;
    search(o, &mut book)?;
    settings(o, &mut book)?;
    importance(o, &mut book)?;
    colophon(o, &mut book);
    book.finish()
}

/// Returns a loss or an accuracy: trials differ in their last digits.
fn measured(value: f64) -> String {
    format!("{value:.5}")
}

/// The figures that matter, first.
fn verdict(o: &StudyOutcome<'_>, book: &mut Book<'_>) {
    let value = o.best.value.map_or("-".into(), measured);
    let (steps, step) = o.job.steps();
    let most = o.trials.len() * steps;
    let trained = format!("{step}s trained");
    let (epochs, pruned) = (thousands(o.epochs()), o.count(State::Pruned).to_string());
    let mut scores = vec![
        (value, o.job.measure().words, format!("trial {}", o.best.number)),
        (epochs, trained.as_str(), format!("of {} without stopping", thousands(most))),
        (pruned, "trials pruned", format!("of {}", o.trials.len())),
    ];
    for (key, name) in [("accuracy", "test accuracy"), ("loss", "test loss")] {
        if let Some(value) = o.metrics["test"][key].as_f64() {
            scores.insert(1, (measured(value), name, "the best trial on the held-out test set".into()));
            break;
        }
    }
    let scores: Vec<(&str, &str, &str)> = scores.iter().map(|(a, b, c)| (a.as_str(), *b, c.as_str())).collect();
    let lead = book.page.lead();
    lead.scores(&scores);
    lead.callout(Callout::Verdict, "The best settings", &format!("{}.", o.job.space.words(&o.best.point)));
    let failed: Vec<&Trial> = o.trials.iter().filter(|trial| trial.state == State::Failed).collect();
    if let Some(first) = failed.first() {
        let what = first.fault.lines().next().unwrap_or_default();
        let words = format!("{}; the first, trial {}: {what}.", counted(failed.len(), "trial"), first.number);
        lead.callout(Callout::Caveat, "Trials without a value", &words);
    }
}

/// Returns the complete trials, the best first.
fn ranked<'a>(o: &StudyOutcome<'a>) -> Vec<&'a Trial> {
    let mut ranked: Vec<&Trial> = o.trials.iter().filter(|trial| trial.state == State::Complete).collect();
    let loss = |trial: &Trial| o.direction.loss(trial.value.unwrap_or(f64::NAN));
    ranked.sort_by(|a, b| loss(a).total_cmp(&loss(b)).then(a.number.cmp(&b.number)));
    ranked
}

/// Writes the section on the best trials and the best one's run.
fn best(o: &StudyOutcome<'_>, folder: &RunFolder, book: &mut Book<'_>) -> Result<()> {
    let params = &o.job.space.params;
    let names: Vec<String> = params.iter().map(SearchedParam::short).collect();
    let steps = format!("{}s", o.job.steps().1);
    let columns =
        ["trial", o.job.measure().words, steps.as_str(), "seconds"].into_iter().chain(names.iter().map(String::as_str));
    let mut table = Table::new(&columns.collect::<Vec<_>>()).align(&[Align::Right].repeat(4 + names.len()));
    for (i, trial) in ranked(o).into_iter().take(LISTED).enumerate() {
        let mut row = vec![
            Cell::count(trial.number),
            trial.value.map_or(Cell::none(), |value| Cell::number(value, 5)),
            Cell::count(trial.curve.len()),
            Cell::number(trial.seconds, 1),
        ];
        let each = params.iter().zip(&trial.point);
        let cell = |param: &SearchedParam, value| {
            let plain = param.domain.value(value);
            Cell { shown: param.domain.words(value), value: plain.as_str().map_or(plain.to_string(), str::to_owned) }
        };
        row.extend(each.map(|(param, value)| value.map_or(Cell::none(), |value| cell(param, value))));
        if i == 0 {
            table.strong_row(row)
        } else {
            table.row(row)
        };
    }
    let table = book.table("best", table)?;
    let key = o.job.measure().key();
    let (split, again) = match o.job.is_folded() {
        true => ("in cross-validation", o.metrics["cross_validation"][key]["mean"].as_f64()),
        false => ("on the validation split", o.metrics["val"][key].as_f64()),
    };
    let figures: Vec<(String, String)> = o.metrics["test"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.replace('_', " "), measured(value.as_f64()?))))
        .collect();
    let body = book.page.section("1", "The best trials");
    body.table(&table, "Complete trials, the best first; all of them are in `tables/trials.csv`")
        .paragraph(&format!(
            "{} The run is in `{BEST}/`, with its report and weights. On the held-out test set it reached:",
            findings::retrained(o.best.number, again, o.best.value, split)
        ))
        .facts(&figures)
        .paragraph(&evaluated(o, folder));
    Ok(())
}

/// Returns the ledger's sentence on the test set, on which only the best trial was evaluated.
fn evaluated(o: &StudyOutcome<'_>, folder: &RunFolder) -> String {
    let data = &o.metrics["data"];
    let samples: u64 = data["test"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).sum();
    let split = data["test_set"].as_str().unwrap_or_default();
    let summary = ledger::summary(&RunFolder::at(folder.path(BEST)), split, samples as usize);
    let words = summary.configurations_in_words(o.metrics["test"]["accuracy"].as_f64());
    format!("{} {words}", findings::compared(o.job.is_folded()))
}

/// Returns whether values spread over more than a decade, all of them positive: then a logarithmic axis shows more.
fn wide(values: impl Iterator<Item = f64>) -> bool {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    lo > 0.0 && hi > 10.0 * lo
}

/// Values over the trials, and the curves of all of them.
fn search(o: &StudyOutcome<'_>, book: &mut Book<'_>) -> Result<()> {
    let (trials, direction) = (o.trials, o.direction);
    let valued = || trials.iter().filter_map(|trial| Some((trial, trial.value?)));
    let mut history = Slices::new("History", o.job.measure().words).panel_size(720.0, 320.0).panel(Dimension {
        name: "trial".into(),
        scale: Scale::Linear,
        range: None,
    });
    for (trial, value) in valued() {
        history = history.dot(trial.number, (trial.number as f64, value), 0.6, trial.state == State::Pruned);
    }
    let (mut so_far, mut steps) = (None, Vec::new());
    for (trial, value) in valued().filter(|(trial, _)| trial.state == State::Complete) {
        let best = so_far.map_or(value, |best| direction.better(best, value));
        // A step, as the best does not glide from one trial to the next.
        steps.extend(so_far.map(|before| (trial.number as f64, before)));
        steps.push((trial.number as f64, best));
        so_far = Some(best);
    }
    history = history.line(&steps);
    if wide(valued().map(|(_, value)| value)) {
        history = history.log_y();
    }
    let step = o.job.steps().1;
    let mut curves =
        Curves::new("Validation curves", ["pruned", "complete", "the best"]).axes(step, o.job.measure().words);
    for trial in trials {
        let look = match trial.state {
            _ if trial.number == o.best.number => Look::Bold,
            State::Complete => Look::Plain,
            _ => Look::Faint,
        };
        let points: Vec<(f64, f64)> = trial.curve.iter().map(|&(step, value)| (step as f64, value)).collect();
        curves = curves.curve(trial.number, look, &points);
    }
    if wide(trials.iter().flat_map(|trial| trial.curve.iter().map(|(_, value)| *value))) {
        curves = curves.log_y();
    }
    let history = book.figure("history", history.draw())?;
    let curves = book.figure("curves", curves.draw())?;
    let body = book.page.section("2", "The search");
    body.figure(
        &history,
        "Each trial's value; rings are pruned trials, with the best value they reached. The line is the best so far.",
    )
    .figure(&curves, &format!("The value of each trial after each {step}."))
    .source("src/study/run.rs");
    Ok(())
}

/// Returns a parameter as an axis.
fn dimension(param: &SearchedParam) -> Dimension {
    let (scale, range) = match &param.domain {
        Domain::Choice(choices) => ((0..choices.len()).map(|i| param.domain.words(i as f64)).collect(), None),
        Domain::Float { low, high, .. } => (Vec::new(), Some((*low, *high))),
        Domain::Int { low, high, .. } => (Vec::new(), Some((*low as f64, *high as f64))),
    };
    let scale = match (&param.domain, scale) {
        (Domain::Choice(_), words) => Scale::Words(words),
        (domain, _) if domain.is_log() => Scale::Log,
        _ => Scale::Linear,
    };
    Dimension { name: param.short(), scale, range }
}

/// Writes the section on settings and values: all settings at once, and each alone.
fn settings(o: &StudyOutcome<'_>, book: &mut Book<'_>) -> Result<()> {
    let params = &o.job.space.params;
    let valued: Vec<(&Trial, f64)> = o.trials.iter().filter_map(|trial| Some((trial, trial.value?))).collect();
    // By rank: one diverged trial should not make all others look equal.
    let mut order: Vec<f64> = valued.iter().map(|(_, value)| o.direction.loss(*value)).collect();
    order.sort_by(f64::total_cmp);
    let merit = |value: f64| {
        let below = order.iter().filter(|&&loss| loss > o.direction.loss(value)).count();
        below as f64 / (order.len().max(2) - 1) as f64
    };
    let is_wide = wide(valued.iter().map(|(_, value)| *value));
    let measure = if is_wide { Scale::Log } else { Scale::Linear };
    let dimensions = params.iter().map(dimension);
    let value_axis = Dimension { name: o.job.measure().words.into(), scale: measure, range: None };
    let title = "Settings and values";
    let mut parallel = ParallelCoordinates::new(title, dimensions.chain([value_axis]).collect());
    let leading: Vec<usize> = ranked(o).into_iter().take(LEADING).map(|trial| trial.number).collect();
    for (trial, value) in &valued {
        let values: Vec<Option<f64>> = trial.point.iter().copied().chain([Some(*value)]).collect();
        parallel = parallel.line(trial.number, &values, merit(*value), leading.contains(&trial.number));
    }
    let mut slices = Slices::new("Each parameter alone", o.job.measure().words);
    if is_wide {
        slices = slices.log_y();
    }
    for (i, param) in params.iter().enumerate() {
        slices = slices.panel(dimension(param));
        for (trial, value) in &valued {
            let Some(x) = trial.point[i] else { continue };
            let late = trial.number as f64 / (o.trials.len().max(2) - 1) as f64;
            slices = slices.dot(trial.number, (x, *value), late, trial.state == State::Pruned);
        }
    }
    let parallel = book.figure("parallel", parallel.draw())?;
    let slices = book.figure("slices", slices.draw())?;
    let best = format!("The best {} are orange; the darker a line, the better its trial.", leading.len());
    book.page
        .section("3", "Settings")
        .figure(&parallel, &format!("{best} A line below an axis: the parameter was not used."))
        .figure(&slices, findings::slices(o.job.settings.sampler == SamplerKind::Tpe));
    Ok(())
}

/// Writes the section on the importance of the parameters and the interaction of the two most important.
fn importance(o: &StudyOutcome<'_>, book: &mut Book<'_>) -> Result<()> {
    let Some(found) = &o.importance else {
        let body = book.page.section("4", "Importance of the parameters");
        body.paragraph("Importance is not computed: there are too few trials, or all reached the same value.");
        return Ok(());
    };
    let params = &o.job.space.params;
    let mut order: Vec<usize> = (0..params.len()).collect();
    order.sort_by(|&a, &b| found.fractions[b].total_cmp(&found.fractions[a]).then(a.cmp(&b)));
    let mut bars = BarChart::new("Importance of the parameters").axis("fraction of the variance").percent();
    for &i in &order {
        bars = bars.coloured(&params[i].short(), found.fractions[i], None, Colour::class(0));
    }
    let bars = book.figure("importance", bars.draw())?;
    let numeric: Vec<usize> =
        order.iter().copied().filter(|&i| !matches!(params[i].domain, Domain::Choice(_))).take(2).collect();
    let map = match numeric.as_slice() {
        &[a, b] => Some(book.figure("contour", contour(o, found, a, b))?),
        _ => None,
    };
    let body = book.page.section("4", "Importance of the parameters");
    let names: Vec<String> = params.iter().map(SearchedParam::short).collect();
    body.paragraph(&findings::importance(&names, &found.fractions, o.trials.len()));
    body.figure(&bars, "The fraction of the variance that each parameter explains alone.");
    if let Some(map) = &map {
        body.figure(map, "The forest's prediction over the two most important numerical parameters, averaged over the others; lighter is lower. Points are trials.");
    }
    body.source("src/study/importance.rs");
    Ok(())
}

/// Returns the chart of the forest's prediction over two parameters.
fn contour(o: &StudyOutcome<'_>, found: &Importance, a: usize, b: usize) -> Figure {
    let (x, y) = (&o.job.space.params[a], &o.job.space.params[b]);
    let bounds = |domain: &Domain| match *domain {
        Domain::Float { low, high, .. } => (low, high),
        Domain::Int { low, high, .. } => (low as f64, high as f64),
        Domain::Choice(_) => unreachable!("only numbers are drawn"),
    };
    // Places on the paper are decimal logarithms where the axis is logarithmic.
    let range = |domain: &Domain| {
        let (low, high) = bounds(domain);
        if domain.is_log() { (libm::log10(low), libm::log10(high)) } else { (low, high) }
    };
    let unit = |domain: &Domain, place: f64| domain.unit(if domain.is_log() { libm::exp10(place) } else { place });
    let (dx, dy) = (&x.domain, &y.domain);
    let expected = |u: f64, v: f64| found.expected(&[(a, unit(dx, u)), (b, unit(dy, v))]);
    let title = format!("{}, predicted by the forest", o.job.measure().words);
    let points: Vec<(usize, (f64, f64))> =
        o.trials.iter().filter_map(|trial| Some((trial.number, (trial.point[a]?, trial.point[b]?)))).collect();
    Contour::new(&title, range(dx), range(dy), expected)
        .log_axes(dx.is_log(), dy.is_log())
        .axes(&x.short(), &y.short())
        .key(o.job.measure().words)
        .items(&points)
        .draw()
}

/// Writes the section on how to make this report again.
fn colophon(o: &StudyOutcome<'_>, book: &mut Book<'_>) {
    let settings = &o.job.settings;
    let facts = [
        ("Command", format!("`{}`", book.said("command_line"))),
        ("Gradus", env!("CARGO_PKG_VERSION").to_owned()),
        ("Sampler", format!("{:?}", settings.sampler).to_lowercase()),
        ("Pruner", format!("{:?}", settings.pruner).to_lowercase()),
        (
            "Trials at the same time",
            format!("at most {}: each uses the trials up to that many before it", settings.parallel),
        ),
        ("Data, SHA-256", format!("`{}`", book.said("data_sha256"))),
        ("Seconds of all trials", format!("{:.1}", o.trials.iter().map(|trial| trial.seconds).sum::<f64>())),
    ];
    let text = o.job.source.to_toml();
    book.page
        .section("5", "How this was made")
        .facts(&facts)
        .paragraph(
            "The same file and seed give the same trials, with any number of workers. The journal `study.jsonl` is in \
             Optuna's format: `optuna.storages.journal.JournalFileBackend(\"study.jsonl\")` reads it.",
        )
        .details("The experiment file", |body| {
            body.code(&text);
        });
}
