//! A family that others publish.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::sample::Sample;
use crate::custom::limits::Amount;
use crate::custom::request::shown;
use crate::custom::{Kind, Publisher, Reason, Refusal, Update};
use crate::exposition::{Family, Given};

/// The bounds of a histogram that is given none: those of Prometheus's own
/// clients, in seconds.
const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Label values, in the order of the family's labels.
pub(super) type Key = Box<[String]>;

/// A family, and all series of it.
pub(super) struct Published {
    pub(super) given: Arc<Given>,
    pub(super) kind: Kind,
    /// Who was first with this name, and decided on all of this.
    begun: Publisher,
    /// Of a histogram.
    pub(super) bounds: Arc<[f64]>,
    pub(super) series: BTreeMap<Key, Series>,
    /// How many of them are whose.
    pub(super) of: BTreeMap<Publisher, usize>,
    /// What is charged for the help and the like, and for each line without
    /// the values of labels; it stays when the prefix changes.
    head: usize,
    line: usize,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Series {
    pub(super) by: Publisher,
    pub(super) value: Sample,
    pub(super) ttl: f64,
    pub(super) until: f64,
}

impl Published {
    /// An empty one, for a first update.
    pub(super) fn new(
        by: Publisher,
        name: String,
        labels: Vec<String>,
        update: &mut Update,
    ) -> Self {
        let help = update.help.take().unwrap_or_default();
        let bounds = match (update.kind, update.buckets.take()) {
            (Kind::Histogram, Some(bounds)) => bounds.into(),
            (Kind::Histogram, None) => BOUNDS.into(),
            _ => [].into(),
        };
        Self {
            kind: update.kind,
            begun: by,
            bounds,
            series: BTreeMap::new(),
            of: BTreeMap::new(),
            head: escaped(&help) + 2 * name.len() + 32,
            // and a number
            line: name.len() + text(&labels) + 24,
            given: Arc::new(Given {
                name,
                help,
                kind: update.kind.metric_type(),
                labels,
            }),
        }
    }

    /// Whether an update, whose labels are complete, is for this family. What
    /// a guest said is told to no other.
    pub(super) fn agrees(
        &self,
        by: Publisher,
        update: &Update,
    ) -> Result<(), Refusal> {
        let conflict = |key: &str, differs: String| {
            let text = match by == self.begun {
                true => differs,
                false => "differs from what the user gave who was first with \
                          this name: choose another name"
                    .into(),
            };
            Err(Refusal::new(Reason::Conflict, format!("{key}: {text}")))
        };
        if update.kind != self.kind {
            let (before, now) = (self.kind.as_str(), update.kind.as_str());
            return conflict("type", format!("is a {before}, not a {now}"));
        }
        let (before, now) = (&self.given.help, update.help.as_deref());
        let now = now.filter(|help| !help.is_empty());
        if !before.is_empty() && now.is_some_and(|help| help != before) {
            let text = format!("differs from {}", shown(before));
            return conflict("help", text);
        }
        let buckets = update.buckets.as_deref();
        if buckets.is_some_and(|bounds| *bounds != *self.bounds) {
            let bounds = &self.bounds;
            return conflict("buckets", format!("differ from {bounds:?}"));
        }
        if !update.labels.keys().eq(&self.given.labels) {
            let list = |names: &[&str]| match names {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let labels = self.given.labels.iter().map(String::as_str);
            let here = list(&labels.collect::<Vec<_>>());
            let labels = update.labels.keys().map(String::as_str);
            let given = list(&labels.collect::<Vec<_>>());
            let differs = format!("the family has {here}, not {given}");
            return conflict("labels", differs);
        }
        Ok(())
    }

    /// What it means, to those who may know it.
    pub(super) fn help(
        &self,
        whose: impl Fn(Publisher) -> bool,
    ) -> Option<&str> {
        whose(self.begun).then_some(&self.given.help)
    }

    /// What a further series takes, and with it the family where it is the
    /// publisher's first.
    pub(super) fn cost(&self, by: Publisher, key: &Key) -> Amount {
        let lines = match self.kind {
            Kind::Histogram => self.bounds.len() + 3,
            _ => 1,
        };
        let first = !self.of.contains_key(&by);
        let head = if first { self.head } else { 0 };
        Amount {
            families: first.into(),
            series: lines,
            bytes: lines * (self.line + text(key)) + head,
        }
    }

    /// As a page has it.
    pub(super) fn show(&self) -> Family {
        let mut family = self.given.family();
        for (key, series) in &self.series {
            let labels: Vec<&str> = key.iter().map(String::as_str).collect();
            match &series.value {
                Sample::Number(value) => drop(family.add(&labels, *value)),
                Sample::Histogram(counts, sum) => {
                    family.add_histogram(&labels, &self.bounds, counts, *sum);
                }
            }
        }
        family
    }

    /// A series, as `flux metric list` has it.
    pub(super) fn tell(&self, key: &Key, series: &Series, now: f64) -> Value {
        let names = self.given.labels.iter().cloned();
        let labels: Map<String, Value> =
            names.zip(key.iter().map(|value| json!(value))).collect();
        let value = match &series.value {
            Sample::Number(value) => json!(value),
            Sample::Histogram(counts, sum) => json!({
                "count": counts.iter().sum::<u64>(),
                "sum": sum,
            }),
        };
        json!({
            "labels": labels,
            "value": value,
            "ttl": series.ttl,
            "expires_in": (series.until - now).max(0.0),
        })
    }
}

/// What label names or values take, with quotes and commas.
fn text(parts: &[String]) -> usize {
    parts.iter().map(|part| escaped(part) + 3).sum()
}

/// What a text takes on a page, where some characters are two.
fn escaped(text: &str) -> usize {
    text.len() + text.matches(['"', '\\', '\n']).count()
}
