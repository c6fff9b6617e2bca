//! From a request to its answer; no sockets here.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::{Body, Bytes},
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
        RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};

use serde_json::Value;

use super::{
    Limits, Site, View, access::Denial, autoscale, coding::Coding,
    deadline::Deadline, kubernetes, negotiation, page, rendering::Failure,
};
use crate::exposition::Format;

/// The values of the label `path`; no others, whatever clients ask for.
pub(super) const PATHS: [&str; 6] =
    ["/metrics", "/autoscale", "/healthz", "/readyz", kubernetes::ROOT, "/"];

/// The path of everything else, for counting.
pub(super) const OTHER: &str = "other";

const TEXT: &str = "text/plain; charset=utf-8";

/// An answer. The body is there even if the method is HEAD: hyper leaves it
/// out and keeps the headers, to which it adds its length.
pub(super) type Answer = Response<Full<Bytes>>;

/// What the metrics depend on.
const VARIES: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

/// The headers of the metrics in each format, by its number: copied in much
/// less than it takes to put them together.
pub(super) struct Heads([HeaderMap; Format::COUNT]);

impl Default for Heads {
    fn default() -> Self {
        let formats = [Format::Text, Format::OpenMetrics, Format::Protobuf];
        Self(formats.map(|format| {
            let mut headers = headers(format.content_type());
            headers.insert(VARY, VARIES);
            headers
        }))
    }
}

/// Answers a request, and counts it.
pub(super) async fn answer<B: Body>(
    site: &Site,
    limits: &Limits,
    request: &Request<B>,
    view: View,
    deadline: Deadline,
) -> Answer {
    let path = path(request.uri().path());
    let answer = match refusal(request, path) {
        Some(refusal) => refusal,
        None if path == "/metrics" => {
            metrics(site, limits, request, view, deadline).await
        }
        None => other(site, limits, request, path, view),
    };
    site.counts().request(path, answer.status());
    answer
}

/// Of [`PATHS`], where a request belongs.
fn path(path: &str) -> &'static str {
    let below = path.strip_prefix(kubernetes::ROOT);
    match PATHS.into_iter().find(|known| *known == path) {
        Some(known) => known,
        None if below.is_some_and(|b| b.starts_with('/')) => kubernetes::ROOT,
        None => OTHER,
    }
}

/// Answers a request that the rules do not allow, and counts it.
pub(super) fn deny<B: Body>(
    site: &Site,
    request: &Request<B>,
    denial: Denial,
) -> Answer {
    let answer = match denial {
        Denial::Unauthorized(challenges) => {
            let asked = challenges.iter().map(|challenge| {
                match challenge.as_bytes().starts_with(b"Basic") {
                    true => "a name and a password",
                    false => "a token",
                }
            });
            let asked = asked.collect::<Vec<_>>().join(", or ");
            let text = format!("who are you? {asked}, please\n");
            let mut answer = plain(StatusCode::UNAUTHORIZED, text);
            for challenge in challenges {
                answer.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
            answer
        }
        Denial::TooMany => {
            let text = "more requests than the rate limit allows\n";
            let answer = plain(StatusCode::TOO_MANY_REQUESTS, text);
            with(answer, RETRY_AFTER, "1")
        }
        Denial::Busy | Denial::Outdated => {
            let text = "too many passwords are being checked\n";
            let answer = plain(StatusCode::SERVICE_UNAVAILABLE, text);
            with(answer, RETRY_AFTER, "1")
        }
    };
    site.counts().request(path(request.uri().path()), answer.status());
    // who may not ask holds no place; and it may have a body
    with(answer, CONNECTION, "close")
}

/// Why a request is not one for a page that there is.
fn refusal<B: Body>(request: &Request<B>, path: &str) -> Option<Answer> {
    let method = request.method();
    if !request.body().is_end_stream() {
        // Closed, for where the next request begins is past the body.
        let text = "a request must not have a body\n";
        let answer = plain(StatusCode::PAYLOAD_TOO_LARGE, text);
        return Some(with(answer, CONNECTION, "close"));
    }
    let hosts = request.headers().iter().filter(|(name, _)| **name == HOST);
    // RFC 9112, 3.2: what is between may have read another one
    if request.version() == Version::HTTP_11 && hosts.count() != 1 {
        let text = "a request of HTTP/1.1 has one Host header\n";
        let answer = plain(StatusCode::BAD_REQUEST, text);
        return Some(with(answer, CONNECTION, "close"));
    }
    if path == OTHER {
        let all = PATHS.join(", ");
        let text = format!("no such page; there are {all}\n");
        return Some(plain(StatusCode::NOT_FOUND, text));
    }
    if method != Method::GET && method != Method::HEAD {
        let text = "only GET and HEAD are answered\n";
        let answer = plain(StatusCode::METHOD_NOT_ALLOWED, text);
        return Some(with(answer, ALLOW, "GET, HEAD"));
    }
    None
}

/// All but the metrics.
fn other<B>(
    site: &Site,
    limits: &Limits,
    request: &Request<B>,
    path: &'static str,
    view: View,
) -> Answer {
    match path {
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/readyz" => match site.ready() {
            Ok(()) => plain(StatusCode::OK, "ready\n"),
            Err(why) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
            }
        },
        // checked first: what follows gathers everything
        "/autoscale" | kubernetes::ROOT
            if !site.renderings().have_room(limits) =>
        {
            busy()
        }
        "/autoscale" => json(site, autoscale::answer(&site.numbers(view))),
        kubernetes::ROOT => {
            let (path, query) = (request.uri().path(), request.uri().query());
            json(site, kubernetes::answer(&site.numbers(view), path, query))
        }
        _ => {
            let html = page::home(site.about(), &site.ready(), view);
            let mut answer =
                body(StatusCode::OK, "text/html; charset=utf-8", html);
            answer
                .headers_mut()
                .insert(CONTENT_SECURITY_POLICY, page::policy());
            answer
        }
    }
}

fn json(site: &Site, (code, value): (StatusCode, Value)) -> Answer {
    let text = value.to_string() + "\n";
    let bytes = site.renderings().count(text.into_bytes());
    let answer = body(code, "application/json", bytes);
    match code {
        StatusCode::SERVICE_UNAVAILABLE => with(answer, RETRY_AFTER, "1"),
        _ => answer,
    }
}

async fn metrics<B>(
    site: &Site,
    limits: &Limits,
    request: &Request<B>,
    view: View,
    deadline: Deadline,
) -> Answer {
    let format = negotiation::format(request.headers());
    let coding = negotiation::coding(request.headers());
    let rendering = site.render(format, view, limits).await;
    let coded = rendering.map(|rendering| {
        let coded = rendering.coded(coding);
        if coded.0 == Coding::Identity {
            site.filed().asked_for(&rendering);
        }
        coded
    });
    let mut answer = match coded {
        _ if deadline.is_past() => {
            let text = "the metrics took longer than the scrape may\n";
            plain(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        Ok((coding, bytes)) => {
            let mut answer = Response::new(Full::new(bytes));
            *answer.headers_mut() = site.heads().0[format as usize].clone();
            if coding != Coding::Identity {
                let name = HeaderValue::from_static(coding.name());
                answer.headers_mut().insert(CONTENT_ENCODING, name);
            }
            return answer;
        }
        Err(Failure::Broken(why)) => {
            plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n"))
        }
        Err(Failure::Busy) => busy(),
    };
    answer.headers_mut().insert(VARY, VARIES);
    answer
}

fn busy() -> Answer {
    let text = "too many answers are waiting for slow readers\n";
    let answer = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    with(answer, RETRY_AFTER, "1")
}

fn plain(code: StatusCode, text: impl Into<Bytes>) -> Answer {
    body(code, TEXT, text)
}

fn body(
    code: StatusCode,
    kind: &'static str,
    bytes: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(bytes.into()));
    *answer.status_mut() = code;
    *answer.headers_mut() = headers(kind);
    answer
}

/// What all answers have, and what kind this one is.
fn headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // a number from a cache is a wrong number
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_TYPE, kind),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

#[cfg(test)]
mod tests;
