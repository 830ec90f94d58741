//! Values in tables of TOML, by path, and lines of their text.

use toml::{Table, Value};

/// The value at a path within a table; none for the empty path.
pub(super) fn at<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() { Some(value) } else { at(value.as_table()?, rest) }
}

/// Takes the value at a path out of a table.
pub(super) fn remove(table: &mut Table, path: &[String]) {
    match path {
        [] => {}
        [key] => drop(table.remove(key)),
        [first, rest @ ..] => {
            if let Some(Value::Table(inside)) = table.get_mut(first) {
                remove(inside, rest);
            }
        }
    }
}

/// Puts a value at a path; sections on the way are made. The error is what stands in the way.
pub(super) fn put(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let (first, rest) = path.split_first().expect("a key has a part");
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value),
        Value::Array(list) => {
            let count = list.len();
            let item = rest[0].parse::<usize>().ok().and_then(|n| list.get_mut(n.checked_sub(1)?));
            match item {
                Some(Value::Table(inner)) if rest.len() > 1 => put(inner, &rest[1..], value),
                Some(item) if rest.len() == 1 => {
                    *item = value;
                    Ok(())
                }
                _ => Err(format!("there is no number {} among {count}", rest[0])),
            }
        }
        other => Err(format!("`{first}` is {other}, and holds nothing")),
    }
}

/// The line, from 1, on which the byte at `offset` stands.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count()
}
