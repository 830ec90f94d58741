//! A rule's settings and those around it, read from the one table that they share.

use super::around::Around;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// As [`read`], with the settings of `start` where the table has none.
pub(super) fn read_from<R: DeserializeOwned + Serialize>(
    mut table: Map<String, Value>,
    start: R,
) -> Result<(R, Around), String> {
    if let Ok(Value::Object(start)) = serde_json::to_value(start) {
        for (key, value) in start {
            table.entry(key).or_insert(value);
        }
    }
    read(table)
}

/// A rule's settings and those around it, from their common table; or what is wrong.
pub(super) fn read<R: DeserializeOwned>(mut table: Map<String, Value>) -> Result<(R, Around), String> {
    let (own, around) = (fields::<R>(), fields::<Around>());
    if let Some(key) = table.keys().find(|key| !own.contains(&key.as_str()) && !around.contains(&key.as_str())) {
        let known: Vec<String> = own.iter().chain(around).map(|name| format!("`{name}`")).collect();
        return Err(format!("unknown field `{key}`, expected one of {}", known.join(", ")));
    }
    let outer: Map<String, Value> =
        around.iter().filter_map(|&key| Some((key.to_owned(), table.remove(key)?))).collect();
    let rule = R::deserialize(Value::Object(table)).map_err(|e| e.to_string())?;
    let around = Around::deserialize(Value::Object(outer)).map_err(|e| e.to_string())?;
    Ok((rule, around))
}

/// Returns the names of a struct's settings, as its `Deserialize` asks for them.
pub(super) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = value::Error;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("no struct"))
        }
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    let _ = T::deserialize(Ask(&mut names)).err();
    names
}
