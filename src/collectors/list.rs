//! All collectors.

use super::family::Spec;
use super::{
    Context, accounts, autoscale, broker, brokers, children, clients, content,
    content_sqlite, custom, exporter, heartbeat, job_list, jobs, kvs, modules,
    nodes, overlay, parent, queues, resources, sched_stats, scheduler, stats,
    subtree,
};
use crate::flux::Result;

/// A row of the list of collectors.
pub struct Entry {
    /// The name: that of the file, and the value of the `collector` label.
    pub name: &'static str,
    /// Whether it runs on every broker, or only where the job manager is.
    pub every_rank: bool,
    /// Whether it runs unless the settings say otherwise; those that cost
    /// Flux something do not.
    pub on: bool,
    /// What it exposes of jobs and queues, which Flux's private mode is to
    /// hide from those that it does not know.
    pub private: &'static [Spec],
    /// Registers what it exposes and starts what feeds it.
    pub start: fn(&Context) -> Result<()>,
}

/// All collectors.
pub const ALL: &[Entry] = &[
    Entry {
        name: "exporter",
        every_rank: true,
        on: true,
        private: &[exporter::EVENTS, exporter::LAG],
        start: exporter::start,
    },
    Entry {
        name: "jobs",
        every_rank: false,
        on: true,
        private: jobs::metrics::SPECS,
        start: jobs::start,
    },
    Entry {
        name: "queues",
        every_rank: false,
        on: true,
        private: queues::SPECS,
        start: queues::start,
    },
    Entry {
        name: "job-list",
        every_rank: false,
        on: true,
        private: job_list::SPECS,
        start: job_list::start,
    },
    Entry {
        name: "resources",
        every_rank: false,
        on: true,
        private: &[resources::metrics::QUEUE_NODES],
        start: resources::start,
    },
    Entry {
        name: "nodes",
        every_rank: false,
        on: false,
        private: nodes::SPECS,
        start: nodes::start,
    },
    Entry {
        name: "autoscale",
        every_rank: false,
        on: true,
        private: autoscale::SPECS,
        start: autoscale::start,
    },
    Entry {
        name: "users",
        every_rank: false,
        on: false,
        private: accounts::USERS,
        start: accounts::users,
    },
    Entry {
        name: "banks",
        every_rank: false,
        on: false,
        private: accounts::BANKS,
        start: accounts::banks,
    },
    Entry {
        name: "projects",
        every_rank: false,
        on: false,
        private: accounts::PROJECTS,
        start: accounts::projects,
    },
    Entry {
        name: "broker",
        every_rank: true,
        on: true,
        private: &[],
        start: broker::start,
    },
    Entry {
        name: "brokers",
        every_rank: false,
        on: true,
        private: &[],
        start: brokers::start,
    },
    Entry {
        name: "overlay",
        every_rank: true,
        on: true,
        private: &[],
        start: overlay::start,
    },
    Entry {
        name: "subtree",
        every_rank: true,
        on: true,
        private: &[],
        start: subtree::start,
    },
    Entry {
        name: "children",
        every_rank: false,
        on: true,
        private: children::SPECS,
        start: children::start,
    },
    Entry {
        name: "parent",
        every_rank: false,
        on: true,
        private: &[],
        start: parent::start,
    },
    Entry {
        name: "modules",
        every_rank: true,
        on: true,
        private: &[],
        start: modules::start,
    },
    Entry {
        name: "heartbeat",
        every_rank: true,
        on: true,
        private: &[],
        start: heartbeat::start,
    },
    Entry {
        name: "clients",
        every_rank: true,
        on: true,
        private: &[],
        start: clients::start,
    },
    Entry {
        name: "scheduler",
        every_rank: false,
        on: true,
        private: scheduler::SPECS,
        start: scheduler::start,
    },
    Entry {
        name: "sched-stats",
        every_rank: false,
        on: true,
        private: sched_stats::SPECS,
        start: sched_stats::start,
    },
    Entry {
        name: "content",
        every_rank: true,
        on: true,
        private: &[],
        start: content::start,
    },
    Entry {
        name: "content-sqlite",
        every_rank: false,
        on: true,
        private: &[],
        start: content_sqlite::start,
    },
    Entry {
        name: "custom",
        every_rank: true,
        on: true,
        private: &[],
        start: custom::start,
    },
    Entry {
        name: "stats",
        every_rank: false,
        on: true,
        private: &[],
        start: stats::start,
    },
    Entry {
        name: "kvs",
        every_rank: true,
        on: false,
        // each running job has one
        private: &[kvs::NAMESPACES],
        start: kvs::start,
    },
];

/// The name of each, and whether it is on. Unlike [`ALL`] it leads to no code,
/// so that the settings, and tests of them, do without Flux.
pub const NAMES: [(&str, bool); ALL.len()] = {
    let mut names = [("", false); ALL.len()];
    let mut i = 0;
    while i < ALL.len() {
        names[i] = (ALL[i].name, ALL[i].on);
        i += 1;
    }
    names
};
