//! `gradus data`: public data sets, fetched once and verified by checksum.

use super::output;
use clap::{Args, Subcommand};
use gradus::data::PublicSet;
use gradus::data::fetch::{self, FetchEvent};
use gradus::text::thousands;
use gradus::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where lines cannot be redrawn, progress is shown no more often than this.
const SPEAK_EVERY: Duration = Duration::from_secs(3);

/// Lists, fetches and checks public data sets. They are not part of this program and have licences of their own.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gradus data list\n  gradus data get mnist\n  gradus data get fashion-mnist --from downloads/fashion-mnist\n  gradus data verify mnist"
)]
pub(crate) struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the known sets, and which of them are here
    #[command(after_help = "Example:\n  gradus data list")]
    List,
    /// Fetches a set, checks it and prints where it is
    #[command(
        after_help = "Examples:\n  gradus data get mnist\n  gradus data get fashion-mnist --from downloads/fashion-mnist"
    )]
    Get {
        /// mnist, fashion-mnist or cifar-10
        name: PublicSet,
        /// A local folder or file, or the address of a mirror, instead of the usual mirrors
        #[arg(long, value_name = "PATH|URL")]
        from: Option<String>,
        /// The folder to put it in [default: one for it in the cache, see GRADUS_CACHE]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Checks the sums of a set's files
    #[command(
        after_help = "Examples:\n  gradus data verify mnist\n  gradus data verify fashion-mnist --from downloads/fashion-mnist"
    )]
    Verify {
        /// mnist, fashion-mnist or cifar-10
        name: PublicSet,
        /// The folder that holds the files [default: the set's folder in the cache]
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
}

impl Data {
    pub(crate) fn run(self) -> Result<()> {
        match self.action {
            Action::List => list(),
            Action::Get { name, from, to } => get(name, from.as_deref(), to),
            Action::Verify { name, from } => verify(name, from),
        }
    }
}

fn list() -> Result<()> {
    let mut rows = vec![["name", "what", "where"].map(String::from).to_vec()];
    for set in PublicSet::ALL {
        let folder = fetch::home(set)?;
        let here = match set.find(&folder) {
            Ok(_) => folder.display().to_string(),
            Err(_) => format!("not here: gradus data get {}", set.name()),
        };
        rows.push(vec![set.name().to_owned(), set.about().to_owned(), here]);
    }
    output::print(&output::table(&rows, 3))
}

fn get(set: PublicSet, from: Option<&str>, to: Option<PathBuf>) -> Result<()> {
    let to = to.map_or_else(|| fetch::home(set), Ok)?;
    let address = |from: &str| from.starts_with("http://") || from.starts_with("https://");
    match from {
        Some(path) if !address(path) => {
            if !Path::new(path).exists() {
                return Err(Error::data(path, "does not exist", "give a folder or file, or an address with http"));
            }
            for name in fetch::copy(set, Path::new(path), &to)? {
                output::say(&format!("{name}: the checksum is correct"));
            }
        }
        from => {
            let mirrors = from.map_or_else(|| fetch::mirrors(set), |address| vec![address.to_owned()]);
            let mut meter = Meter::new();
            fetch::get(&fetch::remote(set), &mirrors, &to, &mut |event| meter.show(event))?;
        }
    }
    // A single file may have been given: the folder is the result only when it is complete.
    fetch::verify(set, &to)?;
    output::print(&to.display().to_string())
}

fn verify(set: PublicSet, from: Option<PathBuf>) -> Result<()> {
    let folder = from.map_or_else(|| fetch::home(set), Ok)?;
    let paths = fetch::verify(set, &folder)?;
    let rows: Vec<Vec<String>> = paths
        .iter()
        .zip(set.files())
        .map(|(path, file)| vec!["ok".to_owned(), file.sha256.to_owned(), path.display().to_string()])
        .collect();
    output::print(&output::table(&rows, 3))
}

/// Bytes as they come, on stderr.
struct Meter {
    bar: Option<ProgressBar>,
    spoken: Instant,
}

impl Meter {
    fn new() -> Self {
        let bar = output::is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let template = "{msg}  {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}";
            bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
            bar
        });
        Self { bar, spoken: Instant::now() }
    }

    fn show(&mut self, event: FetchEvent<'_>) {
        match (event, &self.bar) {
            (FetchEvent::Note(line), Some(bar)) => bar.suspend(|| output::say(line)),
            (FetchEvent::Note(line), None) => output::say(line),
            (FetchEvent::Bytes(name, here, total), Some(bar)) => {
                bar.set_message(name.to_owned());
                bar.set_length(total.unwrap_or(here));
                bar.set_position(here);
            }
            (FetchEvent::Bytes(name, here, total), None) => {
                if self.spoken.elapsed() >= SPEAK_EVERY {
                    self.spoken = Instant::now();
                    let of = total.map_or(String::new(), |total| format!(" of {}", thousands(total)));
                    output::say(&format!("{name}: {}{of} bytes", thousands(here)));
                }
            }
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
