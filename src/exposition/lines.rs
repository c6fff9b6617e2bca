//! The lines of one family, in either format.

use memchr::memchr3;
use prometheus::proto::MetricType;

use super::{Exemplar, Family, Format, family::Series, name::Name, number};

/// How the bounds of histograms are written. Most histograms have the same.
#[derive(Default)]
pub(super) struct Bounds {
    of: Vec<f64>,
    text: Vec<String>,
}

impl Bounds {
    fn write(&mut self, format: Format, bounds: &[f64]) -> &[String] {
        if self.of != bounds {
            self.of = bounds.to_vec();
            self.text = bounds.iter().map(|b| format.bound(*b)).collect();
        }
        &self.text
    }
}

/// Appends a family to a text.
pub(super) struct Lines<'a> {
    pub(super) format: Format,
    pub(super) text: &'a mut String,
    /// What its samples are called, apart from further suffixes.
    pub(super) full: &'a str,
    /// What OpenMetrics calls it.
    pub(super) name: Name<'a>,
    /// Since when it counts, in seconds.
    pub(super) created: Option<f64>,
    /// The labels of the present series, as they are written, for each of
    /// its samples.
    pub(super) labels: String,
    /// Its timestamp, if it has one.
    pub(super) timestamp: Option<f64>,
    /// Whether exemplars are shown.
    pub(super) exemplars: bool,
}

impl Lines<'_> {
    /// All of a family.
    pub(super) fn family(&mut self, family: &Family, bounds: &mut Bounds) {
        self.metadata(family.kind(), family.help());
        let bounds = bounds.write(self.format, family.bounds());
        for series in family.sorted() {
            self.labels.clear();
            for (name, value) in series.labels() {
                self.label(name, value);
            }
            match family.kind() {
                MetricType::HISTOGRAM => self.histogram(&series, bounds),
                _ => self.sample("", None, series.value()),
            }
            self.created();
        }
    }

    fn histogram(&mut self, series: &Series, bounds: &[String]) {
        let (counts, count, sum) = series.histogram();
        let shows = self.exemplars && self.format == Format::OpenMetrics;
        let detail = series.detail().filter(|_| shows);
        let mut exemplars = detail.map_or(&[][..], |d| &d.exemplars).iter();
        for (bound, count) in bounds.iter().zip(counts) {
            self.sample("_bucket", Some(("le", bound)), *count);
            self.exemplar(exemplars.next());
        }
        self.sample("_bucket", Some(("le", "+Inf")), count);
        self.exemplar(exemplars.next());
        self.sample("_sum", None, sum);
        self.sample("_count", None, count);
    }

    /// What comes before the samples.
    pub(super) fn metadata(&mut self, kind: MetricType, help: &str) {
        match self.format {
            Format::Text | Format::Protobuf => {
                let kind = match kind {
                    MetricType::COUNTER => "counter",
                    MetricType::GAUGE => "gauge",
                    MetricType::HISTOGRAM => "histogram",
                    MetricType::SUMMARY => "summary",
                    MetricType::UNTYPED => "untyped",
                };
                self.help(help, false);
                self.meta("TYPE", kind);
            }
            Format::OpenMetrics => {
                self.meta("TYPE", self.name.kind.as_str());
                if let Some(unit) = self.name.unit() {
                    self.meta("UNIT", unit);
                }
                self.help(help, true);
            }
        }
    }

    fn help(&mut self, help: &str, quotes: bool) {
        if !help.is_empty() {
            self.meta("HELP", "");
            self.text.pop();
            escape(self.text, help, quotes);
            self.text.push('\n');
        }
    }

    fn meta(&mut self, what: &str, value: &str) {
        let name = match self.format {
            Format::Text | Format::Protobuf => self.full,
            Format::OpenMetrics => self.name.name,
        };
        for part in ["# ", what, " ", name, " ", value, "\n"] {
            self.text.push_str(part);
        }
    }

    /// Adds a label to the present series.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        if !self.labels.is_empty() {
            self.labels.push(',');
        }
        self.labels.push_str(name);
        self.labels.push_str("=\"");
        escape(&mut self.labels, value, true);
        self.labels.push('"');
    }

    /// A sample of the present series.
    pub(super) fn sample(
        &mut self,
        suffix: &str,
        extra: Option<(&str, &str)>,
        value: f64,
    ) {
        self.named(self.full, suffix, extra, value);
    }

    /// Adds an exemplar to the sample before.
    fn exemplar(&mut self, exemplar: Option<&Option<Exemplar>>) {
        let Some(Some(exemplar)) = exemplar else { return };
        let (name, value) = &exemplar.label;
        self.text.pop();
        for part in [" # {", name, "=\""] {
            self.text.push_str(part);
        }
        escape(self.text, value, true);
        self.text.push_str("\"} ");
        number::push(self.text, self.format, exemplar.value);
        self.text.push(' ');
        let millis = (exemplar.timestamp * 1000.0).round() / 1000.0;
        number::push(self.text, self.format, millis);
        self.text.push('\n');
    }

    /// Since when the present series counts, where that is said.
    pub(super) fn created(&mut self) {
        let counts = self.name.kind.is_created();
        if let (Some(created), true) = (self.created, counts) {
            // a clock's digits beyond these mean nothing
            let created = (created * 1000.0).round() / 1000.0;
            self.named(self.name.name, "_created", None, created);
        }
    }

    fn named(
        &mut self,
        name: &str,
        suffix: &str,
        extra: Option<(&str, &str)>,
        value: f64,
    ) {
        let text = &mut *self.text;
        text.push_str(name);
        text.push_str(suffix);
        if extra.is_some() || !self.labels.is_empty() {
            text.push('{');
            text.push_str(&self.labels);
            if let Some((name, value)) = extra {
                if !self.labels.is_empty() {
                    text.push(',');
                }
                for part in [name, "=\"", value, "\""] {
                    text.push_str(part);
                }
            }
            text.push('}');
        }
        text.push(' ');
        number::push(text, self.format, value);
        if let Some(timestamp) = self.timestamp {
            text.push(' ');
            number::push(text, self.format, timestamp);
        }
        text.push('\n');
    }
}

/// Escapes backslashes and newlines, and quotes if `quotes` says so.
fn escape(text: &mut String, raw: &str, quotes: bool) {
    // hardly ever anything
    if memchr3(b'\\', b'\n', b'"', raw.as_bytes()).is_none() {
        text.push_str(raw);
        return;
    }
    for c in raw.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}
