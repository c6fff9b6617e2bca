//! What must hold whatever the input: a function of bytes for each target,
//! which panics when it does not.
//!
//! The fuzzer calls these under nightly Rust. `tests/fuzz_regressions.rs`
//! calls them with the seeds and with all that ever failed, under any Rust.

#![allow(clippy::unwrap_used)] // to panic is how it tells

pub mod allow;
pub mod authorization;
pub mod config;
pub mod custom;
pub mod http;
pub mod idset;
pub mod jobspec;
pub mod journal;
pub mod life;
pub mod negotiation;
pub mod openmetrics;
pub mod paths;
pub mod r;
pub mod replies;
pub mod resource;
pub mod sans;
pub mod selector;
mod strict;
pub mod subtree;
mod totals;
pub mod tree;
pub mod web_config;
