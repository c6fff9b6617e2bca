//! The process that the module is in, by the names that all exporters use.
//!
//! Source: the kernel. The `prometheus` crate has the same families, but
//! counts processor time in whole seconds and reads five files at each
//! scrape.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::{Family, Spec};
use crate::exposition::{Parts, Source};

/// How old the numbers may be that take a walk through /proc.
const MAX_AGE: Duration = Duration::from_secs(1);

const CPU: Spec = Spec::counter(
    "process_cpu_seconds_total",
    &[],
    "Total user and system CPU time spent in seconds.",
);
const OPEN_FDS: Spec =
    Spec::gauge("process_open_fds", &[], "Number of open file descriptors.");
const MAX_FDS: Spec = Spec::gauge(
    "process_max_fds",
    &[],
    "Maximum number of open file descriptors.",
);
const VIRTUAL_MEMORY: Spec = Spec::gauge(
    "process_virtual_memory_bytes",
    &[],
    "Virtual memory size in bytes.",
);
const RESIDENT_MEMORY: Spec = Spec::gauge(
    "process_resident_memory_bytes",
    &[],
    "Resident memory size in bytes.",
);
const START_TIME: Spec = Spec::gauge(
    "process_start_time_seconds",
    &[],
    "Start time of the process since unix epoch in seconds.",
);
const THREADS: Spec =
    Spec::gauge("process_threads", &[], "Number of OS threads in the process.");

/// What is exposed here.
pub const SPECS: &[Spec] = &[
    CPU,
    OPEN_FDS,
    MAX_FDS,
    VIRTUAL_MEMORY,
    RESIDENT_MEMORY,
    START_TIME,
    THREADS,
];

/// What is registered: asks the kernel when a scrape asks.
pub struct Process {
    /// When it started, in seconds since 1970.
    start_time: Option<f64>,
    latest: Mutex<Latest>,
}

impl Process {
    /// This process.
    pub fn new() -> Self {
        let booted = fs::read_to_string("/proc/stat").ok();
        let booted = booted.and_then(|text| parse_boot_time(&text));
        let sample = Sample::take();
        Self {
            start_time: booted
                .zip(sample.stat.as_ref())
                .map(|(booted, stat)| booted + stat.started),
            latest: Mutex::new(Latest { at: Instant::now(), nth: 0, sample }),
        }
    }

    /// The latest sample, and which one that is.
    fn sample(&self) -> (u64, Sample) {
        let mut latest =
            self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.at.elapsed() >= MAX_AGE {
            let (at, nth) = (Instant::now(), latest.nth + 1);
            *latest = Latest { at, nth, sample: Sample::take() };
        }
        (latest.nth, latest.sample)
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl Source for Process {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = cpu.tv_sec as f64 + (cpu.tv_nsec / 1000) as f64 / 1e6;
        let mut seconds = CPU.family();
        seconds.add(&[], cpu);
        parts.add([seconds]);
        let (taken, sample) = self.sample();
        parts.keep(taken, || self.families(sample));
    }
}

impl Process {
    fn families(&self, sample: Sample) -> Vec<Family> {
        let Sample { open_fds, max_fds, stat } = sample;
        let values = [
            (OPEN_FDS, open_fds.map(|n| n as f64)),
            (MAX_FDS, max_fds.map(|n| n as f64)),
            (VIRTUAL_MEMORY, stat.map(|stat| stat.virtual_memory as f64)),
            (RESIDENT_MEMORY, stat.map(|stat| stat.resident as f64)),
            (START_TIME, self.start_time),
            (THREADS, stat.map(|stat| stat.threads as f64)),
        ];
        let known = values.into_iter().filter_map(|(s, v)| Some((s, v?)));
        let family = |(spec, value): (Spec, f64)| {
            let mut family = spec.family();
            family.add(&[], value);
            family
        };
        known.map(family).collect()
    }
}

struct Latest {
    at: Instant,
    nth: u64,
    sample: Sample,
}

/// What the kernel said, at one time.
#[derive(Clone, Copy)]
struct Sample {
    open_fds: Option<usize>,
    max_fds: Option<u64>,
    stat: Option<Stat>,
}

impl Sample {
    fn take() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        // counting them takes one more
        let fds = fs::read_dir("/proc/self/fd").ok();
        let open_fds = fds.map(|fds| fds.count().saturating_sub(1));
        Self {
            open_fds,
            max_fds: getrlimit(Resource::Nofile).current,
            stat: stat.and_then(|text| parse_stat(&text)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stat {
    /// User and system time, in seconds.
    pub cpu: f64,
    threads: u64,
    /// In seconds since the machine was booted.
    started: f64,
    virtual_memory: u64,
    pub resident: u64,
}

/// See proc_pid_stat(5).
pub(super) fn parse_stat(text: &str) -> Option<Stat> {
    // the name, in parentheses, may have anything in it
    let (_, fields) = text.rsplit_once(')')?;
    // the first of these is number 3 in the manual
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let threads = fields.nth(4)?.parse().ok()?;
    let started: u64 = fields.nth(1)?.parse().ok()?;
    let virtual_memory = fields.next()?.parse().ok()?;
    let pages: u64 = fields.next()?.parse().ok()?;
    let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
    Some(Stat {
        cpu: seconds(user + system),
        threads,
        started: seconds(started),
        virtual_memory,
        resident: pages * page_size() as u64,
    })
}

/// When the machine was booted, in seconds since 1970.
fn parse_boot_time(text: &str) -> Option<f64> {
    let time = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    time.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;
    use crate::exposition::shown;

    #[test]
    fn processor_time_has_fractions_and_moves() {
        let process = Process::new();
        let cpu = || series(shown(&process))["process_cpu_seconds_total"];
        let first = cpu();
        let mut later = first;
        while later == first {
            later = cpu();
        }
        assert!(later > first && later - first < 1.0, "{first} {later}");
    }

    #[test]
    fn it_is_this_process() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        let shown = series(shown(&Process::new()));
        assert_eq!(shown.len(), SPECS.len());
        let fds = fs::read_dir("/proc/self/fd").unwrap().count() as f64;
        // other tests of this process open and close some
        assert!((shown["process_open_fds"] - fds).abs() < 50.0);
        drop(file);
        assert!(shown["process_max_fds"] >= shown["process_open_fds"]);
        assert!(shown["process_threads"] >= 1.0);
        let resident = shown["process_resident_memory_bytes"];
        assert!(resident > 1e5, "{resident}");
        assert!(shown["process_virtual_memory_bytes"] > resident);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let age = now - shown["process_start_time_seconds"];
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }

    #[test]
    fn proc_is_walked_once_a_second_at_most() {
        let process = Process::new();
        process.latest.lock().unwrap().sample.open_fds = Some(12_345);
        process.latest.lock().unwrap().at = Instant::now();
        assert_eq!(series(shown(&process))["process_open_fds"], 12_345.0);
        let old = Instant::now().checked_sub(MAX_AGE).unwrap();
        process.latest.lock().unwrap().at = old;
        assert_ne!(series(shown(&process))["process_open_fds"], 12_345.0);
    }

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "715 (a) (b c) S 1 715 715 0 -1 4194560 1580 2 0 0 11 7 \
                    0 0 20 0 9 0 500 25600000 300 18446744073709551615 1 1";
        let ticks = clock_ticks_per_second() as f64;
        let expected = Stat {
            cpu: 18.0 / ticks,
            threads: 9,
            started: 500.0 / ticks,
            virtual_memory: 25_600_000,
            resident: 300 * page_size() as u64,
        };
        assert_eq!(parse_stat(text), Some(expected));
        assert_eq!(parse_stat("715 (a) S 1"), None);
        let text = "cpu 1 2\nbtime 1795337387\nprocesses 3\n";
        assert_eq!(parse_boot_time(text), Some(1_795_337_387.0));
    }
}
