//! The commands: `flux`'s own words. What is not about modules, the log, or
//! the configuration goes on to the instance.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::start::config;
use super::{Host, Outcome};
use crate::abi::strerror;

/// How often the instance is asked whether what is waited for has happened.
const INTERVAL: Duration = Duration::from_millis(5);

/// Carries out a command.
pub fn run(host: &Arc<Host>, words: &[&str]) -> Outcome {
    match *words {
        ["getattr", name] => match host.attributes.get(name) {
            Some(value) => Ok(format!("{}\n", value.to_string_lossy())),
            None => Err(format!("{name}: {}", strerror(libc::ENOENT))),
        },
        ["dmesg", ..] => Ok(host.state().log.iter().cloned().collect()),
        ["config", "load", text] => config(text)
            .and_then(|table| configure(host, &table))
            .map_err(|error| format!("config load: {error}")),
        ["job-stats"] => ask(host, "job-list.job-stats", "{}"),
        ["module", "stats", name] => {
            ask(host, &format!("{name}.stats-get"), "{}")
        }
        ["module", "debug", "--setbit", bit, name] => {
            let bit = i32::from_str_radix(bit.trim_start_matches("0x"), 16)
                .map_err(|error| format!("{bit}: {error}"))?;
            let payload = json!({ "op": "setbit", "flags": bit }).to_string();
            ask(host, &format!("{name}.debug"), &payload)
        }
        ["module", "list"] => {
            let mut names = host.instruct(words)?;
            for name in host.state().modules.keys() {
                names += &format!("{name}\n");
            }
            Ok(names)
        }
        ["module", verb, ref rest @ ..] => {
            let (options, words) = split(rest);
            let target = *words.first().ok_or("which module?")?;
            let name = options.iter().find_map(|o| o.strip_prefix("--name="));
            let name = name.unwrap_or(name_of(target));
            let outcome = match verb {
                "load" => load(host, name, options, words),
                "remove" => remove(host, name, options),
                "reload" => remove(host, name, options)
                    .and_then(|()| load(host, name, options, words)),
                _ => Err("not a command".into()),
            };
            outcome.map_err(|error| format!("{verb} {target}: {error}"))?;
            Ok(String::new())
        }
        ["run", ref rest @ ..] => {
            let id = host.instruct(&[&["submit"], rest].concat())?;
            wait_for(host, &["job", "wait-event", id.trim(), "clean"])
        }
        ["queue", "idle", ..] | ["job", "wait-event", ..] => {
            wait_for(host, words)
        }
        _ => host.instruct(words),
    }
}

/// Asks the instance until it says that something has happened.
fn wait_for(host: &Host, words: &[&str]) -> Outcome {
    while host.instruct(words)? != "true" {
        std::thread::sleep(INTERVAL);
    }
    Ok(String::new())
}

fn ask(host: &Host, topic: &str, payload: &str) -> Outcome {
    match host.ask(topic, payload) {
        Ok(answer) => Ok(answer.to_string_lossy().into_owned() + "\n"),
        Err((errno, text)) if text.is_empty() => {
            Err(format!("{topic}: {}", strerror(errno)))
        }
        Err((_, text)) => Err(format!("{topic}: {}", text.to_string_lossy())),
    }
}

/// Puts a configuration into force, if the modules take it.
fn configure(host: &Host, table: &Value) -> Outcome {
    let table = table.to_string();
    let names: Vec<_> = host.state().modules.keys().cloned().collect();
    for name in names {
        ask(host, &format!("{name}.config-reload"), &table)?;
    }
    host.instruct(&["config-load", &table])
}

/// Options, and the words after them.
fn split<'a, 'b>(words: &'b [&'a str]) -> (&'b [&'a str], &'b [&'a str]) {
    let options = words.iter().take_while(|word| word.starts_with('-')).count();
    words.split_at(options)
}

/// A file's name, up to the first dot.
fn name_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

fn load(
    host: &Arc<Host>,
    name: &str,
    options: &[&str],
    words: &[&str],
) -> Result<(), String> {
    match *words {
        _ if options.contains(&"--exec") => {
            Err("--exec is not to be had here, only in Flux".into())
        }
        [path, ref args @ ..] if path.contains('/') => {
            host.load(name, Path::new(path), args)
        }
        _ => host.instruct(&["module-load", name]).map(drop),
    }
}

fn remove(
    host: &Arc<Host>,
    name: &str,
    options: &[&str],
) -> Result<(), String> {
    let loaded = host.state().modules.contains_key(name);
    let outcome = match loaded {
        true => host.unload(name, options.contains(&"--cancel")),
        false => host.instruct(&["module-unload", name]).map(drop),
    };
    // forced, it is no error if there is none
    outcome.or_else(|e| if options.contains(&"-f") { Ok(()) } else { Err(e) })
}
