//! The journal of a study: a file that only grows, one line for each event, each line JSON.
//!
//! The format is that of Optuna's journal storage (Akiba et al. 2019; version 4), so that Optuna's own tools read it:
//!
//! ```text
//! {"op_code":0, "worker_id":..,  "study_name":"cae", "directions":[1]}             a study; 1 minimizes, 2 maximizes
//! {"op_code":2, .. "study_id":0, "user_attr":{"seed":42}}                          a fact about it
//! {"op_code":4, .. "study_id":0, "datetime_start":"2026-11-20T05:48:28"}           a trial; it is numbered by order
//! {"op_code":5, .. "trial_id":0, "param_name":"lr", "param_value_internal":0.01, "distribution":"{..}"}
//! {"op_code":7, .. "trial_id":0, "step":1, "intermediate_value":0.8}               a report
//! {"op_code":8, .. "trial_id":0, "user_attr":{"seconds":1.5}}                      a fact about it
//! {"op_code":6, .. "trial_id":0, "state":1, "values":[0.7], "datetime_complete":..}    1 complete, 2 pruned, 3 failed
//! ```
//!
//! [`super::database`] makes a database from it.
//!
//! A writer holds the system's lock on the file, so several threads and processes may work on one study. A process that
//! dies in the middle of a line leaves a torn last line: readers stop before it, and the next writer cuts it off. A
//! process that dies in the middle of a trial leaves a trial in the state running. The process that runs a trial holds
//! the lock on a file for it beside the journal, and the system releases that lock. The next worker then runs the trial
//! again from its beginning, under its number, and reports the same values.
//!
//! Optuna may write into the journal too. Gradus neither runs nor waits for a trial that another program began;
//! samplers learn from it when it is finished. The best trial, which is trained again, is one that Gradus ran.

mod codes;
mod replay;

use super::space::{Domain, Space};
use super::trial::Trial;
use crate::error::{Error, Result};
use crate::run::folder::utc;
use crate::run::settings::Values;
use crate::train::Direction;
pub(super) use codes::*;
use replay::Replay;
pub(super) use replay::event_of;
use serde_json::{Map, Value, json};
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// Returns the lines that are whole: the last may be torn, or still being written.
pub(super) fn whole(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)]
}

/// A study's journal, and its contents so far.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes read so far: whole lines.
    read: u64,
    worker: String,
    space: Space,
    /// The distribution of each parameter, as the journal writes it.
    distributions: Vec<String>,
    /// The study according to the lines read so far.
    replay: Replay,
}

/// The fact about the study under which its settings are kept.
const SETTINGS: &str = "settings";

/// The right to run a trial: a locked file, removed when the trial is over.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _file: File,
}

impl Claim {
    /// The trial is finished and recorded: the file is not needed again.
    fn settle(self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Journal {
    /// Opens the journal of a study, and creates it if there is none. Refused if the file is another study's.
    pub fn open(path: &Path, name: &str, direction: Direction, seed: u64, space: &Space) -> Result<Self> {
        static HANDLES: AtomicUsize = AtomicUsize::new(0);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            crate::files::create_folder(folder)?;
        }
        let file = File::options().create(true).read(true).append(true).open(path).map_err(Error::io("open", path))?;
        let handle = HANDLES.fetch_add(1, Ordering::Relaxed);
        let distributions: Vec<String> = space.params.iter().map(|param| distribution(&param.domain)).collect();
        let mut journal = Self {
            path: path.to_owned(),
            file,
            read: 0,
            worker: format!("{WORKER}{}-{handle}", std::process::id()),
            replay: Replay::new(space, &distributions),
            space: space.clone(),
            distributions,
        };
        journal.exclusively(|journal| {
            if journal.replay.name.is_none() {
                let sense = if direction == Direction::Minimize { 1 } else { 2 };
                let study = journal.line(CREATE_STUDY, json!({ "study_name": name, "directions": [sense] }));
                let fact = journal.line(SET_STUDY_USER_ATTR, json!({ "study_id": 0, "user_attr": { "seed": seed } }));
                journal.append(&[study, fact])?;
            }
            Ok(())
        })?;
        if journal.replay.name.as_deref() != Some(name) {
            let known = journal.replay.name.unwrap_or_default();
            let what = format!("is the journal of `{known}`, and not of `{name}`");
            return Err(Error::data(path, what, "give each study a file of its own"));
        }
        Ok(journal)
    }

    /// Returns all trials so far, by number.
    pub fn trials(&self) -> &[Trial] {
        &self.replay.trials
    }

    /// Returns the settings with which the study began; these, if none are recorded yet.
    pub fn settle(&mut self, settings: &Values) -> Result<Values> {
        self.exclusively(|journal| {
            if let Some(known) = journal.replay.facts.get(SETTINGS) {
                return serde_json::from_value(known.clone()).map_err(|e| journal.damaged(&e.to_string()));
            }
            let fact = json!({ "study_id": 0, "user_attr": { SETTINGS: settings } });
            journal.append(&[journal.line(SET_STUDY_USER_ATTR, fact)])?;
            Ok(settings.clone())
        })
    }

    /// Reads the lines that were written since.
    pub fn read_on(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        let path = self.path.clone();
        self.file.seek(SeekFrom::Start(self.read)).map_err(Error::io("read", &path))?;
        self.file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        let whole = whole(&bytes);
        for line in whole.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let event = event_of(line).map_err(|e| self.damaged(&e.to_string()))?;
            let applied = self.replay.apply(&event);
            applied.ok_or_else(|| self.damaged("has an event that does not belong to this study"))?;
        }
        self.read += whole.len() as u64;
        Ok(())
    }

    fn damaged(&self, what: &str) -> Error {
        Error::data(&self.path, format!("is not a journal of this study: {what}"), "was it edited? Begin a new study")
    }

    /// Runs `work` under the lock, after reading everything that was written.
    fn exclusively<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let path = self.path.clone();
        // A file system without locks is used without; then one process alone should work on a study.
        let locked = self.file.lock().is_ok();
        let result = self.read_on().and_then(|()| {
            let length = self.file.metadata().map_err(Error::io("read", &path))?.len();
            if length > self.read {
                // No process is writing, so this is a line of a process that died.
                self.file.set_len(self.read).map_err(Error::io("write", &path))?;
            }
            work(self)
        });
        if locked {
            let _ = self.file.unlock();
        }
        result
    }

    fn line(&self, code: u64, fields: Value) -> String {
        let mut event = Map::new();
        event.insert("op_code".into(), code.into());
        event.insert("worker_id".into(), self.worker.clone().into());
        let Value::Object(fields) = fields else { unreachable!("fields are an object") };
        event.extend(fields);
        Value::Object(event).to_string()
    }

    /// Writes lines, the lock being held, and takes them in.
    fn append(&mut self, lines: &[String]) -> Result<()> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let path = self.path.clone();
        self.file.write_all(text.as_bytes()).map_err(Error::io("write", &path))?;
        self.read_on()
    }

    /// Finds a trial that may be run now and takes the right to it. `limit`: the number of trials of the study;
    /// `parallel`: trial t waits for those numbered up to t - `parallel`; `start` makes the point and the seed of a
    /// new trial from its number and all trials.
    pub(super) fn claim(
        &mut self,
        limit: usize,
        parallel: usize,
        start: impl Fn(usize, &[Trial]) -> Trial,
    ) -> Result<Next> {
        self.exclusively(|journal| {
            let trials = journal.trials();
            let open = trials.iter().position(Trial::is_ours_to_run).unwrap_or(trials.len());
            if open >= limit {
                return Ok(Next::Over);
            }
            for number in open..limit.min(open + parallel).min(trials.len() + 1) {
                if journal.trials().get(number).is_some_and(|trial| !trial.is_ours_to_run()) {
                    continue;
                }
                let Some(claim) = journal.take(number)? else { continue };
                let trial = start(number, journal.trials());
                journal.begin(&trial)?;
                return Ok(Next::Run(Box::new(trial), claim));
            }
            Ok(Next::Wait)
        })
    }

    /// Returns the lock on a trial; `None` if another process holds it.
    fn take(&self, number: usize) -> Result<Option<Claim>> {
        let folder = self.path.with_extension("running");
        crate::files::create_folder(&folder)?;
        let path = folder.join(format!("{number:05}"));
        let file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            _ => Ok(Some(Claim { path, _file: file })),
        }
    }

    /// Writes a trial's beginning, unless it is there from a process that did not end it.
    fn begin(&mut self, trial: &Trial) -> Result<()> {
        let id = self.replay.id_of(trial.number);
        let mut lines = Vec::new();
        let known = self.trials().get(trial.number);
        if known.is_none() {
            lines.push(self.line(CREATE_TRIAL, json!({ "study_id": 0, "datetime_start": now() })));
        }
        if known.is_none_or(|known| known.point != trial.point) {
            for (i, value) in trial.point.iter().enumerate() {
                let Some(value) = value else { continue };
                lines.push(self.line(
                    SET_TRIAL_PARAM,
                    json!({
                        "trial_id": id,
                        "param_name": self.space.params[i].name,
                        "param_value_internal": value,
                        "distribution": self.distributions[i],
                    }),
                ));
            }
        }
        if known.is_none_or(|known| known.seed != trial.seed) {
            lines.push(self.fact(id, "seed", json!(trial.seed)));
        }
        self.append(&lines)
    }

    fn fact(&self, id: usize, key: &str, value: Value) -> String {
        self.line(SET_TRIAL_USER_ATTR, json!({ "trial_id": id, "user_attr": { key: value } }))
    }

    /// Writes a report.
    pub fn report(&mut self, trial: &Trial, step: usize, value: f64) -> Result<()> {
        let id = self.replay.id_of(trial.number);
        let event = json!({ "trial_id": id, "step": step, "intermediate_value": value });
        let line = self.line(SET_TRIAL_INTERMEDIATE_VALUE, event);
        self.exclusively(|journal| journal.append(&[line]))
    }

    /// Writes a trial's end, to the disk itself, and releases the right to it.
    pub fn finish(&mut self, trial: &Trial, claim: Claim) -> Result<()> {
        let id = self.replay.id_of(trial.number);
        let mut lines = vec![self.fact(id, "seconds", json!(trial.seconds))];
        if !trial.fault.is_empty() {
            lines.push(self.fact(id, "fault", json!(trial.fault)));
        }
        let state = STATES.iter().position(|&state| state == trial.state);
        let values = trial.value.map(|value| vec![value]);
        let end = json!({
            "trial_id": id, "state": state, "values": values, "datetime_complete": now(),
        });
        lines.push(self.line(SET_TRIAL_STATE_VALUES, end));
        let path = self.path.clone();
        self.exclusively(|journal| {
            journal.append(&lines)?;
            journal.file.sync_data().map_err(Error::io("write", &path))
        })?;
        claim.settle();
        Ok(())
    }
}

/// The next task of a worker.
#[derive(Debug)]
pub(super) enum Next {
    /// This trial.
    Run(Box<Trial>, Claim),
    /// Nothing before other trials have ended.
    Wait,
    /// Nothing any more.
    Over,
}

/// Returns the time without a zone, as the format wants it.
fn now() -> String {
    utc(SystemTime::now()).trim_end_matches('Z').to_owned()
}

/// Returns a domain as the format writes it: JSON within a string.
fn distribution(domain: &Domain) -> String {
    let (name, attributes) = match domain {
        Domain::Float { low, high, log, step } => {
            ("FloatDistribution", json!({ "step": step, "low": low, "high": high, "log": log }))
        }
        Domain::Int { low, high, log, step } => {
            ("IntDistribution", json!({ "log": log, "step": step, "low": low, "high": high }))
        }
        Domain::Choice(choices) => {
            let choice = |value: &toml::Value| match value {
                toml::Value::String(word) => json!(word),
                toml::Value::Integer(n) => json!(n),
                toml::Value::Float(x) => json!(x),
                toml::Value::Boolean(b) => json!(b),
                // Lists and tables are not choices there: they are written as text.
                other => json!(other.to_string()),
            };
            ("CategoricalDistribution", json!({ "choices": choices.iter().map(choice).collect::<Vec<_>>() }))
        }
    };
    json!({ "name": name, "attributes": attributes }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::trial::State;

    fn space() -> Space {
        let text = "lr = { log = [1e-4, 1e-1] }\nkind = { choice = [\"adam\", \"sgd\"] }";
        Space::read(&toml::from_str(text).unwrap()).unwrap()
    }

    fn open(path: &Path) -> Result<Journal> {
        Journal::open(path, "test", Direction::Minimize, 7, &space())
    }

    fn start(number: usize, _: &[Trial]) -> Trial {
        Trial::new(number, vec![Some(0.0), Some(1e-3 * (number + 1) as f64)], 100 + number as u64)
    }

    fn run(journal: &mut Journal, limit: usize, parallel: usize) -> (Box<Trial>, Claim) {
        match journal.claim(limit, parallel, start).unwrap() {
            Next::Run(trial, claim) => (trial, claim),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/study.jsonl");
        let mut journal = open(&path).unwrap();
        for (number, state) in [State::Complete, State::Pruned, State::Failed].into_iter().enumerate() {
            let (mut trial, claim) = run(&mut journal, 3, 1);
            assert_eq!(trial.number, number);
            journal.report(&trial, 1, 0.75).unwrap();
            trial.note(1, 0.75);
            (trial.state, trial.seconds) = (state, 1.5);
            trial.value = (state != State::Failed).then_some(0.1 + 0.2);
            trial.fault = if state == State::Failed { "no \"number\"".into() } else { String::new() };
            journal.finish(&trial, claim).unwrap();
            assert_eq!(journal.trials()[number], *trial);
        }
        assert!(matches!(journal.claim(3, 1, start).unwrap(), Next::Over));
        let again = open(&path).unwrap();
        assert_eq!(again.trials(), journal.trials());
        assert_eq!(fs::read_dir(path.with_extension("running")).unwrap().count(), 0, "claims are removed");
        // Another study does not read it.
        assert!(Journal::open(&path, "other", Direction::Minimize, 7, &space()).is_err());
        let mut wider = space();
        wider.params[1].domain = Domain::Float { low: 1e-5, high: 1.0, log: true, step: None };
        let error = Journal::open(&path, "test", Direction::Minimize, 7, &wider).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("does not belong"), "{error}");
    }

    /// Cut at any byte, the journal opens, and the study continues with the same trials.
    #[test]
    fn torn_anywhere_it_continues() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.jsonl");
        let finish = |path: &Path| {
            let mut journal = open(path).unwrap();
            while let Next::Run(mut trial, claim) = journal.claim(2, 1, start).unwrap() {
                for (step, value) in [(1, 0.5), (2, 0.25)] {
                    journal.report(&trial, step, value).unwrap();
                    trial.note(step, value);
                }
                (trial.state, trial.value, trial.seconds) = (State::Complete, Some(0.25), 1.0);
                journal.finish(&trial, claim).unwrap();
            }
            journal.trials().to_vec()
        };
        let expected = finish(&whole);
        assert_eq!(expected.len(), 2);
        let bytes = fs::read(&whole).unwrap();
        for cut in (0..bytes.len()).step_by(7) {
            let path = folder.path().join(format!("{cut}.jsonl"));
            fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(finish(&path), expected, "cut after {cut} bytes");
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "cut after {cut} bytes");
        }
    }

    #[test]
    fn trials_wait_for_those_they_may_see_and_have_one_runner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        let (mut a, mut b) = (open(&path).unwrap(), open(&path).unwrap());
        let (mut zero, claim_0) = run(&mut a, 9, 2);
        let (one, claim_1) = run(&mut b, 9, 2);
        assert_eq!((zero.number, one.number), (0, 1));
        // Trial 2 may see trial 0, which runs.
        assert!(matches!(b.claim(9, 2, start).unwrap(), Next::Wait));
        (zero.state, zero.value) = (State::Complete, Some(1.0));
        a.finish(&zero, claim_0).unwrap();
        let (two, _held) = run(&mut b, 9, 2);
        assert_eq!(two.number, 2);
        // The process that ran trial 1 has died: its lock is free, and it is run again under its number.
        drop(claim_1);
        let (again, _claim) = run(&mut a, 9, 2);
        assert_eq!((again.number, again.point.clone()), (1, one.point.clone()));
        let begun = fs::read_to_string(&path).unwrap().matches("\"op_code\":4").count();
        assert_eq!(begun, 3, "a trial that is run again is not created again");
    }

    /// Lines as Optuna writes them: a trial that is added whole, one that runs for ever, one with a parameter of its
    /// own and values that JSON does not know, and another study in the same file.
    #[test]
    fn trials_of_other_programs_are_left_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        let mut journal = open(&path).unwrap();
        let (mut zero, claim) = run(&mut journal, 9, 1);
        (zero.state, zero.value) = (State::Complete, Some(1.0));
        journal.finish(&zero, claim).unwrap();
        let lr = r#""{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 0.0001, \"high\": 0.1, \"log\": true}}""#;
        let theirs = r#""worker_id": "c0ffee-1234""#;
        let lines = [
            format!(
                r#"{{"op_code": 4, {theirs}, "study_id": 0, "datetime_start": "2026-11-20T05:48:28.000001", "state": 1, "value": 0.5, "values": null, "datetime_complete": "2026-11-20T05:48:29", "distributions": {{"lr": {lr}}}, "params": {{"lr": 0.01}}, "user_attrs": {{}}, "system_attrs": {{}}, "intermediate_values": {{"1": 0.7}}}}"#
            ),
            format!(r#"{{"op_code": 4, {theirs}, "study_id": 0, "datetime_start": "2026-11-20T05:48:30"}}"#),
            format!(
                r#"{{"op_code": 5, {theirs}, "trial_id": 2, "param_name": "depth", "param_value_internal": 3.0, "distribution": "{{\"name\": \"IntDistribution\", \"attributes\": {{}}}}"}}"#
            ),
            format!(r#"{{"op_code": 7, {theirs}, "trial_id": 2, "step": 1, "intermediate_value": NaN}}"#),
            format!(r#"{{"op_code": 9, {theirs}, "trial_id": 2, "system_attr": {{"a": 1}}}}"#),
            format!(r#"{{"op_code": 0, {theirs}, "study_name": "another", "directions": [1]}}"#),
            format!(r#"{{"op_code": 4, {theirs}, "study_id": 1, "datetime_start": "2026-11-20T05:48:31"}}"#),
        ];
        let mut text = fs::read_to_string(&path).unwrap();
        lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        fs::write(&path, text).unwrap();

        let mut journal = open(&path).unwrap();
        let known = journal.trials().to_vec();
        assert_eq!(known.len(), 3, "the other study's trial is not one of ours");
        assert!(known[1].foreign && known[1].value == Some(0.5) && known[1].curve == [(1, 0.7)]);
        assert!(known[1].point.contains(&Some(0.01)) && known[2].point == [None, None], "{known:?}");
        assert!(known[2].state == State::Running && !known[2].is_ours_to_run());
        // Ours continue behind them, under the ids that the file counts.
        let (mut three, claim) = run(&mut journal, 5, 1);
        assert_eq!(three.number, 3);
        journal.report(&three, 1, 0.25).unwrap();
        (three.state, three.value) = (State::Complete, Some(0.75));
        journal.finish(&three, claim).unwrap();
        let again = open(&path).unwrap();
        assert!(again.trials()[3].value == Some(0.75) && again.trials()[3].curve == [(1, 0.25)]);
        assert!(fs::read_to_string(&path).unwrap().contains(r#""trial_id":4,"state":1"#), "three, and one elsewhere");
        let best = crate::study::best(again.trials(), Direction::Minimize).unwrap();
        assert_eq!(best.number, 3, "the best is one that can be trained again");
        #[cfg(feature = "sqlite")]
        crate::study::database::write(&path, &folder.path().join("study.db")).unwrap();
    }

    #[test]
    fn a_study_keeps_the_settings_it_began_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        let values = |lr: &str| Values::from([("train.optimizer.lr".to_owned(), lr.to_owned())]);
        assert_eq!(open(&path).unwrap().settle(&values("0.1")).unwrap(), values("0.1"));
        assert_eq!(open(&path).unwrap().settle(&values("0.2")).unwrap(), values("0.1"));
    }
}
