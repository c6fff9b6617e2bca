//! How much a client may see.

/// What of the metrics is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All of it.
    All,
    /// What does not tell of jobs, for those who may not know of them.
    Public,
}
