//! What a job asks for: its queue and sizes, from the jobspec.
//!
//! Read straight from the journal's text; everything not needed (command,
//! options, constraints) is skipped over.  V1 jobspecs (RFC 25) have one
//! resource tree, node > slot > core[, gpu] or slot > core[, gpu]; the
//! canonical form (RFC 14) allows any types, nested as deep as one likes.
//! Unknown types are not counted but multiply what is below them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Malformed;
use super::count::Count;

/// A jobspec whose parts are not looked into until asked for, so that one
/// bad part does not hide the other.
#[derive(Debug, Deserialize)]
pub struct Jobspec<'a> {
    #[serde(borrow)]
    resources: &'a RawValue,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

impl<'a> Jobspec<'a> {
    /// Finds the parts of a jobspec.
    pub fn parse(text: &'a str) -> Result<Jobspec<'a>, Malformed> {
        Ok(serde_json::from_str(text)?)
    }

    /// The queue's name, empty when the job has none.
    pub fn queue(&self) -> Result<Cow<'a, str>, Malformed> {
        let Some(attributes) = self.attributes else {
            return Ok(Cow::Borrowed(""));
        };
        let attributes: Option<Attributes<'a>> =
            serde_json::from_str(attributes.get())?;
        Ok(Attributes::queue(attributes))
    }

    /// Bank and project, if the job has them; none where one cannot tell.
    pub fn charged(&self) -> Option<[Option<&'a RawValue>; 2]> {
        #[derive(Deserialize)]
        struct Attributes<'a> {
            #[serde(borrow)]
            system: Option<System<'a>>,
        }
        #[derive(Deserialize)]
        struct System<'a> {
            #[serde(borrow)]
            bank: Option<&'a RawValue>,
            #[serde(borrow)]
            project: Option<&'a RawValue>,
        }
        let attributes: Attributes<'a> =
            serde_json::from_str(self.attributes?.get()).ok()?;
        let system = attributes.system?;
        Some([system.bank, system.project])
    }

    /// The sizes asked for.
    pub fn request(&self) -> Result<Request, Malformed> {
        Request::parse(self.resources.get())
    }
}

/// What [`Jobspec`] is asked for, read in one go.
#[derive(Deserialize)]
pub(super) struct Whole<'a> {
    #[serde(borrow)]
    resources: Vec<Vertex<'a>>,
    #[serde(borrow)]
    attributes: Option<Attributes<'a>>,
}

impl<'a> Whole<'a> {
    /// The queue's name and the sizes, if no part is bad; where one is, the
    /// parts are to be looked into one by one.
    pub(super) fn parse(text: &'a str) -> Option<(Cow<'a, str>, Request)> {
        let whole: Whole<'a> = serde_json::from_str(text).ok()?;
        let request = Request::sum(&whole.resources).ok()?;
        Some((Attributes::queue(whole.attributes), request))
    }
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    system: Option<System<'a>>,
}

#[derive(Deserialize)]
struct System<'a> {
    #[serde(borrow)]
    queue: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn queue(attributes: Option<Attributes<'a>>) -> Cow<'a, str> {
        let queue = attributes.and_then(|a| a.system).and_then(|s| s.queue);
        queue.unwrap_or_default()
    }
}

/// The sizes a job asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Nodes, or none when only slots are asked for: the scheduler then
    /// chooses how many nodes to spread them over.
    pub nodes: Option<u32>,
    /// Slots, one or more tasks each.
    pub slots: u32,
    /// Cores.
    pub cores: u32,
    /// GPUs.
    pub gpus: u32,
    /// Whether whole nodes are asked for; `cores` and `gpus` are then less
    /// than what will be allocated.
    pub exclusive: bool,
}

#[derive(Deserialize)]
struct Vertex<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    count: Count,
    #[serde(default)]
    exclusive: bool,
    // serde_json bounds the depth (128), so hostile nesting is an error
    #[serde(default, borrow)]
    with: Vec<Vertex<'a>>,
}

impl Request {
    /// Sums a jobspec's `resources` array.
    pub fn parse(resources: &str) -> Result<Request, Malformed> {
        Request::sum(&serde_json::from_str::<Vec<Vertex<'_>>>(resources)?)
    }

    fn sum(vertices: &[Vertex<'_>]) -> Result<Request, Malformed> {
        let mut request = Request::default();
        request.add(vertices, 1);
        if request.slots == 0 {
            return Err(Malformed::new("resources have no slot"));
        }
        Ok(request)
    }

    fn add(&mut self, vertices: &[Vertex<'_>], factor: u32) {
        for vertex in vertices {
            let total = factor.saturating_mul(vertex.count.get());
            let add = |to: &mut u32| *to = to.saturating_add(total);
            match &*vertex.kind {
                "node" => {
                    add(self.nodes.get_or_insert(0));
                    self.exclusive |= vertex.exclusive;
                }
                "slot" => add(&mut self.slots),
                "core" => add(&mut self.cores),
                "gpu" => add(&mut self.gpus),
                _ => {}
            }
            self.add(&vertex.with, total);
        }
    }
}

#[cfg(test)]
mod tests;
