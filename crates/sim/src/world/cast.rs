//! Who is in the world: two apps, their users, two devices each, and the habits of each device.

use std::sync::{LazyLock, OnceLock};

use bellwire::{BadConfiguration, Tenants};
use bellwire_core::{AppKey, DeviceId, Timestamp, UserId};
use bellwire_protocol::Secret;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

/// An app of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppOf {
    /// Devices log in by name.
    Shop,
    /// Devices log in with tokens.
    Bank,
}

const API_KEYS: [&str; 2] =
    ["shop-api-key-shop-api-key-shop-api-key", "bank-api-key-bank-api-key-bank-api-key"];
const BANK_SECRET: &str = "bank-secret-bank-secret-bank-secret";

static SIGNING: LazyLock<EncodingKey> =
    LazyLock::new(|| EncodingKey::from_secret(BANK_SECRET.as_bytes()));

impl AppOf {
    pub(crate) const ALL: [Self; 2] = [Self::Shop, Self::Bank];

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Shop => 0,
            Self::Bank => 1,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        ["shop", "bank"][self.index()]
    }

    pub(crate) fn key(self) -> AppKey {
        name(AppKey::parse(self.name()))
    }

    pub(crate) fn api_key(self) -> &'static str {
        API_KEYS[self.index()]
    }
}

/// A name that is written down here, so it is one.
pub(crate) fn name<T, E: std::fmt::Debug>(parsed: Result<T, E>) -> T {
    parsed.expect("a name of the simulation is a name")
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    exp: u64,
}

/// A token of the bank for `user`, good for `ttl_s` seconds from `now` on.
pub(crate) fn token(user: &UserId, now: Timestamp, ttl_s: u64) -> Secret {
    let header = Header { kid: Some(AppOf::Bank.name().to_owned()), ..Header::default() };
    let claims = Claims { sub: user, exp: now.0 / 1000 + ttl_s };
    // HMAC takes any key and any text.
    encode(&header, &claims, &SIGNING).unwrap_or_default().into()
}

/// Settings of the apps that histories are tried under.
const VARIANTS: [&str; 4] = [
    "ring_time_s = 30",
    "ring_time_s = 15\nack_time_s = 6\ngrace_s = 8\nresume_s = 20",
    "ring_time_s = 20\nreach_time_s = 10\nmax_time_s = 40\nresume_s = 5\n\
     policy = { invite = \"invited\", join = \"joined\", end = \"joined\" }",
    "ring_time_s = 40\ngrace_s = 0\nresume_s = 90\ngroup_size = 4\n\
     policy = { invite = \"caller\", join = \"invited\", end = \"invited\" }",
];

/// How many settings there are to be tried.
pub(crate) const TENANTS: usize = VARIANTS.len();

/// The apps with their settings number `variant`.
pub(crate) fn tenants(variant: usize) -> Tenants {
    static CACHE: [OnceLock<Tenants>; TENANTS] = [const { OnceLock::new() }; TENANTS];
    let variant = variant % TENANTS;
    let made = CACHE[variant].get_or_init(|| name(Tenants::from_toml(&toml(VARIANTS[variant]))));
    made.clone()
}

/// The apps with these settings of calls, as they stand below `[calls]` in a configuration.
pub(crate) fn configured(calls: &str) -> Result<Tenants, BadConfiguration> {
    Tenants::from_toml(&toml(calls))
}

fn toml(calls: &str) -> String {
    format!(
        "[limits]\nstarts_per_minute = 6000\ncallees_per_minute = 6000\n[calls]\n{calls}\n\
         [[apps]]\nkey = \"shop\"\nsecrets = [\"shop-secret-shop-secret-shop-secret\"]\n\
         api_keys = [\"{}\"]\nlogin = \"open\"\n\
         [[apps]]\nkey = \"bank\"\nsecrets = [\"{BANK_SECRET}\"]\napi_keys = [\"{}\"]\n",
        API_KEYS[0], API_KEYS[1],
    )
}

/// A user of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) app: AppOf,
    pub(crate) user: UserId,
}

/// Who is there unless a scenario says otherwise. One name is used in both apps.
pub(crate) fn people() -> Vec<Person> {
    let of = |app, names: &[&str]| -> Vec<Person> {
        names.iter().map(|user| Person { app, user: name(UserId::parse(user)) }).collect()
    };
    let mut people = of(AppOf::Shop, &["alice", "bob", "carol", "dave"]);
    people.extend(of(AppOf::Bank, &["alice", "erin"]));
    people
}

/// The id of a user's device number `number`.
pub(crate) fn device_id(number: usize) -> DeviceId {
    name(DeviceId::parse(["phone", "web", "desk", "car"][number % 4]))
}
