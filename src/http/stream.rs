//! The kinds of connections, as one.

use std::{
    io,
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};
use tokio_rustls::server::TlsStream;

use super::{Peer, filed::Filed};

/// A listening socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Waits for the next one, which sends from a file what is `filed`.
    pub(super) async fn accept(
        &self,
        filed: &Filed,
    ) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // small answers and the ends of large ones leave at once
                let _ = stream.set_nodelay(true);
                let stream = Stream::Tcp(stream, filed.clone());
                Ok((stream, Peer::at(address.ip())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        }
    }
}

/// A connection: bytes in, bytes out.
pub(super) enum Stream {
    Tcp(TcpStream, Filed),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Writes what can be written at once, and takes what has come, so that
    /// closing is not a reset. For a connection that is turned away.
    pub(super) fn farewell(&self, text: &[u8]) {
        let socket: &dyn AsFd = match self {
            Self::Tcp(stream, _) => stream,
            Self::Unix(stream) => stream,
            Self::Tls(_) => return,
        };
        // One attempt each: a new socket's buffer has room. Not by way of
        // tokio, which before 1.54 does not know yet that it has.
        let _ = send(socket, text, SendFlags::NOSIGNAL);
        let mut scratch = [0; 4096];
        let _ = recv(socket, &mut scratch[..], RecvFlags::empty());
    }

    fn reader(&mut self) -> Pin<&mut (dyn AsyncRead + Unpin)> {
        Pin::new(match self {
            Self::Tcp(stream, _) => stream,
            Self::Unix(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
        })
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        Pin::new(match self {
            Self::Tcp(stream, _) => stream,
            Self::Unix(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reader().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Self::Tcp(stream, filed) = &*self {
            if let Some(sent) = filed.poll_send(cx, stream, bufs) {
                return sent;
            }
        }
        self.writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        // all three are; were one not, hyper would copy each answer
        true
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.writer().poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net};

    use super::*;

    #[test]
    fn a_farewell_does_not_wait_for_tokio_to_hear_of_the_socket() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_io().build().unwrap();
        let _context = runtime.enter();
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = net::TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        Stream::Tcp(stream, Filed::default()).farewell(b"no");
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "no");
    }
}
