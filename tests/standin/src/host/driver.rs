//! The thread that owns the instance: hands it requests, moves its time on,
//! and passes on what its streams say.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use crate::abi::{Message, Reply, Request};
use crate::instance::{Answer, Instance, Sent};

/// With more than this waiting for a module, time that need not be real
/// waits for it too.
const BEHIND: usize = 10_000;

/// What the driver is asked to do.
pub enum Task {
    /// Have a request answered.
    Request(Request),
    /// Have a command carried out.
    Command(Vec<String>, Sender<Result<String, String>>),
}

/// How time passes.
#[derive(Clone, Copy, Default)]
pub struct Pace {
    /// As fast as it goes, rather than as the clock does.
    pub fast: bool,
    /// Each request of a module takes so long, as with a busy service.
    pub latency: Duration,
}

/// Runs the instance until nobody can ask it anything any more.
pub fn run(instance: Box<dyn Instance>, tasks: &Receiver<Task>, pace: Pace) {
    let mut driver =
        Driver { instance, pace, now: clock(), streams: Vec::new() };
    loop {
        let task = match tasks.recv_timeout(driver.wait()) {
            Ok(task) => Some(task),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        driver.pass_time();
        match task {
            Some(Task::Request(request)) => driver.answer(request),
            Some(Task::Command(args, reply)) => {
                let outcome = driver.instance.command(&args);
                // what it did is on the streams before it is said to be done
                driver.pass_time();
                let _ = reply.send(outcome);
            }
            None => {}
        }
    }
}

/// Seconds since the epoch.
pub fn clock() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

struct Driver {
    instance: Box<dyn Instance>,
    pace: Pace,
    now: f64,
    /// Who listens to what.
    streams: Vec<(String, Reply)>,
}

impl Driver {
    /// How long nothing happens.
    fn wait(&self) -> Duration {
        match self.instance.next() {
            None => Duration::from_secs(3600),
            Some(_) if self.pace.fast && self.is_behind() => {
                Duration::from_millis(1)
            }
            Some(_) if self.pace.fast => Duration::ZERO,
            Some(next) => Duration::try_from_secs_f64(next - clock())
                .unwrap_or(Duration::ZERO),
        }
    }

    fn pass_time(&mut self) {
        self.now = match self.instance.next() {
            Some(next) if self.pace.fast && !self.is_behind() => {
                next.max(self.now)
            }
            _ if self.pace.fast => self.now,
            _ => clock(),
        };
        for (topic, sent) in self.instance.advance(self.now) {
            self.streams.retain(|(of, reply)| match &sent {
                _ if of != topic => true,
                Sent::Message(line) => reply.send(Ok(Some(line.clone()))),
                Sent::End(errno) => {
                    reply.send(Err((*errno, String::new())));
                    false
                }
            });
        }
    }

    fn answer(&mut self, request: Request) {
        let reply = request.reply;
        if let Reply::Module(..) = reply {
            std::thread::sleep(self.pace.latency);
        }
        let payload = request.payload.as_deref().unwrap_or_default();
        match self.instance.request(&request.topic, payload) {
            Answer::Once(payload) => {
                reply.send(Ok(Some(payload)));
            }
            Answer::Failed(errno, text) => {
                reply.send(Err((errno, text)));
            }
            Answer::Stream(backlog) => {
                if let (Reply::Module(inbox, tag), true) =
                    (&reply, request.streaming)
                {
                    inbox.push(Message::Backlog(*tag, backlog));
                    self.streams.push((request.topic, reply));
                } else {
                    reply.send(Err((libc::EPROTO, String::new())));
                }
            }
        }
    }

    /// Whether the slowest module has much to do.
    fn is_behind(&self) -> bool {
        self.streams.iter().any(|(_, reply)| match reply {
            Reply::Module(inbox, _) => inbox.waiting() > BEHIND,
            Reply::Command(_) => false,
        })
    }
}
