//! Client certificates: DER as it is, and DER as the alternative names of a
//! certificate that is otherwise in order. A name is part of what was sent.

use std::net::IpAddr;
use std::sync::OnceLock;

use flux_prometheus::http::access::names;
use rcgen::{CertificateParams, CustomExtension, KeyPair};

pub fn check(data: &[u8]) {
    are_in(data, &names(data));
    let extension = certificate(data);
    are_in(&extension, &names(&extension));
}

fn certificate(names: &[u8]) -> Vec<u8> {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    let key = KEY.get_or_init(|| KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    let oid = [2, 5, 29, 17];
    let names = CustomExtension::from_oid_content(&oid, names.to_vec());
    params.custom_extensions.push(names);
    params.self_signed(key).unwrap().der().to_vec()
}

fn are_in(der: &[u8], names: &[String]) {
    let has = |bytes: &[u8]| {
        bytes.is_empty() || der.windows(bytes.len()).any(|w| w == bytes)
    };
    for name in names {
        let is_ip = match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => has(&ip.octets()),
            Ok(IpAddr::V6(ip)) => has(&ip.octets()),
            Err(_) => false,
        };
        assert!(is_ip || has(name.as_bytes()), "{name:?}");
    }
}
