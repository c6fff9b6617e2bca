//! A value as it was given: by the table, or as an argument.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use serde_json::Value;

use super::{fsd, kind};

/// What a key was set to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// In the table.
    Json(&'a Value),
    /// After the `=` of an argument.
    Arg(&'a str),
}

impl<'a> Input<'a> {
    /// For values that the two spell differently.
    pub(super) fn read<T>(
        self,
        json: fn(&Value) -> Result<T, String>,
        arg: fn(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        match self {
            Self::Json(value) => json(value),
            Self::Arg(text) => arg(text),
        }
    }

    pub(super) fn boolean(self) -> Result<bool, String> {
        let (value, got) = match self {
            Self::Json(value) => (value.as_bool(), kind(value).to_owned()),
            Self::Arg(text) => (text.parse().ok(), format!("\"{text}\"")),
        };
        value.ok_or_else(|| format!("expected true or false, got {got}"))
    }

    pub(super) fn integer(
        self,
        range: RangeInclusive<usize>,
    ) -> Result<usize, String> {
        let (value, got) = match self {
            Self::Json(value) if value.is_number() => {
                let number = value.as_u64().map(usize::try_from);
                (number.and_then(Result::ok), value.to_string())
            }
            Self::Json(value) => (None, kind(value).to_owned()),
            Self::Arg(text) => {
                let digits = text.bytes().all(|b| b.is_ascii_digit());
                let number = digits.then(|| text.parse().ok()).flatten();
                (number, format!("\"{text}\""))
            }
        };
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            format!("expected {} to {}, got {got}", range.start(), range.end())
        })
    }

    /// A duration within what makes sense for a timeout.
    pub(super) fn timeout(self) -> Result<Duration, String> {
        self.seconds(0.1..=3600.0, "100ms to 1h").map(Duration::from_secs_f64)
    }

    /// A duration within what makes sense for what is done again and again.
    pub(super) fn period(self) -> Result<Duration, String> {
        self.seconds(1.0..=3600.0, "1s to 1h").map(Duration::from_secs_f64)
    }

    /// A duration in seconds, within a range that is called `expected`.
    pub(super) fn seconds(
        self,
        range: RangeInclusive<f64>,
        expected: &str,
    ) -> Result<f64, String> {
        let (seconds, got) = match self {
            Self::Json(Value::Number(number)) => {
                (number.as_f64(), number.to_string())
            }
            Self::Json(Value::String(text)) => {
                (fsd::parse(text), format!("\"{text}\""))
            }
            Self::Json(other) => (None, kind(other).to_owned()),
            Self::Arg(text) => (fsd::parse(text), format!("\"{text}\"")),
        };
        match seconds {
            Some(seconds) if range.contains(&seconds) => Ok(seconds),
            Some(_) => Err(format!("expected {expected}, got {got}")),
            None => Err(format!(
                "expected a number of seconds or a duration such as 100ms, \
                 30s, 5m, 1h or 7d, got {got}"
            )),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, String> {
        match self {
            Self::Json(Value::String(text)) => Ok(text),
            Self::Json(other) => {
                Err(format!("expected a string, got {}", kind(other)))
            }
            Self::Arg(text) => Ok(text),
        }
    }

    /// One word or several.
    pub(super) fn words(self) -> Result<Vec<&'a str>, String> {
        match self {
            Self::Json(Value::String(text)) => Ok(vec![text]),
            Self::Json(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str().ok_or_else(|| {
                        format!("expected strings, got {}", kind(item))
                    })
                })
                .collect(),
            Self::Json(other) => Err(format!(
                "expected a string or an array of strings, got {}",
                kind(other)
            )),
            Self::Arg(text) => Ok(text.split(',').map(str::trim).collect()),
        }
    }

    /// A path that means the same wherever the broker was started.
    pub(super) fn path(self) -> Result<PathBuf, String> {
        path(self.text()?).ok_or_else(|| "expected an absolute path".into())
    }
}

/// An absolute path.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    let good = text.starts_with('/') && !text.contains('\0');
    good.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers() {
        let read = |value: Value| Input::Json(&value).integer(1..=9);
        assert_eq!(read(json!(9)), Ok(9));
        for (value, got) in [
            (json!(0), "0"),
            (json!(10), "10"),
            (json!(-1), "-1"),
            (json!(1.5), "1.5"),
            (json!("1"), "string"),
        ] {
            let error = format!("expected 1 to 9, got {got}");
            assert_eq!(read(value), Err(error));
        }
        assert_eq!(Input::Arg("3").integer(1..=9), Ok(3));
        for text in ["", "+3", "x", "10"] {
            let error = format!("expected 1 to 9, got \"{text}\"");
            assert_eq!(Input::Arg(text).integer(1..=9), Err(error));
        }
    }

    #[test]
    fn timeouts() {
        let read = |value: Value| Input::Json(&value).timeout();
        assert_eq!(read(json!(2.5)), Ok(Duration::from_millis(2500)));
        assert_eq!(read(json!("1m")), Ok(Duration::from_secs(60)));
        assert_eq!(Input::Arg("1s").period(), Ok(Duration::from_secs(1)));
        assert!(Input::Arg("900ms").period().unwrap_err().contains("1s to 1h"));
        assert_eq!(
            Input::Arg("100ms").timeout(),
            Ok(Duration::from_millis(100))
        );
        for value in [json!(0), json!("2h")] {
            let error = read(value).unwrap_err();
            assert!(error.starts_with("expected 100ms to 1h, got "), "{error}");
        }
        for value in [json!("5m30s"), json!("x"), json!(true)] {
            let error = read(value).unwrap_err();
            assert!(error.starts_with("expected a number of"), "{error}");
        }
    }

    #[test]
    fn paths_are_absolute() {
        assert_eq!(Input::Arg("/a/b").path(), Ok("/a/b".into()));
        for text in ["", "a", "./a", "/a\0b"] {
            let error = Input::Arg(text).path().unwrap_err();
            assert_eq!(error, "expected an absolute path");
        }
    }
}
