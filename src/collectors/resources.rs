//! Nodes, cores and GPUs by state.
//!
//! Source: `resource.status`, polled, and asked at once when the stream
//! `resource.journal` (Flux 0.72) says that something happened to a node;
//! `config.get` for which queue is for which nodes. What jobs have of nodes
//! is known from the job journal. Both meet in the job table, so that all
//! states are of one moment.

pub mod metrics;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::{Context, now, of};
use crate::flux::{Error, Level, Result};
use crate::job::Malformed;
use crate::resource::journal::Said;
use crate::resource::{Requires, Status};
use metrics::{Metrics, Transitions};

/// An answer costs the resource module 0.2 ms.
const INTERVAL: f64 = 5.0;

/// How long to wait for an inventory that is not there yet, in seconds, and how
/// many times: when an instance starts this takes a moment.
const SOON: f64 = 0.25;
const PATIENCE: u32 = 40;

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let transitions = Arc::new(Transitions::default());
    context.register(Metrics::new(&context.jobs, &transitions))?;
    let jobs = context.jobs.clone();
    context.scope.when_panicked(move || jobs.lock().forget_nodes());
    let watch = Rc::new(Watch {
        context: context.clone(),
        transitions,
        asking: Cell::new(false),
        again: Cell::new(false),
        listening: Cell::new(false),
        live: Cell::new(false),
        patience: Cell::new(PATIENCE),
        problem: RefCell::new(None),
    });
    context.scope.every(INTERVAL, move || watch.clone().ask())
}

struct Watch {
    context: Context,
    transitions: Arc<Transitions>,
    /// A request is under way.
    asking: Cell<bool>,
    /// Its answer may be too old.
    again: Cell<bool>,
    /// The stream was asked for and has not ended.
    listening: Cell<bool>,
    /// Its backlog is over.
    live: Cell<bool>,
    /// How many times an inventory that is not there yet is no error.
    patience: Cell<u32>,
    /// What the last message of the stream could not be read for.
    problem: RefCell<Option<Error>>,
}

impl Watch {
    /// Asks for the status and then for the queues.
    fn ask(self: Rc<Self>) {
        if self.asking.replace(true) {
            self.again.set(true);
            return;
        }
        self.again.set(false);
        let watch = self.clone();
        let asked = self.context.scope.rpc(
            c"resource.status",
            "{}",
            INTERVAL,
            move |reply| {
                let status = of(c"resource.status", reply).and_then(|reply| {
                    read("resource.status", Status::parse(reply))
                });
                match status {
                    Ok(status) => watch.ask_queues(status),
                    Err(error) => watch.finish(Err(error)),
                }
            },
        );
        if let Err(error) = asked {
            self.finish(Err(error));
        }
    }

    fn ask_queues(self: Rc<Self>, status: Status) {
        let watch = self.clone();
        let asked = self.context.scope.rpc(
            c"config.get",
            "{}",
            INTERVAL,
            move |reply| {
                let requires = match reply {
                    // a Flux that does not tell has all nodes in all queues
                    Err(e) if e.errno == libc::ENOSYS => {
                        Ok(Requires::default())
                    }
                    Err(error) => Err(error.context("config.get")),
                    Ok(reply) => read("config.get", Requires::parse(reply)),
                };
                watch.finish(requires.map(|requires| (status, requires)));
            },
        );
        if let Err(error) = asked {
            self.finish(Err(error));
        }
    }

    /// Whether the resource module is there and its inventory is not yet, as
    /// when an instance starts: then it is asked again soon, and that is all.
    fn is_early(self: &Rc<Self>, error: &Error) -> bool {
        let left = self.patience.get();
        if error.errno != libc::ENOENT || left == 0 {
            return false;
        }
        self.patience.set(left - 1);
        let again = self.clone();
        self.context.scope.after(SOON, move || again.ask()).is_ok()
    }

    fn finish(self: Rc<Self>, answer: Result<(Status, Requires)>) {
        self.asking.set(false);
        let mut table = self.context.jobs.lock();
        let result = match answer {
            Ok((status, requires)) => {
                self.patience.set(0);
                table.set_nodes(status, requires, now());
                Ok(())
            }
            Err(error) => {
                table.forget_nodes();
                Err(error)
            }
        };
        drop(table);
        if let Err(error) = &result
            && self.is_early(error)
        {
            return;
        }
        let there = result.is_ok();
        self.context.health.report(self.context.scope.handle(), result);
        if there && !self.listening.get() {
            self.clone().listen();
        }
        if there && self.again.get() {
            self.ask();
        }
    }

    /// Listens for events; with a Flux that has none, polling has to do.
    fn listen(self: Rc<Self>) {
        self.listening.set(true);
        self.live.set(false);
        let watch = self.clone();
        let asked = self.context.scope.stream(
            c"resource.journal",
            "{}",
            move |response| match response {
                Ok(response) => watch.clone().hear(response),
                Err(error) => watch.clone().ended(&error),
            },
        );
        if asked.is_err() {
            self.listening.set(false);
        }
    }

    fn hear(self: Rc<Self>, response: &str) {
        match read("resource.journal", Said::parse(response)) {
            Ok(Said::Sentinel) => {
                self.live.set(true);
                self.transitions.listening();
            }
            Ok(Said::News(counts)) if self.live.get() => {
                self.transitions.count(counts);
                self.ask();
            }
            Ok(Said::News(_)) => {}
            Err(error) => self.complain(error),
        }
    }

    /// An event that cannot be read is not counted, and said once.
    fn complain(&self, error: Error) {
        self.context.health.count_error();
        if self.problem.borrow().as_ref().map(|e| &e.text) != Some(&error.text)
        {
            let handle = self.context.scope.handle();
            handle.log(Level::Warning, &error.text);
            *self.problem.borrow_mut() = Some(error);
        }
    }

    fn ended(self: Rc<Self>, error: &Error) {
        self.listening.set(false);
        // where there is no such stream, its end says nothing
        if error.errno != libc::ENOSYS {
            self.ask();
        }
    }
}

fn read<T>(
    topic: &str,
    result: std::result::Result<T, Malformed>,
) -> Result<T> {
    result.map_err(|e| Error::new(libc::EPROTO, format!("{topic}: {e}")))
}
