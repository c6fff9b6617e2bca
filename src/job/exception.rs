//! Job exceptions by type (RFC 21).

/// Exception types told apart; the set is bounded because anyone may raise
/// an exception of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionType {
    /// The scheduler could not allocate.
    Alloc,
    /// An allocation was given out twice.
    AllocCheck,
    /// A user canceled the job.
    Cancel,
    /// A dependency cannot be met ("dependency", "depend").
    Dependency,
    /// The epilog failed.
    Epilog,
    /// The job could not be executed.
    Exec,
    /// A node was lost.
    NodeFailure,
    /// The prolog failed.
    Prolog,
    /// The allocation did not survive a restart of the scheduler.
    SchedulerRestart,
    /// The job ran out of time.
    Timeout,
    /// Any other.
    Other,
}

impl ExceptionType {
    /// Every type, in the order of the counters.
    pub const ALL: [ExceptionType; 11] = [
        Self::Alloc,
        Self::AllocCheck,
        Self::Cancel,
        Self::Dependency,
        Self::Epilog,
        Self::Exec,
        Self::NodeFailure,
        Self::Prolog,
        Self::SchedulerRestart,
        Self::Timeout,
        Self::Other,
    ];

    /// The type as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alloc => "alloc",
            Self::AllocCheck => "alloc-check",
            Self::Cancel => "cancel",
            Self::Dependency => "dependency",
            Self::Epilog => "epilog",
            Self::Exec => "exec",
            Self::NodeFailure => "node-failure",
            Self::Prolog => "prolog",
            Self::SchedulerRestart => "scheduler-restart",
            Self::Timeout => "timeout",
            Self::Other => "other",
        }
    }

    /// Looks up the type in an exception's context.
    pub fn from_name(name: &str) -> ExceptionType {
        if name == "depend" {
            return Self::Dependency;
        }
        let known = Self::ALL.into_iter().find(|t| t.as_str() == name);
        known.unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (i, kind) in ExceptionType::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(ExceptionType::from_name(kind.as_str()), kind);
        }
    }

    #[test]
    fn the_set_is_bounded() {
        use ExceptionType::*;
        assert_eq!(ExceptionType::from_name("depend"), Dependency);
        assert_eq!(ExceptionType::from_name("lunch"), Other);
        assert_eq!(ExceptionType::from_name(""), Other);
    }
}
