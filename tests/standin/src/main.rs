//! A stand-in for the broker: loads a Flux module on a machine without Flux,
//! with a simulated or a recorded instance behind it.
//!
//! - [`abi`]: the functions of libflux-core that the module imports, and no
//!   others.
//! - [`host`]: loads and unloads modules, routes requests, obeys commands.
//! - [`cluster`]: the simulation. [`recorded`]: a recording.

mod abi;
mod cluster;
mod host;
mod recorded;

use std::io::Write;

/// Runs an instance, or a command in one.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some("start") => host::start(args),
        _ => host::send(args).map(|output| {
            // a reader who has seen enough is no error
            let _ = std::io::stdout().write_all(output.as_bytes());
            0
        }),
    };
    std::process::exit(outcome.unwrap_or_else(|error| {
        eprintln!("standin: {error}");
        1
    }));
}
