//! Users, banks and projects: who has how many jobs and nodes, and had them
//! for how long. They tell of persons, so each is off unless asked for.
//!
//! Source: the job journal, by way of the collector of jobs, which shows them
//! with its own numbers, so that the sums of both are of one moment. What runs
//! here is the choice of who is shown.

use super::family::{Family, Spec};
use super::{Context, now};
use crate::config::Config;
use crate::flux::Result;
use crate::job::accounts::Kind;
use crate::job::state::State;
use crate::job::{Table, Time};

/// How often it is looked whether the journal is there, in seconds.
const INTERVAL: f64 = 5.0;

/// How often it is decided who is shown, in seconds.
const CHOICE: f64 = 60.0;

/// The families of one kind of accounts, and the label that tells them apart.
macro_rules! families {
    ($kind:literal, $label:literal) => {
        &[
            Spec::gauge(
                concat!("flux_", $kind, "_jobs"),
                &[$label, "state"],
                concat!("Active jobs by ", $kind, " and state."),
            ),
            Spec::gauge(
                concat!("flux_", $kind, "_nodes"),
                &[$label],
                concat!("Nodes that are allocated to jobs, by ", $kind, "."),
            ),
            Spec::counter(
                concat!("flux_", $kind, "_node_seconds_total"),
                &[$label],
                concat!(
                    "Time that nodes were allocated to jobs, added up over \
                     nodes, by ",
                    $kind,
                    "; of each since its series began."
                ),
            ),
            Spec::counter(
                concat!("flux_", $kind, "_retired_node_seconds_total"),
                &[],
                concat!(
                    "What series of flux_",
                    $kind,
                    "_node_seconds_total had that ended because others took \
                     their places."
                ),
            ),
        ]
    };
}

/// What is exposed of users: `flux_user_jobs` and so on.
pub const USERS: &[Spec; 4] = families!("user", "userid");

/// What is exposed of banks.
pub const BANKS: &[Spec; 4] = families!("bank", "bank");

/// What is exposed of projects.
pub const PROJECTS: &[Spec; 4] = families!("project", "project");

/// The collectors, what each is about, and what it exposes.
const ALL: [(&str, Kind, &[Spec; 4]); 3] = [
    ("users", Kind::User, USERS),
    ("banks", Kind::Bank, BANKS),
    ("projects", Kind::Project, PROJECTS),
];

/// Whether a family tells of persons.
pub fn tells(family: &str) -> bool {
    let mut specs = ALL.iter().flat_map(|(_, _, specs)| *specs);
    specs.any(|spec| spec.name == family)
}

/// Whether one of the collectors is on.
pub fn any(config: &Config) -> bool {
    ALL.iter().any(|(name, ..)| config.collectors.contains(name))
}

/// Has the table tell apart what the settings want told apart.
pub fn open(table: &mut Table, config: &Config) {
    for (name, kind, _) in ALL {
        if config.collectors.contains(&name) {
            table.open_accounts(kind, config.top);
        }
    }
}

/// Starts the collector of users.
pub fn users(context: &Context) -> Result<()> {
    start(context, Kind::User)
}

/// Starts the collector of banks.
pub fn banks(context: &Context) -> Result<()> {
    start(context, Kind::Bank)
}

/// Starts the collector of projects.
pub fn projects(context: &Context) -> Result<()> {
    start(context, Kind::Project)
}

fn start(context: &Context, kind: Kind) -> Result<()> {
    if !context.has(&["jobs"]) {
        return Ok(());
    }
    let jobs = context.jobs.clone();
    context.scope.every(CHOICE, move || {
        jobs.lock().choose_accounts(kind, now());
    })?;
    let context = context.clone();
    context.scope.clone().every(INTERVAL, move || {
        let synced = context.jobs.lock().synced();
        match synced {
            true => context.health.report(context.scope.handle(), Ok(())),
            // its own collector says what is wrong
            false => context.health.down(context.jobs.failure()),
        }
    })
}

/// What is exposed of what the table tells apart.
pub fn specs(table: &Table) -> impl Iterator<Item = Spec> {
    let kept = |kind| table.totals().has_accounts(kind);
    let all = ALL.into_iter().filter(move |(_, kind, _)| kept(*kind));
    all.flat_map(|(_, _, specs)| specs.iter().copied())
}

/// That, at present.
pub fn show(table: &mut Table, now: Time) -> Vec<Family> {
    let mut families = Vec::new();
    let synced = table.synced();
    let now = table.known_until(now);
    for (_, kind, specs) in ALL {
        let Some((charges, retired)) = table.totals_mut().charges(kind, now)
        else {
            continue;
        };
        let [mut jobs, mut nodes, mut seconds, mut ended] =
            specs.map(Spec::family);
        for charge in &charges {
            let name = &*charge.name;
            if synced {
                for (state, n) in State::ACTIVE.iter().zip(charge.jobs) {
                    jobs.add(&[name, state.as_str()], n as f64);
                }
                nodes.add(&[name], charge.nodes as f64);
            }
            seconds.add(&[name], charge.node_seconds);
        }
        ended.add(&[], retired);
        families.extend([jobs, nodes, seconds, ended]);
    }
    families
}
