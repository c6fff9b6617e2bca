//! Jobs that were active before a gap in the journal and are not after it:
//! their eventlogs tell what became of them.
//!
//! Source: `job-info.lookup`, a few at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;

use super::super::{Context, now, parse};
use super::TIMEOUT;
use crate::flux::{Error, Result};
use crate::job::{JobId, What};

/// How many lookups are under way at a time.
const AT_ONCE: usize = 16;

/// Clones are the same queue.
#[derive(Clone)]
pub struct Vanished(Rc<Inner>);

struct Inner {
    context: Context,
    waiting: RefCell<VecDeque<JobId>>,
    under_way: Cell<usize>,
}

impl Vanished {
    /// Nothing to look up yet.
    pub fn new(context: &Context) -> Self {
        Self(Rc::new(Inner {
            context: context.clone(),
            waiting: RefCell::new(VecDeque::new()),
            under_way: Cell::new(0),
        }))
    }

    /// Looks up these jobs and has the table finish them; one that cannot be
    /// looked up is finished with result `unknown`.
    pub fn look_up(&self, jobs: Vec<JobId>) {
        self.0.waiting.borrow_mut().extend(jobs);
        self.next();
    }

    fn next(&self) {
        while self.0.under_way.get() < AT_ONCE {
            let Some(id) = self.0.waiting.borrow_mut().pop_front() else {
                return;
            };
            let this = self.clone();
            let asked = self.ask(id, "eventlog", move |lookup| {
                this.read(id, lookup.and_then(|lookup| found(lookup.eventlog)));
                this.next();
            });
            if asked.is_err() {
                self.finish(id, None, None);
            }
        }
    }

    /// Hands the answer to `f`.
    fn ask(
        &self,
        id: JobId,
        key: &str,
        f: impl FnOnce(Result<Lookup>) + 'static,
    ) -> Result<()> {
        let payload = json!({ "id": id, "keys": [key], "flags": 0 });
        let this = self.clone();
        self.0.context.scope.rpc(
            c"job-info.lookup",
            &payload.to_string(),
            TIMEOUT,
            move |reply| {
                this.0.under_way.set(this.0.under_way.get() - 1);
                f(reply.and_then(|text| parse("job-info.lookup", text)));
            },
        )?;
        self.0.under_way.set(self.0.under_way.get() + 1);
        Ok(())
    }

    fn read(&self, id: JobId, eventlog: Result<String>) {
        let Ok(eventlog) = eventlog else {
            return self.finish(id, None, None);
        };
        let needs_r = self.0.context.jobs.lock().needs_r(id, &eventlog);
        let eventlog = Rc::new(eventlog);
        if needs_r {
            let (this, log) = (self.clone(), eventlog.clone());
            let asked = self.ask(id, "R", move |lookup| {
                let r = lookup.and_then(|lookup| found(lookup.r)).ok();
                this.finish(id, Some(&**log), r.as_deref());
                this.next();
            });
            if asked.is_ok() {
                return;
            }
        }
        self.finish(id, Some(&eventlog), None);
    }

    fn finish(&self, id: JobId, eventlog: Option<&str>, r: Option<&str>) {
        let mut table = self.0.context.jobs.lock();
        let resolved = eventlog.is_some_and(|eventlog| {
            table.resolve(id, eventlog, r).what == What::Resolved
        });
        if !resolved {
            table.resolve_unknown(id, now());
        }
    }
}

/// The answer of `job-info.lookup`: what was asked for.
#[derive(Debug, Deserialize)]
struct Lookup {
    eventlog: Option<String>,
    #[serde(rename = "R")]
    r: Option<String>,
}

fn found(text: Option<String>) -> Result<String> {
    text.ok_or_else(|| Error::new(libc::EPROTO, "job-info.lookup: empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_lookup() {
        let reply = r#"{"id":1,"eventlog":"{\"timestamp\":1.0}\n"}"#;
        let lookup: Lookup = parse("job-info.lookup", reply).unwrap();
        assert_eq!(lookup.eventlog.unwrap(), "{\"timestamp\":1.0}\n");
        let reply = r#"{"id":1,"R":"{\"version\":1}"}"#;
        let lookup: Lookup = parse("job-info.lookup", reply).unwrap();
        assert_eq!(found(lookup.r).unwrap(), "{\"version\":1}");
        assert!(found(lookup.eventlog).is_err());
    }
}
