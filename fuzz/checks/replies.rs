//! Answers of Flux to what the collectors ask: a collector's name, and a line
//! for each answer (a tab where several belong together). What is shown of
//! them is a valid page, and no counter on it falls.

use std::collections::BTreeMap;

use flux_prometheus::collectors::replies;
use prometheus::proto::MetricType;

use super::strict;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((name, answers)) = text.split_once('\n') else { return };
    let mut all = replies::all().into_iter();
    let Some((_, mut shows)) = all.find(|(known, _)| *known == name) else {
        return;
    };
    let mut before = BTreeMap::new();
    for answer in answers.lines() {
        let families = match shows(answer) {
            Ok(families) => families,
            // says something, and says of which answer
            Err(error) => {
                assert!(!error.text.is_empty());
                continue;
            }
        };
        let families: Vec<_> = families
            .into_iter()
            .filter(|f| !f.is_empty())
            .map(|f| f.done())
            .collect();
        let is_counter = |name: &str| {
            families.iter().any(|family| {
                family.name() == name
                    && family.get_field_type() == MetricType::COUNTER
            })
        };
        for (series, value) in strict::both(&families) {
            assert!(value.is_finite(), "{series:?}: {value}");
            if is_counter(&series.0) {
                let last = before.insert(series.clone(), value);
                let last = last.unwrap_or_default();
                assert!(value >= last, "{series:?}: {last}, then {value}");
            }
        }
    }
}
