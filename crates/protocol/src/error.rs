//! Errors as devices see them.

use std::fmt::Write as _;

use bellwire_core::{CallId, DeviceId, Reason, Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Open;

/// What went wrong; stable for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A field is missing or wrong; `field` names it.
    Invalid,
    /// The server knows no such command.
    UnknownCommand,
    /// The token or login is not accepted.
    Unauthorized,
    /// The token has run out.
    TokenExpired,
    /// The app's policy does not allow it.
    Forbidden,
    /// Too many requests; `retry_ms` says when to try again.
    RateLimited,
    /// A limit of the app or of the server is reached.
    Overloaded,
    /// The server cannot do it now.
    Unavailable,
    /// The sender is in another call.
    BusySelf,
    /// The command names no live call the sender is in.
    NotInCall,
    /// Another device of the sender answered.
    AnsweredElsewhere,
    /// Another device of the sender refused.
    RejectedElsewhere,
    /// The call was answered before it could be cancelled.
    AlreadyAccepted,
    /// The business server vetoed it.
    Denied,
    /// A code of a later server.
    #[serde(other)]
    Unknown,
}

/// A row of the table of errors.
#[derive(Debug, Clone, Copy)]
pub struct ErrorRow {
    /// The code.
    pub code: ErrorCode,
    /// Its text on the wire.
    pub text: &'static str,
    /// The number the older systems know it by, where they do.
    pub number: Option<u32>,
    /// What it means, and what to do.
    pub meaning: &'static str,
}

const fn row(
    code: ErrorCode,
    text: &'static str,
    number: Option<u32>,
    meaning: &'static str,
) -> ErrorRow {
    ErrorRow { code, text, number, meaning }
}

impl ErrorCode {
    /// Every code a server of this version sends.
    pub const TABLE: [ErrorRow; 14] = [
        row(
            Self::Invalid,
            "invalid",
            None,
            "A field is missing or wrong; `field` names it. Mend the request.",
        ),
        row(
            Self::UnknownCommand,
            "unknown_command",
            None,
            "The server knows no such `do`. Check the spelling, or the server's version.",
        ),
        row(
            Self::Unauthorized,
            "unauthorized",
            None,
            "The token or login is not accepted, or no hello was said. Get a new token.",
        ),
        row(
            Self::TokenExpired,
            "token_expired",
            None,
            "The token has run out. Get a new one and say hello again.",
        ),
        row(
            Self::Forbidden,
            "forbidden",
            None,
            "The app's policy, or the sender's part in the call, does not allow it.",
        ),
        row(
            Self::RateLimited,
            "rate_limited",
            None,
            "Too many requests. Wait `retry_ms` and try again.",
        ),
        row(
            Self::Overloaded,
            "overloaded",
            None,
            "A limit of the app, the user or the server is reached. Try again later.",
        ),
        row(
            Self::Unavailable,
            "unavailable",
            None,
            "The server cannot do it now. Try again with the same id.",
        ),
        row(
            Self::BusySelf,
            "busy_self",
            Some(100_103),
            "The sender is in another call, named by `call`. Finish it first.",
        ),
        row(
            Self::NotInCall,
            "not_in_call",
            Some(100_107),
            "The command names no live call the sender is in; `reason` and `ended_at` say what \
             became of it where the sender was in it.",
        ),
        row(
            Self::AnsweredElsewhere,
            "answered_elsewhere",
            None,
            "Another device of the sender, named by `device`, answered. Stop ringing.",
        ),
        row(
            Self::RejectedElsewhere,
            "rejected_elsewhere",
            None,
            "Another device of the sender, named by `device`, refused. Stop ringing.",
        ),
        row(
            Self::AlreadyAccepted,
            "already_accepted",
            None,
            "The call was answered before the cancel came. Hang up instead.",
        ),
        row(
            Self::Denied,
            "denied",
            None,
            "The business server vetoed it; `number` and `message` are its own.",
        ),
    ];

    /// The row of the table; none for [`ErrorCode::Unknown`].
    pub fn row(self) -> Option<&'static ErrorRow> {
        Self::TABLE.iter().find(|row| row.code == self)
    }

    /// Whether the refusal passes by itself: the same request may succeed later, so it is no answer
    /// to keep for its repetition (R14).
    pub fn is_passing(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Unavailable)
    }

    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.row().map_or("unknown", |row| row.text)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The table of errors as Markdown, for the docs.
pub fn error_reference() -> String {
    let mut out = String::from("| code | number | meaning |\n|---|---|---|\n");
    for row in &ErrorCode::TABLE {
        let number = row.number.map(|n| n.to_string()).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}` | {number} | {} |", row.text, row.meaning);
    }
    out
}

/// An error as sent to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[error("{code}: {message}")]
pub struct WireError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The number the older systems know it by, or the business server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// What went wrong and what to do, for people.
    #[serde(default)]
    pub message: String,
    /// The field that is wrong, such as `to[1].ring_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The call it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The device that was first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Why the call ended for the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Open<Reason>>,
    /// When the call ended for the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

impl WireError {
    /// An error with the number of its code and nothing else.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            number: code.row().and_then(|row| row.number),
            message: message.into(),
            field: None,
            call: None,
            device: None,
            reason: None,
            ended_at: None,
            retry_ms: None,
        }
    }

    /// A wrong `field`, and what is wrong with it.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorCode::Invalid, message) }
    }

    /// Too many requests; the next may come in `retry_ms`.
    pub fn rate_limited(retry_ms: u64) -> Self {
        let message = format!("too many requests; try again in {retry_ms} ms");
        Self { retry_ms: Some(retry_ms), ..Self::new(ErrorCode::RateLimited, message) }
    }
}

impl From<Refusal> for WireError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NotInCall(over) => Self {
                reason: over.map(|o| o.reason.into()),
                ended_at: over.map(|o| o.at),
                ..Self::new(ErrorCode::NotInCall, message)
            },
            Refusal::AnsweredElsewhere(device) => {
                Self { device: Some(device), ..Self::new(ErrorCode::AnsweredElsewhere, message) }
            }
            Refusal::RejectedElsewhere(device) => {
                Self { device: Some(device), ..Self::new(ErrorCode::RejectedElsewhere, message) }
            }
            Refusal::AlreadyAccepted => Self::new(ErrorCode::AlreadyAccepted, message),
            Refusal::BusySelf(call) => {
                Self { call: Some(call), ..Self::new(ErrorCode::BusySelf, message) }
            }
            Refusal::Forbidden(_) => Self::new(ErrorCode::Forbidden, message),
            Refusal::Invalid { field, text } => Self::invalid(field, text),
            Refusal::Overloaded(_) => Self::new(ErrorCode::Overloaded, message),
            Refusal::Denied { code, text } => {
                Self { number: Some(code), ..Self::new(ErrorCode::Denied, text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_and_the_wire_agree() {
        for row in &ErrorCode::TABLE {
            assert_eq!(serde_json::to_value(row.code).unwrap(), json!(row.text));
        }
        let later: ErrorCode = serde_json::from_str("\"brand_new\"").unwrap();
        assert_eq!(later, ErrorCode::Unknown);
        assert_eq!(error_reference().lines().count(), 2 + ErrorCode::TABLE.len());
    }

    #[test]
    fn busy_self_is_written_as_documented() {
        let call: CallId = "01980000-0000-7000-8000-000000000001".parse().unwrap();
        let error = WireError::from(Refusal::BusySelf(call));
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            json!({"code": "busy_self", "number": 100_103, "call": call,
                   "message": format!("you are in call {call}; finish it first")})
        );
    }
}
