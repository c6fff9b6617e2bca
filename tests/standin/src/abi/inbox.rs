//! What goes to and fro between threads: requests, responses, and the queue
//! in which they wait for a module.

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::sync::Arc;

use parking_lot::Mutex;

use super::c_text;
use crate::instance::Failure;

/// A payload ("" is none), or an error number and its text ("" is the
/// number's own).
pub type Response = Result<CString, (i32, CString)>;

/// Responses, made as they are taken.
pub type Responses = Box<dyn Iterator<Item = Response> + Send>;

/// Where responses go: who asked, and under which matchtag.
#[derive(Clone)]
pub struct Reply {
    /// Of who asked.
    pub inbox: Arc<Inbox>,
    /// By which it knows the request.
    pub tag: u32,
}

impl Reply {
    /// Sends responses; false if nobody is there any more.
    pub fn stream(&self, responses: Responses) -> bool {
        self.inbox.push(Message::Responses(self.tag, responses))
    }

    /// Sends one.
    pub fn send(&self, response: Response) -> bool {
        self.stream(Box::new(std::iter::once(response)))
    }

    /// Sends an error.
    pub fn fail(&self, (errno, text): Failure) -> bool {
        self.send(Err((errno, c_text(&text))))
    }
}

/// A request on its way; to C, `flux_msg_t`.
pub struct Request {
    /// `SERVICE.METHOD`.
    pub topic: CString,
    /// JSON, mostly.
    pub payload: CString,
    /// Whether more than one response is welcome.
    pub streaming: bool,
    /// Who asks.
    pub reply: Reply,
}

/// What waits for a module.
pub enum Message {
    /// Somebody asks it something.
    Request(Request),
    /// Responses under a matchtag of its own.
    Responses(u32, Responses),
}

/// What a module takes out of its queue.
pub enum Taken {
    /// Somebody asks it something.
    Request(Request),
    /// The next response under a matchtag.
    Response(u32, Response),
}

/// A module's queue. All threads put into it, the module's own takes out.
pub struct Inbox {
    /// None once it is closed.
    open: Mutex<Option<Open>>,
    fd: RawFd,
}

struct Open {
    queue: VecDeque<Message>,
    /// An eventfd, readable while something waits.
    event: File,
}

impl Inbox {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::eventfd(0, flags) };
        assert!(fd >= 0, "no eventfd could be made");
        // SAFETY: the descriptor is new and nobody else's.
        let event = unsafe { File::from_raw_fd(fd) };
        let open = Open { queue: VecDeque::new(), event };
        Arc::new(Self { open: Mutex::new(Some(open)), fd })
    }

    /// Appends a message; false if the module is gone.
    pub fn push(&self, message: Message) -> bool {
        let mut open = self.open.lock();
        let Some(open) = &mut *open else { return false };
        open.queue.push_back(message);
        if open.queue.len() == 1 {
            // cannot fail: the count is 0
            let _ = open.event.write(&1u64.to_ne_bytes());
        }
        true
    }

    /// Takes what is first.
    pub fn pop(&self) -> Option<Taken> {
        let mut open = self.open.lock();
        let Open { queue, event } = open.as_mut()?;
        loop {
            match queue.pop_front() {
                Some(Message::Request(request)) => {
                    queue.is_empty().then(|| event.read(&mut [0; 8]));
                    return Some(Taken::Request(request));
                }
                Some(Message::Responses(tag, mut rest)) => {
                    if let Some(response) = rest.next() {
                        queue.push_front(Message::Responses(tag, rest));
                        return Some(Taken::Response(tag, response));
                    }
                }
                None => {
                    let _ = event.read(&mut [0; 8]);
                    return None;
                }
            }
        }
    }

    /// How many messages wait; a stream is one.
    pub fn waiting(&self) -> usize {
        self.open.lock().as_ref().map_or(0, |open| open.queue.len())
    }

    /// Takes no more messages, and returns those left over.
    pub fn close(&self) -> VecDeque<Message> {
        self.open.lock().take().map(|open| open.queue).unwrap_or_default()
    }

    /// What to poll.
    pub fn fd(&self) -> RawFd {
        self.fd
    }
}
