//! Which format and which compression a client wants.
//!
//! What is not understood is passed over, and the text format is the answer
//! to everything that does not ask for another: a scrape that gets what it
//! may not have wanted is better than none.

use hyper::{
    HeaderMap,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderName},
};

use super::coding::Coding;
use crate::exposition::Format;

/// The versions of OpenMetrics that may be asked for. The first is served;
/// the other is its draft, and who asks for that reads 1.0.0 as well.
const VERSIONS: [&str; 2] = ["1.0.0", "0.0.1"];

/// What the parameters of the protobuf format have to be.
const PROTO: &str = "io.prometheus.client.MetricFamily";
const ENCODING: &str = "delimited";

/// The format that suits the `Accept` headers best.
///
/// OpenMetrics and protobuf are for those who name them, not for `*/*`. They
/// get them if they want them no less than the text format, and protobuf if
/// they want it no less than OpenMetrics.
pub fn format(headers: &HeaderMap) -> Format {
    let [mut openmetrics, mut protobuf] = [None; 2];
    // by what is named ever more exactly, the last of which counts
    let mut text = [None; 3];
    ranges(headers, ACCEPT).for_each(|range| {
        let wish = if range.is("application/openmetrics-text") {
            range.is_version_ours().then_some(&mut openmetrics)
        } else if range.is("application/vnd.google.protobuf") {
            range.is_proto_ours().then_some(&mut protobuf)
        } else {
            let known = ["*/*", "text/*", "text/plain"];
            known.iter().position(|kind| range.is(kind)).map(|n| &mut text[n])
        };
        range.add_to(wish);
    });
    let text = text.into_iter().flatten().next_back().unwrap_or(0.0);
    let mut best = (Format::Text, text);
    for (format, q) in
        [(Format::OpenMetrics, openmetrics), (Format::Protobuf, protobuf)]
    {
        let q = q.unwrap_or(0.0);
        if q > 0.0 && q >= best.1 {
            best = (format, q);
        }
    }
    best.0
}

/// The compression that suits the `Accept-Encoding` headers best.
///
/// zstd is for those who name it, not for `*`. Who refuses everything gets
/// the bytes as they are.
pub fn coding(headers: &HeaderMap) -> Coding {
    let mut wishes = [None; 4];
    ranges(headers, ACCEPT_ENCODING).for_each(|range| {
        let kind = if range.is("x-gzip") { "gzip" } else { range.kind };
        let known = ["zstd", "gzip", "identity", "*"];
        let known = known.iter().position(|k| kind.eq_ignore_ascii_case(k));
        range.add_to(known.map(|n| &mut wishes[n]));
    });
    let [zstd, gzip, identity, any] = wishes;
    let any = any.unwrap_or(0.0);
    let [zstd, gzip, identity] =
        [zstd.unwrap_or(0.0), gzip.unwrap_or(any), identity.unwrap_or(any)];
    // of equals the one that takes less time, and the fewest bytes
    let mut best = (Coding::Identity, identity);
    for (coding, q) in [(Coding::Gzip, gzip), (Coding::Zstd, zstd)] {
        if q > 0.0 && q >= best.1 {
            best = (coding, q);
        }
    }
    best.0
}

/// All alternatives of the headers of that name.
fn ranges(
    headers: &HeaderMap,
    name: HeaderName,
) -> impl Iterator<Item = Range<'_>> {
    // of so few, each is looked at in less time than a name is hashed
    let lines = headers.iter().filter(move |(other, _)| **other == name);
    lines.flat_map(|(_, line)| {
        split(line.to_str().unwrap_or(""), ',').map(Range::parse)
    })
}

/// One of the alternatives.
struct Range<'a> {
    kind: &'a str,
    version: Option<&'a str>,
    proto: Option<&'a str>,
    encoding: Option<&'a str>,
    /// How much it is wanted, from 0 to 1; 0 if that cannot be read.
    q: f32,
}

impl<'a> Range<'a> {
    fn parse(range: &'a str) -> Self {
        let mut parts = split(range, ';');
        let kind = parts.next().unwrap_or("").trim_ascii();
        let mut parsed =
            Self { kind, version: None, proto: None, encoding: None, q: 1.0 };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let (name, value) = (name.trim_ascii(), value.trim_ascii());
            let value = value.trim_matches('"');
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("version") {
                parsed.version = Some(value);
            } else if is("proto") {
                parsed.proto = Some(value);
            } else if is("encoding") {
                parsed.encoding = Some(value);
            } else if is("q") {
                let q = value.parse().ok();
                parsed.q = q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
            }
        }
        parsed
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// Of several, the dearest.
    fn add_to(&self, wish: Option<&mut Option<f32>>) {
        if let Some(wish) = wish {
            *wish = Some(self.q.max(wish.unwrap_or(0.0)));
        }
    }

    /// There are other encodings: all have to be named.
    fn is_proto_ours(&self) -> bool {
        self.proto == Some(PROTO) && self.encoding == Some(ENCODING)
    }

    fn is_version_ours(&self) -> bool {
        self.version.is_none_or(|version| VERSIONS.contains(&version))
    }
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let mut parts = text.split_once(separator);
        // there are hardly ever any
        if parts.is_some_and(|(first, _)| first.contains('"')) {
            parts = split_once_unquoted(text, separator);
        }
        let (first, others) = parts.unzip();
        rest = others;
        first.or(Some(text))
    })
}

fn split_once_unquoted(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    text.split_once(|c| {
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
    fn protobuf_is_for_who_names_all_of_it() {
        const OURS: &str = "application/vnd.google.protobuf;proto=io.\
            prometheus.client.MetricFamily;encoding=delimited";
        for (more, expected) in [
            ("", Format::Protobuf),
            // Prometheus 2.42 with native histograms, and 3
            (
                ",application/openmetrics-text;version=1.0.0;q=0.8,\
                 application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            (
                ";q=0.7,application/openmetrics-text;version=1.0.0;\
                 escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,\
                 */*;q=0.2",
                Format::Protobuf,
            ),
            (", text/plain", Format::Protobuf),
            (";q=0.5, application/openmetrics-text", Format::OpenMetrics),
            (";q=0.5, */*", Format::Text),
            (";q=0", Format::Text),
        ] {
            let accept = format!("{OURS}{more}");
            assert_eq!(negotiate(&[accept.as_bytes()]), expected, "{accept}");
        }
        for other in [
            OURS.replace("delimited", "text"),
            OURS.replace("delimited", "compact-text"),
            OURS.replace("MetricFamily", "Metric"),
            "application/vnd.google.protobuf".into(),
        ] {
            assert_eq!(negotiate(&[other.as_bytes()]), Format::Text, "{other}");
        }
    }

    #[test]
    fn compression_is_for_who_asks() {
        for (accept, expected) in [
            ("", Coding::Identity),
            // Prometheus, curl --compressed, Chromium
            ("gzip", Coding::Gzip),
            ("deflate, gzip, br, zstd", Coding::Zstd),
            ("gzip, deflate, br", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("zstd;q=0.5, gzip;q=0.6", Coding::Gzip),
            ("zstd;q=0.6, gzip;q=0.5", Coding::Zstd),
            ("zstd;q=0.5, gzip;q=0.5", Coding::Zstd),
            ("gzip;q=0.001", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0, *", Coding::Identity),
            ("zstd;q=0, *", Coding::Gzip),
            ("*", Coding::Gzip),
            ("*;q=0", Coding::Identity),
            ("*;q=0, gzip;q=0.1", Coding::Gzip),
            ("identity", Coding::Identity),
            ("identity;q=1, gzip;q=0.5", Coding::Identity),
            ("identity;q=0.5, gzip;q=1", Coding::Gzip),
            ("identity;q=0.5, *;q=0.1", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("identity;q=0, gzip;q=0", Coding::Identity),
            ("identity;q=0, zstd", Coding::Zstd),
            ("gzip;q=x", Coding::Identity),
            ("br, deflate, compress", Coding::Identity),
            ("gzipped", Coding::Identity),
            (",;,=,zstd,;q", Coding::Zstd),
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(accept).unwrap();
            headers.append(ACCEPT_ENCODING, value);
            assert_eq!(coding(&headers), expected, "{accept}");
        }
        assert_eq!(coding(&HeaderMap::new()), Coding::Identity);
        let mut headers = HeaderMap::new();
        for line in ["gzip;q=0.5", "zstd"] {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        assert_eq!(coding(&headers), Coding::Zstd, "in lines of their own");
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
