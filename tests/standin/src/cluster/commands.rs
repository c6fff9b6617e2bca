//! What the commands of `flux` that tests use do to the simulation.

use std::ops::RangeInclusive;

use clap::Parser;
use serde_json::json;

use super::job::{Event, Job, RESULTS, Spec, State};
use super::{Cluster, nodes};

type Outcome = Result<String, String>;

/// Options of `submit`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Submit {
    #[command(flatten)]
    spec: Spec,
    #[arg(long, default_value = "default", value_parser = urgency)]
    urgency: u32,
    #[arg(long, value_parser = dependency)]
    dependency: Vec<(&'static str, u64)>,
    #[arg(long, default_value = "1", value_parser = nodes::ids)]
    cc: RangeInclusive<u32>,
    #[arg(long)]
    quiet: bool,
    /// Nothing is executed.
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

impl Cluster {
    pub(super) fn run_command(&mut self, words: &[&str]) -> Outcome {
        let mut text = String::new();
        match *words {
            ["module-load", name] => self.load(name)?,
            ["module-unload", name] => self.unload(name)?,
            ["module", "list"] => {
                text = self.loaded.iter().map(|n| format!("{n}\n")).collect();
            }
            ["config-load", text] => {
                self.configure(serde_json::from_str(text).map_err(display)?);
            }
            ["resource", "drain", ranks, ref reason @ ..] => {
                self.drain(nodes::ids(ranks)?, &reason.join(" "));
            }
            ["resource", "undrain", ranks] => self.undrain(nodes::ids(ranks)?),
            ["jobs", ref args @ ..] if self.loaded.contains("job-list") => {
                text = self.list(args);
            }
            _ if !self.loaded.contains("job-manager") => {
                return Err("No service matching job-manager".into());
            }
            ["submit", ref args @ ..] => text = self.submit_all(args)?,
            ["cancel", ref args @ ..] => self.cancel(args)?,
            ["update", id, change] => {
                let queue = change.strip_prefix("queue=");
                let queue = queue.filter(|q| self.queues.contains_key(*q));
                let queue = queue.ok_or(format!("{change}: not possible"))?;
                let context = json!({ "attributes.system.queue": queue });
                self.ask(id, Event::new("jobspec-update", context))?;
            }
            ["queue", "idle", ..] => {
                text = (self.jobs.len() == self.inactive()).to_string();
            }
            ["queue", verb, ref args @ ..] => self.queue(verb, args)?,
            ["job", "raise", kind, severity, id, note] => {
                let kind = kind.trim_start_matches("--type=");
                let severity = severity.trim_start_matches("--severity=");
                let severity = severity.parse().map_err(display)?;
                self.ask(id, Event::exception(kind, severity, note))?;
            }
            // it is the caller who waits
            ["job", "wait-event", .., id, name] => {
                let (_, job) = self.find(id)?;
                let happened = job.count(name) > 0;
                if !happened && job.state == State::Inactive {
                    return Err(format!("event '{name}' never received"));
                }
                text = happened.to_string();
            }
            ["job", "urgency", id, level] => {
                let context =
                    json!({ "userid": 0, "urgency": urgency(level)? });
                self.ask(id, Event::new("urgency", context))?;
            }
            _ => return Err(format!("{}: not simulated", words.join(" "))),
        }
        Ok(text)
    }

    fn find(&self, id: &str) -> Result<(u64, &Job), String> {
        let number = id.parse().map_err(display)?;
        let job = self.jobs.get(&number).ok_or(format!("{id}: unknown job"))?;
        Ok((number, job))
    }

    /// Posts what a user asks for, if it can be.
    fn ask(&mut self, id: &str, event: Event) -> Result<(), String> {
        let (number, job) = self.find(id)?;
        if !job.may(&event) {
            return Err(format!("{id}: not in state {:?}", job.state));
        }
        self.post(number, event);
        Ok(())
    }

    fn submit_all(&mut self, args: &[&str]) -> Outcome {
        // what the test execution takes as attributes, Spec has as options
        let args = args.iter().map(|a| a.replace("--setattr=exec.test.", "--"));
        let submit = Submit::try_parse_from(args).map_err(display)?;
        let mut ids = String::new();
        for _ in submit.cc {
            let spec = submit.spec.clone();
            let id = self.submit(spec, submit.urgency, &submit.dependency)?;
            ids += &format!("{id}\n");
        }
        Ok(if submit.quiet { String::new() } else { ids })
    }

    fn cancel(&mut self, args: &[&str]) -> Result<(), String> {
        let mut ids: Vec<_> = names(args).map(str::to_owned).collect();
        if args.contains(&"--all") {
            let jobs = self.jobs.iter();
            let active = jobs.filter(|(_, job)| job.state < State::Inactive);
            ids = active.map(|(id, _)| id.to_string()).collect();
        }
        let cancel = Event::exception("cancel", 0, "");
        ids.iter().try_for_each(|id| self.ask(id, cancel.clone()))
    }

    fn queue(&mut self, verb: &str, args: &[&str]) -> Result<(), String> {
        let named: Vec<&str> = names(args).collect();
        for (name, queue) in &mut self.queues {
            if !named.is_empty() && !named.contains(&&**name) {
                continue;
            }
            match verb {
                "start" | "stop" => queue.started = verb == "start",
                "enable" | "disable" => queue.enabled = verb == "enable",
                _ => return Err(format!("queue {verb}: not simulated")),
            }
        }
        self.sort_out();
        Ok(())
    }

    /// `-no FORMAT`, or `-ano FORMAT` with those that are over.
    fn list(&self, args: &[&str]) -> String {
        let format = args.last().copied().unwrap_or_default();
        let all = args.iter().any(|arg| arg.starts_with("-a"));
        let jobs = self.jobs.iter().rev();
        let jobs = jobs.filter(|(_, job)| all || job.state < State::Inactive);
        // as Flux, no more than 1,000
        let jobs = jobs.take(1000).map(|(id, job)| {
            let state = format!("{:?}", job.state).to_uppercase();
            let status = match job.state {
                State::Inactive => RESULTS[job.result()].1,
                _ => &state[..1],
            };
            format
                .replace("{id}", &id.to_string())
                .replace("{queue}", &job.spec.queue)
                .replace("{state}", &state)
                .replace("{status_abbrev}", status)
                + "\n"
        });
        jobs.collect()
    }
}

/// The words that are no options; what follows `-m` is a message.
fn names<'a>(args: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let args = args.iter().take_while(|arg| **arg != "-m");
    args.filter(|arg| !arg.starts_with('-')).copied()
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn urgency(text: &str) -> Result<u32, String> {
    match text {
        "hold" => Ok(0),
        "default" => Ok(16),
        _ => text.parse().map_err(display),
    }
}

fn dependency(text: &str) -> Result<(&'static str, u64), String> {
    let (scheme, id) = match text.split_once(':') {
        Some(("afterany", id)) => ("afterany", id),
        Some(("afterok", id)) => ("afterok", id),
        _ => return Err("not simulated".into()),
    };
    Ok((scheme, id.parse().map_err(display)?))
}
