//! Numbers by name: `[define]` says `n = 8`, and a layer says `filters = "4 * n"`.
//!
//! Networks whose widths hang together are written once and varied by one number, on the command line
//! (`--set define.n=16`) or by a study.

use toml::{Table, Value};

/// Keys of a layer whose values are words.
const WORDS: [&str; 5] = ["type", "name", "padding", "init", "join"];

/// The layer with every product of defined names and whole numbers worked out. The error says which key is at fault, and
/// why.
pub(super) fn fill(layer: &Table, defined: &Table) -> Result<Table, (String, String)> {
    let mut filled = layer.clone();
    for (key, value) in filled.iter_mut().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
        work_out(value, defined).map_err(|what| (key.to_owned(), what))?;
    }
    Ok(filled)
}

fn work_out(value: &mut Value, defined: &Table) -> Result<(), String> {
    match value {
        // A layer within this one.
        Value::Table(inside) => {
            *inside = fill(inside, defined).map_err(|(key, what)| format!("has a `{key}` that {what}"))?;
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|item| work_out(item, defined)),
        Value::String(text) if text.contains('*') || defined.contains_key(text.trim()) => {
            *value = product(text, defined)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `4 * n`: a whole number if all factors are.
fn product(text: &str, defined: &Table) -> Result<Value, String> {
    let (mut whole, mut real) = (Some(1i64), 1.0);
    for factor in text.split('*').map(str::trim) {
        let number = match (defined.get(factor), factor.parse::<i64>()) {
            (Some(value), _) => value.clone(),
            (None, Ok(n)) => Value::Integer(n),
            (None, Err(_)) => {
                let names: Vec<&str> = defined.keys().map(String::as_str).collect();
                let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                return Err(format!("is \"{text}\", and `{factor}` is not a number; [define] has {known}"));
            }
        };
        match number {
            Value::Integer(n) => {
                whole = whole.and_then(|product| product.checked_mul(n));
                real *= n as f64;
            }
            Value::Float(x) => (whole, real) = (None, real * x),
            other => return Err(format!("is \"{text}\", and `{factor}` is {other}, no number")),
        }
    }
    Ok(whole.map_or(Value::Float(real), Value::Integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn products_are_worked_out() {
        let defined = table("n = 8\np = 0.25");
        let layer =
            table("type = \"n\"\nfilters = \"4 * n\"\nshape = [\"n\", 3, \"3\"]\np = \"2 * p\"\nmode = \"near\"");
        let filled = fill(&layer, &defined).unwrap();
        let wanted = table("type = \"n\"\nfilters = 32\nshape = [8, 3, \"3\"]\np = 0.5\nmode = \"near\"");
        assert_eq!(filled, wanted);
        let (key, what) = fill(&table("units = \"2 * m\""), &defined).unwrap_err();
        assert_eq!(key, "units");
        assert!(what.contains("`m` is not a number; [define] has n, p"), "{what}");
    }
}
