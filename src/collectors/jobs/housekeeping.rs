//! When housekeeping is done with a node.
//!
//! Source: `job-manager.stats-get`, asked more often while there is any. What
//! jobs had that were over before the module came, or in a gap of the
//! journal, is looked up: `job-info.lookup`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Context, now, parse};
use super::TIMEOUT;
use crate::flux::{Error, Level, Result};
use crate::job::id::f58;
use crate::job::resources::Allocation;
use crate::job::{JobId, Malformed};
use crate::resource::Housekeeping;

/// How often to ask while nodes are in housekeeping, in seconds.
const INTERVAL: f64 = 1.0;

/// FLUX_JOB_LOOKUP_CURRENT: with all updates, of the queue for one.
const CURRENT: u32 = 2;

/// How many jobs are looked up at a time; the next answer tells again of the
/// others.
const AT_ONCE: usize = 16;

/// Clones are the same watch.
#[derive(Clone)]
pub struct Watch {
    context: Context,
    asking: Rc<Cell<bool>>,
    looked_up: Rc<RefCell<HashMap<JobId, Lookup>>>,
}

/// How far it is.
#[derive(Default)]
struct Lookup {
    under_way: bool,
    /// It failed before, and the log says so.
    failed: bool,
}

impl Watch {
    /// Begins to watch; the job manager is asked once a second while nodes
    /// are known to be in housekeeping.
    pub fn start(context: &Context) -> Result<Watch> {
        let watch = Watch {
            context: context.clone(),
            asking: Rc::default(),
            looked_up: Rc::default(),
        };
        let again = watch.clone();
        context.scope.every(INTERVAL, move || {
            let jobs = again.context.jobs.lock();
            let busy = jobs.totals().nodes.in_housekeeping();
            drop(jobs);
            if busy {
                again.ask();
            }
        })?;
        Ok(watch)
    }

    /// Asks at once.
    pub fn ask(&self) {
        if self.asking.replace(true) {
            return;
        }
        let watch = self.clone();
        let asked = self.context.scope.rpc(
            c"job-manager.stats-get",
            "{}",
            TIMEOUT,
            move |reply| {
                watch.asking.set(false);
                // who asks anyway, and less often, reports what is wrong
                let _ = reply.and_then(|reply| watch.hear(reply, false));
            },
        );
        self.asking.set(asked.is_ok());
    }

    /// Takes in an answer; what could not be looked up before is `retried`, or
    /// not.
    pub fn hear(&self, reply: &str, retried: bool) -> Result<()> {
        let said = read("job-manager.stats-get", Housekeeping::parse(reply))?;
        let unknown = self.context.jobs.lock().set_housekeeping(said, now());
        let mut all = self.looked_up.borrow_mut();
        all.retain(|id, lookup| lookup.under_way || unknown.contains(id));
        let under_way = all.values().filter(|lookup| lookup.under_way).count();
        let room = AT_ONCE.saturating_sub(under_way);
        let is_due =
            |id: &JobId| all.get(id).is_none_or(|it| retried && !it.under_way);
        let mut due: Vec<_> = unknown.into_iter().filter(is_due).collect();
        // those that fail again and again after the others
        due.sort_by_key(|id| all.contains_key(id));
        due.truncate(room);
        drop(all);
        due.into_iter().try_for_each(|id| self.look_up(id))
    }

    fn look_up(&self, id: JobId) -> Result<()> {
        let keys = ["R", "jobspec"];
        let payload = json!({ "id": id, "keys": keys, "flags": CURRENT });
        let watch = self.clone();
        self.context.scope.rpc(
            c"job-info.lookup",
            &payload.to_string(),
            TIMEOUT,
            move |reply| {
                let told = reply.and_then(|r| tell(&watch.context, id, r));
                watch.looked_up_one(id, told);
            },
        )?;
        // only now: what was never asked is never answered
        self.looked_up.borrow_mut().entry(id).or_default().under_way = true;
        Ok(())
    }

    fn looked_up_one(&self, id: JobId, told: Result<()>) {
        let mut all = self.looked_up.borrow_mut();
        let Err(error) = told else {
            all.remove(&id);
            return;
        };
        let lookup = all.entry(id).or_default();
        lookup.under_way = false;
        let known = std::mem::replace(&mut lookup.failed, true);
        drop(all);
        // one job is not the source, which is as well as before
        self.context.health.count_error();
        if !known {
            let line = format!(
                "jobs: {} is in housekeeping, and what it had cannot be \
                 looked up: {error}; its nodes are not counted as allocated",
                f58(id)
            );
            self.context.scope.handle().log(Level::Warning, &line);
        }
    }
}

fn tell(context: &Context, id: JobId, reply: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(rename = "R")]
        r: String,
        jobspec: String,
    }
    const TOPIC: &str = "job-info.lookup";
    let lookup: Found = parse(TOPIC, reply)?;
    let had = read(TOPIC, Allocation::parse(&lookup.r))?;
    context.jobs.lock().housekeep(id, had, &lookup.jobspec, now());
    Ok(())
}

fn read<T>(
    topic: &str,
    result: std::result::Result<T, Malformed>,
) -> Result<T> {
    result.map_err(|e| Error::new(libc::EPROTO, format!("{topic}: {e}")))
}
