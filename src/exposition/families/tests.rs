//! What is written directly is what the registry would have said.

use super::super::created::PROCESS_START;
use prometheus::{HistogramOpts, IntCounter, IntGaugeVec, Opts};

use super::super::Parts;
use super::*;

const JOBS: Spec = Spec::counter("x_jobs_total", &["queue", "state"], "Jobs.");
const WAIT: Spec =
    Spec::histogram("x_wait_seconds", &["queue"], "A \\ and\na \"quote\".");
const NODES: Spec = Spec::gauge("x_nodes", &[], "Nodes.");
const INFO: Spec = Spec::gauge("x_info", &["version"], "Info.");
const EMPTY: Spec = Spec::gauge("x_empty", &["queue"], "Never there.");
const START: Spec = Spec::gauge(PROCESS_START, &[], "Start.");
const CPU: Spec = Spec::counter("process_cpu_seconds_total", &[], "CPU.");

/// Shows what `x_info` is at present.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<f64>>);

impl Source for Numbers {
    fn specs(&self) -> Vec<Spec> {
        [WAIT, JOBS, NODES, INFO, EMPTY, START, CPU].into()
    }

    fn show(&self, parts: &mut Parts) {
        let mut wait = WAIT.family();
        let mut jobs = JOBS.family();
        // in an order that is not that of the page
        for queue in ["b", "", "a!", "a", "\\ \" \n ü \u{1F600}"] {
            let bounds = [0.1, 1.0, 604_800.0, 1e6];
            wait.add_histogram(&[queue], &bounds, &[1, 0, 2, 3, 4], 0.5);
            for (state, n) in [("sched", 1.5e-9), ("run", 3.0), ("a", 1e300)] {
                jobs.add(&[queue, state], n);
            }
        }
        let [mut nodes, mut info, mut start, mut cpu] =
            [NODES, INFO, START, CPU].map(Spec::family);
        nodes.add(&[], f64::NAN);
        let value = *lock(&self.0);
        if value != 0.0 {
            info.add(&["1"], value);
        }
        start.add(&[], 3.25);
        cpu.add(&[], 0.75);
        parts.add([wait, EMPTY.family(), jobs, nodes, info, start, cpu]);
    }
}

fn numbers(info: f64) -> Numbers {
    Numbers(Arc::new(Mutex::new(info)))
}

fn families() -> Families {
    let families = Families::default();
    families.register(numbers(1.0)).unwrap();
    // what others register, before, between and after ours
    let registry = families.registry();
    for name in ["a_total", "x_middle_total", "z"] {
        let counter = IntCounter::new(name, "Help.").unwrap();
        registry.register(Box::new(counter)).unwrap();
    }
    let vec = IntGaugeVec::new(Opts::new("x_vec", "Vec."), &["l"]).unwrap();
    vec.with_label_values(&["\"\\\n"]).set(7);
    registry.register(Box::new(vec)).unwrap();
    let options = HistogramOpts::new("x_late_seconds", "Late.");
    let late = prometheus::Histogram::with_opts(options).unwrap();
    late.observe(0.3);
    registry.register(Box::new(late)).unwrap();
    families
}

fn page(families: &Families, format: Format, created: &Created) -> String {
    let mut text = String::new();
    families.write_text(format, |_| true, created, &mut text).unwrap();
    text
}

#[test]
fn both_ways_say_the_same() {
    let families = families();
    let mut created = Created::at(1_763_840_636.123_456);
    created.set("x_wait_seconds", Some(5.0));
    created.set("z", None);
    for format in [Format::Text, Format::OpenMetrics] {
        let gathered = families.gather();
        let mut expected = String::new();
        format.encode(&gathered, &created, &mut expected).unwrap();
        assert_eq!(gathered.len(), 11);
        for _ in 0..2 {
            assert_eq!(page(&families, format, &created), expected);
        }
    }
    let page = page(&families, Format::OpenMetrics, &created);
    let line = "\nprocess_cpu_seconds_created 3.25\n";
    assert!(page.contains(line), "{page}");
}

#[test]
fn a_registry_that_has_something_already() {
    let registry = Registry::new();
    let counter = IntCounter::new("x_old_total", "Old.").unwrap();
    registry.register(Box::new(counter.clone())).unwrap();
    let families = Families::from(registry);
    counter.inc();
    let page = page(&families, Format::Text, &Created::default());
    assert!(page.ends_with("\nx_old_total 1\n"), "{page}");
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let families = families();
    for format in [Format::Text, Format::OpenMetrics] {
        let mut text = String::new();
        let wanted = |name: &str| !name.starts_with("x_");
        let created = Created::default();
        families.write_text(format, wanted, &created, &mut text).unwrap();
        assert!(!text.contains("x_"), "{text}");
        assert!(text.contains("a_total") && text.contains("\nz "), "{text}");
    }
}

#[test]
fn names_are_once_in_a_registry() {
    let families = families();
    assert!(families.register(numbers(1.0)).is_err());
    let before = page(&families, Format::Text, &Created::default());
    assert_eq!(before.matches("# TYPE x_nodes ").count(), 1);
}

#[test]
fn others_may_gather_while_a_page_is_written() {
    let families = families();
    let writing = Writing::begin(&families.0.writing);
    let there = families.gather();
    assert!(there.iter().all(|family| family.name() != "x_nodes"));
    let other = families.clone();
    let elsewhere = thread::spawn(move || other.gather());
    assert_eq!(elsewhere.join().unwrap().len(), 11);
    drop(writing);
    assert_eq!(families.gather().len(), 11);
}

#[test]
fn what_changed_is_written_anew() {
    let numbers = numbers(1.0);
    let families = Families::default();
    families.register(numbers.clone()).unwrap();
    let mut created = Created::at(10.0);
    let mut pages = Vec::new();
    let mut kept = [Format::Text, Format::OpenMetrics].map(Page::new);
    // 0 is left out, and what is not 1 is of another type in OpenMetrics
    for (value, began) in
        [(1.0, 10.0), (0.5, 10.0), (2.0, 20.0), (0.0, 20.0), (1.0, 10.0)]
    {
        *lock(&numbers.0) = value;
        created.set("x_jobs_total", Some(began));
        for (format, page) in
            [Format::Text, Format::OpenMetrics].into_iter().zip(&mut kept)
        {
            let gathered = families.gather();
            let mut expected = String::new();
            format.encode(&gathered, &created, &mut expected).unwrap();
            page.update(&families, |_: &str| true, &created).unwrap();
            assert_eq!(std::str::from_utf8(page.text()).unwrap(), expected);
            pages.push(expected);
        }
    }
    assert_eq!(pages[..2], pages[8..]);
    let zeros = |value: f64| {
        let mut family = NODES.family();
        family.add(&[], value);
        family
    };
    assert_eq!(zeros(0.0), zeros(0.0));
    assert_ne!(zeros(0.0), zeros(-0.0));
}
