//! One error type, as in flux-core: an errno and a text for people.

use std::fmt;

/// What went wrong: the errno that the broker is told, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A value from `errno.h`.
    pub errno: i32,
    /// A sentence without its full stop, fit for the broker's log.
    pub text: String,
}

/// A result whose error has an errno.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its own text.
    pub fn new(errno: i32, text: impl Into<String>) -> Self {
        Self { errno, text: text.into() }
    }

    /// Input that cannot be used.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(libc::EINVAL, text)
    }

    /// The same error, with what was being done put in front.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Self {
        Self { text: format!("{doing}: {}", self.text), ..self }
    }

    /// The error that a C function left in errno.
    pub(super) fn last() -> Self {
        Self::from(std::io::Error::last_os_error())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let text = match error.raw_os_error() {
            // std appends " (os error N)", which says nothing to people
            Some(errno) => strerror(errno),
            None => error.to_string(),
        };
        Self { errno: error.raw_os_error().unwrap_or(libc::EIO), text }
    }
}

fn strerror(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_errors_keep_their_errno_and_plain_text() {
        let error =
            Error::from(std::io::Error::from_raw_os_error(libc::EADDRINUSE));
        assert_eq!(error.errno, libc::EADDRINUSE);
        assert_eq!(error.text, "Address already in use");
        assert_eq!(
            error.context("listen on :8080").to_string(),
            "listen on :8080: Address already in use"
        );
    }
}
