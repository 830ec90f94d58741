//! What the stages that train have in common: checkpoints, and the line of each epoch.

use super::{RunFolder, Settings, Watch};
use crate::error::{Error, Result};
use crate::nn::state::{State, to_safetensors};
use crate::report::table::csv_bytes;
use crate::train::checkpoint::Finished;
use crate::train::{Checkpoint, Epoch, History, Learner, Observer, Progress, Trained, Training};
use std::time::{Duration, Instant};

/// Where the checkpoint of a run lies.
pub const LAST_STATE: &str = "checkpoints/last.state";
/// The wall time of each epoch. A file of its own: `history.jsonl` is the same whenever and wherever a run is repeated.
pub const EPOCH_SECONDS: &str = "tables/epoch_seconds.csv";
/// Epochs may be shorter than a write to the disk: write no more often than this.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Trains the learners of a run, one after the other, and keeps the checkpoint.
pub struct Trainer<'a> {
    /// The folder of the run.
    pub folder: &'a RunFolder,
    /// Whoever watches.
    pub watch: &'a mut dyn Watch,
    checkpoint: Checkpoint,
    saved: Instant,
}

impl<'a> Trainer<'a> {
    /// Resumes from the run's checkpoint, if it has one: refused if settings have changed that must not, and those that may
    /// and did are reported and written down in `env.json`.
    pub fn new(folder: &'a RunFolder, watch: &'a mut dyn Watch, settings: &Settings) -> Result<Self> {
        let path = folder.path(LAST_STATE);
        let mut checkpoint = if path.exists() { Checkpoint::load(&path)? } else { Checkpoint::default() };
        if !checkpoint.settings.is_empty() {
            let ended: Vec<&str> = checkpoint.finished.keys().map(String::as_str).collect();
            let changes = settings.compare(&checkpoint.settings, &ended)?;
            changes.iter().for_each(|change| watch.note(&format!("changed in config.toml: {change}")));
            if !changes.is_empty() {
                folder.extend_env("changed", changes.iter().map(|change| change.to_string().into()))?;
            }
        }
        checkpoint.settings.clone_from(settings.values());
        if let Some((name, progress)) = &checkpoint.current {
            watch.note(&format!("resuming {name} after epoch {}", progress.history.epochs.len()));
        }
        Ok(Self { folder, watch, checkpoint, saved: Instant::now() })
    }

    /// Trains `learner` under `name`, or gives it the weights in the checkpoint if that training is finished.
    pub fn train(&mut self, name: &str, training: &Training, learner: &mut dyn Learner) -> Result<History> {
        if let Some(done) = self.checkpoint.finished.get(name) {
            learner.set_weights(&done.best)?;
            return Ok(done.history.clone());
        }
        // A handle only: until the next save, this is what the file holds.
        let from = self.checkpoint.current.clone().filter(|(current, _)| current == name).map(|(_, progress)| progress);
        let done = from.as_ref().map_or(0, |progress| progress.history.epochs.len());
        if done > training.epochs {
            let what = format!("of {name} are to be {}, but {done} are done", training.epochs);
            return Err(Error::config("epochs", what, format!("write {done} or more into config.toml")));
        }
        // What an interrupted epoch took before counts; of a checkpoint without times, those of its epochs stay unknown.
        let seconds = self.checkpoint.seconds.entry(name.to_owned()).or_default();
        let before = if seconds.len() > done { seconds.pop().unwrap_or(0.0) } else { 0.0 };
        let mut observer = Saver { trainer: self, name, epochs: training.epochs, began: Instant::now(), before };
        let trained = training.run(learner, from, &mut observer);
        let Trained { history, best, last } =
            trained.map_err(|error| say_what_is_kept(error, name, &self.checkpoint))?;
        self.checkpoint.current = None;
        self.checkpoint.finished.insert(name.to_owned(), Finished { best, last, history: history.clone() });
        self.save()?;
        Ok(history)
    }

    /// Writes the best and the last weights of a finished training as safetensors files.
    pub fn export(&self, name: &str) -> Result<()> {
        let finished = &self.checkpoint.finished[name];
        let write = |which: &str, state: &State<f32>| {
            self.folder.write(&format!("checkpoints/{name}-{which}.safetensors"), &to_safetensors(state)?)
        };
        write("best", &finished.best)?;
        write("last", &finished.last)
    }

    /// One line of JSON for each epoch of each training.
    pub fn write_history(&self) -> Result<()> {
        let mut lines = String::new();
        for (name, finished) in &self.checkpoint.finished {
            for epoch in &finished.history.epochs {
                let mut line = serde_json::json!({ "training": name });
                let record = serde_json::to_value(epoch).expect("an epoch is plain numbers");
                line.as_object_mut().expect("made as an object").extend(record.as_object().expect("a struct").clone());
                lines.push_str(&format!("{line}\n"));
            }
        }
        self.folder.write("history.jsonl", lines.as_bytes())?;
        let mut rows = vec![["training", "epoch", "seconds"].map(str::to_owned)];
        for (name, finished) in &self.checkpoint.finished {
            let seconds = self.checkpoint.seconds.get(name).filter(|s| s.len() == finished.history.epochs.len());
            let each = seconds.into_iter().flatten().enumerate();
            rows.extend(each.map(|(i, s)| [name.clone(), (i + 1).to_string(), format!("{s:.6}")]));
        }
        self.folder.write(EPOCH_SECONDS, &csv_bytes(rows).expect("the rows have one length"))
    }

    /// The times of the training `name`.
    fn seconds(&mut self, name: &str) -> &mut Vec<f64> {
        self.checkpoint.seconds.get_mut(name).expect("it began with the training")
    }

    fn save(&mut self) -> Result<()> {
        self.saved = Instant::now();
        self.folder.write_unlisted(LAST_STATE, &self.checkpoint.to_bytes()?)
    }
}

/// Says of the training `name` that diverged which checkpoint of it there is, if any.
fn say_what_is_kept(error: Error, name: &str, checkpoint: &Checkpoint) -> Error {
    let Error::Diverged { what, place, step, help } = error else { return error };
    let own = checkpoint.current.as_ref().filter(|(current, _)| current == name);
    let epochs = own.map_or(0, |(_, progress)| progress.history.epochs.len());
    let kept = match epochs {
        0 => "no epoch of this training was saved".to_owned(),
        n => format!("the checkpoint after epoch {n} is kept in {LAST_STATE}"),
    };
    Error::Diverged { what, place, step, help: format!("{help}; {kept}") }
}

/// Connects a training to the watch and the checkpoint.
struct Saver<'t, 'a> {
    trainer: &'t mut Trainer<'a>,
    name: &'t str,
    epochs: usize,
    /// When the present epoch began, or was resumed.
    began: Instant,
    /// The seconds that it had taken when it was interrupted.
    before: f64,
}

impl Saver<'_, '_> {
    /// Seconds of the present epoch.
    fn elapsed(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }
}

impl Observer for Saver<'_, '_> {
    fn step(&mut self, epoch: usize, done: usize, total: usize) {
        let (done, total) = ((epoch - 1) * total + done, self.epochs * total);
        self.trainer.watch.progress(done, total, &format!("{}: epoch {epoch}", self.name));
    }

    fn epoch(&mut self, e: &Epoch, best: bool) {
        let (name, number, seconds) = (self.name, e.epoch, self.elapsed());
        let star = if best { " *" } else { "" };
        self.trainer.watch.epoch(&format!("{name} epoch {number:2}: {e}; {seconds:.1} s{star}"));
        self.trainer.seconds(name).push(seconds);
        self.before = 0.0;
    }

    fn interrupted(&self) -> bool {
        self.trainer.watch.interrupted()
    }

    fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
        if must || self.trainer.saved.elapsed() >= SAVE_EVERY {
            if must {
                let seconds = self.elapsed();
                self.trainer.seconds(self.name).push(seconds);
            }
            self.trainer.checkpoint.current = Some((self.name.to_owned(), progress()));
            self.trainer.save()?;
        }
        self.began = Instant::now(); // writing a checkpoint is no part of an epoch
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::States;

    #[test]
    fn a_checkpoint_is_spoken_of_only_if_there_is_one() {
        let said = |checkpoint: &Checkpoint| {
            let (what, place, help) = ("NaN".into(), "fc1".into(), "lower cnn.lr".into());
            say_what_is_kept(Error::Diverged { what, place, step: 7, help }, "cnn", checkpoint).to_string()
        };
        let mut checkpoint = Checkpoint::default();
        assert!(said(&checkpoint).ends_with("help: lower cnn.lr; no epoch of this training was saved"));
        let epoch = |epoch| Epoch { epoch, figures: [("val_loss", 1.0)].into() };
        let mut progress = Progress { states: States::default(), best: State::new(), history: History::default() };
        checkpoint.current = Some(("cnn".into(), progress.clone()));
        assert!(said(&checkpoint).contains("no epoch of this training was saved"), "interrupted in the first epoch");
        progress.history = History { epochs: vec![epoch(1), epoch(2)], best_epoch: 1 };
        checkpoint.current = Some(("cnn".into(), progress));
        assert!(said(&checkpoint).contains("the checkpoint after epoch 2 is kept in checkpoints/last.state"));
        // Another training's checkpoint is none of this one, and other errors stay as they are.
        let other = Error::Diverged { what: "NaN".into(), place: "fc1".into(), step: 7, help: "h".into() };
        assert!(say_what_is_kept(other, "mlp", &checkpoint).to_string().contains("no epoch"));
        assert_eq!(say_what_is_kept(Error::invalid("x"), "cnn", &checkpoint).to_string(), "x");
    }
}
