//! A request: a text frame from a device.

use std::borrow::Cow;

use bellwire_core::Note;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Command, ErrorCode, Fault, WireError, limits};

/// One request of a device; it gets exactly one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Request {
    /// Chosen by the device, 1 to [`limits::REQUEST_ID_MAX`], rising within the session.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub command: Command,
}

/// Why a frame is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not even the form is right: the connection is closed with
    /// [`CloseCode::BadFrame`](crate::CloseCode::BadFrame). Says what was wrong.
    #[error("bad frame: {0}")]
    BadFrame(String),
    /// The form is right and the content is not: the request is answered with the error.
    #[error("request {id}: {error}")]
    Refused {
        /// The request.
        id: u64,
        /// What is wrong with it.
        error: Box<WireError>,
    },
}

#[derive(Deserialize)]
struct Head<'a> {
    id: u64,
    #[serde(rename = "do", borrow)]
    name: Cow<'a, str>,
}

impl Request {
    /// Reads a text frame.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let head = parse_head(text).map_err(ParseError::BadFrame)?;
        let id = head.id;
        let refused = |error| ParseError::Refused { id, error: Box::new(error) };
        let Some(command) = parse_command(&head.name, text) else {
            let message = format!("no command {:?}; see the list of commands", shown(&head.name));
            return Err(refused(WireError::new(ErrorCode::UnknownCommand, message)));
        };
        let command = command.and_then(|command| command.check().map(|()| command));
        let invalid =
            |f: Fault| WireError::invalid(f.field.clone(), format!("{}: {}", f.field, f.text));
        command.map(|command| Self { id, command }).map_err(|f| refused(invalid(f)))
    }

    /// The text frame.
    pub fn to_frame(&self) -> String {
        // Every key is a string and every value finite, so there is nothing to fail on.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// At most 64 characters of what was sent, to be repeated in a message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn parse_head(text: &str) -> Result<Head<'_>, String> {
    // serde would take an array for a struct.
    if !text.trim_start().starts_with('{') {
        return Err("a frame must be one JSON object".to_owned());
    }
    if depth(text) > limits::FRAME_DEPTH {
        return Err(format!("nested deeper than {}", limits::FRAME_DEPTH));
    }
    let head: Head<'_> = serde_json::from_str(text).map_err(|e| {
        format!("a frame must be one JSON object with a number `id` and a string `do`: {e}")
    })?;
    if head.id == 0 || head.id > limits::REQUEST_ID_MAX {
        return Err("`id` must be 1 to 2^53-1".to_owned());
    }
    Ok(head)
}

/// How deep objects and lists are nested, counted before anything is built from the text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The command `name` with its fields; none when there is no such command.
fn parse_command(name: &str, text: &str) -> Option<Result<Command, Fault>> {
    Some(match name {
        "hello" => fields(text).map(|f| Command::Hello(Box::new(f))),
        "call.start" => fields(text).map(|f| Command::Start(Box::new(f))),
        "call.ringing" => fields(text).map(Command::Ringing),
        "call.accept" => fields(text).map(Command::Accept),
        "call.reject" => fields(text).map(Command::Reject),
        "call.cancel" => fields(text).map(Command::Cancel),
        "call.hangup" => fields(text).map(Command::Hangup),
        "call.end" => fields(text).map(Command::End),
        "call.invite" => fields(text).map(|f| Command::Invite(Box::new(f))),
        "call.join" => fields(text).map(Command::Join),
        "call.move" => fields(text).map(Command::Move),
        "call.media" => fields(text).map(Command::Media),
        "call.media_answer" => fields(text).map(Command::MediaAnswer),
        "ack" => fields(text).map(Command::Ack),
        "call.state" => fields(text).map(Command::State),
        "call.send" => fields(text).map(Command::Send),
        "call.get" => fields(text).map(Command::Get),
        "message.send" => fields(text).map(Command::SendMessage),
        "presence.get" => fields(text).map(Command::PresenceGet),
        "presence.watch" => fields(text).map(Command::PresenceWatch),
        "presence.unwatch" => fields(text).map(Command::PresenceUnwatch),
        "availability.get" => Ok(Command::GetAvailability),
        "availability.set" => fields(text).map(|f| Command::SetAvailability(Box::new(f))),
        "record.read" => fields(text).map(Command::ReadRecords),
        "record.list" => fields(text).map(Command::ListRecords),
        "push.set" => fields(text).map(|f| Command::PushSet(Box::new(f))),
        "push.clear" => fields(text).map(Command::PushClear),
        "media.offer" => fields(text).map(|f| Command::MediaOffer(Box::new(f))),
        "media.receive" => fields(text).map(Command::MediaReceive),
        "media.close" => fields(text).map(Command::MediaClose),
        "media.report" => fields(text).map(Command::MediaReport),
        "token.renew" => fields(text).map(Command::RenewToken),
        "ping" => Ok(Command::Ping),
        "logout" => Ok(Command::Logout),
        _ => return None,
    })
}

fn fields<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    read(text).map_err(|fault| {
        // The path into flattened fields is lost; the note alone tells which of them it was.
        if fault.field.is_empty() { read::<Note>(text).err().unwrap_or(fault) } else { fault }
    })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let text = error.into_inner().to_string();
        // The place in the frame helps nobody who did not write the frame by hand.
        let text = text.split(" at line ").next().unwrap_or_default().to_owned();
        match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            Some(field) if path.is_empty() => {
                Fault { field: field.to_owned(), text: "is missing".to_owned() }
            }
            Some(field) => {
                Fault { field: format!("{path}.{field}"), text: "is missing".to_owned() }
            }
            None => Fault { field: path, text },
        }
    })
}
