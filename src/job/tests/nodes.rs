//! What jobs have of nodes, and what they want of them.

use super::*;
use crate::job::JobId;
use crate::job::resources::Allocation;
use crate::job::totals::{MAX_QUEUES, OTHER_QUEUE};
use crate::resource::{Housekeeping, NodeState, Requires, Status};

/// Four nodes of 8 cores and a GPU; 0 and 1 are for queue "batch".
fn status(drain: &str, offline: bool, exclude: &str) -> Status {
    let online = if offline { "0,2-3" } else { "0-3" };
    let text = format!(
        r#"{{"R":{{"version":1,"execution":{{"R_lite":[{{"rank":"0-3",
        "children":{{"core":"0-7","gpu":"0"}}}}],"starttime":0.0,
        "expiration":0.0,"nodelist":["n[0-3]"],
        "properties":{{"batch":"0-1"}}}}}},"drain":{{{drain}}},
        "online":"{online}","offline":"","exclude":"{exclude}","torpid":""}}"#
    );
    Status::parse(&text).unwrap()
}

fn requires() -> Requires {
    let text = r#"{"queues":{"batch":{"requires":["batch"]},"all":{}}}"#;
    Requires::parse(text).unwrap()
}

fn with_nodes() -> Table {
    let mut table = table();
    table.set_nodes(status("", false, ""), requires(), t(0.0));
    table
}

const DRAINED: &str = r#""0-1":{"timestamp":1.0,"reason":"x"}"#;

/// Brings a job of the test manager, which asks for 2 nodes, to SCHED.
fn sched(table: &mut Table, jm: &mut Manager, id: u64, queue: &str, at: f64) {
    feed(table, &jm.submit(id, at, queue), at);
    post(table, jm, id, at, "validate", "");
    post(table, jm, id, at, "depend", "");
    post(table, jm, id, at, "priority", r#"{"priority":16}"#);
}

fn post(
    table: &mut Table,
    jm: &mut Manager,
    id: u64,
    at: f64,
    name: &str,
    context: &str,
) {
    feed(table, &jm.post(id, at, name, context), at);
}

fn nodes(table: &Table) -> [u64; 6] {
    table.totals().nodes.all().nodes
}

fn seconds(table: &mut Table, now: f64, state: NodeState) -> f64 {
    table.totals_mut().nodes.seconds(t(now))[state as usize]
}

#[test]
fn allocated_and_drained_make_four_states() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
    sched(&mut table, &mut jm, 1, "batch", 1.0);
    // 8 cores and a GPU of rank 0, 2 cores of rank 1
    post(&mut table, &mut jm, 1, 10.0, "alloc", "");
    assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
    assert_eq!(table.totals().nodes.all().cores, [22, 10, 0, 0, 0, 0]);
    assert_eq!(table.totals().nodes.all().gpus, [3, 1, 0, 0, 0, 0]);
    table.set_nodes(status(DRAINED, false, ""), requires(), t(20.0));
    assert_eq!(nodes(&table), [2, 0, 2, 0, 0, 0]);
    assert_eq!(table.totals().nodes.all().cores, [16, 0, 10, 6, 0, 0]);
    post(&mut table, &mut jm, 1, 30.0, "free", "");
    assert_eq!(nodes(&table), [2, 0, 0, 2, 0, 0]);
    // offline is more than drained, excluded more than both
    table.set_nodes(status(DRAINED, true, ""), requires(), t(40.0));
    assert_eq!(nodes(&table), [2, 0, 0, 1, 1, 0]);
    table.set_nodes(status(DRAINED, true, "1,3"), requires(), t(50.0));
    assert_eq!(nodes(&table), [1, 0, 0, 1, 0, 2]);

    for (state, want) in NodeState::ALL.into_iter().zip([
        10.0 * 4.0 + 40.0 * 2.0 + 10.0,
        20.0,
        20.0,
        20.0 + 10.0,
        10.0,
        20.0,
    ]) {
        // rank 0 stays drained
        let more = if state == NodeState::Drained { 10.0 } else { 0.0 };
        let got = seconds(&mut table, 60.0, state);
        assert_eq!(got, want + more, "{}", state.as_str());
    }
}

/// What the job manager says of housekeeping on these ranks after job 1.
fn told(table: &mut Table, running: &str, at: f64) -> Vec<JobId> {
    let running = match running {
        "" => String::new(),
        ranks => format!(r#""f2":{{"allocated":"{ranks}"}}"#),
    };
    let text = format!(
        r#"{{"housekeeping":{{"running":{{{running}}},
        "config":{{"command":"x"}}}}}}"#
    );
    table.set_housekeeping(Housekeeping::parse(&text).unwrap(), t(at))
}

#[test]
fn nodes_are_allocated_until_housekeeping_is_done() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    assert!(told(&mut table, "", 0.0).is_empty());
    sched(&mut table, &mut jm, 1, "batch", 1.0);
    post(&mut table, &mut jm, 1, 10.0, "alloc", "");
    post(&mut table, &mut jm, 1, 20.0, "free", "");
    assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
    assert!(table.totals().nodes.in_housekeeping());
    assert!(told(&mut table, "1", 30.0).is_empty());
    assert_eq!(nodes(&table), [3, 1, 0, 0, 0, 0]);
    assert_eq!(table.totals().nodes.all().cores, [30, 2, 0, 0, 0, 0]);
    assert!(told(&mut table, "", 40.0).is_empty());
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
    assert!(!table.totals().nodes.in_housekeeping());
    let allocated = seconds(&mut table, 60.0, NodeState::Allocated);
    assert_eq!(allocated, 20.0 + 30.0);
}

#[test]
fn housekeeping_after_a_job_we_did_not_see_is_looked_up() {
    let mut table = with_nodes();
    let had = || {
        let r = r#"{"execution":{"R_lite":[{"rank":"0-1","children":
            {"core":"0-1"}}]}}"#;
        Allocation::parse(r).unwrap()
    };
    let jobspec = r#"{"attributes":{"system":{"queue":"batch"}}}"#;
    assert_eq!(told(&mut table, "1", 1.0), [1_u64]);
    table.housekeep(1, had(), jobspec, t(2.0));
    assert_eq!(nodes(&table), [3, 1, 0, 0, 0, 0]);
    // told twice
    table.housekeep(1, had(), jobspec, t(2.0));
    assert!(told(&mut table, "1", 3.0).is_empty());
    assert_eq!(nodes(&table), [3, 1, 0, 0, 0, 0]);
    assert!(told(&mut table, "", 4.0).is_empty());
    // told too late
    table.housekeep(1, had(), jobspec, t(5.0));
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
}

/// As after a gap in the journal: what housekeeping has is looked up, and
/// meanwhile the end of the job is made good.
#[test]
fn what_is_looked_up_is_not_kept_twice() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    assert!(told(&mut table, "", 0.0).is_empty());
    sched(&mut table, &mut jm, 1, "batch", 1.0);
    post(&mut table, &mut jm, 1, 10.0, "alloc", "");
    assert_eq!(told(&mut table, "0-1", 15.0), [1_u64]);
    post(&mut table, &mut jm, 1, 20.0, "free", "");
    let r = r#"{"execution":{"R_lite":[{"rank":"0-1","children":
        {"core":"0-1"}}]}}"#;
    let jobspec = r#"{"attributes":{"system":{"queue":"batch"}}}"#;
    table.housekeep(1, Allocation::parse(r).unwrap(), jobspec, t(21.0));
    assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
    assert!(told(&mut table, "", 30.0).is_empty());
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
}

/// As Flux 0.64 to 0.70 say it.
#[test]
fn housekeeping_that_is_not_told_of_is_there_once_it_is_seen() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    let tell = |table: &mut Table, running: &str, at: f64| {
        let text = format!(r#"{{"housekeeping":{{"running":{{{running}}}}}}}"#);
        table.set_housekeeping(Housekeeping::parse(&text).unwrap(), t(at))
    };
    let mut run = |table: &mut Table, id, at| {
        sched(table, &mut jm, id, "batch", at);
        post(table, &mut jm, id, at, "alloc", "");
        post(table, &mut jm, id, at + 1.0, "free", "");
    };
    assert!(tell(&mut table, "", 0.0).is_empty());
    run(&mut table, 1, 1.0);
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
    let said = r#""f2":{"allocated":"0-1"}"#;
    assert_eq!(tell(&mut table, said, 3.0), [1_u64]);
    assert!(tell(&mut table, "", 4.0).is_empty());
    run(&mut table, 2, 5.0);
    assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
    assert!(tell(&mut table, "", 7.0).is_empty());
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
}

#[test]
fn shared_nodes_are_counted_once() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    for id in [1, 2, 3] {
        let queue = if id == 3 { "all" } else { "batch" };
        sched(&mut table, &mut jm, id, queue, 1.0);
        post(&mut table, &mut jm, id, 2.0, "alloc", "");
    }
    assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
    // never more than there are
    assert_eq!(table.totals().nodes.all().cores, [18, 14, 0, 0, 0, 0]);
    let in_use = |table: &Table| {
        let queues = table.totals().queues_and_use();
        let mut queues: Vec<_> =
            queues.map(|(q, n)| (q.name.to_string(), n)).collect();
        queues.sort();
        (table.totals().nodes.in_use(), queues)
    };
    let want = |all, batch| vec![("all".into(), all), ("batch".into(), batch)];
    assert_eq!(in_use(&table), (2, want(2, 2)));
    let to = r#"{"attributes.system.queue":"all"}"#;
    post(&mut table, &mut jm, 1, 3.0, "jobspec-update", to);
    assert_eq!(in_use(&table), (2, want(2, 2)));
    post(&mut table, &mut jm, 2, 3.0, "free", "");
    assert_eq!(in_use(&table), (2, want(2, 0)));
    post(&mut table, &mut jm, 1, 3.0, "free", "");
    post(&mut table, &mut jm, 3, 3.0, "free", "");
    assert_eq!(in_use(&table), (0, want(0, 0)));
}

#[test]
fn a_queue_has_the_nodes_it_requires() {
    let mut table = with_nodes();
    table.set_queues(&["all", "batch"]);
    table.set_nodes(status(DRAINED, false, ""), requires(), t(1.0));
    let of = |name: &str| {
        let mut queues = table.totals().queues_and_nodes();
        queues.find(|(q, ..)| &*q.name == name).unwrap().1.nodes
    };
    assert_eq!(of("all"), [2, 0, 0, 2, 0, 0]);
    assert_eq!(of("batch"), [0, 0, 0, 2, 0, 0]);
}

#[test]
fn queues_that_are_not_told_apart_have_each_node_once() {
    let queue_of = |i| format!(r#""q{i}":{{"requires":["batch"]}}"#);
    let queues: Vec<_> = (0..MAX_QUEUES + 9).map(queue_of).collect();
    let config = format!(r#"{{"queues":{{{}}}}}"#, queues.join(","));
    let requires = Requires::parse(&config).unwrap();
    let mut table = table();
    // one is left, and the job asks for two
    table.set_nodes(status("", false, "1"), requires, t(0.0));
    let mut jm = Manager::default();
    sched(&mut table, &mut jm, 1, "beyond", 1.0);
    let demand = &queue(&table, OTHER_QUEUE).demand;
    assert_eq!((demand.jobs, demand.impossible_jobs), (0, 1));
    let mut queues = table.totals().queues_and_nodes();
    let other = queues.find(|(queue, _)| &*queue.name == OTHER_QUEUE);
    assert_eq!(other.unwrap().1.nodes, [1, 0, 0, 0, 0, 1]);
}

/// A table that meets jobs before it meets nodes, as after loading.
#[test]
fn the_backlog_may_come_before_the_nodes_or_after() {
    let mut jm = Manager::default();
    let mut seen = table();
    sched(&mut seen, &mut jm, 1, "all", 1.0);
    post(&mut seen, &mut jm, 1, 2.0, "alloc", "");
    for nodes_first in [true, false] {
        let mut table = Table::new(Arc::from([1.0]));
        let set = |table: &mut Table| {
            table.set_nodes(status("", false, ""), requires(), t(5.0));
        };
        if nodes_first {
            set(&mut table);
        }
        table.begin();
        for line in jm.backlog(false) {
            feed(&mut table, &line, 5.0);
        }
        // broken off and begun again
        table.begin();
        for line in jm.backlog(false) {
            feed(&mut table, &line, 5.0);
        }
        feed(&mut table, SENTINEL, 5.0);
        if !nodes_first {
            set(&mut table);
        }
        assert_eq!(nodes(&table), [2, 2, 0, 0, 0, 0]);
        assert_eq!(seconds(&mut table, 7.0, NodeState::Allocated), 4.0);
        assert_eq!(seconds(&mut table, 7.0, NodeState::Free), 4.0);
    }
}

#[test]
fn what_the_scheduler_does_not_know_takes_no_nodes() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    sched(&mut table, &mut jm, 1, "all", 1.0);
    post(&mut table, &mut jm, 1, 2.0, "alloc", r#"{"bypass":true}"#);
    assert_eq!(nodes(&table), [4, 0, 0, 0, 0, 0]);
    post(&mut table, &mut jm, 1, 3.0, "free", "");
    assert_eq!(table.totals().nodes.in_use(), 0);
}

#[test]
fn idle_begins_when_nothing_runs_and_nothing_could() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    table.set_queues(&["all"]);
    assert_eq!(table.totals().idle, Some(t(0.0)));
    sched(&mut table, &mut jm, 1, "all", 1.0);
    assert_eq!(table.totals().idle, None);
    post(&mut table, &mut jm, 1, 2.0, "urgency", r#"{"urgency":0}"#);
    assert_eq!(table.totals().idle, Some(t(2.0)));
    post(&mut table, &mut jm, 1, 3.0, "urgency", r#"{"urgency":16}"#);
    assert_eq!(table.totals().idle, None);
    table.set_stopped(&["all"]);
    table.settle(t(4.0));
    assert_eq!(table.totals().idle, Some(t(4.0)));
    table.set_stopped(&[]);
    table.settle(t(5.0));
    post(&mut table, &mut jm, 1, 6.0, "priority", r#"{"priority":16}"#);
    post(&mut table, &mut jm, 1, 6.0, "alloc", "");
    post(&mut table, &mut jm, 1, 7.0, "finish", r#"{"status":0}"#);
    assert_eq!(table.totals().idle, None);
    post(&mut table, &mut jm, 1, 8.0, "free", "");
    post(&mut table, &mut jm, 1, 9.0, "clean", "");
    assert_eq!(table.totals().idle, Some(t(9.0)));
    assert_eq!(queue(&table, "all").idle, Some(t(9.0)));
}

#[test]
fn capacity_decides_again_when_it_changes() {
    let mut table = with_nodes();
    let mut jm = Manager::default();
    sched(&mut table, &mut jm, 1, "batch", 1.0);
    let demand = |table: &Table| {
        let demand = &queue(table, "batch").demand;
        (demand.jobs, demand.nodes(), demand.impossible_nodes)
    };
    assert_eq!(demand(&table), (1, 2, 0));
    // drained nodes are still there, excluded ones are not
    table.set_nodes(status(DRAINED, true, ""), requires(), t(2.0));
    assert_eq!(demand(&table), (1, 2, 0));
    table.set_nodes(status("", false, "0"), requires(), t(3.0));
    assert_eq!(demand(&table), (0, 0, 2));
    table.set_nodes(status("", false, "0"), Requires::default(), t(4.0));
    assert_eq!(demand(&table), (1, 2, 0));
}
