//! What of a participant may flow: what the call carries, nobody forbids, and their device does not
//! say to be off.

use bellwire_core::{Call, Media, UserId};
use bellwire_media::Grant;
use bellwire_protocol::command::SetState;

/// What a device says to be off. One that has said nothing has everything on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Off {
    audio: bool,
    video: bool,
    screen: bool,
}

impl Off {
    /// Takes what is said; what is not mentioned stays.
    pub(super) fn update(&mut self, said: &SetState) {
        let set = |off: &mut bool, on: Option<bool>| *off = on.map_or(*off, |on| !on);
        set(&mut self.audio, said.audio);
        set(&mut self.video, said.video);
        set(&mut self.screen, said.screen);
    }
}

/// What may flow from `user`, whatever is sent.
pub(super) fn grant(call: &Call, user: &UserId, off: Off) -> Grant {
    let audio = call.may_send(user, Media::Audio);
    let video = call.may_send(user, Media::Video);
    Grant {
        mic: audio && !off.audio,
        camera: video && !off.video,
        screen: video && !off.screen,
        screen_audio: audio && !off.screen,
    }
}
