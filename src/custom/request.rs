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
mod tests;
