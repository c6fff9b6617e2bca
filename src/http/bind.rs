//! Binding, apart from serving: it can fail at load time, where there is
//! somebody to tell, and happens on the module's thread.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
pub(super) const BACKLOG: i32 = 128;

/// Binds a nonblocking, close-on-exec listener.
///
/// `[::]` takes IPv4 connections too, whatever the machine's default, and
/// becomes `0.0.0.0` where there is no IPv6.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match listen(address) {
        Err(e) if no_ipv6(&e) && is_any6(address) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        result => result,
    }
}

fn is_any6(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V6(ip) if ip.is_unspecified())
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    // close-on-exec: the broker starts jobs
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // or a reloaded module would wait for TIME_WAIT to pass
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::1] gains nothing by it, [::] means both
        socket.set_only_v6(!is_any6(address))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn any_port(ip: &str) -> TcpListener {
        bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap()
    }

    #[test]
    fn all_addresses_include_ipv4() {
        let listener = any_port("::");
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn it_does_not_block_and_is_not_inherited() {
        let listener = any_port("127.0.0.1");
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let child = std::process::Command::new("ls")
            .args(["-l", "/proc/self/fd/"])
            .output()
            .unwrap();
        let fds = String::from_utf8(child.stdout).unwrap();
        assert!(!fds.contains("socket"), "{fds}");
    }

    #[test]
    fn a_taken_address_is_an_error() {
        let first = any_port("127.0.0.1");
        let error = bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_foreign_address_is_an_error_not_another_address() {
        // TEST-NET-1 and the documentation prefix are nobody's
        for ip in ["192.0.2.1", "2001:db8::1"] {
            assert!(bind(SocketAddr::new(ip.parse().unwrap(), 0)).is_err());
        }
    }
}
