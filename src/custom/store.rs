//! What is published at present.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::limits::{Amount, Share};
use super::request::shown;
use super::{Kind, Publisher, Reason, Refusal, Settings, Update};
use crate::exposition::{Family, Given};

/// What the names of guests' families begin with, after the prefix.
const GUEST: &str = "user_";

/// The label that says whose a guest's series is.
const USERID: &str = "userid";

/// The bounds of a histogram that is given none: those of Prometheus's own
/// clients, in seconds.
const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Label values, in the order of the family's labels.
type Key = Box<[String]>;

/// All that is published.
pub struct Store {
    settings: Settings,
    /// By name, without the prefix.
    families: BTreeMap<String, Published>,
    used: BTreeMap<Publisher, Amount>,
    /// Before this nothing expires.
    next: f64,
}

struct Published {
    given: Arc<Given>,
    kind: Kind,
    /// Of a histogram.
    bounds: Arc<[f64]>,
    series: BTreeMap<Key, Series>,
    /// How many of them are whose.
    of: BTreeMap<Publisher, usize>,
    /// What is charged for the help and the like, and for each line without
    /// the values of labels; it stays when the prefix changes.
    head: usize,
    line: usize,
}

#[derive(Clone)]
struct Series {
    by: Publisher,
    value: Sample,
    ttl: f64,
    until: f64,
}

#[derive(Clone)]
enum Sample {
    Number(f64),
    /// Counts by bucket, the last of which has no bound, and the sum.
    Histogram(Box<[u64]>, f64),
}

/// How to take back what part of a request did.
enum Undo {
    Made(String, Key),
    Was(String, Key, Series),
}

impl Store {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            families: BTreeMap::new(),
            used: BTreeMap::new(),
            next: f64::INFINITY,
        }
    }

    /// Whether guests may publish.
    pub fn admits_guests(&self) -> bool {
        self.settings.guests
    }

    /// Applies other settings to what there is. What is above a new ceiling
    /// stays for as long as it is refreshed.
    pub fn configure(&mut self, settings: &Settings) {
        if self.settings.prefix != settings.prefix {
            for (name, family) in &mut self.families {
                let name = format!("{}{name}", settings.prefix);
                let given = Given { name, ..Given::clone(&family.given) };
                family.given = Arc::new(given);
            }
        }
        self.settings = settings.clone();
        if !settings.guests {
            self.remove(|series| series.by.is_some());
        }
    }

    /// Takes all updates of a request, or refuses it and stays as it was.
    pub fn apply(
        &mut self,
        by: Publisher,
        updates: Vec<Update>,
        now: f64,
    ) -> Result<(), Refusal> {
        // what is over must not stand in the way
        self.expire(now);
        let mut done = Vec::new();
        let single = updates.len() == 1;
        for (i, update) in updates.into_iter().enumerate() {
            let part = match single {
                true => shown(&update.name),
                false => format!("updates[{i}] {}", shown(&update.name)),
            };
            if let Err(refusal) = self.update(by, update, now, &mut done) {
                self.undo(done);
                return Err(refusal.of(part));
            }
        }
        Ok(())
    }

    fn undo(&mut self, done: Vec<Undo>) {
        for undo in done.into_iter().rev() {
            match undo {
                Undo::Made(name, key) => self.remove_one(&name, &key),
                Undo::Was(name, key, before) => {
                    let family = self.families.get_mut(&name);
                    let series = family.and_then(|f| f.series.get_mut(&key));
                    if let Some(series) = series {
                        *series = before;
                    }
                }
            }
        }
    }

    fn update(
        &mut self,
        by: Publisher,
        mut update: Update,
        now: f64,
        done: &mut Vec<Undo>,
    ) -> Result<(), Refusal> {
        let name = whose(by, &mut update)?;
        if let Some(family) = self.families.get(&name) {
            family.agrees(&update)?;
        }
        let ttl = update.ttl.unwrap_or(self.settings.ttl);
        let until = now + ttl;
        let labels = std::mem::take(&mut update.labels);
        let (names, values): (Vec<_>, Vec<_>) = labels.into_iter().unzip();
        let key: Key = values.into();
        if let Some(family) = self.families.get_mut(&name) {
            if let Some(series) = family.series.get_mut(&key) {
                let bounds = &family.bounds;
                let value =
                    series.value.updated(family.kind, bounds, update.value)?;
                let new = Series { by, value, ttl, until };
                let before = std::mem::replace(series, new);
                self.next = self.next.min(until);
                done.push(Undo::Was(name, key, before));
                return Ok(());
            }
        }
        let mut made = None;
        let family = match self.families.get(&name) {
            Some(family) => family,
            None => made.insert(Published::new(
                format!("{}{name}", self.settings.prefix),
                names,
                &mut update,
            )),
        };
        let cost = family.cost(by, &key);
        self.check(by, cost)?;
        let family = match made {
            Some(made) => self.families.entry(name.clone()).or_insert(made),
            None => match self.families.get_mut(&name) {
                Some(family) => family,
                None => return Ok(()), // it was there before
            },
        };
        let value = Sample::first(update.kind, &family.bounds, update.value);
        *family.of.entry(by).or_default() += 1;
        family.series.insert(key.clone(), Series { by, value, ttl, until });
        self.used.entry(by).or_default().add(cost);
        self.next = self.next.min(until);
        done.push(Undo::Made(name, key));
        Ok(())
    }

    /// Whether there is room.
    fn check(&self, by: Publisher, more: Amount) -> Result<(), Refusal> {
        if by.is_some() {
            let own = self.used.get(&by).copied().unwrap_or_default();
            Share::Guest.check(&self.settings, own, more)?;
            let guests = self.sum(|publisher| publisher.is_some());
            Share::Guests.check(&self.settings, guests, more)?;
        }
        Share::All.check(&self.settings, self.used(), more)
    }

    /// What is in use, in all.
    pub fn used(&self) -> Amount {
        self.sum(|_| true)
    }

    fn sum(&self, whose: impl Fn(Publisher) -> bool) -> Amount {
        let mut sum = Amount::default();
        let used = self.used.iter().filter(|(by, _)| whose(**by));
        used.for_each(|(_, amount)| sum.add(*amount));
        sum
    }

    /// Lets go of what was not refreshed in time.
    pub fn expire(&mut self, now: f64) {
        if now >= self.next {
            self.remove(|series| series.until <= now);
            let families = self.families.values();
            let series = families.flat_map(|family| family.series.values());
            self.next = series.map(|s| s.until).fold(f64::INFINITY, f64::min);
        }
    }

    fn remove(&mut self, which: impl Fn(&Series) -> bool) {
        let mut gone = Vec::new();
        for (name, family) in &self.families {
            let series = family.series.iter().filter(|(_, s)| which(s));
            gone.extend(series.map(|(key, _)| (name.clone(), key.clone())));
        }
        for (name, key) in gone {
            self.remove_one(&name, &key);
        }
    }

    fn remove_one(&mut self, name: &str, key: &Key) {
        let Some(family) = self.families.get_mut(name) else { return };
        let Some(series) = family.series.remove(key) else { return };
        if let Entry::Occupied(mut count) = family.of.entry(series.by) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        // what it would cost to come back
        let cost = family.cost(series.by, key);
        if let Entry::Occupied(mut used) = self.used.entry(series.by) {
            used.get_mut().take(cost);
            if *used.get() == Amount::default() {
                used.remove();
            }
        }
        if family.series.is_empty() {
            self.families.remove(name);
        }
    }

    /// All families, for a page.
    pub fn show(&self) -> Vec<Family> {
        self.families.values().map(Published::show).collect()
    }

    /// What there is, of one publisher or of all.
    pub fn list(&self, now: f64, whose: impl Fn(Publisher) -> bool) -> Value {
        let families = self.families.values().filter_map(|family| {
            let series = family.series.iter().filter(|(_, s)| whose(s.by));
            let series: Vec<_> =
                series.map(|(key, s)| family.tell(key, s, now)).collect();
            (!series.is_empty()).then(|| {
                json!({
                    "name": family.given.name,
                    "type": family.kind.as_str(),
                    "help": family.given.help,
                    "series": series,
                })
            })
        });
        let used = self.sum(&whose);
        json!({
            "families": families.collect::<Vec<_>>(),
            "used": { "families": used.families, "series": used.series,
                      "bytes": used.bytes },
        })
    }
}

/// The name of the family that an update is for, whose labels are completed.
fn whose(by: Publisher, update: &mut Update) -> Result<String, Refusal> {
    let invalid = |text: String| Err(Refusal::new(Reason::Invalid, text));
    let Some(user) = by else {
        return match update.name.starts_with(GUEST) {
            true => invalid(format!(
                "name: those that begin with {GUEST} are for guests"
            )),
            false => Ok(update.name.clone()),
        };
    };
    let before = update.labels.insert(USERID.into(), user.to_string());
    match before {
        Some(_) => invalid(format!("labels: {USERID} is set by the module")),
        None => Ok(format!("{GUEST}{}", update.name)),
    }
}

impl Published {
    /// An empty one, for a first update.
    fn new(name: String, labels: Vec<String>, update: &mut Update) -> Self {
        let help = update.help.take().unwrap_or_default();
        let bounds = match (update.kind, update.buckets.take()) {
            (Kind::Histogram, Some(bounds)) => bounds.into(),
            (Kind::Histogram, None) => BOUNDS.into(),
            _ => [].into(),
        };
        Self {
            kind: update.kind,
            bounds,
            series: BTreeMap::new(),
            of: BTreeMap::new(),
            head: help.len() + 2 * name.len() + 32,
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

    /// Whether an update, whose labels are complete, is for this family.
    fn agrees(&self, update: &Update) -> Result<(), Refusal> {
        let conflict = |text| Err(Refusal::new(Reason::Conflict, text));
        if update.kind != self.kind {
            let (before, now) = (self.kind.as_str(), update.kind.as_str());
            return conflict(format!("type: is a {before}, not a {now}"));
        }
        if update.help.as_ref().is_some_and(|help| *help != self.given.help) {
            let help = shown(&self.given.help);
            return conflict(format!("help: differs from {help}"));
        }
        let buckets = update.buckets.as_deref();
        if buckets.is_some_and(|bounds| *bounds != *self.bounds) {
            let bounds = &self.bounds;
            return conflict(format!("buckets: differ from {bounds:?}"));
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
            return conflict(format!(
                "labels: the family has {here}, not {given}"
            ));
        }
        Ok(())
    }

    /// What a further series takes, and with it the family where it is the
    /// publisher's first.
    fn cost(&self, by: Publisher, key: &Key) -> Amount {
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

    fn show(&self) -> Family {
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

    fn tell(&self, key: &Key, series: &Series, now: f64) -> Value {
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

impl Sample {
    fn first(kind: Kind, bounds: &[f64], value: f64) -> Self {
        match kind {
            Kind::Gauge | Kind::Counter => Self::Number(value),
            Kind::Histogram => {
                let mut counts = vec![0; bounds.len() + 1];
                counts[bounds.partition_point(|bound| *bound < value)] = 1;
                Self::Histogram(counts.into(), value)
            }
        }
    }

    fn updated(
        &self,
        kind: Kind,
        bounds: &[f64],
        value: f64,
    ) -> Result<Self, Refusal> {
        let new = match (self, kind) {
            (Self::Number(before), Kind::Counter) => {
                Self::Number(before + value)
            }
            (Self::Number(_), _) => Self::Number(value),
            (Self::Histogram(counts, sum), _) => {
                let mut counts = counts.clone();
                counts[bounds.partition_point(|bound| *bound < value)] += 1;
                Self::Histogram(counts, sum + value)
            }
        };
        let (Self::Number(sum) | Self::Histogram(_, sum)) = &new;
        match sum.is_finite() {
            true => Ok(new),
            false => Err(Refusal::new(
                Reason::Invalid,
                "value: the sum would not be finite any more",
            )),
        }
    }
}

/// What label names or values take, with quotes and commas.
fn text(parts: &[String]) -> usize {
    parts.iter().map(|part| part.len() + 3).sum()
}
