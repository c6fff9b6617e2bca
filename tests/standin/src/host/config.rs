//! The configuration: TOML as in Flux, read at the start and by `config load`
//! and `config reload`, when every module must agree to it.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Host, OWNER, lock};

/// Parses a table.
pub fn parse(text: &str) -> Result<Value, String> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    serde_json::to_value(table).map_err(|error| error.to_string())
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Value, String> {
    std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| parse(&text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Sets one value: `--conf=KEY=VALUE`, where the key has dots and the value
/// is TOML or a plain word.
pub fn set(table: &mut Value, setting: &str) -> Result<(), String> {
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| format!("--conf={setting}: no value"))?;
    let value = parse(&format!("v = {value}"))
        .map_or_else(|_| value.into(), |table| table["v"].clone());
    let mut place = table;
    for part in key.split('.') {
        if !place.is_object() {
            *place = Map::new().into();
        }
        place = &mut place[part];
    }
    *place = value;
    Ok(())
}

impl Host {
    /// Puts a table into force: all modules take it, or none.
    pub fn configure(&self, table: Value) -> Result<(), String> {
        let old = std::mem::replace(&mut *lock(&self.config), table.clone());
        let tell = |name: &str, table: &Value| {
            let topic = format!("{name}.config-reload");
            self.ask(&topic, Some(&table.to_string()), OWNER)
        };
        let names = self.modules.names();
        for (i, name) in names.iter().enumerate() {
            let Err((errno, text)) = tell(name, &table) else { continue };
            if errno == libc::ENOSYS {
                continue;
            }
            for name in &names[..i] {
                let _ = tell(name, &old);
            }
            *lock(&self.config) = old;
            return Err(format!("error updating {name}: {text}"));
        }
        self.instruct(&["config-load", &table.to_string()]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_toml_or_words() {
        let mut table = parse("[a]\nb = 1\n").unwrap();
        for setting in ["a.c.d=2", "e=[\"x=y\"]", "f=word"] {
            set(&mut table, setting).unwrap();
        }
        let expected =
            json!({"a": {"b": 1, "c": {"d": 2}}, "e": ["x=y"], "f": "word"});
        assert_eq!(table, expected);
        assert!(set(&mut table, "a").is_err());
    }
}
