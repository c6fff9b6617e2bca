//! What a job was given: sizes counted from R (RFC 20).
//!
//! `R_lite` entries never overlap in rank, but there may be many and uneven
//! ones: cores of an entry are its ranks times its cores per rank.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::Malformed;
use super::idset::{self, Ranges};
use crate::resource::Span;

/// Sizes of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Nodes.
    pub nodes: u32,
    /// Cores.
    pub cores: u32,
    /// GPUs.
    pub gpus: u32,
}

/// What an R says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// The sum of it.
    pub size: Resources,
    /// Where it is.
    pub spans: Vec<Span>,
}

impl Allocation {
    /// Counts an R.
    pub fn parse(r: &str) -> Result<Allocation, Malformed> {
        let r: R = serde_json::from_str(r)?;
        let mut sum = Sizes::default();
        let mut spans = Vec::new();
        for Lite { rank, children } in &r.execution.r_lite {
            for (first, last) in rank.0.iter() {
                let ranks = u64::from(last - first) + 1;
                let add = |to: &mut u64, each: u64| {
                    *to = to.saturating_add(ranks.saturating_mul(each));
                };
                add(&mut sum.nodes, 1);
                add(&mut sum.cores, children.core.0);
                add(&mut sum.gpus, children.gpu.0);
                let cores = narrow(children.core.0);
                let gpus = narrow(children.gpu.0);
                spans.push(Span { first, last, cores, gpus });
            }
        }
        let size = Resources {
            nodes: narrow(sum.nodes),
            cores: narrow(sum.cores),
            gpus: narrow(sum.gpus),
        };
        Ok(Allocation { size, spans })
    }
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Sizes of many jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Nodes.
    pub nodes: u64,
    /// Cores.
    pub cores: u64,
    /// GPUs.
    pub gpus: u64,
}

impl Sizes {
    /// Counts one job in.
    pub fn add(&mut self, job: Resources) {
        self.nodes = self.nodes.saturating_add(job.nodes.into());
        self.cores = self.cores.saturating_add(job.cores.into());
        self.gpus = self.gpus.saturating_add(job.gpus.into());
    }

    /// Counts many jobs in.
    pub fn merge(&mut self, other: Sizes) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.cores = self.cores.saturating_add(other.cores);
        self.gpus = self.gpus.saturating_add(other.gpus);
    }

    /// Counts many jobs out.
    pub fn less(&mut self, other: Sizes) {
        self.nodes = self.nodes.saturating_sub(other.nodes);
        self.cores = self.cores.saturating_sub(other.cores);
        self.gpus = self.gpus.saturating_sub(other.gpus);
    }

    /// Counts one job out.
    pub fn remove(&mut self, job: Resources) {
        self.nodes = self.nodes.saturating_sub(job.nodes.into());
        self.cores = self.cores.saturating_sub(job.cores.into());
        self.gpus = self.gpus.saturating_sub(job.gpus.into());
    }
}

#[derive(Deserialize)]
struct R {
    execution: Execution,
}

#[derive(Deserialize)]
struct Execution {
    #[serde(rename = "R_lite")]
    r_lite: Vec<Lite>,
}

#[derive(Deserialize)]
struct Lite {
    rank: Ranks,
    children: Children,
}

#[derive(Deserialize)]
struct Children {
    #[serde(default)]
    core: Ids,
    #[serde(default)]
    gpu: Ids,
}

struct Ranks(Ranges);

impl<'de> Deserialize<'de> for Ranks {
    fn deserialize<D>(deserializer: D) -> Result<Ranks, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ranges::parse(&text).map(Ranks).map_err(D::Error::custom)
    }
}

/// The size of an idset, counted while it is read.
#[derive(Default)]
struct Ids(u64);

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D>(deserializer: D) -> Result<Ids, D::Error>
    where
        D: Deserializer<'de>,
    {
        struct IdsVisitor;
        impl Visitor<'_> for IdsVisitor {
            type Value = Ids;

            fn expecting(
                &self,
                f: &mut std::fmt::Formatter<'_>,
            ) -> std::fmt::Result {
                f.write_str("an idset")
            }

            fn visit_str<E: Error>(self, s: &str) -> Result<Ids, E> {
                idset::count(s).map(Ids).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(IdsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lite: &str) -> Option<(u32, u32, u32)> {
        let text =
            format!(r#"{{"version":1,"execution":{{"R_lite":{lite}}}}}"#);
        let size = Allocation::parse(&text).ok()?.size;
        Some((size.nodes, size.cores, size.gpus))
    }

    #[test]
    fn even_and_uneven() {
        let even = r#"[{"rank":"0-1","children":{"core":"0-1"}}]"#;
        assert_eq!(parse(even), Some((2, 4, 0)));
        let uneven = r#"[{"rank":"0","children":{"core":"0-7"}},
            {"children":{"gpu":"0,2","core":"0-1"},"rank":"1"}]"#;
        assert_eq!(parse(uneven), Some((2, 10, 2)));
        assert_eq!(parse("[]"), Some((0, 0, 0)));
    }

    #[test]
    fn knows_where_it_is() {
        let text = r#"{"execution":{"R_lite":[
            {"rank":"0,2-3","children":{"core":"0-1","gpu":"1"}}]}}"#;
        let spans = Allocation::parse(text).unwrap().spans;
        let span = |first, last| Span { first, last, cores: 2, gpus: 1 };
        assert_eq!(spans, [span(0, 0), span(2, 3)]);
    }

    #[test]
    fn absurd_sizes_saturate() {
        let huge = r#"[{"rank":"0-4294967295",
            "children":{"core":"0-4294967295"}}]"#;
        assert_eq!(parse(huge), Some((u32::MAX, u32::MAX, 0)));
    }

    #[test]
    fn bad_text_is_refused() {
        for lite in [
            "7",
            "[{}]",
            r#"[{"rank":"0"}]"#,
            r#"[{"rank":0,"children":{}}]"#,
            r#"[{"rank":"1-0","children":{}}]"#,
            r#"[{"rank":"0","children":{"core":"x"}}]"#,
        ] {
            assert_eq!(parse(lite), None, "{lite}");
        }
        assert!(Allocation::parse("{}").is_err());
        assert!(Allocation::parse("").is_err());
    }
}
