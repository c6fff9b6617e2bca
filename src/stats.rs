//! Figures of other modules that the settings make metrics of: which leaves
//! of their `stats-get`, and what they are called. No I/O.

pub mod path;

use std::sync::Arc;

use serde_json::Value;

use crate::custom::Kind;
use crate::exposition::{Family, Given};
pub use path::Path;

/// The most series that one entry can have.
pub const MAX_SERIES: usize = 200;

/// One entry of the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whom to ask: `MODULE.stats-get`.
    pub topic: String,
    /// Where the number is in the answer.
    pub path: Path,
    /// What to call it, its help and its labels, one for each wildcard.
    pub given: Arc<Given>,
    /// Gauge or counter.
    pub kind: Kind,
    /// What to multiply it with.
    pub factor: f64,
    /// How often to ask, in seconds.
    pub interval: f64,
}

impl Entry {
    /// What an answer says, and how many series of it are left out because
    /// there are too many.
    pub fn read(&self, answer: &Value) -> Result<(Family, usize), String> {
        let leaves = self.path.leaves(answer)?;
        let dropped = leaves.len().saturating_sub(MAX_SERIES);
        let mut family = self.given.family();
        for (labels, number) in leaves.iter().take(MAX_SERIES) {
            let value = number * self.factor;
            if !value.is_finite() {
                let factor = self.factor;
                return Err(format!("{number} times {factor} is not finite"));
            }
            if self.kind == Kind::Counter && value < 0.0 {
                return Err(format!("{value} is less than a counter can be"));
            }
            let labels: Vec<_> = labels.iter().map(String::as_str).collect();
            family.add(&labels, value);
        }
        Ok((family, dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(path: &str, kind: Kind, labels: &[&str]) -> Entry {
        Entry {
            topic: "a.stats-get".into(),
            path: Path::parse(path).unwrap(),
            given: Arc::new(Given {
                name: "x".into(),
                help: "X.".into(),
                kind: kind.metric_type(),
                labels: labels.iter().map(ToString::to_string).collect(),
            }),
            kind,
            factor: 0.001,
            interval: 30.0,
        }
    }

    #[test]
    fn a_leaf_is_a_series() {
        let entry = entry("match.*.n", Kind::Counter, &["result"]);
        let answer = json!({ "match": { "ok": { "n": 5 }, "no": { "n": 0 } } });
        let (family, dropped) = entry.read(&answer).unwrap();
        let family = family.done();
        let shown: Vec<_> = family
            .get_metric()
            .iter()
            .map(|m| (m.get_label()[0].value(), m.get_counter().get_value()))
            .collect();
        assert_eq!(shown, [("no", 0.0), ("ok", 0.005)]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let read = |kind, value: f64| {
            entry("n", kind, &[]).read(&json!({ "n": value })).map(|_| ())
        };
        assert_eq!(read(Kind::Gauge, -1.0), Ok(()));
        let error = read(Kind::Counter, -1.0).unwrap_err();
        assert_eq!(error, "-0.001 is less than a counter can be");
        let mut huge = entry("n", Kind::Gauge, &[]);
        huge.factor = f64::MAX;
        assert!(huge.read(&json!({ "n": 10 })).unwrap_err().contains("finite"));
    }

    #[test]
    fn too_many_are_left_out_and_counted() {
        let answer: Vec<_> = (0..MAX_SERIES + 7).collect();
        let entry = entry("*", Kind::Gauge, &["i"]);
        let (family, dropped) = entry.read(&json!(answer)).unwrap();
        assert_eq!(family.done().get_metric().len(), MAX_SERIES);
        assert_eq!(dropped, 7);
    }
}
