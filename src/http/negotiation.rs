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
mod tests;
