//! As much of a job manager as its journal shows.

use std::collections::BTreeMap;

use crate::job::JobId;
use crate::job::event::Kind;
use crate::job::state::State;

pub const R: &str = r#"{"version":1,"execution":{"R_lite":[
    {"rank":"0","children":{"core":"0-7","gpu":"0"}},
    {"rank":"1","children":{"core":"0-1"}}]}}"#;

const RESOURCES: &str = r#"[{"type":"node","count":2,"with":[
    {"type":"slot","count":1,"label":"task","with":[
    {"type":"core","count":2}]}]}]"#;

#[derive(Default)]
pub struct Manager {
    pub jobs: BTreeMap<JobId, Entry>,
}

pub struct Entry {
    pub events: Vec<String>,
    pub queue: String,
    pub user: u32,
    pub bank: String,
    pub project: String,
    pub state: State,
    pub owns: bool,
    pub started: bool,
}

impl Entry {
    fn jobspec(&self) -> String {
        format!(
            r#"{{"version":1,"resources":{RESOURCES},"attributes":
            {{"system":{{"duration":0,"queue":"{}","bank":"{}",
            "project":"{}"}}}}}}"#,
            self.queue, self.bank, self.project
        )
    }
}

impl Manager {
    pub fn submit(&mut self, id: JobId, at: f64, queue: &str) -> String {
        let entry = Entry {
            events: Vec::new(),
            queue: queue.to_string(),
            user: id as u32 % 7,
            bank: format!("bank{}", id % 3),
            project: format!("{id}"),
            state: State::New,
            owns: false,
            started: false,
        };
        self.jobs.insert(id, entry);
        let user = id as u32 % 7;
        let context = format!(r#"{{"userid":{user},"urgency":16}}"#);
        self.post(id, at, "submit", &context)
    }

    /// Posts an event, as the line the journal sends.
    pub fn post(
        &mut self,
        id: JobId,
        at: f64,
        name: &str,
        context: &str,
    ) -> String {
        let entry = self.jobs.get_mut(&id).unwrap();
        let fatal = context.contains(r#""severity":0"#);
        entry.state = entry.state.after(Kind::from_name(name), fatal);
        let event = event(at, name, context);
        let mut extra = String::new();
        match name {
            "submit" => extra = format!(r#","jobspec":{}"#, entry.jobspec()),
            "alloc" => {
                entry.owns = true;
                extra = format!(r#","R":{R}"#);
            }
            "start" => entry.started = true,
            "free" => entry.owns = false,
            "jobspec-update" => {
                let mut words = context.split('"');
                let key = words.nth(1).unwrap_or_default();
                let value = words.nth(1).unwrap_or_default().to_string();
                match key.rsplit('.').next() {
                    Some("queue") => entry.queue = value,
                    Some("bank") => entry.bank = value,
                    Some("project") => entry.project = value,
                    _ => {}
                }
            }
            _ => {}
        }
        if name == "invalidate" {
            self.jobs.remove(&id);
        } else if name != "annotations" && !context.contains("volatile") {
            entry.events.push(event.clone());
        }
        format!(r#"{{"id":{id},"events":[{event}]{extra}}}"#)
    }

    pub fn backlog(&self, full: bool) -> Vec<String> {
        let over = |e: &Entry| e.state == State::Inactive;
        let inactive = self.jobs.iter().filter(|(_, e)| full && over(e));
        let active = self.jobs.iter().filter(|(_, e)| !over(e));
        inactive.chain(active).map(|(&id, e)| line(id, e)).collect()
    }

    pub fn eventlog(&self, id: JobId) -> Option<String> {
        Some(self.jobs.get(&id)?.events.join("\n") + "\n")
    }
}

fn line(id: JobId, entry: &Entry) -> String {
    let events = entry.events.join(",");
    let allocated = events.contains(r#""alloc""#);
    let r = if allocated { format!(r#","R":{R}"#) } else { String::new() };
    let jobspec = entry.jobspec();
    format!(r#"{{"id":{id},"events":[{events}],"jobspec":{jobspec}{r}}}"#)
}

pub fn event(at: f64, name: &str, context: &str) -> String {
    let timestamp = 1.7e9 + at;
    let context = match context {
        "" => String::new(),
        text => format!(r#","context":{text}"#),
    };
    format!(r#"{{"timestamp":{timestamp:?},"name":"{name}"{context}}}"#)
}
