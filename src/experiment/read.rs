//! From a file, and `--set` upon it, to an [`Experiment`].
//!
//! What is special about files of experiments: numbers by name (`[define]`), variants, layers called by their names, and
//! settings that follow from others. All the rest is the way of every file of settings: [`crate::settings`].

use super::data::DataKind;
use super::define::fill;
use super::kind::{Kind, NETWORK, OF_KINDS};
use super::kinds;
use super::layers::{self, Layer};
use super::spec::{Activation, Experiment};
use crate::error::{Error, Result};
use crate::optim::{Adam, OptimizerSpec};
use crate::run::RunFolder;
use crate::settings::document::assignment;
use crate::settings::table::{at, parts, put};
use crate::settings::{Document, Origin, Schema};
use crate::text::guess::nearest;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Where a syntax error sends its reader.
const SHOWN_BY: &str = "`gradus init mlp-300`";

/// What a file may hold beside an experiment.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "its schema is what is used")]
struct Beside {
    /// Numbers by name, which layers take as products: with `n = 8` here, `filters = "4 * n"` is 32.
    #[serde(default)]
    define: BTreeMap<String, f64>,
    /// Experiments that differ from the file's in some settings; `gradus train` trains all of them and compares them.
    #[serde(default)]
    variant: Vec<Variant>,
}

/// One of several experiments in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Variant {
    /// Its name, and that of its run's folder: letters, digits, `-`, `_` and `.`.
    name: String,
    /// What it is, in a sentence; without it, the file's own `about`.
    about: Option<String>,
    /// Dotted keys with the values that they have in this variant: `{ "train.epochs" = 3 }`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    set: Table,
}

/// Returns what a file of an experiment may hold.
pub fn schema() -> Schema {
    Schema::of::<Experiment>().and(Schema::of::<Beside>())
}

/// A file of settings, and what was set upon it.
#[derive(Clone, Debug)]
pub struct Source {
    document: Document,
}

impl Source {
    /// Reads a file.
    pub fn file(path: &Path) -> Result<Self> {
        let (place, help) = (path.display().to_string(), "give a built-in name or a file; see `gradus init`");
        Ok(Self { document: Document::file(path, &place, help, SHOWN_BY)? })
    }

    /// Takes the text of a file called `name`.
    pub fn text(text: &str, name: &str) -> Result<Self> {
        Ok(Self { document: Document::text(text, name, SHOWN_BY)? })
    }

    /// Takes `key=value`. The value is TOML; words need no quotes. Layers are called by number, from 1, or by name:
    /// `model.layer.2.filters`, `model.layer.conv2.filters`.
    pub fn set(&mut self, text: &str) -> Result<()> {
        let (key, value) = assignment(text)?;
        let key = self.place_layers(parts(key))?;
        self.document.set::<Experiment>(key.clone(), value)?;
        self.forget_other_optimizer(&key);
        Ok(())
    }

    /// Takes a flag that stands for a key: `--epochs 3` for `train.epochs`.
    pub fn flag(&mut self, flag: &'static str, key: &str, value: impl Into<Value>) -> Result<()> {
        self.document.put(parts(key), value.into(), Some(Origin::Flag(flag)))
    }

    /// Takes the flag `--data`, which says where the data are. A table and arrays say by their ending what they are, so the
    /// file's own kind of data gives way to theirs.
    pub fn data(&mut self, path: &str) -> Result<()> {
        self.flag("--data", "data.path", path)?;
        let named = at(self.document.values(), &parts("data.kind")).and_then(Value::as_str);
        let Some(own) = DataKind::ALL.iter().copied().find(|kind| Some(kind.name()) == named) else { return Ok(()) };
        match DataKind::recognizing(Path::new(path), own) {
            kind if kind != own && kind.source().may_hold_values() => self.flag("--data", "data.kind", kind.name()),
            _ => Ok(()),
        }
    }

    /// Puts a value at a path whose parts may hold dots.
    pub fn put(&mut self, path: &[&str], value: Value) -> Result<()> {
        let key: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.document.put(key.clone(), value, None)?;
        self.forget_other_optimizer(&key);
        Ok(())
    }

    /// Once `train.optimizer.kind` was set at `key`, removes the file's settings that another kind of optimizer had and this
    /// one does not: RMSprop's `alpha` is nothing to Adam. What was set on the command line stays, to be refused if wrong.
    fn forget_other_optimizer(&mut self, key: &[String]) {
        if key != ["train", "optimizer", "kind"] {
            return;
        }
        let Some(Value::Table(table)) = at(self.document.values(), &parts("train.optimizer")) else { return };
        let (mut table, kind) = (table.clone(), table["kind"].clone());
        let Some(known) = kind.as_str().and_then(OptimizerSpec::keys) else { return };
        table.retain(|name, _| {
            let was_set = self.document.was_set(&parts(&format!("train.optimizer.{name}")));
            name == "kind" || was_set || known.contains(&name)
        });
        let place = parts("train.optimizer");
        put(self.document.values_mut(), &place, table.into()).expect("the section is there");
    }

    /// The settings as a file, those that were set among them, and none that was not given.
    pub fn to_toml(&self) -> String {
        self.document.to_toml()
    }

    /// Replaces the names of layers in a path by their numbers.
    fn place_layers(&self, mut parts: Vec<String>) -> Result<Vec<String>> {
        // Names are looked up in the file, which need not be right where numbers are given.
        let is_name = |i: usize| {
            (i == 2 || ["layer", "shortcut", "branch"].contains(&parts[i - 1].as_str()))
                && parts[i].parse::<usize>().is_err()
        };
        if parts.len() > 2 && parts[..2] == ["model", "layer"] && (2..parts.len()).any(is_name) {
            let whole = parts.join(".");
            let filled = self.filled(self.document.values())?;
            let list = at(&filled, &["model".to_owned(), "layer".to_owned()]).cloned();
            let list = list.unwrap_or_else(|| Value::Array(Vec::new()));
            let layers: Vec<Layer> = self.document.read_at("model.layer", list)?;
            layers::number(&layers, &mut parts[2..]).map_err(|(name, known)| {
                let help = format!("there are {}", known.join(", "));
                Error::config(format!("--set {whole}"), format!("there is no layer `{name}`"), help)
            })?;
        }
        Ok(parts)
    }

    /// The values with the products of defined numbers worked out.
    fn filled(&self, values: &Table) -> Result<Table> {
        let mut filled = values.clone();
        let nothing = Table::new();
        let defined = match values.get("define") {
            Some(Value::Table(defined)) => defined,
            None => &nothing,
            Some(other) => {
                let what = format!("is {other}: expected a section");
                return Err(Error::config(self.document.place("define"), what, "begin it with [define]"));
            }
        };
        if let Some(Value::Array(layers)) = filled.get_mut("model").and_then(|model| model.get_mut("layer")) {
            fill(layers, defined).map_err(|(path, what)| {
                let place = self.document.place(&format!("model.layer.{}", path.join(".")));
                Error::config(place, what, "write a product of numbers and names, such as \"4 * n\"")
            })?;
        }
        Ok(filled)
    }

    /// The variants that the file names, each the same file with some keys set; none for a single experiment.
    pub fn variants(&self) -> Result<Vec<Source>> {
        let Some(value) = self.document.values().get("variant") else { return Ok(Vec::new()) };
        let variants: Vec<Variant> = self.document.read_at("variant", value.clone())?;
        let mut sources = Vec::new();
        for (i, variant) in variants.into_iter().enumerate() {
            let mut source = self.clone();
            let values = source.document.values_mut();
            values.remove("variant");
            values.insert("name".into(), variant.name.into());
            if let Some(about) = variant.about {
                values.insert("about".into(), about.into());
            }
            // What the command line sets stands above what the file varies.
            for (key, value) in variant.set.into_iter().filter(|(key, _)| !self.document.was_set(&parts(key))) {
                let path = source.place_layers(parts(&key))?;
                put(source.document.values_mut(), &path, value).map_err(|what| {
                    Error::config(self.document.place(&format!("variant.{}.set.{key}", i + 1)), what, "")
                })?;
            }
            sources.push(source);
        }
        Ok(sources)
    }

    /// The experiment made small (see [`Experiment::smoke`]). That lies above the file and below `--set`.
    pub fn resolve_small(&self) -> Result<Experiment> {
        let given = self.resolve()?;
        let mut small = given.clone();
        small.smoke();
        Ok(self.document.keep_set(&given, &small)?.of_kind(given.kind))
    }

    /// The kind of this name.
    fn kind(&self, name: &str) -> Result<&'static Kind> {
        kinds::named(name).ok_or_else(|| {
            let words = kinds::names();
            let guess = nearest(name, words.iter().copied());
            let guess = guess.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let help = format!("{guess}Allowed are {}", words.join(", "));
            Error::config(self.document.place("kind"), format!("is \"{name}\""), help)
        })
    }

    /// Refuses settings that this kind of experiment does not have: they would have no effect.
    fn check_sections(&self, values: &Table, kind: Option<&Kind>) -> Result<()> {
        let stranger = |section: &'static str| {
            let takes = |key: &str| match kind {
                Some(kind) => kind.takes(section, key),
                None => NETWORK.contains(&section),
            };
            let keys = values.get(section).and_then(Value::as_table)?.keys();
            keys.into_iter().find(|key| !takes(key.as_str())).map(|key| format!("{section}.{key}"))
        };
        let Some(key) = OF_KINDS.into_iter().find_map(stranger) else { return Ok(()) };
        let (section, name) = key.split_once('.').expect("a section and a key");
        let (what, help) = match kind {
            Some(kind) => {
                (format!("is not a setting of kind = \"{}\"", kind.name), "remove it, or change `kind`".to_owned())
            }
            None => {
                let has_it = kinds::ALL.iter().map(|runner| runner.kind()).find(|kind| kind.takes(section, name));
                let has_it = has_it.map_or("", |kind| kind.name);
                (
                    "is not a setting of a network".to_owned(),
                    format!("write kind = \"{has_it}\" at the top, or remove it"),
                )
            }
        };
        Err(Error::config(self.document.place(&key), what, help))
    }

    /// Writes the layers of a network whose file gives `model.hidden` instead.
    fn perceptron(&self, values: &mut Table) -> Result<()> {
        let Some(Value::Table(model)) = values.get_mut("model") else { return Ok(()) };
        let (hidden, activation) = (model.remove("hidden"), model.remove("activation"));
        let Some(hidden) = hidden else {
            let place = || self.document.place("model.activation");
            let help = "give model.hidden, or an activation as a layer of [[model.layer]]";
            return activation.map_or(Ok(()), |_| Err(Error::config(place(), "is for model.hidden", help)));
        };
        if model.contains_key("layer") {
            let help = "remove one of the two: model.hidden is short for layers";
            return Err(Error::config(self.document.place("model.hidden"), "is given beside [[model.layer]]", help));
        }
        let widths: Vec<usize> = self.document.read_at("model.hidden", hidden)?;
        let activation =
            activation.map(|word| self.document.read_at::<Activation>("model.activation", word)).transpose()?;
        let layer =
            |keys: &[(&str, Value)]| Value::Table(keys.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
        let linear = |units: usize| layer(&[("type", "linear".into()), ("units", (units as i64).into())]);
        let between = match activation.unwrap_or_default() {
            Activation::Identity => None,
            function => Some(layer(&[("type", Value::try_from(function).expect("a word"))])),
        };
        let mut layers = Vec::new();
        for units in widths {
            if units == 0 {
                let what = "holds 0: expected the number of units of each hidden layer";
                return Err(Error::config(self.document.place("model.hidden"), what, "write 1 or more"));
            }
            layers.push(linear(units));
            layers.extend(between.clone());
        }
        layers.push(linear(0));
        model.insert("layer".into(), Value::Array(layers));
        Ok(())
    }

    /// The experiment, every value checked.
    pub fn resolve(&self) -> Result<Experiment> {
        let mut values = self.filled(self.document.values())?;
        values.remove("define");
        values.remove("variant");
        let kind = values.get("kind").and_then(Value::as_str).map(|name| self.kind(name)).transpose()?;
        self.check_sections(&values, kind)?;
        self.perceptron(&mut values)?;
        for (section, value) in kind.map(implied).into_iter().flatten() {
            values.entry(section).or_insert(value);
        }
        if let Value::Table(train) = values.entry("train").or_insert_with(|| Value::Table(Table::new())) {
            complete(train, kind);
        }
        if kind.is_some_and(|kind| !kind.is_network()) {
            values.entry("model").or_insert_with(|| Value::Table(Table::new()));
        } else if values.get("model").and_then(Value::as_table).is_some_and(|model| !model.contains_key("layer")) {
            let help = "write each layer as [[model.layer]], with its type";
            return Err(Error::config(self.document.place("model"), "has no layers", help));
        }
        let experiment: Experiment = self.document.read(values, schema)?;
        let kind = kind.unwrap_or_else(|| kinds::of_loss(experiment.train.loss));
        let experiment = experiment.of_kind(kind);
        let checked = experiment.validate().and_then(|()| kinds::runner(kind).check(&experiment));
        checked.map_err(|error| self.document.say_where(error))?;
        Ok(experiment)
    }

    /// Puts the place where a refused value was written in front of the key that an error calls its place.
    pub fn say_where(&self, error: Error) -> Error {
        self.document.say_where(error)
    }
}

/// The sections that a file of this kind has without giving them.
fn implied(kind: &Kind) -> Table {
    kind.implied.parse().expect("a kind implies sections in TOML")
}

/// Adds to the training section what follows from other settings: the usual loss of the kind of experiment, and the usual
/// kind of optimizer, Adam, with its usual learning rate.
fn complete(train: &mut Table, kind: Option<&Kind>) {
    if let Some(usual) = kind.and_then(|kind| kind.losses.first()) {
        train.entry("loss").or_insert_with(|| usual.name().into());
    }
    if let Some(Value::Table(optimizer)) = train.get_mut("optimizer")
        && !optimizer.contains_key("kind")
    {
        optimizer.insert("kind".into(), "adam".into());
        optimizer.entry("lr").or_insert(Value::Float(Adam::default().lr));
    }
}

/// The settings of an experiment: all that its kind has.
pub fn table(e: &Experiment) -> Table {
    let section =
        |value: std::result::Result<Table, toml::ser::Error>| Value::Table(value.expect("a section is plain tables"));
    let Value::Table(mut table) = section(Table::try_from(e)) else { unreachable!("made as a table") };
    // They are not written where they are as usual.
    table.insert("som".into(), section(Table::try_from(e.som)));
    table.insert("svr".into(), section(Table::try_from(e.svr)));
    table.insert("forest".into(), section(Table::try_from(e.forest)));
    for section in OF_KINDS {
        if let Some(Value::Table(keys)) = table.get_mut(section) {
            keys.retain(|key, _| e.kind.takes(section, key));
        }
    }
    table.retain(|key, value| !OF_KINDS.contains(&key) || value.as_table().is_some_and(|keys| !keys.is_empty()));
    table
}

/// The experiment as a file that reads back as the same experiment.
pub fn to_toml(experiment: &Experiment) -> String {
    let text = if experiment.kind.is_network() {
        toml::to_string(experiment) // in the order of the documentation
    } else {
        toml::to_string(&table(experiment))
    };
    text.expect("an experiment is plain tables")
}

/// The experiment of a run.
pub fn of_run(folder: &RunFolder) -> Result<Experiment> {
    if folder.recipe()? != "train" {
        return Err(Error::data(folder.root(), "is not a run of `gradus train`", "give the folder of one"));
    }
    Source::text(&folder.config_text()?, "config.toml")?.resolve()
}

/// Finds relative paths, of data and of weights to begin with, from where a run was begun, if they lead nowhere from here.
pub fn at_home(mut e: Experiment, folder: &RunFolder) -> Result<Experiment> {
    for path in [&mut e.data.path, &mut e.model.weights] {
        if let Some(there) = folder.from_home(path)? {
            *path = there;
        }
    }
    Ok(e)
}
