//! What people put around the module: dashboards, rules, examples for
//! autoscalers, packages and the manual page are tried with the tools that
//! they are for. A tool that is missing is named in one loud line.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "../instance/mod.rs"]
mod instance;

mod autoscalers;
mod dashboards;
mod docs;
mod examples;
mod hpa;
mod kubectl;
mod man;
mod manifests;
mod names;
mod native;
mod packages;
mod prometheus;
mod readers;
mod rules;
mod tools;
