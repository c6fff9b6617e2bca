//! What collectors make families with.

pub use crate::exposition::{Family, Spec};
