//! What is watched all the while: the broker's process, and its heartbeat.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::reactors::Reactors;

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    pub threads: u64,
    pub descriptors: u64,
    pub kib: u64,
}

impl Held {
    /// What it holds now; none if it is gone.
    pub fn of(pid: u32) -> Option<Held> {
        let proc = format!("/proc/{pid}");
        let status = std::fs::read_to_string(format!("{proc}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some(Held {
            threads: field("Threads:")?,
            descriptors: std::fs::read_dir(format!("{proc}/fd")).ok()?.count()
                as u64,
            kib: field("VmRSS:")?,
        })
    }

    pub fn most(self, other: Held) -> Held {
        Held {
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
            kib: self.kib.max(other.kib),
        }
    }
}

/// How often it is looked who waits.
const OFTEN: Duration = Duration::from_millis(50);

/// Every how many times of that it is looked what the processes hold.
const HELD: u32 = 10;

/// Looks at the broker twice a second until it is stopped, and at the module
/// where it is a process of its own.
pub struct Watch {
    pid: u32,
    most: Arc<Mutex<Held>>,
    reactors: Arc<Mutex<Reactors>>,
    module: Arc<Mutex<Vec<(u32, Held)>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn start(pid: u32) -> Watch {
        let most = Arc::new(Mutex::new(Held::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let module = Arc::new(Mutex::new(Vec::new()));
        let (to, until) = (most.clone(), stop.clone());
        let also_to = module.clone();
        let reactors = Arc::new(Mutex::new(Reactors::default()));
        let waits = reactors.clone();
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let held = Held::of(pid).expect("the broker is gone");
                let mut most = to.lock().unwrap();
                *most = most.most(held);
                drop(most);
                if let Some(pid) = module_process(pid) {
                    let held = Held::of(pid).map(|held| (pid, held));
                    also_to.lock().unwrap().extend(held);
                }
                for _ in 0..HELD {
                    waits.lock().unwrap().look(pid);
                    std::thread::sleep(OFTEN);
                }
            }
        });
        Watch { pid, most, reactors, module, stop, thread }
    }

    /// What it holds.
    pub fn now(&self) -> Held {
        Held::of(self.pid).expect("the broker is gone")
    }

    /// What modules of Flux have left in it: reactors, by module.
    pub fn left(&self) -> BTreeMap<String, u64> {
        self.reactors.lock().unwrap().left(self.pid)
    }

    /// The most that it ever held; and what the module's last process held,
    /// from its first moment to its last.
    pub fn stop(self) -> (Held, Vec<Held>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the broker is gone");
        let most = *self.most.lock().unwrap();
        let all = self.module.lock().unwrap();
        let last = all.last().map(|&(pid, _)| pid);
        let of_last = all.iter().filter(|&&(pid, _)| Some(pid) == last);
        (most, of_last.map(|&(_, held)| held).collect())
    }
}

/// The child of the broker that runs the module.
fn module_process(broker: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{broker}/task")).ok()?;
    let children = tasks.flatten().filter_map(|task| {
        std::fs::read_to_string(task.path().join("children")).ok()
    });
    let pids: Vec<u32> = children
        .flat_map(|list| {
            let pids = list.split_whitespace().map(|pid| pid.parse().unwrap());
            pids.collect::<Vec<_>>()
        })
        .collect();
    pids.into_iter().find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline"));
        let line =
            String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
        line.contains("module-exec") && line.contains("prometheus")
    })
}

/// Hears the heartbeat from outside of the broker.
pub struct Heartbeat {
    child: Child,
    beats: Receiver<Instant>,
    last: Instant,
}

impl Heartbeat {
    pub fn listen(instance: &Instance) -> Heartbeat {
        let mut child = instance
            .patient("flux")
            .args(["event", "sub", "heartbeat.pulse"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (to, beats) = channel();
        std::thread::spawn(move || {
            for _ in lines.map_while(Result::ok) {
                let _ = to.send(Instant::now());
            }
        });
        let last = beats.recv_timeout(Duration::from_secs(30));
        let last = last.expect("no heartbeat at all");
        Heartbeat { child, beats, last }
    }

    /// The times between beats since this was last asked.
    pub fn intervals(&mut self) -> Vec<f64> {
        let mut all = Vec::new();
        for beat in self.beats.try_iter() {
            all.push((beat - self.last).as_secs_f64());
            self.last = beat;
        }
        all
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
