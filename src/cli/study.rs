//! `gradus study`: searches good settings of an experiment.

use super::experiment_args::ExperimentArgs;
use super::progress::Terminal;
use super::{job, output, signals};
use clap::{Args, ValueEnum};
use gradus::experiment::Source;
use gradus::run::{Beginning, RunFolder};
use gradus::study::job::StudyJob;
use gradus::study::outcome::BEST;
use gradus::study::search::{DATABASE, Effort, JOURNAL};
use gradus::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Searches good settings of an experiment: many trainings, of which the best is trained again and evaluated on the
/// test set.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Study {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Trainings to try [default: study.trials, or 20]. With --resume, as many in all: also of a finished study
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: Option<u32>,
    /// The sampler [default: study.sampler, or tpe]
    #[arg(long, value_enum)]
    sampler: Option<SamplerArg>,
    /// The pruner [default: study.pruner, or none]
    #[arg(long, value_enum)]
    pruner: Option<PrunerArg>,
    /// A setting to search and its domain, as in [study.space]; may be repeated
    #[arg(long, value_name = "KEY=DOMAIN")]
    search: Vec<String>,
    /// Trainings at the same time, at most study.parallel (2). The results are the same for any number
    #[arg(short = 'j', long = "jobs", value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,
    /// Seconds after which no trial is begun; the rest can be done later: --resume RUN
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// Resume a study that was stopped, or join one that is running
    #[arg(long, value_name = "RUN", conflicts_with_all = ["force", "experiment", "set", "data", "epochs", "batch", "search", "seed", "out", "sampler", "pruner"])]
    resume: Option<PathBuf>,
    /// Also write RUN/study.db: the study as an SQLite database with Optuna's tables. With --resume, of a finished one
    #[arg(long)]
    sqlite: bool,
    /// Print metrics.json to stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SamplerArg {
    Random,
    Tpe,
    Grid,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrunerArg {
    None,
    Median,
    Hyperband,
}

const EXAMPLES: &str = "\
A file defines the search space; each built-in one has a space to start from, and these lines fit cnn-small:
  [study.space]
  \"train.optimizer.lr\" = { log = [1e-4, 1e-1] }
  \"train.optimizer.kind\" = { choice = [\"adam\", \"sgd\"] }
  \"train.optimizer.momentum\" = { uniform = [0, 0.95], when = \"train.optimizer.kind = sgd\" }
  \"model.layer.linear1.units\" = { int = [16, 256], log = true }
  width = { int = [4, 32], keys = { \"model.layer.conv1.filters\" = 1, \"model.layer.conv2.filters\" = 2 } }

Examples:
  gradus init cnn-small --out mine.toml
  gradus study mine.toml --trials 20
  gradus study mine.toml --sampler tpe --pruner hyperband -j 2
  gradus study mlp-300 --search 'train.optimizer.lr = { log = [1e-4, 1e-1] }' --set train.epochs=5
  gradus study --resume runs/2026-11-20_mine-study_k7f3
  gradus study --resume runs/2026-11-20_mine-study_k7f3 --trials 50 --sqlite

RUN/study.jsonl is in the format of Optuna's journals, RUN/study.db (--sqlite) in that of its databases:
  optuna-dashboard sqlite:///RUN/study.db
  SELECT number, value FROM trials JOIN trial_values USING (trial_id) WHERE state = 'COMPLETE' ORDER BY value";

impl Study {
    pub(crate) fn run(self) -> Result<()> {
        if self.sqlite && !cfg!(feature = "sqlite") {
            let help = "build it with --features sqlite, or omit the flag";
            return Err(Error::config("--sqlite", "is not possible: this program was built without SQLite", help));
        }
        let (study, folder) = match &self.resume {
            Some(path) => {
                let folder = RunFolder::open(path)?;
                if folder.recipe()? != "study" {
                    let help = "give the folder of one";
                    return Err(Error::data(path, "is not a run of `gradus study`", help));
                }
                let folder = if folder.is_complete() { folder.verified()? } else { folder };
                folder.check_beginning(JOURNAL)?;
                let mut study = of_run(&folder)?;
                let requested = self.trials.map_or(study.settings.trials, |trials| trials as usize);
                if requested < study.settings.trials {
                    let what = format!("is {requested}, and the study has {}", study.settings.trials);
                    return Err(Error::config("--trials", what, "give as many or more: they are counted in all"));
                }
                if folder.is_complete() && requested == study.settings.trials {
                    output::say(&format!("{} is complete: there is nothing left to do", path.display()));
                    return self.show(&folder, &folder.read_json("metrics.json")?);
                }
                signals::ask_first()?;
                let folder = folder.shared()?;
                if requested > study.settings.trials {
                    study = study.with_trials(requested, &folder)?;
                }
                job::note_resumed(&folder)?;
                (study, folder)
            }
            None => {
                let study = StudyJob::new(self.source()?)?;
                signals::ask_first()?;
                let folder = self.begin(&study)?;
                (study, folder)
            }
        };
        let timeout = self.timeout.map(Duration::from_secs);
        let effort = Effort { workers: self.jobs.into(), timeout };
        if usize::from(self.jobs) > study.settings.parallel {
            output::say(&format!(
                "note: at most {} trials run at the same time; --set study.parallel=N changes that, and the trials",
                study.settings.parallel
            ));
        }
        let is_new = self.resume.is_none();
        let metrics = job::run("study", &folder, is_new, |watch| study.run(&folder, effort, watch))?;
        self.show(&folder, &metrics)?;
        if !folder.is_complete() {
            output::say(&format!(
                "{} of {} trials are finished\n  help: continue with: gradus study --resume {}",
                metrics["trials"],
                study.study()?.limit(),
                folder.root().display()
            ));
        }
        Ok(())
    }

    /// Returns the file with the settings of the command line.
    fn source(&self) -> Result<Source> {
        let mut source = self.experiment.source()?;
        if !source.variants()?.is_empty() {
            output::say(
                "note: the file's variants are not used; a study searches [study.space] from the file's own settings",
            );
        }
        for search in &self.search {
            let refuse = |what: String| {
                Error::config("--search", what, "write KEY = { log = [1e-4, 1e-1] }, as in `gradus help study`")
            };
            let (key, domain) = search.split_once('=').ok_or_else(|| refuse(format!("`{search}` has no `=`")))?;
            let table: toml::Table =
                format!("d = {domain}").parse().map_err(|e: toml::de::Error| refuse(e.message().trim().to_owned()))?;
            source.put(&["study", "space", key.trim().trim_matches('"')], table["d"].clone())?;
        }
        if let Some(trials) = self.trials {
            source.flag("--trials", "study.trials", i64::from(trials))?;
        }
        let words = [
            ("--sampler", "study.sampler", self.sampler.map(|sampler| format!("{sampler:?}"))),
            ("--pruner", "study.pruner", self.pruner.map(|pruner| format!("{pruner:?}"))),
        ];
        for (flag, key, word) in words {
            word.map_or(Ok(()), |word| source.flag(flag, key, word.to_lowercase()))?;
        }
        Ok(source)
    }

    /// Creates the folder and locks it, shared with other processes that work on the study.
    fn begin(&self, study: &StudyJob) -> Result<RunFolder> {
        let e = &study.experiment;
        let path = self.experiment.folder(&format!("{}-study", e.name));
        let line = job::command_line();
        let data = (!e.data.path.is_empty()).then(|| Path::new(&e.data.path));
        let (config, threads) = (study.source.to_toml(), rayon::current_num_threads());
        let beginning =
            Beginning { recipe: "study", config: &config, seed: e.seed, data, command_line: &line, threads };
        Ok(RunFolder::create(&path, beginning, self.experiment.force)?.share())
    }

    /// Prints the result, short or as JSON.
    fn show(&self, folder: &RunFolder, metrics: &Value) -> Result<()> {
        let database = self.sqlite.then(|| folder.path(DATABASE));
        #[cfg(feature = "sqlite")]
        if let Some(database) = &database {
            gradus::study::database::write(&folder.path(JOURNAL), database)?;
        }
        if self.json {
            return output::json(metrics);
        }
        let best = &metrics["best"];
        let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |v| format!("{v:.5}"));
        let settings = best["settings"].as_object().into_iter().flatten();
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut rows: Vec<Vec<String>> = settings.map(|(key, value)| vec![format!("  {key}"), plain(value)]).collect();
        let test = ["loss", "accuracy"].iter().filter(|key| !best["test"][**key].is_null());
        rows.extend(test.map(|key| vec![format!("test {key}"), number(&best["test"][*key])]));
        output::print(&format!(
            "best of {} trials: trial {}, {} {}\n{}{}best run: {}\n{}",
            metrics["trials"],
            best["trial"],
            metrics["measure"].as_str().unwrap_or("value"),
            number(&best["value"]),
            output::table(&rows, 1),
            job::report_line(folder),
            folder.path(BEST).display(),
            database.map_or(String::new(), |database| format!("database: {}\n", database.display()))
        ))
    }
}

/// Writes the report of a finished study again.
pub(super) fn report(folder: &RunFolder) -> Result<()> {
    folder.check_beginning(JOURNAL)?;
    let (study, folder) = (of_run(folder)?, folder.clone().shared()?);
    let mut watch = Terminal::new(Some(folder.clone()));
    study.run(&folder, Effort { workers: 1, timeout: None }, &mut watch)?;
    watch.finish();
    output::print(&job::report_line(&folder))
}

/// Returns the study of a run. Relative data are looked for where it was begun, if they are not here.
fn of_run(folder: &RunFolder) -> Result<StudyJob> {
    let mut source = Source::text(&folder.config_text()?, "config.toml")?;
    let path = source.resolve()?.data.path;
    if let Some(there) = folder.from_home(&path)? {
        source.put(&["data", "path"], there.into())?;
    }
    StudyJob::new(source)
}
