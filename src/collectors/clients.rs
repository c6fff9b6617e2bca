//! Clients on the broker's machine: commands, jobs' shells, anything that
//! opened a connection.
//!
//! Source: `connector-local.stats-get`, which tells of each client and costs
//! accordingly.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::total::Total;
use super::{Context, parse};
use crate::flux::Result;

const INTERVAL: f64 = 30.0;

const CLIENTS: Spec = Spec::gauge(
    "flux_local_clients",
    &[],
    "Clients that are connected to the broker's local socket.",
);
const CONNECTS: Spec = Spec::counter(
    "flux_local_client_connects_total",
    &[],
    "Clients that connected to the broker's local socket.",
);
const BACKLOG: Spec = Spec::gauge(
    "flux_local_client_backlog_messages",
    &[],
    "Messages that clients on the local socket have yet to read, added up \
     over them.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[CLIENTS, CONNECTS, BACKLOG];

const STATS: &str = "connector-local.stats-get";

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let mut connects = Total::default();
    let questions = [(c"connector-local.stats-get", "{}")];
    context.poll_all(questions, INTERVAL, move |[reply]| {
        latest.set(read(&mut connects, reply)?);
        Ok(())
    })
}

pub(super) fn read(
    connects: &mut Total,
    reply: &str,
) -> Result<Option<Answer>> {
    let stats: Stats = parse(STATS, reply)?;
    Ok(stats.server.map(|server| Answer {
        connects: connects.follow(server.connects),
        clients: server.clients.len(),
        backlog: server.clients.iter().map(|c| c.rxbacklog as f64).sum(),
    }))
}

/// What a scrape shows.
pub(super) struct Answer {
    connects: f64,
    clients: usize,
    backlog: f64,
}

pub(super) fn show(answer: &Option<Answer>) -> Vec<Family> {
    let Some(answer) = answer else { return Vec::new() };
    let (mut clients, mut connects) = (CLIENTS.family(), CONNECTS.family());
    let mut backlog = BACKLOG.family();
    clients.add(&[], answer.clients as f64);
    connects.add(&[], answer.connects);
    backlog.add(&[], answer.backlog);
    vec![clients, connects, backlog]
}

#[derive(Deserialize)]
struct Stats {
    /// Absent before Flux 0.83 or so.
    server: Option<Server>,
}

#[derive(Deserialize)]
struct Server {
    clients: Vec<Client>,
    connects: i64,
}

#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    rxbacklog: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_real_answers() {
        let reply = r#"{"server":{"clients":[{"uuid":"ca15626f","userid":0,
            "pid":5155,"txcount":18,"rxcount":18,"rxbacklog":2},
            {"uuid":"1d2b5914","userid":0,"pid":5673,"txcount":42,
            "rxcount":41,"rxbacklog":1}],"connects":33},
            "allow_guest_user":false,"allow_root_owner":false}"#;
        let stats: Stats = parse(STATS, reply).unwrap();
        let server = stats.server.unwrap();
        assert_eq!((server.connects, server.clients.len()), (33, 2));
        assert_eq!(server.clients[0].rxbacklog, 2);
    }

    #[test]
    fn an_older_answer_is_nothing_to_show() {
        let stats: Stats = parse(STATS, r#"{"tx":{},"rx":{}}"#).unwrap();
        assert!(stats.server.is_none());
        assert!(show(&None).is_empty());
    }
}
