//! Plays recordings of an instance: the job journal, a response a line, and
//! what it answers. Up to the sentinel the journal is the backlog; the rest
//! follows once someone listens, at its own pace.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::instance::{Answer, Instance, Sent, no_service, once};

const JOURNAL: &str = "job-manager.events-journal";

/// What an instance says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    /// For `flux_attr_get`.
    attributes: BTreeMap<String, String>,
    /// By topic and payload, as in `groups.get {"name":"broker.online"}`.
    answers: BTreeMap<String, Value>,
    /// All that is said on a stream, by topic.
    streams: BTreeMap<String, Vec<Value>>,
}

/// A recording and how far it has played.
pub struct Recorded {
    answers: Answers,
    backlog: Vec<String>,
    /// Each with when it comes, in seconds after the first. Where time is not
    /// real that is at once.
    live: Vec<(f64, String)>,
    now: f64,
    /// When playing began, and how many lines came.
    played: Option<(f64, usize)>,
}

impl Recorded {
    /// Reads the text of a journal, and that of the answers.
    pub fn new(journal: &str, answers: &str) -> Result<Self, String> {
        let answers = serde_json::from_str(answers)
            .map_err(|error| format!("answers: {error}"))?;
        let (mut backlog, mut live) = (Vec::new(), Vec::new());
        let (mut synced, mut first) = (false, None);
        for line in journal.lines() {
            let response: Value = serde_json::from_str(line)
                .map_err(|e| format!("journal: {e}"))?;
            if synced {
                let time = response["events"][0]["timestamp"].as_f64();
                let time = time.ok_or("journal: a line has no event")?;
                live.push((time - *first.get_or_insert(time), line.into()));
            } else {
                backlog.push(line.to_owned());
                synced = response["id"] == -1;
            }
        }
        match synced {
            true => Ok(Self { answers, backlog, live, now: 0.0, played: None }),
            false => Err("journal: no sentinel".into()),
        }
    }
}

impl Instance for Recorded {
    fn attributes(&self) -> BTreeMap<String, String> {
        self.answers.attributes.clone()
    }

    fn request(&mut self, topic: &str, payload: &str) -> Answer {
        if topic == JOURNAL {
            self.played = Some((self.now, 0));
            return Ok(Box::new(self.backlog.clone().into_iter()));
        }
        if let Some(stream) = self.answers.streams.get(topic) {
            let said: Vec<_> = stream.iter().map(Value::to_string).collect();
            return Ok(Box::new(said.into_iter()));
        }
        let answer = self.answers.answers.get(&format!("{topic} {payload}"));
        answer.map_or_else(|| Err(no_service(topic)), once)
    }

    fn advance(&mut self, now: f64) -> Vec<Sent> {
        self.now = now;
        let mut sent = Vec::new();
        while self.next().is_some_and(|due| due <= now) {
            let Some((_, line)) = &mut self.played else { break };
            let message = self.live[*line].1.clone();
            sent.push((JOURNAL, Ok(message)));
            *line += 1;
        }
        sent
    }

    fn next(&self) -> Option<f64> {
        let (began, line) = self.played?;
        self.live.get(line).map(|(after, _)| began + after)
    }

    fn command(&mut self, words: &[&str]) -> Result<String, String> {
        Err(format!("{}: this is a recording", words.join(" ")))
    }
}
