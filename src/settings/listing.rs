//! Every key of a schema, to be read: sections with their keys, and of each key its sort of value, its default, its unit
//! and what it means.

use super::schema::{Field, Node, Schema, Shape, Word};
use super::table::at;
use crate::error::{Error, Result};
use crate::text::guess::nearest;
use serde_json::Value as Json;
use toml::{Table, Value};

/// The widest line.
const WIDTH: usize = 80;

/// A section, or what one kind of section has beside the others.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its dotted path; of one kind of section with the word for the kind behind it.
    pub path: String,
    /// How a file begins it.
    pub heading: String,
    /// What it is.
    pub about: String,
    /// Its keys.
    pub rows: Vec<Row>,
}

/// A key.
#[derive(Clone, Debug)]
pub struct Row {
    /// Dotted. `N` stands for the number of an item of a list, or its name; `KEY` for a key that the user chooses.
    pub key: String,
    /// The sort of value.
    pub sort: String,
    /// The default as TOML; `required` if there is none, `not set` if the key may be omitted.
    pub default: String,
    /// The unit, or nothing.
    pub unit: String,
    /// What it means.
    pub sentence: String,
    /// The words that it takes, each with what it stands for.
    pub words: Vec<(String, String)>,
}

/// Returns all keys, section by section.
pub fn blocks(schema: &Schema) -> Vec<Block> {
    let mut found = Walk { blocks: Vec::new(), within: Vec::new() };
    found.section(schema.node(), "", String::new(), None);
    found.blocks
}

/// The walk through the sections.
struct Walk<'a> {
    blocks: Vec<Block>,
    /// The lists that are open: layers hold layers.
    within: Vec<Node<'a>>,
}

impl<'a> Walk<'a> {
    /// Notes the section at `path` and those within it. `default` is what it is if it is left out.
    fn section(&mut self, node: Node<'a>, path: &str, heading: String, default: Option<&Json>) {
        let about = node.sentence();
        match node.shape() {
            Shape::Section(fields) => self.block(path, path, heading, about, Vec::new(), &fields),
            Shape::Tagged { tag, kinds, common } => {
                let of_all = |field: &Field<'a>| {
                    kinds.iter().all(|kind| kind.node.keys_of_kind(tag).iter().any(|other| is_alike(field, other)))
                };
                let shared: Vec<Field<'a>> = kinds[0].node.keys_of_kind(tag).into_iter().filter(of_all).collect();
                let of_every_kind: Vec<Field<'a>> = shared.iter().cloned().chain(common).collect();
                let words = kinds.iter().map(|kind| (kind.word.to_owned(), kind.node.sentence())).collect();
                let default = default.and_then(|default| default.get(tag)).map_or("required".into(), shown);
                let first = Row {
                    key: join(path, tag),
                    sort: "word".into(),
                    default,
                    unit: String::new(),
                    sentence: "The kind. First come the keys that every kind has, then those of each kind.".into(),
                    words,
                };
                self.block(path, path, heading.clone(), about, vec![first], &of_every_kind);
                for Word { word, node } in &kinds {
                    let mut own = node.keys_of_kind(tag);
                    own.retain(|field| !shared.iter().any(|of_all| of_all.name == field.name));
                    if !own.is_empty() {
                        let heading = format!("{heading} {tag} = \"{word}\"");
                        self.block(&join(path, word), path, heading, node.sentence(), Vec::new(), &own);
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes a block with some keys, those of `section`, and then the sections among them.
    fn block(
        &mut self,
        path: &str,
        section: &str,
        heading: String,
        about: String,
        mut rows: Vec<Row>,
        fields: &[Field<'a>],
    ) {
        let mut inner = Vec::new();
        for field in fields {
            let path = join(section, field.name);
            match field.node.shape() {
                Shape::Section(_) | Shape::Tagged { .. } => {
                    inner.push((field.node, path.clone(), format!("[{path}]"), field.node.default()));
                }
                Shape::List(item, _) if item.is_section() && !self.within.iter().any(|open| open.is_same(item)) => {
                    inner.push((item, format!("{path}.N"), format!("[[{}]]", plain(&path)), None));
                }
                Shape::Map(item) if item.is_section() => {
                    inner.push((item, format!("{path}.KEY"), format!("[{path}] KEY = {{ .. }}"), None));
                }
                shape => rows.push(row(path, field, &shape)),
            }
        }
        self.blocks.push(Block { path: plain(path), heading, about, rows });
        for (node, path, heading, default) in inner {
            self.within.push(node);
            self.section(node, &path, heading, default);
            self.within.pop();
        }
    }
}

/// Whether two kinds have this key in common.
fn is_alike(a: &Field<'_>, b: &Field<'_>) -> bool {
    let of = |field: &Field<'_>| (field.name.to_owned(), field.node.sort(), field.node.default().cloned());
    of(a) == of(b) && a.required == b.required
}

fn row(key: String, field: &Field<'_>, shape: &Shape<'_>) -> Row {
    let node = field.node;
    let list = |words: &[Word<'_>]| -> Vec<(String, String)> {
        words.iter().map(|word| (word.word.to_owned(), word.node.sentence())).collect()
    };
    let words = match shape {
        Shape::Words(words) => list(words),
        Shape::List(item, _) => match item.shape() {
            Shape::Words(words) => list(&words),
            _ => Vec::new(),
        },
        Shape::Either(nodes) => {
            let each = nodes.iter().flat_map(|node| match node.shape() {
                Shape::Words(words) => list(&words),
                _ => Vec::new(),
            });
            each.collect()
        }
        _ => Vec::new(),
    };
    let default = match node.default() {
        Some(default) => shown(default),
        None if field.required => "required".into(),
        None => "not set".into(),
    };
    let unit = node.unit().unwrap_or_default().to_owned();
    Row { key, sort: node.sort(), default, unit, sentence: node.sentence(), words }
}

/// A default as TOML, small numbers as people write them: `1e-8`.
fn shown(default: &Json) -> String {
    if let Some(x) = default.as_f64().filter(|x| *x != 0.0 && x.abs() < 1e-3) {
        return format!("{x:e}");
    }
    Value::try_from(default).map_or_else(|_| default.to_string(), |value| value.to_string())
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A path without the places of numbers and of keys that the user chooses.
fn plain(path: &str) -> String {
    path.split('.').filter(|part| !["N", "KEY"].contains(part)).collect::<Vec<_>>().join(".")
}

/// Returns the keys that begin with `prefix` (all, if it is empty) as text of at most 80 columns.
pub fn listing(schema: &Schema, prefix: &str) -> Result<String> {
    let (all, wanted) = (blocks(schema), plain(prefix.trim_matches(['[', ']'])));
    let begins = |path: &str| {
        let path = plain(path);
        wanted.is_empty() || path.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let (mut text, mut explained) = (String::new(), Vec::new());
    for block in &all {
        let mut rows = block.rows.clone();
        if !begins(&block.path) {
            rows.retain(|row| begins(&row.key));
        }
        // What words mean is said once.
        for row in rows.iter_mut().filter(|row| !row.words.is_empty()) {
            match explained.contains(&row.words) {
                true => row.words.clear(),
                false => explained.push(row.words.clone()),
            }
        }
        if !rows.is_empty() {
            text.push_str(&written(block, &rows));
        }
    }
    if text.is_empty() {
        let mut paths: Vec<String> = all.iter().map(|block| block.path.clone()).collect();
        paths.extend(all.iter().flat_map(|block| &block.rows).map(|row| plain(&row.key)));
        // A key is also known by its last word.
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let lasts: Vec<String> = paths.iter().map(|path| last(path)).collect();
        let near = nearest(&wanted, paths.iter().map(String::as_str)).map(str::to_owned).or_else(|| {
            let near = nearest(&wanted, lasts.iter().map(String::as_str))?;
            paths.iter().find(|path| last(path) == near).cloned()
        });
        let help = near.map_or_else(|| "`--keys` alone prints all".into(), |near| format!("did you mean `{near}`?"));
        return Err(Error::config("--keys", format!("there is no key `{prefix}`"), help));
    }
    Ok(text)
}

/// A block as text: its heading, and each key in a line with its sort and default, above what it means.
fn written(block: &Block, rows: &[Row]) -> String {
    let mut text = String::new();
    if !block.heading.is_empty() {
        text.push_str(&format!("{}\n", block.heading));
    }
    text.push_str(&wrapped(&block.about, "", ""));
    text.push('\n');
    let widest = |of: &dyn Fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (keys, sorts) = (widest(&|row| &row.key), widest(&|row| &row.sort));
    for row in rows {
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        let line = format!("  {:keys$}  {:sorts$}  {}{unit}", row.key, row.sort, row.default);
        if line.chars().count() <= WIDTH {
            text.push_str(&format!("{}\n", line.trim_end()));
            text.push_str(&wrapped(&row.sentence, "      ", "      "));
        } else {
            text.push_str(&format!("{}\n", format!("  {:keys$}  {}", row.key, row.sort).trim_end()));
            text.push_str(&wrapped(&row.sentence, "      ", "      "));
            text.push_str(&wrapped(&format!("Default: {}{unit}", row.default), "      ", "      "));
        }
        let width = row.words.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0);
        for (word, meaning) in &row.words {
            let first = format!("        {word:width$}  ");
            text.push_str(&wrapped(meaning, &first, &" ".repeat(first.chars().count())));
        }
    }
    text.push('\n');
    text
}

/// A text in lines of at most 80 columns, the first beginning with `first` and the others with `rest`.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    lines(text, first, rest, WIDTH)
}

fn lines(text: &str, first: &str, rest: &str, width: usize) -> String {
    let (mut all, mut line) = (String::new(), first.to_owned());
    let mut is_new = true;
    for word in text.split_whitespace() {
        if !is_new && line.chars().count() + 1 + word.chars().count() > width {
            all.push_str(&format!("{}\n", line.trim_end()));
            (line, is_new) = (rest.to_owned(), true);
        }
        if !is_new {
            line.push(' ');
        }
        line.push_str(word);
        is_new = false;
    }
    if line.trim().is_empty() { all } else { all + line.trim_end() + "\n" }
}

/// Returns the values of a table under the keys of a schema, in the schema's order, each below its explanation: TOML that
/// reads back as the same.
pub fn commented(schema: &Schema, values: &Table) -> String {
    let (mut text, mut section) = (String::new(), String::new());
    for (path, node) in schema.node().below() {
        let (Some(value), false) = (at(values, &path), node.is_section()) else { continue };
        let (name, head) = path.split_last().expect("a key has a part");
        if head.join(".") != section {
            section = head.join(".");
            text.push_str(&format!("\n[{section}]\n"));
        }
        let words = match node.shape() {
            Shape::Words(_) => format!(" Give {}.", node.expected()),
            Shape::List(item, _) if matches!(item.shape(), Shape::Words(_)) => {
                format!(" Give any of {}.", item.expected())
            }
            _ => String::new(),
        };
        let unit = node.unit().map_or(String::new(), |unit| format!(" Unit: {unit}."));
        text.push_str(&lines(&format!("{}{unit}{words}", node.sentence()), "# ", "# ", 100));
        text.push_str(&format!("{name} = {value}\n"));
    }
    text
}

/// Returns the first key in which two tables differ, with both values.
pub fn difference(schema: &Schema, a: &Table, b: &Table) -> Option<(String, String, String)> {
    let show = |table, path: &[String]| at(table, path).map(Value::to_string).unwrap_or_default();
    let keys = schema.node().below().into_iter().filter(|(_, node)| !node.is_section());
    let mut other = keys.map(|(path, _)| path).filter(|path| at(a, path) != at(b, path));
    other.next().map(|path| (path.join("."), show(a, &path), show(b, &path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::Serialize;

    /// How a cake is baked.
    #[derive(JsonSchema, Serialize)]
    #[allow(dead_code, reason = "its schema is what is used")]
    struct Cake {
        /// Time in the oven; see [`Cake`].
        #[serde(default = "long")]
        #[schemars(extend("unit" = "minutes"))]
        minutes: usize,
        /// What is on top.
        topping: Topping,
    }

    /// What may be on top of a cake.
    #[derive(JsonSchema, Serialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    #[allow(dead_code, reason = "its schema is what is used")]
    enum Topping {
        /// Fruit of one sort.
        Fruit {
            /// Its name.
            name: String,
        },
        /// Sugar.
        Sugar {},
    }

    fn long() -> usize {
        50
    }

    #[test]
    fn keys_are_printed_with_sort_default_unit_and_sentence() {
        let text = listing(&Schema::of::<Cake>(), "").unwrap();
        let wanted = "How a cake is baked.\n\n  minutes  whole number  50 (minutes)\n      Time in the oven; see `Cake`.\n\n\
                      [topping]\nWhat is on top.\n\n  topping.kind  word  required\n      The kind. First come the keys that \
                      every kind has, then those of each kind.\n        fruit  Fruit of one sort.\n        sugar  Sugar.\n\n\
                      [topping] kind = \"fruit\"\nFruit of one sort.\n\n  topping.name  text  required\n      Its name.\n\n";
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&text), lines(wanted), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let part = listing(&Schema::of::<Cake>(), "topping.name").unwrap();
        assert!(part.contains("Its name.") && !part.contains("minutes"), "{part}");
        let error = listing(&Schema::of::<Cake>(), "minute").unwrap_err().to_string();
        assert!(error.contains("did you mean `minutes`?"), "{error}");
    }

    #[test]
    fn values_are_written_below_what_they_mean() {
        let cake = Cake { minutes: 3, topping: Topping::Fruit { name: "plum".into() } };
        let values = Table::try_from(&cake).unwrap();
        let text = commented(&Schema::of::<Cake>(), &values);
        assert!(text.starts_with("# Time in the oven; see `Cake`. Unit: minutes.\nminutes = 3\n"), "{text}");
        assert_eq!(toml::from_str::<Table>(&text).unwrap(), values, "{text}");
        let other = Table::try_from(Cake { minutes: 4, ..cake }).unwrap();
        let difference = difference(&Schema::of::<Cake>(), &values, &other);
        assert_eq!(difference, Some(("minutes".into(), "3".into(), "4".into())));
    }
}
