//! Doors to the inside for a fuzzer: what it may call that nobody else should. No stable part of
//! this library.

use std::path::Path;

use bellwire_core::{AppKey, Timestamp, UserId};

use crate::{
    auth,
    config::Config,
    gateway::{Decoder, Frame},
    journal::{Journal, JournalSettings, Recovered},
    node::Tenants,
};

/// Reads what a client sends, as it comes in `pieces`, with messages up to `most` bytes: what was
/// read, each frame described; why the reading ended early; the most memory held between pieces.
pub fn decode(pieces: &[&[u8]], most: usize) -> (Vec<String>, Option<String>, usize) {
    let (mut decoder, mut frames, mut held) = (Decoder::default(), Vec::new(), 0);
    for piece in pieces {
        let fed = decoder.feed(&mut piece.to_vec(), most, |frame| frames.push(described(&frame)));
        if let Err(error) = fed {
            return (frames, Some(error.to_string()), held);
        }
        held = held.max(decoder.held_bytes());
    }
    (frames, None, held)
}

/// One line a frame; of a text all of it, after `text `.
fn described(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Text(text) => format!("text {text}"),
        Frame::Binary | Frame::Ping(_) | Frame::Pong | Frame::Close(_) => format!("{frame:?}"),
    }
}

/// Verifies a token at `now_s`: whose it is and from when on it is worth nothing, or what the
/// sender is told.
pub fn verify(
    tenants: &Tenants,
    token: &str,
    now_s: u64,
) -> Result<(AppKey, UserId, Timestamp), String> {
    let claims = auth::verify(&tenants.apps, token, now_s).map_err(|error| error.to_string())?;
    Ok((claims.app.key.clone(), claims.user, claims.expires_at))
}

/// Reads a configuration file's text: what is wrong with it, each with the setting it is about.
pub fn configuration(text: &str) -> Vec<(String, String)> {
    let Err(error) = Config::from_toml(text) else { return Vec::new() };
    error.problems.into_iter().map(|problem| (problem.path, problem.says)).collect()
}

/// Opens the journal in `data`, whatever is there, and closes it: what a server would start from,
/// or why it would not.
pub async fn open_journal(data: &Path) -> Result<Recovered, String> {
    let settings = JournalSettings {
        reserve_bytes: 0,
        recent_since: Timestamp(0),
        ..JournalSettings::default()
    };
    let (journal, recovered) =
        Journal::open(data, settings).await.map_err(|error| error.to_string())?;
    journal.close().await.map_err(|error| error.to_string())?;
    Ok(recovered)
}
