//! The business server: it asks over the HTTP API, without a socket.

use axum::{
    body::{Body, to_bytes},
    http::{
        Request,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use bellwire_core::CallId;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{AppOf, World, cast::device_id, device::Device};
use crate::plan::ApiAsk;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;

impl World {
    /// The business server asks something, if the node is there.
    pub(crate) fn ask_api(&mut self, app: AppOf, ask: ApiAsk, mark: u64) {
        let Some(router) = self.api.clone() else { return };
        let Some((path, body)) = self.http(app, ask, mark) else { return };
        let request = Request::builder()
            .method(if body.is_some() { "POST" } else { "GET" })
            .uri(&path)
            .header(AUTHORIZATION, format!("Bearer {}", app.api_key()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string())));
        // Paths are made of names that need no escaping.
        let Ok(request) = request else { return };
        if let (ApiAsk::Accept { user, device }, Some(call)) = (ask, self.api_call(app, mark)) {
            self.place(app, user, device, call);
        }
        let bell = self.bell.clone();
        self.counts.commands += 1;
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        self.trace.note(self.now, app.name(), &format!("→ {path} {text}"));
        tokio::spawn(async move {
            let Ok(answer) = router.oneshot(request).await;
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), ANSWER_MAX).await.unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            bell.ring(|rung| rung.answers.push((status, body)));
        });
    }

    pub(super) fn answered(&mut self, status: u16, body: &str) {
        self.trace.note(self.now, "api", &format!("← {status} {body}"));
        if status == 500 {
            self.fail("one reply", format!("the HTTP API failed: {body}"));
        }
    }

    /// The call that the business server means; now and then another app's.
    fn api_call(&self, app: AppOf, mark: u64) -> Option<CallId> {
        let own = || self.calls.iter().rev().find(|(of, _)| *of == app);
        let call = if mark.is_multiple_of(8) { self.calls.last() } else { own() };
        call.map(|(_, call)| *call)
    }

    /// The judge of a device is told that it may find itself in a call.
    fn place(&mut self, app: AppOf, user: u8, device: u8, call: CallId) {
        let users = self.users_of(app);
        let (user, id) = (&users[usize::from(user) % users.len()], device_id(device.into()));
        let placed = |d: &Device| d.app == app && d.user == *user && d.id == id;
        if let Some(at) = self.devices.iter().position(placed) {
            self.histories[at].placed(call);
        }
    }

    fn http(&self, app: AppOf, ask: ApiAsk, mark: u64) -> Option<(String, Option<Value>)> {
        let users = self.users_of(app);
        let user = |at: u8| &users[usize::from(at) % users.len()];
        let call = self.api_call(app, mark);
        let of_call =
            |what: &str, body| call.map(|call| (format!("/v1/calls/{call}/{what}"), Some(body)));
        let note = format!("api note {mark}");
        match ask {
            ApiAsk::Start { from, to, both } => {
                let body = json!({
                    "from": user(from), "to": [user(to)], "ring_both": both, "ring_time": 8,
                    "content": note,
                });
                Some(("/v1/calls".to_owned(), Some(body)))
            }
            ApiAsk::Accept { user: by, device } => {
                let device = device_id(device.into());
                of_call("accept", json!({ "user": user(by), "device": device }))
            }
            ApiAsk::Reject { user: by } => of_call("reject", json!({ "user": user(by) })),
            ApiAsk::Cancel => of_call("cancel", json!({ "content": note })),
            ApiAsk::Invite { to } => of_call("invite", json!({ "to": [user(to)], "ring_time": 7 })),
            ApiAsk::Remove { user: whom } => of_call("remove", json!({ "user": user(whom) })),
            ApiAsk::End { code } => of_call("end", json!({ "app_code": code, "content": note })),
            ApiAsk::EndUser { user: whom } => {
                Some((format!("/v1/users/{}/end", user(whom)), Some(json!({}))))
            }
            ApiAsk::LogOut { user: whom, device } => {
                let body = match device {
                    Some(device) => json!({ "device": device_id(device.into()) }),
                    None => json!({}),
                };
                Some((format!("/v1/users/{}/logout", user(whom)), Some(body)))
            }
            ApiAsk::List => Some(("/v1/calls?live".to_owned(), None)),
            ApiAsk::Show => call.map(|call| (format!("/v1/calls/{call}"), None)),
            ApiAsk::Records => Some(("/v1/records?limit=3".to_owned(), None)),
        }
    }
}
