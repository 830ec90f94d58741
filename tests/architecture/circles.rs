//! Which file imports which, read off the sources of a crate, and the circles among them.
//!
//! A file imports another where its code names an item that the other one defines: in a `use`, or in a path such as
//! `super::name` or `child::name`. An item that a face (`mod.rs`, `lib.rs`) only re-exports by `pub use` belongs to the
//! file that defines it. The declarations `mod child;` and the `pub use` of a face are not imports, and tests do not
//! count.

use std::collections::{BTreeMap, BTreeSet};

/// Splits Rust code into words, `::` and single signs; comments, strings and characters are omitted.
fn tokens(text: &str) -> Vec<&str> {
    let (bytes, mut found, mut at) = (text.as_bytes(), Vec::new(), 0);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let end = |from: usize, mark: &str| text[from..].find(mark).map_or(text.len(), |found| from + found + mark.len());
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at = end(at, "\n");
        } else if rest.starts_with("/*") {
            at = end(at, "*/");
        } else if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if bytes[at] == b'\'' {
            // A character, or the mark of a lifetime.
            let width = rest[1..].chars().next().map_or(1, char::len_utf8);
            if rest[1..].starts_with('\\') {
                at = end(at + 3, "'");
            } else {
                at += if rest[1 + width..].starts_with('\'') { 2 + width } else { 1 };
            }
        } else if word(bytes[at]) {
            let from = at;
            while at < bytes.len() && word(bytes[at]) {
                at += 1;
            }
            let marks = bytes[at..].iter().take_while(|b| **b == b'#').count();
            if ["r", "br", "cr"].contains(&&text[from..at]) && bytes.get(at + marks) == Some(&b'"') {
                at = end(at + marks + 1, &format!("\"{}", "#".repeat(marks)));
            } else if !(["b", "c"].contains(&&text[from..at]) && bytes.get(at) == Some(&b'"')) {
                found.push(&text[from..at]);
            }
        } else {
            let len = if rest.starts_with("::") { 2 } else { 1 };
            if !bytes[at].is_ascii_whitespace() {
                found.push(&text[at..at + len]);
            }
            at += len;
        }
    }
    found
}

/// The tokens without the items under `#[cfg(test)]`.
fn without_tests<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if !tokens[at..].starts_with(&TEST) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        // An item ends with a semicolon or a closing brace.
        let mut depth = 0;
        at += TEST.len();
        while at < tokens.len() {
            depth += match tokens[at] {
                "(" | "[" | "{" => 1,
                ")" | "]" | "}" => -1,
                _ => 0,
            };
            at += 1;
            if depth == 0 && [";", "}"].contains(&tokens[at - 1]) {
                break;
            }
        }
    }
    kept
}

/// What may stand before an item of a module.
const ITEM_AFTER: [&str; 11] = ["", ";", "{", "}", "]", ")", "pub", "unsafe", "const", "extern", "async"];

/// The place of a module: the names from the crate's root down to it.
type Place = Vec<String>;

/// One name that a `use` brings in: the path to it, and whether it is handed on (`pub use`).
#[derive(Clone, Debug)]
struct Import {
    path: Vec<String>,
    handed_on: bool,
}

/// What a module declares.
#[derive(Debug, Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    children: BTreeSet<String>,
    imports: BTreeMap<String, Import>,
    globs: Vec<Import>,
    /// Paths and single names in the code, outside of `use`.
    paths: BTreeSet<Vec<String>>,
}

/// Where a path leads: to a module, or to an item of a file and its name there.
#[derive(Debug, PartialEq)]
enum Target {
    Module(Place),
    Item(String, String),
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub(crate) struct Crate(BTreeMap<Place, Module>);

impl Crate {
    /// Reads the files of a crate, given by their paths under its `src/` and their texts. Files that no module declares
    /// (those of tests) are omitted.
    pub(crate) fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = Self::default();
        for (file, text) in files {
            let mut place: Place = file.trim_end_matches(".rs").split('/').map(String::from).collect();
            if file.ends_with("/mod.rs") || ["lib.rs", "main.rs"].contains(&file) {
                place.pop();
            }
            all.module(file, place, &mut without_tests(&tokens(text)).into_iter().peekable());
        }
        let child =
            |place: &[String], name: &String| all.0.get(place).is_some_and(|module| module.children.contains(name));
        let declared = |place: &Place| (0..place.len()).all(|n| child(&place[..n], &place[n]));
        let keep: BTreeSet<Place> = all.0.keys().filter(|place| declared(place)).cloned().collect();
        all.0.retain(|place, _| keep.contains(place));
        all
    }

    /// Reads a module, up to the brace that closes it.
    fn module<'a>(&mut self, file: &str, place: Place, rest: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) {
        let mut module = Module { file: file.into(), ..Module::default() };
        let (mut depth, mut before, mut public) = (0, "", false);
        while let Some(token) = rest.next() {
            match token {
                "{" => depth += 1,
                "}" if depth == 0 => break,
                "}" => depth -= 1,
                "mod" => {
                    let name = rest.next().unwrap_or("").to_owned();
                    module.children.insert(name.clone());
                    if rest.next_if_eq(&"{").is_some() {
                        self.module(file, [&place[..], &[name]].concat(), rest);
                    }
                }
                // Not the `use<'a>` that an opaque type captures with.
                "use" if rest.peek() != Some(&"<") => {
                    let import = Import { path: Vec::new(), handed_on: public };
                    module.use_tree(import, rest);
                }
                // Not the `const` of a pointer or of a parameter, nor a lifetime `'static`.
                "struct" | "enum" | "trait" | "fn" | "const" | "static" | "type" | "macro_rules"
                    if depth == 0 && ITEM_AFTER.contains(&before) =>
                {
                    let _ = rest.next_if(|token| ["!", "mut", "unsafe"].contains(token));
                    module.items.extend(rest.next_if(|token| *token != "fn" && *token != "{").map(String::from));
                }
                word if word.starts_with(|c: char| c.is_alphabetic() || c == '_') && !["::", "."].contains(&before) => {
                    let mut path = vec![word.to_owned()];
                    while rest.next_if_eq(&"::").is_some() {
                        match rest.next_if(|token| token.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
                            Some(name) => path.push(name.into()),
                            None => break,
                        }
                    }
                    module.paths.insert(path);
                }
                _ => {}
            }
            // `pub`, with or without parentheses, belongs to what follows it.
            public = token == "pub" || public && ["(", ")", "crate", "super", "in"].contains(&token);
            before = token;
        }
        self.0.insert(place, module);
    }

    /// Follows a path from the module at `from`. `None` where it leaves the crate.
    fn follow(&self, from: &[String], path: &[String], hops: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Target::Module(Place::new()),
            "self" => Target::Module(from.into()),
            "super" => Target::Module(from.split_last()?.1.into()),
            name => self.step(from, name, rest.is_empty(), hops)?,
        };
        for (i, name) in rest.iter().enumerate() {
            let Target::Module(place) = &at else { break };
            at = match name.as_str() {
                "self" => continue,
                "super" => Target::Module(place.split_last()?.1.into()),
                name => {
                    let own = || self.0.get(place).map(|module| Target::Item(module.file.clone(), name.into()));
                    self.step(place, name, i + 1 == rest.len(), hops).or_else(own)?
                }
            };
        }
        Some(at)
    }

    /// What a module knows under a name: an item of its own, a child, or what a `use` brings in. At the end of a path
    /// an imported item goes before a child of the same name.
    fn step(&self, place: &[String], name: &str, last: bool, hops: usize) -> Option<Target> {
        let (module, hops) = (self.0.get(place)?, hops.checked_sub(1)?);
        let child = || Target::Module([place, &[name.to_owned()]].concat());
        if module.items.contains(name) {
            return Some(Target::Item(module.file.clone(), name.into()));
        }
        let imported = module.imports.get(name).and_then(|import| self.follow(place, &import.path, hops));
        if module.children.contains(name) {
            return imported.filter(|target| last && matches!(target, Target::Item(..))).or_else(|| Some(child()));
        }
        if imported.is_some() {
            return imported;
        }
        module.globs.iter().find_map(|glob| match self.follow(place, &glob.path, hops)? {
            Target::Module(from) if from != place => self.step(&from, name, last, hops),
            _ => None,
        })
    }

    /// Which file imports which, and by which names. A module that is imported by its name counts where it is used; the
    /// declarations and re-exports of a file do not count.
    pub(crate) fn arrows(&self) -> Arrows {
        const HOPS: usize = 8;
        let mut arrows = Arrows::new();
        for (place, module) in &self.0 {
            let imports = module.imports.values().filter(|import| !import.handed_on).map(|import| &import.path);
            for path in imports.chain(&module.paths) {
                if let Some(Target::Item(file, name)) = self.follow(place, path, HOPS)
                    && file != module.file
                {
                    arrows.entry(module.file.clone()).or_default().entry(file).or_default().insert(name);
                }
            }
        }
        arrows
    }
}

impl Module {
    /// Reads what follows `use`, or a part of it in braces.
    fn use_tree<'a>(&mut self, before: Import, rest: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) {
        let mut import = before.clone();
        while let Some(token) = rest.next() {
            match token {
                "::" => {}
                "{" => {
                    while rest.peek().is_some_and(|token| *token != "}") {
                        self.use_tree(import.clone(), rest);
                        let _ = rest.next_if_eq(&",");
                    }
                    rest.next();
                    return;
                }
                "*" => return self.globs.push(import),
                "self" if !import.path.is_empty() => {}
                name => import.path.push(name.into()),
            }
            match rest.peek() {
                Some(&"as") => {
                    rest.next();
                    let name = rest.next().unwrap_or("_").to_owned();
                    self.imports.insert(name, import);
                    return;
                }
                Some(&("," | "}" | ";")) | None => {
                    let name = import.path.last().cloned().unwrap_or_default();
                    self.imports.insert(name, import);
                    return;
                }
                _ => {}
            }
        }
    }
}

/// For each file the files that it imports from, and the names.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A group of files all of which import each other, directly or by way of others.
pub(crate) struct Circle<'a> {
    /// The files.
    pub(crate) group: Vec<&'a str>,
    /// The shortest circle through some of them: it ends where it begins.
    pub(crate) way: Vec<&'a str>,
}

/// The groups of files that import each other.
pub(crate) fn circles(arrows: &Arrows) -> Vec<Circle<'_>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (file.as_str(), reach(arrows, file))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let mut found: Vec<Circle<'_>> = Vec::new();
    for file in arrows.keys().filter(|file| reaches(file, file)) {
        if found.iter().any(|circle| circle.group.contains(&file.as_str())) {
            continue;
        }
        let group: Vec<&str> = reached[file.as_str()].iter().copied().filter(|other| reaches(other, file)).collect();
        let ways = group.iter().filter_map(|file| way_back(arrows, file));
        let way = ways.min_by_key(Vec::len).expect("each file of the group reaches itself");
        found.push(Circle { group, way });
    }
    found
}

/// The files that a file imports, directly or by way of others.
fn reach<'a>(arrows: &'a Arrows, file: &'a str) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(file) = open.pop() {
        let next = arrows.get(file).into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        open.extend(next.filter(|next| found.insert(*next)));
    }
    found
}

/// The shortest way from a file back to itself.
fn way_back<'a>(arrows: &'a Arrows, file: &'a str) -> Option<Vec<&'a str>> {
    let (mut ways, mut seen) = (vec![vec![file]], BTreeSet::new());
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in arrows.get(way[way.len() - 1]).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(next.as_str()) {
                    longer.push([&way[..], &[next.as_str()]].concat());
                    if next == file {
                        return longer.pop();
                    }
                }
            }
        }
        ways = longer;
    }
    None
}

/// `a.rs -> b.rs (names) -> a.rs (names)`.
pub(crate) fn written(arrows: &Arrows, circle: &[&str]) -> String {
    let arrow = |pair: &[&str]| {
        let names: Vec<&str> = arrows[pair[0]][pair[1]].iter().map(String::as_str).collect();
        format!(" -> {} ({})", pair[1], names.join(", "))
    };
    circle[0].to_owned() + &circle.windows(2).map(arrow).collect::<String>()
}

/// Each arrow of a crate of small texts, as `from -> to (names)`.
fn arrows_of(files: &[(&str, &str)]) -> Vec<String> {
    let arrows = Crate::read(files.iter().copied()).arrows();
    let one = |(from, to): (&String, &BTreeMap<String, BTreeSet<String>>)| {
        to.keys().map(|to| written(&arrows, &[from, to])).collect::<Vec<_>>()
    };
    arrows.iter().flat_map(one).collect()
}

#[test]
fn paths_lead_to_files() {
    let lib = ("lib.rs", "mod a; pub mod b; pub use b::{Deep as Renamed, Own};");
    let face = ("b/mod.rs", "mod c; pub mod d; pub use c::Deep; use d::helper; pub struct Own; fn f() { helper() }");
    let (c, d) = (("b/c.rs", "pub struct Deep;"), ("b/d.rs", "pub fn helper() {} pub const N: usize = 1;"));
    let of = |text: &str| {
        let all = arrows_of(&[lib, ("a.rs", text), face, c, d]);
        all.into_iter().filter_map(|arrow| Some(arrow.strip_prefix("a.rs -> ")?.to_owned())).collect::<Vec<_>>()
    };
    // An item of the face itself, one that it re-exports, and one through the crate's root under another name.
    assert_eq!(of("use crate::b::{Own, Deep};"), ["b/c.rs (Deep)", "b/mod.rs (Own)"]);
    assert_eq!(of("use crate::Renamed; use super::Own;"), ["b/c.rs (Deep)", "b/mod.rs (Own)"]);
    // Paths in the code; a module that is imported counts where it is used.
    assert_eq!(of("fn f() { crate::b::d::helper::<u8>() }"), ["b/d.rs (helper)"]);
    assert_eq!(of("use crate::b::{self, d as other}; fn f() { other::N; b::Own }"), ["b/d.rs (N)", "b/mod.rs (Own)"]);
    assert_eq!(of("use crate::b::d;"), [""; 0]);
    assert_eq!(of("mod inside { fn f() { super::super::b::d::N } }"), ["b/d.rs (N)"]);
    assert_eq!(of("use crate::b::*; fn f(x: Deep) {}"), ["b/c.rs (Deep)"]);
    // Where an item and a module have one name.
    assert_eq!(
        arrows_of(&[("lib.rs", "mod a; mod d; pub use d::d;"), ("a.rs", "use crate::d;"), ("d.rs", "pub fn d() {}")]),
        ["a.rs -> d.rs (d)"]
    );
    // No item is declared here, but for the function.
    let signature = "fn f<const Own: usize>(x: *const Own, y: &'static Own) -> impl Sized + use<'_> { crate::b::Own }";
    assert_eq!(of(&format!("use crate::b::*; {signature}")), ["b/mod.rs (Own)"]);
    // Neither comments nor strings nor tests.
    let nothing = r###"// crate::Own
        /* crate::Own */ fn f<'a>(x: &'a str) { "crate::Own"; r#"" crate::Own"#; '"'; '\''; }
        #[cfg(test)] #[allow(x)] mod tests { use crate::Own; }
        #[cfg(test)] use crate::Own; "###;
    assert_eq!(of(nothing), [""; 0]);
    assert_eq!(of(&format!("{nothing} pub(crate) fn g() {{ crate::Own }}")), ["b/mod.rs (Own)"]);
    // A face imports from its child where it uses it, not where it re-exports.
    assert_eq!(arrows_of(&[lib, face, c, d]), ["b/mod.rs -> b/d.rs (helper)"]);
    assert_eq!(
        arrows_of(&[("lib.rs", "#[cfg(test)] mod a; mod d;"), ("a.rs", "use crate::d::N;"), ("d.rs", "")]),
        [""; 0]
    );
    // A face that uses what it re-exports imports it.
    let uses = ("b/mod.rs", "mod c; pub use c::Deep; fn f(x: Deep) {}");
    assert_eq!(arrows_of(&[("lib.rs", "mod b;"), uses, c]), ["b/mod.rs -> b/c.rs (Deep)"]);
}

#[test]
fn circles_are_found_and_written() {
    let lib = ("lib.rs", "mod a; mod b; mod c; mod d;");
    let (a, b) = (("a.rs", "pub struct V; pub fn w() {} use crate::b::X;"), ("b.rs", "pub struct X; use crate::c::Y;"));
    let found = |c: &str, d: &str| {
        let arrows = Crate::read([lib, a, b, ("c.rs", c), ("d.rs", d)]).arrows();
        let one = |circle: Circle<'_>| (circle.group.join(" "), written(&arrows, &circle.way));
        circles(&arrows).into_iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(found("use super::d;", "use crate::a::V;"), []);
    let circle = ("a.rs b.rs c.rs".to_owned(), "a.rs -> b.rs (X) -> c.rs (Y) -> a.rs (V, w)".to_owned());
    assert_eq!(found("fn f() { crate::a::w(); crate::a::V::new() }", "use crate::a::V;"), [circle]);
    // The shortest way through a group of several circles.
    let shorter = ("a.rs b.rs c.rs d.rs".to_owned(), "c.rs -> d.rs (Z) -> c.rs (Y)".to_owned());
    assert_eq!(found("use crate::d::Z; use crate::a::V;", "use crate::c::Y;"), [shorter]);
}
