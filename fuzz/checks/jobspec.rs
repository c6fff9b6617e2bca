//! Jobspecs: the sizes are those of a slow reading of the same tree.

use flux_prometheus::job::jobspec::{Jobspec, Request};
use serde_json::Value;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Request::parse(text);
    let Ok(jobspec) = Jobspec::parse(text) else { return };
    let queue = jobspec.queue().map(String::from);
    let request = jobspec.request();
    // what it accepts is JSON, though not all of which Value can be made
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    if let Ok(queue) = &queue {
        let said = &value["attributes"]["system"]["queue"];
        assert_eq!(queue, said.as_str().unwrap_or_default());
    }
    let Ok(request) = request else { return };
    // serde also reads a table from an array, in the order of its keys
    if !value.is_object() || !plain(&value["resources"]) {
        return;
    }
    assert!(request.slots > 0);
    let mut sum = Sum::default();
    sum.add(&value["resources"], 1);
    assert_eq!(request.nodes.is_some(), sum.has_nodes);
    let narrow = |n: u128| u32::try_from(n).unwrap_or(u32::MAX);
    assert_eq!(request.nodes.unwrap_or(0), narrow(sum.nodes), "nodes");
    assert_eq!(request.slots, narrow(sum.slots), "slots");
    assert_eq!(request.cores, narrow(sum.cores), "cores");
    assert_eq!(request.gpus, narrow(sum.gpus), "gpus");
    assert_eq!(request.exclusive, sum.exclusive);
}

fn plain(vertices: &Value) -> bool {
    let mut all = vertices.as_array().into_iter().flatten();
    all.all(|vertex| vertex.is_object() && plain(&vertex["with"]))
}

#[derive(Default)]
struct Sum {
    nodes: u128,
    slots: u128,
    cores: u128,
    gpus: u128,
    has_nodes: bool,
    exclusive: bool,
}

impl Sum {
    fn add(&mut self, vertices: &Value, factor: u128) {
        for vertex in vertices.as_array().into_iter().flatten() {
            let total = factor.saturating_mul(least(&vertex["count"]));
            let more = |to: &mut u128| *to = to.saturating_add(total);
            match vertex["type"].as_str().unwrap_or_default() {
                "node" => {
                    more(&mut self.nodes);
                    self.has_nodes = true;
                    self.exclusive |= vertex["exclusive"] == true;
                }
                "slot" => more(&mut self.slots),
                "core" => more(&mut self.cores),
                "gpu" => more(&mut self.gpus),
                _ => {}
            }
            self.add(&vertex["with"], total);
        }
    }
}

/// The smallest value that a count allows; the text is known to be good.
fn least(count: &Value) -> u128 {
    let text = match count {
        Value::String(text) => text,
        Value::Object(map) => return map["min"].as_u64().unwrap().into(),
        number => return number.as_u64().unwrap().into(),
    };
    let digits = text.trim_start_matches('[');
    let end = digits.find(|c: char| !c.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().unwrap()
}
