//! One load of the module: settings, state, collectors, endpoint; and the
//! one teardown.

mod guard;
mod listeners;
mod service;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::collectors::children::Tree;
use crate::collectors::health::Health;
use crate::collectors::{self, Context, Ends, Jobs, Reloads};
use crate::config::Config;
use crate::exposition::Families;
use crate::flux::{self, Error, Handle, Level, OnPanic, Result, Scope};
use crate::http::{About, Server, Site};
use crate::job::Table;
use guard::{Guard, Rules};
use listeners::Listeners;

/// How long the thread that serves HTTP may take to end. It does nothing that
/// blocks, so this is a bound on surprises.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The name of that thread, as `ps -L` shows it.
const THREAD: &str = "prom-http";

/// How long the broker may take to tell its configuration.
const CONFIG_TIMEOUT: f64 = 10.0;

/// Everything that one load of the module consists of.
pub struct Module {
    /// The module's own requests and timers, and one scope a collector.
    scopes: Vec<Scope>,
    reloads: Reloads,
    ends: Ends,
    listeners: Listeners,
}

impl flux::run::Module for Module {
    fn load(handle: Handle, args: &[String]) -> Result<Self> {
        let config = Rc::new(read_config(handle, args)?);
        let rules = Rules::new(&config, &guard::Owner::default())?;
        let mut table = Table::new(config.buckets.as_slice().into());
        table.set_detail(config.detail);
        let jobs = Jobs::new(table);
        let families = Families::default();
        let site = Arc::new(site(handle, &families, &jobs, &config)?);
        let server = flux::thread::with_signals_blocked(|| {
            Server::start(site.clone(), config.limits, THREAD)
        })
        .map_err(|error| Error::from(error).context("http thread"))?;

        let scope = Scope::new(handle, "module", OnPanic::Continue);
        let listeners = Listeners::new(scope.clone(), server);
        // From here on what was begun must be ended, whatever happens.
        let module = Self {
            scopes: vec![scope],
            reloads: Reloads::default(),
            ends: Ends::default(),
            listeners,
        };
        flux::run::go_on(
            module,
            |it| it.start(handle, args, config, rules, jobs, families, site),
            |it| flux::run::Module::unload(it, handle),
        )
    }

    fn unload(self, handle: Handle) {
        // whatever happens to one, the others end, and the thread
        let close = |scope: &Scope| flux::guard(|| scope.close()).err();
        let panics: Vec<_> = self.scopes.iter().filter_map(close).collect();
        self.reloads.clear();
        if !self.listeners.stop(STOP_TIMEOUT) {
            let seconds = STOP_TIMEOUT.as_secs();
            pin(handle, &format!("http thread did not stop in {seconds} s"));
        }
        if !self.ends.run() {
            pin(handle, "a call to the parent instance does not return");
        }
        if let Some(text) = panics.first() {
            panic!("{text}");
        }
    }
}

/// Something of ours still runs.
fn pin(handle: Handle, why: &str) {
    let outcome = flux::run::pin();
    handle.log(Level::Error, &format!("{why}; {outcome}"));
}

impl Module {
    #[allow(clippy::too_many_arguments)] // what `load` made, once
    fn start(
        &mut self,
        handle: Handle,
        args: &[String],
        config: Rc<Config>,
        rules: Rules,
        jobs: Jobs,
        families: Families,
        site: Arc<Site>,
    ) -> Result<()> {
        let rank = handle.rank()?;
        let entries: Vec<_> = collectors::ALL
            .iter()
            .filter(|entry| entry.every_rank || rank == 0)
            .filter(|entry| config.collectors.contains(&entry.name))
            .collect();
        let all: Arc<[_]> = entries
            .iter()
            .map(|entry| Arc::new(Health::new(entry.name)))
            .collect();
        let tree = Tree::default();
        for (entry, health) in entries.iter().zip(all.iter()) {
            let name = format!("collector {}", entry.name);
            let scope = Scope::new(handle, &name, OnPanic::Close);
            self.scopes.push(scope.clone());
            let told = health.clone();
            scope.when_panicked(move || told.panicked());
            if entry.name == "jobs" {
                let jobs = jobs.clone();
                scope.when_panicked(move || jobs.fail());
            }
            let context = Context {
                scope,
                families: families.clone(),
                health: health.clone(),
                all: all.clone(),
                jobs: jobs.clone(),
                config: config.clone(),
                reloads: self.reloads.clone(),
                tree: tree.clone(),
                ends: self.ends.clone(),
            };
            (entry.start)(&context).map_err(|e| e.context(name))?;
        }
        let scope = self.scopes[0].clone();
        let guard = Guard::new(scope.clone(), self.listeners.clone(), &config)?;
        let ownership = rules.ownership;
        // before anybody can come
        guard.set(&config, rules);
        self.listeners.open(
            config.listen_on(rank),
            ownership,
            config.strict,
        )?;
        self.listeners.explain(config.not_listening(rank));
        service::Service {
            scope,
            rank,
            guard,
            args: args.to_vec(),
            jobs,
            all,
            listeners: self.listeners.clone(),
            site,
            reloads: self.reloads.clone(),
            last: Rc::new(RefCell::new(Config::clone(&config))),
            config,
        }
        .start(&handle.name())
    }
}

fn read_config(handle: Handle, args: &[String]) -> Result<Config> {
    let table = handle
        .call(c"config.get", c"{}", CONFIG_TIMEOUT)
        .map_err(|error| error.context("config.get"))?;
    service::parse_config(&table, args)
}

fn site(
    handle: Handle,
    families: &Families,
    jobs: &Jobs,
    config: &Config,
) -> Result<Site> {
    // the other ranks have no journal to catch up with
    let rank = handle.rank()?;
    let has_journal = rank == 0 && config.collectors.contains(&"jobs");
    let jobs = has_journal.then(|| jobs.clone());
    let ready = move || match &jobs {
        Some(jobs) if !jobs.lock().synced() => {
            let why = jobs.failure();
            Err(why.unwrap_or("the job journal is not caught up").to_owned())
        }
        _ => Ok(()),
    };
    let elsewhere = (rank != 0).then(|| {
        format!("jobs are known on rank 0, and this is rank {rank}: ask there")
    });
    let facts = [
        ("Flux", handle.attr(c"version")),
        ("host", collectors::broker::hostname(handle)),
        ("rank", handle.attr(c"rank")),
        ("instance level", handle.attr(c"instance-level")),
    ];
    let about = About {
        name: handle.name(),
        version: env!("CARGO_PKG_VERSION").into(),
        facts: facts
            .into_iter()
            .filter_map(|(what, value)| Some((what.into(), value?)))
            .collect(),
    };
    let site = Site::new(families.clone(), Arc::new(ready), about)
        .map_err(|error| Error::invalid(error.to_string()))?
        .with_private(collectors::is_private)
        .with_persons(collectors::tells_of_persons)
        .with_elsewhere(elsewhere);
    for spec in collectors::OLDER.iter().copied().flatten() {
        site.created().set(spec.name, None);
    }
    Ok(site)
}
