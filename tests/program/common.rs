//! Helpers of the tests of the program: running it, and small images to run it on.

use image::GrayImage;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The output of a run of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Checks the exit code, and that stderr says all of this.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "stderr does not say {word:?}: {}", self.err);
        }
        assert!(!self.err.contains("panicked") && !self.err.contains("internal error"), "{}", self.err);
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("stdout is not JSON alone: {e}: {}", self.out))
    }
}

/// The program, in a folder, with arguments.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.env("GRADUS_CACHE", folder.join("cache"));
    command.current_dir(folder).args(args).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// Runs the program to its end.
pub(crate) fn gradus(folder: &Path, args: &[&str]) -> Ran {
    command(folder, args).output().expect("the program starts").into()
}

/// Waits until something is so, for two minutes at most.
pub(crate) fn wait_for(done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(120), "this takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A file of JSON.
pub(crate) fn json(path: impl AsRef<Path>) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).expect("the file is there")).expect("it is JSON")
}

/// The names of what a folder holds, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = all.collect();
    names.sort();
    names
}

/// A number in [-1, 1) for `i` and `stream`, the same on every machine.
pub(crate) fn uniform(i: usize, stream: u64) -> f64 {
    let mixed =
        (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// A file or folder of the real data, if the variable GRADUS_DATA says where they are; else says that the test skipped.
pub(crate) fn data_folder(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return None;
    };
    Some(Path::new(&root).join(name))
}

/// An empty folder of this name, kept under `target` for a look after a failure.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it is ours");
    }
    fs::create_dir_all(&folder).expect("target can be written");
    folder
}

/// Copies a folder and all that it holds.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a fresh folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(drop).expect("a fresh folder") }
    }
}

/// A PNG of 16 x 16 pixels with stripes: class 0 lying, class 1 standing, class 2 a checkerboard; `seed` shifts the
/// grays so that no two are the same.
pub(crate) fn png(class: usize, seed: u32) -> Vec<u8> {
    let stripes = GrayImage::from_fn(16, 16, |x, y| {
        let on = match class {
            0 => y / 2 % 2,
            1 => x / 2 % 2,
            _ => (x / 2 + y / 2) % 2,
        };
        image::Luma([(60 + 100 * on + (seed * 7 + x * 3 + y * seed) % 50) as u8])
    });
    let mut bytes = Cursor::new(Vec::new());
    stripes.write_to(&mut bytes, image::ImageFormat::Png).expect("writing to memory");
    bytes.into_inner()
}

/// A folder of `per_class` images for each of `classes`.
pub(crate) fn write_images(folder: &Path, classes: &[&str], per_class: u32) {
    for (class, name) in classes.iter().enumerate() {
        fs::create_dir_all(folder.join(name)).expect("a fresh folder");
        for i in 0..per_class {
            fs::write(folder.join(name).join(format!("{i}.png")), png(class, i)).expect("a fresh folder");
        }
    }
}

/// A zip of files.
pub(crate) fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("writing to memory");
        zip.write_all(bytes).expect("writing to memory");
    }
    zip.finish().expect("writing to memory").into_inner()
}

/// Checks every CSV file under a folder as a program would read it: rows of one length, and no cell formatted for
/// people (`2,056`, `42.5 %`, `+1.2 points`). A column with a number in it holds numbers alone, or sizes (`3x16x16`),
/// or nothing. Returns how many files and numbers were seen.
#[track_caller]
pub(crate) fn plain_numbers(folder: &Path) -> (usize, usize) {
    let number = |cell: &str| cell.parse::<f64>().is_ok();
    let sizes = |cell: &str| cell.split('x').all(|n| n.parse::<usize>().is_ok());
    let (mut files, mut numbers) = (0, 0);
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            let (more, inside) = plain_numbers(&path);
            (files, numbers) = (files + more, numbers + inside);
        } else if path.extension().is_some_and(|ending| ending == "csv") {
            let mut reader = csv::Reader::from_path(&path).expect("it is there");
            let names = reader.headers().expect("a header").clone();
            let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("rows of one length")).collect();
            for (j, name) in names.iter().enumerate() {
                let cells = || rows.iter().map(|row| &row[j]).filter(|cell| !cell.is_empty());
                let counted = cells().filter(|cell| number(cell)).count();
                let all = cells().all(|cell| number(cell) || sizes(cell));
                assert!(counted == 0 || all, "{}, column {name}: {:?}", path.display(), cells().collect::<Vec<_>>());
                for cell in cells() {
                    let digits = cell.trim_end_matches(" points").trim_end_matches(['%', ' ']);
                    let for_people = digits.replace([',', '\u{a0}'], "");
                    let spoiled = !number(cell) && for_people != cell && number(&for_people);
                    assert!(!spoiled, "{}, column {name} holds {cell:?}", path.display());
                }
                numbers += counted;
            }
            files += 1;
        }
    }
    (files, numbers)
}
