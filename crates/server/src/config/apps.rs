//! The apps that are served, found by their key or by a key of their HTTP API.

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use tokio::sync::watch;

use super::{api_keys::ApiKey, app::App, dev::DevApp, error::Problem, schema::Config};

/// The apps. A clone is the same set: [`Apps::replace`] changes it for all holders at once, and
/// who has an app in hand keeps it as it was.
#[derive(Clone)]
pub(crate) struct Apps(Arc<watch::Sender<Arc<Index>>>);

/// Tells when the apps are replaced.
pub(crate) struct Changes(watch::Receiver<Arc<Index>>);

impl Changes {
    /// Waits until they have been replaced since this was made, or last waited.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could.
            std::future::pending::<()>().await;
        }
    }
}

struct Index {
    by_key: HashMap<Box<str>, Arc<App>>,
    by_api_key: HashMap<String, (Arc<App>, Arc<ApiKey>)>,
    /// Chosen anew for each index. API keys are looked up by their MAC under it: how long a look-up
    /// takes then tells nothing about the keys.
    mac: EncodingKey,
}

impl std::fmt::Debug for Apps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all().iter().map(|app| &app.key)).finish()
    }
}

impl Apps {
    /// A set of these apps.
    pub(crate) fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let index = Index::new(apps.into_iter().map(Arc::new));
        Self(Arc::new(watch::Sender::new(Arc::new(index))))
    }

    /// Resolves the apps of the configuration; those with problems are left out.
    pub(super) fn resolve(config: &Config) -> (Self, Vec<Problem>) {
        let mut apps = Vec::new();
        let mut problems = Vec::new();
        for (i, app) in config.apps.iter().enumerate() {
            match App::resolve(app, &format!("apps[{i}]"), config) {
                Ok(app) => apps.push(app),
                Err(found) => problems.extend(found),
            }
        }
        (Self::new(apps), problems)
    }

    pub(super) fn add_dev(&mut self, dev: &DevApp, config: &Config) -> Result<(), Vec<Problem>> {
        let dev = Arc::new(App::dev(dev, config)?);
        let index = Index::new(self.all().into_iter().chain([dev]));
        self.0.send_replace(Arc::new(index));
        Ok(())
    }

    /// Serves `new` from now on.
    pub(crate) fn replace(&self, new: &Self) {
        let index = Arc::clone(&new.0.borrow());
        self.0.send_replace(index);
    }

    /// Tells whenever they are replaced.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// The app with this key.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<App>> {
        self.0.borrow().by_key.get(key).cloned()
    }

    /// The app that has this key for its HTTP API, and what is known of the key.
    pub(crate) fn by_api_key(&self, key: &str) -> Option<(Arc<App>, Arc<ApiKey>)> {
        let index = Arc::clone(&self.0.borrow());
        index.by_api_key.get(&mac(key, &index.mac)?).cloned()
    }

    /// Every app, by key.
    pub(crate) fn all(&self) -> Vec<Arc<App>> {
        let mut apps: Vec<_> = self.0.borrow().by_key.values().cloned().collect();
        apps.sort_by(|a, b| a.key.cmp(&b.key));
        apps
    }
}

impl Index {
    fn new(apps: impl IntoIterator<Item = Arc<App>>) -> Self {
        let mac_key = EncodingKey::from_secret(&rand::random::<[u8; 32]>());
        let mut index = Self { by_key: HashMap::new(), by_api_key: HashMap::new(), mac: mac_key };
        for app in apps {
            for key in &app.api_keys {
                if let Some(mac) = mac(key.secret.expose(), &index.mac) {
                    index.by_api_key.insert(mac, (Arc::clone(&app), Arc::clone(key)));
                }
            }
            index.by_key.insert(app.key.as_str().into(), app);
        }
        index
    }
}

/// HMAC-SHA-256 of `key`; none only if the cryptography refuses, and then no key is found.
fn mac(key: &str, under: &EncodingKey) -> Option<String> {
    crypto::sign(key.as_bytes(), under, Algorithm::HS256).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, sources};

    fn apps(text: &str) -> Apps {
        sources::tests::load(text, &[]).expect("a configuration").1
    }

    fn two(secret: &str) -> String {
        let app = |key: &str, api: &str| {
            format!(
                "[[apps]]\nkey = \"{key}\"\nsecrets = [\"{0}\"]\napi_keys = [\"{1}\"]\n",
                secret.repeat(32),
                api.repeat(32)
            )
        };
        app("shop", "p") + &app("bank", "q")
    }

    #[test]
    fn apps_are_found_by_their_keys_and_by_nothing_else() {
        let apps = apps(&two("s"));
        assert_eq!(apps.get("shop").expect("the shop").key.as_str(), "shop");
        assert_eq!(apps.by_api_key(&"q".repeat(32)).expect("the bank").0.key.as_str(), "bank");
        assert!(apps.get("Shop").is_none());
        assert!(apps.by_api_key("").is_none());
        assert!(apps.by_api_key(&"s".repeat(32)).is_none());
    }

    #[test]
    fn replacing_reaches_every_holder_and_leaves_apps_in_hand() {
        let apps = apps(&two("s"));
        let holder = apps.clone();
        let in_hand = apps.get("bank").expect("the bank");
        let one = two("s").split("[[apps]]").nth(1).map(|a| format!("[[apps]]{a}"));
        let (_, new) = sources::tests::load(&one.expect("an app"), &[]).expect("loads");
        holder.replace(&new);
        assert!(apps.get("bank").is_none());
        assert!(apps.by_api_key(&"q".repeat(32)).is_none());
        assert!(apps.get("shop").is_some());
        assert_eq!(in_hand.key.as_str(), "bank");
        assert!(Sources::default().load().is_err());
    }
}
