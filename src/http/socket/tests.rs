use super::{
    super::{Peer, room::Room},
    *,
};
use crate::http::testing::paused;

/// Takes everything and never gets rid of it, as TLS does with the end of
/// an answer that the client does not take.
struct Full;

impl AsyncWrite for Full {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Never says anything.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn silence_after_a_request_may_last_longer_than_before_one() {
    paused().block_on(async {
        let limits = Limits {
            header: Duration::from_secs(3),
            idle: Duration::from_secs(12),
            idle_crowded: Duration::from_secs(5),
            ..Limits::default()
        };
        let place = Room::default().enter(Peer::Unix, &limits);
        let place = Arc::new(place.unwrap());
        let done = HeaderDone::default();
        let mut socket = Socket::new(Silent, limits, place, done.clone());
        for wait in [limits.header, limits.idle] {
            let begin = Instant::now();
            let mut bytes = [0];
            let mut buf = ReadBuf::new(&mut bytes);
            let read = std::future::poll_fn(|cx| {
                Pin::new(&mut socket).poll_read(cx, &mut buf)
            });
            let error = read.await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let waited = begin.elapsed();
            // the runtime's timer has milliseconds
            assert!(waited >= wait, "{waited:?}");
            assert!(waited < wait + Duration::from_millis(10), "{waited:?}");
            done.set();
        }
    });
}

#[test]
fn what_is_not_flushed_is_not_waited_for_for_ever() {
    paused().block_on(async {
        let limits = Limits::default();
        let place = Room::default().enter(Peer::Unix, &limits);
        let place = Arc::new(place.unwrap());
        let mut socket =
            Socket::new(Full, limits, place, HeaderDone::default());
        let begin = Instant::now();
        let mut socket = Pin::new(&mut socket);
        std::future::poll_fn(|cx| socket.as_mut().poll_write(cx, b"x"))
            .await
            .unwrap();
        let flushed = std::future::poll_fn(|cx| socket.as_mut().poll_flush(cx));
        let error = flushed.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() >= limits.write);
    });
}

#[test]
fn an_alarm_moves_both_ways() {
    paused().block_on(async {
        let mut alarm = Alarm::default();
        let ring = async |alarm: &mut Alarm| {
            std::future::poll_fn(|cx| alarm.poll(cx)).await;
        };
        let begin = Instant::now();
        let ms = Duration::from_millis;
        alarm.set(ms(60_000));
        let late = tokio::time::timeout(ms(1), ring(&mut alarm)).await;
        assert!(late.is_err());
        alarm.set(ms(10));
        ring(&mut alarm).await;
        assert!(begin.elapsed() < ms(30_000));
        // later than what the sleep is armed for
        alarm.set(ms(1));
        let early = tokio::time::timeout(ms(0), ring(&mut alarm)).await;
        assert!(early.is_err());
        let moved = Instant::now();
        alarm.set(ms(50));
        ring(&mut alarm).await;
        assert!(moved.elapsed() >= ms(50));
        alarm.clear();
        let never = tokio::time::timeout(ms(20), ring(&mut alarm)).await;
        assert!(never.is_err());
    });
}
