//! Native histograms and exemplars, as a Prometheus server reads them.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use flux_prometheus::job::JobId;
use flux_prometheus::job::id::from_f58;

use super::instance::{Host, Instance, wait_for};
use super::prometheus::Prometheus;
use super::tools;

const JOBS: usize = 3;

/// An instance in which some jobs have run, and what Flux calls them.
fn instance(host: Host, args: &[&str]) -> (Instance, Vec<JobId>) {
    let instance = host.start(&["--test-size=1"]);
    instance.load_args(&[], &[&["listen=127.0.0.1:0"], args].concat());
    let name = |_| {
        let submitted = instance.flux(&["submit", "true"]);
        let id = submitted.trim();
        // the stand-in prints numbers
        from_f58(id).or(id.parse().ok()).unwrap()
    };
    let names = (0..JOBS).map(name).collect();
    wait_for("the jobs to end", || {
        let page = instance.scrape();
        let done = page.sum("flux_jobs_finished_total", &[]);
        (done == JOBS as f64).then_some(())
    });
    (instance, names)
}

/// Ids of jobs in exemplars of what matches.
fn exemplars(prometheus: &Prometheus, selector: &str) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let path = format!(
        "query_exemplars?query={selector}&start={}&end={}",
        now - 3600,
        now + 3600
    );
    let all = prometheus.api(&path);
    let series = all.as_array().unwrap().iter();
    let exemplars = series.flat_map(|s| s["exemplars"].as_array().unwrap());
    exemplars
        .map(|e| e["labels"]["jobid"].as_str().unwrap().to_owned())
        .collect()
}

fn with_server(test: &str, f: impl Fn(Host, &PathBuf)) {
    let Some(server) = tools::find("prometheus", test) else { return };
    f(Host::Standin, &server);
    if !super::instance::skip(test) {
        f(Host::Flux, &server);
    }
}

#[test]
fn are_read_by_way_of_protobuf() {
    with_server("native::are_read_by_way_of_protobuf", |host, server| {
        let args = ["native-histograms", "exemplars"];
        let (instance, names) = instance(host, &args);
        let address = instance.address("prometheus");
        let features = ["native-histograms", "exemplar-storage"];
        let prometheus =
            Prometheus::start_featured(server, &address, &[], &features);
        for name in ["wait", "run"] {
            let name = format!("flux_job_{name}_seconds");
            let one = |expr: String| match prometheus.query(&expr)[..] {
                [value] => Some(value),
                _ => None,
            };
            let count = wait_for("a native histogram", || {
                one(format!("histogram_count({name})"))
            });
            assert_eq!(count, JOBS as f64);
            let page = instance.scrape();
            let sum = page.sum(&format!("{name}_sum"), &[]);
            let theirs = one(format!("histogram_sum({name})")).unwrap();
            assert!((theirs - sum).abs() < 1e-9, "{theirs}, not {sum}");
            // no quantile is above what all of them took together
            let quantile =
                one(format!("histogram_quantile(1, {name})")).unwrap();
            let most = sum * 2.0_f64.powf(0.125);
            assert!(quantile > 0.0 && quantile <= most, "{quantile}, {sum}");
            let all =
                one(format!("histogram_fraction(0, 1e9, {name})")).unwrap();
            assert!((all - 1.0).abs() < 1e-9, "{all}");
            // it names jobs that there were
            let seen = wait_for("exemplars", || {
                let seen = exemplars(&prometheus, &name);
                (!seen.is_empty()).then_some(seen)
            });
            for name in seen {
                let id = from_f58(&name).unwrap();
                assert!(name.starts_with('ƒ') && names.contains(&id), "{name}");
            }
        }
        // what is no histogram comes as ever
        let up = prometheus.query("flux_jobs_finished_total");
        assert_eq!(up.iter().sum::<f64>(), JOBS as f64);
        instance.flux(&["module", "remove", "prometheus"]);
    });
}

#[test]
fn exemplars_are_read_in_openmetrics_too() {
    let test = "native::exemplars_are_read_in_openmetrics_too";
    with_server(test, |host, server| {
        let (instance, names) = instance(host, &["exemplars"]);
        let address = instance.address("prometheus");
        let features = ["exemplar-storage"];
        let prometheus =
            Prometheus::start_featured(server, &address, &[], &features);
        let seen = wait_for("exemplars", || {
            let seen = exemplars(&prometheus, "flux_job_run_seconds_bucket");
            (!seen.is_empty()).then_some(seen)
        });
        for name in seen {
            let id = from_f58(&name).unwrap();
            assert!(name.starts_with('ƒ') && names.contains(&id), "{name}");
        }
        let count = prometheus.query("sum(flux_job_run_seconds_count)");
        assert_eq!(count, [JOBS as f64]);
        instance.flux(&["module", "remove", "prometheus"]);
    });
}
