//! Addresses to listen on. IP literals only: looking a name up would block
//! the module, and a listener on a name that moves is nobody's wish.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;

use super::kind;

/// All addresses, IPv6 and IPv4, port 8080.
pub(super) const DEFAULT: SocketAddr = everywhere(8080);

/// More addresses than a machine has are a mistake.
const MAX: usize = 16;

const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

pub(super) fn from_json(value: &Value) -> Result<Vec<SocketAddr>, String> {
    match value {
        Value::String(text) => list([text.as_str()]),
        Value::Array(items) => {
            let texts: Result<Vec<&str>, String> = items
                .iter()
                .map(|item| {
                    item.as_str().ok_or_else(|| {
                        format!("expected strings, got {}", kind(item))
                    })
                })
                .collect();
            list(texts?)
        }
        other => Err(format!(
            "expected a string or an array of strings, got {}",
            kind(other)
        )),
    }
}

pub(super) fn from_arg(text: &str) -> Result<Vec<SocketAddr>, String> {
    list(text.split(','))
}

pub(super) fn port_from_json(value: &Value) -> Result<SocketAddr, String> {
    if !value.is_i64() && !value.is_u64() {
        return Err(format!("expected integer, got {}", kind(value)));
    }
    value
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .map(everywhere)
        .ok_or_else(|| format!("expected 0 to 65535, got {value}"))
}

pub(super) fn port_from_arg(text: &str) -> Result<SocketAddr, String> {
    port(text)
        .map(everywhere)
        .ok_or_else(|| format!("expected 0 to 65535, got \"{text}\""))
}

fn list<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SocketAddr>, String> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for text in texts {
        let address = address(text.trim())?;
        // each port 0 is a different port
        if address.port() != 0 && addresses.contains(&address) {
            return Err(format!("\"{text}\" is listed twice"));
        }
        addresses.push(address);
    }
    match addresses.len() {
        0 => Err("expected at least one address".into()),
        1..=MAX => Ok(addresses),
        n => Err(format!("expected at most {MAX} addresses, got {n}")),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let (host, digits) = text.rsplit_once(':').unwrap_or((text, ""));
    match (host, port(digits)) {
        ("", Some(port)) => Some(everywhere(port)),
        ("localhost", Some(port)) => Some((Ipv4Addr::LOCALHOST, port).into()),
        (_, Some(_)) => text.parse().ok(),
        (_, None) => None,
    }
    .ok_or_else(|| {
        format!(
            "\"{text}\" is not IP:PORT, [IPV6]:PORT, localhost:PORT or :PORT"
        )
    })
}

/// Digits only: `u16::from_str` would take "+80".
fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms() {
        for (text, address) in [
            (":8080", "[::]:8080"),
            (":0", "[::]:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("localhost:65535", "127.0.0.1:65535"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(from_arg(text).unwrap()[0].to_string(), address);
        }
    }

    #[test]
    fn what_is_not_an_address_is_quoted() {
        for text in [
            "",
            "8080",
            ":",
            "::1:80",
            ":65536",
            ":-1",
            ":+80",
            "node7:80",
            "*:80",
            "127.0.0.1",
            "127.0.0.1:",
            "[::1]",
            "1.2.3:80",
            ": 80",
        ] {
            let error = from_arg(text).unwrap_err();
            let quoted = format!("\"{text}\" is not IP:PORT");
            assert!(error.starts_with(&quoted), "{text}: {error}");
        }
    }

    #[test]
    fn lists() {
        assert_eq!(from_arg(":1, :2").unwrap().len(), 2);
        assert_eq!(from_arg(":0,:0").unwrap().len(), 2);
        assert_eq!(from_arg(":1,:1").unwrap_err(), "\":1\" is listed twice");
        assert_eq!(
            from_json(&json!([])).unwrap_err(),
            "expected at least one address"
        );
        assert_eq!(
            from_json(&json!([":1", 2])).unwrap_err(),
            "expected strings, got integer"
        );
        assert_eq!(
            from_json(&json!(8080)).unwrap_err(),
            "expected a string or an array of strings, got integer"
        );
        let many = vec![":0"; MAX + 1].join(",");
        assert!(from_arg(&many).unwrap_err().contains("at most 16"));
    }

    #[test]
    fn ports() {
        assert_eq!(port_from_json(&json!(0)).unwrap().port(), 0);
        assert_eq!(port_from_json(&json!(65535)).unwrap().port(), 65535);
        for (value, error) in [
            (json!(65536), "expected 0 to 65535, got 65536"),
            (json!(-1), "expected 0 to 65535, got -1"),
            (json!(80.5), "expected integer, got float"),
            (json!("80"), "expected integer, got string"),
        ] {
            assert_eq!(port_from_json(&value).unwrap_err(), error);
        }
        assert_eq!(port_from_arg("80").unwrap().port(), 80);
        for text in ["", "+80", "http", "65536", " 80"] {
            assert!(port_from_arg(text).is_err(), "{text}");
        }
    }
}
