//! Which figures of other modules are to be shown.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Config, Input, kind};
use crate::collectors;
use crate::custom::limits::{MAX_HELP, MAX_LABELS};
use crate::custom::{Kind, name};
use crate::exposition::Given;
use crate::stats::{Entry, Path};

/// Nobody writes more by hand.
const MAX: usize = 200;

/// What a topic ends with: a method that changes nothing.
const METHOD: &str = ".stats-get";

const INTERVAL: f64 = 30.0;
const INTERVALS: RangeInclusive<f64> = 1.0..=86400.0;

const KEYS: &str = "topic, path, name, type, labels, help, factor, interval";

/// Reads the tables. An error begins with the index of the one it is about.
pub(super) fn entries(input: Input) -> Result<Vec<Entry>, String> {
    let items = match input {
        Input::Json(Value::Array(items)) => items,
        Input::Json(other) => {
            return Err(format!(
                "expected an array of tables, got {}",
                kind(other)
            ));
        }
        Input::Arg(_) => {
            let text = "cannot be an argument; use [[prometheus.stats]]";
            return Err(text.into());
        }
    };
    if items.len() > MAX {
        return Err(format!("expected at most {MAX}, got {}", items.len()));
    }
    let one = |(i, item): (usize, &Value)| match item {
        Value::Object(table) => {
            entry(table).map_err(|error| format!("[{i}].{error}"))
        }
        other => Err(format!("[{i}]: expected a table, got {}", kind(other))),
    };
    items.iter().enumerate().map(one).collect()
}

fn entry(table: &Map<String, Value>) -> Result<Entry, String> {
    for key in table.keys() {
        if !KEYS.split(", ").any(|known| known == key) {
            return Err(format!("{key}: unknown key (known: {KEYS})"));
        }
    }
    let get = |key: &str| table.get(key).map(Input::Json);
    let needed = |key: &str| get(key).ok_or_else(|| format!("{key}: missing"));
    let at = |key: &'static str| move |text: String| format!("{key}: {text}");

    let topic = needed("topic")?.text().and_then(topic).map_err(at("topic"))?;
    let path = needed("path")?.text().and_then(Path::parse);
    let path = path.map_err(at("path"))?;
    let kind = get("type").map_or(Ok(Kind::Gauge), read_kind);
    let kind = kind.map_err(at("type"))?;
    let name = needed("name")?.text().and_then(|name| named(name, kind));
    let name = name.map_err(at("name"))?;
    let labels = get("labels").map_or(Ok(Vec::new()), Input::words);
    let labels = labels.and_then(|labels| read_labels(&labels, &path));
    let labels = labels.map_err(at("labels"))?;
    let help = get("help").map(read_help).transpose().map_err(at("help"))?;
    let help = help.unwrap_or_else(|| format!("{path} of {topic}."));
    let factor = get("factor").map_or(Ok(1.0), read_factor);
    let factor = factor.map_err(at("factor"))?;
    let interval = get("interval")
        .map_or(Ok(INTERVAL), |input| input.seconds(INTERVALS, "1s to 1d"));
    let interval = interval.map_err(at("interval"))?;
    let kind_of = kind.metric_type();
    let given = Arc::new(Given { name, help, kind: kind_of, labels });
    Ok(Entry { topic, path, given, kind, factor, interval })
}

fn topic(text: &str) -> Result<String, String> {
    let module = text.strip_suffix(METHOD).unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match !module.is_empty()
        && text.len() <= name::MAX
        && module.chars().all(good)
    {
        true => Ok(text.into()),
        false => Err(format!("expected MODULE{METHOD}, got {text:?}")),
    }
}

fn read_kind(input: Input) -> Result<Kind, String> {
    let text = input.text()?;
    Kind::parse(text)
        .filter(|kind| *kind != Kind::Histogram)
        .ok_or_else(|| format!("expected gauge or counter, got {text:?}"))
}

fn named(text: &str, kind: Kind) -> Result<String, String> {
    let name = name::metric(text, kind)?;
    if name != text {
        return Err(format!("a counter is called {name}, not {text}"));
    }
    if name::is_added(text) {
        return Err(format!("{text} is what Prometheus itself adds"));
    }
    match collectors::resembles(text) {
        Some(ours) => {
            Err(format!("{text} could be taken for {ours}, which is ours"))
        }
        None => Ok(name),
    }
}

fn read_labels(names: &[&str], path: &Path) -> Result<Vec<String>, String> {
    let wanted = path.wildcards();
    if names.len() != wanted || wanted > MAX_LABELS {
        return Err(format!(
            "expected {wanted}, as many as the path has *, got {}",
            names.len()
        ));
    }
    for (i, label) in names.iter().enumerate() {
        name::label(label).map_err(|error| format!("{label:?}: {error}"))?;
        if names[..i].contains(label) {
            return Err(format!("{label:?} is there twice"));
        }
    }
    Ok(names.iter().map(ToString::to_string).collect())
}

fn read_help(input: Input) -> Result<String, String> {
    let text = input.text()?;
    match text.len() <= MAX_HELP && !text.contains(char::is_control) {
        true => Ok(text.into()),
        false => Err(format!("expected a line of at most {MAX_HELP} bytes")),
    }
}

fn read_factor(input: Input) -> Result<f64, String> {
    let (number, got) = match input {
        Input::Json(Value::Number(number)) => {
            (number.as_f64(), number.to_string())
        }
        Input::Json(other) => (None, kind(other).to_owned()),
        Input::Arg(text) => (None, text.to_owned()),
    };
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("expected a number above 0, got {got}"))
}

/// What the entries say of each other and of other settings.
pub(super) fn check(config: &Config) -> Result<(), String> {
    for (i, entry) in config.stats.iter().enumerate() {
        let name = &entry.given.name;
        if name.starts_with(&config.custom.prefix) {
            return Err(format!(
                "[{i}].name: {name} begins as custom-prefix does"
            ));
        }
        let stem = name::stem(name);
        let before = config.stats[..i].iter();
        let same = before.map(|e| name::stem(&e.given.name));
        if let Some(j) = same.into_iter().position(|other| other == stem) {
            return Err(format!(
                "[{i}].name: {name} could be taken for that of stats[{j}]"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
