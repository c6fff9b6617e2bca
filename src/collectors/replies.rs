//! What the collectors make of answers, for those who try odd ones (`fuzz/`).

use super::{
    Jobs, broker, brokers, clients, content, content_sqlite, heartbeat,
    job_list, kvs, modules, nodes, overlay, queues, sched_stats, scheduler,
};
use crate::collectors::family::Family;
use crate::flux::{Error, Result};
use crate::job::Table;

/// What a collector would show after each answer in turn.
pub type Shows = Box<dyn FnMut(&str) -> Result<Vec<Family>>>;

/// More brokers than the tests have.
const SIZE: usize = 64;

/// The collectors that read answers by themselves. Where several belong
/// together, there is a tab between them.
pub fn all() -> Vec<(&'static str, Shows)> {
    let mut broker = broker::Totals::default();
    let info = [const { String::new() }; 4];
    let mut connects = super::total::Total::default();
    let mut sqlite = content_sqlite::Totals::default();
    let mut beats = super::total::Total::default();
    let jobs = Jobs::new(Table::new([1.0].into()));
    let mut kvs = kvs::Totals::default();
    let mut sched = sched_stats::Totals::default();
    vec![
        one("broker", move |reply| {
            let answer =
                broker::read(&info, Some(1.0), &mut broker, parts(reply)?)?;
            Ok(broker::show(&answer))
        }),
        one("brokers", |reply| {
            brokers::read(parts(reply)?, SIZE).map(|all| brokers::show(&all))
        }),
        one("clients", move |reply| {
            clients::read(&mut connects, reply).map(|all| clients::show(&all))
        }),
        one("content", |reply| {
            content::read(reply).map(|stats| content::show(&stats))
        }),
        one("content-sqlite", move |reply| {
            let answer = content_sqlite::read(&mut sqlite, reply)?;
            Ok(content_sqlite::show(&answer))
        }),
        one("heartbeat", move |reply| {
            heartbeat::read(&mut beats, reply).map(|all| heartbeat::show(&all))
        }),
        one("job-list", move |reply| {
            job_list::read(&jobs, reply).map(|all| job_list::show(&all))
        }),
        one("kvs", move |reply| {
            kvs::read(&mut kvs, reply).map(|answer| kvs::show(&answer))
        }),
        one("modules", |reply| {
            let [list, usage] = parts(reply)?;
            let mut modules = modules::read(list)?;
            modules::keep(&mut modules);
            modules::cpu_seconds(usage)?;
            Ok(modules::show(&modules))
        }),
        one("nodes", |reply| {
            let read = nodes::read(reply);
            let read = read.map_err(|e| Error::invalid(e.to_string()));
            read.map(|(nodes, _)| nodes::show(&nodes))
        }),
        one("overlay", |reply| {
            overlay::read(parts(reply)?).map(|answer| overlay::show(&answer))
        }),
        one("queues", |reply| {
            let [list, status] = parts(reply)?;
            let names = queues::list(list)?.into_iter();
            let all = names.map(|name| Ok((name, queues::status(status)?)));
            all.collect::<Result<_>>().map(|all| queues::show(&all))
        }),
        one("scheduler", |reply| {
            let [list, query] = parts(reply)?;
            let module = scheduler::find(modules::read(list)?)?;
            Ok(scheduler::show(&scheduler::read(module, query)?))
        }),
        one("sched-stats", move |reply| {
            let answer = sched_stats::read(&mut sched, reply)?;
            Ok(sched_stats::show(&answer))
        }),
    ]
}

fn one(
    name: &'static str,
    shows: impl FnMut(&str) -> Result<Vec<Family>> + 'static,
) -> (&'static str, Shows) {
    (name, Box::new(shows))
}

fn parts<const N: usize>(reply: &str) -> Result<[&str; N]> {
    let parts: Vec<_> = reply.split('\t').collect();
    let count = parts.len();
    parts
        .try_into()
        .map_err(|_| Error::invalid(format!("{count} answers for {N}")))
}
