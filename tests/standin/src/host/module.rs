//! One module: its library, its thread, and how both end.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use super::Host;
use crate::abi::handle::Broker;
use crate::abi::{Handle, Inbox, c_text};

/// Linux cuts thread names off here, or refuses them.
const THREAD_NAME: usize = 15;

type ModMain =
    unsafe extern "C-unwind" fn(*mut Handle, c_int, *mut *mut c_char) -> c_int;

unsafe extern "C" {
    /// The thread: see thread.c.
    safe fn standin_thread(arg: *mut c_void) -> *mut c_void;
}

/// `struct thread` of thread.c, and what only Rust knows of it.
#[repr(C)]
pub struct Thread {
    h: Box<Handle>,
    mod_main: ModMain,
    argc: c_int,
    argv: *mut *mut c_char,
    thread_name: *const c_char,
    rc: c_int,
    errno: c_int,

    name: String,
    host: Arc<Host>,
    ended: Arc<AtomicBool>,
    progress: mpsc::Sender<Progress>,
    // what the pointers above point to
    _thread_name: CString,
    _args: Vec<CString>,
    _argv: Vec<*mut c_char>,
}

/// How far a module has come.
pub enum Progress {
    /// Its reactor runs.
    Running,
    /// Its thread is about to end, with this errno.
    Ended(i32),
}

/// A library that is open; closing it unmaps it.
pub struct Library(*mut c_void);

// SAFETY: the loader locks for itself.
unsafe impl Send for Library {}

impl Library {
    /// Opens it as the broker does.
    pub fn open(path: &Path) -> Result<Self, String> {
        let path =
            c_text(&String::from_utf8_lossy(path.as_os_str().as_bytes()));
        // the way out for sanitizers and preloaded allocators, as in Flux
        let deep = match std::env::var("FLUX_LOAD_WITH_DEEPBIND").as_deref() {
            Ok("0") => 0,
            _ => libc::RTLD_DEEPBIND,
        };
        let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | deep;
        // SAFETY: a C string; that the library may run code is the purpose.
        let library = unsafe { libc::dlopen(path.as_ptr(), flags) };
        if library.is_null() {
            // SAFETY: dlopen has just failed, so there is a message.
            let text = unsafe { CStr::from_ptr(libc::dlerror()) };
            return Err(text.to_string_lossy().into_owned());
        }
        Ok(Self(library))
    }

    fn mod_main(&self) -> Option<ModMain> {
        // SAFETY: the library is open.
        let main = unsafe { libc::dlsym(self.0, c"mod_main".as_ptr()) };
        // SAFETY: that is the type of every module's mod_main.
        (!main.is_null()).then(|| unsafe {
            std::mem::transmute::<*mut c_void, ModMain>(main)
        })
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: open, and the module's thread has been joined.
        unsafe { libc::dlclose(self.0) };
    }
}

/// A module that is loaded.
pub struct Module {
    /// Where requests to it go.
    pub inbox: Arc<Inbox>,
    thread: libc::pthread_t,
    ended: Arc<AtomicBool>,
    _library: Library,
}

impl Module {
    /// Starts the thread. The module is loaded when it says `Running`.
    pub fn start(
        host: &Arc<Host>,
        name: &str,
        path: &Path,
        args: &[String],
    ) -> Result<(Self, mpsc::Receiver<Progress>), String> {
        let library = Library::open(path)?;
        let mod_main =
            library.mod_main().ok_or("module does not define mod_main()")?;
        let inbox = Inbox::new().map_err(|error| error.to_string())?;
        let (progress, receiver) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));

        let running = progress.clone();
        let broker: Arc<dyn Broker> = host.clone();
        let handle = Handle::new(broker, inbox.clone(), name, move || {
            let _ = running.send(Progress::Running);
        });
        // joined and split again, as the broker does since 0.84
        let args = args.join(" ");
        let args: Vec<CString> =
            args.split(' ').filter(|a| !a.is_empty()).map(c_text).collect();
        let mut argv: Vec<_> =
            args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        argv.push(std::ptr::null_mut());
        let thread_name: String = name.chars().take(THREAD_NAME).collect();
        let thread_name = c_text(&thread_name);
        let thread = Box::new(Thread {
            h: Box::new(handle),
            mod_main,
            argc: c_int::try_from(args.len()).unwrap_or(0),
            argv: match args.is_empty() {
                true => std::ptr::null_mut(),
                false => argv.as_mut_ptr(),
            },
            thread_name: thread_name.as_ptr(),
            rc: 0,
            errno: 0,
            name: name.into(),
            host: host.clone(),
            ended: ended.clone(),
            progress,
            _thread_name: thread_name,
            _args: args,
            _argv: argv,
        });
        let mut id = 0;
        // SAFETY: the thread gets the box, and gives it to `standin_ended`.
        let errno = unsafe {
            libc::pthread_create(
                &raw mut id,
                std::ptr::null(),
                standin_thread,
                Box::into_raw(thread).cast(),
            )
        };
        assert_eq!(errno, 0, "no thread could be made");
        let module = Self { inbox, thread: id, ended, _library: library };
        Ok((module, receiver))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends the thread where it waits, as `--cancel` does.
    pub fn cancel(&self) {
        // SAFETY: it has not been joined.
        unsafe { libc::pthread_cancel(self.thread) };
    }

    /// Waits for the thread to end; then the library is closed.
    pub fn join(self) {
        // SAFETY: nobody else joins it, for self is used up.
        unsafe { libc::pthread_join(self.thread, std::ptr::null_mut()) };
    }
}

/// What thread.c calls at the end, however it comes, with cancellation off.
#[unsafe(no_mangle)]
pub extern "C" fn standin_ended(mut thread: Box<Thread>) {
    let (host, name) = (&thread.host, &thread.name);
    let mut errno = 0;
    if thread.rc < 0 {
        errno = if thread.errno == 0 { libc::ECONNRESET } else { thread.errno };
        host.log(name, libc::LOG_CRIT, "module exiting abnormally");
        if thread.h.was_entered() {
            eprintln!("standin: {name}: module runtime failure");
            host.clean_up();
            // as in Flux it takes the instance with it
            std::process::exit(1);
        }
    }
    if let Some(leaks) = thread.h.leaks() {
        host.problem(&format!("{name} did not destroy {leaks}"));
    }
    thread.h.close();
    thread.ended.store(true, Ordering::Release);
    let _ = thread.progress.send(Progress::Ended(errno));
}
