//! Clients of Bellwire's media server: real calls, over the wire that every client speaks.

use std::{net::SocketAddr, ops::Range};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};
use str0m::media::Direction;

use super::{
    Media,
    crowd::Crowd,
    endpoint::{Endpoint, Line},
    signal::Signal,
};
use crate::wire::handshake;

/// A device that is logged in.
struct Device {
    signal: Signal,
    user: String,
    last_id: u64,
}

/// Puts clients into rooms, a call each.
pub(super) fn join(
    server: SocketAddr,
    crowd: &mut Crowd,
    media: &Media,
    rooms: Range<usize>,
) -> anyhow::Result<()> {
    for room in rooms {
        let name = |member: usize| format!("{}-{room}-{member}", media.name);
        let users = (0..media.shape.members).map(name);
        let mut devices: Vec<Device> =
            users.map(|user| Device::log_in(server, user)).collect::<anyhow::Result<_>>()?;
        let call = call(&mut devices)?;
        for member in 0..devices.len() {
            let endpoint = offer(&mut devices, server, &call, media, (room, member))
                .with_context(|| format!("room {room}, member {member}"))?;
            crowd.add(endpoint, media.heard_by(room, member))?;
        }
        for device in devices {
            crowd.keep(device.signal);
        }
    }
    Ok(())
}

/// The first calls all others, who accept.
fn call(devices: &mut [Device]) -> anyhow::Result<String> {
    let [caller, callees @ ..] = devices else { anyhow::bail!("a call of nobody") };
    let to: Vec<&str> = callees.iter().map(|device| device.user.as_str()).collect();
    let kind = if to.len() == 1 { "direct" } else { "group" };
    let started = caller.ask("call.start", json!({"to": to, "kind": kind, "media": "video"}))?;
    let call = started["call"].as_str().ok_or_else(|| anyhow!("a start without a call"))?;
    for callee in callees {
        let is_ours = |said: &Value| said["ev"] == "call.invited" && said["call"] == call;
        callee.signal.hear(is_ours).context("the invitation")?;
        callee.ask("call.accept", json!({"call": call}))?;
    }
    Ok(call.to_owned())
}

/// Offers what a member sends and receives, and takes the answer.
fn offer(
    devices: &mut [Device],
    server: SocketAddr,
    call: &str,
    media: &Media,
    (room, member): (usize, usize),
) -> anyhow::Result<Endpoint> {
    let mut endpoint = Endpoint::new(server.ip())?;
    let mut lines = Vec::new();
    let sends = member < media.shape.senders;
    if sends {
        lines.extend([Line::Sound(Direction::SendOnly), Line::Picture(Direction::SendOnly)]);
    }
    let others: Vec<usize> = media.senders_heard_by(member).collect();
    for _ in &others {
        lines.extend([Line::Sound(Direction::RecvOnly), Line::Picture(Direction::RecvOnly)]);
    }
    let offered = endpoint.offer(&lines)?;
    let (mut send, mut receive) = (Map::new(), Map::new());
    let mut mids = offered.mids.iter();
    if sends {
        for (source, writer) in ["mic", "camera"].into_iter().zip(media.writers(room, member)) {
            let mid = mids.next().ok_or_else(|| anyhow!("an m-line too few"))?;
            send.insert(mid.clone(), json!(source));
            endpoint.send(mid, writer);
        }
    }
    for other in others {
        for source in ["mic", "camera"] {
            let mid = mids.next().ok_or_else(|| anyhow!("an m-line too few"))?;
            receive.insert(mid.clone(), json!({"user": devices[other].user, "source": source}));
        }
    }
    let device = &mut devices[member];
    let mut known = device.ask("call.get", json!({"call": call}))?;
    let token = known["info"]["room"]["token"].take();
    let asked = json!({
        "call": call, "token": token, "sdp": offered.sdp, "send": send, "receive": receive,
    });
    let answered = device.ask("media.offer", asked)?;
    let answer = answered["sdp"].as_str().ok_or_else(|| anyhow!("no answer to an offer"))?;
    endpoint.accept(offered, answer)?;
    Ok(endpoint)
}

impl Device {
    fn log_in(server: SocketAddr, user: String) -> anyhow::Result<Self> {
        let signal = Signal::connect(server, "/v1/ws", handshake::BELLWIRE)?;
        let mut device = Self { signal, user, last_id: 0 };
        let login = json!({"app": "dev", "user": device.user});
        device.ask("hello", json!({"device": {"id": "d"}, "login": login}))?;
        Ok(device)
    }

    /// Sends a request and gives what the server grants.
    fn ask(&mut self, what: &str, mut request: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        request["id"] = json!(id);
        request["do"] = json!(what);
        self.signal.say(&request)?;
        let mut reply =
            self.signal.hear(|said| said["id"] == id).with_context(|| what.to_owned())?;
        match reply["ok"].take() {
            Value::Null => Err(anyhow!("{what} is refused: {}", reply["error"])),
            granted => Ok(granted),
        }
    }
}
