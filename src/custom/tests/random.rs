//! Requests by chance.

use super::*;
use crate::random::Random;

fn update(random: &mut Random) -> Value {
    let kind = ["gauge", "counter", "histogram"][random.below(3) as usize];
    let name = format!(
        "n{}{}",
        random.below(30),
        ["", "_total"][random.below(20) as usize / 19]
    );
    let text = ["", "x", "\"\\", "ü", "a,b}"];
    let mut update = json!({
        "name": name,
        "type": kind,
        "value": random.below(1000) as f64 / 8.0,
    });
    let mut labels = BTreeMap::new();
    for label in ["a", "b"].iter().take(random.below(3) as usize) {
        let text = text[random.below(text.len() as u64) as usize];
        labels.insert(*label, format!("{text}{}", random.below(20)));
    }
    update["labels"] = json!(labels);
    if random.below(2) == 0 {
        update["ttl"] = json!(1 + random.below(500));
    }
    if kind == "histogram" && random.below(2) == 0 {
        update["buckets"] =
            json!([[1, 10], [1, 100]][random.below(2) as usize]);
    }
    if random.below(3) == 0 {
        update["help"] = json!(["Help.", "A\\b"][random.below(8) as usize / 7]);
    }
    update
}

/// Whatever is sent by whomever, there is never more than may be, a request
/// is applied as a whole or not at all, and the page can be read.
#[test]
fn random_requests_break_nothing() {
    let settings =
        Settings { guests: true, series: 320, ..Settings::default() };
    let mut store = Store::new(settings);
    let mut random = Random(8);
    let (mut now, mut taken, mut refused) = (0.0, 0, BTreeMap::new());
    for round in 0..1500 {
        now += random.below(20) as f64;
        store.expire(now);
        let by = [OWNER, Some(1), Some(2), Some(3)][random.below(4) as usize];
        let updates: Value =
            (0..1 + random.below(4)).map(|_| update(&mut random)).collect();
        let Ok(updates) = parse(&updates.to_string()) else { continue };
        let before = (page(&store, Format::Text), store.used());
        match store.apply(by, updates, now) {
            Ok(()) => taken += 1,
            Err(refusal) => {
                *refused.entry(refusal.reason.as_str()).or_insert(0) += 1;
                let after = (page(&store, Format::Text), store.used());
                assert_eq!(after, before);
            }
        }
        let lines = samples(&store);
        assert!(lines.len() <= 320 && lines.len() == store.used().series);
        let guests = lines.iter().filter(|l| l.contains("userid=\"1\""));
        assert!(guests.count() <= 20);
        let text = page(&store, Format::Text);
        assert!(text.len() <= 320 * 256 + 100, "{}", text.len());
        if round % 50 == 0 {
            check(&text);
            check(&page(&store, Format::OpenMetrics));
        }
    }
    // it was a test of something
    assert!(taken > 200, "{taken}");
    assert!(refused["conflict"] > 50 && refused["series"] > 5, "{refused:?}");
    store.expire(now + 1000.0);
    assert_eq!((store.used(), samples(&store).len()), Default::default());
}

/// That each line of a page is one, and no series is there twice.
fn check(page: &str) {
    let mut seen = std::collections::BTreeSet::new();
    for line in page.lines().filter(|line| !line.starts_with("# ")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(seen.insert(series), "twice: {series}");
        let name = series.split('{').next().unwrap();
        assert_eq!(name::plain(name), Ok(()), "{line}");
        let mut rest = &series[name.len()..];
        while !rest.is_empty() && rest != "}" {
            let (label, value) = rest[1..].split_once("=\"").unwrap();
            assert_eq!(name::plain(label), Ok(()), "{line}");
            let mut escaped = false;
            let end = value.char_indices().find(|(_, c)| {
                let quote = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                quote
            });
            rest = &value[end.unwrap().0 + 1..];
        }
    }
}
