//! A line to the parent instance, on a thread of its own.
//!
//! libflux opens a connection with calls that block: a parent that is
//! stopped, or that does not accept, would hold up the reactor for as long.
//! And when a connection ends, libflux ends the reactor that it is in. So
//! neither the handle nor its reactor is ours: all that is shared with this
//! thread is a channel each way.

use std::ffi::CString;
use std::io::Read;
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{Error, Result, handle, rpc, sys, thread};

/// The name of the thread, as `ps -L` shows it.
const THREAD: &str = "prom-parent";

/// How long the parent may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// And for all that is sent at the end.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the thread may take to end beyond that.
const GRACE: Duration = Duration::from_secs(2);

/// How long one that is to ask again waits.
const PAUSE: Duration = Duration::from_millis(250);

/// The parent's broker is where the module is.
const RANK: u32 = 0;

/// A connection to one service of another instance, opened when it is needed.
pub struct Uplink {
    calls: SyncSender<String>,
    replies: Receiver<Result<()>>,
    ending: Arc<OnceLock<Instant>>,
    thread: JoinHandle<()>,
}

impl Uplink {
    /// Starts the thread. Only a URI `local:///PATH` will do: others take
    /// programs such as ssh.
    pub fn start(uri: &str, topic: &str) -> Result<Self> {
        let Some(path) = uri.strip_prefix("local://") else {
            let text = format!("{uri}: only local:// can be reached");
            return Err(Error::new(libc::EPROTONOSUPPORT, text));
        };
        let path = path.to_owned();
        // room for what is sent at the end
        let (calls, called) = mpsc::sync_channel::<String>(2);
        let (reply, replies) = mpsc::channel();
        let ending = Arc::new(OnceLock::new());
        let line = Line {
            path,
            uri: handle::c_text(uri),
            topic: handle::c_text(topic),
            ending: ending.clone(),
        };
        let run = move || {
            let mut link = None;
            for payload in called {
                let until = line.ending.get().copied();
                let result = line.exchange(&mut link, &payload, until);
                if result.is_err() {
                    // whatever it was, a new one is as good or better
                    link = None;
                }
                if reply.send(result).is_err() {
                    break;
                }
            }
        };
        // a write to a parent that is gone is SIGPIPE
        let thread = thread::with_signals_blocked(|| {
            Builder::new().name(THREAD.into()).spawn(run)
        })?;
        Ok(Self { calls, replies, ending, thread })
    }

    /// Has a request sent, and returns at once. One at a time.
    pub fn send(&self, payload: String) -> Result<()> {
        let gone = |_| Error::new(libc::EPIPE, "the thread is gone");
        self.calls.try_send(payload).map_err(gone)
    }

    /// What came of the last request, once, when that is known.
    pub fn reply(&self) -> Option<Result<()>> {
        self.replies.try_recv().ok()
    }

    /// Sends these last ones, at most two, and ends the thread. False if it
    /// does not end in time: then the library has to stay mapped.
    pub fn end(self, last: Vec<String>) -> bool {
        let Self { calls, replies, ending, thread } = self;
        let until = Instant::now() + LAST_TIMEOUT;
        // only here, once
        let _ = ending.set(until);
        for payload in last {
            // a thread that is stuck has no room, and takes no more
            let _ = calls.try_send(payload);
        }
        drop(calls);
        let until = until + GRACE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match replies.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
        // past its last act
        let _ = thread.join();
        true
    }
}

/// Where it leads.
struct Line {
    path: String,
    uri: CString,
    topic: CString,
    /// Until when all has to be over, once that is known.
    ending: Arc<OnceLock<Instant>>,
}

impl Line {
    /// One request and its answer. At the end all have the time `until`, and
    /// what was under way before is left.
    fn exchange(
        &self,
        link: &mut Option<Link>,
        payload: &str,
        until: Option<Instant>,
    ) -> Result<()> {
        let payload = handle::c_text(payload);
        let last = until.is_some();
        let until = until.unwrap_or_else(|| Instant::now() + TIMEOUT);
        let more =
            || (last || self.ending.get().is_none()) && Instant::now() < until;
        loop {
            let open = match link {
                Some(open) => open,
                None => link.insert(self.open(until)?),
            };
            let result = open.rpc(&self.topic, &payload, &more);
            match result {
                Err(error) if error.errno == libc::EAGAIN && more() => {
                    std::thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    fn open(&self, until: Instant) -> Result<Link> {
        self.probe(until.min(Instant::now() + GRACE))?;
        // SAFETY: a C string; it blocks until the parent has said hello, and
        // it has done so a moment ago.
        let raw = unsafe { sys::flux_open(self.uri.as_ptr(), 0) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Link { raw, _one_thread: PhantomData }),
            None => Err(Error::last()),
        }
    }

    /// Whether the parent accepts connections, which is seen with a timeout
    /// here and without one in libflux: the broker says hello with one byte.
    fn probe(&self, until: Instant) -> Result<()> {
        let left = || match until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Error::new(libc::ETIMEDOUT, "no time left")),
            left => Ok(left),
        };
        let mut socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let address = SockAddr::unix(Path::new(&self.path))?;
        socket.connect_timeout(&address, left()?)?;
        socket.set_read_timeout(Some(left()?))?;
        match socket.read(&mut [0])? {
            1 => Ok(()),
            _ => Err(Error::new(libc::ECONNRESET, "it hangs up")),
        }
    }
}

/// An open connection, which never leaves the thread that opened it.
struct Link {
    raw: NonNull<sys::flux_t>,
    _one_thread: PhantomData<*mut ()>,
}

impl Link {
    /// Waits for the answer while there is `more` time.
    fn rpc(
        &self,
        topic: &CString,
        payload: &CString,
        more: &dyn Fn() -> bool,
    ) -> Result<()> {
        // SAFETY: the handle is open, both strings are C strings.
        let future = unsafe {
            sys::flux_rpc(
                self.raw.as_ptr(),
                topic.as_ptr(),
                payload.as_ptr(),
                RANK,
                0,
            )
        };
        if future.is_null() {
            return Err(Error::last());
        }
        let result = loop {
            let pause = PAUSE.as_secs_f64();
            // SAFETY: the future is valid until destroyed below.
            if unsafe { sys::flux_future_wait_for(future, pause) } == 0 {
                // SAFETY: as above, and it is ready.
                break unsafe { rpc::reply(future) }.map(drop);
            }
            let error = Error::last();
            if error.errno != libc::ETIMEDOUT || !more() {
                break Err(error);
            }
        };
        // SAFETY: it is ours, and nothing of the reply is used any more.
        unsafe { sys::flux_future_destroy(future) };
        result
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // SAFETY: it was opened here, and everything made from it is gone.
        unsafe { sys::flux_close(self.raw.as_ptr()) }
    }
}
