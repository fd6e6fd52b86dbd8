//! What a Bellwire server and the app's own, its business server, say to each other.

mod event;
mod hook;
mod record;
mod socket;

pub use event::{FeedEvent, WebhookBody, WebhookData};
pub use hook::{
    AnswerNews, Asking, HookAnswer, HookBody, HookCallee, HookUser, JoinAsk, LoginAsk, RequestAsk,
    TokenAsk,
};
pub use record::{Confirmed, FullRecord, PushReceipt, Receipt, Verdict};
pub use socket::{
    BusinessAnswer, BusinessEvent, BusinessHello, BusinessReply, BusinessRequest, EventsAsk,
};

/// The path of the business server's WebSocket.
pub const BUSINESS_PATH: &str = "/v1/business";
