//! Since when counters count.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;

/// The families that count since the process began.
const PROCESS: &str = "process_";

/// The gauge that says when that was.
const PROCESS_START: &str = "process_start_time_seconds";

/// When the counters and histograms of a registry were 0 last, in seconds
/// since 1970: one time for all, but for those that are named. It becomes
/// `_created`.
///
/// A scraper takes a counter that has a later time than before for one that
/// began anew, so a wrong time is worse than none.
#[derive(Debug, Clone, Default)]
pub struct Created {
    start: Option<f64>,
    named: BTreeMap<String, Option<f64>>,
}

impl Created {
    /// They began at `start`, all of them.
    pub fn at(start: f64) -> Self {
        Self { start: Some(start), named: BTreeMap::new() }
    }

    /// Says of one family, by its full name, when it began; `None` if that is
    /// not known, as for what others count.
    pub fn set(&mut self, family: &str, at: Option<f64>) {
        self.named.insert(family.to_owned(), at);
    }

    /// When `family` began. `all` are the families it is served with.
    pub(super) fn of(
        &self,
        family: &MetricFamily,
        all: &[MetricFamily],
    ) -> Option<f64> {
        let name = family.name();
        if let Some(at) = self.named.get(name) {
            return *at;
        }
        if name.starts_with(PROCESS) {
            let start = all.iter().find(|f| f.name() == PROCESS_START)?;
            let start = start.get_metric().first()?.get_gauge().get_value();
            return Some(start);
        }
        self.start
    }
}
