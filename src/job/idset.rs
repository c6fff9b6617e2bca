//! Sets of ids, RFC 22: `""`, `"0"`, `"0-3,7,9-10"`, `"[0-3]"`.
//!
//! Nothing is expanded: `"0-4294967295"` costs as much as `"0"`.

use std::fmt;

use super::Malformed;

/// How many ids are in the set.
pub fn count(s: &str) -> Result<u64, Malformed> {
    Ok(scan(s)?.count)
}

/// What one pass over a set finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub count: u64,
    pub first: Option<u32>,
}

pub(super) fn scan(s: &str) -> Result<Summary, Malformed> {
    let mut summary = Summary::default();
    each(s, |low, high| {
        summary.first.get_or_insert(low);
        // ascending u32s: at most 2^32 of them, no overflow
        summary.count += u64::from(high - low) + 1;
    })?;
    Ok(summary)
}

/// A set as its ranges, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Reads a set.
    pub fn parse(s: &str) -> Result<Ranges, Malformed> {
        let mut ranges = Vec::new();
        each(s, |low, high| ranges.push((low, high)))?;
        Ok(Ranges(ranges))
    }

    /// All from `low` to `high`.
    pub fn one(low: u32, high: u32) -> Ranges {
        Ranges(vec![(low, high)])
    }

    /// Whether this id is in it.
    pub fn contains(&self, id: u32) -> bool {
        let after = self.0.partition_point(|&(low, _)| low <= id);
        after > 0 && self.0[after - 1].1 >= id
    }

    /// The first and the last of each range.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().copied()
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (low, high)) in self.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{low}")?;
            if high > low {
                write!(f, "-{high}")?;
            }
        }
        Ok(())
    }
}

/// Hands each range of the set to `f`, the first and the last of it.
fn each(s: &str, mut f: impl FnMut(u32, u32)) -> Result<(), Malformed> {
    let s = trim_brackets(s);
    if s.is_empty() {
        return Ok(());
    }
    let mut last = None;
    for element in s.split(',') {
        let (low, high) = match element.split_once('-') {
            None => (number(element)?, number(element)?),
            Some((low, high)) => (number(low)?, number(high)?),
        };
        if high < low || (high == low && element.contains('-')) {
            return Err(Malformed::new("idset range does not ascend"));
        }
        if last.is_some_and(|last| low <= last) {
            return Err(Malformed::new("idset is out of order"));
        }
        last = Some(high);
        f(low, high);
    }
    Ok(())
}

/// Drops one pair of enclosing brackets.
pub(super) fn trim_brackets(s: &str) -> &str {
    s.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(s)
}

/// A number as RFC 22 and RFC 45 want it: digits only, no leading zero.
pub(super) fn number(s: &str) -> Result<u32, Malformed> {
    let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits || (s.len() > 1 && s.starts_with('0')) {
        return Err(Malformed::new("not a decimal number"));
    }
    s.parse().map_err(|_| Malformed::new("number is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_members() {
        for (s, n) in [
            ("", 0),
            ("[]", 0),
            ("0", 1),
            ("17", 1),
            ("0-3", 4),
            ("[0-3]", 4),
            ("0-3,7,9-10", 7),
            ("0-4294967295", 1 << 32),
        ] {
            assert_eq!(count(s), Ok(n), "{s:?}");
        }
    }

    #[test]
    fn refuses_what_rfc_22_does_not_allow() {
        for s in [
            "3-0",
            "3-3",
            "0-3,2",
            "1,1",
            "5,1",
            "a",
            "1,",
            ",1",
            "1,,2",
            "1-",
            "-1",
            "1-2-3",
            "01",
            "+1",
            " 1",
            "1 ",
            "[1",
            "1]",
            "[[1]]",
            "4294967296",
            "0-99999999999999999999",
        ] {
            assert!(count(s).is_err(), "{s:?}");
        }
    }

    #[test]
    fn knows_the_ranges() {
        let ranges = |s| Ranges::parse(s).map(|r| r.iter().collect());
        let want: Vec<_> = vec![(0, 3), (7, 7), (9, 10)];
        assert_eq!(ranges("0-3,7,9-10"), Ok(want));
        assert_eq!(ranges(""), Ok(vec![]));
        assert!(Ranges::parse("3-0").is_err());
    }

    #[test]
    fn knows_the_least_member() {
        assert_eq!(scan("2,4").map(|s| s.first), Ok(Some(2)));
        assert_eq!(scan("").map(|s| s.first), Ok(None));
    }
}
