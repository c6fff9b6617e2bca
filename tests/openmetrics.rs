//! Others read what we write: Python's parser, which is strict, the same
//! metrics in OpenMetrics and in the text format, and promtool the latter.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;
mod recording;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use flux_prometheus::collectors;
use flux_prometheus::exposition::{
    Created, Families, Format, Parts, Source, Spec,
};
use flux_prometheus::http::Counts;
use flux_prometheus::job::histogram::{DEFAULT_BOUNDS, Histogram};
use instance::scrape::{self, Scrape};
use instance::{Instance, skip, skipped};
use prometheus::proto::MetricType;
use prometheus::{Gauge, Opts};

/// The same families in both formats.
struct Page {
    name: &'static str,
    openmetrics: String,
    text: String,
}

impl Page {
    fn new(name: &'static str, families: &Families) -> Self {
        let created = Created::at(1_763_840_636.123);
        let encode = |format: Format| {
            let [mut text, mut slowly] = [String::new(), String::new()];
            families.write_text(format, |_| true, &created, &mut text).unwrap();
            // by way of the registry it is the same
            let gathered = families.gather();
            format.encode(&gathered, &created, &mut slowly).unwrap();
            assert_eq!(text, slowly, "{name}");
            text
        };
        Self {
            name,
            openmetrics: encode(Format::OpenMetrics),
            text: encode(Format::Text),
        }
    }

    fn file(&self, kind: &str, text: &str) -> PathBuf {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = dir.join(format!("{}.{kind}", self.name));
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Every family there can be, whatever a recording has of it.
struct Catalogue;

impl Source for Catalogue {
    fn specs(&self) -> Vec<Spec> {
        collectors::SPECS.concat()
    }

    fn show(&self, parts: &mut Parts) {
        let mut histogram = Histogram::new(DEFAULT_BOUNDS.into());
        histogram.observe(0.1);
        histogram.observe(1e9);
        let mut families = Vec::new();
        for spec in collectors::SPECS.iter().copied().flatten() {
            let mut family = spec.family();
            // it becomes the time since when others count
            let start = spec.name == "process_start_time_seconds";
            let value = if start { 1_763_840_000.0 } else { 1.0 };
            for label in ["", "x", "\\ \" \n ü"] {
                let labels = vec![label; spec.labels.len()];
                match spec.kind {
                    MetricType::HISTOGRAM => {
                        family.add_histogram(
                            &labels,
                            histogram.bounds(),
                            histogram.counts(),
                            histogram.sum(),
                        );
                    }
                    _ => drop(family.add(&labels, value)),
                }
                if spec.labels.is_empty() {
                    break;
                }
            }
            families.push(family);
        }
        parts.add(families);
    }
}

fn pages() -> Vec<Page> {
    let recorded = ["mixed", "gap", "awkward"];
    let mut pages = Vec::from(
        recorded.map(|name| Page::new(name, &recording::replay(name))),
    );
    let families = Families::default();
    families.register(Catalogue).unwrap();
    Counts::register(&families).unwrap();
    pages.push(Page::new("catalogue", &families));
    // what no metric of ours is like
    let odd = Opts::new("odd", "A \\ and a \"quote\"\nand a line.")
        .const_label("l", "a\\nb\\")
        .variable_label("v");
    let odd = prometheus::GaugeVec::new(odd, &["v"]).unwrap();
    for (label, value) in
        [("0", 1e300), ("1", -1e-300), ("2", f64::INFINITY), ("3", 1e17)]
    {
        odd.with_label_values(&[label]).set(value);
    }
    let families = Families::default();
    let registry = families.registry();
    registry.register(Box::new(odd)).unwrap();
    for name in ["odd_total", "other_info", "other"] {
        let gauge = Gauge::new(name, "Only named so.").unwrap();
        gauge.set(1.0);
        registry.register(Box::new(gauge)).unwrap();
    }
    pages.push(Page::new("odd", &families));
    pages
}

/// A Python that has the parser: that on `PATH`, or Debian's.
fn python() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let imported = Command::new(python)
            .args(["-c", "import prometheus_client.openmetrics.parser"])
            .stderr(Stdio::null())
            .status();
        imported.is_ok_and(|status| status.success())
    })
}

#[test]
fn the_strict_parser_reads_what_the_text_format_says() {
    let Some(python) = python() else {
        let why = "no python3 with prometheus_client (pip install \
                   prometheus-client)";
        skipped("the_strict_parser_reads_what_the_text_format_says", why);
        return;
    };
    for page in pages() {
        let output = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/openmetrics/compare.py"
            ))
            .arg(page.file("om", &page.openmetrics))
            .arg(page.file("txt", &page.text))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}{error}", page.name);
        println!("{}: {said}", page.name);
    }
}

#[test]
fn promtool_has_no_complaint_about_the_text_format() {
    let promtool = || {
        let mut command = Command::new("promtool");
        command.args(["check", "metrics"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    if promtool().arg("--help").status().is_err() {
        let why = "no promtool on PATH (it comes with Prometheus)";
        skipped("promtool_has_no_complaint_about_the_text_format", why);
        return;
    }
    for page in pages() {
        // its names are meant to be bad
        if page.name == "odd" {
            continue;
        }
        let mut child = promtool().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(page.text.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            page.name
        );
    }
}

/// For where there is no Python: the samples are the same, line by line.
#[test]
fn both_formats_have_the_same_samples() {
    for page in pages().into_iter().filter(|page| page.name != "odd") {
        let samples = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.replace(".0\"} ", "\"} ")).collect()
        };
        let mut strict = samples(&page.openmetrics);
        let bytes = page.openmetrics.as_bytes();
        assert!(bytes.ends_with(b"\n# EOF\n"), "{}", page.name);
        // the type of a counter with a name that OpenMetrics has no room for
        let unknown =
            page.openmetrics.lines().find(|l| l.ends_with(" unknown"));
        assert_eq!(unknown, None, "{}", page.name);
        strict.retain(|line| !line.contains("_created"));
        assert_eq!(strict, samples(&page.text), "{}", page.name);
    }
}

/// A page, fetched as Prometheus fetches it.
fn fetch(address: &str) -> Scrape {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /metrics HTTP/1.0\r\nAccept: application/\
                   openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.ends_with("\n# EOF\n"), "{answer}");
    scrape::parse(body)
}

#[test]
fn histograms_that_begin_anew_say_so_and_begin_only_if_they_must() {
    if skip("histograms_that_begin_anew_say_so_and_begin_only_if_they_must") {
        return;
    }
    let config = "[prometheus]\nbuckets = [1, 60]\n";
    let instance = Instance::start_with(&["--test-size=1"], config, &[]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    instance.flux(&["run", "true"]);
    let [count, created] = ["count", "created"]
        .map(|what| format!("flux_job_wait_seconds_{what}{{queue=\"\"}}"));
    let submitted = "flux_jobs_submitted_created{queue=\"\"}";
    let first = instance::wait_for("the job to be counted", || {
        let page = fetch(&address);
        (page.value(&count) == 1.0).then_some(page)
    });
    assert_eq!(first.value(&created), first.value(submitted));
    let change = |config: &str| {
        let script = format!("printf '{config}' | flux config load");
        instance.shell(&script);
        fetch(&address)
    };

    let same = change("[prometheus]\\nbuckets = [1, 60]\\n[x]\\ny = 1\\n");
    assert_eq!(same.value(&count), 1.0);
    assert_eq!(same.value(&created), first.value(&created));

    let other = change("[prometheus]\\nbuckets = [2, 60]\\n");
    assert_eq!(other.value(&count), 0.0);
    assert!(other.value(&created) > first.value(&created));
    assert_eq!(other.value(submitted), first.value(submitted));
    let start = other.value("process_start_time_seconds");
    assert_eq!(other.value("process_cpu_seconds_created"), start);
    instance.flux(&["module", "remove", "prometheus"]);
}
