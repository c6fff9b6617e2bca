//! The commands: `flux`'s own words. What is not about modules, the log, or
//! the configuration goes on to the instance.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Host;
use super::start::config;

/// How often the instance is asked whether what is waited for has happened.
const INTERVAL: Duration = Duration::from_millis(5);

/// Carries out a command.
pub fn run(host: &Arc<Host>, words: &[&str]) -> Result<String> {
    match *words {
        ["getattr", name] => {
            let value = host.attributes.get(name).context("No such attribute");
            Ok(value?.to_string_lossy().into_owned())
        }
        ["dmesg", ..] => {
            Ok(host.state.lock().log.iter().rev().cloned().collect())
        }
        ["config", "load", text] => configure(host, text),
        ["rpc", topic, payloads] => {
            let payloads: Vec<_> = payloads.lines().collect();
            Ok(host.ask_all(topic, &payloads)?.join("\n") + "\n")
        }
        ["module", "stats", name] => {
            host.ask(&format!("{name}.stats-get"), "{}")
        }
        ["module", "debug", "--setbit", bit, name] => {
            let bit = i32::from_str_radix(bit.trim_start_matches("0x"), 16)?;
            let payload = json!({ "op": "setbit", "flags": bit }).to_string();
            host.ask(&format!("{name}.debug"), &payload)
        }
        ["module", "list"] => {
            let mut names = host.instruct(words)?;
            for name in host.state.lock().modules.keys() {
                names += &format!("{name}\n");
            }
            Ok(names)
        }
        ["module", verb @ ("load" | "remove" | "reload"), ref rest @ ..] => {
            module(host, verb, rest).with_context(|| words.join(" "))?;
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
fn wait_for(host: &Host, words: &[&str]) -> Result<String> {
    while host.instruct(words)? != "true" {
        std::thread::sleep(INTERVAL);
    }
    Ok(String::new())
}

/// Puts a configuration into force, if the modules take it.
fn configure(host: &Host, text: &str) -> Result<String> {
    let table = config(text)?.to_string();
    let names: Vec<_> = host.state.lock().modules.keys().cloned().collect();
    for name in names {
        host.ask(&format!("{name}.config-reload"), &table)?;
    }
    host.instruct(&["config", "load", &table])
}

/// Modules with a path are loaded; others the instance pretends to have.
fn module(host: &Arc<Host>, verb: &str, words: &[&str]) -> Result<()> {
    let count = words.iter().take_while(|word| word.starts_with('-')).count();
    let (options, words) = words.split_at(count);
    let (target, args) = words.split_first().context("which one?")?;
    let has = |option| options.contains(&option);
    ensure!(!has("--exec"), "--exec is not to be had here, only in Flux");
    let path = Path::new(target);
    let name = options.iter().find_map(|o| o.strip_prefix("--name="));
    let stem = path.file_stem().unwrap_or_default().to_str();
    let name = name.or(stem).unwrap_or_default();
    if verb != "load" {
        let loaded = host.state.lock().modules.contains_key(name);
        let gone = match loaded {
            true => host.unload(name, has("--cancel")),
            false => host.instruct(&["module", "remove", name]).map(drop),
        };
        // forced, it is no error if there was none
        gone.or_else(|error| if has("-f") { Ok(()) } else { Err(error) })?;
    }
    match verb {
        "remove" => Ok(()),
        _ if target.contains('/') => host.load(name, path, args),
        _ => host.instruct(&["module", "load", name]).map(drop),
    }
}
