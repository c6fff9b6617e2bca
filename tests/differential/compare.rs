//! A scrape against what is true, as truth.py tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::instance::scrape::Scrape;

/// All differences between a scrape and what is true. A series of a family
/// that Flux has no word of must be 0.
pub fn differences(page: &Scrape, truth: &Value) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let passed = now.as_secs_f64() - truth["now"].as_f64().unwrap();
    let page: BTreeMap<String, f64> =
        page.0.iter().map(|(series, &value)| (sorted(series), value)).collect();
    let want = truth["want"].as_object().unwrap();
    let name = |series: &str| series.split('{').next().unwrap().to_owned();
    let mut wrong = Vec::new();
    for (series, value) in want {
        let ours = match series.strip_prefix("sum ") {
            // of a family, or of its series with one of some label values
            Some(some) => {
                let (family, values) =
                    some.split_once(' ').unwrap_or((some, ""));
                let has = |s: &str| {
                    let mut values = values.split_whitespace();
                    values.any(|v| s.contains(&format!("\"{v}\"")))
                };
                let all = page.iter().filter(|(s, _)| {
                    name(s) == family && (values.is_empty() || has(s))
                });
                Some(all.map(|(_, value)| value).sum())
            }
            None => page.get(series).copied(),
        };
        let Some(ours) = ours else {
            wrong.push(format!("{series} is not there"));
            continue;
        };
        let (theirs, tolerance) = match value.as_array() {
            None => (value.as_f64().unwrap(), 0.0),
            Some(parts) => {
                let part = |i: usize| parts[i].as_f64().unwrap();
                // of the scrape it is known only when it was over
                let growth = part(1);
                (part(0) + growth * passed, part(2) + growth * 0.05)
            }
        };
        if (ours - theirs).abs() > tolerance {
            wrong.push(format!("{series}: {ours}, Flux says {theirs}"));
        }
    }
    let families: BTreeSet<String> = want.keys().map(|s| name(s)).collect();
    for (series, &value) in &page {
        let known = want.contains_key(series) || value == 0.0;
        if !known && families.contains(&name(series)) {
            wrong.push(format!("{series}: {value}, Flux says nothing"));
        }
    }
    wrong
}

/// A series with its labels in order.
fn sorted(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else {
        return series.to_owned();
    };
    let mut labels: Vec<&str> =
        labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}
