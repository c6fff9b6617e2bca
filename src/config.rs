//! The settings: Flux's `[prometheus]` table, overridden by module arguments.
//!
//! Pure: JSON and strings in, a [`Config`] or one sentence out. The same
//! function serves at load and at `flux config reload`, and nothing of a
//! rejected configuration is ever applied.

mod buckets;
mod collectors;
mod fsd;
mod listen;
mod settings;

use std::{fmt, net::SocketAddr};

use serde_json::{Map, Value};

use crate::job::histogram::DEFAULT_BOUNDS;

pub use settings::{SETTINGS, Setting};

/// What the module was told to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to serve. `[::]` stands for all addresses, IPv4 ones included.
    pub listen: Vec<SocketAddr>,
    /// Upper bounds of the histograms of times of jobs, in seconds.
    pub buckets: Vec<f64>,
    /// The collectors that are on, by name, in the order of the list.
    pub collectors: Vec<&'static str>,
    /// Whether an address that is taken fails the load, instead of being
    /// tried again later.
    pub strict: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![listen::DEFAULT],
            buckets: DEFAULT_BOUNDS.to_vec(),
            collectors: collectors::default(),
            strict: false,
        }
    }
}

impl Config {
    /// Reads Flux's whole configuration object (or null) and the arguments
    /// the module was loaded with.
    pub fn from_json(
        conf: &Value,
        args: &[String],
    ) -> Result<Self, ConfigError> {
        let table = match conf.get("prometheus") {
            None => Given::default(),
            Some(Value::Object(table)) => Given::from_table(table)?,
            Some(other) => {
                return Err(ConfigError(format!(
                    "prometheus: expected a table, got {}",
                    kind(other)
                )));
            }
        };
        let args = Given::from_args(args)?;
        let default = Self::default();
        Ok(Self {
            listen: args.listen.or(table.listen).unwrap_or(default.listen),
            buckets: args.buckets.or(table.buckets).unwrap_or(default.buckets),
            collectors: args
                .collectors
                .or(table.collectors)
                .unwrap_or(default.collectors),
            strict: args.strict.or(table.strict).unwrap_or(default.strict),
        })
    }
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

/// What one source, the table or the arguments, says. Kept apart from
/// [`Config`] so that an argument `port` can override a table's `listen`.
#[derive(Default)]
struct Given {
    listen: Option<Vec<SocketAddr>>,
    buckets: Option<Vec<f64>>,
    collectors: Option<Vec<&'static str>>,
    strict: Option<bool>,
}

/// `port` and `listen` say the same thing: neither may win silently.
const BOTH: &str = "give either listen or port, not both";

impl Given {
    fn from_table(table: &Map<String, Value>) -> Result<Self, ConfigError> {
        let mut given = Self::default();
        for (key, value) in table {
            let read = match key.as_str() {
                "listen" => {
                    listen::from_json(value).map(|v| given.listen = Some(v))
                }
                "port" if table.contains_key("listen") => Err(BOTH.into()),
                "port" => listen::port_from_json(value)
                    .map(|v| given.listen = Some(vec![v])),
                "buckets" => {
                    buckets::from_json(value).map(|v| given.buckets = Some(v))
                }
                "collectors" => collectors::from_json(value)
                    .map(|v| given.collectors = Some(v)),
                "strict" => match value {
                    Value::Bool(v) => {
                        given.strict = Some(*v);
                        Ok(())
                    }
                    other => Err(format!(
                        "expected true or false, got {}",
                        kind(other)
                    )),
                },
                _ => Err(unknown()),
            };
            read.map_err(|text| {
                ConfigError(format!("prometheus.{key}: {text}"))
            })?;
        }
        Ok(given)
    }

    fn from_args(args: &[String]) -> Result<Self, ConfigError> {
        let mut given = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for arg in args {
            let (key, value) = match arg.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (arg.as_str(), None),
            };
            let read = if seen.contains(&key) {
                Err("given more than once".into())
            } else {
                given.argument(key, value, &seen)
            };
            read.map_err(|text| {
                ConfigError(format!("argument {key}: {text}"))
            })?;
            seen.push(key);
        }
        Ok(given)
    }

    fn argument(
        &mut self,
        key: &str,
        value: Option<&str>,
        seen: &[&str],
    ) -> Result<(), String> {
        match (key, value) {
            ("listen", _) if seen.contains(&"port") => Err(BOTH.into()),
            ("port", _) if seen.contains(&"listen") => Err(BOTH.into()),
            ("listen", Some(v)) => {
                self.listen = Some(listen::from_arg(v)?);
                Ok(())
            }
            ("port", Some(v)) => {
                self.listen = Some(vec![listen::port_from_arg(v)?]);
                Ok(())
            }
            ("buckets", Some(v)) => {
                self.buckets = Some(buckets::from_arg(v)?);
                Ok(())
            }
            ("collectors", Some(v)) => {
                self.collectors = Some(collectors::from_arg(v)?);
                Ok(())
            }
            ("strict", None | Some("true")) => {
                self.strict = Some(true);
                Ok(())
            }
            ("strict", Some("false")) => {
                self.strict = Some(false);
                Ok(())
            }
            ("strict", Some(v)) => {
                Err(format!("expected true or false, got \"{v}\""))
            }
            ("listen" | "port" | "buckets" | "collectors", None) => {
                Err(format!("expected {key}=VALUE"))
            }
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> String {
    let known: Vec<&str> = SETTINGS.iter().map(|s| s.key).collect();
    format!("unknown key (known: {})", known.join(", "))
}

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
