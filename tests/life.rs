//! The module's life in a real broker: whatever happens to it, the broker
//! goes on.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;
#[path = "life/settings.rs"]
mod settings;

use std::net::{TcpListener, TcpStream};

use instance::{Host, Instance, scrape, skip, wait_for};

scenarios! {
    loads_serves_and_unloads
    is_canceled_in_one_piece
    survives_a_shutdown_with_it_still_loaded
    reload_runs_a_replaced_library
    two_copies_live_side_by_side
    a_panic_stops_a_collector_and_nothing_else
    a_panic_in_a_request_is_an_error_to_its_sender
    a_panic_in_unload_leaves_the_library_mapped
    a_port_that_is_taken_is_tried_again
}

/// The broker answers, which it could not if the module had harmed it.
fn alive(instance: &Instance) {
    assert_eq!(instance.flux(&["getattr", "rank"]).trim(), "0");
}

fn errors(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn loads_serves_and_unloads(host: Host) {
    let instance = host.start(&["--test-size=2"]);
    for mode in host.modes() {
        instance.load(mode);
        let address = instance.address("prometheus");
        wait_for("ready", || {
            let answer = scrape::fetch(&address, "/readyz");
            (answer.status == 200).then_some(())
        });
        let page = scrape::get(&address);
        let version = instance.flux(&["getattr", "version"]);
        let info = format!(
            "flux_exporter_build_info{{flux_core=\"{}\",version=\"{}\"}}",
            version.trim(),
            env!("CARGO_PKG_VERSION"),
        );
        let plain = format!(
            "flux_exporter_build_info{{version=\"{}\",flux_core=\"{}\"}}",
            env!("CARGO_PKG_VERSION"),
            version.trim(),
        );
        assert!(page.0.contains_key(&info) || page.0.contains_key(&plain));
        assert_eq!(page.value("flux_jobs{queue=\"\",state=\"run\"}"), 0.0);
        assert_eq!(
            page.value("flux_exporter_collector_up{collector=\"jobs\"}"),
            1.0
        );
        instance.flux(&["module", "remove", "prometheus"]);
        assert!(TcpStream::connect(&address).is_err(), "{address} is open");
        alive(&instance);
    }
    let (code, log) = instance.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn other_ranks_serve_what_is_theirs() {
    if skip("other_ranks_serve_what_is_theirs") {
        return;
    }
    let instance = Instance::start(&["--test-size=2"]);
    let on_rank_1 =
        |script: &str| instance.flux(&["exec", "-r1", "sh", "-c", script]);
    let module = instance::module();
    on_rank_1(&format!(
        "flux module load {} listen=127.0.0.1:0 listen-ranks=all",
        module.display()
    ));
    let stats = on_rank_1("flux module stats prometheus");
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    let address = stats["listeners"][0]["address"].as_str().unwrap();
    assert_eq!(scrape::fetch(address, "/readyz").status, 200);
    let page = scrape::get(address);
    assert!(page.has("flux_exporter_build_info"));
    // jobs are counted where the job manager is, and nowhere else
    assert!(!page.has("flux_jobs"));
    on_rank_1("flux module remove prometheus");
    assert_eq!(instance.end().0, Some(0));
}

fn is_canceled_in_one_piece(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    for mode in host.modes() {
        for _ in 0..3 {
            instance.load(mode);
            let address = instance.address("prometheus");
            let client = TcpStream::connect(&address).unwrap();
            instance.flux(&["module", "remove", "--cancel", "prometheus"]);
            wait_for("the port to be free", || {
                TcpListener::bind(&address).ok()
            });
            drop(client);
            alive(&instance);
        }
    }
    let (code, log) = instance.end();
    assert_eq!(code, Some(0), "{log}");
}

fn survives_a_shutdown_with_it_still_loaded(host: Host) {
    for mode in host.modes() {
        let instance = host.start(&["--test-size=1"]);
        instance.load(mode);
        let address = instance.address("prometheus");
        let client = TcpStream::connect(&address).unwrap();
        let (code, log) = instance.end();
        // a module that was loaded by hand and never removed makes any
        // instance exit with 1; a signal would show as no code, or 134
        assert!(matches!(code, Some(0 | 1)), "{mode:?} {code:?}: {log}");
        assert!(TcpListener::bind(&address).is_ok());
        drop(client);
    }
}

fn reload_runs_a_replaced_library(host: Host) {
    let dir = instance::tempdir::TempDir::new();
    let path = dir.path().join("prometheus.so");
    let library = std::fs::read(instance::module()).unwrap();
    std::fs::write(&path, &library).unwrap();
    let path = path.to_str().unwrap();

    let instance = host.start(&["--test-size=1"]);
    let args = [path, "listen=127.0.0.1:0"];
    instance.flux(&[&["module", "load"], &args[..]].concat());
    let version = |instance: &Instance| {
        let page = instance.scrape();
        let info = page.0.keys().find(|k| k.contains("build_info")).cloned();
        info.unwrap().split("version=\"").nth(1).unwrap()[..5].to_owned()
    };
    assert_eq!(version(&instance), env!("CARGO_PKG_VERSION"));

    // a newer build, as far as it says of itself
    let (old, new) = (env!("CARGO_PKG_VERSION").as_bytes(), b"7.7.7");
    assert_eq!(old.len(), new.len());
    let mut library = library;
    let places: Vec<_> = library
        .windows(old.len())
        .enumerate()
        .filter_map(|(i, bytes)| (bytes == old).then_some(i))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        library[place..place + new.len()].copy_from_slice(new);
    }
    let temporary = dir.path().join("new");
    std::fs::write(&temporary, &library).unwrap();
    std::fs::rename(&temporary, path).unwrap();

    instance.flux(&[&["module", "reload"], &args[..]].concat());
    assert_eq!(version(&instance), "7.7.7");
    instance.flux(&["module", "remove", "prometheus"]);
}

fn two_copies_live_side_by_side(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    instance.load(&["--name=one"]);
    instance.load(&["--name=two"]);
    let (one, two) = (instance.address("one"), instance.address("two"));
    assert_ne!(one, two);
    instance.flux(&["run", "true"]);
    for address in [&one, &two] {
        wait_for("the job to be counted", || {
            let page = scrape::get(address);
            (page.sum("flux_jobs_finished_total", &[]) == 1.0).then_some(())
        });
    }
    instance.flux(&["module", "remove", "one"]);
    assert!(TcpStream::connect(&one).is_err());
    assert_eq!(scrape::fetch(&two, "/readyz").status, 200);
    instance.flux(&["module", "remove", "two"]);
    alive(&instance);
}

fn a_panic_stops_a_collector_and_nothing_else(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let up = |page: &scrape::Scrape, name: &str| {
        let series =
            format!("flux_exporter_collector_up{{collector=\"{name}\"}}");
        page.value(&series)
    };
    // a stream message, a reply, a timer; of the latter two any collector's
    for bit in ["0x1", "0x2", "0x4"] {
        instance.load(&[]);
        let address = instance.address("prometheus");
        wait_for("all to be up", || {
            let page = scrape::get(&address);
            let all = ["jobs", "queues", "job-list", "resources"];
            let up = all.iter().all(|name| up(&page, name) == 1.0);
            up.then_some(())
        });
        instance.flux(&["module", "debug", "--setbit", bit, "prometheus"]);
        instance.flux(&["run", "true"]);
        let page = wait_for("the panic", || {
            let page = scrape::get(&address);
            let stats = instance.stats("prometheus");
            let all = stats["collectors"].as_object().unwrap();
            let down = match bit {
                "0x1" => up(&page, "jobs") == 0.0,
                _ => all.values().any(|one| {
                    one["problem"]
                        == "failed, see the log: the module has \
                         to be loaded again"
                        && one["up"] == false
                }),
            };
            // the listeners' timer may take the bit meant for a collector
            let taken = stats["panics"] != 0;
            (down || taken).then_some(page)
        });
        assert!(instance.log().contains("panic: injected by debug bit"));
        if bit == "0x1" {
            assert!(!page.has("flux_jobs"), "frozen gauges");
            assert!(page.has("flux_jobs_finished_total"));
            let said = "the collector jobs failed, see the log: the module \
                        has to be loaded again";
            let answer = scrape::fetch(&address, "/readyz");
            assert_eq!(answer.status, 503);
            assert_eq!(answer.body.trim_end(), said);
            let answer = scrape::fetch(&address, "/autoscale");
            assert!(answer.body.contains(said), "{}", answer.body);
            wait_for("the collector autoscale to say so", || {
                let stats = instance.stats("prometheus");
                let problem = &stats["collectors"]["autoscale"]["problem"];
                (problem == said).then_some(())
            });
        }
        instance.flux(&["module", "remove", "prometheus"]);
        alive(&instance);
    }
}

fn a_panic_in_a_request_is_an_error_to_its_sender(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    instance.load(&[]);
    instance.flux(&["module", "debug", "--setbit", "0x8", "prometheus"]);
    let output = instance.try_flux(&["module", "stats", "prometheus"]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("internal error"), "{output:?}");
    assert_eq!(instance.stats("prometheus")["panics"], 1);
    instance.flux(&["module", "remove", "prometheus"]);
    alive(&instance);
}

/// What it had not ended would run in nothing; the thread it ends anyhow.
fn a_panic_in_unload_leaves_the_library_mapped(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    instance.flux(&["module", "debug", "--setbit", "0x10", "prometheus"]);
    instance.flux(&["module", "remove", "prometheus"]);
    let said = "unload: panic: injected by debug bit 0x10; the \
                library stays mapped";
    wait_for("it to be said", || instance.log().contains(said).then_some(()));
    wait_for("the port to be free", || TcpListener::bind(&address).ok());
    alive(&instance);
}

fn a_port_that_is_taken_is_tried_again(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = format!("listen={address}");

    let output = instance.try_load(&[], &[&listen, "strict"]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("Address already in use"));
    let said = format!("listen on {address}: Address already in use");
    let count = |instance: &Instance| instance.log().matches(&said).count();
    let before = count(&instance);
    assert_eq!(before, 1, "{}", instance.log());

    instance.load_args(&[], &[&listen]);
    let listener = |instance: &Instance| {
        instance.stats("prometheus")["listeners"][0].clone()
    };
    assert_eq!(listener(&instance)["state"], "retrying");
    assert_eq!(listener(&instance)["error"], said);
    drop(taken);
    wait_for("the port to be had", || {
        (listener(&instance)["state"] == "listening").then_some(())
    });
    assert_eq!(scrape::fetch(&address, "/healthz").status, 200);
    assert_eq!(count(&instance), before + 1, "not logged once");
    instance.flux(&["module", "remove", "prometheus"]);
}
