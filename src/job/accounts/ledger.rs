//! The numbers of each account of a kind, and which of them are shown.
//!
//! At most `top` accounts have series of their own, those with the most
//! node-seconds; all others are together in `other`. Who is shown stays so
//! until somebody who is not has a tenth more than the least of those who are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::super::Time;
use super::super::active::Job;
use super::super::integral::Integral;
use super::super::state::State;
use super::served::{Kept, Served};

/// How many accounts of a kind are told apart. Those beyond are in `other`,
/// and stay there for the jobs that they have at that time.
pub const MAX_ACCOUNTS: usize = 10_000;

/// A name of more bytes than this is in `other`.
const MAX_NAME: usize = 128;

/// The label value of all accounts that are not shown.
pub const OTHER: &str = "other";

/// The place of those that are never shown by name.
const REST: u16 = 0;

/// How many states there are.
pub type Jobs = [u64; State::ACTIVE.len()];

/// The accounts of a kind.
#[derive(Clone, Debug)]
pub struct Ledger {
    top: usize,
    /// By place, the first of which is [`REST`].
    accounts: Vec<Account>,
    index: HashMap<Arc<str>, u16>,
    /// Places that are free.
    free: Vec<u16>,
    /// Places of those that are shown.
    shown: Vec<u16>,
    /// Whether the counters have begun.
    started: bool,
    served: Served,
}

#[derive(Clone, Debug)]
struct Account {
    name: Arc<str>,
    /// Its jobs that are known, also those that are in no state yet.
    known: u32,
    /// Whether it ever had one that was accepted: what is refused is not shown.
    counts: bool,
    jobs: Jobs,
    nodes: u64,
    node_seconds: Integral,
    /// Its counter, once it was shown.
    kept: Option<Kept>,
}

/// What is shown of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge {
    /// The label value; [`OTHER`] is the last one.
    pub name: Arc<str>,
    /// Active jobs, by [`State::ACTIVE`].
    pub jobs: Jobs,
    /// Nodes that they have.
    pub nodes: u64,
    /// Time that they had nodes, in seconds.
    pub node_seconds: f64,
}

impl Ledger {
    pub(super) fn new(top: usize) -> Self {
        Self {
            top,
            accounts: vec![Account::new(OTHER.into())],
            index: HashMap::new(),
            free: Vec::new(),
            shown: Vec::new(),
            started: false,
            served: Served::default(),
        }
    }

    /// The place of an account that has one job more, made if need be.
    pub(super) fn admit(&mut self, name: Option<&str>) -> u16 {
        let place = name.map_or(REST, |name| self.intern(name));
        self.accounts[usize::from(place)].known += 1;
        place
    }

    fn intern(&mut self, name: &str) -> u16 {
        if let Some(&place) = self.index.get(name) {
            return place;
        }
        let odd = name.len() > MAX_NAME || name.contains(char::is_control);
        if name == OTHER || odd || self.index.len() >= MAX_ACCOUNTS {
            return REST;
        }
        let name: Arc<str> = name.into();
        let account = Account::new(name.clone());
        let place = match self.free.pop() {
            Some(place) => {
                self.accounts[usize::from(place)] = account;
                place
            }
            None => {
                self.accounts.push(account);
                (self.accounts.len() - 1) as u16
            }
        };
        self.index.insert(name, place);
        place
    }

    /// The account with a job that was accepted.
    fn counted(&mut self, place: u16) -> &mut Account {
        let account = &mut self.accounts[usize::from(place)];
        let is_new = place != REST && !account.counts;
        if is_new {
            account.counts = true;
            if self.started && self.shown.len() < self.top {
                self.shown.push(place);
            }
        }
        account
    }

    /// The account has one job less.
    pub(super) fn forget(&mut self, place: u16) {
        self.accounts[usize::from(place)].known -= 1;
    }

    pub(super) fn enter(&mut self, place: u16, job: &Job, state: usize) {
        let account = self.counted(place);
        account.jobs[state] += 1;
        account.nodes += held(job);
    }

    pub(super) fn leave(&mut self, place: u16, job: &Job, state: usize) {
        let account = &mut self.accounts[usize::from(place)];
        account.jobs[state] -= 1;
        account.nodes -= held(job);
    }

    pub(super) fn hold(&mut self, place: u16, nodes: u32, from: Time) {
        self.counted(place).node_seconds.add(nodes, from);
    }

    pub(super) fn release(
        &mut self,
        place: u16,
        nodes: u32,
        from: Time,
        to: Time,
    ) {
        let account = &mut self.accounts[usize::from(place)];
        account.node_seconds.remove(nodes, from, to);
    }

    pub(super) fn start(&mut self, now: Time) {
        self.started = true;
        self.choose(now);
    }

    /// Decides anew who is shown, and forgets accounts if there are many.
    pub fn choose(&mut self, now: Time) {
        if !self.started {
            return;
        }
        let is_shown = self.is_shown();
        let mut others: Vec<u16> = self.index.values().copied().collect();
        others.retain(|&place| {
            let at = usize::from(place);
            self.accounts[at].counts && !is_shown[at]
        });
        // first those who have the most, though no more of them than can be
        if others.len() > self.top {
            let most = |place: &u16| Reverse(self.rank(*place, now));
            others.select_nth_unstable_by_key(self.top, most);
            others.truncate(self.top);
        }
        others.sort_by_key(|place| Reverse(self.rank(*place, now)));
        let mut others = others.into_iter();
        let room = self.top - self.shown.len();
        self.shown.extend(others.by_ref().take(room));

        let mut least = self.shown.clone();
        least.sort_by_key(|place| self.rank(*place, now));
        for (comes, goes) in others.zip(least) {
            let usage = |place| self.rank(place, now).0;
            if 10 * usage(comes) <= 11 * usage(goes) {
                break;
            }
            self.retire(goes);
            self.shown.push(comes);
        }
        self.purge(now);
    }

    /// What decides who is shown: time of nodes and, where none has any yet,
    /// nodes and jobs.
    fn rank(&self, place: u16, now: Time) -> (i128, u64, u64) {
        let account = &self.accounts[usize::from(place)];
        let jobs = account.jobs.iter().sum();
        (account.node_seconds.exact(now), account.nodes, jobs)
    }

    /// An account is shown no more.
    fn retire(&mut self, place: u16) {
        self.shown.retain(|shown| *shown != place);
        let kept = self.accounts[usize::from(place)].kept.take();
        self.served.retire(kept.unwrap_or_default());
    }

    /// Makes room before there is none: of the accounts that have no job, the
    /// half with the least is forgotten. That changes no number, but should
    /// they come back, they have to earn their place again.
    fn purge(&mut self, now: Time) {
        if self.index.len() < MAX_ACCOUNTS / 4 * 3 {
            return;
        }
        let is_shown = self.is_shown();
        let mut idle: Vec<u16> = self.index.values().copied().collect();
        idle.retain(|&place| {
            let at = usize::from(place);
            self.accounts[at].known == 0 && !is_shown[at]
        });
        idle.sort_by_key(|place| self.rank(*place, now));
        idle.truncate(idle.len().div_ceil(2));
        for place in idle {
            self.index.remove(&self.accounts[usize::from(place)].name);
            self.free.push(place);
        }
    }

    /// How many are told apart at present.
    #[cfg(test)]
    pub fn known(&self) -> usize {
        self.index.len()
    }

    /// How many there is room for.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        self.accounts.len()
    }

    /// By place.
    fn is_shown(&self) -> Vec<bool> {
        let mut is_shown = vec![false; self.accounts.len()];
        for place in &self.shown {
            is_shown[usize::from(*place)] = true;
        }
        is_shown
    }

    /// What is shown at `now`, given the same of the whole instance: those
    /// shown and the last, [`OTHER`], add up to that, and so do the counters
    /// with [`Ledger::retired`].
    pub(in crate::job) fn charges(
        &mut self,
        jobs: Jobs,
        nodes: u64,
        node_seconds: i128,
        now: Time,
    ) -> Vec<Charge> {
        let mut rest = (jobs, nodes);
        let mut charges = Vec::with_capacity(self.shown.len() + 1);
        self.served.advance(node_seconds);
        for place in &self.shown {
            let account = &mut self.accounts[usize::from(*place)];
            let exact = account.node_seconds.exact(now);
            let kept = account.kept.get_or_insert(Kept::since(exact));
            self.served.give(kept, exact);
            for (rest, jobs) in rest.0.iter_mut().zip(account.jobs) {
                *rest = rest.saturating_sub(jobs);
            }
            rest.1 = rest.1.saturating_sub(account.nodes);
            charges.push(Charge {
                name: account.name.clone(),
                jobs: account.jobs,
                nodes: account.nodes,
                node_seconds: kept.seconds(),
            });
        }
        charges.push(Charge {
            name: self.accounts[usize::from(REST)].name.clone(),
            jobs: rest.0,
            nodes: rest.1,
            node_seconds: self.served.rest(),
        });
        charges
    }

    /// What the counters had that ended when their accounts were shown no
    /// more, in seconds.
    pub fn retired(&self) -> f64 {
        self.served.retired()
    }
}

impl Account {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            known: 0,
            counts: false,
            jobs: Default::default(),
            nodes: 0,
            node_seconds: Integral::default(),
            kept: None,
        }
    }
}

/// The nodes that a job has.
fn held(job: &Job) -> u64 {
    match job.state() {
        State::Run | State::Cleanup => job.resources().nodes.into(),
        _ => 0,
    }
}
