//! The host: loads modules as the broker does, carries requests between them
//! and the instance, and does what it is told over a socket.
//!
//! The instance has a thread of its own, see [`start`], so that no module waits
//! for it, however much it has to do. What the other threads share is small,
//! and behind one lock.

mod commands;
mod control;
mod module;
mod start;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::io::Error;
use std::iter::once;
use std::path::PathBuf;

use anyhow::Result;
use parking_lot::Mutex;
use serde_json::json;

use crate::abi::{Inbox, Message, Queue, Request, Response, c_text};
pub use control::send;
pub use start::start;

/// How many lines of the log are kept, as in Flux.
const LINES: usize = 1024;

const LEVELS: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// One instance.
pub struct Host {
    /// Those of the broker.
    pub attributes: BTreeMap<String, CString>,
    /// Where the control socket is: the user's alone.
    folder: PathBuf,
    /// To the instance.
    instance: Inbox,
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
    /// Sees to it that a request is answered, and never waits for that.
    pub fn route(&self, request: Request) {
        let topic = request.topic().into_owned();
        let service = topic.split('.').next().unwrap_or_default();
        let inbox =
            self.state.lock().modules.get(service).map(|m| m.inbox.clone());
        let inbox = inbox.unwrap_or_else(|| self.instance.clone());
        // one that has just gone drops it, which is an answer too
        inbox.push(once(Message::Request(request)));
    }

    /// Makes requests, all at once, and waits for the answers.
    fn ask_all(&self, topic: &str, payloads: &[&str]) -> Result<Vec<String>> {
        let (mut queue, mut answers) = (Queue::new(), BTreeMap::new());
        for (tag, payload) in (0..).zip(payloads) {
            let (topic, payload) = (c_text(topic), c_text(payload));
            self.route(Request::new(topic, payload, queue.reply(tag)));
        }
        while answers.len() < payloads.len() {
            if let Some(Message::Response(tag, response)) = queue.wait(-1.0) {
                answers.insert(tag, text(response)?);
            }
        }
        Ok(answers.into_values().collect())
    }

    /// Makes one request.
    fn ask(&self, topic: &str, payload: &str) -> Result<String> {
        Ok(self.ask_all(topic, &[payload])?.concat())
    }

    /// Has the instance carry out a command.
    fn instruct(&self, words: &[&str]) -> Result<String> {
        self.ask("standin.command", &json!(words).to_string())
    }

    /// Adds a line to the log; what is serious goes to stderr as well.
    pub fn log(&self, name: &str, level: i32, text: &str) {
        let level = usize::try_from(level).unwrap_or(0).min(LEVELS.len() - 1);
        let line = format!("{name}.{}[0]: {text}\n", LEVELS[level]);
        if level <= libc::LOG_ERR as usize {
            eprint!("{line}");
        }
        let mut state = self.state.lock();
        state.log.truncate(LINES - 1);
        state.log.push_front(line);
    }

    /// Says that something went wrong that no test may overlook.
    pub fn problem(&self, text: &str) {
        eprintln!("standin: {text}");
        self.state.lock().failed = true;
    }
}

/// The payload, or the error that is meant.
fn text(response: Response) -> Result<String> {
    let text = |text: CString| text.to_string_lossy().into_owned();
    response.map(text).map_err(|(errno, said)| match said.is_empty() {
        true => Error::from_raw_os_error(errno).into(),
        false => anyhow::Error::msg(text(said)),
    })
}
