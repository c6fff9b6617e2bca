//! A job: what it asks for, what happened to it, and what state that makes.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::nodes::{self, Piece};

/// What a job asks for and what it will do.
#[derive(Clone, Default)]
pub struct Spec {
    /// Empty for the anonymous queue.
    pub queue: Arc<str>,
    /// 0 if the job asks for slots only.
    pub nodes: u32,
    /// In all.
    pub slots: u32,
    /// Of each slot.
    pub cores: u32,
    pub gpus: u32,
    pub exclusive: bool,
    /// Whether to pretend that execution failed.
    pub mock: bool,
    /// The wait status that it will finish with.
    pub status: i32,
    /// How long it may run, in seconds; 0 is for ever.
    pub limit: f64,
    /// How long it will run.
    pub run: f64,
    /// The schemes and jobs that it depends on.
    pub after: Vec<(&'static str, u64)>,
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

    pub fn submit(urgency: u32) -> Self {
        let context = json!({
            "userid": 0, "urgency": urgency, "flags": 0, "version": 1,
        });
        Self::new("submit", context)
    }

    pub fn urgency(urgency: u32) -> Self {
        Self::new("urgency", json!({ "userid": 0, "urgency": urgency }))
    }

    pub fn exception(kind: &str, severity: u32, note: &str) -> Self {
        let context = json!({
            "type": kind, "severity": severity, "note": note, "userid": 0,
        });
        Self::new("exception", context)
    }
}

/// Resources that a job has or had, since when, and until when or 0.
#[derive(Clone)]
pub struct R(pub Vec<Piece>, pub f64, pub f64);

/// A job. Copies are made only to write to one that a backlog still holds.
#[derive(Clone, Default)]
pub struct Job {
    pub spec: Spec,
    pub state: State,
    pub urgency: u32,
    pub priority: u32,
    pub log: Vec<Event>,
    pub r: Option<R>,
    /// How many dependencies are not met.
    unmet: u32,
    pub started: bool,
    pub finished: bool,
    /// The least severity of an exception, and the type of the first of it.
    worst: Option<(u64, String)>,
    success: bool,
}

/// What can become of a job, as job-stats and as `flux jobs` call it.
pub const RESULTS: [(&str, &str); 4] = [
    ("successful", "CD"),
    ("failed", "F"),
    ("canceled", "CA"),
    ("timeout", "TO"),
];

impl Job {
    pub fn new(spec: Spec) -> Self {
        Self { spec, ..Self::default() }
    }

    /// The job manager's state machine.
    pub fn apply(&mut self, event: Event) {
        use State::{Cleanup, Depend, Inactive, New, Priority, Run, Sched};
        let context = &event.context;
        let number = |key: &str| context[key].as_u64().unwrap_or(0);
        self.state = match (event.name, self.state) {
            ("validate", New) => Depend,
            ("depend", Depend) => Priority,
            ("priority", Priority) => Sched,
            ("urgency" | "jobspec-update" | "flux-restart", Sched) => Priority,
            ("alloc", Sched) => Run,
            ("finish", Run) => Cleanup,
            ("exception", _) if number("severity") == 0 => Cleanup,
            ("clean", Cleanup) => Inactive,
            (_, state) => state,
        };
        match event.name {
            "submit" | "urgency" => self.urgency = number("urgency") as u32,
            "dependency-add" => self.unmet += 1,
            "dependency-remove" => self.unmet -= 1,
            "priority" => self.priority = number("priority") as u32,
            "jobspec-update" => {
                let queue = context["attributes.system.queue"].as_str();
                self.spec.queue = queue.unwrap_or("").into();
            }
            "start" => self.started = true,
            "finish" => {
                let fatal = self.worst.as_ref().is_some_and(|w| w.0 == 0);
                self.success = number("status") == 0 && !fatal;
                self.finished = true;
            }
            "exception" => {
                let severity = number("severity");
                if self.worst.as_ref().is_none_or(|w| severity < w.0) {
                    let kind = context["type"].as_str().unwrap_or("");
                    self.worst = Some((severity, kind.to_owned()));
                }
            }
            _ => {}
        }
        self.log.push(event);
    }

    /// Whether an event that was foreseen may happen after what came between.
    pub fn may(&self, event: &Event) -> bool {
        match event.name {
            "dependency-remove" => self.state == State::Depend,
            "depend" => self.state == State::Depend && self.unmet == 0,
            "urgency" | "jobspec-update" => self.state <= State::Sched,
            "start" => self.state == State::Run,
            "finish" => !self.finished,
            "exception" if event.context["type"] == "timeout" => {
                self.state == State::Run
            }
            "exception" => self.state < State::Inactive,
            _ => true,
        }
    }

    /// What became of it, as an index of `RESULTS`: by job-list's rule a
    /// failure before the end decides.
    pub fn result(&self) -> usize {
        match self.worst.as_ref().map(|worst| &*worst.1) {
            _ if self.success => 0,
            Some("cancel") => 2,
            Some("timeout") => 3,
            _ => 1,
        }
    }

    /// Whether it satisfies one that depends on it; none if that is open.
    pub fn meets(&self, scheme: &str) -> Option<bool> {
        let ok = scheme == "afterok";
        let met = scheme == "afterany" || self.success == ok;
        (self.state == State::Inactive).then_some(met)
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
const SHELL: &str = r#""cwd":"/home/user","shell":{"options":{"rlimit":{"cpu":-1,"fsize":-1,"data":-1,"stack":8388608,"core":0,"nofile":20000,"as":-1,"rss":-1,"nproc":96365}}}}},"tasks":[{"command":["app"],"slot":"task","count":{"per_slot":1}}],"version":1}"#;

impl Spec {
    pub fn slots_per_node(&self) -> u32 {
        self.slots.div_ceil(self.nodes.max(1))
    }

    /// The jobspec, redacted as the journal has it.
    fn json(&self) -> String {
        let Spec { queue, nodes, cores, gpus, exclusive, limit, .. } = self;
        let some = |present: bool, text: String| {
            if present { text } else { String::new() }
        };
        let gpus =
            some(*gpus > 0, format!(r#",{{"type":"gpu","count":{gpus}}}"#));
        let queue = some(!queue.is_empty(), format!(r#""queue":"{queue}","#));
        let tree = format!(
            r#"{{"type":"slot","label":"task","count":{},"with":[{{"type":"core","count":{cores}}}{gpus}]}}"#,
            self.slots_per_node()
        );
        let tree = match nodes {
            0 => tree,
            _ => format!(
                r#"{{"type":"node","count":{nodes},"exclusive":{exclusive},"with":[{tree}]}}"#
            ),
        };
        format!(
            r#"{{"resources":[{tree}],"attributes":{{"system":{{"duration":{limit:?},{queue}{SHELL}"#
        )
    }
}
