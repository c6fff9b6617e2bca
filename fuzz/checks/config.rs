//! Settings: Flux's configuration as JSON, then arguments, with a zero byte
//! before each. What is refused is named; what is accepted is in bounds.

use flux_prometheus::collectors::NAMES;
use flux_prometheus::config::Config;
use serde_json::{Value, json};

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let conf = parts.next().unwrap_or_default();
    let conf: Value = serde_json::from_str(conf).unwrap_or_default();
    let args: Vec<String> = parts.map(String::from).collect();
    settle(&conf, &args);
    // the same as a table of its own, which mutation rarely makes
    settle(&json!({ "prometheus": conf }), &args);
}

fn settle(conf: &Value, args: &[String]) {
    let config = match Config::from_json(conf, args) {
        Ok(config) => config,
        Err(error) => {
            let text = error.to_string();
            let named = ["prometheus: ", "prometheus.", "argument "];
            assert!(named.iter().any(|n| text.starts_with(n)), "{text}");
            return;
        }
    };
    let again = Config::from_json(conf, args).unwrap();
    // not by ==, which is not reflexive for floats
    assert_eq!(format!("{config:?}"), format!("{again:?}"));
    // none, if that is what they say
    let none = format!("{conf} {args:?}").contains("none");
    assert!(config.listen.len() <= 16);
    assert!(none || !config.listen.is_empty());
    assert!((1..=64).contains(&config.buckets.len()));
    assert!(config.buckets.is_sorted_by(|a, b| a < b));
    assert!(config.buckets.iter().all(|b| *b > 0.0 && b.is_finite()));
    let known = |name: &str| NAMES.iter().any(|(known, _)| *known == name);
    assert!(config.collectors.iter().all(|name| known(name)));
    // no argument is ever ignored
    for arg in args {
        let twice = [args, std::slice::from_ref(arg)].concat();
        assert!(Config::from_json(conf, &twice).is_err(), "{arg:?} twice");
    }
}
