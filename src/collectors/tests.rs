//! What is kept of a page is what would be written anew, whatever happens.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::children::{Level, Report, Tree};
use super::custom::Custom;
use super::health::Health;
use super::latest::Latest;
use super::resources::metrics::Transitions;
use super::testing::series;
use super::*;
use crate::exposition::{
    Created, Families, Family, Format, Page, Select, Source, Spec, shown,
};
use crate::job::accounts::Kind;
use crate::job::histogram::{DEFAULT_BOUNDS, Detail};
use crate::job::{Table, Time};
use crate::random::Random;
use crate::resource::{Housekeeping, Requires, Status};

const JOURNALS: [&str; 3] = [
    include_str!("../../tests/golden/mixed.jsonl"),
    include_str!("../../tests/golden/gap.jsonl"),
    include_str!("../../tests/golden/awkward.jsonl"),
];
const STATUS: &str = r#"{"R":{"version":1,"execution":{"R_lite":[{"rank":
    "0-3","children":{"core":"0-7"}}],"starttime":0.0,"expiration":0.0,
    "nodelist":["fake[0-3]"]}},"drain":{},"online":"0-2","offline":"3","exclude":""}"#;
const HOUSEKEEPING: &str =
    r#"{"housekeeping":{"running":{},"config":{"command":"sleep 6"}}}"#;

const POLLED: &[Spec] = &[
    Spec::gauge("x_info", &["of"], "Another type where it is not 1."),
    Spec::gauge("x", &[], "There or not, and then x_info is a gauge."),
];

/// Those that grow by the clock, with which no two pages are the same.
const GROWING: [&str; 5] = [
    "flux_autoscale_oldest_pending_seconds",
    "flux_autoscale_idle_seconds",
    "flux_queue_oldest_pending_seconds",
    "flux_queue_idle_seconds",
    "flux_node_state_seconds_total",
];

#[derive(Clone, Copy)]
struct View {
    private: bool,
    exemplars: bool,
}

impl Select for View {
    fn family(&self, name: &str) -> bool {
        let private = name.starts_with("flux_job");
        (self.private || !private) && !GROWING.contains(&name)
    }

    fn exemplars(&self) -> bool {
        self.exemplars
    }
}

/// All that is shown by version, and what changes it.
struct World {
    random: Random,
    jobs: Jobs,
    clock: Arc<Mutex<Time>>,
    lines: std::vec::IntoIter<String>,
    healths: Arc<[Arc<Health>]>,
    latest: Latest<u64>,
    transitions: Arc<Transitions>,
    custom: Custom,
    tree: Tree,
    stats: stats::Shown,
    created: Created,
    families: Families,
    pages: Vec<(Format, View, Page)>,
}

fn polled(answer: &u64) -> Vec<Family> {
    let [mut info, mut other] = [POLLED[0], POLLED[1]].map(Spec::family);
    info.add(&["1"], (answer % 3) as f64);
    if answer % 2 == 0 {
        other.add(&[], *answer as f64 / 7.0);
    }
    vec![info, other]
}

fn lines() -> std::vec::IntoIter<String> {
    let all = JOURNALS.iter().flat_map(|journal| journal.lines());
    all.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut table = Table::new(DEFAULT_BOUNDS.into());
        table.open_accounts(Kind::User, 3);
        table.begin();
        let jobs = Jobs::new(table);
        let names = ["jobs", "autoscale", "polled"];
        let healths: Arc<[_]> =
            names.into_iter().map(|name| Arc::new(Health::new(name))).collect();
        let clock = Arc::new(Mutex::new(Time::ZERO));
        let (custom, tree) = (Custom::new(Default::default()), Tree::default());
        tree.lock().set_places(2);
        let transitions = Arc::<Transitions>::default();
        let stats = stats::Shown::default();
        **stats.lock() = vec![None; 2];
        let (latest, metrics) = Latest::new(POLLED, &healths[2], polled);
        let families = Families::default();
        let (of, all) = (clock.clone(), healths.clone());
        let now = move || *of.lock().unwrap();
        let own = jobs::metrics::Metrics::with_clock(&jobs, now);
        families.register(own).unwrap();
        families.register(metrics).unwrap();
        let nodes = resources::metrics::Metrics::new(&jobs, &transitions);
        families.register(nodes).unwrap();
        families.register(custom.clone()).unwrap();
        families.register(stats.clone()).unwrap();
        let (jobs, health) = (jobs.clone(), healths[1].clone());
        let auto = autoscale::Metrics { jobs: jobs.clone(), health };
        families.register(auto).unwrap();
        let below = children::Metrics {
            jobs: jobs.clone(),
            tree: tree.clone(),
            dropped: Default::default(),
        };
        families.register(below).unwrap();
        let (flux_core, jobs) = (String::new(), jobs.clone());
        let exporter = exporter::Metrics { flux_core, jobs: jobs.clone(), all };
        families.register(exporter).unwrap();
        let mut pages = Vec::new();
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            for (private, exemplars) in
                [(true, true), (true, false), (false, false)]
            {
                let view = View { private, exemplars };
                pages.push((format, view, Page::new(format)));
            }
        }
        Self {
            random: Random(seed),
            jobs,
            clock,
            lines: lines(),
            healths,
            latest,
            transitions,
            custom,
            tree,
            stats,
            created: Created::at(1.0),
            families,
            pages,
        }
    }

    /// One thing; which one, for who has to find out what went wrong.
    fn happen(&mut self) -> String {
        let kind = self.random.below(32);
        let n = self.random.below(4);
        let flag = n % 2 == 0;
        let now = Time::from_secs(1_795_374_800.0 + 50.0 * n as f64);
        let health = &self.healths[self.random.below(3) as usize];
        let jobs = &self.jobs;
        match kind {
            0 => jobs.lock().set_queues(&["batch", "debug"][n as usize % 2..]),
            1 if n == 3 => jobs.lock().forget_stopped(),
            1 => jobs.lock().set_stopped(&["batch", ""][n as usize % 2..]),
            2 => {
                let online = ["0-2", "0-3"][n as usize % 2];
                let status = STATUS.replace("0-2", online);
                let status = Status::parse(&status).unwrap();
                jobs.lock().set_nodes(status, Requires::default(), now);
            }
            3 if flag => jobs.lock().forget_nodes(),
            4 => jobs.lock().settle(now),
            5 if n == 0 => jobs.lock().set_bounds([1.0, 60.0].into()),
            6 => jobs
                .lock()
                .set_detail(Detail { native: flag, exemplars: n < 2 }),
            7 => {
                let said = Housekeeping::parse(HOUSEKEEPING).unwrap();
                jobs.lock().set_housekeeping(said, now);
            }
            8 => jobs.lock().choose_accounts(Kind::User, now),
            9 | 10 => health.hear(),
            11 => health.down(None),
            12 => health.count_error(),
            13 => health.count_dropped(n),
            14 | 25..=27 => self.latest.set(self.random.below(6)),
            15 if flag => self.transitions.listening(),
            16 => self.transitions.count([n, 0, 0, 1, 0, 0]),
            17..=19 => {
                let value = self.random.below(4) as i64 - 1;
                let kind = if flag { "gauge" } else { "counter" };
                let update = json!({
                    "name": format!("x{n}"),
                    "type": kind,
                    "labels": { "l": self.random.below(3).to_string() },
                    "value": value });
                // a counter that would fall is refused, and counted
                let taken = self.custom.take(None, &update.to_string());
                assert_eq!(taken.is_ok(), value >= 0 || flag, "{taken:?}");
            }
            20 if n == 0 => self.custom.store().expire(1e9),
            21 => {
                let id = [37_966_839_808, 37_983_617_024][n as usize % 2];
                let level = Level { nodes_wanted: n, ..Level::default() };
                let seq = self.random.below(9);
                let levels = vec![level];
                let report = Report { seq, levels, ..Report::new(id, 1, 1e4) };
                let now = std::time::Instant::now();
                self.tree.lock().take(report, 1e6, now).unwrap();
            }
            22 => {
                let mut family = POLLED[1].family();
                family.add(&[], n as f64);
                self.stats.set(n as usize % 2, flag.then_some(family));
            }
            23 if n == 0 => {
                let at = Some(self.random.below(9) as f64);
                self.created.set("flux_jobs_submitted_total", at);
            }
            24 => {
                let seconds = 1_795_375_000.0 + self.random.below(99) as f64;
                *self.clock.lock().unwrap() = Time::from_secs(seconds);
            }
            _ => return self.journal(now),
        }
        format!("{kind} {n}")
    }

    /// The next line of the journal.
    fn journal(&mut self, now: Time) -> String {
        let Some(line) = self.lines.next() else {
            self.lines = lines();
            self.jobs.lock().lost(now);
            self.jobs.lock().begin();
            return "begin again".into();
        };
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        let mut table = self.jobs.lock();
        match value["test"].as_str() {
            Some("lost") => table.lost(now),
            Some("begin") => table.begin(),
            _ => drop(table.apply(&line, now)),
        }
        line
    }

    /// Brings the pages up to date and compares them with new ones.
    fn check(&mut self, after: &str) {
        for (format, view, page) in &mut self.pages {
            let (families, created) = (&self.families, &self.created);
            page.update(families, *view, created).unwrap();
            let mut anew = Page::new(*format);
            anew.update(families, *view, created).unwrap();
            let text =
                |page: &Page| String::from_utf8_lossy(page.text()).into_owned();
            if page.text() != anew.text() {
                let (page, anew) = (text(page), text(&anew));
                let mut differ = page.lines().zip(anew.lines());
                let differ = differ.find(|(a, b)| a != b);
                panic!("{format:?} after {after}: {differ:?}");
            }
        }
    }
}

#[test]
fn what_is_kept_is_what_would_be_written_anew() {
    for seed in 1..=2 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            // more at a time than one may make good for each other
            let times = 1 + world.random.below(4);
            let after: Vec<_> = (0..times).map(|_| world.happen()).collect();
            world.check(&after.join("; "));
        }
        let custom = series(shown(&world.custom));
        let published = custom["flux_exporter_custom_updates_total"];
        assert!(published > 50.0, "{published}");
    }
}

#[test]
fn who_is_not_told_which_queues_are_stopped_does_not_guess() {
    let jobs = Jobs::new(Table::new([1.0].into()));
    let health = Arc::new(Health::new("autoscale"));
    health.hear();
    let mut table = jobs.lock();
    table.begin();
    table.apply(r#"{"id":-1,"events":[]}"#, Time::from_secs(1.0));
    table.set_queues(&["batch"]);
    let status = Status::parse(STATUS).unwrap();
    table.set_nodes(status, Requires::default(), Time::from_secs(1.0));
    drop(table);
    let own = jobs::metrics::Metrics::new(&jobs);
    let auto = autoscale::Metrics { jobs: jobs.clone(), health };
    let tells = || {
        let [own, auto]: [&dyn Source; 2] = [&own, &auto];
        let [own, auto] = [own, auto].map(|of| series(shown(of)));
        let blocked = |reason| {
            let labels = format!("{{queue=batch,reason={reason}}}");
            own.contains_key(&format!("flux_jobs_blocked{labels}"))
        };
        assert!(blocked("held") && blocked("dependency"));
        let level = Level::of(&jobs.lock()).is_some();
        [blocked("queue_stopped"), !auto.is_empty(), level]
    };
    // nobody was ever to tell
    assert_eq!(tells(), [true; 3]);
    jobs.lock().set_stopped(&["batch"]);
    assert_eq!(tells(), [true; 3]);
    jobs.lock().forget_stopped();
    assert_eq!(tells(), [false; 3]);
    jobs.lock().set_stopped(&[]);
    assert_eq!(tells(), [true; 3]);
}
