//! The figures of all brokers, from one of them.
//!
//! Each broker that has the module adds its own figures ([`own`]) to those
//! that its children in the overlay network sent it ([`children`]), and sends
//! the sum ([`report`]) to its parent, once a period and as one message of a
//! size that does not depend on how many brokers there are. Rank 0 has no
//! parent: it shows them ([`metrics`]).
//!
//! The parent answers, so that the collector of a broker whose parent does
//! not take its reports is down, and says why; and a broker has one report
//! under way at a time, so that nothing piles up before a parent that is
//! stuck. A report that is not renewed for three periods is forgotten: who is
//! in it is then missing, and nothing is put in the place of what is missing.
//!
//! Brokers send at different times within a period, by rank, so that what is
//! shown is as old as one period for each level of the tree at most, if
//! nothing was late.
//!
//! Source: `/proc`, `module.list`, `overlay.health`; once, `overlay.topology`
//! and the parent's `attr.get`; and `NAME.subtree`, which this serves.

pub mod children;
pub mod metrics;
mod own;
pub mod report;

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::rc::Rc;
use std::time::Instant;

use serde::Deserialize;

use self::children::Children;
use self::metrics::Shown;
use self::own::Own;
use self::report::Report;
use super::latest::Latest;
use super::round::{Round, TIMEOUT};
use super::{Context, broker, modules, overlay, parse};
use crate::flux::{Error, Request, Result, Role};

/// Reports that are older than so many periods do not count.
const PERIODS: f64 = 3.0;

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let handle = context.scope.handle();
    let rank = handle.rank()?;
    let number = |name| handle.attr(name).and_then(|text| text.parse().ok());
    let size = number(c"size")
        .ok_or_else(|| Error::invalid("the attribute size is no number"))?;
    let topic = format!("{}.subtree", handle.name());
    let latest = match rank {
        0 => Some(Latest::register(context, metrics::SPECS, metrics::show)?),
        _ => None,
    };
    let period = context.config.brokers_period.as_secs_f64();
    let subtree = Rc::new(Subtree {
        rank,
        size,
        period,
        topic: CString::new(&*topic).unwrap_or_default(),
        parent: Cell::new(None),
        own: RefCell::new(Own::new(
            number(c"broker.pid").unwrap_or_else(std::process::id),
            broker::hostname(handle).unwrap_or_default(),
        )),
        children: RefCell::default(),
        latest,
        context: context.clone(),
    });
    let served = subtree.clone();
    context.scope.serve(&topic, Role::Owner, move |request| {
        served.take(request).map(|()| String::new())
    })?;
    // now, for a child may be the first to report
    subtree.clone().meet(drop);
    let begin = context.clone();
    context.scope.after(period * phase(rank), move || {
        let asked = subtree.clone();
        let started =
            begin.rounds(period, move |round| asked.clone().begin(round));
        if let Err(error) = started {
            begin.health.report(begin.scope.handle(), Err(error));
        }
    })
}

/// When in a period a broker sends, as a part of it: ranks that follow each
/// other are far apart.
fn phase(rank: u32) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    (f64::from(rank) * GOLDEN).fract()
}

struct Subtree {
    rank: u32,
    /// Of the instance.
    size: u32,
    /// In seconds.
    period: f64,
    topic: CString,
    /// The rank of the parent, once it is known.
    parent: Cell<Option<u32>>,
    own: RefCell<Own>,
    /// None until it is known who they are.
    children: RefCell<Option<Children>>,
    /// On rank 0.
    latest: Option<Latest<Shown>>,
    context: Context,
}

impl Subtree {
    /// Takes a report of a child.
    fn take(&self, request: &Request) -> Result<()> {
        // the overlay takes this role from all that passes it
        if request.is_local()? {
            let text = "a report comes from another broker";
            return Err(Error::new(libc::EPERM, text));
        }
        let report: Report =
            serde_json::from_str(request.payload()?).map_err(|error| {
                Error::new(libc::EPROTO, format!("report: {error}"))
            })?;
        let mut children = self.children.borrow_mut();
        let Some(children) = &mut *children else {
            let text = "not ready: the topology is not known yet";
            return Err(Error::new(libc::EAGAIN, text));
        };
        children.put(report, Instant::now()).map_err(|text| {
            Error::new(libc::EPROTO, format!("rank {}: {text}", self.rank))
        })
    }

    fn begin(self: Rc<Self>, round: Round) {
        let asking = self.clone();
        self.meet(move |met| match met {
            Ok(()) => asking.ask(round),
            Err(error) => round.finish(Err(error)),
        });
    }

    /// Asks who the children are, unless that is known.
    fn meet(self: Rc<Self>, then: impl FnOnce(Result<()>) + 'static) {
        if self.children.borrow().is_some() {
            return then(Ok(()));
        }
        let payload = format!(r#"{{"rank":{}}}"#, self.rank);
        let context = self.context.clone();
        let question = [(c"overlay.topology", &*payload)];
        context.ask(question, TIMEOUT, move |answer| {
            let children = answer.and_then(|[reply]| topology(&reply));
            then(children.map(|children| {
                // one that is known may have told something since
                self.children.borrow_mut().get_or_insert(children);
            }));
        });
    }

    fn ask(self: Rc<Self>, round: Round) {
        let context = self.context.clone();
        let question = [(c"overlay.health", "{}")];
        context.ask(question, TIMEOUT, move |answer| {
            let health = answer.and_then(|[reply]| overlay::health_of(&reply));
            let health = match health {
                Ok(health) => health,
                Err(error) => return round.finish(Err(error)),
            };
            let context = self.context.clone();
            modules::list(&context, move |modules| {
                self.report(round, &health, modules.ok());
            });
        });
    }

    fn report(
        self: Rc<Self>,
        round: Round,
        health: &overlay::Health,
        modules: Option<Vec<modules::Module>>,
    ) {
        let now = Instant::now();
        let worst = self.context.config.brokers_worst;
        let backlog = modules.and_then(|all| modules::backlog(&all));
        let mut own = self.own.borrow_mut();
        let figures = own.figures(now, backlog);
        let own = (self.rank, own.hostname());
        let mut report = Report::new(own, figures, health.children(), worst);
        let mut told = self.size == 1;
        if let Some(children) = &mut *self.children.borrow_mut() {
            for rank in health.gone() {
                children.forget(rank);
            }
            children.expire(now, PERIODS * self.period);
            children.add_to(&mut report, now, worst);
            told |= children.have_told();
        }
        match &self.latest {
            Some(latest) => {
                if told {
                    latest.set(Shown { report, at: now, size: self.size });
                }
                round.finish(Ok(()));
            }
            None => self.clone().send(round, &report),
        }
    }

    fn send(self: Rc<Self>, round: Round, report: &Report) {
        match serde_json::to_string(report) {
            Ok(payload) => self.send_text(round, payload),
            Err(error) => {
                round.finish(Err(Error::invalid(error.to_string())));
            }
        }
    }

    fn send_text(self: Rc<Self>, round: Round, payload: String) {
        let context = self.context.clone();
        let Some(parent) = self.parent.get() else {
            return self.find_parent(round, payload);
        };
        let round = Rc::new(Cell::new(Some(round)));
        let waiting = round.clone();
        let timeout = self.period.max(TIMEOUT);
        let topic = &*self.topic;
        let done = move |reply: Result<&str>| {
            if let Some(round) = waiting.take() {
                let to = format!("rank {parent}");
                round.finish(reply.map(drop).map_err(|e| e.context(to)));
            }
        };
        let asked =
            context.scope.rpc_at(parent, topic, &payload, timeout, done);
        if let Err(error) = asked {
            if let Some(round) = round.take() {
                round.finish(Err(error));
            }
        }
    }

    /// A report is not for a broker further up: so it needs a name.
    fn find_parent(self: Rc<Self>, round: Round, payload: String) {
        let context = self.context.clone();
        let name = r#"{"name":"rank"}"#;
        let round = Rc::new(Cell::new(Some(round)));
        let waiting = round.clone();
        let asked = context.scope.rpc_parent(
            c"attr.get",
            name,
            TIMEOUT,
            move |reply| {
                let Some(round) = waiting.take() else { return };
                match reply.and_then(rank) {
                    Ok(parent) => {
                        self.parent.set(Some(parent));
                        self.send_text(round, payload);
                    }
                    Err(e) => round.finish(Err(e.context("parent"))),
                }
            },
        );
        if let Err(error) = asked {
            if let Some(round) = round.take() {
                round.finish(Err(error));
            }
        }
    }
}

/// The answer of `attr.get`.
fn rank(reply: &str) -> Result<u32> {
    #[derive(Deserialize)]
    struct Attribute<'a> {
        value: &'a str,
    }
    let rank: Attribute = parse("attr.get", reply)?;
    let no_rank = |_| Error::new(libc::EPROTO, "attr.get: no rank");
    rank.value.parse().map_err(no_rank)
}

/// Direct children, and how many brokers there are in the subtree of each.
fn topology(reply: &str) -> Result<Children> {
    #[derive(Deserialize)]
    struct Topology {
        children: Vec<Child>,
    }
    #[derive(Deserialize)]
    struct Child {
        rank: u32,
        size: u32,
    }
    let topology: Topology = parse("overlay.topology", reply)?;
    let children = topology.children.iter();
    Ok(children.map(|child| (child.rank, child.size)).collect())
}

#[cfg(test)]
mod tests;
