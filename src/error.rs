//! One error type for the whole crate. A message says what is wrong, where, and what to do.

use std::path::{Path, PathBuf};

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error that a user can cause. Broken internal invariants panic instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that do not fit together. `place` is the layer's path, empty outside a module.
    #[error("{}{op} {message}", if .place.is_empty() { String::new() } else { format!("{}: ", .place) })]
    Shape {
        /// Path of the layer, such as `block2.conv`.
        place: String,
        /// Name of the op.
        op: &'static str,
        /// What was expected, what was found, and the arithmetic.
        message: String,
    },
    /// An argument outside its range, or a call that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Input data that is missing, unreadable or unfit.
    #[error("{}: {what}\n  help: {help}", .path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// A wrong word in flags or configuration.
    #[error("{place}: {what}{}", if .help.is_empty() { String::new() } else { format!("\n  help: {}", .help) })]
    Config {
        /// The flag, or file and line, or key.
        place: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// `read`, `write`, `create`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A state dict or checkpoint that does not fit the model, or is damaged.
    #[error("{0}")]
    State(String),
    /// Training produced a NaN or an infinity.
    #[error("training diverged: {what} at {place}, step {step}\n  help: {help}")]
    Diverged {
        /// `NaN`, `infinity`.
        what: String,
        /// Layer or parameter where it was seen first.
        place: String,
        /// Optimizer step, counted from 1.
        step: u64,
        /// What to do about it.
        help: String,
    },
    /// A trained network computed a number that is not finite: its weights, or what it was given, are unfit.
    #[error("{place}: expected finite numbers, found {what}\n  help: {help}")]
    NotFinite {
        /// `NaN`, `infinity`.
        what: String,
        /// Layer where it was seen first.
        place: String,
        /// What to do about it.
        help: String,
    },
    /// A check failed (gradient check).
    #[error("{0}")]
    Check(String),
    /// Stopped by Ctrl-C or a termination signal; everything is saved.
    #[error("{0}")]
    Interrupted(String),
}

impl Error {
    /// Creates a shape error of `op`, its place not yet known.
    pub fn shape(op: &'static str, message: impl Into<String>) -> Self {
        Error::Shape { place: String::new(), op, message: message.into() }
    }

    /// Creates an argument error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::Invalid(message.into())
    }

    /// Creates a data error with a hint.
    pub fn data(path: impl AsRef<Path>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Data { path: path.as_ref().to_owned(), what: what.into(), help: help.into() }
    }

    /// Creates a configuration error with a hint.
    pub fn config(place: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Config { place: place.into(), what: what.into(), help: help.into() }
    }

    /// Refuses a setting outside its range.
    pub fn in_range(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
        if (low..=high).contains(&value) {
            return Ok(());
        }
        // As people write it: `32`, `0.001`, `1e30`.
        let short = |x: f64| if x.fract() == 0.0 && x.abs() < 1e9 { format!("{x}") } else { format!("{x:?}") };
        let what = format!("is {}, outside {} to {}", short(value), short(low), short(high));
        Err(Error::config(key, what, "choose a value in that range"))
    }

    /// An operating-system error: `.map_err(Error::io("read", path))`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Error::Io { action, path, source }
    }

    /// Puts a layer's name in front of the place of a shape error.
    pub fn within(mut self, name: &str) -> Self {
        if let Error::Shape { place, .. } = &mut self {
            *place = if place.is_empty() { name.to_owned() } else { format!("{name}.{place}") };
        }
        self
    }

    /// Returns the process's exit code: 1 runtime, 2 usage or config, 3 data, 4 diverged, 5 a check failed, 130
    /// interrupted.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Shape { .. } | Error::Invalid(_) | Error::Io { .. } | Error::State(_) => 1,
            Error::Config { .. } => 2,
            Error::Data { .. } | Error::NotFinite { .. } => 3,
            Error::Diverged { .. } => 4,
            Error::Check(_) => 5,
            Error::Interrupted(_) => 130,
        }
    }
}
