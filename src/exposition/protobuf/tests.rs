//! What is written, read back by the rules of the wire format.

use prometheus::{Opts, Registry};

use super::super::created::PROCESS_START;
use super::super::{
    Created, Families, Format, Page, Parts, Select, Source, Spec,
};
use super::*;

const JOBS: Spec = Spec::counter("x_jobs_total", &["queue"], "Jobs.");
const NODES: Spec = Spec::gauge("x_nodes", &[], "Nodes.");
const WAIT: Spec = Spec::histogram("x_wait_seconds", &["queue"], "Wait.");
const START: Spec = Spec::gauge(PROCESS_START, &[], "Start.");

enum Value<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order.
struct Fields<'a>(Vec<(u64, Value<'a>)>);

fn varint(bytes: &mut &[u8]) -> u64 {
    let end = bytes.iter().position(|b| *b < 0x80).unwrap();
    let (number, rest) = bytes.split_at(end + 1);
    *bytes = rest;
    number.iter().rev().fold(0, |sum, b| sum << 7 | u64::from(b & 0x7f))
}

impl<'a> Fields<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = match key & 7 {
                0 => Value::Number(varint(&mut bytes)),
                1 => {
                    let (double, rest) = bytes.split_first_chunk().unwrap();
                    bytes = rest;
                    Value::Double(f64::from_le_bytes(*double))
                }
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (inner, rest) = bytes.split_at(length);
                    bytes = rest;
                    Value::Bytes(inner)
                }
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, value));
        }
        Self(fields)
    }

    fn all(&self, field: u64) -> impl Iterator<Item = &Value<'a>> {
        let ours = self.0.iter().filter(move |(number, _)| *number == field);
        ours.map(|(_, value)| value)
    }

    fn messages(&self, field: u64) -> Vec<Fields<'a>> {
        let read = |value: &Value<'a>| match value {
            Value::Bytes(bytes) => Self::read(bytes),
            _ => panic!("{field} is no message"),
        };
        self.all(field).map(read).collect()
    }

    fn message(&self, field: u64) -> Fields<'a> {
        self.messages(field).pop().unwrap()
    }

    fn numbers(&self, field: u64) -> Vec<u64> {
        let read = |value: &Value| match value {
            Value::Number(number) => *number,
            _ => panic!("{field} is no number"),
        };
        self.all(field).map(read).collect()
    }

    /// Those of sint32 and sint64.
    fn signed(&self, field: u64) -> Vec<i64> {
        let read = |n: u64| (n >> 1) as i64 ^ -((n & 1) as i64);
        self.numbers(field).into_iter().map(read).collect()
    }

    fn double(&self, field: u64) -> f64 {
        match self.all(field).last() {
            Some(Value::Double(double)) => *double,
            _ => panic!("{field} is no double"),
        }
    }

    fn text(&self, field: u64) -> &'a str {
        match self.all(field).last() {
            Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap(),
            _ => panic!("{field} is no text"),
        }
    }

    fn has(&self, field: u64) -> bool {
        self.all(field).next().is_some()
    }
}

/// The families of a page.
fn families(mut page: &[u8]) -> Vec<Fields<'_>> {
    let mut families = Vec::new();
    while !page.is_empty() {
        let length = varint(&mut page) as usize;
        let (family, rest) = page.split_at(length);
        page = rest;
        families.push(Fields::read(family));
    }
    families
}

struct Numbers;

impl Source for Numbers {
    fn specs(&self) -> Vec<Spec> {
        [JOBS, NODES, WAIT, START].into()
    }

    fn show(&self, parts: &mut Parts) {
        let [mut jobs, mut nodes, mut wait, mut start] =
            [JOBS, NODES, WAIT, START].map(Spec::family);
        jobs.add(&["b"], 0.0).add(&["ü\"\n"], 3.0);
        nodes.add(&[], f64::NAN);
        start.add(&[], 7.0);
        let exemplar = |value| {
            let label = ("jobid", "ƒ1".to_owned());
            Some(Exemplar { label, value, timestamp: 1_763_840_636.25 })
        };
        for queue in ["b", "a"] {
            wait.add_histogram(&[queue], &[1.0, 60.0], &[1, 2, 300], 1e6);
            wait.add_detail(Detail {
                native: (queue == "a").then(|| Native {
                    schema: 3,
                    zero_threshold: 0.5,
                    zero: 1,
                    buckets: vec![(-2, 2), (-1, 1), (5, 299)],
                }),
                exemplars: match queue {
                    "a" => vec![exemplar(0.5), None, exemplar(99.0)],
                    _ => Vec::new(),
                },
            });
        }
        parts.add([jobs, nodes, wait, start]);
    }
}

fn page(registry: Registry, exemplars: bool) -> Vec<u8> {
    struct Wanted(bool);
    impl Select for Wanted {
        fn family(&self, _: &str) -> bool {
            true
        }
        fn exemplars(&self) -> bool {
            self.0
        }
    }
    let families = Families::from(registry);
    families.register(Numbers).unwrap();
    let created = Created::at(1_763_840_636.123_4);
    let mut page = Page::new(Format::Protobuf);
    page.update(&families, Wanted(exemplars), &created).unwrap();
    page.text().to_vec()
}

#[test]
fn families_series_and_when_they_began() {
    let page = page(Registry::new(), true);
    let families = families(&page);
    let names: Vec<_> = families.iter().map(|f| f.text(1)).collect();
    assert_eq!(
        names,
        [PROCESS_START, "x_jobs_total", "x_nodes", "x_wait_seconds"]
    );
    let kinds: Vec<_> = families.iter().map(|f| f.numbers(3)).collect();
    assert_eq!(kinds, [[1], [0], [1], [4]]);
    let jobs = &families[1];
    assert_eq!(jobs.text(2), "Jobs.");
    let series = jobs.messages(4);
    let label = |series: &Fields| {
        let label = series.message(1);
        (label.text(1).to_owned(), label.text(2).to_owned())
    };
    assert_eq!(label(&series[0]), ("queue".into(), "b".into()));
    assert_eq!(label(&series[1]), ("queue".into(), "ü\"\n".into()));
    for (series, value) in series.iter().zip([0.0, 3.0]) {
        let counter = series.message(3);
        assert_eq!(counter.double(1), value);
        let created = counter.message(3);
        assert_eq!(created.numbers(1), [1_763_840_636]);
        assert_eq!(created.numbers(2), [123_000_000]);
    }
    let nodes = families[2].message(4).message(2);
    assert!(nodes.double(1).is_nan());
}

#[test]
fn histograms_have_both_kinds_of_buckets_and_exemplars() {
    let page = page(Registry::new(), true);
    let families = families(&page);
    let series = families[3].messages(4);
    let [a, b] = [0, 1].map(|i: usize| series[i].message(7));
    for histogram in [&a, &b] {
        assert_eq!(histogram.numbers(1), [303]);
        assert_eq!(histogram.double(2), 1e6);
        assert_eq!(histogram.message(15).numbers(1), [1_763_840_636]);
    }
    let bucket = |b: &Fields| (b.double(2), b.numbers(1)[0], b.has(3));
    let buckets: Vec<_> = b.messages(3).iter().map(bucket).collect();
    assert_eq!(buckets, [(1.0, 1, false), (60.0, 3, false)]);
    assert!(!b.has(5) && !b.has(6));

    let buckets: Vec<_> = a.messages(3).iter().map(bucket).collect();
    let last = (f64::INFINITY, 303, true);
    assert_eq!(buckets, [(1.0, 1, true), (60.0, 3, false), last]);
    let exemplar = a.messages(3)[2].message(3);
    assert_eq!(exemplar.message(1).text(1), "jobid");
    assert_eq!(exemplar.message(1).text(2), "ƒ1");
    assert_eq!(exemplar.double(2), 99.0);
    assert_eq!(exemplar.message(3).numbers(2), [250_000_000]);

    assert_eq!((a.signed(5), a.double(6)), (vec![3], 0.5));
    assert_eq!(a.numbers(7), [1]);
    let span = |span: &Fields| (span.signed(1)[0], span.numbers(2)[0]);
    let spans: Vec<_> = a.messages(12).iter().map(span).collect();
    // the second begins 5 after where the first ends
    assert_eq!(spans, [(-2, 2), (5, 1)]);
    assert_eq!(a.signed(13), [2, -1, 298]);
}

#[test]
fn exemplars_are_for_those_who_may_see_them() {
    let page = page(Registry::new(), false);
    assert!(!page.windows(5).any(|bytes| bytes == b"jobid"));
    let families = families(&page);
    let histogram = families[3].messages(4)[0].message(7);
    assert_eq!(histogram.messages(3).len(), 2);
    assert_eq!(histogram.signed(13), [2, -1, 298]);
}

/// What others register is written alike.
#[test]
fn families_of_others() {
    let registry = Registry::new();
    registry.register(Box::new(super::super::collected(Numbers))).unwrap();
    let options = Opts::new("y", "Y.").const_label("l", "v");
    let gauge = prometheus::Gauge::with_opts(options).unwrap();
    gauge.set(-1.5);
    registry.register(Box::new(gauge)).unwrap();
    let created = Created::at(1_763_840_636.123_4);
    let mut theirs = Vec::new();
    for family in registry.gather() {
        let created = created.of(family.name(), None);
        other(&family, created, &mut theirs);
    }
    let theirs = families(&theirs);
    assert_eq!(theirs.len(), 5);
    assert_eq!(theirs[4].message(4).message(2).double(1), -1.5);
    assert_eq!(theirs[4].message(4).message(1).text(2), "v");
    // but for what the registry does not know
    let page = page(Registry::new(), false);
    for (ours, theirs) in families(&page).iter().zip(&theirs).take(3) {
        let text = |f: &Fields| {
            let series = f.messages(4);
            let series = series.iter().map(|series| {
                let body = [2, 3].map(|kind| {
                    let body = series.messages(kind);
                    body.iter().map(|b| b.double(1).to_bits()).sum::<u64>()
                });
                let labels = series.messages(1);
                let labels = labels.iter().map(|l| l.text(2).to_owned());
                (labels.collect::<Vec<_>>(), body)
            });
            (f.text(1).to_owned(), f.text(2).to_owned(), series.collect())
        };
        let (ours, theirs): ((_, _, Vec<_>), (_, _, Vec<_>)) =
            (text(ours), text(theirs));
        assert_eq!(ours, theirs);
    }
    let histogram = theirs[3].messages(4)[0].message(7);
    assert_eq!(histogram.numbers(1), [303]);
    assert_eq!(histogram.messages(3).len(), 2);
    assert!(histogram.has(15));
}
