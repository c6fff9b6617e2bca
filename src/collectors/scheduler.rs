//! What waits for the scheduler, and whether there is one.
//!
//! Source: `job-manager.alloc-query`, in 0.2 ms, and `module.list`: whoever
//! provides the service `sched` is the scheduler.

use std::rc::Rc;

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::modules::{self, Module};
use super::{Context, parse};
use crate::flux::{Error, Result};

const INTERVAL: f64 = 5.0;

const INFO: Spec = Spec::gauge(
    "flux_sched_info",
    &["module"],
    "Always 1; the label is the module that is the scheduler.",
);
const QUEUE_LENGTH: Spec = Spec::gauge(
    "flux_sched_queue_length",
    &[],
    "Jobs that wait in the job manager to be offered to the scheduler.",
);
const ALLOC_PENDING: Spec = Spec::gauge(
    "flux_sched_alloc_pending",
    &[],
    "Jobs that were offered to the scheduler and have no resources yet; some \
     schedulers take only a few at a time.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[INFO, QUEUE_LENGTH, ALLOC_PENDING];

const QUERY: &str = "job-manager.alloc-query";

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Rc::new(Latest::register(context, SPECS, show)?);
    let asking = context.clone();
    context.rounds(INTERVAL, move |round| {
        let (again, latest) = (asking.clone(), latest.clone());
        provider(&asking, move |provider| {
            let module = match provider {
                Ok(module) => module,
                Err(error) => return round.finish(Err(error)),
            };
            let questions = [(c"job-manager.alloc-query", "{}")];
            again.ask(questions, INTERVAL, move |answer| {
                round.finish(answer.and_then(|[reply]| {
                    latest.set(read(module, &reply)?);
                    Ok(())
                }));
            });
        });
    })
}

/// Asks for the name of the module that is the scheduler.
pub fn provider(context: &Context, f: impl FnOnce(Result<String>) + 'static) {
    modules::list(context, move |modules| f(modules.and_then(find)));
}

pub(super) fn find(modules: Vec<Module>) -> Result<String> {
    let is_sched = |module: &Module| {
        module.services.iter().any(|service| service == "sched")
    };
    let module = modules.into_iter().find(is_sched);
    module
        .map(|module| module.name)
        .ok_or_else(|| Error::new(libc::ENOSYS, "no scheduler is loaded"))
}

pub(super) fn read(module: String, reply: &str) -> Result<Answer> {
    Ok(Answer { module, query: parse(QUERY, reply)? })
}

/// What a scrape shows.
pub(super) struct Answer {
    module: String,
    query: Query,
}

#[derive(Deserialize)]
struct Query {
    queue_length: i64,
    alloc_pending: i64,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let mut info = INFO.family();
    info.add(&[&answer.module], 1.0);
    let mut queue_length = QUEUE_LENGTH.family();
    queue_length.add(&[], answer.query.queue_length as f64);
    let mut alloc_pending = ALLOC_PENDING.family();
    alloc_pending.add(&[], answer.query.alloc_pending as f64);
    vec![info, queue_length, alloc_pending]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    fn modules(services: &str) -> Vec<Module> {
        let text = format!(
            r#"[{{"name":"kvs","status":1,"services":["kvs"]}},
                {{"name":"sched-fifo","status":1,"services":{services}}}]"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_scheduler_is_who_provides_sched() {
        let found = find(modules(r#"["sched-fifo","feasibility","sched"]"#));
        assert_eq!(found, Ok("sched-fifo".into()));
        let error = find(modules(r#"["sched-fifo"]"#)).unwrap_err();
        assert_eq!(error.text, "no scheduler is loaded");
    }

    #[test]
    fn shows_a_real_answer() {
        let reply = r#"{"queue_length":7,"alloc_pending":3,"running":2}"#;
        let query = parse(QUERY, reply).unwrap();
        let shown = series(show(&Answer { module: "x".into(), query }));
        assert_eq!(shown["flux_sched_info{module=x}"], 1.0);
        assert_eq!(shown["flux_sched_queue_length"], 7.0);
        assert_eq!(shown["flux_sched_alloc_pending"], 3.0);
    }
}
