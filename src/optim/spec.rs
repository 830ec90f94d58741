//! An optimizer as a table of a file: the rule by its name, the rule's settings, and what is done around it.
//!
//! ```toml
//! kind = "rmsprop"
//! lr = 1e-3
//! momentum = 0.9
//! clip_norm = 1.0
//! ```
//!
//! Rule and surroundings share one table, so the keys are distinguished by the fields of the structs: each name
//! belongs to the rule or to [`Around`], and one that belongs to neither is refused. Some of the parameters may have another
//! rule, in a table of their own, `[[train.optimizer.group]]`; what is done around the rules is the same for all.

use super::settings::fields;
use super::{Around, Choice, Group, Grouped, Optimizer};
use crate::error::{Error, Result};
use crate::real::Real;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An optimizer by its settings. In a file it is one table with the rule's name as `kind`.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::optim::Choice;
/// let spec: OptimizerSpec = toml::from_str("kind = 'rmsprop'\nlr = 1e-3\nmomentum = 0.9\nclip_norm = 1.0").unwrap();
/// assert_eq!(spec.rule, Choice::RmsProp(RmsProp { momentum: 0.9, ..RmsProp::new(1e-3) }));
/// assert_eq!(spec.build().lr(), 1e-3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
pub struct OptimizerSpec {
    /// The rule.
    #[serde(flatten)]
    pub rule: Choice,
    /// What is done around it, and around the rules of the groups.
    #[serde(flatten)]
    pub around: Around,
    /// Parameters with a rule of their own; the rule above moves the others.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "program", schemars(default))]
    pub groups: Vec<Group>,
}

/// A setting, its range in words, and whether a number is in that range.
type Range = (&'static str, &'static str, fn(f64) -> bool);

/// The settings that have a range. The largest numbers are such as `f32` holds.
const RANGES: [Range; 20] = [
    ("lr", RATE, |x| (1e-12..=1e30).contains(&x)),
    ("betas", FRACTION, fraction),
    ("alpha", FRACTION, fraction),
    ("rho", FRACTION, fraction),
    ("momentum", FRACTION, fraction),
    ("ema_momentum", FRACTION, fraction),
    // With 0 a gradient of 0 is divided by 0.
    ("eps", "a number from 1e-30 to 1e30", |x| (1e-30..=1e30).contains(&x)),
    ("weight_decay", FROM_0, from_0),
    ("lr_decay", FROM_0, from_0),
    ("momentum_decay", FROM_0, from_0),
    ("initial_accumulator_value", FROM_0, from_0),
    ("gradient_accumulation_steps", COUNT, |x| (1.0..=1e6).contains(&x)),
    ("lookahead_steps", "a whole number from 0 to 1000000", |x| (0.0..=1e6).contains(&x)),
    ("lookahead_alpha", "a number above 0, up to 1", |x| x > 0.0 && x <= 1.0),
    ("max_iter", COUNT, |x| (1.0..=1e6).contains(&x)),
    ("max_eval", COUNT, |x| (1.0..=1e6).contains(&x)),
    ("steps", "a whole number from 1 to 100", |x| (1.0..=100.0).contains(&x)),
    ("history_size", "a whole number from 1 to 1000", |x| (1.0..=1e3).contains(&x)),
    // tolerance_grad, tolerance_change
    ("tolerance", FROM_0, from_0),
    // clip_value, clip_norm, global_clip_norm
    ("clip", RATE, |x| (1e-12..=1e30).contains(&x)),
];
const RATE: &str = "a number above 0, from 1e-12 to 1e30";
const COUNT: &str = "a whole number from 1 to 1000000";
const FROM_0: &str = "0 or a number above it, up to 1e30";
const FRACTION: &str = "a number from 0, below 1";

fn from_0(x: f64) -> bool {
    (0.0..=1e30).contains(&x)
}
fn fraction(x: f64) -> bool {
    (0.0..1.0).contains(&x)
}

impl OptimizerSpec {
    /// Creates a rule with nothing around it.
    pub fn new(rule: Choice) -> Self {
        Self { rule, around: Around::default(), groups: Vec::new() }
    }

    /// Returns an optimizer that has taken no step yet.
    pub fn build(&self) -> Box<dyn Optimizer<f32>> {
        self.build_for()
    }

    /// Returns the same for parameters of any number type.
    pub fn build_for<T: Real>(&self) -> Box<dyn Optimizer<T>> {
        let alone = self.rule.build(self.around);
        if self.groups.is_empty() {
            return alone;
        }
        let build = |group: &Group| (group.params.clone(), group.rule.build(self.around));
        let rest = (vec!["*".to_owned()], alone);
        Box::new(Grouped::new(self.groups.iter().map(build).chain([rest]).collect()))
    }

    /// The settings of a rule and those around it, by name, but for `kind` itself; none of a kind that does not exist.
    pub fn keys(kind: &str) -> Option<Vec<&'static str>> {
        Some([Choice::keys(kind)?, fields::<Around>(), &[GROUP]].concat())
    }

    /// Returns the learning rate to start with.
    pub fn lr(&self) -> f64 {
        self.rule.lr()
    }

    /// Returns the number of values that the optimizer keeps, at most, for each number of a parameter: a checkpoint holds
    /// them.
    pub fn slots(&self) -> usize {
        let rules = self.groups.iter().map(|group| &group.rule).chain([&self.rule]);
        rules.map(Choice::numbers_kept).max().unwrap_or(0) + self.around.slots().count()
    }

    /// Returns the first setting, if any, of something that is done around the rule.
    fn first_around(&self) -> Option<(String, Value)> {
        let table = |around: Around| serde_json::to_value(around).ok().and_then(|value| value.as_object().cloned());
        let usual = table(Around::default())?;
        table(self.around)?.into_iter().find(|(key, value)| usual.get(key) != Some(value))
    }

    /// Refuses settings out of their range. `path` is what the message calls the table, such as `train.optimizer`.
    pub fn validate(&self, path: &str) -> Result<()> {
        let Ok(Value::Object(table)) = serde_json::to_value(self) else { unreachable!("settings are a table") };
        in_range(&table, path)?;
        self.validate_groups(path)?;
        if let (false, Some((key, value))) = (self.rule.takes_around(), self.first_around()) {
            let what = format!("is {value}, but {} takes its steps by the loss as it is", table["kind"]);
            return Err(Error::config(format!("{path}.{key}"), what, "leave it out, or choose another kind"));
        }
        Ok(())
    }

    /// Refuses groups that make no sense.
    fn validate_groups(&self, path: &str) -> Result<()> {
        let alone = [&self.rule].into_iter().chain(self.groups.iter().map(|group| &group.rule));
        if !self.groups.is_empty() && alone.clone().any(|rule| !rule.takes_around()) {
            let what = "is set, but lbfgs moves all parameters at once";
            return Err(Error::config(format!("{path}.{GROUP}"), what, "choose another kind"));
        }
        if let (false, Some(norm)) = (self.groups.is_empty(), self.around.global_clip_norm) {
            let what = format!("is {norm}, but the gradients of several groups have no common norm");
            return Err(Error::config(format!("{path}.global_clip_norm"), what, "use clip_norm or clip_value"));
        }
        for (i, group) in self.groups.iter().enumerate() {
            let path = format!("{path}.{GROUP}.{}", i + 1);
            if group.params.is_empty() {
                let help = "name parameters: params = [\"*.bias\"]";
                return Err(Error::config(format!("{path}.params"), "is empty", help));
            }
            let Ok(Value::Object(table)) = serde_json::to_value(group.rule) else { unreachable!("a rule is a table") };
            in_range(&table, &path)?;
        }
        Ok(())
    }
}

/// The key of the groups.
const GROUP: &str = "group";

/// Refuses numbers out of their range in a table of this path.
fn in_range(table: &Map<String, Value>, path: &str) -> Result<()> {
    for (key, value) in table {
        let range = RANGES.iter().find(|(name, ..)| {
            name == key
                || *name == "clip" && key.contains("clip_")
                || *name == "tolerance" && key.starts_with("tolerance_")
        });
        let Some((_, expected, holds)) = range else { continue };
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        // JSON has no word for NaN and infinity: they are null.
        if !all.iter().all(|number| number.as_f64().is_some_and(holds)) {
            let what = format!("is {}", value.to_string().replace("null", "not a finite number"));
            return Err(Error::config(format!("{path}.{key}"), what, format!("give {expected}")));
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::deserialize(deserializer)?;
        let groups = table.remove(GROUP).map(read_groups).transpose().map_err(D::Error::custom)?.unwrap_or_default();
        // NaN and infinities have become null, and a setting that is optional would take that for an omission.
        let is_null =
            |value: &Value| value.is_null() || value.as_array().is_some_and(|list| list.contains(&Value::Null));
        if table.values().any(is_null) {
            return Err(D::Error::custom("invalid value: not a finite number, expected f64"));
        }
        let (rule, around) = read_rule(table).map_err(D::Error::custom)?;
        Ok(Self { rule, around, groups })
    }
}

/// Reads a rule by its `kind`, and what is done around it, from their common table.
fn read_rule(mut table: Map<String, Value>) -> Result<(Choice, Around), String> {
    let kind = match table.remove("kind") {
        Some(Value::String(kind)) => kind,
        Some(other) => return Err(format!("kind is {other}, expected a string")),
        None => return Err("missing field `kind`".to_owned()),
    };
    let unknown = || {
        let known: Vec<String> = Choice::NAMES.iter().map(|name| format!("`{name}`")).collect();
        format!("unknown variant `{kind}`, expected one of {}", known.join(", "))
    };
    Choice::read(&kind, table).ok_or_else(unknown)?
}

/// Reads the groups: a list of tables, each with `params`, `kind` and the settings of that rule.
fn read_groups(list: Value) -> Result<Vec<Group>, String> {
    let Value::Array(list) = list else { return Err(format!("group is {list}, expected a list of tables")) };
    let read = |group: Value| {
        let Value::Object(mut table) = group else { return Err(format!("a group is {group}, expected a table")) };
        let params = table.remove("params").ok_or("a group has no `params`: missing field `params`")?;
        let params = Vec::<String>::deserialize(params).map_err(|e| format!("params: {e}"))?;
        let around = fields::<Around>();
        if let Some(key) = table.keys().find(|key| around.contains(&key.as_str())) {
            return Err(format!("a group has the setting `{key}`, which is the same for all parameters"));
        }
        Ok(Group { params, rule: read_rule(table)?.0 })
    };
    list.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Adadelta, Adagrad, Adam, Lbfgs, Muon, Nadam, RmsProp, Sgd};

    fn read(text: &str) -> OptimizerSpec {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_kind_alone_is_the_rule_with_its_defaults() {
        let all = [
            Choice::Sgd(Sgd::default()),
            Choice::Adam(Adam::default()),
            Choice::AdamW(Adam::w(1e-3)),
            Choice::Nadam(Nadam::default()),
            Choice::RmsProp(RmsProp::default()),
            Choice::Adadelta(Adadelta::default()),
            Choice::Adagrad(Adagrad::default()),
            Choice::Muon(Muon::default()),
            Choice::Lbfgs(Lbfgs::default()),
        ];
        assert_eq!(Choice::NAMES.len(), all.len());
        for (kind, rule) in Choice::NAMES.iter().zip(all) {
            let spec = OptimizerSpec::new(rule);
            assert_eq!(read(&format!("kind = \"{kind}\"")), spec);
            assert_eq!(read(&toml::to_string(&spec).unwrap()), spec, "written and read again");
            assert_eq!(spec.build().lr(), spec.lr());
            spec.validate("").unwrap();
        }
    }

    #[test]
    fn rule_and_surroundings_stand_in_one_table() {
        let spec = read("kind = \"rmsprop\"\nlr = 1\nmomentum = 0.9\nclip_norm = 2.5\nuse_ema = true");
        let rule = RmsProp { momentum: 0.9, ..RmsProp::new(1.0) };
        assert_eq!(spec.rule, Choice::RmsProp(rule));
        assert_eq!(spec.around, Around { clip_norm: Some(2.5), use_ema: true, ..Around::default() });
        assert_eq!(read(&toml::to_string(&spec).unwrap()), spec);
        assert_eq!(serde_json::from_str::<OptimizerSpec>(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
        assert_eq!(read("kind = \"adamw\"\nweight_decay = 0.5").rule, {
            Choice::AdamW(Adam { weight_decay: 0.5, ..Adam::w(1e-3) })
        });
    }

    #[test]
    fn groups_have_rules_of_their_own() {
        let spec = read(
            "kind = \"muon\"\nlr = 0.02\nuse_ema = true\n[[group]]\nparams = [\"*.bias\", \"norm*\"]\nkind = \"sgd\"\nlr = 0.5",
        );
        assert_eq!(spec.groups[0].params, ["*.bias", "norm*"]);
        assert_eq!(spec.groups[0].rule, Choice::Sgd(Sgd::new(0.5)));
        assert_eq!(read(&toml::to_string(&spec).unwrap()), spec, "written and read again");
        spec.validate("train.optimizer").unwrap();
        assert_eq!((spec.lr(), spec.build().lr()), (0.02, 0.02));
        let group = |text: &str| format!("kind = \"muon\"\n{text}");
        for (text, fragment) in [
            ("group = 3", "expected a list of tables"),
            ("group = [{ kind = \"sgd\" }]", "missing field `params`"),
            ("group = [{ params = [\"*\"], kind = \"sgd\", use_ema = true }]", "`use_ema`, which is the same for all"),
            ("group = [{ params = [\"*\"], kind = \"sgd\", rho = 1 }]", "unknown field `rho`"),
            ("group = [{ params = \"*\", kind = \"sgd\" }]", "params: invalid type"),
        ] {
            let message = toml::from_str::<OptimizerSpec>(&group(text)).unwrap_err().to_string();
            assert!(message.contains(fragment), "{message}");
        }
        for (text, expected) in [
            ("group = [{ params = [], kind = \"sgd\" }]", "train.optimizer.group.1.params: is empty"),
            ("group = [{ params = [\"*\"], kind = \"sgd\", lr = 0.0 }]", "train.optimizer.group.1.lr: is 0"),
            ("group = [{ params = [\"*\"], kind = \"lbfgs\" }]", "train.optimizer.group: is set"),
            (
                "global_clip_norm = 1.0\ngroup = [{ params = [\"a\"], kind = \"sgd\" }]",
                "train.optimizer.global_clip_norm",
            ),
        ] {
            let message = read(&group(text)).validate("train.optimizer").unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (text, fragment) in [
            ("kind = \"rmsprop\"\nrho = 0.9", "unknown field `rho`, expected one of `lr`, `alpha`"),
            ("kind = \"sgd\"\nclip = 1.0", "`gradient_accumulation_steps`"),
            ("kind = \"rmsprob\"", "unknown variant `rmsprob`, expected one of `sgd`, `adam`"),
            ("lr = 0.1", "missing field `kind`"),
            ("kind = 3", "kind is 3"),
            ("kind = \"sgd\"\nlr = \"fast\"", "invalid type: string \"fast\", expected f64"),
            ("kind = \"sgd\"\nuse_ema = 1", "expected a boolean"),
            ("kind = \"sgd\"\nclip_norm = nan", "not a finite number"),
            ("kind = \"adam\"\nbetas = [0.9, inf]", "not a finite number"),
        ] {
            let message = toml::from_str::<OptimizerSpec>(text).unwrap_err().to_string();
            assert!(message.contains(fragment), "{message}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for (line, key) in [
            ("lr = 0.0", "lr"),
            ("lr = inf", "lr"),
            ("betas = [0.9, 1.0]", "betas"),
            ("eps = -1e-8", "eps"),
            ("weight_decay = -1", "weight_decay"),
            ("global_clip_norm = 0", "global_clip_norm"),
            ("ema_momentum = 1.5", "ema_momentum"),
            ("gradient_accumulation_steps = 0", "gradient_accumulation_steps"),
            ("lr = 1e300", "lr"),
            ("weight_decay = 1e300", "weight_decay"),
            ("eps = 0.0", "eps"),
            ("clip_value = 1e300", "clip_value"),
        ] {
            // JSON has no infinity, and tables are read through it.
            let read = toml::from_str::<OptimizerSpec>(&format!("kind = \"adam\"\n{line}"));
            let Ok(spec) = read else {
                assert_eq!(line, "lr = inf");
                continue;
            };
            let message = spec.validate("train.optimizer").unwrap_err().to_string();
            assert!(message.starts_with(&format!("train.optimizer.{key}: is ")), "{message}");
        }
        let nan = OptimizerSpec::new(Choice::Sgd(Sgd::new(f64::NAN)));
        assert!(nan.validate("train.optimizer").is_err());
    }
}
