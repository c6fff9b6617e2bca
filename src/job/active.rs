//! What is remembered of one active job: 80 bytes, and while it has an
//! allocation about 64 more.

use super::Time;
use super::exception::ExceptionType;
use super::jobspec::Request;
use super::outcome::{Cause, Outcome};
use super::resources::Resources;
use super::state::State;
use super::totals::QueueIndex;
use crate::resource::Span;

/// One active job.
///
/// Times are [`Time::UNSET`] until the thing has happened.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) submit: Time,
    /// When it first came into SCHED; it may come again.
    pub(super) sched: Time,
    pub(super) alloc: Time,
    pub(super) start: Time,
    /// When it came into CLEANUP.
    pub(super) end: Time,
    /// What it asks for, or from alloc on what it was given.
    pub(super) size: Resources,
    /// The slots it asks for.
    pub(super) slots: u32,
    /// Its allocation, from when it begins until it ends.
    pub(super) held: Option<Box<Held>>,
    /// How many stored events have been applied; see [`Kind::is_stored`].
    ///
    /// [`Kind::is_stored`]: super::event::Kind::is_stored
    pub(super) seen: u32,
    /// The last subscription that knew it.
    pub(super) generation: Generation,
    /// Whether it finished, and what that says of why.
    pub(super) finish: Option<Option<Cause>>,
    pub(super) queue: QueueIndex,
    pub(super) state: State,
    /// The exception of lowest severity, the earliest of equals.
    pub(super) exception: Option<(u8, ExceptionType)>,
    pub(super) success: bool,
    pub(super) slot_only: bool,
    /// It asks for whole nodes.
    pub(super) exclusive: bool,
    pub(super) urgency_zero: bool,
    pub(super) priority_zero: bool,
}

impl Job {
    pub(super) fn new(queue: QueueIndex, generation: Generation) -> Job {
        Job {
            submit: Time::UNSET,
            sched: Time::UNSET,
            alloc: Time::UNSET,
            start: Time::UNSET,
            end: Time::UNSET,
            size: Resources::default(),
            slots: 0,
            held: None,
            seen: 0,
            generation,
            finish: None,
            queue,
            state: State::New,
            exception: None,
            success: false,
            slot_only: false,
            exclusive: false,
            urgency_zero: false,
            priority_zero: false,
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// When it was submitted.
    pub fn submitted(&self) -> Time {
        self.submit
    }

    /// Whether its user or an administrator keeps it from being scheduled.
    pub fn is_held(&self) -> bool {
        match self.state {
            State::Priority => self.urgency_zero,
            State::Sched => self.urgency_zero || self.priority_zero,
            _ => false,
        }
    }

    /// Whether it asks for slots and leaves the number of nodes open.
    pub fn is_slot_only(&self) -> bool {
        self.slot_only
    }

    /// Whether nothing keeps it from being started but want of resources,
    /// as far as one can tell from the job alone.
    pub fn is_eligible(&self) -> bool {
        self.state.is_queued() && !self.is_held()
    }

    /// Since when it could have been started.
    pub fn eligible_since(&self) -> Time {
        if self.sched.is_set() { self.sched } else { self.submit }
    }

    /// What it asks for before it is allocated resources, what it has
    /// while it is, and nothing after.
    pub fn resources(&self) -> Resources {
        let asks = matches!(
            self.state,
            State::Depend | State::Priority | State::Sched
        );
        if self.held.is_some() || (asks && !self.alloc.is_set()) {
            self.size
        } else {
            Resources::default()
        }
    }

    pub(super) fn set_request(&mut self, request: Request) {
        self.slot_only = request.nodes.is_none();
        self.exclusive = request.exclusive;
        self.slots = request.slots;
        self.size = request.into();
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome::decide(self.success, self.exception.map(|(_, kind)| kind))
    }

    pub(super) fn cause(&self) -> Cause {
        let fatal = self.exception.filter(|&(severity, _)| severity == 0);
        Cause::decide(fatal.map(|(_, kind)| kind), self.finish.flatten())
    }
}

/// Which subscription it is; it may come around again, for a job that was not
/// in the last one is looked up and removed.
pub(super) type Generation = u8;

/// An allocation; one word in [`Job`], most of which have none.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Since when it is integrated: "alloc", or later if the job was
    /// allocated before we came or has since changed queues.
    pub(super) since: Time,
    /// Where it is, if it counts there.
    pub(super) spans: Option<Box<[Span]>>,
}

// with its id and its share of the index, at most 100 bytes a job
const _: () = assert!(size_of::<Job>() <= 80);
