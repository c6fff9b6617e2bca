//! The jobs and nodes of the whole tree of instances, by depth.
//!
//! A job can be a Flux instance, and if that has this module, it sends its
//! totals here ([`super::parent`]): for itself and for the instances that are
//! jobs of its own, and so on down. What is shown is the sum over the
//! instances of each depth, of which 0 is this one.
//!
//! A report is taken from the user whose job it is, or from the owner of this
//! instance. What there is of a child at present goes with its job, or when
//! it is not renewed; what it said of finished jobs stays. On request the
//! children are also shown one by one, as many as the settings say, and the
//! others as one.
//!
//! Source: requests for `NAME.child`; `job-list.list-id`, once for each job
//! that a guest speaks for.

mod metrics;
mod report;
mod store;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Deserialize;

use self::metrics::DROPPED;
pub use self::metrics::{NAMED, SPECS, names};
pub use self::report::{Level, MAX_DEPTH, Report, Results, finished};
pub use self::store::{MAX_NAMED, Refused, Store};
use super::family::Spec;
use super::{Context, Jobs, Versioned, now, parse};
use crate::exposition::{Parts, Source};
use crate::flux::{Error, Request, Result, Role};
use crate::job::state::State;
use crate::job::{JobId, Table, id::f58};

/// How often what is over is forgotten, beside when it is looked at.
const INTERVAL: f64 = 10.0;

/// How long job-list may take, in seconds.
const TIMEOUT: f64 = 10.0;

/// How many users of jobs are asked for at once, and how many are known.
const MAX_ASKED: usize = 16;
const MAX_USERS: usize = 4096;

/// Why a report was refused, in the order of the counts.
const REASONS: [&str; 3] = ["invalid", "denied", "full"];

/// What instances below this one told, shared with the thread that serves
/// scrapes, and with the collector that tells the parent of it.
#[derive(Clone, Default)]
pub struct Tree(Arc<Mutex<Versioned<Store>>>);

impl Tree {
    pub(super) fn lock(&self) -> MutexGuard<'_, Versioned<Store>> {
        // a panic while it was held stops this collector
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums over what is below this instance, by depth.
    pub fn levels(&self, jobs: &Jobs) -> Vec<Level> {
        self.settled(&jobs.lock()).levels()
    }

    /// What there is, without what is over.
    fn settled(&self, table: &Table) -> MutexGuard<'_, Versioned<Store>> {
        let now = Instant::now();
        let mut store = self.lock();
        // a table that is being filled does not know yet who has ended
        let active = |job| !table.synced() || table.has(job);
        if !store.is_settled(now, active) {
            store.settle(now, active);
        }
        store
    }
}

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    // without jobs it is not known which of them are active
    if !context.has(&["jobs"]) {
        return Ok(());
    }
    let handle = context.scope.handle();
    let dropped = Arc::<[AtomicU64; REASONS.len()]>::default();
    let (tree, jobs) = (context.tree.clone(), context.jobs.clone());
    tree.lock().set_places(context.config.children_named);
    context.register(Metrics {
        jobs: jobs.clone(),
        tree: tree.clone(),
        dropped: dropped.clone(),
    })?;
    let users = Rc::new(Users::of(context));
    let (asked, counts) = (users.clone(), dropped);
    let topic = format!("{}.child", handle.name());
    context.scope.serve(&topic, Role::Guest, move |request| {
        let result = asked.take(request);
        let reason = match result.as_ref().map_err(|error| error.errno) {
            Ok(()) | Err(libc::EAGAIN) => None,
            Err(libc::ENOENT | libc::EPERM) => Some(1),
            Err(libc::ENOSPC) => Some(2),
            Err(_) => Some(0),
        };
        if let Some(reason) = reason {
            counts[reason].fetch_add(1, Relaxed);
        }
        result.map(|()| String::new())
    })?;
    let health = context.health.clone();
    context.scope.every(INTERVAL, move || {
        drop(tree.settled(&jobs.lock()));
        users.settle();
        health.report(handle, Ok(()));
    })
}

/// Whose jobs they are, as far as somebody asked.
struct Users {
    context: Context,
    known: RefCell<BTreeMap<JobId, u32>>,
    asking: RefCell<BTreeSet<JobId>>,
}

impl Users {
    fn of(context: &Context) -> Self {
        let context = context.clone();
        Self { context, known: RefCell::default(), asking: RefCell::default() }
    }

    /// Takes a report of a child.
    fn take(self: &Rc<Self>, request: &Request) -> Result<()> {
        let report = Report::read(request.payload()?)?;
        let job = report.jobid;
        let again = |text| Err(Error::new(libc::EAGAIN, text));
        let age = {
            let table = self.context.jobs.lock();
            if !table.synced() {
                return again("the job table is not known yet");
            }
            // one that waits is no instance, whatever its user says
            let runs = [State::Run, State::Cleanup];
            if !table.state(job).is_some_and(|state| runs.contains(&state)) {
                let text = format!("{} is no running job here", f58(job));
                return Err(Error::new(libc::ENOENT, text));
            }
            table.held_since(job).map_or(0.0, |since| now().since(since))
        };
        if !request.is_owner()? {
            let known = self.known.borrow().get(&job).copied();
            match known {
                None => {
                    self.ask(job);
                    return again("it is being asked whose job this is");
                }
                Some(userid) if userid == request.userid()? => {}
                Some(_) => {
                    let text = format!("{} is not your job", f58(job));
                    return Err(Error::new(libc::EPERM, text));
                }
            }
        }
        let taken = self.context.tree.lock().take(report, age, Instant::now());
        taken.map_err(|refused| match refused {
            Refused::Full => {
                let text = "too many instances tell their totals";
                Error::new(libc::ENOSPC, text)
            }
            Refused::Absurd => {
                let text = "report: more jobs than can have finished";
                Error::new(libc::EPROTO, text)
            }
        })
    }

    fn ask(self: &Rc<Self>, job: JobId) {
        let mut asking = self.asking.borrow_mut();
        if asking.len() >= MAX_ASKED || !asking.insert(job) {
            return;
        }
        drop(asking);
        let payload = format!(r#"{{"id":{job},"attrs":["userid"]}}"#);
        let told = self.clone();
        let asked = self.context.scope.rpc(
            c"job-list.list-id",
            &payload,
            TIMEOUT,
            move |reply| {
                told.asking.borrow_mut().remove(&job);
                // who asks again finds out, or makes us ask again
                if let Ok(userid) = reply.and_then(userid) {
                    let mut known = told.known.borrow_mut();
                    if known.len() >= MAX_USERS {
                        known.clear();
                    }
                    known.insert(job, userid);
                }
            },
        );
        if asked.is_err() {
            self.asking.borrow_mut().remove(&job);
        }
    }

    fn settle(&self) {
        let table = self.context.jobs.lock();
        self.known.borrow_mut().retain(|job, _| table.has(*job));
    }
}

/// The answer of `job-list.list-id`.
fn userid(reply: &str) -> Result<u32> {
    #[derive(Deserialize)]
    struct Reply {
        job: Job,
    }
    #[derive(Deserialize)]
    struct Job {
        userid: u32,
    }
    let reply: Reply = parse("job-list.list-id", reply)?;
    Ok(reply.job.userid)
}

pub(super) struct Metrics {
    pub(super) jobs: Jobs,
    pub(super) tree: Tree,
    pub(super) dropped: Arc<[AtomicU64; REASONS.len()]>,
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let table = self.jobs.lock();
        let store = self.tree.settled(&table);
        parts.keep(table.version() + store.version(), || {
            let own = Level::of(&table);
            let counted = table.has_synced().then(|| finished(&table));
            metrics::show(own.as_ref(), counted, &store.levels())
        });
        parts.keep(store.version(), || metrics::show_named(&store.parts()));
        drop((table, store));
        let counts = self.dropped.each_ref().map(|n| n.load(Relaxed));
        parts.keep(counts.iter().sum(), || {
            let mut dropped = DROPPED.family();
            for (reason, count) in REASONS.iter().zip(counts) {
                dropped.add(&[reason], count as f64);
            }
            vec![dropped]
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_user() {
        let reply = r#"{"job":{"id":21743271936,"userid":1001}}"#;
        assert_eq!(userid(reply), Ok(1001));
        assert!(userid(r#"{"job":{"id":1}}"#).is_err());
    }
}
