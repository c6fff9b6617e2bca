//! Numbers as Kubernetes writes them (`resource.Quantity`, decimal): an
//! integer and the largest suffix that loses nothing, as in `1500m` or `2k`.

/// From thousandths up.
const SUFFIXES: [&str; 8] = ["m", "", "k", "M", "G", "T", "P", "E"];

/// To the thousandth, as the autoscaler itself computes. Quantities are
/// bounded by 2^63; so is this.
pub(super) fn quantity(value: f64) -> String {
    let milli = value * 1000.0;
    let (mut digits, mut suffix) = match milli.abs() < i64::MAX as f64 {
        true => (milli.round() as i64, 0),
        // thousandths of a number of that size mean nothing
        false => (value.round() as i64, 1),
    };
    if digits == 0 {
        return "0".into();
    }
    while digits % 1000 == 0 && suffix + 1 < SUFFIXES.len() {
        digits /= 1000;
        suffix += 1;
    }
    format!("{digits}{}", SUFFIXES[suffix])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_kubernetes_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.0004, "0"),
            (0.0005, "1m"),
            (0.25, "250m"),
            (1.0, "1"),
            (-1.0, "-1"),
            (1.5, "1500m"),
            (12.3456, "12346m"),
            (999.0, "999"),
            (1000.0, "1k"),
            (1500.0, "1500"),
            (12_000_000.0, "12M"),
            (1e18, "1E"),
            (1e300, "9223372036854775807"),
            (-1e300, "-9223372036854775808"),
        ] {
            assert_eq!(quantity(value), text, "{value}");
        }
    }
}
