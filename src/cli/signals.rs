//! Ctrl-C and termination. A job that can save its state does so first; any other command stops at once.

use super::output::say;
use gradus::{Error, Result};
use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering};

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// The exit code of an interrupted program.
const INTERRUPTED: i32 = 130;

/// Lets the first signal raise a flag, and the second end the program.
pub(crate) fn ask_first() -> Result<()> {
    handle(|| match SIGNALS.fetch_add(1, Ordering::SeqCst) {
        0 => say("\nstopping: this step is finished and saved first (Ctrl-C again to quit at once)"),
        _ => exit(INTERRUPTED),
    })
}

/// Lets the first signal end the program.
pub(crate) fn stop_at_once() -> Result<()> {
    handle(|| exit(INTERRUPTED))
}

/// Returns whether a signal has come.
pub(crate) fn received() -> bool {
    SIGNALS.load(Ordering::SeqCst) > 0
}

fn handle(on_signal: impl FnMut() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(on_signal).map_err(|e| Error::invalid(format!("cannot listen for Ctrl-C: {e}")))
}
