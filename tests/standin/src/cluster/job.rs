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
    #[arg(short = 't', long = "time-limit", default_value_t = 0.0, value_parser = seconds)]
    pub limit: f64,
    /// How long it will run.
    #[arg(long = "run_duration", default_value_t = 0.01, value_parser = seconds)]
    pub run: f64,
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

    pub fn submit(urgency: u32) -> Self {
        let context = json!({
            "userid": 0, "urgency": urgency, "flags": 0, "version": 1,
        });
        Self::new("submit", context)
    }

    pub fn urgency(urgency: u32) -> Self {
        Self::new("urgency", json!({ "userid": 0, "urgency": urgency }))
    }

    pub fn priority(priority: u64) -> Self {
        Self::new("priority", json!({ "priority": priority }))
    }

    pub fn finish(status: i32) -> Self {
        Self::new("finish", json!({ "status": status }))
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
pub struct R(pub Vec<(u32, Share)>, pub f64, pub f64);

/// A job. Copies are made only to write to one that a backlog still holds.
#[derive(Clone, Default)]
pub struct Job {
    pub spec: Spec,
    pub state: State,
    pub priority: u32,
    pub log: Vec<Event>,
    pub r: Option<R>,
}

/// What can become of a job, as job-stats and as `flux jobs` call it.
pub const RESULTS: [(&str, &str); 4] = [
    ("successful", "CD"),
    ("failed", "F"),
    ("canceled", "CA"),
    ("timeout", "TO"),
];

impl Job {
    /// The job manager's state machine.
    pub fn apply(&mut self, event: Event) {
        use State::{Cleanup, Depend, Inactive, New, Priority, Run, Sched};
        let context = &event.context;
        self.state = match (event.name, self.state) {
            ("validate", New) => Depend,
            ("depend", Depend) => Priority,
            ("priority", Priority) => Sched,
            ("urgency" | "jobspec-update" | "flux-restart", Sched) => Priority,
            ("alloc", Sched) => Run,
            ("finish", Run) => Cleanup,
            ("exception", _) if context["severity"] == 0 => Cleanup,
            ("clean", Cleanup) => Inactive,
            (_, state) => state,
        };
        if let Some(priority) = context["priority"].as_u64() {
            self.priority = priority as u32;
        }
        if let Some(queue) = context["attributes.system.queue"].as_str() {
            self.spec.queue = queue.into();
        }
        self.log.push(event);
    }

    pub fn is_active(&self) -> bool {
        self.state < State::Inactive
    }

    /// How often something happened to it.
    pub fn count(&self, name: &str) -> usize {
        self.log.iter().filter(|event| event.name == name).count()
    }

    /// The last one that was asked for.
    pub fn urgency(&self) -> u64 {
        let urgency = |event: &Event| event.context["urgency"].as_u64();
        self.log.iter().rev().find_map(urgency).unwrap_or(0)
    }

    /// Whether an event that was foreseen may happen after what came between.
    pub fn may(&self, event: &Event) -> bool {
        let state = self.state;
        let unmet =
            self.count("dependency-add") - self.count("dependency-remove");
        match event.name {
            "depend" => state == State::Depend && unmet == 0,
            "urgency" | "jobspec-update" => state <= State::Sched,
            "start" => state == State::Run,
            "finish" => self.count("finish") == 0,
            "exception" if event.context["type"] == "timeout" => {
                state == State::Run
            }
            "exception" => self.is_active(),
            _ => true,
        }
    }

    /// What became of it, as an index of `RESULTS`: by job-list's rule a
    /// failure before the end decides.
    pub fn result(&self) -> usize {
        // the least severity of an exception, and the type of the first of it
        let mut worst: Option<(u64, &str)> = None;
        for Event { name, context, .. } in &self.log {
            let severity = context["severity"].as_u64().unwrap_or(0);
            let fatal = worst.is_some_and(|worst| worst.0 == 0);
            match *name {
                "finish" if context["status"] == 0 && !fatal => return 0,
                "exception" if worst.is_none_or(|w| severity < w.0) => {
                    worst = context["type"].as_str().map(|t| (severity, t));
                }
                _ => {}
            }
        }
        match worst {
            Some((_, "cancel")) => 2,
            Some((_, "timeout")) => 3,
            _ => 1,
        }
    }

    /// Whether it satisfies one that depends on it, or still may.
    pub fn meets(&self, scheme: &str) -> bool {
        self.is_active() || scheme == "afterany" || self.result() == 0
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
    pub fn slots(&self) -> u32 {
        self.slots.unwrap_or(self.nodes.max(1))
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
        let Spec { queue, nodes, cores, gpus, limit, .. } = self;
        let mut tree = format!(r#"{{"type":"core","count":{cores}}}"#);
        if *gpus > 0 {
            tree += &format!(r#",{{"type":"gpu","count":{gpus}}}"#);
        }
        let slots = self.slots_per_node();
        tree = format!(
            r#"{{"type":"slot","label":"task","count":{slots},"with":[{tree}]}}"#
        );
        if *nodes > 0 {
            let exclusive = self.is_exclusive();
            tree = format!(
                r#"{{"type":"node","count":{nodes},"exclusive":{exclusive},"with":[{tree}]}}"#
            );
        }
        let mut system = format!(r#""duration":{limit:?},"#);
        if !queue.is_empty() {
            system += &format!(r#""queue":"{queue}","#);
        }
        format!(
            r#"{{"resources":[{tree}],"attributes":{{"system":{{{system}{SHELL}"#
        )
    }
}
