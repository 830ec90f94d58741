//! Numbers by name: `[define]` says `n = 8`, and a layer says `filters = "4 * n"`.
//!
//! Networks whose widths hang together are written once and varied by one number, on the command line
//! (`--set define.n=16`) or by a study.

use toml::{Table, Value};

/// Keys of a layer whose values are words.
const WORDS: [&str; 5] = ["type", "name", "padding", "init", "join"];

/// Works out every product of defined names and whole numbers in a list of layers, and in the layers within them. The error
/// is the path of the key that is at fault, and why.
pub(super) fn fill(layers: &mut [Value], defined: &Table) -> Result<(), (Vec<String>, String)> {
    for (i, layer) in layers.iter_mut().enumerate() {
        work_out(layer, defined).map_err(|(path, what)| ([vec![(i + 1).to_string()], path].concat(), what))?;
    }
    Ok(())
}

fn work_out(value: &mut Value, defined: &Table) -> Result<(), (Vec<String>, String)> {
    match value {
        Value::Table(layer) => {
            for (key, value) in layer.iter_mut().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
                work_out(value, defined).map_err(|(path, what)| ([vec![key.clone()], path].concat(), what))?;
            }
            Ok(())
        }
        // Layers are numbered; of a list of numbers the list is at fault.
        Value::Array(list) if list.iter().any(Value::is_table) => fill(list, defined),
        Value::Array(list) => list.iter_mut().try_for_each(|item| work_out(item, defined)),
        Value::String(text) if text.contains('*') || defined.contains_key(text.trim()) => {
            *value = product(text, defined).map_err(|what| (Vec::new(), what))?;
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
        let filled = |text: &str| {
            let mut layers = [Value::Table(table(text))];
            fill(&mut layers, &defined).map(|()| layers[0].clone())
        };
        let layer = "type = \"n\"\nfilters = \"4 * n\"\nshape = [\"n\", 3, \"3\"]\np = \"2 * p\"\nmode = \"near\"";
        let expected = table("type = \"n\"\nfilters = 32\nshape = [8, 3, \"3\"]\np = 0.5\nmode = \"near\"");
        assert_eq!(filled(layer).unwrap(), Value::Table(expected));
        for (text, key) in
            [("units = \"2 * m\"", "1.units"), ("layer = [{ a = 1 }, { shape = [1, \"2 * m\"] }]", "1.layer.2.shape")]
        {
            let (path, what) = filled(text).unwrap_err();
            assert_eq!(path.join("."), key);
            assert!(what.contains("`m` is not a number; [define] has n, p"), "{what}");
        }
    }
}
