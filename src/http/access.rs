//! Who may read: networks, TLS, passwords and tokens, and what of it holds
//! for one request.
//!
//! [`Settings`] say what to do and where the files are. A [`Policy`] is what
//! these files contained when they were last good. [`Access`] keeps the two
//! together: when a file changes it makes a new policy, and when that fails
//! it stays with the old one and says so.

mod files;
mod password;
mod policy;
mod rate;
mod sans;
mod secret;
mod tls;
mod visit;
mod web_config;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::{Counts, Peer, View};
use files::Files;
use policy::Policy;

pub use password::{MAX_COST, check_hash};
pub use sans::names;
pub(super) use tls::accept;
pub use visit::{Credentials, credentials};
pub(super) use visit::{Denial, Term, Visit};

/// How often at most files are looked at.
const RECHECK: Duration = Duration::from_secs(1);

/// Who may read, as it was set. The default is anyone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Networks that may connect; with none given, all may.
    pub allow: Vec<IpNet>,
    /// PEM file with the server's certificate and those that lead to its
    /// issuer. With it, TCP connections are TLS.
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of that certificate.
    pub tls_key: Option<PathBuf>,
    /// PEM file with certificates of authorities. With it, clients have to
    /// present a certificate by one of them.
    pub tls_client_ca: Option<PathBuf>,
    /// Names and bcrypt hashes of passwords.
    pub basic_auth_users: BTreeMap<String, String>,
    /// File with a token that is as good as a password.
    pub bearer_token_file: Option<PathBuf>,
    /// Further settings, in the format of Prometheus's exporter-toolkit.
    pub web_config_file: Option<PathBuf>,
    /// Whether Flux's private mode is on.
    pub private: bool,
}

/// What is in force, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// TCP connections are TLS.
    pub tls: bool,
    /// Clients need a certificate.
    pub client_certificates: bool,
    /// Passwords are asked for.
    pub basic_auth: bool,
    /// A token is asked for.
    pub bearer_token: bool,
    /// Only some networks may connect.
    pub allow: bool,
    /// Who is not on this machine is shown the public view only.
    pub withheld: bool,
    /// The private key, if everybody on this machine may read it.
    pub open_key: Option<PathBuf>,
    /// Why files that changed are not in use.
    pub problem: Option<String>,
}

/// Settings and what their files say.
pub struct Access {
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    policy: Arc<Policy>,
    files: Files,
    checked: Instant,
    problem: Option<String>,
}

impl Default for Access {
    fn default() -> Self {
        Self::with(Settings::default(), Policy::default(), Files::default())
    }
}

impl Access {
    /// Reads the files. An error is a sentence that begins with the key.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let mut files = Files::default();
        let policy = Policy::load(&settings, &mut files)?;
        Ok(Self::with(settings, policy, files))
    }

    fn with(settings: Settings, policy: Policy, files: Files) -> Self {
        let state = State {
            policy: Arc::new(policy),
            files,
            checked: Instant::now(),
            problem: None,
        };
        Self { settings, state: Mutex::new(state) }
    }

    /// What is in force.
    pub fn status(&self) -> Status {
        let state = self.state();
        let policy = &state.policy;
        let clients = policy.requires_certificate();
        Status {
            tls: policy.tls.is_some(),
            client_certificates: clients,
            basic_auth: policy.users.is_some(),
            bearer_token: policy.token.is_some(),
            allow: !self.settings.allow.is_empty(),
            withheld: self.withholds(policy),
            open_key: state.files.open_key.clone(),
            problem: state.problem.clone(),
        }
    }

    /// Whether a client may connect at all.
    pub fn admits(&self, peer: Peer) -> bool {
        let allow = &self.settings.allow;
        match peer {
            Peer::Ip(ip) if !allow.is_empty() => {
                allow.iter().any(|network| network.contains(&ip))
            }
            _ => true,
        }
    }

    /// The rules as of now, or of a second ago. For the HTTP thread: it reads
    /// files.
    pub(super) fn policy(&self, counts: &Counts) -> Arc<Policy> {
        let mut state = self.state();
        if state.checked.elapsed() < RECHECK {
            return state.policy.clone();
        }
        state.checked = Instant::now();
        let files = std::mem::take(&mut state.files);
        let old = state.policy.clone();
        // Flux's thread asks for the status, and must not wait for a disk.
        drop(state);
        let (files, read) = self.read_changed(files, &old);
        let mut state = self.state();
        state.files = files;
        match read {
            None => (),
            Some(Ok(policy)) => {
                state.policy = Arc::new(policy);
                state.problem = None;
            }
            Some(Err(problem)) => {
                counts.files_refused.inc();
                state.problem = Some(problem);
            }
        }
        state.policy.clone()
    }

    /// What the files say, if they are not what they were.
    fn read_changed(
        &self,
        files: Files,
        old: &Policy,
    ) -> (Files, Option<Result<Policy, String>>) {
        if !files.changed() {
            return (files, None);
        }
        let mut files = Files::default();
        let policy = Policy::load(&self.settings, &mut files);
        (files, Some(policy.and_then(|policy| self.no_looser(policy, old))))
    }

    /// Refuses a policy that gives up what the one in force asks for: a file
    /// that is being written is half a file, and half a web configuration, or
    /// none, is a good one.
    fn no_looser(
        &self,
        policy: Policy,
        old: &Policy,
    ) -> Result<Policy, String> {
        // all else is the settings', which are not read again
        let Some(path) = &self.settings.web_config_file else {
            return Ok(policy);
        };
        match policy.gives_up(old) {
            None => Ok(policy),
            Some(what) => Err(format!(
                "web-config-file: {}: no longer asks for {what}; \
                 flux config reload takes it",
                path.display()
            )),
        }
    }

    /// What of the metrics a client is shown that the policy lets in.
    fn view(&self, policy: &Policy, peer: Peer) -> View {
        if !self.settings.private {
            return View::All;
        }
        // of a socket's file the mode tells who may connect, not who does
        match policy.authenticates() {
            true if peer != Peer::Unix => View::All,
            true => View::Local,
            false if peer.is_local() => View::Local,
            false => View::Public,
        }
    }

    fn withholds(&self, policy: &Policy) -> bool {
        self.settings.private && !policy.authenticates()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // each field is replaced whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
