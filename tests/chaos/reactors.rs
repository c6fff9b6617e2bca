//! The reactors that modules of Flux leave behind: descriptors of epoll(7)
//! that watch nothing, of threads that have ended. Whose they were is known
//! from who waited on them.
//!
//! job-exec of Flux 0.88 leaves one when it is removed while a job begins or
//! ends: a future that is not fulfilled yet is owned by nobody.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// Threads of ours, as Flux and we name them: what they leave is our fault.
const OURS: [&str; 3] = ["prometheus", "secure", "prom-http"];

/// Who waited last on each descriptor that is open.
#[derive(Debug, Default, Clone)]
pub struct Reactors {
    waited: HashMap<u64, Thread>,
}

#[derive(Debug, Clone)]
struct Thread {
    id: u64,
    name: String,
}

impl Reactors {
    /// Notes who waits now; to be called so often that no thread begins and
    /// ends in between.
    pub fn look(&mut self, pid: u32) {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        self.waited.retain(|fd, _| is_epoll(&proc, *fd));
        for id in numbers(&proc.join("task")) {
            let task = proc.join(format!("task/{id}"));
            let name = fs::read_to_string(task.join("comm"));
            if let (Some(fd), Ok(name)) = (waits_on(&task), name) {
                let name = name.trim().to_owned();
                self.waited.insert(fd, Thread { id, name });
            }
        }
    }

    /// How many there are of each module of Flux.
    pub fn left(&self, pid: u32) -> BTreeMap<String, u64> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let threads = numbers(&proc.join("task"));
        let mut left = BTreeMap::new();
        for (fd, thread) in &self.waited {
            let info = fs::read_to_string(proc.join(format!("fdinfo/{fd}")));
            let empty = info.is_ok_and(|info| !info.contains("tfd:"));
            let ours = OURS.contains(&thread.name.as_str());
            if empty && !ours && !threads.contains(&thread.id) {
                *left.entry(thread.name.clone()).or_default() += 1;
            }
        }
        left
    }
}

fn numbers(dir: &Path) -> Vec<u64> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    entries.filter_map(name).filter_map(|name| name.parse().ok()).collect()
}

fn is_epoll(proc: &Path, fd: u64) -> bool {
    let link = fs::read_link(proc.join(format!("fd/{fd}")));
    link.is_ok_and(|to| to.as_os_str() == "anon_inode:[eventpoll]")
}

/// The first argument of the call that a thread is in, if it waits by epoll.
fn waits_on(task: &Path) -> Option<u64> {
    let call = fs::read_to_string(task.join("syscall")).ok()?;
    let mut words = call.split_whitespace();
    let number: libc::c_long = words.next()?.parse().ok()?;
    let waits = number == libc::SYS_epoll_pwait;
    #[cfg(target_arch = "x86_64")]
    let waits = waits || number == libc::SYS_epoll_wait;
    let fd = words.next()?.strip_prefix("0x")?;
    waits.then(|| u64::from_str_radix(fd, 16).ok())?
}
