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
    if let Some(micros) = micros(value) {
        return push_micros(text, micros);
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

/// A value that has no more than six decimals and fifteen digits, as most that
/// are times, in millionths: it is the only value that is written so, and has
/// no shorter way.
fn micros(value: f64) -> Option<u64> {
    let micros = (value * 1e6).round();
    let fits = (1e2..SHORT).contains(&micros) && micros / 1e6 == value;
    fits.then_some(micros as u64)
}

fn push_micros(text: &mut String, micros: u64) {
    let mut buffer = itoa::Buffer::new();
    text.push_str(buffer.format(micros / 1_000_000));
    // with a digit in front, for leading zeros
    let decimals = buffer.format(1_000_000 + micros % 1_000_000);
    text.push('.');
    text.push_str(decimals[1..].trim_end_matches('0'));
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
    fn a_short_way_leads_to_the_same() {
        let mut values = vec![0.0001, 0.000_123_4, 1.000_000_5, 1e8 + 0.1];
        for micros in (1..50_000_000_u64).step_by(9973) {
            let value = micros as f64 / 1e6;
            values.extend([value, value + 1e-7, value * 1e3, value * 1e9]);
            values.push(f64::from_bits(value.to_bits() + 1));
        }
        let mut short = 0;
        for value in values {
            let mut text = String::new();
            push(&mut text, Format::Text, value);
            assert_eq!(text, value.to_string());
            short += u32::from(micros(value).is_some());
        }
        assert!(short > 5_000, "{short}");
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
