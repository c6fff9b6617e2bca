//! `Authorization`: what it is read as, written again, is what was sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flux_prometheus::http::access::{Credentials, credentials};

pub fn check(data: &[u8]) {
    let read = credentials(data);
    // a word, a space, and the rest
    let (scheme, rest) = match data.iter().position(|b| *b == b' ') {
        Some(at) => (data[..at].to_ascii_lowercase(), &data[at..]),
        None => return assert!(read.is_none()),
    };
    let rest = rest.trim_ascii();
    match (&scheme[..], read) {
        (b"bearer", Some(Credentials::Bearer(token))) => {
            assert_eq!(token, rest);
        }
        (b"basic", Some(Credentials::Basic(name, password))) => {
            assert!(!name.contains(':'));
            let pair = [name.as_bytes(), b":", &password].concat();
            assert_eq!(STANDARD.encode(pair).as_bytes(), rest);
        }
        (b"basic", None) => {
            // not base64, no colon, or a name that is not text
            if let Ok(pair) = STANDARD.decode(rest) {
                let name = pair.split(|b| *b == b':').next().unwrap();
                let has_colon = name.len() < pair.len();
                assert!(!has_colon || std::str::from_utf8(name).is_err());
            }
        }
        (b"bearer" | b"basic", _) | (_, Some(_)) => panic!("misread"),
        (_, None) => (),
    }
}
