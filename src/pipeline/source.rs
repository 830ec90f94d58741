//! From words to a [`Config`]: flags and `--set` upon the config file, upon defaults.
//!
//! The defaults depend on the data (rendered galaxies need fewer epochs), so the data source is settled first.

use super::config::Config;
use crate::error::{Error, Result};
use crate::run::RunFolder;
use crate::settings::document::{assignment, table_of};
use crate::settings::table::{at, parts};
use crate::settings::{Document, Origin, Schema, listing};
use std::path::Path;
use toml::Value;

/// Where a syntax error sends its reader.
const SHOWN_BY: &str = "`gradus pipeline --print-config`";

/// What was written of a [`Config`]: in a file, by `--set` and by flags, each upon what was there before.
#[derive(Clone, Debug, Default)]
pub struct ConfigSource {
    document: Document,
    smoke: bool,
}

impl ConfigSource {
    /// Nothing was written: all defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a config file. Messages name its lines.
    pub fn file(path: &Path) -> Result<Self> {
        let place = format!("--config {}", path.display());
        Ok(Self { document: Document::file(path, &place, "check the path", SHOWN_BY)?, smoke: false })
    }

    /// Reads the text of a config file called `name`.
    pub fn text(text: &str, name: &str) -> Result<Self> {
        Ok(Self { document: Document::text(text, name, SHOWN_BY)?, smoke: false })
    }

    /// Takes `key=value`. The value is TOML; words need no quotes.
    pub fn set(&mut self, text: &str) -> Result<()> {
        let (key, value) = assignment(text)?;
        self.document.set::<Config>(parts(key), value)
    }

    /// Takes a flag that stands for a key: `--epochs 3` for `cnn.epochs`.
    pub fn flag(&mut self, flag: &'static str, key: &str, value: impl Into<Value>) -> Result<()> {
        self.document.put(parts(key), value.into(), Some(Origin::Flag(flag)))
    }

    /// Makes every stage small. That lies above the file, which may hold every key, and below `--set` and flags.
    pub fn smoke(&mut self) {
        self.smoke = true;
    }

    /// Returns whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.document.is_empty() && !self.smoke
    }

    /// Returns what was written over the defaults for its data source, every value checked.
    pub fn resolve(&self) -> Result<Config> {
        let source = at(self.document.values(), &parts("data.source")).and_then(Value::as_str);
        self.over(&Config::for_source(source.unwrap_or("galaxies")))
    }

    /// Returns what was written over `base`, every value checked.
    pub fn over(&self, base: &Config) -> Result<Config> {
        let mut config: Config = self.document.read(self.document.over(base)?, Schema::of::<Config>)?;
        if self.smoke {
            let mut small = config.clone();
            small.smoke();
            config = self.document.keep_set(&config, &small)?;
        }
        config.validate().map_err(|error| self.document.say_where(error))?;
        Ok(config)
    }
}

/// The settings as TOML with comments, which reads back as the same settings.
pub fn to_toml(config: &Config) -> Result<String> {
    Ok(listing::commented(&Schema::of::<Config>(), &table_of(config)?))
}

/// Reads settings that [`to_toml`] wrote. Messages call the text `name`.
pub fn from_toml(text: &str, name: &str) -> Result<Config> {
    ConfigSource::text(text, name)?.resolve()
}

/// The settings of a run.
pub fn of_run(folder: &RunFolder) -> Result<Config> {
    from_toml(&folder.config_text()?, "config.toml").map_err(|e| {
        let what = format!("is not what this program writes: {e}");
        Error::data(folder.path("config.toml"), what, "use a run of this version, unchanged")
    })
}

/// The first key in which two configs differ, with both values.
pub fn difference(a: &Config, b: &Config) -> Result<Option<(String, String, String)>> {
    Ok(listing::difference(&Schema::of::<Config>(), &table_of(a)?, &table_of(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::scale::Scaling;
    use crate::data::Color;

    fn resolve(file: &str, sets: &[&str], flags: &[(&'static str, &str, Value)]) -> Result<Config> {
        let mut settings = ConfigSource::text(file, "my.toml")?;
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
    fn every_key_is_printed_with_what_it_means() {
        for (path, node) in Schema::of::<Config>().node().below() {
            assert!(node.sentence().ends_with('.'), "{}: {}", path.join("."), node.sentence());
        }
        let text = to_toml(&Config::default()).unwrap();
        let keys = text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
        let Ok(Value::Table(table)) = Value::try_from(Config::default()) else { panic!("settings are a table") };
        let all: usize = table.values().map(|value| value.as_table().map_or(1, toml::Table::len)).sum();
        assert_eq!((keys, all), (32, 32), "{text}");
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
        let mut settings = ConfigSource::text("cnn.epochs = 30\ncnn.batch = 7", "my.toml").unwrap();
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
        assert!(refusal("[cn]\nlr = 0.1", &[]).contains("my.toml:1: cn: there is no setting `cn`"));
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
            ("cnn.widths=8,16", "a list of whole numbers, not negative"),
            ("data.split=[0.5, 0.5]", "a list of 3 numbers"),
            ("data.split=[0.5, 0.2, 0.2, 0.1]", "a list of 3 numbers"),
            ("data.color=grey", "did you mean `gray`"),
            ("mlp.activation=rellu", "did you mean `relu`"),
            ("features.names=[\"entropie\"]", "did you mean `entropy`"),
            ("features.scaling=3", "standard"),
            ("cnn=3", "expected a section"),
            ("cnn=3", "such as cnn.widths"),
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
