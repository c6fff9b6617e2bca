//! Unix sockets: files that come and go with their listener, and whose mode
//! and owner say who may connect.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::{
            fs::{
                FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown,
            },
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use nix::unistd::{Group, User};
use socket2::{Domain, SockAddr, Socket, Type};

use super::bind::BACKLOG;

/// Who may connect: the mode and the owner of a socket's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Permission bits; who may write may connect.
    pub mode: u32,
    /// Whose the file is, if not ours.
    pub user: Option<u32>,
    /// Whose group's it is, if not our first one's.
    pub group: Option<u32>,
}

impl Default for Ownership {
    fn default() -> Self {
        Self { mode: 0o600, user: None, group: None }
    }
}

impl Ownership {
    /// Looks up the owner, given as `USER`, `USER:GROUP` or `:GROUP`, by
    /// names or numbers.
    pub fn new(mode: u32, owner: &str) -> Result<Self, String> {
        let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
        let user = id(user, "user", |name| {
            User::from_name(name).map(|user| Some(user?.uid.as_raw()))
        })?;
        let group = id(group, "group", |name| {
            Group::from_name(name).map(|group| Some(group?.gid.as_raw()))
        })?;
        Ok(Self { mode, user, group })
    }

    /// Of this file, whatever has come to be where it was.
    fn apply(self, file: &File) -> io::Result<()> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // first: to change the owner may take the right to change the mode
        fs::set_permissions(&path, Permissions::from_mode(self.mode))?;
        if self.user.is_some() || self.group.is_some() {
            chown(&path, self.user, self.group)?;
        }
        Ok(())
    }
}

fn id(
    name: &str,
    what: &str,
    find: impl FnOnce(&str) -> nix::Result<Option<u32>>,
) -> Result<Option<u32>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        let number = name.parse().ok().filter(|id| *id != u32::MAX);
        let number = number.ok_or_else(|| format!("no {what} {name}"))?;
        return Ok(Some(number));
    }
    match find(name) {
        Ok(Some(id)) => Ok(Some(id)),
        Ok(None) => Err(format!("no {what} \"{name}\"")),
        Err(error) => Err(format!("{what} \"{name}\": {error}")),
    }
}

/// The file of a socket that is ours; it is removed with the value. To be
/// dropped before the listener.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: what is there later may be somebody else's. While
    /// the listener is open, no other file has them.
    identity: (u64, u64),
}

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes its mode and owner, and returns those that it had.
    pub fn set_ownership(&self, new: Ownership) -> io::Result<Ownership> {
        let (file, metadata) = find(&self.path)?;
        if identity(&metadata) != self.identity {
            return Err(replaced());
        }
        let old = Ownership {
            mode: metadata.mode() & 0o7777,
            user: Some(metadata.uid()),
            group: Some(metadata.gid()),
        };
        match new.apply(&file) {
            Ok(()) => Ok(old),
            Err(error) => {
                // the mode may be another one by now
                let _ = old.apply(&file);
                Err(error)
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|file| identity(&file) == self.identity) {
            // there is nobody to tell, and the next load replaces it
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The socket at a path, to be changed and not to be used: not what a link
/// leads to that somebody put there.
fn find(path: &Path) -> io::Result<(File, fs::Metadata)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(path)?;
    let metadata = file.metadata()?;
    match metadata.file_type().is_socket() {
        true => Ok((file, metadata)),
        false => Err(replaced()),
    }
}

fn replaced() -> io::Error {
    io::Error::other("the file was replaced")
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Binds a nonblocking, close-on-exec listener, and replaces the file of one
/// that nobody listens on any more.
pub fn bind_unix(
    path: &Path,
    ownership: Ownership,
) -> io::Result<(UnixListener, SocketFile)> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.bind(&address) {
        Err(e) if e.kind() == ErrorKind::AddrInUse => {
            remove_stale(path, &address)?;
            socket.bind(&address)?;
        }
        result => result?,
    }
    let (file, metadata) = find(path)?;
    let identity = identity(&metadata);
    let socket_file = SocketFile { path: path.into(), identity };
    // before anybody can connect
    ownership.apply(&file)?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), socket_file))
}

/// Removes the file of a socket that nobody listens on.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let file = fs::symlink_metadata(path)?;
    if !file.file_type().is_socket() {
        let text = "there is a file that is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // one whose queue is full would make us wait
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path)
        }
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Err(e),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests;
