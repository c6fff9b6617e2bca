//! The commands: `flux`'s own words. What is not about modules, the log, or
//! the configuration goes on to the instance.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::control::{Command, Outcome};
use super::{Host, config};
use crate::abi::handle::Broker;
use crate::abi::strerror;

/// How often the instance is asked whether what is waited for has happened.
const INTERVAL: Duration = Duration::from_millis(5);

/// Carries out a command.
pub fn run(host: &Arc<Host>, command: &Command) -> Outcome {
    let words: Vec<&str> = command.args.iter().map(String::as_str).collect();
    let done = || String::new();
    match words[..] {
        ["getattr", name] => match host.attributes().get(name) {
            Some(value) => Ok(format!("{value}\n")),
            None => Err(format!("{name}: {}", strerror(libc::ENOENT))),
        },
        ["dmesg", ..] => Ok(host.log.text()),
        ["config", "load"] => config::parse(&command.input)
            .and_then(|table| host.configure(table))
            .map_err(|error| format!("config load: {error}"))
            .map(|()| done()),
        ["config", "reload"] => {
            host.reread().map_err(|e| format!("config reload: {e}"))?;
            Ok(done())
        }
        ["config", "get"] => {
            Ok(pretty(&ask(host, "config.get", None, command)?))
        }
        ["rpc", topic] => ask(host, topic, None, command),
        ["rpc", topic, payload] => ask(host, topic, Some(payload), command),
        ["job-stats"] => ask(host, "job-list.job-stats", Some("{}"), command),
        ["module", "stats", name] => {
            let topic = format!("{name}.stats-get");
            Ok(pretty(&ask(host, &topic, Some("{}"), command)?))
        }
        ["module", "debug", "--setbit", bit, name] => {
            let bit = i32::from_str_radix(bit.trim_start_matches("0x"), 16)
                .map_err(|error| format!("{bit}: {error}"))?;
            let payload = json!({"op": "setbit", "flags": bit}).to_string();
            let topic = format!("{name}.debug");
            ask(host, &topic, Some(&payload), command).map(|_| done())
        }
        ["module", "list"] => {
            let simulated = host.instruct(&["module-list"])?;
            let mut names = host.modules.names();
            names.extend(simulated.lines().map(str::to_owned));
            names.sort();
            Ok(names.iter().map(|name| format!("{name:<24} R\n")).collect())
        }
        ["module", "load", ref rest @ ..] => load(host, command, rest),
        ["module", "remove", ref rest @ ..] => remove(host, rest),
        ["module", "reload", ref rest @ ..] => {
            let (options, words) = split(rest);
            let target = *words.first().ok_or("reload: no module")?;
            let name = name_of(Path::new(target));
            remove(host, &[&options[..], &[&*name]].concat())?;
            load(host, command, &words)
        }
        ["run", ref rest @ ..] => {
            let id = host.instruct(&[&["submit"], rest].concat())?;
            let id = id.trim();
            wait_for(host, &["job", "wait-event", id, "clean"])?;
            match host.instruct(&["job", "status", id])?.trim() {
                "0" => Ok(done()),
                status => Err(format!("job {id}: wait status {status}")),
            }
        }
        ["queue", "idle", ..] | ["job", "wait-event", ..] => {
            wait_for(host, &words).map(|()| done())
        }
        _ => host.instruct(&words),
    }
}

/// Asks the instance until it says that something has happened.
fn wait_for(host: &Host, words: &[&str]) -> Result<(), String> {
    let timeout = words.iter().find_map(|a| a.strip_prefix("--timeout="));
    let timeout = timeout.and_then(|s| s.trim_end_matches('s').parse().ok());
    let until = timeout.map(|s| Instant::now() + Duration::from_secs_f64(s));
    while host.instruct(words)?.trim() != "true" {
        if until.is_some_and(|until| Instant::now() > until) {
            return Err(format!("{}: timed out", words.join(" ")));
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

fn ask(
    host: &Host,
    topic: &str,
    payload: Option<&str>,
    by: &Command,
) -> Outcome {
    match host.ask(topic, payload, by.role) {
        Ok(answer) => Ok(answer.map_or_else(String::new, |s| s + "\n")),
        Err((errno, text)) if text.is_empty() => {
            Err(format!("{topic}: {}", strerror(errno)))
        }
        Err((_, text)) => Err(format!("{topic}: {text}")),
    }
}

fn pretty(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .map_or_else(|_| json.to_owned(), |value| format!("{value:#}\n"))
}

/// Options, and the words after them.
fn split<'a>(words: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let options = words.iter().take_while(|word| word.starts_with('-')).count();
    (words[..options].to_vec(), words[options..].to_vec())
}

/// A file's name, up to the first dot.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn load(host: &Arc<Host>, command: &Command, words: &[&str]) -> Outcome {
    let (options, words) = split(words);
    let (target, args) = words.split_first().ok_or("load: no module")?;
    if options.contains(&"--exec") {
        return Err("load: --exec is not to be had here, only in Flux".into());
    }
    if !target.contains('/') {
        return host
            .instruct(&["module-load", target])
            .map_err(|error| format!("load {error}"));
    }
    let path: PathBuf = [&command.folder, *target].iter().collect();
    let path = path.canonicalize().map_err(|error| {
        let error = strerror(error.raw_os_error().unwrap_or(libc::EIO));
        format!("could not canonicalize module path '{target}': {error}")
    })?;
    let name = options.iter().find_map(|o| o.strip_prefix("--name="));
    let name = name.map_or_else(|| name_of(&path), str::to_owned);
    let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
    host.load(&name, &path, &args)
        .map_err(|error| format!("load {}: {error}", path.display()))?;
    Ok(String::new())
}

fn remove(host: &Host, words: &[&str]) -> Outcome {
    let (options, words) = split(words);
    let name = *words.first().ok_or("remove: no module")?;
    let outcome = match host.modules.inbox(name) {
        Some(_) => host
            .unload(name, options.contains(&"--cancel"))
            .map_err(|error| format!("{name}: {error}")),
        None => host.instruct(&["module-unload", name]).map(drop),
    };
    match outcome {
        Err(error) if !options.contains(&"-f") => {
            Err(format!("remove {error}"))
        }
        _ => Ok(String::new()),
    }
}
