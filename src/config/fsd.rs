//! Flux Standard Duration (RFC 23): a number, and `ms`, `s`, `m`, `h` or `d`;
//! seconds without.

/// Reads a duration, in seconds. `infinity`, which RFC 23 allows, is refused:
/// no setting of ours can use it.
pub(super) fn parse(text: &str) -> Option<f64> {
    let (number, scale) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else if let Some(number) = text.strip_suffix('h') {
        (number, 3600.0)
    } else if let Some(number) = text.strip_suffix('d') {
        (number, 86400.0)
    } else {
        (text, 1.0)
    };
    // Rust would also read "inf", "nan" and signs.
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    // 0.001 is not exact: dividing keeps 100ms the same as 0.1
    let seconds = if scale < 1.0 { number / 1000.0 } else { number * scale };
    seconds.is_finite().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("0", 0.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("100ms", 0.1),
            ("30s", 30.0),
            ("5m", 300.0),
            ("1.5h", 5400.0),
            ("7d", 604800.0),
            ("1e3", 1000.0),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn not_durations() {
        for text in [
            "", "s", "ms", "-1", "+1", "1 s", " 1", "1w", "1us", "1sm", "1S",
            "inf", "infinity", "nan", "1e999", "1e308d", "0x10", "1,5",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
