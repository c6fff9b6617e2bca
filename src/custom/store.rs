//! What is published at present.

mod family;
mod guest;
mod sample;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde_json::{Value, json};

use super::limits::{Amount, Share};
use super::request::shown;
use super::{Publisher, Refusal, Settings, Update};
use crate::exposition::{Family, Given};
use family::{Key, Published, Series};
use sample::Sample;

/// All that is published.
pub struct Store {
    settings: Settings,
    /// By name, without the prefix.
    families: BTreeMap<String, Published>,
    used: BTreeMap<Publisher, Amount>,
    /// Before this nothing expires.
    next: f64,
}

/// How long what is over may stay, in seconds: to look for it means to look at
/// all, which is not to be done for each update where many are over one by one.
const GRAIN: f64 = 0.1;

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
        let name = guest::whose(by, &mut update)?;
        if let Some(family) = self.families.get(&name) {
            family.agrees(by, &update)?;
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
                by,
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

    /// Whether there is something to let go of.
    pub fn expires(&self, now: f64) -> bool {
        now >= self.next
    }

    /// Lets go of what was not refreshed in time.
    pub fn expire(&mut self, now: f64) {
        if self.expires(now) {
            self.remove(|series| series.until <= now);
            let families = self.families.values();
            let series = families.flat_map(|family| family.series.values());
            let next = series.map(|s| s.until).fold(f64::INFINITY, f64::min);
            self.next = next.max(now + GRAIN);
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
                    "help": family.help(&whose),
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
