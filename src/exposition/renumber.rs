//! A family as text of which only the numbers are others.

use memchr::{memchr, memrchr};
use prometheus::proto::MetricType;

use super::{Family, Format, number};

/// Appends to `out` what a family says now: `text` is what it `was`, with its
/// series in this `order`, each followed by a line that says since when it
/// counts if it is `dated`. That takes a fraction of writing it anew.
pub(super) fn renumber(
    text: &[u8],
    format: Format,
    [was, is]: [&Family; 2],
    order: &[usize],
    dated: bool,
    out: &mut Vec<u8>,
) {
    let width = was.stride();
    // the count of a histogram is that of its last bucket too
    let again = (was.kind() == MetricType::HISTOGRAM).then(|| width - 2);
    let (mut at, mut copied) = (0, 0);
    while text.get(at) == Some(&b'#') {
        at = next(text, at);
    }
    let mut digits = String::new();
    for row in order {
        let values = row * width..(row + 1) * width;
        let (old, new) = (&was.values()[values.clone()], &is.values()[values]);
        for i in (0..width).chain(again) {
            let end = next(text, at);
            if old[i].to_bits() != new[i].to_bits() {
                let value = memrchr(b' ', &text[at..end]).map_or(0, |n| n + 1);
                out.extend_from_slice(&text[copied..at + value]);
                digits.clear();
                number::push(&mut digits, format, new[i]);
                out.extend_from_slice(digits.as_bytes());
                copied = end - 1;
            }
            at = end;
        }
        if dated {
            at = next(text, at);
        }
    }
    out.extend_from_slice(&text[copied..]);
}

/// Where the line after the one at `at` begins.
fn next(text: &[u8], at: usize) -> usize {
    memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n + 1)
}
