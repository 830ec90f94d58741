//! Plants faults and shows that the tests catch each: a test that passes whatever the code does is worth nothing.
//!
//! `faults.toml` beside this file lists one-line faults: a file, a piece of its text, what to put in its place, and the
//! test that is expected to fail. All of them are planted in one copy of the sources, each behind a switch:
//! `OLD` becomes `if planted(7) { NEW } else { OLD }`, so that the copy is compiled once and each fault costs only the
//! run of a test. The switch is the environment variable `GRADUS_FAULT`.
//!
//! ```text
//! GRADUS_MUTANTS=all cargo test --test mutants -- --nocapture      every fault: some minutes
//! GRADUS_MUTANTS=sample cargo test --test mutants                  eight of those that the engine's tests catch
//! GRADUS_MUTANTS=3,17 cargo test --test mutants                    some of them, by their place in the list
//! ```
//!
//! Without the variable only the list is checked: each text must occur exactly once in its file, or the code has moved
//! on and the fault must be written anew.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a test may run with a fault planted; a test that hangs has caught it too.
const PATIENCE: Duration = Duration::from_secs(300);
/// Faults in a sample.
const SAMPLE: usize = 8;

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    /// What is wrong with it, in words.
    name: String,
    /// The file, from the top of the project.
    file: String,
    /// The text that it takes the place of.
    old: String,
    /// The faulty text.
    new: String,
    /// The test that is expected to fail: the program, and a filter on the names of its tests.
    by: String,
}

impl Fault {
    fn program(&self) -> &str {
        self.by.split(' ').next().unwrap_or_default()
    }

    fn filters(&self) -> Vec<&str> {
        self.by.split(' ').skip(1).collect()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn faults() -> Vec<Fault> {
    let text = fs::read_to_string(root().join("tests/mutants/faults.toml")).unwrap();
    toml::from_str::<Faults>(&text).unwrap().fault
}

#[test]
fn each_fault_has_its_text_once() {
    let faults = faults();
    assert!(faults.len() >= 60, "{} faults", faults.len());
    let mut moved = Vec::new();
    for (i, fault) in faults.iter().enumerate() {
        let text = fs::read_to_string(root().join(&fault.file)).unwrap_or_default();
        let found = text.matches(&fault.old).count();
        // A switch stands around an expression or a statement: not around a part of one, nor around what binds a name.
        let is_whole = [&fault.old, &fault.new].iter().all(|text| balanced(text)) && !fault.old.starts_with("let ");
        if !is_whole {
            moved.push(format!("{}. {}: is not a whole expression or statement: {}", i + 1, fault.name, fault.old));
        }
        if found != 1 || fault.old == fault.new {
            moved.push(format!("{}. {}: {} occurs {found} times: {}", i + 1, fault.name, fault.file, fault.old));
        }
    }
    assert!(moved.is_empty(), "write these anew:\n{}", moved.join("\n"));
}

/// Whether each bracket is closed by its like.
fn balanced(text: &str) -> bool {
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open.push(c),
            ')' if open.pop() != Some('(') => return false,
            ']' if open.pop() != Some('[') => return false,
            '}' if open.pop() != Some('{') => return false,
            _ => {}
        }
    }
    open.is_empty()
}

#[test]
fn planted_faults_are_caught() {
    let Ok(chosen) = std::env::var("GRADUS_MUTANTS") else {
        println!("skipped: GRADUS_MUTANTS is not set");
        return;
    };
    let all: Vec<(usize, Fault)> = faults().into_iter().enumerate().collect();
    let by_engine: Vec<usize> = all.iter().filter(|(_, fault)| fault.program() == "engine").map(|(i, _)| *i).collect();
    let sample: Vec<usize> = by_engine.iter().step_by(by_engine.len() / SAMPLE).take(SAMPLE).copied().collect();
    let is_chosen = |i: usize| match chosen.as_str() {
        "all" => true,
        "sample" => sample.contains(&i),
        numbers => numbers.split(',').any(|number| number.trim() == (i + 1).to_string()),
    };
    let faults: Vec<(usize, Fault)> = all.into_iter().filter(|(i, _)| is_chosen(*i)).collect();
    assert!(!faults.is_empty(), "GRADUS_MUTANTS={chosen} names no fault");
    let missed = hunt(&faults);
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}

/// Plants the faults in a copy, runs the test of each; the names of those that no test catches.
fn hunt(faults: &[(usize, Fault)]) -> Vec<String> {
    let copy = copy();
    plant(&copy, faults);
    let programs = build(&copy, &faults.iter().map(|(_, fault)| fault.program()).collect());
    // A test that fails without any fault would seem to catch everything.
    let mut sound: BTreeMap<&str, bool> = BTreeMap::new();
    for (_, fault) in faults {
        let passes = sound.entry(&fault.by).or_insert_with(|| failing(&programs, fault, &copy, 0).is_none());
        assert!(*passes, "{}: fails without any fault, or has no test", fault.by);
    }
    let mut missed = Vec::new();
    for (i, fault) in faults {
        match failing(&programs, fault, &copy, i + 1) {
            Some(by) => println!("caught {:>3}. {} ({by})", i + 1, fault.name),
            None => {
                println!("MISSED {:>3}. {} ({})", i + 1, fault.name, fault.by);
                missed.push(format!("{}. {} ({})", i + 1, fault.name, fault.by));
            }
        }
    }
    println!("{} of {} caught", faults.len() - missed.len(), faults.len());
    missed
}

/// A fresh copy of the sources, in which a fault can be switched on.
fn copy() -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).unwrap();
    for name in
        ["Cargo.toml", "Cargo.lock", "src", "kernels", "tests", "benches", "notebooks_equiv", "data", "README.md"]
    {
        copy_into(&root().join(name), &to.join(name));
    }
    // Errors of style are ignored here, since a switch may be one.
    let manifest = to.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("[workspace.lints.rust]\n", "[workspace.lints.rust]\nwarnings = \"allow\"\n"))
        .unwrap();
    for library in ["kernels/src/lib.rs", "src/lib.rs"] {
        let path = to.join(library);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{SWITCH}")).unwrap();
    }
    to
}

/// Which fault is switched on.
const SWITCH: &str = r#"
/// Whether this fault is switched on.
#[inline(never)]
pub fn planted(fault: u32) -> bool {
    static ON: std::sync::LazyLock<u32> =
        std::sync::LazyLock::new(|| std::env::var("GRADUS_FAULT").ok().and_then(|n| n.parse().ok()).unwrap_or(0));
    *ON == fault
}
"#;

fn copy_into(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy_into(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.exists() {
        fs::copy(from, to).unwrap();
    }
}

/// Puts each fault behind its switch: an expression in brackets, a statement as it is.
fn plant(copy: &Path, faults: &[(usize, Fault)]) {
    let mut files: BTreeMap<&str, Vec<(usize, &Fault)>> = BTreeMap::new();
    faults.iter().for_each(|(i, fault)| files.entry(&fault.file).or_default().push((i + 1, fault)));
    for (file, faults) in files {
        let path = copy.join(file);
        let original = fs::read_to_string(&path).unwrap();
        let at = |fault: &Fault| original.find(&fault.old).unwrap_or_else(|| panic!("{file} has no: {}", fault.old));
        let mut placed: Vec<(usize, usize, &Fault)> = faults.into_iter().map(|(n, f)| (at(f), n, f)).collect();
        placed.sort_by_key(|(at, ..)| *at);
        let (mut text, mut end) = (String::new(), 0);
        for (at, n, Fault { old, new, .. }) in placed {
            assert!(at >= end, "{file}: two faults in one place: {old}");
            let switch = format!("if crate::planted({n}) {{ {new} }} else {{ {old} }}");
            let is_statement = old.ends_with(';') || old.ends_with('}');
            let switch = if is_statement { switch } else { format!("({switch})") };
            text.push_str(&original[end..at]);
            text.push_str(&switch);
            end = at + old.len();
        }
        text.push_str(&original[end..]);
        fs::write(path, text).unwrap();
    }
}

/// Compiles the copy's test programs of these names; the path of each by its name.
fn build(copy: &Path, programs: &BTreeSet<&str>) -> BTreeMap<String, PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(copy).args(["test", "--no-run", "--message-format=json"]);
    let has = |names: &[&str]| names.iter().any(|name| programs.contains(name));
    let of_kernels = has(&["agree", "kernels"]);
    if of_kernels {
        command.args(["-p", "gradus-kernels"]);
    }
    if programs.iter().any(|program| !["agree", "kernels"].contains(program)) {
        command.args(["-p", "gradus"]);
    }
    if has(&["lib", "kernels"]) {
        command.arg("--lib");
    }
    for program in programs.iter().filter(|program| !["lib", "kernels"].contains(*program)) {
        command.args(["--test", program]);
    }
    // Each test runs once, so that compiling is what takes the time; only the kernels' own tests are many.
    let kernels = if of_kernels { 3 } else { 1 };
    command.env("CARGO_PROFILE_TEST_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    command.args(["--config", &format!("profile.dev.package.gradus-kernels.opt-level={kernels}")]);
    // Cargo's variables for this test's package would make build scripts of others run again.
    for (name, _) in std::env::vars_os() {
        let name_is = |beginning: &str| name.to_string_lossy().starts_with(beginning);
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"].into_iter().any(name_is) {
            command.env_remove(name);
        }
    }
    // The same place for compiled files: everything but the two packages is there already.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = command.env("CARGO_TARGET_DIR", target).stderr(Stdio::inherit()).output().expect("cargo starts");
    let messages = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let rendered = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let errors = rendered.filter(|message| message["message"]["level"] == "error");
        let texts: Vec<String> = errors.filter_map(|e| e["message"]["rendered"].as_str().map(str::to_owned)).collect();
        panic!("the copy in {} does not compile:\n{}", copy.display(), texts.join("\n"));
    }
    let mut programs = BTreeMap::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let (Some(path), Some(name)) = (message["executable"].as_str(), message["target"]["name"].as_str()) else {
            continue;
        };
        let is_test = message["profile"]["test"] == true;
        let is_library = message["target"]["kind"][0] == "lib";
        match (is_test, is_library, name) {
            (true, true, "gradus_kernels") => programs.insert("kernels".to_owned(), path.into()),
            (true, true, _) => programs.insert("lib".to_owned(), path.into()),
            (true, false, name) if name != "gradus" => programs.insert(name.to_owned(), path.into()),
            _ => None,
        };
    }
    programs
}

/// The first test that fails (or does not end) with fault `n` switched on; none if all pass. Panics if no test runs.
fn failing(programs: &BTreeMap<String, PathBuf>, fault: &Fault, copy: &Path, n: usize) -> Option<String> {
    let program = programs.get(fault.program()).unwrap_or_else(|| panic!("{}: there is no such program", fault.by));
    let folder = if ["agree", "kernels"].contains(&fault.program()) { copy.join("kernels") } else { copy.to_owned() };
    let log = copy.join("log");
    let file = fs::File::create(&log).unwrap();
    let mut child = Command::new(program)
        .args(fault.filters())
        .current_dir(folder)
        .env("GRADUS_FAULT", n.to_string())
        .env_remove("GRADUS_DATA")
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let since = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if since.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert!(n > 0 || !text.contains("running 0 tests"), "{}: names no test", fault.by);
    let failed = text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    match status {
        Some(status) if status.success() => None,
        Some(_) => Some(failed.unwrap_or("the program crashed").to_owned()),
        None => Some("a test that does not end".to_owned()),
    }
}
