//! `allow`, and a client's address after a zero byte: who is let in is who
//! has the bits of one of the networks.

use std::net::IpAddr;

use flux_prometheus::config::Config;
use flux_prometheus::http::Peer;
use flux_prometheus::http::access::{Access, Settings};
use serde_json::json;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((networks, ip)) = text.split_once('\0') else { return };
    let Ok(ip) = ip.parse::<IpAddr>() else { return };
    let words: Vec<_> = networks.split(',').map(str::trim).collect();
    let conf = json!({ "prometheus": { "allow": words } });
    let allow = match Config::from_json(&conf, &[]) {
        Ok(config) => config.access.allow,
        Err(error) => {
            let error = error.to_string();
            return assert!(error.starts_with("prometheus.allow: "), "{error}");
        }
    };
    assert_eq!(allow.len(), words.len());
    let access = Access::new(Settings { allow, ..Settings::default() });
    let admitted = access.unwrap().admits(Peer::at(ip));
    let (client, _) = bits(ip);
    let expected = words.iter().any(|word| {
        let (address, length) = word.split_once('/').unwrap_or((word, ""));
        let (network, whole) = bits(address.parse().unwrap());
        let of = |length: u32| length + 128 - whole;
        let length =
            if length.is_empty() { 128 } else { of(length.parse().unwrap()) };
        // ::/0 is not about IPv4
        let same_kind = length >= 96 || !is_v4(client);
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        same_kind && (client ^ network) & mask == 0
    });
    assert_eq!(admitted, expected, "{ip} in {networks}");
}

/// As an IPv6 address, and how many bits of one it was written with.
fn bits(ip: IpAddr) -> (u128, u32) {
    match ip {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped().into(), 32),
        IpAddr::V6(ip) => (ip.into(), 128),
    }
}

fn is_v4(bits: u128) -> bool {
    bits >> 32 == 0xffff
}
