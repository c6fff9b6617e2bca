//! All nodes, counted by state as they change.

use std::collections::{BTreeMap, HashMap};

use super::housekeeping::Kept;
use super::node::{Node, NodeState};
use super::status::{Described, Status};
use super::tally::{Capacity, STATES, Tally};
use super::{Requires, Span};
use crate::job::Time;
use crate::job::integral::Integral;

/// How many ranks are told apart; jobs on others are counted without them.
pub const MAX_RANKS: u32 = 1 << 20;

/// All nodes.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    by_rank: Vec<Node>,
    /// Nodes that are for the same queues, and which queues: those with
    /// requirements, by a number of the caller's.
    classes: Vec<(Vec<u16>, Tally)>,
    /// All nodes that the last answer tells of.
    capacity: Capacity,
    /// The same for each queue with requirements.
    capacities: BTreeMap<u16, Capacity>,
    /// Time by state.
    seconds: [Integral; STATES],
    /// Whether time is kept.
    running: bool,
    /// The last answer, which need not be looked into again.
    last: Option<(Status, Requires)>,
    /// Whether the last answer still stands.
    known: bool,
    /// Nodes that jobs have a part of.
    in_use: u64,
    /// Jobs of each queue on each rank where it has some.
    jobs: HashMap<(u32, u16), u32>,
    /// Ranks where a queue has jobs, by its number.
    queue_in_use: Vec<u64>,
    /// What jobs gave back and nobody else gets yet.
    pub(super) kept: Kept,
}

impl Nodes {
    /// A job of a queue gets these parts of nodes.
    pub(crate) fn place(&mut self, spans: &[Span], queue: u16, at: Time) {
        for (rank, span) in ranks(spans) {
            self.change(rank, at, |node| {
                node.jobs += 1;
                node.used_cores = node.used_cores.saturating_add(span.cores);
                node.used_gpus = node.used_gpus.saturating_add(span.gpus);
            });
            self.in_use += u64::from(self.by_rank[rank as usize].jobs == 1);
        }
        self.enter(spans, queue);
    }

    /// It gives them back.
    pub(crate) fn unplace(&mut self, spans: &[Span], queue: u16, at: Time) {
        for (rank, span) in ranks(spans) {
            self.change(rank, at, |node| {
                node.jobs -= 1;
                node.used_cores = node.used_cores.saturating_sub(span.cores);
                node.used_gpus = node.used_gpus.saturating_sub(span.gpus);
            });
            self.in_use -= u64::from(self.by_rank[rank as usize].jobs == 0);
        }
        self.leave(spans, queue);
    }

    /// It keeps them, and changes queues.
    pub(crate) fn requeue(&mut self, spans: &[Span], from: u16, to: u16) {
        self.leave(spans, from);
        self.enter(spans, to);
    }

    fn enter(&mut self, spans: &[Span], queue: u16) {
        let index = usize::from(queue);
        if self.queue_in_use.len() <= index {
            self.queue_in_use.resize(index + 1, 0);
        }
        for (rank, _) in ranks(spans) {
            let jobs = self.jobs.entry((rank, queue)).or_default();
            *jobs += 1;
            self.queue_in_use[index] += u64::from(*jobs == 1);
        }
    }

    fn leave(&mut self, spans: &[Span], queue: u16) {
        for (rank, _) in ranks(spans) {
            if let Some(jobs) = self.jobs.get_mut(&(rank, queue)) {
                *jobs -= 1;
                if *jobs == 0 {
                    self.jobs.remove(&(rank, queue));
                    self.queue_in_use[usize::from(queue)] -= 1;
                }
            }
        }
    }

    /// Changes what jobs have of a rank.
    fn change(&mut self, rank: u32, at: Time, f: impl FnOnce(&mut Node)) {
        let index = rank as usize;
        if self.by_rank.len() <= index {
            self.by_rank.resize(index + 1, Node::default());
        }
        let node = &mut self.by_rank[index];
        let before = node.state();
        let mut class = self.classes.get_mut(usize::from(node.class));
        if let Some((_, tally)) = &mut class {
            tally.count(node, -1);
        }
        f(node);
        if let Some((_, tally)) = &mut class {
            tally.count(node, 1);
        }
        if self.running {
            turn(&mut self.seconds, node, before, at);
        }
    }

    /// Takes in an answer of the resource module. `queues` numbers the
    /// queues with requirements, in their order.
    pub(crate) fn set(
        &mut self,
        status: Status,
        requires: Requires,
        queues: &[u16],
        now: Time,
    ) {
        self.known = true;
        let answer = Some((status, requires));
        if answer == self.last {
            return;
        }
        self.last = answer;
        let Some((status, requires)) = &self.last else { return };
        let end = status.end().min(MAX_RANKS.into()) as usize;
        let end = end.max(self.by_rank.len());
        self.by_rank.resize(end, Node::default());
        let having: Vec<_> =
            requires.0.values().map(|all| status.having(all, end)).collect();
        let described = status.describe(end);

        self.classes.clear();
        self.capacity = Capacity::default();
        self.capacities =
            queues.iter().map(|&queue| (queue, Capacity::default())).collect();
        let mut classes: HashMap<Vec<u16>, u16> = HashMap::new();
        for (rank, node) in self.by_rank.iter_mut().enumerate() {
            let before = node.state();
            let Described { cores, gpus, condition } = described[rank];
            (node.cores, node.gpus) = (cores, gpus);
            node.condition = condition;
            if self.running {
                turn(&mut self.seconds, node, before, now);
            }
            let of = queues.iter().zip(&having).filter(|(_, has)| has[rank]);
            let mut of: Vec<u16> = of.map(|(&queue, _)| queue).collect();
            // queues beyond those that are told apart have one number
            of.sort_unstable();
            of.dedup();
            self.capacity.add(node);
            for queue in &of {
                self.capacities.entry(*queue).or_default().add(node);
            }
            node.class = *classes.entry(of).or_insert_with_key(|of| {
                self.classes.push((of.clone(), Tally::default()));
                // beyond 65,536 sets, which takes as many nodes, the last
                u16::try_from(self.classes.len() - 1).unwrap_or(u16::MAX)
            });
            self.classes[usize::from(node.class)].1.count(node, 1);
        }
    }

    /// The last answer does not stand any more.
    pub(crate) fn forget(&mut self) {
        self.known = false;
    }

    /// Time is kept from `now` on.
    pub(crate) fn start(&mut self, now: Time) {
        self.running = true;
        for node in &mut self.by_rank {
            turn(&mut self.seconds, node, None, now);
        }
    }

    /// Whether anyone vouches for these numbers.
    pub fn known(&self) -> bool {
        self.known
    }

    /// All nodes by state.
    pub fn all(&self) -> Tally {
        let mut sum = Tally::default();
        self.classes.iter().for_each(|(_, tally)| sum.add(tally));
        sum
    }

    /// The nodes that each queue can use, by state. All at once, for there may
    /// be as many sets of nodes as there are queues.
    pub fn of_queues(&self) -> impl Fn(u16) -> Tally + use<> {
        let all = self.all();
        let none = |queue: &u16| (*queue, Tally::default());
        let mut own: BTreeMap<_, _> =
            self.capacities.keys().map(none).collect();
        for (queues, tally) in &self.classes {
            for queue in queues {
                own.entry(*queue).or_default().add(tally);
            }
        }
        move |queue| own.get(&queue).copied().unwrap_or(all)
    }

    /// What a job of this queue could be given, once there was an answer.
    pub fn capacity(&self, queue: u16) -> Option<Capacity> {
        self.last.as_ref()?;
        let own = self.capacities.get(&queue).copied();
        Some(own.unwrap_or(self.capacity))
    }

    /// Nodes of which jobs have a part.
    pub fn in_use(&self) -> u64 {
        self.in_use
    }

    /// Nodes of which jobs of this queue have a part.
    pub fn queue_in_use(&self, queue: u16) -> u64 {
        self.queue_in_use.get(usize::from(queue)).copied().unwrap_or(0)
    }

    /// Seconds by state, up to `now`.
    pub fn seconds(&mut self, now: Time) -> [f64; STATES] {
        self.seconds.each_mut().map(|integral| integral.value(now))
    }
}

/// Lets the time of a node's state end, and that of the one it is in begin,
/// if it is another.
fn turn(
    seconds: &mut [Integral; STATES],
    node: &mut Node,
    before: Option<NodeState>,
    at: Time,
) {
    let after = node.state();
    if before == after {
        return;
    }
    // what Flux tells of jobs and of nodes need not come in order
    let at = at.max(node.since);
    if let Some(before) = before {
        seconds[before as usize].remove(1, node.since, at);
    }
    if let Some(after) = after {
        seconds[after as usize].add(1, at);
    }
    node.since = at;
}

/// Each rank, as far as they are told apart.
fn ranks(spans: &[Span]) -> impl Iterator<Item = (u32, &Span)> {
    spans.iter().flat_map(|span| {
        (span.first..span.last.saturating_add(1).min(MAX_RANKS))
            .map(move |rank| (rank, span))
    })
}
