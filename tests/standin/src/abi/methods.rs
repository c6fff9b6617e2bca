//! What every module answers by itself, unless it has a handler of its own.

use serde_json::{Value, json};

use super::Handle;
use super::message::{Request, Response};
use super::request::{ROLE_OWNER, admit};

const ALL: u32 = !0;

/// The answer to a request that no handler of the module wants.
pub(super) fn answer(handle: &mut Handle, request: &Request) -> Response {
    let method = request
        .topic
        .strip_prefix(&*handle.name.to_string_lossy())
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let role = match method {
        "ping" | "stats-get" => ALL,
        "shutdown" | "debug" | "config-reload" => ROLE_OWNER,
        _ => {
            let text = format!("Unknown service method '{}'", request.topic);
            return Err((libc::ENOSYS, text));
        }
    };
    admit(request, role)?;
    let json: Option<Value> = request
        .payload
        .as_deref()
        .and_then(|payload| serde_json::from_str(payload).ok());
    let malformed = || (libc::EPROTO, String::new());
    let answer = match method {
        "shutdown" => {
            handle.stopped = true;
            return Ok(None);
        }
        "config-reload" => return Ok(None),
        "stats-get" => {
            let count = |n: u64| json!({"request": n, "response": n});
            let (tx, rx) = handle.counts;
            json!({"tx": count(tx), "rx": count(rx)})
        }
        "ping" => {
            let mut pong = json.ok_or_else(malformed)?;
            let pong_fields = pong.as_object_mut().ok_or_else(malformed)?;
            pong_fields.insert("rank".into(), 0.into());
            pong_fields.insert("rolemask".into(), request.role.into());
            pong
        }
        _ => {
            debug(handle, &json.ok_or_else(malformed)?).ok_or_else(malformed)?
        }
    };
    Ok(Some(answer.to_string()))
}

fn debug(handle: &mut Handle, request: &Value) -> Option<Value> {
    let bits = i32::try_from(request["flags"].as_i64()?).ok()?;
    let flags = handle.debug_flags.get_or_insert_default();
    **flags = match request["op"].as_str()? {
        "setbit" => **flags | bits,
        "clrbit" => **flags & !bits,
        "set" => bits,
        "clr" => 0,
        _ => return None,
    };
    Some(json!({ "flags": **flags }))
}
