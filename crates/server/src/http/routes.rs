//! Every path of the API, who may ask for it, and what stands behind it.

use axum::http::Method;
use bellwire_core::Note;
use bellwire_protocol::{Availability, SetAvailability, reply};

use super::{calls, events, export, health, openapi::Api, records, users, webhooks};
use crate::config::Scope;

/// The API, with what is said of it where `api` wants to know.
pub(super) fn api(api: Api) -> Api {
    let api = of_calls(api);
    let api = of_users(api);
    let api = of_history(api);
    let health = "Whether the server lives.";
    let ready = "Whether it takes calls.";
    api.add(Method::GET, "/healthz", None, health::alive, health, |o| {
        o.gives_text(&["text/plain"], "It does.")
    })
    .add(Method::GET, "/readyz", None, health::ready, ready, |o| {
        o.gives_text(&["text/plain"], "It does.")
    })
    .add(Method::GET, "/metrics", None, health::metrics, "Figures, as OpenMetrics.", |o| {
        o.gives_text(&["application/openmetrics-text"], "The figures.")
    })
}

fn of_calls(api: Api) -> Api {
    api.add(
        Method::GET,
        "/v1/calls",
        Some(Scope::CallsRead),
        calls::list,
        "The live calls, oldest first.",
        |o| o.gives::<calls::Live>("The calls."),
    )
    .add(
        Method::POST,
        "/v1/calls",
        Some(Scope::CallsWrite),
        calls::start,
        "Starts a call for a user.",
        |o| o.once().body::<calls::StartBody>().gives::<reply::StartOk>("It is begun."),
    )
    .add(
        Method::GET,
        "/v1/calls/{id}",
        Some(Scope::CallsRead),
        calls::show,
        "A call and its log.",
        |o| o.gives::<calls::Whole>("The call, live or finished."),
    )
    .add(
        Method::PATCH,
        "/v1/calls/{id}",
        Some(Scope::CallsWrite),
        calls::edit,
        "Changes what may be sent, and when a call ends at the latest.",
        |o| o.once().body::<calls::EditBody>().gives::<reply::Empty>("It is so now."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/accept",
        Some(Scope::CallsWrite),
        calls::accept,
        "Answers for a user.",
        |o| o.once().body::<calls::ForUser>().gives::<reply::Empty>("It is answered."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/reject",
        Some(Scope::CallsWrite),
        calls::reject,
        "Refuses for a user.",
        |o| o.once().body::<calls::ForUser>().gives::<reply::Empty>("It is refused."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/cancel",
        Some(Scope::CallsWrite),
        calls::cancel,
        "Takes invitations back for the caller.",
        |o| o.once().body::<calls::CancelBody>().gives::<reply::Empty>("They are taken back."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/invite",
        Some(Scope::CallsWrite),
        calls::invite,
        "Invites more people.",
        |o| o.once().body::<calls::InviteBody>().gives::<reply::InviteOk>("They are invited."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/remove",
        Some(Scope::CallsWrite),
        calls::remove,
        "Takes a participant out.",
        |o| o.once().body::<calls::ForUser>().gives::<reply::Empty>("They are out."),
    )
    .add(
        Method::POST,
        "/v1/calls/{id}/end",
        Some(Scope::CallsWrite),
        calls::end,
        "Ends a call for all.",
        |o| o.once().body::<Note>().gives::<reply::Empty>("It is over."),
    )
}

fn of_users(api: Api) -> Api {
    let tokens = "Makes a token with which a device logs in.";
    let wishes = "When and by whom the user wants to be rung.";
    api.add(Method::POST, "/v1/tokens", Some(Scope::Tokens), users::token, tokens, |o| {
        o.body::<users::TokenBody>().gives::<users::Token>("The token.")
    })
    .add(
        Method::GET,
        "/v1/users/{user}",
        Some(Scope::UsersRead),
        users::show,
        "A user and their devices.",
        |o| o.gives::<users::User>("The user."),
    )
    .add(
        Method::DELETE,
        "/v1/users/{user}",
        Some(Scope::UsersWrite),
        users::erase,
        "Erases a user.",
        |o| o.gives::<users::Gone>("What was changed; nothing names them any more."),
    )
    .add(
        Method::GET,
        "/v1/users/{user}/availability",
        Some(Scope::UsersRead),
        users::availability,
        wishes,
        |o| o.gives::<Availability>("What they want."),
    )
    .add(
        Method::PATCH,
        "/v1/users/{user}/availability",
        Some(Scope::UsersWrite),
        users::set_availability,
        "Changes when and by whom the user wants to be rung.",
        |o| o.body::<SetAvailability>().gives::<Availability>("What they want now."),
    )
    .add(
        Method::POST,
        "/v1/users/{user}/end",
        Some(Scope::UsersWrite),
        users::end,
        "Takes the user out of whatever calls they are in.",
        |o| o.body::<Note>().gives::<users::Done>("From how many."),
    )
    .add(
        Method::POST,
        "/v1/users/{user}/logout",
        Some(Scope::UsersWrite),
        users::logout,
        "Logs devices of the user out.",
        |o| o.body::<users::LogoutBody>().gives::<users::Done>("How many."),
    )
}

fn of_history(api: Api) -> Api {
    let files = ["application/jsonl", "text/csv"];
    let feed = "What happened in the app's calls, oldest first.";
    api.add(
        Method::GET,
        "/v1/records",
        Some(Scope::RecordsRead),
        records::list,
        "Finished calls, newest first.",
        |o| {
            o.query::<records::Search>()
                .query::<records::Paging>()
                .gives::<records::Page>("A page.")
        },
    )
    .add(
        Method::GET,
        "/v1/records/export",
        Some(Scope::RecordsRead),
        export::export,
        "Finished calls as a file, oldest first.",
        |o| o.query::<records::Search>().query::<export::Wanted>().gives_text(&files, "The file."),
    )
    .add(Method::GET, "/v1/events", Some(Scope::EventsRead), events::list, feed, |o| {
        o.query::<events::Wanted>().gives::<events::Page>("A page.")
    })
    .add(
        Method::GET,
        "/v1/webhooks",
        Some(Scope::EventsRead),
        webhooks::list,
        "How deliveries stand.",
        |o| o.gives::<webhooks::All>("Of each receiver."),
    )
    .add(
        Method::POST,
        "/v1/webhooks/{name}/replay",
        Some(Scope::WebhooksWrite),
        webhooks::replay,
        "Posts everything after a cursor again.",
        |o| o.body::<webhooks::Replay>().gives::<reply::Empty>("It is on its way."),
    )
    .add(
        Method::POST,
        "/v1/webhooks/{name}/revive",
        Some(Scope::WebhooksWrite),
        webhooks::revive,
        "Tries again what was given up.",
        |o| o.body::<reply::Empty>().gives::<reply::Empty>("It is on its way."),
    )
}
