//! What somebody may have meant.

/// The word that takes fewest letters to change into `text`, at most a third
/// of its own.
pub(super) fn to<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    // nobody mistypes more, and it takes time
    if text.len() > 64 {
        return None;
    }
    let nearest = words.iter().map(|word| (distance(text, word), *word));
    let (letters, word) = nearest.min_by_key(|(letters, _)| *letters)?;
    (letters <= word.len().div_ceil(3)).then_some(word)
}

/// How many letters are to be put in, taken out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // of what was read of `one` to each beginning of `other`
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, there) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *there);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_differ() {
        for (one, other, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("tls_cert", "tls-cert", 1),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }

    #[test]
    fn only_what_is_near_was_meant() {
        let words = ["listen", "port", "tls-cert", "tls-key"];
        assert_eq!(to("lisen", &words), Some("listen"));
        assert_eq!(to("tls_key", &words), Some("tls-key"));
        assert_eq!(to("prot", &words), Some("port"));
        assert_eq!(to("nonsense", &words), None);
        assert_eq!(to("", &words), None);
        assert_eq!(to(&"x".repeat(65), &words), None);
    }
}
