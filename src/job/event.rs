//! The journal's responses and their events (RFC 18, RFC 21), borrowed from
//! the text they came in.  Contexts stay unparsed until someone needs one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{JobId, Malformed, Time};

/// One response of `job-manager.events-journal`.
#[derive(Debug, Deserialize)]
pub struct Response<'a> {
    /// The job's id, or -1 for the sentinel that ends the backlog.
    pub id: i64,
    /// One event when live; every event so far in the backlog.
    #[serde(borrow)]
    pub events: Vec<Event<'a>>,
    /// The redacted jobspec: with "submit", and in the backlog.
    #[serde(borrow)]
    pub jobspec: Option<&'a RawValue>,
    /// The redacted R: with "alloc", and in the backlog once allocated.
    #[serde(rename = "R", borrow)]
    pub r: Option<&'a RawValue>,
}

impl<'a> Response<'a> {
    /// Parses the text of one response.
    pub fn parse(text: &'a str) -> Result<Response<'a>, Malformed> {
        Ok(serde_json::from_str(text)?)
    }

    /// Whether this ends the backlog (the id is FLUX_JOBID_ANY).
    pub fn is_sentinel(&self) -> bool {
        self.id == -1
    }

    /// The job this is about.
    pub fn job(&self) -> JobId {
        self.id as JobId
    }
}

/// One eventlog entry.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// Seconds since the epoch.
    pub timestamp: f64,
    /// The event's name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What the event says beyond its name.
    #[serde(borrow)]
    pub context: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Parses one line of an eventlog.
    pub fn parse(text: &'a str) -> Result<Event<'a>, Malformed> {
        Ok(serde_json::from_str(text)?)
    }

    /// When it happened.
    pub fn time(&self) -> Time {
        Time::from_secs(self.timestamp)
    }

    /// Which event it is.
    pub fn kind(&self) -> Kind {
        Kind::from_name(&self.name)
    }

    /// The typed context.
    pub fn context<T: Deserialize<'a>>(&self) -> Result<T, Malformed> {
        let context = self.context.map_or("null", RawValue::get);
        Ok(serde_json::from_str(context)?)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The events that mean something here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
            /// Any other: plugins and users may post what they like.
            Other,
        }

        impl Kind {
            /// Looks a name up.
            pub fn from_name(name: &str) -> Kind {
                match name {
                    $($name => Kind::$variant,)*
                    _ => Kind::Other,
                }
            }
        }
    };
}

kinds! {
    /// The job is known.
    Submit = "submit",
    /// The submission is accepted.
    Validate = "validate",
    /// The submission is rejected.
    Invalidate = "invalidate",
    /// Dependencies are met.
    Depend = "depend",
    /// A priority is assigned.
    Priority = "priority",
    /// The urgency changed.
    Urgency = "urgency",
    /// The jobspec changed.
    JobspecUpdate = "jobspec-update",
    /// The job manager restarted.
    FluxRestart = "flux-restart",
    /// Resources are allocated.
    Alloc = "alloc",
    /// The job shells are up.
    Start = "start",
    /// The job shells are done.
    Finish = "finish",
    /// Something went wrong, fatal when the severity is 0.
    Exception = "exception",
    /// A part of the nodes is given back.
    Release = "release",
    /// The allocation is given back.
    Free = "free",
    /// The job is over.
    Clean = "clean",
    /// A note on the job.
    Memo = "memo",
    /// The scheduler's notes on the job.
    Annotations = "annotations",
}

impl Kind {
    /// Whether events of this kind tell how far into a job's list one has
    /// read.  Not those that only one of stream and eventlog has: volatile
    /// memos and annotations are not stored, and releases (as annotations) the
    /// journal is asked to leave out.
    pub fn is_counted(self) -> bool {
        !matches!(self, Kind::Annotations | Kind::Memo | Kind::Release)
    }
}

/// Context of "submit" and of "urgency".
#[derive(Debug, Deserialize)]
pub struct Urgency {
    /// 0 is held, 31 is expedited.
    pub urgency: i64,
}

/// Context of "priority".
#[derive(Debug, Deserialize)]
pub struct Priority {
    /// 0 is held.
    pub priority: i64,
}

/// Context of "alloc", of which there need be none.
#[derive(Debug, Deserialize)]
pub struct Alloc {
    /// Not by the scheduler, and behind its back (flux-core's alloc-bypass).
    #[serde(default)]
    pub bypass: bool,
}

/// Context of "finish".
#[derive(Debug, Deserialize)]
pub struct Finish {
    /// The largest task wait status, as from wait(2).
    pub status: i32,
}

/// Context of "exception".
#[derive(Debug, Deserialize)]
pub struct Exception<'a> {
    /// What kind of exception.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// 0 is fatal, 7 is the mildest.
    pub severity: u8,
}

/// Context of "jobspec-update": dotted paths and their new values.
#[derive(Debug, Deserialize)]
pub struct JobspecUpdate<'a> {
    /// The queue the job moves to.
    #[serde(rename = "attributes.system.queue", borrow)]
    pub queue: Option<Cow<'a, str>>,
    /// The bank that is charged.
    #[serde(rename = "attributes.system.bank", borrow)]
    pub bank: Option<&'a RawValue>,
    /// The project that is charged.
    #[serde(rename = "attributes.system.project", borrow)]
    pub project: Option<&'a RawValue>,
    /// The whole new resource tree.
    #[serde(borrow)]
    pub resources: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_response() {
        let text = r#"{"id":79104573440,"events":[{"timestamp":1.5,
            "name":"submit","context":{"userid":0,"urgency":16,"flags":0,
            "version":1}}],"jobspec":{"resources":[]}}"#;
        let response = Response::parse(text).unwrap();
        assert_eq!(response.job(), 79104573440);
        assert!(!response.is_sentinel());
        let event = &response.events[0];
        assert_eq!(event.kind(), Kind::Submit);
        assert_eq!(event.time(), Time::from_secs(1.5));
        assert_eq!(event.context::<Urgency>().unwrap().urgency, 16);
        assert!(matches!(event.name, Cow::Borrowed("submit")));
        assert_eq!(response.jobspec.unwrap().get(), r#"{"resources":[]}"#);
        assert!(response.r.is_none());
    }

    #[test]
    fn the_sentinel() {
        let sentinel = Response::parse(r#"{"id":-1,"events":[]}"#).unwrap();
        assert!(sentinel.is_sentinel());
    }

    #[test]
    fn escaped_text_is_understood() {
        let text = r#"{"timestamp":1,"name":"fin\u0069sh",
            "context":{"status":256}}"#;
        let event = Event::parse(text).unwrap();
        assert_eq!(event.kind(), Kind::Finish);
        assert_eq!(event.context::<Finish>().unwrap().status, 256);
    }

    #[test]
    fn dotted_updates() {
        let text = r#"{"timestamp":1,"name":"jobspec-update","context":
            {"attributes.system.queue":"debug",
             "attributes.system.duration":60.0,
             "resources":[{"type":"slot","count":1}]}}"#;
        let event = Event::parse(text).unwrap();
        let update: JobspecUpdate<'_> = event.context().unwrap();
        assert_eq!(update.queue.as_deref(), Some("debug"));
        assert!(update.resources.is_some());
    }

    #[test]
    fn bad_text_is_refused() {
        for text in ["", "[]", "{}", r#"{"id":1}"#, r#"{"id":1,"events":[1]}"#]
        {
            assert!(Response::parse(text).is_err(), "{text}");
        }
        let event = Event::parse(r#"{"timestamp":1,"name":"finish"}"#);
        assert!(event.unwrap().context::<Finish>().is_err());
    }
}
