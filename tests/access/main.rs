//! Who is let in, as curl sees it: TLS, certificates, passwords, tokens,
//! networks, Unix sockets and the exporter-toolkit's file.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "../endpoint/mod.rs"]
mod endpoint;
mod places;
mod secrets;
mod settings;
mod tls;
mod web_config;
