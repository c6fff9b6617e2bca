//! The list of settings: what the known keys are, and what the README says
//! of each (a test compares the two).

/// One key of the `[prometheus]` table, which is also a module argument.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key, as written in TOML and before `=` in an argument.
    pub key: &'static str,
    /// The shape or unit of its value.
    pub value: &'static str,
    /// The default, as one would write it in an argument.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub help: &'static str,
}

/// Every setting, sorted by key.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "buckets",
        value: "array of seconds or durations (100ms, 30s, 5m, 1h, 7d)",
        default: "100ms,500ms,1s,5s,15s,1m,5m,15m,30m,1h,2h,4h,8h,12h,1d,2d,7d",
        help: "Upper bounds of the histograms of times of jobs, increasing, \
               at most 64.",
    },
    Setting {
        key: "collectors",
        value: "a collector's name, or one with a minus, default, all or \
                none, or an array of them",
        default: "default",
        help: "Which collectors to run: each word changes what the ones \
               before it say; the first changes the default.",
    },
    Setting {
        key: "listen",
        value: "IP:PORT, [IPV6]:PORT, localhost:PORT or :PORT, or an array of \
                them",
        default: ":8080",
        help: "Addresses to serve on; :PORT means all addresses, IPv6 and \
               IPv4.",
    },
    Setting {
        key: "port",
        value: "integer from 0 to 65535",
        default: "8080",
        help: "Short for listen = \":PORT\"; 0 takes any free port.",
    },
    Setting {
        key: "strict",
        value: "true or false",
        default: "false",
        help: "Fail the load when an address is taken, instead of trying \
               again later.",
    },
];
