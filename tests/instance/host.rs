//! Who plays an instance.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use super::Instance;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Flux,
    Standin,
}

impl Host {
    /// Starts an instance with these options of `flux start`.
    pub fn start(self, options: &[&str]) -> Instance {
        self.start_with(options, "", &[])
    }

    /// How a module can be run: the stand-in knows threads only.
    pub fn modes(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Flux => &[&[], &["--exec"]],
            Self::Standin => &[&[]],
        }
    }

    /// A PATH on which `flux` is this host.
    pub(super) fn path(self, dir: &Path) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if self == Self::Flux {
            return path;
        }
        // scripts say "flux"; what answers says that it is not
        let shim = dir.join("flux");
        let line = format!("#!/bin/sh\nexec {} \"$@\"\n", standin().display());
        std::fs::write(&shim, line).unwrap();
        std::fs::set_permissions(&shim, Permissions::from_mode(0o755)).unwrap();
        let mut all = dir.as_os_str().to_owned();
        all.push(":");
        all.push(path);
        all
    }
}

/// The stand-in, built beside this test.
fn standin() -> PathBuf {
    static BUILD: Once = Once::new();
    BUILD.call_once(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "standin"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "the stand-in does not build");
    });
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("standin")
}
