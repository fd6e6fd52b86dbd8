//! The settings by which an app's sleeping devices are woken.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bellwire_protocol::Secret;
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{business, error::Problem};
use crate::push::{ApnsService, FcmService, Link, PushServices, WebService, WebhookService};

/// How long a push webhook may be given, in milliseconds: the phone rings no earlier.
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=30_000;

/// How an app's sleeping devices are woken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Push {
    /// Apple's devices.
    pub apns: Apns,
    /// Android's devices.
    pub fcm: Fcm,
    /// Browsers.
    pub web: Web,
    /// Everything else.
    pub webhook: PushWebhook,
}

/// Apple Push Notification service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Apns {
    /// The authentication key that Apple gives for download, a .p8 file. With it, devices may
    /// register APNs tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/AuthKey_ABC123DEFG.p8")]
    pub key: Option<PathBuf>,
    /// The key's id, ten characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ABC123DEFG")]
    pub key_id: Option<String>,
    /// The id of the developer team, ten characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"DEF123GHIJ")]
    pub team: Option<String>,
    /// The app's bundle id. Calls go to `<topic>.voip`, notices to `<topic>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"example.shop")]
    pub topic: Option<String>,
    /// Whether tokens are those of development builds.
    pub sandbox: bool,
    /// Another address in place of Apple's, for a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://push-proxy.example")]
    pub address: Option<String>,
    /// A PEM file with the root certificate of that address, where the system does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/our-ca.pem")]
    pub root: Option<PathBuf>,
}

/// Firebase Cloud Messaging.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fcm {
    /// The key of a service account that may send, the JSON file that Google gives for download.
    /// With it, devices may register FCM tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/firebase.json")]
    pub service_account: Option<PathBuf>,
    /// Another address in place of Google's, for a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://push-proxy.example")]
    pub address: Option<String>,
    /// A PEM file with the root certificate of that address and of the file's `token_uri`, where
    /// the system does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/our-ca.pem")]
    pub root: Option<PathBuf>,
}

/// Web Push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Web {
    /// The private VAPID key (RFC 8292): 32 bytes in base64url, as tools for Web Push make it.
    /// With it, browsers may register subscriptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"what `npx web-push generate-vapid-keys` prints as the private key")]
    pub key: Option<Secret>,
    /// Whom a push service may ask about this server: `mailto:` or `https:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"mailto:ops@shop.example")]
    pub subject: Option<String>,
    /// Push services that are posted to: hosts, with `*.` in front any below. A browser names its
    /// own, and this server shall not be sent anywhere else by it.
    pub services: Vec<String>,
    /// A PEM file with the root certificate of those services, where the system does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/bellwire/our-ca.pem")]
    pub root: Option<PathBuf>,
}

impl Default for Web {
    fn default() -> Self {
        let services = [
            "fcm.googleapis.com",
            "updates.push.services.mozilla.com",
            "*.push.apple.com",
            "*.notify.windows.com",
        ];
        Self {
            key: None,
            subject: None,
            services: services.map(str::to_owned).to_vec(),
            root: None,
        }
    }
}

/// The app's own push gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushWebhook {
    /// Where it is posted that a device is to be woken, by whatever means the app has. With it,
    /// devices may register tokens of the app's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://shop.example/bellwire/push")]
    pub url: Option<String>,
    /// One or two secrets that posts are signed with, as those of `hooks`.
    #[schemars(example = ["whsec_ and what `openssl rand -base64 32` prints"])]
    pub secrets: Vec<Secret>,
    /// How long it may take to answer, in milliseconds (100 to 30000).
    pub timeout_ms: u64,
}

impl Default for PushWebhook {
    fn default() -> Self {
        Self { url: None, secrets: Vec::new(), timeout_ms: 5_000 }
    }
}

/// Tells what is wrong with the settings under one path.
struct Problems<'a> {
    at: String,
    found: &'a mut Vec<Problem>,
}

impl Problems<'_> {
    fn refuse(&mut self, field: &str, says: impl Into<String>) {
        self.found.push(Problem::new(format!("{}.{field}", self.at), says));
    }

    /// What `wanted` is, or that it is wrong.
    fn good<T>(&mut self, field: &str, wanted: Result<T, String>) -> Option<T> {
        wanted.map_err(|says| self.refuse(field, says)).ok()
    }

    fn needed<T: Clone>(&mut self, field: &str, value: Option<&T>) -> Option<T> {
        if value.is_none() {
            self.refuse(field, "is missing");
        }
        value.cloned()
    }

    fn file(&mut self, field: &str, path: &Path) -> Option<Vec<u8>> {
        let read = fs::read(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()));
        self.good(field, read)
    }

    /// An address that is posted to with secrets.
    fn https(&mut self, field: &str, address: &str) -> Option<Url> {
        let parsed = Url::parse(address).map_err(|error| format!("is no address: {error}"));
        let secure = parsed.and_then(|url| match url.scheme() {
            "https" => Ok(url),
            _ => Err("must begin with https://".to_owned()),
        });
        self.good(field, secure)
    }

    /// The way to a service, believing `root` alone where there is one.
    fn link(&mut self, root: Option<&PathBuf>) -> Option<Link> {
        let pem = match root {
            Some(path) => Some(self.file("root", path)?),
            None => None,
        };
        self.good("root", Link::new(pem.as_deref()))
    }
}

fn under<'a>(at: &str, name: &str, found: &'a mut Vec<Problem>) -> Problems<'a> {
    Problems { at: format!("{at}.push.{name}"), found }
}

impl Push {
    /// Resolves them; `at` is the path of the app's table.
    pub(super) fn resolve(&self, at: &str, problems: &mut Vec<Problem>) -> PushServices {
        let apns = self.apns.resolve(&mut under(at, "apns", problems));
        let fcm = self.fcm.resolve(&mut under(at, "fcm", problems));
        let web = self.web.resolve(&mut under(at, "web", problems));
        let webhook = self.webhook.resolve(&mut under(at, "webhook", problems));
        PushServices::new(apns, fcm, web, webhook)
    }
}

impl Apns {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<ApnsService> {
        let Self { key, key_id, team, topic, sandbox, address, root } = self;
        let Some(key) = key else {
            for (field, is_set) in
                [("key_id", key_id.is_some()), ("team", team.is_some()), ("topic", topic.is_some())]
            {
                if is_set {
                    problems.refuse(field, "is of no use without `key`");
                }
            }
            return None;
        };
        let key = problems.file("key", key);
        let key_id = problems.needed("key_id", key_id.as_ref());
        let team = problems.needed("team", team.as_ref());
        let topic = problems.needed("topic", topic.as_ref());
        let usual = ApnsService::address(*sandbox);
        let address = problems.https("address", address.as_deref().unwrap_or(usual));
        let link = problems.link(root.as_ref());
        let made = ApnsService::new(&key?, &key_id?, &team?, &topic?, address?, link?);
        problems.good("key", made)
    }
}

impl Fcm {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<FcmService> {
        let Self { service_account, address, root } = self;
        let account = problems.file("service_account", service_account.as_ref()?);
        let address = problems.https("address", address.as_deref().unwrap_or(FcmService::ADDRESS));
        let link = problems.link(root.as_ref());
        let made = FcmService::new(&account?, &address?, link?);
        problems.good("service_account", made)
    }
}

impl Web {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<WebService> {
        let Self { key, subject, services, root } = self;
        let key = key.as_ref()?;
        let subject = problems.needed("subject", subject.as_ref());
        if subject.as_ref().is_some_and(|s| !s.starts_with("mailto:") && !s.starts_with("https:")) {
            problems.refuse("subject", "must begin with mailto: or https:");
        }
        if services.is_empty() {
            problems.refuse("services", "must name at least one push service");
        }
        let link = problems.link(root.as_ref());
        let made = WebService::new(key, &subject?, services.clone(), link?);
        problems.good("key", made)
    }
}

impl PushWebhook {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<WebhookService> {
        let Self { url, secrets, timeout_ms } = self;
        let url = url.as_ref()?;
        if !TIMEOUT_MS.contains(timeout_ms) {
            let (least, most) = (TIMEOUT_MS.start(), TIMEOUT_MS.end());
            problems.refuse("timeout_ms", format!("must be {least} to {most}, is {timeout_ms}"));
        }
        let at = problems.at.clone();
        let url = business::address(url, &format!("{at}.url"), problems.found);
        let keys = business::keys(secrets, &format!("{at}.secrets"), problems.found);
        Some(WebhookService::new(url?, keys, Duration::from_millis(*timeout_ms)))
    }
}
