//! `gradus predict`: predicts with a trained run for single images.
//!
//! Images are the user's own, so each may be unreadable, inverted or of another kind than the run was trained on. An
//! unreadable one does not stop the others; the input of the network can be shown.

use super::evaluate::open_finished;
use super::{output, signals};
use clap::Args;
use gradus::data::seen::{save_png, sketch};
use gradus::data::{Border, Like, Reader};
use gradus::experiment::Learns;
use gradus::experiment::rows::{predict_rows, predict_values, rows_csv, values_csv};
use gradus::experiment::trained::TrainedRun;
use gradus::files::printable;
use gradus::pipeline::evaluate::Classifiers;
use gradus::pipeline::source;
use gradus::run::RunFolder;
use gradus::tensor::Tensor;
use gradus::text::counted;
use gradus::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Most images that are sketched on the terminal.
const SKETCHES: usize = 5;

/// Predicts the classes of images by a trained run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gradus predict runs/2026-11-20_pipeline_k7f3 a.png b.jpg\n  gradus predict runs/2026-11-20_mnist-cnn_x2p9 my_seven.jpg --like mnist --show seen\n\nAn image that cannot be read is named, the others are classified; the exit code is then 3."
)]
pub(crate) struct Predict {
    /// The folder of a finished run
    run: PathBuf,
    /// Image files: PNG, JPEG, GIF (first frame), WebP, BMP, TIFF or PNM, recognized by content. For a run on a table:
    /// a CSV file, whose rows need no class; on a time series: one that is continued after its end
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Preprocess each image like those of a data set: `mnist` inverts black on white, crops, scales the digit to
    /// 20x20 and centres it by mass in 28x28
    #[arg(long, value_name = "SET")]
    like: Option<Like>,
    /// Write each image as the network receives it into this folder, as PNG; the folder must be new or empty
    #[arg(long, value_name = "DIR")]
    show: Option<PathBuf>,
    /// Print the predictions as JSON; an image that could not be read has `error` instead
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let run = Run::open(&open_finished(&self.run)?)?;
        if let Run::Experiment(trained) = &run
            && trained.preparation.is_table()
        {
            return self.rows(trained);
        }
        let reader = run.reader(self.like)?;
        if let Some(folder) = &self.show {
            check_empty(folder)?;
        }
        let mut rows = vec![run.head()];
        let (mut entries, mut failures) = (Vec::new(), Vec::new());
        for (i, path) in self.images.iter().enumerate() {
            let image = match reader.read(path) {
                Ok(image) => image,
                Err(error) => {
                    entries.push(json!({ "path": path.display().to_string(), "error": error.to_string() }));
                    failures.push(error);
                    continue;
                }
            };
            let warning = self.look(i, path, &image, run.border())?;
            let (mut entry, row) = run.predict(path, &image)?;
            if let Some(warning) = warning {
                entry["warning"] = warning.into();
            }
            entries.push(entry);
            rows.push(row);
        }
        if self.json {
            output::json(&entries)?;
        } else if rows.len() > 1 {
            output::print(&output::table(&rows, 2))?;
        }
        self.summed_up(failures)
    }

    /// Prints the predictions of a run on a table for the rows of a table, as CSV.
    fn rows(&self, run: &TrainedRun) -> Result<()> {
        let ([table], None, None) = (&self.images[..], self.like, &self.show) else {
            let what = "this run was trained on a table: expected one table, without --like and --show";
            return Err(Error::config("predict", what, "gradus predict RUN TABLE.csv"));
        };
        if run.experiment.kind.learns == Learns::Values {
            let found = predict_values(run, table)?;
            if self.json {
                return output::json(&found);
            }
            return output::print(&String::from_utf8_lossy(&values_csv(&found)?));
        }
        let found = predict_rows(run, table)?;
        if self.json {
            return output::json(&found);
        }
        output::print(&String::from_utf8_lossy(&rows_csv(&found, &run.preparation.classes)?))
    }

    /// Shows the input of the network, and returns a warning if it looks unusual.
    fn look(&self, i: usize, path: &Path, image: &Tensor, border: Option<&Border>) -> Result<Option<String>> {
        if let Some(folder) = &self.show {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            save_png(image, &folder.join(format!("{:03}_{}.png", i + 1, printable(&stem))))?;
        }
        if self.like.is_some() {
            if !self.json && i < SKETCHES {
                output::say(&format!("{} as the network receives it:\n{}", path.display(), sketch(image)));
            } else if !self.json && i == SKETCHES && self.show.is_none() {
                output::say("The other images are not sketched; --show DIR writes all of them as files.");
            }
            return Ok(None);
        }
        let Some((border, found)) = border.and_then(|b| Some((b, b.inverted(image)?))) else { return Ok(None) };
        let advice = if image.shape() == [1, 1, 28, 28] { " (for handwritten digits: --like mnist)" } else { "" };
        let warning = format!(
            "looks inverted: its border has brightness {found:.2}, that of the training images {:.2} on average; \
             invert it{advice}",
            border.mean
        );
        output::say(&format!("warning: {}: {warning}", path.display()));
        Ok(Some(warning))
    }

    /// Fails if any image could not be read: alone with its own error, one of several after naming each.
    fn summed_up(&self, mut failures: Vec<Error>) -> Result<()> {
        if self.images.len() == 1 {
            return failures.pop().map_or(Ok(()), Err);
        }
        failures.iter().for_each(output::error);
        let Some(first) = failures.first() else { return Ok(()) };
        let what = format!("could not be read: {} of {}", failures.len(), counted(self.images.len(), "image"));
        let what = format!("{what}; the first: {}", first.to_string().lines().next().unwrap_or_default());
        Err(Error::data(&self.run, what, "fix or omit the files named above; all others were classified"))
    }
}

/// Fails unless the folder is new or empty: nothing is overwritten.
fn check_empty(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::config("--show", format!("{} is not empty", folder.display()), "give a new folder")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("read", folder)(e)),
    }
}

/// A run of either kind.
enum Run {
    Experiment(Box<TrainedRun>),
    Pipeline(Box<Classifiers>),
}

impl Run {
    fn open(folder: &RunFolder) -> Result<Run> {
        if folder.recipe()? == "train" {
            return Ok(Run::Experiment(Box::new(TrainedRun::open(folder)?)));
        }
        Ok(Run::Pipeline(Box::new(Classifiers::open(folder, &source::of_run(folder)?)?)))
    }

    fn reader(&self, like: Option<Like>) -> Result<Reader> {
        match self {
            Run::Experiment(trained) => trained.reader(like),
            Run::Pipeline(classifiers) => Reader::new(classifiers.input(), like),
        }
    }

    fn border(&self) -> Option<&Border> {
        match self {
            Run::Experiment(trained) => trained.preparation.border.as_ref(),
            Run::Pipeline(classifiers) => classifiers.border(),
        }
    }

    fn head(&self) -> Vec<String> {
        match self {
            Run::Experiment(_) => ["image", "class", "probability"].map(String::from).to_vec(),
            Run::Pipeline(_) => ["image", "CNN", "probability", "MLP", "cluster"].map(String::from).to_vec(),
        }
    }

    /// Returns the prediction for one image, as JSON and as a row of the table.
    fn predict(&self, path: &Path, image: &Tensor) -> Result<(Value, Vec<String>)> {
        let percent = |p: f64| format!("{:.1} %", 100.0 * p);
        Ok(match self {
            Run::Experiment(trained) => {
                let p = trained.predict(path, image)?;
                (value(&p)?, vec![p.path, p.class, percent(p.probability)])
            }
            Run::Pipeline(classifiers) => {
                let p = classifiers.predict(path, image)?;
                (value(&p)?, vec![p.path, p.class, percent(p.probability), p.mlp, p.cluster])
            }
        })
    }
}

fn value(prediction: &impl Serialize) -> Result<Value> {
    serde_json::to_value(prediction).map_err(|e| Error::invalid(format!("no JSON: {e}")))
}
