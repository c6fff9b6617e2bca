//! Numbers as text.

use std::fmt::Write;

use super::Format;

/// Below this an integer is written by a shorter way, and as ever.
const SHORT: f64 = 1e15;

/// Appends a value, exactly, as short as that can be; an integer without a
/// point.
pub(super) fn push(text: &mut String, format: Format, value: f64) {
    let size = value.abs();
    // most are counts; -0 is none
    if size < SHORT && value.fract() == 0.0 && value.to_bits() != NEGATIVE_ZERO
    {
        text.push_str(itoa::Buffer::new().format(value as i64));
        return;
    }
    // writing to a String does not fail
    let _ = match format {
        Format::OpenMetrics if value.is_infinite() => {
            write!(text, "{}Inf", if value > 0.0 { '+' } else { '-' })
        }
        Format::OpenMetrics if size != 0.0 && !(1e-7..1e17).contains(&size) => {
            write!(text, "{value:e}")
        }
        _ => write!(text, "{value}"),
    };
}

const NEGATIVE_ZERO: u64 = (-0.0_f64).to_bits();

/// A bound of a bucket, or a quantile. As the value of a label it identifies
/// a series, so everybody must spell it alike: as Go's `%g` does, with a
/// `.0` where that looks like an integer.
pub(super) fn canonical(value: f64) -> String {
    let mut text = String::new();
    if value == 0.0 || !value.is_finite() {
        push(&mut text, Format::OpenMetrics, value);
        if value == 0.0 {
            text.push_str(".0");
        }
        return text;
    }
    // "1.5e-7": Rust and Go agree on the digits, the fewest that will do
    let scientific = format!("{value:e}");
    let (digits, exponent) =
        scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let _ = if (-4..6).contains(&exponent) {
        write!(text, "{value:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(text, "{digits}e{sign}{:02}", exponent.abs())
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (value, expected) in [
            (0.0, "0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (1_763_840_636.123, "1763840636.123"),
            (1e300, "1e300"),
            (1.5e-9, "1.5e-9"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut text = String::new();
            push(&mut text, Format::OpenMetrics, value);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_text_format_is_the_crates() {
        for value in [
            0.0,
            -0.0,
            3.0,
            -3.0,
            0.1,
            -2.5,
            1e14,
            1e15,
            1e16,
            1e300,
            1e-300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            999_999_999_999_999.0,
            123_456.789,
            1_763_840_636.123,
        ] {
            let mut text = String::new();
            push(&mut text, Format::Text, value);
            assert_eq!(text, value.to_string());
        }
    }

    #[test]
    fn bounds_are_as_the_specification_has_them() {
        for expected in [
            "0.0",
            "0.001",
            "0.002",
            "0.01",
            "0.1",
            "0.9",
            "0.95",
            "0.99",
            "0.999",
            "1.0",
            "1.7",
            "10.0",
            "1e-10",
            "1e-09",
            "1e-05",
            "0.0001",
            "0.00011",
            "0.00025",
            "60.0",
            "100000.0",
            "604800.0",
            "1e+06",
            "1.2096e+06",
            "1e+10",
            "1e+23",
            "1.1e+23",
            "1.5e-07",
            "1e+300",
            "-1.0",
            "-2.5e+07",
            "+Inf",
            "-Inf",
            "NaN",
        ] {
            let value: f64 = expected.parse().unwrap();
            assert_eq!(canonical(value), expected);
        }
    }
}
