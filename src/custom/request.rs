//! Requests as they are sent: one update, or several to be taken together.
//!
//! ```json
//! {"updates": [
//!   {"name": "solver_residual", "type": "gauge", "value": 1e-6,
//!    "help": "Residual of the last step.", "labels": {"case": "wing"}},
//!   {"name": "solver_steps", "type": "counter", "value": 1},
//!   {"name": "solver_step_seconds", "type": "histogram", "value": 0.25,
//!    "buckets": [0.1, 1, 10], "ttl": 3600}
//! ]}
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::limits::{
    MAX_BOUNDS, MAX_HELP, MAX_LABELS, MAX_REQUEST, MAX_TTL, MAX_VALUE,
};
use super::{Kind, Reason, Refusal, name};
use crate::json::kind;

/// One update that is right by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Without the prefix, and with the suffix of a counter.
    pub name: String,
    /// Gauge, counter or histogram.
    pub kind: Kind,
    /// What it means, if that is said.
    pub help: Option<String>,
    /// By name.
    pub labels: BTreeMap<String, String>,
    /// To be set, added or observed.
    pub value: f64,
    /// Bounds of a histogram, if they are given.
    pub buckets: Option<Vec<f64>>,
    /// How long it lives, if that is said, in seconds.
    pub ttl: Option<f64>,
}

/// Reads the payload of a request.
pub fn parse(payload: &str) -> Result<Vec<Update>, Refusal> {
    read(payload).map_err(|text| Refusal::new(Reason::Invalid, text))
}

fn read(payload: &str) -> Result<Vec<Update>, String> {
    if payload.len() > MAX_REQUEST {
        return Err(format!(
            "a request of {} bytes: send at most {MAX_REQUEST} at once",
            payload.len()
        ));
    }
    let value: Value = serde_json::from_str(payload)
        .map_err(|error| format!("not JSON: {error}"))?;
    match value {
        Value::Array(items) => all(items),
        Value::Object(mut table) => match table.remove("updates") {
            None => {
                let part = part("", table.get("name"));
                update(table).map(|one| vec![one]).map_err(|e| part + &e)
            }
            Some(_) if !table.is_empty() => {
                Err("updates: expected nothing beside it".into())
            }
            Some(Value::Array(items)) => all(items),
            Some(other) => {
                Err(format!("updates: expected an array, got {}", kind(&other)))
            }
        },
        other => {
            Err(format!("expected an object or an array, got {}", kind(&other)))
        }
    }
}

fn all(items: Vec<Value>) -> Result<Vec<Update>, String> {
    let one = |(i, item): (usize, Value)| {
        let at = format!("updates[{i}]");
        match item {
            Value::Object(table) => {
                let part = part(&at, table.get("name"));
                update(table).map_err(|error| part + &error)
            }
            other => {
                Err(format!("{at}: expected an object, got {}", kind(&other)))
            }
        }
    };
    items.into_iter().enumerate().map(one).collect()
}

/// How an error says which update it is about.
fn part(at: &str, name: Option<&Value>) -> String {
    match (at, name.and_then(Value::as_str)) {
        ("", None) => String::new(),
        (at, None) => format!("{at}: "),
        ("", Some(name)) => format!("{}: ", shown(name)),
        (at, Some(name)) => format!("{at} {}: ", shown(name)),
    }
}

/// Text of others, fit for an error.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    format!("{start:?}")
}

fn update(table: Map<String, Value>) -> Result<Update, String> {
    let (mut metric, mut of, mut value) = (None, None, None);
    let (mut help, mut labels, mut buckets, mut ttl) =
        (None, BTreeMap::new(), None, None);
    for (key, given) in table {
        let read = match key.as_str() {
            "name" => text(given).map(|text| metric = Some(text)),
            "type" => text(given).and_then(|text| {
                of = Some(Kind::parse(&text).ok_or_else(|| {
                    let text = shown(&text);
                    format!("expected gauge, counter or histogram, got {text}")
                })?);
                Ok(())
            }),
            "help" => bounded(given, MAX_HELP).map(|text| help = Some(text)),
            "labels" => read_labels(given).map(|read| labels = read),
            "value" => number(&given).map(|read| value = Some(read)),
            "buckets" => bounds(&given).map(|read| buckets = Some(read)),
            "ttl" => lifetime(&given).map(|read| ttl = Some(read)),
            _ => {
                return Err(format!(
                    "{}: unknown key (known: name, type, help, labels, value, \
                     buckets, ttl)",
                    shown(&key)
                ));
            }
        };
        read.map_err(|error| format!("{key}: {error}"))?;
    }
    let metric = metric.ok_or("name: missing")?;
    let kind = of.ok_or("type: missing")?;
    let value = value.ok_or("value: missing")?;
    if value < 0.0 && kind != Kind::Gauge {
        let kind = kind.as_str();
        return Err(format!("value: a {kind} takes none below 0, got {value}"));
    }
    if buckets.is_some() && kind != Kind::Histogram {
        return Err("buckets: only histograms have them".into());
    }
    let name = name::metric(&metric, kind)
        .map_err(|error| format!("name: {error}"))?;
    Ok(Update { name, kind, help, labels, value, buckets, ttl })
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("expected a string, got {}", kind(&other))),
    }
}

fn bounded(value: Value, max: usize) -> Result<String, String> {
    let text = text(value)?;
    if text.len() > max {
        return Err(format!("longer than {max} bytes"));
    }
    // a NUL ends the page for Prometheus, and the others help nobody
    match text.contains(char::is_control) {
        true => Err("control characters are not allowed".into()),
        false => Ok(text),
    }
}

fn read_labels(value: Value) -> Result<BTreeMap<String, String>, String> {
    let Value::Object(table) = value else {
        return Err(format!("expected an object, got {}", kind(&value)));
    };
    if table.len() > MAX_LABELS {
        return Err(format!("expected at most {MAX_LABELS}"));
    }
    let label = |(key, value): (String, Value)| {
        let read = name::label(&key).and_then(|()| bounded(value, MAX_VALUE));
        match read {
            Ok(value) => Ok((key, value)),
            Err(error) => Err(format!("{}: {error}", shown(&key))),
        }
    };
    table.into_iter().map(label).collect()
}

/// JSON has no other numbers than finite ones.
fn number(value: &Value) -> Result<f64, String> {
    let finite = value.as_f64().filter(|number| number.is_finite());
    finite
        .ok_or_else(|| format!("expected a finite number, got {}", kind(value)))
}

fn bounds(value: &Value) -> Result<Vec<f64>, String> {
    let Value::Array(items) = value else {
        return Err(format!("expected an array, got {}", kind(value)));
    };
    let bounds: Vec<f64> =
        items.iter().map(number).collect::<Result<_, _>>()?;
    if bounds.is_empty() || bounds.len() > MAX_BOUNDS {
        let count = bounds.len();
        return Err(format!("expected 1 to {MAX_BOUNDS} bounds, got {count}"));
    }
    if bounds[0] < 0.0 || !bounds.is_sorted_by(|a, b| a < b) {
        return Err("expected bounds of 0 or more that increase".into());
    }
    Ok(bounds)
}

fn lifetime(value: &Value) -> Result<f64, String> {
    let seconds = number(value)?;
    match (1.0..=MAX_TTL).contains(&seconds) {
        true => Ok(seconds),
        false => Err(format!("expected 1 to {MAX_TTL} s, got {seconds}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(value: &Value) -> String {
        let refusal = parse(&value.to_string()).unwrap_err();
        assert_eq!(refusal.reason, Reason::Invalid);
        refusal.text
    }

    #[test]
    fn one_update_or_several() {
        let one = json!({ "name": "a", "type": "counter", "value": 2,
            "labels": { "x": "y" }, "help": "h", "ttl": 60 });
        let read = parse(&one.to_string()).unwrap();
        assert_eq!(
            read,
            [Update {
                name: "a_total".into(),
                kind: Kind::Counter,
                help: Some("h".into()),
                labels: BTreeMap::from([("x".into(), "y".into())]),
                value: 2.0,
                buckets: None,
                ttl: Some(60.0),
            }]
        );
        let two = json!([one, one]);
        assert_eq!(parse(&two.to_string()).unwrap().len(), 2);
        assert_eq!(
            parse(&json!({ "updates": two }).to_string()).unwrap().len(),
            2
        );
        assert_eq!(parse("[]").unwrap(), []);
    }

    #[test]
    fn refusals_name_the_update_and_what_is_wrong() {
        let good = json!({ "name": "a", "type": "gauge", "value": 1 });
        let with = |key: &str, value: Value| {
            let mut update = good.clone();
            update[key] = value;
            update
        };
        for (key, value, error) in [
            (
                "value",
                json!("NaN"),
                "value: expected a finite number, got a string",
            ),
            ("value", Value::Null, "value: expected a finite number, got null"),
            (
                "type",
                json!("summary"),
                "type: expected gauge, counter or histogram, got \"summary\"",
            ),
            (
                "labels",
                json!({ "le": "1" }),
                "labels: \"le\": reserved by Prometheus",
            ),
            (
                "labels",
                json!({ "a": 1 }),
                "labels: \"a\": expected a string, got a number",
            ),
            (
                "labels",
                json!(["a"]),
                "labels: expected an object, got an array",
            ),
            ("buckets", json!([1]), "buckets: only histograms have them"),
            ("ttl", json!(0), "ttl: expected 1 to 604800 s, got 0"),
            (
                "help",
                json!("x".repeat(MAX_HELP + 1)),
                "help: longer than 512 bytes",
            ),
            ("help", json!("a\0b"), "help: control characters are not allowed"),
            (
                "label",
                json!({}),
                "\"label\": unknown key (known: name, type, help, labels, value, buckets, ttl)",
            ),
        ] {
            let error = format!("updates[1] \"a\": {error}");
            assert_eq!(refused(&json!([good, with(key, value)])), error);
        }
        let name = "name: expected letters, digits and _, no digit first";
        assert_eq!(
            refused(&with("name", json!("a-b"))),
            format!("\"a-b\": {name}")
        );
        assert_eq!(
            refused(&json!([1])),
            "updates[0]: expected an object, got a number"
        );
        assert_eq!(
            refused(&json!({ "value": 1, "type": "gauge" })),
            "name: missing"
        );
        assert_eq!(
            refused(&json!({ "updates": 1 })),
            "updates: expected an array, got a number"
        );
        assert_eq!(
            refused(&json!({ "updates": [], "ttl": 1 })),
            "updates: expected nothing beside it"
        );
        assert_eq!(
            refused(&json!("x")),
            "expected an object or an array, got a string"
        );
        let many: Map<_, _> =
            (0..=MAX_LABELS).map(|i| (format!("l{i}"), json!(""))).collect();
        assert_eq!(
            refused(&with("labels", many.into())),
            "\"a\": labels: expected at most 16"
        );
        assert!(parse("{").unwrap_err().text.starts_with("not JSON: "));
        // a number that no f64 is
        let huge = r#"{"name":"a","type":"gauge","value":1e999}"#;
        assert!(parse(huge).unwrap_err().text.starts_with("not JSON: "));
        let large = " ".repeat(MAX_REQUEST + 1);
        assert!(parse(&large).unwrap_err().text.contains("at most 1048576"));
    }

    #[test]
    fn counters_and_histograms_are_not_negative() {
        for kind in ["counter", "histogram"] {
            let update = json!({ "name": "a", "type": kind, "value": -1 });
            let error =
                format!("\"a\": value: a {kind} takes none below 0, got -1");
            assert_eq!(refused(&update), error);
        }
    }

    #[test]
    fn bounds_increase() {
        let bounds = |value: Value| bounds(&value);
        assert_eq!(bounds(json!([0, 0.5, 1])), Ok(vec![0.0, 0.5, 1.0]));
        for bad in [json!([]), json!([1, 1]), json!([-1, 1]), json!([2, 1])] {
            assert!(bounds(bad).unwrap_err().starts_with("expected "));
        }
        assert!(bounds(json!(vec![0; 65])).unwrap_err().contains("1 to 64"));
        assert!(bounds(json!("1")).unwrap_err().contains("an array"));
    }
}
