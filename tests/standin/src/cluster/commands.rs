//! What the commands of `flux` that tests use do to the simulation.

use std::fmt::Display;
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
        let done = |()| String::new();
        match *words {
            ["module-load", name] => self.load(name).map(done),
            ["module-unload", name] => self.unload(name).map(done),
            ["module", "list"] => {
                Ok(self.loaded.iter().map(|name| format!("{name}\n")).collect())
            }
            ["config-load", text] => {
                let config = serde_json::from_str(text).map_err(display);
                config.map(|config| self.configure(config)).map(done)
            }
            ["resource", "drain", ranks, ref reason @ ..] => nodes::ids(ranks)
                .map(|ranks| self.drain(ranks, &reason.join(" ")))
                .map(done),
            ["resource", "undrain", ranks] => {
                nodes::ids(ranks).map(|ranks| self.undrain(ranks)).map(done)
            }
            ["jobs", .., format] if self.loaded.contains("job-list") => {
                let all = words[1].starts_with("-a");
                Ok(self.list(all, format))
            }
            _ if !self.loaded.contains("job-manager") => {
                Err("No service matching job-manager".into())
            }
            ["submit", ref args @ ..] => self.submit_all(args),
            ["cancel", "--all", ..] => {
                let active = self.jobs.iter().filter(|job| job.1.is_active());
                let ids: Vec<_> = active.map(|job| job.0.to_string()).collect();
                let mut ids = ids.iter();
                ids.try_for_each(|id| self.cancel(id)).map(done)
            }
            ["cancel", id] => self.cancel(id).map(done),
            ["update", id, change] => {
                let queue = change.strip_prefix("queue=");
                let queue = queue.filter(|q| self.queues.contains_key(*q));
                let queue = queue.ok_or(format!("{change}: not possible"))?;
                let context = json!({ "attributes.system.queue": queue });
                self.ask(id, Event::new("jobspec-update", context)).map(done)
            }
            ["queue", "idle", ..] => {
                Ok((self.jobs.len() == self.inactive()).to_string())
            }
            ["queue", verb, ref args @ ..] => self.queue(verb, args).map(done),
            ["job", "raise", kind, severity, id, note] => {
                let kind = kind.trim_start_matches("--type=");
                let severity = severity.trim_start_matches("--severity=");
                let severity = severity.parse().map_err(display)?;
                self.ask(id, Event::exception(kind, severity, note)).map(done)
            }
            // it is the caller who waits
            ["job", "wait-event", .., id, name] => {
                let job = self.find(id)?.1;
                match job.count(name) > 0 {
                    false if !job.is_active() => Err("not received".into()),
                    happened => Ok(happened.to_string()),
                }
            }
            ["job", "urgency", id, level] => {
                self.ask(id, Event::urgency(urgency(level)?)).map(done)
            }
            _ => Err(format!("{}: not simulated", words.join(" "))),
        }
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

    fn cancel(&mut self, id: &str) -> Result<(), String> {
        self.ask(id, Event::exception("cancel", 0, ""))
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

    /// Of the queue that is named first, or of all.
    fn queue(&mut self, verb: &str, args: &[&str]) -> Result<(), String> {
        let named = args.iter().find(|arg| !arg.starts_with('-'));
        for (name, queue) in &mut self.queues {
            if named.is_some_and(|named| named != name) {
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

    /// As Flux, no more than 1,000.
    fn list(&self, all: bool, format: &str) -> String {
        let jobs = self.jobs.iter().rev();
        let jobs = jobs.filter(|job| all || job.1.is_active()).take(1000);
        let line = jobs.map(|(id, job)| {
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
        line.collect()
    }
}

fn display(error: impl Display) -> String {
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
    let known = ["afterany:", "afterok:"];
    let scheme = known.into_iter().find(|name| text.starts_with(name));
    let scheme = scheme.ok_or("not simulated")?;
    let id = text[scheme.len()..].parse().map_err(display)?;
    Ok((scheme.trim_end_matches(':'), id))
}
