//! The server on real sockets, fed with raw bytes: what a client can do to
//! it, and what it must not be able to do.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod collectors;
mod fixture;
mod limits;
mod metrics;
mod pages;
mod requests;
mod server;
