//! From words to a [`Config`]: flags, then `--set`, then the config file, then defaults.
//!
//! Every setting has a dotted key, such as `cnn.lr`. A layer of settings is a list of keys with values, each
//! remembering where it was written, so that a message can name the flag, or the file and line. A key is looked up and
//! a value tried on its own as soon as it is read; ranges are checked when all layers lie on top of each other.
//!
//! The defaults depend on the data (rendered galaxies need fewer epochs), so the data source is settled first.

use super::config::Config;
use super::keys::{KEYS, first_of, is_section, meaning, suggestion};
use crate::error::{Error, Result};
use crate::files;
use crate::run::RunFolder;
use crate::text::guess::nearest;
use serde::Deserialize;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// One setting, and where it was written: `--epochs`, `--set`, `my.toml:12`.
#[derive(Clone, Debug)]
struct Entry {
    key: String,
    value: Value,
    origin: String,
}

impl Entry {
    /// Checks that the key exists and that the value is of its sort.
    fn new(key: &str, value: Value, origin: &str) -> Result<Self> {
        let entry = Self { key: key.to_owned(), value, origin: origin.to_owned() };
        let place = entry.place();
        if is_section(key) {
            let what = format!("is a section, not a value (it got `{}`)", entry.value);
            return Err(Error::config(place, what, format!("set one of its keys, such as {}", first_of(key))));
        }
        let Some(meaning) = meaning(key) else {
            return Err(Error::config(place, format!("there is no setting `{key}`"), suggestion(key)));
        };
        entry.try_alone(meaning).map(|()| entry)
    }

    /// How messages call this setting.
    fn place(&self) -> String {
        match self.origin.as_str() {
            "--set" => format!("--set {}", self.key),
            flag if flag.starts_with("--") => format!("{flag} ({})", self.key),
            file => format!("{file}: {}", self.key),
        }
    }

    /// Puts the value among the defaults, to see whether it is of the right sort.
    fn try_alone(&self, meaning: &str) -> Result<()> {
        let mut table = table_of(&Config::default())?;
        let wanted = sort_of(at(&table, &self.key));
        put(&mut table, &self.key, self.value.clone());
        let Err(error) = Config::deserialize(Value::Table(table)) else { return Ok(()) };
        let message = error.message();
        let (what, help) = match message.split_once("unknown variant `") {
            Some((_, rest)) => {
                let word = rest.split('`').next().unwrap_or_default();
                let words: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
                let guess = nearest(word, words.iter().copied()).map(|near| format!("did you mean `{near}`? "));
                let help = format!("{}allowed are {}", guess.unwrap_or_default(), words.join(", "));
                (format!("does not know the word `{word}`"), help)
            }
            None => (format!("is {}", self.value), format!("give {wanted}. {meaning}")),
        };
        Err(Error::config(self.place(), what, help))
    }
}

/// Settings in layers, not yet a [`Config`].
#[derive(Clone, Debug, Default)]
pub struct Settings {
    file: Vec<Entry>,
    smoke: bool,
    sets: Vec<Entry>,
    flags: Vec<Entry>,
}

impl Settings {
    /// No settings: all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a config file. Messages name its lines.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let refuse = |what: String| Error::config(format!("--config {}", path.display()), what, "check the path");
        let bytes = files::read_regular(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not valid UTF-8".into()))?;
        self.text(&text, &path.display().to_string())
    }

    /// Reads the text of a config file called `name`.
    pub fn text(&mut self, text: &str, name: &str) -> Result<()> {
        let syntax = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_at(text, span.start));
            Error::config(format!("{name}:{line}"), e.message().trim(), "`--print-config` shows the syntax (TOML)")
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let values: Table = toml::from_str(text).map_err(syntax)?;
        let mut found = Vec::new();
        flatten("", &values, Some(spans.get_ref()), &mut found);
        for (key, value, start) in found {
            let line = line_at(text, start);
            self.file.push(Entry::new(&key, value, &format!("{name}:{line}"))?);
        }
        Ok(())
    }

    /// Takes `key=value`. The value is TOML; words need no quotes.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((key, text)) = assignment.split_once('=') else {
            let what = format!("`{assignment}` has no `=`");
            return Err(Error::config("--set", what, "write key=value, as in --set cnn.lr=1e-4"));
        };
        let (key, text) = (key.trim(), text.trim());
        let value = match toml::from_str::<Table>(&format!("v = {text}")).ok().filter(|t| t.len() == 1) {
            Some(mut parsed) => parsed.remove("v").unwrap_or_else(|| Value::from(text)),
            None => Value::from(text),
        };
        let mut found = Vec::new();
        match value {
            Value::Table(table) if is_section(key) => flatten(key, &table, None, &mut found),
            // Where words are wanted, `2024` is a word too.
            value if !value.is_str() && default_is_text(key) && !value.is_table() => {
                found.push((key.into(), text.into(), 0));
            }
            value => found.push((key.into(), value, 0)),
        }
        for (key, value, _) in found {
            self.sets.push(Entry::new(&key, value, "--set")?);
        }
        Ok(())
    }

    /// Takes a flag that stands for a key: `--epochs 3` for `cnn.epochs`.
    pub fn flag(&mut self, flag: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        self.flags.push(Entry::new(key, value.into(), flag)?);
        Ok(())
    }

    /// Makes every stage small. Lies above the file, which may hold every key, and below `--set` and flags.
    pub fn smoke(&mut self) {
        self.smoke = true;
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.sets.is_empty() && self.flags.is_empty() && !self.smoke
    }

    /// All layers over the defaults for their data source, every value checked.
    pub fn resolve(&self) -> Result<Config> {
        let source = self.entries().rfind(|e| e.key == "data.source").and_then(|e| e.value.as_str());
        self.over(&Config::for_source(source.unwrap_or("galaxies")))
    }

    /// All layers over `base`, every value checked.
    pub fn over(&self, base: &Config) -> Result<Config> {
        let mut table = table_of(base)?;
        self.file.iter().for_each(|e| put(&mut table, &e.key, e.value.clone()));
        if self.smoke {
            let mut small = read(table)?;
            small.smoke();
            table = table_of(&small)?;
        }
        self.sets.iter().chain(&self.flags).for_each(|e| put(&mut table, &e.key, e.value.clone()));
        let config = read(table)?;
        config.validate().map_err(|error| self.say_where(error))?;
        Ok(config)
    }

    /// Lowest layer first.
    fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.file.iter().chain(&self.sets).chain(&self.flags)
    }

    /// Puts the place where a refused value was written in front of its key.
    fn say_where(&self, error: Error) -> Error {
        match error {
            Error::Config { place, what, help } => {
                let entry = self.entries().rfind(|e| place.contains(&e.key));
                let place = match entry {
                    Some(entry) if entry.key == place => entry.place(),
                    Some(entry) => format!("{} ({place})", entry.place()),
                    None => place,
                };
                Error::Config { place, what, help }
            }
            other => other,
        }
    }
}

/// The settings as TOML with comments, which reads back as the same settings.
pub fn to_toml(config: &Config) -> Result<String> {
    let table = table_of(config)?;
    let mut text = String::new();
    let mut section = "";
    for (key, meaning) in KEYS {
        let (head, name) = key.rsplit_once('.').unwrap_or(("", key));
        if head != section {
            text.push_str(&format!("\n[{head}]\n"));
            section = head;
        }
        if let Some(value) = at(&table, key) {
            text.push_str(&format!("# {meaning}\n{name} = {value}\n"));
        }
    }
    Ok(text)
}

/// Reads settings that [`to_toml`] wrote. Messages call the text `name`.
pub fn from_toml(text: &str, name: &str) -> Result<Config> {
    let mut settings = Settings::new();
    settings.text(text, name)?;
    settings.resolve()
}

/// The settings of a run.
pub fn of_run(folder: &RunFolder) -> Result<Config> {
    from_toml(&folder.config_text()?, "config.toml").map_err(|e| {
        let what = format!("is not what this program writes: {e}");
        Error::data(folder.path("config.toml"), what, "use a run of this version, unchanged")
    })
}

/// The first key in which two configs differ, with both values.
pub fn difference(a: &Config, b: &Config) -> Result<Option<(&'static str, String, String)>> {
    let (a, b) = (table_of(a)?, table_of(b)?);
    let show = |table, key| at(table, key).map(Value::to_string).unwrap_or_default();
    Ok(KEYS.iter().find(|(key, _)| at(&a, key) != at(&b, key)).map(|(key, _)| (*key, show(&a, key), show(&b, key))))
}

fn table_of(config: &Config) -> Result<Table> {
    Table::try_from(config).map_err(|e| Error::config("the settings", e.to_string(), "a seed is below 2^63"))
}

fn read(table: Table) -> Result<Config> {
    Config::deserialize(Value::Table(table)).map_err(|e| Error::config("the settings", e.message().trim(), ""))
}

/// The value at a dotted key.
fn at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((head, rest)) => table.get(head)?.as_table().and_then(|inner| at(inner, rest)),
        None => table.get(key),
    }
}

/// Replaces the value at a dotted key whose sections exist.
fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        Some((head, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(head) {
                put(inner, rest, value);
            }
        }
        None => {
            table.insert(key.to_owned(), value);
        }
    }
}

/// Lists the dotted keys of a table with their values and the place where each begins. A table in the place of a value
/// is a value.
fn flatten(prefix: &str, table: &Table, spans: Option<&DeTable<'_>>, found: &mut Vec<(String, Value, usize)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let span = spans.and_then(|spans| spans.iter().find(|(key, _)| key.get_ref() == name));
        let start = span.map_or(0, |(key, _)| key.span().start);
        match value {
            Value::Table(inner) if meaning(&key).is_none() && !inner.is_empty() => {
                let inside = span.and_then(|(_, value)| match value.get_ref() {
                    DeValue::Table(table) => Some(table),
                    _ => None,
                });
                flatten(&key, inner, inside, found);
            }
            Value::Table(_) if is_section(&key) => {}
            value => found.push((key, value.clone(), start)),
        }
    }
    found.sort_by_key(|&(_, _, start)| start);
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count()
}

fn default_is_text(key: &str) -> bool {
    table_of(&Config::default()).is_ok_and(|table| at(&table, key).is_some_and(Value::is_str))
}

/// What a value like this default is, in words.
fn sort_of(default: Option<&Value>) -> String {
    match default {
        Some(Value::Integer(_)) => "a whole number, not negative".into(),
        Some(Value::Float(_)) => "a number".into(),
        Some(Value::Boolean(_)) => "true or false".into(),
        Some(list @ Value::Array(_)) => format!("a list like {list}"),
        _ => "a word".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::scale::Scaling;
    use crate::data::Color;

    fn resolve(file: &str, sets: &[&str], flags: &[(&str, &str, Value)]) -> Result<Config> {
        let mut settings = Settings::new();
        settings.text(file, "my.toml")?;
        sets.iter().try_for_each(|set| settings.set(set))?;
        flags.iter().try_for_each(|(flag, key, value)| settings.flag(flag, key, value.clone()))?;
        settings.resolve()
    }

    fn refusal(file: &str, sets: &[&str]) -> String {
        let error = resolve(file, sets, &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn every_key_is_explained_and_every_explanation_has_a_key() {
        fn keys(prefix: &str, table: &Table, into: &mut Vec<String>) {
            for (name, value) in table {
                match value {
                    Value::Table(inner) => keys(&format!("{prefix}{name}."), inner, into),
                    _ => into.push(format!("{prefix}{name}")),
                }
            }
        }
        let mut real = Vec::new();
        keys("", &table_of(&Config::default()).unwrap(), &mut real);
        let mut known = KEYS.map(|(key, _)| key.to_owned());
        known.sort();
        assert_eq!(real, known);
    }

    #[test]
    fn flags_beat_set_beats_file_beats_defaults() {
        let file = "seed = 1\n[cnn]\nepochs = 1\nbatch = 1\nlr = 0.5\n";
        let flags = [("--epochs", "cnn.epochs", Value::from(3))];
        let config = resolve(file, &["cnn.epochs=2", "cnn.batch = 2"], &flags).unwrap();
        assert_eq!((config.seed, config.cnn.epochs, config.cnn.batch, config.cnn.lr), (1, 3, 2, 0.5));
        assert_eq!(config.mlp, Config::default().mlp);
    }

    #[test]
    fn defaults_follow_the_data_source() {
        assert_eq!(resolve("", &[], &[]).unwrap(), Config::for_source("galaxies"));
        assert_eq!(resolve("", &["data.source=images"], &[]).unwrap(), Config::for_source("images"));
        let file = "data.source = 'a'";
        let config = resolve(file, &["data.source=galaxies"], &[]).unwrap();
        assert_eq!(config, Config::for_source("galaxies"));
        assert_ne!(config.cnn.epochs, Config::for_source("a").cnn.epochs);
    }

    #[test]
    fn smoke_lies_above_the_file_and_below_set() {
        let mut settings = Settings::new();
        settings.text("cnn.epochs = 30\ncnn.batch = 7", "my.toml").unwrap();
        settings.set("mlp.epochs=9").unwrap();
        settings.smoke();
        let (config, mut small) = (settings.resolve().unwrap(), Config::default());
        small.smoke();
        assert_eq!((config.cnn.epochs, config.mlp.epochs, config.cnn.batch), (small.cnn.epochs, 9, 7));
    }

    #[test]
    fn set_reads_toml_and_bare_words() {
        let sets = ["data.source=2024", "data.color=rgb", "cnn.widths=[4, 8]", "cnn.lr=1", "cnn.flips=false"];
        let more = [r"data.group_by=(person\d+)_", "features.scaling={ min_max = { low = -1.0, high = 1.0 } }"];
        let config = resolve("", &[&sets[..], &more[..]].concat(), &[]).unwrap();
        assert_eq!((config.data.source.as_str(), config.data.color), ("2024", Color::Rgb));
        assert_eq!((config.cnn.widths, config.cnn.lr, config.cnn.flips), (vec![4, 8], 1.0, false));
        assert_eq!(config.data.group_by, r"(person\d+)_");
        assert_eq!(config.features.scaling, Scaling::MinMax { low: -1.0, high: 1.0 });
        assert_eq!(resolve("", &["kmeans={ n_init = 3 }"], &[]).unwrap().kmeans.n_init, 3);
    }

    #[test]
    fn printed_settings_read_back_as_the_same() {
        let mut odd = Config::for_source(r#"C:\my "images"\#1"#);
        odd.seed = i64::MAX as u64;
        odd.data.group_by = r"(person\d+_'x')".into();
        odd.features.scaling = Scaling::MinMax { low: -1.0, high: 1.0 };
        odd.cnn.lr = 0.1 + 0.2;
        odd.mlp.hidden = vec![];
        for config in [Config::default(), Config::for_source("galaxies"), odd] {
            let text = to_toml(&config).unwrap();
            assert_eq!(from_toml(&text, "config.toml").unwrap(), config, "{text}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest() {
        let message = refusal("seed = 1\n\n[cnn]\nlr = 0.1\nwdths = [4]\n", &[]);
        assert!(message.contains("my.toml:5") && message.contains("did you mean `cnn.widths`"), "{message}");
        let message = refusal("", &["cnn.lrr=1"]);
        assert!(message.contains("--set cnn.lrr") && message.contains("did you mean `cnn.lr`"), "{message}");
        assert!(refusal("", &["epochs=3"]).contains("`mlp.epochs` or `cnn.epochs`"));
        assert!(refusal("", &["sed=3"]).contains("`seed`"));
        assert!(refusal("", &["widhts=[3]"]).contains("`cnn.widths`"));
        for far in ["zebra=1", "cnn.zebra=1", "data.color=mauve"] {
            assert!(!refusal("", &[far]).contains("did you mean"), "{far}");
        }
        assert!(refusal("[cn]\nlr = 0.1", &[]).contains("my.toml:2"));
        assert!(refusal("", &["features.scaling={ min_max = { low = 0.0, high = 1.0, x = 1 } }"]).contains("scaling"));
    }

    #[test]
    fn wrong_sorts_name_key_value_and_what_is_wanted() {
        let message = refusal("[cnn]\n\nepochs = \"many\"", &[]);
        assert!(
            message.contains("my.toml:3: cnn.epochs") && message.contains("many") && message.contains("whole number")
        );
        for (set, part) in [
            ("cnn.lr=fast", "a number"),
            ("cnn.epochs=-1", "not negative"),
            ("cnn.epochs=1.5", "a whole number"),
            ("cnn.flips=1", "true or false"),
            ("cnn.widths=8,16", "a list like"),
            ("data.split=[0.5, 0.5]", "a list like"),
            ("data.split=[0.5, 0.2, 0.2, 0.1]", "a list like"),
            ("data.color=grey", "did you mean `gray`"),
            ("mlp.activation=rellu", "did you mean `relu`"),
            ("features.names=[\"entropie\"]", "did you mean `entropy`"),
            ("features.scaling=3", "standard"),
            ("cnn=3", "is a section"),
            ("cnn.lr", "has no `=`"),
        ] {
            let message = refusal("", &[set]);
            assert!(message.contains(part), "{set}: {message}");
        }
    }

    #[test]
    fn values_out_of_range_name_where_they_were_written() {
        assert!(refusal("", &["cnn.batch=0"]).starts_with("--set cnn.batch: is 0, outside 1 to"));
        assert!(refusal("cnn.lr = -1.0", &[]).starts_with("my.toml:1: cnn.lr: is -1,"));
        assert!(refusal("cnn.lr = nan", &[]).contains("cnn.lr"));
        assert!(refusal("data.split = [0.5, 0.3, 0.3]", &[]).starts_with("my.toml:1: data.split (the sum of"));
        let error = resolve("", &[], &[("--size", "data.size", Value::from(4))]).unwrap_err().to_string();
        assert!(error.starts_with("--size (data.size): is 4, outside 16 to 1024"), "{error}");
        for set in ["data.group_by=(", "data.group_by=abc", "features.names=[]", "data.source=", "seed=-1"] {
            refusal("", &[set]);
        }
        assert!(refusal("", &["features.names=[\"entropy\", \"entropy\"]"]).contains("twice"));
    }

    #[test]
    fn broken_toml_names_the_line() {
        assert!(refusal("seed = 1\nseed = 2\n", &[]).starts_with("my.toml:2"));
        assert!(refusal("\n\nseed == 1\n", &[]).starts_with("my.toml:3"));
    }
}
