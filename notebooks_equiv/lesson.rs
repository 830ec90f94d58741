//! The lessons as one program, so that they compile and link once: `cargo run --release --example lesson -- 04` runs one.
//!
//! Figures go to `target/lessons/04`, or to the folder that is named after the lesson's number.

use std::path::{Path, PathBuf};

#[path = "lessons/01_tensors_and_shapes.rs"]
mod lesson_01;
#[path = "lessons/02_tape_and_chain_rule.rs"]
mod lesson_02;
#[path = "lessons/03_checking_a_gradient.rs"]
mod lesson_03;
#[path = "lessons/04_convolution_is_a_matrix_product.rs"]
mod lesson_04;
#[path = "lessons/05_max_pool_routing.rs"]
mod lesson_05;
#[path = "lessons/06_softmax_and_cross_entropy.rs"]
mod lesson_06;
#[path = "lessons/07_optimizers_on_a_surface.rs"]
mod lesson_07;
#[path = "lessons/08_a_cnn_in_forty_lines.rs"]
mod lesson_08;
#[path = "lessons/09_kmeans_step_by_step.rs"]
mod lesson_09;
#[path = "lessons/10_tsne_from_distances_to_map.rs"]
mod lesson_10;
#[path = "lessons/11_transposed_convolution.rs"]
mod lesson_11;
#[path = "lessons/12_autoencoder.rs"]
mod lesson_12;
#[path = "lessons/13_reparametrization.rs"]
mod lesson_13;
#[path = "lessons/14_hyperparameter_search.rs"]
mod lesson_14;
#[path = "lessons/15_backpropagation_by_hand.rs"]
mod lesson_15;
#[path = "lessons/16_the_transpose_is_not_the_inverse.rs"]
mod lesson_16;
#[path = "lessons/17_self_attention_by_hand.rs"]
mod lesson_17;
#[path = "lessons/20_why_residuals.rs"]
mod lesson_20;

/// A lesson, given the folder for its figures.
type Lesson = fn(PathBuf) -> gradus::Result<()>;

/// Each lesson under its number.
const LESSONS: [(&str, Lesson); 18] = [
    ("01", lesson_01::run),
    ("02", lesson_02::run),
    ("03", lesson_03::run),
    ("04", lesson_04::run),
    ("05", lesson_05::run),
    ("06", lesson_06::run),
    ("07", lesson_07::run),
    ("08", lesson_08::run),
    ("09", lesson_09::run),
    ("10", lesson_10::run),
    ("11", lesson_11::run),
    ("12", lesson_12::run),
    ("13", lesson_13::run),
    ("14", lesson_14::run),
    ("15", lesson_15::run),
    ("16", lesson_16::run),
    ("17", lesson_17::run),
    ("20", lesson_20::run),
];

fn main() {
    let mut words = std::env::args().skip(1);
    let number = words.next().unwrap_or_default();
    let Some((_, run)) = LESSONS.iter().find(|(n, _)| *n == number) else {
        let (first, last) = (LESSONS[0].0, LESSONS[LESSONS.len() - 1].0);
        eprintln!(
            "error: no lesson is called {number:?}: expected a number from {first} to {last}, as in notebooks_equiv/README.md. \
             help: cargo run --release --example lesson -- {first}"
        );
        std::process::exit(2);
    };
    let folder = words.next().map_or(Path::new("target/lessons").join(number), PathBuf::from);
    if let Err(error) = run(folder) {
        eprintln!("error: {error}");
        std::process::exit(error.exit_code());
    }
}
