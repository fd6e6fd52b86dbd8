//! How a device connects its media: when it has come into a room, when the server was another one
//! since, and when its connection has ended.

use std::collections::BTreeMap;

use bellwire_core::CallId;
use bellwire_protocol::{
    Command, Secret,
    command::Get,
    media::{MediaOffer, Source},
};
use serde::Deserialize;

use super::{
    device::{Device, Reaction},
    rooms::owner,
};

/// How long a device waits before it connects again, in milliseconds.
const AGAIN_MS: u64 = 500;

/// A room, as far as the device is interested.
#[derive(Deserialize)]
pub(super) struct Room {
    media: String,
    token: Option<Secret>,
}

impl Device {
    /// The name the device gives itself in its offers.
    pub(super) fn owner(&self) -> String {
        owner(self.key.as_str(), self.user.as_str(), self.id.as_str())
    }

    /// An offer to the room of a call, by the latest token for it.
    pub(super) fn media_offer(&self, call: CallId) -> Command {
        let token = self.tokens.get(&call).cloned().unwrap_or_else(|| "a guess".to_owned().into());
        let send = [("0", Source::Mic), ("1", Source::Camera)];
        Command::MediaOffer(Box::new(MediaOffer {
            call,
            token,
            sdp: self.owner(),
            send: send.map(|(mid, source)| (mid.to_owned(), source)).into(),
            receive: BTreeMap::new(),
        }))
    }

    /// Told of the room of a call that it is in. A token that it knows is that of a server which
    /// has not died since: its connection is still there, unless it has just come in.
    pub(super) fn told_of_room(
        &mut self,
        call: CallId,
        room: Option<Room>,
        comes_in: bool,
        reaction: &mut Reaction,
    ) {
        let routed = room.filter(|room| self.is_in(call) && room.media == "sfu");
        let Some(token) = routed.and_then(|room| room.token) else { return };
        let is_new = self.tokens.insert(call, token.clone()).is_none_or(|known| known != token);
        if comes_in || is_new {
            self.connect_media(call, 0, reaction);
        }
    }

    /// Took the call over from another device, and is not told of the room with that.
    pub(super) fn has_moved(&mut self, call: CallId, reaction: &mut Reaction) {
        if self.habits.offers.is_some() {
            let get = Get { call, after: None, limit: Some(1) };
            self.tokens.remove(&call);
            reaction.commands.push((1, Command::Get(get)));
        }
    }

    /// The server ended its connection.
    pub(super) fn media_closed(&mut self, call: CallId, reaction: &mut Reaction) {
        self.linked = self.linked.filter(|linked| *linked != call);
        if self.tokens.contains_key(&call) {
            self.connect_media(call, AGAIN_MS, reaction);
        }
    }

    fn connect_media(&self, call: CallId, in_ms: u64, reaction: &mut Reaction) {
        if let Some(after_ms) = self.habits.offers {
            reaction.commands.push((in_ms + after_ms, self.media_offer(call)));
        }
    }
}
