//! The terminal as a [`Watch`]: bars with the time left where stderr can redraw a line, plain lines elsewhere.

use super::{output, signals};
use gradus::run::{RunFolder, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Where lines cannot be redrawn, progress within an epoch or a stage is shown no more often than this.
const SPEAK_EVERY: Duration = Duration::from_secs(3);

/// A bar that counts, with and without colours.
const COUNTING: [&str; 2] = [
    "{prefix:.bold}  {bar:24.cyan/dim} {percent:>3} %  {eta:>4} left  {msg}",
    "{prefix}  {bar:24} {percent:>3} %  {eta:>4} left  {msg}",
];

/// Returns a bar's style, coloured if the user wants it.
fn style([colored, plain]: [&str; 2]) -> ProgressStyle {
    let template = if output::colored() { colored } else { plain };
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// Shows the progress of a job on stderr and writes it to the run's log.
pub(crate) struct Terminal {
    log: Option<RunFolder>,
    bar: Option<ProgressBar>,
    /// The present stage, such as `[2/9] features`, and when it began.
    stage: String,
    started: Instant,
    /// Where counting began, and when: the start of what the time left is computed from.
    counting: (usize, Instant),
    done: usize,
    spoken: Instant,
}

impl Terminal {
    /// Creates a terminal that writes a log into `folder`, if there is one.
    pub(crate) fn new(folder: Option<RunFolder>) -> Self {
        let now = Instant::now();
        Self { log: folder, bar: None, stage: String::new(), started: now, counting: (0, now), done: 0, spoken: now }
    }

    /// Ends the present stage.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            output::say(&format!("{}  {:.1} s", self.stage, self.started.elapsed().as_secs_f64()));
        }
    }

    /// Writes a line into the log alone. Errors are ignored: a full disk shows at the next file that matters.
    pub(crate) fn log(&self, line: &str) {
        if let Some(folder) = &self.log {
            let _ = folder.log(line);
        }
    }

    /// Returns a spinner for a stage that has counted nothing yet.
    fn new_bar(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        bar.set_style(style(["{prefix:.bold}  {spinner:.cyan}", "{prefix}  {spinner}"]));
        bar.set_prefix(self.stage.clone());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Returns `40 %, about 12 s left`, from the speed since counting began.
    fn estimate(&self, done: usize, total: usize) -> String {
        let percent = 100 * done / total.max(1);
        let (from, since) = self.counting;
        if done <= from || done >= total {
            return format!("{percent} %");
        }
        let left = since.elapsed().as_secs_f64() * (total - done) as f64 / (done - from) as f64;
        format!("{percent} %, about {left:.0} s left")
    }
}

impl Watch for Terminal {
    fn stage(&mut self, number: usize, of: usize, name: &str) {
        self.finish();
        self.stage = format!("[{number}/{of}] {name}");
        self.log(&self.stage);
        (self.started, self.done, self.spoken) = (Instant::now(), 0, Instant::now());
        self.counting = (0, Instant::now());
        if output::is_terminal() {
            self.bar = Some(self.new_bar());
        } else {
            output::say(&self.stage);
        }
    }

    fn progress(&mut self, done: usize, total: usize, remark: &str) {
        // The first count may be far in (a resumed run), and a stage may count more than once.
        let begins = self.done == 0 || done < self.done;
        if begins {
            self.counting = (done, Instant::now());
        }
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            if begins {
                bar.set_style(style(COUNTING).progress_chars("━━─"));
                bar.reset_eta();
            }
            bar.set_message(remark.to_owned());
        } else if self.spoken.elapsed() >= SPEAK_EVERY {
            self.spoken = Instant::now();
            output::say(&format!("  {remark}: {}", self.estimate(done, total)));
        }
    }

    fn note(&mut self, line: &str) {
        self.log(line);
        self.spoken = Instant::now();
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(&format!("  {line}"))),
            None => output::say(&format!("  {line}")),
        }
    }

    fn epoch(&mut self, line: &str) {
        self.note(line);
    }

    fn interrupted(&self) -> bool {
        signals::received()
    }
}
