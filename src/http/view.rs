//! How much a client may see.

/// What of the metrics is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All of it.
    All,
    /// What does not tell of persons, for those on this machine of whom no
    /// more is known.
    Local,
    /// What does not tell of jobs either, for those who may not know of them.
    Public,
}

impl View {
    /// How many there are; `self as usize` is less.
    pub const COUNT: usize = 3;
}

/// What the public view is, to who is shown it.
pub(super) const WITHHELD: &str = "metrics of jobs, queues and autoscaling: Flux's \
    private mode is on, and the module asks nobody who they are. They are \
    there for this machine only, until authentication is configured.";
