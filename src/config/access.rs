//! Settings of who may read, and what does not go together.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;

use super::{Config, input::Input, kind};
use crate::http::access::check_hash;

/// More are a firewall's business.
const MAX_NETWORKS: usize = 256;

/// Networks, as CIDR or as single addresses.
pub(super) fn networks(input: Input) -> Result<Vec<IpNet>, String> {
    let words = input.words()?;
    match words.len() {
        0 => return Err("expected at least one network".into()),
        1..=MAX_NETWORKS => (),
        n => {
            return Err(format!(
                "expected at most {MAX_NETWORKS} networks, got {n}"
            ));
        }
    }
    words.into_iter().map(network).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = parse(text).map(canonical).ok_or_else(|| {
        format!("\"{text}\" is not an address or a network such as 10.0.0.0/8")
    })?;
    match network == network.trunc() {
        true => Ok(network),
        false => {
            Err(format!("\"{text}\" is not a network; {} is", network.trunc()))
        }
    }
}

/// Not by `IpNet::from_str`, which takes 010.0.0.0/8 for 10.0.0.0/8 where
/// others read an octal number.
fn parse(text: &str) -> Option<IpNet> {
    let Some((ip, bits)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let number: u8 = bits.parse().ok()?;
    let plain = number.to_string() == bits;
    plain.then(|| IpNet::new(ip.parse().ok()?, number).ok())?
}

/// An IPv4 network that is written as an IPv6 one, as the IPv4 one: that is
/// how clients are compared with it.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped();
    let bits = v6.prefix_len().checked_sub(96);
    v4.zip(bits)
        .and_then(|(ip, bits)| Ipv4Net::new(ip, bits).ok())
        .map_or(network, IpNet::V4)
}

/// Names and hashes of passwords, which no argument should show.
pub(super) fn users(input: Input) -> Result<BTreeMap<String, String>, String> {
    let table = match input {
        Input::Json(Value::Object(table)) => table,
        Input::Json(other) => {
            return Err(format!("expected a table, got {}", kind(other)));
        }
        Input::Arg(_) => {
            let text = "cannot be an argument; use the [prometheus] table";
            return Err(text.into());
        }
    };
    if table.is_empty() {
        return Err("expected at least one user".into());
    }
    let user = |(name, hash): (&String, &Value)| {
        if name.contains(':') {
            return Err(format!("\"{name}\": a name cannot have a colon"));
        }
        let hash = Input::Json(hash).text();
        hash.and_then(|hash| check_hash(hash).map(|()| hash.to_owned()))
            .map(|hash| (name.clone(), hash))
            .map_err(|text| format!("\"{name}\": {text}"))
    };
    table.iter().map(user).collect()
}

/// What one key says of another one.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let access = &config.access;
    let cert = access.tls_cert.is_some();
    let key = access.tls_key.is_some();
    let ca = access.tls_client_ca.is_some();
    let users = !access.basic_auth_users.is_empty();
    if access.web_config_file.is_some() {
        let ours = [
            (cert, "tls-cert"),
            (key, "tls-key"),
            (ca, "tls-client-ca"),
            (users, "basic-auth-users"),
        ];
        if let Some((_, key)) = ours.iter().find(|(given, _)| *given) {
            return Err(format!(
                "{key}: give either this or web-config-file, not both"
            ));
        }
    }
    match (cert, key, ca) {
        (true, false, _) => Err("tls-key: missing, with tls-cert".into()),
        (false, true, _) => Err("tls-cert: missing, with tls-key".into()),
        (false, false, true) => {
            Err("tls-cert: missing, with tls-client-ca".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn networks_are_read_strictly() {
        let read = |text| networks(Input::Arg(text));
        let text = |text| -> Vec<String> {
            read(text).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(text("10.0.0.0/8, ::1"), ["10.0.0.0/8", "::1/128"]);
        assert_eq!(text("192.0.2.7"), ["192.0.2.7/32"]);
        assert_eq!(text("::ffff:10.1.0.0/112"), ["10.1.0.0/16"]);
        assert_eq!(text("0.0.0.0/0,::/0"), ["0.0.0.0/0", "::/0"]);
        assert_eq!(
            read("10.0.0.1/8").unwrap_err(),
            "\"10.0.0.1/8\" is not a network; 10.0.0.0/8 is"
        );
        for bad in [
            "",
            "10/8",
            "10.0.0.0/33",
            "010.0.0.0/8",
            "010.0.0.1",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "localhost",
            "1.2.3.4:80",
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains("is not an address or"), "{bad}: {error}");
        }
        let none = networks(Input::Json(&json!([])));
        assert_eq!(none.unwrap_err(), "expected at least one network");
        let many = vec!["10.0.0.1"; MAX_NETWORKS + 1].join(",");
        assert!(read(&many).unwrap_err().contains("at most 256"));
    }

    #[test]
    fn users_have_names_and_hashes() {
        let read = |value: Value| users(Input::Json(&value));
        let hash =
            "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
        assert_eq!(read(json!({ "prom": hash })).unwrap()["prom"], hash);
        for (value, error) in [
            (json!({}), "expected at least one user"),
            (json!("x"), "expected a table, got string"),
            (json!({ "a:b": hash }), "\"a:b\": a name cannot have a colon"),
            (json!({ "a": 1 }), "\"a\": expected a string, got integer"),
        ] {
            assert_eq!(read(value).unwrap_err(), error);
        }
        let error = read(json!({ "a": "secret" })).unwrap_err();
        assert!(error.starts_with("\"a\": not a bcrypt hash"), "{error}");
        assert!(users(Input::Arg("a:b")).is_err());
    }
}
