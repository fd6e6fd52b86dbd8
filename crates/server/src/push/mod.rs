//! Push: sleeping devices are woken when their user is called, and told to stop ringing.
//!
//! ```text
//!   durable events ──▶ ring ──▶ a task per device ──▶ deliver ──▶ services ──▶ APNs, FCM, …
//!                       ▲                                │
//!                    tokens                              └──▶ receipts ──▶ the call's log
//! ```
//!
//! Nothing of a call waits for any of it, and an app whose devices have no tokens pays one look at
//! a number.

mod answer;
mod apns;
mod deliver;
mod encrypt;
mod fcm;
mod payload;
mod receipts;
mod ring;
mod services;
mod tokens;
mod web;
mod webhook;

use bellwire_core::{AppKey, DeviceId, Reach, RingMode, UserId};
use bellwire_protocol::{
    WireError,
    command::{PushClear, PushSet},
};

pub(crate) use answer::Link;
pub(crate) use apns::ApnsService;
pub(crate) use fcm::FcmService;
pub(crate) use receipts::Receipts;
pub(crate) use services::PushServices;
pub(crate) use web::WebService;
pub(crate) use webhook::WebhookService;

use self::{
    receipts::ReceiptsIn,
    ring::Rings,
    tokens::{Token, Tokens, Way},
};
use crate::{
    config::{App, Apps},
    sessions::Session,
    switchboard::Switchboard,
};

/// Who can be woken, and who is being.
pub(crate) struct Push {
    apps: Apps,
    tokens: Tokens,
    rings: Rings,
    receipts: ReceiptsIn,
}

impl Push {
    /// Nobody yet, and where receipts come out.
    pub(crate) fn new(apps: Apps) -> (Self, Receipts) {
        let (receipts, out) = receipts::receipts();
        (Self { apps, tokens: Tokens::default(), rings: Rings::default(), receipts }, out)
    }

    /// Puts back a token the journal kept.
    pub(crate) fn restore(&self, app: &AppKey, key: &str, value: &str) -> Result<(), String> {
        self.tokens.restore(app, key, value)
    }

    /// Whether there is nobody to wake and nobody being woken.
    fn is_idle(&self) -> bool {
        self.tokens.is_empty() && self.rings.is_empty()
    }

    /// The public key that the app's pages subscribe with.
    pub(crate) fn web_key(&self, app: &AppKey) -> Option<String> {
        let app = self.apps.get(app)?;
        app.push.web_key().map(str::to_owned)
    }

    fn services(&self, app: &AppKey) -> PushServices {
        self.apps.get(app).map(|app| app.push.clone()).unwrap_or_default()
    }

    /// The ways to wake a user's devices that the app has a service for.
    fn ways(&self, app: &AppKey, user: &UserId, ring: RingMode) -> Vec<Way> {
        let mut ways = self.tokens.ways(app, user, ring);
        if !ways.is_empty() {
            let services = self.services(app);
            ways.retain(|way| services.has(way.slot.provider()));
        }
        ways
    }
}

impl Switchboard {
    /// What of a user can be reached who is to be rung so: R8. `wakes`: whether sleeping devices
    /// may be woken.
    pub(crate) fn reach(&self, app: &AppKey, user: &UserId, ring: RingMode, wakes: bool) -> Reach {
        match self.sessions.reach(app, user) {
            Reach::Absent if wakes && !self.push.ways(app, user, ring).is_empty() => Reach::Asleep,
            reach => reach,
        }
    }

    /// Takes where a device is to be woken; refused where it cannot be.
    pub(crate) fn set_token(
        &self,
        app: &App,
        session: &Session,
        set: &PushSet,
    ) -> Result<(), Box<WireError>> {
        if !app.push.has(set.provider) {
            let text = "the app is not set up for this provider; see apps.push in the settings";
            return Err(Box::new(WireError::invalid("provider", text)));
        }
        let (slot, token) = Token::of(set, self.now())?;
        if !app.push.takes(&token.address) {
            let text = "endpoint: its push service is not among apps.push.web.services";
            return Err(Box::new(WireError::invalid("endpoint", text)));
        }
        let most = app.limits.devices_per_user as usize;
        let (user, device) = (&session.user, &session.device);
        let rows = self.push.tokens.set(&app.key, user, device, (slot, token), most);
        self.storage.submit(rows, || {});
        Ok(())
    }

    /// Forgets where a user's devices are to be woken, or one of them is.
    pub(crate) fn clear_tokens(
        &self,
        app: &AppKey,
        user: &UserId,
        device: Option<&DeviceId>,
        which: &PushClear,
    ) {
        let rows = self.push.tokens.clear(app, user, device, which);
        if !rows.is_empty() {
            self.storage.submit(rows, || {});
        }
    }

    /// Forgets a token that its service no longer knows.
    fn forget_token(&self, app: &AppKey, user: &UserId, way: &Way) {
        let rows = self.push.tokens.forget(app, user, way);
        if !rows.is_empty() {
            let provider = way.slot.provider().as_str();
            tracing::info!(%app, provider, "a push token is dead and forgotten");
            self.storage.submit(rows, || {});
        }
    }
}
