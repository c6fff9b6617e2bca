//! An instance that is a job tells its parent instance its totals.
//!
//! Once a period, and at its end, it sends what [`super::children`] of the
//! parent's module takes: jobs, nodes and results of this instance, and of
//! those below it that told theirs. One report is under way at a time. A
//! parent that does not take it, for it is away, slow or without the module,
//! is asked less and less often, up to every five minutes.
//!
//! Source: the job journal and `resource.status`, by way of the collectors
//! `jobs` and `resources`; tells the parent's `NAME.child`.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::children::{Level, MAX_DEPTH, Report, Results, finished};
use super::{Context, now};
use crate::flux::{Error, Handle, Result, Uplink};
use crate::job::{JobId, id::from_f58};

/// How often it is looked after what is due, in seconds.
const TICK: f64 = 1.0;

/// The longest time between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Starts the collector, which has nothing to do where there is no parent.
pub fn start(context: &Context) -> Result<()> {
    let handle = context.scope.handle();
    let Some((uri, job)) = parent(handle) else {
        context.health.rest(handle);
        return Ok(());
    };
    // a report without nodes would make sums over instances wrong
    if !context.has(&["jobs", "resources"]) {
        return Ok(());
    }
    let topic = format!("{}.child", handle.name());
    let opened = job.and_then(|job| Ok((job, Uplink::start(&uri, &topic)?)));
    let (job, uplink) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // no reason not to serve what there is
            let error = error.context("parent-uri");
            context.health.report(handle, Err(error));
            return Ok(());
        }
    };
    let period = context.config.parent_period;
    let parent = Rc::new(Parent {
        context: context.clone(),
        teller: RefCell::new(Teller::new(job, period)),
        uplink,
        period,
        pause: Cell::new(period),
        due: Cell::new(Some(Instant::now())),
    });
    let ticked = Rc::downgrade(&parent);
    context.ends.push(move || match Rc::try_unwrap(parent) {
        Ok(parent) => parent.end(),
        Err(_) => false,
    });
    context.scope.every(TICK, move || {
        if let Some(parent) = ticked.upgrade() {
            parent.tick();
        }
    })
}

/// Where the parent is, and which of its jobs this instance is.
fn parent(handle: Handle) -> Option<(String, Result<JobId>)> {
    let level = handle.attr(c"instance-level")?;
    if level.parse() == Ok(0) {
        return None;
    }
    let uri = handle.attr(c"parent-uri")?;
    let job = handle.attr(c"jobid")?;
    let no_id = || Error::invalid(format!("jobid \"{job}\" is no job id"));
    Some((uri, from_f58(&job).ok_or_else(no_id)))
}

struct Parent {
    context: Context,
    teller: RefCell<Teller>,
    uplink: Uplink,
    period: Duration,
    /// How long it is to the next report.
    pause: Cell<Duration>,
    /// When that is, unless one is under way.
    due: Cell<Option<Instant>>,
}

impl Parent {
    fn tick(&self) {
        if let Some(reply) = self.uplink.reply() {
            self.told(reply);
        }
        let now = Instant::now();
        if self.due.get().is_none_or(|due| now < due) {
            return;
        }
        let sent = self.report(false).and_then(|text| self.uplink.send(text));
        match sent {
            Ok(()) => self.due.set(None),
            // its own collector says what is wrong; it is soon there
            Err(error) if error.errno == libc::EAGAIN => {
                self.context.health.down(None);
            }
            Err(error) => self.told(Err(error)),
        }
    }

    fn told(&self, reply: Result<()>) {
        let pause = match &reply {
            Ok(()) => {
                self.teller.borrow_mut().taken();
                self.period
            }
            Err(_) => (self.pause.get() * 2).min(MAX_PAUSE).max(self.period),
        };
        self.pause.set(pause);
        self.due.set(Some(Instant::now() + pause));
        let explain = |error: Error| match error.errno {
            libc::ENOSYS => Error::new(
                error.errno,
                "the parent instance does not have this module on rank 0, \
                 with the collectors children and jobs (or turn the \
                 collector parent off here)",
            ),
            _ => error.context("parent instance"),
        };
        let handle = self.context.scope.handle();
        self.context.health.report(handle, reply.map_err(explain));
    }

    /// As text; the error is EAGAIN while the numbers are not known.
    fn report(&self, last: bool) -> Result<String> {
        let Context { jobs, tree, .. } = &self.context;
        let below = tree.levels(jobs);
        let table = jobs.lock();
        let own = match Level::of(&table) {
            Some(own) => own,
            // the results are all that counts
            None if last && table.has_synced() => {
                Level { finished: finished(&table), ..Level::default() }
            }
            None => return Err(Error::new(libc::EAGAIN, "not known yet")),
        };
        drop(table);
        let all = [own].into_iter().chain(below).take(MAX_DEPTH).collect();
        let report = self.teller.borrow_mut().report(all, last);
        serde_json::to_string(&report)
            .map_err(|error| Error::invalid(error.to_string()))
    }

    /// Tells what is left to be told.
    fn end(self) -> bool {
        if let Some(Ok(())) = self.uplink.reply() {
            self.teller.borrow_mut().taken();
        }
        let mut last = Vec::new();
        if self.pause.get() <= self.period {
            // what may not have arrived comes first, as it was
            if self.teller.borrow().pending.is_some() {
                last.extend(self.report(true));
                self.teller.borrow_mut().taken();
            }
            last.extend(self.report(true));
        }
        self.uplink.end(last)
    }
}

/// Tells each result once.
struct Teller {
    empty: Report,
    seq: u64,
    /// What was told, or is being told, by depth.
    told: Vec<Results>,
    /// Results on their way, of which it is not known that they arrived.
    pending: Option<Vec<Results>>,
}

impl Teller {
    fn new(job: JobId, period: Duration) -> Self {
        // seeded by the system; readers of JSON agree on so many bits
        let load = RandomState::new().hash_one(now().as_secs().to_bits()) >> 11;
        let empty = Report::new(job, load, period.as_secs_f64());
        Self { empty, seq: 0, told: Vec::new(), pending: None }
    }

    /// The next report, of levels with all that was ever finished.
    fn report(&mut self, mut levels: Vec<Level>, last: bool) -> Report {
        let told = &mut self.told;
        told.resize(levels.len().max(told.len()), Results::default());
        let mut grown = || {
            let growth = |(told, level): (&mut Results, &Level)| {
                let before = std::mem::replace(told, level.finished);
                let mut growth = level.finished;
                for (now, before) in growth.iter_mut().zip(before) {
                    *now = now.saturating_sub(before);
                }
                growth
            };
            told.iter_mut().zip(&levels).map(growth).collect()
        };
        let results = self.pending.get_or_insert_with(&mut grown);
        for (i, level) in levels.iter_mut().enumerate() {
            level.finished = results.get(i).copied().unwrap_or_default();
            level.bound();
        }
        Report { seq: self.seq, last, levels, ..self.empty.clone() }
    }

    /// The parent has the last report.
    fn taken(&mut self) {
        self.pending = None;
        self.seq += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::children::Store;
    use super::*;

    fn level(finished: u64) -> Level {
        Level { instances: 1, finished: [finished; 5], ..Level::default() }
    }

    #[test]
    fn whatever_is_lost_each_result_counts_once() {
        let mut teller = Teller::new(7, Duration::from_secs(10));
        let mut store = Store::default();
        let now = Instant::now();
        let sums = |store: &Store| -> Vec<_> {
            store.levels().iter().map(|l| l.finished[0]).collect()
        };
        // lost on the way
        teller.report(vec![level(3)], false);
        store.put(teller.report(vec![level(5)], false), now).unwrap();
        assert_eq!(sums(&store), [3]);
        // its answer was lost
        let again = teller.report(vec![level(6), level(1)], false);
        store.put(again, now).unwrap();
        assert_eq!(sums(&store), [3, 0]);
        teller.taken();
        let rest = teller.report(vec![level(6), level(1)], true);
        store.put(rest, now).unwrap();
        teller.taken();
        assert_eq!(sums(&store), [6, 1]);
        // the parent's module begins again, and so do its counters
        let mut store = Store::default();
        store.put(teller.report(vec![level(8), level(1)], true), now).unwrap();
        assert_eq!(sums(&store), [2, 0]);
    }
}
