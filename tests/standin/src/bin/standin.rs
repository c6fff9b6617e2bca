//! Loads libstandin.so so that what it exports is in the global scope, as
//! libflux-core is in a broker, and runs it.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

const MAIN: &CStr = c"standin_main";

fn main() {
    let here = std::env::current_exe().expect("/proc is mounted");
    let folder = here.parent().expect("a file is in a folder");
    // cargo leaves it in deps/, and the newest one only there
    let library = ["deps/libstandin.so", "libstandin.so"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| die("libstandin.so: not found beside standin"));
    let path = CString::new(library.as_os_str().as_bytes())
        .expect("a path has no NUL");
    // SAFETY: the path is a C string; the library is our own.
    let library = unsafe {
        libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL)
    };
    if library.is_null() {
        // SAFETY: dlopen has just failed, so there is a message.
        let text = unsafe { CStr::from_ptr(libc::dlerror()) };
        die(&text.to_string_lossy())
    }
    // SAFETY: both arguments are valid.
    let main = unsafe { libc::dlsym(library, MAIN.as_ptr()) };
    assert!(!main.is_null(), "libstandin.so is another library");
    // SAFETY: that is its type, see src/lib.rs.
    let main = unsafe {
        std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> i32>(main)
    };
    std::process::exit(main());
}

fn die(text: &str) -> ! {
    eprintln!("standin: {text}");
    std::process::exit(1)
}
