//! Loads libstandin.so so that what it exports is in the global scope, as
//! libflux-core is in a broker, and runs it.

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

fn main() {
    let here = std::env::current_exe().expect("/proc is mounted");
    // cargo leaves it in deps/, and the newest one only there
    let library = ["deps/libstandin.so", "libstandin.so"]
        .map(|name| here.with_file_name(name))
        .into_iter()
        .find(|path| path.exists())
        .expect("libstandin.so is beside standin");
    // SAFETY: the library is our own.
    let library =
        unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) }
            .unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: that is its type, see src/lib.rs.
    let main =
        unsafe { library.get::<extern "C" fn() -> i32>(b"standin_main") };
    std::process::exit(main.expect("it is our own")());
}
