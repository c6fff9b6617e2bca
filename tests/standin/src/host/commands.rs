//! The commands: `flux`'s own words. What is not about modules, the log, or
//! the configuration goes on to the instance.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::start::config;
use super::{Host, Outcome, strerror};

/// How often the instance is asked whether what is waited for has happened.
const INTERVAL: Duration = Duration::from_millis(5);

/// Carries out a command.
pub fn run(host: &Arc<Host>, words: &[&str]) -> Outcome {
    match *words {
        ["getattr", name] => match host.attributes.get(name) {
            Some(value) => Ok(value.to_string_lossy().into_owned()),
            None => Err(format!("{name}: {}", strerror(libc::ENOENT))),
        },
        ["dmesg", ..] => Ok(host.state().log.iter().cloned().collect()),
        ["config", "load", text] => configure(host, text)
            .map_err(|error| format!("config load: {error}")),
        ["job-stats"] => host.ask("job-list.job-stats", "{}"),
        ["rpc", topic, payload] => host.ask(topic, payload),
        ["module", "stats", name] => {
            host.ask(&format!("{name}.stats-get"), "{}")
        }
        ["module", "debug", "--setbit", bit, name] => {
            let bit = i32::from_str_radix(bit.trim_start_matches("0x"), 16)
                .map_err(|error| format!("{bit}: {error}"))?;
            let payload = json!({ "op": "setbit", "flags": bit }).to_string();
            host.ask(&format!("{name}.debug"), &payload)
        }
        ["module", "list"] => {
            let mut names = host.instruct(words)?;
            for name in host.state().modules.keys() {
                names += &format!("{name}\n");
            }
            Ok(names)
        }
        ["module", verb @ ("load" | "remove" | "reload"), ref rest @ ..] => {
            module(host, verb, rest)
                .map_err(|error| format!("{}: {error}", words.join(" ")))
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

/// Puts a configuration into force, if the modules take it.
fn configure(host: &Host, text: &str) -> Outcome {
    let table = config(text)?.to_string();
    let names: Vec<_> = host.state().modules.keys().cloned().collect();
    for name in names {
        host.ask(&format!("{name}.config-reload"), &table)?;
    }
    host.instruct(&["config-load", &table])
}

/// Modules with a path are loaded; others the instance pretends to have.
fn module(host: &Arc<Host>, verb: &str, words: &[&str]) -> Outcome {
    let count = words.iter().take_while(|word| word.starts_with('-')).count();
    let (options, words) = words.split_at(count);
    let (target, args) = words.split_first().ok_or("which one?")?;
    let has = |option| options.contains(&option);
    if has("--exec") {
        return Err("--exec is not to be had here, only in Flux".into());
    }
    let path = Path::new(target);
    let name = path.file_stem().unwrap_or_default().to_str();
    let name = options.iter().find_map(|o| o.strip_prefix("--name=")).or(name);
    let name = name.unwrap_or_default();
    if verb != "load" {
        let loaded = host.state().modules.contains_key(name);
        let gone = match loaded {
            true => host.unload(name, has("--cancel")),
            false => host.instruct(&["module-unload", name]).map(drop),
        };
        // forced, it is no error if there was none
        gone.or_else(|error| if has("-f") { Ok(()) } else { Err(error) })?;
    }
    if verb != "remove" {
        match target.contains('/') {
            true => host.load(name, path, args)?,
            false => drop(host.instruct(&["module-load", name])?),
        }
    }
    Ok(String::new())
}
