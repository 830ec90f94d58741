//! The cost of an experiment: `--dry-run` refuses what a training would refuse, estimates the peak of memory, and
//! allocates nothing that it only describes.

use crate::common::{Ran, command, empty_folder, gradus, write_images, zip};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// An experiment on data at `path`, with these layers.
fn experiment(kind: &str, path: &str, batch: usize, layers: &[&str]) -> String {
    let layers: String = layers.iter().map(|layer| format!("[[model.layer]]\n{layer}\n\n")).collect();
    format!(
        "name = \"cost\"\n\n[data]\nkind = \"{kind}\"\npath = \"{path}\"\nsize = 16\nper_class = 40\nval = 0.2\ntest = 0.2\n\n\
         {layers}[train]\nbatch = {batch}\nepochs = 2\n\n[train.optimizer]\nkind = \"adam\"\nlr = 0.001\n"
    )
}

const FLATTEN: &str = "type = \"flatten\"";
const RELU: &str = "type = \"relu\"";
const OUT: &str = "type = \"linear\"\nunits = 0";

/// The four files of a set in MNIST's form.
fn write_digits(folder: &Path, training: usize) {
    fs::create_dir_all(folder).unwrap();
    for (part, n) in [("train", training), ("t10k", 1000)] {
        let header = |shape: &[usize]| -> Vec<u8> {
            let sizes = shape.iter().flat_map(|&size| (size as u32).to_be_bytes());
            [0, 0, 8, shape.len() as u8].into_iter().chain(sizes).collect()
        };
        let pixel = |i: usize| if i % 784 / 28 == i / 784 % 10 { 255 } else { (i * 7 % 50) as u8 };
        let images: Vec<u8> = header(&[n, 28, 28]).into_iter().chain((0..n * 784).map(pixel)).collect();
        let labels: Vec<u8> = header(&[n]).into_iter().chain((0..n).map(|i| (i % 10) as u8)).collect();
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// A NumPy array as its file: a header that is padded to a multiple of 64 bytes, then the numbers.
fn npy(kind: &str, shape: &str, numbers: Vec<u8>) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &numbers].concat()
}

/// Arrays `x` and `y`: rows of numbers in four classes.
fn write_rows(path: &Path, rows: usize, columns: usize) {
    let number = |i: usize, j: usize| (i * 31 + j * 17) as f32 % 7.0 + (i % 4) as f32;
    let x = (0..rows * columns).flat_map(|k| number(k / columns, k % columns).to_le_bytes()).collect();
    let y = (0..rows).flat_map(|i| (i as i64 % 4).to_le_bytes()).collect();
    let arrays =
        [("x.npy", npy("<f4", &format!("({rows}, {columns})"), x)), ("y.npy", npy("<i8", &format!("({rows},)"), y))];
    fs::write(path, zip(&arrays)).unwrap();
}

/// The peak of a program's memory in bytes, as Linux counts it; the program must end well.
#[cfg(target_os = "linux")]
fn peak(mut command: Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0.0f64);
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()) {
            peak = peak.max(1024.0 * kilobytes);
        }
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert!(ended.success(), "{ended}");
    peak
}

/// Many samples and a small network; few samples and a large one.
#[cfg(target_os = "linux")]
#[test]
fn the_peak_of_memory_is_estimated_before() {
    let folder = empty_folder("memory-peak");
    write_digits(&folder.join("digits"), 40_000);
    write_rows(&folder.join("rows.npz"), 8_000, 300);
    let wide = "type = \"linear\"\nunits = 6000";
    for (name, text) in [
        ("images", experiment("mnist", "digits", 64, &[FLATTEN, "type = \"linear\"\nunits = 32", RELU, OUT])),
        ("rows", experiment("npz", "rows.npz", 2000, &[wide, RELU, "type = \"linear\"\nunits = 500", RELU, OUT])),
    ] {
        let file = format!("{name}.toml");
        fs::write(folder.join(&file), text).unwrap();
        let estimated = gradus(&folder, &["train", &file, "--dry-run", "--json"]).says(0, &[]).json();
        let estimated = estimated["memory_bytes"].as_f64().unwrap();
        // The second epoch needs what the first did.
        let measured = peak(command(&folder, &["train", &file, "--epochs", "1", "--out", name]));
        println!("{name}: {:.0} MB estimated, {:.0} MB measured", estimated / 1e6, measured / 1e6);
        assert!((estimated / measured - 1.0).abs() < 0.2, "{name}: {estimated} estimated, {measured} measured");
    }
}

/// What a training refuses, a dry run refuses with the same exit code; tables and folders are described like images.
#[test]
fn a_dry_run_looks_at_the_data() {
    let folder = empty_folder("memory-dry");
    write_digits(&folder.join("digits"), 200);
    write_rows(&folder.join("rows.npz"), 60, 5);
    let table: String = (0..60).map(|i| format!("{},{},{}\n", i % 7, i % 5, ["a", "b"][i % 2])).collect();
    fs::write(folder.join("rows.csv"), table).unwrap();
    write_images(&folder.join("images"), &["lying", "standing"], 12);
    let plain = [FLATTEN, "type = \"linear\"\nunits = 4", RELU, OUT];
    for (kind, path) in
        [("mnist", "digits"), ("folder", "images"), ("csv", "rows.csv"), ("npz", "rows.npz"), ("digits", "")]
    {
        let layers = if ["csv", "npz"].contains(&kind) { &plain[1..] } else { &plain };
        fs::write(folder.join("e.toml"), experiment(kind, path, 8, layers)).unwrap();
        let ran = gradus(&folder, &["train", "e.toml", "--dry-run"]);
        ran.says(0, &[]);
        for words in ["for training", "memory: about", "time: about", "linear2"] {
            assert!(ran.out.contains(words), "{kind}: {}", ran.out);
        }
    }
    fs::write(folder.join("e.toml"), experiment("mnist", "digits", 8, &plain)).unwrap();
    let dry = |more: &[&str]| gradus(&folder, &[&["train", "e.toml", "--dry-run"], more].concat());
    dry(&["--set", "data.path=nowhere"]).says(3, &["nowhere"]);
    assert_ne!(dry(&["--set", "data.val=60000"]).code, Some(0), "no training samples would be left");
    assert!(!folder.join("runs").exists());
}

/// Two layers of 65,536 filters have 39 billion weights: they are described, refused, and never allocated.
#[test]
fn a_network_too_large_is_described_and_refused() {
    let folder = empty_folder("memory-network");
    let conv = "type = \"conv2d\"\nfilters = 65536\nkernel = 3";
    fs::write(folder.join("e.toml"), experiment("digits", "", 8, &[conv, conv, FLATTEN, OUT])).unwrap();
    let words = ["model.layer.2", "conv2 (conv2d)", "38655426560 weights", "are available", "fewer filters"];
    let dry = gradus(&folder, &["train", "e.toml", "--dry-run"]);
    dry.says(2, &words);
    assert!(dry.out.contains("38,654,771,200") && dry.out.contains("65536x24x24"), "{}", dry.out);
    gradus(&folder, &["train", "e.toml", "--out", "a"]).says(2, &words);
    assert!(!folder.join("a").exists());
    let pipeline =
        ["pipeline", "--smoke", "--set", "cnn.widths=[4096]", "--set", "data.size=1024", "--set", "cnn.hidden=100000"];
    gradus(&folder, &[&pipeline[..], &["--out", "a"]].concat()).says(2, &["cnn.widths", "are available"]);
    assert!(!folder.join("a").exists());
}

/// A training that will not fit is refused before it begins, with the setting that needs most memory.
#[test]
fn a_training_that_does_not_fit_is_refused() {
    let folder = empty_folder("memory-training");
    let conv = "type = \"conv2d\"\nfilters = 256\nkernel = 3";
    fs::write(folder.join("e.toml"), experiment("digits", "", 200, &[conv, RELU, FLATTEN, OUT])).unwrap();
    let with = |memory: &str, args: &[&str]| -> Ran {
        command(&folder, args).env("GRADUS_MEMORY", memory).output().expect("the program starts").into()
    };
    let train = ["train", "e.toml", "--out", "a"];
    with("100MB", &train).says(2, &["train.batch: this training needs about", "100 MB are available", "GRADUS_MEMORY"]);
    with("100MB", &["train", "e.toml", "--dry-run"]).says(2, &["train.batch"]);
    with("lots", &["train", "e.toml", "--dry-run"]).says(2, &["GRADUS_MEMORY: is `lots`"]);
    assert!(!folder.join("a").exists());
    // Where the estimate was overruled and the system has nothing left: an error, not a crash.
    #[cfg(target_os = "linux")]
    {
        let program = command(&folder, &[]).get_program().to_owned();
        let starved =
            "ulimit -v 400000; GRADUS_MEMORY=1TB exec \"$0\" --threads 1 train e.toml --set train.batch=240 --out a";
        let output = Command::new("bash").arg("-c").arg(starved).arg(&program).current_dir(&folder).output();
        let ran: Ran = output.unwrap().into();
        ran.says(1, &["there is not enough memory", "help:"]);
    }
}
