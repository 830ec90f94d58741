//! What the stages that train have in common: checkpoints, and what is told of each epoch.

use super::{RunFolder, Settings, Watch};
use crate::error::{Error, Result};
use crate::nn::Module;
use crate::nn::state::{State, load_state_dict, state_dict, to_safetensors};
use crate::optim::Optimizer;
use crate::train::checkpoint::Finished;
use crate::train::{Checkpoint, Epoch, Fit, History, Observer, Progress, Samples};
use std::time::{Duration, Instant};

/// Where the checkpoint of a run lies.
pub const LAST_STATE: &str = "checkpoints/last.state";
/// Epochs may be shorter than a write to the disk: write no more often than this.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Trains the networks of a run, one after the other, and keeps the checkpoint.
pub struct Trainer<'a> {
    folder: &'a RunFolder,
    /// Whoever watches.
    pub watch: &'a mut dyn Watch,
    checkpoint: Checkpoint,
    saved: Instant,
}

impl<'a> Trainer<'a> {
    /// Takes up the run's checkpoint, if it has one: refused if settings have changed that must not, and those that may
    /// and did are told and written down in `env.json`.
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

    /// Trains `model` under `name`, or takes its weights from the checkpoint if it is finished.
    pub fn train(
        &mut self,
        name: &str,
        model: &dyn Module,
        optimizer: &mut dyn Optimizer<f32>,
        fit: &Fit,
        train: &dyn Samples,
        val: &dyn Samples,
    ) -> Result<History> {
        if let Some(done) = self.checkpoint.finished.get(name) {
            load_state_dict(model, &done.best)?;
            return Ok(done.history.clone());
        }
        // A handle only: until the next save, this is what the file holds.
        let from = self.checkpoint.current.clone().filter(|(current, _)| current == name).map(|(_, progress)| progress);
        let done = from.as_ref().map_or(0, |progress| progress.history.epochs.len());
        if done > fit.epochs {
            let what = format!("of {name} are to be {}, but {done} are done", fit.epochs);
            return Err(Error::config("epochs", what, format!("write {done} or more into config.toml")));
        }
        let mut observer = Saver { trainer: self, name, epochs: fit.epochs, began: Instant::now() };
        let fit = Fit { network: name.to_owned(), ..fit.clone() };
        let trained = fit.run(model, optimizer, train, val, from, &mut observer);
        let trained = trained.map_err(|error| say_what_is_kept(error, name, &self.checkpoint))?;
        let finished = Finished { best: state_dict(model), last: trained.last, history: trained.history.clone() };
        self.checkpoint.current = None;
        self.checkpoint.finished.insert(name.to_owned(), finished);
        self.save()?;
        Ok(trained.history)
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
        self.folder.write("history.jsonl", lines.as_bytes())
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
    /// When the present epoch began.
    began: Instant,
}

impl Observer for Saver<'_, '_> {
    fn step(&mut self, epoch: usize, done: usize, total: usize) {
        let (done, total) = ((epoch - 1) * total + done, self.epochs * total);
        self.trainer.watch.progress(done, total, &format!("{}: epoch {epoch}", self.name));
    }

    fn epoch(&mut self, e: &Epoch, best: bool) {
        let figures = |loss: f64, accuracy: Option<f64>| match accuracy {
            Some(accuracy) => format!("loss {loss:.4}, accuracy {accuracy:.3}"),
            None => format!("loss {loss:.6}"),
        };
        let validation = e.val_loss.map(|loss| format!("; validation {}", figures(loss, e.val_accuracy)));
        self.trainer.watch.epoch(&format!(
            "{} epoch {:2}: train {}{}; {:.1} s{}",
            self.name,
            e.epoch,
            figures(e.train_loss, e.train_accuracy),
            validation.unwrap_or_default(),
            self.began.elapsed().as_secs_f64(),
            if best { " *" } else { "" }
        ));
        self.began = Instant::now();
    }

    fn interrupted(&self) -> bool {
        self.trainer.watch.interrupted()
    }

    fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
        if must || self.trainer.saved.elapsed() >= SAVE_EVERY {
            self.trainer.checkpoint.current = Some((self.name.to_owned(), progress()));
            self.trainer.save()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::checkpoint::Running;

    #[test]
    fn a_checkpoint_is_spoken_of_only_if_there_is_one() {
        let said = |checkpoint: &Checkpoint| {
            let (what, place, help) = ("NaN".into(), "fc1".into(), "lower cnn.lr".into());
            say_what_is_kept(Error::Diverged { what, place, step: 7, help }, "cnn", checkpoint).to_string()
        };
        let mut checkpoint = Checkpoint::default();
        assert!(said(&checkpoint).ends_with("help: lower cnn.lr; no epoch of this training was saved"));
        let epoch = Epoch { epoch: 1, train_loss: 1.0, train_accuracy: None, val_loss: Some(1.0), val_accuracy: None };
        let mut progress = Progress {
            model: State::new(),
            optimizer: State::new(),
            steps: 3,
            best: State::new(),
            history: History::default(),
            running: Running::default(),
        };
        checkpoint.current = Some(("cnn".into(), progress.clone()));
        assert!(said(&checkpoint).contains("no epoch of this training was saved"), "interrupted in the first epoch");
        progress.history = History { epochs: vec![epoch, Epoch { epoch: 2, ..epoch }], best_epoch: 1 };
        checkpoint.current = Some(("cnn".into(), progress));
        assert!(said(&checkpoint).contains("the checkpoint after epoch 2 is kept in checkpoints/last.state"));
        // Another training's checkpoint is none of this one, and other errors stay as they are.
        let other = Error::Diverged { what: "NaN".into(), place: "fc1".into(), step: 7, help: "h".into() };
        assert!(say_what_is_kept(other, "mlp", &checkpoint).to_string().contains("no epoch"));
        assert_eq!(say_what_is_kept(Error::invalid("x"), "cnn", &checkpoint).to_string(), "x");
    }
}
