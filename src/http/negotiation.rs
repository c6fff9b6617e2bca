//! Which format a client wants.
//!
//! What is not understood is passed over, and the text format is the answer
//! to everything that does not ask for another: a scrape that gets what it
//! may not have wanted is better than none.

use hyper::{HeaderMap, header::ACCEPT};

use crate::exposition::Format;

/// The versions of OpenMetrics that may be asked for. The first is served;
/// the other is its draft, and who asks for that reads 1.0.0 as well.
const VERSIONS: [&str; 2] = ["1.0.0", "0.0.1"];

/// The format that suits the `Accept` headers best.
///
/// OpenMetrics is for those who name it, not for `*/*`. They get it if they
/// want it no less than the text format.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut openmetrics = None;
    // by what is named ever more exactly, the last of which counts
    let mut text = [None; 3];
    for line in headers.get_all(ACCEPT) {
        for range in split(line.to_str().unwrap_or(""), ',') {
            let range = Range::parse(range);
            let wish = match &*range.kind {
                "application/openmetrics-text" if range.is_version_ours() => {
                    &mut openmetrics
                }
                "*/*" => &mut text[0],
                "text/*" => &mut text[1],
                "text/plain" => &mut text[2],
                _ => continue,
            };
            // of several, the dearest
            *wish = Some(range.q.max(wish.unwrap_or(0.0)));
        }
    }
    let openmetrics = openmetrics.unwrap_or(0.0);
    let text = text.into_iter().flatten().next_back().unwrap_or(0.0);
    match openmetrics > 0.0 && openmetrics >= text {
        true => Format::OpenMetrics,
        false => Format::Text,
    }
}

/// One of the alternatives.
struct Range<'a> {
    kind: String,
    version: Option<&'a str>,
    /// How much it is wanted, from 0 to 1; 0 if that cannot be read.
    q: f32,
}

impl<'a> Range<'a> {
    fn parse(range: &'a str) -> Self {
        let mut parts = split(range, ';');
        let kind = parts.next().unwrap_or("").trim().to_ascii_lowercase();
        let mut parsed = Self { kind, version: None, q: 1.0 };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match &*name.trim().to_ascii_lowercase() {
                "version" => parsed.version = Some(value),
                "q" => {
                    let q = value.parse().ok();
                    parsed.q =
                        q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
                }
                _ => (),
            }
        }
        parsed
    }

    fn is_version_ours(&self) -> bool {
        self.version.is_none_or(|version| VERSIONS.contains(&version))
    }
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn negotiate(lines: &[&[u8]]) -> Format {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_bytes(line).unwrap());
        }
        format(&headers)
    }

    #[test]
    fn openmetrics_is_for_who_wants_it() {
        for accept in [
            // Prometheus 3, 2.5x and 2.2x
            "application/openmetrics-text;version=1.0.0;\
             escaping=allow-utf-8;q=0.6,application/openmetrics-text;\
             version=0.0.1;q=0.5,text/plain;version=1.0.0;\
             escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,\
             */*;q=0.2",
            "application/openmetrics-text;version=1.0.0;q=0.5,application/\
             openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;\
             q=0.3,*/*;q=0.2",
            "application/openmetrics-text; version=0.0.1,text/plain;\
             version=0.0.4;q=0.5,*/*;q=0.1",
            // with protobuf first, which is not served
            "application/vnd.google.protobuf;proto=io.prometheus.client.\
             MetricFamily;encoding=delimited;q=0.7,\
             application/openmetrics-text;version=1.0.0;q=0.6,\
             text/plain;version=0.0.4;q=0.4,*/*;q=0.2",
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "APPLICATION/OpenMetrics-Text ; Version = \"1.0.0\" ; Q = 0.1",
            "application/openmetrics-text, */*",
            "text/plain, application/openmetrics-text",
            "text/plain;q=0.2, */*;q=1, application/openmetrics-text;q=0.5",
            "application/openmetrics-text;version=2.0.0,\
             application/openmetrics-text;version=1.0.0;q=0.5",
            "x/y;z=\",\", application/openmetrics-text",
            ",;,=,application/openmetrics-text,;q",
        ] {
            let format = negotiate(&[accept.as_bytes()]);
            assert_eq!(format, Format::OpenMetrics, "{accept}");
        }
        let lines: [&[u8]; 3] = [
            b"text/plain;q=0.1",
            b"\xff",
            b"application/openmetrics-text;q=0.2",
        ];
        assert_eq!(negotiate(&lines), Format::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_text() {
        assert_eq!(negotiate(&[]), Format::Text);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
            "application/*",
            "*/*;q=0",
            "text/plain;q=0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.4,text/plain;q=0.5",
            "application/openmetrics-text;q=0.4,*/*",
            "application/openmetrics-text;q=0.4,text/*;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;version=",
            "application/openmetrics-text;q=x",
            "application/openmetrics-text;q=nan",
            "application/openmetrics-text;q=-1",
            "application/openmetrics-text;q=2",
            "application/openmetrics-protobuf;version=1.0.0",
            "application/openmetrics-text/x",
            "\"application/openmetrics-text",
            ";;;,,,===",
        ] {
            let format = negotiate(&[accept.as_bytes()]);
            assert_eq!(format, Format::Text, "{accept}");
        }
    }
}
