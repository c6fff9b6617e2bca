//! The subjects that metrics are about, one file each.
//!
//! A collector watches one part of Flux and keeps numbers about it that a
//! scrape can read at any time: it registers what it exposes in the
//! [`Context`]'s registry, and keeps it up to date from callbacks of the
//! reactor. It asks Flux for nothing on behalf of a scrape, never blocks,
//! and has at most one request of a kind in flight.
//!
//! A new collector is a file here, its `mod` line, and a row in [`ALL`].

pub mod accounts;
pub mod autoscale;
pub mod broker;
pub mod brokers;
pub mod children;
pub mod clients;
pub mod content;
pub mod content_sqlite;
pub mod custom;
pub mod exporter;
pub mod family;
pub mod health;
pub mod heartbeat;
pub mod job_list;
pub mod jobs;
pub mod kvs;
pub mod latest;
pub mod modules;
pub mod nodes;
pub mod overlay;
pub mod parent;
pub mod process;
pub mod queues;
pub mod replies;
pub mod resources;
pub mod round;
pub mod sched_stats;
pub mod scheduler;
pub mod stats;
pub mod subtree;
#[cfg(test)]
mod testing;
pub mod total;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::config::Config;
use crate::custom::name;
use crate::exposition::{Families, Source};
use crate::flux::{Error, Result, Scope};
use crate::job::{Table, Time};
use children::Tree;
use family::Spec;
use health::Health;

/// A row of the list of collectors.
pub struct Entry {
    /// The name: that of the file, and the value of the `collector` label.
    pub name: &'static str,
    /// Whether it runs on every broker, or only where the job manager is.
    pub every_rank: bool,
    /// Whether it runs unless the settings say otherwise; those that cost
    /// Flux something do not.
    pub on: bool,
    /// What it exposes of jobs and queues, which Flux's private mode is to
    /// hide from those that it does not know.
    pub private: &'static [Spec],
    /// Registers what it exposes and starts what feeds it.
    pub start: fn(&Context) -> Result<()>,
}

/// All collectors.
pub const ALL: &[Entry] = &[
    Entry {
        name: "exporter",
        every_rank: true,
        on: true,
        private: &[exporter::EVENTS, exporter::LAG],
        start: exporter::start,
    },
    Entry {
        name: "jobs",
        every_rank: false,
        on: true,
        private: jobs::metrics::SPECS,
        start: jobs::start,
    },
    Entry {
        name: "queues",
        every_rank: false,
        on: true,
        private: queues::SPECS,
        start: queues::start,
    },
    Entry {
        name: "job-list",
        every_rank: false,
        on: true,
        private: job_list::SPECS,
        start: job_list::start,
    },
    Entry {
        name: "resources",
        every_rank: false,
        on: true,
        private: &[resources::metrics::QUEUE_NODES],
        start: resources::start,
    },
    Entry {
        name: "nodes",
        every_rank: false,
        on: false,
        private: nodes::SPECS,
        start: nodes::start,
    },
    Entry {
        name: "autoscale",
        every_rank: false,
        on: true,
        private: autoscale::SPECS,
        start: autoscale::start,
    },
    Entry {
        name: "users",
        every_rank: false,
        on: false,
        private: accounts::USERS,
        start: accounts::users,
    },
    Entry {
        name: "banks",
        every_rank: false,
        on: false,
        private: accounts::BANKS,
        start: accounts::banks,
    },
    Entry {
        name: "projects",
        every_rank: false,
        on: false,
        private: accounts::PROJECTS,
        start: accounts::projects,
    },
    Entry {
        name: "broker",
        every_rank: true,
        on: true,
        private: &[],
        start: broker::start,
    },
    Entry {
        name: "brokers",
        every_rank: false,
        on: true,
        private: &[],
        start: brokers::start,
    },
    Entry {
        name: "overlay",
        every_rank: true,
        on: true,
        private: &[],
        start: overlay::start,
    },
    Entry {
        name: "subtree",
        every_rank: true,
        on: true,
        private: &[],
        start: subtree::start,
    },
    Entry {
        name: "children",
        every_rank: false,
        on: true,
        private: children::SPECS,
        start: children::start,
    },
    Entry {
        name: "parent",
        every_rank: false,
        on: true,
        private: &[],
        start: parent::start,
    },
    Entry {
        name: "modules",
        every_rank: true,
        on: true,
        private: &[],
        start: modules::start,
    },
    Entry {
        name: "heartbeat",
        every_rank: true,
        on: true,
        private: &[],
        start: heartbeat::start,
    },
    Entry {
        name: "clients",
        every_rank: true,
        on: true,
        private: &[],
        start: clients::start,
    },
    Entry {
        name: "scheduler",
        every_rank: false,
        on: true,
        private: scheduler::SPECS,
        start: scheduler::start,
    },
    Entry {
        name: "sched-stats",
        every_rank: false,
        on: true,
        private: sched_stats::SPECS,
        start: sched_stats::start,
    },
    Entry {
        name: "content",
        every_rank: true,
        on: true,
        private: &[],
        start: content::start,
    },
    Entry {
        name: "content-sqlite",
        every_rank: false,
        on: true,
        private: &[],
        start: content_sqlite::start,
    },
    Entry {
        name: "custom",
        every_rank: true,
        on: true,
        private: &[],
        start: custom::start,
    },
    Entry {
        name: "stats",
        every_rank: false,
        on: true,
        private: &[],
        start: stats::start,
    },
    Entry {
        name: "kvs",
        every_rank: true,
        on: false,
        private: &[],
        start: kvs::start,
    },
];

/// The name of each, and whether it is on. Unlike [`ALL`] it leads to no code,
/// so that the settings, and tests of them, do without Flux.
pub const NAMES: [(&str, bool); ALL.len()] = {
    let mut names = [("", false); ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        names[i] = (ALL[i].name, ALL[i].on);
        i += 1;
    }
    names
};

/// All families that they expose, in the order of [`ALL`].
pub const SPECS: &[&[Spec]] = &[
    exporter::SPECS,
    jobs::metrics::SPECS,
    queues::SPECS,
    job_list::SPECS,
    resources::metrics::SPECS,
    nodes::SPECS,
    autoscale::SPECS,
    accounts::USERS,
    accounts::BANKS,
    accounts::PROJECTS,
    broker::SPECS,
    brokers::SPECS,
    overlay::SPECS,
    subtree::metrics::SPECS,
    children::SPECS,
    &[], // parent shows nothing
    modules::SPECS,
    heartbeat::SPECS,
    clients::SPECS,
    scheduler::SPECS,
    sched_stats::SPECS,
    content::SPECS,
    content_sqlite::SPECS,
    custom::SPECS,
    stats::SPECS,
    kvs::SPECS,
];

/// Families of counters that did not begin with the module: those that Flux
/// keeps began before it, and of accounts and children each series begins when
/// it is shown.
pub const OLDER: &[&[Spec]] = &[
    accounts::USERS,
    accounts::BANKS,
    accounts::PROJECTS,
    broker::SPECS,
    children::NAMED,
    clients::SPECS,
    content_sqlite::SPECS,
    heartbeat::SPECS,
    kvs::SPECS,
    modules::SPECS,
    sched_stats::SPECS,
];

/// What other names of ours begin with, those of the server and the process.
const RESERVED: [&str; 2] = ["flux_exporter_", "process_"];

/// Whether a family is one of those that Flux's private mode is to hide. So
/// are all that are not ours: what they are about is not known here.
pub fn is_private(family: &str) -> bool {
    let mut private = ALL.iter().flat_map(|entry| entry.private);
    private.any(|spec| spec.name == family) || !is_ours(family)
}

/// Whether a family tells of persons, or of single jobs.
pub fn tells_of_persons(family: &str) -> bool {
    accounts::tells(family) || children::names(family)
}

fn is_ours(family: &str) -> bool {
    RESERVED.iter().any(|start| family.starts_with(start))
        || all_specs().any(|spec| spec.name == family)
}

fn all_specs() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter().copied().flatten()
}

/// A name of ours that a name with this prefix could be, or be taken for.
pub fn begins(prefix: &str) -> Option<&'static str> {
    let reserved = RESERVED
        .into_iter()
        .find(|start| start.starts_with(prefix) || prefix.starts_with(start));
    let clashes = |spec: &&Spec| {
        let stem = name::stem(spec.name);
        let mut samples = name::SUFFIXES.iter().map(|s| format!("{stem}{s}"));
        samples.any(|sample| sample.starts_with(prefix))
    };
    let ours = || {
        let mut all = all_specs();
        let exact = all.find(|spec| spec.name.starts_with(prefix));
        exact.or_else(|| all_specs().find(clashes)).map(|spec| spec.name)
    };
    reserved.or_else(ours)
}

/// A name of ours that a family of this name could be taken for.
pub fn resembles(family: &str) -> Option<&'static str> {
    let reserved = RESERVED.into_iter().find(|start| family.starts_with(start));
    let stem = name::stem(family);
    let clashes = |spec: &&Spec| name::stem(spec.name) == stem;
    reserved.or_else(|| all_specs().find(clashes).map(|spec| spec.name))
}

/// What a collector is given.
#[derive(Clone)]
pub struct Context {
    /// Where its requests and timers live; a panic in one closes it.
    pub scope: Scope,
    /// The registry, where what it exposes is registered.
    pub families: Families,
    /// How it is doing.
    pub health: Arc<Health>,
    /// How all of them are doing.
    pub all: Arc<[Arc<Health>]>,
    /// The table of active jobs and the totals over them.
    pub jobs: Jobs,
    /// The settings at the time of loading.
    pub config: Rc<Config>,
    /// Those who want to know of others.
    pub reloads: Reloads,
    /// What instances below this one told.
    pub tree: Tree,
    /// What is to be done at the end.
    pub ends: Ends,
}

/// What is to be done when the module is unloaded, after everything else.
#[derive(Clone, Default)]
pub struct Ends(Rc<RefCell<Vec<End>>>);

type End = Box<dyn FnOnce() -> bool>;

impl Ends {
    /// Has `f` called; it says whether all threads of its are gone.
    pub fn push(&self, f: impl FnOnce() -> bool + 'static) {
        self.0.borrow_mut().push(Box::new(f));
    }

    /// Does it all, and returns whether all threads are gone.
    pub fn run(&self) -> bool {
        let mut gone = true;
        for end in self.0.take() {
            gone &= end();
        }
        gone
    }
}

/// What is to be done when other settings are put into force.
#[derive(Clone, Default)]
pub struct Reloads(Rc<RefCell<Vec<Follower>>>);

type Follower = Box<dyn Fn(&Config)>;

impl Reloads {
    /// Has `f` told of settings that are in force from now on: it must not
    /// fail, since what can is checked when they are read.
    pub fn push(&self, f: impl Fn(&Config) + 'static) {
        self.0.borrow_mut().push(Box::new(f));
    }

    /// Tells all.
    pub fn run(&self, config: &Config) {
        self.0.borrow().iter().for_each(|f| f(config));
    }

    /// Forgets all, and what they hold.
    pub fn clear(&self) {
        let all = self.0.take();
        drop(all);
    }
}

impl Context {
    /// Registers what the collector exposes. Everything is registered before
    /// the endpoint listens: a scrape would hold this up.
    pub fn register(&self, metrics: impl Source) -> Result<()> {
        self.families
            .register(metrics)
            .map_err(|error| Error::invalid(error.to_string()))
    }

    /// Whether the other collectors that this one needs are on; if not, its
    /// health says so.
    pub fn has(&self, others: &[&str]) -> bool {
        let needs = self.config.needs(self.health.name(), others);
        let has = needs.is_ok();
        if let Err(text) = needs {
            self.health.report(self.scope.handle(), Err(Error::invalid(text)));
        }
        has
    }

    /// Asks the same question every `interval` seconds and hands each answer
    /// to `f`; says so in the health when that fails, or `f` does.
    pub fn poll(
        &self,
        topic: &'static CStr,
        payload: &'static str,
        interval: f64,
        f: impl FnMut(&str) -> Result<()> + 'static,
    ) -> Result<()> {
        let context = self.clone();
        let busy = Rc::new(Cell::new(false));
        let f = Rc::new(RefCell::new(f));
        self.scope.every(interval, move || {
            if busy.replace(true) {
                return;
            }
            let (done, f) = (busy.clone(), f.clone());
            let health = context.health.clone();
            let handle = context.scope.handle();
            let asked =
                context.scope.rpc(topic, payload, interval, move |reply| {
                    done.set(false);
                    let result = reply.and_then(|reply| f.borrow_mut()(reply));
                    health.report(handle, result);
                });
            if let Err(error) = asked {
                busy.set(false);
                context.health.report(context.scope.handle(), Err(error));
            }
        })
    }
}

/// Reads the reply to a request for `topic`.
pub fn parse<'a, T: Deserialize<'a>>(topic: &str, reply: &'a str) -> Result<T> {
    serde_json::from_str(reply)
        .map_err(|error| Error::new(libc::EPROTO, format!("{topic}: {error}")))
}

/// An answer of `topic` that lists one twice is an error: a page with the same
/// series twice would be refused as a whole.
pub fn distinct<'a>(
    topic: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => {
            let text = format!("{topic}: \"{name}\" is listed twice");
            Err(Error::new(libc::EPROTO, text))
        }
    }
}

/// The table of jobs, shared with the thread that serves scrapes.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Table>>);

impl Jobs {
    /// Shares a table.
    pub fn new(table: Table) -> Self {
        Self(Arc::new(Mutex::new(table)))
    }

    /// The table, for as long as the result lives: keep that short.
    pub fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic while it was held stops its collector, which takes the
        // gauges away; the counters that remain are still the best there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time, by the clock that Flux writes event timestamps with.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time::from_secs(since.map_or(0.0, |since| since.as_secs_f64()))
}
