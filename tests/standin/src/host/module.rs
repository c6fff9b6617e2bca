//! Modules: how they come and go, each with its library and its thread.

use std::ffi::c_void;
use std::io::Error;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, mpsc};

use anyhow::{Context, Result, bail};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::Host;
use crate::abi::{Handle, Inbox, ModMain};

unsafe extern "C" {
    /// The thread: see parts.c.
    safe fn standin_thread(arg: *mut c_void) -> *mut c_void;
}

/// One that is loaded.
pub struct Module {
    /// Where requests to it go.
    pub inbox: Inbox,
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
fn open(path: &Path) -> Result<(Library, ModMain)> {
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
    ) -> Result<()> {
        let _turn = self.turn.lock();
        if self.state.lock().modules.contains_key(name) {
            bail!(Error::from_raw_os_error(libc::EEXIST));
        }
        let (library, mod_main) = open(path)?;
        let (progress, progressed) = mpsc::channel();
        let handle = Handle::new(self, name, args, mod_main, progress);
        let inbox = handle.queue.inbox.clone();
        let handle = Box::into_raw(handle).cast();
        let mut thread = 0;
        let new = &raw mut thread;
        // SAFETY: the thread gets the box, and gives it to `standin_ended`.
        let errno = unsafe {
            libc::pthread_create(new, ptr::null(), standin_thread, handle)
        };
        assert_eq!(errno, 0, "no thread could be made");
        let module = Module { inbox, thread, _library: library };
        self.state.lock().modules.insert(name.into(), module);
        let errno = progressed.recv()?;
        if errno == 0 {
            return Ok(());
        }
        // joined without the lock, which its thread may want
        let module = self.state.lock().modules.remove(name);
        drop(module);
        bail!(Error::from_raw_os_error(errno))
    }

    /// Unloads a module: asks it to end, or ends its thread.
    pub fn unload(&self, name: &str, cancel: bool) -> Result<()> {
        let _turn = self.turn.lock();
        if !cancel {
            self.ask(&format!("{name}.shutdown"), "")?;
        }
        // no requests to it from here on
        let module = self.state.lock().modules.remove(name);
        let module = module.context("it has just gone")?;
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
        let names: Vec<_> = self.state.lock().modules.keys().cloned().collect();
        for name in names {
            self.problem(&format!("'{name}' was not properly shut down"));
            let _ = self.unload(&name, true);
        }
    }
}

/// What parts.c calls of a module that can be canceled in its reactor, which in
/// Flux may be while it has a lock that the broker wants.
#[unsafe(no_mangle)]
extern "C" fn standin_cancelable(h: &Handle) {
    let name = h.name.to_string_lossy();
    h.host.problem(&format!("{name} can be canceled in its reactor"));
}

/// What parts.c calls at the end, however it comes, with cancellation off.
#[unsafe(no_mangle)]
extern "C" fn standin_ended(h: Box<Handle>) {
    let (host, name) = (&h.host, h.name.to_string_lossy());
    if h.rc < 0 {
        host.log(&name, libc::LOG_CRIT, "module exiting abnormally");
        if h.progress.is_none() {
            eprintln!("standin: {name}: module runtime failure");
            // as in Flux it takes the instance with it
            let _ = std::fs::remove_dir_all(&host.folder);
            std::process::exit(1);
        }
    }
    let leaks = h.leaks();
    if !leaks.is_empty() {
        host.problem(&format!("{name} did not destroy: {leaks:?}"));
    }
    let known = h.rc < 0 && h.errno != 0;
    let errno = if known { h.errno } else { libc::ECONNRESET };
    let _ = h.progress.as_ref().map(|progress| progress.send(errno));
}
