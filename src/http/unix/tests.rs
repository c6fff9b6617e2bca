use std::os::unix::net::UnixStream;

use super::*;

/// A path in a folder that goes away.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let name = format!("flux-prometheus-{}-{test}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(dir.join("socket"))
    }

    fn bind(&self) -> io::Result<(UnixListener, SocketFile)> {
        bind_unix(&self.0, Ownership::default())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
    }
}

#[test]
fn the_file_goes_with_its_listener() {
    let place = Place::new("goes");
    let (_listener, file) = place.bind().unwrap();
    let mode = fs::metadata(&place.0).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
    UnixStream::connect(&place.0).unwrap();
    let wide = Ownership { mode: 0o666, ..Ownership::default() };
    let old = file.set_ownership(wide).unwrap();
    assert_eq!(old.mode, 0o600);
    let mode = fs::metadata(&place.0).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o666);
    drop(file);
    assert!(!place.0.exists());
}

#[test]
fn a_live_one_is_taken_and_a_stale_one_replaced() {
    let place = Place::new("stale");
    let (listener, file) = place.bind().unwrap();
    let error = place.bind().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    UnixStream::connect(&place.0).unwrap();
    // as after a crash: nobody listens, and the file is there
    drop(listener);
    std::mem::forget(file);
    let (_second, second) = place.bind().unwrap();
    // what took its place is not its to lose
    fs::remove_file(&place.0).unwrap();
    let (_third, _file) = place.bind().unwrap();
    assert!(second.set_ownership(Ownership::default()).is_err());
    drop(second);
    UnixStream::connect(&place.0).unwrap();
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let place = Place::new("file");
    fs::write(&place.0, "precious").unwrap();
    let error = place.bind().unwrap_err();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(fs::read(&place.0).unwrap(), b"precious");
    // nor is what a link leads to
    fs::remove_file(&place.0).unwrap();
    let elsewhere = place.0.with_file_name("elsewhere");
    let (_listener, _file) =
        bind_unix(&elsewhere, Ownership::default()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &place.0).unwrap();
    assert!(place.bind().is_err());
    assert!(elsewhere.exists());
    // nor is it changed, were the link put there in time
    let error = find(&place.0).unwrap_err();
    assert_eq!(error.to_string(), "the file was replaced");
}

/// To give a file away is for root, and others are told so.
#[test]
fn it_belongs_to_whom_it_should() {
    let place = Place::new("owner");
    let (user, group) = (Some(65534), Some(65534));
    let given = Ownership { user, group, ..Ownership::default() };
    match bind_unix(&place.0, given) {
        Ok((_listener, _file)) => {
            let file = fs::metadata(&place.0).unwrap();
            assert_eq!((file.uid(), file.gid()), (65534, 65534));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }
}

/// What is refused changes nothing; half of it could let others in.
#[test]
fn who_cannot_give_it_away_does_not_open_it_either() {
    // in a process of its own, that cannot even if it is root's
    const ALONE: &str = "FLUX_PROMETHEUS_TEST_NO_CHOWN";
    let is_root = nix::unistd::geteuid().is_root();
    if is_root && std::env::var_os(ALONE).is_none() {
        let test = "who_cannot_give_it_away_does_not_open_it_either";
        let run = |program: &[&str]| {
            let mut command = std::process::Command::new("setpriv");
            command.arg("--bounding-set=-chown").args(program);
            let status = command.env(ALONE, "1").status();
            status.is_ok_and(|status| status.success())
        };
        if !run(&["true"]) {
            println!("SKIPPED: no setpriv, or no right to use it");
            return;
        }
        let exe = std::env::current_exe().unwrap();
        let test = format!("http::unix::tests::{test}");
        assert!(run(&[exe.to_str().unwrap(), "--exact", &test]));
        return;
    }
    let place = Place::new("half");
    let (_listener, file) = place.bind().unwrap();
    let user = Some(nix::unistd::geteuid().as_raw() + 1);
    let error = file
        .set_ownership(Ownership { mode: 0o666, user, group: None })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let mode = fs::metadata(&place.0).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn owners() {
    let new = |owner| Ownership::new(0o660, owner);
    let is = |user, group| Ok(Ownership { mode: 0o660, user, group });
    assert_eq!(new("root:root"), is(Some(0), Some(0)));
    assert_eq!(new("root"), is(Some(0), None));
    assert_eq!(new(":root"), is(None, Some(0)));
    assert_eq!(new("7:8"), is(Some(7), Some(8)));
    assert_eq!(new(""), is(None, None));
    assert_eq!(new("no-such").unwrap_err(), "no user \"no-such\"");
    assert_eq!(new(":no-such").unwrap_err(), "no group \"no-such\"");
    // -1 means "leave it"
    assert_eq!(new("4294967295").unwrap_err(), "no user 4294967295");
    assert_eq!(new("4294967296").unwrap_err(), "no user 4294967296");
}
