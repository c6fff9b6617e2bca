//! The host: loads modules as the broker does, carries requests between them
//! and the instance, and does what it is told over a socket.
//!
//! The instance has a thread of its own, [`player`], so that no module waits
//! for it, however much it has to do. What the other threads share is small,
//! and behind one lock.

mod commands;
mod control;
mod module;
mod player;
mod start;

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::mpsc;

use parking_lot::{Mutex, MutexGuard};

use crate::abi::{self, Inbox, Message, Reply, Request, c_text};
pub use control::send;
use player::Work;
pub use start::start;

/// How many lines of the log are kept, as in Flux.
const LINES: usize = 1024;

const LEVELS: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What a command prints, or an error.
pub type Outcome = Result<String, String>;

/// What goes with an errno.
fn strerror(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

/// One instance.
pub struct Host {
    /// Those of the broker.
    pub attributes: BTreeMap<String, CString>,
    /// Where the control socket is: the user's alone.
    folder: PathBuf,
    /// To the instance.
    work: mpsc::Sender<Work>,
    state: Mutex<State>,
    /// Held while a module comes or goes: one after the other.
    turn: Mutex<()>,
}

#[derive(Default)]
struct State {
    modules: BTreeMap<String, module::Module>,
    log: VecDeque<String>,
    /// Something happened that makes the exit code 1.
    failed: bool,
}

impl Host {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sees to it that a request is answered, and never waits for that.
    pub fn route(&self, request: Request) {
        let topic = request.topic().into_owned();
        let service = topic.split('.').next().unwrap_or_default();
        let inbox = self.state().modules.get(service).map(|m| m.inbox.clone());
        match inbox {
            // one that has just gone drops it, which is an answer too
            Some(inbox) => {
                inbox.push(std::iter::once(Message::Request(request)));
            }
            None => {
                let _ = self.work.send(Work::Request(request));
            }
        }
    }

    /// Makes a request and waits for the answer.
    fn ask(&self, topic: &str, payload: &str) -> Outcome {
        let inbox = Inbox::new();
        let reply = Reply { inbox: inbox.clone(), tag: 0 };
        self.route(Request {
            topic: c_text(topic),
            payload: c_text(payload),
            streaming: false,
            reply: Cell::new(Some(reply)),
        });
        let response = loop {
            match inbox.pop() {
                Some(Message::Response(_, response)) => break response,
                _ => abi::standin_wait(inbox.fd, -1.0),
            }
        };
        let said = |text: CString| text.to_string_lossy().into_owned();
        response.map(said).map_err(|(errno, text)| {
            let text = said(text);
            let text = if text.is_empty() { strerror(errno) } else { text };
            format!("{topic}: {text}")
        })
    }

    /// Has the instance carry out a command.
    fn instruct(&self, words: &[&str]) -> Outcome {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let (outcome, done) = mpsc::channel();
        let _ = self.work.send(Work::Command(words, outcome));
        done.recv().map_err(|_| "the instance is gone".to_owned())?
    }

    /// Adds a line to the log; what is serious goes to stderr as well.
    pub fn log(&self, name: &str, level: i32, text: &str) {
        let level = usize::try_from(level).unwrap_or(0).min(LEVELS.len() - 1);
        let line = format!("{name}.{}[0]: {text}\n", LEVELS[level]);
        if level <= libc::LOG_ERR as usize {
            eprint!("{line}");
        }
        let mut state = self.state();
        if state.log.len() == LINES {
            state.log.pop_front();
        }
        state.log.push_back(line);
    }

    /// Says that something went wrong that no test may overlook.
    fn problem(&self, text: &str) {
        eprintln!("standin: {text}");
        self.state().failed = true;
    }
}
