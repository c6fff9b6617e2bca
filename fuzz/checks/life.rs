//! Lives of jobs as Flux lets them be, seen by a table that hears of all of
//! it and by one whose stream breaks off: they must agree in the end.
//!
//! The input is a sequence of choices, so that any bytes are a history.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use flux_prometheus::job::event::Kind;
use flux_prometheus::job::state::State;
use flux_prometheus::job::{JobId, Table, Time, What};
use flux_prometheus::resource::{Requires, Status};

use super::totals::{Counters, recount};

#[derive(Arbitrary)]
enum Step {
    /// Something happens to a job, the table's or a new one.
    Job(u8, u8),
    Submit {
        asks: u8,
        queue: u8,
    },
    Lose,
    Resume,
    /// The stream is taken up again and ends after some of the backlog.
    Interrupt(u8),
    Nodes(u8),
    Stop(u8),
}

const QUEUES: [&str; 3] = ["", "batch", "debug"];

/// Nodes and slots, slots alone, whole nodes, more than there is.
const ASKS: [&str; 5] = [
    r#"[{"type":"node","count":2,"with":[{"type":"slot","count":1,"with":[
        {"type":"core","count":2}]}]}]"#,
    r#"[{"type":"slot","count":3,"with":[{"type":"core","count":3}]}]"#,
    r#"[{"type":"node","count":1,"exclusive":true,"with":[{"type":"slot",
        "count":1,"with":[{"type":"core","count":1},
        {"type":"gpu","count":1}]}]}]"#,
    r#"[{"type":"node","count":100,"with":[{"type":"slot","count":1}]}]"#,
    r#"[{"type":"node","count":0}]"#,
];

const GIVEN: [&str; 4] = [
    r#"[{"rank":"0","children":{"core":"0-7","gpu":"0"}},
        {"rank":"1","children":{"core":"0-1"}}]"#,
    r#"[{"rank":"1-2","children":{"core":"3"}}]"#,
    r#"[{"rank":"0,2,9","children":{"core":"0-99","gpu":"0-9"}}]"#,
    r#"[]"#,
];

const ANY: [(&str, &str); 8] = [
    ("memo", r#"{"uri":"x"}"#),
    ("memo", r#"{"volatile":1}"#),
    ("annotations", r#"{"annotations":null}"#),
    ("exception", r#"{"type":"cancel","severity":0,"note":""}"#),
    ("exception", r#"{"type":"timeout","severity":0,"note":""}"#),
    ("exception", r#"{"type":"mine","severity":3,"note":""}"#),
    ("exception", r#"{"type":"scheduler-restart","severity":0}"#),
    ("mine", "7"),
];

const STATUSES: [&str; 3] = [
    r#""drain":{},"online":"0-2","exclude":"","torpid":"""#,
    r#""drain":{"1":{}},"online":"0-1","exclude":"","torpid":"1""#,
    r#""drain":{"0-1":{}},"online":"0-2","exclude":"2","torpid":"""#,
];

pub fn check(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World::default();
    let began = u8::arbitrary(&mut input).unwrap_or(0) % 32;
    for _ in 0..began {
        world.step(&mut input);
    }
    let mut all = Watcher::new(&world);
    let mut some = Watcher::new(&world);
    // each queue is shown from the start, or they would differ in that
    while !input.is_empty() && world.at < 2_000 {
        let Ok(step) = Step::arbitrary(&mut input) else { break };
        match step {
            Step::Lose if some.table.synced() => some.table.lost(world.now()),
            Step::Resume if !some.table.synced() => some.resume(&world),
            Step::Interrupt(n) if !some.table.synced() => {
                some.backlog(&world, usize::from(n));
                some.table.lost(world.now());
            }
            Step::Nodes(n) => {
                all.nodes(n, world.now());
                some.nodes(n, world.now());
            }
            Step::Stop(n) => {
                let queue = QUEUES[usize::from(n) % QUEUES.len()];
                all.table.set_stopped(&[queue]);
                some.table.set_stopped(&[queue]);
            }
            _ => {
                let Some(line) = world.happen(step) else { continue };
                assert_eq!(all.hear(&line, world.now()), What::Live);
                if some.table.synced() {
                    assert_eq!(some.hear(&line, world.now()), What::Live);
                }
            }
        }
        // it takes longer than the step
        if world.at % 8 == 0 {
            all.check(world.now());
            some.check(world.now());
        }
    }
    some.table.lost(world.now());
    some.resume(&world);
    some.check(world.now());
    assert_eq!(all.gauges(), some.gauges());
    assert_eq!(all.counters(world.now()), some.counters(world.now()));
    world.compare(&mut all.table);
}

/// What is really so.
#[derive(Default)]
struct World {
    at: u32,
    jobs: BTreeMap<JobId, Job>,
}

struct Job {
    events: Vec<String>,
    asks: &'static str,
    given: &'static str,
    queue: &'static str,
    state: State,
    owns: bool,
    started: bool,
}

impl World {
    fn now(&self) -> Time {
        Time::from_secs(1.7e9 + f64::from(self.at))
    }

    fn step(&mut self, input: &mut Unstructured<'_>) {
        if let Ok(step) = Step::arbitrary(input) {
            self.happen(step);
        }
    }

    /// Makes something happen; the line that the journal sends for it.
    fn happen(&mut self, step: Step) -> Option<String> {
        self.at += 1;
        match step {
            Step::Submit { asks, queue } => {
                let job = Job {
                    events: Vec::new(),
                    asks: ASKS[usize::from(asks) % ASKS.len()],
                    given: GIVEN[usize::from(asks) / 16 % GIVEN.len()],
                    queue: QUEUES[usize::from(queue) % QUEUES.len()],
                    state: State::New,
                    owns: false,
                    started: false,
                };
                let id = self.at.into();
                self.jobs.insert(id, job);
                let urgency = if queue > 127 { 0 } else { 16 };
                let context = format!(r#"{{"urgency":{urgency}}}"#);
                Some(self.post(id, "submit", &context))
            }
            Step::Job(which, what) => {
                let active = |job: &Job| job.state != State::Inactive;
                let active = self.jobs.iter().filter(|(_, job)| active(job));
                let active: Vec<_> = active.map(|(&id, _)| id).collect();
                let id =
                    *active.get(usize::from(which) % active.len().max(1))?;
                let job = &self.jobs[&id];
                let choices = usual(job);
                let what = usize::from(what);
                let (name, context) = match choices.get(what) {
                    Some(&usual) => usual,
                    None if what < 128 => choices[what % choices.len()],
                    // what the job manager refuses before a job is one
                    None if job.state == State::New => return None,
                    None => ANY[what % ANY.len()],
                };
                Some(self.post(id, name, context))
            }
            _ => None,
        }
    }

    fn post(&mut self, id: JobId, name: &str, context: &str) -> String {
        let Some(job) = self.jobs.get_mut(&id) else { return String::new() };
        let fatal = context.contains(r#""severity":0"#);
        job.state = job.state.after(Kind::from_name(name), fatal);
        let event = format!(
            r#"{{"timestamp":{}.0,"name":"{name}","context":{context}}}"#,
            1_700_000_000 + self.at
        );
        let mut extra = String::new();
        match name {
            "submit" => extra = format!(",{}", job.jobspec()),
            "alloc" => {
                job.owns = true;
                extra = format!(",{}", job.r());
            }
            "start" => job.started = true,
            "free" => job.owns = false,
            "exception" if context.contains("-restart") => job.owns = false,
            "jobspec-update" => {
                let queue = context.split('"').nth(3);
                let known = QUEUES.iter().find(|q| Some(**q) == queue);
                job.queue = known.copied().unwrap_or(job.queue);
            }
            _ => {}
        }
        let stored = name != "annotations" && !context.contains("volatile");
        if stored {
            job.events.push(event.clone());
        }
        if name == "invalidate" {
            self.jobs.remove(&id);
        }
        format!(r#"{{"id":{id},"events":[{event}]{extra}}}"#)
    }

    fn backlog(&self) -> impl Iterator<Item = String> {
        self.jobs.iter().map(|(id, job)| {
            let events = job.events.join(",");
            let given = events.contains(r#""alloc""#);
            let r = if given { format!(",{}", job.r()) } else { "".into() };
            format!(r#"{{"id":{id},"events":[{events}],{}{r}}}"#, job.jobspec())
        })
    }

    /// What the table shows is what is so.
    fn compare(&self, table: &mut Table) {
        let mut states = [0; State::ACTIVE.len()];
        let mut ranks = BTreeSet::<u32>::new();
        for job in self.jobs.values() {
            job.state.index().into_iter().for_each(|state| states[state] += 1);
            if job.owns && job.state != State::Inactive {
                ranks.extend(job.ranks());
            }
        }
        let mut ours = [0; State::ACTIVE.len()];
        for queue in table.totals().queues() {
            (0..ours.len()).for_each(|i| ours[i] += queue.jobs[i]);
        }
        assert_eq!(ours, states);
        assert_eq!(table.totals().nodes.in_use(), ranks.len() as u64);
    }
}

impl Job {
    fn jobspec(&self) -> String {
        format!(
            r#""jobspec":{{"version":1,"resources":{},"attributes":{{"system":
            {{"queue":"{}"}}}}}}"#,
            self.asks, self.queue
        )
    }

    fn given_r(&self) -> String {
        let given = self.given;
        format!(r#"{{"version":1,"execution":{{"R_lite":{given}}}}}"#)
    }

    fn r(&self) -> String {
        format!(r#""R":{}"#, self.given_r())
    }

    fn ranks(&self) -> &'static [u32] {
        match GIVEN.iter().position(|given| *given == self.given) {
            Some(0) => &[0, 1],
            Some(1) => &[1, 2],
            Some(2) => &[0, 2, 9],
            _ => &[],
        }
    }
}

/// What can happen next to a job, the likely first.
fn usual(job: &Job) -> &'static [(&'static str, &'static str)] {
    match job.state {
        State::New => &[("validate", "{}"), ("invalidate", "{}")],
        State::Depend => &[("depend", "{}"), ("dependency-add", "{}")],
        State::Priority => &[
            ("priority", r#"{"priority":16}"#),
            ("priority", r#"{"priority":0}"#),
        ],
        State::Sched => &[
            ("alloc", "{}"),
            ("priority", r#"{"priority":0}"#),
            ("urgency", r#"{"urgency":0}"#),
            ("urgency", r#"{"urgency":16}"#),
            ("flux-restart", "{}"),
            ("jobspec-update", r#"{"attributes.system.queue":"debug"}"#),
            ("jobspec-update", r#"{"attributes.system.duration":1.0}"#),
        ],
        State::Run if !job.started => {
            &[("start", "{}"), ("prolog-start", "{}")]
        }
        State::Run => &[
            ("finish", r#"{"status":0}"#),
            ("finish", r#"{"status":9}"#),
            ("finish", r#"{"status":256}"#),
            ("jobspec-update", r#"{"attributes.system.queue":"batch"}"#),
        ],
        _ if job.owns => &[("free", "{}"), ("finish", r#"{"status":0}"#)],
        _ => &[("clean", "{}")],
    }
}

/// A table, and what it has said so far.
struct Watcher {
    table: Table,
    counters: Counters,
}

const SENTINEL: &str = r#"{"id":-1,"events":[]}"#;

impl Watcher {
    fn new(world: &World) -> Watcher {
        let table = Table::new([5.0, 50.0].into());
        let mut watcher = Watcher { table, counters: Counters::default() };
        watcher.nodes(0, world.now());
        watcher.table.set_queues(&QUEUES);
        watcher.resume(world);
        watcher
    }

    fn hear(&mut self, line: &str, now: Time) -> What {
        self.table.apply(line, now).what
    }

    fn resume(&mut self, world: &World) {
        self.backlog(world, usize::MAX);
        let what = self.hear(SENTINEL, world.now());
        assert_eq!(what, What::Sentinel);
        for id in self.table.take_vanished() {
            let job = world.jobs.get(&id);
            let log = job.map(|job| job.events.join("\n"));
            let log = log.unwrap_or_default();
            let r = job.filter(|_| self.table.needs_r(id, &log));
            let r = r.map(|job| job.given_r());
            let done = self.table.resolve(id, &log, r.as_deref());
            if done.what != What::Resolved {
                self.table.resolve_unknown(id, world.now());
            }
        }
    }

    fn backlog(&mut self, world: &World, most: usize) {
        self.table.begin();
        for line in world.backlog().take(most) {
            assert_eq!(self.hear(&line, world.now()), What::Backlog);
        }
    }

    fn nodes(&mut self, n: u8, now: Time) {
        let rest = STATUSES[usize::from(n) % STATUSES.len()];
        let text = format!(
            r#"{{"R":{{"execution":{{"R_lite":[{{"rank":"0-2","children":
            {{"core":"0-7","gpu":"0"}}}}],"properties":{{"low":"0-1"}}}}}},
            {rest}}}"#
        );
        let mut requires = Requires::default();
        if n > 127 {
            requires.0.insert("debug".into(), vec!["low".into()]);
        }
        self.table.set_nodes(Status::parse(&text).unwrap(), requires, now);
    }

    fn check(&mut self, now: Time) {
        recount(&self.table);
        self.counters.grow(&mut self.table, now);
        let nodes = self.table.totals().nodes.all();
        assert_eq!(nodes.nodes.iter().sum::<u64>(), 3);
        assert_eq!(nodes.cores.iter().sum::<u64>(), 24);
        assert_eq!(nodes.gpus.iter().sum::<u64>(), 3);
    }

    fn gauges(&self) -> Vec<String> {
        let queues = self.table.totals().queues().map(|q| {
            format!(
                "{}: {:?} {:?} {} {} {:?}",
                q.name, q.jobs, q.resources, q.held, q.waiting, q.demand
            )
        });
        let mut all: Vec<_> = queues.collect();
        all.sort();
        all
    }

    /// Sums over queues: a job that changes queues unseen is counted in the
    /// last one only.
    fn counters(&mut self, now: Time) -> Vec<f64> {
        let exceptions = self.table.totals().exceptions.concat();
        let exceptions = exceptions.iter().map(|&n| n as f64);
        let mut sums: Vec<f64> = vec![0.0; 64];
        for q in self.table.totals_mut().queues_mut() {
            let mut all = vec![q.submitted as f64, q.allocated as f64];
            all.extend(q.finished.map(|n| n as f64));
            all.extend(q.failures.map(|n| n as f64));
            for h in [&q.wait, &q.eligible_wait, &q.launch, &q.run, &q.cleanup]
            {
                all.extend(h.counts().iter().map(|&n| n as f64));
                all.push(h.sum());
            }
            let of = [&mut q.node_seconds, &mut q.core_seconds];
            all.extend(of.map(|integral| integral.value(now)));
            sums.iter_mut().zip(all).for_each(|(sum, n)| *sum += n);
        }
        sums.extend(exceptions);
        sums
    }
}
