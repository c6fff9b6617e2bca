//! Reading the endpoint as a client would: bytes over a socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// `GET path`, or `None` where nothing listens.
pub fn try_fetch(address: &str, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.into(), body: body.into() })
}

/// `GET path`; something must listen.
pub fn fetch(address: &str, path: &str) -> Answer {
    try_fetch(address, path).unwrap_or_else(|| panic!("no answer: {address}"))
}

/// A page of metrics, by series as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrape(pub BTreeMap<String, f64>);

/// Scrapes `/metrics`.
pub fn get(address: &str) -> Scrape {
    let answer = fetch(address, "/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    parse(&answer.body)
}

pub fn parse(body: &str) -> Scrape {
    assert!(body.ends_with('\n'), "no newline at the end");
    let series = body
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect(line);
            (series.to_owned(), value.parse().expect(line))
        })
        .collect();
    Scrape(series)
}

impl Scrape {
    /// The value of one series, which must be there.
    pub fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series}"))
    }

    /// The value of one series, if it is there.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// The sum over a family of all series with these labels.
    pub fn sum(&self, family: &str, labels: &[(&str, &str)]) -> f64 {
        self.0
            .iter()
            .filter(|(series, _)| {
                let name = series.split('{').next().unwrap_or_default();
                name == family
                    && labels.iter().all(|(label, value)| {
                        series.contains(&format!("{label}=\"{value}\""))
                    })
            })
            .map(|(_, value)| value)
            .sum()
    }

    /// Whether a family is there at all.
    pub fn has(&self, family: &str) -> bool {
        self.0.keys().any(|series| {
            series.split('{').next().unwrap_or_default() == family
        })
    }
}
