//! Whose jobs they are: users, banks and projects, for who asks for them.
//!
//! A [`Ledger`] for each kind that is on has the numbers of each account. Which
//! accounts a job is charged to is kept here, beside the table of jobs, so
//! that it costs nothing where it is not asked for.

mod ledger;
mod served;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::active::Job;
use super::event::Response;
use super::jobspec::Jobspec;
use super::{JobId, Time};

pub use ledger::{Charge, Ledger, MAX_ACCOUNTS, OTHER};

/// Whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user who submitted the job, by number.
    User,
    /// The jobspec's `attributes.system.bank`, as flux-accounting sets it.
    Bank,
    /// The jobspec's `attributes.system.project`.
    Project,
}

const KINDS: usize = 3;

/// Where a job's accounts are in the ledgers.
type Places = [u16; KINDS];

/// The ledgers that are kept, and who is charged for which job.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    ledgers: [Option<Ledger>; KINDS],
    jobs: HashMap<JobId, Places>,
}

impl Accounts {
    pub(super) fn open(&mut self, kind: Kind, top: usize) {
        self.ledgers[kind as usize] = Some(Ledger::new(top));
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.ledgers[kind as usize].is_some()
    }

    pub(super) fn ledger(&mut self, kind: Kind) -> Option<&mut Ledger> {
        self.ledgers[kind as usize].as_mut()
    }

    /// The counters begin, and it can be said who has the most.
    pub(super) fn start(&mut self, now: Time) {
        self.ledgers.iter_mut().flatten().for_each(|l| l.start(now));
    }

    /// A job is known from now on.
    pub(super) fn admit(&mut self, response: &Response<'_>) {
        let id = response.job();
        self.forget(id);
        let [bank, project] =
            response.jobspec.map(described).unwrap_or([""; 2].map(Cow::from));
        let names = [submitter(response), Some(bank), Some(project)];
        let mut places = Places::default();
        for ((ledger, name), place) in
            self.ledgers.iter_mut().zip(names).zip(&mut places)
        {
            if let Some(ledger) = ledger {
                *place = ledger.admit(name.as_deref());
            }
        }
        self.jobs.insert(id, places);
    }

    /// A job is not known any more.
    pub(super) fn forget(&mut self, id: JobId) {
        let Some(places) = self.jobs.remove(&id) else { return };
        for (ledger, place) in self.ledgers.iter_mut().zip(places) {
            if let Some(ledger) = ledger {
                ledger.forget(place);
            }
        }
        // as the table does after a flood of jobs
        if self.jobs.capacity() > 8 * self.jobs.len().max(1024) {
            self.jobs.shrink_to(2 * self.jobs.len());
        }
    }

    /// Another account is charged, where one is given. The job must be counted
    /// out of the numbers.
    pub(super) fn change(&mut self, id: JobId, kind: Kind, name: &RawValue) {
        let Some(places) = self.jobs.get_mut(&id) else { return };
        let place = &mut places[kind as usize];
        if let Some(ledger) = &mut self.ledgers[kind as usize] {
            let before = *place;
            *place = ledger.admit(Some(&text(name)));
            ledger.forget(before);
        }
    }

    /// Counts a job in; `state` is its place in `State::ACTIVE`.
    pub(super) fn enter(&mut self, id: JobId, job: &Job, state: usize) {
        self.each(id, |ledger, place| ledger.enter(place, job, state));
    }

    /// Counts a job out that was counted in as it is.
    pub(super) fn leave(&mut self, id: JobId, job: &Job, state: usize) {
        self.each(id, |ledger, place| ledger.leave(place, job, state));
    }

    /// The allocation of a job begins to count.
    pub(super) fn hold(&mut self, id: JobId, job: &Job, from: Time) {
        let nodes = job.size.nodes;
        self.each(id, |ledger, place| ledger.hold(place, nodes, from));
    }

    /// It ends, or goes on another account.
    pub(super) fn release(
        &mut self,
        id: JobId,
        job: &Job,
        from: Time,
        to: Time,
    ) {
        let nodes = job.size.nodes;
        self.each(id, |ledger, place| ledger.release(place, nodes, from, to));
    }

    fn each(&mut self, id: JobId, mut f: impl FnMut(&mut Ledger, u16)) {
        let Some(places) = self.jobs.get(&id) else { return };
        for (ledger, place) in self.ledgers.iter_mut().zip(places) {
            if let Some(ledger) = ledger {
                f(ledger, *place);
            }
        }
    }
}

/// The user, as a label has it.
fn submitter(response: &Response<'_>) -> Option<Cow<'static, str>> {
    #[derive(Deserialize)]
    struct Submit {
        userid: u32,
    }
    let submit: Submit = response.events.first()?.context().ok()?;
    Some(submit.userid.to_string().into())
}

/// Bank and project, empty where there is none.
fn described(jobspec: &RawValue) -> [Cow<'_, str>; 2] {
    let jobspec = Jobspec::parse(jobspec.get());
    let both = jobspec.ok().and_then(|jobspec| jobspec.charged());
    both.unwrap_or_default().map(|name| name.map(text).unwrap_or_default())
}

/// What is not a text is as if it were not there.
fn text(name: &RawValue) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str(name.get()).map(|Text(t)| t).unwrap_or_default()
}
