//! What an addition touches: for something that was added, every file under `src/` that names it is one of those that
//! ARCHITECTURE.md tells to touch.

use super::{code, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What was added: the row of ARCHITECTURE's table, the name that stands for the `x` in it, the words that name the thing
/// (its type, and its key in files), and the folder of `src/` that is searched: elsewhere the thing is used.
const ADDED: [(&str, &str, &[&str], &str); 6] = [
    ("a layer", "silu", &["Silu", "silu"], ""),
    ("an optimizer", "adadelta", &["Adadelta", "adadelta"], ""),
    ("a kind of data", "", &["FashionMnist"], ""),
    // Not `regress`, on which another kind is built.
    ("a kind of experiment", "reconstruct", &["Reconstruct", "Reconstructed"], ""),
    ("a figure", "stages", &["StageChart", "stages"], "report"),
    ("a command", "embed", &["Embed", "embed"], "cli"),
];

/// Modules of tests, which are no part of the program.
const OF_TESTS: [&str; 2] = ["report/gallery.rs", "report/tests.rs"];

/// The files under a folder, all of them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether a text has one of these words, as a whole word.
fn has_word(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| words.contains(&word))
}

/// The files under a folder of `src/` that have one of these words, as a whole word; comments and tests do not count.
fn files_that_name(words: &[&str], folder: &str) -> BTreeSet<String> {
    let source = root().join("src");
    let names = |path: &Path| {
        // What is not text names nothing.
        let Ok(text) = fs::read_to_string(path) else { return false };
        let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        has_word(&if path.extension().is_some_and(|ending| ending == "rs") { code(&text) } else { text }, words)
    };
    let inside = |path: &Path| path.strip_prefix(&source).unwrap().to_str().unwrap().replace('\\', "/");
    let all = files(&source.join(folder));
    // A built-in experiment uses what there is; no addition needs one.
    let counts = |name: &String| !OF_TESTS.contains(&&**name) && !name.starts_with("experiment/builtin/");
    all.iter().filter(|path| names(path)).map(|path| inside(path)).filter(counts).collect()
}

/// The files that a row of ARCHITECTURE's table names, `name` in the place of `x`.
fn files_of_row(table: &str, addition: &str, name: &str) -> BTreeSet<String> {
    let start = format!("| {addition} | ");
    let row = table.lines().find_map(|line| line.strip_prefix(&start));
    let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row that begins with {start:?}"));
    let mut found = BTreeSet::new();
    for quoted in row.split('`').skip(1).step_by(2) {
        // `experiment/{spec,known}.rs` stands for two files.
        let (before, rest) = quoted.split_once('{').unwrap_or((quoted, "}"));
        let (parts, after) = rest.split_once('}').unwrap_or((rest, ""));
        for part in parts.split(',') {
            let file = format!("{before}{part}{after}");
            found.insert(file.replace("/x.rs", &format!("/{name}.rs")).replace("/x/", &format!("/{name}/")));
        }
    }
    found
}

#[test]
fn an_addition_touches_the_files_that_the_house_tells() {
    let table = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (addition, name, words, folder) in ADDED {
        // A folder of its own stands for the files in it.
        let told = files_of_row(&table, addition, name);
        let of_folder = |file: &str| told.iter().find(|told| told.ends_with('/') && file.starts_with(told.as_str()));
        let found = files_that_name(words, folder);
        let found: BTreeSet<String> = found.iter().map(|file| of_folder(file).unwrap_or(file).clone()).collect();
        assert_eq!(found, told, "{addition}: {name}");
    }
}

#[test]
fn rows_and_words_are_read() {
    let table = "| to add | files |\n| a thing | its own, `a/x.rs`, and `b/{c,d}.rs`; `e.rs` |\n";
    let found = files_of_row(table, "a thing", "new");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a/new.rs", "b/c.rs", "b/d.rs", "e.rs"]);
    assert!(has_word("mod silu;", &["Silu", "silu"]) && has_word("(\"silu\")", &["silu"]));
    assert!(!has_word("silus re_silu silu2", &["silu"]));
    // A type that is known everywhere, and one that is not.
    assert!(files_that_name(&["Sequential"], "").len() > 5);
    assert!(files_that_name(&["NobodyIsCalledSo"], "").is_empty());
}
