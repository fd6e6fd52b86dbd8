//! The push services of one app, each with a queue of its own: one that is slow or down holds up
//! nobody who is woken through another.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bellwire_core::{PushProvider, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    answer::Answer,
    apns::ApnsService,
    fcm::FcmService,
    payload::Notice,
    tokens::{Address, Slot, Way},
    web::WebService,
    webhook::WebhookService,
};

/// Posts to one service of one app at a time. They share few connections; more would only wait
/// there.
const AT_ONCE: usize = 64;
/// Pushes that may wait for that. At ten seconds for each post this is what a service that answers
/// nobody could be asked in the longest ring time.
const WAITING: usize = 4096;

/// Through whom an app's devices are woken.
#[derive(Clone, Default)]
pub(crate) struct PushServices {
    apns: Option<Arc<Lane<ApnsService>>>,
    fcm: Option<Arc<Lane<FcmService>>>,
    web: Option<Arc<Lane<WebService>>>,
    webhook: Option<Arc<Lane<WebhookService>>>,
}

struct Lane<S> {
    service: S,
    gate: Gate,
}

impl<S> Lane<S> {
    fn of(service: S) -> Arc<Self> {
        let gate = Gate { places: Semaphore::new(AT_ONCE), waiting: AtomicUsize::new(0) };
        Arc::new(Self { service, gate })
    }
}

/// What lets so many through at a time.
pub(super) struct Gate {
    places: Semaphore,
    waiting: AtomicUsize,
}

/// Too many wait already.
#[derive(Debug)]
pub(super) struct Full;

impl Gate {
    /// Waits for a place.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let queued = Queued(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(Full);
        }
        let place = self.places.acquire().await.map_err(|_| Full);
        drop(queued);
        place
    }
}

/// Counted out when it ends, also by being given up.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PushServices {
    pub(crate) fn new(
        apns: Option<ApnsService>,
        fcm: Option<FcmService>,
        web: Option<WebService>,
        webhook: Option<WebhookService>,
    ) -> Self {
        Self {
            apns: apns.map(Lane::of),
            fcm: fcm.map(Lane::of),
            web: web.map(Lane::of),
            webhook: webhook.map(Lane::of),
        }
    }

    /// Whether this provider can be sent to.
    pub(crate) fn has(&self, provider: PushProvider) -> bool {
        self.gate(provider).is_some()
    }

    /// The public key that pages subscribe with.
    pub(crate) fn web_key(&self) -> Option<&str> {
        self.web.as_ref().map(|lane| lane.service.public_key())
    }

    /// Whether devices may register this address.
    pub(super) fn takes(&self, address: &Address) -> bool {
        match (address, &self.web) {
            (Address::Subscription(subscription), Some(web)) => web.service.knows(subscription),
            (Address::Subscription(_), None) | (Address::Token { .. }, _) => true,
        }
    }

    /// The queue of a provider; none where the app has no such service.
    pub(super) fn gate(&self, provider: PushProvider) -> Option<&Gate> {
        match provider {
            PushProvider::Apns => self.apns.as_ref().map(|lane| &lane.gate),
            PushProvider::Fcm => self.fcm.as_ref().map(|lane| &lane.gate),
            PushProvider::Web => self.web.as_ref().map(|lane| &lane.gate),
            PushProvider::Webhook => self.webhook.as_ref().map(|lane| &lane.gate),
        }
    }

    /// Sends once; `id` is the same if it is sent again.
    pub(super) async fn send(
        &self,
        id: &str,
        way: &Way,
        notice: &Notice,
        now: Timestamp,
    ) -> Answer {
        let none = || Answer::Refused { status: None, why: "no such service".to_owned() };
        match (&way.token.address, way.slot) {
            (Address::Token { token }, Slot::ApnsVoip | Slot::ApnsAlert) => {
                let Some(lane) = &self.apns else { return none() };
                let voip = way.slot == Slot::ApnsVoip;
                lane.service.send(token.expose(), voip, notice, now).await
            }
            (Address::Token { token }, Slot::Fcm) => {
                let Some(lane) = &self.fcm else { return none() };
                lane.service.send(token.expose(), notice, now).await
            }
            (Address::Token { token }, Slot::Webhook) => {
                let Some(lane) = &self.webhook else { return none() };
                lane.service.send(id, token.expose(), &way.device, notice, now).await
            }
            (Address::Subscription(subscription), Slot::Web) => {
                let Some(lane) = &self.web else { return none() };
                lane.service.send(subscription, notice, now).await
            }
            (Address::Token { .. }, Slot::Web) | (Address::Subscription(_), _) => none(),
        }
    }
}

impl fmt::Debug for PushServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [PushProvider::Apns, PushProvider::Fcm, PushProvider::Web, PushProvider::Webhook];
        f.debug_set().entries(all.into_iter().filter(|provider| self.has(*provider))).finish()
    }
}
