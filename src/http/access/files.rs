//! Files that are read again when they change.

use std::{
    fs::{self, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Far more than any of them needs.
const MAX: u64 = 1 << 20;

/// The files that something was made of, as they were then.
#[derive(Debug, Default)]
pub(super) struct Files {
    all: Vec<(PathBuf, Option<Stamp>)>,
    /// A private key that everybody may read.
    pub(super) open_key: Option<PathBuf>,
}

/// What changes with a file's content, owner or mode.
#[derive(Debug, PartialEq, Eq)]
struct Stamp([u64; 3], [i64; 4]);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self(
            [file.dev(), file.ino(), file.size()],
            [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()],
        ))
    }
}

impl Files {
    /// Reads a file and remembers it, also if that fails. Does not wait,
    /// whatever the path leads to.
    pub(super) fn read(
        &mut self,
        path: &Path,
    ) -> Result<(Vec<u8>, Metadata), String> {
        // The stamp first: a change in between is then one to come.
        self.all.push((path.into(), Stamp::of(path)));
        read(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The same, of a private key. Prometheus takes one that everybody may
    /// read, and it may be so on purpose; that is remembered.
    pub(super) fn read_key(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let (bytes, file) = self.read(path)?;
        self.has_key(path, &file);
        Ok(bytes)
    }

    /// Tells that there is a private key in a file that was read.
    pub(super) fn has_key(&mut self, path: &Path, file: &Metadata) {
        if file.mode() & 0o004 != 0 {
            self.open_key = Some(path.into());
        }
    }

    /// Whether any is not what it was.
    pub(super) fn changed(&self) -> bool {
        self.all.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }
}

/// What is wrong; where that is the owner or the mode, it matters who asks.
fn text(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let us = nix::unistd::geteuid();
            format!("permission denied to user {us}, who runs this")
        }
        _ => error.to_string(),
    }
}

fn read(path: &Path) -> Result<(Vec<u8>, Metadata), String> {
    let file = OpenOptions::new()
        .read(true)
        // a FIFO would wait for a writer
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(text)?;
    let metadata = file.metadata().map_err(text)?;
    if !metadata.is_file() {
        return Err("not a regular file".into());
    }
    let mut bytes = Vec::new();
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(text)?;
    if bytes.len() as u64 > MAX {
        return Err(format!("larger than {MAX} bytes"));
    }
    Ok((bytes, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_denied_is_said() {
        let us = nix::unistd::geteuid();
        let error = io::Error::from_raw_os_error(libc::EACCES);
        let said = format!("permission denied to user {us}, who runs this");
        assert_eq!(text(error), said);
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        assert!(text(error).starts_with("No such file or directory"));
    }

    #[test]
    fn changes_are_seen_and_odd_files_refused() {
        let name = format!("flux-prometheus-{}-files", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        let path = dir.join("a");
        let mut files = Files::default();
        assert!(files.read(&path).is_err());
        assert!(!files.changed());
        fs::write(&path, "1").unwrap();
        assert!(files.changed(), "it is there now");

        let mut files = Files::default();
        assert_eq!(files.read(&path).unwrap().0, b"1");
        assert!(!files.changed());
        // the same size, by way of another file
        let other = dir.join("b");
        fs::write(&other, "2").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(files.changed());

        let error = files.read(&dir).unwrap_err();
        assert!(error.ends_with("not a regular file"), "{error}");
        nix::unistd::mkfifo(&other, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = files.read(&other).unwrap_err();
        assert!(error.ends_with("not a regular file"), "{error}");
        fs::write(&path, vec![0; MAX as usize + 1]).unwrap();
        let error = files.read(&path).unwrap_err();
        assert!(error.ends_with("larger than 1048576 bytes"), "{error}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
