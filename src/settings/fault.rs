//! Values read into a type; and what is wrong with those that it refuses, and where.
//!
//! `serde` says that a value is refused in words of its own, and within sections that it had to look at twice not where.
//! So the value is held against the schema of its type: the first key that does not exist, is missing, or has another sort
//! of value than the schema says is the fault. Only where the schema finds none, a type has a rule that no schema knows:
//! then its own words are given, with the place that `serde_path_to_error` kept.

use super::schema::{Field, Node, Schema, Shape, Word};
use crate::error::{Error, Result};
use crate::text::guess::{nearest, spelt};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

/// Reads the value at the dotted key `path` (empty: the whole) into a type. The place of an error is the dotted key.
pub fn read<T: DeserializeOwned + JsonSchema>(path: &str, value: Value) -> Result<T> {
    read_by(path, value, Schema::of::<T>)
}

/// Reads a value into a type of which `schema` may know more keys than the type, to name them in its messages.
pub fn read_by<T: DeserializeOwned>(path: &str, value: Value, schema: impl FnOnce() -> Schema) -> Result<T> {
    serde_path_to_error::deserialize(value.clone()).map_err(|error| {
        let prefix: Vec<String> = path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let schema = schema();
        let (inside, what, help) = match (Walk { prefix: &prefix }).fault(schema.node(), &value, &[]) {
            Some(Fault { path, what, help }) => (path, what, help),
            None => {
                let part = |segment: &Segment| match segment {
                    Segment::Seq { index } => Some((index + 1).to_string()),
                    Segment::Map { key } => Some(key.clone()),
                    _ => None,
                };
                let inside = error.path().iter().filter_map(part).collect();
                (inside, error.inner().message().trim().to_owned(), String::new())
            }
        };
        Error::config([prefix, inside].concat().join("."), what, help)
    })
}

/// What is wrong, and where.
struct Fault {
    path: Vec<String>,
    what: String,
    help: String,
}

/// The look at a value that stands at `prefix`.
struct Walk<'p> {
    prefix: &'p [String],
}

impl Walk<'_> {
    /// The first fault of a value at `path`.
    fn fault(&self, node: Node<'_>, value: &Value, path: &[String]) -> Option<Fault> {
        let fault = |what: String, help: String| Some(Fault { path: path.to_vec(), what, help });
        let expected = || {
            let help = format!("give {}. {}", node.expected(), node.sentence());
            fault(format!("is {value}"), help.trim().to_owned())
        };
        match (node.shape(), value) {
            (Shape::Section(fields), Value::Table(table)) => self.section(node, &fields, None, table, path),
            (Shape::Tagged { tag, kinds, common }, Value::Table(table)) => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.word).collect();
                let Some(word) = table.get(tag) else {
                    return fault(
                        format!("has no `{tag}`"),
                        format!("add {tag} = \"..\"; there are {}", names.join(", ")),
                    );
                };
                let unknown = Self::word(&kinds, word, &with(path, tag));
                if unknown.is_some() {
                    return unknown;
                }
                let kind = kinds.iter().find(|kind| word.as_str() == Some(kind.word))?;
                let fields: Vec<Field<'_>> = kind.node.keys_of_kind(tag).into_iter().chain(common).collect();
                self.section(node, &fields, Some(tag), table, path)
            }
            (Shape::Map(inner), Value::Table(table)) => {
                table.iter().find_map(|(key, value)| self.fault(inner, value, &with(path, key)))
            }
            (Shape::Section(_) | Shape::Tagged { .. } | Shape::Map(_), other) => {
                let whole = [self.prefix, path].concat().join(".");
                let first = node.below().into_iter().next();
                let such = first.map(|(key, _)| format!(", or set one of its keys, such as {whole}.{}", key.join(".")));
                fault(
                    format!("is {other}: expected a section"),
                    format!("begin it with [{whole}]{}", such.unwrap_or_default()),
                )
            }
            (Shape::List(item, count), Value::Array(list)) => {
                if count.is_some_and(|count| count != list.len() as u64) {
                    return expected();
                }
                let holds_sections = item.is_section();
                list.iter().enumerate().find_map(|(i, value)| {
                    match self.fault(item, value, &with(path, &(i + 1).to_string())) {
                        // Of a list of plain values the list is named.
                        Some(fault) if !holds_sections && fault.what.starts_with("is ") => expected(),
                        Some(fault) if !holds_sections => Some(Fault { path: path.to_vec(), ..fault }),
                        other => other,
                    }
                })
            }
            (Shape::List(item, _), other) if item.is_section() => {
                let help = format!("write each as [[{}]]", [self.prefix, path].concat().join("."));
                fault(format!("is {other}: expected a list of sections"), help)
            }
            (Shape::Words(words), value) => Self::word(&words, value, path),
            (Shape::Text, Value::String(_)) | (Shape::Switch, Value::Boolean(_)) | (Shape::Any, _) => None,
            (Shape::Whole(negative), Value::Integer(n)) if negative || *n >= 0 => None,
            (Shape::Number, Value::Integer(_)) => None,
            (Shape::Number, Value::Float(x)) if x.is_finite() => None,
            (Shape::Either(nodes), value) => {
                let faults: Vec<Option<Fault>> = nodes.iter().map(|&node| self.fault(node, value, path)).collect();
                if faults.iter().any(Option::is_none) {
                    return None;
                }
                // A table among the alternatives is looked into; a word is compared with the words.
                let both = nodes.iter().zip(faults);
                let near =
                    both.filter(|(node, _)| matches!((node.shape(), value), (Shape::Section(_), Value::Table(_))));
                near.filter_map(|(_, fault)| fault).next().or_else(|| {
                    let words = words(node);
                    let near = value.as_str().and_then(|word| nearest(word, words.iter().copied()));
                    let guess = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                    let fault = expected()?;
                    Some(Fault { help: guess + &fault.help, ..fault })
                })
            }
            _ => expected(),
        }
    }

    /// The first fault of a section: a key that it has not, one of its values, a key that is missing.
    fn section(
        &self,
        node: Node<'_>,
        fields: &[Field<'_>],
        tag: Option<&str>,
        table: &Table,
        path: &[String],
    ) -> Option<Fault> {
        let known = |key: &str| fields.iter().find(|field| field.name == key);
        if let Some(key) = table.keys().find(|key| Some(key.as_str()) != tag && known(key).is_none()) {
            let whole = [self.prefix, path].concat();
            let help = suggestion(node, fields, &whole, key);
            return Some(Fault { path: with(path, key), what: format!("there is no setting `{key}`"), help });
        }
        for (key, value) in table {
            let Some(field) = known(key) else { continue };
            let fault = self.fault(field.node, value, &with(path, key));
            if fault.is_some() {
                return fault;
            }
        }
        let missing = fields.iter().find(|field| field.required && !table.contains_key(field.name))?;
        let whole = [self.prefix, path, &[missing.name.to_owned()]].concat().join(".");
        let (what, help) = match missing.node.is_section() {
            true => (format!("has no section [{whole}]"), String::new()),
            false => {
                let expected = missing.node.expected();
                (format!("has no `{}`", missing.name), format!("add `{} = ..`: {expected}. ", missing.name))
            }
        };
        Some(Fault { path: path.to_vec(), what, help: help + &missing.node.sentence() })
    }

    /// The fault of a value that should be one of some words.
    fn word(words: &[Word<'_>], value: &Value, path: &[String]) -> Option<Fault> {
        let names: Vec<&str> = words.iter().map(|word| word.word).collect();
        let allowed = names.join(", ");
        let Some(word) = value.as_str() else {
            return Some(Fault {
                path: path.to_vec(),
                what: format!("is {value}"),
                help: format!("give one of {allowed}"),
            });
        };
        if names.contains(&word) {
            return None;
        }
        let help = match nearest(word, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Allowed are {allowed}"),
            None => format!("allowed are {allowed}"),
        };
        Some(Fault { path: path.to_vec(), what: format!("does not know the word `{word}`"), help })
    }
}

/// A path and one part more.
fn with(path: &[String], part: &str) -> Vec<String> {
    [path, &[part.to_owned()]].concat()
}

/// The words among the alternatives of a place.
fn words(node: Node<'_>) -> Vec<&str> {
    match node.shape() {
        Shape::Words(words) => words.into_iter().map(|word| word.word).collect(),
        Shape::Either(nodes) => nodes.into_iter().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

/// What to say to somebody who wrote a key that the section at `path` has not: the key of that name in a section within
/// this one, or the key of a similar name.
fn suggestion(node: Node<'_>, fields: &[Field<'_>], path: &[String], key: &str) -> String {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    // A layer is called by its number only here, so its keys are better listed without.
    let whole = |inside: &[String]| match path.iter().any(|part| part.parse::<usize>().is_ok()) {
        true => inside.join("."),
        false => [path, inside].concat().join("."),
    };
    let below = node.below();
    let deeper = || below.iter().map(|(path, _)| path).filter(|path| path.len() > 1);
    let named = |name: &str| -> Vec<String> {
        let same: Vec<&Vec<String>> = deeper().filter(|path| path.last().is_some_and(|last| last == name)).collect();
        let least = same.iter().map(|path| path.len()).min();
        same.into_iter().filter(|path| Some(path.len()) == least).map(|path| format!("`{}`", whole(path))).collect()
    };
    let here = |near: Option<&str>| near.map(|near| vec![format!("`{}`", whole(&[near.to_owned()]))]);
    let last = |path: &'_ Vec<String>| path.last().cloned().unwrap_or_default();
    let names: Vec<String> = deeper().map(last).collect();
    let names = || names.iter().map(String::as_str).collect::<Vec<_>>();
    let guess: Option<Vec<String>> = here(spelt(key, known.iter().copied()))
        .or_else(|| spelt(key, names()).map(named))
        .or_else(|| here(nearest(key, known.iter().copied())))
        .or_else(|| nearest(key, names()).map(named));
    let list = known.join(", ");
    match guess {
        Some(guess) => format!("did you mean {}? Known here: {list}", guess.join(" or ")),
        None if known.is_empty() => "nothing can be set here".into(),
        None => format!("known here: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// A section with a value of each sort.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only what is refused is looked at")]
    struct All {
        /// How many.
        count: u32,
        /// One word, or two numbers.
        either: Either,
        /// Steps of a kind.
        step: Vec<Step>,
        /// A section within.
        inner: Inner,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only what is refused is looked at")]
    enum Either {
        Word(Word),
        Two([f64; 2]),
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Same,
        Valid,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only what is refused is looked at")]
    enum Step {
        Walk { far: f64 },
        Rest {},
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only what is refused is looked at")]
    struct Inner {
        /// Learning rate.
        lr: f64,
    }

    const GOOD: &str =
        "count = 1\neither = 'same'\nstep = [{ type = 'walk', far = 2 }, { type = 'rest' }]\ninner.lr = 1";

    fn refusal(from: &str, to: &str) -> (String, String, String) {
        assert!(GOOD.contains(from), "{from}");
        let value = toml::from_str::<Table>(&GOOD.replace(from, to)).unwrap().into();
        match read::<All>("all", value).unwrap_err() {
            Error::Config { place, what, help } => (place, what, help),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place_and_what_was_expected() {
        read::<All>("all", toml::from_str::<Table>(GOOD).unwrap().into()).unwrap();
        for (from, to, place, what, help) in [
            ("count = 1", "count = -1", "all.count", "is -1", "give a whole number, not negative. How many."),
            ("count = 1\n", "", "all", "has no `count`", "a whole number, not negative. How many."),
            ("inner.lr = 1", "", "all", "has no section [all.inner]", "A section within."),
            (
                "'same'",
                "'sane'",
                "all.either",
                "is \"sane\"",
                "did you mean `same`? give `same` or `valid`, or a list of 2",
            ),
            ("'same'", "[1, 2, 3]", "all.either", "is [1, 2, 3]", "such as [1, 2]"),
            ("'walk'", "'wlak'", "all.step.1.type", "does not know the word `wlak`", "did you mean `walk`?"),
            ("type = 'rest'", "far = 1", "all.step.2", "has no `type`", "there are walk, rest"),
            ("far = 2", "far = 'x'", "all.step.1.far", "is \"x\"", "give a number."),
            ("far = 2", "fra = 2", "all.step.1.fra", "there is no setting `fra`", "did you mean `far`?"),
            ("count = 1", "count = 1\nlearning_rate = 2", "all.learning_rate", "there is no", "`all.inner.lr`?"),
            ("inner.lr = 1", "inner = 1", "all.inner", "is 1: expected a section", "such as all.inner.lr"),
            ("inner.lr = 1", "inner.lr = nan\ninner.x = 1", "all.inner.x", "there is no setting `x`", "known here: lr"),
            // What only the type itself knows: that the number is too large for it.
            ("count = 1", "count = 5000000000", "all.count", "expected u32", ""),
        ] {
            let found = refusal(from, to);
            assert_eq!(found.0, place, "{to}: {found:?}");
            assert!(found.1.contains(what) && found.2.contains(help), "{to}: {found:?}");
        }
    }
}
