//! The log: the last lines, for `dmesg`, and what is serious to stderr.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::SystemTime;

use super::lock;

/// How many lines are kept, as in Flux.
const LINES: usize = 1024;

const LEVELS: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The last lines.
#[derive(Default)]
pub struct Log(Mutex<VecDeque<String>>);

impl Log {
    /// Adds a line.
    pub fn add(&self, name: &str, level: i32, text: &str) {
        let level = usize::try_from(level).unwrap_or(0).min(LEVELS.len() - 1);
        let name = format!("{name}.{}[0]: {text}", LEVELS[level]);
        if level <= libc::LOG_ERR as usize {
            eprintln!("{name}");
        }
        let mut lines = lock(&self.0);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(format!("{} {name}\n", timestamp()));
    }

    /// All lines.
    pub fn text(&self) -> String {
        lock(&self.0).iter().map(String::as_str).collect()
    }
}

/// Now, as `2026-11-22T19:30:16.876827Z`.
fn timestamp() -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = now.as_secs() as libc::time_t;
    // SAFETY: plain data.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid and ours.
    unsafe { libc::gmtime_r(&raw const seconds, &raw mut tm) };
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        now.subsec_micros()
    )
}
