//! What the commands of `flux` that tests use do to the simulation.

use clap::Parser;
use serde_json::json;

use super::job::{Event, Job, RESULTS, Spec, State};
use super::{Cluster, nodes};

type Outcome = Result<String, String>;

/// Options of `submit`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Submit {
    #[arg(short, long, default_value = "")]
    queue: String,
    #[arg(short = 'N', long, default_value_t = 0)]
    nodes: u32,
    #[arg(short, long)]
    ntasks: Option<u32>,
    #[arg(short, long, default_value_t = 1)]
    cores_per_task: u32,
    #[arg(short, long, default_value_t = 0)]
    gpus_per_task: u32,
    #[arg(short = 'x', long)]
    exclusive: bool,
    #[arg(short, long, value_parser = duration)]
    time_limit: Option<f64>,
    #[arg(long, default_value = "default", value_parser = urgency)]
    urgency: u32,
    #[arg(long)]
    dependency: Vec<String>,
    #[arg(long)]
    setattr: Vec<String>,
    #[arg(long, default_value = "1")]
    cc: String,
    #[arg(long)]
    quiet: bool,
    /// What it is called is what it does.
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
                let why = json!({
                    "timestamp": self.now, "reason": reason.join(" "),
                });
                let all = nodes::ids(ranks)?.map(|rank| (rank, why.clone()));
                self.nodes.drained.extend(all);
            }
            ["resource", "undrain", ranks] => {
                let ranks = nodes::ids(ranks)?;
                self.nodes.drained.retain(|rank, _| !ranks.contains(rank));
                self.want_pass();
            }
            ["jobs", ref args @ ..] if self.loaded.contains("job-list") => {
                text = self.list(args);
            }
            _ if !self.loaded.contains("job-manager") => {
                return Err("No service matching job-manager".into());
            }
            ["submit", ref args @ ..] => text = self.submit_all(args)?,
            ["cancel", ref args @ ..] => self.cancel(args)?,
            ["update", ref args @ ..] => self.update(args)?,
            ["queue", "idle", ..] => {
                text = (self.jobs.len() == self.inactive).to_string();
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
                let happened = job.log.iter().any(|event| event.name == name);
                if !happened && job.state == State::Inactive {
                    return Err(format!("event '{name}' never received"));
                }
                text = happened.to_string();
            }
            ["job", "urgency", id, level] => {
                self.ask(id, Event::urgency(urgency(level)?))?;
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
        let submit = Submit::try_parse_from(args).map_err(display)?;
        let spec = Self::spec(&submit)?;
        let mut ids = String::new();
        for _ in nodes::ids(&submit.cc)? {
            let id = self.submit(spec.clone(), submit.urgency)?;
            ids += &format!("{id}\n");
        }
        Ok(if submit.quiet { String::new() } else { ids })
    }

    fn spec(submit: &Submit) -> Result<Spec, String> {
        let nodes = submit.nodes;
        let mut spec = Spec {
            queue: submit.queue.as_str().into(),
            nodes,
            slots: submit.ntasks.unwrap_or(nodes.max(1)),
            cores: submit.cores_per_task,
            gpus: submit.gpus_per_task,
            // nodes without tasks are whole nodes
            exclusive: nodes > 0
                && (submit.exclusive || submit.ntasks.is_none()),
            limit: submit.time_limit.unwrap_or(0.0),
            run: 0.01,
            ..Spec::default()
        };
        match &submit.command[..] {
            [name] if name == "false" => spec.status = 256,
            [name, time] if name == "sleep" => spec.run = duration(time)?,
            _ => {}
        }
        for attribute in &submit.setattr {
            match attribute.split_once('=') {
                Some(("exec.test.run_duration", run)) => {
                    spec.run = duration(run)?;
                }
                Some(("exec.test.wait_status", status)) => {
                    spec.status = status.parse().map_err(display)?;
                }
                Some(("exec.test.mock_exception", _)) => spec.mock = true,
                _ => return Err(format!("{attribute}: not simulated")),
            }
        }
        for dependency in &submit.dependency {
            let (name, id) = dependency.split_once(':').unwrap_or_default();
            let known = ["afterany", "afterok", "afternotok"];
            let scheme = known.into_iter().find(|scheme| *scheme == name);
            let scheme =
                scheme.ok_or(format!("{dependency}: not simulated"))?;
            spec.after.push((scheme, id.parse().map_err(display)?));
        }
        Ok(spec)
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

    /// `ID queue=Q`.
    fn update(&mut self, args: &[&str]) -> Result<(), String> {
        let [id, change] = *args else { return Err("not simulated".into()) };
        let queue = change.strip_prefix("queue=").ok_or("not simulated")?;
        if !self.queues.contains_key(queue) {
            return Err(format!("'{queue}' is not a valid queue"));
        }
        let context = json!({ "attributes.system.queue": queue });
        self.ask(id, Event::new("jobspec-update", context))
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
        let line = |(id, job): (&u64, &std::sync::Arc<Job>)| {
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
        };
        // as Flux, no more than 1,000
        jobs.take(1000).map(line).collect()
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

/// In seconds, which `+` or `s` may go with.
fn duration(text: &str) -> Result<f64, String> {
    text.trim_matches(['+', 's']).parse().map_err(display)
}

fn urgency(text: &str) -> Result<u32, String> {
    match text {
        "hold" => Ok(0),
        "default" => Ok(16),
        _ => text.parse().map_err(display),
    }
}
