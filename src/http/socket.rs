//! A socket that gives up on a client that keeps us waiting.
//!
//! It tells three ways to be slow apart: a header that does not come to its
//! end, silence between two requests (which is how a Prometheus behaves, so
//! it may last), and an answer that is not read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{Limits, room::Place};

/// Tells the socket that the header it was reading is complete.
#[derive(Debug, Clone, Default)]
pub(super) struct HeaderDone(Arc<AtomicBool>);

impl HeaderDone {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        // one task, so nobody sets it in between
        let is_done = self.0.load(Ordering::Relaxed);
        if is_done {
            self.0.store(false, Ordering::Relaxed);
        }
        is_done
    }
}

/// What the client is expected to send.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// The rest of a header it began, or the first one.
    Header,
    /// Nothing in particular; a further request some time.
    Request,
}

/// A stream with timeouts on reading and writing.
pub(super) struct Socket<S> {
    stream: S,
    limits: Limits,
    place: Arc<Place>,
    header_done: HeaderDone,
    expect: Expect,
    /// For how long the client had been silent when last looked at.
    silence: Duration,
    /// Whether we gave up on reading.
    is_late: bool,
    read: Alarm,
    write: Alarm,
}

impl<S> Socket<S> {
    /// `place` tells how many other connections there are.
    pub(super) fn new(
        stream: S,
        limits: Limits,
        place: Arc<Place>,
        header_done: HeaderDone,
    ) -> Self {
        let mut read = Alarm::default();
        read.set(limits.header);
        Self {
            stream,
            limits,
            place,
            header_done,
            expect: Expect::Header,
            silence: Duration::ZERO,
            is_late: false,
            read,
            write: Alarm::default(),
        }
    }

    /// Whether the client kept us waiting for too long. (hyper takes that
    /// for an end like any other.)
    pub(super) fn is_late(&self) -> bool {
        self.is_late
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    fn expect(&mut self, what: Expect) {
        self.expect = what;
        match what {
            Expect::Header => self.read.set(self.limits.header),
            Expect::Request => {
                self.silence = Duration::ZERO;
                self.read.set(self.limits.idle_crowded.min(self.limits.idle));
            }
        }
    }

    /// Ready when the client has kept us waiting for too long.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.read.poll(cx));
            if let Expect::Header = self.expect {
                return Poll::Ready(());
            }
            // where there is room, it may be silent for longer
            let Limits { idle, idle_crowded, .. } = self.limits;
            self.silence += idle_crowded;
            let left = idle.saturating_sub(self.silence);
            if left.is_zero() || self.place.is_crowded(&self.limits) {
                return Poll::Ready(());
            }
            self.read.set(idle_crowded.min(left));
        }
    }

    /// Common to all ways of writing.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_pending() {
            if !self.write.is_set() {
                self.write.set(self.limits.write);
            }
            return self.write.poll(cx).map(|()| Err(timed_out()));
        }
        self.write.clear();
        // While it is served, a client owes us nothing.
        self.expect(self.expect);
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.header_done.take() {
            this.expect(Expect::Request);
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if result.is_pending() {
            ready!(this.overdue(cx));
            this.is_late = true;
            return Poll::Ready(Err(timed_out()));
        }
        if buf.filled().len() > before && matches!(this.expect, Expect::Request)
        {
            this.expect(Expect::Header);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        // TCP has nothing to flush; TLS holds what the client does not take
        if result.is_ready() && !this.write.is_set() {
            return result;
        }
        this.written(cx, result)
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// A deadline that is cheap to move: the clock and the runtime's timer are
/// touched only by who really waits, and the timer only when the deadline
/// came nearer or has passed.
#[derive(Default)]
struct Alarm {
    /// How long there is from when it is first waited for.
    after: Option<Duration>,
    /// When that is over, once it is waited for.
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    fn set(&mut self, after: Duration) {
        self.after = Some(after);
        self.deadline = None;
    }

    fn clear(&mut self) {
        self.after = None;
        self.deadline = None;
    }

    fn is_set(&self) -> bool {
        self.after.is_some()
    }

    /// Ready once the time has passed; never, where none is set.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(after) = self.after else {
            return Poll::Pending;
        };
        let deadline =
            *self.deadline.get_or_insert_with(|| Instant::now() + after);
        let sleep =
            self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
