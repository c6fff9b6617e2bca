//! What goes to and fro between threads: requests, responses, and the queue
//! in which they wait for a module.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::iter::once;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{c_text, reactor::standin_wait};

/// An error number, and its text: "" is the number's own.
pub type Failure = (i32, CString);

/// A payload ("" is none), or an error.
pub type Response = Result<CString, Failure>;

/// A request on its way; to C, `flux_msg_t`. One that is dropped without an
/// answer is answered that nobody was there to do it.
pub struct Request {
    /// `SERVICE.METHOD`.
    pub topic: CString,
    /// JSON, mostly.
    pub payload: CString,
    /// Taken by who answers.
    pub reply: Cell<Option<Inbox>>,
}

impl Request {
    pub fn new(topic: CString, payload: CString, reply: Inbox) -> Self {
        Self { topic, payload, reply: Some(reply).into() }
    }

    pub fn topic(&self) -> Cow<'_, str> {
        self.topic.to_string_lossy()
    }

    pub fn respond(&self, response: Response) {
        if let Some(reply) = self.reply.take() {
            reply.send(once(response));
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let text =
            format!("No service matching {} is registered", self.topic());
        self.respond(Err((libc::ENOSYS, c_text(&text))));
    }
}

/// What a module takes out of its queue.
pub enum Message {
    Request(Request),
    /// Under the matchtag of the request that it answers.
    Response(u32, Response),
}

/// One message or a stream of them.
type Messages = Box<dyn Iterator<Item = Message> + Send>;

/// The way into a module's queue, for all threads.
#[derive(Clone)]
pub struct Inbox {
    sender: Sender<Messages>,
    /// An eventfd that counts what waits, and is readable meanwhile.
    count: Arc<File>,
    /// That of the request that responses are to.
    tag: u32,
}

impl Inbox {
    /// Appends messages, which are made as they are taken; false if the
    /// module is gone.
    pub fn push(
        &self,
        messages: impl Iterator<Item = Message> + Send + 'static,
    ) -> bool {
        let sent = self.sender.send(Box::new(messages)).is_ok();
        let _ = (&*self.count).write(&1u64.to_ne_bytes()); // cannot fail
        sent
    }

    /// The same with responses.
    pub fn send(
        &self,
        responses: impl Iterator<Item = Response> + Send + 'static,
    ) -> bool {
        let tag = self.tag;
        self.push(responses.map(move |r| Message::Response(tag, r)))
    }

    /// How many messages wait; a stream is one.
    pub fn waiting(&self) -> usize {
        self.sender.len()
    }
}

/// The queue. What still waits when it goes is dropped.
pub struct Queue {
    pub inbox: Inbox,
    receiver: Receiver<Messages>,
    /// Of which some were taken.
    first: Option<Messages>,
}

impl Queue {
    pub fn new() -> Self {
        let flags =
            libc::EFD_CLOEXEC | libc::EFD_NONBLOCK | libc::EFD_SEMAPHORE;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::eventfd(0, flags) };
        assert!(fd >= 0, "no eventfd could be made");
        // SAFETY: the descriptor is new and nobody else's.
        let count = Arc::new(unsafe { File::from_raw_fd(fd) });
        let (sender, receiver) = unbounded();
        Self { inbox: Inbox { sender, count, tag: 0 }, receiver, first: None }
    }

    /// Where the response under this matchtag is to go: here.
    pub fn reply(&self, tag: u32) -> Inbox {
        Inbox { tag, ..self.inbox.clone() }
    }

    /// What to poll once there is nothing to take.
    pub fn fd(&self) -> RawFd {
        self.inbox.count.as_raw_fd()
    }

    /// Takes what is first; waits that many seconds for it, if there is
    /// nothing, or without end if that is negative.
    pub fn wait(&mut self, seconds: f64) -> Option<Message> {
        self.pop().or_else(|| {
            standin_wait(self.fd(), seconds);
            self.pop()
        })
    }

    /// Takes what is first.
    pub fn pop(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.first.as_mut().and_then(Iterator::next)
            {
                return Some(message);
            }
            (&*self.inbox.count).read_exact(&mut [0; 8]).ok()?;
            self.first = self.receiver.try_recv().ok();
        }
    }
}
