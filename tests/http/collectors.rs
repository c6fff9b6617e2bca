//! Collectors that do what a collector should not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::Counter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

/// Collects only while it can take the lock.
pub struct Gated(Arc<Mutex<()>>, Counter);

impl Gated {
    pub fn new(gate: Arc<Mutex<()>>) -> Self {
        Self(gate, Counter::new("flux_gated", "Waits.").unwrap())
    }
}

impl Collector for Gated {
    fn desc(&self) -> Vec<&Desc> {
        self.1.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let gate = self.0.clone();
        drop(gate.lock());
        self.1.collect()
    }
}

/// Takes longer than some scrapers wait.
pub struct Slow(Counter);

impl Slow {
    pub fn new() -> Self {
        Self(Counter::new("flux_slow_total", "Takes its time.").unwrap())
    }
}

impl Collector for Slow {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.collect()
    }
}

/// Panics for as long as the flag is set.
pub struct Panicking(Arc<AtomicBool>, Counter);

impl Panicking {
    pub fn new(panics: Arc<AtomicBool>) -> Self {
        Self(panics, Counter::new("flux_panicking", "Panics.").unwrap())
    }
}

impl Collector for Panicking {
    fn desc(&self) -> Vec<&Desc> {
        self.1.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        assert!(!self.0.load(Ordering::Relaxed), "expected by the test");
        self.1.collect()
    }
}
