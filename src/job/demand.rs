//! What jobs ask for that could be started, were there only the resources.
//!
//! A request for slots leaves the number of nodes open. It is turned into
//! nodes by how many of its slots the largest node has room for, and such
//! jobs may share a node: ten jobs of one slot, of which a node has room for
//! eight, want 1.25 nodes. A request that could not be met if everything
//! were free is impossible, and counted apart.

use std::collections::BTreeMap;

use super::Time;
use super::active::{Flags, Job};
use super::oldest::Oldest;
use super::resources::{Resources, Sizes};
use crate::resource::Capacity;

/// Parts of a node: divides by any likely number of slots in a node, so that
/// sums of parts are exact (2^7 * 3^2 * 5 * 7 * 11 * 13).
const PARTS: u64 = 5_765_760;

/// Jobs that wait for nothing but resources, and what they ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Such jobs.
    pub jobs: u64,
    /// What they ask for, without the nodes of requests for slots.
    pub sizes: Sizes,
    /// The nodes of requests for slots, in parts of a node.
    parts: u64,
    /// Jobs that ask for more than there is.
    pub impossible_jobs: u64,
    /// The nodes they ask for.
    pub impossible_nodes: u64,
    largest: Largest,
    oldest: Oldest,
}

impl Demand {
    /// Counts a job in, that can be given no more than `capacity`.
    pub(super) fn enter(&mut self, job: &Job, capacity: Option<Capacity>) {
        match need(job, capacity) {
            Need::Possible { sizes, parts, nodes } => {
                self.jobs += 1;
                self.sizes.merge(sizes);
                self.parts += parts;
                self.largest.add(nodes);
                self.oldest.add(job.eligible_since());
            }
            Need::Impossible { nodes } => {
                self.impossible_jobs += 1;
                self.impossible_nodes += nodes;
            }
        }
    }

    /// Counts a job out that was counted in as it is.
    pub(super) fn leave(&mut self, job: &Job, capacity: Option<Capacity>) {
        match need(job, capacity) {
            Need::Possible { sizes, parts, nodes } => {
                self.jobs -= 1;
                self.sizes.less(sizes);
                self.parts -= parts;
                self.largest.remove(nodes);
                self.oldest.remove(job.eligible_since());
            }
            Need::Impossible { nodes } => {
                self.impossible_jobs -= 1;
                self.impossible_nodes -= nodes;
            }
        }
    }

    /// Counts in what another queue's jobs ask for.
    pub fn merge(&mut self, other: &Demand) {
        self.jobs += other.jobs;
        self.sizes.merge(other.sizes);
        self.parts += other.parts;
        self.impossible_jobs += other.impossible_jobs;
        self.impossible_nodes += other.impossible_nodes;
        // the extremes are all that is ever read of these
        other.largest().into_iter().for_each(|n| self.largest.add(n));
        other.oldest().into_iter().for_each(|t| self.oldest.add(t));
    }

    /// The nodes they ask for, all together.
    pub fn nodes(&self) -> u64 {
        self.sizes.nodes.saturating_add(self.parts.div_ceil(PARTS))
    }

    /// The most nodes that one of them asks for.
    pub fn largest(&self) -> Option<u32> {
        self.largest.0.last_key_value().map(|(&nodes, _)| nodes)
    }

    /// Since when the one that has waited longest could have been started.
    pub fn oldest(&self) -> Option<Time> {
        self.oldest.first()
    }
}

/// What one job asks for.
enum Need {
    Possible { sizes: Sizes, parts: u64, nodes: u32 },
    Impossible { nodes: u64 },
}

fn need(job: &Job, capacity: Option<Capacity>) -> Need {
    let Resources { nodes, cores, gpus } = job.resources();
    let mut sizes = Sizes::default();
    sizes.add(Resources { nodes, cores, gpus });
    let Some(capacity) = capacity else {
        return Need::Possible { sizes, parts: 0, nodes };
    };
    if job.flags.has(Flags::EXCLUSIVE) {
        // whole nodes, of which the largest is the best guess there is
        let all = |of: u32| u64::from(nodes) * u64::from(of);
        sizes.cores = sizes.cores.max(all(capacity.node_cores));
        sizes.gpus = sizes.gpus.max(all(capacity.node_gpus));
    }
    // what must be on one node, and how much of it the largest has room for
    let slots = job.slots();
    let pieces = slots.unwrap_or(nodes).max(1);
    let fits = |asked: u32, room: u32| match asked.div_ceil(pieces) {
        0 => u32::MAX,
        each => room / each,
    };
    let room =
        fits(cores, capacity.node_cores).min(fits(gpus, capacity.node_gpus));
    let (nodes, parts) = match (slots.is_some(), room.max(1)) {
        (false, _) => (nodes, 0),
        (true, room) => {
            let parts = u64::from(pieces) * PARTS / u64::from(room);
            (pieces.div_ceil(room), parts)
        }
    };
    let possible = room > 0
        && u64::from(nodes) <= capacity.nodes
        && u64::from(cores) <= capacity.cores
        && u64::from(gpus) <= capacity.gpus;
    match possible {
        true => Need::Possible { sizes, parts, nodes },
        false => Need::Impossible { nodes: nodes.into() },
    }
}

/// Numbers of nodes, of which the greatest is wanted, and how often each is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Largest(BTreeMap<u32, u32>);

impl Largest {
    fn add(&mut self, nodes: u32) {
        *self.0.entry(nodes).or_default() += 1;
    }

    fn remove(&mut self, nodes: u32) {
        if let Some(count) = self.0.get_mut(&nodes) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&nodes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::jobspec::Request;
    use crate::job::state::State;

    const CAPACITY: Option<Capacity> = Some(Capacity {
        nodes: 4,
        cores: 32,
        gpus: 8,
        node_cores: 8,
        node_gpus: 2,
    });

    fn job(nodes: Option<u32>, slots: u32, cores: u32, gpus: u32) -> Job {
        let mut job = Job::new(0, 0);
        job.state = State::Sched;
        let exclusive = false;
        job.set_request(Request { nodes, slots, cores, gpus, exclusive });
        job
    }

    /// Nodes asked for by these jobs, possible and not.
    fn nodes(jobs: &[Job]) -> (u64, u64) {
        let mut demand = Demand::default();
        jobs.iter().for_each(|job| demand.enter(job, CAPACITY));
        let nodes = (demand.nodes(), demand.impossible_nodes);
        jobs.iter().for_each(|job| demand.leave(job, CAPACITY));
        assert_eq!(demand, Demand::default());
        nodes
    }

    #[test]
    fn slots_share_nodes() {
        assert_eq!(nodes(&[]), (0, 0));
        assert_eq!(nodes(&[job(None, 1, 1, 0)]), (1, 0));
        assert_eq!(nodes(&vec![job(None, 1, 1, 0); 8]), (1, 0));
        assert_eq!(nodes(&vec![job(None, 1, 1, 0); 9]), (2, 0));
        // a slot of 5 cores has the node for itself
        assert_eq!(nodes(&vec![job(None, 1, 5, 0); 3]), (3, 0));
        assert_eq!(nodes(&[job(None, 4, 24, 0)]), (4, 0));
        assert_eq!(nodes(&vec![job(None, 1, 3, 0); 3]), (2, 0));
        // GPUs decide where they are scarcer
        assert_eq!(nodes(&[job(None, 5, 5, 5)]), (3, 0));
        // together with requests for nodes
        assert_eq!(nodes(&[job(Some(2), 2, 2, 0), job(None, 9, 9, 0)]), (4, 0));
    }

    #[test]
    fn what_cannot_be_is_apart() {
        assert_eq!(nodes(&[job(Some(4), 4, 32, 8)]), (4, 0));
        assert_eq!(nodes(&[job(Some(5), 5, 5, 0)]), (0, 5));
        // more cores than there are, or than a node has
        assert_eq!(nodes(&[job(None, 33, 33, 0)]), (0, 5));
        assert_eq!(nodes(&[job(Some(1), 1, 9, 0)]), (0, 1));
        assert_eq!(nodes(&[job(None, 1, 1, 3)]), (0, 1));
    }

    #[test]
    fn whole_nodes_count_whole() {
        let mut job = job(Some(2), 2, 2, 0);
        job.flags.set(Flags::EXCLUSIVE, true);
        let mut demand = Demand::default();
        demand.enter(&job, CAPACITY);
        let want = Sizes { nodes: 2, cores: 16, gpus: 4 };
        assert_eq!(demand.sizes, want);
        assert_eq!(demand.largest(), Some(2));
        demand.leave(&job, CAPACITY);
        assert_eq!(demand, Demand::default());
    }

    #[test]
    fn extremes_survive_what_is_between() {
        let mut demand = Demand::default();
        let mut jobs: Vec<_> = [2, 4, 1].map(|n| job(Some(n), n, n, 0)).into();
        for (job, at) in jobs.iter_mut().zip([5.0, 3.0, 9.0]) {
            job.sched = Time::from_secs(at);
            demand.enter(job, CAPACITY);
        }
        assert_eq!(demand.largest(), Some(4));
        assert_eq!(demand.oldest(), Some(Time::from_secs(3.0)));
        demand.leave(&jobs[1], CAPACITY);
        assert_eq!(demand.largest(), Some(2));
        let mut sum = Demand::default();
        sum.merge(&demand);
        assert_eq!(sum.oldest(), Some(Time::from_secs(5.0)));
        assert_eq!((sum.jobs, sum.nodes()), (2, 3));
    }

    #[test]
    fn before_anything_is_known_everything_is_possible() {
        let mut demand = Demand::default();
        demand.enter(&job(Some(1_000), 1_000, 1_000, 0), None);
        demand.enter(&job(None, 9, 9, 0), None);
        assert_eq!((demand.jobs, demand.nodes()), (2, 1_000));
    }
}
