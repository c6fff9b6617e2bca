//! Who may read: the rules in force, and what is said of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::listeners::Listeners;
use crate::collectors::accounts;
use crate::config::Config;
use crate::flux::{Error, Level, Result, Scope};
use crate::http::{Access, Ownership};

/// How often it is looked whether the HTTP thread has a problem with files.
const INTERVAL: f64 = 5.0;

const WITHHELD: &str = "Flux's private mode is on and no authentication is \
    configured: metrics of jobs, queues and autoscaling are for clients on \
    this machine only";

const UNTOLD: &str = "for the same reason metrics of users, banks, \
    projects and single jobs are shown to nobody";

const IN_CLEAR: &str = "passwords and tokens cross the network in clear text: \
    set tls-cert and tls-key";

/// Rules that can be put into force: nothing in them can fail any more.
pub struct Rules {
    access: Access,
    /// Of Unix sockets.
    pub ownership: Ownership,
}

/// A `socket-owner`, and who that is. Who it is may be a matter of asking
/// another machine, so that is asked once.
pub type Owner = (String, Ownership);

impl Rules {
    /// Reads the files and looks up the names that the settings name, if they
    /// are not the last ones.
    pub fn new(config: &Config, last: &Owner) -> Result<Self> {
        let wrong = |text| Error::invalid(format!("prometheus.{text}"));
        let access = Access::new(config.access.clone()).map_err(wrong)?;
        let (mode, owner) = (config.socket_mode, &config.socket_owner);
        let ownership = match last {
            (name, known) if name == owner => Ownership { mode, ..*known },
            _ => Ownership::new(mode, owner)
                .map_err(|text| wrong(format!("socket-owner: {text}")))?,
        };
        Ok(Self { access, ownership })
    }
}

/// Clones are the same guard.
#[derive(Clone)]
pub struct Guard(Rc<Inner>);

struct Inner {
    scope: Scope,
    listeners: Listeners,
    access: RefCell<Arc<Access>>,
    /// Whether Flux's private mode is on.
    private: Cell<bool>,
    /// Whether there are metrics of persons; a reload does not change that.
    persons: bool,
    /// Of Unix sockets.
    owner: RefCell<Owner>,
    /// What has been logged and still holds.
    said: RefCell<Vec<String>>,
}

impl Guard {
    /// Lets anyone in, until it is given rules. `config` is that of the load.
    pub fn new(
        scope: Scope,
        listeners: Listeners,
        config: &Config,
    ) -> Result<Self> {
        let guard = Self(Rc::new(Inner {
            scope: scope.clone(),
            listeners,
            access: RefCell::default(),
            private: Cell::new(false),
            persons: accounts::any(config) || config.children_named > 0,
            owner: RefCell::default(),
            said: RefCell::default(),
        }));
        let again = guard.clone();
        scope.every(INTERVAL, move || again.report())?;
        Ok(guard)
    }

    /// Rules that could be put into force in the place of these.
    pub fn rules(&self, config: &Config) -> Result<Rules> {
        Rules::new(config, &self.0.owner.borrow())
    }

    /// Puts rules into force, and says what may surprise.
    pub fn set(&self, config: &Config, rules: Rules) {
        let access = Arc::new(rules.access);
        self.0.listeners.set_rules(config.limits, access.clone());
        self.0.private.set(config.access.private);
        self.0.access.replace(access);
        let owner = (config.socket_owner.clone(), rules.ownership);
        self.0.owner.replace(owner);
        self.report();
    }

    /// Whether Flux's private mode is on.
    pub fn is_private(&self) -> bool {
        self.0.private.get()
    }

    /// Logs what is new.
    fn report(&self) {
        let status = self.0.access.borrow().status();
        let asks = status.basic_auth || status.bearer_token;
        let in_clear = asks && !status.tls && self.0.listeners.is_public();
        let untold = status.withheld && self.0.persons;
        let withheld = status.withheld.then(|| WITHHELD.to_owned());
        let lines = [
            withheld.map(|line| (Level::Info, line)),
            untold.then(|| (Level::Warning, UNTOLD.to_owned())),
            in_clear.then(|| (Level::Warning, IN_CLEAR.to_owned())),
            status.open_key.map(|path| {
                let path = path.display();
                let line = format!(
                    "{path}: every user of this machine may read this key: \
                     chmod o-r"
                );
                (Level::Warning, line)
            }),
            status.problem.map(|problem| {
                let rest = "what was read before stays in use";
                (Level::Error, format!("prometheus.{problem}; {rest}"))
            }),
        ];
        let mut now = Vec::new();
        for (level, line) in lines.into_iter().flatten() {
            if !self.0.said.borrow().contains(&line) {
                self.0.scope.handle().log(level, &line);
            }
            now.push(line);
        }
        self.0.said.replace(now);
    }

    /// For `stats-get`.
    pub fn stats(&self) -> Value {
        let status = self.0.access.borrow().status();
        json!({
            "tls": status.tls,
            "client-certificates": status.client_certificates,
            "basic-auth": status.basic_auth,
            "bearer-token": status.bearer_token,
            "allow": status.allow,
            "private-mode": self.is_private(),
            "withheld": status.withheld,
            "problem": status.problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_looked_up_when_it_is_another() {
        let config = |owner: &str| {
            let table = json!({
                "socket-owner": owner, "socket-mode": "0660",
            });
            Config::from_json(&json!({ "prometheus": table }), &[]).unwrap()
        };
        // nobody is called so, and somebody was
        let known = Ownership { user: Some(7), ..Ownership::default() };
        let last = ("no-such".to_owned(), known);
        let rules = Rules::new(&config("no-such"), &last).unwrap();
        assert_eq!(rules.ownership, Ownership { mode: 0o660, ..known });
        let rules = Rules::new(&config("root"), &last).unwrap();
        assert_eq!(rules.ownership.user, Some(0));
        let error = Rules::new(&config("no-such"), &Owner::default());
        let text = error.err().unwrap().text;
        assert_eq!(text, "prometheus.socket-owner: no user \"no-such\"");
    }
}
