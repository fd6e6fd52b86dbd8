//! The judge's look at the rooms: nobody is connected who is not in the call with that device, and
//! nothing may flow that the call does not let them send; whose media flows is known to the call;
//! who was told to be connected is.

use std::{collections::BTreeMap, sync::Arc};

use bellwire_core::{Call, DeviceId, Media, MediaLink, RoomId};
use bellwire_media::{PeerKey, RoomKey};

use super::{
    World,
    sfu::{Peer, Sfu},
};

/// Since when things are not as they should be, in milliseconds of the world: a peer is connected
/// or may send what it may not, or a device is not connected that was told it is.
#[derive(Debug, Default)]
pub(super) struct Strays {
    peers: BTreeMap<(RoomKey, PeerKey), u64>,
    devices: BTreeMap<usize, u64>,
}

const RULE: &str = "rooms keep to their calls";

/// The loss of a connection that flaps is left to the audit, which comes so often (milliseconds).
const AUDIT_MS: u64 = 20_000;

/// How long it may take until a device has heard that its connection ended, in milliseconds.
const UNHEARD_MS: u64 = 10_000;

impl World {
    /// Looks at every peer and device. The forwarder is told of a change after the change, and a
    /// device of its connection's end later still, so that either may be wrong for a while.
    pub(super) fn look_at_rooms(&mut self, live: &[Arc<Call>]) {
        let Some(sfu) = &self.sfu else { return };
        let (peers, slack_ms) = (sfu.peers(), self.shape.limits.slack_ms);
        let (before, mut strays) = (std::mem::take(&mut self.strays), Strays::default());
        let mut worst = None;
        for (place, peer) in &peers {
            let in_room = |call: &&Arc<Call>| call.room.is_some_and(|room| key(room) == place.0);
            let Some((wrong, within_ms)) = wrong(live.iter().find(in_room), peer) else {
                continue;
            };
            let since = before.peers.get(place).copied().unwrap_or(self.now);
            strays.peers.insert(*place, since);
            if self.now - since > slack_ms + within_ms {
                worst = Some(format!("{}: {wrong}, for {} ms", peer.owner, self.now - since));
            }
        }
        for at in 0..self.devices.len() {
            let owner = self.devices[at].owner();
            if !self.hears_of_ends(at) || peers.iter().any(|(_, peer)| peer.owner == owner) {
                continue;
            }
            let since = before.devices.get(&at).copied().unwrap_or(self.now);
            strays.devices.insert(at, since);
            if self.now - since > slack_ms + UNHEARD_MS {
                worst = Some(format!("{owner} is not connected, and was not told so"));
            }
        }
        self.strays = strays;
        if let Some(text) = worst {
            self.fail(RULE, text);
        }
    }

    /// Whether a device believes that it is connected, and would be told if it were not: that is
    /// said once, so not to one that reads slowly or not at all.
    fn hears_of_ends(&self, device: usize) -> bool {
        let own = &self.devices[device];
        let hears = own.link.is_some_and(|link| !self.links[link].lost.down);
        own.linked.is_some()
            && own.greeted
            && hears
            && !self.network.slow_until.contains_key(&device)
    }

    /// Every call is over: nobody may be left in a room.
    pub(super) fn judge_rooms(&mut self) {
        let left = self.sfu.as_ref().map(Sfu::peers).unwrap_or_default();
        if let Some((_, peer)) = left.first() {
            self.fail(RULE, format!("{} is still connected after the end", peer.owner));
        }
    }
}

/// The name a device gives itself in its offers.
pub(super) fn owner(app: &str, user: &str, device: &str) -> String {
    format!("{app}/{user}/{device}")
}

/// A room's name for the SFU is its number; judged here, so not asked of the server.
fn key(room: RoomId) -> RoomKey {
    RoomKey(room.0.into())
}

/// What is wrong with a peer, and for how many milliseconds it may be.
fn wrong(call: Option<&Arc<Call>>, peer: &Peer) -> Option<(String, u64)> {
    let Some(call) = call else {
        return Some(("is connected, and there is no such call".to_owned(), 0));
    };
    let of = call.participants.iter().find(|p| {
        let device = p.device.as_ref().map(DeviceId::as_str);
        device.is_some_and(|device| owner(call.app.as_str(), p.user.as_str(), device) == peer.owner)
    });
    let Some(own) = of.filter(|p| p.state.is_in()) else {
        return Some((format!("is connected, and not in call {}", call.id), 0));
    };
    let up = own.links.media == MediaLink::Up;
    if peer.flows().is_some_and(|flows| flows != up) {
        let known = own.links.media;
        return Some((format!("is {:?}, and known as {known:?}", peer.stage), AUDIT_MS));
    }
    let (audio, video) =
        (call.may_send(&own.user, Media::Audio), call.may_send(&own.user, Media::Video));
    let grant = peer.grant;
    let excess =
        (grant.mic || grant.screen_audio) && !audio || (grant.camera || grant.screen) && !video;
    excess.then(|| (format!("may send {grant:?} in call {}, which lets less", call.id), 0))
}
