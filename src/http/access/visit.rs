//! One connection's standing with the rules, asked at each request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, Response,
    header::{AUTHORIZATION, HeaderValue},
};

use super::{
    super::{Counts, Peer, View},
    Access,
    password::Verdict,
    policy::Policy,
    tls::Tls,
};

/// Who has come, and how.
pub(in crate::http) struct Visit {
    pub(in crate::http) peer: Peer,
    /// What the handshake was made with.
    pub(in crate::http) tls: Option<Arc<Tls>>,
    /// The rules of the listener that it came to.
    pub(in crate::http) term: Term,
}

/// As long as who may connect to a listener stays the same, and as there is
/// one. Clones are the same term.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Term {
    now: Arc<AtomicU32>,
    begun: u32,
}

impl Term {
    /// The one that lasts now.
    pub(in crate::http) fn current(&self) -> Self {
        let begun = self.now.load(Ordering::Acquire);
        Self { now: self.now.clone(), begun }
    }

    /// Ends all that have begun.
    pub(in crate::http) fn end(&self) {
        self.now.fetch_add(1, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.now.load(Ordering::Acquire) != self.begun
    }
}

/// Why a request is not answered.
#[derive(Debug)]
pub(in crate::http) enum Denial {
    /// The connection is not as it would have to be by now: closed, without
    /// a word, so that clients try again on another one.
    Outdated,
    /// No password and no token, or wrong ones; what could be shown.
    Unauthorized(Vec<HeaderValue>),
    /// Too many passwords are being checked.
    Busy,
    /// More requests than the rate limit lets through.
    TooMany,
}

impl Visit {
    #[cfg(test)]
    pub(in crate::http) fn new(peer: Peer, tls: Option<Arc<Tls>>) -> Self {
        Self { peer, tls, term: Term::default() }
    }

    /// Decides on a request by its header, and by which rules.
    pub(in crate::http) async fn admit(
        &self,
        access: &Access,
        counts: &Counts,
        headers: &HeaderMap,
    ) -> (Result<View, Denial>, Arc<Policy>) {
        let policy = access.policy(counts);
        (self.admit_by(&policy, access, headers).await, policy)
    }

    async fn admit_by(
        &self,
        policy: &Policy,
        access: &Access,
        headers: &HeaderMap,
    ) -> Result<View, Denial> {
        // The rules may be those of other listeners by now, and looser; so
        // they are when the listener is closed before they are in force.
        if self.term.is_over() {
            return Err(Denial::Outdated);
        }
        let view = access.view(policy, self.peer);
        // the file's mode says who may connect
        if self.peer == Peer::Unix {
            return Ok(view);
        }
        if !access.admits(self.peer) || !self.is_current(policy) {
            return Err(Denial::Outdated);
        }
        if policy.rate.as_ref().is_some_and(|r| !r.take(Instant::now())) {
            return Err(Denial::TooMany);
        }
        self.authenticate(policy, headers).await?;
        Ok(view)
    }

    /// Whether a new connection would be made in the same way.
    fn is_current(&self, policy: &Policy) -> bool {
        match (&self.tls, &policy.tls) {
            (None, None) => true,
            (Some(ours), Some(now)) => ours.is_same(now),
            _ => false,
        }
    }

    async fn authenticate(
        &self,
        policy: &Policy,
        headers: &HeaderMap,
    ) -> Result<(), Denial> {
        let Policy { users, token, .. } = policy;
        if users.is_none() && token.is_none() {
            return Ok(());
        }
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(credentials);
        match (given, users, token) {
            (Some(Credentials::Bearer(given)), _, Some(token))
                if token.is(given) =>
            {
                return Ok(());
            }
            (Some(Credentials::Basic(name, password)), Some(users), _) => {
                match users.check(&name, &password, self.peer).await {
                    Verdict::Right => return Ok(()),
                    Verdict::Busy => return Err(Denial::Busy),
                    Verdict::Wrong => (),
                }
            }
            _ => (),
        }
        let basic = users.is_some().then_some("Basic realm=\"metrics\"");
        let bearer = token.is_some().then_some("Bearer realm=\"metrics\"");
        let kinds = basic.into_iter().chain(bearer);
        Err(Denial::Unauthorized(kinds.map(HeaderValue::from_static).collect()))
    }
}

impl Policy {
    /// Adds the headers that every answer is to have.
    pub(in crate::http) fn decorate<B>(&self, answer: &mut Response<B>) {
        for (name, value) in &self.headers {
            answer.headers_mut().insert(name, value.clone());
        }
    }
}

/// What a client says of who it is.
pub enum Credentials<'a> {
    /// A name and a password.
    Basic(String, Vec<u8>),
    /// A token.
    Bearer(&'a [u8]),
}

/// Reads `Authorization`.
pub fn credentials(value: &[u8]) -> Option<Credentials<'_>> {
    let space = value.iter().position(|b| *b == b' ')?;
    let (scheme, rest) = value.split_at(space);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"Bearer") {
        return Some(Credentials::Bearer(rest));
    }
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|b| *b == b':')?;
    let name = String::from_utf8(pair[..colon].to_vec()).ok()?;
    Some(Credentials::Basic(name, pair[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_says() {
        let basic = |value: &str| match credentials(value.as_bytes()) {
            Some(Credentials::Basic(name, password)) => {
                Some((name, String::from_utf8(password).unwrap()))
            }
            _ => None,
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(basic("Basic YTpi"), pair("a", "b"));
        assert_eq!(basic("basic  YTpi "), pair("a", "b"));
        assert_eq!(basic("Basic YTo6Yg=="), pair("a", ":b"));
        assert_eq!(basic("Basic Og=="), pair("", ""));
        for bad in ["Basic", "Basic ", "Basic YWI=", "Basic !", "Digest YTpi"] {
            assert_eq!(basic(bad), None, "{bad}");
        }
        let bearer = credentials(b"BEARER abc");
        assert!(matches!(bearer, Some(Credentials::Bearer(b"abc"))));
    }
}
