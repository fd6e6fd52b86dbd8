//! Tells whoever follows an app's feed that there is more in it.

use std::time::Duration;

use ahash::HashMap;
use bellwire_core::AppKey;
use parking_lot::RwLock;
use tokio::sync::watch;

/// How long a feed that cannot be read is left alone.
pub(crate) const READ_AGAIN: Duration = Duration::from_secs(1);

/// The feeds that are followed.
#[derive(Debug, Default)]
pub(crate) struct Feed(RwLock<HashMap<AppKey, watch::Sender<()>>>);

impl Feed {
    /// Something was appended to a call of the app, and is durable.
    pub(crate) fn appended(&self, app: &AppKey) {
        if let Some(more) = self.0.read().get(app) {
            more.send_replace(());
        }
    }

    /// Changes whenever there is more.
    pub(crate) fn follow(&self, app: &AppKey) -> watch::Receiver<()> {
        let mut apps = self.0.write();
        apps.entry(app.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }
}
