//! Plays recordings of an instance. All that was said on a stream is said at
//! once.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::abi::{Request, c_text};

/// What an instance said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// For `flux_attr_get`.
    pub attributes: BTreeMap<String, String>,
    /// By topic and payload, as in `groups.get {"name":"broker.online"}`.
    answers: BTreeMap<String, Value>,
    /// By topic.
    streams: BTreeMap<String, Vec<Value>>,
}

impl Recorded {
    /// Reads the job journal, a response a line, and the JSON beside it, which
    /// has the rest.
    pub fn read(journal: &Path) -> Result<Self> {
        let rest = read_to_string(journal.with_extension("json"))?;
        let mut all: Self = serde_json::from_str(&rest)?;
        let journal = read_to_string(journal)?;
        let lines = journal.lines().map(serde_json::from_str);
        let lines = lines.collect::<Result<_, _>>()?;
        all.streams.insert("job-manager.events-journal".into(), lines);
        Ok(all)
    }

    /// What was not recorded is not there: that is said of what is dropped.
    pub fn answer(&self, request: &Request) {
        let topic = request.topic();
        let key = format!("{topic} {}", request.payload.to_string_lossy());
        let said = self.streams.get(&*topic).map(Vec::as_slice);
        let said = said.or(self.answers.get(&key).map(std::slice::from_ref));
        if let Some((said, reply)) = said.zip(request.reply.take()) {
            let said = said.iter().map(|value| Ok(c_text(&value.to_string())));
            reply.send(said.collect::<Vec<_>>().into_iter());
        }
    }
}
