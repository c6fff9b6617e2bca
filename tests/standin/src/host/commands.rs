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
            let mut names: Vec<_> =
                host.instruct(words)?.lines().map(str::to_owned).collect();
            names.extend(host.state().modules.keys().cloned());
            Ok(names.iter().map(|name| format!("{name:<24} R\n")).collect())
        }
        ["module", "load", ref rest @ ..] => load(host, rest),
        ["module", "remove", ref rest @ ..] => remove(host, rest),
        ["module", "reload", ref rest @ ..] => {
            let (options, words) = split(rest);
            let target = words.first().ok_or("reload: no module")?;
            remove(host, &[options, &[name_of(target)]].concat())?;
            load(host, words)
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

fn ask(host: &Arc<Host>, topic: &str, payload: &str) -> Outcome {
    match host.ask(topic, payload) {
        Ok(answer) => Ok(answer.to_string_lossy().into_owned() + "\n"),
        Err((errno, text)) if text.is_empty() => {
            Err(format!("{topic}: {}", strerror(errno)))
        }
        Err((_, text)) => Err(format!("{topic}: {}", text.to_string_lossy())),
    }
}

/// Puts a configuration into force, if the modules take it.
fn configure(host: &Arc<Host>, table: &Value) -> Outcome {
    let table = table.to_string();
    let names: Vec<_> = host.state().modules.keys().cloned().collect();
    for name in names {
        host.ask(&format!("{name}.config-reload"), &table).map_err(
            |error| {
                let text = error.1.to_string_lossy();
                format!("error updating {name}: {text}")
            },
        )?;
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

fn load(host: &Arc<Host>, words: &[&str]) -> Outcome {
    let (options, words) = split(words);
    let (target, args) = words.split_first().ok_or("load: no module")?;
    if options.contains(&"--exec") {
        return Err("load: --exec is not to be had here, only in Flux".into());
    }
    let name = options.iter().find_map(|o| o.strip_prefix("--name="));
    let name = name.unwrap_or(name_of(target));
    let outcome = match target.contains('/') {
        true => host.load(name, Path::new(target), args),
        false => host.instruct(&["module-load", target]).map(drop),
    };
    outcome.map_err(|error| format!("load {target}: {error}"))?;
    Ok(String::new())
}

fn remove(host: &Arc<Host>, words: &[&str]) -> Outcome {
    let (options, words) = split(words);
    let name = *words.first().ok_or("remove: no module")?;
    let loaded = host.state().modules.contains_key(name);
    let outcome = match loaded {
        true => host.unload(name, options.contains(&"--cancel")),
        false => host.instruct(&["module-unload", name]).map(drop),
    };
    match outcome {
        Err(error) if !options.contains(&"-f") => {
            Err(format!("remove {name}: {error}"))
        }
        _ => Ok(String::new()),
    }
}
