//! The C declarations as bindgen wrote them; `build.rs` says from where.

#![allow(missing_docs, non_camel_case_types, non_upper_case_globals)]
#![allow(unnameable_types, unreachable_pub, dead_code)]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
