//! Label selectors of the metrics APIs of Kubernetes, and labels of a series,
//! each after a zero byte: what is refused is said, and requirements are met
//! one by one.

use flux_prometheus::http::texts::Selector;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let text = parts.next().unwrap_or_default();
    let labels: Vec<_> = parts.filter_map(|p| p.split_once('=')).collect();
    let label = |name: &str| {
        labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value)
    };
    let matches = |text: &str| {
        let selector = Selector::parse(text).unwrap();
        selector.matches(label)
    };
    match Selector::parse(text) {
        Err(error) => {
            let why = ["is not a requirement", "more than 64 requirements"];
            assert!(why.iter().any(|why| error.contains(why)), "{error}");
        }
        Ok(_) if text.trim().is_empty() => assert!(matches(text)),
        // there is to be room for one more below
        Ok(_) if text.split(',').count() >= 64 => {}
        Ok(_) if label("none-of-these").is_some() => {}
        Ok(selector) => {
            let met = selector.matches(label);
            assert_eq!(matches(&format!("{text},!none-of-these")), met);
            assert!(!matches(&format!("{text},none-of-these")));
            let parts = requirements(text);
            assert_eq!(parts.iter().all(|part| matches(part)), met);
        }
    }
}

/// Cut at commas outside of parentheses, by counting those.
fn requirements(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}
