//! What files say of themselves without being read: endings, lengths, numbers.

use std::path::Path;

/// The ending of a file's name, in lower case.
pub(super) fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The length of a file in bytes.
pub(super) fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Pixels in the IDX files of a folder; none if they are packed or not there.
pub(super) fn pixels_in(folder: &Path) -> Option<u64> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let images = files.filter(|file| file.file_name().to_string_lossy().contains("images"));
    let lengths = images.map(|file| match file.path().extension() {
        Some(ending) if ending == "gz" => None,
        _ => file.metadata().ok().map(|meta| meta.len()),
    });
    lengths.sum::<Option<u64>>().filter(|&pixels| pixels > 0)
}

/// Files below a folder.
pub(super) fn files_in(folder: &Path, depth: usize) -> u64 {
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() && depth > 0 => files_in(&entry.path(), depth - 1),
        Ok(kind) => u64::from(kind.is_file()),
        Err(_) => 0,
    };
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(count).sum()
}
