//! What a type of settings takes, read off its schema: keys, sorts of values, defaults, and the sentences that say what
//! they mean.
//!
//! The schema is generated from the types (crate `schemars`): a description is the doc comment of a field or a variant,
//! a default that of its `serde` attribute. So a key has one explanation, which stands beside it in the source.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// The schema of a type.
#[derive(Clone, Debug)]
pub struct Schema(Value);

/// A place in a schema: what one key takes.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    root: &'a Value,
    json: &'a Value,
}

/// A key of a section.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Its name in the section.
    pub name: &'a str,
    /// What it takes.
    pub node: Node<'a>,
    /// Whether there is no default.
    pub required: bool,
}

/// One of the words that a key takes.
#[derive(Clone, Debug)]
pub struct Word<'a> {
    /// The word.
    pub word: &'a str,
    /// What it stands for; for a word that says what kind of section this is, the section of that kind.
    pub node: Node<'a>,
}

/// The sorts of values.
#[derive(Clone, Debug)]
pub enum Shape<'a> {
    /// A section.
    Section(Vec<Field<'a>>),
    /// A section whose keys depend on the word under `tag`.
    Tagged {
        /// The key that says which kind of section this is.
        tag: &'a str,
        /// The kinds.
        kinds: Vec<Word<'a>>,
        /// Keys of every kind.
        common: Vec<Field<'a>>,
    },
    /// A table whose keys are names that the user chooses.
    Map(Node<'a>),
    /// A list, of a fixed length or of any.
    List(Node<'a>, Option<u64>),
    /// One of these words.
    Words(Vec<Word<'a>>),
    /// Any text.
    Text,
    /// A whole number, not negative unless the flag says so.
    Whole(bool),
    /// A number.
    Number,
    /// True or false.
    Switch,
    /// One of several sorts.
    Either(Vec<Node<'a>>),
    /// Anything.
    Any,
}

impl Schema {
    /// Generates the schema of a type.
    pub fn of<T: JsonSchema>() -> Self {
        Self(SchemaGenerator::default().into_root_schema_for::<T>().to_value())
    }

    /// Adds the keys of another section at the end; a key that both have is described by the other.
    pub fn and(mut self, other: Schema) -> Self {
        let Value::Object(mut other) = other.0 else { return self };
        for part in ["properties", "$defs"] {
            if let Some(Value::Object(more)) = other.remove(part) {
                let here = self.0.as_object_mut().expect("a schema is a table");
                let here = here.entry(part).or_insert_with(|| Value::Object(serde_json::Map::new()));
                here.as_object_mut().expect("this part is a table").extend(more);
            }
        }
        self
    }

    /// Returns the place of the whole.
    pub fn node(&self) -> Node<'_> {
        Node { root: &self.0, json: &self.0 }
    }
}

impl<'a> Node<'a> {
    fn to(self, json: &'a Value) -> Self {
        Node { json, ..self }
    }

    /// The alternatives of this place, but for that of not being given.
    fn alternatives(self) -> Vec<Self> {
        let is_null = |json: &Value| json["type"] == "null";
        let list = ["oneOf", "anyOf"].into_iter().find_map(|key| self.json.get(key)?.as_array());
        list.into_iter().flatten().filter(|json| !is_null(json)).map(|json| self.to(json)).collect()
    }

    /// Where the type is described that this place only names.
    fn named(self) -> Self {
        if let Some(path) = self.json.get("$ref").and_then(Value::as_str) {
            let name = path.trim_start_matches('#');
            return self.to(self.root.pointer(name).unwrap_or(&Value::Null)).named();
        }
        match self.alternatives().as_slice() {
            &[only] if self.json.get("properties").is_none() => only.named(),
            _ => self,
        }
    }

    /// Returns what the key means: the first paragraph of its doc comment, else of its type's.
    pub fn sentence(self) -> String {
        let own = self.json.get("description").or_else(|| self.named().json.get("description"));
        let paragraph = own.and_then(Value::as_str).unwrap_or_default().split("\n\n").next().unwrap_or_default();
        without_links(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Returns the default.
    pub fn default(self) -> Option<&'a Value> {
        self.json.get("default").filter(|value| !value.is_null())
    }

    /// Returns the unit, where there is one: what `#[schemars(extend("unit" = ".."))]` says.
    pub fn unit(self) -> Option<&'a str> {
        self.json.get("unit").and_then(Value::as_str)
    }

    fn fields(self, but: &str) -> Vec<Field<'a>> {
        let required = |name: &str| {
            let list = self.json.get("required").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|key| key == name))
        };
        let all = self.json.get("properties").and_then(Value::as_object).into_iter().flatten();
        all.filter(|(name, _)| *name != but)
            .map(|(name, json)| Field { name, node: self.to(json), required: required(name) })
            .collect()
    }

    /// The key that has one fixed word, and the word.
    fn tag(self) -> Option<(&'a str, &'a str)> {
        let properties = self.json.get("properties")?.as_object()?;
        properties.iter().find_map(|(name, json)| Some((name.as_str(), json.get("const")?.as_str()?)))
    }

    /// Returns the sort of value.
    pub fn shape(self) -> Shape<'a> {
        let node = self.named();
        let json = node.json;
        let alternatives = node.alternatives();
        if !alternatives.is_empty() {
            let tags: Option<Vec<_>> = alternatives.iter().map(|kind| kind.tag()).collect();
            if let Some(tags) = tags {
                let kinds = tags.iter().zip(&alternatives).map(|((_, word), &node)| Word { word, node }).collect();
                return Shape::Tagged { tag: tags[0].0, kinds, common: node.fields("") };
            }
            let mut words = Vec::new();
            let mut others = Vec::new();
            for alternative in alternatives {
                match alternative.shape() {
                    Shape::Words(more) => words.extend(more),
                    _ => others.push(alternative),
                }
            }
            return match (words.is_empty(), others.is_empty()) {
                (false, true) => Shape::Words(words),
                _ => Shape::Either(node.alternatives()),
            };
        }
        if let Some(word) = json.get("const").and_then(Value::as_str) {
            return Shape::Words(vec![Word { word, node }]);
        }
        if let Some(words) = json.get("enum").and_then(Value::as_array) {
            let word = |json: &'a Value| Some(Word { word: json.as_str()?, node: node.to(json) });
            return Shape::Words(words.iter().filter_map(word).collect());
        }
        let sort = match &json["type"] {
            Value::Array(sorts) => sorts[0].as_str(),
            sort => sort.as_str(),
        };
        match sort {
            Some("string") => Shape::Text,
            Some("integer") => Shape::Whole(json.get("minimum").is_none()),
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Switch,
            Some("array") => {
                let count = json.get("maxItems").and_then(Value::as_u64);
                Shape::List(node.to(&json["items"]), count)
            }
            Some("object") if json.get("properties").is_some() => Shape::Section(node.fields("")),
            Some("object") => Shape::Map(node.to(&json["additionalProperties"])),
            _ => Shape::Any,
        }
    }

    /// Returns the node of the key at a path of keys and numbers.
    pub fn at(self, path: &[String]) -> Option<Node<'a>> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let of = |fields: Vec<Field<'a>>| {
            fields.into_iter().find(|field| field.name == first).and_then(|field| field.node.at(rest))
        };
        match self.shape() {
            Shape::Section(fields) => of(fields),
            Shape::Tagged { kinds, common, .. } => {
                of(common).or_else(|| kinds.iter().find_map(|kind| of(kind.node.fields(""))))
            }
            Shape::List(item, _) => first.parse::<usize>().ok().and_then(|_| item.at(rest)),
            Shape::Map(inner) => inner.at(rest),
            Shape::Either(nodes) => nodes.into_iter().find_map(|node| node.at(path)),
            _ => None,
        }
    }

    /// Returns whether two places are of one type, which has a name.
    pub fn is_same(self, other: Node<'_>) -> bool {
        std::ptr::eq(self.named().json, other.named().json)
    }

    /// Returns whether the place takes a section.
    pub fn is_section(self) -> bool {
        matches!(self.shape(), Shape::Section(_) | Shape::Tagged { .. })
    }

    /// Returns the keys below this place with their paths, those of sections before what is in them. Lists and tables of
    /// free names are not entered.
    pub fn below(self) -> Vec<(Vec<String>, Node<'a>)> {
        let mut found: Vec<(Vec<String>, Node<'a>)> = Vec::new();
        let fields = match self.shape() {
            Shape::Section(fields) => fields,
            Shape::Tagged { kinds, common, .. } => {
                kinds.iter().flat_map(|kind| kind.node.fields("")).chain(common).collect()
            }
            _ => Vec::new(),
        };
        for field in fields {
            if found.iter().any(|(path, _)| path[0] == field.name) {
                continue;
            }
            let name = field.name.to_owned();
            found.push((vec![name.clone()], field.node));
            let inside = field.node.below().into_iter();
            found.extend(inside.map(|(path, node)| ([vec![name.clone()], path].concat(), node)));
        }
        found
    }

    /// Returns the keys of a section of this kind, but for the one that names the kind.
    pub fn keys_of_kind(self, tag: &str) -> Vec<Field<'a>> {
        self.fields(tag)
    }

    /// Returns the values that the place takes, in words: `a whole number, not negative`.
    pub fn expected(self) -> String {
        match self.shape() {
            Shape::Section(_) | Shape::Tagged { .. } | Shape::Map(_) => "a section".into(),
            Shape::List(item, count) => {
                let of = match item.shape() {
                    Shape::Words(_) => format!("the words {}", item.expected()),
                    shape => plural(&shape).map_or_else(|| format!("items, each {}", item.expected()), str::to_owned),
                };
                count.map_or_else(|| format!("a list of {of}"), |n| format!("a list of {n} {of}"))
            }
            Shape::Words(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.word)).collect();
                alternatives(&words)
            }
            Shape::Text => "a word in quotes".into(),
            Shape::Whole(true) => "a whole number".into(),
            Shape::Whole(false) => "a whole number, not negative".into(),
            Shape::Number => "a number".into(),
            Shape::Switch => "true or false".into(),
            Shape::Either(nodes) => {
                let of = |node: &Node<'a>| match node.shape() {
                    Shape::Section(fields) => node.example(&fields),
                    Shape::Whole(_) => "a whole number".into(),
                    Shape::List(item, Some(n)) if matches!(item.shape(), Shape::Whole(_) | Shape::Number) => {
                        let such: Vec<String> = (1..=n).map(|n| n.to_string()).collect();
                        format!("a list of {n} numbers, such as [{}]", such.join(", "))
                    }
                    _ => node.expected(),
                };
                nodes.iter().map(of).collect::<Vec<_>>().join(", or ")
            }
            Shape::Any => "a value".into(),
        }
    }

    /// A table in one line: `{ min_max = { low = .., high = .. } }`.
    fn example(self, fields: &[Field<'a>]) -> String {
        let each = fields.iter().map(|field| match field.node.shape() {
            Shape::Section(inner) => format!("{} = {}", field.name, field.node.example(&inner)),
            _ => format!("{} = ..", field.name),
        });
        format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
    }

    /// Returns the sort of value in one or a few words, for a table: `whole number`, `list of numbers`.
    pub fn sort(self) -> String {
        match self.shape() {
            Shape::Section(_) | Shape::Tagged { .. } => "section".into(),
            Shape::Map(_) => "table".into(),
            Shape::List(item, count) => {
                let shape = item.shape();
                match (count, plural(&shape)) {
                    (Some(n), Some(items)) => format!("list of {n} {}", items.split(',').next().unwrap_or(items)),
                    (None, Some(items)) => format!("list of {}", items.split(',').next().unwrap_or(items)),
                    _ => "list".into(),
                }
            }
            Shape::Words(_) => "word".into(),
            Shape::Text => "text".into(),
            Shape::Whole(_) => "whole number".into(),
            Shape::Number => "number".into(),
            Shape::Switch => "true or false".into(),
            Shape::Either(nodes) => {
                let mut sorts: Vec<String> = Vec::new();
                for sort in nodes.iter().flat_map(|node| node.sorts()) {
                    if !sorts.contains(&sort) {
                        sorts.push(sort);
                    }
                }
                sorts.join(", ")
            }
            Shape::Any => "any".into(),
        }
    }

    /// The sorts of one alternative, each by one word.
    fn sorts(self) -> Vec<String> {
        match self.shape() {
            Shape::Either(nodes) => nodes.into_iter().flat_map(Node::sorts).collect(),
            Shape::List(..) => vec!["list".into()],
            Shape::Whole(_) => vec!["number".into()],
            Shape::Switch => vec!["true".into(), "false".into()],
            Shape::Words(words) if words.len() == 1 => vec![words[0].word.into()],
            _ => vec![self.sort()],
        }
    }
}

/// A doc comment's text, its links to other items replaced by their names.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        plain.push_str(&format!("{before}`{name}`"));
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    plain + rest
}

/// What several values are called.
fn plural(shape: &Shape<'_>) -> Option<&'static str> {
    Some(match shape {
        Shape::Whole(true) => "whole numbers",
        Shape::Whole(false) => "whole numbers, not negative",
        Shape::Number => "numbers",
        Shape::Text => "texts",
        Shape::Words(_) => "words",
        Shape::Section(_) | Shape::Tagged { .. } => "sections",
        _ => return None,
    })
}

/// `a, b or c`.
fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_names() {
        assert_eq!(without_links("by [`a`](super::b) or [`c`], in [0, 1): `d`"), "by `a` or `c`, in [0, 1): `d`");
        assert_eq!(without_links("`[C, H, W]` to [`a"), "`[C, H, W]` to [`a");
    }
}
