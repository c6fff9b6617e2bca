//! One node.

use crate::job::Time;

/// What can be said of a node; exactly one of these at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Could be given to a job, and no job has a part of it.
    Free,
    /// A job has it or a part of it.
    Allocated,
    /// The same, but drained: no other job will get a part.
    Draining,
    /// Drained, and no job has a part of it.
    Drained,
    /// Offline or torpid.
    Down,
    /// Not for jobs at all, by configuration.
    Excluded,
}

impl NodeState {
    /// All, in the order they are shown.
    pub const ALL: [NodeState; 6] = [
        Self::Free,
        Self::Allocated,
        Self::Draining,
        Self::Drained,
        Self::Down,
        Self::Excluded,
    ];

    /// The name as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Allocated => "allocated",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Excluded => "excluded",
        }
    }
}

/// What the resource module says of a node; the later wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is not in the inventory.
    #[default]
    Absent,
    Up,
    Drain,
    Down,
    Excluded,
}

/// One node, or what jobs have of a rank that is not (yet) one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Jobs that have a part of it.
    pub jobs: u32,
    /// What they have.
    pub used_cores: u32,
    pub used_gpus: u32,
    /// What it has.
    pub cores: u32,
    pub gpus: u32,
    /// The set of queues that it is for.
    pub class: u16,
    pub condition: Condition,
    /// Since when its state is integrated.
    pub since: Time,
}

impl Default for Node {
    fn default() -> Node {
        Node {
            jobs: 0,
            used_cores: 0,
            used_gpus: 0,
            cores: 0,
            gpus: 0,
            class: 0,
            condition: Condition::Absent,
            since: Time::UNSET,
        }
    }
}

impl Node {
    /// Its state, if it is in the inventory.
    pub fn state(&self) -> Option<NodeState> {
        let used = self.jobs > 0;
        match self.condition {
            Condition::Absent => None,
            Condition::Up if used => Some(NodeState::Allocated),
            Condition::Up => Some(NodeState::Free),
            Condition::Drain if used => Some(NodeState::Draining),
            Condition::Drain => Some(NodeState::Drained),
            Condition::Down => Some(NodeState::Down),
            Condition::Excluded => Some(NodeState::Excluded),
        }
    }

    /// The state of what jobs have of it, and of the rest.
    pub fn parts(&self) -> Option<(NodeState, NodeState)> {
        self.state().map(|state| match state {
            NodeState::Allocated => (state, NodeState::Free),
            NodeState::Draining => (state, NodeState::Drained),
            whole => (whole, whole),
        })
    }

    /// The cores and GPUs that jobs have; never more than there are.
    pub fn used(&self) -> (u32, u32) {
        (self.used_cores.min(self.cores), self.used_gpus.min(self.gpus))
    }
}

// there may be 10,000 of them, and they are read as a whole
const _: () = assert!(size_of::<Node>() <= 40);
