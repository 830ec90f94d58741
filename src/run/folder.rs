//! The folder of a run.
//!
//! A run folder appears on the disk whole: `config.toml` and `env.json` are written into a temporary folder beside it,
//! which is then renamed. So a folder that is there can be resumed, at whatever moment its process is killed. While a
//! process writes a folder it holds a lock on it (`lock.rs`), and before each write it looks whether the folder is
//! still the one that it locked.
//!
//! A finished run has `checksums.json` (`manifest.rs`) and, written last of all, `COMPLETE`. Files of a finished
//! run are compared with their checksums when they are read. A command that changes one of them later first removes
//! `COMPLETE`: killed halfway, the run is unfinished, not damaged, and can be resumed.

pub use super::environment::utc;
use super::environment::{Beginning, CONFIG, ENV, environment, is_run, random_word};
use super::lock::{Hold, LOCK, Lock};
use super::manifest::{CHECKSUMS, Manifest};
use super::replace::{Aside, TEMPORARY, check_replaceable, sweep_beside, sweep_run};
use crate::error::{Error, Result};
use crate::files;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// There when the run is over.
const COMPLETE: &str = "COMPLETE";
/// The lock of the process that writes the end of a run that several processes share.
const FINISH: &str = ".finish.lock";
/// Under this key `env.json` names the neighbours that the run replaces, until it is complete.
const REPLACES: &str = "replaces";
/// Files whose presence shows that the run holds trained weights worth keeping.
const LEARNED: [&str; 2] = ["checkpoints", "study.jsonl"];

/// The folder that holds everything a run writes.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The lock of the process that writes the run.
    lock: Option<Arc<Lock>>,
    /// The checksums of the files that were written through this handle, or that the finished run lists.
    sums: Arc<Mutex<Manifest>>,
    /// Whether files are compared with these when they are read.
    verified: bool,
}

/// The right to write the end of a run that several processes share, until it is dropped.
#[derive(Debug)]
pub struct Finisher {
    _lock: Lock,
}

/// The outcome of cleaning up after a new run that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Kept,
    /// It stays, and the run that it was to replace is still there, under this name.
    KeptBeside(PathBuf),
    /// It had learned nothing and is removed; the run that it was to replace is in its place again, if there was one.
    Removed {
        /// Whether a run was put back.
        restored: bool,
    },
}

impl RunFolder {
    /// Returns the run at `path`, unchecked.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), lock: None, sums: Arc::default(), verified: false }
    }

    /// Makes the folder of a new run, with its `config.toml` and `env.json`, and holds it. What is there already is
    /// replaced only if `force` is given and it holds a run; it is removed when the new run is complete.
    pub fn create(path: &Path, beginning: Beginning<'_>, force: bool) -> Result<Self> {
        let there = fs::symlink_metadata(path).is_ok();
        if there && !force {
            let (what, help) = match is_run(path) {
                true => (
                    "holds a run already",
                    "choose another --out, replace it with --force, or continue it: --resume RUN",
                ),
                false => ("exists already", "choose another --out"),
            };
            return Err(Error::config(format!("--out {}", path.display()), what, help));
        }
        if there {
            check_replaceable(path, beginning.data)?;
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::create_folder(parent)?;
        sweep_beside(parent);
        let temporary = tempfile::Builder::new()
            .prefix(TEMPORARY[0])
            .suffix(TEMPORARY[1])
            .tempdir_in(parent)
            .map_err(Error::io("create", path))?;
        let new = Self::at(temporary.path());
        new.write(CONFIG, beginning.config.as_bytes())?;
        readable(temporary.path()).map_err(Error::io("create", path))?;
        let mut env = environment(beginning);
        if there {
            let old = Self::at(path);
            let earlier = if old.is_complete() { Vec::new() } else { old.replaced()? };
            let aside = Aside::put(path)?;
            env[REPLACES] = std::iter::once(&aside).chain(&earlier).map(|old| json!(name_of(old.path()))).collect();
            let placed = new
                .write_env(&env)
                .and_then(|()| fs::rename(temporary.path(), path).map_err(Error::io("create", path)));
            if let Err(error) = placed {
                aside.restore()?;
                return Err(error);
            }
        } else {
            new.write_env(&env)?;
            fs::rename(temporary.path(), path).map_err(Error::io("create", path))?;
        }
        let _ = temporary.keep(); // it has gone to its new name
        Self::at(path).locked()
    }

    /// Returns a path for a new run, `runs/<date>_<recipe>_<four letters>`.
    pub fn fresh_path(recipe: &str) -> PathBuf {
        let date = &utc(SystemTime::now())[..10];
        loop {
            let path = Path::new("runs").join(format!("{date}_{recipe}_{}", random_word()));
            if !path.exists() {
                return path;
            }
        }
    }

    /// Opens an existing run. Fails with [`Error::Data`] if there is none.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::data(
                path,
                "does not exist",
                "give the folder of a run, such as runs/..._pipeline_k7f3",
            ));
        }
        if !is_run(path) {
            let help = "give the folder of a run: the one that holds config.toml and env.json";
            return Err(Error::data(path, "holds no Gradus run", help));
        }
        Ok(Self::at(path))
    }

    /// Opens a finished run, whose files are compared with their checksums when they are read. Fails with
    /// [`Error::Data`] if it is not finished.
    pub fn finished(path: &Path) -> Result<Self> {
        Self::open(path)?.verified()
    }

    /// Returns the same run, its files compared with their checksums when they are read; refused if it is not finished.
    pub fn verified(&self) -> Result<Self> {
        if self.verified {
            return Ok(self.clone());
        }
        if !self.is_complete() {
            let help = format!("finish it first: gradus {} --resume {}", self.recipe()?, self.path.display());
            return Err(Error::data(&self.path, "is an unfinished run", help));
        }
        let sums = Arc::new(Mutex::new(Manifest::read(&self.path)?));
        Ok(Self { sums, verified: true, ..self.clone() })
    }

    /// Locks the folder for writing, exclusively. Refused if another process holds it. Removes files that killed
    /// processes left half written.
    pub fn locked(mut self) -> Result<Self> {
        self.lock = Some(Arc::new(Lock::demand(&self.path, LOCK, Hold::Alone)?));
        sweep_run(&self.path);
        Ok(self)
    }

    /// Locks the folder for writing, shared with other processes.
    pub fn shared(mut self) -> Result<Self> {
        // If no other process is there, what killed processes left can be removed.
        let alone = Lock::take(&self.path, LOCK, Hold::Alone, Duration::ZERO)?;
        self.lock = Some(Arc::new(match alone {
            Some(lock) => {
                sweep_run(&self.path);
                lock.share();
                lock
            }
            None => Lock::demand(&self.path, LOCK, Hold::Shared)?,
        }));
        self.verified = false; // the others write too
        Ok(self)
    }

    /// Turns an exclusive lock into a shared one.
    pub fn share(self) -> Self {
        self.lock.iter().for_each(|lock| lock.share());
        self
    }

    /// Returns the right to write the end of a run that several processes share; none while another process has it.
    pub fn finisher(&self) -> Result<Option<Finisher>> {
        Ok(Lock::take(&self.path, FINISH, Hold::Alone, Duration::ZERO)?.map(|lock| Finisher { _lock: lock }))
    }

    /// Fails if the folder was deleted or replaced since this handle locked it.
    pub fn check_held(&self) -> Result<()> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.check(&self.path))
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the run's settings: the text of `config.toml`.
    pub fn config_text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(CONFIG)?).into_owned())
    }

    /// Replaces the run's settings, for those that may change before it is resumed.
    pub fn write_config(&self, text: &str) -> Result<()> {
        self.write(CONFIG, text.as_bytes())
    }

    /// Returns the kind of the run.
    pub fn recipe(&self) -> Result<String> {
        Ok(self.env("recipe")?.as_str().unwrap_or("pipeline").to_owned())
    }

    /// Notes a fact in `env.json`; null takes it out.
    pub fn update_env(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut env: serde_json::Map<String, Value> = self.read_json(ENV)?;
        match value.into() {
            Value::Null => drop(env.remove(key)),
            value => drop(env.insert(key.to_owned(), value)),
        }
        self.write_env(&Value::Object(env))
    }

    /// Adds to a list of facts in `env.json`.
    pub fn extend_env(&self, key: &str, values: impl IntoIterator<Item = Value>) -> Result<()> {
        let mut list = self.env(key)?.as_array().cloned().unwrap_or_default();
        list.extend(values);
        self.update_env(key, list)
    }

    /// Returns a fact from `env.json`, or null.
    pub fn env(&self, key: &str) -> Result<Value> {
        Ok(self.read_json::<Value>(ENV)?[key].take())
    }

    /// Returns where a relative path leads from the folder in which the run was begun, if it leads nowhere from here;
    /// `None` if it is to be used as it stands.
    pub fn from_home(&self, path: &str) -> Result<Option<String>> {
        if path.is_empty() || Path::new(path).exists() {
            return Ok(None);
        }
        let begun_in = self.env("working_folder")?;
        let there = Path::new(begun_in.as_str().unwrap_or("")).join(path);
        Ok(there.exists().then(|| there.display().to_string()))
    }

    fn write_env(&self, env: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(env).expect("plain words and numbers");
        self.write(ENV, format!("{text}\n").as_bytes())
    }

    /// Appends a line with the time to `log.txt`.
    pub fn log(&self, line: &str) -> Result<()> {
        self.check_held()?;
        let path = self.path("log.txt");
        let line = format!("{} {line}\n", utc(SystemTime::now()));
        let mut file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
        file.write_all(line.as_bytes()).map_err(Error::io("write", &path))
    }

    /// Completes the run: lists its files with their checksums, writes `COMPLETE`, and removes the runs that this
    /// one replaces.
    pub fn complete(&self) -> Result<()> {
        let replaced = self.replaced()?;
        if !replaced.is_empty() {
            self.update_env(REPLACES, Value::Null)?;
        }
        self.check_held()?;
        for name in [CONFIG, ENV] {
            self.list(name)?; // another process may have written them
        }
        let list = self.sums().to_json();
        files::write_atomic(self.path(CHECKSUMS), &list)?;
        files::write_atomic(self.path(COMPLETE), format!("{}\n", utc(SystemTime::now())).as_bytes())?;
        for old in replaced.into_iter().filter(|old| is_run(old.path())) {
            old.remove()?;
        }
        Ok(())
    }

    /// Returns whether the run is finished.
    pub fn is_complete(&self) -> bool {
        self.path(COMPLETE).exists()
    }

    /// Cleans up after this new run, which failed: one that has learned nothing is removed if it replaces
    /// another, which is put back, or if it is `unfit` to be resumed.
    pub fn give_up(&self, unfit: bool) -> Result<Fate> {
        let replaced = self.replaced()?;
        if LEARNED.iter().any(|name| self.path(name).exists()) {
            return Ok(replaced.first().map_or(Fate::Kept, |old| Fate::KeptBeside(old.path().to_owned())));
        }
        if !unfit && replaced.is_empty() {
            return Ok(Fate::Kept);
        }
        self.check_held()?;
        fs::remove_dir_all(&self.path).map_err(Error::io("remove", &self.path))?;
        let restored = !replaced.is_empty();
        replaced.into_iter().next().map_or(Ok(()), Aside::restore)?;
        Ok(Fate::Removed { restored })
    }

    /// Returns the runs that this one replaces, as long as it is not complete.
    fn replaced(&self) -> Result<Vec<Aside>> {
        let names = self.env(REPLACES)?;
        let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        // A name alone: an edited file must not cause other folders to be removed.
        let neighbours = names.filter(|name| !name.contains(['/', '\\']) && name.contains(".replaced"));
        let known = neighbours.map(|name| Aside::known(&self.path, name));
        Ok(known.filter(|old| old.path().is_dir()).collect())
    }

    /// Writes a file, atomically. It is listed with its checksum if this handle holds the run; a finished run of which
    /// a listed file changes is unfinished until it is completed again.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if self.lock.is_none() {
            return self.write_unlisted(name, bytes);
        }
        self.check_held()?;
        if self.is_complete() {
            let is_there = fs::read(self.path(name)).is_ok_and(|there| there == bytes);
            if is_there && self.sums().check(&self.path, name, bytes).is_ok() {
                return Ok(());
            }
            let path = self.path(COMPLETE);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        self.write_unlisted(name, bytes)?;
        self.sums().record(name, bytes);
        Ok(())
    }

    /// Writes a file, atomically, without listing it: one that no command reads again, or that has a checksum of its
    /// own.
    pub fn write_unlisted(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_held()?;
        files::write_atomic(self.path(name), bytes)
    }

    /// Lists a file with its checksum as it is on the disk.
    pub fn list(&self, name: &str) -> Result<()> {
        let bytes = files::read(self.path(name))?;
        self.sums().record(name, &bytes);
        Ok(())
    }

    /// Reads a file; one of a finished run must hold what its checksum says.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name);
        if self.verified && !path.exists() {
            let help = "copy the run again from an intact copy, or train it again";
            return Err(Error::data(&path, "is missing from a finished run", help));
        }
        let bytes = files::read(path)?;
        if self.verified {
            self.sums().check(&self.path, name, &bytes)?;
        }
        Ok(bytes)
    }

    /// Refuses a file that other programs may have added to since the end of this run, if what stood there has changed.
    pub fn check_beginning(&self, name: &str) -> Result<()> {
        if !self.verified {
            return Ok(());
        }
        let bytes = files::read(self.path(name))?;
        self.sums().check_beginning(&self.path, name, &bytes)
    }

    /// Reads a JSON file.
    pub fn read_json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.read(name)?).map_err(|e| {
            Error::data(self.path(name), format!("is not what this program writes: {e}"), "use a whole run folder")
        })
    }

    fn sums(&self) -> MutexGuard<'_, Manifest> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Temporary folders are made for their owner alone; a run may be read by others.
fn readable(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests;
