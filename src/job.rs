//! Jobs: what the job manager's journal says, turned into totals.
//!
//! Everything here is a pure function of journal text and of times handed
//! in: no I/O and no clock, so that every rule can be tested on a string.
//! [`Table`] is the door; it reads one journal response at a time and keeps
//! [`Totals`].  Below it, from the outside in:
//!
//! - `table`, `resync`: the active jobs, and how they survive a break of the
//!   stream; `applied`, `problem`: what is said of each response
//! - `apply`, `step`: what events do to one job
//! - `active`: what is remembered of one active job
//! - `totals`, `queue`, `demand`, `histogram`, `native`, `integral`: the
//!   numbers
//! - `event`, `state`, `exception`, `outcome`: the journal's words (RFC 18,
//!   RFC 21)
//! - `accounts`: users, banks and projects
//! - `jobspec`, `count`, `resources`, `idset`: sizes (RFC 14, 45, 20, 22)
//! - `id`: jobs by name (RFC 19)

pub mod accounts;
pub mod active;
mod applied;
mod apply;
pub mod count;
pub mod demand;
pub mod event;
pub mod exception;
pub mod histogram;
pub mod id;
pub mod idset;
pub mod integral;
mod jobs;
pub mod jobspec;
pub mod native;
mod oldest;
pub mod outcome;
pub mod problem;
mod queue;
pub mod resources;
mod resync;
pub mod state;
mod step;
pub mod table;
#[cfg(test)]
mod tests;
mod time;
pub mod totals;

pub use applied::{Applied, What};
pub use id::JobId;
pub use problem::{Malformed, Problem, ProblemKind};
pub use queue::QueueTotals;
pub use table::Table;
pub use time::Time;
pub use totals::Totals;
