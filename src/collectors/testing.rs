//! What a collector would show, for tests of it.

use std::collections::BTreeMap;

use super::family::Family;

/// The value of each series, which is written without quotes and with its
/// labels in the order of the spec.
pub fn series(families: Vec<Family>) -> BTreeMap<String, f64> {
    let mut shown = BTreeMap::new();
    for family in families.into_iter().map(Family::done) {
        for metric in family.get_metric() {
            let labels: Vec<_> = metric
                .get_label()
                .iter()
                .map(|label| format!("{}={}", label.name(), label.value()))
                .collect();
            let series = match labels.is_empty() {
                true => family.name().to_owned(),
                false => format!("{}{{{}}}", family.name(), labels.join(",")),
            };
            let value = metric.get_counter().get_value()
                + metric.get_gauge().get_value();
            let before = shown.insert(series.clone(), value);
            assert_eq!(before, None, "{series} is there twice");
        }
    }
    shown
}
