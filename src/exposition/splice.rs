//! Replacing parts of a text, in one go and without another one.

use std::ops::Range;

/// Puts other bytes in the place of some: `edits` are in order, and apart.
pub(super) fn splice(text: &mut Vec<u8>, edits: &[(Range<usize>, &[u8])]) {
    let fits = |(old, new): &(Range<usize>, &[u8])| old.len() == new.len();
    let (fitting, others) =
        edits.split_at(edits.iter().take_while(|e| fits(e)).count());
    for (old, new) in fitting {
        text[old.clone()].copy_from_slice(new);
    }
    let Some((first, _)) = others.first() else { return };
    // What follows moves out of the way of all that grows, and from there to
    // its place: however many there are, each byte moves twice at most.
    let grown = |(old, new): &(Range<usize>, &[u8])| {
        new.len().saturating_sub(old.len())
    };
    let room = others.iter().map(grown).sum::<usize>();
    let (start, end) = (first.start, text.len());
    text.resize(end + room, 0);
    text.copy_within(start..end, start + room);
    let (mut read, mut write) = (start + room, start);
    for (old, new) in others {
        let next = old.start + room;
        text.copy_within(read..next, write);
        write += next - read;
        text[write..write + new.len()].copy_from_slice(new);
        write += new.len();
        read = old.end + room;
    }
    text.copy_within(read.., write);
    text.truncate(end + room - (read - write));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, by building another text.
    fn slowly(text: &[u8], edits: &[(Range<usize>, &[u8])]) -> Vec<u8> {
        let (mut whole, mut at) = (Vec::new(), 0);
        for (old, new) in edits {
            whole.extend(&text[at..old.start]);
            whole.extend(*new);
            at = old.end;
        }
        whole.extend(&text[at..]);
        whole
    }

    #[test]
    fn is_as_good_as_another_text() {
        let text = b"0123456789abcdef";
        let news: [&[u8]; 4] = [b"", b"x", b"yz", b"long, longer"];
        for (a, b, c) in [(0, 2, 16), (1, 7, 9), (3, 4, 5), (0, 8, 12)] {
            let ranges = [a..a + 1, b..c - 1, c - 1..c];
            for which in 0..64 {
                let new = |i: usize| news[which >> (2 * i) & 3];
                let edits: Vec<_> =
                    ranges.iter().cloned().zip((0..3).map(new)).collect();
                for edits in [&edits[..], &edits[..1], &edits[1..2], &[]] {
                    let mut spliced = text.to_vec();
                    splice(&mut spliced, edits);
                    assert_eq!(spliced, slowly(text, edits), "{edits:?}");
                }
            }
        }
    }
}
