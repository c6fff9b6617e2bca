//! Addresses to listen on. IP literals only: looking a name up would block
//! the module, and a listener on a name that moves is nobody's wish.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;

use super::{
    input::{self, Input},
    kind,
};
use crate::http::Address;
use crate::job::idset::Ranges;

/// All addresses, IPv6 and IPv4, port 8080.
pub const DEFAULT: Address = everywhere(8080);

/// Ranks of brokers, by words of people.
pub(super) fn ranks(input: Input) -> Result<Ranges, String> {
    match input.text()? {
        "all" => Ok(Ranges::one(0, u32::MAX)),
        text => Ranges::parse(text).map_err(|_| {
            format!("expected all, or ranks such as 0,4-7, got \"{text}\"")
        }),
    }
}

/// What the kernel has room for, less the byte at the end.
const MAX_PATH: usize = 107;

/// More addresses than a machine has are a mistake.
const MAX: usize = 16;

const fn everywhere(port: u16) -> Address {
    Address::Tcp(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port))
}

pub(super) fn port_from_json(value: &Value) -> Result<Address, String> {
    if !value.is_i64() && !value.is_u64() {
        return Err(format!("expected integer, got {}", kind(value)));
    }
    value
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .map(everywhere)
        .ok_or_else(|| format!("expected 0 to 65535, got {value}"))
}

pub(super) fn port_from_arg(text: &str) -> Result<Address, String> {
    port(text)
        .map(everywhere)
        .ok_or_else(|| format!("expected 0 to 65535, got \"{text}\""))
}

pub(super) fn addresses(input: Input) -> Result<Vec<Address>, String> {
    let mut addresses: Vec<Address> = Vec::new();
    let words = input.words()?;
    if words == ["none"] {
        return Ok(addresses);
    }
    for text in words {
        let address = address(text)?;
        // each port 0 is a different port
        if !is_any_port(&address) && addresses.contains(&address) {
            return Err(format!("\"{text}\" is listed twice"));
        }
        addresses.push(address);
    }
    match addresses.len() {
        0..=MAX => Ok(addresses),
        n => Err(format!("expected at most {MAX} addresses, got {n}")),
    }
}

fn is_any_port(address: &Address) -> bool {
    matches!(address, Address::Tcp(address) if address.port() == 0)
}

fn address(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match input::path(path) {
            Some(_) if path.len() > MAX_PATH => Err(format!(
                "\"{text}\": the path of a socket has at most {MAX_PATH} bytes"
            )),
            Some(path) => Ok(Address::Unix(path)),
            None => Err(format!("\"{text}\": expected an absolute path")),
        };
    }
    let (host, digits) = text.rsplit_once(':').unwrap_or((text, ""));
    match (host, port(digits)) {
        ("", Some(port)) => Some(everywhere(port)),
        ("localhost", Some(port)) => {
            Some(Address::Tcp((Ipv4Addr::LOCALHOST, port).into()))
        }
        (_, Some(_)) => text.parse().ok().map(Address::Tcp),
        (_, None) => None,
    }
    .ok_or_else(|| {
        format!(
            "\"{text}\" is not IP:PORT, [IPV6]:PORT, localhost:PORT, :PORT or \
             unix:/PATH"
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

    fn from_arg(text: &str) -> Result<Vec<Address>, String> {
        addresses(Input::Arg(text))
    }

    fn from_json(value: &Value) -> Result<Vec<Address>, String> {
        addresses(Input::Json(value))
    }

    #[test]
    fn forms() {
        for (text, address) in [
            (":8080", "[::]:8080"),
            (":0", "[::]:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("localhost:65535", "127.0.0.1:65535"),
            ("[::1]:9", "[::1]:9"),
            ("unix:/run/flux/prometheus", "unix:/run/flux/prometheus"),
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
            "/run/x",
        ] {
            let error = from_arg(text).unwrap_err();
            let quoted = format!("\"{text}\" is not IP:PORT");
            assert!(error.starts_with(&quoted), "{text}: {error}");
        }
    }

    #[test]
    fn paths_of_sockets() {
        let long = format!("unix:/{}", "x".repeat(MAX_PATH - 1));
        assert!(from_arg(&long).is_ok());
        let error = from_arg(&format!("{long}x")).unwrap_err();
        assert!(error.ends_with("has at most 107 bytes"), "{error}");
        for bad in ["unix:", "unix:x", "unix:./x"] {
            let error = from_arg(bad).unwrap_err();
            assert!(error.ends_with("expected an absolute path"), "{error}");
        }
        assert!(from_arg("unix:/a,unix:/a").is_err());
    }

    #[test]
    fn lists() {
        assert_eq!(from_arg(":1, :2").unwrap().len(), 2);
        assert_eq!(from_arg(":0,:0").unwrap().len(), 2);
        assert_eq!(from_arg(":1,:1").unwrap_err(), "\":1\" is listed twice");
        assert_eq!(from_json(&json!([])), Ok(vec![]));
        assert_eq!(from_arg("none"), Ok(vec![]));
        assert!(from_arg("none,:1").is_err());
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
    fn ranks_are_all_or_a_set() {
        let has = |text, rank| ranks(Input::Arg(text)).unwrap().contains(rank);
        assert!(has("all", 0) && has("all", u32::MAX));
        assert!(has("0,4-7", 5) && !has("0,4-7", 3));
        assert!(!has("", 0));
        for text in ["none", "0-", "3,1", ">0"] {
            let error = ranks(Input::Arg(text)).unwrap_err();
            assert!(error.ends_with(&format!("got \"{text}\"")), "{error}");
        }
    }

    #[test]
    fn ports() {
        assert_eq!(port_from_json(&json!(0)), Ok(everywhere(0)));
        assert_eq!(port_from_json(&json!(65535)), Ok(everywhere(65535)));
        for (value, error) in [
            (json!(65536), "expected 0 to 65535, got 65536"),
            (json!(-1), "expected 0 to 65535, got -1"),
            (json!(80.5), "expected integer, got float"),
            (json!("80"), "expected integer, got string"),
        ] {
            assert_eq!(port_from_json(&value).unwrap_err(), error);
        }
        assert_eq!(port_from_arg("80"), Ok(everywhere(80)));
        for text in ["", "+80", "http", "65536", " 80"] {
            assert!(port_from_arg(text).is_err(), "{text}");
        }
    }
}
