//! One connection, from accept to close.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

use super::{
    Limits, Site,
    access::{self, Denial, Visit},
    deadline::Deadline,
    room::Place,
    routes::{self, Answer, OTHER},
    rules::Rules,
    socket::{HeaderDone, Socket},
    stream::Stream,
};

/// What a client may still send, after the last answer, for that answer to
/// reach it.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves one connection until either side is done with it.
///
/// `place` is given back at the end.
pub(super) async fn serve(
    stream: Stream,
    mut visit: Visit,
    site: Arc<Site>,
    rules: Rules,
    limits: Limits,
    place: Place,
) {
    let _open = Open::new(site.counts().connections.clone());
    let policy = rules.access().policy(site.counts());
    let stream = match (stream, &policy.tls) {
        (Stream::Tcp(stream, _), Some(tls)) => {
            let handshake = access::accept(stream, tls);
            let Ok(Ok(stream)) = timeout(limits.header, handshake).await else {
                site.counts().handshakes_failed.inc();
                return;
            };
            visit.tls = Some(tls.clone());
            stream
        }
        (stream, _) => stream,
    };
    // it is asked for again at each request
    drop(policy);
    let header_done = HeaderDone::default();
    let place = Arc::new(place);
    let socket =
        Socket::new(stream, limits, place.clone(), header_done.clone());
    let served = AtomicU32::new(0);
    let service = service_fn(|request: Request<Incoming>| {
        header_done.set();
        let last =
            served.fetch_add(1, Ordering::Relaxed) + 1 >= limits.requests;
        // boxed, for poll_without_shutdown moves it
        Box::pin(admitted(&site, &rules, &visit, &limits, request, last))
    });
    let mut connection = http1::Builder::new()
        // No timer, so hyper has no timeouts: its header timeout runs while
        // a connection is idle as well. Socket's do not.
        .max_buf_size(limits.header_bytes)
        .max_headers(limits.headers)
        // `printf ... | nc` closes its half first and wants its answer
        .half_close(true)
        .serve_connection(TokioIo::new(socket), service);
    let result = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    match &result {
        Err(e) if e.is_parse_too_large() => {
            let code = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            site.counts().request(OTHER, code);
        }
        Err(e) if e.is_parse() => {
            site.counts().request(OTHER, StatusCode::BAD_REQUEST);
        }
        // broken or timed out: there is nobody to say goodbye to
        Err(_) => return,
        Ok(()) => (),
    }
    let socket = connection.into_parts().io.into_inner();
    let is_late = socket.is_late();
    let mut socket = socket.into_inner();
    if is_late {
        // At once: others that look for whether there is room are not to
        // leave for want of a place that is about to be free.
        let _ =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut socket).poll_shutdown(cx)))
                .await;
        return;
    }
    let _ = timeout(limits.linger, linger(socket)).await;
}

/// Answers a request as far as the rules allow, perhaps as the last one.
async fn admitted(
    site: &Site,
    rules: &Rules,
    visit: &Visit,
    limits: &Limits,
    request: Request<Incoming>,
    last: bool,
) -> Result<Answer, Outdated> {
    // before a password is checked, which the client waits for too
    let deadline = Deadline::new(request.headers());
    let access = rules.access();
    let admitted = visit.admit(&access, site.counts(), request.headers());
    let (admitted, policy) = admitted.await;
    let mut answer = match admitted {
        Ok(view) => {
            routes::answer(site, limits, &request, view, deadline).await
        }
        Err(Denial::Outdated) => return Err(Outdated),
        Err(denial) => routes::deny(site, &request, denial),
    };
    policy.decorate(&mut answer);
    if last {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    Ok(answer)
}

/// Ends a connection that new rules do not allow.
#[derive(Debug)]
struct Outdated;

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not allowed any more")
    }
}

impl std::error::Error for Outdated {}

/// Says goodbye and waits for the client to do the same: closing a socket
/// that has unread bytes resets it, and the client may lose the answer.
async fn linger(socket: impl AsyncRead + AsyncWrite) -> io::Result<()> {
    let mut socket = pin!(socket);
    poll_fn(|cx| socket.as_mut().poll_shutdown(cx)).await?;
    let mut scratch = [0; 1024];
    let mut left = LINGER_BYTES;
    while left > 0 {
        let n = poll_fn(|cx| {
            let mut buf = ReadBuf::new(&mut scratch);
            let read = socket.as_mut().poll_read(cx, &mut buf);
            read.map_ok(|()| buf.filled().len())
        })
        .await?;
        if n == 0 {
            break;
        }
        left = left.saturating_sub(n);
    }
    Ok(())
}

/// Counts a connection while it is open, however it ends.
struct Open(IntGauge);

impl Open {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
