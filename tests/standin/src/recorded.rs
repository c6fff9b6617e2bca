//! Plays a recording: responses of `job-manager.events-journal`, one a line.
//! Up to the sentinel they are the backlog; the rest follows once someone
//! listens, at its own pace or at once.

use serde_json::Value;

use crate::instance::{Answer, Instance, Sent};

const JOURNAL: &str = "job-manager.events-journal";
const ENOSYS: i32 = 38;

/// A recording and how far it has played.
pub struct Recorded {
    backlog: Vec<String>,
    /// Each with when it comes, in seconds after the first.
    live: Vec<(f64, String)>,
    now: f64,
    /// When playing began, and how many lines came.
    played: Option<(f64, usize)>,
}

impl Recorded {
    /// Reads the text of a recording, to be played at its own pace or not.
    pub fn new(text: &str, paced: bool) -> Result<Self, String> {
        let (mut backlog, mut live) = (Vec::new(), Vec::new());
        let (mut synced, mut first) = (false, None);
        for line in text.lines() {
            let response: Value =
                serde_json::from_str(line).map_err(|e| e.to_string())?;
            if synced {
                let time = response["events"][0]["timestamp"].as_f64();
                let time = time.ok_or("a line has no event")?;
                let after = time - *first.get_or_insert(time);
                live.push((if paced { after } else { 0.0 }, line.into()));
            } else {
                backlog.push(line.to_owned());
                synced = response["id"] == -1;
            }
        }
        match synced {
            true => Ok(Self { backlog, live, now: 0.0, played: None }),
            false => Err("no sentinel".into()),
        }
    }
}

impl Instance for Recorded {
    fn request(&mut self, topic: &str, _payload: &str) -> Answer {
        match topic {
            JOURNAL => {
                self.played = Some((self.now, 0));
                let backlog = self.backlog.clone();
                Answer::Stream(Box::new(backlog.into_iter()))
            }
            "job-manager.stats-get" => {
                Answer::Once(r#"{"inactive_jobs":0}"#.into())
            }
            "config.get" => Answer::Once("{}".into()),
            _ => {
                let text = format!("No service matching {topic} is registered");
                Answer::Failed(ENOSYS, text)
            }
        }
    }

    fn advance(&mut self, now: f64) -> Vec<(&'static str, Sent)> {
        self.now = now;
        let mut sent = Vec::new();
        while self.next().is_some_and(|due| due <= now) {
            let Some((_, line)) = &mut self.played else { break };
            let message = self.live[*line].1.clone();
            sent.push((JOURNAL, Sent::Message(message)));
            *line += 1;
        }
        sent
    }

    fn next(&self) -> Option<f64> {
        let (began, line) = self.played?;
        self.live.get(line).map(|(after, _)| began + after)
    }

    fn command(&mut self, args: &[String]) -> Result<String, String> {
        Err(format!("{}: this is a recording", args.join(" ")))
    }
}
