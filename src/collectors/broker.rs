//! The broker itself: what it is, its state, its messages and its log.
//!
//! Source: broker attributes, and `state-machine.get`, `log.stats-get` and,
//! since Flux 0.84, `broker.stats-get`, which the broker answers and no module,
//! in 0.15 ms each.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::round::Question;
use super::total::Total;
use super::{Context, parse};
use crate::flux::{Handle, Result};
use crate::resource::hostlist;

const INTERVAL: f64 = 5.0;

/// The states of Flux 0.88, in the order that they come in; older versions
/// have some of them.
const STATES: [&str; 12] = [
    "load-builtins",
    "join",
    "config-sync",
    "init",
    "quorum",
    "run",
    "cleanup",
    "shutdown",
    "finalize",
    "goodbye",
    "unload-builtins",
    "exit",
];

const INFO: Spec = Spec::gauge(
    "flux_instance_info",
    &["version", "hostname", "level", "size"],
    "Always 1; the labels are the version of Flux, the broker's host, the \
     instance level (0 is the top) and the number of brokers.",
);
const START_TIME: Spec = Spec::gauge(
    "flux_broker_start_time_seconds",
    &[],
    "When the broker started, in seconds since 1970.",
);
const STATE: Spec = Spec::gauge(
    "flux_broker_state",
    &["state"],
    "Whether the broker is in the state; other is one that this module does \
     not know.",
);
const MESSAGES: Spec = Spec::counter(
    "flux_messages_total",
    &["direction", "type"],
    "Messages that the broker itself sent and received since it started; \
     those that it only passes on are not counted (Flux 0.84 and later).",
);
const LOG_MESSAGES: Spec = Spec::counter(
    "flux_log_messages_total",
    &["origin"],
    "Messages that came to the broker's log since it started: from its own \
     modules and clients (local), or from other brokers (remote) (Flux 0.82 \
     and later).",
);
const LOG_RING: Spec = Spec::gauge(
    "flux_log_ring_messages",
    &[],
    "Messages that the ring buffer of the broker's log holds, which flux \
     dmesg shows.",
);

/// What is exposed here.
pub const SPECS: &[Spec] =
    &[INFO, START_TIME, STATE, MESSAGES, LOG_MESSAGES, LOG_RING];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let handle = context.scope.handle();
    let attr = |name| handle.attr(name).unwrap_or_default();
    let info = [
        attr(c"version"),
        hostname(handle).unwrap_or_default(),
        attr(c"instance-level"),
        attr(c"size"),
    ];
    let start_time = attr(c"broker.starttime").parse().ok();
    let told = Rc::new(RefCell::new((latest, Totals::default())));
    let info = Rc::new(info);
    let asking = context.clone();
    context.rounds(INTERVAL, move |round| {
        let (told, info) = (told.clone(), info.clone());
        ask(&asking, move |replies| {
            let (latest, totals) = &mut *told.borrow_mut();
            round.finish(replies.and_then(|replies| {
                let replies = replies.each_ref().map(String::as_str);
                latest.set(read(&info, start_time, totals, replies)?);
                Ok(())
            }));
        });
    })
}

/// The broker's host.
pub fn hostname(handle: Handle) -> Option<String> {
    handle.attr(c"hostname").or_else(|| {
        // older brokers have all hosts, by rank
        let hosts = handle.attr(c"hostlist")?;
        let rank = usize::try_from(handle.rank().ok()?).ok()?;
        hostlist::expand(&hosts, rank + 1).ok()?.into_iter().nth(rank)
    })
}

const STATE_GET: Question = (c"state-machine.get", "{}");
const STATS_GET: Question = (c"broker.stats-get", "{}");
const LOG_GET: Question = (c"log.stats-get", "{}");

/// Asks for the state, the broker's own figures, which are null where it has
/// none, and the log's.
fn ask(context: &Context, f: impl FnOnce(Result<[String; 3]>) + 'static) {
    let again = context.clone();
    let questions = [STATE_GET, STATS_GET, LOG_GET];
    context.ask(questions, INTERVAL, move |replies| match replies {
        // before Flux 0.84 that is a service that is not there
        Err(error) if error.errno == libc::ENOSYS => {
            again.ask([STATE_GET, LOG_GET], INTERVAL, move |replies| {
                f(replies.map(|[state, log]| [state, "null".to_owned(), log]));
            });
        }
        replies => f(replies),
    });
}

pub(super) fn read(
    info: &[String; 4],
    start_time: Option<f64>,
    totals: &mut Totals,
    [state, stats, log]: [&str; 3],
) -> Result<Answer> {
    let state: State = parse("state-machine.get", state)?;
    let stats: Option<Stats> = parse("broker.stats-get", stats)?;
    let log: Log = parse("log.stats-get", log)?;
    Ok(Answer {
        info: info.clone(),
        start_time,
        state: state.state,
        messages: stats.map(|stats| totals.messages(&stats)),
        log_messages: totals.log(&log),
        log_ring: log.ring_used,
    })
}

/// What a scrape shows.
pub(super) struct Answer {
    info: [String; 4],
    start_time: Option<f64>,
    state: String,
    messages: Option<[[f64; 4]; 2]>,
    log_messages: Option<[f64; 2]>,
    log_ring: i64,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let mut info = INFO.family();
    info.add(&answer.info.each_ref().map(String::as_str), 1.0);
    let mut start_time = START_TIME.family();
    if let Some(seconds) = answer.start_time {
        start_time.add(&[], seconds);
    }
    let mut state = STATE.family();
    for name in STATES {
        state.add(&[name], f64::from(u8::from(answer.state == name)));
    }
    let unknown = !STATES.contains(&&*answer.state);
    state.add(&["other"], f64::from(u8::from(unknown)));
    let mut messages = MESSAGES.family();
    let counts = answer.messages.into_iter().flatten();
    for (direction, counts) in ["sent", "received"].iter().zip(counts) {
        for (kind, count) in TYPES.iter().zip(counts) {
            messages.add(&[direction, kind], count);
        }
    }
    let mut log = LOG_MESSAGES.family();
    let counts = answer.log_messages.into_iter().flatten();
    for (origin, count) in ["local", "remote"].iter().zip(counts) {
        log.add(&[origin], count);
    }
    let mut ring = LOG_RING.family();
    ring.add(&[], answer.log_ring as f64);
    vec![info, start_time, state, messages, log, ring]
}

#[derive(Deserialize)]
struct State {
    state: String,
}

/// Types of messages, in the order of [`Counts::all`].
const TYPES: [&str; 4] = ["request", "response", "event", "control"];

#[derive(Deserialize)]
struct Stats {
    tx: Counts,
    rx: Counts,
}

#[derive(Deserialize)]
struct Counts {
    request: i64,
    response: i64,
    event: i64,
    control: i64,
}

impl Counts {
    const fn all(&self) -> [i64; 4] {
        [self.request, self.response, self.event, self.control]
    }
}

#[derive(Deserialize)]
struct Log {
    #[serde(rename = "ring-used")]
    ring_used: i64,
    /// Since Flux 0.82.
    local: Option<i64>,
    /// Since Flux 0.82.
    remote: Option<i64>,
}

/// Anyone may clear the broker's counts; these go on.
#[derive(Default)]
pub(super) struct Totals {
    messages: [[Total; 4]; 2],
    log: [Total; 2],
}

impl Totals {
    fn messages(&mut self, stats: &Stats) -> [[f64; 4]; 2] {
        let [sent, received] = &mut self.messages;
        [follow(sent, stats.tx.all()), follow(received, stats.rx.all())]
    }

    fn log(&mut self, log: &Log) -> Option<[f64; 2]> {
        Some(follow(&mut self.log, [log.local?, log.remote?]))
    }
}

fn follow<const N: usize>(
    totals: &mut [Total; N],
    readings: [i64; N],
) -> [f64; N] {
    std::array::from_fn(|i| totals[i].follow(readings[i]))
}

#[cfg(test)]
mod tests;
