//! What must hold of a table of jobs at any time, whatever it was told.

use std::collections::BTreeMap;

use flux_prometheus::job::demand::Demand;
use flux_prometheus::job::resources::Sizes;
use flux_prometheus::job::state::State;
use flux_prometheus::job::{QueueTotals, Table, Time};

/// Counters of a table, which never fall.
#[derive(Default)]
pub struct Counters(BTreeMap<String, Vec<f64>>);

impl Counters {
    /// Compares with what was there before; `now` does not go back.
    pub fn grow(&mut self, table: &mut Table, now: Time) {
        let now = table.known_until(now);
        let exceptions = table.totals().exceptions.concat();
        let mut all = exceptions.iter().map(|&n| n as f64).collect::<Vec<_>>();
        all.extend(table.totals_mut().nodes.seconds(now));
        all.extend(table.problems().map(|n| n as f64));
        all.extend([table.events() as f64, table.resyncs() as f64]);
        self.compare("", all);
        for queue in table.totals_mut().queues_mut() {
            let name = format!("queue {}", queue.name);
            self.compare(&name, counters(queue, now));
        }
    }

    fn compare(&mut self, name: &str, now: Vec<f64>) {
        if let Some(before) = self.0.get(name) {
            for (i, (before, now)) in before.iter().zip(&now).enumerate() {
                assert!(now >= before, "{name} {i}: {before} to {now}");
            }
        }
        self.0.insert(name.to_owned(), now);
    }

    /// Histograms begin anew.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

fn counters(queue: &mut QueueTotals, now: Time) -> Vec<f64> {
    let mut all = vec![queue.submitted as f64, queue.allocated as f64];
    all.extend(queue.finished.map(|n| n as f64));
    all.extend(queue.failures.map(|n| n as f64));
    for histogram in [
        &queue.wait,
        &queue.eligible_wait,
        &queue.launch,
        &queue.run,
        &queue.cleanup,
    ] {
        assert!(histogram.sum() >= 0.0 && histogram.sum().is_finite());
        all.push(histogram.sum());
        all.extend(histogram.counts().iter().map(|&n| n as f64));
    }
    for integral in [
        &mut queue.node_seconds,
        &mut queue.core_seconds,
        &mut queue.gpu_seconds,
    ] {
        all.push(integral.value(now));
    }
    all
}

/// Compares the totals with a recount of the jobs.
pub fn recount(table: &Table) {
    let mut states = [0; State::ACTIVE.len()];
    let mut sizes = [Sizes::default(); State::ACTIVE.len()];
    let (mut held, mut waiting) = (0, 0);
    for (_, job) in table.jobs() {
        assert_ne!(job.state(), State::Inactive);
        let Some(state) = job.state().index() else { continue };
        states[state] += 1;
        sizes[state].add(job.resources());
        held += u64::from(job.is_held());
        waiting += u64::from(job.is_eligible());
    }
    let totals = table.totals();
    let mut sums = [0; State::ACTIVE.len()];
    let mut of_sizes = [Sizes::default(); State::ACTIVE.len()];
    for queue in totals.queues() {
        for state in 0..sums.len() {
            sums[state] += queue.jobs[state];
            of_sizes[state].merge(queue.resources[state]);
        }
        held -= queue.held;
        waiting -= queue.waiting;
        let demand = &queue.demand;
        assert_eq!(demand.jobs + demand.impossible_jobs, queue.waiting);
        assert_eq!(demand.largest().is_some(), demand.jobs > 0);
        assert_eq!(demand.oldest().is_some(), demand.jobs > 0);
        if queue.waiting == 0 {
            assert_eq!(queue.demand, Demand::default());
        }
    }
    assert_eq!(states, sums);
    assert_eq!(sizes, of_sizes);
    assert_eq!((held, waiting), (0, 0));
    assert_eq!(table.active(), states.iter().sum::<u64>());
    let nodes = totals.nodes.all();
    for of in [nodes.nodes, nodes.cores, nodes.gpus] {
        // a count below zero would be as large as this
        assert!(of.iter().all(|&n| n < 1 << 63), "{of:?}");
    }
    if table.jobs().next().is_none() {
        assert_eq!(totals.nodes.in_use(), 0);
        for (_, in_use) in totals.queues_and_use() {
            assert_eq!(in_use, 0);
        }
    }
}
