//! A job: what it asks for, what happened to it, and what state that makes.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::nodes::{self, Share};

/// What a job asks for and what it will do: options of `submit`.
#[derive(Clone, Default, clap::Args)]
pub struct Spec {
    /// Empty for the anonymous queue.
    #[arg(short, long, default_value = "")]
    pub queue: String,
    /// 0 if the job asks for slots only.
    #[arg(short = 'N', long, default_value_t = 0)]
    pub nodes: u32,
    /// In all.
    #[arg(short = 'n', long = "ntasks")]
    pub slots: Option<u32>,
    /// Of each slot.
    #[arg(short, long = "cores-per-task", default_value_t = 1)]
    pub cores: u32,
    #[arg(short, long = "gpus-per-task", default_value_t = 0)]
    pub gpus: u32,
    #[arg(short = 'x', long)]
    pub exclusive: bool,
    /// How long it may run, in seconds; 0 is for ever.
    #[arg(short = 't', default_value = "0", value_parser = seconds)]
    pub limit: f64,
    /// How long it will run.
    #[arg(long = "run_duration", default_value = "0.01")]
    #[arg(value_parser = seconds)]
    pub run: f64,
    #[arg(long, default_value = "default", value_parser = urgency)]
    pub urgency: u64,
    /// On which jobs, as in `afterok:ID`.
    #[arg(long)]
    pub dependency: Vec<String>,
    /// The wait status that it will finish with.
    #[arg(long = "wait_status", default_value_t = 0)]
    pub status: i32,
    /// Where to pretend that execution failed.
    #[arg(long = "mock_exception")]
    pub mock: Option<String>,
}

fn seconds(text: &str) -> Result<f64, std::num::ParseFloatError> {
    text.trim_end_matches('s').parse()
}

/// As a number.
pub fn urgency(text: &str) -> Result<u64, std::num::ParseIntError> {
    match text {
        "hold" => Ok(0),
        "default" => Ok(16),
        _ => text.parse(),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub enum State {
    #[default]
    New,
    Depend,
    Priority,
    Sched,
    Run,
    Cleanup,
    Inactive,
}

/// An entry of an eventlog (RFC 21).
#[derive(Clone, Serialize)]
pub struct Event {
    /// 0 until it happens.
    pub timestamp: f64,
    pub name: &'static str,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub context: Arc<Value>,
}

impl Event {
    pub fn new(name: &'static str, context: Value) -> Self {
        Self { timestamp: 0.0, name, context: Arc::new(context) }
    }

    pub fn bare(name: &'static str) -> Self {
        Self::new(name, Value::Null)
    }

    pub fn urgency(urgency: u64) -> Self {
        Self::new("urgency", json!({ "userid": 0, "urgency": urgency }))
    }

    pub fn exception(kind: &str, severity: u32, note: &str) -> Self {
        let context = json!({
            "type": kind, "severity": severity, "note": note, "userid": 0,
        });
        Self::new("exception", context)
    }
}

/// Resources that a job has or had, since when, and until when.
#[derive(Clone)]
pub struct R(pub Vec<(u32, Share)>, pub f64, pub f64);

/// What follows from an event, after how many seconds.
type Next = Option<(f64, Event)>;

/// A job. Copies are made only to write to one that a backlog still holds.
#[derive(Clone, Default)]
pub struct Job {
    pub spec: Spec,
    pub state: State,
    /// That of its urgency: nothing else makes one here.
    pub priority: u64,
    pub log: Vec<Event>,
    /// What became of it, once it is known, as an index of `RESULTS`.
    pub result: Option<usize>,
    pub r: Option<R>,
}

/// What job-stats count: jobs by state, and what became of them.
pub const STATES: [&str; 7] =
    ["new", "depend", "priority", "sched", "run", "cleanup", "inactive"];
pub const RESULTS: [&str; 4] = ["successful", "failed", "canceled", "timeout"];

impl Job {
    /// What an event makes of the job, by the job manager's state machine, and
    /// what comes next. None if it cannot happen: something came between.
    fn outcome(&self, event: &Event) -> Option<(State, Next)> {
        use State::{Cleanup, Depend, Inactive, New, Priority, Run, Sched};
        let (state, context, spec) = (self.state, &event.context, &self.spec);
        let then = |delay, name| Some((delay, Event::bare(name)));
        let raise =
            |delay, kind, note| Some((delay, Event::exception(kind, 0, note)));
        let finish = |delay, status| {
            Some((delay, Event::new("finish", json!({ "status": status }))))
        };
        let prioritize = || {
            let urgency = context["urgency"].as_u64().unwrap_or(self.priority);
            Some((0.0, Event::new("priority", json!({ "priority": urgency }))))
        };
        let met = self.count("dependency-remove");
        Some(match (event.name, state) {
            ("submit" | "invalidate", New) => (New, None),
            ("dependency-add" | "dependency-remove", New) => (New, None),
            ("validate", New) => (Depend, then(0.01, "depend")),
            ("dependency-remove", Depend) => (Depend, then(0.01, "depend")),
            ("depend", Depend) if met == self.count("dependency-add") => {
                (Priority, prioritize())
            }
            ("priority", Priority) => (Sched, None),
            ("urgency" | "jobspec-update", Sched) => (Priority, prioritize()),
            ("urgency" | "jobspec-update", New | Depend) => (state, None),
            ("alloc", Sched) => (Run, then(0.008, "start")),
            ("start", Run) if spec.mock.is_some() => {
                (Run, raise(0.0, "exec", "mock run exception generated"))
            }
            ("start", Run) if spec.limit > 0.0 && spec.limit < spec.run => {
                (Run, raise(spec.limit, "timeout", "allocation expired"))
            }
            ("start", Run) => (Run, finish(spec.run, spec.status)),
            ("finish", Run | Cleanup) if self.count("finish") == 0 => {
                (Cleanup, then(0.005, "release"))
            }
            ("release", Cleanup) => (Cleanup, then(0.0, "free")),
            ("free", Cleanup) => (Cleanup, then(0.0, "clean")),
            ("clean", Cleanup) => (Inactive, None),
            ("exception", Inactive) => return None,
            ("exception", Cleanup) => (Cleanup, None),
            ("exception", _) if context["severity"] != 0 => (state, None),
            ("exception", Run) if self.count("start") == 0 => {
                (Cleanup, then(0.01, "release"))
            }
            // it is killed
            ("exception", Run) => (Cleanup, finish(0.01, libc::SIGTERM)),
            ("exception", _) => (Cleanup, then(0.0, "clean")),
            _ => return None,
        })
    }

    /// Has an event happen, if it can; returns what comes next.
    pub fn apply(&mut self, event: Event) -> Option<Next> {
        let (state, next) = self.outcome(&event)?;
        self.state = state;
        let context = &event.context;
        if let Some(urgency) = context["urgency"].as_u64() {
            self.priority = urgency;
        }
        if let Some(queue) = context["attributes.system.queue"].as_str() {
            self.spec.queue = queue.into();
        }
        // by job-list's rule what is fatal before the end decides
        let result = match (event.name, context["type"].as_str()) {
            ("finish", _) => (context["status"] == 0).then_some(0),
            _ if context["severity"] != 0 => None,
            (_, Some("cancel")) => Some(2),
            (_, Some("timeout")) => Some(3),
            _ => Some(1),
        };
        self.result = self.result.or(result);
        self.log.push(event);
        Some(next)
    }

    pub fn is_active(&self) -> bool {
        self.state < State::Inactive
    }

    /// How often something happened to it.
    pub fn count(&self, name: &str) -> usize {
        self.log.iter().filter(|event| event.name == name).count()
    }

    /// Whether it satisfies one that depends on it, or still may.
    pub fn meets(&self, scheme: &str) -> bool {
        let well = self.is_active() || self.result == Some(0);
        scheme == "afterany" || scheme == "afterok" && well
    }

    /// A response of the journal: events, and what belongs to them. By hand,
    /// since there may be a million.
    pub fn response(&self, id: u64, events: &[Event]) -> String {
        let with = |name: &str| events.iter().any(|event| event.name == name);
        let events = serde_json::to_string(events).unwrap_or_default();
        let mut text = format!(r#"{{"id":{id},"events":{events}"#);
        if with("submit") {
            text += &format!(r#","jobspec":{}"#, self.spec.json());
        }
        if let Some(r) = self.r.as_ref().filter(|_| with("alloc")) {
            text += &format!(r#","R":{}"#, nodes::r(r));
        }
        text + "}"
    }
}

/// The end of a jobspec, as long as that of real ones.
const SHELL: &str = r#""cwd":"/home/user","shell":{"options":{"rlimit":{
"cpu":-1,"fsize":-1,"data":-1,"stack":8388608,"core":0,"nofile":20000,"as":-1,
"rss":-1,"nproc":96365}}}}},"tasks":[{"command":["app"],"slot":"task",
"count":{"per_slot":1}}],"version":1}"#;

impl Spec {
    pub fn slots(&self) -> u32 {
        self.slots.unwrap_or(self.nodes.max(1))
    }

    pub fn slot(&self) -> Share {
        Share { cores: self.cores, gpus: self.gpus }
    }

    pub fn slots_per_node(&self) -> u32 {
        self.slots().div_ceil(self.nodes.max(1))
    }

    /// Whether it gets whole nodes, as it does that asks for nothing else.
    pub fn is_exclusive(&self) -> bool {
        self.nodes > 0 && (self.exclusive || self.slots.is_none())
    }

    /// The jobspec, redacted as the journal has it.
    fn json(&self) -> String {
        let vertex = |kind: &str, count: u32, more: &str| {
            format!(r#"{{"type":"{kind}","count":{count}{more}}}"#)
        };
        let mut tree = vertex("core", self.cores, "");
        if self.gpus > 0 {
            tree = tree + "," + &vertex("gpu", self.gpus, "");
        }
        let more = format!(r#","label":"task","with":[{tree}]"#);
        tree = vertex("slot", self.slots_per_node(), &more);
        if self.nodes > 0 {
            let whole = self.is_exclusive();
            let more = format!(r#","exclusive":{whole},"with":[{tree}]"#);
            tree = vertex("node", self.nodes, &more);
        }
        let mut system = format!(r#""duration":{:?},"#, self.limit);
        if !self.queue.is_empty() {
            system += &format!(r#""queue":"{}","#, self.queue);
        }
        format!(r#"{{"resources":[{tree}],"attributes":{{"system":{{{system}"#)
            + SHELL
    }
}
