//! Every command of README.md and of every `--help`, run by a shell letter by letter as it is written there.
//!
//! Each page gets a folder of its own with the data and runs that its commands name, and its commands are run in their
//! order. What would take minutes (a whole training, a study, all measurements) is interrupted after a second as by
//! Ctrl-C. Public data sets are fetched from nowhere: where `GRADUS_DATA` names them they are here already, elsewhere
//! the commands that need them are skipped, with a message.

use crate::common::{Ran, gradus, png, write_images};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The time after which a command that may take minutes is interrupted.
const LOOK: Duration = Duration::from_secs(1);
/// How long any other may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Commands that take minutes on whole data: they may be interrupted.
const LONG: [&str; 6] = ["pipeline", "train", "study", "dream", "latent", "bench"];

/// The commands of a page of Markdown: the lines of its blocks of shell code.
fn of_markdown(text: &str) -> Vec<String> {
    let (mut inside, mut commands) = (false, Vec::new());
    for line in text.lines() {
        match (inside, line) {
            (false, "```sh") => inside = true,
            (true, "```") => inside = false,
            (true, command) => commands.push(command.to_owned()),
            _ => {}
        }
    }
    commands
}

/// The examples of a help text, without the words beside them. None of them may be so long that it is broken.
fn of_help(page: &str, help: &str) -> Vec<String> {
    let is_title = |line: &&str| ["Example:", "Examples:"].contains(line);
    let examples = help.lines().skip_while(|line| !is_title(line)).skip(1).take_while(|line| !line.is_empty());
    let command = |line: &str| {
        assert!(line.starts_with("  gradus "), "{page} --help: an example that continues in the next line: {line:?}");
        line.trim().split("   ").next().unwrap_or_default().trim().to_owned()
    };
    examples.map(command).collect()
}

/// The help of every command, and of the commands of commands, under the words that lead to it.
fn helps(folder: &Path, words: &[String], pages: &mut Vec<(String, String)>) {
    let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let ran = gradus(folder, &args);
    ran.says(0, &[]);
    let listed = ran.out.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for line in listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().expect("a line that is not empty");
        if name != "help" {
            helps(folder, &[words, &[name.to_owned()]].concat(), pages);
        }
    }
    pages.push((words.join(" "), ran.out));
}

/// The four files of a set in MNIST's form, with enough images for the 10,000 that the experiments validate on.
fn write_set(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (part, n) in [("train", 10_200), ("t10k", 60)] {
        let mut images = vec![0, 0, 8, 3];
        [n, 28, 28].iter().for_each(|size: &u32| images.extend(size.to_be_bytes()));
        // The class is the row that is lit.
        images
            .extend((0..n as usize * 784).map(|i| if i % 784 / 28 == i / 784 % 10 { 255 } else { (i * 7 % 50) as u8 }));
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(n.to_be_bytes());
        labels.extend((0..n).map(|i| (i % 10) as u8));
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// A folder with all that the pages name: made once, copied for each page.
static PREPARED: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = crate::common::empty_folder("as-written-prepared");
    for name in ["photos", "other_photos", "new_images"] {
        write_images(&folder.join(name), &["cat", "dog", "owl"], 20);
    }
    for (class, name) in ["NORMAL", "PNEUMONIA"].iter().enumerate() {
        fs::create_dir_all(folder.join("xray").join(name)).unwrap();
        for i in 0..24 {
            fs::write(folder.join(format!("xray/{name}/person{}_{i}.png", i / 2)), png(class, i)).unwrap();
        }
    }
    for (name, seed) in [("image.png", 1), ("image.jpg", 2), ("a.png", 3), ("b.jpg", 4), ("my_seven.jpg", 5)] {
        image::load_from_memory(&png(0, seed)).unwrap().save(folder.join(name)).unwrap();
    }
    for (zip, from) in [("photos.zip", "photos"), ("xray.zip", "xray")] {
        fs::write(folder.join(zip), crate::common::zip(&files(&folder, &folder.join(from)))).unwrap();
    }
    for name in ["mnist", "cache/mnist", "cache/fashion-mnist"] {
        write_set(&folder.join(name));
    }
    // Any embedding of ten thousand samples.
    let map = ndarray::Array2::from_shape_fn((10_000, 2), |(i, axis)| (i * (axis + 7) % 1009) as f32);
    ndarray_npy::write_npy(folder.join("embedding.npy"), &map).unwrap();
    // The makers' own files, which no test can write.
    if let Some(data) = std::env::var_os("GRADUS_DATA").map(PathBuf::from) {
        for (from, to) in [("mnist", "genuine/mnist"), ("fashion-mnist", "downloads/fashion-mnist")] {
            copy(&data.join(from), &folder.join(to));
        }
        assert!(Command::new("chmod").args(["-R", "u+w"]).arg(&folder).status().unwrap().success());
    }
    // A program of the name `gradus`, and a cargo that runs it.
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_gradus"), bin.join("gradus")).unwrap();
    let cargo = "#!/bin/sh\n[ \"$1 $2 $3\" = 'run --release --' ] || exit 0\nshift 3\nexec gradus \"$@\"\n";
    fs::write(bin.join("cargo"), cargo).unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();

    let train = |words: &str, out: &str| {
        // Validation on all 10,000 would take longer than the rest.
        let words: Vec<&str> = words.split(' ').chain(["--smoke", "--set", "data.val=100", "--out", out]).collect();
        gradus(&folder, &[&["train"][..], &words].concat()).says(0, &[]);
    };
    train("cnn-small", "RUN");
    train("cnn-small --seed 2", "RUN2");
    train("mlp-300", "MLP");
    train("cae-fashion", "CAE");
    train("vae-fashion", "VAE");
    train("cnn-small --set data.kind=fashion-mnist", "CNN");
    let pipeline = ["pipeline", "--smoke", "--data", "photos", "--size", "32", "--out", "runs/RUN"];
    gradus(&folder, &pipeline).says(0, &[]);
    let study = ["study", "mlp-300", "--search", "train.optimizer.lr = { log = [1e-4, 1e-2] }", "--trials", "2"];
    let small = ["--set", "data.val=100", "--epochs", "1", "--out", "STUDY"];
    gradus(&folder, &[&study[..], &small].concat()).says(0, &[]);
    for (from, to) in [
        ("RUN", "RUN1"),
        ("RUN", "runs/2026-11-20_cnn-small_k7f3"),
        ("RUN2", "runs/2026-11-20_cnn-small_x2p9"),
        ("MLP", "runs/2026-11-20_mlp-300_m4q8"),
        ("RUN", "runs/2026-11-20_mnist-cnn_x2p9"),
        ("CAE", "runs/2026-11-20_cae-fashion_k7f3"),
        ("runs/RUN", "runs/2026-11-20_pipeline_k7f3"),
        ("STUDY", "runs/2026-11-20_mine-study_k7f3"),
    ] {
        copy(&folder.join(from), &folder.join(to));
    }
    folder
});

/// The files under a folder, with their names from another.
fn files(from: &Path, folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(from, &path)),
            path => {
                let name = path.strip_prefix(from).unwrap().to_str().unwrap().to_owned();
                found.push((&*name.leak(), fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// Runs a page's commands one after the other in a copy of the prepared folder.
fn follow(page: &str, commands: &[String]) {
    let folder = PREPARED.with_file_name(format!("as-written-{}", page.replace(' ', "-")));
    let _ = fs::remove_dir_all(&folder);
    copy(&PREPARED, &folder);
    for command in commands {
        let wants_makers_files = ["data get", "data verify"].iter().any(|words| command.contains(words));
        if wants_makers_files && !folder.join("genuine").exists() {
            println!("skipped, GRADUS_DATA is not set: {command}");
            continue;
        }
        let since = Instant::now();
        let ran = shell(&folder, command, if wants_makers_files { "genuine" } else { "cache" });
        println!("{:5.1} s  {:?}  {command}", since.elapsed().as_secs_f64(), ran.code);
        let expected = if ran.code == Some(130) { 130 } else { 0 };
        assert_eq!(ran.code, Some(expected), "{page}: `{command}`\n{}\n{}", ran.out, ran.err);
        assert!(!ran.err.contains("internal error") && !ran.err.contains("panicked"), "{command}: {}", ran.err);
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// Runs one line in a shell; a long one is interrupted.
fn shell(folder: &Path, line: &str, cache: &str) -> Ran {
    let path = std::env::var("PATH").unwrap_or_default();
    let child = Command::new("sh")
        .args(["-c", &format!("trap : INT\n{line}")]) // the shell survives the interruption and returns the code
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .env("HOME", folder)
        .env("GRADUS_CACHE", folder.join(cache))
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let is_long = LONG.iter().any(|word| line.split_whitespace().any(|w| w == *word));
    let (group, limit) = (child.id(), if is_long { LOOK } else { PATIENCE });
    let (done, ended) = std::sync::mpsc::channel();
    // The first Ctrl-C lets the step that is running end, the second does not.
    let signals = if is_long { [("-INT", limit), ("-INT", LOOK)] } else { [("-KILL", limit); 2] };
    let watch = std::thread::spawn(move || {
        for (kind, patience) in signals {
            if ended.recv_timeout(patience).is_ok() {
                return;
            }
            let _ = Command::new("kill").args([kind, "--", &format!("-{group}")]).stderr(Stdio::null()).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    watch.join().unwrap();
    output.into()
}

#[test]
fn the_readme_works_as_written() {
    let commands = of_markdown(include_str!("../../README.md"));
    assert!(commands.len() >= 20, "{commands:?}");
    follow("README", &commands);
}

#[test]
fn every_help_works_as_written() {
    let mut pages = Vec::new();
    helps(&PREPARED, &[], &mut pages);
    assert!(pages.len() >= 20, "{} pages", pages.len());
    for (words, help) in &pages {
        let page = format!("gradus {words}");
        let commands = of_help(&page, help);
        assert!(!commands.is_empty(), "{page} --help shows no example");
        follow(page.trim(), &commands);
    }
}
