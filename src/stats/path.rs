//! Where numbers are in an answer: keys and indexes with dots between them,
//! `*` for all of them.

use std::fmt;

use serde_json::Value;

use crate::custom::limits::{MAX_LABELS, MAX_VALUE};
use crate::json::kind;

/// The longest path, in steps.
const MAX: usize = 32;

/// How many names an error lists.
const LISTED: usize = 12;

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// A key of an object, or an index of an array.
    Key(String),
    /// All of them.
    Any,
}

/// A number, and what the wildcards stood for.
pub type Leaf = (Vec<String>, f64);

impl Path {
    /// Reads a path. A dot, a star or a backslash that is part of a key has a
    /// backslash before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let (mut key, mut plain) = (String::new(), true);
        let mut chars = text.chars();
        loop {
            let next = chars.next();
            match next {
                None | Some('.') => {
                    steps.push(match (plain, key.as_str()) {
                        (true, "*") => Step::Any,
                        (_, "") => {
                            return Err("a key between dots is empty".into());
                        }
                        (true, key) if key.contains('*') => {
                            let text = "a * stands for a whole key: write \\* \
                                        where it is a part of one";
                            return Err(text.into());
                        }
                        (_, key) => Step::Key(key.into()),
                    });
                    (key, plain) = (String::new(), true);
                    if next.is_none() {
                        break;
                    }
                }
                Some('\\') => match chars.next() {
                    Some(c) => {
                        key.push(c);
                        plain = false;
                    }
                    None => return Err("ends in a backslash".into()),
                },
                Some(c) => key.push(c),
            }
        }
        let path = Self(steps);
        if path.0.len() > MAX || path.wildcards() > MAX_LABELS {
            return Err(format!(
                "more than {MAX} keys, or more than {MAX_LABELS} times *"
            ));
        }
        Ok(path)
    }

    /// How many there are, each of which becomes a label.
    pub fn wildcards(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::Any).count()
    }

    /// All numbers there are. Below a wildcard what is missing or no number
    /// is left out; it is an error if that leaves nothing.
    pub fn leaves(&self, answer: &Value) -> Result<Vec<Leaf>, String> {
        let mut walk = Walk::default();
        walk.on(&self.0, &[], answer);
        match walk.problem {
            Some(problem) if walk.leaves.is_empty() => Err(problem),
            _ => Ok(walk.leaves),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let dot = if i > 0 { "." } else { "" };
            match step {
                Step::Any => write!(f, "{dot}*")?,
                Step::Key(key) => write!(f, "{dot}{key}")?,
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Walk {
    leaves: Vec<Leaf>,
    labels: Vec<String>,
    /// The first thing that was not as the path has it.
    problem: Option<String>,
}

impl Walk {
    fn on(&mut self, steps: &[Step], above: &[&str], value: &Value) {
        let Some((step, rest)) = steps.split_first() else {
            return match number(value) {
                Some(number) => self.leaves.push((self.labels.clone(), number)),
                None => {
                    let (here, kind) = (place(above), kind(value));
                    self.missing(format!("{here} is {kind}, not a number"));
                }
            };
        };
        match (step, value) {
            (Step::Any, Value::Object(table)) => {
                for (key, value) in table {
                    self.below(key, rest, above, value);
                }
            }
            (Step::Any, Value::Array(items)) => {
                for (i, value) in items.iter().enumerate() {
                    self.below(&i.to_string(), rest, above, value);
                }
            }
            (Step::Key(key), Value::Object(table)) => match table.get(key) {
                Some(value) => self.on(rest, &[above, &[key]].concat(), value),
                None => self.missing(format!(
                    "there is no {key:?} in {}, but {}",
                    place(above),
                    names(table.keys())
                )),
            },
            (Step::Key(key), Value::Array(items)) => {
                let item = key.parse().ok().and_then(|i: usize| items.get(i));
                match item {
                    Some(item) => {
                        self.on(rest, &[above, &[key]].concat(), item);
                    }
                    None => self.missing(format!(
                        "there is no {key:?} in {}, which is an array of {}",
                        place(above),
                        items.len()
                    )),
                }
            }
            _ => {
                let (here, kind) = (place(above), kind(value));
                self.missing(format!("{here} is {kind}, with nothing in it"));
            }
        }
    }

    /// One of those that a wildcard stands for.
    fn below(&mut self, key: &str, rest: &[Step], above: &[&str], v: &Value) {
        if key.len() > MAX_VALUE || key.contains(char::is_control) {
            return self.missing(format!("{} has odd keys", place(above)));
        }
        self.labels.push(key.into());
        self.on(rest, &[above, &[key]].concat(), v);
        self.labels.pop();
    }

    fn missing(&mut self, text: String) {
        self.problem.get_or_insert(text);
    }
}

/// Where that is, for people.
fn place(keys: &[&str]) -> String {
    match keys {
        [] => "the answer".into(),
        keys => format!("{:?}", keys.join(".")),
    }
}

fn names<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = keys.len().saturating_sub(LISTED);
    let mut names: Vec<_> =
        keys.take(LISTED).map(|key| format!("{key:?}")).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    match names.is_empty() {
        true => "nothing".into(),
        false => names.join(", "),
    }
}

/// What is true is 1.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        value => value.as_f64(),
    }
}

#[cfg(test)]
mod tests;
