//! What one server puts up with. A listener inside the broker is open to
//! whoever reaches the node, so everything a client can hold has a bound.

use std::time::Duration;

/// Bounds on what clients can take. The defaults are for production; tests
/// shorten them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Open connections, over all listeners. Far more than there are
    /// Prometheus servers, far fewer than the broker's descriptors (1024 by
    /// default, and its TBON needs its own).
    pub connections: usize,
    /// The same, from one IPv4 address or IPv6 network (/64), or by Unix
    /// sockets: nobody can take all places.
    pub connections_per_address: usize,
    /// From the first byte of a request (or the accept) to the end of its
    /// header, and as long for a TLS handshake. An honest one arrives in one packet.
    pub header: Duration,
    /// Silence between two requests. More than the 5 minutes after which
    /// Prometheus itself lets go of a connection: were we the first to close,
    /// a scrape could run into it.
    pub idle: Duration,
    /// The same, while more than three quarters of the connections are in
    /// use: then idle ones must not keep others out. Also how often each
    /// looks whether that is so.
    pub idle_crowded: Duration,
    /// How long a client may take none of its answer. Prometheus gives a
    /// whole scrape 10 s by default.
    pub write: Duration,
    /// How long to wait, after the last answer on a connection, for the
    /// client to close: closing while it still sends would destroy the
    /// answer on its way.
    pub linger: Duration,
    /// Bytes of a request's header. Also what is read ahead. At least 8192,
    /// hyper's own minimum.
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// Requests on one connection before it is closed, so that one that goes
    /// on for ever gets no better service than the rest.
    pub requests: u32,
    /// How old the metrics in an answer may be, so that many scrapes at once
    /// cost little more than one.
    pub shared: Duration,
    /// Bytes of answers that are on their way to slow readers, above which
    /// no further answer is made. Ordinarily one answer is.
    pub rendered_bytes: usize,
    /// The pause after a failed accept. Out of descriptors, the listener
    /// stays readable and would be asked again at once.
    pub accept_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            connections_per_address: 32,
            header: Duration::from_secs(10),
            idle: Duration::from_secs(330),
            idle_crowded: Duration::from_secs(5),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(1),
            header_bytes: 16 * 1024,
            headers: 64,
            requests: 10_000,
            shared: Duration::from_millis(5),
            rendered_bytes: 64 << 20,
            accept_pause: Duration::from_millis(100),
        }
    }
}
