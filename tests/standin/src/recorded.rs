//! Plays recordings of an instance: the job journal, a response a line, and
//! what it answers. All that was said on a stream is said at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::instance::{Answer, Instance, Sent, no_service, once};

/// What an instance said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// For `flux_attr_get`.
    attributes: BTreeMap<String, String>,
    /// By topic and payload, as in `groups.get {"name":"broker.online"}`.
    answers: BTreeMap<String, Value>,
    /// By topic.
    streams: BTreeMap<String, Vec<Value>>,
}

impl Recorded {
    /// Reads the text of a journal, and that of the rest.
    pub fn new(journal: &str, rest: &str) -> serde_json::Result<Self> {
        let mut all: Self = serde_json::from_str(rest)?;
        let lines = journal.lines().map(serde_json::from_str);
        let lines = lines.collect::<Result<_, _>>()?;
        all.streams.insert("job-manager.events-journal".into(), lines);
        Ok(all)
    }
}

impl Instance for Recorded {
    fn attributes(&self) -> BTreeMap<String, String> {
        self.attributes.clone()
    }

    fn request(&mut self, topic: &str, payload: &str) -> Answer {
        if let Some(stream) = self.streams.get(topic) {
            let said: Vec<_> = stream.iter().map(Value::to_string).collect();
            return Ok(Box::new(said.into_iter()));
        }
        let answer = self.answers.get(&format!("{topic} {payload}"));
        answer.map_or_else(|| Err(no_service(topic)), once)
    }

    fn advance(&mut self, _now: f64) -> Vec<Sent> {
        Vec::new()
    }

    fn next(&self) -> Option<f64> {
        None
    }

    fn command(&mut self, words: &[&str]) -> Result<String, String> {
        Err(format!("{}: this is a recording", words.join(" ")))
    }
}
