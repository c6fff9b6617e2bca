//! What is fixed about a family: its name, what it means, its type and the
//! names of its labels.

use std::sync::Arc;

use prometheus::core::Desc;
use prometheus::proto::MetricType;

use super::Family;

/// What is fixed about a family.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The name, in full: it can be searched for.
    pub name: &'static str,
    /// What it means, a sentence.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricType,
    /// The label names, in the order of the values.
    pub labels: &'static [&'static str],
}

impl Spec {
    /// A family of gauges.
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::GAUGE, labels }
    }

    /// A family of counters.
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::COUNTER, labels }
    }

    /// A family of histograms.
    pub const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::HISTOGRAM, labels }
    }

    /// The description that a registry wants in advance.
    pub fn desc(&self) -> Desc {
        let labels = self.labels.iter().map(ToString::to_string).collect();
        Desc::new(self.name.into(), self.help.into(), labels, [].into())
            .expect("names of families and labels are literals, and valid")
    }

    /// An empty family, to be filled.
    pub const fn family(self) -> Family {
        Family::new(Shape::Ours(self))
    }
}

/// What is fixed about a family that nobody knew of when this was compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The name, in full.
    pub name: String,
    /// What it means, a sentence.
    pub help: String,
    /// Counter, gauge or histogram.
    pub kind: MetricType,
    /// The label names, in the order of the values.
    pub labels: Vec<String>,
}

impl Given {
    /// An empty family, to be filled.
    pub fn family(self: &Arc<Self>) -> Family {
        Family::new(Shape::Given(self.clone()))
    }
}

/// What is fixed about a family, ours or not.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Ours(Spec),
    Given(Arc<Given>),
}

impl Shape {
    /// Whether it is the same: of ours there is one for each name.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ours(a), Self::Ours(b)) => a.name == b.name,
            (Self::Given(a), Self::Given(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}
