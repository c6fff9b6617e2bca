//! Which nodes a queue is for, by the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::job::Malformed;

/// For each queue with requirements, the properties its nodes have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires(pub BTreeMap<String, Vec<String>>);

impl Requires {
    /// Reads the answer to `config.get`.
    pub fn parse(reply: &str) -> Result<Requires, Malformed> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            queues: BTreeMap<String, Queue>,
        }
        #[derive(Deserialize)]
        struct Queue {
            #[serde(default)]
            requires: Vec<String>,
        }
        let config: Config = serde_json::from_str(reply)?;
        let queues = config.queues.into_iter();
        let queues = queues.map(|(name, queue)| (name, queue.requires));
        Ok(Requires(queues.filter(|(_, r)| !r.is_empty()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_queues_with_requirements() {
        let requires = Requires::parse(
            r#"{"queues":{"batch":{"requires":["a","^b"]},"debug":{}},
            "resource":{"exclude":"0"}}"#,
        );
        let queues = requires.unwrap().0;
        assert_eq!(queues.len(), 1);
        assert_eq!(queues["batch"], ["a", "^b"]);
        assert_eq!(Requires::parse("{}"), Ok(Requires::default()));
        assert!(Requires::parse(r#"{"queues":7}"#).is_err());
    }
}
