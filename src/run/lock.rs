//! The lock on the folder of a run: one process writes it, and only while it is still the folder that was locked.
//!
//! A process that writes a run holds the system's lock on the file `.lock` in its folder; the processes of a study
//! share it. The system releases a lock when its process ends, however it ends. Killed processes take a moment to end,
//! so a process that finds the lock taken waits for [`PATIENCE`] before it fails.
//!
//! A folder can be deleted or replaced during its run. The lock is held on a file, not on a name: before each
//! write [`Lock::check`] compares the file that was locked with the one that has the name now.

use crate::error::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// The lock of the process that writes the run.
pub(super) const LOCK: &str = ".lock";
/// The time to wait for a process that is ending.
const PATIENCE: Duration = Duration::from_secs(2);
/// The interval at which the lock is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether other processes may hold the lock too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Exclusive.
    Alone,
    /// Shared.
    Shared,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    name: &'static str,
}

impl Lock {
    /// Takes the lock `name` in `folder`; none if another process still holds it after `patience`. A file system
    /// without locks is used without: then no process is refused.
    pub(super) fn take(folder: &Path, name: &'static str, hold: Hold, patience: Duration) -> Result<Option<Self>> {
        let path = folder.join(name);
        let file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
        let started = Instant::now();
        loop {
            let taken = match hold {
                Hold::Alone => file.try_lock(),
                Hold::Shared => file.try_lock_shared(),
            };
            match taken {
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => std::thread::sleep(LOOK_EVERY),
                Err(TryLockError::WouldBlock) => return Ok(None),
                _ => return Ok(Some(Self { file, name })),
            }
        }
    }

    /// Takes a lock as [`take`](Self::take) does; fails if another process keeps it.
    pub(super) fn demand(folder: &Path, name: &'static str, hold: Hold) -> Result<Self> {
        Self::take(folder, name, hold, PATIENCE)?.ok_or_else(|| {
            let what = "another gradus process is using this folder";
            Error::config(folder.display().to_string(), what, "wait until it ends, or stop it")
        })
    }

    /// Lets others share the lock from now on.
    pub(super) fn share(&self) {
        let _ = self.file.unlock();
        let _ = self.file.try_lock_shared();
    }

    /// Fails if `folder` is no longer the one that was locked.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        if self.is_at(&folder.join(self.name)).unwrap_or(false) {
            return Ok(());
        }
        let what = "the folder of this run was deleted or replaced during the run";
        let help = "nothing more is written there; start the run again, in a folder of its own";
        Err(Error::State(format!("{}: {what}\n  help: {help}", folder.display())))
    }

    #[cfg(unix)]
    fn is_at(&self, path: &Path) -> std::io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let (held, there) = (self.file.metadata()?, fs::metadata(path)?);
        Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
    }

    #[cfg(not(unix))]
    fn is_at(&self, path: &Path) -> std::io::Result<bool> {
        Ok(path.exists()) // the system keeps files that are open
    }
}

/// Returns whether some process holds the run in `folder`, alone or shared. Does not wait, and leaves no file behind.
pub(super) fn is_held(folder: &Path) -> bool {
    let file = File::open(folder.join(LOCK));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_lock_is_held_alone_or_shared() {
        let folder = tempfile::tempdir().unwrap();
        let take = |hold| Lock::take(folder.path(), LOCK, hold, NOW).unwrap();
        let alone = take(Hold::Alone).unwrap();
        assert!(take(Hold::Alone).is_none() && take(Hold::Shared).is_none() && is_held(folder.path()));
        alone.share();
        let second = take(Hold::Shared).unwrap();
        assert!(take(Hold::Alone).is_none());
        drop((alone, second));
        assert!(!is_held(folder.path()) && take(Hold::Alone).is_some());
    }

    /// The lock of a process that was killed is released a moment later.
    #[test]
    fn the_lock_of_a_dying_process_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let dying = Lock::demand(folder.path(), LOCK, Hold::Alone).unwrap();
        let waiting = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                drop(dying);
            });
            Lock::demand(folder.path(), LOCK, Hold::Alone)
        });
        assert!(waiting.is_ok());
        let refused = Lock::demand(folder.path(), LOCK, Hold::Alone).unwrap_err();
        assert!(refused.exit_code() == 2 && refused.to_string().contains("another gradus process"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_was_replaced_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run");
        fs::create_dir(&folder).unwrap();
        let lock = Lock::demand(&folder, LOCK, Hold::Alone).unwrap();
        lock.check(&folder).unwrap();
        fs::rename(&folder, place.path().join("aside")).unwrap();
        let gone = lock.check(&folder).unwrap_err();
        assert!(gone.exit_code() == 1 && gone.to_string().contains("deleted or replaced"), "{gone}");
        fs::create_dir(&folder).unwrap();
        let _other = Lock::demand(&folder, LOCK, Hold::Alone).unwrap();
        assert!(lock.check(&folder).is_err(), "another folder of the same name");
        lock.check(&place.path().join("aside")).unwrap();
    }
}
