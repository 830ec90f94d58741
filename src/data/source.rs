//! Where pictures lie: a folder or a zip, listed and read the same way.
//!
//! Both give names with `/` between the parts, sorted as people sort (`img2` before `img10`). What systems and people
//! leave lying about (`.DS_Store`, `__MACOSX`, `Thumbs.db`, notes) is passed over here. A zip comes from elsewhere and
//! is distrusted: names that climb out of it and contents that swell without end are refused.

use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::ZipArchive;

/// Most bytes one file may have, packed or not.
pub(super) const MAX_FILE: u64 = 128 << 20;
/// Most bytes that a zip may unpack to, pictures only, and that the zip itself may have.
pub(super) const MAX_ZIP: u64 = 8 << 30;
/// Folders within folders that are followed.
const MAX_DEPTH: usize = 32;

/// Endings of files that are taken for pictures. The last ones cannot be decoded: they are listed as skipped, since
/// their owner would expect them to count.
const PICTURES: [&str; 14] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "webp", "tif", "tiff", "heic", "avif", "dcm", "apng"];

/// The zip's bytes, shared by all who read from it.
#[derive(Clone)]
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

enum Place {
    Folder(Vec<PathBuf>),
    Zip(ZipArchive<Cursor<Shared>>, Vec<usize>),
}

/// A folder or zip, listed.
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Names of the pictures inside, sorted.
    pub(super) names: Vec<String>,
    /// Names of the folders inside, with or without pictures.
    pub(super) folders: BTreeSet<String>,
    place: Place,
}

impl Source {
    /// Lists the pictures under `path`.
    pub(super) fn open(path: &Path) -> Result<Source> {
        let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
        if meta.is_dir() { Self::open_folder(path) } else { Self::open_zip(path, meta.len()) }
    }

    fn open_folder(path: &Path) -> Result<Source> {
        let (mut files, mut folders) = (vec![], BTreeSet::new());
        let top = path.canonicalize().map_err(|e| unreadable(path, &e))?;
        walk(path, "", &mut vec![top], &mut files, &mut folders)?;
        files.sort_by(|a: &(String, PathBuf), b| natural(&a.0, &b.0));
        let (names, paths) = files.into_iter().unzip();
        Ok(Source { path: path.to_owned(), names, folders, place: Place::Folder(paths) })
    }

    fn open_zip(path: &Path, len: u64) -> Result<Source> {
        let mut file = std::fs::File::open(path).map_err(|e| unreadable(path, &e))?;
        let mut bytes = vec![];
        file.by_ref().take(4).read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
        if !(bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")) {
            let help = "give a folder with one sub-folder of pictures per class, or a .zip of one";
            return Err(Error::data(path, "is neither a folder nor a zip", help));
        }
        if len > MAX_ZIP {
            let what = format!("is a zip of {} GiB; zips are read up to {} GiB", len >> 30, MAX_ZIP >> 30);
            return Err(Error::data(path, what, "unpack it and give the folder"));
        }
        file.read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
        let archive = ZipArchive::new(Cursor::new(Shared(Arc::new(bytes)))).map_err(|e| {
            Error::data(path, format!("is no complete zip ({e})"), "it may be cut short: download or copy it again")
        })?;
        Self::list_zip(path, archive)
    }

    fn list_zip(path: &Path, archive: ZipArchive<Cursor<Shared>>) -> Result<Source> {
        let (mut files, mut folders, mut total) = (vec![], BTreeSet::new(), 0u64);
        for index in 0..archive.len() {
            let refuse = |what: String| {
                let help = "nothing was read; make a new zip of the class folders";
                Err(Error::data(path, what, help))
            };
            let Ok(entry) = archive.by_index_data(index) else {
                return refuse(format!("is a damaged zip: entry {} cannot be read", index + 1));
            };
            // Some programs of old write backslashes between the parts.
            let name = entry.name().unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw())).replace('\\', "/");
            let is_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
            if name.starts_with('/') || is_drive || name.split('/').any(|part| part == "..") || name.contains('\0') {
                return refuse(format!("holds the name `{}`, which leads out of the zip", name.escape_debug()));
            }
            let parts: Vec<&str> = name.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
            if parts.iter().any(|part| is_clutter(part)) {
                continue;
            }
            let depth = if name.ends_with('/') { parts.len() } else { parts.len().saturating_sub(1) };
            folders.extend((1..=depth).map(|d| parts[..d].join("/")));
            if name.ends_with('/') || !is_picture(&name) {
                continue;
            }
            let size = entry.size();
            total = total.saturating_add(size);
            if size > MAX_FILE || total > MAX_ZIP {
                return refuse(format!(
                    "unpacks to more than is allowed ({} MiB a picture, {} GiB in all) at `{name}`",
                    MAX_FILE >> 20,
                    MAX_ZIP >> 30
                ));
            }
            files.push((parts.join("/"), index));
        }
        files.sort_by(|a, b| natural(&a.0, &b.0));
        let (names, indices) = files.into_iter().unzip();
        Ok(Source { path: path.to_owned(), names, folders, place: Place::Zip(archive, indices) })
    }

    /// The bytes of file `index`; the error is a reason that fits after "skipped:".
    pub(super) fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        match &self.place {
            Place::Folder(paths) => {
                let refused = |e: std::io::Error| format!("cannot be read: {e}");
                read_limited(std::fs::File::open(&paths[index]).map_err(refused)?)
            }
            Place::Zip(archive, indices) => {
                let mut archive = archive.clone(); // shares bytes and directory
                let entry = archive.by_index(indices[index]).map_err(|e| format!("cannot be unpacked: {e}"))?;
                read_limited(entry)
            }
        }
    }
}

/// All bytes of a file that may lie about its size.
pub(super) fn read_limited(file: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("is larger than the limit of {} MiB", MAX_FILE >> 20));
    }
    Ok(bytes)
}

/// Collects pictures and folders below `folder`. `above` holds the folders on the way here: a link back to one of them
/// would never end.
fn walk(
    folder: &Path,
    name: &str,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<(String, PathBuf)>,
    folders: &mut BTreeSet<String>,
) -> Result<()> {
    if above.len() > MAX_DEPTH {
        return Err(Error::data(folder, "lies too deep", "give the folder that holds the class folders"));
    }
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let entry = entry.map_err(|e| unreadable(folder, &e))?;
        let part = entry.file_name().to_string_lossy().into_owned();
        let (path, name) = (entry.path(), if name.is_empty() { part.clone() } else { format!("{name}/{part}") });
        if is_clutter(&part) {
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let real = path.canonicalize().map_err(|e| unreadable(&path, &e))?;
                if !above.contains(&real) {
                    folders.insert(name.clone());
                    above.push(real);
                    walk(&path, &name, above, files, folders)?;
                    above.pop();
                }
            }
            // A broken link or a file without permission is found again, and skipped with its reason, on reading.
            // Pipes and devices are not opened: they may never end.
            Ok(meta) if !meta.is_file() => {}
            _ if is_picture(&part) => files.push((name, path)),
            _ => {}
        }
    }
    Ok(())
}

/// Missing, or not ours to read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::data(path, "does not exist", "check the spelling; a relative path starts at the current folder")
        }
        std::io::ErrorKind::PermissionDenied => {
            Error::data(path, "cannot be read: permission denied", "check who may read it (ls -l)")
        }
        _ => Error::data(path, format!("cannot be read: {error}"), "check the path and the disk"),
    }
}

/// Left by an operating system, or hidden on purpose.
fn is_clutter(part: &str) -> bool {
    part.starts_with('.') || part == "__MACOSX" || part.eq_ignore_ascii_case("thumbs.db")
}

fn is_picture(name: &str) -> bool {
    let ending = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|e| PICTURES.contains(&e.as_str()))
}

/// Order in which numbers within names count as numbers: `a2 < a10`. Names equal in that sense differ as bytes.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    while let (Some(&p), Some(&q)) = (x.first(), y.first()) {
        let order = if p.is_ascii_digit() && q.is_ascii_digit() {
            let (m, n) = (digits(&mut x), digits(&mut y));
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (x, y) = (&x[1..], &y[1..]);
            p.cmp(&q)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

/// Takes the leading number off `text`, without its leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let (number, rest) = text.split_at(len);
    *text = rest;
    let zeros = number.iter().take_while(|&&c| c == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["b1", "a10", "a2", "a02", "a", "a2b", "A3", "a2/z"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["A3", "a", "a02", "a2", "a2/z", "a2b", "a10", "b1"]);
    }

    proptest! {
        #[test]
        fn natural_order_is_total(a in "[a0-2]{0,6}", b in "[a0-2]{0,6}", c in "[a0-2]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn clutter_and_pictures() {
        assert!(is_clutter("._a.png") && is_clutter("__MACOSX") && is_clutter("Thumbs.db") && !is_clutter("a.png"));
        assert!(is_picture("a/B.JPG") && is_picture("a.x.jpeg") && !is_picture("png") && !is_picture("a/notes.txt"));
    }
}
