//! Modules: how they come and go, each with its library and its thread.

use std::collections::VecDeque;
use std::ffi::{CString, c_int, c_void};
use std::path::Path;
use std::sync::{Arc, mpsc};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::Host;
use crate::abi::handle::ModMain;
use crate::abi::{Handle, Inbox, c_text, strerror};

/// Linux cuts thread names off here, or refuses them.
const THREAD_NAME: usize = 15;

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
        unsafe { libc::pthread_join(self.thread, std::ptr::null_mut()) };
    }
}

/// Opens a library as the broker does.
fn open(path: &Path) -> Result<(Library, ModMain), String> {
    // the way out for sanitizers and preloaded allocators, as in Flux
    let deep = match std::env::var("FLUX_LOAD_WITH_DEEPBIND").as_deref() {
        Ok("0") => 0,
        _ => libc::RTLD_DEEPBIND,
    };
    let flags = RTLD_NOW | RTLD_GLOBAL | deep;
    // SAFETY: that the library may run code is the purpose.
    let library = unsafe { Library::open(Some(path), flags) };
    let library = library.map_err(|error| error.to_string())?;
    // SAFETY: that is the type of every module's mod_main.
    let main = unsafe { library.get::<ModMain>(b"mod_main") };
    let main = *main.map_err(|error| error.to_string())?;
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
        let (library, mod_main) = open(path)?;
        let (progress, progressed) = mpsc::channel();
        let handle = Box::new(self.handle(name, args, mod_main, progress));
        let inbox = handle.inbox.clone();
        let mut thread = 0;
        // SAFETY: the thread gets the box, and gives it to `standin_ended`.
        let errno = unsafe {
            libc::pthread_create(
                &raw mut thread,
                std::ptr::null(),
                standin_thread,
                Box::into_raw(handle).cast(),
            )
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

    fn handle(
        self: &Arc<Self>,
        name: &str,
        args: &[&str],
        mod_main: ModMain,
        progress: mpsc::Sender<Result<(), i32>>,
    ) -> Handle {
        // joined and split again, as the broker does since 0.84
        let args = args.join(" ");
        let args: Vec<CString> =
            args.split(' ').filter(|a| !a.is_empty()).map(c_text).collect();
        let mut argv: Vec<_> =
            args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        argv.push(std::ptr::null_mut());
        let inbox = Inbox::new();
        let short: String = name.chars().take(THREAD_NAME).collect();
        let short = c_text(&short);
        Handle {
            mod_main,
            argc: args.len() as c_int,
            argv: argv.as_mut_ptr(),
            thread_name: short.as_ptr(),
            rc: 0,
            errno: 0,
            fd: inbox.fd(),
            seconds: -1.0,
            watcher: std::ptr::null_mut(),
            message: std::ptr::null(),
            name: c_text(name),
            strings: (short, args, argv),
            host: self.clone(),
            inbox,
            progress,
            entered: false,
            stopped: false,
            debug_flags: None,
            deferred: VecDeque::new(),
            watchers: Vec::new(),
            current: None,
            last_tag: 0,
        }
    }

    /// Unloads a module: asks it to end, or ends its thread.
    pub fn unload(
        self: &Arc<Self>,
        name: &str,
        cancel: bool,
    ) -> Result<(), String> {
        let _turn = self.turn.lock();
        if !self.state().modules.contains_key(name) {
            return Err(strerror(libc::ENOENT));
        }
        if !cancel {
            self.ask(&format!("{name}.shutdown"), "")
                .map_err(|(_, text)| text.to_string_lossy().into_owned())?;
        }
        // no requests to it from here on
        let module = self.state().modules.remove(name);
        if let Some(module) = &module {
            if cancel {
                // SAFETY: it has not been joined.
                unsafe { libc::pthread_cancel(module.thread) };
            }
        }
        drop(module);
        self.log("standin", libc::LOG_DEBUG, &format!("module {name} exited"));
        Ok(())
    }

    /// Ends what is still loaded, as a broker does that shuts down.
    pub fn unload_all(self: &Arc<Self>) {
        let names: Vec<_> = self.state().modules.keys().cloned().collect();
        for name in names {
            self.problem(&format!(
                "module '{name}' was not properly shut down"
            ));
            let _ = self.unload(&name, true);
        }
    }
}

/// What parts.c calls at the end, however it comes, with cancellation off.
#[unsafe(no_mangle)]
pub extern "C" fn standin_ended(mut h: Box<Handle>) {
    let (host, name) = (h.host.clone(), h.name.to_string_lossy().into_owned());
    let mut errno = 0;
    if h.rc < 0 {
        errno = h.errno;
        host.log(&name, libc::LOG_CRIT, "module exiting abnormally");
        if h.entered {
            eprintln!("standin: {name}: module runtime failure");
            // as in Flux it takes the instance with it
            let _ = std::fs::remove_dir_all(&host.folder);
            std::process::exit(1);
        }
    }
    if let Some(leaks) = h.close() {
        host.problem(&format!("{name} did not destroy: {leaks}"));
    }
    let _ = h.progress.send(Err(errno));
}
