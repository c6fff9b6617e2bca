//! What goes to and fro between threads: requests, responses, and the queue
//! in which they wait for a module.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// A payload, or an error number and its text ("" is the number's own).
pub type Response = Result<Option<String>, (i32, String)>;

/// Where the response goes.
#[derive(Clone)]
pub enum Reply {
    /// To the module that asked, under its matchtag.
    Module(Arc<Inbox>, u32),
    /// To a command.
    Command(mpsc::Sender<Response>),
}

impl Reply {
    /// Sends one response; false if nobody is there any more.
    pub fn send(&self, response: Response) -> bool {
        match self {
            Self::Module(inbox, tag) => {
                inbox.push(Message::Response(*tag, response))
            }
            Self::Command(sender) => sender.send(response).is_ok(),
        }
    }
}

/// A request on its way.
#[derive(Clone)]
pub struct Request {
    /// `SERVICE.METHOD`.
    pub topic: String,
    /// JSON, mostly.
    pub payload: Option<String>,
    /// The sender's `FLUX_ROLE_*` bits.
    pub role: u32,
    /// Whether more than one response is welcome.
    pub streaming: bool,
    /// Who asks.
    pub reply: Reply,
}

/// What waits for a module.
pub enum Message {
    /// Somebody asks it something.
    Request(Request),
    /// The response under a matchtag of its own.
    Response(u32, Response),
    /// Many responses, made when it is their turn.
    Backlog(u32, Box<dyn Iterator<Item = String> + Send>),
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
    pub fn new() -> std::io::Result<Arc<Self>> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::eventfd(0, flags) };
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let event = unsafe { File::from_raw_fd(fd) };
        let open = Open { queue: VecDeque::new(), event };
        Ok(Arc::new(Self { open: Mutex::new(Some(open)), fd }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message; false if the module is gone.
    pub fn push(&self, message: Message) -> bool {
        let mut open = self.lock();
        let Some(open) = &mut *open else { return false };
        open.queue.push_back(message);
        if open.queue.len() == 1 {
            // cannot fail: the count is 0
            let _ = open.event.write(&1u64.to_ne_bytes());
        }
        true
    }

    /// Takes the first message.
    pub fn pop(&self) -> Option<Message> {
        let mut open = self.lock();
        let Open { queue, event } = open.as_mut()?;
        let message = loop {
            match queue.pop_front() {
                Some(Message::Backlog(tag, mut rest)) => {
                    if let Some(line) = rest.next() {
                        queue.push_front(Message::Backlog(tag, rest));
                        break Some(Message::Response(tag, Ok(Some(line))));
                    }
                }
                message => break message,
            }
        };
        if queue.is_empty() {
            let _ = event.read(&mut [0; 8]);
        }
        message
    }

    /// How many wait; a backlog is one.
    pub fn waiting(&self) -> usize {
        self.lock().as_ref().map_or(0, |open| open.queue.len())
    }

    /// Takes no more messages, and returns those left over.
    pub fn close(&self) -> VecDeque<Message> {
        self.lock().take().map(|open| open.queue).unwrap_or_default()
    }

    /// What to poll.
    pub fn fd(&self) -> RawFd {
        self.fd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(inbox: &Inbox) -> bool {
        let mut fd =
            libc::pollfd { fd: inbox.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    #[test]
    fn it_is_readable_while_something_waits() {
        let inbox = Inbox::new().unwrap();
        assert!(!readable(&inbox));
        let lines = ["a", "b"].map(String::from).into_iter();
        inbox.push(Message::Backlog(1, Box::new(lines)));
        inbox.push(Message::Response(1, Ok(None)));
        for expected in [Some("a"), Some("b"), None] {
            assert!(readable(&inbox));
            let Some(Message::Response(1, Ok(line))) = inbox.pop() else {
                panic!("no response")
            };
            assert_eq!(line.as_deref(), expected);
        }
        assert!(!readable(&inbox));
        inbox.push(Message::Backlog(1, Box::new(std::iter::empty())));
        assert!(inbox.pop().is_none() && !readable(&inbox));
        assert!(inbox.close().is_empty());
        assert!(!inbox.push(Message::Response(1, Ok(None))));
    }
}
