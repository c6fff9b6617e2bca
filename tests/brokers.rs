//! Loaded on all brokers, the module tells of all of them from rank 0: the
//! sums are those of the brokers, and who is lost, stuck or without the module
//! is missing.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::process::Command;

use instance::scrape::{self, Scrape};
use instance::{Instance, skip, wait_for};

const SIZE: f64 = 7.0;

/// A tree of three levels: 1 and 2 below 0, 3 and 4 below 1, 5 and 6 below 2.
fn start() -> (Instance, String) {
    let instance = Instance::start(&["--test-size=7", "-Stbon.topo=kary:2"]);
    load(&instance, "all", &["brokers-worst=2"]);
    let address = instance.address("prometheus");
    (instance, address)
}

fn load(instance: &Instance, ranks: &str, args: &[&str]) {
    let module = instance::module();
    let module = module.to_str().unwrap();
    let load = ["exec", "-r", ranks, "flux", "module", "load", module];
    let args = [&["listen=127.0.0.1:0", "brokers-period=1s"], args].concat();
    instance.flux(&[&load[..], &args].concat());
}

fn remove(instance: &Instance, ranks: &str) {
    let remove = ["exec", "-r", ranks, "flux", "module", "remove"];
    instance.flux(&[&remove[..], &["prometheus"]].concat());
}

/// Waits until so many brokers are counted, and the others are missing.
fn wait_counted(address: &str, count: f64) -> Scrape {
    wait_for(&format!("{count} brokers are counted"), || {
        let page = scrape::get(address);
        let reporting = page.get("flux_brokers_reporting")?;
        let missing = page.value("flux_brokers_missing");
        assert_eq!(reporting + missing, SIZE);
        (reporting == count).then_some(page)
    })
}

fn statistic(page: &Scrape, figure: &str, statistic: &str) -> f64 {
    let series = format!("flux_brokers_{figure}{{statistic=\"{statistic}\"}}");
    page.value(&series)
}

/// What one broker's stats say of the collector.
fn collector(instance: &Instance, rank: &str) -> serde_json::Value {
    let stats = ["exec", "-r", rank, "flux", "module", "stats", "prometheus"];
    let stats = instance.flux(&stats);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    stats["collectors"]["subtree"].clone()
}

fn problem(instance: &Instance, rank: &str) -> Option<String> {
    let problem = &collector(instance, rank)["problem"];
    problem.as_str().map(str::to_owned)
}

#[test]
fn sums_are_those_of_the_brokers() {
    if skip("sums_are_those_of_the_brokers") {
        return;
    }
    let (instance, address) = start();
    let page = wait_counted(&address, SIZE);

    // each broker's resident memory, by the kernel
    let resident = instance.flux(&[
        "exec",
        "-r",
        "all",
        "sh",
        "-c",
        "grep VmRSS /proc/$(flux getattr broker.pid)/status",
    ]);
    let resident: Vec<f64> = resident
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .map(|kib| kib.parse::<f64>().unwrap() * 1024.0)
        .collect();
    assert_eq!(resident.len(), SIZE as usize);
    let near = |a: f64, b: f64| (a - b).abs() < 0.25 * b;
    let figure = |name| statistic(&page, "resident_memory_bytes", name);
    let sum: f64 = resident.iter().sum();
    assert!(near(figure("sum"), sum), "{resident:?} {page:?}");
    assert!(near(figure("mean"), sum / SIZE));
    let max = resident.iter().copied().fold(0.0, f64::max);
    assert!(near(figure("max"), max));
    let min = resident.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(near(figure("min"), min));

    // all brokers are on this machine
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = memory.lines().next().unwrap();
    let total: f64 = total.split_whitespace().nth(1).unwrap().parse().unwrap();
    let total = total * 1024.0;
    assert_eq!(statistic(&page, "node_memory_bytes", "sum"), SIZE * total);
    let free = statistic(&page, "node_memory_available_bytes", "max");
    assert!(0.0 < free && free < total);

    // the tree has an edge less than it has brokers
    let full = [("status", "full")];
    assert_eq!(page.sum("flux_brokers_overlay_children", &full), SIZE - 1.0);
    assert_eq!(page.sum("flux_brokers_overlay_children", &[]), SIZE - 1.0);

    let worst = |page: &Scrape| {
        let family = "flux_brokers_worst_resident_memory_bytes{";
        let worst = page.0.iter().filter(|(s, _)| s.starts_with(family));
        worst.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert_eq!(worst(&page).len(), 2);
    let greatest = worst(&page).into_iter().fold(0.0, f64::max);
    assert_eq!(greatest, figure("max"));

    // what the brokers use of the processor comes with the second report
    wait_for("the use of the processor", || {
        let page = scrape::get(&address);
        page.get("flux_brokers_cpu_usage_ratio{statistic=\"sum\"}")
    });
    // no broker but the first one listens unless it is told to
    let listeners = |rank| {
        instance.flux(&[
            "exec",
            "-r",
            rank,
            "flux",
            "module",
            "stats",
            "prometheus",
        ])
    };
    let listens = "\"state\": \"listening\"";
    assert!(listeners("0").contains(listens));
    let said = listeners("1");
    assert!(!said.contains(listens), "{said}");
    assert!(said.contains("rank 1 is not in listen-ranks (0)"), "{said}");
    remove(&instance, "all");
}

/// Some send before their parent does so itself for the first time.
#[test]
fn who_reports_early_is_heard() {
    if skip("who_reports_early_is_heard") {
        return;
    }
    let instance = Instance::start(&["--test-size=7", "-Stbon.topo=kary:2"]);
    let module = instance::module();
    for ranks in ["0", "1-2", "3-6"] {
        let load = ["exec", "-r", ranks, "flux", "module", "load"];
        let module = module.to_str().unwrap();
        let args = [module, "listen=none", "brokers-period=10s"];
        instance.flux(&[&load[..], &args].concat());
    }
    for rank in ["4", "5"] {
        let collector = wait_for("its report to be taken", || {
            let collector = collector(&instance, rank);
            (collector["up"] == true).then_some(collector)
        });
        assert_eq!(collector["errors"], 0, "{collector}");
    }
    remove(&instance, "all");
}

#[test]
fn who_is_lost_stuck_or_without_the_module_is_missing() {
    if skip("who_is_lost_stuck_or_without_the_module_is_missing") {
        return;
    }
    let (instance, address) = start();
    wait_counted(&address, SIZE);

    // without the module in the middle: 3 and 4 do not go past it
    remove(&instance, "1");
    wait_counted(&address, SIZE - 3.0);
    wait_for("rank 3 is told why", || {
        let why = problem(&instance, "3")?;
        why.contains("rank 1: No service matching").then_some(())
    });
    load(&instance, "1", &[]);
    wait_counted(&address, SIZE);

    // stuck
    let pid =
        instance.flux(&["exec", "-r", "2", "flux", "getattr", "broker.pid"]);
    let signal = |name: &str| {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, pid.trim()]).status().unwrap().success());
    };
    signal("-STOP");
    let page = wait_counted(&address, SIZE - 3.0);
    signal("-CONT");
    assert!(page.value("flux_brokers_report_age_seconds") < 60.0);
    wait_counted(&address, SIZE);

    // lost for good: its broker ends when it is cut off
    instance.flux(&["overlay", "disconnect", "1"]);
    let page = wait_counted(&address, SIZE - 3.0);
    let lost = [("status", "lost")];
    assert_eq!(page.sum("flux_brokers_overlay_children", &lost), 1.0);
    remove(&instance, "0,2,5-6");
}

#[test]
fn reports_come_from_other_brokers_and_can_be() {
    if skip("reports_come_from_other_brokers_and_can_be") {
        return;
    }
    let (instance, address) = start();
    wait_counted(&address, SIZE);
    let send = |from: &str, rank: u32, brokers: u32| {
        let script = format!(
            "import flux, json\n\
             z = {{'count': 0, 'sum': 0, 'min': 0, 'max': 0}}\n\
             r = {{'version': 1, 'rank': {rank}, 'brokers': {brokers}, \
             'age': 0, 'figures': [z] * 6, 'children': [0] * 6, \
             'worst': [[]] * 5}}\n\
             try:\n    flux.Flux().rpc('prometheus.subtree', r, nodeid=0).get()\n\
             except OSError as e:\n    print(e)\n\
             else:\n    print('taken')\n"
        );
        instance.flux(&["exec", "-r", from, "flux", "python", "-c", &script])
    };
    let refused = send("0", 1, 1);
    assert!(refused.contains("comes from another broker"), "{refused}");
    let refused = send("1", 3, 1);
    assert!(refused.contains("rank 3 is no child"), "{refused}");
    let refused = send("1", 1, 4);
    assert!(refused.contains("about 4 brokers of a subtree of 3"), "{refused}");
    assert_eq!(send("1", 1, 1).trim(), "taken");
    // guests are not heard: the broker itself refuses
    let guest = instance
        .command("flux")
        .args(["python", "-c"])
        .arg("import flux\nflux.Flux().rpc('prometheus.subtree', {}).get()")
        .env("FLUX_HANDLE_USERID", "9999")
        .env("FLUX_HANDLE_ROLEMASK", "2")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&guest.stderr).into_owned();
    assert!(text.contains("owner"), "{text}");
    wait_counted(&address, SIZE);
    remove(&instance, "all");
}

#[test]
fn one_broker_alone_says_nothing_of_the_others() {
    if skip("one_broker_alone_says_nothing_of_the_others") {
        return;
    }
    let instance = Instance::start(&["--test-size=2"]);
    load(&instance, "0", &[]);
    let address = instance.address("prometheus");
    let up = "flux_exporter_collector_up{collector=\"subtree\"}";
    wait_for("the collector is up", || {
        (scrape::get(&address).value(up) == 1.0).then_some(())
    });
    assert!(!scrape::get(&address).has("flux_brokers_reporting"));
    // as a process of its own, the module still tells of the broker
    let module = instance::module();
    let exec = ["module", "load", "--exec", "--name=other"];
    let args = ["listen=127.0.0.1:0", "brokers-period=1s"];
    let load = [&exec[..], &[module.to_str().unwrap()], &args].concat();
    for rank in ["0", "1"] {
        instance.flux(&[&["exec", "-r", rank, "flux"], &load[..]].concat());
    }
    let other = instance.address("other");
    let page = wait_for("both are counted", || {
        let page = scrape::get(&other);
        (page.get("flux_brokers_reporting") == Some(2.0)).then_some(page)
    });
    let own = page.value("process_resident_memory_bytes");
    let broker = statistic(&page, "resident_memory_bytes", "min");
    assert_ne!(own, broker);
    let status = format!("/proc/{}/status", instance.broker_pid());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let max = statistic(&page, "resident_memory_bytes", "max");
    assert!((max - kib * 1024.0).abs() < 0.25 * max, "{max} {line}");
    for rank in ["0", "1"] {
        let on = ["exec", "-r", rank, "flux", "module", "remove", "other"];
        instance.flux(&on);
    }
    remove(&instance, "0");
}
