//! Where a server listens, and who comes in.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IP address and port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// As it is written in the settings.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An IPv4 address, or an IPv6 one that does not stand for one.
    Ip(IpAddr),
    /// A process of this machine, by a Unix socket.
    Unix,
}

impl Peer {
    /// Who is at the other end of an IP connection.
    pub fn at(ip: IpAddr) -> Self {
        // a socket for both calls 10.0.0.1 ::ffff:10.0.0.1
        Self::Ip(ip.to_canonical())
    }

    /// Whether it is on this machine.
    pub fn is_local(self) -> bool {
        match self {
            Self::Ip(ip) => ip.is_loopback(),
            Self::Unix => true,
        }
    }

    /// Who it is for limits on what one client may take: for IPv6 the
    /// network, for a client has all of its addresses, and so has one on this
    /// machine all that are loopback.
    pub(super) fn origin(self) -> Self {
        match self {
            Self::Ip(ip) if ip.is_loopback() => {
                Self::Ip(Ipv4Addr::LOCALHOST.into())
            }
            Self::Ip(IpAddr::V6(ip)) => {
                let network = u128::from(ip) >> 64 << 64;
                Self::Ip(Ipv6Addr::from(network).into())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> Peer {
        Peer::at(ip.parse().unwrap())
    }

    #[test]
    fn what_is_local() {
        for (ip, local) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:10.0.0.1", false),
            ("10.0.0.1", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(at(ip).is_local(), local, "{ip}");
        }
        assert!(Peer::Unix.is_local());
    }

    #[test]
    fn one_origin_is_an_ipv4_address_or_an_ipv6_network() {
        let same = |a, b| at(a).origin() == at(b).origin();
        assert!(same("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
        assert!(same("127.0.0.1", "127.255.0.9"));
        assert!(same("127.0.0.1", "::1"));
        assert!(!same("127.0.0.1", "128.0.0.1"));
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
    }
}
