//! The subjects that metrics are about, one file each.
//!
//! A collector watches one part of Flux and keeps numbers about it that a
//! scrape can read at any time: it registers what it exposes in the
//! [`Context`]'s registry, and keeps it up to date from callbacks of the
//! reactor. It asks Flux for nothing on behalf of a scrape, never blocks,
//! and has at most one request of a kind in flight.
//!
//! A new collector is a file here, its `mod` line, a row in [`ALL`], and its
//! families in [`SPECS`].

pub mod accounts;
mod answer;
pub mod autoscale;
pub mod broker;
pub mod brokers;
pub mod children;
pub mod clients;
pub mod content;
pub mod content_sqlite;
mod context;
pub mod custom;
pub mod exporter;
pub mod family;
pub mod health;
pub mod heartbeat;
mod hooks;
pub mod job_list;
pub mod jobs;
pub mod kvs;
pub mod latest;
mod list;
pub mod modules;
mod names;
pub mod nodes;
pub mod overlay;
pub mod parent;
pub mod process;
pub mod queues;
pub mod replies;
pub mod resources;
pub mod round;
pub mod sched_stats;
pub mod scheduler;
mod shared;
pub mod stats;
pub mod subtree;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod total;
mod versioned;

pub use answer::{distinct, has_version, of, parse};
pub use context::Context;
pub use hooks::{Ends, Reloads};
pub use list::{ALL, Entry, NAMES};
pub use names::{
    OLDER, SPECS, begins, is_private, resembles, tells_of_persons,
};
pub use shared::{Jobs, now};
pub use versioned::Versioned;
