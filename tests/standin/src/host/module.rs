//! Modules: how they come and go, each with its library and its thread.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, mpsc};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::{Host, strerror};
use crate::abi::{Handle, Inbox, ModMain};

unsafe extern "C" {
    /// The thread: see parts.c.
    safe fn standin_thread(arg: *mut c_void) -> *mut c_void;
}

/// One that is loaded.
pub struct Module {
    /// Where requests to it go.
    pub inbox: Arc<Inbox>,
    thread: libc::pthread_t,
    /// Unmapped when this was dropped, which joins the thread.
    _library: Library,
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: it has not been joined: nobody else does.
        unsafe { libc::pthread_join(self.thread, ptr::null_mut()) };
    }
}

/// Opens a library as the broker does.
fn open(path: &Path) -> Result<(Library, ModMain), libloading::Error> {
    let flags = RTLD_NOW | RTLD_GLOBAL | libc::RTLD_DEEPBIND;
    // SAFETY: that the library may run code is the purpose.
    let library = unsafe { Library::open(Some(path), flags) }?;
    // SAFETY: that is the type of every module's mod_main.
    let main = *unsafe { library.get::<ModMain>(b"mod_main") }?;
    Ok((library, main))
}

impl Host {
    /// Loads a module, and waits until its reactor runs.
    pub fn load(
        self: &Arc<Self>,
        name: &str,
        path: &Path,
        args: &[&str],
    ) -> Result<(), String> {
        let _turn = self.turn.lock();
        if self.state().modules.contains_key(name) {
            return Err(strerror(libc::EEXIST));
        }
        let (library, mod_main) = open(path).map_err(|e| e.to_string())?;
        let (progress, progressed) = mpsc::channel();
        let handle = Handle::new(self, name, args, mod_main, progress);
        let inbox = handle.inbox.clone();
        let handle = Box::into_raw(handle).cast();
        let mut thread = 0;
        let new = &raw mut thread;
        // SAFETY: the thread gets the box, and gives it to `standin_ended`.
        let errno = unsafe {
            libc::pthread_create(new, ptr::null(), standin_thread, handle)
        };
        assert_eq!(errno, 0, "no thread could be made");
        let module = Module { inbox, thread, _library: library };
        self.state().modules.insert(name.into(), module);
        let errno = match progressed.recv() {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(errno)) if errno != 0 => errno,
            _ => libc::ECONNRESET,
        };
        // joined without the lock, which its thread may want
        let module = self.state().modules.remove(name);
        drop(module);
        Err(strerror(errno))
    }

    /// Unloads a module: asks it to end, or ends its thread.
    pub fn unload(&self, name: &str, cancel: bool) -> Result<(), String> {
        let _turn = self.turn.lock();
        if !cancel {
            self.ask(&format!("{name}.shutdown"), "")?;
        }
        // no requests to it from here on
        let module = self.state().modules.remove(name);
        let module = module.ok_or_else(|| strerror(libc::ENOENT))?;
        if cancel {
            // SAFETY: it has not been joined.
            unsafe { libc::pthread_cancel(module.thread) };
        }
        drop(module);
        self.log("standin", libc::LOG_DEBUG, &format!("module {name} exited"));
        Ok(())
    }

    /// Ends what is still loaded, as a broker does that shuts down.
    pub fn unload_all(&self) {
        let names: Vec<_> = self.state().modules.keys().cloned().collect();
        for name in names {
            self.problem(&format!("'{name}' was not properly shut down"));
            let _ = self.unload(&name, true);
        }
    }
}

/// What parts.c calls at the end, however it comes, with cancellation off.
#[unsafe(no_mangle)]
extern "C" fn standin_ended(h: Box<Handle>) {
    let (host, name) = (&h.host, h.name.to_string_lossy());
    if h.rc < 0 {
        host.log(&name, libc::LOG_CRIT, "module exiting abnormally");
        if h.entered {
            eprintln!("standin: {name}: module runtime failure");
            // as in Flux it takes the instance with it
            let _ = std::fs::remove_dir_all(&host.folder);
            std::process::exit(1);
        }
    }
    h.inbox.close();
    let leaks = h.leaks();
    if !leaks.is_empty() {
        host.problem(&format!("{name} did not destroy: {leaks:?}"));
    }
    let _ = h.progress.send(Err(if h.rc < 0 { h.errno } else { 0 }));
}
