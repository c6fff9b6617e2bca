//! What Flux answered.

use std::collections::BTreeSet;
use std::ffi::CStr;

use serde::Deserialize;

use crate::flux::{Error, Handle, Result};

/// A reply to a request for `topic`: an error is often no more than the text of
/// an errno, and is to say what it is about.
pub fn of<T>(topic: &CStr, reply: Result<T>) -> Result<T> {
    let topic = topic.to_string_lossy();
    reply.map_err(|error| match error.text.contains(&*topic) {
        true => error,
        false => error.context(topic),
    })
}

/// Reads the reply to a request for `topic`.
pub fn parse<'a, T: Deserialize<'a>>(topic: &str, reply: &'a str) -> Result<T> {
    serde_json::from_str(reply)
        .map_err(|error| Error::new(libc::EPROTO, format!("{topic}: {error}")))
}

/// Whether Flux is of this version or a later one; not, where that is unclear.
pub fn has_version(handle: Handle, wanted: (u32, u32)) -> bool {
    is_at_least(&handle.attr(c"version").unwrap_or_default(), wanted)
}

fn is_at_least(version: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= wanted,
        _ => false,
    }
}

/// An answer of `topic` that lists one twice is an error: a page with the same
/// series twice would be refused as a whole.
pub fn distinct<'a>(
    topic: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => {
            let text = format!("{topic}: \"{name}\" is listed twice");
            Err(Error::new(libc::EPROTO, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (version, expected) in [
            ("0.88.0", true),
            ("0.80.0", true),
            ("0.100.0-12-gabcdef", true),
            ("1.0", true),
            ("0.79.0-12-gabcdef", false),
            ("0.9", false),
            ("", false),
        ] {
            assert_eq!(is_at_least(version, (0, 80)), expected, "{version}");
        }
    }

    #[test]
    fn errors_name_their_request_once() {
        let error = |text| of::<()>(c"a.b", Err(Error::invalid(text)));
        assert_eq!(error("no").unwrap_err().text, "a.b: no");
        let said = "No service matching a.b is registered";
        assert_eq!(error(said).unwrap_err().text, said);
        assert_eq!(of(c"a.b", Ok(1)), Ok(1));
    }
}
