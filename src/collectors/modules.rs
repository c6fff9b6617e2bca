//! The broker's modules: which there are, what waits for them, and how much
//! processor time they take.
//!
//! Source: `module.list`, and `MODULE.rusage` of one module after the other,
//! so that no more than one of them is disturbed at a time. Modules that come
//! with the broker (`builtin`) are threads of their own too.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::rc::Rc;

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::round::TIMEOUT;
use super::{Context, parse};
use crate::flux::Result;

const INTERVAL: f64 = 10.0;

/// In one of so many rounds each module is asked for its processor time.
const CPU_ROUNDS: u32 = 3;

/// More modules than this are left out, the last by name.
const MAX: usize = 200;

/// What module.list means by 0, 1, 2 and 3.
const STATUSES: [&str; 4] = ["init", "running", "finalizing", "exited"];

const INFO: Spec = Spec::gauge(
    "flux_module_info",
    &["module", "status"],
    "Always 1; there is one for each module that is loaded, the broker's own \
     included.",
);
const SENDQ: Spec = Spec::gauge(
    "flux_module_sendq_messages",
    &["module"],
    "Messages from the broker that wait for the module to read them.",
);
const RECVQ: Spec = Spec::gauge(
    "flux_module_recvq_messages",
    &["module"],
    "Messages from the module that wait for the broker to read them.",
);
const CPU: Spec = Spec::counter(
    "flux_module_cpu_seconds_total",
    &["module"],
    "User and system CPU time of the module's main thread since it was \
     loaded.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[INFO, SENDQ, RECVQ, CPU];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Rc::new(Latest::register(context, SPECS, show)?);
    let cpu = Rc::new(Cpu::new(context));
    let rounds = Rc::new(Cell::new(0_u32));
    let asking = context.clone();
    context.rounds(INTERVAL, move |round| {
        let (latest, cpu, rounds) =
            (latest.clone(), cpu.clone(), rounds.clone());
        let health = asking.health.clone();
        list(&asking, move |modules| {
            round.finish(modules.map(|mut modules| {
                health.count_dropped(keep(&mut modules));
                cpu.loaded(&mut modules);
                latest.set(modules);
                if rounds.get() % CPU_ROUNDS == 0 {
                    cpu.begin();
                }
                rounds.set(rounds.get() + 1);
            }));
        });
    })
}

/// A module, as `module.list` tells of it.
#[derive(Deserialize)]
pub struct Module {
    /// The name that it was loaded under.
    pub name: String,
    /// The services that it provides.
    pub services: Vec<String>,
    status: usize,
    /// Since Flux 0.65.
    sendqueue: Option<i64>,
    /// Since Flux 0.65.
    recvqueue: Option<i64>,
    /// In seconds; not part of the answer.
    #[serde(skip)]
    cpu: Option<f64>,
}

const LIST: &str = "module.list";

/// Asks which modules are loaded on this broker.
pub fn list(context: &Context, f: impl FnOnce(Result<Vec<Module>>) + 'static) {
    let again = context.clone();
    context.ask(
        [(c"module.list", "{}")],
        TIMEOUT,
        move |answer| match answer {
            Ok([reply]) => f(read(&reply)),
            // its name before Flux 0.66
            Err(error) if error.errno == libc::ENOSYS => {
                again.ask([(c"broker.lsmod", "{}")], TIMEOUT, move |answer| {
                    f(answer.and_then(|[reply]| read(&reply)));
                });
            }
            Err(error) => f(Err(error)),
        },
    );
}

/// Messages in the queues of all modules together; none before Flux 0.65.
pub fn backlog(modules: &[Module]) -> Option<f64> {
    let queues = modules.iter().flat_map(|m| [m.sendqueue, m.recvqueue]);
    queues.map(|n| n.map(|n| n.max(0) as f64)).sum()
}

pub(super) fn read(reply: &str) -> Result<Vec<Module>> {
    #[derive(Deserialize)]
    struct List {
        mods: Vec<Module>,
    }
    parse(LIST, reply).map(|list: List| list.mods)
}

/// Sorts modules by name and leaves out those that are too many, each of
/// which would have one series in every family. Returns how many series that
/// are.
pub(super) fn keep(modules: &mut Vec<Module>) -> u64 {
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules.dedup_by(|a, b| a.name == b.name);
    let dropped = modules.len().saturating_sub(MAX);
    modules.truncate(MAX);
    (dropped * SPECS.len()) as u64
}

pub(super) fn show(modules: &Vec<Module>) -> Vec<Family> {
    let mut info = INFO.family();
    let (mut sendq, mut recvq) = (SENDQ.family(), RECVQ.family());
    let mut cpu = CPU.family();
    for module in modules {
        let labels = [&*module.name];
        let status = STATUSES.get(module.status).unwrap_or(&"other");
        info.add(&[&module.name, status], 1.0);
        if let Some(messages) = module.sendqueue {
            sendq.add(&labels, messages as f64);
        }
        if let Some(messages) = module.recvqueue {
            recvq.add(&labels, messages as f64);
        }
        if let Some(seconds) = module.cpu {
            cpu.add(&labels, seconds);
        }
    }
    vec![info, sendq, recvq, cpu]
}

/// The processor time of each module.
struct Cpu {
    context: Context,
    /// By module; none for one that did not answer.
    seconds: RefCell<BTreeMap<String, Option<f64>>>,
    /// Those who are yet to be asked in this round.
    queue: RefCell<VecDeque<String>>,
}

impl Cpu {
    fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            seconds: RefCell::default(),
            queue: RefCell::default(),
        }
    }

    /// Tells what is known, and learns which modules there are.
    fn loaded(&self, modules: &mut [Module]) {
        let mut before = self.seconds.take();
        for module in modules {
            module.cpu = before.remove(&module.name).flatten();
            self.seconds.borrow_mut().insert(module.name.clone(), module.cpu);
        }
    }

    fn begin(self: Rc<Self>) {
        let mut queue = self.queue.borrow_mut();
        if queue.is_empty() {
            queue.extend(self.seconds.borrow().keys().cloned());
            drop(queue);
            self.ask_next();
        }
    }

    /// A module that does not answer is without a time, and no error: that
    /// it is there is all that the list vouches for.
    fn ask_next(self: Rc<Self>) {
        let Some(name) = self.queue.borrow().front().cloned() else { return };
        let Ok(topic) = CString::new(format!("{name}.rusage")) else { return };
        let cpu = self.clone();
        let asked = self.context.scope.rpc(
            &topic,
            // before Flux 0.69 that is what it tells, and it is not asked
            r#"{"who":"thread"}"#,
            TIMEOUT,
            move |reply| {
                let seconds = reply.and_then(cpu_seconds).ok();
                if let Some(known) = cpu.seconds.borrow_mut().get_mut(&name) {
                    *known = seconds;
                }
                cpu.queue.borrow_mut().pop_front();
                cpu.ask_next();
            },
        );
        if asked.is_err() {
            self.queue.borrow_mut().clear();
        }
    }
}

pub(super) fn cpu_seconds(reply: &str) -> Result<f64> {
    #[derive(Deserialize)]
    struct Usage {
        utime: f64,
        stime: f64,
    }
    let usage: Usage = parse("rusage", reply)?;
    Ok(usage.utime + usage.stime)
}

#[cfg(test)]
mod tests;
