//! What the commands of `flux` that tests use do to the simulation.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde_json::json;

use super::job::{Event, Job, STATES, Spec, urgency};
use super::{Cluster, nodes};

/// Options of `submit`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Submit {
    #[command(flatten)]
    spec: Spec,
    #[arg(long, default_value = "1", value_parser = nodes::ids)]
    cc: RangeInclusive<u32>,
    #[arg(long)]
    quiet: bool,
    /// Nothing is executed.
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

impl Cluster {
    /// Carries out a command that comes as a request.
    pub(super) fn obey(&mut self, payload: &str) -> Result<String> {
        let words: Vec<String> = serde_json::from_str(payload)?;
        self.command(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Carries out a command, and returns what it prints. Of those that wait
    /// for something, `true` if it has happened: it is the caller who waits.
    pub(super) fn command(&mut self, words: &[&str]) -> Result<String> {
        match *words {
            ["module", "load", name] => self.load(name)?,
            ["module", "remove", name] => self.unload(name)?,
            ["module", "list"] => {
                let names = self.loaded.iter().map(|name| format!("{name}\n"));
                return Ok(names.collect());
            }
            ["config", "load", table] => {
                self.configure(serde_json::from_str(table)?);
            }
            ["resource", "drain", ranks, ref reason @ ..] => {
                self.drain(nodes::ids(ranks)?, &reason.join(" "));
            }
            ["resource", "undrain", ranks] => self.undrain(nodes::ids(ranks)?),
            ["jobs", .., format] if self.loaded.contains("job-list") => {
                return Ok(self.list(words[1].starts_with("-a"), format));
            }
            _ if !self.loaded.contains("job-manager") => {
                bail!("No service matching job-manager");
            }
            ["submit", ref args @ ..] => return self.submit_all(args),
            ["cancel", "--all", ..] => {
                let active = self.jobs.iter().filter(|job| job.1.is_active());
                let ids: Vec<_> = active.map(|job| job.0.to_string()).collect();
                ids.iter().try_for_each(|id| self.cancel(id))?;
            }
            ["cancel", id] => self.cancel(id)?,
            ["update", id, change] => {
                let queue = change.strip_prefix("queue=").unwrap_or_default();
                ensure!(self.queues.contains_key(queue), "not possible");
                let context = json!({ "attributes.system.queue": queue });
                self.ask(id, Event::new("jobspec-update", context))?;
            }
            ["queue", "idle", ..] => {
                return Ok((self.active() == 0).to_string());
            }
            ["queue", verb, ref args @ ..] => self.queue(verb, args)?,
            ["job", "raise", kind, severity, id, note] => {
                let kind = kind.trim_start_matches("--type=");
                let severity = severity.trim_start_matches("--severity=");
                self.ask(id, Event::exception(kind, severity.parse()?, note))?;
            }
            ["job", "wait-event", .., id, name] => {
                let job = self.find(id)?.1;
                let happened = job.count(name) > 0;
                ensure!(happened || job.is_active(), "not received");
                return Ok(happened.to_string());
            }
            ["job", "urgency", id, level] => {
                self.ask(id, Event::urgency(urgency(level)?))?;
            }
            _ => bail!("{}: not simulated", words.join(" ")),
        }
        Ok(String::new())
    }

    fn find(&self, id: &str) -> Result<(u64, &Job)> {
        let number = id.parse()?;
        let job = self.jobs.get(&number).context("unknown job")?;
        Ok((number, job))
    }

    /// Posts what a user asks for, if it can be.
    fn ask(&mut self, id: &str, event: Event) -> Result<()> {
        let id = self.find(id)?.0;
        ensure!(self.post(id, event), "not in this state");
        Ok(())
    }

    fn cancel(&mut self, id: &str) -> Result<()> {
        self.ask(id, Event::exception("cancel", 0, ""))
    }

    fn submit_all(&mut self, args: &[&str]) -> Result<String> {
        // what the test execution takes as attributes, Spec has as options
        let args = args.iter().map(|a| a.replace("--setattr=exec.test.", "--"));
        let it = Submit::try_parse_from(args)?;
        let mut ids = String::new();
        for _ in it.cc {
            ids += &format!("{}\n", self.submit(it.spec.clone())?);
        }
        Ok(if it.quiet { String::new() } else { ids })
    }

    /// Of the queue that is named first, or of all.
    pub(super) fn queue(&mut self, verb: &str, args: &[&str]) -> Result<()> {
        let named = args.iter().find(|arg| !arg.starts_with('-'));
        for (name, queue) in &mut self.queues {
            if named.is_some_and(|named| named != name) {
                continue;
            }
            match verb {
                "start" | "stop" => queue.started = verb == "start",
                "enable" | "disable" => queue.enabled = verb == "enable",
                _ => bail!("queue {verb}: not simulated"),
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
            let state = STATES[job.state as usize].to_uppercase();
            format
                .replace("{id}", &id.to_string())
                .replace("{queue}", &job.spec.queue)
                .replace("{state}", &state)
                .replace("{status_abbrev}", &state[..1])
                + "\n"
        });
        line.collect()
    }
}
