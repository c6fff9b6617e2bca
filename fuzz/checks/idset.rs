//! Sets of ids: the ranges ascend, the count is theirs, and what they say
//! written anew is the same set. Numbers are compared with a reading by the
//! letter of RFC 22.

use flux_prometheus::job::idset::{self, Ranges};

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let count = idset::count(text);
    let ranges = Ranges::parse(text);
    assert_eq!(count.is_ok(), ranges.is_ok());
    assert_eq!(ranges.is_ok(), by_the_letter(text).is_some(), "{text:?}");
    let (Ok(count), Ok(ranges)) = (count, ranges) else { return };
    let all: Vec<_> = ranges.iter().collect();
    assert_eq!(by_the_letter(text), Some(all.clone()));
    assert!(all.iter().all(|(low, high)| low <= high));
    assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0));
    let sum: u64 = all.iter().map(|(l, h)| u64::from(h - l) + 1).sum();
    assert_eq!(sum, count);
    let again: Vec<String> = all.iter().map(|&(l, h)| range(l, h)).collect();
    assert_eq!(Ranges::parse(&again.join(",")), Ok(ranges));
}

fn range(low: u32, high: u32) -> String {
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

/// RFC 22's grammar, slowly: `[` ranges `]` or ranges, none of them empty.
fn by_the_letter(text: &str) -> Option<Vec<(u32, u32)>> {
    let inside = match (text.starts_with('['), text.ends_with(']')) {
        (true, true) => &text[1..text.len() - 1],
        (false, false) => text,
        _ => return None,
    };
    if inside.is_empty() {
        return Some(Vec::new());
    }
    let mut all: Vec<(u32, u32)> = Vec::new();
    for part in inside.split(',') {
        let ends: Vec<_> = part.split('-').map(number).collect();
        let (low, high) = match ends[..] {
            [Some(id)] => (id, id),
            [Some(low), Some(high)] if low < high => (low, high),
            _ => return None,
        };
        if all.last().is_some_and(|&(_, last)| low <= last) {
            return None;
        }
        all.push((low, high));
    }
    Some(all)
}

fn number(text: &str) -> Option<u32> {
    let number = text.parse::<u32>().ok()?;
    (number.to_string() == text).then_some(number)
}
