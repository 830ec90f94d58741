//! The course exercises as one program, so that they compile and link once:
//! `cargo run --release --example exercise -- chest_xray FOLDER` runs one, and `--help` after its name says what it can be
//! told.

mod ann_assignment1;
mod ann_assignment2;
mod ann_assignment3;
mod autoencoder_fashion;
mod chest_xray;
mod input_optimization;
mod mnist_mlp_hog_cnn;
mod sh2150_assignment2;
mod study_race;

/// An exercise, given its name and what follows it.
type Exercise = fn(&[String]) -> gradus::Result<()>;

/// Each exercise under the name of its file.
const EXERCISES: [(&str, Exercise); 9] = [
    ("sh2150_assignment2", sh2150_assignment2::run),
    ("mnist_mlp_hog_cnn", mnist_mlp_hog_cnn::run),
    ("chest_xray", chest_xray::run),
    ("input_optimization", input_optimization::run),
    ("autoencoder_fashion", autoencoder_fashion::run),
    ("ann_assignment1", ann_assignment1::run),
    ("ann_assignment2", ann_assignment2::run),
    ("ann_assignment3", ann_assignment3::run),
    ("study_race", study_race::run),
];

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let name = words.first().cloned().unwrap_or_default();
    let Some((_, run)) = EXERCISES.iter().find(|(n, _)| *n == name) else {
        let names = EXERCISES.map(|(name, _)| name).join(", ");
        eprintln!(
            "error: no exercise is called {name:?}: expected one of {names}. \
             help: cargo run --release --example exercise -- {} --smoke",
            EXERCISES[0].0
        );
        std::process::exit(2);
    };
    words[0] = format!("exercise -- {name}"); // so the usage shows it
    if let Err(error) = run(&words) {
        eprintln!("error: {error}");
        std::process::exit(error.exit_code());
    }
}
