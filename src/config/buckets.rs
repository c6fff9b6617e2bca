//! Bounds of histograms.

use serde_json::Value;

use super::{fsd, kind};

/// Each bound is a series per histogram and queue.
const MAX: usize = 64;

pub(super) fn from_json(value: &Value) -> Result<Vec<f64>, String> {
    let Value::Array(items) = value else {
        return Err(format!("expected an array, got {}", kind(value)));
    };
    check(items.iter().map(|item| match item {
        Value::Number(n) => (item.to_string(), n.as_f64()),
        Value::String(text) => (item.to_string(), fsd::parse(text)),
        other => (kind(other).into(), None),
    }))
}

pub(super) fn from_arg(text: &str) -> Result<Vec<f64>, String> {
    check(text.split(',').map(|item| {
        let item = item.trim();
        (format!("\"{item}\""), fsd::parse(item))
    }))
}

/// Takes bounds along with how they were written.
fn check(
    items: impl Iterator<Item = (String, Option<f64>)>,
) -> Result<Vec<f64>, String> {
    let mut bounds: Vec<f64> = Vec::new();
    for (text, bound) in items {
        let Some(bound) = bound else {
            return Err(format!(
                "{text} is not a number of seconds or a duration such as \
                 100ms, 30s, 5m, 1h or 7d"
            ));
        };
        if !(bound > 0.0 && bound.is_finite()) {
            return Err(format!("{text} is not greater than zero"));
        }
        if bounds.last().is_some_and(|last| *last >= bound) {
            return Err(format!("{text} is not greater than the one before"));
        }
        bounds.push(bound);
    }
    match bounds.len() {
        0 => Err("expected at least one bound".into()),
        1..=MAX => Ok(bounds),
        n => Err(format!("expected at most {MAX} bounds, got {n}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::histogram::DEFAULT_BOUNDS;
    use serde_json::json;

    #[test]
    fn defaults_pass_their_own_check() {
        assert_eq!(from_json(&json!(DEFAULT_BOUNDS)).unwrap(), DEFAULT_BOUNDS);
    }

    #[test]
    fn numbers_and_durations_mix() {
        assert_eq!(
            from_json(&json!([0.1, 1, "1m", "2h"])).unwrap(),
            [0.1, 1.0, 60.0, 7200.0]
        );
        assert_eq!(from_arg("100ms, 1,1m").unwrap(), [0.1, 1.0, 60.0]);
    }

    #[test]
    fn refusals_quote_the_culprit() {
        let not = "is not a number of seconds or a duration such as 100ms, \
                   30s, 5m, 1h or 7d";
        for (value, error) in [
            (json!("1s"), "expected an array, got string".to_string()),
            (json!([]), "expected at least one bound".into()),
            (json!(["1s", "x"]), format!("\"x\" {not}")),
            (json!([true]), format!("boolean {not}")),
            (json!(["inf"]), format!("\"inf\" {not}")),
            (json!([0]), "0 is not greater than zero".into()),
            (json!([-1.5]), "-1.5 is not greater than zero".into()),
            (
                json!([60, "1m"]),
                "\"1m\" is not greater than the one before".into(),
            ),
            (
                json!((1..=65).collect::<Vec<_>>()),
                "expected at most 64 bounds, got 65".into(),
            ),
        ] {
            assert_eq!(from_json(&value).unwrap_err(), error);
        }
        assert_eq!(from_arg("").unwrap_err(), format!("\"\" {not}"));
        assert_eq!(from_arg("1,,2").unwrap_err(), format!("\"\" {not}"));
    }
}
