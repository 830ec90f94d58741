//! Sources of images: a folder or a zip, listed and read the same way.
//!
//! Both give names with `/` between the parts, sorted as people sort (`img2` before `img10`), in Unicode's composed
//! form (NFC), since one system writes `é` as one character and another as two. A file is an image by the ending of
//! its name, or by its first bytes whatever its name. Clutter of systems is skipped (see [`clutter`]), and
//! what cannot be opened is listed with its reason. A zip comes from elsewhere and is not trusted: names that lead out
//! of it, unbounded directories and unbounded contents are refused.

use super::clutter::clutter;
use super::dataset::Skipped;
use super::decode::{HEAD, format_of};
use crate::error::{Error, Result};
use crate::files::{self, printable};
use crate::text::counted;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;
use zip::ZipArchive;
use zip::result::ZipError;

/// Most bytes one file may have, packed or not.
pub(super) const MAX_FILE: u64 = 128 << 20;
/// Most bytes that a zip may unpack to, images only, and that the zip itself may have.
pub(super) const MAX_ZIP: u64 = 8 << 30;
/// Folders within folders that are followed.
const MAX_DEPTH: usize = 32;
/// Most entries of a zip: fifteen times ImageNet's classes, and some 500 MB of memory to list them.
const MAX_ENTRIES: usize = 1_000_000;
/// Most bytes of one name in a zip; systems allow about as many.
const MAX_NAME: usize = 4096;
/// Most bytes of all names in a zip together.
const MAX_NAMES: usize = 256 << 20;
/// How each entry of a zip's directory begins.
const ZIP_ENTRY: &[u8; 4] = b"PK\x01\x02";

/// Endings of files that are taken for images. The last ones cannot be decoded: they are listed as skipped, since
/// their owner would expect them to count.
const ENDINGS: [&str; 20] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "dib", "webp", "tif", "tiff", "pbm", "pgm", "ppm", "pnm",
    "apng", "heic", "heif", "avif", "dcm",
];

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
    /// Names of the images inside, sorted; composed and printable.
    pub(super) names: Vec<String>,
    /// Names of the folders inside, with or without images; of a zip, those that hold something or are listed.
    pub(super) folders: BTreeSet<String>,
    /// Folders that could not be opened and entries that could not be taken, and why.
    pub(super) skipped: Vec<Skipped>,
    /// How many files and folders of each kind of clutter were met.
    pub(super) ignored: BTreeMap<String, usize>,
    place: Place,
}

/// The result of listing: images with the place to read them from, and everything else.
struct Listing<P> {
    images: Vec<(String, P)>,
    folders: BTreeSet<String>,
    skipped: Vec<Skipped>,
    ignored: BTreeMap<String, usize>,
    /// The clutter that was counted: a zip names each file in a folder of it.
    counted: BTreeSet<String>,
}

impl<P: Ord> Listing<P> {
    fn new() -> Self {
        Self {
            images: vec![],
            folders: BTreeSet::new(),
            skipped: vec![],
            ignored: BTreeMap::new(),
            counted: BTreeSet::new(),
        }
    }

    /// Returns whether the last of these parts of a name is clutter, which is counted once.
    fn ignores(&mut self, parts: &[&str]) -> bool {
        let kind = parts.last().and_then(|part| clutter(part));
        if let Some(kind) = kind
            && self.counted.insert(parts.join("/"))
        {
            *self.ignored.entry(kind.to_owned()).or_default() += 1;
        }
        kind.is_some()
    }

    fn source(mut self, path: &Path, place: impl FnOnce(Vec<P>) -> Place) -> Source {
        // Names that are equal once composed are ordered as they are written.
        self.images.sort_by(|a, b| natural(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
        self.skipped.sort_by(|a, b| natural(&a.path, &b.path));
        let (names, places) = self.images.into_iter().unzip();
        let (folders, skipped, ignored) = (self.folders, self.skipped, self.ignored);
        Source { path: path.to_owned(), names, folders, skipped, ignored, place: place(places) }
    }
}

impl Source {
    /// Lists the images under `path`.
    pub(super) fn open(path: &Path) -> Result<Source> {
        let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
        if !meta.is_dir() {
            return Self::open_zip(path, meta.len());
        }
        let mut listing = Listing::new();
        let top = path.canonicalize().map_err(|e| unreadable(path, &e))?;
        let entries = std::fs::read_dir(path).map_err(|e| unreadable(path, &e))?;
        walk(entries, "", &mut vec![top], &mut listing);
        Ok(listing.source(path, Place::Folder))
    }

    fn open_zip(path: &Path, len: u64) -> Result<Source> {
        let mut file = files::open_regular(path).map_err(|e| unreadable(path, &e))?;
        let mut bytes = vec![];
        file.by_ref().take(4).read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
        if !(bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")) {
            let help = "give a folder with one sub-folder of images per class, or a .zip of one";
            return Err(Error::data(path, "is neither a folder nor a zip", help));
        }
        if len > MAX_ZIP {
            let what = format!("is a zip of {} GiB; zips are read up to {} GiB", len >> 30, MAX_ZIP >> 30);
            return Err(Error::data(path, what, "unpack it and give the folder"));
        }
        file.read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
        // Counted before the directory is read: reading takes some hundred bytes of memory an entry.
        if bytes.windows(4).filter(|w| w == ZIP_ENTRY).take(MAX_ENTRIES + 1).count() > MAX_ENTRIES {
            let what = format!("holds more than {}", counted(MAX_ENTRIES, "entry"));
            return Err(Error::data(path, what, "unpack it and give the folder"));
        }
        let archive = ZipArchive::new(Cursor::new(Shared(Arc::new(bytes)))).map_err(|e| {
            Error::data(path, format!("is not a complete zip ({e})"), "it may be cut short: download or copy it again")
        })?;
        Self::list_zip(path, archive)
    }

    fn list_zip(path: &Path, mut archive: ZipArchive<Cursor<Shared>>) -> Result<Source> {
        let refuse = |what: String| {
            let help = "nothing was read; make a new zip of the class folders";
            Err(Error::data(path, what, help))
        };
        if archive.has_duplicate_names() {
            return refuse("holds two files of the same name, and only one of them could count".into());
        }
        let (mut listing, mut total, mut letters) = (Listing::new(), 0u64, 0usize);
        for index in 0..archive.len() {
            let Ok(entry) = archive.by_index_data(index) else {
                return refuse(format!("is a damaged zip: entry {} cannot be read", index + 1));
            };
            let (size, encrypted) = (entry.size(), entry.encrypted());
            letters += entry.name_raw().len();
            if entry.name_raw().len() > MAX_NAME || letters > MAX_NAMES {
                return refuse(format!(
                    "holds names longer than is allowed ({MAX_NAME} bytes a name, {} MiB in all) at entry {}",
                    MAX_NAMES >> 20,
                    index + 1
                ));
            }
            // Some programs of old write backslashes between the parts.
            let name = entry.name().unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw())).replace('\\', "/");
            let is_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
            if name.starts_with('/') || is_drive || name.split('/').any(|part| part == "..") || name.contains('\0') {
                return refuse(format!("holds the name `{}`, which leads out of the zip", name.escape_debug()));
            }
            let parts: Vec<&str> = name.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
            let is_folder = name.ends_with('/');
            let depth = if is_folder { parts.len() } else { parts.len().saturating_sub(1) };
            if depth > MAX_DEPTH {
                return refuse(format!(
                    "holds {depth} folders within each other at entry {}; {MAX_DEPTH} are allowed",
                    index + 1
                ));
            }
            if (1..=parts.len()).any(|n| listing.ignores(&parts[..n])) {
                continue;
            }
            let shown = parts.iter().map(|part| shown(part)).collect::<Vec<_>>();
            if depth > 0 {
                listing.folders.insert(shown[..depth].join("/"));
            }
            if is_folder || parts.is_empty() {
                continue;
            }
            let is_image = has_image_ending(&name) || {
                let head = if encrypted { None } else { archive.by_index(index).ok() };
                head.is_some_and(begins_like_an_image)
            };
            if !is_image {
                continue;
            }
            total = total.saturating_add(size);
            if size > MAX_FILE || total > MAX_ZIP {
                return refuse(format!(
                    "unpacks to more than is allowed ({} MiB an image, {} GiB in all) at `{}`",
                    MAX_FILE >> 20,
                    MAX_ZIP >> 30,
                    shown.join("/")
                ));
            }
            listing.images.push((shown.join("/"), (PathBuf::from(parts.join("/")), index)));
        }
        Ok(listing.source(path, |places| Place::Zip(archive, places.into_iter().map(|(_, index)| index).collect())))
    }

    /// Returns the bytes of file `index`; the error is a reason that fits after "skipped:".
    pub(super) fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        match &self.place {
            Place::Folder(paths) => {
                let refused = |e: std::io::Error| format!("cannot be read: {e}");
                read_limited(files::open_regular(&paths[index]).map_err(refused)?)
            }
            Place::Zip(archive, indices) => {
                let mut archive = archive.clone(); // shares bytes and directory
                let entry = archive.by_index(indices[index]).map_err(|e| match e {
                    ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                        "is encrypted: unpack the zip with its password, and give the folder".into()
                    }
                    ZipError::CompressionMethodNotSupported(_) => {
                        "is packed by a method that is not read: unpack the zip, and give the folder".into()
                    }
                    other => format!("cannot be unpacked: {other}"),
                })?;
                read_limited(entry)
            }
        }
    }
}

/// Returns all bytes of a file that may lie about its size.
pub(super) fn read_limited(file: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("is larger than the limit of {} MiB", MAX_FILE >> 20));
    }
    Ok(bytes)
}

/// Collects images and folders among `entries`, those of the folder `name`. `above` holds the folders on the way here:
/// a link back to one of them would never end.
fn walk(entries: std::fs::ReadDir, name: &str, above: &mut Vec<PathBuf>, listing: &mut Listing<PathBuf>) {
    let skip = |name: &str, why: String| Skipped { path: format!("{name}/"), reason: why, images: 0 };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                listing.skipped.push(skip(name, format!("cannot be listed to its end: {e}")));
                return;
            }
        };
        let (part, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if listing.ignores(&[name, &part]) {
            continue;
        }
        let name = if name.is_empty() { shown(&part) } else { format!("{name}/{}", shown(&part)) };
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                listing.folders.insert(name.clone());
                let opened = path.canonicalize().and_then(|real| Ok((real, std::fs::read_dir(&path)?)));
                match opened {
                    Ok((real, _)) if above.contains(&real) => {}
                    Ok(_) if above.len() > MAX_DEPTH => {
                        let why = format!("lies deeper than {MAX_DEPTH} folders within each other");
                        listing.skipped.push(skip(&name, why));
                    }
                    Ok((real, entries)) => {
                        above.push(real);
                        walk(entries, &name, above, listing);
                        above.pop();
                    }
                    Err(e) => listing.skipped.push(skip(&name, format!("cannot be opened: {}", reason(&e)))),
                }
            }
            // Pipes and devices are not opened: they may never end.
            Ok(meta) if !meta.is_file() => {}
            // A broken link or a file without permission is found again, and skipped with its reason, on reading.
            _ if has_image_ending(&part) || files::open_regular(&path).is_ok_and(begins_like_an_image) => {
                listing.images.push((name, path));
            }
            _ => {}
        }
    }
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

/// Returns the system's reason, in the words of [`unreadable`].
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// Returns a part of a name as it is shown, compared and hashed: composed (NFC), and without anything a terminal would
/// obey.
pub(super) fn shown(part: &str) -> String {
    let composed: String = part.nfc().collect();
    printable(&composed).into_owned()
}

fn has_image_ending(name: &str) -> bool {
    let ending = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

/// Returns whether a file of any name holds an image, by its first bytes.
fn begins_like_an_image(file: impl Read) -> bool {
    let mut head = vec![];
    file.take(HEAD as u64).read_to_end(&mut head).is_ok() && format_of(&head).is_some()
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
    fn endings_and_contents() {
        assert!(has_image_ending("a/B.JPG") && has_image_ending("a.x.jpeg"));
        assert!(!has_image_ending("png") && !has_image_ending("a/notes.txt"));
        assert!(begins_like_an_image(&b"\x89PNG\r\n\x1a\n"[..]) && !begins_like_an_image(&b"words"[..]));
    }

    /// `e` with an accent, as one character and as two.
    #[test]
    fn names_are_composed_and_printable() {
        assert_eq!(shown("e\u{301}"), "\u{e9}");
        assert_eq!(shown("\u{e9}"), "\u{e9}");
        assert_eq!(shown("a\nb"), "a\\u{a}b");
    }
}
