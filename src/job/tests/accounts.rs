//! Users, banks and projects: whoever is shown, the sums are right.

use std::collections::BTreeMap;

use super::random::{happen, resolve};
use super::*;
use crate::job::accounts::{Charge, Kind, MAX_ACCOUNTS, OTHER};
use crate::job::state::State;
use crate::random::Random;

const KINDS: [Kind; 3] = [Kind::User, Kind::Bank, Kind::Project];

/// A table with a baseline at 0 that shows `top` accounts of each kind.
fn opened(top: usize) -> Table {
    let mut table = Table::new(Arc::from([1.0]));
    for kind in KINDS {
        table.open_accounts(kind, top);
    }
    table.begin();
    feed(&mut table, SENTINEL, 0.0);
    table
}

fn charges(table: &mut Table, kind: Kind, now: f64) -> (Vec<Charge>, f64) {
    table.totals_mut().charges(kind, t(now)).unwrap()
}

fn charge(table: &mut Table, kind: Kind, name: &str, now: f64) -> Charge {
    let (all, _) = charges(table, kind, now);
    all.into_iter().find(|charge| &*charge.name == name).unwrap()
}

/// Those that are shown, in any order.
fn names(table: &mut Table, kind: Kind, now: f64) -> Vec<String> {
    let (all, _) = charges(table, kind, now);
    let mut names: Vec<_> = all.iter().map(|c| c.name.to_string()).collect();
    assert_eq!(names.pop().unwrap(), OTHER);
    names.sort();
    names
}

/// Submits a job of two nodes and has it run from `at` on.
fn run(table: &mut Table, jm: &mut Manager, id: u64, at: f64) {
    feed(table, &jm.submit(id, at, "batch"), at);
    for (name, context) in
        [("validate", ""), ("depend", ""), ("priority", r#"{"priority":1}"#)]
    {
        feed(table, &jm.post(id, at, name, context), at);
    }
    feed(table, &jm.post(id, at, "alloc", ""), at);
}

fn end(table: &mut Table, jm: &mut Manager, id: u64, at: f64) {
    for name in ["finish", "free", "clean"] {
        let context = if name == "finish" { r#"{"status":0}"# } else { "" };
        feed(table, &jm.post(id, at, name, context), at);
    }
}

#[test]
fn refused_jobs_name_nobody() {
    let mut table = opened(2);
    let mut jm = Manager::default();
    feed(&mut table, &jm.submit(1, 1.0, "batch"), 1.0);
    assert_eq!(names(&mut table, Kind::User, 1.0), [""; 0]);
    feed(&mut table, &jm.post(1, 2.0, "invalidate", ""), 2.0);
    if let Some(ledger) =
        table.totals.accounts.as_mut().unwrap().ledger(Kind::User)
    {
        ledger.choose(t(3.0));
    }
    assert_eq!(names(&mut table, Kind::User, 3.0), [""; 0]);
    feed(&mut table, &jm.submit(2, 4.0, "batch"), 4.0);
    feed(&mut table, &jm.post(2, 4.0, "validate", ""), 4.0);
    assert_eq!(names(&mut table, Kind::User, 4.0).len(), 1);
}

#[test]
fn each_has_what_is_its_own() {
    let mut table = opened(20);
    let mut jm = Manager::default();
    run(&mut table, &mut jm, 1, 1.0);
    run(&mut table, &mut jm, 8, 1.0); // of the same user, of another bank
    feed(&mut table, &jm.submit(2, 1.0, "batch"), 1.0);
    feed(&mut table, &jm.post(2, 1.0, "validate", ""), 1.0);
    let user = charge(&mut table, Kind::User, "1", 1.0);
    assert_eq!((user.nodes, user.node_seconds), (4, 0.0));
    assert_eq!(user.jobs[State::Run.index().unwrap()], 2);
    end(&mut table, &mut jm, 8, 11.0);
    let user = charge(&mut table, Kind::User, "1", 11.0);
    assert_eq!((user.nodes, user.node_seconds), (2, 40.0));
    let user = charge(&mut table, Kind::User, "2", 11.0);
    assert_eq!(user.jobs[State::Depend.index().unwrap()], 1);
    // a bank is shown from when it is first read on
    assert_eq!(names(&mut table, Kind::Bank, 11.0), ["bank1", "bank2"]);
    assert_eq!(charge(&mut table, Kind::Bank, "bank1", 21.0).node_seconds, 20.);
    // and keeps what it has when the job goes to another one
    let to = r#"{"attributes.system.bank":"b"}"#;
    feed(&mut table, &jm.post(1, 21.0, "jobspec-update", to), 21.0);
    charges(&mut table, Kind::Bank, 21.0);
    assert_eq!(charge(&mut table, Kind::Bank, "bank1", 31.0).node_seconds, 20.);
    assert_eq!(charge(&mut table, Kind::Bank, "bank1", 31.0).nodes, 0);
    assert_eq!(charge(&mut table, Kind::Bank, "b", 31.0).node_seconds, 20.0);
    assert_eq!(charge(&mut table, Kind::Bank, "b", 31.0).nodes, 2);
    end(&mut table, &mut jm, 1, 41.0);
    assert_eq!(charge(&mut table, Kind::User, "1", 50.0).node_seconds, 100.0);
}

#[test]
fn who_has_more_takes_the_place_of_who_has_least() {
    let mut table = opened(2);
    let mut jm = Manager::default();
    for id in [1, 2, 3] {
        run(&mut table, &mut jm, id, 0.0);
    }
    assert_eq!(names(&mut table, Kind::User, 0.0), ["1", "2"]);
    end(&mut table, &mut jm, 2, 100.0);
    assert_eq!(charge(&mut table, Kind::User, "2", 105.0).node_seconds, 200.0);
    // not for a little more
    table.choose_accounts(Kind::User, t(105.0));
    assert_eq!(names(&mut table, Kind::User, 105.0), ["1", "2"]);
    table.choose_accounts(Kind::User, t(111.0));
    let (all, retired) = charges(&mut table, Kind::User, 111.0);
    assert_eq!(retired, 200.0);
    // what it had before remains with the others
    let of = |name: &str| {
        let found = all.iter().find(|charge| &*charge.name == name);
        found.map(|charge| charge.node_seconds)
    };
    assert_eq!((of("3"), of("1"), of("2")), (Some(0.0), Some(222.0), None));
    assert_eq!(of(OTHER), Some(222.0));
    assert_eq!(charge(&mut table, Kind::User, "3", 121.0).node_seconds, 20.0);
    // who comes back begins anew
    run(&mut table, &mut jm, 9, 121.0);
    end(&mut table, &mut jm, 1, 121.0);
    end(&mut table, &mut jm, 3, 121.0);
    table.choose_accounts(Kind::User, t(1e3));
    assert!(names(&mut table, Kind::User, 1e3).contains(&"2".to_string()));
    assert_eq!(charge(&mut table, Kind::User, "2", 1001.0).node_seconds, 2.0);
}

#[test]
fn at_the_baseline_those_with_most_nodes_are_shown() {
    let mut jm = Manager::default();
    let mut before = opened(9);
    for id in [1, 2, 3, 10] {
        run(&mut before, &mut jm, id, 0.0);
    }
    let mut table = Table::new(Arc::from([1.0]));
    table.open_accounts(Kind::User, 1);
    table.begin();
    for line in jm.backlog(false) {
        feed(&mut table, &line, 5.0);
    }
    feed(&mut table, SENTINEL, 5.0);
    assert_eq!(names(&mut table, Kind::User, 5.0), ["3"]);
}

#[test]
fn names_are_texts_of_a_length_and_there_is_one_other() {
    let mut table = opened(20);
    let mut jm = Manager::default();
    let long = "x".repeat(129);
    let odd = [OTHER, "a\\nb", &long];
    for (id, bank) in (1..).zip(odd.into_iter().chain(["", "ü\\\"", "x"])) {
        let line = jm.submit(id, 1.0, "batch");
        let line = line.replace(&format!("bank{}", id % 3), bank);
        feed(&mut table, &line, 1.0);
        feed(&mut table, &jm.post(id, 1.0, "validate", ""), 1.0);
    }
    for bank in ["1", "null", "{}", "[\"x\"]"] {
        let id = 10 + bank.len() as u64;
        let line = jm.submit(id, 1.0, "batch");
        let quoted = format!("\"bank{}\"", id % 3);
        feed(&mut table, &line.replace(&quoted, bank), 1.0);
    }
    assert_eq!(names(&mut table, Kind::Bank, 1.0), ["", "x", "ü\""]);
    let rest = charge(&mut table, Kind::Bank, OTHER, 1.0);
    assert_eq!(rest.jobs.iter().sum::<u64>(), 3);
}

#[test]
fn accounts_are_bounded_and_the_idle_ones_make_room() {
    let mut table = opened(3);
    let mut jm = Manager::default();
    // one that stays, and is not shown
    run(&mut table, &mut jm, 9_999_999, 0.0);
    for id in 1..=MAX_ACCOUNTS as u64 + 50 {
        run(&mut table, &mut jm, id, 0.0);
        end(&mut table, &mut jm, id, 1.0);
    }
    let accounts = table.totals_mut().accounts.as_mut().unwrap();
    let projects = accounts.ledger(Kind::Project).unwrap();
    assert_eq!(projects.known(), MAX_ACCOUNTS);
    projects.choose(t(2.0));
    assert!(projects.known() <= MAX_ACCOUNTS / 2 + 3);
    // the one with a job is among them, and by now has the most
    projects.choose(t(100.0));
    let shown = names(&mut table, Kind::Project, 100.0);
    assert!(shown.contains(&"9999999".to_string()), "{shown:?}");
    assert_eq!(shown.len(), 3);
    // places are used again
    for id in 20_000..24_000 {
        run(&mut table, &mut jm, id, 100.0);
        end(&mut table, &mut jm, id, 101.0);
    }
    let accounts = table.totals_mut().accounts.as_mut().unwrap();
    assert!(accounts.ledger(Kind::Project).unwrap().places() <= 10_001);
}

/// Compares all that is shown with the numbers of the instance, and counters
/// with what they were.
fn check(table: &mut Table, now: f64, before: &mut BTreeMap<String, f64>) {
    let mut jobs = [0; 5];
    let (mut nodes, mut seconds) = (0, 0.0);
    for queue in table.totals_mut().queues_mut() {
        jobs.iter_mut().zip(queue.jobs).for_each(|(sum, n)| *sum += n);
        nodes += queue.allocated().nodes;
        seconds += queue.node_seconds.value(t(now));
    }
    let mut after = BTreeMap::new();
    for kind in KINDS {
        let (all, retired) = charges(table, kind, now);
        for (state, jobs) in jobs.iter().enumerate() {
            assert_eq!(all.iter().map(|c| c.jobs[state]).sum::<u64>(), *jobs);
        }
        assert_eq!(all.iter().map(|c| c.nodes).sum::<u64>(), nodes);
        let sum: f64 = all.iter().map(|c| c.node_seconds).sum();
        // whole seconds: exact in any order
        assert_eq!(sum + retired, seconds, "{kind:?} at {now}");
        for Charge { name, node_seconds, .. } in all {
            after.insert(format!("{kind:?} {name}"), node_seconds);
        }
        after.insert(format!("{kind:?} retired"), retired);
    }
    for (name, value) in &after {
        match before.get(name) {
            Some(before) => assert!(value >= before, "{name} fell"),
            // a new series begins at 0
            None => assert_eq!(*value, 0.0, "{name} at {now}"),
        }
    }
    *before = after;
}

/// Random lives, read at random times, with breaks of the stream; events come
/// late now and then, so that what was read was too much.
/// Returns what was retired.
fn compare(seed: u64, top: usize) -> f64 {
    let mut random = Random(seed);
    let mut jm = Manager::default();
    let mut table = opened(top);
    let mut before = BTreeMap::new();
    let mut late: Vec<String> = Vec::new();
    let mut at = 0.0;
    for _ in 0..800 {
        at += 1.0;
        late.push(happen(&mut jm, &mut random, at));
        if random.below(4) > 0 && table.synced() {
            for line in late.drain(..) {
                feed(&mut table, &line, at);
            }
        }
        match random.below(40) {
            0 if table.synced() => {
                late.clear();
                table.lost(t(at));
            }
            1..=8 if !table.synced() => {
                late.clear();
                resync(&mut table, &jm, random.below(2) == 0, at, at);
                resolve(&mut table, &jm, at);
            }
            9..=14 => {
                let kind = random.pick(&KINDS);
                table.choose_accounts(kind, t(at));
            }
            15..=30 => check(&mut table, at, &mut before),
            _ => {}
        }
    }
    assert!(charges(&mut table, Kind::User, at).0.len() > 1);
    charges(&mut table, Kind::User, at).1
}

#[test]
fn sums_are_those_of_the_instance_whatever_happens() {
    for top in [1, 3, 20] {
        let retired = (0..40).filter(|seed| compare(*seed, top) > 0.0);
        assert_eq!(retired.count() > 5, top < 20, "somebody is replaced");
    }
}

/// With room for all, each counter is the integral of what its user had.
#[test]
fn counters_are_exact() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut jm = Manager::default();
        let mut table = opened(20);
        let mut expected = BTreeMap::<u32, f64>::new();
        let mut at = 0.0;
        for _ in 0..600 {
            for entry in jm.jobs.values().filter(|entry| entry.owns) {
                *expected.entry(entry.user).or_default() += 2.0;
            }
            at += 1.0;
            let line = happen(&mut jm, &mut random, at);
            feed(&mut table, &line, at);
            // a counter begins when it is first read
            charges(&mut table, Kind::User, at);
            for (user, expected) in &expected {
                let name = user.to_string();
                let user = charge(&mut table, Kind::User, &name, at);
                assert_eq!(user.node_seconds, *expected, "seed {seed}");
            }
        }
        assert!(expected.len() > 2);
    }
}
