//! `Accept` and `Accept-Encoding`, a line each (`A` or `E` before it): who
//! gets something other than text as it is has named it; a line in words that
//! nobody knows, and the order of lines, change nothing.

use flux_prometheus::exposition::Format;
use flux_prometheus::http::texts::{Coding, coding, format};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue};

type Lines = Vec<(HeaderName, HeaderValue)>;

pub fn check(data: &[u8]) {
    let mut lines: Lines = Vec::new();
    for line in data.split(|b| *b == b'\n') {
        let name = match line.first() {
            Some(b'A') => ACCEPT,
            Some(b'E') => ACCEPT_ENCODING,
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(&line[1..]) {
            lines.push((name, value));
        }
    }
    let chosen = choose(&lines);
    let named = |name: HeaderName, words: &[&str]| {
        let values = lines.iter().filter(|(of, _)| *of == name);
        values.map(|(_, value)| value.as_bytes()).any(|value| {
            let value = value.to_ascii_lowercase();
            let has = |word: &str| {
                value.windows(word.len()).any(|w| w == word.as_bytes())
            };
            words.iter().any(|word| has(word))
        })
    };
    if chosen.0 == Format::OpenMetrics {
        assert!(named(ACCEPT, &["application/openmetrics-text"]));
    }
    match chosen.1 {
        Coding::Identity => (),
        Coding::Gzip => assert!(named(ACCEPT_ENCODING, &["gzip", "*"])),
        Coding::Zstd => assert!(named(ACCEPT_ENCODING, &["zstd"])),
    }
    lines.reverse();
    assert_eq!(choose(&lines), chosen, "in the other order");
    for name in [ACCEPT, ACCEPT_ENCODING] {
        lines.push((name, HeaderValue::from_static("x/y;q=0.5, br")));
    }
    assert_eq!(choose(&lines), chosen, "with what nobody knows");
}

fn choose(lines: &Lines) -> (Format, Coding) {
    let headers: HeaderMap = lines.iter().cloned().fold(
        HeaderMap::new(),
        |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        },
    );
    (format(&headers), coding(&headers))
}
