//! A path into an answer, and after a line break the answer: what is found is
//! what a reading finds that compares the path with every number there is.

use flux_prometheus::custom::limits::MAX_VALUE;
use flux_prometheus::stats::path::{Leaf, Path};
use serde_json::Value;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((text, answer)) = text.split_once('\n') else { return };
    let path = match Path::parse(text) {
        Ok(path) => path,
        Err(error) => return assert!(!error.is_empty()),
    };
    let Ok(answer) = serde_json::from_str(answer) else { return };
    let steps = steps(text);
    let wildcards = steps.iter().filter(|step| step.is_none()).count();
    assert_eq!(path.wildcards(), wildcards);
    let mut wanted = Vec::new();
    let mut keys = Vec::new();
    compare(&steps, &mut keys, &answer, &mut wanted);
    match path.leaves(&answer) {
        Ok(found) => assert_eq!(found, wanted),
        Err(error) => {
            assert!(wanted.is_empty(), "{error}");
            assert!(!error.is_empty());
        }
    }
}

/// The keys of a path that is in order, None for a star.
fn steps(text: &str) -> Vec<Option<String>> {
    // whatever a backslash is before becomes a letter that nothing else uses
    let mut marked = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => marked.push((chars.next().unwrap_or_default(), true)),
            c => marked.push((c, false)),
        }
    }
    let steps = marked.split(|&letter| letter == ('.', false));
    steps
        .map(|step| match step {
            [('*', false)] => None,
            step => Some(step.iter().map(|&(c, _)| c).collect()),
        })
        .collect()
}

/// Every number whose keys are those of the path.
fn compare(
    steps: &[Option<String>],
    keys: &mut Vec<(String, bool)>,
    value: &Value,
    found: &mut Vec<Leaf>,
) {
    let mut below = |key: String, is_index: bool, value: &Value| {
        keys.push((key, is_index));
        compare(steps, keys, value, found);
        keys.pop();
    };
    let number = match value {
        Value::Object(all) => {
            return all.iter().for_each(|(k, v)| below(k.clone(), false, v));
        }
        Value::Array(all) => {
            let all = all.iter().enumerate();
            return all.for_each(|(i, v)| below(i.to_string(), true, v));
        }
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap(),
        Value::Null | Value::String(_) => return,
    };
    let mut labels = Vec::new();
    if steps.len() != keys.len() {
        return;
    }
    for (step, (key, is_index)) in steps.iter().zip(keys) {
        let is_it = match step {
            None => {
                labels.push(key.clone());
                key.len() <= MAX_VALUE && !key.contains(char::is_control)
            }
            Some(step) if *is_index => {
                step.parse::<usize>() == key.parse::<usize>()
            }
            Some(step) => step == key,
        };
        if !is_it {
            return;
        }
    }
    found.push((labels, number));
}
