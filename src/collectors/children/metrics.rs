//! What is shown of the tree of instances, and of single children.

use super::super::family::{Family, Spec};
use super::report::{Level, Results};
use super::store::Part;
use crate::job::accounts::OTHER;
use crate::job::id::f58;
use crate::job::outcome::Outcome;
use crate::job::state::State;
use crate::resource::NodeState;

const INSTANCES: Spec = Spec::gauge(
    "flux_tree_instances",
    &["depth"],
    "Instances that the other families of the tree are about: this one, and \
     below it those that are jobs and have told their totals in time.",
);
const JOBS: Spec = Spec::gauge(
    "flux_tree_jobs",
    &["depth", "state"],
    "Active jobs of the instances of this depth, by state. An instance that \
     is a job is one job of its parent.",
);
const NODES: Spec = Spec::gauge(
    "flux_tree_nodes",
    &["depth", "state"],
    "Nodes of the instances of this depth, by state: those of depth 1 are \
     among the allocated ones of depth 0, and so on, so that only depth 0 is \
     of nodes that differ.",
);
const NODES_WANTED: Spec = Spec::gauge(
    "flux_tree_nodes_wanted",
    &["depth"],
    "Nodes that jobs of the instances of this depth have or wait for, as \
     flux_autoscale_nodes_wanted.",
);
const FINISHED: Spec = Spec::counter(
    "flux_tree_jobs_finished_total",
    &["depth", "result"],
    "Jobs of the instances of this depth that became inactive, by result; \
     those of instances that have ended stay.",
);
pub const DROPPED: Spec = Spec::counter(
    "flux_exporter_tree_dropped_total",
    &["reason"],
    "Reports of instances below this one that were refused: for what they \
     said, for who said it, or because there are too many instances.",
);

/// What is shown of the children one by one, for who asks for it: they are
/// named by their jobs.
pub const NAMED: &[Spec; 4] = &[
    Spec::gauge(
        "flux_tree_child_jobs",
        &["jobid", "state"],
        "Active jobs of the instance that this job is, by state: those of \
         depth 1 in flux_tree_jobs, by instance.",
    ),
    Spec::gauge(
        "flux_tree_child_nodes",
        &["jobid", "state"],
        "Nodes of the instance that this job is, by state.",
    ),
    Spec::gauge(
        "flux_tree_child_nodes_wanted",
        &["jobid"],
        "Nodes that jobs of the instance that this job is have or wait for.",
    ),
    Spec::counter(
        "flux_tree_child_jobs_finished_total",
        &["jobid", "result"],
        "Jobs of the instance that this job is that became inactive, by \
         result, since its series began, which ends with the job.",
    ),
];

/// What is exposed here.
pub const SPECS: &[Spec] = &[
    INSTANCES,
    JOBS,
    NODES,
    NODES_WANTED,
    FINISHED,
    DROPPED,
    NAMED[0],
    NAMED[1],
    NAMED[2],
    NAMED[3],
];

/// Whether a family names jobs.
pub fn names(family: &str) -> bool {
    NAMED.iter().any(|spec| spec.name == family)
}

/// The sums by depth; of this instance what is known.
pub fn show(
    own: Option<&Level>,
    counted: Option<Results>,
    below: &[Level],
) -> Vec<Family> {
    let [mut instances, mut jobs, mut nodes, mut wanted, mut finished] =
        [INSTANCES, JOBS, NODES, NODES_WANTED, FINISHED].map(Spec::family);
    let there = own.map(|level| (0, level)).into_iter();
    let below = (1..).zip(below);
    for (depth, level) in there.chain(below.clone()) {
        let depth = depth.to_string();
        instances.add(&[&depth], level.instances as f64);
        add_present([&mut jobs, &mut nodes, &mut wanted], &depth, level);
    }
    let told = below.map(|(depth, level)| (depth, level.finished));
    for (depth, results) in counted.map(|all| (0, all)).into_iter().chain(told)
    {
        add_results(&mut finished, &depth.to_string(), results);
    }
    vec![instances, jobs, nodes, wanted, finished]
}

/// The children that are named, and the others.
pub fn show_named(parts: &[Part]) -> Vec<Family> {
    let [mut jobs, mut nodes, mut wanted, mut finished] =
        NAMED.map(Spec::family);
    for part in parts {
        let name = part.job.map_or(OTHER.into(), f58);
        if let Some(level) = &part.present {
            add_present([&mut jobs, &mut nodes, &mut wanted], &name, level);
        }
        add_results(&mut finished, &name, part.finished);
    }
    vec![jobs, nodes, wanted, finished]
}

fn add_present(families: [&mut Family; 3], whose: &str, level: &Level) {
    let [jobs, nodes, wanted] = families;
    for (state, n) in State::ACTIVE.iter().zip(level.jobs) {
        jobs.add(&[whose, state.as_str()], n as f64);
    }
    for (state, n) in NodeState::ALL.iter().zip(level.nodes) {
        nodes.add(&[whose, state.as_str()], n as f64);
    }
    wanted.add(&[whose], level.nodes_wanted as f64);
}

fn add_results(family: &mut Family, whose: &str, results: Results) {
    for (result, n) in Outcome::ALL.iter().zip(results) {
        family.add(&[whose, result.as_str()], n as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::series;
    use super::*;

    #[test]
    fn what_is_not_known_is_not_shown() {
        let below = [Level { instances: 2, ..Level::default() }];
        let shown = series(show(None, None, &below));
        assert_eq!(shown["flux_tree_instances{depth=1}"], 2.0);
        assert!(shown.keys().all(|name| !name.contains("depth=0")));
        let shown = series(show(Some(&below[0]), Some([4; 5]), &[]));
        assert_eq!(shown["flux_tree_nodes_wanted{depth=0}"], 0.0);
        let failed = "flux_tree_jobs_finished_total{depth=0,result=failed}";
        assert_eq!(shown[failed], 4.0);
    }

    #[test]
    fn children_go_by_the_name_that_flux_gives_their_jobs() {
        let level = Level { nodes_wanted: 3, ..Level::default() };
        let part = |job, present| Part { job, present, finished: [2; 5] };
        let silent = part(Some(65_800_241_152), None);
        let shown = series(show_named(&[silent, part(None, Some(level))]));
        let wanted = "flux_tree_child_nodes_wanted{jobid=other}";
        assert_eq!(shown[wanted], 3.0);
        // what it is doing is not known any more, and what it did is
        let done = |jobid, result| {
            let family = "flux_tree_child_jobs_finished_total";
            shown[&format!("{family}{{jobid={jobid},result={result}}}")]
        };
        assert_eq!(done("ƒ2jFYSFR", "failed"), 2.0);
        let present = shown.keys().filter(|name| name.contains('ƒ'));
        assert_eq!(present.count(), 5);
    }
}
