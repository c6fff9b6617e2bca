//! The settings: Flux's `[prometheus]` table, overridden by module arguments.
//!
//! Pure: JSON and strings in, a [`Config`] or one sentence out. The same
//! function serves at load and at `flux config reload`, and nothing of a
//! rejected configuration is ever applied.

mod access;
mod buckets;
mod collectors;
mod custom;
mod fsd;
mod input;
mod listen;
mod settings;
mod similar;
mod socket;
mod stats;

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::http::{Address, Limits, access::Settings};
use crate::job::histogram::{DEFAULT_BOUNDS, Detail};
use crate::job::idset::Ranges;
use input::Input;

pub use listen::DEFAULT as LISTEN;
pub use settings::{SETTINGS, Setting};

/// What the module was told to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to serve. `[::]` stands for all addresses, IPv4 ones included.
    pub listen: Vec<Address>,
    /// Brokers that serve at all, by rank.
    pub listen_ranks: Ranges,
    /// How often brokers tell their parents their figures.
    pub brokers_period: Duration,
    /// How many brokers are named for each figure, as the worst by it.
    pub brokers_worst: usize,
    /// How many child instances are shown one by one.
    pub children_named: usize,
    /// How often a child instance tells its parent its totals.
    pub parent_period: Duration,
    /// Upper bounds of the histograms of times of jobs, in seconds.
    pub buckets: Vec<f64>,
    /// The collectors that are on, by name, in the order of the list.
    pub collectors: Vec<&'static str>,
    /// Permissions of Unix sockets.
    pub socket_mode: u32,
    /// Their owner, as it was given; empty for the module's own.
    pub socket_owner: String,
    /// Who may read.
    pub access: Settings,
    /// What clients may take.
    pub limits: Limits,
    /// What others may publish.
    pub custom: crate::custom::Settings,
    /// Which figures of other modules to show.
    pub stats: Vec<crate::stats::Entry>,
    /// What histograms of times of jobs keep beyond their buckets.
    pub detail: Detail,
    /// How many users, banks and projects have series of their own.
    pub top: usize,
    /// Whether an address that is taken fails the load, instead of being
    /// tried again later.
    pub strict: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![listen::DEFAULT],
            listen_ranks: Ranges::one(0, 0),
            brokers_period: Duration::from_secs(10),
            brokers_worst: 0,
            children_named: 0,
            parent_period: Duration::from_secs(10),
            buckets: DEFAULT_BOUNDS.to_vec(),
            collectors: collectors::default(),
            socket_mode: 0o600,
            socket_owner: String::new(),
            access: Settings::default(),
            limits: Limits::default(),
            custom: crate::custom::Settings::default(),
            stats: Vec::new(),
            detail: Detail::default(),
            top: 20,
            strict: false,
        }
    }
}

impl Config {
    /// Where a broker serves.
    pub fn listen_on(&self, rank: u32) -> &[Address] {
        match self.listen_ranks.contains(rank) {
            true => &self.listen,
            false => &[],
        }
    }

    /// Why a broker serves nowhere, if that is so.
    pub fn not_listening(&self, rank: u32) -> Option<String> {
        let ranks = &self.listen_ranks;
        if !ranks.contains(rank) {
            return Some(format!(
                "rank {rank} is not in listen-ranks ({ranks})"
            ));
        }
        let nowhere = self.listen.is_empty();
        nowhere.then(|| "listen is none".to_owned())
    }

    /// The settings that are not as in `new` and that matter at the next load
    /// only.
    pub fn for_the_next_load(&self, new: &Self) -> Vec<&'static str> {
        let (old, is, was) = (self, &new.detail, &self.detail);
        [
            ("brokers-period", old.brokers_period == new.brokers_period),
            ("brokers-worst", old.brokers_worst == new.brokers_worst),
            ("children-named", old.children_named == new.children_named),
            ("collectors", old.collectors == new.collectors),
            ("exemplars", was.exemplars == is.exemplars),
            ("native-histograms", was.native == is.native),
            ("parent-period", old.parent_period == new.parent_period),
            ("strict", old.strict == new.strict),
            ("top", old.top == new.top),
        ]
        .into_iter()
        .filter_map(|(key, same)| (!same).then_some(key))
        .collect()
    }

    /// What is wrong where one collector needs others: which are off, and how
    /// that is mended.
    pub fn needs(&self, name: &str, others: &[&str]) -> Result<(), String> {
        let off = |other: &&&str| !self.collectors.contains(*other);
        let off: Vec<_> = others.iter().filter(off).copied().collect();
        match off.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "needs {}, which the setting collectors has off: add that, \
                 or \"-{name}\"",
                off.join(" and ")
            )),
        }
    }

    /// Reads Flux's whole configuration object (or null) and the arguments
    /// the module was loaded with.
    pub fn from_json(
        conf: &Value,
        args: &[String],
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        match conf.get("prometheus") {
            None => (),
            Some(Value::Object(table)) => config.read_table(table)?,
            Some(other) => {
                return Err(ConfigError(format!(
                    "prometheus: expected a table, got {}",
                    kind(other)
                )));
            }
        }
        config.read_args(args)?;
        let private = conf.pointer("/access/private-mode");
        // what is not false could be meant to be true
        config.access.private =
            private.is_some_and(|value| *value != Value::Bool(false));
        access::check(&config)
            .map_err(|text| ConfigError(format!("prometheus.{text}")))?;
        stats::check(&config)
            .map_err(|text| ConfigError(format!("prometheus.stats{text}")))?;
        Ok(config)
    }

    fn read_table(
        &mut self,
        table: &Map<String, Value>,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            let read = match key.as_str() {
                "port" if table.contains_key("listen") => Err(BOTH.into()),
                key => self.set(key, Input::Json(value)),
            };
            read.map_err(|text| {
                // of a list, the index comes first
                let colon = if text.starts_with('[') { "" } else { ": " };
                ConfigError(format!("prometheus.{key}{colon}{text}"))
            })?;
        }
        Ok(())
    }

    /// What an argument sets, the table's value is not part of.
    fn read_args(&mut self, args: &[String]) -> Result<(), ConfigError> {
        let mut seen: Vec<&str> = Vec::new();
        for arg in args {
            let (key, value) = match arg.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (arg.as_str(), None),
            };
            let other = match key {
                "listen" => "port",
                "port" => "listen",
                _ => "",
            };
            let read = if seen.contains(&key) {
                Err("given more than once".into())
            } else if seen.contains(&other) {
                Err(BOTH.into())
            } else {
                self.argument(key, value)
            };
            read.map_err(|text| {
                ConfigError(format!("argument {key}: {text}"))
            })?;
            seen.push(key);
        }
        Ok(())
    }

    fn argument(
        &mut self,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), String> {
        let boolean = setting(key)?.value == settings::BOOLEAN;
        match value {
            None if boolean => self.set(key, Input::Arg("true")),
            None => Err(format!("expected {key}=VALUE")),
            Some(value) => self.set(key, Input::Arg(value)),
        }
    }

    fn set(&mut self, key: &str, input: Input) -> Result<(), String> {
        (setting(key)?.read)(self, input)
    }
}

/// `port` and `listen` say the same thing: neither may win silently.
const BOTH: &str = "give either listen or port, not both";

fn setting(key: &str) -> Result<&'static Setting, String> {
    SETTINGS.iter().find(|setting| setting.key == key).ok_or_else(|| {
        let known: Vec<&str> = SETTINGS.iter().map(|s| s.key).collect();
        // first: Flux cuts off what is long
        let meant = similar::to(key, &known)
            .map(|key| format!("; did you mean {key}?"))
            .unwrap_or_default();
        format!("unknown key{meant} (known: {})", known.join(", "))
    })
}

/// What is wrong with the configuration, in a sentence that names the key,
/// as `flux config reload` and the broker's log show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// What TOML and Flux's own messages call a JSON value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "table",
    }
}

#[cfg(test)]
mod tests;
