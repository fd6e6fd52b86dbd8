//! Asks, from time to time, whether those who are in calls are still there. Only changes are
//! logged. It finds what no connection reported, so a call whose devices vanished still ends.

use std::{sync::Arc, time::Duration};

use bellwire_core::{AUDIT_MS, Call, Command, MediaLink, State};

use super::Switchboard;

impl Switchboard {
    /// Audits until the server ends.
    pub(crate) async fn audit_forever(self: Arc<Self>) {
        let mut every = tokio::time::interval(Duration::from_millis(AUDIT_MS));
        loop {
            every.tick().await;
            for call in self.calls.all().into_iter().filter(|call| call.needs_audit()) {
                self.audit(&call).await;
            }
            self.finish_erasures().await;
        }
    }

    async fn audit(self: &Arc<Self>, call: &Call) {
        for p in call.inside() {
            let Some(device) = p.device.clone() else { continue };
            let user = p.user.clone();
            let connected = self.sessions.is_connected(&call.app, &user, &device);
            let command = match (p.state, connected) {
                (State::Joined, false) => Command::Gone { user, device },
                (State::Dropped, true) => Command::Back { user, device },
                _ => continue,
            };
            self.act(&call.app, call.id, command).await;
        }
        self.audit_media(call).await;
    }

    /// Where the server routes the media.
    async fn audit_media(self: &Arc<Self>, call: &Call) {
        for p in call.inside() {
            let Some(device) = p.device.clone() else { continue };
            let user = p.user.clone();
            let command = match (p.links.media, self.media.is_up(call, &user, &device)) {
                (MediaLink::Up, false) => Command::MediaLost { user, device },
                (MediaLink::Unknown | MediaLink::Lost, true) => Command::MediaUp { user, device },
                (MediaLink::Up, true) | (MediaLink::Unknown | MediaLink::Lost, false) => continue,
            };
            self.act(&call.app, call.id, command).await;
        }
    }
}
