//! Responses of `resource.journal`: what happens to nodes.

use serde::Deserialize;

use crate::job::{Malformed, idset};

/// What can happen to a node, as a label value.
pub const EVENTS: [&str; 6] =
    ["online", "offline", "drain", "undrain", "torpid", "lively"];

/// What a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// That was the backlog.
    Sentinel,
    /// Something happened: to how many nodes, by [`EVENTS`].
    News([u64; EVENTS.len()]),
}

impl Said {
    /// Reads a response.
    pub fn parse(response: &str) -> Result<Said, Malformed> {
        #[derive(Deserialize)]
        struct Response {
            events: Vec<Event>,
        }
        #[derive(Deserialize)]
        struct Event {
            name: String,
            #[serde(default)]
            context: Option<Context>,
        }
        #[derive(Deserialize)]
        struct Context {
            idset: Option<String>,
        }
        let response: Response = serde_json::from_str(response)?;
        if response.events.is_empty() {
            return Ok(Said::Sentinel);
        }
        let mut counts = [0; EVENTS.len()];
        for event in response.events {
            let kind = EVENTS.iter().position(|&name| name == event.name);
            let nodes = event.context.and_then(|context| context.idset);
            if let (Some(kind), Some(nodes)) = (kind, nodes) {
                counts[kind] += idset::count(&nodes)?;
            }
        }
        Ok(Said::News(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_real_responses() {
        for (response, said) in [
            (r#"{"events":[]}"#, Said::Sentinel),
            (
                r#"{"events":[{"timestamp":1.0,"name":"restart","context":
                {"ranks":"0-3","online":"","nodelist":"n[0-3]"}}]}"#,
                Said::News([0; 6]),
            ),
            (
                r#"{"events":[
                {"timestamp":1.1,"name":"online","context":{"idset":"0"}},
                {"timestamp":1.2,"name":"online","context":{"idset":"1-3"}},
                {"timestamp":1.3,"name":"drain","context":{"idset":"2",
                "nodelist":"n2","reason":"why","overwrite":0}}]}"#,
                Said::News([4, 0, 1, 0, 0, 0]),
            ),
        ] {
            assert_eq!(Said::parse(response), Ok(said), "{response}");
        }
        assert!(Said::parse("{}").is_err());
    }
}
