//! Which collectors are on: changes to the default, one after the other.

use serde_json::Value;

use super::kind;
use crate::collectors::NAMES;

pub(super) fn default() -> Vec<&'static str> {
    names(|_, on| on)
}

pub(super) fn from_json(value: &Value) -> Result<Vec<&'static str>, String> {
    let words: Result<Vec<_>, _> = match value {
        Value::String(text) => return list([text.as_str()]),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().ok_or(item)).collect()
        }
        other => {
            return Err(format!(
                "expected a string or an array of strings, got {}",
                kind(other)
            ));
        }
    };
    list(
        words
            .map_err(|item| format!("expected strings, got {}", kind(item)))?,
    )
}

pub(super) fn from_arg(text: &str) -> Result<Vec<&'static str>, String> {
    list(text.split(','))
}

fn list<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<&'static str>, String> {
    let mut on = default();
    for word in words {
        let word = word.trim();
        let (name, wanted) = match word.strip_prefix('-') {
            Some(name) => (name, false),
            None => (word, true),
        };
        on = match word {
            "default" => default(),
            "all" => names(|_, _| true),
            "none" => Vec::new(),
            _ if NAMES.iter().any(|(known, _)| *known == name) => {
                names(|known, _| match known == name {
                    true => wanted,
                    false => on.contains(&known),
                })
            }
            _ => {
                return Err(format!(
                    "no collector \"{name}\" (there are: default, all, none, \
                     {})",
                    names(|_, _| true).join(", ")
                ));
            }
        };
    }
    Ok(on)
}

/// Names in the order of the list, so that equal sets compare equal.
fn names(wanted: impl Fn(&'static str, bool) -> bool) -> Vec<&'static str> {
    let wanted = NAMES.iter().filter(|(name, on)| wanted(name, *on));
    wanted.map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_change_the_default_one_by_one() {
        let on = |value: Value| from_json(&value).unwrap();
        let without = |gone| names(|name, on| on && name != gone);
        assert!(!default().contains(&"kvs") && default().contains(&"jobs"));
        assert_eq!(on(json!([])), default());
        assert_eq!(on(json!("default")), default());
        assert_eq!(on(json!(["-content"])), without("content"));
        assert_eq!(on(json!("-content")), without("content"));
        assert_eq!(on(json!(["-content", "content"])), default());
        assert_eq!(on(json!(["all"])), names(|_, _| true));
        assert_eq!(on(json!(["all", "-kvs"])).len(), NAMES.len() - 1);
        assert_eq!(on(json!("none")), [""; 0]);
        // in the order of the list, whatever was said first
        assert_eq!(on(json!(["none", "kvs", "jobs"])), ["jobs", "kvs"]);
        assert_eq!(on(json!(["kvs", "none", "jobs"])), ["jobs"]);
        assert_eq!(on(json!(["-kvs"])), default());
        assert_eq!(from_arg("none, jobs,kvs").unwrap(), ["jobs", "kvs"]);
    }

    #[test]
    fn refusals_say_what_there_is() {
        let names = names(|_, _| true).join(", ");
        for (value, name) in [
            (json!("kv"), "kv"),
            (json!(["jobs", "-kv"]), "kv"),
            (json!(["-all"]), "all"),
            (json!([""]), ""),
            (json!("kvs,jobs"), "kvs,jobs"),
        ] {
            assert_eq!(
                from_json(&value).unwrap_err(),
                format!(
                    "no collector \"{name}\" (there are: default, all, none, \
                     {names})"
                )
            );
        }
        assert_eq!(
            from_json(&json!([1])).unwrap_err(),
            "expected strings, got integer"
        );
        assert_eq!(
            from_json(&json!(true)).unwrap_err(),
            "expected a string or an array of strings, got boolean"
        );
        assert!(from_arg("").is_err());
    }
}
