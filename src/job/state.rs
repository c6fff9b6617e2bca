//! Job states (RFC 21), moving exactly as in the job manager's
//! `event_job_update()` (flux-core, `src/modules/job-manager/event.c`).

use super::event::Kind;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Submitted, not yet validated: not a job for its user yet.
    New,
    /// Waiting for its dependencies.
    Depend,
    /// Waiting for a priority.
    Priority,
    /// Waiting for resources.
    Sched,
    /// Has resources.
    Run,
    /// Finished or failed; winding up.
    Cleanup,
    /// Over.
    Inactive,
}

impl State {
    /// The states of active jobs, in order.
    pub const ACTIVE: [State; 5] =
        [Self::Depend, Self::Priority, Self::Sched, Self::Run, Self::Cleanup];

    /// The name as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Depend => "depend",
            Self::Priority => "priority",
            Self::Sched => "sched",
            Self::Run => "run",
            Self::Cleanup => "cleanup",
            Self::Inactive => "inactive",
        }
    }

    /// The place in [`State::ACTIVE`], if it is there.
    pub fn index(self) -> Option<usize> {
        match self {
            Self::New | Self::Inactive => None,
            active => Some(active as usize - Self::Depend as usize),
        }
    }

    /// Whether the job waits for a priority or for resources.
    pub fn is_queued(self) -> bool {
        matches!(self, Self::Priority | Self::Sched)
    }

    /// The state after an event.  `fatal` says whether an exception has
    /// severity 0; for other events it does not matter.
    #[must_use]
    pub fn after(self, event: Kind, fatal: bool) -> State {
        match (event, self) {
            (Kind::Validate, _) => Self::Depend,
            (Kind::Depend, Self::Depend) => Self::Priority,
            (Kind::Priority, Self::Priority) => Self::Sched,
            (
                Kind::JobspecUpdate | Kind::Urgency | Kind::FluxRestart,
                Self::Sched,
            ) => Self::Priority,
            (Kind::Alloc, Self::Sched) => Self::Run,
            (Kind::Finish, Self::Run) => Self::Cleanup,
            (Kind::Clean, Self::Cleanup) => Self::Inactive,
            (Kind::Exception, Self::New | Self::Inactive) => self,
            (Kind::Exception, _) if fatal => Self::Cleanup,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(events: &[Kind]) -> State {
        events.iter().fold(State::New, |s, &e| s.after(e, false))
    }

    #[test]
    fn a_plain_life() {
        use Kind::*;
        let life =
            [Submit, Validate, Depend, Priority, Alloc, Start, Finish, Clean];
        assert_eq!(run(&life[..1]), State::New);
        assert_eq!(run(&life[..4]), State::Sched);
        assert_eq!(run(&life[..6]), State::Run);
        assert_eq!(run(&life), State::Inactive);
    }

    #[test]
    fn only_sched_goes_back() {
        for event in [Kind::Urgency, Kind::JobspecUpdate, Kind::FluxRestart] {
            for state in State::ACTIVE {
                let want = match state {
                    State::Sched => State::Priority,
                    other => other,
                };
                assert_eq!(state.after(event, false), want);
            }
        }
    }

    #[test]
    fn priority_again_changes_nothing() {
        let sched = State::Sched.after(Kind::Priority, false);
        assert_eq!(sched, State::Sched);
        let depend = State::Depend.after(Kind::Priority, false);
        assert_eq!(depend, State::Depend);
    }

    #[test]
    fn fatal_exceptions_clean_up_every_active_state() {
        for state in State::ACTIVE {
            assert_eq!(state.after(Kind::Exception, true), State::Cleanup);
            assert_eq!(state.after(Kind::Exception, false), state);
        }
        for state in [State::New, State::Inactive] {
            assert_eq!(state.after(Kind::Exception, true), state);
        }
    }

    #[test]
    fn clean_needs_cleanup() {
        assert_eq!(State::Run.after(Kind::Clean, false), State::Run);
        assert_eq!(State::Sched.after(Kind::Finish, false), State::Sched);
    }

    #[test]
    fn index_follows_active() {
        for (i, state) in State::ACTIVE.into_iter().enumerate() {
            assert_eq!(state.index(), Some(i));
        }
        assert_eq!(State::New.index(), None);
        assert_eq!(State::Inactive.index(), None);
    }
}
