//! How a job ended, and why it failed.
//!
//! The result is decided as job-list decides it (flux-core,
//! `src/modules/job-list/job_state.c`), so that both always agree.  The
//! cause is ours: it splits "failed" into what an operator would look at.

use super::exception::ExceptionType;

/// A job's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All tasks exited with 0.
    Completed,
    /// It did not complete, and nobody stopped it.
    Failed,
    /// A user canceled it.
    Canceled,
    /// It ran out of time.
    Timeout,
    /// It ended while we could not see it, and left no trace.
    Unknown,
}

impl Outcome {
    /// Every outcome, in the order of the counters.
    pub const ALL: [Outcome; 5] = [
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Timeout,
        Self::Unknown,
    ];

    /// The name as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }

    /// The result of a job.  `success` is whether a "finish" with status 0
    /// came while no severity 0 exception had; `exception` is the type of
    /// the exception of lowest severity, the earliest of equals.
    pub fn decide(success: bool, exception: Option<ExceptionType>) -> Outcome {
        match exception {
            _ if success => Self::Completed,
            Some(ExceptionType::Cancel) => Self::Canceled,
            Some(ExceptionType::Timeout) => Self::Timeout,
            _ => Self::Failed,
        }
    }
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A task exited with another code than 0.
    Exit,
    /// A signal killed a task.
    Signal,
    /// The job could not be executed.
    Exec,
    /// Resources could not be allocated.
    Alloc,
    /// A dependency cannot be met.
    Depend,
    /// The prolog failed.
    Prolog,
    /// The epilog failed.
    Epilog,
    /// Anything else.
    Other,
}

impl Cause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Cause; 8] = [
        Self::Exit,
        Self::Signal,
        Self::Exec,
        Self::Alloc,
        Self::Depend,
        Self::Prolog,
        Self::Epilog,
        Self::Other,
    ];

    /// The name as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Exec => "exec",
            Self::Alloc => "alloc",
            Self::Depend => "depend",
            Self::Prolog => "prolog",
            Self::Epilog => "epilog",
            Self::Other => "other",
        }
    }

    /// The cause of a failed job's failure: its severity 0 exception if it
    /// had one, else what the wait status of its "finish" said.
    pub fn decide(
        fatal: Option<ExceptionType>,
        finish: Option<Cause>,
    ) -> Cause {
        match fatal {
            Some(ExceptionType::Exec) => Self::Exec,
            Some(ExceptionType::Alloc | ExceptionType::AllocCheck) => {
                Self::Alloc
            }
            Some(ExceptionType::Dependency) => Self::Depend,
            Some(ExceptionType::Prolog) => Self::Prolog,
            Some(ExceptionType::Epilog) => Self::Epilog,
            Some(_) => Self::Other,
            None => finish.unwrap_or(Self::Other),
        }
    }

    /// What a wait status says.
    pub fn of_status(status: i32) -> Cause {
        let (code, signal) = ((status >> 8) & 0xff, status & 0x7f);
        match (signal, code) {
            (0, 0) => Self::Other,
            // the job shell reports a task killed by signal N as 128+N
            (0, 129..=192) => Self::Signal,
            (0, _) => Self::Exit,
            // 0x7f is a stopped process, which is not an end
            (0x7f, _) => Self::Other,
            _ => Self::Signal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_beats_any_exception() {
        for exception in ExceptionType::ALL.map(Some).into_iter().chain([None])
        {
            let outcome = Outcome::decide(true, exception);
            assert_eq!(outcome, Outcome::Completed);
        }
    }

    #[test]
    fn exceptions_decide_the_rest() {
        use ExceptionType::*;
        let outcome = |e| Outcome::decide(false, e);
        assert_eq!(outcome(None), Outcome::Failed);
        assert_eq!(outcome(Some(Exec)), Outcome::Failed);
        assert_eq!(outcome(Some(Cancel)), Outcome::Canceled);
        assert_eq!(outcome(Some(Timeout)), Outcome::Timeout);
    }

    #[test]
    fn causes_from_wait_status() {
        let cause = |status: Option<i32>| {
            Cause::decide(None, status.map(Cause::of_status))
        };
        assert_eq!(cause(Some(1 << 8)), Cause::Exit);
        assert_eq!(cause(Some(128 << 8)), Cause::Exit);
        assert_eq!(cause(Some(129 << 8)), Cause::Signal);
        assert_eq!(cause(Some(192 << 8)), Cause::Signal);
        assert_eq!(cause(Some(193 << 8)), Cause::Exit);
        assert_eq!(cause(Some(9)), Cause::Signal);
        assert_eq!(cause(Some(11 | 0x80)), Cause::Signal);
        assert_eq!(cause(Some(0x137f)), Cause::Other);
        assert_eq!(cause(Some(0)), Cause::Other);
        assert_eq!(cause(None), Cause::Other);
    }

    #[test]
    fn a_fatal_exception_is_the_cause() {
        let cause = |name| {
            let exit = Some(Cause::Exit);
            Cause::decide(Some(ExceptionType::from_name(name)), exit)
        };
        for (name, want) in [
            ("exec", Cause::Exec),
            ("alloc", Cause::Alloc),
            ("alloc-check", Cause::Alloc),
            ("dependency", Cause::Depend),
            ("depend", Cause::Depend),
            ("prolog", Cause::Prolog),
            ("epilog", Cause::Epilog),
            ("node-failure", Cause::Other),
            ("lunch", Cause::Other),
        ] {
            assert_eq!(cause(name), want, "{name}");
        }
    }

    #[test]
    fn counters_can_be_indexed_by_discriminant() {
        for (i, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, i);
        }
        for (i, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, i);
        }
    }
}
