//! Label selectors, as in `queue in (batch, debug),state!=run,!host`: all
//! requirements must be met. <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>

/// Requirements and their values, in all: each series is compared with each.
const MAX: usize = 64;

/// Which series are meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    /// What it may be; `None` is anything.
    values: Option<Vec<String>>,
    /// The opposite is required: also met where there is no such label.
    not: bool,
}

impl Selector {
    /// The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        if text.split(',').count() > MAX {
            return Err(format!("more than {MAX} requirements and values"));
        }
        let requirements = split(text).into_iter().map(str::trim);
        requirements.map(Requirement::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether series with these labels are among them.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|required| {
            let found = label(&required.label).is_some_and(|found| {
                let values = required.values.as_ref();
                values.is_none_or(|v| v.iter().any(|value| value == found))
            });
            found != required.not
        })
    }
}

/// At commas, but not at those in parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut inside = false;
    let parts = text.split(|c| {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        c == ',' && !inside
    });
    parts.collect()
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, String> {
        let new = |label: &str, values: Option<Vec<&str>>, not| {
            let label = label.trim();
            let mut all = values.iter().flatten();
            if label.is_empty() || !is_word(label) || !all.all(|v| is_word(v)) {
                return Err(format!(
                    "{text:?} is not a requirement: they are LABEL, !LABEL, \
                     LABEL=VALUE, LABEL!=VALUE, LABEL in (VALUE,...) and \
                     LABEL notin (VALUE,...)"
                ));
            }
            let values =
                values.map(|v| v.into_iter().map(str::to_owned).collect());
            Ok(Self { label: label.into(), values, not })
        };
        // the longest first: = is part of the others
        for (operator, not) in [("!=", true), ("==", false), ("=", false)] {
            if let Some((label, value)) = text.split_once(operator) {
                return new(label, Some(vec![value.trim()]), not);
            }
        }
        if let Some(label) = text.strip_prefix('!') {
            return new(label, None, true);
        }
        if let Some(list) = text.strip_suffix(')') {
            let (head, list) = list.split_once('(').unwrap_or_default();
            let values = list.split(',').map(str::trim).collect();
            return match head.split_whitespace().collect::<Vec<_>>()[..] {
                [label, "in"] => new(label, Some(values), false),
                [label, "notin"] => new(label, Some(values), true),
                _ => new("", None, false),
            };
        }
        new(text, None, false)
    }
}

/// Whether it can be a label or a value, which may be empty.
fn is_word(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || "=!<>(),".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [(&str, &str); 2] = [("queue", "batch"), ("state", "run")];

    fn matches(selector: &str) -> bool {
        let label = |name: &str| {
            let found = LABELS.iter().find(|(label, _)| *label == name);
            found.map(|(_, value)| *value)
        };
        Selector::parse(selector).unwrap().matches(label)
    }

    #[test]
    fn what_matches() {
        for selector in [
            "",
            " ",
            "queue",
            "queue=batch",
            "queue==batch",
            " queue = batch , state = run ",
            "queue!=debug",
            "host!=x",
            "!host",
            "! host",
            "queue in (debug, batch)",
            "queue in (batch),state notin (sched,cleanup),!host",
            "host notin (x)",
        ] {
            assert!(matches(selector), "{selector}");
        }
    }

    #[test]
    fn what_does_not() {
        for selector in [
            "host",
            "host=",
            "!queue",
            "queue=",
            "queue=debug",
            "queue!=batch",
            "queue=batch,state=sched",
            "queue in (debug)",
            "queue in ()",
            "queue notin (debug,batch)",
            "host in (x)",
        ] {
            assert!(!matches(selector), "{selector}");
        }
    }

    #[test]
    fn what_is_none() {
        for selector in [
            ",",
            "queue=batch,",
            "=batch",
            "!",
            "a b",
            "a=b=c",
            "a<1",
            "a>1",
            "in (a)",
            "a in b",
            "a in (b",
            "a in b)",
            "a of (b)",
            "a in (b c)",
            "a in ((b))",
        ] {
            let error = Selector::parse(selector).unwrap_err();
            assert!(error.contains("is not a requirement"), "{error}");
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let many = vec!["a"; MAX].join(",");
        for good in [many.clone(), format!("a in ({many})")] {
            assert!(Selector::parse(&good).is_ok(), "{good}");
            let error = Selector::parse(&format!("{good},b")).unwrap_err();
            assert_eq!(error, "more than 64 requirements and values");
        }
    }

    #[test]
    fn an_empty_value_is_one() {
        let anonymous = |_: &str| Some("");
        assert!(Selector::parse("queue=").unwrap().matches(anonymous));
        assert!(!Selector::parse("queue!=").unwrap().matches(anonymous));
    }
}
