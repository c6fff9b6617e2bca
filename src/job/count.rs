//! A jobspec resource's `count` (RFC 14, RFC 45), as demand.
//!
//! V1 jobspecs have a plain integer.  The canonical jobspec also allows an
//! object with `min`, an idset string ("2,4,8") and a range string ("2-8",
//! "2+", "2-16:2:*").  Whatever the form, the smallest value satisfies the
//! job, so it is what the job demands.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Malformed, idset};

/// The smallest value that satisfies a `count`; 0 only where that is all that
/// it says, as Flux allows of GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(u32);

impl Count {
    /// The value.
    pub fn get(self) -> u32 {
        self.0
    }

    fn from_u64(n: u64) -> Result<Count, Malformed> {
        match u32::try_from(n) {
            Ok(0) => Err(Malformed::new("count must be at least 1")),
            Ok(n) => Ok(Count(n)),
            Err(_) => Err(Malformed::new("count is too large")),
        }
    }
}

impl std::str::FromStr for Count {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Count, Malformed> {
        match idset::scan(s) {
            Ok(set) => Count::from_u64(set.first.unwrap_or(0).into()),
            Err(_) => range(idset::trim_brackets(s)),
        }
    }
}

/// `min-max` or `min+`, then maybe `:operand`, then maybe `:operator`.
fn range(s: &str) -> Result<Count, Malformed> {
    let mut parts = s.split(':');
    let bounds = parts.next().unwrap_or_default();
    let min = if let Some(min) = bounds.strip_suffix('+') {
        idset::number(min)?
    } else if let Some((min, max)) = bounds.split_once('-') {
        let (min, max) = (idset::number(min)?, idset::number(max)?);
        if max < min {
            return Err(Malformed::new("count range is reversed"));
        }
        min
    } else {
        return Err(Malformed::new("count is neither idset nor range"));
    };
    let operand = parts.next().map_or(Ok(1), idset::number)?;
    let valid = match parts.next() {
        None | Some("+") => operand >= 1,
        Some("*") => operand >= 2,
        Some("^") => operand >= 2 && min >= 2,
        Some(_) => false,
    };
    if !valid || parts.next().is_some() {
        return Err(Malformed::new("count range has a bad step"));
    }
    Count::from_u64(min.into())
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D>(deserializer: D) -> Result<Count, D::Error>
    where
        D: Deserializer<'de>,
    {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer, an object with min, an idset or a range")
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Count, E> {
        match n {
            0 => Ok(Count(0)),
            n => Count::from_u64(n).map_err(E::custom),
        }
    }

    fn visit_str<E: Error>(self, s: &str) -> Result<Count, E> {
        s.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> Result<Count, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Key {
            Min,
            #[serde(other)]
            Other,
        }
        let mut min = None;
        while let Some(key) = map.next_key()? {
            match key {
                Key::Min => min = Some(map.next_value()?),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let min = min.ok_or_else(|| A::Error::missing_field("min"))?;
        Count::from_u64(min).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<u32> {
        serde_json::from_str(json).ok().map(Count::get)
    }

    #[test]
    fn every_form_gives_its_smallest_value() {
        for (json, n) in [
            ("0", 0),
            ("1", 1),
            ("4294967295", u32::MAX),
            (r#"{"min":3}"#, 3),
            (r#"{"max":9,"operator":"+","min":2,"operand":1}"#, 2),
            (r#""7""#, 7),
            (r#""2,4,8""#, 2),
            (r#""[3,5-6]""#, 3),
            (r#""2-8""#, 2),
            (r#""2-2""#, 2),
            (r#""2+""#, 2),
            (r#""2+:3""#, 2),
            (r#""2-16:2:*""#, 2),
            (r#""[2-16:2:^]""#, 2),
        ] {
            assert_eq!(parse(json), Some(n), "{json}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for json in [
            "-1",
            "1.5",
            "4294967296",
            "null",
            "true",
            "[]",
            "{}",
            r#"{"max":2}"#,
            r#"{"min":0}"#,
            r#"{"min":"2"}"#,
            r#""""#,
            r#""0-4""#,
            r#""x""#,
            r#""8-2""#,
            r#""2-""#,
            r#""+""#,
            r#""2-16:1:*""#,
            r#""1-16:2:^""#,
            r#""2-16:2:/""#,
            r#""2-16:2:*:1""#,
            r#""2-16:0""#,
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
