//! The settings of a `LiveKit` server that routes the media of calls.

use bellwire_protocol::Secret;
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{error::Problem, schema::RoomMedia};
use crate::media::LiveKit;

/// How long a token may be good for, in seconds.
const TTL_S: std::ops::RangeInclusive<u64> = 30..=86_400;

/// The `LiveKit` server of calls with `room_media = "livekit"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LiveKitServer {
    /// Where devices connect to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"wss://livekit.shop.example")]
    pub url: Option<String>,
    /// The name of the key that tokens are signed with, as in that server's own configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"APIwLcyc5Ggaq5R")]
    pub api_key: Option<String>,
    /// The secret of `api_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"as that configuration has it")]
    pub api_secret: Option<Secret>,
    /// How long a device has to connect with its token, in seconds (30 to 86400). Whoever is
    /// connected stays; who comes later is given another.
    pub ttl_s: u64,
}

impl Default for LiveKitServer {
    fn default() -> Self {
        Self { url: None, api_key: None, api_secret: None, ttl_s: 600 }
    }
}

impl LiveKitServer {
    /// Resolves it for an app whose calls flow through `media`; `path` is where it stands.
    pub(super) fn resolve(
        &self,
        media: RoomMedia,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<LiveKit> {
        let before = problems.len();
        let mut refuse = |field: &str, says: &str| {
            problems.push(Problem::new(format!("{path}.{field}"), says));
        };
        let Self { url, api_key, api_secret, ttl_s } = self;
        if let Some(url) = url {
            let is_socket = |url: &Url| matches!(url.scheme(), "wss" | "ws" | "https" | "http");
            if !Url::parse(url).is_ok_and(|url| is_socket(&url)) {
                refuse("url", "is no address; write it as wss://livekit.shop.example");
            }
        }
        if !TTL_S.contains(ttl_s) {
            refuse("ttl_s", &format!("must be {} to {}, is {ttl_s}", TTL_S.start(), TTL_S.end()));
        }
        let is_wanted = media == RoomMedia::Livekit
            || [url.is_some(), api_key.is_some(), api_secret.is_some()].contains(&true);
        for (field, is_there) in [
            ("url", url.is_some()),
            ("api_key", api_key.as_ref().is_some_and(|key| !key.is_empty())),
            ("api_secret", api_secret.as_ref().is_some_and(|secret| !secret.expose().is_empty())),
        ] {
            if is_wanted && !is_there {
                refuse(field, "is missing; `LiveKit` media needs url, api_key and api_secret");
            }
        }
        let (Some(url), Some(key), Some(secret)) = (url, api_key, api_secret) else { return None };
        (problems.len() == before).then(|| LiveKit::new(url, key, secret, *ttl_s))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sources::tests::{load, problems};

    const APP: &str =
        "[[apps]]\nkey = \"shop\"\nsecrets = [\"0123456789abcdef0123456789abcdef\"]\n";

    #[test]
    fn calls_through_livekit_need_its_address_and_key() {
        let wanted = format!("[calls]\nroom_media = \"livekit\"\n[livekit]\nttl_s = 5\n{APP}");
        let found = problems(&wanted, &[]);
        for field in ["url", "api_key", "api_secret", "ttl_s"] {
            let path = format!("apps[0].livekit.{field}");
            assert!(found.iter().any(|problem| problem.starts_with(&path)), "{found:?}");
        }
    }

    #[test]
    fn an_app_has_a_server_of_its_own_over_that_of_all() {
        let all = "[livekit]\nurl = \"wss://a.example\"\napi_key = \"k\"\napi_secret = \"s\"\n";
        let own = "[apps.livekit]\nurl = \"wss://b.example\"\n";
        let (_, apps) = load(&format!("{all}{APP}{own}"), &[]).expect("a configuration");
        let app = apps.get("shop").expect("the app");
        assert_eq!(app.livekit.as_ref().expect("resolved").url(), "wss://b.example");
        let (_, apps) = load(APP, &[]).expect("a configuration");
        assert!(apps.get("shop").expect("the app").livekit.is_none());
    }
}
