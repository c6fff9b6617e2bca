use super::*;
use crate::job::active::Flags;
use crate::job::demand::Demand;
use crate::job::resources::{Resources, Sizes};

fn totals() -> Totals {
    Totals::new(Arc::from([1.0]))
}

fn names(totals: &Totals) -> Vec<&str> {
    totals.queues().map(|queue| &*queue.name).collect()
}

#[test]
fn anonymous_queue_is_shown_if_there_is_no_other_or_it_is_used() {
    let mut t = totals();
    t.set_queues::<&str>(&[]);
    assert_eq!(names(&t), [""]);
    t.set_queues(&["batch", "debug"]);
    assert_eq!(names(&t), ["batch", "debug"]);
    let mut job = Job::new(t.intern(""), 0);
    job.state = State::Sched;
    t.enter(1, &job);
    t.leave(1, &job);
    assert_eq!(names(&t), ["", "batch", "debug"]);
}

#[test]
fn a_queue_that_left_the_configuration_does_not_start() {
    let mut t = totals();
    for name in ["old", "batch", "debug"] {
        t.intern(name);
    }
    t.set_queues(&["batch", "debug"]);
    t.set_stopped(&["debug"]);
    let stopped = |t: &Totals| {
        let all = ["old", "batch", "debug"].map(|name| t.index[name]);
        all.map(|index| t.queues[usize::from(index)].stopped)
    };
    assert_eq!(stopped(&t), [true, false, true]);
    let gone = |t: &Totals| {
        t.queues.iter().map(QueueTotals::is_gone).collect::<Vec<_>>()
    };
    assert_eq!(gone(&t), [true, false, false]);
    t.set_queues(&["new"]);
    t.set_stopped(&["new"]);
    assert_eq!(stopped(&t), [true, false, true]);
    assert_eq!(gone(&t), [true, true, true, false]);
    t.set_queues(&["old", "batch", "debug"]);
    t.set_stopped(&["batch"]);
    assert_eq!(stopped(&t), [false, true, false]);
}

#[test]
fn queues_are_bounded() {
    let mut t = totals();
    for i in 0..2 * MAX_QUEUES {
        t.intern(&format!("q{i}"));
    }
    assert_eq!(t.queues.len(), MAX_QUEUES + 1);
    let other = t.intern(OTHER_QUEUE);
    assert_eq!(t.intern("q1999"), other);
    assert_ne!(t.intern("q999"), other);
}

#[test]
fn leaving_undoes_entering() {
    let mut t = totals();
    let mut job = Job::new(t.intern("batch"), 0);
    job.size = Resources { nodes: 2, cores: 8, gpus: 1 };
    job.flags.set(Flags::SLOT_ONLY, true);
    for state in State::ACTIVE {
        for urgency_zero in [false, true] {
            job.state = state;
            job.flags.set(Flags::URGENCY_ZERO, urgency_zero);
            t.enter(1, &job);
            assert_eq!(t.active(), 1);
            t.leave(1, &job);
            let q = t.queue("batch").unwrap();
            assert_eq!((q.held, q.waiting, t.active()), (0, 0, 0));
            assert_eq!(q.resources, [Sizes::default(); 5]);
            assert_eq!(q.demand, Demand::default());
        }
    }
}

#[test]
fn new_bounds_empty_the_histograms() {
    let mut t = totals();
    let index = t.intern("");
    t.at(index).wait.observe(0.5);
    t.set_bounds(Arc::from([1.0, 2.0]));
    assert_eq!(t.at(index).wait.counts(), [0, 0, 0]);
    let index = t.intern("new");
    assert_eq!(t.at(index).run.bounds(), [1.0, 2.0]);
}
