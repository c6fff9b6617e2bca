//! A stand-in for the broker: loads a Flux module on a machine without Flux,
//! with a simulated or a recorded instance behind it.
//!
//! - [`abi`]: the functions of libflux-core that the module imports, and no
//!   others.
//! - [`host`]: loads and unloads modules, routes requests, obeys commands.
//! - [`instance`]: what the host asks of whatever plays the instance.
//! - [`cluster`]: the simulation. [`recorded`]: a recording.
//!
//! This library is loaded with `RTLD_GLOBAL` (src/bin/standin.rs), so that a
//! module finds its functions where it would find those of libflux-core.

pub mod abi;
pub mod cluster;
pub mod host;
pub mod instance;
pub mod recorded;

/// The program: takes its arguments from the process, returns the exit code.
#[unsafe(no_mangle)]
pub extern "C" fn standin_main() -> i32 {
    host::main(std::env::args().skip(1).collect())
}
