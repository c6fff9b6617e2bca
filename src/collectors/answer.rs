//! What Flux answered.

use std::collections::BTreeSet;
use std::ffi::CStr;

use serde::Deserialize;

use crate::flux::{Error, Result};

/// A reply to a request for `topic`: an error does not say so by itself, and
/// is often no more than the text of an errno.
pub fn of<T>(topic: &CStr, reply: Result<T>) -> Result<T> {
    reply.map_err(|error| error.context(topic.to_string_lossy()))
}

/// Reads the reply to a request for `topic`.
pub fn parse<'a, T: Deserialize<'a>>(topic: &str, reply: &'a str) -> Result<T> {
    serde_json::from_str(reply)
        .map_err(|error| Error::new(libc::EPROTO, format!("{topic}: {error}")))
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
