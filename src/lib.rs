//! flux-prometheus: a Flux broker module that speaks Prometheus.
//!
//! `flux-broker` loads this library, calls [`mod_main`], and from then on a
//! Prometheus server, or an autoscaler, reads `http://HOST:8080/metrics`.
//!
//! # Layout
//!
//! - [`flux`]: the safe Flux API, and the only `unsafe` code.
//! - [`job`]: what a job is: journal lines in, totals out, and no I/O.
//! - [`resource`]: what a node is, in the same way; the table of jobs owns
//!   them.
//! - [`collectors`]: one file for each subject that metrics are about; each
//!   listens to Flux and keeps totals.
//! - [`custom`]: metrics that others publish: updates in, families out, and
//!   no I/O.
//! - [`stats`]: which figures of other modules the settings make metrics of,
//!   in the same way.
//! - [`exposition`]: what a scrape reads, as text.
//! - [`http`]: the thread that serves them, to those that may read; it knows a
//!   registry and nothing of Flux.
//! - [`config`]: the `[prometheus]` table and the module's arguments.
//! - [`module`]: one load of the module, which puts these together, and the
//!   one teardown.
//!
//! Dependencies point one way: `module` to `config`, `collectors` and `http`;
//! `collectors` to `flux`, `job`, `resource`, `custom`, `stats` and
//! `exposition`; `stats` to `custom`, and both to `exposition`; `http` to
//! `exposition`, `tokio`, `rustls` and `hyper`; `exposition` to `prometheus`;
//! `config` to the words of those whose settings it reads. `job` and
//! `resource` are one layer: each knows the other's words. So are `config` and
//! `collectors`, for these are given the settings.
//!
//! # Two threads
//!
//! The module's own thread runs the Flux reactor. Events and replies arrive
//! there, and callbacks turn them into totals. A second thread runs a
//! current-thread tokio runtime, on which hyper answers scrapes by reading
//! those totals. What the two share is the `Registry`, the table of jobs
//! behind a mutex that is held while numbers are copied, and a channel by
//! which the first hands sockets to the second. While a password is being
//! checked there is a third one, the runtime's own, which does nothing else.
//! An instance that is a job has one for the connection to its parent
//! ([`flux::Uplink`]), with which it shares two channels.
//!
//! # Invariants
//!
//! - **A scrape asks Flux nothing.** It reads totals that are already there,
//!   so its cost does not depend on how many jobs there are, and no number of
//!   scrapes slows Flux down.
//! - **Numbers that belong together are of one moment**: what a scrape shows
//!   of jobs is copied under one lock.
//! - **The Flux handle stays on its thread.** [`flux::Handle`] is not `Send`;
//!   the HTTP side could not reach Flux by mistake.
//! - **Nothing blocks in the reactor.** After loading there is no synchronous
//!   request, and every request has a timeout. (A reload of the settings reads
//!   files, and waits at most a second for addresses to be closed.)
//! - **No panic leaves Rust.** Every call from C passes one function that
//!   catches it; a collector that panics is stopped, and the module goes on.
//! - **Cancellation finds nothing on the stack that had to be dropped**, nor a
//!   lock of libflux's taken, and teardown happens exactly once, on return and
//!   on cancel (`src/flux/run.c`).
//! - **Once running, `mod_main` returns 0**: since Flux 0.78 anything else
//!   ends the whole instance.
//! - **No state in statics.** Two copies can be loaded under two names, and a
//!   library that is replaced and loaded again starts afresh.
//! - **Every thread is joined before the library is unmapped.**
//! - **Labels are bounded.** No user, job, path or text of others becomes a
//!   label value, unless the settings ask for users, banks, projects or
//!   instances that are jobs; queues and broker modules do, and they are the
//!   administrator's. There is a limit to the number of each.

pub mod collectors;
pub mod config;
pub mod custom;
pub mod exposition;
#[allow(unsafe_code)]
pub mod flux;
pub mod http;
pub mod job;
mod json;
pub mod module;
#[cfg(test)]
mod random;
pub mod resource;
pub mod stats;

use std::ffi::{c_char, c_int};

/// What the broker calls after loading the library, on a thread (or, with
/// `--exec`, in a process) of the module's own.
///
/// # Safety
///
/// The arguments must be those of a broker module: a handle that stays open,
/// and is this thread's alone, until the return, and `argc` C strings.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn mod_main(
    h: *mut flux::flux_t,
    argc: c_int,
    argv: *mut *mut c_char,
) -> c_int {
    // SAFETY: the contract is passed on.
    unsafe { flux::run::main::<module::Module>(h, argc, argv) }
}
