//! What is remembered of one active job: 72 bytes, and while it has an
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
    /// What it asks for, or from alloc on what it was given. Where it asks
    /// for slots, they are in the place of the nodes; see [`Job::slots`].
    pub(super) size: Resources,
    /// Its allocation, from when it begins until it ends.
    pub(super) held: Option<Box<Held>>,
    /// How many counted events have been applied; see [`Kind::is_counted`].
    ///
    /// [`Kind::is_counted`]: super::event::Kind::is_counted
    pub(super) seen: u32,
    /// The last subscription that knew it.
    pub(super) generation: Generation,
    /// Whether it finished, and what that says of why.
    pub(super) finish: Option<Option<Cause>>,
    pub(super) queue: QueueIndex,
    pub(super) state: State,
    /// The exception of lowest severity, the earliest of equals.
    pub(super) exception: Option<(u8, ExceptionType)>,
    pub(super) flags: Flags,
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
            held: None,
            seen: 0,
            generation,
            finish: None,
            queue,
            state: State::New,
            exception: None,
            flags: Flags::default(),
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
        let urgency_zero = self.flags.has(Flags::URGENCY_ZERO);
        match self.state {
            State::Priority => urgency_zero,
            State::Sched => {
                urgency_zero || self.flags.has(Flags::PRIORITY_ZERO)
            }
            _ => false,
        }
    }

    /// Whether it asks for slots and leaves the number of nodes open.
    pub fn is_slot_only(&self) -> bool {
        self.flags.has(Flags::SLOT_ONLY)
    }

    /// The slots it asks for, if that is what it does and as long as it does.
    pub(super) fn slots(&self) -> Option<u32> {
        let asks = self.is_slot_only() && !self.alloc.is_set();
        asks.then_some(self.size.nodes)
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
            match self.slots() {
                // an open number of nodes counts as none
                Some(_) => Resources { nodes: 0, ..self.size },
                None => self.size,
            }
        } else {
            Resources::default()
        }
    }

    pub(super) fn set_request(&mut self, request: Request) {
        self.flags.set(Flags::SLOT_ONLY, request.nodes.is_none());
        self.flags.set(Flags::EXCLUSIVE, request.exclusive);
        self.size = Resources {
            nodes: request.nodes.unwrap_or(request.slots),
            cores: request.cores,
            gpus: request.gpus,
        };
    }

    pub(super) fn outcome(&self) -> Outcome {
        let success = self.flags.has(Flags::SUCCESS);
        Outcome::decide(success, self.exception.map(|(_, kind)| kind))
    }

    pub(super) fn cause(&self) -> Cause {
        let fatal = self.exception.filter(|&(severity, _)| severity == 0);
        Cause::decide(fatal.map(|(_, kind)| kind), self.finish.flatten())
    }
}

/// What of a job is so or not, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const SUCCESS: Flags = Flags(1);
    pub(super) const SLOT_ONLY: Flags = Flags(1 << 1);
    /// It asks for whole nodes.
    pub(super) const EXCLUSIVE: Flags = Flags(1 << 2);
    pub(super) const URGENCY_ZERO: Flags = Flags(1 << 3);
    pub(super) const PRIORITY_ZERO: Flags = Flags(1 << 4);

    pub(super) fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) fn set(&mut self, flag: Flags, so: bool) {
        match so {
            true => self.0 |= flag.0,
            false => self.0 &= !flag.0,
        }
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
const _: () = assert!(size_of::<Job>() <= 72);
