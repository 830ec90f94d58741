//! Every lesson runs to its end, says what it promises, and leaves its figures.
//!
//! The lessons check themselves: each asserts what it claims, so an exit code of 0 means that all claims hold.

#[path = "../notebooks_equiv/ann_assignment3/findings.rs"]
#[allow(dead_code)] // the exercise calls them; here are their tests
mod ann_assignment3_findings;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A lesson: its number or name, further arguments, words that its output must have, and its figures.
type Lesson = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const LESSONS: &[Lesson] = &[
    ("01", &[], &["strides [12, 4, 1]", "K is 3, then 4"], &["batch", "m", "m_reshaped", "m_permuted"]),
    ("02", &[], &["dL/dw = ", "step 40"], &["tape", "descent"]),
    ("03", &[], &["five-point", "backward says"], &["v_curve"]),
    ("04", &[], &["wᵀ · C", "col2im"], &["im2col", "toeplitz"]),
    ("05", &[], &["the gradient at x", "6.2 %"], &["galaxy", "x", "routed"]),
    ("06", &[], &["p - y"], &["loss", "derivative"]),
    ("07", &[], &["momentum"], &["paths", "paths_turned", "loss"]),
    ("08", &[], &["1168"], &["loss", "filters"]),
    ("09", &[], &["k-means++"], &["bad_start", "plus_plus"]),
    ("10", &[], &["perplexity"], &["frames", "kl"]),
    ("11", &[], &["⟨Aᵀ y, x⟩", "Aᵀ A x", "output padding 1: 4 -> 8", "1 1 2 1 2 1 2 1"], &["checkerboard"]),
    (
        "12",
        &[],
        &["principal components", "after epoch 1:", "digit   components", "the code of a 2:"],
        &["errors", "reconstructions"],
    ),
    (
        "13",
        &[],
        &["score function", "ε        z = m + s ε", " 20000 ", "times as many", "nats"],
        &["estimates", "divergence"],
    ),
    (
        "14",
        &[],
        &[
            "16 different learning rates",
            "after trial",
            "the best six of one search",
            "were pruned",
            "the median rule saves",
        ],
        &["grid_or_random", "over_trials", "over_epochs", "pruned"],
    ),
    ("16", &[], &["Aᵀ A", "pseudo-inverse", "A⁺ A x"], &["matrix", "gram", "projection"]),
    ("20", &[], &["without shortcuts", "with shortcuts", "times"], &["gradients", "training"]),
    ("15", &[], &["δₒ = 2/3", "3. The nine derivatives", "The first slip makes all nine wrong"], &["network", "slips"]),
    (
        "sh2150_assignment2",
        &["--smoke", "--out"],
        &["1c. K-means", "8389120", "block 4", "3e. Test accuracy"],
        &["images", "features", "tsne", "loss_CNN", "confusion_CNN", "depth", "tsne_depth"],
    ),
    (
        "mnist_mlp_hog_cnn",
        &["--smoke", "--out"],
        &["Part 3. A CNN", "hog-128-8ep", "121,757", "report: "],
        &["accuracy", "curves_mlp-300", "confusion_cnn-deep"],
    ),
    ("17", &[], &["Two heads", "largest difference", "dL/dWq[1, 1]", "with 1/√d"], &["scale"]),
    (
        "chest_xray",
        &["--smoke", "--out"],
        &["Part 4. The decision", "at the threshold chosen on validation", "report: "],
        &["images", "augmented", "roc", "confusion_half", "confusion_chosen"],
    ),
    (
        "input_optimization",
        &["--smoke", "--out"],
        &["60,965,224", "Part 4. Mixtures", "50 % 2, 50 % 3", "report: "],
        &["confusion", "noise_overview", "mixture_way_0", "real_loss_1"],
    ),
    (
        "ann_assignment1",
        &["--smoke", "--out"],
        &["1a. least squares", "2b. Hidden layers of 10", "From hidden layers of 10 to 100", "3b. With one seed"],
        &["perceptron", "race_epochs_10", "race_seconds_100", "surfaces", "error_tanh"],
    ),
    (
        "ann_assignment2",
        &["--smoke", "--out"],
        &["1b. ARD took out", "1c. On held-out rows", "2c. On validation", "3b. With neighbourhood"],
        &["weights", "lags", "units", "u_matrix", "hits"],
    ),
    (
        "ann_assignment3",
        &["--smoke", "--out"],
        &["1b. Gaussian needs", "2b. After ", "4 epochs of the whole alone", "3b. ", "Report and figures"],
        &["pca_gaussian", "pca_flowers", "codes", "reconstructions", "stacked"],
    ),
    (
        "autoencoder_fashion",
        &["--smoke", "--out"],
        &["cae-fashion: 50,831 parameters", "short trials", "vae-fashion", "labels: ", "cnn-deep", "report: "],
        &["loss_cae-fashion", "study", "loss_vae-fashion", "transfer"],
    ),
];

/// `cargo test` builds the examples into `examples` beside the folder of the test programs. (`cargo test --test
/// lessons` does not: it takes what the last build left.)
fn program(example: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    let profile = this.parent().and_then(Path::parent).expect("target/<profile>/deps/test");
    let path = profile.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{example} is not built: run `cargo test` without --test, or `cargo build --examples` first"
    );
    path
}

/// The program that runs it: lessons have numbers, exercises names.
fn example(name: &str) -> &'static str {
    if name.parse::<u32>().is_ok() { "lesson" } else { "exercise" }
}

fn run((name, arguments, words, figures): &Lesson) {
    let folder = tempfile::tempdir().expect("a folder for the figures");
    let mut command = Command::new(program(example(name)));
    let output = command.arg(name).args(*arguments).arg(folder.path()).output().expect("it starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{said}\n{complained}", output.status);
    for word in *words {
        assert!(said.contains(word), "{name} does not say \"{word}\":\n{said}");
    }
    for figure in *figures {
        for (ending, start) in [("svg", &b"<svg"[..]), ("png", &b"\x89PNG"[..])] {
            let path = folder.path().join(format!("{figure}.{ending}"));
            let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{name}: {figure}.{ending}: {e}"));
            assert!(bytes.starts_with(start), "{name}: {figure}.{ending} is not a {ending}");
        }
    }
}

#[test]
fn every_lesson_runs_and_keeps_its_promises() {
    // Two at a time, for much of a lesson runs on one core; and the longest first, so that nothing waits for them at the end.
    let mut lessons: Vec<&Lesson> = LESSONS.iter().collect();
    lessons.sort_by_key(|(name, ..)| !["14", "input_optimization"].contains(name));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(lesson) = lessons.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(lesson);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
}

#[test]
fn the_readme_lists_every_program() {
    let readme = include_str!("../notebooks_equiv/README.md");
    for (name, ..) in LESSONS {
        let command = format!("cargo run --release --example {} -- {name}", example(name));
        assert!(readme.contains(&command), "notebooks_equiv/README.md lacks `{command}`");
    }
}
