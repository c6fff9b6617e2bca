//! flux-prometheus: a Flux broker module that speaks Prometheus.

pub mod config;
pub mod http;
pub mod job;
