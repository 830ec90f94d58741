//! The house rules, read off the sources: which folder and which file imports which, where `unsafe` may stand, and how
//! long a file may be.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/how_to_add.rs"]
mod how_to_add;

use circles::{Circle, Crate, circles, written};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of `src/`, and the modules it may import. Siblings do not import each other: they meet further up.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    // Words for messages: every module that composes sentences may use them.
    ("text", &[]),
    ("rng", &[]),
    ("shape", &["error"]),
    ("files", &["error"]),
    // Files of settings, and what is said of wrong ones: whatever the settings are of.
    ("settings", &["error", "files", "text"]),
    // With the pool of each number type's buffers, which stands below the tensor.
    ("real", &[]),
    ("tensor", &["error", "shape", "rng", "real"]),
    // What is to be predicted of samples: data hold it, training reads it.
    ("target", &["tensor"]),
    ("autograd", &["tensor", "error", "shape", "rng", "real"]),
    ("ops", &["autograd", "tensor", "error", "shape", "rng", "real"]),
    ("nn", &["ops", "autograd", "tensor", "error", "shape", "rng", "real", "files"]),
    ("optim", &["nn", "autograd", "tensor", "error", "shape", "rng", "real"]),
    ("models", &["nn", "ops", "autograd", "tensor", "error", "shape", "rng", "real"]),
    ("gradcheck", &["models", "nn", "ops", "autograd", "tensor", "error", "shape", "rng", "real"]),
    ("export", &["nn", "ops", "autograd", "tensor", "error", "shape", "real", "files"]),
    // K-means and t-SNE read as plain mathematics: no autograd.
    ("analysis", &["tensor", "error", "shape", "rng", "real", "files"]),
    ("data", &["target", "tensor", "error", "shape", "rng", "real", "files", "text"]),
    (
        "train",
        &["optim", "models", "nn", "ops", "autograd", "target", "tensor", "error", "shape", "rng", "real", "files"],
    ),
    // For programs that use the crate; nothing inside imports it.
    (
        "prelude",
        &[
            "train",
            "gradcheck",
            "optim",
            "models",
            "data",
            "nn",
            "ops",
            "autograd",
            "target",
            "tensor",
            "error",
            "shape",
            "rng",
            "real",
        ],
    ),
    ("report", &["analysis", "tensor", "error", "shape", "rng", "real", "files", "text"]),
    (
        "run",
        &[
            "settings", "train", "report", "optim", "data", "nn", "analysis", "target", "tensor", "error", "shape",
            "rng", "real", "files", "text",
        ],
    ),
    (
        "experiment",
        &[
            "settings", "run", "train", "report", "optim", "models", "data", "nn", "ops", "autograd", "analysis",
            "target", "tensor", "error", "shape", "rng", "real", "files", "text",
        ],
    ),
    // Studies search what experiments train, and see neither ops nor layers.
    ("study", &["settings", "experiment", "run", "train", "report", "error", "rng", "files", "text"]),
    (
        "pipeline",
        &[
            "settings",
            "run",
            "train",
            "report",
            "gradcheck",
            "optim",
            "models",
            "data",
            "nn",
            "ops",
            "autograd",
            "analysis",
            "target",
            "tensor",
            "error",
            "shape",
            "rng",
            "real",
            "files",
            "text",
        ],
    ),
    (
        "bench",
        &[
            "train", "optim", "models", "data", "nn", "ops", "autograd", "analysis", "target", "tensor", "error",
            "shape", "rng", "real", "files", "text",
        ],
    ),
];

/// Modules that may import everything.
const TOP: [&str; 3] = ["cli", "main", "lib"];

/// Longest source file.
const MOST_LINES: usize = 550;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files under a folder, with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The text without line comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The module of `src/` that a file belongs to: the first part of its path.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules that follow `crate::` in code; also several in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(name(rest))),
            Some(list) => {
                let list = &list[..list.find("};").unwrap_or(list.len())];
                found.extend(list.split(',').map(|item| name(item.trim_start())));
            }
        }
    }
    // Types that the crate's root re-exports start with a capital.
    found.retain(|name| !name.is_empty());
    found
}

#[test]
fn imports_follow_the_table() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut faults = Vec::new();
    for (path, text) in sources(&root().join("src")) {
        let module = module_of(&path);
        if TOP.contains(&module.as_str()) {
            continue;
        }
        let Some(may) = allowed.get(module.as_str()) else {
            faults.push(format!("{module} is not in the table"));
            continue;
        };
        for import in imports(&code(&text)) {
            if import != module && !may.contains(&import.as_str()) {
                faults.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "against the import rules:\n{}", faults.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    // Reading the table downwards, each module imports only from above.
    for (i, (module, may)) in MAY_IMPORT.iter().enumerate() {
        let above: BTreeSet<&str> = MAY_IMPORT[..i].iter().map(|(name, _)| *name).collect();
        for import in *may {
            assert!(above.contains(import), "{module} may import {import}, which does not stand above it");
        }
    }
}

#[test]
fn the_scan_sees_imports() {
    let seen =
        imports(&code("use crate::nn::Module; // crate::lab\nlet x = crate::ops::f();\nuse crate::{data, Error};"));
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["data", "nn", "ops"]);
}

#[test]
fn unsafe_stands_in_the_kernels_only() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert!(lib.contains("#![forbid(unsafe_code)]"));
    for (path, text) in sources(&root().join("src")) {
        let rest = code(&text).replace("unsafe_code", "");
        let words = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(words.into_iter().all(|word| word != "unsafe"), "{} is unsafe", path.display());
    }
}

#[test]
fn files_are_short_enough_to_read() {
    for folder in ["src", "kernels/src"] {
        for (path, text) in sources(&root().join(folder)) {
            let lines = text.lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines; {MOST_LINES} is the most", path.display());
        }
    }
}

#[test]
fn every_module_opens_with_an_essay() {
    for folder in ["src", "kernels/src"] {
        for (path, text) in sources(&root().join(folder)) {
            assert!(text.starts_with("//!"), "{} does not say what it is about", path.display());
        }
    }
}

/// The circles of the crate whose root is `root` in `folder`, each with the room it is in: the folders of its files.
fn rooms([folder, root_file, other_root]: [&str; 3]) -> Vec<(String, String)> {
    let root = root().join(folder);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    let files: Vec<(String, String)> = sources(&root).into_iter().map(|(path, text)| (name(&path), text)).collect();
    assert!(files.iter().any(|(file, _)| file == root_file));
    let files = files.iter().filter(|(file, _)| file != other_root);
    let arrows = Crate::read(files.map(|(file, text)| (file.as_str(), text.as_str()))).arrows();
    let of = |circle: Circle<'_>| {
        let folders: BTreeSet<&str> = circle.group.iter().filter_map(|file| file.split(['/', '.']).next()).collect();
        let folders = folders.into_iter().collect::<Vec<_>>().join(" and ");
        (if folder == "src" { folders } else { "kernels".into() }, written(&arrows, &circle.way))
    };
    circles(&arrows).into_iter().map(of).collect()
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    // The binary is a crate of its own beside the library.
    let crates = [["src", "lib.rs", "main.rs"], ["src", "main.rs", "lib.rs"], ["kernels/src", "lib.rs", ""]];
    let found: Vec<(String, String)> = crates.into_iter().flat_map(rooms).collect();
    let found: Vec<String> = found.into_iter().map(|(room, circle)| format!("{room}: {circle}")).collect();
    assert!(found.is_empty(), "files import each other in a circle:\n{}", found.join("\n"));
}

/// Reports say by which file a section was computed: a file that there is.
#[test]
fn files_that_reports_name_exist() {
    let mut named = 0;
    for (path, text) in sources(&root().join("src")) {
        for said in text.split(".source(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(root().join(said).is_file(), "{}: a report names {said}, which does not exist", path.display());
            named += 1;
        }
    }
    assert!(named > 20, "the search for files that reports name found only {named}");
}
