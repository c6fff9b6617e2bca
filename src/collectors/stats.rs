//! Figures of other modules, as the settings name them.
//!
//! Source: `MODULE.stats-get` of each module that an entry of
//! `prometheus.stats` names, at the entry's interval. Entries with the same
//! topic and interval share a request, of which one is under way at a time.
//! What an answer means is a matter of [`crate::stats`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::family::{Family, Spec};
use super::round::TIMEOUT;
use super::{Context, Versioned, parse};
use crate::exposition::{Parts, Source};
use crate::flux::{Error, Result};
use crate::stats::Entry;

const ENTRIES: Spec = Spec::gauge(
    "flux_exporter_stats_entries",
    &["state"],
    "Entries of the setting stats: those whose number is shown, and those for \
     which there is none, or none yet.",
);

/// What is exposed here, apart from what the settings name.
pub const SPECS: &[Spec] = &[ENTRIES];

/// How many problems are told at once.
const TOLD: usize = 4;

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let shown = Shown::default();
    context.register(shown.clone())?;
    let frozen = shown.clone();
    context.scope.when_panicked(move || frozen.lock().fill(None));
    let stats = Rc::new(Stats {
        context: context.clone(),
        shown,
        entries: RefCell::default(),
        generation: Cell::new(0),
        problems: RefCell::default(),
    });
    stats.set(&context.config.stats);
    // `clear` ends the circle that this makes
    context.reloads.push(move |config| stats.set(&config.stats));
    Ok(())
}

/// What the last answers said of each entry, in their order.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Versioned<Vec<Option<Family>>>>>);

impl Shown {
    pub(super) fn lock(
        &self,
    ) -> MutexGuard<'_, Versioned<Vec<Option<Family>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, i: usize, family: Option<Family>) {
        let mut all = self.lock();
        if all[i] != family {
            all[i] = family;
        }
    }
}

impl Source for Shown {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let all = self.lock();
        parts.keep(all.version(), || {
            let mut families: Vec<_> = all.iter().flatten().cloned().collect();
            let (good, bad) = (families.len(), all.len() - families.len());
            let mut entries = ENTRIES.family();
            entries.add(&["shown"], good as f64);
            entries.add(&["missing"], bad as f64);
            families.push(entries);
            families
        });
    }
}

/// Those that are asked for together.
struct Group {
    topic: String,
    interval: f64,
    /// Which entries they are.
    members: Vec<usize>,
    /// Others have taken their place if this is not the present one.
    generation: u64,
}

struct Stats {
    context: Context,
    shown: Shown,
    entries: RefCell<Vec<Entry>>,
    generation: Cell<u64>,
    /// By entry.
    problems: RefCell<BTreeMap<usize, String>>,
}

impl Stats {
    /// Asks for these from now on, and for no others.
    fn set(self: &Rc<Self>, entries: &[Entry]) {
        if self.context.scope.is_closed() {
            return; // it has panicked, and is to stay down
        }
        let generation = self.generation.get();
        if generation > 0 && *self.entries.borrow() == entries {
            return;
        }
        let generation = generation + 1;
        self.generation.set(generation);
        self.entries.replace(entries.to_vec());
        self.problems.borrow_mut().clear();
        **self.shown.lock() = vec![None; entries.len()];
        if entries.is_empty() {
            self.context.health.rest(self.context.scope.handle());
        }
        let mut groups: BTreeMap<(&str, u64), Vec<usize>> = BTreeMap::new();
        for (i, entry) in entries.iter().enumerate() {
            let key = (entry.topic.as_str(), entry.interval.to_bits());
            groups.entry(key).or_default().push(i);
        }
        for ((topic, interval), members) in groups {
            let topic = topic.to_owned();
            let interval = f64::from_bits(interval);
            self.ask_in(0.0, Group { topic, interval, members, generation });
        }
    }

    fn ask_in(self: &Rc<Self>, seconds: f64, group: Group) {
        let stats = self.clone();
        // it fails if the collector has ended, and then nothing is to be done
        let _ = self.context.scope.after(seconds, move || stats.ask(group));
    }

    fn ask(self: &Rc<Self>, group: Group) {
        if group.generation != self.generation.get() {
            return;
        }
        let topic = CString::new(group.topic.clone()).unwrap_or_default();
        let timeout = group.interval.min(TIMEOUT);
        let group = Rc::new(Cell::new(Some(group)));
        let (stats, taken) = (self.clone(), group.clone());
        let asked =
            self.context.scope.rpc(&topic, "{}", timeout, move |reply| {
                stats.answered(taken.take(), reply);
            });
        if let Err(error) = asked {
            self.answered(group.take(), Err(error));
        }
    }

    fn answered(self: &Rc<Self>, group: Option<Group>, reply: Result<&str>) {
        let Some(group) = group else { return };
        if group.generation == self.generation.get() {
            let answer = reply.and_then(|reply| parse(&group.topic, reply));
            self.take(&group, answer);
            self.ask_in(group.interval, group);
        }
    }

    fn take(&self, group: &Group, answer: Result<Value>) {
        let entries = self.entries.borrow();
        let mut problems = self.problems.borrow_mut();
        let mut failed = false;
        for (nth, i) in group.members.iter().enumerate() {
            let (i, entry) = (*i, &entries[*i]);
            let topic = &entry.topic;
            let read = match &answer {
                Ok(answer) => entry.read(answer).map_err(|problem| {
                    format!("{topic}, path {}: {problem}", entry.path)
                }),
                Err(error) => Err(format!("{topic}: {error}")),
            };
            let (family, problem) = match read {
                Ok((family, dropped)) => {
                    self.context.health.count_dropped(dropped as u64);
                    (Some(family), None)
                }
                Err(problem) => (None, Some(problem)),
            };
            failed |= problem.is_some();
            self.shown.set(i, family);
            match problem {
                // who is not there is so for all of them
                Some(problem) if answer.is_ok() || nth == 0 => {
                    let problem = format!("stats[{i}]: {problem}");
                    problems.insert(i, problem);
                }
                _ => drop(problems.remove(&i)),
            }
        }
        drop(problems);
        self.report(failed);
    }

    /// Says how all of them are, when one `failed` or none does any more.
    fn report(&self, failed: bool) {
        let problems = self.problems.borrow();
        let result = match (failed, problems.is_empty()) {
            (false, true) => Ok(()),
            (false, false) => return,
            (true, _) => {
                let told = problems.values().take(TOLD).cloned();
                let mut told: Vec<_> = told.collect();
                if problems.len() > TOLD {
                    told.push(format!("{} more", problems.len() - TOLD));
                }
                Err(Error::invalid(told.join("; ")))
            }
        };
        self.context.health.report(self.context.scope.handle(), result);
    }
}
