//! The modules that are loaded, and how they come and go.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::module::{Module, Progress};
use super::{Host, OWNER, lock};
use crate::abi::handle::Broker;
use crate::abi::{Inbox, strerror};

/// The table of modules.
#[derive(Default)]
pub struct Modules {
    table: Mutex<BTreeMap<String, Module>>,
    /// Held while one comes or goes: one after the other.
    turn: Mutex<()>,
}

impl Modules {
    /// Where requests to a service go, if it is a module's.
    pub fn inbox(&self, name: &str) -> Option<Arc<Inbox>> {
        lock(&self.table).get(name).map(|module| module.inbox.clone())
    }

    /// The names.
    pub fn names(&self) -> Vec<String> {
        lock(&self.table).keys().cloned().collect()
    }

    fn take(&self, name: &str) -> Option<Module> {
        lock(&self.table).remove(name)
    }
}

impl Host {
    /// Loads a module, and waits until its reactor runs.
    pub fn load(
        self: &Arc<Self>,
        name: &str,
        path: &Path,
        args: &[String],
    ) -> Result<(), String> {
        let _turn = self.turn();
        if self.modules.inbox(name).is_some() {
            return Err(strerror(libc::EEXIST));
        }
        let mut table = lock(&self.modules.table);
        let (module, progress) = Module::start(self, name, path, args)?;
        table.insert(name.into(), module);
        drop(table);
        let errno = match progress.recv() {
            Ok(Progress::Running) => return Ok(()),
            Ok(Progress::Ended(0)) | Err(_) => libc::ECONNRESET,
            Ok(Progress::Ended(errno)) => errno,
        };
        if let Some(module) = self.modules.take(name) {
            module.join();
        }
        let text = strerror(errno);
        self.log("standin", libc::LOG_ERR, &format!("{name}: {text}"));
        Err(text)
    }

    /// Unloads a module: asks it to end, or ends its thread.
    pub fn unload(&self, name: &str, cancel: bool) -> Result<(), String> {
        let _turn = self.turn();
        if self.modules.inbox(name).is_none() {
            return Err(strerror(libc::ENOENT));
        }
        if !cancel {
            let topic = format!("{name}.shutdown");
            self.ask(&topic, None, OWNER).map_err(|(_, text)| text)?;
        }
        // no requests to it from here on
        if let Some(module) = self.modules.take(name) {
            if cancel {
                module.cancel();
            }
            module.join();
        }
        self.log("standin", libc::LOG_DEBUG, &format!("module {name} exited"));
        Ok(())
    }

    /// Waits for one's turn, and clears away what has ended by itself.
    fn turn(&self) -> MutexGuard<'_, ()> {
        let turn = lock(&self.modules.turn);
        let table = lock(&self.modules.table);
        let ended = table.iter().filter(|(_, module)| module.has_ended());
        let ended: Vec<_> = ended.map(|(name, _)| name.clone()).collect();
        drop(table);
        for name in ended {
            if let Some(module) = self.modules.take(&name) {
                module.join();
            }
        }
        turn
    }

    /// Ends what is still loaded, as a broker does that shuts down.
    pub fn unload_all(&self) {
        for name in self.modules.names() {
            self.problem(&format!(
                "module '{name}' was not properly shut down"
            ));
            let _ = self.unload(&name, true);
        }
    }
}
