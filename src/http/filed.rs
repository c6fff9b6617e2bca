//! The page that many ask for, as a file.
//!
//! What is written to a socket the kernel copies, for each client anew; of a
//! file it sends the pages that it has. For a page of 40 KB that is less than
//! half the work, for who reads it as well, who finds the same pages in the
//! processor's cache each time.
//!
//! The file is one in memory, without a name, and written once. There is one
//! at most, for what was asked for last, and only once it has been asked for
//! often. Whatever goes wrong, there is none, and the bytes are written.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
};

use rustix::{
    fs::{MemfdFlags, memfd_create, sendfile},
    net::{SendFlags, send},
};
use tokio::{io::Interest, net::TcpStream};

use super::rendering::Rendering;

/// How often a page has to be asked for.
const OFTEN: u32 = 3;

/// Pages of fewer bytes are copied in no more time than a second call takes.
const LEAST: usize = 16 * 1024;

/// And larger ones would take memory.
const MOST: usize = 1 << 20;

/// The file, if there is one; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Filed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What was asked for last.
    rendering: Weak<Rendering>,
    /// How often.
    asked: u32,
    file: Option<File>,
}

impl Filed {
    /// Tells that the bytes of `rendering` are about to be sent as they are.
    pub(super) fn asked_for(&self, rendering: &Arc<Rendering>) {
        let mut state = self.state();
        if state.rendering.as_ptr() != Arc::as_ptr(rendering) {
            let rendering = Arc::downgrade(rendering);
            *state = State { rendering, asked: 0, file: None };
        }
        state.asked = state.asked.saturating_add(1);
        if state.asked == OFTEN {
            state.file = file(rendering.plain());
        }
    }

    /// Writes what can be written, if the last of `bufs` is in the file.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        stream: &TcpStream,
        bufs: &[IoSlice<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        let mut state = self.state();
        let (page, before) = bufs.split_last()?;
        let (file, start) = state.find(page)?;
        loop {
            match stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => (),
                other => return Some(other.map_ok(|()| 0)),
            }
            let sent = stream.try_io(Interest::WRITABLE, || {
                send_file(stream, before, file, start, page.len())
            });
            match sent {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => (),
                Ok(sent) => return Some(Poll::Ready(Ok(sent))),
                Err(_) => break,
            }
        }
        // if it is the socket's fault, so it is when the bytes are written
        state.file = None;
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // nothing in here can be left half done
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The file that has these bytes, and where in it they are; if they are
    /// those of the page itself, and no copy.
    fn find(&self, bytes: &[u8]) -> Option<(&File, u64)> {
        let file = self.file.as_ref()?;
        // while there is the page, nothing else is where its bytes are
        let rendering = self.rendering.upgrade()?;
        let page = rendering.plain().as_ptr_range();
        let part = bytes.as_ptr_range();
        if part.start < page.start || part.end > page.end {
            return None;
        }
        let start = part.start.addr() - page.start.addr();
        Some((file, u64::try_from(start).ok()?))
    }
}

/// Sends what comes before, which waits for what follows, and the file. (That
/// would be a SIGPIPE where the client is gone; this thread takes none.)
fn send_file(
    stream: &TcpStream,
    before: &[IoSlice<'_>],
    file: &File,
    mut start: u64,
    length: usize,
) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    let mut sent = 0;
    let mut send_all = || -> io::Result<()> {
        for bytes in before {
            let n = send(stream, bytes, flags)?;
            sent += n;
            if n < bytes.len() {
                return Ok(());
            }
        }
        sent += sendfile(stream, file, Some(&mut start), length)?;
        Ok(())
    };
    match send_all() {
        Err(error) if sent == 0 => Err(error),
        // what fails after a beginning fails again for the rest
        _ => Ok(sent),
    }
}

fn file(bytes: &[u8]) -> Option<File> {
    if !(LEAST..=MOST).contains(&bytes.len()) {
        return None;
    }
    let create = |more| memfd_create(c"metrics", MemfdFlags::CLOEXEC | more);
    // which kernels before 6.3 do not know
    let file = create(MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| create(MemfdFlags::empty()));
    let mut file = File::from(file.ok()?);
    file.write_all(bytes).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests;
