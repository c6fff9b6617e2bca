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
    let lines: [&[u8]; 3] =
        [b"text/plain;q=0.1", b"\xff", b"application/openmetrics-text;q=0.2"];
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
