//! The figures of this broker and its node, from the kernel.
//!
//! The broker is another process where the module was loaded with `--exec`:
//! its process id is the attribute `broker.pid`, and what `/proc` says of it
//! is for all to read.

use std::fs;
use std::time::Instant;

use super::super::process;
use super::report::FIGURES;

/// Remembers what it needs to tell how fast something grows.
pub struct Own {
    pid: u32,
    hostname: String,
    /// Processor time of the broker, and when that was.
    before: Option<(f64, Instant)>,
}

impl Own {
    /// Of the broker with this process id.
    pub fn new(pid: u32, hostname: String) -> Self {
        Self { pid, hostname, before: None }
    }

    /// Of the broker's host.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// In the order of [`super::metrics::FIGURES`]; none for what is not
    /// known, such as the use of the processor at the first time.
    pub fn figures(
        &mut self,
        now: Instant,
        backlog: Option<f64>,
    ) -> [Option<f64>; FIGURES] {
        let read = |path: &str| fs::read_to_string(path).ok();
        let stat = read(&format!("/proc/{}/stat", self.pid));
        let stat = stat.and_then(|text| process::parse_stat(&text));
        let load = read("/proc/loadavg").and_then(|text| load(&text));
        let memory = read("/proc/meminfo").unwrap_or_default();
        [
            stat.map(|stat| stat.resident as f64),
            stat.and_then(|stat| self.usage(stat.cpu, now)),
            load,
            bytes(&memory, "MemTotal:"),
            bytes(&memory, "MemAvailable:"),
            backlog,
        ]
    }

    /// Processor time a second since the last time.
    fn usage(&mut self, cpu: f64, now: Instant) -> Option<f64> {
        let (before, then) = self.before.replace((cpu, now))?;
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        let usage = (cpu - before) / seconds;
        (seconds > 0.0 && usage >= 0.0).then_some(usage)
    }
}

/// Of the last minute.
fn load(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

/// A line of /proc/meminfo, where kB are 1024 bytes.
fn bytes(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(number * 1024.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_this_process_and_this_machine() {
        let mut own = Own::new(std::process::id(), "here".into());
        let now = Instant::now();
        let figures = own.figures(now, Some(3.0));
        assert_eq!(figures[1], None);
        assert_eq!(figures[5], Some(3.0));
        let [resident, _, load, total, available, _] =
            figures.map(|figure| figure.unwrap_or(-1.0));
        assert!(resident > 1e5 && load >= 0.0, "{figures:?}");
        assert!(total > resident && available < total, "{figures:?}");
        let later = own.figures(now + Duration::from_secs(1), None);
        assert!(later[1].is_some_and(|usage| usage >= 0.0), "{later:?}");
        // no process has this one
        let mut none = Own::new(u32::MAX, String::new());
        assert_eq!(none.figures(now, None)[..2], [None, None]);
    }

    #[test]
    fn usage_is_by_the_time_that_passed() {
        let mut own = Own::new(1, String::new());
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(own.usage(7.0, at(0)), None);
        assert_eq!(own.usage(12.0, at(10)), Some(0.5));
        assert_eq!(own.usage(12.0, at(20)), Some(0.0));
        assert_eq!(own.usage(13.0, at(20)), None);
        assert_eq!(own.usage(1.0, at(30)), None);
    }

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!(load("0.52 0.58 0.59 1/389 12345\n"), Some(0.52));
        let text = "MemTotal:       16265148 kB\nMemFree:  5 kB\n";
        assert_eq!(bytes(text, "MemTotal:"), Some(16_265_148.0 * 1024.0));
        assert_eq!(bytes(text, "MemAvailable:"), None);
    }
}
