//! Calls brought to where a test begins.

use serde_json::{Value, json};

use super::Device;

/// A command about a call.
pub(crate) fn ask(what: &str, call: &str) -> Value {
    json!({"do": what, "call": call})
}

/// A command about a call, with more fields.
pub(crate) fn bring(what: &str, call: &str, more: Value) -> Value {
    let mut request = ask(what, call);
    let fields = request.as_object_mut().expect("an object");
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    request
}

/// Starts a video call to `to`; its id.
pub(crate) async fn start(caller: &mut Device, to: &[&str]) -> String {
    let ok = caller.ok(json!({"do": "call.start", "to": to, "media": "video"})).await;
    ok["call"].as_str().expect("the call's id").to_owned()
}

/// A direct call that rings at `callee`, acknowledged; nothing is left to be looked at.
pub(crate) async fn ring(caller: &mut Device, callee: &mut Device) -> String {
    let user = callee.welcome["user"].as_str().expect("logged in").to_owned();
    let call = start(caller, &[&user]).await;
    callee.expect("call.invited").await;
    callee.ok(ask("call.ringing", &call)).await;
    caller.expect("call.ringing").await;
    call
}

/// A direct call that is active; nothing is left to be looked at.
pub(crate) async fn talk(caller: &mut Device, callee: &mut Device) -> String {
    let call = ring(caller, callee).await;
    callee.ok(ask("call.accept", &call)).await;
    caller.expect("call.accepted").await;
    caller.expect("call.started").await;
    callee.expect("call.started").await;
    call
}

/// Scope, reason and code of what is under `ended`.
pub(crate) fn outcome(ended: &Value) -> (&str, &str, u64) {
    let text = |name: &str| ended[name].as_str().unwrap_or_default();
    (text("scope"), text("reason"), ended["code"].as_u64().unwrap_or(u64::MAX))
}
