//! Comparing secrets without telling how much of one was right.

use ring::{hmac, rand::SystemRandom};

/// A secret that can be compared with and not read.
pub(super) struct Secret {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Secret {
    /// Keeps what is needed to recognize `secret`.
    pub(super) fn new(secret: &[u8]) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "no random numbers".to_owned())?;
        let tag = hmac::sign(&key, secret);
        Ok(Self { key, tag })
    }

    /// Whether it is this one. Takes the same time whatever was right.
    pub(super) fn is(&self, guess: &[u8]) -> bool {
        hmac::verify(&self.key, guess, self.tag.as_ref()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_the_secret() {
        let secret = Secret::new(b"open sesame").unwrap();
        assert!(secret.is(b"open sesame"));
        for wrong in [&b""[..], b"open", b"open sesame ", b"Open sesame"] {
            assert!(!secret.is(wrong));
        }
    }
}
