//! The list of files that systems, file managers and network drives leave among images.
//!
//! Thumbnails beside an image are images as well. Taken for samples, they would be duplicates in the training set, and
//! with given splits a class of their own. They are skipped wherever folders and zips are listed, and counted.

/// Names, compared without regard to upper and lower case.
const NAMES: &[&str] = &[
    // Windows.
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    // macOS; the rest of what it writes is hidden.
    "__MACOSX",
    "Icon\r",
    "Desktop DB",
    "Desktop DF",
    "Network Trash Folder",
    "TheVolumeSettingsFolder",
    "Temporary Items",
    // Network drives: Synology and QNAP.
    "@eaDir",
    "@tmp",
    "@Recycle",
    "@Recently-Snapshot",
    "@SynoResource",
    "@SynoEAStream",
    "@Transcode",
    "#recycle",
    "#snapshot",
    "SYNOINDEX_MEDIA_INFO",
    // Linux.
    "lost+found",
    // Programs.
    "Picasa.ini",
    "__pycache__",
];

/// Beginnings of names, compared as they are: hidden files and folders (`.DS_Store`, `._a.png`, `.Trash-1000`,
/// `.ipynb_checkpoints`, `.@__thumb`, `.picasa.ini`), Synology's thumbnails, and lock files of office programs.
const BEGINNINGS: &[(&str, &str)] = &[(".", "hidden"), ("SYNOFILE_THUMB_", "SYNOFILE_THUMB_"), ("~$", "~$")];

/// Returns the kind of clutter of a file or folder of this name: its name in the list, or `hidden`. `None` for all
/// others.
pub(super) fn clutter(name: &str) -> Option<&'static str> {
    let listed = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| known.trim_end());
    listed.or_else(|| BEGINNINGS.iter().find(|(start, _)| name.starts_with(start)).map(|&(_, kind)| kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clutter_is_known_by_name() {
        for (name, kind) in [
            ("@eaDir", "@eaDir"),
            ("THUMBS.DB", "Thumbs.db"),
            ("desktop.ini", "desktop.ini"),
            ("Icon\r", "Icon"),
            ("$Recycle.Bin", "$RECYCLE.BIN"),
            ("._a.png", "hidden"),
            (".Trash-1000", "hidden"),
            (".ipynb_checkpoints", "hidden"),
            ("SYNOFILE_THUMB_M.jpg", "SYNOFILE_THUMB_"),
        ] {
            assert_eq!(clutter(name), Some(kind), "{name:?}");
        }
        for name in ["a.png", "Icon", "thumbs", "eaDir", "@home", "#1", "recycle", "lost"] {
            assert_eq!(clutter(name), None, "{name:?}");
        }
    }
}
