//! Listeners and servers that come and go, whatever clients do.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flux_prometheus::http::{Bound, Limits, bind};
use socket2::{Domain, Socket, Type};

use crate::collectors::Gated;
use crate::fixture::{
    GET, LONG, answer, closed, connect, large, local, slow_reader, start, tcp,
    wait_until,
};

#[test]
fn listeners_come_and_go() {
    let mut f = start(Limits::default());
    let second = tcp(f.server.listen(Bound::Tcp(local())).unwrap());
    let mut stream = BufReader::new(connect(second));
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    let listening: Vec<_> = f.server.addresses().cloned().collect();
    assert_eq!(listening, [f.address.into(), second.into()]);

    let mut other = BufReader::new(f.connect());
    other.get_mut().write_all(GET).unwrap();
    answer(&mut other);
    assert!(f.server.close(&[second.into()]));
    assert_eq!(f.server.addresses().count(), 1);
    TcpStream::connect(second).unwrap_err();
    // what it accepted is answered no more, and what the other did is
    stream.get_mut().write_all(GET).unwrap();
    assert_eq!(closed(stream.get_mut()), b"");
    other.get_mut().write_all(GET).unwrap();
    answer(&mut other);
    drop(other);
    assert!(f.get("/metrics").starts_with("HTTP/1.1 200 "));

    // the address is free at once
    let again = Bound::Tcp(bind(second).unwrap());
    assert_eq!(tcp(f.server.listen(again).unwrap()), second);
    f.stop();
}

#[test]
fn stop_waits_for_no_client() {
    let f = start(Limits::default());
    large(&f.registry, 32 << 20);
    // says nothing; half a header; idle; mid-answer; half closed; gone
    let _mute = f.connect();
    let mut half = f.connect();
    half.write_all(b"GET /metr").unwrap();
    let mut idle = BufReader::new(f.connect());
    idle.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    answer(&mut idle);
    let mut slow = slow_reader(f.address);
    slow.write_all(GET).unwrap();
    let mut part = [0; 1000];
    slow.read_exact(&mut part).unwrap();
    let mut lingering = f.connect();
    lingering.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    wait_until("all are in", || {
        f.open() == 5 && f.count("/metrics", "200") == 1
    });
    f.stop();
    assert!(closed(&mut slow).len() < 32 << 20);
}

#[test]
fn a_server_that_is_dropped_ends_too() {
    let f = start(Limits::default());
    let mut idle = f.connect();
    wait_until("accepted", || f.open() == 1);
    drop(f.server);
    assert_eq!(closed(&mut idle), b"");
    wait_until("the site is let go", || Arc::strong_count(&f.site) == 1);
}

#[test]
fn stop_does_not_wait_for_ever() {
    let f = start(Limits::default());
    let gate = Arc::new(std::sync::Mutex::new(()));
    f.registry.register(Box::new(Gated::new(gate.clone()))).unwrap();
    let shut = gate.lock().unwrap();
    let mut stream = f.connect();
    stream.write_all(GET).unwrap();
    // both hold a reference, and the one in collect() a third
    wait_until("collecting", || Arc::strong_count(&gate) == 3);
    let still = f.server.stop(Duration::from_millis(50)).unwrap_err();
    assert!(!still.thread.is_finished());
    drop(shut);
    still.thread.join().unwrap();
}

#[test]
fn two_servers_do_not_meet() {
    let (a, b) = (start(Limits::default()), start(Limits::default()));
    a.get("/metrics");
    assert_eq!(
        (a.count("/metrics", "200"), b.count("/metrics", "200")),
        (1, 0)
    );
    a.stop();
    assert!(b.get("/metrics").starts_with("HTTP/1.1 200 "));
    b.stop();
}

/// The broker's are few, and others take them too.
#[test]
fn running_out_of_descriptors_is_survived() {
    // in a process of our own, where there are few
    const ALONE: &str = "FLUX_PROMETHEUS_TEST_FEW";
    if std::env::var_os(ALONE).is_none() {
        let status = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "server::running_out_of_descriptors_is_survived"])
            .arg("--test-threads=1")
            .env(ALONE, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let f = start(Limits::default());
    // it is up, and has nothing to do
    f.get("/healthz");
    wait_until("idle", || f.open() == 0);
    let mut naps = naps_of("prom-http");
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let all = std::iter::repeat_with(|| File::open("/dev/null"));
    let all: Vec<_> = all.map_while(Result::ok).collect();
    let before = naps();
    client.connect(&f.address.into()).unwrap();
    // it has woken up, found none to be had, and sleeps
    wait_until("it was tried", || naps() > before);
    assert_eq!(f.open(), 0);
    drop(all);
    let mut stream = BufReader::new(TcpStream::from(client));
    stream.get_mut().set_read_timeout(Some(LONG)).unwrap();
    stream.get_mut().write_all(GET).unwrap();
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    drop(stream);
    f.stop();
}

/// Tells how often a thread has gone to sleep; takes no descriptor to do so.
fn naps_of(thread: &str) -> impl FnMut() -> u64 + use<> {
    let path = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().path())
        .find(|task| {
            let name = std::fs::read_to_string(task.join("comm"));
            name.is_ok_and(|name| name.trim() == thread)
        });
    let mut file = File::open(path.unwrap().join("status")).unwrap();
    move || {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        let found = text.lines().find_map(|line| {
            line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok()
        });
        found.unwrap()
    }
}

#[test]
fn servers_leave_nothing_behind() {
    let held = || {
        let count = |path| std::fs::read_dir(path).unwrap().count();
        (count("/proc/self/fd"), count("/proc/self/task"))
    };
    // other tests run beside this one: compare in a process of our own
    const ALONE: &str = "FLUX_PROMETHEUS_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let status =
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "server::servers_leave_nothing_behind"])
                .arg("--test-threads=1")
                .env(ALONE, "1")
                .status();
        assert!(status.unwrap().success());
        return;
    }
    let before = held();
    for _ in 0..100 {
        let f = start(Limits::default());
        let mut open = f.connect();
        open.write_all(GET).unwrap();
        f.get("/metrics");
        f.stop();
    }
    // a thread that was joined is listed until the kernel has buried it
    let until = Instant::now() + Duration::from_secs(10);
    while held() != before && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(held(), before);
}
