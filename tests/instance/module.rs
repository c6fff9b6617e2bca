//! The module under test: loaded into an instance, and asked.

use std::process::Output;

use serde_json::Value;

use super::{Host, Instance, module, scrape};

impl Instance {
    /// Loads the module on a free loopback port.
    pub fn load(&self, options: &[&str]) {
        self.load_args(options, &["listen=127.0.0.1:0"]);
    }

    /// Loads the module with these options of `flux module load` and these
    /// arguments.
    pub fn load_args(&self, options: &[&str], args: &[&str]) {
        let output = self.try_load(options, args);
        assert!(
            output.status.success(),
            "load: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    /// The same, whatever comes of it.
    pub fn try_load(&self, options: &[&str], args: &[&str]) -> Output {
        let module = module();
        let mut all = vec!["module", "load"];
        all.extend(options);
        all.push(module.to_str().unwrap());
        all.extend(args);
        self.try_flux(&all)
    }

    /// What `flux module stats` prints.
    pub fn stats(&self, name: &str) -> Value {
        serde_json::from_str(&self.flux(&["module", "stats", name])).unwrap()
    }

    /// Asks a service on rank 0, and returns its answer or its error.
    pub fn rpc(&self, topic: &str, payload: &Value) -> Result<Value, String> {
        self.rpc_as(&[], topic, payload)
    }

    /// The same with an environment, to be somebody else.
    pub fn rpc_as(
        &self,
        env: &[(&str, &str)],
        topic: &str,
        payload: &Value,
    ) -> Result<Value, String> {
        let script = "import flux, json, sys; payload = json.loads(sys.argv[2])
try: print(json.dumps(flux.Flux().rpc(sys.argv[1], payload, nodeid=0).get()))
except OSError as error: sys.exit(error.strerror)";
        let words: &[&str] = match self.host {
            Host::Flux => &["python", "-c", script],
            Host::Standin => &["rpc"],
        };
        let output = self
            .command("flux")
            .args(words)
            .args([topic, &payload.to_string()])
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
        match output.status.success() {
            true => {
                Ok(serde_json::from_str(&text(output.stdout))
                    .unwrap_or_default())
            }
            false => Err(text(output.stderr)),
        }
    }

    /// The address of the first listener that listens.
    pub fn address(&self, name: &str) -> String {
        let stats = self.stats(name);
        let all = stats["listeners"].as_array().unwrap();
        all.iter()
            .find(|l| l["state"] == "listening")
            .unwrap_or_else(|| panic!("nothing listens: {stats}"))["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A scrape of the module by its default name.
    pub fn scrape(&self) -> scrape::Scrape {
        scrape::get(&self.address("prometheus"))
    }
}
