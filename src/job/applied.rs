//! What came of applying a piece of text to the table.

use super::apply::Flaw;
use super::{JobId, Problem};

/// What a journal response was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One job of the backlog.
    Backlog,
    /// The end of the backlog.
    Sentinel,
    /// News of a job.
    Live,
    /// News of a job we do not know; ignored.
    Unknown,
    /// Not a response; ignored.
    Malformed,
    /// A response out of turn, with no subscription; ignored.
    Idle,
    /// The eventlog of a vanished job that ends with the job's end.
    Resolved,
    /// One that does not.
    Unresolved,
}

/// What came of one journal response, or of one eventlog.
#[derive(Debug)]
pub struct Applied {
    /// What it was.
    pub what: What,
    /// What was wrong with it: most often nothing, which costs nothing.
    pub problems: Vec<Problem>,
}

/// Notes what was wrong with an event of a job.
pub(super) fn note(
    problems: &mut Vec<Problem>,
    id: JobId,
    event: &str,
    (kind, error): Flaw,
) {
    let text = format!("job {id}: {event}: {error}");
    problems.push(Problem { kind, text });
}
