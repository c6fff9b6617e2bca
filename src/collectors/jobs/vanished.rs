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
use crate::flux::Result;
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
            let payload = json!({ "id": id, "keys": ["eventlog"], "flags": 0 });
            let asked = self.0.context.scope.rpc(
                c"job-info.lookup",
                &payload.to_string(),
                TIMEOUT,
                move |reply| {
                    this.0.under_way.set(this.0.under_way.get() - 1);
                    this.finish(id, reply.and_then(eventlog));
                    this.next();
                },
            );
            match asked {
                Ok(()) => self.0.under_way.set(self.0.under_way.get() + 1),
                Err(error) => self.finish(id, Err(error)),
            }
        }
    }

    fn finish(&self, id: JobId, eventlog: Result<String>) {
        let mut table = self.0.context.jobs.lock();
        let resolved = eventlog.is_ok_and(|eventlog| {
            table.resolve(id, &eventlog).what == What::Resolved
        });
        if !resolved {
            table.resolve_unknown(id, now());
        }
    }
}

fn eventlog(reply: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Lookup {
        eventlog: String,
    }
    let lookup: Lookup = parse("job-info.lookup", reply)?;
    Ok(lookup.eventlog)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_lookup() {
        let reply = r#"{"id":1,"eventlog":"{\"timestamp\":1.0}\n"}"#;
        assert_eq!(eventlog(reply).unwrap(), "{\"timestamp\":1.0}\n");
        assert!(eventlog("{}").is_err());
    }
}
