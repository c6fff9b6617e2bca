//! What can be wrong with what we are sent, without being fatal.

use std::borrow::Cow;
use std::fmt;

/// Text that does not follow its RFC; says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    /// Makes one from the reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed(reason.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Malformed {
        Malformed(Cow::Owned(error.to_string()))
    }
}

/// Which part of a journal response was bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The response as a whole: it was dropped.
    Line,
    /// One event's context: the event was not applied, or only in part.
    Event,
    /// A jobspec: the job has no requested sizes.
    Jobspec,
    /// An R: the job has no allocated sizes.
    Resources,
}

impl ProblemKind {
    /// Every kind, in the order of the counters.
    pub const ALL: [ProblemKind; 4] =
        [Self::Line, Self::Event, Self::Jobspec, Self::Resources];

    /// The kind as a label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Event => "event",
            Self::Jobspec => "jobspec",
            Self::Resources => "resources",
        }
    }
}

/// Something bad in a journal response, for the log and a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which part was bad.
    pub kind: ProblemKind,
    /// What was wrong with it, for a person.
    pub text: String,
}
