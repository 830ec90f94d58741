//! The folder of a run.
//!
//! A run folder appears on the disk whole: `config.toml` and `env.json` are written into a temporary folder beside it,
//! which is then renamed. So whatever moment a process is killed at, a folder that is there can be resumed. `COMPLETE`
//! is written last. While a process writes a folder it holds a lock on it, which the system gives back when the process
//! dies.

use crate::error::{Error, Result};
use crate::files;
use crate::rng::Rng;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `env.json` says under `program`: the mark by which a run folder is known.
const PROGRAM: &str = "gradus";
/// The settings of the run.
const CONFIG: &str = "config.toml";
/// What the run was made with and on.
const ENV: &str = "env.json";
/// There when the run is over.
const COMPLETE: &str = "COMPLETE";

/// What a run is begun with.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// What sort of run it is: `pipeline`, `train`.
    pub recipe: &'a str,
    /// All settings, as the text of `config.toml`.
    pub config: &'a str,
    /// The seed among them.
    pub seed: u64,
    /// Where the data lie, if in a folder or file.
    pub data: Option<&'a Path>,
    /// The command line, for the record.
    pub command_line: &'a [String],
    /// Threads that compute.
    pub threads: usize,
}

/// The folder that holds everything a run writes.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held by whoever writes the run.
    lock: Option<Arc<File>>,
}

impl RunFolder {
    /// The run at `path`, unchecked.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), lock: None }
    }

    /// Makes the folder of a new run, with its `config.toml` and `env.json`. What is there already is replaced only if
    /// `force` is given and it holds a run.
    pub fn create(path: &Path, beginning: Beginning<'_>, force: bool) -> Result<Self> {
        let there = fs::symlink_metadata(path).is_ok();
        if there && !force {
            let what = if is_run(path) { "holds a run already" } else { "exists already" };
            let help = if is_run(path) {
                "choose another --out, replace it with --force, or go on with it: --resume RUN"
            } else {
                "choose another --out"
            };
            return Err(Error::config(format!("--out {}", path.display()), what, help));
        }
        if there {
            check_replaceable(path, beginning.data)?;
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::create_folder(parent)?;
        let temporary = tempfile::Builder::new()
            .prefix(".gradus-")
            .suffix(".tmp")
            .tempdir_in(parent)
            .map_err(Error::io("create", path))?;
        let new = Self::at(temporary.path());
        new.write(CONFIG, beginning.config.as_bytes())?;
        new.write_env(&environment(beginning))?;
        readable(temporary.path()).map_err(Error::io("create", path))?;
        if there {
            let old = parent.join(format!(".gradus-old-{}.tmp", random_word()));
            fs::rename(path, &old).map_err(Error::io("replace", path))?;
            fs::rename(temporary.path(), path).map_err(Error::io("create", path))?;
            fs::remove_dir_all(&old).map_err(Error::io("remove", &old))?;
        } else {
            fs::rename(temporary.path(), path).map_err(Error::io("create", path))?;
        }
        let _ = temporary.keep(); // it has gone to its new name
        Self::at(path).locked()
    }

    /// A path for a new run, `runs/<date>_<recipe>_<four letters>`.
    pub fn fresh_path(recipe: &str) -> PathBuf {
        let date = &utc(SystemTime::now())[..10];
        loop {
            let path = Path::new("runs").join(format!("{date}_{recipe}_{}", random_word()));
            if !path.exists() {
                return path;
            }
        }
    }

    /// An existing run. Data at fault if there is none.
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

    /// Holds the folder for writing. Fails if another process does.
    pub fn locked(mut self) -> Result<Self> {
        let path = self.path(".lock");
        let file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
        if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
            let help = "wait for it to end, or stop it";
            return Err(Error::config(self.path.display().to_string(), "is being written by another gradus", help));
        }
        // A file system without locks is used without.
        self.lock = Some(Arc::new(file));
        Ok(self)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The run's settings: the text of `config.toml`.
    pub fn config_text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&files::read(self.path(CONFIG))?).into_owned())
    }

    /// What sort of run it is.
    pub fn recipe(&self) -> Result<String> {
        Ok(self.env("recipe")?.as_str().unwrap_or("pipeline").to_owned())
    }

    /// Notes a fact in `env.json`.
    pub fn update_env(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut env: serde_json::Map<String, Value> = self.read_json(ENV)?;
        env.insert(key.to_owned(), value.into());
        self.write_env(&Value::Object(env))
    }

    /// A fact from `env.json`, or null.
    pub fn env(&self, key: &str) -> Result<Value> {
        Ok(self.read_json::<Value>(ENV)?[key].take())
    }

    fn write_env(&self, env: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(env).expect("plain words and numbers");
        self.write(ENV, format!("{text}\n").as_bytes())
    }

    /// Appends a line with the time to `log.txt`.
    pub fn log(&self, line: &str) -> Result<()> {
        let path = self.path("log.txt");
        let line = format!("{} {line}\n", utc(SystemTime::now()));
        let mut file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
        file.write_all(line.as_bytes()).map_err(Error::io("write", &path))
    }

    /// Declares the run over. The last thing that is written.
    pub fn complete(&self) -> Result<()> {
        self.write(COMPLETE, format!("{}\n", utc(SystemTime::now())).as_bytes())
    }

    /// Whether the run is over.
    pub fn is_complete(&self) -> bool {
        self.path(COMPLETE).exists()
    }

    /// Removes a run that found its data unfit and so has nothing to resume from.
    pub fn remove_fruitless(&self) {
        if !self.path("checkpoints").exists() && is_run(&self.path) {
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    /// Writes a file, atomically.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        files::write_atomic(self.path(name), bytes)
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        files::read(self.path(name))
    }

    /// Reads a JSON file.
    pub fn read_json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.path(name);
        serde_json::from_slice(&files::read(&path)?)
            .map_err(|e| Error::data(&path, format!("is not what this program writes: {e}"), "use a whole run folder"))
    }
}

/// Whether a folder bears our mark.
fn is_run(path: &Path) -> bool {
    let env = fs::read(path.join(ENV)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    path.join(CONFIG).is_file() && env.is_some_and(|env| env["program"] == PROGRAM)
}

/// Refuses to replace what is not a run, what is being written, and what holds things still needed.
fn check_replaceable(path: &Path, data: Option<&Path>) -> Result<()> {
    let refuse = |what: &str, help: &str| Err(Error::config(format!("--force {}", path.display()), what, help));
    if !is_run(path) || path.is_symlink() {
        return refuse("holds no Gradus run, and is left alone", "choose another --out");
    }
    let inside = |other: &Path| match (path.canonicalize(), other.canonicalize()) {
        (Ok(run), Ok(other)) => other.starts_with(run),
        _ => false,
    };
    if inside(Path::new(".")) || data.is_some_and(inside) {
        return refuse("holds the data or the current folder", "choose another --out");
    }
    RunFolder::at(path).locked().map(drop)
}

/// What a run was made with and on.
fn environment(beginning: Beginning<'_>) -> Value {
    json!({
        "program": PROGRAM,
        "recipe": beginning.recipe,
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "cpu_features": cpu_features(),
        "threads": beginning.threads,
        "command_line": beginning.command_line,
        "working_folder": std::env::current_dir().map(|p| p.display().to_string()).unwrap_or_default(),
        "seed": beginning.seed,
        "started": utc(SystemTime::now()),
    })
}

/// The instruction sets that the kernels ask for.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [("neon", true)];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known = [];
    known.into_iter().filter(|&(_, there)| there).map(|(name, _)| name).collect()
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

/// Four letters and digits that hardly come twice. A name only: no result depends on it.
fn random_word() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    let mut rng = Rng::new(now, "run name", u64::from(std::process::id()));
    (0..4).map(|_| char::from(LETTERS[rng.below(LETTERS.len())])).collect()
}

/// A time as `2026-11-20T05:48:28Z` (days to a date: Hinnant, "chrono-compatible low-level date algorithms").
pub fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March, so that the leap day is the last; eras have 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn create(path: &Path, force: bool) -> Result<RunFolder> {
        let words = ["gradus".to_owned()];
        let config = "seed = 42\n";
        let beginning =
            Beginning { recipe: "pipeline", config, seed: 42, data: None, command_line: &words, threads: 2 };
        RunFolder::create(path, beginning, force)
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), date);
        }
    }

    #[test]
    fn a_new_folder_holds_its_config_and_environment() {
        let place = tempfile::tempdir().unwrap();
        let run = create(&place.path().join("deep/run"), false).unwrap();
        assert_eq!(run.config_text().unwrap(), "seed = 42\n");
        assert_eq!(run.recipe().unwrap(), "pipeline");
        assert_eq!(run.env("seed").unwrap(), 42);
        assert_eq!(run.env("program").unwrap(), "gradus");
        assert!(!run.is_complete());
        run.complete().unwrap();
        assert!(RunFolder::open(run.root()).unwrap().is_complete());
        let left: Vec<_> = fs::read_dir(place.path().join("deep")).unwrap().collect();
        assert_eq!(left.len(), 1, "temporary folders are left: {left:?}");
    }

    #[test]
    fn only_a_run_is_replaced_and_only_by_force() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        drop(create(&run, false).unwrap());
        fs::write(run.join("old"), "x").unwrap();
        let error = create(&run, false).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("--force"), "{error}");
        drop(create(&run, true).unwrap());
        assert!(!run.join("old").exists());

        let foreign = place.path().join("thesis");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("config.toml"), "mine = true").unwrap();
        fs::write(foreign.join("env.json"), "{}").unwrap();
        for force in [false, true] {
            assert_eq!(create(&foreign, force).unwrap_err().exit_code(), 2);
        }
        assert_eq!(fs::read_to_string(foreign.join("config.toml")).unwrap(), "mine = true");
    }

    #[test]
    fn a_folder_has_one_writer() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let writer = create(&path, false).unwrap();
        assert_eq!(RunFolder::open(&path).unwrap().locked().unwrap_err().exit_code(), 2);
        assert_eq!(create(&path, true).unwrap_err().exit_code(), 2);
        drop(writer);
        RunFolder::open(&path).unwrap().locked().unwrap();
    }

    #[test]
    fn what_is_no_run_is_bad_data() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(RunFolder::open(place.path()).unwrap_err().exit_code(), 3);
        assert_eq!(RunFolder::open(&place.path().join("none")).unwrap_err().exit_code(), 3);
    }
}
