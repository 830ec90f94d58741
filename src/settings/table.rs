//! Values in tables of TOML by their path, and lines of their text.
//!
//! A path is a list of parts: keys of tables, and for items of lists their numbers from 1, as in `model.layer.2.filters`.

use toml::{Table, Value};

/// Returns the parts of a dotted key.
pub fn parts(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

/// Returns the item of a list that a part of a path numbers, from 1.
fn number(part: &str) -> Option<usize> {
    part.parse::<usize>().ok()?.checked_sub(1)
}

/// Returns the value at a path within a table; none for the empty path.
pub fn at<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, part| match value {
        Value::Table(table) => table.get(part),
        Value::Array(list) => list.get(number(part)?),
        _ => None,
    })
}

/// Puts a value at a path; sections on the way are made. The error is what stands in the way.
pub fn put(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let (first, rest) = path.split_first().expect("a key has a part");
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value),
        Value::Array(list) => {
            let count = list.len();
            match number(&rest[0]).and_then(|n| list.get_mut(n)) {
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

/// Puts every value of `over` into `table`. Sections that both have are merged; `is_section` says which tables are
/// sections, for a table may also be the value of one key.
pub fn overlay(table: &mut Table, over: &Table, is_section: &dyn Fn(&[String]) -> bool) {
    fn walk(table: &mut Table, over: &Table, path: &mut Vec<String>, is_section: &dyn Fn(&[String]) -> bool) {
        for (key, value) in over {
            path.push(key.clone());
            match (table.get_mut(key), value) {
                (Some(Value::Table(under)), Value::Table(inner)) if is_section(path) => {
                    walk(under, inner, path, is_section);
                }
                _ => drop(table.insert(key.clone(), value.clone())),
            }
            path.pop();
        }
    }
    walk(table, over, &mut Vec::new(), is_section);
}

/// Returns the line, from 1, on which the byte at `offset` stands.
pub fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_and_found_by_path() {
        let mut table: Table = toml::from_str("a = 1\n[b]\nc = [{ d = 1 }, { d = 2 }]\ne = [1, 2]").unwrap();
        put(&mut table, &parts("b.c.2.d"), 3.into()).unwrap();
        put(&mut table, &parts("b.e.1"), 7.into()).unwrap();
        put(&mut table, &parts("x.y"), 4.into()).unwrap();
        let found =
            ["b.c.1.d", "b.c.2.d", "b.e.1", "x.y"].map(|key| at(&table, &parts(key)).and_then(Value::as_integer));
        assert_eq!(found, [1, 3, 7, 4].map(Some));
        assert!(at(&table, &parts("b.c.3.d")).is_none() && at(&table, &[]).is_none());
        assert_eq!(put(&mut table, &parts("b.c.3.d"), 1.into()).unwrap_err(), "there is no number 3 among 2");
        assert!(put(&mut table, &parts("a.b"), 1.into()).unwrap_err().contains("holds nothing"));
    }

    #[test]
    fn a_table_that_is_a_value_is_replaced_as_a_whole() {
        let mut table: Table = toml::from_str("[s]\na = 1\nv = { low = 0, high = 1 }").unwrap();
        let over = toml::from_str("[s]\nb = 2\nv = { low = 3 }").unwrap();
        overlay(&mut table, &over, &|path| path == ["s"]);
        assert_eq!(table, toml::from_str("[s]\na = 1\nb = 2\nv = { low = 3 }").unwrap());
    }
}
