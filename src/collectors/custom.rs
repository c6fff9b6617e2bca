//! Metrics that others publish.
//!
//! Source: requests for `NAME.update`, from any rank and with or without a
//! response, by the owner of the instance and, where the settings say so, by
//! guests; `NAME.custom-list` tells what there is. What is taken and for how
//! long is a matter of [`crate::custom`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::family::Spec;
use super::{Context, Versioned};
use crate::custom::request::parse;
use crate::custom::{Publisher, Reason, Refusal, Settings, Store};
use crate::exposition::{Parts, Source};
use crate::flux::{Error, Level, Request, Result, Role};

/// How often it is looked after what has expired and what was refused.
const INTERVAL: f64 = 10.0;

const SERIES: Spec = Spec::gauge(
    "flux_exporter_custom_series",
    &[],
    "Series that others publish at present; of a histogram each line.",
);
const UPDATES: Spec = Spec::counter(
    "flux_exporter_custom_updates_total",
    &[],
    "Updates of published metrics that were taken.",
);
const DROPPED: Spec = Spec::counter(
    "flux_exporter_custom_dropped_total",
    &["reason"],
    "Requests with updates of published metrics that were refused: for what \
     they said, for who said it, or for too many families, series or bytes.",
);

/// What is exposed here, apart from what is published.
pub const SPECS: &[Spec] = &[SERIES, UPDATES, DROPPED];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let handle = context.scope.handle();
    let custom = Custom::new(context.config.custom.clone());
    context.register(custom.clone())?;

    let name = handle.name();
    let refused = Rc::new(Refused::default());
    let (updated, told) = (custom.clone(), refused.clone());
    let topic = format!("{name}.update");
    context.scope.serve(&topic, Role::Guest, move |request| {
        let result = updated.update(request);
        if let Err(error) = &result {
            told.count.set(told.count.get() + 1);
            told.last.replace(error.text.clone());
        }
        result.map(|()| String::new())
    })?;
    let listed = custom.clone();
    let topic = format!("{name}.custom-list");
    context.scope.serve(&topic, Role::Guest, move |request| {
        let who = publisher(request)?;
        let now = listed.now();
        let list = listed.store().list(now, |by| who.is_none() || by == who);
        Ok(list.to_string())
    })?;
    let configured = custom.clone();
    context.reloads.push(move |config| {
        configured.store().configure(&config.custom);
    });
    let health = context.health.clone();
    context.scope.every(INTERVAL, move || {
        drop(custom.present());
        // those who want no answer are not told
        let (count, last) = (refused.count.take(), refused.last.take());
        if count > 0 {
            let line = format!("custom: {count} requests refused; {last}");
            handle.log(Level::Warning, &line);
        }
        health.report(handle, Ok(()));
    })
}

/// Since it was last said in the log.
#[derive(Default)]
struct Refused {
    count: Cell<u64>,
    last: RefCell<String>,
}

fn publisher(request: &Request) -> Result<Publisher> {
    match request.is_owner()? {
        true => Ok(None),
        false => request.userid().map(Some),
    }
}

/// What is published, shared with the thread that serves scrapes.
#[derive(Clone)]
pub(super) struct Custom(Arc<Inner>);

struct Inner {
    /// The clock that times to live are measured with.
    began: Instant,
    store: Mutex<Versioned<Store>>,
    taken: AtomicU64,
    /// By reason.
    dropped: [AtomicU64; Reason::ALL.len()],
}

impl Custom {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            store: Mutex::new(Versioned::new(Store::new(settings))),
            taken: AtomicU64::new(0),
            dropped: Default::default(),
        }))
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Versioned<Store>> {
        // a panic while it was held stops this collector
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has not expired.
    fn present(&self) -> MutexGuard<'_, Versioned<Store>> {
        let now = self.now();
        let mut store = self.store();
        if store.expires(now) {
            store.expire(now);
        }
        store
    }

    fn now(&self) -> f64 {
        self.0.began.elapsed().as_secs_f64()
    }

    fn update(&self, request: &Request) -> Result<()> {
        let by = publisher(request)?;
        // before anything of theirs is read
        if by.is_some() && !self.store().admits_guests() {
            self.count(Reason::Invalid);
            let text = "guests may not publish metrics here \
                        (prometheus.custom-guests)";
            return Err(Error::new(libc::EPERM, text));
        }
        let payload = request.payload();
        let payload = payload.inspect_err(|_| self.count(Reason::Invalid))?;
        self.take(by, payload)
    }

    fn count(&self, reason: Reason) {
        self.0.dropped[reason as usize].fetch_add(1, Relaxed);
    }

    /// Takes updates of one publisher.
    pub(super) fn take(&self, by: Publisher, payload: &str) -> Result<()> {
        let taken = parse(payload).and_then(|updates| {
            let count = updates.len();
            let now = self.now();
            self.store().apply(by, updates, now).map(|()| count)
        });
        match taken {
            Ok(count) => {
                self.0.taken.fetch_add(count as u64, Relaxed);
                Ok(())
            }
            Err(Refusal { reason, text }) => {
                self.count(reason);
                let errno = match reason {
                    Reason::Invalid => libc::EINVAL,
                    Reason::Conflict => libc::EEXIST,
                    _ => libc::ENOSPC,
                };
                Err(Error::new(errno, text))
            }
        }
    }
}

impl Source for Custom {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let store = self.present();
        parts.keep(store.version(), || {
            let mut families = store.show();
            let mut series = SERIES.family();
            series.add(&[], store.used().series as f64);
            families.push(series);
            families
        });
        drop(store);
        let taken = self.0.taken.load(Relaxed);
        let counts = self.0.dropped.each_ref().map(|n| n.load(Relaxed));
        parts.keep(taken + counts.iter().sum::<u64>(), || {
            let mut updates = UPDATES.family();
            updates.add(&[], taken as f64);
            let mut dropped = DROPPED.family();
            for (reason, count) in Reason::ALL.iter().zip(counts) {
                dropped.add(&[reason.as_str()], count as f64);
            }
            vec![updates, dropped]
        });
    }
}
