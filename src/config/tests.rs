//! Whole configurations, and the sentences that reject them.

use serde_json::{Value, json};

use super::{Config, SETTINGS};

fn read(table: Value, args: &[&str]) -> Result<Config, String> {
    let args: Vec<String> = args.iter().map(|a| a.to_string()).collect();
    Config::from_json(&json!({ "prometheus": table, "tbon": {} }), &args)
        .map_err(|e| e.to_string())
}

fn refusal(table: Value, args: &[&str]) -> String {
    read(table, args).unwrap_err()
}

fn listen(config: Result<Config, String>) -> Vec<String> {
    config.unwrap().listen.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_said_means_the_defaults() {
    let default = Config::default();
    assert_eq!(default.listen[0].to_string(), "[::]:8080");
    assert!(!default.strict);
    assert_eq!(Config::from_json(&Value::Null, &[]), Ok(default.clone()));
    assert_eq!(Config::from_json(&json!({}), &[]), Ok(default.clone()));
    assert_eq!(read(json!({}), &[]), Ok(default));
}

#[test]
fn every_default_in_the_table_is_the_default() {
    for setting in SETTINGS {
        // port's default is listen's
        if setting.default.is_empty() {
            continue;
        }
        let arg = format!("{}={}", setting.key, setting.default);
        let config = read(json!({}), &[&arg]);
        assert_eq!(config, Ok(Config::default()), "{arg}");
    }
}

#[test]
fn settings_are_sorted_and_described() {
    assert!(SETTINGS.is_sorted_by_key(|s| s.key));
    for setting in SETTINGS {
        assert!(setting.help.ends_with('.'), "{}", setting.key);
        assert!(!setting.value.is_empty(), "{}", setting.key);
    }
}

/// All that need another load are said to, here and in docs/settings.md.
#[test]
fn what_waits_for_the_next_load() {
    let page = include_str!("../../docs/settings.md");
    let says = page.split("\n- ").find(|item| item.contains("next load"));
    let says: Vec<_> = says.unwrap().split('`').skip(1).step_by(2).collect();
    let old = Config::default();
    for (key, value, waits) in [
        ("brokers-period", json!("1m"), true),
        ("brokers-worst", json!(1), true),
        ("children-named", json!(1), true),
        ("collectors", json!("nodes"), true),
        ("exemplars", json!(true), true),
        ("native-histograms", json!(true), true),
        ("parent-period", json!("1m"), true),
        ("strict", json!(true), true),
        ("top", json!(1), true),
        ("listen", json!(":1"), false),
        ("buckets", json!([1]), false),
        ("custom-ttl", json!("1m"), false),
        ("connections", json!(1), false),
    ] {
        let new = read(json!({ key: value }), &[]).unwrap();
        let waiting: &[&str] = if waits { &[key] } else { &[] };
        assert_eq!(old.for_the_next_load(&new), waiting);
        let said = says.contains(&key)
            || (key.starts_with("brokers-") && says.contains(&"brokers-"));
        assert_eq!(said, waits, "docs/settings.md: {key}");
    }
}

#[test]
fn why_a_broker_serves_nowhere() {
    let why = |table, rank| read(table, &[]).unwrap().not_listening(rank);
    assert_eq!(why(json!({}), 0), None);
    let said = "rank 1 is not in listen-ranks (0)";
    assert_eq!(why(json!({ "listen": ":1" }), 1), Some(said.into()));
    let said = "rank 0 is not in listen-ranks (5,7-9)";
    assert_eq!(why(json!({ "listen-ranks": "5,7-9" }), 0), Some(said.into()));
    let said = "listen is none";
    assert_eq!(why(json!({ "listen": "none" }), 0), Some(said.into()));
}

#[test]
fn who_mistypes_is_told_first_what_was_meant() {
    let refused = refusal(json!({ "lisen": ":1" }), &[]);
    let said = "prometheus.lisen: unknown key; did you mean listen? (known: ";
    assert!(refused.starts_with(said), "{refused}");
    let refused = refusal(json!({}), &["tls_key=/a"]);
    let said = "argument tls_key: unknown key; did you mean tls-key? (known: ";
    assert!(refused.starts_with(said), "{refused}");
}

#[test]
fn a_table_sets_all() {
    let config = read(
        json!({
            "listen": ["127.0.0.1:9100", "[::1]:9100"],
            "buckets": [0.5, "1s", "1m"],
            "collectors": ["none", "jobs"],
            "strict": true,
        }),
        &[],
    );
    assert_eq!(listen(config.clone()), ["127.0.0.1:9100", "[::1]:9100"]);
    let config = config.unwrap();
    assert_eq!(config.collectors, ["jobs"]);
    assert_eq!(config.buckets, [0.5, 1.0, 60.0]);
    assert!(config.strict);
}

#[test]
fn arguments_override_the_table() {
    let table = json!({ "port": 1, "strict": true, "buckets": [1] });
    let args = ["listen=localhost:2,:3", "strict=false", "buckets=1m,1h"];
    let config = read(table, &args);
    assert_eq!(listen(config.clone()), ["127.0.0.1:2", "[::]:3"]);
    let config = config.unwrap();
    assert_eq!(config.buckets, [60.0, 3600.0]);
    assert!(!config.strict);

    let config = read(json!({ "listen": "127.0.0.1:1" }), &["port=2"]);
    assert_eq!(listen(config), ["[::]:2"]);
    assert!(read(json!({}), &["strict"]).unwrap().strict);

    // the whole list, not word by word
    let table = json!({ "collectors": "-jobs" });
    let config = read(table, &["collectors=default"]);
    assert_eq!(config, Ok(Config::default()));
}

#[test]
fn listen_and_port_in_one_source_is_an_error() {
    assert_eq!(
        refusal(json!({ "listen": ":1", "port": 1 }), &[]),
        "prometheus.port: give either listen or port, not both"
    );
    for args in [["listen=:1", "port=1"], ["port=1", "listen=:1"]] {
        let text = refusal(json!({}), &args);
        assert!(text.ends_with("give either listen or port, not both"));
    }
}

#[test]
fn unknown_keys_are_named_with_the_known_ones() {
    let keys: Vec<_> = SETTINGS.iter().map(|s| s.key).collect();
    let known =
        format!("unknown key; did you mean port? (known: {})", keys.join(", "));
    assert_eq!(
        refusal(json!({ "prot": 8080 }), &[]),
        format!("prometheus.prot: {known}")
    );
    for arg in ["prot=8080", "prot"] {
        assert_eq!(
            refusal(json!({}), &[arg]),
            format!("argument prot: {known}")
        );
    }
    assert!(refusal(json!({}), &[""]).contains("unknown key"));
}

#[test]
fn wrong_shapes_say_what_was_expected() {
    assert_eq!(
        refusal(json!(8080), &[]),
        "prometheus: expected a table, got integer"
    );
    assert_eq!(
        refusal(json!({ "strict": "yes" }), &[]),
        "prometheus.strict: expected true or false, got string"
    );
    assert_eq!(
        refusal(json!({}), &["strict=yes"]),
        "argument strict: expected true or false, got \"yes\""
    );
    let text = refusal(json!({ "collectors": "kv" }), &[]);
    assert!(text.starts_with("prometheus.collectors: no collector \"kv\" ("));
    assert_eq!(
        refusal(json!({}), &["port"]),
        "argument port: expected port=VALUE"
    );
    assert_eq!(
        refusal(json!({}), &["port=1", "port=2"]),
        "argument port: given more than once"
    );
}

#[test]
fn keys_that_do_not_go_together() {
    let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
    for (table, error) in [
        (json!({ "tls-cert": "/c" }), "tls-key: missing, with tls-cert"),
        (json!({ "tls-key": "/k" }), "tls-cert: missing, with tls-key"),
        (
            json!({ "tls-client-ca": "/a" }),
            "tls-cert: missing, with tls-client-ca",
        ),
        (
            json!({ "web-config-file": "/w", "tls-cert": "/c" }),
            "tls-cert: give either this or web-config-file, not both",
        ),
        (
            json!({
                "web-config-file": "/w",
                "basic-auth-users": { "a": hash },
            }),
            "basic-auth-users: give either this or web-config-file, not both",
        ),
    ] {
        assert_eq!(refusal(table, &[]), format!("prometheus.{error}"));
    }
    // whoever says it
    let table = json!({ "tls-cert": "/c" });
    assert!(read(table.clone(), &["tls-key=/k"]).is_ok());
    assert!(refusal(table, &["web-config-file=/w"]).contains("not both"));
}

#[test]
fn private_mode_is_read_from_flux() {
    let private = |access: Value| {
        let conf = json!({ "access": access });
        Config::from_json(&conf, &[]).unwrap().access.private
    };
    assert!(private(json!({ "private-mode": true })));
    assert!(!private(json!({ "private-mode": false })));
    assert!(!private(json!({ "allow-guest-user": true })));
    // Flux refuses it; were it not to, we would not guess
    assert!(private(json!({ "private-mode": "yes" })));
}

#[test]
fn collectors_that_others_need_are_named() {
    let config = read(json!({"collectors": "-resources"}), &[]).unwrap();
    assert_eq!(config.needs("children", &["jobs"]), Ok(()));
    assert_eq!(
        config.needs("parent", &["jobs", "resources"]).unwrap_err(),
        "needs resources, which the setting collectors has off: add that, or \
         \"-parent\""
    );
}
