//! `gradus dream`: optimizes an input until the network gives a target prediction.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::{Args, ValueEnum};
use gradus::experiment::dream::{self, Distance, DreamJob, DreamSettings, DreamTarget, Pixels, Start};
use gradus::experiment::read;
use gradus::experiment::trained::TrainedRun;
use gradus::run::book;
use gradus::{Error, Result, files};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Optimizes images until a trained network gives the target prediction.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DreamArgs {
    /// The folder of a finished run of `gradus train`
    run: PathBuf,
    /// A class (`1`), a mixture (`2:0.5,3:0.5`) or a vector (`0,0,.5,.5`); may be repeated
    #[arg(long, value_name = "TARGET", required_unless_present = "all")]
    target: Vec<String>,
    /// Every class
    #[arg(long, conflicts_with = "target")]
    all: bool,
    /// The starting image: `random`, `test:CLASS`, or an image file
    #[arg(long, value_name = "START", default_value = "random")]
    init: String,
    /// Deviation of the noise that is added to a real start
    #[arg(long, default_value = "0.3")]
    noise: f64,
    /// Starts for each target; the best is kept
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    restarts: u16,
    /// Steps; if the target is not reached by then, as many more
    #[arg(long, default_value = "400", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
    /// How pixels are kept between 0 and 1
    #[arg(long, value_enum, default_value = "sigmoid")]
    pixels: PixelsArg,
    /// The loss: the cross-entropy to the target, or the squared difference
    #[arg(long, value_enum, default_value = "cross-entropy")]
    loss: LossArg,
    /// Weight of the total variation
    #[arg(long, default_value = "3")]
    tv: f64,
    /// Weight of the squared brightness
    #[arg(long, default_value = "10")]
    l2: f64,
    /// Deviation of the blur in pixels
    #[arg(long, default_value = "0.5")]
    blur: f64,
    /// Most pixels by which the image is shifted before each step
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u8).range(0..=32))]
    jitter: u8,
    /// Seed of starts and jitter [default: the run's]
    #[arg(long)]
    seed: Option<u64>,
    /// The folder to write; it must not exist [default: RUN/dreams/NUMBER]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PixelsArg {
    /// x = σ(z), z is free
    Sigmoid,
    /// x is put back into [0, 1] after each step
    Projected,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LossArg {
    CrossEntropy,
    Squared,
}

const EXAMPLES: &str = "\
Examples:
  gradus dream RUN --all                          one image for each class
  gradus dream RUN --target 2:0.5,3:0.5           between two and three
  gradus dream RUN --target 7 --init test:1       a one that is classified as a seven
  gradus dream RUN --target 3 --tv 0 --l2 0 --blur 0 --jitter 0    the target alone, no priors";

impl DreamArgs {
    pub(crate) fn run(self) -> Result<()> {
        signals::ask_first()?;
        let folder = open_finished(&self.run)?;
        let mut trained = TrainedRun::open(&folder)?;
        trained.experiment = read::at_home(trained.experiment, &folder)?;
        let job = self.job(&trained)?;
        let out = match &self.out {
            Some(out) if out.exists() => {
                let place = format!("--out {}", out.display());
                return Err(Error::config(place, "exists already", "choose another folder"));
            }
            Some(out) => out.clone(),
            None => fresh(&folder.path("dreams")),
        };
        let mut watch = Terminal::new(None);
        let (found, data) = dream::dream(&trained, &job, &mut watch)?;
        watch.finish();
        let results = dream::results(&found, &job);
        files::create_folder(&out)?;
        files::write_atomic(out.join("dreams.json"), format!("{results:#}\n").as_bytes())?;
        dream::report::write(&found, &job, &data, &trained.experiment.name, book::is_smoke(&folder), &out)?;
        for note in found.iter().filter_map(|f| f.target.note.as_ref()) {
            output::say(&format!("note: {note}"));
        }
        if self.json {
            return output::json(&results);
        }
        output::print(&words(&results, &trained.preparation.classes, &out))
    }

    fn job(&self, trained: &TrainedRun) -> Result<DreamJob> {
        let classes = &trained.preparation.classes;
        let targets = if self.all {
            (0..classes.len()).map(|c| DreamTarget::class(c, classes.len())).collect()
        } else {
            self.target.iter().map(|text| DreamTarget::parse(text, classes)).collect::<Result<_>>()?
        };
        let start = match self.init.as_str() {
            "random" => Start::Random,
            word => match word.strip_prefix("test:") {
                Some(class) => Start::Test(DreamTarget::parse(class, classes)?.main_class()),
                None => Start::Image(PathBuf::from(word)),
            },
        };
        for (flag, value, most) in
            [("--noise", self.noise, 10.0), ("--tv", self.tv, 1e6), ("--l2", self.l2, 1e6), ("--blur", self.blur, 20.0)]
        {
            if !(0.0..=most).contains(&value) {
                return Err(Error::config(flag, format!("is {value}"), format!("give 0 to {most}")));
            }
        }
        let settings = DreamSettings {
            tv: self.tv,
            l2: self.l2,
            blur: self.blur,
            jitter: self.jitter.into(),
            steps: self.steps as usize,
            pixels: match self.pixels {
                PixelsArg::Sigmoid => Pixels::Sigmoid,
                PixelsArg::Projected => Pixels::Projected,
            },
            distance: match self.loss {
                LossArg::CrossEntropy => Distance::CrossEntropy,
                LossArg::Squared => Distance::Squared,
            },
            ..DreamSettings::regularized()
        };
        let seed = self.seed.unwrap_or(trained.experiment.seed);
        Ok(DreamJob { targets, start, noise: self.noise, restarts: self.restarts.into(), settings, seed })
    }
}

/// Returns the first number that is free.
pub(crate) fn fresh(folder: &Path) -> PathBuf {
    (1..).map(|n: u32| folder.join(n.to_string())).find(|path| !path.exists()).expect("numbers do not end")
}

fn words(results: &Value, classes: &[String], out: &Path) -> String {
    let mut rows =
        vec![["target", "reached", "difference", "loss", "steps", "looks like it"].map(String::from).to_vec()];
    for result in results["results"].as_array().into_iter().flatten() {
        let say = |p: &Value| {
            let fractions = p.as_array().into_iter().flatten().map(|v| v.as_f64().unwrap_or(0.0)).enumerate();
            let some = fractions.filter(|(_, p)| *p >= 0.01);
            some.map(|(c, p)| format!("{} {:.1} %", classes[c], 100.0 * p)).collect::<Vec<_>>().join(", ")
        };
        let number = |v: &Value| format!("{:.4}", v.as_f64().unwrap_or(f64::NAN));
        rows.push(vec![
            say(&result["target"]),
            say(&result["reached"]),
            number(&result["distance"]),
            number(&result["loss"]),
            result["steps"].to_string(),
            if result["nearest"]["looks_like_it"] == true { "yes" } else { "no" }.into(),
        ]);
    }
    format!("{}report: {}\n", output::table(&rows, 2), out.join("report.html").display())
}
