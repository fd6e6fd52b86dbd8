//! An SFU on loopback, and all that it told.

use std::sync::Arc;

use bellwire_media::{Event, Settings, Sfu};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::PATIENCE;

pub struct World {
    pub sfu: Sfu,
    told: Arc<Mutex<Vec<Event>>>,
    changed: Arc<Notify>,
}

impl World {
    pub fn start() -> Self {
        Self::with(&Settings::loopback())
    }

    pub fn with(settings: &Settings) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let changed = Arc::new(Notify::new());
        let (sink, notify) = (Arc::clone(&told), Arc::clone(&changed));
        let sfu = Sfu::start(settings, move |event| {
            sink.lock().push(event);
            notify.notify_waiters();
        });
        Self { sfu: sfu.unwrap(), told, changed }
    }

    /// All events so far.
    pub fn told(&self) -> Vec<Event> {
        self.told.lock().clone()
    }

    /// Waits until an event of that kind has been told.
    pub async fn wait<T>(&self, what: &str, mut find: impl FnMut(&Event) -> Option<T>) -> T {
        self.wait_after(0, what, &mut find).await
    }

    /// Waits for an event after the first `count`.
    pub async fn wait_after<T>(
        &self,
        count: usize,
        what: &str,
        mut find: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = self.told.lock().iter().skip(count).find_map(&mut find) {
                    return found;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("{what} was never told; only {:?}", self.told()))
    }
}
