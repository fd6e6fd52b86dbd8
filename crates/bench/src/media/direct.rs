//! Clients that are connected to each other: what the clients and the system cost by themselves.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use anyhow::anyhow;
use str0m::media::Direction;

use super::{
    Media,
    crowd::Crowd,
    endpoint::{Endpoint, Line},
};

/// Where they are.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Connects the clients of rooms of two.
pub(super) fn join(crowd: &mut Crowd, media: &Media, rooms: Range<usize>) -> anyhow::Result<()> {
    for room in rooms {
        let (mut first, mut second) = (Endpoint::new(LOCAL)?, Endpoint::new(LOCAL)?);
        let lines = [Line::Sound(Direction::SendRecv), Line::Picture(Direction::SendRecv)];
        let offered = first.offer(&lines)?;
        let answer = second.answer(&offered.sdp)?;
        let mids = offered.mids.clone();
        first.accept(offered, &answer)?;
        for (member, mut endpoint) in vec![first, second].into_iter().enumerate() {
            let mut mids = mids.iter();
            for writer in media.writers(room, member) {
                let mid = mids.next().ok_or_else(|| anyhow!("an m-line too few"))?;
                endpoint.send(mid, writer);
            }
            crowd.add(endpoint, media.heard_by(room, member))?;
        }
    }
    Ok(())
}
