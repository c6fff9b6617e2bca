//! What the commands of `flux` that tests use do to the simulation.

use std::str::FromStr;

use serde_json::json;

use super::job::{Event, Job, RESULTS, Spec, State};
use super::{Cluster, nodes};

type Outcome = Result<String, String>;

impl Cluster {
    pub(super) fn run_command(&mut self, args: &[String]) -> Outcome {
        let words: Vec<&str> = args.iter().map(|arg| &**arg).collect();
        let done = |()| String::new();
        match words[..] {
            ["module-load", name] => self.load(name).map(done),
            ["module-unload", name] => self.unload(name).map(done),
            ["module-list"] => {
                let line = |name: &&str| format!("{name}\n");
                Ok(self.loaded.iter().map(line).collect())
            }
            ["config-load", text] => {
                let config = serde_json::from_str(text);
                self.configure(config.map_err(|error| error.to_string())?);
                Ok(String::new())
            }
            ["resource", "drain", ranks, ref reason @ ..] => {
                let why = (self.now, reason.join(" "));
                for rank in nodes::ids(ranks)? {
                    self.nodes.drained.insert(rank, why.clone());
                }
                Ok(String::new())
            }
            ["jobs", ref args @ ..] if self.loaded.contains("job-list") => {
                Ok(self.list(args))
            }
            _ if !self.loaded.contains("job-manager") => {
                Err("No service matching job-manager is registered".into())
            }
            ["submit", ref args @ ..] => self.submit_all(args),
            ["cancel", ref args @ ..] => self.cancel(args).map(done),
            ["update", ref args @ ..] => self.update(args).map(done),
            ["queue", "idle", ..] => {
                let idle = self.jobs.len() == self.inactive.len();
                Ok(format!("{idle}\n"))
            }
            ["queue", verb, ref args @ ..] => self.queue(verb, args),
            ["job", "raise", ref args @ ..] => {
                let kind = option(args, "--type", "-t").unwrap_or("cancel");
                let severity = number_of(args, "--severity", "-s", 0)?;
                let names = names(args);
                let (id, note) = names.split_first().ok_or("no job id")?;
                let note = note.join(" ");
                self.ask(id, Event::exception(kind, severity, &note)).map(done)
            }
            ["job", "wait-event", ref args @ ..] => self.wait_event(args),
            ["job", "purge", ref args @ ..] => {
                let keep = number_of(args, "--num-limit", "", u32::MAX)?;
                let purged = self.purge(keep as usize);
                Ok(format!("purged {purged} inactive jobs\n"))
            }
            ["job", "urgency", id, urgency] => {
                let urgency = urgency_of(urgency)?;
                let context = json!({ "userid": 0, "urgency": urgency });
                self.ask(id, Event::new("urgency", context)).map(done)
            }
            ["job", "status", id] => {
                let status = self.find(id)?.1.finished;
                Ok(format!("{}\n", status.unwrap_or(256)))
            }
            _ => Err(format!("{}: not simulated", words.join(" "))),
        }
    }

    fn find(&self, id: &str) -> Result<(u64, &Job), String> {
        let number = number(id)?;
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
        let spec = self.spec(args)?;
        let urgency = option(args, "--urgency", "").unwrap_or("default");
        let mut ids = String::new();
        for _ in nodes::ids(option(args, "--cc", "").unwrap_or("1"))? {
            let id = self.submit(spec.clone(), urgency_of(urgency)?)?;
            ids += &format!("{id}\n");
        }
        Ok(if args.contains(&"--quiet") { String::new() } else { ids })
    }

    fn spec(&self, args: &[&str]) -> Result<Spec, String> {
        let nodes = number_of(args, "--nodes", "-N", 0)?;
        let tasks = option(args, "--ntasks", "-n");
        // nodes without tasks are whole nodes
        let whole = tasks.is_none() || args.contains(&"--exclusive");
        let mut spec = Spec {
            queue: option(args, "--queue", "-q").unwrap_or("").into(),
            nodes,
            slots: tasks.map_or(Ok(nodes.max(1)), number)?,
            cores: number_of(args, "--cores-per-task", "-c", 1)?,
            gpus: number_of(args, "--gpus-per-task", "-g", 0)?,
            exclusive: nodes > 0 && whole,
            run: 0.01,
            ..Spec::default()
        };
        // what it is called is what it does
        match args {
            [.., "false"] => spec.status = 256,
            [.., "sleep", time] => spec.run = seconds(time)?,
            _ => {}
        }
        if let Some(limit) = option(args, "--time-limit", "-t") {
            // a plain number is in minutes
            let unit = if limit.ends_with('s') { 1.0 } else { 60.0 };
            spec.limit = seconds(limit)? * unit;
        }
        if let Some(time) = option(args, "--begin-time", "") {
            spec.begin = Some(self.now + seconds(time.trim_matches('+'))?);
        }
        for arg in args {
            match arg.rsplit_once('=') {
                Some(("--setattr=exec.test.run_duration", run)) => {
                    spec.run = seconds(run)?;
                }
                Some(("--setattr=exec.test.wait_status", status)) => {
                    spec.status = number(status)?;
                }
                Some(("--setattr=exec.test.mock_exception", _)) => {
                    spec.mock = true;
                }
                Some(("--dependency", on)) => {
                    let (name, id) = on.split_once(':').unwrap_or((on, ""));
                    let known = ["afterany", "afterok", "afternotok"];
                    let scheme = known.into_iter().find(|s| *s == name);
                    let scheme =
                        scheme.ok_or(format!("{on}: not supported"))?;
                    spec.after.push((scheme, number(id)?));
                }
                _ => {}
            }
        }
        Ok(spec)
    }

    fn cancel(&mut self, args: &[&str]) -> Result<(), String> {
        let mut ids: Vec<_> = names(args).iter().map(|&s| s.into()).collect();
        if args.contains(&"--all") {
            let jobs = self.jobs.iter();
            let active = jobs.filter(|(_, job)| job.state < State::Inactive);
            ids = active.map(|(id, _)| id.to_string()).collect();
        }
        let cancel = Event::exception("cancel", 0, "");
        ids.iter().try_for_each(|id| self.ask(id, cancel.clone()))
    }

    /// `--queue=Q ID` as in older versions, or `ID queue=Q`.
    fn update(&mut self, args: &[&str]) -> Result<(), String> {
        let by_key = |arg: &&str| arg.strip_prefix("queue=").map(str::to_owned);
        let queue = option(args, "--queue", "-q").map(str::to_owned);
        let queue = queue.or_else(|| args.iter().find_map(by_key));
        let queue = queue.ok_or("only the queue can be updated")?;
        if !self.queues.contains_key(&*queue) {
            return Err(format!("'{queue}' is not a valid queue"));
        }
        let context = json!({ "attributes.system.queue": queue });
        let id = *names(args).first().ok_or("no job id")?;
        self.ask(id, Event::new("jobspec-update", context))
    }

    fn queue(&mut self, verb: &str, args: &[&str]) -> Outcome {
        let names = names(args);
        let mut text = String::new();
        for (name, queue) in &mut self.queues {
            if !names.is_empty() && !names.contains(&&**name) {
                continue;
            }
            match verb {
                "status" => {
                    let able = if queue.enabled { "en" } else { "dis" };
                    let runs =
                        if queue.started { "started" } else { "stopped" };
                    text += &format!("{name}: Job submission is {able}abled\n");
                    text += &format!("{name}: Scheduling is {runs}\n");
                }
                "start" | "stop" => queue.started = verb == "start",
                "enable" | "disable" => queue.enabled = verb == "enable",
                _ => return Err(format!("queue {verb}: not simulated")),
            }
        }
        self.sort_out();
        Ok(text)
    }

    /// Whether it happened: `true` or `false`; the caller waits.
    fn wait_event(&mut self, args: &[&str]) -> Outcome {
        let [id, name] = names(args)[..] else {
            return Err("job wait-event: wants a job id and a name".into());
        };
        let (_, job) = self.find(id)?;
        let happened = job.log.iter().any(|(_, event)| event.name == name);
        match !happened && job.state == State::Inactive {
            true => Err(format!("event '{name}' never received")),
            false => Ok(format!("{happened}\n")),
        }
    }

    /// `-no FORMAT`, or `-ano FORMAT` with those that are over.
    fn list(&self, args: &[&str]) -> String {
        let format = args.last().copied().filter(|arg| arg.contains('{'));
        let all = args.iter().any(|arg| arg.starts_with("-a"));
        let line = |(id, job): (&u64, &std::sync::Arc<Job>)| {
            let state = format!("{:?}", job.state).to_uppercase();
            let status = match job.state {
                State::Inactive => RESULTS[job.result()].1,
                _ => &state[..1],
            };
            let line = format.unwrap_or("{id} {queue} {state}");
            line.replace("{id}", &id.to_string())
                .replace("{queue}", &job.spec.queue)
                .replace("{state}", &state)
                .replace("{status_abbrev}", status)
                + "\n"
        };
        let jobs = self.jobs.iter().rev();
        let jobs = jobs.filter(|(_, job)| all || job.state < State::Inactive);
        // as Flux, no more than 1,000
        jobs.take(1000).map(line).collect()
    }
}

/// An option's value: `--long=VALUE`, `-lVALUE` or `-l VALUE`.
fn option<'a>(args: &[&'a str], long: &str, letter: &str) -> Option<&'a str> {
    let value = |(i, arg): (usize, &&'a str)| {
        let by_name = arg.strip_prefix(long).and_then(|v| v.strip_prefix('='));
        match arg.strip_prefix(letter).filter(|_| !letter.is_empty()) {
            Some("") => args.get(i + 1).copied(),
            by_letter => by_name.or(by_letter),
        }
    };
    args.iter().enumerate().find_map(value)
}

fn number_of(
    args: &[&str],
    long: &str,
    letter: &str,
    other: u32,
) -> Result<u32, String> {
    option(args, long, letter).map_or(Ok(other), number)
}

/// The words that are no options; what follows `-m` is a message.
fn names<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let args = args.iter().take_while(|arg| **arg != "-m");
    args.filter(|arg| !arg.starts_with('-')).copied().collect()
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text}: not a number"))
}

/// A duration in seconds, with or without an `s`.
fn seconds(text: &str) -> Result<f64, String> {
    number(text.trim_end_matches('s'))
}

fn urgency_of(text: &str) -> Result<u32, String> {
    match text {
        "hold" => Ok(0),
        "default" => Ok(16),
        "expedite" => Ok(31),
        _ => number(text),
    }
}
