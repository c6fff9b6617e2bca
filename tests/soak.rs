//! 200 loads and unloads with a client that never stops scraping: the broker
//! is left with the threads, descriptors and memory that it had.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use instance::{Host, scrape};

scenarios! {
    leaves_nothing_behind
}

const CYCLES: u32 = 200;

/// What a process holds: threads, descriptors, KiB of resident memory.
fn held(pid: u32) -> (u64, u64, u64) {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    (field("Threads:"), fds as u64, field("VmRSS:"))
}

fn leaves_nothing_behind(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let pid = instance.broker_pid();
    // an address of its own, so that the client can find each load
    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let module = instance::module();
    let cycles = |n: u32| {
        let script = format!(
            "for i in $(seq {n}); do \
             flux module load {} listen={address} strict; \
             flux module remove prometheus; done",
            module.display()
        );
        let output =
            instance.patient("sh").args(["-ec", &script]).output().unwrap();
        assert!(output.status.success(), "{output:?}\n{}", instance.log());
    };
    let stop = Arc::new(AtomicBool::new(false));
    let scrapes = Arc::new(AtomicU32::new(0));
    let client = {
        let (stop, scrapes, address) =
            (stop.clone(), scrapes.clone(), address.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // most of the time nothing listens
                match scrape::try_fetch(&address, "/metrics") {
                    Some(answer) => {
                        assert_eq!(answer.status, 200);
                        scrapes.fetch_add(1, Ordering::Relaxed);
                    }
                    None => std::thread::yield_now(),
                }
            }
        })
    };
    // a thread that has ended, or a client of Flux, is seen a little longer
    let settled = || {
        let mut last = (0, 0, 0);
        instance::wait_for("threads and descriptors to stay", || {
            let now = held(pid);
            let stays = (now.0, now.1) == (last.0, last.1);
            last = now;
            stays.then_some(now)
        })
    };
    cycles(20); // what the allocator and the broker keep, they keep now
    let before = settled();
    cycles(CYCLES);
    let after = settled();
    stop.store(true, Ordering::Relaxed);
    client.join().unwrap();
    let scrapes = scrapes.load(Ordering::Relaxed);
    println!(
        "{CYCLES} loads under {scrapes} scrapes: threads, descriptors, KiB \
         before {before:?}, after {after:?}"
    );
    assert!(scrapes > 0, "nothing was scraped");
    assert_eq!(
        (after.0, after.1),
        (before.0, before.1),
        "threads, descriptors"
    );
    // the broker's own log ring and content cache grow a little meanwhile
    assert!(
        after.2 < before.2 + 4096,
        "memory grew from {} to {} KiB",
        before.2,
        after.2
    );
}
