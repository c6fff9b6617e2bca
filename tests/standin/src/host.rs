//! The host: loads modules as the broker does, carries requests between them
//! and the instance, and does what it is told over a socket.
//!
//! All that threads share is one [`State`] behind one lock: those of modules
//! make requests, those of commands obey, one moves time on.

mod commands;
mod control;
mod module;
mod start;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::abi::inbox::Taken;
use crate::abi::reactor::standin_wait;
use crate::abi::{Inbox, Message, Reply, Request, Response, c_text};
use crate::instance::{Instance, no_service};

/// With more than this waiting for a module, time that need not be real
/// waits for it too.
const BEHIND: usize = 10_000;

/// What happens in one go where time is not real.
const STEPS: usize = 1000;

/// How many seconds may pass in one go where it is.
const CATCH_UP: f64 = 0.1;

/// How many lines of the log are kept, as in Flux.
const LINES: usize = 1024;

const LEVELS: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What a command prints, or an error.
pub type Outcome = Result<String, String>;

/// Runs the program: an instance, or a command in one.
pub fn main(args: Vec<String>) -> i32 {
    let outcome = match args.first().map(String::as_str) {
        Some("start") => start::start(args),
        _ => control::send(args).map(|output| {
            // a reader who has seen enough is no error
            let _ = std::io::stdout().write_all(output.as_bytes());
            0
        }),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("standin: {error}");
        1
    })
}

/// One instance.
pub struct Host {
    /// Those of the broker.
    pub attributes: BTreeMap<String, CString>,
    /// Whether time passes as fast as it goes, rather than as the clock does.
    fast: bool,
    /// How long each request takes, as with a busy service.
    latency: Duration,
    /// Where the control socket is: the user's alone.
    folder: PathBuf,
    state: Mutex<State>,
    /// Something may happen earlier than before.
    changed: Condvar,
    /// Held while a module comes or goes: one after the other.
    turn: Mutex<()>,
}

struct State {
    instance: Box<dyn Instance>,
    now: f64,
    /// Who listens to what.
    streams: Vec<(String, Reply)>,
    modules: BTreeMap<String, module::Module>,
    log: VecDeque<String>,
    /// Something happened that makes the exit code 1.
    failed: bool,
}

/// Seconds since the epoch.
fn clock() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

impl Host {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sees to it that a request is answered, and never waits for that.
    pub fn route(self: &Arc<Self>, request: Request) {
        let topic = request.topic.to_string_lossy().into_owned();
        let service = topic.split('.').next().unwrap_or_default();
        if let Some(module) = self.state().modules.get(service) {
            let reply = request.reply.clone();
            if !module.inbox.push(Message::Request(request)) {
                reply.fail(no_service(&topic));
            }
        } else if self.latency.is_zero() {
            self.answer(&topic, request);
        } else {
            let host = self.clone();
            std::thread::spawn(move || {
                std::thread::sleep(host.latency);
                host.answer(&topic, request);
            });
        }
    }

    /// Has the instance answer a request.
    fn answer(&self, topic: &str, request: Request) {
        let mut state = self.state();
        self.pass_time(&mut state);
        let payload = request.payload.to_string_lossy();
        match state.instance.request(topic, &payload) {
            Err(failure) => {
                request.reply.fail(failure);
            }
            Ok(lines) => {
                let lines = lines.map(|line| Ok(c_text(&line)));
                request.reply.stream(Box::new(lines));
                if request.streaming {
                    state.streams.push((topic.into(), request.reply));
                }
            }
        }
        self.changed.notify_all();
    }

    /// Makes a request and waits for the answer.
    fn ask(self: &Arc<Self>, topic: &str, payload: &str) -> Response {
        let inbox = Inbox::new();
        self.route(Request {
            topic: c_text(topic),
            payload: c_text(payload),
            streaming: false,
            reply: Reply { inbox: inbox.clone(), tag: 0 },
        });
        loop {
            match inbox.pop() {
                Some(Taken::Response(_, response)) => return response,
                _ => standin_wait(inbox.fd(), -1.0),
            }
        }
    }

    /// Has the instance carry out a command.
    fn instruct(&self, words: &[&str]) -> Outcome {
        let mut state = self.state();
        self.pass_time(&mut state);
        let outcome = state.instance.command(words);
        // what it did is on the streams before it is said to be done
        self.pass_time(&mut state);
        self.changed.notify_all();
        outcome
    }

    fn pass_time(&self, state: &mut State) {
        let next = state.instance.next().unwrap_or(f64::INFINITY);
        // what is late is caught up on bit by bit: others want the lock
        let by_clock = clock().min(next.max(state.now) + CATCH_UP);
        state.advance(if self.fast { state.now } else { by_clock });
    }

    /// Moves time on, for ever.
    fn keep_time(&self) {
        let mut state = self.state();
        loop {
            let mut wait = Duration::from_millis(1);
            if self.fast {
                for _ in 0..STEPS {
                    let next = state.instance.next();
                    let Some(next) = next.filter(|_| !state.is_behind()) else {
                        break;
                    };
                    let now = next.max(state.now);
                    state.advance(now);
                }
            } else {
                self.pass_time(&mut state);
                let next = state.instance.next().unwrap_or(f64::INFINITY);
                let seconds = (next - clock()).clamp(1e-3, 60.0);
                wait = Duration::from_secs_f64(seconds);
            }
            // whoever waits for the lock gets it first
            MutexGuard::bump(&mut state);
            self.changed.wait_for(&mut state, wait);
        }
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

impl State {
    fn advance(&mut self, now: f64) {
        self.now = now;
        for (topic, sent) in self.instance.advance(now) {
            self.streams.retain(|(of, reply)| match &sent {
                _ if of != topic => true,
                Ok(line) => reply.send(Ok(c_text(line))),
                Err(errno) => {
                    reply.fail((*errno, String::new()));
                    false
                }
            });
        }
    }

    /// Whether the slowest module has much to do.
    fn is_behind(&self) -> bool {
        let waiting = |(_, reply): &(_, Reply)| reply.inbox.waiting();
        self.streams.iter().any(|stream| waiting(stream) > BEHIND)
    }
}
