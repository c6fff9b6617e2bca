//! Who may read, in an instance: Flux's private mode, Unix sockets, and rules
//! that change with the configuration.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod endpoint;
#[path = "private/guests.rs"]
mod guests;
mod instance;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Output;

use endpoint::{Authority, Folder, HASH, curl, own_address};
use instance::{Host, Instance, wait_for};
use serde_json::Value;

scenarios! {
    private_mode_is_followed
    rules_are_reloaded_or_refused_whole
    connections_end_with_their_address
    new_addresses_have_the_new_rules
    a_unix_socket_comes_and_goes
    limits_follow_the_configuration
}

fn change(instance: &Instance, config: &str) -> Output {
    let folder = Folder::new();
    let path = folder.write("config", config);
    let script = format!("flux config load < {}", path.display());
    instance.command("sh").args(["-c", &script]).output().unwrap()
}

fn accepted(instance: &Instance, config: &str) {
    let output = change(instance, config);
    assert!(output.status.success(), "{output:?}\n{}", instance.log());
}

/// The error of a configuration that must not be accepted.
fn refused(instance: &Instance, config: &str) -> String {
    let output = change(instance, config);
    assert!(!output.status.success(), "accepted: {config}");
    String::from_utf8(output.stderr).unwrap()
}

/// `stats-get`, as a guest asks for it.
fn guest_stats(instance: &Instance) -> Value {
    stats_as(instance, "0x2")
}

/// The same, as somebody with these roles does.
fn stats_as(instance: &Instance, roles: &str) -> Value {
    let output = instance
        .command("flux")
        .args(["module", "stats", "prometheus"])
        .env("FLUX_HANDLE_ROLEMASK", roles)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn private_mode_is_followed(host: Host) {
    let on = "[access]\nprivate-mode = true\n";
    let instance = host.start_with(&["--test-size=1"], on, &[]);
    let named = "children-named=1";
    let args = ["listen=:0", "collectors=users", "exemplars", named];
    instance.load_args(&[], &args);
    let address = instance.address("prometheus");
    let port = address.rsplit_once(':').unwrap().1;
    let page = |ip: &str, path: &str| {
        let (status, page) = curl(&[&format!("http://{ip}:{port}{path}")]);
        assert_eq!(status, 200, "{page}");
        page
    };
    // other machines, if we can play one
    let other = own_address().map(|ip| ip.to_string());
    let names = |page: String| -> Vec<String> {
        let types = page.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        types.map(|l| l.split(' ').next().unwrap().to_owned()).collect()
    };
    // the sources of all families have answered
    let all = wait_for("all collectors", || {
        let all = names(page("127.0.0.1", "/metrics"));
        let has = |name: &str| all.iter().any(|n| n == name);
        (has("flux_queue_started") && has("flux_autoscale_nodes_wanted"))
            .then_some(all)
    });
    assert!(all.iter().any(|name| name == "flux_jobs"));
    // of persons nothing is told, not even here, nor which jobs there were
    instance.flux(&["run", "true"]);
    let openmetrics =
        ["--header", "Accept: application/openmetrics-text;version=1.0.0"];
    let local = format!("http://127.0.0.1:{port}/metrics");
    let exemplars = |more: &[&str]| {
        let (status, page) =
            curl(&[&[local.as_str()], &openmetrics[..], more].concat());
        assert_eq!(status, 200);
        let ran = "flux_job_run_seconds_count{queue=\"\"} 1\n";
        page.contains(ran).then(|| page.matches("# {jobid=\"ƒ").count())
    };
    assert_eq!(wait_for("the job to be counted", || exemplars(&[])), 0);
    let persons = |name: &String| {
        name.starts_with("flux_user_") || name.starts_with("flux_tree_child_")
    };
    assert_eq!(all.iter().find(|name| persons(name)), None);
    assert_eq!(instance.log().matches("are shown to nobody").count(), 1);
    if let Some(ip) = &other {
        let shown = names(page(ip, "/metrics"));
        assert!(shown.iter().any(|name| name == "flux_nodes"), "{shown:?}");
        for prefix in [
            "flux_job",
            "flux_queue",
            "flux_autoscale",
            "flux_sched",
            "flux_exporter_journal_e",
        ] {
            let leak = shown.iter().find(|name| name.starts_with(prefix));
            assert_eq!(leak, None);
        }
        assert!(page(ip, "/").contains("<th>not shown"));
        let url = |path: &str| format!("http://{ip}:{port}{path}");
        let (status, answer) = curl(&[&url("/autoscale")]);
        assert_eq!(status, 503, "{answer}");
        assert!(answer.contains("not shown: "), "{answer}");
        let list = page(ip, "/apis/external.metrics.k8s.io/v1beta1");
        assert!(list.contains("flux_nodes"), "{list}");
        assert!(!list.contains("flux_job"), "{list}");
        assert!(!list.contains("flux_autoscale"), "{list}");
    }
    assert!(page("127.0.0.1", "/autoscale").contains("\"active_jobs\""));
    assert!(!page("127.0.0.1", "/").contains("<th>not shown"));

    let said = "Flux's private mode is on and no authentication is configured";
    assert_eq!(instance.log().matches(said).count(), 1);
    let stats = instance.stats("prometheus");
    assert_eq!(stats["access"]["withheld"], true);
    assert_eq!(stats["jobs"]["active"], 0);
    // in the stand-in all who ask are the owner
    let guests = instance.host == Host::Flux;
    if guests {
        let stats = guest_stats(&instance);
        assert_eq!(stats["access"]["withheld"], true);
        assert_eq!(stats["jobs"], Value::Null, "{stats}");
        assert_eq!(stats["journal"], Value::Null, "{stats}");
        // one that Flux 0.88 calls an administrator
        assert_eq!(stats_as(&instance, "0xa")["jobs"]["active"], 0);
    }

    // with a password it is shown to who has it, and guests still are guests
    let auth =
        format!("{on}[prometheus.basic-auth-users]\nprom = \"{HASH}\"\n");
    accepted(&instance, &auth);
    let stats = instance.stats("prometheus");
    assert_eq!(stats["access"]["withheld"], false);
    assert_eq!(stats["access"]["basic-auth"], true);
    if guests {
        assert_eq!(guest_stats(&instance)["jobs"], Value::Null);
    }
    let url = format!("http://127.0.0.1:{port}/metrics");
    assert_eq!(curl(&[&url]).0, 401);
    let (status, known) = curl(&[&url, "--user", "prom:secret"]);
    assert_eq!(status, 200);
    assert_eq!(names(known).iter().filter(|name| persons(name)).count(), 8);
    // of the wait and of the run
    assert_eq!(exemplars(&["--user", "prom:secret"]), Some(2));
    if let Some(ip) = &other {
        let url = format!("http://{ip}:{port}/metrics");
        assert_eq!(curl(&[&url]).0, 401);
        let (status, page) = curl(&[&url, "--user", "prom:secret"]);
        assert_eq!(status, 200);
        assert!(names(page).iter().any(|name| name == "flux_jobs"));
    }
    let clear = "cross the network in clear text";
    assert_eq!(instance.log().matches(clear).count(), 1);

    // without private mode there is nothing to withhold
    accepted(&instance, "");
    assert_eq!(guest_stats(&instance)["jobs"]["active"], 0);
    if let Some(ip) = &other {
        assert!(page(ip, "/metrics").contains("\nflux_jobs{"));
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

fn rules_are_reloaded_or_refused_whole(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    instance.load_args(&[], &["listen=127.0.0.1:0"]);
    let address = instance.address("prometheus");
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let folder = Folder::new();
    Authority::new(&folder, "ca").sign(&folder, "server", "localhost");
    let ca = folder.text("ca.crt");
    let status = |scheme: &str| {
        let url = format!("{scheme}://localhost:{port}/healthz");
        curl(&["--ipv4", "--cacert", &ca, &url]).0
    };
    assert_eq!((status("http"), status("https")), (200, 0));

    let tls = format!(
        "[prometheus]\ntls-cert = \"{}\"\ntls-key = \"{}\"\n",
        folder.text("server.crt"),
        folder.text("server.key"),
    );
    accepted(&instance, &tls);
    assert_eq!((status("http"), status("https")), (400, 200));
    // a good part of a bad whole is not applied
    let error = refused(
        &instance,
        "[prometheus]\nconnections = 7\ntls-cert = \"/nowhere\"\n\
         tls-key = \"/nowhere\"\n",
    );
    assert!(
        error.contains("prometheus.tls-cert: /nowhere: No such"),
        "{error}"
    );
    assert_eq!((status("http"), status("https")), (400, 200));
    // nor if an address is what is bad
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    instance.flux(&["module", "remove", "prometheus"]);
    let listen = format!("listen = [\"127.0.0.1:{port}\"");
    accepted(&instance, &format!("{tls}{listen}]\n"));
    instance.load_args(&[], &[]);
    let error = refused(
        &instance,
        &format!(
            "[prometheus]\n{listen}, \"{}\"]\n",
            taken.local_addr().unwrap()
        ),
    );
    assert!(error.contains("Address already in use"), "{error}");
    assert_eq!((status("http"), status("https")), (400, 200));

    // a broken renewal is said, and nobody is left without
    folder.write("server.crt", "junk");
    wait_for("it is noticed", || {
        assert_eq!(status("https"), 200);
        let stats = instance.stats("prometheus");
        let problem = stats["access"]["problem"].as_str()?;
        assert!(problem.starts_with("tls-cert: "), "{problem}");
        Some(())
    });
    wait_for("it is logged", || {
        instance
            .log()
            .contains("what was read before stays in use")
            .then_some(())
    });
    Authority::new(&folder, "ca").sign(&folder, "server", "localhost");
    wait_for("the new one is used", || (status("https") == 200).then_some(()));
    assert_eq!(instance.stats("prometheus")["access"]["problem"], Value::Null);
    instance.flux(&["module", "remove", "prometheus"]);
}

/// They were made under the rules of another address.
fn connections_end_with_their_address(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let folder = Folder::new();
    folder.write("token", "0123456789abcdef");
    let token = format!("bearer-token-file = \"{}\"", folder.text("token"));
    let table = "[prometheus]\nlisten = ";
    accepted(&instance, &format!("{table}\"127.0.0.1:0\"\n{token}\n"));
    instance.load_args(&[], &[]);
    let open = || {
        let stats = instance.stats("prometheus");
        (stats["http"]["connections"] == 1).then_some(())
    };
    let address = instance.address("prometheus");
    let mut outsider = TcpStream::connect(&address).unwrap();
    wait_for("it is in", open);
    // to another address, for whose clients there are no passwords
    accepted(&instance, &format!("{table}\"127.0.0.2:0\"\n"));
    let address = instance.address("prometheus");
    assert_eq!(curl(&[&format!("http://{address}/healthz")]).0, 200);
    outsider.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // a reset is as good
    let _ = outsider.read_to_end(&mut answer);
    assert_eq!(String::from_utf8(answer).unwrap(), "");
    instance.flux(&["module", "remove", "prometheus"]);
}

/// From the first connection on: they may be stricter than those before.
fn new_addresses_have_the_new_rules(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let table = "[prometheus]\nlisten = ";
    accepted(&instance, &format!("{table}\"127.0.0.1:0\"\n"));
    instance.load_args(&[], &[]);
    let private = "[access]\nprivate-mode = true\n";
    accepted(&instance, &format!("{private}{table}\"127.0.0.2:0\"\n"));
    // what happens is logged where it happens, and by one thread
    let log = instance.log();
    let said = ["closed 127.0.0.1:", "private mode is on", "on 127.0.0.2:"];
    let at = said.map(|text| log.find(text).expect(text));
    assert!(at.is_sorted(), "{log}");
    instance.flux(&["module", "remove", "prometheus"]);
}

fn a_unix_socket_comes_and_goes(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let folder = Folder::new();
    let (path, text) = (folder.path("socket"), folder.text("socket"));
    let mode =
        || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    let listen = format!("listen=unix:{text}");
    let works = || {
        let url = "http://localhost/metrics";
        let (status, page) = curl(&["--unix-socket", &text, url]);
        assert_eq!(status, 200, "{page}");
        page.contains("\nflux_exporter_build_info")
    };
    for options in host.modes() {
        instance.load_args(options, &[&listen, "strict"]);
        assert!(works());
        assert_eq!(mode(), 0o600);
        // a second load may not have it
        let second =
            instance.try_load(&["--name=second"], &[&listen, "strict"]);
        assert!(!second.status.success(), "{second:?}");
        assert!(works());
        instance.flux(&["module", "remove", "prometheus"]);
        assert!(!path.exists(), "the file is left");
    }
    // what a crash left is no obstacle
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    instance.load_args(&[], &[&listen, "strict"]);
    assert!(works());
    let address = instance.address("prometheus");
    assert_eq!(address, format!("unix:{text}"));

    // mode and owner follow the configuration, and the socket stays
    let mut outsider = BufReader::new(UnixStream::connect(&path).unwrap());
    let mut ask = || {
        // a reset is an end as well
        let get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let _ = outsider.get_mut().write_all(get);
        let lines = outsider.by_ref().lines().map_while(Result::ok);
        lines.take_while(|line| line != "ok").collect::<Vec<_>>()
    };
    assert_eq!(ask()[0], "HTTP/1.1 200 OK");
    accepted(&instance, "[prometheus]\nsocket-mode = \"0666\"\n");
    assert_eq!(mode(), 0o666);
    // who could connect before is asked to do it again
    assert!(ask().is_empty());
    let error = refused(
        &instance,
        "[prometheus]\nsocket-mode = \"0600\"\nsocket-owner = \"no-such\"\n",
    );
    assert!(error.contains("prometheus.socket-owner: no user"), "{error}");
    assert_eq!(mode(), 0o666);
    assert!(works());
    // what is taken by a file of another kind is left alone
    instance.flux(&["module", "remove", "prometheus"]);
    std::fs::write(&path, "precious").unwrap();
    let load = instance.try_load(&[], &[&listen, "strict"]);
    assert!(!load.status.success());
    assert!(instance.log().contains("not a socket"), "{}", instance.log());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

fn limits_follow_the_configuration(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    instance.load_args(&[], &["listen=127.0.0.1:0"]);
    let address = instance.address("prometheus");
    let held: Vec<_> =
        (0..3).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let status = || curl(&[&format!("http://{address}/healthz")]).0;
    assert_eq!(status(), 200);
    accepted(&instance, "[prometheus]\nconnections = 3\n");
    assert_eq!(status(), 503);
    accepted(&instance, "[prometheus]\nconnections-per-address = 3\n");
    assert_eq!(status(), 503);
    accepted(&instance, "");
    assert_eq!(status(), 200);
    // of a header that does not come to its end
    accepted(&instance, "[prometheus]\nheader-timeout = \"100ms\"\n");
    let mut late = TcpStream::connect(&address).unwrap();
    late.set_read_timeout(Some(endpoint::LONG)).unwrap();
    assert_eq!(late.read(&mut [0]).unwrap(), 0);
    drop(held);
    instance.flux(&["module", "remove", "prometheus"]);
}
