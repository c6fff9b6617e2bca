//! A Prometheus server that scrapes an instance, and what it answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::instance::{tempdir::TempDir, wait_for};
use super::tools;

/// A server; it ends with the value.
pub struct Prometheus {
    server: Child,
    address: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target` every second and has our rules.
    pub fn start(program: &Path, target: &str) -> Self {
        Self::start_with(program, target, &[("job", "flux")])
    }

    /// The same, with labels.
    pub fn start_with(
        program: &Path,
        target: &str,
        labels: &[(&str, &str)],
    ) -> Self {
        Self::start_featured(program, target, labels, &[])
    }

    /// The same, with features that have to be asked for.
    pub fn start_featured(
        program: &Path,
        target: &str,
        labels: &[(&str, &str)],
        features: &[&str],
    ) -> Self {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let dir = TempDir::new();
        let address = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().to_string()
        };
        let config = dir.path().join("prometheus.yml");
        let rules = tools::file("rules");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{0}/recording.yml, {0}/alerts.yml]\n\
             scrape_configs:\n\
             - job_name: any\n  \
               static_configs: [{{targets: ['{target}'], labels: {{{1}}}}}]\n",
            rules.display(),
            labels.join(", ")
        );
        std::fs::write(&config, text).unwrap();
        let log = dir.path().join("log");
        let stderr = std::fs::File::create(&log).unwrap();
        let server = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}/data", dir.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--enable-feature={}", features.join(",")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut prometheus = Self { server, address, _dir: dir };
        wait_for("Prometheus to be ready", || {
            let ended = prometheus.server.try_wait().unwrap();
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "Prometheus: {}", log());
            let answer = prometheus.get("/-/ready")?;
            answer.starts_with("HTTP/1.0 200").then_some(())
        });
        prometheus
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All samples of an instant query.
    pub fn query(&self, expr: &str) -> Vec<f64> {
        let answer = self.api(&format!("query?query={}", encoded(expr)));
        let result = &answer["result"];
        // a scalar is its one sample
        let values: Vec<&Value> = match answer["resultType"].as_str() {
            Some("scalar") => vec![&result[1]],
            _ => result
                .as_array()
                .unwrap()
                .iter()
                .map(|sample| &sample["value"][1])
                .collect(),
        };
        values.iter().map(|v| v.as_str().unwrap().parse().unwrap()).collect()
    }

    /// The values of a label of what matches, as `label_values` of Grafana.
    pub fn label_values(&self, selector: &str, label: &str) -> Vec<String> {
        let selector = encoded(selector);
        let values =
            self.api(&format!("label/{label}/values?match[]={selector}"));
        serde_json::from_value(values).unwrap()
    }

    /// The data of an answer of its API, which must be a success.
    pub fn api(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1/{path}")).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let mut answer: Value = serde_json::from_str(body).expect(body);
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        // 1.0: the answer is not in chunks
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Text within a URL.
pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
