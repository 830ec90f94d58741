//! The search space of a study: settings and their domains.
//!
//! A parameter is a key of the experiment file with a domain: an interval (even or logarithmic), whole numbers, or
//! choices. Some parameters count only under a condition, such as the momentum of SGD where Adam is the other choice.
//! And one parameter may set several keys, each to a multiple of itself: a network's width, say.
//!
//! ```toml
//! [study.space]
//! "train.optimizer.lr" = { log = [1e-4, 1e-1] }
//! "train.optimizer.kind" = { choice = ["adam", "sgd"] }
//! "train.optimizer.momentum" = { uniform = [0.0, 0.95], when = "train.optimizer.kind = sgd" }
//! "model.layer.linear1.units" = { int = [16, 256], log = true }
//! n = { int = [4, 32], step = 4, keys = { "model.layer.conv1.filters" = 1, "model.layer.conv2.filters" = 2 } }
//! ```
//!
//! Inside a study a value is one number: that of an interval itself, of a choice its index. A [`Point`] holds one for
//! each parameter, or none where the parameter's condition does not hold.

use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::settings::read;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The values that a parameter may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers from `low` to `high`, both included.
    Float {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
        /// Whether equal ratios are equally likely, rather than equal differences.
        log: bool,
        /// Only `low`, `low + step`, `low + 2 step`, ..
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high`, both included.
    Int {
        /// Smallest.
        low: i64,
        /// Largest.
        high: i64,
        /// Whether equal ratios are equally likely.
        log: bool,
        /// Only each `step`-th.
        step: i64,
    },
    /// One of these.
    Choice(Vec<Value>),
}

impl Domain {
    /// Returns the interval in the coordinate in which a sampler works: the logarithm if `log`. Where only some values
    /// are allowed, each has a cell around it, so the interval begins half a step below the first.
    pub fn interval(&self) -> (f64, f64) {
        let ends = |low: f64, high: f64, log: bool| if log { (libm::log(low), libm::log(high)) } else { (low, high) };
        match *self {
            Domain::Float { low, high, log, step: None } => ends(low, high, log),
            Domain::Float { low, high, step: Some(step), .. } => (low - 0.5 * step, high + 0.5 * step),
            Domain::Int { low, high, log, step } => {
                let half = 0.5 * step as f64;
                ends(low as f64 - half, high as f64 + half, log)
            }
            Domain::Choice(ref choices) => (-0.5, choices.len() as f64 - 0.5),
        }
    }

    /// Returns where a value lies in [`Domain::interval`].
    pub fn coordinate(&self, value: f64) -> f64 {
        if self.is_log() { libm::log(value) } else { value }
    }

    /// Returns the allowed value nearest to a place in the interval.
    pub fn value_at(&self, coordinate: f64) -> f64 {
        let x = if self.is_log() { libm::exp(coordinate) } else { coordinate };
        match *self {
            Domain::Float { low, high, step: None, .. } => x.clamp(low, high),
            Domain::Float { low, high, step: Some(step), .. } => {
                (low + ((x - low) / step).round() * step).clamp(low, high)
            }
            Domain::Int { low, high, step, .. } => {
                let (low, high, step) = (low as f64, high as f64, step as f64);
                (low + ((x - low) / step).round() * step).clamp(low, high)
            }
            Domain::Choice(ref choices) => x.round().clamp(0.0, choices.len() as f64 - 1.0),
        }
    }

    /// Returns the cell around an allowed value, in the coordinate; none where every number of an interval is allowed.
    pub fn cell(&self, value: f64) -> Option<(f64, f64)> {
        let half = match *self {
            Domain::Float { step, .. } => 0.5 * step?,
            Domain::Int { step, .. } => 0.5 * step as f64,
            Domain::Choice(_) => 0.5,
        };
        Some((self.coordinate(value - half), self.coordinate(value + half)))
    }

    /// Returns the place of a value between 0 and 1 along the interval.
    pub fn unit(&self, value: f64) -> f64 {
        let (low, high) = self.interval();
        if high > low { ((self.coordinate(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Returns a value drawn evenly over the interval.
    pub fn draw(&self, rng: &mut Rng) -> f64 {
        let (low, high) = self.interval();
        self.value_at(rng.range(low, high))
    }

    /// Returns whether the domain is logarithmic.
    pub fn is_log(&self) -> bool {
        matches!(self, Domain::Float { log: true, .. } | Domain::Int { log: true, .. })
    }

    /// Returns the allowed values in order, if they are at most `most`; else `most` of them, evenly over the interval.
    pub fn spread(&self, most: usize) -> Vec<f64> {
        let all: Option<Vec<f64>> = match *self {
            Domain::Float { step: None, .. } => None,
            Domain::Float { low, high, step: Some(step), .. } => {
                let count = ((high - low) / step + 1e-9).floor() as usize;
                Some((0..=count).map(|i| low + i as f64 * step).collect())
            }
            Domain::Int { low, high, step, .. } => {
                Some((low..=high).step_by(step as usize).map(|value| value as f64).collect())
            }
            Domain::Choice(ref choices) => return (0..choices.len()).map(|i| i as f64).collect(),
        };
        if let Some(all) = all.filter(|all| all.len() <= most) {
            return all;
        }
        let (low, high) = match *self {
            Domain::Float { low, high, .. } => (low, high),
            Domain::Int { low, high, .. } => (low as f64, high as f64),
            Domain::Choice(_) => unreachable!("returned above"),
        };
        let (low, high) = (self.coordinate(low), self.coordinate(high));
        let place = |i: usize| if most > 1 { i as f64 / (most - 1) as f64 } else { 0.5 };
        let mut values: Vec<f64> = (0..most.max(1)).map(|i| self.value_at(low + place(i) * (high - low))).collect();
        values.dedup();
        values
    }

    /// Returns a value in the form of the file.
    pub fn value(&self, value: f64) -> Value {
        match self {
            Domain::Float { .. } => Value::Float(value),
            Domain::Int { .. } => Value::Integer(value.round() as i64),
            Domain::Choice(choices) => choices[value as usize].clone(),
        }
    }

    /// Returns a value for people: four significant digits of a real number, a word without quotes.
    pub fn words(&self, value: f64) -> String {
        match self.value(value) {
            Value::Float(x) if x != 0.0 && !(1e-3..1e4).contains(&x.abs()) => format!("{x:.3e}"),
            Value::Float(x) => {
                let digits = (3.0 - libm::log10(x.abs().max(1e-3)).floor()).clamp(0.0, 6.0) as usize;
                let text = format!("{x:.digits$}");
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
            }
            other => plain(&other),
        }
    }

    /// The domain that the file writes as `{ log = [1e-4, 1e-1] }` and its like. The error is what is wrong.
    fn read(searched: &Searched) -> Result<Self, String> {
        let Searched { log, uniform, int, choice, step, .. } = searched;
        let (log, flag) = match log {
            Some(Log::Ends(ends)) => (Some(*ends), None),
            Some(Log::Flag(flag)) => (None, Some(*flag)),
            None => (None, None),
        };
        let ends: Vec<(&str, [f64; 2])> = [("log", log), ("uniform", *uniform), ("int", *int)]
            .into_iter()
            .filter_map(|(kind, ends)| Some((kind, ends?)))
            .collect();
        let (kind, [low, high]) = match (ends.as_slice(), choice) {
            ([one], None) => *one,
            ([], Some(_)) => ("choice", [0.0; 2]),
            _ => {
                let all = "log = [low, high], uniform = [low, high], int = [low, high], choice = [..]";
                return Err(format!("needs one of {all}"));
            }
        };
        for (key, is_given, of) in
            [("step", step.is_some(), &["uniform", "int"][..]), ("log", flag.is_some(), &["int"])]
        {
            if is_given && !of.contains(&kind) {
                return Err(format!("has `{key}`, which does not go with `{kind}`"));
            }
        }
        if let Some(list) = choice {
            let repeated = list.iter().enumerate().any(|(i, value)| list[..i].contains(value));
            return match list.is_empty() || repeated {
                true => Err("needs choices, each of them once".into()),
                false => Ok(Domain::Choice(list.clone())),
            };
        }
        if !(low <= high && low.is_finite() && high.is_finite()) {
            return Err(format!("goes from {low} to {high}: the first must not be above the second"));
        }
        if step.is_some_and(|step| step.is_nan() || step <= 0.0) {
            return Err("has a `step` that is not a number above 0".into());
        }
        if kind == "int" {
            let (log, step) = (flag == Some(true), step.unwrap_or(1.0));
            if [low, high, step].iter().any(|x| x.fract() != 0.0 || x.abs() > 1e15) {
                return Err("needs whole numbers".into());
            }
            if log && (low < 1.0 || step != 1.0) {
                return Err("on a logarithmic scale begins at 1 or above, and has no step".into());
            }
            let (low, step) = (low as i64, step as i64);
            let high = low + (high as i64 - low) / step * step;
            return Ok(Domain::Int { low, high, log, step });
        }
        if kind == "log" && low <= 0.0 {
            return Err(format!("begins at {low}: a logarithmic scale begins above 0"));
        }
        let high = step.map_or(high, |step| low + ((high - low) / step + 1e-9).floor() * step);
        Ok(Domain::Float { low, high, log: kind == "log", step: *step })
    }
}

/// A searched setting as the file writes it: the key, and one of `log`, `uniform`, `int` and `choice`, with what belongs to
/// it. A key with dots stands in quotes: `"train.optimizer.lr" = { log = [1e-4, 1e-1] }`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Searched {
    /// A real number between two ends above 0, equal ratios being equally likely: `[1e-4, 1e-1]`. Beside `int`, `true` says
    /// the same of whole numbers.
    pub log: Option<Log>,
    /// A real number between two ends, both included.
    pub uniform: Option<[f64; 2]>,
    /// A whole number between two ends, both included.
    pub int: Option<[f64; 2]>,
    /// One of these values.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub choice: Option<Vec<Value>>,
    /// For `uniform` and `int`: the distance between the values that are tried, from the lower end on; above 0.
    pub step: Option<f64>,
    /// The condition under which the setting counts, on a searched choice: `"train.optimizer.kind = sgd"`; several words are
    /// separated by `|`.
    pub when: Option<String>,
    /// Keys of the file that the value sets, each with the factor that it is multiplied by; without it, the setting's own
    /// name is the key, and the factor is 1.
    pub keys: Option<BTreeMap<String, f64>>,
}

/// What `log` says: two ends, or whether ratios count.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "[low, high], or true beside `int`")]
pub enum Log {
    /// The ends.
    Ends([f64; 2]),
    /// Whether equal ratios are equally likely.
    Flag(bool),
}

/// A value without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A condition: a parameter counts only if the one numbered `parent` has one of these choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Number of a parameter that stands earlier in the space.
    pub parent: usize,
    /// Indices among its choices.
    pub choices: Vec<usize>,
}

/// A searched setting.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchedParam {
    /// Its name: a key of the file, or a word if it sets several.
    pub name: String,
    /// The keys that it sets, each with the factor on its value.
    pub keys: Vec<(String, f64)>,
    /// Its domain.
    pub domain: Domain,
    /// The condition under which it counts.
    pub when: Option<When>,
}

impl SearchedParam {
    /// Returns a short name: what stands after the last dot, with the layer's name if it belongs to one.
    pub fn short(&self) -> String {
        let parts: Vec<&str> = self.name.split('.').collect();
        match parts.as_slice() {
            ["model", "layer", layer, rest @ ..] => format!("{layer}.{}", rest.join(".")),
            [.., last] => (*last).to_owned(),
            [] => String::new(),
        }
    }
}

/// One number for each parameter; none where it does not count.
pub type Point = Vec<Option<f64>>;

/// All parameters, each after the parameter of its condition.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Space {
    /// In the order in which they are drawn.
    pub params: Vec<SearchedParam>,
}

impl Space {
    /// Reads `[study.space]`. Places of errors are the file's keys.
    pub fn read(table: &Table) -> Result<Self> {
        let mut waiting: Vec<(&String, Searched)> = Vec::new();
        for (name, value) in table {
            let help = "write it as { log = [1e-4, 1e-1] }, { int = [4, 64] } or { choice = [\"a\", \"b\"] }";
            if !value.is_table() {
                return Err(Error::config(place(name), format!("is {value}, which is not a domain"), help));
            }
            waiting.push((name, read(&place(name), value.clone())?));
        }
        let mut space = Space::default();
        // A parameter with a condition comes after the parameter of that condition.
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for (name, searched) in waiting {
                match space.param(name, &searched)? {
                    Some(param) => space.params.push(param),
                    None => later.push((name, searched)),
                }
            }
            if later.len() == before {
                let (name, searched) = &later[0];
                let when = searched.when.as_deref().unwrap_or_default();
                let what = format!("asks for `{when}`, which is not a searched choice");
                return Err(Error::config(place(name), what, "write when = \"KEY = WORD\", KEY being another choice"));
            }
            waiting = later;
        }
        Ok(space)
    }

    /// One parameter; none if its condition asks for one that is not yet known.
    fn param(&self, name: &str, searched: &Searched) -> Result<Option<SearchedParam>> {
        let refuse =
            |what: String| Error::config(place(name), what, "`gradus init --keys study.space` explains each key");
        let domain = Domain::read(searched).map_err(refuse)?;
        let mut keys = vec![(name.to_owned(), 1.0)];
        if let Some(several) = &searched.keys {
            if several.is_empty() {
                return Err(refuse("has `keys` without a key: expected a table of factors".into()));
            }
            keys = several.iter().map(|(key, factor)| (key.clone(), *factor)).collect();
            if matches!(domain, Domain::Choice(_)) && keys.iter().any(|(_, factor)| *factor != 1.0) {
                return Err(refuse("is a choice, and choices have no multiples: let each factor be 1".into()));
            }
        }
        let Some(when) = &searched.when else {
            return Ok(Some(SearchedParam { name: name.into(), keys, domain, when: None }));
        };
        let condition = when.split_once('=');
        let (parent, words) = condition.ok_or_else(|| refuse(format!("has a condition \"{when}\" without `=`")))?;
        let Some(parent) = self.params.iter().position(|param| param.name == parent.trim()) else { return Ok(None) };
        let Domain::Choice(known) = &self.params[parent].domain else { return Ok(None) };
        let index = |word: &str| {
            let words = || known.iter().map(plain).collect::<Vec<_>>().join(", ");
            let found = known.iter().position(|value| plain(value) == word);
            found.ok_or_else(|| refuse(format!("asks for `{word}`, which is not among {}", words())))
        };
        let choices = words.split('|').map(|word| index(word.trim())).collect::<Result<_>>()?;
        Ok(Some(SearchedParam { name: name.into(), keys, domain, when: Some(When { parent, choices }) }))
    }

    /// Returns whether parameter `i` counts, by the values of those before it.
    pub fn counts(&self, i: usize, before: &[Option<f64>]) -> bool {
        self.params[i]
            .when
            .as_ref()
            .is_none_or(|when| before[when.parent].is_some_and(|choice| when.choices.contains(&(choice as usize))))
    }

    /// Returns a point whose parameters are drawn by `draw`, in order, where they count.
    pub fn point(&self, mut draw: impl FnMut(usize, &SearchedParam) -> f64) -> Point {
        let mut point = Point::new();
        for (i, param) in self.params.iter().enumerate() {
            point.push(self.counts(i, &point).then(|| draw(i, param)));
        }
        point
    }

    /// Returns the keys that a point sets, with their values.
    pub fn settings(&self, point: &[Option<f64>]) -> Vec<(String, Value)> {
        let mut settings = Vec::new();
        for (param, value) in self.params.iter().zip(point) {
            let Some(value) = *value else { continue };
            for (key, factor) in &param.keys {
                let value = match param.domain.value(value) {
                    Value::Float(x) => Value::Float(factor * x),
                    Value::Integer(n) if factor.fract() == 0.0 => Value::Integer(*factor as i64 * n),
                    Value::Integer(n) => Value::Float(factor * n as f64),
                    other => other,
                };
                settings.push((key.clone(), value));
            }
        }
        settings
    }

    /// Formats a point: `lr 0.001, kind adam`.
    pub fn words(&self, point: &[Option<f64>]) -> String {
        let each = self.params.iter().zip(point);
        let words = each.filter_map(|(param, v)| Some(format!("{} {}", param.short(), param.domain.words((*v)?))));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Returns every point of a grid with at most `most` values of each parameter.
    pub fn grid(&self, most: usize) -> Vec<Point> {
        let mut points = vec![Point::new()];
        for (i, param) in self.params.iter().enumerate() {
            let values = param.domain.spread(most);
            points = points
                .into_iter()
                .flat_map(|point| {
                    let here: Vec<Option<f64>> =
                        if self.counts(i, &point) { values.iter().copied().map(Some).collect() } else { vec![None] };
                    here.into_iter().map(move |value| [point.clone(), vec![value]].concat())
                })
                .collect();
        }
        points
    }
}

fn place(name: &str) -> String {
    format!("study.space.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(text: &str) -> Result<Space> {
        Space::read(&toml::from_str(text).unwrap())
    }

    #[test]
    fn domains_are_read_and_drawn_within_their_bounds() {
        let space = space(
            "lr = { log = [1e-4, 1e-1] }\np = { uniform = [0.1, 0.5], step = 0.1 }\nu = { int = [4, 65], step = 4 }\n\
             w = { int = [1, 100], log = true }\nk = { choice = [\"a\", 2, true] }",
        )
        .unwrap();
        let mut rng = Rng::new(1, "test", 0);
        for param in &space.params {
            let mut seen: Vec<f64> = (0..2000).map(|_| param.domain.draw(&mut rng)).collect();
            seen.sort_by(f64::total_cmp);
            let (low, high) = (seen[0], seen[1999]);
            match param.name.as_str() {
                "lr" => {
                    assert!(low >= 1e-4 && high <= 1e-1);
                    // Half of them lie below the geometric mean of the ends.
                    assert!((libm::log10(seen[1000]) + 2.5).abs() < 0.15, "median {}", seen[1000]);
                }
                "p" => assert!(seen.iter().all(|x| (x * 10.0 - (x * 10.0).round()).abs() < 1e-9), "{seen:?}"),
                "u" => assert!((low, high) == (4.0, 64.0) && seen.iter().all(|x| x % 4.0 == 0.0)),
                "w" => assert!((low, high) == (1.0, 100.0) && seen[1000] < 20.0),
                _ => assert_eq!((low, high), (0.0, 2.0)),
            }
            for value in seen {
                assert!((0.0..=1.0).contains(&param.domain.unit(value)));
                let again = param.domain.value_at(param.domain.coordinate(value));
                assert!((again - value).abs() <= 1e-12 * value.abs(), "{again} {value}");
            }
        }
    }

    #[test]
    fn conditions_hold_and_come_after_what_they_ask_for() {
        let space = space(
            "a = { uniform = [0, 1], when = \"kind = sgd | nag\" }\nb = { int = [1, 2], when = \"deep = true\" }\n\
             deep = { choice = [true, false], when = \"kind = adam\" }\nkind = { choice = [\"adam\", \"sgd\", \"nag\"] }",
        )
        .unwrap();
        let names: Vec<&str> = space.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["kind", "a", "deep", "b"]);
        let mut rng = Rng::new(2, "test", 0);
        for _ in 0..200 {
            let point = space.point(|_, param| param.domain.draw(&mut rng));
            let is_adam = point[0] == Some(0.0);
            assert_eq!((point[1].is_some(), point[2].is_some()), (!is_adam, is_adam));
            assert_eq!(point[3].is_some(), point[2] == Some(0.0));
        }
        // adam: (shallow | deep with 1 or 2), sgd and nag: three values of `a` each
        assert_eq!(space.grid(3).len(), 3 + 2 * 3);
    }

    #[test]
    fn one_parameter_may_set_several_keys() {
        let space = space("n = { int = [4, 8], keys = { \"model.layer.1.filters\" = 1, \"x.y\" = 2.5 } }").unwrap();
        let settings = space.settings(&[Some(6.0)]);
        assert_eq!(settings, [("model.layer.1.filters".into(), Value::Integer(6)), ("x.y".into(), Value::Float(15.0))]);
        assert_eq!(space.words(&[Some(6.0)]), "n 6");
    }

    #[test]
    fn what_is_no_space_is_refused_by_name() {
        for (text, fragment) in [
            ("a = 3", "study.space.a: is 3"),
            ("a = { int = [1, 2], uniform = [1, 2] }", "needs one of"),
            ("a = { int = [1.5, 2] }", "whole numbers"),
            ("a = { log = [0, 2] }", "begins at 0"),
            ("a = { uniform = [3, 2] }", "from 3 to 2"),
            ("a = { log = [1, 2], step = 1 }", "does not go with `log`"),
            ("a = { choice = [] }", "needs choices"),
            ("a = { choice = [1, 1] }", "each of them once"),
            ("a = { uniform = [0, 1], when = \"b = c\" }", "not a searched choice"),
            ("a = { uniform = [0, 1], when = \"b\" }", "without `=`"),
            ("a = { uniform = [0, 1], when = \"b = c\" }\nb = { choice = [\"d\"] }", "not among d"),
            ("a = { choice = [1, 2], keys = { x = 2 } }", "no multiples"),
        ] {
            let message = space(text).unwrap_err().to_string();
            assert!(message.contains(fragment), "{text}: {message}");
        }
    }

    #[test]
    fn values_for_people() {
        let domain = Domain::Float { low: 1e-6, high: 1e6, log: true, step: None };
        assert_eq!(
            [1e-5, 0.0123456, 0.5, 3.0, 123.456].map(|x| domain.words(x)),
            ["1.000e-5", "0.01235", "0.5", "3", "123.5"]
        );
    }
}
