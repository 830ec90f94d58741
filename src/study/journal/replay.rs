//! Replays the lines of a journal, one after the other.

use super::codes::{
    CREATE_STUDY, CREATE_TRIAL, SET_STUDY_USER_ATTR, SET_TRIAL_INTERMEDIATE_VALUE, SET_TRIAL_PARAM,
    SET_TRIAL_STATE_VALUES, SET_TRIAL_USER_ATTR, WORKER, state_of,
};
use crate::study::space::{Domain, Space};
use crate::study::trial::{State, Trial};
use serde_json::{Map, Value};

/// The state of the study after the lines read so far.
#[derive(Debug)]
pub(super) struct Replay {
    space: Space,
    /// The distribution of each parameter.
    distributions: Vec<Value>,
    /// The study's name, once it was created.
    pub(super) name: Option<String>,
    /// Facts about the study.
    pub(super) facts: Map<String, Value>,
    /// Its trials by number.
    pub(super) trials: Vec<Trial>,
    /// For each trial of the file its number here; none if it belongs to another study in the same file.
    numbers: Vec<Option<usize>>,
}

/// The event of a line. Python writes `NaN` and `Infinity`, which JSON does not have: they are read as null.
pub(in crate::study) fn event_of(line: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(line).or_else(|error| {
        let text = String::from_utf8_lossy(line);
        let known = text.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
        serde_json::from_str(&known).map_err(|_| error)
    })
}

impl Replay {
    /// Creates the state before the first line. `distributions` are those of the space's parameters, as the journal
    /// writes them.
    pub(super) fn new(space: &Space, distributions: &[String]) -> Self {
        let parsed = distributions.iter().map(|text| serde_json::from_str(text).expect("we write JSON"));
        Self {
            space: space.clone(),
            distributions: parsed.collect(),
            name: None,
            facts: Map::new(),
            trials: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Returns the id of a trial in the file, which counts the trials of all its studies together. A trial that is not
    /// there yet gets the next id.
    pub(super) fn id_of(&self, number: usize) -> usize {
        self.numbers.iter().position(|&known| known == Some(number)).unwrap_or(self.numbers.len())
    }

    /// Applies an event; `None` if it is not valid here.
    pub(super) fn apply(&mut self, event: &Value) -> Option<()> {
        let is_first = |event: &Value| event["study_id"].as_u64() == Some(0);
        match event["op_code"].as_u64()? {
            CREATE_STUDY => self.name = Some(self.name.take().unwrap_or(event["study_name"].as_str()?.to_owned())),
            SET_STUDY_USER_ATTR if is_first(event) => self.facts.extend(event["user_attr"].as_object()?.clone()),
            CREATE_TRIAL if is_first(event) => {
                self.numbers.push(Some(self.trials.len()));
                self.create(event)?;
            }
            CREATE_TRIAL => self.numbers.push(None),
            code @ SET_TRIAL_PARAM..=SET_TRIAL_USER_ATTR => {
                let number = *self.numbers.get(usize::try_from(event["trial_id"].as_u64()?).ok()?)?;
                if let Some(number) = number.filter(|&number| !self.trials[number].is_finished()) {
                    self.change(number, code, event)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Returns a new trial. Another program may add one whole, with its parameters and its value.
    fn create(&mut self, event: &Value) -> Option<()> {
        let mut trial = Trial::new(self.trials.len(), vec![None; self.space.params.len()], 0);
        trial.foreign = !event["worker_id"].as_str()?.starts_with(WORKER);
        if let Some(state) = event["state"].as_u64() {
            trial.state = state_of(state);
            trial.value = event["value"].as_f64().or_else(|| event["values"][0].as_f64());
        }
        let values = event["intermediate_values"].as_object().into_iter().flatten();
        values.for_each(|(step, value)| {
            if let (Ok(step), Some(value)) = (step.parse(), value.as_f64()) {
                trial.note(step, value);
            }
        });
        self.trials.push(trial);
        for (name, value) in event["params"].as_object().into_iter().flatten() {
            self.set(self.trials.len() - 1, name, value, &event["distributions"][name.as_str()])?;
        }
        Some(())
    }

    fn change(&mut self, number: usize, code: u64, event: &Value) -> Option<()> {
        if code == SET_TRIAL_PARAM {
            let name = event["param_name"].as_str()?;
            return self.set(number, name, &event["param_value_internal"], &event["distribution"]);
        }
        let trial = &mut self.trials[number];
        match code {
            SET_TRIAL_INTERMEDIATE_VALUE => match event["intermediate_value"].as_f64() {
                Some(value) => trial.note(event["step"].as_u64()? as usize, value),
                None if trial.foreign => {}
                None => return None,
            },
            SET_TRIAL_STATE_VALUES => {
                trial.state = state_of(event["state"].as_u64()?);
                trial.value = event["values"][0].as_f64();
                if trial.state == State::Complete && trial.value.is_none() {
                    trial.state = State::Failed; // its value is not finite
                }
            }
            SET_TRIAL_USER_ATTR => {
                let fact = &event["user_attr"];
                trial.seed = fact["seed"].as_u64().unwrap_or(trial.seed);
                trial.seconds = fact["seconds"].as_f64().unwrap_or(trial.seconds);
                trial.fault = fact["fault"].as_str().map_or(std::mem::take(&mut trial.fault), str::to_owned);
            }
            _ => {}
        }
        Some(())
    }

    /// Sets a parameter of a trial. Ours are those of the space, or the journal is not this study's. Another program
    /// may search elsewhere: of its values those are taken that lie in the space.
    fn set(&mut self, number: usize, name: &str, value: &Value, distribution: &Value) -> Option<()> {
        let foreign = self.trials[number].foreign;
        let theirs: Value = serde_json::from_str(distribution.as_str()?).ok()?;
        let Some(i) = self.space.params.iter().position(|param| param.name == name) else {
            return foreign.then_some(());
        };
        let (value, domain) = (value.as_f64()?, &self.space.params[i].domain);
        let is_same = alike(&self.distributions[i], &theirs);
        let is_within = || match domain {
            Domain::Choice(_) => false,
            Domain::Float { low, high, .. } => (*low..=*high).contains(&value),
            Domain::Int { low, high, .. } => (*low as f64..=*high as f64).contains(&value),
        };
        if is_same || (foreign && is_within()) {
            self.trials[number].point[i] = Some(value);
            return Some(());
        }
        foreign.then_some(())
    }
}

/// Returns whether two JSON values are the same, numbers being compared as numbers: `1` is `1.0`.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_know_are_read() {
        let event = event_of(br#"{"op_code": 7, "intermediate_value": -Infinity, "values": [NaN, 1]}"#).unwrap();
        assert!(event["intermediate_value"].is_null() && event["values"][1] == 1);
        assert!(event_of(b"{torn").is_err());
    }

    #[test]
    fn distributions_are_compared_as_numbers() {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(alike(&json(r#"{"low": 1, "log": true}"#), &json(r#"{"log": true, "low": 1.0}"#)));
        assert!(!alike(&json(r#"{"low": 1}"#), &json(r#"{"low": 1, "high": 2}"#)));
        assert!(!alike(&json("[1, 2]"), &json("[1]")));
    }
}
