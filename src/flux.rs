//! The safe Flux API: what the module needs of libflux-core, and the only
//! place with `unsafe`.
//!
//! Everything here belongs to the one thread that runs the reactor: a
//! [`Handle`] is not `Send`, so the compiler keeps it, and all that is made
//! from it, off the HTTP thread.
//!
//! - [`Handle`] is the broker connection that `mod_main` was given.
//! - [`Scope`] owns what is under way in the reactor (requests, streams,
//!   timers, services); closing it ends them all.
//! - [`Uplink`] is a connection to another instance, which has a thread to
//!   itself.
//! - Every call from C into Rust passes [`callback`], and the only blocking
//!   call is the one in [`run`].

mod callback;
mod error;
mod handle;
mod request;
mod rpc;
pub mod run;
mod scope;
mod sys;
pub mod thread;
mod timer;
mod uplink;

pub use callback::guard;
pub use error::{Error, Result};
pub use handle::{Handle, Level};
pub use request::{Request, Role};
pub use scope::{OnPanic, Scope};
pub use sys::flux_t;
pub use uplink::Uplink;
