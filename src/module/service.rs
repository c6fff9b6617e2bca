//! What the module answers over Flux: `NAME.stats-get` and
//! `NAME.config-reload`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use prometheus::proto::MetricType;
use serde_json::{Map, Value, json};

use super::guard::Guard;
use super::listeners::Listeners;
use crate::collectors::health::Health;
use crate::collectors::jobs::metrics::SPECS;
use crate::collectors::{self, Jobs, Reloads};
use crate::config::Config;
use crate::flux::{Error, Level, Result, Role, Scope};
use crate::http::Site;

/// The state that requests are answered from.
#[derive(Clone)]
pub struct Service {
    /// Where the handlers live.
    pub scope: Scope,
    /// Of this broker.
    pub rank: u32,
    /// The module's arguments, which override the table at reload too.
    pub args: Vec<String>,
    /// The job table.
    pub jobs: Jobs,
    /// How the collectors are doing.
    pub all: Arc<[Arc<Health>]>,
    /// Where the endpoint listens.
    pub listeners: Listeners,
    /// Whom it answers.
    pub guard: Guard,
    /// What the endpoint counts.
    pub site: Arc<Site>,
    /// Collectors that follow the settings.
    pub reloads: Reloads,
    /// The settings of the load.
    pub config: Rc<Config>,
    /// Those of the last reload, or of the load.
    pub last: Rc<RefCell<Config>>,
}

impl Service {
    /// Registers the methods under the name that the module was loaded as.
    pub fn start(self, name: &str) -> Result<()> {
        let scope = self.scope.clone();
        let service = self.clone();
        scope.serve(
            &format!("{name}.stats-get"),
            Role::Guest,
            move |request| {
                // as job-manager.stats-get does it
                let private = service.guard.is_private();
                let all = !private || request.is_privileged()?;
                Ok(service.stats(all).to_string())
            },
        )?;
        let topic = format!("{name}.config-reload");
        scope.serve(&topic, Role::Owner, move |request| {
            self.reload(request.payload()?).inspect_err(|error| {
                // whole: who asked is shown the beginning of it
                let line = format!("reload refused: {error}");
                self.scope.handle().log(Level::Error, &line);
            })?;
            Ok(String::new())
        })
    }

    fn reload(&self, payload: &str) -> Result<()> {
        let config = parse_config(payload, &self.args)?;
        // the parts that can fail first, so that all is applied or nothing
        let rules = self.guard.rules(&config)?;
        let listen = config.listen_on(self.rank);
        let ownership = rules.ownership;
        let set = || self.guard.set(&config, rules);
        self.listeners.replace(listen, ownership, set)?;
        self.set_buckets(config.buckets.as_slice());
        self.reloads.run(&config);
        self.listeners.explain(config.not_listening(self.rank));
        self.say_what_waits(config);
        Ok(())
    }

    /// Logs which settings a reload has changed to no effect.
    fn say_what_waits(&self, config: Config) {
        let waiting = self.config.for_the_next_load(&config);
        let news = !self.last.borrow().for_the_next_load(&config).is_empty();
        if news && !waiting.is_empty() {
            let line = format!(
                "prometheus.{}: changed, and taken up at the next load only",
                waiting.join(", prometheus.")
            );
            self.scope.handle().log(Level::Warning, &line);
        }
        self.last.replace(config);
    }

    /// Gives the histograms of jobs other bounds, which empties them; a
    /// reload that does not change the bounds must not.
    fn set_buckets(&self, bounds: &[f64]) {
        let mut table = self.jobs.lock();
        if table.totals().bounds() == bounds {
            return;
        }
        table.set_bounds(bounds.into());
        let mut created = self.site.created();
        for spec in SPECS.iter().filter(|s| s.kind == MetricType::HISTOGRAM) {
            created.set(spec.name, Some(collectors::now().as_secs()));
        }
    }

    /// With the figures of jobs, and with problems, only if `all`.
    fn stats(&self, all: bool) -> Value {
        let collectors: Map<_, _> = self
            .all
            .iter()
            .map(|health| (health.name().to_owned(), health.stats(all)))
            .collect();
        let counts = self.site.counts();
        let mut stats = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "listeners": self.listeners.stats(),
            "not-listening": self.listeners.why_none(),
            "access": self.guard.stats(),
            "http": {
                "connections": counts.connections.get(),
                "refused": counts.refused.get(),
                "denied": counts.denied.get(),
                "handshakes-failed": counts.handshakes_failed.get(),
                "files-refused": counts.files_refused.get(),
                "scrapes": counts.scrape_seconds.count(),
            },
            "collectors": collectors,
            "panics": self.scope.panics(),
        });
        if all {
            let table = self.jobs.lock();
            stats["jobs"] = json!({ "active": table.active() });
            stats["journal"] = json!({
                "synced": table.synced(),
                "events": table.events(),
                "resyncs": table.resyncs(),
                "lag": table.lag(),
            });
        }
        stats
    }
}

/// Settings from the whole of Flux's configuration, as JSON, and the module's
/// arguments.
pub fn parse_config(table: &str, args: &[String]) -> Result<Config> {
    let table: Value = serde_json::from_str(table).map_err(|error| {
        Error::new(libc::EPROTO, format!("configuration: {error}"))
    })?;
    Config::from_json(&table, args)
        .map_err(|error| Error::invalid(error.to_string()))
}
