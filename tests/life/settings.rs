//! Settings that are wrong, or others than before.

use super::*;

scenarios! {
    bad_arguments_fail_the_load_and_say_why
    bad_settings_fail_the_load_and_say_why
    settings_are_reloaded_or_refused_whole
}

fn bad_arguments_fail_the_load_and_say_why(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    for (arg, said) in [
        ("prot=80", "prot: unknown"),
        ("port=70000", "port: "),
        ("listen=example.org:80", "listen: "),
        ("buckets=1,1", "buckets: "),
        ("strict=maybe", "strict: "),
    ] {
        for mode in host.modes() {
            let output = instance.try_load(mode, &[arg]);
            assert!(!output.status.success(), "{arg} was accepted");
            let log = instance.log();
            assert!(log.contains(said), "{arg}: {log}");
        }
    }
    alive(&instance);
    assert_eq!(instance.end().0, Some(0));
}

fn bad_settings_fail_the_load_and_say_why(host: Host) {
    for (config, said) in [
        ("[prometheus]\nprot = 80\n", "prometheus.prot: unknown"),
        ("[prometheus]\nport = \"http\"\n", "prometheus.port: "),
        ("prometheus = 3\n", "prometheus: "),
    ] {
        let instance = host.start_with(&["--test-size=1"], config, &[]);
        let output = instance.try_load(&[], &[]);
        assert!(!output.status.success(), "{config} was accepted");
        assert!(errors(&output).contains("Invalid argument"));
        let log = instance.log();
        assert!(log.contains(said), "{config}: {log}");
        assert_eq!(instance.end().0, Some(0));
    }
}

fn settings_are_reloaded_or_refused_whole(host: Host) {
    let config = "[prometheus]\nlisten = \"127.0.0.1:0\"\n";
    let instance = host.start_with(&["--test-size=1"], config, &[]);
    instance.load_args(&[], &[]);
    let first = instance.address("prometheus");

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let second = free.local_addr().unwrap().to_string();
    let change = |config: &str| {
        let script = format!("printf '{config}' | flux config load");
        instance.command("sh").args(["-c", &script]).output().unwrap()
    };
    let moved = format!("[prometheus]\\nlisten = \"{second}\"\\n");
    let output = change(&moved);
    assert!(!output.status.success(), "a taken port was accepted");
    assert!(errors(&output).contains("Address already in use"));
    assert_eq!(instance.address("prometheus"), first);

    drop(free);
    let output = change(&moved);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(instance.address("prometheus"), second);
    assert_eq!(scrape::fetch(&second, "/healthz").status, 200);
    wait_for("the old port to be closed", || TcpListener::bind(&first).ok());

    // one that would be free later is not now, and the way out is said
    let port = second.rsplit_once(':').unwrap().1;
    let output = change(&format!("[prometheus]\\nlisten = \":{port}\"\\n"));
    assert!(!output.status.success(), "two listen on one port");
    let said = format!(
        "Address already in use, by our own {second}: flux modprobe remove, \
         then load"
    );
    assert!(errors(&output).contains(&said), "{output:?}");

    let output = change("[prometheus]\\nlisten = 3\\n");
    assert!(!output.status.success());
    assert!(errors(&output).contains("prometheus.listen: "), "{output:?}");

    // whole in the log, for who asked is told the beginning of it
    let output = change("[prometheus]\\nlisen = 3\\n");
    let said = "prometheus.lisen: unknown key; did you mean listen?";
    assert!(errors(&output).contains(said), "{output:?}");
    let log = instance.log();
    let line = log.lines().find(|line| line.contains(said)).unwrap();
    assert!(line.contains("reload refused: "), "{line}");
    assert!(line.ends_with(", write-timeout)"), "{line}");
    assert_eq!(instance.address("prometheus"), second);

    let output = change(&format!("{moved}buckets = [1, 60]\\n"));
    assert!(output.status.success(), "{}", errors(&output));
    let page = instance.scrape();
    let bounds = page
        .0
        .keys()
        .filter(|series| series.starts_with("flux_job_wait_seconds_bucket"))
        .count();
    assert_eq!(bounds, 3); // 1, 60, +Inf

    // what does not change now is said to, once
    let later = format!("{moved}top = 3\\nexemplars = true\\n");
    let said = "prometheus.exemplars, prometheus.top: changed, and taken up \
                at the next load only";
    for _ in 0..2 {
        let output = change(&later);
        assert!(output.status.success(), "{}", errors(&output));
    }
    assert_eq!(instance.log().matches(said).count(), 1);
    // nor is it where it is as it was
    assert!(change(&moved).status.success());
    assert_eq!(instance.log().matches("next load only").count(), 1);

    let output = change(&format!("{moved}listen-ranks = \"5\"\\n"));
    assert!(output.status.success(), "{}", errors(&output));
    let said = "rank 0 is not in listen-ranks (5)";
    assert!(instance.log().contains(&format!("not listening: {said}")));
    let stats = instance.stats("prometheus");
    assert_eq!(stats["not-listening"], said);
    assert_eq!(stats["listeners"], serde_json::json!([]));
    instance.flux(&["module", "remove", "prometheus"]);
}
