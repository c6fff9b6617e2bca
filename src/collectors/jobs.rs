//! Jobs: how many, waiting for what, with how much, and what became of them.
//!
//! Source: `job-manager.events-journal`, a stream of every job event. The
//! backlog of active jobs builds the table; from then on each event moves the
//! totals that a scrape copies.
//!
//! The stream ends when job-manager is unloaded. It is taken up again with a
//! growing delay, and the gap is made good: the new backlog has what happened
//! to jobs that are still active, and where few inactive jobs are kept, the
//! full one has those that came and went meanwhile. Jobs that are in neither
//! are looked up one by one.
//!
//! What the stream does not tell is asked for: which nodes are in
//! housekeeping, by `job-manager.stats-get`.

mod housekeeping;
pub mod metrics;
mod vanished;

use std::cell::Cell;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;

use super::{Context, accounts, now, parse};
use crate::flux::{Error, Level, Result};
use crate::job::What;
use housekeeping::Watch;
use vanished::Vanished;

/// First and longest delay before the stream is taken up again, in seconds.
const BACKOFF: (f64, f64) = (0.1, 5.0);

/// How often the job manager is asked whether it is there, in seconds.
const INTERVAL: f64 = 5.0;

/// How long the job manager may take to answer, in seconds.
const TIMEOUT: f64 = 10.0;

/// With more inactive jobs than this the full backlog is not asked for: it
/// stops the job manager for about 46 us a job.
const FULL_BACKLOG: u64 = 10_000;

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    accounts::open(&mut context.jobs.lock(), &context.config);
    context.register(metrics::Metrics::new(&context.jobs))?;
    let jobs = context.jobs.clone();
    context.scope.when_panicked(move || jobs.lock().lost(now()));
    let housekeeping = Watch::start(context)?;
    let journal = Rc::new(Journal {
        context: context.clone(),
        housekeeping: housekeeping.clone(),
        backoff: Cell::new(BACKOFF.0),
        logged: Cell::new(0),
        vanished: Vanished::new(context),
    });
    watch(context, housekeeping)?;
    journal.open(false)
}

/// A stream that has nothing to say sounds like one whose sender hangs: asks
/// the job manager, which costs it 0.15 ms, whether it is there.
fn watch(context: &Context, housekeeping: Watch) -> Result<()> {
    let jobs = context.jobs.clone();
    let topic = c"job-manager.stats-get";
    context.poll(topic, "{}", INTERVAL, move |reply| {
        housekeeping.hear(reply, true)?;
        match jobs.lock().synced() {
            true => Ok(()),
            false => Err(Error::new(libc::EAGAIN, "not caught up yet")),
        }
    })
}

/// The stream, and the way back to it.
struct Journal {
    context: Context,
    backoff: Cell<f64>,
    /// The kinds of problem that were logged, as bits.
    logged: Cell<u8>,
    vanished: Vanished,
    housekeeping: Watch,
}

impl Journal {
    fn open(self: Rc<Self>, full: bool) -> Result<()> {
        self.context.jobs.lock().begin();
        // nothing in these is for us, and each would cost the job manager a
        // message: schedulers annotate pending jobs again and again, and
        // "release" comes for every part of a job's nodes
        let deny = json!({ "annotations": 1, "release": 1 });
        let payload = json!({ "full": full, "deny": deny });
        let journal = self.clone();
        self.context.scope.stream(
            c"job-manager.events-journal",
            &payload.to_string(),
            move |message| match message {
                Ok(line) => journal.received(line),
                Err(error) => journal.clone().ended(error),
            },
        )
    }

    fn received(&self, line: &str) {
        let applied = self.context.jobs.lock().apply(line, now());
        let handle = self.context.scope.handle();
        for problem in applied.problems {
            self.context.health.count_error();
            // one that repeats would fill the log: the counter goes on
            let logged = self.logged.get();
            let bit = 1 << problem.kind as u8;
            if logged & bit == 0 {
                self.logged.set(logged | bit);
                let line = format!("job journal: {}", problem.text);
                handle.log(Level::Warning, &line);
            }
        }
        if applied.what == What::Sentinel {
            self.backoff.set(BACKOFF.0);
            self.context.health.report(handle, Ok(()));
            let vanished = self.context.jobs.lock().take_vanished();
            self.vanished.look_up(vanished);
            self.housekeeping.ask();
        }
    }

    fn ended(self: Rc<Self>, error: Error) {
        self.context.jobs.lock().lost(now());
        let doing = error.context("job journal");
        self.context.health.report(self.context.scope.handle(), Err(doing));
        self.retry();
    }

    fn retry(self: Rc<Self>) {
        let delay = self.backoff.get();
        self.backoff.set((delay * 2.0).min(BACKOFF.1));
        let scope = self.context.scope.clone();
        let handle = scope.handle();
        let again = self.clone();
        if let Err(error) = scope.after(delay, move || again.ask()) {
            self.context.health.report(handle, Err(error));
        }
    }

    /// Asks whether the job manager is back, and how many inactive jobs a
    /// full backlog would bring.
    fn ask(self: Rc<Self>) {
        let journal = self.clone();
        let asked = self.context.scope.rpc(
            c"job-manager.stats-get",
            "{}",
            TIMEOUT,
            move |reply| {
                let inactive = reply.and_then(inactive_jobs);
                let opened = inactive.and_then(|inactive| {
                    // without a table there is no gap to make good
                    let gap = journal.context.jobs.lock().has_synced();
                    let full = gap && inactive <= FULL_BACKLOG;
                    journal.clone().open(full)
                });
                if opened.is_err() {
                    journal.retry();
                }
            },
        );
        if asked.is_err() {
            self.retry();
        }
    }
}

fn inactive_jobs(reply: &str) -> Result<u64> {
    #[derive(Deserialize)]
    struct Stats {
        inactive_jobs: u64,
    }
    let stats: Stats = parse("job-manager.stats-get", reply)?;
    Ok(stats.inactive_jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_real_stats() {
        let reply = r#"{"journal":{"listeners":1,"events":112},
            "active_jobs":5,"inactive_jobs":8,"max_jobid":104035516416,
            "housekeeping":{"running":{},"config":{}}}"#;
        assert_eq!(inactive_jobs(reply), Ok(8));
        assert!(inactive_jobs("{}").is_err());
    }
}
