//! What ties a device to its call: its connection to the server, and its media where the server
//! routes that. Who loses one is dropped, who loses both is lost.

use serde::{Deserialize, Serialize};

use crate::event::MediaReport;

/// What ties a device to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Its connection to the server.
    #[default]
    Signalling,
    /// Its media, where the server routes it.
    Media,
}

impl Link {
    /// Whether it is the connection to the server.
    pub fn is_signalling(&self) -> bool {
        match self {
            Self::Signalling => true,
            Self::Media => false,
        }
    }
}

/// The links of a device in a call; meaningful while its user is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// Whether the device is connected to the server.
    pub signalling: bool,
    /// Its media.
    pub media: MediaLink,
}

impl Links {
    /// Those of a device that has just come in.
    pub const FRESH: Self = Self { signalling: true, media: MediaLink::Unknown };

    /// Whether nothing of the device is there, so that the grace runs.
    pub fn are_gone(&self) -> bool {
        !self.signalling && self.media != MediaLink::Up
    }

    /// Whether nothing is missing that was there.
    pub fn are_whole(&self) -> bool {
        self.signalling && self.media != MediaLink::Lost
    }

    /// As they are without `link`.
    #[must_use]
    pub(crate) fn without(self, link: Link) -> Self {
        match link {
            Link::Signalling => Self { signalling: false, ..self },
            Link::Media => Self { media: MediaLink::Lost, ..self },
        }
    }

    /// As they are with `link` back.
    #[must_use]
    pub(crate) fn with(self, link: Link) -> Self {
        match link {
            Link::Signalling => Self { signalling: true, ..self },
            Link::Media => Self { media: MediaLink::Up, ..self },
        }
    }
}

/// What a device has reported of its media; each is logged once in a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    /// When ICE was connected.
    pub connected: bool,
    /// When the first picture was shown.
    pub first_frame: bool,
    /// Why it failed.
    pub failed: bool,
}

impl Reported {
    pub(crate) fn add(&mut self, report: &MediaReport) {
        self.connected |= report.connected_ms.is_some();
        self.first_frame |= report.first_frame_ms.is_some();
        self.failed |= report.failed.is_some();
    }
}

/// What is known of a participant's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaLink {
    /// Nothing: not connected yet, or not routed by the server.
    #[default]
    Unknown,
    /// It flows through the server.
    Up,
    /// It did, and no longer does.
    Lost,
}
