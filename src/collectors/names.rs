//! All families, which names are ours, and what Flux's private mode is to hide.

use super::family::Spec;
use super::list::ALL;
use super::{
    accounts, autoscale, broker, brokers, children, clients, content,
    content_sqlite, custom, exporter, heartbeat, job_list, jobs, kvs, modules,
    nodes, overlay, queues, resources, sched_stats, scheduler, stats, subtree,
};
use crate::custom::name;

/// All families that they expose, in the order of [`ALL`].
pub const SPECS: &[&[Spec]] = &[
    exporter::SPECS,
    jobs::metrics::SPECS,
    queues::SPECS,
    job_list::SPECS,
    resources::metrics::SPECS,
    nodes::SPECS,
    autoscale::SPECS,
    accounts::USERS,
    accounts::BANKS,
    accounts::PROJECTS,
    broker::SPECS,
    brokers::SPECS,
    overlay::SPECS,
    subtree::metrics::SPECS,
    children::SPECS,
    &[], // parent shows nothing
    modules::SPECS,
    heartbeat::SPECS,
    clients::SPECS,
    scheduler::SPECS,
    sched_stats::SPECS,
    content::SPECS,
    content_sqlite::SPECS,
    custom::SPECS,
    stats::SPECS,
    kvs::SPECS,
];

/// Families of counters that did not begin with the module: those that Flux
/// keeps began before it, and of accounts and children each series begins when
/// it is shown.
pub const OLDER: &[&[Spec]] = &[
    accounts::USERS,
    accounts::BANKS,
    accounts::PROJECTS,
    broker::SPECS,
    children::NAMED,
    clients::SPECS,
    content_sqlite::SPECS,
    heartbeat::SPECS,
    kvs::SPECS,
    modules::SPECS,
    sched_stats::SPECS,
];

/// What other names of ours begin with, those of the server and the process.
const RESERVED: [&str; 2] = ["flux_exporter_", "process_"];

/// Whether a family is one of those that Flux's private mode is to hide. So
/// are all that are not ours: what they are about is not known here.
pub fn is_private(family: &str) -> bool {
    let mut private = ALL.iter().flat_map(|entry| entry.private);
    private.any(|spec| spec.name == family) || !is_ours(family)
}

/// Whether a family tells of persons, or of single jobs.
pub fn tells_of_persons(family: &str) -> bool {
    accounts::tells(family) || children::names(family)
}

fn is_ours(family: &str) -> bool {
    RESERVED.iter().any(|start| family.starts_with(start))
        || all_specs().any(|spec| spec.name == family)
}

fn all_specs() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter().copied().flatten()
}

/// A name of ours that a name with this prefix could be, or be taken for.
pub fn begins(prefix: &str) -> Option<&'static str> {
    let reserved = RESERVED
        .into_iter()
        .find(|start| start.starts_with(prefix) || prefix.starts_with(start));
    let clashes = |spec: &&Spec| {
        let stem = name::stem(spec.name);
        let mut samples = name::SUFFIXES.iter().map(|s| format!("{stem}{s}"));
        samples.any(|sample| sample.starts_with(prefix))
    };
    let ours = || {
        let mut all = all_specs();
        let exact = all.find(|spec| spec.name.starts_with(prefix));
        exact.or_else(|| all_specs().find(clashes)).map(|spec| spec.name)
    };
    reserved.or_else(ours)
}

/// A name of ours that a family of this name could be taken for.
pub fn resembles(family: &str) -> Option<&'static str> {
    let reserved = RESERVED.into_iter().find(|start| family.starts_with(start));
    let stem = name::stem(family);
    let clashes = |spec: &&Spec| name::stem(spec.name) == stem;
    reserved.or_else(|| all_specs().find(clashes).map(|spec| spec.name))
}
