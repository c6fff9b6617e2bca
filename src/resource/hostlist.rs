//! Lists of host names, RFC 29: `n[0-3,7],login-[01-02]-eth0`.

use crate::job::Malformed;

/// Bracketed parts in one term; real names have one or two.
const MAX_PARTS: usize = 8;

/// The names in order, the first `max` of them.
pub fn expand(list: &str, max: usize) -> Result<Vec<String>, Malformed> {
    let mut names = Vec::new();
    let mut rest = list;
    while !rest.is_empty() && names.len() < max {
        let end = end_of_first(rest)?;
        let term = &rest[..end];
        if term.matches('[').count() > MAX_PARTS {
            return Err(Malformed::new("hostlist: too many brackets"));
        }
        one(term, max, &mut names)?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    names.truncate(max);
    Ok(names)
}

/// Where the first comma is that is not in brackets.
fn end_of_first(list: &str) -> Result<usize, Malformed> {
    let mut inside = false;
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'[' if !inside => inside = true,
            b']' if inside => inside = false,
            b'[' | b']' => return Err(unbalanced()),
            b',' if !inside => return Ok(at),
            _ => {}
        }
    }
    if inside { Err(unbalanced()) } else { Ok(list.len()) }
}

fn unbalanced() -> Malformed {
    Malformed::new("hostlist: unbalanced brackets")
}

/// Every combination of what its brackets hold, the last varying fastest.
fn one(
    term: &str,
    max: usize,
    names: &mut Vec<String>,
) -> Result<(), Malformed> {
    let Some((prefix, rest)) = term.split_once('[') else {
        names.push(term.to_owned());
        return Ok(());
    };
    let (ranges, suffix) = rest.split_once(']').ok_or_else(unbalanced)?;
    let mut endings = Vec::new();
    one(suffix, max, &mut endings)?;
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let width = first.len();
        for n in number(first)?..=number(last)? {
            for ending in &endings {
                if names.len() >= max {
                    return Ok(());
                }
                names.push(format!("{prefix}{n:0width$}{ending}"));
            }
        }
    }
    Ok(())
}

fn number(digits: &str) -> Result<u64, Malformed> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let number = if plain { digits.parse().ok() } else { None };
    number.ok_or_else(|| Malformed::new("hostlist: not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (list, names) in [
            ("", ""),
            ("a", "a"),
            ("a,b,a", "a b a"),
            ("n[0-2,7]", "n0 n1 n2 n7"),
            ("n[8-11],x", "n8 n9 n10 n11 x"),
            ("n[008-010]-ib", "n008-ib n009-ib n010-ib"),
            ("r[1-2]n[0-1]", "r1n0 r1n1 r2n0 r2n1"),
            ("n[2-1]", ""),
            ("n[4294967295-4294967296]", "n4294967295 n4294967296"),
        ] {
            assert_eq!(expand(list, 99).unwrap().join(" "), names, "{list}");
        }
    }

    #[test]
    fn lists_are_bounded() {
        for list in
            ["n[0-18446744073709551615]", "a[0-99999]b[0-99999]", "a,b,c,d,e"]
        {
            assert_eq!(expand(list, 3).unwrap().len(), 3, "{list}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for list in [
            "n[0-3",
            "n0]",
            "n[[0]]",
            "n[a]",
            "n[1-]",
            "n[]",
            "n[+1]",
            &"[0]".repeat(MAX_PARTS + 1),
        ] {
            assert!(expand(list, 9).is_err(), "{list}");
        }
    }
}
