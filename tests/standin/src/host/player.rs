//! The thread of the instance: moves its time on, has it answer requests and
//! obey commands, and passes on what it says.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::Outcome;
use crate::abi::{Reply, Request, c_text, failed};
use crate::instance::Instance;

/// How many seconds pass in one go at most; others want an answer meanwhile.
const BIT: f64 = 0.01;

/// With more than this waiting for a module, time that need not be real
/// waits for it too.
const BEHIND: usize = 10_000;

/// What the instance is asked to do.
pub enum Work {
    Request(Request),
    Command(Vec<String>, Sender<Outcome>),
}

pub struct Player {
    pub instance: Box<dyn Instance>,
    /// Up to when it has been played.
    pub now: f64,
    /// Whether time passes as fast as it goes, rather than as the clock does.
    pub fast: bool,
    /// How long each request takes, as with a busy service.
    pub latency: Duration,
    /// Requests, with when they are to be answered.
    pub waiting: VecDeque<(Instant, Request)>,
    /// Who listens to what.
    pub streams: Vec<(String, Reply)>,
}

/// Seconds since the epoch.
pub fn clock() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

impl Player {
    /// Plays for as long as anybody can ask for something.
    pub fn play(mut self, work: &Receiver<Work>) {
        loop {
            match work.recv_timeout(self.idle()) {
                Ok(Work::Request(request)) => {
                    let due = Instant::now() + self.latency;
                    self.waiting.push_back((due, request));
                }
                Ok(Work::Command(words, outcome)) => {
                    let words: Vec<_> =
                        words.iter().map(String::as_str).collect();
                    self.pass_time();
                    let result = self.instance.command(&words);
                    // what it did is said before it is said to be done
                    self.pass_time();
                    let _ = outcome.send(result);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.pass_time();
            let due = |next: &(Instant, _)| next.0 <= Instant::now();
            while self.waiting.front().is_some_and(due) {
                let next = self.waiting.pop_front();
                next.into_iter().for_each(|next| self.answer(&next.1));
            }
        }
    }

    fn answer(&mut self, request: &Request) {
        let topic = request.topic();
        let payload = request.payload.to_string_lossy();
        let Some(reply) = request.reply.take() else { return };
        match self.instance.request(&topic, &payload) {
            Err(failure) => {
                reply.send([failed(failure)]);
            }
            Ok(lines) => {
                reply.send(lines.map(|line| Ok(c_text(&line))));
                if request.streaming {
                    self.streams.push((topic.into_owned(), reply));
                }
            }
        }
    }

    /// Moves time on by a bit, if it is time.
    fn pass_time(&mut self) {
        let next = self.instance.next().unwrap_or(f64::INFINITY);
        let by_then = next.max(self.now) + BIT;
        self.now = match self.fast {
            true if next.is_infinite() || self.is_behind() => self.now,
            true => by_then,
            false => by_then.min(clock()).max(self.now),
        };
        for (topic, sent) in self.instance.advance(self.now) {
            self.streams.retain(|(of, reply)| match &sent {
                _ if of != topic => true,
                Ok(line) => reply.send([Ok(c_text(line))]),
                Err(errno) => {
                    reply.send([failed((*errno, String::new()))]);
                    false
                }
            });
        }
    }

    /// For how long there is nothing to do.
    fn idle(&self) -> Duration {
        let event = match self.instance.next() {
            Some(_) if self.fast && self.is_behind() => 1e-3,
            Some(_) if self.fast => 0.0,
            next => next.unwrap_or(f64::INFINITY) - clock(),
        };
        let event = Duration::from_secs_f64(event.clamp(0.0, 60.0));
        let request = self.waiting.front().map_or(event, |(due, _)| {
            due.saturating_duration_since(Instant::now())
        });
        event.min(request)
    }

    /// Whether the slowest module has much to do.
    fn is_behind(&self) -> bool {
        let waiting = |(_, reply): &(_, Reply)| reply.inbox.waiting();
        self.streams.iter().any(|stream| waiting(stream) > BEHIND)
    }
}
