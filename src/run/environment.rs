//! The environment of a run: the content of `env.json`, times, and names for new runs.

use crate::rng::Rng;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The value of `program` in `env.json`, by which a run folder is recognized.
pub(super) const PROGRAM: &str = "gradus";
/// The settings of the run.
pub(super) const CONFIG: &str = "config.toml";
/// The environment of the run.
pub(super) const ENV: &str = "env.json";

/// The settings with which a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The kind of run: `pipeline`, `train`.
    pub recipe: &'a str,
    /// All settings, as the text of `config.toml`.
    pub config: &'a str,
    /// The seed among them.
    pub seed: u64,
    /// The path of the data, if they are in a folder or file.
    pub data: Option<&'a Path>,
    /// The command line, for the record.
    pub command_line: &'a [String],
    /// Threads that compute.
    pub threads: usize,
}

/// Returns whether a folder is a run of this program.
pub(super) fn is_run(path: &Path) -> bool {
    let env = fs::read(path.join(ENV)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    path.join(CONFIG).is_file() && env.is_some_and(|env| env["program"] == PROGRAM)
}

/// Returns the content of `env.json` at the beginning of a run.
pub(super) fn environment(beginning: Beginning<'_>) -> Value {
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

/// Returns the instruction sets that the kernels ask for.
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

/// Returns four random letters and digits for a name. No result depends on them.
pub(super) fn random_word() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    let mut rng = Rng::new(now, "run name", u64::from(std::process::id()));
    (0..4).map(|_| char::from(LETTERS[rng.below(LETTERS.len())])).collect()
}

/// Returns a time as `2026-11-20T05:48:28Z` (days to a date: Hinnant, "chrono-compatible low-level date algorithms").
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
}
