//! Downloads of data sets, verified by checksum: `gradus data get`.
//!
//! A file on a mirror may be gone, cut short, or another one. So nothing is trusted but the SHA-256 of the *unpacked*
//! contents (packed again by another program, the same contents have other bytes): a file gets its name only after
//! that agrees, by one atomic rename, and until then it is called `.part`. A download that breaks off leaves its part,
//! and the next one requests the rest (HTTP range requests, RFC 9110); if the joined file does not have the sum, it is
//! fetched once more from the start. When a mirror fails, the next one is tried: whatever a mirror answers, and however
//! slowly, only an error of the local disk ends a download. A slow body must deliver a least number of bytes a minute.
//!
//! This is the only module of the crate that uses the network, and only when the user asks for a download.

use super::mnist::hexadecimal;
use super::public::{PublicFile, PublicSet};
use crate::error::{Error, Result};
use crate::files;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

mod archive;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The number of retries after a mirror broke off.
const ATTEMPTS: usize = 3;
/// Timeouts of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Longest silence: until connected, until the answer begins, and between two pieces of it.
    pub silence: Duration,
    /// The time over which the speed is measured.
    pub window: Duration,
    /// Fewest bytes in that time; a body that comes more slowly is taken as broken off.
    pub floor: u64,
}

impl Default for Patience {
    /// Half a minute of silence, and 128 KiB in each minute: a telephone line of 1995 brings three times as many.
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), window: Duration::from_secs(60), floor: 128 << 10 }
    }
}

/// A file to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name on a mirror, such as `train-images-idx3-ubyte.gz`.
    pub name: String,
    /// What must be in it.
    pub contents: Contents,
}

/// What must be in a file that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// These bytes, perhaps gzipped. The file keeps its name.
    File {
        /// SHA-256 of the unpacked bytes, in hexadecimal.
        sha256: String,
        /// Their number. No more than this is unpacked, nor twice as much fetched.
        bytes: u64,
    },
    /// A gzipped tar archive that holds these files, in whatever folder, and perhaps others. They are unpacked, and the
    /// archive is removed.
    Archive(Vec<PublicFile>),
}

impl Contents {
    /// Most bytes that are unpacked.
    fn most(&self) -> u64 {
        match self {
            Contents::File { bytes, .. } => *bytes,
            // An archive has a header for each file, and may have a text or two.
            Contents::Archive(files) => files.iter().map(|file| file.bytes).sum::<u64>() + (1 << 20),
        }
    }
}

/// An event of a download, for showing progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// So many bytes of a file are here, of so many if the mirror says.
    Bytes(&'a str, u64, Option<u64>),
    /// Something worth a line.
    Note(&'a str),
}

/// Returns what is fetched of a set.
pub fn remote(set: PublicSet) -> Vec<RemoteFile> {
    let alone = |file: PublicFile| RemoteFile {
        name: format!("{}.gz", file.name),
        contents: Contents::File { sha256: file.sha256.to_owned(), bytes: file.bytes },
    };
    match set {
        PublicSet::Mnist | PublicSet::Fashion => set.files().into_iter().map(alone).collect(),
        PublicSet::Cifar10 => {
            vec![RemoteFile { name: "cifar-10-binary.tar.gz".into(), contents: Contents::Archive(set.files()) }]
        }
    }
}

/// Returns the mirrors of a set: addresses to which a file's name is appended, the most reliable first.
pub fn mirrors(set: PublicSet) -> Vec<String> {
    let addresses: &[&str] = match set {
        // The makers' own page has refused most visitors for years, so it comes last.
        PublicSet::Mnist => &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ],
        PublicSet::Fashion => &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ],
        PublicSet::Cifar10 => &["https://www.cs.toronto.edu/~kriz/"],
    };
    addresses.iter().map(|address| (*address).to_owned()).collect()
}

/// Returns the folder of a set in the user's cache: `GRADUS_CACHE`, else `gradus` in `XDG_CACHE_HOME`, else in the
/// platform's usual place (`~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`). It may not exist yet.
pub fn home(set: PublicSet) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = || match std::env::consts::OS {
        "windows" => variable("LOCALAPPDATA"),
        "macos" => variable("HOME").map(|home| home.join("Library/Caches")),
        _ => variable("HOME").map(|home| home.join(".cache")),
    };
    let cache = variable("GRADUS_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(usual)?.join("gradus")));
    let help = "set GRADUS_CACHE to a folder, or name one with --to";
    cache.map(|cache| cache.join(set.name())).ok_or_else(|| Error::config("cache", "no folder is known for it", help))
}

/// Fetches the files into the folder `to`, each from the first of `mirrors` that has it; a file that is there with the
/// correct sum stays. Fails with [`Error::Data`] if no mirror has a file.
pub fn get(
    files: &[RemoteFile],
    mirrors: &[String],
    to: &Path,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<()> {
    get_within(&Patience::default(), files, mirrors, to, on_event)
}

/// Does what [`get`] does, with other timeouts.
pub fn get_within(
    patience: &Patience,
    files: &[RemoteFile],
    mirrors: &[String],
    to: &Path,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<()> {
    files::create_folder(to)?;
    for file in files {
        let path = to.join(&file.name);
        if is_here(file, to) {
            on_event(FetchEvent::Note(&format!("{} is here already", file.name)));
            continue;
        }
        let mut failures = Vec::new();
        for mirror in mirrors {
            match from_mirror(patience, file, mirror, &path, on_event) {
                Ok(()) => break,
                Err(Failure::Ours(error)) => return Err(error),
                Err(Failure::Theirs(why)) => {
                    on_event(FetchEvent::Note(&format!("{mirror}: {}: {why}", file.name)));
                    failures.push(format!("{mirror}: {why}"));
                }
            }
        }
        if failures.len() == mirrors.len() {
            let what = format!("could not be fetched ({})", failures.join("; "));
            let help = "try again later (what is here is kept), or fetch the files by other means and give --from PATH";
            return Err(Error::data(path, what, help));
        }
    }
    Ok(())
}

/// Copies the files of a set from a folder, under any of their usual names, or a single one of them, or their archive, from
/// a file; sums are checked first. Returns the names under which they are in `to`.
pub fn copy(set: PublicSet, from: &Path, to: &Path) -> Result<Vec<String>> {
    if from.is_file() {
        let packed = remote(set).into_iter().find_map(|file| match file.contents {
            Contents::Archive(files) if from.to_string_lossy().ends_with(".tar.gz") => Some(files),
            _ => None,
        });
        if let Some(files) = packed {
            archive::check(from, &files)?;
            return archive::unpack(from, &files, to);
        }
    }
    let sources = if from.is_file() { vec![from.to_owned()] } else { set.find(from)? };
    let known = set.files();
    let most = known.iter().map(|file| file.bytes).max().unwrap_or(0);
    let mut placed = Vec::new();
    for path in sources {
        let sum = sum(&path, most)?;
        let Some(file) = known.iter().find(|file| file.sha256 == sum) else {
            let what = format!("is none of the files of {}: SHA-256 of its contents is {sum}", set.name());
            return Err(Error::data(path, what, "it is damaged or another; get it from elsewhere"));
        };
        let bytes = files::read(&path)?;
        let name = if bytes.starts_with(&GZIP) { format!("{}.gz", file.name) } else { file.name.clone() };
        files::write_atomic(to.join(&name), &bytes)?;
        placed.push(name);
    }
    Ok(placed)
}

/// Checks the files of a set in a folder and returns their paths, if all are the makers' own. Fails with [`Error::Data`]
/// for the first that is missing or another.
pub fn verify(set: PublicSet, folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = set.find(folder)?;
    for (path, file) in paths.iter().zip(set.files()) {
        check_file(path, file.sha256, file.bytes)?;
    }
    Ok(paths)
}

/// Whether a file, or the files of an archive, are in the folder `to` already.
fn is_here(file: &RemoteFile, to: &Path) -> bool {
    let fine = |name: &str, sha256: &str, bytes| {
        let path = to.join(name);
        path.is_file() && check_file(&path, sha256, bytes).is_ok()
    };
    match &file.contents {
        Contents::File { sha256, bytes } => fine(&file.name, sha256, *bytes),
        Contents::Archive(files) => files.iter().all(|file| fine(&file.name, file.sha256, file.bytes)),
    }
}

/// Fails unless the file at `path` has the expected contents.
fn check(path: &Path, expected: &Contents) -> Result<()> {
    match expected {
        Contents::File { sha256, bytes } => check_file(path, sha256, *bytes),
        Contents::Archive(files) => archive::check(path, files),
    }
}

fn check_file(path: &Path, sha256: &str, bytes: u64) -> Result<()> {
    let found = sum(path, bytes)?;
    if found == sha256 {
        return Ok(());
    }
    let what = format!("has the SHA-256 {found}: expected {sha256}");
    Err(Error::data(path, what, "it is damaged or another; remove it and get it again"))
}

/// SHA-256 of a file's contents, unpacked if it is gzipped. Fails if they are longer than `most`, or cannot be read.
fn sum(path: &Path, most: u64) -> Result<String> {
    let fault = |what: String| Error::data(path, what, "it is damaged or another; get it again");
    let file = files::open_regular(path).map_err(|e| fault(format!("cannot be opened: {e}")))?;
    let mut packed = BufReader::new(file);
    let gzipped = packed.fill_buf().map_err(|e| fault(e.to_string()))?.starts_with(&GZIP);
    let from: &mut dyn Read = if gzipped { &mut MultiGzDecoder::new(packed) } else { &mut packed };
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut buffer).map_err(|e| fault(format!("cannot be read or unpacked: {e}")))?;
        if read == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        length += read as u64;
        if length > most {
            return Err(fault(format!("holds more than the {most} bytes expected")));
        }
        hash.update(&buffer[..read]);
    }
}

/// Why a mirror failed.
enum Failure {
    /// The mirror or the connection failed: another may work.
    Theirs(String),
    /// A local error, such as a full disk: no other mirror will work.
    Ours(Error),
}

/// Fetches a file from one mirror, checks it and gives it its name.
fn from_mirror(
    patience: &Patience,
    file: &RemoteFile,
    mirror: &str,
    path: &Path,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> std::result::Result<(), Failure> {
    let address = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
    let part = path.with_file_name(format!("{}.part", file.name));
    let discard = || match std::fs::remove_file(&part) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::Ours(Error::io("remove", &part)(e))),
        _ => Ok(()),
    };
    let mut broken = String::new();
    for _ in 0..ATTEMPTS {
        let resumed = match download(patience, file, &address, &part, on_event) {
            Ok(resumed) => resumed,
            Err(Stop::BrokeOff(why)) => {
                broken = why;
                continue;
            }
            Err(Stop::Restart(why)) => {
                discard()?;
                broken = why;
                continue;
            }
            Err(Stop::Failed(failure)) => return Err(failure),
        };
        match check(&part, &file.contents) {
            Ok(()) => return keep(&file.contents, &part, path).map_err(Failure::Ours),
            Err(error) => {
                discard()?;
                broken = match error {
                    Error::Data { what, .. } => what,
                    other => other.to_string(),
                };
                if !resumed {
                    return Err(Failure::Theirs(broken));
                }
                on_event(FetchEvent::Note(&format!("{}: the rest does not fit the part; from the start", file.name)));
            }
        }
    }
    Err(Failure::Theirs(broken))
}

/// Why a download ended early.
enum Stop {
    /// The part is there; the rest may be requested.
    BrokeOff(String),
    /// The part is useless.
    Restart(String),
    Failed(Failure),
}

/// Refuses: this program was built without the feature `download`.
#[cfg(not(feature = "download"))]
fn download(
    _: &Patience,
    file: &RemoteFile,
    _: &str,
    _: &Path,
    _: &mut dyn FnMut(FetchEvent<'_>),
) -> std::result::Result<bool, Stop> {
    let help = "build it with --features download, or give files that are there: gradus data get NAME --from FOLDER";
    let error = Error::data(&file.name, "cannot be fetched: this program was built without downloads", help);
    Err(Stop::Failed(Failure::Ours(error)))
}

/// Fetches the rest of `part`. Returns whether there was something before.
#[cfg(feature = "download")]
fn download(
    patience: &Patience,
    file: &RemoteFile,
    address: &str,
    part: &Path,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> std::result::Result<bool, Stop> {
    let ours = |action| move |e| Stop::Failed(Failure::Ours(Error::io(action, part)(e)));
    let before = match std::fs::metadata(part) {
        Ok(data) if !data.is_file() => {
            let kind = std::io::Error::other("expected a regular file or none");
            return Err(ours("write")(kind));
        }
        data => data.map_or(0, |data| data.len()),
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .timeout_per_read(Some(patience.silence))
        .user_agent(concat!("gradus/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut request = agent.get(address);
    if before > 0 {
        request = request.header("Range", format!("bytes={before}-"));
    }
    let response = request.call().map_err(|e| Stop::Failed(Failure::Theirs(e.to_string())))?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header("Content-Length").and_then(|value| value.parse::<u64>().ok());
    let range = header("Content-Range").and_then(content_range);
    // The length that is here after this response, and the length of the whole, as far as the mirror says.
    let (mut here, total) = match (response.status().as_u16(), range) {
        (200, _) => (0, length),
        (206, Some((first, last, whole))) if first == before => (before, whole.or(Some(last + 1))),
        (status @ (206 | 416), _) if before > 0 => {
            return Err(Stop::Restart(format!(
                "answers {status}, which does not fit the {before} bytes that are here"
            )));
        }
        (status, _) => return Err(Stop::Failed(Failure::Theirs(format!("answers {status}")))),
    };
    let resumed = here > 0;
    let mut how = OpenOptions::new();
    if resumed {
        how.append(true)
    } else {
        how.write(true).create(true).truncate(true)
    };
    let mut to = how.open(part).map_err(ours("write"))?;
    let (mut from, mut buffer) = (response.into_body().into_reader(), vec![0; 1 << 16]);
    let (mut since, mut then) = (Instant::now(), here);
    loop {
        on_event(FetchEvent::Bytes(&file.name, here, total));
        let read = from.read(&mut buffer).map_err(|e| Stop::BrokeOff(format!("broke off after {here} bytes: {e}")))?;
        if read == 0 {
            break;
        }
        here += read as u64;
        if here > 2 * file.contents.most() + (1 << 16) {
            std::fs::remove_file(part).map_err(ours("remove"))?;
            let why = format!("sends more than {} bytes", 2 * file.contents.most());
            return Err(Stop::Failed(Failure::Theirs(why)));
        }
        to.write_all(&buffer[..read]).map_err(ours("write"))?;
        if since.elapsed() >= patience.window {
            if here - then < patience.floor {
                let (got, seconds) = (here - then, since.elapsed().as_secs_f64());
                let why = format!("is too slow: {got} bytes in {seconds:.1} seconds, {here} in all");
                return Err(Stop::BrokeOff(why));
            }
            (since, then) = (Instant::now(), here);
        }
    }
    if total.is_some_and(|total| here < total) {
        return Err(Stop::BrokeOff(format!("broke off after {here} bytes")));
    }
    to.sync_all().map_err(ours("write"))?;
    Ok(resumed)
}

/// Returns the first and last byte of a partial response, and the length of the whole unless it is `*` (RFC 9110,
/// 14.4): `bytes 100-199/5000`.
#[cfg(feature = "download")]
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, whole) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last, whole.trim().parse().ok()))
}

/// Gives a checked part its name, or unpacks it if it is an archive.
fn keep(contents: &Contents, part: &Path, path: &Path) -> Result<()> {
    if let Contents::Archive(files) = contents {
        archive::unpack(part, files, path.parent().unwrap_or(Path::new(".")))?;
        return std::fs::remove_file(part).map_err(Error::io("remove", part));
    }
    std::fs::rename(part, path).map_err(Error::io("rename", part))?;
    // Not every file system lets a folder be synced; the file itself is safe by now.
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
    Ok(())
}
