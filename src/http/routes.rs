//! From a request to its answer; no sockets here.

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
        RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};

use serde_json::Value;

use super::{
    Limits, Site, View, access::Denial, autoscale, coding::Coding,
    deadline::Deadline, kubernetes, negotiation, page, rendering::Failure,
};

/// The values of the label `path`; no others, whatever clients ask for.
pub(super) const PATHS: [&str; 6] =
    ["/metrics", "/autoscale", "/healthz", "/readyz", kubernetes::ROOT, "/"];

/// The path of everything else, for counting.
pub(super) const OTHER: &str = "other";

const TEXT: &str = "text/plain; charset=utf-8";

/// An answer. The body is there even if the method is HEAD: hyper leaves it
/// out and keeps the headers.
pub(super) type Answer = Response<Full<Bytes>>;

/// Answers a request, and counts it.
pub(super) async fn answer<B: Body>(
    site: &Site,
    limits: &Limits,
    request: &Request<B>,
    view: View,
) -> Answer {
    let path = path(request.uri().path());
    let answer = if request.body().is_end_stream() {
        route(site, limits, request, path, view).await
    } else {
        // Closed, for where the next request begins is past the body.
        let text = "a request must not have a body\n";
        let answer = plain(StatusCode::PAYLOAD_TOO_LARGE, text);
        with(answer, CONNECTION, "close")
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

async fn route<B>(
    site: &Site,
    limits: &Limits,
    request: &Request<B>,
    path: &str,
    view: View,
) -> Answer {
    let method = request.method();
    if path == OTHER {
        let all = PATHS.join(", ");
        let text = format!("no such page; there are {all}\n");
        return plain(StatusCode::NOT_FOUND, text);
    }
    if method != Method::GET && method != Method::HEAD {
        let text = "only GET and HEAD are answered\n";
        let answer = plain(StatusCode::METHOD_NOT_ALLOWED, text);
        return with(answer, ALLOW, "GET, HEAD");
    }
    match path {
        "/metrics" => {
            let answer = metrics(site, limits, request, view).await;
            with(answer, VARY, "Accept, Accept-Encoding")
        }
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
) -> Answer {
    let deadline = Deadline::new(request.headers());
    let format = negotiation::format(request.headers());
    let coding = negotiation::coding(request.headers());
    let rendering = site.render(format, view, limits).await;
    let coded = rendering.map(|rendering| rendering.coded(coding));
    if deadline.is_past() {
        let text = "the metrics took longer than the scrape may\n";
        return plain(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    match coded {
        Ok((Coding::Identity, bytes)) => {
            body(StatusCode::OK, format.content_type(), bytes)
        }
        Ok((coding, bytes)) => {
            let answer = body(StatusCode::OK, format.content_type(), bytes);
            with(answer, CONTENT_ENCODING, coding.name())
        }
        Err(Failure::Broken(why)) => {
            plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n"))
        }
        Err(Failure::Busy) => busy(),
    }
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
    let bytes = bytes.into();
    let length = HeaderValue::from(bytes.len());
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    // a number from a cache is a wrong number
    let answer = with(answer, CACHE_CONTROL, "no-store");
    let answer = with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    with(answer, CONTENT_TYPE, kind)
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

#[cfg(test)]
mod tests;
