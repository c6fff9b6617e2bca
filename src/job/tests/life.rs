//! Single jobs, live.

use super::*;
use crate::job::exception::ExceptionType;
use crate::job::outcome::{Cause, Outcome};
use crate::job::resources::Sizes;
use crate::job::state::State;
use crate::job::{JobId, ProblemKind};

/// A table, its job manager and the id of the job at hand.
struct World {
    table: Table,
    jm: Manager,
    now: f64,
}

const ID: JobId = 42;

impl World {
    /// With a job in SCHED: submitted at 1, validated at 2, eligible at 4.
    fn sched() -> World {
        let mut w = World { table: table(), jm: Manager::default(), now: 1.0 };
        let line = w.jm.submit(ID, w.now, "batch");
        feed(&mut w.table, &line, w.now);
        w.post("validate", "").post("depend", "");
        w.post("priority", r#"{"priority":16}"#);
        w
    }

    /// Running: allocated at 5, started at 6.
    fn run() -> World {
        let mut w = World::sched();
        w.post("alloc", "").post("start", "");
        w
    }

    /// Posts an event a second after the last.
    fn post(&mut self, name: &str, context: &str) -> &mut World {
        self.now += 1.0;
        let line = self.jm.post(ID, self.now, name, context);
        assert_eq!(feed(&mut self.table, &line, self.now), What::Live);
        self
    }

    fn except(&mut self, kind: &str, severity: u8) -> &mut World {
        let context =
            format!(r#"{{"type":"{kind}","severity":{severity},"note":"no"}}"#);
        self.post("exception", &context)
    }

    fn q(&self) -> &QueueTotals {
        queue(&self.table, "batch")
    }

    fn ended(&self) -> Outcome {
        assert_eq!(self.table.jobs().count(), 0);
        assert_eq!(self.table.active(), 0);
        assert_eq!(self.q().resources, [Sizes::default(); 5]);
        let ended = self.q().finished.iter().position(|&n| n == 1);
        Outcome::ALL[ended.unwrap()]
    }

    fn cause(&self) -> Cause {
        assert_eq!(self.ended(), Outcome::Failed);
        assert_eq!(self.q().failures.iter().sum::<u64>(), 1);
        Cause::ALL[self.q().failures.iter().position(|&n| n == 1).unwrap()]
    }

    fn in_state(&self, state: State) -> bool {
        let i = state.index().unwrap();
        self.q().jobs[i] == 1 && self.table.active() == 1
    }
}

#[test]
fn a_plain_job() {
    let mut w = World::run();
    let run = State::Run.index().unwrap();
    assert!(w.in_state(State::Run));
    let allocated = Sizes { nodes: 2, cores: 10, gpus: 1 };
    assert_eq!(w.q().resources[run], allocated);
    w.post("finish", r#"{"status":0}"#);
    assert!(w.in_state(State::Cleanup));
    w.post("release", r#"{"ranks":"all","final":true}"#).post("free", "");
    assert_eq!(w.q().resources, [Sizes::default(); 5]);
    w.post("clean", "");
    assert_eq!(w.ended(), Outcome::Completed);
    let q = w.q();
    assert_eq!((q.submitted, q.allocated), (1, 1));
    assert_eq!(q.failures, [0; 8]);
    assert_eq!(q.wait.sum(), 4.0);
    assert_eq!(q.eligible_wait.sum(), 1.0);
    assert_eq!(q.launch.sum(), 1.0);
    assert_eq!(q.run.sum(), 1.0);
    assert_eq!(q.cleanup.sum(), 3.0);
    assert_eq!(w.table.events(), 10);
    assert_eq!(w.table.last_event(), Some(t(10.0)));
    // allocated from 5 to 9
    assert_eq!(node_seconds(&mut w.table, "batch", 100.0), 8.0);
}

#[test]
fn requested_before_allocated() {
    let w = World::sched();
    let sched = State::Sched.index().unwrap();
    let asked = Sizes { nodes: 2, cores: 4, gpus: 0 };
    assert_eq!(w.q().resources[sched], asked);
    assert_eq!(w.q().demand.sizes, asked);
}

#[test]
fn states_entered_again_keep_the_first_time() {
    let mut w = World::sched();
    for event in ["flux-restart", "jobspec-update"] {
        w.post(event, "{}");
        assert!(w.in_state(State::Priority));
        w.post("priority", r#"{"priority":1}"#);
        w.post("priority", r#"{"priority":2}"#);
        assert!(w.in_state(State::Sched));
    }
    w.post("alloc", "");
    assert_eq!(w.q().eligible_wait.sum(), 7.0);
    assert_eq!(w.q().submitted, 1);
}

#[test]
fn held_by_urgency_and_released() {
    let mut w = World::sched();
    assert_eq!((w.q().held, w.q().waiting), (0, 1));
    w.post("urgency", r#"{"urgency":0,"userid":1}"#);
    assert!(w.in_state(State::Priority));
    assert_eq!((w.q().held, w.q().waiting), (1, 0));
    w.post("priority", r#"{"priority":0}"#);
    assert_eq!((w.q().held, w.q().waiting), (1, 0));
    assert_eq!(w.q().demand.sizes, Sizes::default());
    w.post("urgency", r#"{"urgency":16,"userid":1}"#);
    assert_eq!((w.q().held, w.q().waiting), (0, 1));
    w.post("priority", r#"{"priority":16}"#);
    assert_eq!((w.q().held, w.q().waiting), (0, 1));
    w.post("alloc", "");
    assert_eq!((w.q().held, w.q().waiting), (0, 0));
}

#[test]
fn held_by_priority_only_in_sched() {
    let mut w = World::sched();
    w.post("priority", r#"{"priority":0}"#);
    assert_eq!((w.q().held, w.q().waiting), (1, 0));
    w.post("flux-restart", "");
    assert_eq!((w.q().held, w.q().waiting), (0, 1));
}

#[test]
fn canceled_while_waiting_has_no_times() {
    let mut w = World::sched();
    w.except("cancel", 0);
    assert!(w.in_state(State::Cleanup));
    assert_eq!(w.q().resources, [Sizes::default(); 5]);
    w.post("clean", "");
    assert_eq!(w.ended(), Outcome::Canceled);
    let q = w.q();
    for h in [&q.wait, &q.eligible_wait, &q.launch, &q.run, &q.cleanup] {
        assert_eq!(h.count(), 0);
    }
    let cancel = ExceptionType::Cancel as usize;
    assert_eq!(w.table.totals().exceptions[cancel][0], 1);
}

#[test]
fn lost_at_a_restart_has_no_finish() {
    let mut w = World::run();
    w.except("exec", 0).post("free", "").post("clean", "");
    assert_eq!(w.cause(), Cause::Exec);
    assert_eq!(w.q().run.sum(), 1.0);
    assert_eq!(w.q().cleanup.sum(), 2.0);
}

#[test]
fn canceled_while_running_still_finishes() {
    let mut w = World::run();
    w.except("cancel", 0).post("finish", r#"{"status":15}"#);
    w.post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Canceled);
    assert_eq!((w.q().run.count(), w.q().run.sum()), (1, 2.0));
    assert_eq!(w.q().cleanup.sum(), 3.0);
}

#[test]
fn success_is_decided_at_finish() {
    let mut w = World::run();
    w.post("finish", r#"{"status":0}"#).except("exec", 0);
    w.post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Completed);

    let mut w = World::run();
    w.except("timeout", 0).post("finish", r#"{"status":0}"#);
    w.post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Timeout);

    let mut w = World::run();
    w.except("exec", 1).post("finish", r#"{"status":0}"#);
    w.post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Completed);
}

#[test]
fn the_lowest_severity_decides() {
    let mut w = World::run();
    w.except("exec", 3).except("cancel", 2).except("timeout", 2);
    w.post("finish", r#"{"status":256}"#).post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Canceled);
}

#[test]
fn a_mild_exception_is_not_the_cause() {
    let mut w = World::run();
    w.except("exec", 3).post("finish", r#"{"status":35072}"#);
    w.post("free", "").post("clean", "");
    // 137 << 8: the job shell's word for a task killed by signal 9
    assert_eq!(w.cause(), Cause::Signal);
}

#[test]
fn scheduler_restart_ends_the_allocation() {
    let mut w = World::run();
    w.except("scheduler-restart", 0);
    assert_eq!(w.q().resources, [Sizes::default(); 5]);
    w.post("clean", "");
    assert_eq!(w.cause(), Cause::Other);
    // allocated from 5 to 7
    assert_eq!(node_seconds(&mut w.table, "batch", 100.0), 4.0);
}

#[test]
fn clean_without_free_ends_the_allocation() {
    let mut w = World::run();
    w.post("finish", r#"{"status":0}"#).post("clean", "");
    assert_eq!(w.ended(), Outcome::Completed);
    assert_eq!(node_seconds(&mut w.table, "batch", 100.0), 6.0);
}

#[test]
fn an_allocation_may_outrun_a_cancel() {
    let mut w = World::sched();
    w.except("cancel", 0).post("alloc", "");
    let cleanup = State::Cleanup.index().unwrap();
    assert_eq!(w.q().resources[cleanup].nodes, 2);
    w.post("free", "").post("clean", "");
    assert_eq!(w.ended(), Outcome::Canceled);
    assert_eq!(node_seconds(&mut w.table, "batch", 100.0), 2.0);
}

#[test]
fn invalidated_is_as_never_submitted() {
    let mut table = table();
    let mut jm = Manager::default();
    for line in [
        jm.submit(1, 1.0, "batch"),
        jm.post(1, 2.0, "dependency-add", r#"{"description":"x"}"#),
        jm.post(1, 3.0, "invalidate", ""),
    ] {
        assert_eq!(feed(&mut table, &line, 3.0), What::Live);
        assert_eq!(table.active(), 0);
    }
    assert_eq!(table.jobs().count(), 0);
    assert!(table.totals().queue("batch").is_none());
}

#[test]
fn changing_queues_moves_gauges_and_not_counters() {
    let to = r#"{"attributes.system.queue":"debug"}"#;
    let mut w = World::sched();
    w.post("jobspec-update", to);
    assert_eq!(w.q().jobs, [0; 5]);
    assert_eq!(w.q().submitted, 1);
    let debug = queue(&w.table, "debug");
    assert_eq!((debug.waiting, debug.submitted), (1, 0));
    assert_eq!(debug.demand.sizes.nodes, 2);
    w.post("priority", r#"{"priority":16}"#).post("alloc", "");
    w.post("jobspec-update", r#"{"attributes.system.queue":"batch"}"#);
    w.post("free", "");
    assert_eq!(node_seconds(&mut w.table, "debug", 100.0), 2.0);
    assert_eq!(node_seconds(&mut w.table, "batch", 100.0), 2.0);
    assert_eq!(queue(&w.table, "debug").allocated, 1);
}

#[test]
fn updates_of_other_things_are_ignored_but_resources_count() {
    let mut w = World::sched();
    w.post("jobspec-update", r#"{"attributes.system.duration":"x"}"#);
    w.post("resource-update", r#"{"expiration":9e9}"#);
    assert_eq!(w.q().demand.sizes.nodes, 2);
    let update = r#"{"resources":[{"type":"slot","count":3,"with":[
        {"type":"core","count":2}]}],"resources[0].count":5}"#;
    w.post("jobspec-update", update);
    let want = Sizes { nodes: 0, cores: 6, gpus: 0 };
    assert_eq!(w.q().demand.sizes, want);
}

#[test]
fn unknown_jobs_are_ignored() {
    let mut table = table();
    let line = format!(
        r#"{{"id":7,"events":[{}]}}"#,
        manager::event(1.0, "finish", r#"{"status":0}"#)
    );
    assert_eq!(feed(&mut table, &line, 1.0), What::Unknown);
    assert_eq!(table.jobs().count(), 0);
    assert_eq!(table.totals().queues().count(), 0);
}

#[test]
fn problems_do_not_stop_the_rest() {
    let mut table = table();
    let now = t(9.0);
    let events = |name, context| {
        format!(r#"{{"id":7,"events":[{}]"#, manager::event(1.0, name, context))
    };
    let problem = |table: &mut Table, line: &str| {
        let applied = table.apply(line, now);
        assert_eq!(applied.problems.len(), 1, "{line}");
        applied.problems[0].kind
    };
    let jobspec = r#","jobspec":{"resources":[{}],
        "attributes":{"system":{"queue":"q"}}}}"#;
    let line = events("submit", r#"{"urgency":16}"#) + jobspec;
    assert_eq!(problem(&mut table, &line), ProblemKind::Jobspec);
    for name in ["validate", "depend"] {
        feed(&mut table, &(events(name, "") + "}"), 9.0);
    }
    let line = events("priority", "{}") + "}";
    assert_eq!(problem(&mut table, &line), ProblemKind::Event);
    feed(&mut table, &(events("priority", r#"{"priority":1}"#) + "}"), 9.0);
    assert_eq!(queue(&table, "q").waiting, 1);
    let line = events("alloc", "") + r#","R":{"execution":1}}"#;
    assert_eq!(problem(&mut table, &line), ProblemKind::Resources);
    let exception = r#"{"type":"x","severity":8}"#;
    let line = events("exception", exception) + "}";
    assert_eq!(problem(&mut table, &line), ProblemKind::Event);
    assert_eq!(problem(&mut table, "{"), ProblemKind::Line);
    assert_eq!(queue(&table, "q").allocated, 1);
    // a finish whose status we cannot read is still a finish
    let line = events("finish", r#"{"status":"x"}"#) + "}";
    assert_eq!(problem(&mut table, &line), ProblemKind::Event);
    feed(&mut table, &(events("clean", "") + "}"), 9.0);
    assert_eq!(queue(&table, "q").failures[Cause::Other as usize], 1);
    assert_eq!(table.problems(), [1, 3, 1, 1]);
    assert_eq!(table.active(), 0);
}

#[test]
fn lag_is_how_late_an_event_comes() {
    let mut table = table();
    let line = Manager::default().submit(1, 1.0, "");
    feed(&mut table, &line, 1.5);
    assert_eq!(table.lag(), 0.5);
}

#[test]
fn nothing_is_applied_without_a_subscription() {
    let mut table = Table::new(Arc::from([]));
    let line = Manager::default().submit(1, 1.0, "");
    assert_eq!(feed(&mut table, &line, 1.0), What::Idle);
    assert_eq!(feed(&mut table, SENTINEL, 1.0), What::Idle);
    assert!(!table.synced());
}
