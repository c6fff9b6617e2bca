//! Which queues there are, which take jobs, and which start them.
//!
//! Source: `job-manager.queue-list` and `job-manager.queue-status`, polled;
//! nothing is published when a queue is stopped or started. The answer goes
//! into the job table, which counts the jobs that a stopped queue holds back;
//! without one it does not know them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::round::TIMEOUT;
use super::{Context, distinct, of, parse};
use crate::flux::Result;
use crate::job::totals::MAX_QUEUES;

const LIST: &str = "job-manager.queue-list";
const STATUS: &str = "job-manager.queue-status";

/// How often to ask, in seconds.
const INTERVAL: f64 = 5.0;

/// A round costs the job manager 0.3 ms for each queue: where there are more
/// than this, rounds are left out.
const MANY: usize = 200;

const ENABLED: Spec = Spec::gauge(
    "flux_queue_enabled",
    &["queue"],
    "Whether jobs can be submitted to the queue.",
);
const STARTED: Spec = Spec::gauge(
    "flux_queue_started",
    &["queue"],
    "Whether jobs of the queue are started; 0 also while no scheduler is \
     loaded.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[ENABLED, STARTED];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let round = Rc::new(Round {
        context: context.clone(),
        latest: Latest::register(context, SPECS, show)?,
        busy: Cell::new(false),
        rest: Cell::new(0),
        pending: Cell::new(0),
        queues: RefCell::new(Vec::new()),
        result: RefCell::new(Ok(())),
    });
    let jobs = context.jobs.clone();
    context.scope.when_panicked(move || jobs.lock().forget_stopped());
    context.jobs.lock().forget_stopped();
    context.scope.every(INTERVAL, move || round.clone().start())
}

pub(super) fn list(reply: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        queues: Vec<String>,
    }
    let list: List = parse(LIST, reply)?;
    distinct(LIST, list.queues.iter().map(String::as_str))?;
    Ok(list.queues)
}

pub(super) fn status(reply: &str) -> Result<Status> {
    parse(STATUS, reply)
}

#[derive(Deserialize)]
pub(super) struct Status {
    enable: bool,
    start: bool,
}

/// A queue's name and status.
pub(super) type Queue = (String, Status);

pub(super) fn show(queues: &Vec<Queue>) -> Vec<Family> {
    let (mut enabled, mut started) = (ENABLED.family(), STARTED.family());
    for (name, status) in queues {
        enabled.add(&[name], f64::from(u8::from(status.enable)));
        started.add(&[name], f64::from(u8::from(status.start)));
    }
    vec![enabled, started]
}

/// One round of questions: which queues there are, and the status of each.
struct Round {
    context: Context,
    latest: Latest<Vec<Queue>>,
    busy: Cell<bool>,
    /// How many rounds are to be left out.
    rest: Cell<usize>,
    pending: Cell<usize>,
    queues: RefCell<Vec<Queue>>,
    result: RefCell<Result<()>>,
}

impl Round {
    fn start(self: Rc<Self>) {
        let rest = self.rest.get();
        if rest > 0 {
            return self.rest.set(rest - 1);
        }
        if self.busy.replace(true) {
            return; // the last round is not over yet
        }
        self.queues.borrow_mut().clear();
        *self.result.borrow_mut() = Ok(());
        let round = self.clone();
        let asked = self.context.scope.rpc(
            c"job-manager.queue-list",
            "{}",
            TIMEOUT,
            move |reply| match of(c"job-manager.queue-list", reply)
                .and_then(list)
            {
                Ok(names) => round.ask_each(names),
                Err(error) => round.finish(Err(error)),
            },
        );
        if let Err(error) = asked {
            self.finish(Err(error));
        }
    }

    fn ask_each(self: Rc<Self>, mut names: Vec<String>) {
        let beyond = names.len().saturating_sub(MAX_QUEUES);
        names.truncate(MAX_QUEUES);
        let dropped = (beyond * SPECS.len()) as u64;
        self.context.health.count_dropped(dropped);
        // an empty list stands for the anonymous queue, which has no name
        let names = match names.is_empty() {
            true => vec![None],
            false => names.into_iter().map(Some).collect(),
        };
        self.pending.set(names.len());
        for name in names {
            let payload = match &name {
                Some(name) => json!({ "name": name }).to_string(),
                None => "{}".to_owned(),
            };
            let round = self.clone();
            let asked = self.context.scope.rpc(
                c"job-manager.queue-status",
                &payload,
                TIMEOUT,
                move |reply| {
                    let name = name.unwrap_or_default();
                    let status =
                        of(c"job-manager.queue-status", reply).and_then(status);
                    round.answered(status.map(|status| (name, status)));
                },
            );
            if let Err(error) = asked {
                self.answered(Err(error));
            }
        }
    }

    fn answered(&self, status: Result<Queue>) {
        match status {
            Ok(queue) => self.queues.borrow_mut().push(queue),
            // a queue that left the configuration since the list was made
            Err(error) if error.errno == libc::EINVAL => {}
            Err(error) => *self.result.borrow_mut() = Err(error),
        }
        let pending = self.pending.get() - 1;
        self.pending.set(pending);
        if pending == 0 {
            self.finish(self.result.replace(Ok(())));
        }
    }

    fn finish(&self, result: Result<()>) {
        self.busy.set(false);
        if result.is_ok() {
            let queues = self.queues.take();
            let names: Vec<_> = queues.iter().map(|(name, _)| name).collect();
            let stopped: Vec<_> = queues
                .iter()
                .filter(|(_, status)| !status.start)
                .map(|(name, _)| name.as_str())
                .collect();
            let mut table = self.context.jobs.lock();
            // the anonymous queue is what there is when there are no others
            let anonymous = names.iter().any(|name| name.is_empty());
            table.set_queues(if anonymous { &[] } else { &names });
            table.set_stopped(&stopped);
            drop(table);
            self.rest.set(rest(queues.len()));
            self.latest.set(queues);
        } else {
            self.context.jobs.lock().forget_stopped();
        }
        self.context.health.report(self.context.scope.handle(), result);
    }
}

/// How many rounds to leave out after one with so many queues.
fn rest(queues: usize) -> usize {
    queues.saturating_sub(1) / MANY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_queues_are_asked_for_less_often() {
        let each = |queues: usize| queues as f64 / (1 + rest(queues)) as f64;
        for queues in [0, 1, MANY, MANY + 1, MAX_QUEUES - 1, MAX_QUEUES] {
            assert!(each(queues) <= MANY as f64, "{queues}");
        }
        assert_eq!(rest(MANY), 0, "and others as often as ever");
    }

    #[test]
    fn reads_real_answers() {
        let queues = list(r#"{"queues":["batch","debug"]}"#).unwrap();
        assert_eq!(queues, ["batch", "debug"]);
        assert!(list(r#"{"queues":["batch","batch"]}"#).is_err());
        let stopped = status(
            r#"{"enable":true,"start":false,"blocked":"scheduler",
                "stop_reason":"Scheduler is offline"}"#,
        )
        .unwrap();
        assert!(!stopped.start);
        let error = status("{}").err().unwrap();
        assert!(error.text.starts_with("job-manager.queue-status: missing"));
    }
}
