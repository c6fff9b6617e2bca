//! Nodes: which there are, what state each is in, and for how long.
//!
//! Like [`crate::job`], with which it shares times, idsets and integrals:
//! pure functions of text and of times handed in. [`Nodes`] is the door. The
//! table of jobs owns it, so that jobs and nodes are of one moment: an
//! allocation places a job on its ranks, an answer of the resource module
//! says what else is the case.
//!
//! - `node`: one node, and what its state follows from
//! - `nodes`, `tally`: all of them, counted by state, and their time
//! - `housekeeping`: what nodes go through from one job to the next
//! - `status`, `requires`, `journal`: the words of Flux (RFC 20, 22, 31)
//! - `hostlist`: which rank is which host (RFC 29)

pub mod hostlist;
pub mod housekeeping;
pub mod journal;
mod node;
mod nodes;
pub mod requires;
pub mod status;
mod tally;

pub use housekeeping::Housekeeping;
pub use node::NodeState;
pub use nodes::{MAX_RANKS, Nodes};
pub use requires::Requires;
pub use status::Status;
pub use tally::{Capacity, Tally};

/// Consecutive ranks of which each has, or gives, the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first rank.
    pub first: u32,
    /// The last rank.
    pub last: u32,
    /// Cores of each.
    pub cores: u32,
    /// GPUs of each.
    pub gpus: u32,
}
