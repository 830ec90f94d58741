//! From a file, and `--set` upon it, to an [`Experiment`]; and what to say to somebody who wrote it wrongly.
//!
//! Each section is read on its own, and each layer is a section. A refused one is traced to the key that is at fault,
//! and the key to the line of the file or to the `--set` where it was written.

use super::define::fill;
use super::kind::Kind;
use super::kinds;
use super::layers::{Branch, Layer};
use super::spec::{Data, Experiment, Model, Report, Train};
use super::tables::{at, line_at, put, remove};
use crate::error::{Error, Result};
use crate::files;
use crate::optim::{Adam, OptimizerSpec, Schedule};
use crate::run::RunFolder;
use crate::text::guess::{nearest, section_of};
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// A file of settings, and what was set upon it.
#[derive(Clone, Debug)]
pub struct Source {
    /// How messages call the file.
    name: String,
    text: String,
    values: Table,
    /// Dotted paths that were set by `--set`.
    set: Vec<String>,
}

impl Source {
    /// Reads a file.
    pub fn file(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let refuse =
            |what: String| Error::config(name.clone(), what, "give a built-in name or a file; see `gradus init`");
        let bytes = files::read_regular(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not valid UTF-8".into()))?;
        Self::text(&text, &name)
    }

    /// Takes the text of a file called `name`.
    pub fn text(text: &str, name: &str) -> Result<Self> {
        let values = toml::from_str(text).map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_at(text, span.start));
            let help = "`gradus init mlp-300` prints a file that is well-formed (TOML)";
            let written = text.lines().nth(line - 1).unwrap_or_default().trim();
            let key = written.split_once('=').map_or(written, |(key, _)| key.trim());
            let what = e.message().trim();
            let what = if key.is_empty() { what.to_owned() } else { format!("`{key}`: {what}") };
            Error::config(format!("{name}:{line}"), what, help)
        })?;
        Ok(Self { name: name.into(), text: text.into(), values, set: Vec::new() })
    }

    /// Takes `key=value`. The value is TOML; words need no quotes. Layers are called by number, from 1, or by name:
    /// `model.layer.2.filters`, `model.layer.conv2.filters`.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((key, text)) = assignment.split_once('=') else {
            let what = format!("`{assignment}` has no `=`");
            return Err(Error::config("--set", what, "write key=value, as in --set train.epochs=3"));
        };
        let (key, text) = (key.trim(), text.trim());
        let parsed = toml::from_str::<Table>(&format!("v = {text}")).ok().filter(|table| table.len() == 1);
        let value = parsed.and_then(|mut table| table.remove("v")).unwrap_or_else(|| Value::from(text));
        // Where words are wanted, `2024` is a word too.
        let value = if TEXTS.contains(&key) && !value.is_str() { Value::from(text) } else { value };
        let parts: Vec<&str> = key.split('.').collect();
        let key = self.place_layers(&parts)?;
        put(&mut self.values, &key, value).map_err(|what| {
            Error::config(format!("--set {}", key.join(".")), what, "`gradus init NAME` shows every key")
        })?;
        self.set.push(key.join("."));
        self.forget_other_optimizer(&key);
        Ok(())
    }

    /// Puts a value at a path whose parts may hold dots.
    pub fn put(&mut self, path: &[&str], value: Value) -> Result<()> {
        let parts: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        put(&mut self.values, &parts, value)
            .map_err(|what| Error::config(path.join("."), what, "`gradus init NAME` shows every key"))?;
        self.forget_other_optimizer(&parts);
        Ok(())
    }

    /// Once `train.optimizer.kind` was set at `key`, removes the file's settings that another kind of optimizer had and this
    /// one does not: RMSprop's `alpha` is nothing to Adam. What was set on the command line stays, to be refused if wrong.
    fn forget_other_optimizer(&mut self, key: &[String]) {
        if key != ["train", "optimizer", "kind"] {
            return;
        }
        let optimizer = self.values.get_mut("train").and_then(|train| train.get_mut("optimizer"));
        let Some(table) = optimizer.and_then(Value::as_table_mut) else { return };
        let kind = table["kind"].clone();
        table.retain(|name, value| {
            let alone = Table::from_iter([("kind".to_owned(), kind.clone()), (name.to_string(), value.clone())]);
            let is_unknown = |e: toml::de::Error| e.message().contains("unknown field");
            let was_set = self.set.iter().any(|set| *set == format!("train.optimizer.{name}"));
            name == "kind" || was_set || !Value::Table(alone).try_into::<OptimizerSpec>().is_err_and(is_unknown)
        });
    }

    /// The settings as a file, those that were set among them, and none that was not given.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.values).expect("a table is a table")
    }

    /// Replaces the names of layers in a path by their numbers.
    fn place_layers(&self, parts: &[&str]) -> Result<Vec<String>> {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        // Names are looked up in the file, which need not be right where numbers are given.
        let is_name = |i: usize| {
            (i == 2 || ["layer", "shortcut", "branch"].contains(&parts[i - 1].as_str()))
                && parts[i].parse::<usize>().is_err()
        };
        if parts.len() > 2 && parts[..2] == ["model", "layer"] && (2..parts.len()).any(is_name) {
            let (whole, layers) = (parts.join("."), self.layers()?);
            super::layers::number(&layers, &mut parts[2..]).map_err(|(name, known)| {
                let help = format!("there are {}", known.join(", "));
                Error::config(format!("--set {whole}"), format!("there is no layer `{name}`"), help)
            })?;
        }
        Ok(parts)
    }

    /// The variants that the file names, each the same file with some keys set; none for a single experiment.
    pub fn variants(&self) -> Result<Vec<Source>> {
        let Some(value) = self.values.get("variant") else { return Ok(Vec::new()) };
        let help = "write each as [[variant]] with a name and set = { \"key\" = value }";
        let list = value.as_array().ok_or_else(|| Error::config(self.place("variant"), "is not a list", help))?;
        let mut sources = Vec::new();
        for (i, variant) in list.iter().enumerate() {
            let refuse = |what: &str| Error::config(self.place(&format!("variant.{}", i + 1)), what, help);
            let variant = variant.as_table().ok_or_else(|| refuse("is not a section"))?;
            if let Some(key) = variant.keys().find(|key| !["name", "about", "set"].contains(&key.as_str())) {
                return Err(self.unknown(&format!("variant.{}", i + 1), key, &["name", "about", "set"]));
            }
            let name = variant.get("name").and_then(Value::as_str).ok_or_else(|| refuse("has no name"))?;
            let mut values = self.values.clone();
            values.remove("variant");
            values.insert("name".into(), name.into());
            if let Some(about) = variant.get("about") {
                values.insert("about".into(), about.clone());
            }
            let mut source = Source { name: self.name.clone(), text: self.text.clone(), values, set: self.set.clone() };
            let empty = Table::new();
            let set = match variant.get("set") {
                Some(value) => value.as_table().ok_or_else(|| refuse("has a `set` that is not a table"))?,
                None => &empty,
            };
            // What the command line sets stands above what the file varies.
            for (key, value) in set.iter().filter(|(key, _)| !self.set.contains(key)) {
                let path = source.place_layers(&key.split('.').collect::<Vec<_>>())?;
                put(&mut source.values, &path, value.clone()).map_err(|what| refuse(&what))?;
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
        for key in &self.set {
            match key.as_str() {
                "data.limit" => small.data.limit = given.data.limit,
                "data.size" => small.data.size = given.data.size,
                "data.per_class" => small.data.per_class = given.data.per_class,
                "train.epochs" => small.train.epochs = given.train.epochs,
                "train.batch" => small.train.batch = given.train.batch,
                _ => {}
            }
        }
        Ok(small)
    }

    /// The experiment, every value checked.
    pub fn resolve(&self) -> Result<Experiment> {
        let table = &self.values;
        let known = ["name", "about", "kind", "seed", "define", "data", "model", "train", "report", "study", "variant"];
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(self.unknown("", key, &known));
        }
        let (data, model, train) = (self.need("data")?, self.need("model")?, self.or_empty("train")?);
        let mut beginning = model.clone();
        beginning.remove("layer");
        let beginning = self.section::<Model>("model", &beginning)?;
        let (kind, train) = self.kind(&train)?;
        let experiment = Experiment {
            name: self.word("name")?,
            about: if table.contains_key("about") { self.word("about")? } else { String::new() },
            kind,
            seed: self.seed()?,
            data: self.section::<Data>("data", data)?,
            model: Model { layer: self.layers()?, ..beginning },
            train,
            report: match self.values.get("report") {
                Some(value) => self.section::<Report>("report", self.table_of(value, "report")?)?,
                None => Report::default(),
            },
            study: match self.values.get("study") {
                Some(value) => self.table_of(value, "study")?.clone(),
                None => Table::new(),
            },
        };
        experiment.validate().map_err(|error| self.say_where(error))?;
        Ok(experiment)
    }

    /// Puts the place where a refused value was written in front of the key that an error calls its place.
    pub fn say_where(&self, error: Error) -> Error {
        match error {
            Error::Config { place, what, help } => Error::Config { place: self.place(&place), what, help },
            other => other,
        }
    }

    /// A section that may be left out: then all its keys have their defaults.
    fn or_empty(&self, section: &str) -> Result<Table> {
        self.values.get(section).map_or(Ok(Table::new()), |value| self.table_of(value, section).cloned())
    }

    fn need(&self, section: &str) -> Result<&Table> {
        let help = "`gradus init NAME` prints an experiment with all its sections";
        let value = self
            .values
            .get(section)
            .ok_or_else(|| Error::config(self.name.clone(), format!("has no section [{section}]"), help))?;
        self.table_of(value, section)
    }

    fn table_of<'a>(&self, value: &'a Value, path: &str) -> Result<&'a Table> {
        let what = format!("is {value}: expected a section");
        value.as_table().ok_or_else(|| Error::config(self.place(path), what, format!("begin it with [{path}]")))
    }

    fn word(&self, key: &str) -> Result<String> {
        match self.values.get(key) {
            Some(Value::String(word)) => Ok(word.clone()),
            Some(other) => Err(Error::config(self.place(key), format!("is {other}"), "give a word in quotes")),
            None => Err(Error::config(self.name.clone(), format!("has no `{key}`"), "give it one: name = \"mine\"")),
        }
    }

    fn seed(&self) -> Result<u64> {
        match self.values.get("seed") {
            None => Ok(42),
            Some(Value::Integer(seed)) if *seed >= 0 => Ok(*seed as u64),
            Some(other) => {
                Err(Error::config(self.place("seed"), format!("is {other}"), "give a whole number, not negative"))
            }
        }
    }

    /// The layers, each read on its own.
    fn layers(&self) -> Result<Vec<Layer>> {
        let list = self.values.get("model").and_then(|model| model.get("layer"));
        let help = "write each layer as [[model.layer]], with its type";
        let nothing = Table::new();
        let defined = match self.values.get("define") {
            Some(value) => self.table_of(value, "define")?,
            None => &nothing,
        };
        let list = match list {
            Some(Value::Array(list)) => list,
            Some(_) => return Err(Error::config(self.place("model.layer"), "is not a list of layers", help)),
            None => return Err(Error::config(self.place("model"), "has no layers", help)),
        };
        self.list("model.layer", list, defined)
    }

    /// The layers of a list, which stands at `path`; first those within each, so that a fault is told by its own key.
    fn list(&self, path: &str, list: &[Value], defined: &Table) -> Result<Vec<Layer>> {
        let read = |(i, value): (usize, &Value)| {
            let path = format!("{path}.{}", i + 1);
            let table = self.table_of(value, &path)?;
            if !table.contains_key("type") {
                let help = format!("add type = \"..\"; there are {}", super::layers::TYPES.join(", "));
                return Err(Error::config(self.place(&path), "has no `type`", help));
            }
            self.inside(&path, table, defined)?;
            if let Some(Value::Array(branches)) = table.get("branch") {
                for (i, branch) in branches.iter().enumerate() {
                    let path = format!("{path}.branch.{}", i + 1);
                    let branch = self.table_of(branch, &path)?;
                    self.inside(&path, branch, defined)?;
                    self.section::<Branch>(&path, &self.filled(&path, branch, defined)?)?;
                }
            }
            self.section::<Layer>(&path, &self.filled(&path, table, defined)?)
        };
        list.iter().enumerate().map(read).collect()
    }

    /// Reads the layers within a table, to see whether they can be read.
    fn inside(&self, path: &str, table: &Table, defined: &Table) -> Result<()> {
        for key in ["layer", "shortcut"] {
            if let Some(Value::Array(list)) = table.get(key) {
                self.list(&format!("{path}.{key}"), list, defined)?;
            }
        }
        Ok(())
    }

    /// The table at `path` with the products of defined numbers worked out.
    fn filled(&self, path: &str, table: &Table, defined: &Table) -> Result<Table> {
        fill(table, defined).map_err(|(key, what)| {
            let help = "write a product of numbers and names, such as \"4 * n\"";
            Error::config(self.place(&format!("{path}.{key}")), what, help)
        })
    }

    /// The kind of experiment, and the training section. A file may name the kind, the loss, or both; without a loss it is the
    /// usual one of the kind, without a kind what the loss is for.
    fn kind(&self, train: &Table) -> Result<(&'static Kind, Train)> {
        let Some(value) = self.values.get("kind") else {
            let train = self.train(&self.with_optimizer(train))?;
            return Ok((kinds::of_loss(train.loss), train));
        };
        let kind = value.as_str().and_then(kinds::named).ok_or_else(|| {
            let words = kinds::names();
            let near = value.as_str().and_then(|word| nearest(word, words.iter().copied()));
            let guess = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            Error::config(self.place("kind"), format!("is {value}"), format!("{guess}Allowed are {}", words.join(", ")))
        })?;
        let mut whole = self.with_optimizer(train);
        if !whole.contains_key("loss") {
            whole.insert("loss".into(), kind.losses[0].name().into());
        }
        Ok((kind, self.train(&whole)?))
    }

    /// The training section, whose optimizer is Adam with its usual learning rate unless it says otherwise.
    fn with_optimizer(&self, train: &Table) -> Table {
        let mut whole = train.clone();
        if let Some(Value::Table(optimizer)) = whole.get_mut("optimizer")
            && !optimizer.contains_key("kind")
        {
            optimizer.insert("kind".into(), "adam".into());
            optimizer.entry("lr").or_insert(Value::Float(Adam::default().lr));
        }
        whole
    }

    /// The training section and, within it, the optimizer's and the schedule's.
    fn train(&self, table: &Table) -> Result<Train> {
        let path = "train.optimizer";
        if let Some(value) = table.get("optimizer") {
            self.section::<OptimizerSpec>(path, self.table_of(value, path)?)?;
        }
        if let Some(value) = table.get("schedule") {
            let path = "train.schedule";
            self.section::<Schedule>(path, self.table_of(value, path)?)?;
        }
        self.section::<Train>("train", table)
    }

    /// Reads the table at `path`; a fault is traced to its key.
    fn section<T: DeserializeOwned>(&self, path: &str, table: &Table) -> Result<T> {
        T::deserialize(Value::Table(table.clone())).map_err(|error| self.explain::<T>(path, table, error.message()))
    }

    /// What is wrong with a section, and where.
    fn explain<T: DeserializeOwned>(&self, path: &str, table: &Table, message: &str) -> Error {
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if message.contains("unknown field") {
            return self.unknown(path, quoted[0], &quoted[1..]);
        }
        if message.contains("missing field") {
            let help = format!("add `{}`; `gradus init NAME` shows examples", quoted[0]);
            return Error::config(self.place(path), format!("has no `{}`", quoted[0]), help);
        }
        let key = fault::<T>(table, message);
        let place = self.place(&[&[path.to_owned()], &key[..]].concat().join("."));
        let value = at(table, &key).map(Value::to_string).unwrap_or_default();
        if message.contains("unknown variant") {
            let allowed = quoted[1..].join(", ");
            let help = match nearest(quoted[0], quoted[1..].iter().copied()) {
                Some(word) => format!("did you mean `{word}`? Allowed are {allowed}"),
                None => format!("allowed are {allowed}"),
            };
            return Error::config(place, format!("does not know the word `{}`", quoted[0]), help);
        }
        let wanted = message.split("expected ").nth(1).unwrap_or(message).trim();
        let wanted = match wanted {
            "usize" | "u64" => "a whole number, not negative",
            "f64" | "f32" => "a number",
            "a boolean" => "true or false",
            "a string" => "a word in quotes",
            other => other,
        };
        Error::config(place, format!("is {value}"), format!("give {wanted}"))
    }

    /// A key that does not exist.
    fn unknown(&self, path: &str, key: &str, known: &[&str]) -> Error {
        let whole = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let here = known.join(", ");
        let help = match section_of(path, key).or_else(|| nearest(key, known.iter().copied())) {
            Some(word) => format!("did you mean `{word}`? Known here: {here}"),
            None if known.is_empty() => "nothing can be set here".into(),
            None => format!("known here: {here}"),
        };
        Error::config(self.place(&whole), format!("there is no setting `{key}`"), help)
    }

    /// How messages call a key: by `--set` if it was set there, else by the file's line.
    fn place(&self, path: &str) -> String {
        if self.set.iter().any(|set| set == path || path.starts_with(&format!("{set}."))) {
            return format!("--set {path}");
        }
        match self.line(path) {
            Some(line) => format!("{}:{line}: {path}", self.name),
            None => format!("{}: {path}", self.name),
        }
    }

    /// The line on which a dotted key stands, or the nearest thing around it.
    fn line(&self, path: &str) -> Option<usize> {
        let parsed = DeTable::parse(&self.text).ok()?;
        let (mut table, mut list, mut start) = (Some(parsed.get_ref()), None, None);
        for part in path.split('.') {
            let value = match (table, list) {
                (Some(inside), _) => {
                    let Some((key, value)) = inside.iter().find(|(key, _)| key.get_ref() == part) else { break };
                    start = Some(key.span().start);
                    value.get_ref()
                }
                (_, Some(items)) => {
                    let items: &toml::de::DeArray<'_> = items;
                    let Some(item) = part.parse::<usize>().ok().and_then(|n| items.get(n.checked_sub(1)?)) else {
                        break;
                    };
                    start = Some(item.span().start);
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

/// The path of the key that a message is about: the one without which the section has another fault, or none; within a
/// table, the key of that table. Empty if it is no single key's.
fn fault<T: DeserializeOwned>(section: &Table, message: &str) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    loop {
        let inside = match path.is_empty() {
            true => section,
            false => match at(section, &path) {
                Some(Value::Table(inside)) => inside,
                _ => return path,
            },
        };
        let without = |key: &String| {
            let mut rest = section.clone();
            remove(&mut rest, &[&path[..], std::slice::from_ref(key)].concat());
            T::deserialize(Value::Table(rest)).err().map(|e| e.message().to_owned())
        };
        // Best, all is well without it; or then it is missed itself; or the fault is another one, as it is without the
        // key that says what kind of table this is.
        let missed = |key: &String| without(key).is_some_and(|e| e.contains(&format!("missing field `{key}`")));
        let tags = ["kind", "type"];
        let key = inside
            .keys()
            .find(|key| without(key).is_none())
            .or_else(|| inside.keys().find(|key| !tags.contains(&key.as_str()) && missed(key)))
            .or_else(|| inside.keys().find(|key| without(key).is_some_and(|e| e != message)));
        match key {
            Some(key) => path.push(key.clone()),
            None => return path,
        }
    }
}

/// Keys whose values are words, whatever they look like.
const TEXTS: [&str; 8] =
    ["name", "about", "data.path", "data.group_by", "data.delimiter", "data.x", "data.y", "model.weights"];

/// The experiment as a file that reads back as the same experiment.
pub fn to_toml(experiment: &Experiment) -> String {
    toml::to_string(experiment).expect("an experiment is plain tables")
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
        if !path.is_empty() && !Path::new(path).exists() {
            let begun_in = folder.env("working_folder")?;
            let there = Path::new(begun_in.as_str().unwrap_or("")).join(&*path);
            if there.exists() {
                *path = there.display().to_string();
            }
        }
    }
    Ok(e)
}
