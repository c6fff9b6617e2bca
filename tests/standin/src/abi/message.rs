//! What goes to and fro between threads: requests, responses, and the queue
//! in which they wait for a module.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::sync::Arc;

use parking_lot::Mutex;

use super::c_text;
use crate::instance::{Failure, no_service};

/// A payload ("" is none), or an error number and its text ("" is the
/// number's own).
pub type Response = Result<CString, (i32, CString)>;

/// A failure as a response.
pub fn failed((errno, text): Failure) -> Response {
    Err((errno, c_text(&text)))
}

/// Where responses go: to who asked, under the matchtag of the request.
#[derive(Clone)]
pub struct Reply {
    pub inbox: Arc<Inbox>,
    pub tag: u32,
}

impl Reply {
    /// Sends responses, which are made as they are taken; false if nobody is
    /// there any more.
    pub fn send<I>(&self, responses: I) -> bool
    where
        I: IntoIterator<Item = Response>,
        I::IntoIter: Send + 'static,
    {
        let tag = self.tag;
        let responses = responses.into_iter();
        self.inbox.push(responses.map(move |r| Message::Response(tag, r)))
    }
}

/// A request on its way; to C, `flux_msg_t`. One that is dropped without an
/// answer is answered that nobody was there to do it.
pub struct Request {
    /// `SERVICE.METHOD`.
    pub topic: CString,
    /// JSON, mostly.
    pub payload: CString,
    /// Whether more than one response is welcome.
    pub streaming: bool,
    /// Taken by who answers.
    pub reply: Cell<Option<Reply>>,
}

impl Request {
    pub fn topic(&self) -> Cow<'_, str> {
        self.topic.to_string_lossy()
    }

    pub fn respond(&self, response: Response) {
        if let Some(reply) = self.reply.take() {
            reply.send([response]);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.respond(failed(no_service(&self.topic())));
    }
}

/// What a module takes out of its queue.
pub enum Message {
    Request(Request),
    /// Under the matchtag of the request that it answers.
    Response(u32, Response),
}

/// A module's queue. All threads put into it, the module's own takes out.
pub struct Inbox {
    /// None once it is closed.
    open: Mutex<Option<Open>>,
    /// What to poll.
    pub fd: RawFd,
}

struct Open {
    /// Each is one message or a stream of them.
    queue: VecDeque<Box<dyn Iterator<Item = Message> + Send>>,
    /// An eventfd, readable while something waits.
    event: File,
}

impl Inbox {
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

    /// Appends messages; false if the module is gone.
    pub fn push<I>(&self, messages: I) -> bool
    where
        I: Iterator<Item = Message> + Send + 'static,
    {
        let mut open = self.open.lock();
        let Some(open) = &mut *open else { return false };
        open.queue.push_back(Box::new(messages));
        if open.queue.len() == 1 {
            // cannot fail: the count is 0
            let _ = open.event.write(&1u64.to_ne_bytes());
        }
        true
    }

    /// Takes what is first.
    pub fn pop(&self) -> Option<Message> {
        let mut open = self.open.lock();
        let Open { queue, event } = open.as_mut()?;
        while let Some(first) = queue.front_mut() {
            if let Some(message) = first.next() {
                return Some(message);
            }
            queue.pop_front();
        }
        let _ = event.read(&mut [0; 8]);
        None
    }

    /// How many messages wait; a stream is one.
    pub fn waiting(&self) -> usize {
        self.open.lock().as_ref().map_or(0, |open| open.queue.len())
    }

    /// Takes no more messages, and drops those that wait.
    pub fn close(&self) {
        // not under the lock: requests among them are answered
        let open = self.open.lock().take();
        drop(open);
    }
}
