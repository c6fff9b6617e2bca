//! The list of settings: what the known keys are, and what docs/settings.md
//! says of each (a test compares the two), and how its value is read.

use crate::collectors::children::MAX_NAMED;
use crate::collectors::subtree::report::MAX_WORST;

use super::{
    Config, access, buckets, collectors, custom, input::Input, listen, socket,
    stats,
};
use crate::custom::limits::MAX_TTL;

/// One key of the `[prometheus]` table, which is also a module argument.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key, as written in TOML and before `=` in an argument.
    pub key: &'static str,
    /// The shape or unit of its value.
    pub value: &'static str,
    /// The default, as one would write it in an argument; empty for none.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Puts a value into the configuration, or says what is wrong with it.
    pub(super) read: fn(&mut Config, Input) -> Result<(), String>,
}

/// What a key is that an argument can set by its name alone.
pub(super) const BOOLEAN: &str = "true or false";

/// Every setting, sorted by key.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "allow",
        value: "IP address or network such as 10.0.0.0/8, or an array of at most 256 of them",
        default: "",
        help: "Only these may connect; others are closed at once. Unix sockets are not concerned.",
        read: |config, input| {
            put(&mut config.access.allow, access::networks(input))
        },
    },
    Setting {
        key: "basic-auth-users",
        value: "table of names and bcrypt hashes, of a cost of at most 14",
        default: "",
        help: "Ask for one of these names and its password. Not as an argument.",
        read: |config, input| {
            put(&mut config.access.basic_auth_users, access::users(input))
        },
    },
    Setting {
        key: "bearer-token-file",
        value: "absolute path",
        default: "",
        help: "Ask for the token in this file, which has mode 0600 or 0400 and belongs to the instance's owner (or to root, if that one may read it); with basic-auth-users, one of the two will do.",
        read: |config, input| {
            put(&mut config.access.bearer_token_file, input.path().map(Some))
        },
    },
    Setting {
        key: "brokers-period",
        value: "duration from 1s to 1h",
        default: "10s",
        help: "How often each broker that has the module tells its parent its figures and those of the brokers below it.",
        read: |config, input| put(&mut config.brokers_period, input.period()),
    },
    Setting {
        key: "brokers-worst",
        value: "integer from 0 to 16",
        default: "0",
        help: "How many brokers to name, the worst by each of these figures.",
        read: |config, input| {
            put(&mut config.brokers_worst, input.integer(0..=MAX_WORST))
        },
    },
    Setting {
        key: "buckets",
        value: "array of seconds or durations (100ms, 30s, 5m, 1h, 7d)",
        default: "100ms,500ms,1s,5s,15s,1m,5m,15m,30m,1h,2h,4h,8h,12h,1d,2d,7d",
        help: "Upper bounds of the histograms of times of jobs, increasing, at most 64.",
        read: |config, input| {
            put(
                &mut config.buckets,
                input.read(buckets::from_json, buckets::from_arg),
            )
        },
    },
    Setting {
        key: "children-named",
        value: "integer from 0 to 1000",
        default: "0",
        help: "How many instances that are jobs of this one to show one by one, named by their jobs; the others are shown as one.",
        read: |config, input| {
            put(&mut config.children_named, input.integer(0..=MAX_NAMED))
        },
    },
    Setting {
        key: "collectors",
        value: "a collector's name, or one with a minus, default, all or none, or an array of them",
        default: "default",
        help: "Which collectors to run: each word changes what the ones before it say; the first changes the default.",
        read: |config, input| {
            put(
                &mut config.collectors,
                input.read(collectors::from_json, collectors::from_arg),
            )
        },
    },
    Setting {
        key: "connections",
        value: "integer from 1 to 10000",
        default: "128",
        help: "Connections that may be open at once.",
        read: |config, input| {
            put(&mut config.limits.connections, input.integer(1..=10_000))
        },
    },
    Setting {
        key: "connections-per-address",
        value: "integer from 1 to 10000",
        default: "32",
        help: "The same, from one IPv4 address, from one IPv6 network (/64), from all loopback addresses together, and over all Unix sockets.",
        read: |config, input| {
            put(
                &mut config.limits.connections_per_address,
                input.integer(1..=10_000),
            )
        },
    },
    Setting {
        key: "custom-guests",
        value: BOOLEAN,
        default: "false",
        help: "Let guests publish metrics too, under their user id and with a share of their own.",
        read: |config, input| put(&mut config.custom.guests, input.boolean()),
    },
    Setting {
        key: "custom-prefix",
        value: "beginning of a name that no metric of ours has",
        default: "flux_custom_",
        help: "What the names of published metrics begin with.",
        read: |config, input| {
            put(&mut config.custom.prefix, custom::prefix(input))
        },
    },
    Setting {
        key: "custom-series",
        value: "integer from 0 to 100000",
        default: "2000",
        help: "Series that may be published, the lines of histograms counted one by one; of families a quarter as many, and 256 bytes for each. Guests have half of this, and each of them a sixteenth.",
        read: |config, input| {
            put(&mut config.custom.series, input.integer(0..=100_000))
        },
    },
    Setting {
        key: "custom-ttl",
        value: "duration from 1s to 7d",
        default: "5m",
        help: "How long a published series stays that is not refreshed, unless the update says so itself.",
        read: |config, input| {
            put(
                &mut config.custom.ttl,
                input.seconds(1.0..=MAX_TTL, "1s to 7d"),
            )
        },
    },
    Setting {
        key: "exemplars",
        value: BOOLEAN,
        default: "false",
        help: "Name a job for each bucket of the histograms of wait and run times, to readers of OpenMetrics and protobuf.",
        read: |config, input| {
            put(&mut config.detail.exemplars, input.boolean())
        },
    },
    Setting {
        key: "header-timeout",
        value: "duration from 100ms to 1h",
        default: "10s",
        help: "Time for a request's header to arrive, and for a TLS handshake.",
        read: |config, input| put(&mut config.limits.header, input.timeout()),
    },
    Setting {
        key: "listen",
        value: "IP:PORT, [IPV6]:PORT, localhost:PORT, :PORT or unix:/PATH, or an array of them; or none",
        default: ":8080",
        help: "Addresses to serve on; :PORT means all addresses, IPv6 and IPv4.",
        read: |config, input| put(&mut config.listen, listen::addresses(input)),
    },
    Setting {
        key: "listen-ranks",
        value: "string: all, or ranks such as 0 or 0,4-7",
        default: "0",
        help: "Brokers, of those that have the module, that serve on these addresses at all.",
        read: |config, input| {
            put(&mut config.listen_ranks, listen::ranks(input))
        },
    },
    Setting {
        key: "native-histograms",
        value: BOOLEAN,
        default: "false",
        help: "Keep the times of jobs in native histograms as well, for readers of protobuf.",
        read: |config, input| put(&mut config.detail.native, input.boolean()),
    },
    Setting {
        key: "parent-period",
        value: "duration from 1s to 1h",
        default: "10s",
        help: "How often an instance that is a job sends its totals to its parent instance.",
        read: |config, input| put(&mut config.parent_period, input.period()),
    },
    Setting {
        key: "port",
        value: "integer from 0 to 65535",
        default: "8080",
        help: "Short for listen = \":PORT\"; 0 takes any free port.",
        read: |config, input| {
            let port =
                input.read(listen::port_from_json, listen::port_from_arg);
            put(&mut config.listen, port.map(|address| vec![address]))
        },
    },
    Setting {
        key: "socket-mode",
        value: "octal digits in a string",
        default: "0600",
        help: "Permissions of Unix sockets: who may write may connect.",
        read: |config, input| put(&mut config.socket_mode, socket::mode(input)),
    },
    Setting {
        key: "socket-owner",
        value: "USER, USER:GROUP or :GROUP, names or numbers",
        default: "",
        help: "Owner of Unix sockets, if not the module's own.",
        read: |config, input| {
            put(&mut config.socket_owner, socket::owner(input))
        },
    },
    Setting {
        key: "stats",
        value: "array of at most 200 tables",
        default: "",
        help: "Figures of other modules to be shown: see Map. Not as an argument.",
        read: |config, input| put(&mut config.stats, stats::entries(input)),
    },
    Setting {
        key: "strict",
        value: BOOLEAN,
        default: "false",
        help: "Fail the load when an address is taken, instead of trying again later.",
        read: |config, input| put(&mut config.strict, input.boolean()),
    },
    Setting {
        key: "tls-cert",
        value: "absolute path",
        default: "",
        help: "PEM file with the server's certificate and those between it and its authority: TCP addresses then speak HTTPS only.",
        read: |config, input| {
            put(&mut config.access.tls_cert, input.path().map(Some))
        },
    },
    Setting {
        key: "tls-client-ca",
        value: "absolute path",
        default: "",
        help: "PEM file with certificates of authorities: clients then need a certificate by one of them.",
        read: |config, input| {
            put(&mut config.access.tls_client_ca, input.path().map(Some))
        },
    },
    Setting {
        key: "tls-key",
        value: "absolute path",
        default: "",
        help: "PEM file with the key of tls-cert.",
        read: |config, input| {
            put(&mut config.access.tls_key, input.path().map(Some))
        },
    },
    Setting {
        key: "top",
        value: "integer from 1 to 1000",
        default: "20",
        help: "How many users, banks and projects have series of their own, of each as many, where these collectors are on.",
        read: |config, input| put(&mut config.top, input.integer(1..=1_000)),
    },
    Setting {
        key: "web-config-file",
        value: "absolute path",
        default: "",
        help: "TLS, passwords, headers and rate limit in the format of Prometheus's exporter-toolkit, instead of tls-cert, tls-key, tls-client-ca and basic-auth-users.",
        read: |config, input| {
            put(&mut config.access.web_config_file, input.path().map(Some))
        },
    },
    Setting {
        key: "write-timeout",
        value: "duration from 100ms to 1h",
        default: "30s",
        help: "Time in which a client may take nothing of its answer.",
        read: |config, input| put(&mut config.limits.write, input.timeout()),
    },
];

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}
