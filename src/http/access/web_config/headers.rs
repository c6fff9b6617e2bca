//! `http_server_config.headers`: what every answer has.

use hyper::header::{HeaderName, HeaderValue};

/// Headers that can be set, and the values they can have, if only some.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// The headers that the file sets; what is set to nothing is left out.
pub(super) fn headers(
    set: Vec<(String, String)>,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let headers = set.into_iter().filter(|(_, value)| !value.is_empty());
    let read = |(name, value): (String, String)| {
        let of = format!("http_server_config.headers.{name}");
        let known = HEADERS.iter().find(|(known, _)| *known == name);
        let Some((_, values)) = known else {
            let names = HEADERS.map(|(name, _)| name).join(", ");
            return Err(format!("{of}: unknown (known: {names})"));
        };
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(format!("{of}: expected {}", values.join(" or ")));
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(&value);
        match (name, value) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(format!("{of}: not the text of a header")),
        }
    };
    headers.map(read).collect()
}
