//! What a broker and a module may do to each other, on the stand-in: the
//! module comes and goes in whatever it is doing, and leaves nothing behind.
//! That the host ends well means too that the module destroyed all it made.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod host;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use host::{Host, get, module, wait_for};

/// Traffic: something happens all the time.
const LIVE: [&str; 2] = ["--rate=500", "--nodes=1000"];

fn is_free(address: &str) -> bool {
    TcpStream::connect(address).is_err() && TcpListener::bind(address).is_ok()
}

#[test]
fn unloads_with_clients_connected() {
    let host = Host::start(&[]);
    for cancel in [false, true] {
        let address = host.load("prometheus");
        let silent = TcpStream::connect(&address).unwrap();
        let mut slow = TcpStream::connect(&address).unwrap();
        slow.write_all(b"GET /metrics HTTP/1.1\r\nHo").unwrap();
        let mut kept = TcpStream::connect(&address).unwrap();
        kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        wait_for("the clients to be served", || {
            let stats = host.stats("prometheus");
            (stats["http"]["connections"] == 3).then_some(())
        });
        host.remove("prometheus", cancel);
        assert!(is_free(&address), "{address}");
        drop((silent, slow, kept));
    }
    host.ends_well();
}

/// Says that it is over.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn unloads_during_scrapes() {
    let host = Host::start(&[&LIVE[..], &["--jobs=2000"]].concat());
    for cancel in [false, true, false, true] {
        let address = host.load("prometheus");
        let done = AtomicBool::new(false);
        let served: [AtomicU32; 4] = Default::default();
        std::thread::scope(|threads| {
            // whatever happens, for they are waited for
            let _end = Ends(&done);
            for served in &served {
                threads.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let answer = get(&address, "/metrics");
                        let more = u32::from(answer.is_some());
                        served.fetch_add(more, Ordering::Relaxed);
                    }
                });
            }
            wait_for("all to be at it", || {
                let mut all = served.iter();
                all.all(|n| n.load(Ordering::Relaxed) > 2).then_some(())
            });
            host.remove("prometheus", cancel);
        });
        assert!(is_free(&address), "{address}");
    }
    host.ends_well();
}

/// Unloads a module right after it was loaded, and `after` milliseconds
/// later.
fn comes_and_goes(options: &[&str], after: &[u64]) {
    let host = Host::start(options);
    for after in after {
        for cancel in [true, false] {
            let path = module();
            let path = path.to_str().unwrap();
            host.run(&["module", "load", path, "listen=127.0.0.1:0"]);
            std::thread::sleep(Duration::from_millis(*after));
            host.remove("prometheus", cancel);
        }
    }
    host.ends_well();
}

#[test]
fn unloads_before_anything_happened() {
    comes_and_goes(&[], &[0, 0, 0, 10]);
}

#[test]
fn unloads_in_the_backlog() {
    comes_and_goes(&["--jobs=50000", "--nodes=1000"], &[0, 5, 20, 50]);
}

#[test]
fn unloads_while_jobs_come_and_go() {
    comes_and_goes(&LIVE, &[0, 10, 100, 500]);
}

#[test]
fn unloads_while_replies_are_pending() {
    comes_and_goes(&["--latency=50"], &[0, 100, 200, 400]);
}

#[test]
fn unloads_while_the_job_manager_is_away() {
    let host = Host::start(&LIVE);
    host.load("prometheus");
    for cancel in [false, true] {
        host.run(&["module", "remove", "-f", "job-manager"]);
        wait_for("the end of the journal", || {
            let jobs = &host.stats("prometheus")["collectors"]["jobs"];
            (jobs["up"] == false).then_some(())
        });
        host.remove("prometheus", cancel);
        host.load("prometheus");
        host.run(&["module", "load", "job-manager"]);
        wait_for("the journal to be back", || {
            let stats = host.stats("prometheus");
            (stats["journal"]["synced"] == true).then_some(())
        });
    }
    host.remove("prometheus", false);
    host.ends_well();
}

#[test]
fn a_panic_in_any_callback_harms_nobody_else() {
    let host = Host::start(&LIVE);
    for bit in ["0x1", "0x2", "0x4", "0x8"] {
        for cancel in [false, true] {
            let address = host.load("prometheus");
            wait_for("ready", || {
                (get(&address, "/readyz")?.0 == 200).then_some(())
            });
            host.run(&["module", "debug", "--setbit", bit, "prometheus"]);
            if bit == "0x8" {
                let said = host.fails(&["module", "stats", "prometheus"]);
                assert!(said.contains("internal error"), "{said}");
            }
            wait_for("the panic", || {
                (host
                    .run(&["module", "stats", "prometheus"])
                    .contains("failed, see the log")
                    || host.stats("prometheus")["panics"] != 0)
                    .then_some(())
            });
            assert_eq!(get(&address, "/metrics").unwrap().0, 200);
            host.remove("prometheus", cancel);
        }
    }
    host.ends_well();
}

#[test]
fn two_live_side_by_side() {
    let host = Host::start(&LIVE);
    let (one, two) = (host.load("one"), host.load("two"));
    assert_ne!(one, two);
    let again = host.fails(&[
        "module",
        "load",
        "--name=one",
        module().to_str().unwrap(),
    ]);
    assert!(again.contains("File exists"), "{again}");
    host.remove("one", false);
    assert!(is_free(&one));
    assert_eq!(get(&two, "/healthz").unwrap().0, 200);
    host.load("one");
    host.remove("two", true);
    host.remove("one", true);
    host.ends_well();
}

/// What /proc says the process has: how many threads, which descriptors.
fn belongings(pid: u32) -> (usize, Vec<String>) {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
        .map(|link| {
            // a socket's number says nothing
            let link = link.to_string_lossy();
            link.split(':').next().unwrap_or_default().to_owned()
        })
        .collect();
    files.sort();
    (tasks.count(), files)
}

/// The library is not mapped.
fn is_unmapped(pid: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    !maps.contains("prometheus.so")
}

#[test]
fn nothing_is_left_of_fifty_loads() {
    let host = Host::start(&["--rate=100", "--nodes=100"]);
    let pid = host.pid();
    // the thread of the last command ends a moment after its answer
    let settled = |wanted: &(usize, Vec<String>)| {
        wait_for(&format!("{wanted:?}"), || {
            (belongings(pid) == *wanted).then_some(())
        });
    };
    host.load("prometheus");
    host.remove("prometheus", false);
    // how little it has when settled is not known yet, so nothing to wait for
    std::thread::sleep(Duration::from_millis(300));
    let before = belongings(pid);
    for round in 0..50 {
        let address = host.load("prometheus");
        assert_eq!(get(&address, "/metrics").unwrap().0, 200);
        host.remove("prometheus", round % 2 == 1);
        assert!(is_unmapped(pid), "round {round}");
    }
    settled(&before);
    host.ends_well();
}

#[test]
fn its_sockets_are_not_inherited() {
    const O_CLOEXEC: u64 = 0o2_000_000;
    let host = Host::start(&[]);
    let pid = host.pid();
    let sockets = || -> BTreeSet<PathBuf> {
        let all = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let all = all.map(|fd| fd.unwrap().path());
        all.filter(|fd| {
            let link = std::fs::read_link(fd).unwrap_or_default();
            ["socket:", "anon_inode:"]
                .iter()
                .any(|kind| link.to_string_lossy().starts_with(kind))
        })
        .collect()
    };
    let before = sockets();
    let address = host.load("prometheus");
    let client = TcpStream::connect(&address).unwrap();
    assert_eq!(get(&address, "/healthz").unwrap().0, 200);
    let all = sockets();
    let new: Vec<_> = all.difference(&before).collect();
    assert!(new.len() >= 2, "{new:?}"); // at least the listener, the client
    for fd in new {
        let number = fd.file_name().unwrap().to_str().unwrap();
        let info = format!("/proc/{pid}/fdinfo/{number}");
        let Ok(info) = std::fs::read_to_string(info) else { continue };
        let flags = info.lines().find_map(|l| l.strip_prefix("flags:"));
        let flags = u64::from_str_radix(flags.unwrap().trim(), 8).unwrap();
        assert!(flags & O_CLOEXEC != 0, "{fd:?}: {flags:o}");
    }
    drop(client);
    host.remove("prometheus", false);
    host.ends_well();
}

#[test]
fn a_load_that_fails_says_why() {
    let host = Host::start(&[]);
    let path = module();
    let path = path.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen={}", taken.local_addr().unwrap());
    for (args, said) in [
        (vec![path, "prot=80"], "Invalid argument"),
        (vec![path, &listen, "strict"], "Address already in use"),
        (vec!["--exec", path], "--exec is not"),
        (vec!["/no/such.so"], "No such file or directory"),
        (vec!["/etc/passwd"], "load /etc/passwd: "),
        (vec!["nonesuch"], "nonesuch"),
    ] {
        let error = host.fails(&[&["module", "load"], &args[..]].concat());
        assert!(error.starts_with("standin: "), "{error}");
        assert!(error.contains(said), "{args:?}: {error}");
    }
    let log = host.run(&["dmesg"]);
    assert!(log.contains("prometheus.err[0]: argument prot: "), "{log}");
    assert!(log.contains("prometheus.crit[0]: module exiting abnorm"), "{log}");
    assert!(is_unmapped(host.pid()));
    host.ends_well();
}

#[test]
fn a_shutdown_ends_what_is_still_loaded() {
    let host = Host::start(&LIVE);
    let address = host.load("prometheus");
    let client = TcpStream::connect(&address).unwrap();
    let (code, said) = host.end();
    assert_eq!(code, Some(1));
    assert!(said.contains("'prometheus' was not properly shut down"), "{said}");
    assert!(is_free(&address));
    drop(client);
}

/// Compiles a module in C.
fn compile(name: &str, main: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) =
        (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let text = format!(
        "#include <errno.h>\n#include \"flux.h\"\n\
         int mod_main (flux_t *h, int argc, char **argv) {{ {main} }}\n"
    );
    std::fs::write(&source, text).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-I"])
        .args([&include, &source, Path::new("-o"), &library])
        .status()
        .unwrap();
    assert!(status.success());
    library
}

/// The tests above rest on this.
#[test]
fn the_host_notices_what_is_wrong() {
    let run = "flux_reactor_run (flux_get_reactor (h), 0);";
    let leaky = compile(
        "leaky",
        &format!("flux_rpc (h, \"a.b\", 0, 0, 0); {run} return 0;"),
    );
    let host = Host::start(&[]);
    host.run(&["module", "load", leaky.to_str().unwrap()]);
    host.remove("leaky", false);
    let (code, said) = host.end();
    assert_eq!(code, Some(1));
    assert!(said.contains("leaky did not destroy: [Future]"), "{said}");

    let failing = compile("failing", &format!("{run} return -1;"));
    let host = Host::start(&[]);
    host.run(&["module", "load", failing.to_str().unwrap()]);
    host.try_run(&["module", "remove", "failing"]);
    let (code, said) = host.end();
    assert_eq!(code, Some(1));
    assert!(said.contains("module runtime failure"), "{said}");

    let host = Host::start(&[]);
    for (name, main, said) in [
        ("refusing", "errno = EACCES; return -1;", "Permission denied"),
        ("mute", "errno = 0; return -1;", "Connection reset by peer"),
        ("idle", "return 0;", "Connection reset by peer"),
    ] {
        let path = compile(name, main);
        let error = host.fails(&["module", "load", path.to_str().unwrap()]);
        assert!(error.contains(said), "{error}");
    }
    host.ends_well();
}

#[test]
fn no_memory_error_under_valgrind() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        // what the test runner does not swallow
        let line = "SKIPPED: no_memory_error_under_valgrind: no valgrind\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--fair-sched=yes"]);
    // memory that an unloaded module forgot is lost for good
    valgrind.args(["--leak-check=full", "--errors-for-leak-kinds=definite"]);
    valgrind.arg("--show-leak-kinds=definite");
    valgrind.arg(env!("CARGO_BIN_EXE_standin"));
    let options = ["--rate=10", "--nodes=100", "--jobs=100"];
    let host = Host::start_as(valgrind, &options);
    for cancel in [false, true] {
        let address = host.load("prometheus");
        wait_for("ready", || {
            (get(&address, "/readyz")?.0 == 200).then_some(())
        });
        let client = TcpStream::connect(&address).unwrap();
        assert_eq!(get(&address, "/metrics").unwrap().0, 200);
        host.remove("prometheus", cancel);
        drop(client);
    }
    host.ends_well();
}
