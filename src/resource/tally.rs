//! Sums over nodes.

use super::node::{Node, NodeState};

pub(super) const STATES: usize = NodeState::ALL.len();

/// Nodes by state, in the order of [`NodeState::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Nodes.
    pub nodes: [u64; STATES],
    /// Cores; those of one node can be in two states.
    pub cores: [u64; STATES],
    /// GPUs.
    pub gpus: [u64; STATES],
}

impl Tally {
    /// Adds a node, or with `-1` takes it away as it was added.
    pub(super) fn count(&mut self, node: &Node, sign: i64) {
        let Some((state, rest)) = node.parts() else { return };
        let (cores, gpus) = node.used();
        let add = |to: &mut u64, n: u32| {
            *to = to.wrapping_add_signed(sign * i64::from(n));
        };
        add(&mut self.nodes[state as usize], 1);
        add(&mut self.cores[state as usize], cores);
        add(&mut self.gpus[state as usize], gpus);
        add(&mut self.cores[rest as usize], node.cores - cores);
        add(&mut self.gpus[rest as usize], node.gpus - gpus);
    }

    pub(super) fn add(&mut self, other: &Tally) {
        let sum = |to: &mut [u64; STATES], from: &[u64; STATES]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        sum(&mut self.nodes, &other.nodes);
        sum(&mut self.cores, &other.cores);
        sum(&mut self.gpus, &other.gpus);
    }
}

/// The most that a job could be given, were nothing in use, drained or down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// All nodes that are not excluded.
    pub nodes: u64,
    /// Their cores.
    pub cores: u64,
    /// Their GPUs.
    pub gpus: u64,
    /// Cores of the node that has most of them.
    pub node_cores: u32,
    /// GPUs of the node that has most of them.
    pub node_gpus: u32,
}

impl Capacity {
    pub(super) fn add(&mut self, node: &Node) {
        if matches!(node.state(), None | Some(NodeState::Excluded)) {
            return;
        }
        self.nodes += 1;
        self.cores += u64::from(node.cores);
        self.gpus += u64::from(node.gpus);
        self.node_cores = self.node_cores.max(node.cores);
        self.node_gpus = self.node_gpus.max(node.gpus);
    }
}
