//! `/autoscale`: what autoscalers read, as one JSON object.
//!
//! It shows the families that begin with `flux_autoscale_` under the rest of
//! their names, and in `queues` those of `flux_queue_*` that say the same of
//! a queue. What the object has is in docs/autoscaling.md, and stays: a field
//! that goes away or changes its meaning makes a new [`VERSION`].

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::numbers::{self, Numbers, Series, number};

/// Of the object; new fields do not change it.
const VERSION: u32 = 1;

const UNKNOWN: &str = "nobody knows at present: the collectors autoscale, jobs \
    and resources have to be on and up, and queues up if it is on";

/// The object; or an error, where the numbers are withheld: a 0 that is not
/// one would end an instance that has work.
pub(super) fn answer(numbers: &Numbers) -> (StatusCode, Value) {
    let mut all = Map::new();
    let mut queues = Map::new();
    for family in &numbers.families {
        let Some(key) = family.name().strip_prefix("flux_autoscale_") else {
            continue;
        };
        let Some(only) = numbers::of(family).next() else { continue };
        all.insert(key.into(), number(only.value));
        for series in numbers.get(&format!("flux_queue_{key}")) {
            insert(&mut queues, key, &series);
        }
    }
    if all.is_empty() {
        let why = numbers.withheld.as_deref().unwrap_or(UNKNOWN);
        let error = json!({ "version": VERSION, "error": why });
        return (StatusCode::SERVICE_UNAVAILABLE, error);
    }
    let nodes = numbers.get("flux_queue_nodes");
    for series in nodes.filter(|s| s.label("state") == Some("free")) {
        insert(&mut queues, "free_nodes", &series);
    }
    all.insert("queues".into(), queues.into());
    all.insert("timestamp_seconds".into(), number(numbers.seconds()));
    all.insert("version".into(), VERSION.into());
    (StatusCode::OK, all.into())
}

fn insert(queues: &mut Map<String, Value>, key: &str, series: &Series) {
    let queue = series.label("queue").unwrap_or_default();
    let object = queues.entry(queue).or_insert_with(|| json!({}));
    object[key] = number(series.value);
}

#[cfg(test)]
mod tests;
