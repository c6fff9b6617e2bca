//! What tests of the server's parts have in common.

use tokio::runtime::{Builder, Runtime};

/// A runtime whose clock moves when all else waits, or when told, and not
/// otherwise.
pub fn paused() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}
