//! The host: loads modules as the broker does, carries requests between them
//! and the instance, and does what it is told over a socket.

mod commands;
mod config;
mod control;
mod driver;
mod log;
mod module;
mod modules;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use serde_json::Value;

use crate::abi::handle::Broker;
use crate::abi::{Message, Reply, Request, Response, no_service};
use driver::Task;
use log::Log;
use modules::Modules;

/// Roles of the owner of the instance.
const OWNER: u32 = 1;

/// Runs the program: an instance, or a command in one.
pub fn main(args: &[String]) -> i32 {
    match args.split_first() {
        Some((first, rest)) if first == "start" => start::start(rest),
        Some(_) => control::send(args),
        None => {
            eprintln!("usage: standin start [OPTIONS] COMMAND, or a command");
            1
        }
    }
}

/// One instance.
pub struct Host {
    attributes: BTreeMap<String, String>,
    /// Where the control socket is.
    folder: PathBuf,
    log: Log,
    config: Mutex<Value>,
    config_path: Option<PathBuf>,
    modules: Modules,
    driver: mpsc::Sender<Task>,
    /// Something happened that makes the exit code 1.
    failed: AtomicBool,
}

impl Broker for Host {
    fn route(&self, request: Request) {
        let service = request.topic.split('.').next().unwrap_or_default();
        if let Some(inbox) = self.modules.inbox(service) {
            let (reply, topic) = (request.reply.clone(), request.topic.clone());
            if !inbox.push(Message::Request(request)) {
                reply.send(Err(no_service(&topic)));
            }
        } else {
            // a driver that is gone answers nobody, which is the end anyway
            let _ = self.driver.send(Task::Request(request));
        }
    }

    fn log(&self, name: &str, level: i32, text: &str) {
        self.log.add(name, level, text);
    }

    fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attributes
    }
}

impl Host {
    /// Makes a request and waits for the answer.
    fn ask(&self, topic: &str, payload: Option<&str>, role: u32) -> Response {
        let (sender, answer) = mpsc::channel();
        self.route(Request {
            topic: topic.into(),
            payload: payload.map(str::to_owned),
            role,
            streaming: false,
            reply: Reply::Command(sender),
        });
        answer.recv().unwrap_or_else(|_| {
            Err((libc::ECONNRESET, "nobody answered".into()))
        })
    }

    /// Has the instance carry out a command.
    fn instruct(&self, words: &[&str]) -> Result<String, String> {
        let (sender, answer) = mpsc::channel();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let _ = self.driver.send(Task::Command(words, sender));
        answer.recv().unwrap_or_else(|_| Err("the instance has ended".into()))
    }

    /// Takes the traces away that would outlive the process.
    fn clean_up(&self) {
        // one who took them away first has done no harm
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Says that something went wrong that no test may overlook.
    fn problem(&self, text: &str) {
        eprintln!("standin: {text}");
        self.failed.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
