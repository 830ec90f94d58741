//! Removes replaced runs, and files that killed processes left.
//!
//! `--force` replaces a run, but the old one goes last: it is renamed aside (`NAME.replaced`), and removed when the new
//! one is complete. A new run that fails before it has learned anything is removed instead, and the old one gets its
//! name back.

use super::environment::is_run;
use super::lock::is_held;
use super::lock::{Hold, LOCK, Lock};
use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The ledger of many runs, beside their folders.
pub const SHARED: &str = "test_ledger.jsonl";

/// The beginning and the end of the names of temporary files and folders.
pub(super) const TEMPORARY: [&str; 2] = [".gradus-", ".tmp"];
/// A temporary file without a lock is abandoned after this time: writing one takes seconds.
const DEAD_AFTER: Duration = Duration::from_secs(3600);
/// Folders within folders of a run that are swept.
const DEPTH: usize = 4;

/// A folder that was renamed to make room, until what takes its place is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    place: PathBuf,
    aside: PathBuf,
}

impl Aside {
    /// Renames what is at `place` to the first free of `PLACE.replaced`, `PLACE.replaced-2`, ...
    pub fn put(place: &Path) -> Result<Self> {
        let name = |n: usize| match n {
            1 => with_ending(place, ".replaced"),
            n => with_ending(place, &format!(".replaced-{n}")),
        };
        let aside = (1..).map(name).find(|path| fs::symlink_metadata(path).is_err()).expect("numbers do not end");
        fs::rename(place, &aside).map_err(Error::io("rename", place))?;
        Ok(Self { place: place.to_owned(), aside })
    }

    /// Returns its present path.
    pub fn path(&self) -> &Path {
        &self.aside
    }

    /// Renames it back. Nothing may have the name by then.
    pub fn restore(self) -> Result<()> {
        fs::rename(&self.aside, &self.place).map_err(Error::io("rename", &self.aside))
    }

    /// Removes it for good.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.aside).map_err(Error::io("remove", &self.aside))
    }

    /// Returns the original name of `name`, a neighbour of `place` that was renamed aside.
    pub(super) fn known(place: &Path, name: &str) -> Self {
        Self { place: place.to_owned(), aside: place.with_file_name(name) }
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Refuses to replace a folder that is not a run, that another process uses, or that holds files still needed.
pub(super) fn check_replaceable(path: &Path, data: Option<&Path>) -> Result<()> {
    let refuse = |what: &str| Err(Error::config(format!("--force {}", path.display()), what, "choose another --out"));
    if !is_run(path) || path.is_symlink() {
        return refuse("holds no Gradus run, and is left alone");
    }
    refuse_if_needed(path, data)?;
    refuse_if_held(path)
}

/// Refuses to replace a folder of several runs, unless it holds nothing else and no process uses one of them.
pub fn check_family(root: &Path, data: Option<&Path>) -> Result<()> {
    let refuse = |what: String| {
        let help = "choose another --out; --force replaces folders that `gradus train` made";
        Err(Error::config(format!("--force {}", root.display()), what, help))
    };
    if root.is_symlink() || !root.is_dir() {
        return refuse("is not a folder of runs, and is left alone".into());
    }
    let own = ["comparison.json", "report.html", "figures", SHARED];
    for entry in fs::read_dir(root).map_err(Error::io("read", root))? {
        let path = entry.map_err(Error::io("read", root))?.path();
        if is_run(&path) {
            refuse_if_held(&path)?;
        } else if !own.iter().any(|own| path.ends_with(own)) {
            return refuse(format!("holds {}, which is not a run, and is left alone", path.display()));
        }
    }
    refuse_if_needed(root, data)
}

/// Refuses a folder that another process writes.
fn refuse_if_held(path: &Path) -> Result<()> {
    Lock::demand(path, LOCK, Hold::Alone).map(drop)
}

fn refuse_if_needed(path: &Path, data: Option<&Path>) -> Result<()> {
    let inside = |other: &Path| match (path.canonicalize(), other.canonicalize()) {
        (Ok(run), Ok(other)) => other.starts_with(run),
        _ => false,
    };
    if inside(Path::new(".")) || data.is_some_and(inside) {
        let what = "holds the data or the current folder";
        return Err(Error::config(format!("--force {}", path.display()), what, "choose another --out"));
    }
    Ok(())
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(TEMPORARY[0]) && name.ends_with(TEMPORARY[1])
}

/// Removes the temporary files of processes that were killed while they wrote this run. The caller holds the run alone.
pub(super) fn sweep_run(folder: &Path) {
    sweep(folder, DEPTH, &|_| true);
}

/// Removes what killed processes left beside runs: old temporary files and folders without a lock.
pub(super) fn sweep_beside(parent: &Path) {
    sweep(parent, 0, &|path| {
        let age = fs::symlink_metadata(path)
            .and_then(|meta| meta.modified())
            .map(|time| SystemTime::now().duration_since(time));
        matches!(age, Ok(Ok(age)) if age > DEAD_AFTER) && !is_held(path)
    });
}

/// Removes a folder if it can; a later sweep may succeed where this one fails, and nothing depends on it.
fn sweep(folder: &Path, depth: usize, is_dead: &dyn Fn(&Path) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if is_temporary(&path) && is_dead(&path) => {
                let _ = if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
            Ok(kind) if kind.is_dir() && depth > 0 => sweep(&path, depth - 1, is_dead),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_put_aside_under_a_free_name() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run.1");
        let make = |words: &str| {
            fs::create_dir(&run).unwrap();
            fs::write(run.join("words"), words).unwrap();
        };
        make("first");
        let first = Aside::put(&run).unwrap();
        make("second");
        let second = Aside::put(&run).unwrap();
        assert!(first.path().ends_with("run.1.replaced") && second.path().ends_with("run.1.replaced-2"));
        second.remove().unwrap();
        first.restore().unwrap();
        assert_eq!(fs::read_to_string(run.join("words")).unwrap(), "first");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_dead_temporaries_are_swept() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("run/checkpoints")).unwrap();
        for name in
            ["run/.gradus-a.tmp", "run/checkpoints/.gradus-b.tmp", "run/.gradus-mine", "run/x.tmp", ".gradus-c.tmp"]
        {
            fs::write(at(name), "x").unwrap();
        }
        sweep_run(&at("run"));
        let there = |name: &str| at(name).exists();
        assert!(!there("run/.gradus-a.tmp") && !there("run/checkpoints/.gradus-b.tmp"));
        assert!(there("run/.gradus-mine") && there("run/x.tmp"), "other names are not ours");
        sweep_beside(place.path());
        assert!(there(".gradus-c.tmp"), "it may be being written");
        let old = SystemTime::now() - 2 * DEAD_AFTER;
        fs::File::options().append(true).open(at(".gradus-c.tmp")).unwrap().set_modified(old).unwrap();
        sweep_beside(place.path());
        assert!(!there(".gradus-c.tmp"));
    }
}
