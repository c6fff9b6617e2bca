//! The jobs and nodes of the whole tree of instances, by depth.
//!
//! A job can be a Flux instance, and if that has this module, it sends its
//! totals here ([`super::parent`]): for itself and for the instances that are
//! jobs of its own, and so on down. What is shown is the sum over the
//! instances of each depth, of which 0 is this one.
//!
//! A report is taken from the user whose job it is, or from the owner of this
//! instance. What there is of a child at present goes with its job, or when
//! it is not renewed; what it said of finished jobs stays.
//!
//! Source: requests for `NAME.child`; `job-list.list-id`, once for each job
//! that a guest speaks for.

mod report;
mod store;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Deserialize;

pub use self::report::{Level, MAX_DEPTH, Report, Results, finished};
pub use self::store::Store;
use super::family::{Family, Spec};
use super::{Context, Jobs, parse};
use crate::exposition::Source;
use crate::flux::{Error, Request, Result, Role};
use crate::job::outcome::Outcome;
use crate::job::state::State;
use crate::job::{JobId, id::f58};
use crate::resource::NodeState;

/// How often what is over is forgotten, beside when it is looked at.
const INTERVAL: f64 = 10.0;

/// How long job-list may take, in seconds.
const TIMEOUT: f64 = 10.0;

/// How many users of jobs are asked for at once, and how many are known.
const MAX_ASKED: usize = 16;
const MAX_USERS: usize = 4096;

const INSTANCES: Spec = Spec::gauge(
    "flux_tree_instances",
    &["depth"],
    "Instances that the other families of the tree are about: this one, and \
     below it those that are jobs and have told their totals in time.",
);
const JOBS: Spec = Spec::gauge(
    "flux_tree_jobs",
    &["depth", "state"],
    "Active jobs of the instances of this depth, by state. An instance that \
     is a job is one job of its parent.",
);
const NODES: Spec = Spec::gauge(
    "flux_tree_nodes",
    &["depth", "state"],
    "Nodes of the instances of this depth, by state: those of depth 1 are \
     among the allocated ones of depth 0, and so on, so that only depth 0 is \
     of nodes that differ.",
);
const NODES_WANTED: Spec = Spec::gauge(
    "flux_tree_nodes_wanted",
    &["depth"],
    "Nodes that jobs of the instances of this depth have or wait for, as \
     flux_autoscale_nodes_wanted.",
);
const FINISHED: Spec = Spec::counter(
    "flux_tree_jobs_finished_total",
    &["depth", "result"],
    "Jobs of the instances of this depth that became inactive, by result; \
     those of instances that have ended stay.",
);
const DROPPED: Spec = Spec::counter(
    "flux_exporter_tree_dropped_total",
    &["reason"],
    "Reports of instances below this one that were refused: for what they \
     said, for who said it, or because there are too many instances.",
);

/// What is exposed here.
pub const SPECS: &[Spec] =
    &[INSTANCES, JOBS, NODES, NODES_WANTED, FINISHED, DROPPED];

/// Why a report was refused, in the order of the counts.
const REASONS: [&str; 3] = ["invalid", "denied", "full"];

/// What instances below this one told, shared with the thread that serves
/// scrapes, and with the collector that tells the parent of it.
#[derive(Clone, Default)]
pub struct Tree(Arc<Mutex<Store>>);

impl Tree {
    fn lock(&self) -> MutexGuard<'_, Store> {
        // a panic while it was held stops this collector
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums over what is below this instance, by depth.
    pub fn levels(&self, jobs: &Jobs) -> Vec<Level> {
        let table = jobs.lock();
        let mut store = self.lock();
        // a table that is being filled does not know yet who has ended
        let synced = table.synced();
        store.settle(Instant::now(), |job| !synced || table.has(job));
        store.levels()
    }
}

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let handle = context.scope.handle();
    let dropped = Arc::<[AtomicU64; REASONS.len()]>::default();
    let (tree, jobs) = (context.tree.clone(), context.jobs.clone());
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
        drop(tree.levels(&jobs));
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
        {
            let table = self.context.jobs.lock();
            if !table.synced() {
                return again("the job table is not known yet");
            }
            if !table.has(job) {
                let text = format!("{} is no active job here", f58(job));
                return Err(Error::new(libc::ENOENT, text));
            }
        }
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
        let taken = self.context.tree.lock().put(report, Instant::now());
        taken.map_err(|_full| {
            Error::new(libc::ENOSPC, "too many instances tell their totals")
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

struct Metrics {
    jobs: Jobs,
    tree: Tree,
    dropped: Arc<[AtomicU64; REASONS.len()]>,
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self) -> Vec<Family> {
        let below = self.tree.levels(&self.jobs);
        let table = self.jobs.lock();
        let own = Level::of(&table);
        let counted = table.has_synced().then(|| finished(&table));
        drop(table);
        let mut families = show(own.as_ref(), counted, &below);
        let mut dropped = DROPPED.family();
        for (reason, count) in REASONS.iter().zip(self.dropped.iter()) {
            dropped.add(&[reason], count.load(Relaxed) as f64);
        }
        families.push(dropped);
        families
    }
}

/// Of this instance what is known.
fn show(
    own: Option<&Level>,
    counted: Option<Results>,
    below: &[Level],
) -> Vec<Family> {
    let [mut instances, mut jobs, mut nodes, mut wanted, mut finished] =
        [INSTANCES, JOBS, NODES, NODES_WANTED, FINISHED].map(Spec::family);
    let there = own.map(|level| (0, level)).into_iter();
    let below = (1..).zip(below);
    for (depth, level) in there.chain(below.clone()) {
        let depth = depth.to_string();
        instances.add(&[&depth], level.instances as f64);
        for (state, n) in State::ACTIVE.iter().zip(level.jobs) {
            jobs.add(&[&depth, state.as_str()], n as f64);
        }
        for (state, n) in NodeState::ALL.iter().zip(level.nodes) {
            nodes.add(&[&depth, state.as_str()], n as f64);
        }
        wanted.add(&[&depth], level.nodes_wanted as f64);
    }
    let told = below.map(|(depth, level)| (depth, level.finished));
    for (depth, results) in counted.map(|all| (0, all)).into_iter().chain(told)
    {
        let depth = depth.to_string();
        for (result, n) in Outcome::ALL.iter().zip(results) {
            finished.add(&[&depth, result.as_str()], n as f64);
        }
    }
    vec![instances, jobs, nodes, wanted, finished]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    #[test]
    fn reads_a_real_user() {
        let reply = r#"{"job":{"id":21743271936,"userid":1001}}"#;
        assert_eq!(userid(reply), Ok(1001));
        assert!(userid(r#"{"job":{"id":1}}"#).is_err());
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let below = [Level { instances: 2, ..Level::default() }];
        let shown = series(show(None, None, &below));
        assert_eq!(shown["flux_tree_instances{depth=1}"], 2.0);
        assert!(shown.keys().all(|name| !name.contains("depth=0")));
        let shown = series(show(Some(&below[0]), Some([4; 5]), &[]));
        assert_eq!(shown["flux_tree_nodes_wanted{depth=0}"], 0.0);
        let failed = "flux_tree_jobs_finished_total{depth=0,result=failed}";
        assert_eq!(shown[failed], 4.0);
    }
}
