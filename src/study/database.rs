//! Writes a study as an SQLite database, for Optuna's dashboard and for queries.
//!
//! The journal remains the study's only record; the database is made from it, event by event, on request. Its tables
//! are those of Optuna (Akiba et al. 2019; its schema 12), so `sqlite:///study.db` opens there as any study does. The
//! useful ones:
//!
//! ```text
//! trials                     trial_id, number, state (COMPLETE, PRUNED, FAIL, RUNNING), datetime_start, datetime_complete
//! trial_values               trial_id, value                     the objective
//! trial_params               trial_id, param_name, param_value   of a choice its index; distribution_json has the words
//! trial_intermediate_values  trial_id, step, intermediate_value  the validation curve
//! trial_user_attributes      trial_id, key, value_json           seed, seconds, fault
//! ```
//!
//! ```sql
//! SELECT number, value FROM trials JOIN trial_values USING (trial_id) WHERE state = 'COMPLETE' ORDER BY value LIMIT 5
//! ```

use super::journal::{
    CREATE_STUDY, CREATE_TRIAL, SET_STUDY_USER_ATTR, SET_TRIAL_INTERMEDIATE_VALUE, SET_TRIAL_PARAM,
    SET_TRIAL_STATE_VALUES, SET_TRIAL_USER_ATTR, event_of, whole,
};
use crate::error::{Error, Result};
use crate::files;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::path::Path;

/// The versions that Optuna checks before it reads a database: of the tables, and of their migrations.
const SCHEMA: i64 = 12;
const MIGRATION: &str = "v3.2.0.a";

const TABLES: &str = "
    CREATE TABLE version_info (
        version_info_id INTEGER PRIMARY KEY CHECK (version_info_id = 1), schema_version INTEGER,
        library_version VARCHAR(256));
    CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY NOT NULL);

    CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name VARCHAR(512) NOT NULL UNIQUE);
    CREATE TABLE study_directions (
        study_direction_id INTEGER PRIMARY KEY, direction VARCHAR(8) NOT NULL,
        study_id INTEGER NOT NULL REFERENCES studies, objective INTEGER NOT NULL, UNIQUE (study_id, objective));
    CREATE TABLE study_user_attributes (
        study_user_attribute_id INTEGER PRIMARY KEY, study_id INTEGER REFERENCES studies, key VARCHAR(512),
        value_json TEXT, UNIQUE (study_id, key));
    CREATE TABLE study_system_attributes (
        study_system_attribute_id INTEGER PRIMARY KEY, study_id INTEGER REFERENCES studies, key VARCHAR(512),
        value_json TEXT, UNIQUE (study_id, key));

    CREATE TABLE trials (
        trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER REFERENCES studies, state VARCHAR(8) NOT NULL,
        datetime_start DATETIME, datetime_complete DATETIME);
    CREATE INDEX ix_trials_study_id ON trials (study_id);
    CREATE TABLE trial_params (
        param_id INTEGER PRIMARY KEY, trial_id INTEGER REFERENCES trials, param_name VARCHAR(512), param_value FLOAT,
        distribution_json TEXT, UNIQUE (trial_id, param_name));
    CREATE TABLE trial_values (
        trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER NOT NULL REFERENCES trials, objective INTEGER NOT NULL,
        value FLOAT, value_type VARCHAR(7) NOT NULL, UNIQUE (trial_id, objective));
    CREATE TABLE trial_intermediate_values (
        trial_intermediate_value_id INTEGER PRIMARY KEY, trial_id INTEGER NOT NULL REFERENCES trials,
        step INTEGER NOT NULL, intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL,
        UNIQUE (trial_id, step));
    CREATE TABLE trial_user_attributes (
        trial_user_attribute_id INTEGER PRIMARY KEY, trial_id INTEGER REFERENCES trials, key VARCHAR(512),
        value_json TEXT, UNIQUE (trial_id, key));
    CREATE TABLE trial_system_attributes (
        trial_system_attribute_id INTEGER PRIMARY KEY, trial_id INTEGER REFERENCES trials, key VARCHAR(512),
        value_json TEXT, UNIQUE (trial_id, key));
    CREATE TABLE trial_heartbeats (
        trial_heartbeat_id INTEGER PRIMARY KEY, trial_id INTEGER NOT NULL UNIQUE REFERENCES trials,
        heartbeat DATETIME NOT NULL);
";

/// Writes the study of a journal as a database, whole or not at all; an existing one is replaced.
pub fn write(journal: &Path, database: &Path) -> Result<()> {
    let bytes = files::read(journal)?;
    files::write_atomic_by(database, |file| {
        fill(file.path(), &bytes).map_err(|fault| match fault {
            Fault::Database(error) => {
                Error::data(database, format!("cannot be written: {error}"), "is there room on the disk?")
            }
            Fault::Journal(what) => {
                Error::data(journal, format!("is not a journal of a study: {what}"), "was it edited? Begin a new study")
            }
        })
    })
}

enum Fault {
    Database(rusqlite::Error),
    Journal(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Database(error)
    }
}

/// Fills an empty file with the events of a journal.
fn fill(file: &Path, journal: &[u8]) -> std::result::Result<(), Fault> {
    let mut connection = Connection::open(file)?;
    let all = connection.transaction()?;
    all.execute_batch(TABLES)?;
    let version = concat!("gradus ", env!("CARGO_PKG_VERSION"));
    all.execute("INSERT INTO version_info VALUES (1, ?1, ?2)", params![SCHEMA, version])?;
    all.execute("INSERT INTO alembic_version VALUES (?1)", [MIGRATION])?;
    for line in whole(journal).split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let event = event_of(line).map_err(|e| Fault::Journal(e.to_string()))?;
        insert(&all, &event)?;
    }
    all.commit()?;
    connection.close().map_err(|(_, error)| error.into())
}

const PARAM: &str = "INSERT OR REPLACE INTO trial_params (trial_id, param_name, param_value, distribution_json)
                     VALUES (?1, ?2, ?3, ?4)";
const VALUE: &str = "INSERT OR REPLACE INTO trial_values (trial_id, objective, value, value_type)
                     VALUES (?1, 0, ?2, 'FINITE')";
const FACT: &str = "INSERT OR REPLACE INTO trial_user_attributes (trial_id, key, value_json) VALUES (?1, ?2, ?3)";

/// Returns the name of a trial's state in the tables, from its number in the journal.
fn state_name(number: u64) -> &'static str {
    ["RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"].get(number as usize).copied().unwrap_or("RUNNING")
}

/// Returns a value that a trial reported at a step; none if it was not finite.
fn reported(db: &Connection, trial: i64, step: i64, value: Option<f64>) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO trial_intermediate_values
               (trial_id, step, intermediate_value, intermediate_value_type) VALUES (?1, ?2, ?3, ?4)";
    let kind = if value.is_some() { "FINITE" } else { "NAN" };
    db.execute(sql, params![trial, step, value, kind]).map(drop)
}

/// Takes one event in. Ids count from 0 in the journal, from 1 in the database.
fn insert(db: &Connection, event: &Value) -> std::result::Result<(), Fault> {
    let missing = |key: &str| Fault::Journal(format!("an event without `{key}`: {event}"));
    let number = |key: &str| event[key].as_i64().ok_or_else(|| missing(key));
    let word = |key: &str| event[key].as_str().ok_or_else(|| missing(key));
    // Points of time have a space where the journal has a T.
    let time = |key: &str| event[key].as_str().map(|time| time.replacen('T', " ", 1));
    let pairs = || event["user_attr"].as_object().into_iter().flatten();
    let code = event["op_code"].as_u64().ok_or_else(|| missing("op_code"))?;
    match code {
        CREATE_STUDY => {
            db.execute("INSERT INTO studies (study_name) VALUES (?1)", [word("study_name")?])?;
            let study = db.last_insert_rowid();
            let sense = if event["directions"][0] == 2 { "MAXIMIZE" } else { "MINIMIZE" };
            let sql = "INSERT INTO study_directions (direction, study_id, objective) VALUES (?1, ?2, 0)";
            db.execute(sql, params![sense, study])?;
        }
        SET_STUDY_USER_ATTR => {
            let sql = "INSERT OR REPLACE INTO study_user_attributes (study_id, key, value_json) VALUES (?1, ?2, ?3)";
            for (key, value) in pairs() {
                db.execute(sql, params![number("study_id")? + 1, key, value.to_string()])?;
            }
        }
        CREATE_TRIAL => {
            let sql = "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
                       SELECT count(*), ?1, ?2, ?3, ?4 FROM trials WHERE study_id = ?1";
            let state = state_name(event["state"].as_u64().unwrap_or(0));
            let (start, end) = (time("datetime_start"), time("datetime_complete"));
            db.execute(sql, params![number("study_id")? + 1, state, start, end])?;
            // Optuna may add a trial whole.
            let trial = db.last_insert_rowid();
            let pairs = |key: &str| event[key].as_object().cloned().unwrap_or_default();
            for (name, value) in pairs("params") {
                let distribution = event["distributions"][&name].as_str().ok_or_else(|| missing("distributions"))?;
                db.execute(PARAM, params![trial, name, value.as_f64(), distribution])?;
            }
            for (step, value) in pairs("intermediate_values") {
                reported(db, trial, step.parse().map_err(|_| missing("intermediate_values"))?, value.as_f64())?;
            }
            for (key, value) in pairs("user_attrs") {
                db.execute(FACT, params![trial, key, value.to_string()])?;
            }
            if let Some(value) = event["value"].as_f64().or_else(|| event["values"][0].as_f64()) {
                db.execute(VALUE, params![trial, value])?;
            }
        }
        SET_TRIAL_PARAM..=SET_TRIAL_USER_ATTR => {
            let trial = number("trial_id")? + 1;
            let state: String =
                db.query_row("SELECT state FROM trials WHERE trial_id = ?1", [trial], |row| row.get(0))?;
            if !["RUNNING", "WAITING"].contains(&state.as_str()) {
                return Ok(()); // events after a trial's end are ignored
            }
            match code {
                SET_TRIAL_PARAM => {
                    let value = event["param_value_internal"].as_f64();
                    db.execute(PARAM, params![trial, word("param_name")?, value, word("distribution")?])?;
                }
                SET_TRIAL_INTERMEDIATE_VALUE => {
                    reported(db, trial, number("step")?, event["intermediate_value"].as_f64())?;
                }
                SET_TRIAL_STATE_VALUES => {
                    let state = state_name(number("state")? as u64);
                    let sql = "UPDATE trials SET state = ?2, datetime_complete = ?3 WHERE trial_id = ?1";
                    db.execute(sql, params![trial, state, time("datetime_complete")])?;
                    if let Some(value) = event["values"][0].as_f64() {
                        db.execute(VALUE, params![trial, value])?;
                    }
                }
                _ => {
                    for (key, value) in pairs() {
                        db.execute(FACT, params![trial, key, value.to_string()])?;
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Direction, Median, Prune, Random, Space, State, Study, Trial, Unseen};

    /// The database holds for each trial what the journal holds, and is replaced when it is written again.
    #[test]
    fn the_database_holds_what_the_journal_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, database) = (folder.path().join("study.jsonl"), folder.path().join("study.db"));
        let space = "x = { uniform = [0, 1] }\nk = { choice = [\"a\", \"b\"] }\n\
                     y = { int = [1, 9], when = \"k = a\" }";
        let study = Study {
            name: "it's \"quoted\"".into(),
            space: Space::read(&space.parse().unwrap()).unwrap(),
            sampler: Box::new(Random),
            pruner: Box::new(Median::default()),
            direction: Direction::Maximize,
            trials: 12,
            parallel: 1,
            seed: 7,
            own_seeds: true,
        };
        let objective = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| match trial.number {
            3 => Err(Error::invalid("a fault")),
            _ => {
                let value = trial.point[0].unwrap() + trial.point[1].unwrap();
                let _ = (1..=4).find(|&step| report(step, value - 1.0 / step as f64) == Prune::Yes);
                Ok(value)
            }
        };
        let trials = study.run(&journal, 1, None, &objective, &mut Unseen).unwrap();
        for state in [State::Complete, State::Pruned, State::Failed] {
            assert!(trials.iter().any(|trial| trial.state == state), "no trial is {state:?}");
        }
        // A torn line is not an event.
        let mut torn = files::read(&journal).unwrap();
        torn.extend(b"{\"op_code\":4,");
        std::fs::write(&journal, torn).unwrap();
        write(&journal, &database).unwrap();
        write(&journal, &database).unwrap();
        let db = Connection::open(&database).unwrap();
        let name: String = db.query_row("SELECT study_name FROM studies", [], |row| row.get(0)).unwrap();
        let direction: String = db.query_row("SELECT direction FROM study_directions", [], |row| row.get(0)).unwrap();
        assert_eq!((name, direction), (study.name.clone(), "MAXIMIZE".to_owned()));
        let count: i64 = db.query_row("SELECT count(*) FROM trials", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 12);
        for trial in &trials {
            let id = trial.number as i64 + 1;
            let (state, value): (String, Option<f64>) = db
                .query_row(
                    "SELECT state, value FROM trials LEFT JOIN trial_values USING (trial_id) WHERE number = ?1",
                    [trial.number as i64],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .unwrap();
            let expected = match trial.state {
                State::Complete => "COMPLETE",
                State::Pruned => "PRUNED",
                _ => "FAIL",
            };
            assert_eq!((state.as_str(), value), (expected, trial.value), "trial {}", trial.number);
            let rows = |sql: &str| -> Vec<(String, f64)> {
                let mut statement = db.prepare(sql).unwrap();
                let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                rows.map(Result::unwrap).collect()
            };
            let params = rows("SELECT param_name, param_value FROM trial_params WHERE trial_id = ?1 ORDER BY 1");
            let mut known: Vec<(String, f64)> = (study.space.params.iter().zip(&trial.point))
                .filter_map(|(param, value)| Some((param.name.clone(), (*value)?)))
                .collect();
            known.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(params, known);
            let curve = rows(
                "SELECT CAST(step AS TEXT), intermediate_value FROM trial_intermediate_values WHERE trial_id = ?1 \
                 ORDER BY step",
            );
            let known: Vec<(String, f64)> =
                trial.curve.iter().map(|(step, value)| (step.to_string(), *value)).collect();
            assert_eq!(curve, known);
            let facts =
                "SELECT key, CAST(value_json AS REAL) FROM trial_user_attributes WHERE trial_id = ?1 AND key = 'seed'";
            assert_eq!(rows(facts), [("seed".to_owned(), trial.seed as f64)]);
        }
        // What is not a journal is refused, and the database stays as it was.
        std::fs::write(&journal, "{\"op_code\":0}\n").unwrap();
        let error = write(&journal, &database).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("study_name"), "{error}");
        assert_eq!(db.query_row("SELECT count(*) FROM trials", [], |row| row.get::<_, i64>(0)).unwrap(), 12);
    }
}
