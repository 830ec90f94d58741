//! The available memory, and the check whether a job fits into it.
//!
//! A system that runs out of memory kills the program without a message, or another program. So a job that will not fit
//! is refused before it begins, with its demand and the setting that causes most of it. `GRADUS_MEMORY=8GB` overrides
//! the available memory.

use crate::error::{Error, Result};
use sysinfo::System;

/// The environment variable that sets how much memory may be used.
pub const VARIABLE: &str = "GRADUS_MEMORY";

/// Returns the bytes that may be used; `None` where the system does not report them.
pub fn available() -> Result<Option<u64>> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        let text = text.to_string_lossy();
        let bytes = parse(&text).ok_or_else(|| {
            Error::config(VARIABLE, format!("is `{text}`"), "write a number and a unit, such as 500MB or 8GB")
        })?;
        return Ok(Some(bytes));
    }
    if !sysinfo::IS_SUPPORTED_SYSTEM {
        return Ok(None);
    }
    let mut system = System::new();
    system.refresh_memory();
    let in_group = system.cgroup_limits().map(|limits| limits.free_memory);
    let of_process = address_space();
    let least = [in_group, of_process].into_iter().flatten().fold(system.available_memory(), u64::min);
    Ok((least > 0).then_some(least))
}

/// Returns the rest of the address space that this process is limited to (`ulimit -v`).
#[cfg(target_os = "linux")]
fn address_space() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
    let most: u64 = line.split_whitespace().nth(3)?.parse().ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u64 = used.trim().trim_end_matches(" kB").parse().ok()?;
    Some(most.saturating_sub(1024 * used))
}

#[cfg(not(target_os = "linux"))]
fn address_space() -> Option<u64> {
    None
}

/// Fails if a job needs more bytes than are available. `place` is the setting that causes most of the demand, `what`
/// the purpose.
pub fn demand(place: &str, what: &str, bytes: u64, help: &str) -> Result<()> {
    match available()? {
        Some(there) if bytes > there => {
            let what = format!("{what} needs about {}, and {} are available", words(bytes), words(there));
            let help = format!("{help}; {VARIABLE}=16GB overrides what the system reports");
            Err(Error::config(place, what, help))
        }
        _ => Ok(()),
    }
}

/// Returns a number of bytes for people: `676 MB`, `2.3 GB`.
pub fn words(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        mb if mb < 9.95 => format!("{mb:.1} MB"),
        mb if mb < 999.5 => format!("{mb:.0} MB"),
        mb if mb < 99_950.0 => format!("{:.1} GB", mb / 1e3),
        mb => format!("{:.0} GB", mb / 1e3),
    }
}

/// Parses a number of bytes: `500MB`, `8 GB`, `1e9`.
fn parse(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_uppercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        _ => return None,
    };
    let number: f64 = digits.trim().parse().ok()?;
    (number > 0.0 && number.is_finite()).then_some((number * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(
            ["500MB", "8 gb", "1.5G", "1e9", "12"].map(parse),
            [500_000_000, 8_000_000_000, 1_500_000_000, 1_000_000_000, 12].map(Some)
        );
        assert_eq!(["", "much", "-3GB", "nan", "8XB", "0"].map(parse), [None; 6]);
        assert_eq!(
            [5_000_000, 676_400_000, 2_340_000_000, 773_094_113_280].map(words),
            ["5.0 MB", "676 MB", "2.3 GB", "773 GB"]
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        demand("train.batch", "a step", 1, "make it smaller").unwrap();
        let error = demand("train.batch", "a step", u64::MAX, "make it smaller").unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().starts_with("train.batch: a step needs about"), "{error}");
        assert!(available().unwrap().is_none_or(|bytes| bytes > 1 << 20));
    }
}
