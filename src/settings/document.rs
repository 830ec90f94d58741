//! A document of settings: the text of a file, and what `--set` and flags put upon it.
//!
//! Every value remembers where it was written, so that a message can name the flag, or the file and line.

use super::fault::{read, read_by};
use super::schema::{Schema, Shape};
use super::table::{at, line_at, overlay, parts, put};
use crate::error::{Error, Result};
use crate::files;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Table, Value};

/// Where a value was put that does not stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--set KEY=VALUE`.
    Set,
    /// A flag that stands for the key: `--epochs`.
    Flag(&'static str),
}

/// The text of a file, and what was set upon it. What is set later counts.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// How messages call the file; empty if there is none.
    name: String,
    text: String,
    values: Table,
    set: Vec<(Vec<String>, Origin)>,
}

/// Splits `key=value` at its first `=`.
pub fn assignment(text: &str) -> Result<(&str, &str)> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        let what = format!("`{text}` has no `=`");
        Error::config("--set", what, "write key=value, as in --set seed=3")
    })?;
    Ok((key.trim(), value.trim()))
}

impl Document {
    /// Reads a file. `place` is how messages call it when it cannot be read, `help` what they say then.
    pub fn file(path: &Path, place: &str, help: &str, shown_by: &str) -> Result<Self> {
        let refuse = |what: String| Error::config(place, what, help);
        let bytes = files::read_regular(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not valid UTF-8".into()))?;
        Self::text(&text, &path.display().to_string(), shown_by)
    }

    /// Takes the text of a file called `name`. `shown_by` is the command that prints a well-formed one.
    pub fn text(text: &str, name: &str, shown_by: &str) -> Result<Self> {
        let values = toml::from_str(text).map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_at(text, span.start));
            let written = text.lines().nth(line - 1).unwrap_or_default().trim();
            let key = written.split_once('=').map_or(written, |(key, _)| key.trim());
            let what = e.message().trim();
            let what = if key.is_empty() { what.to_owned() } else { format!("`{key}`: {what}") };
            Error::config(
                format!("{name}:{line}"),
                what,
                format!("{shown_by} prints a file that is well-formed (TOML)"),
            )
        })?;
        Ok(Self { name: name.into(), text: text.into(), values, set: Vec::new() })
    }

    /// Sets a key to a value that is written as in TOML; words need no quotes. Where `T` takes a text, `2024` is one too.
    pub fn set<T: JsonSchema>(&mut self, key: Vec<String>, text: &str) -> Result<()> {
        let parsed = toml::from_str::<Table>(&format!("v = {text}")).ok().filter(|table| table.len() == 1);
        let value = parsed.and_then(|mut table| table.remove("v")).unwrap_or_else(|| Value::from(text));
        let takes_text = || Schema::of::<T>().node().at(&key).is_some_and(|node| matches!(node.shape(), Shape::Text));
        let value = if !value.is_str() && takes_text() { Value::from(text) } else { value };
        self.put(key, value, Some(Origin::Set))
    }

    /// Puts a value at a path, whose parts may hold dots. Without an origin, it counts as written in the file.
    pub fn put(&mut self, key: Vec<String>, value: Value, origin: Option<Origin>) -> Result<()> {
        put(&mut self.values, &key, value).map_err(|what| {
            let place = if origin.is_some() { format!("--set {}", key.join(".")) } else { key.join(".") };
            Error::config(place, what, "`gradus init --keys` shows every key")
        })?;
        if let Some(origin) = origin {
            self.set.push((key, origin));
        }
        Ok(())
    }

    /// Returns the values, what was set among them.
    pub fn values(&self) -> &Table {
        &self.values
    }

    /// Returns the values, to be changed where a file leaves them open.
    pub fn values_mut(&mut self) -> &mut Table {
        &mut self.values
    }

    /// Returns whether this key was set upon the file.
    pub fn was_set(&self, key: &[String]) -> bool {
        self.set.iter().any(|(set, _)| set == key)
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the settings as a file, those that were set among them, and none that was not given.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.values).expect("a table is a table")
    }

    /// Reads a table, made of the document's values, into a type; errors say where a value was written. `schema` may know
    /// more keys than the type.
    pub fn read<T: DeserializeOwned>(&self, table: Table, schema: impl FnOnce() -> Schema) -> Result<T> {
        read_by("", Value::Table(table), schema).map_err(|error| self.say_where(error))
    }

    /// Reads the value at a dotted key into a type.
    pub fn read_at<T: DeserializeOwned + JsonSchema>(&self, key: &str, value: Value) -> Result<T> {
        read(key, value).map_err(|error| self.say_where(error))
    }

    /// Puts the document's values over those of `base`.
    pub fn over<T: Serialize + JsonSchema>(&self, base: &T) -> Result<Table> {
        let (mut table, schema) = (table_of(base)?, Schema::of::<T>());
        let is_section = |path: &[String]| schema.node().at(path).is_some_and(|node| node.is_section());
        overlay(&mut table, &self.values, &is_section);
        Ok(table)
    }

    /// Returns `changed`, but for what was set upon the file, which stays as it is in `given`.
    pub fn keep_set<T: Serialize + DeserializeOwned + JsonSchema>(&self, given: &T, changed: &T) -> Result<T> {
        let (given, mut table) = (table_of(given)?, table_of(changed)?);
        for (key, _) in &self.set {
            if let Some(value) = at(&given, key) {
                put(&mut table, key, value.clone()).map_err(|what| Error::config(key.join("."), what, ""))?;
            }
        }
        read("", Value::Table(table))
    }

    /// Puts the place where a refused value was written in front of the key that an error calls its place.
    pub fn say_where(&self, error: Error) -> Error {
        match error {
            Error::Config { place, what, help } => {
                // `the sum of data.split` speaks of a key.
                let key = place.split(' ').find(|word| place.contains(' ') && at(&self.values, &parts(word)).is_some());
                let place = match key {
                    Some(key) => format!("{} ({place})", self.place(key)),
                    None => self.place(&place),
                };
                Error::Config { place, what, help }
            }
            other => other,
        }
    }

    /// Returns how messages call a key: by `--set` or a flag if it was set there, else by the file's line.
    pub fn place(&self, key: &str) -> String {
        let is_in = |set: &[String]| {
            let set = set.join(".");
            key == set || key.strip_prefix(&set).is_some_and(|rest| rest.starts_with('.'))
        };
        match self.set.iter().rev().find(|(set, _)| is_in(set)) {
            Some((_, Origin::Set)) => return format!("--set {key}"),
            Some((_, Origin::Flag(flag))) => return format!("{flag} ({key})"),
            None => {}
        }
        let place = match (self.name.as_str(), self.line(key)) {
            ("", _) => String::new(),
            (name, Some(line)) => format!("{name}:{line}"),
            (name, None) => name.to_owned(),
        };
        [place.as_str(), key].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }

    /// The line on which a dotted key stands, or the nearest thing around it.
    fn line(&self, key: &str) -> Option<usize> {
        let parsed = DeTable::parse(&self.text).ok()?;
        let (mut table, mut list, mut start) = (Some(parsed.get_ref()), None, None);
        let mut rest = key;
        while !rest.is_empty() {
            let (part, after) = rest.split_once('.').unwrap_or((rest, ""));
            let value = match (table, list) {
                (Some(inside), _) => {
                    // A quoted key may hold dots itself.
                    let begins = |key: &str| rest.strip_prefix(key).is_some_and(|r| r.is_empty() || r.starts_with('.'));
                    let mut found = inside.iter().filter(|(key, _)| begins(key.get_ref()));
                    let Some((key, value)) = found.next() else { break };
                    start = Some(key.span().start);
                    rest = rest[key.get_ref().len()..].trim_start_matches('.');
                    value.get_ref()
                }
                (_, Some(items)) => {
                    let items: &DeArray<'_> = items;
                    let Some(item) = part.parse::<usize>().ok().and_then(|n| items.get(n.checked_sub(1)?)) else {
                        break;
                    };
                    start = Some(item.span().start);
                    rest = after;
                    item.get_ref()
                }
                _ => break,
            };
            (table, list) = match value {
                DeValue::Table(inside) => (Some(inside), None),
                DeValue::Array(items) => (None, Some(items)),
                _ => (None, None),
            };
        }
        start.map(|start| line_at(&self.text, start))
    }
}

/// Returns the settings of a type as a table.
pub fn table_of<T: Serialize>(settings: &T) -> Result<Table> {
    Table::try_from(settings).map_err(|e| Error::config("the settings", e.to_string(), "a seed is below 2^63"))
}
