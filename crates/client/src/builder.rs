//! How a client comes to be.

use std::{sync::Arc, time::Duration};

use bellwire_core::{AppKey, DeviceId, Label, NameError, UserId};
use bellwire_protocol::{
    Secret,
    command::{DeviceInfo, Login, Platform},
};
use tokio::sync::mpsc;

use crate::{
    Client, Error, Events, address,
    client::Inner,
    connection::{Dialer, Who},
    driver::{self, Driver},
    tls,
};

/// The first wait before reconnecting; long enough for a server's restart to have begun.
const BACKOFF_LEAST: Duration = Duration::from_millis(250);
/// The longest wait before reconnecting. A ringing call lasts a minute: a device must be back
/// several times within it.
const BACKOFF_MOST: Duration = Duration::from_secs(10);
/// Events that may wait to be read before the connection is given up.
const EVENTS_WAITING: usize = 4096;

/// A client in the making: where to connect, and as whom.
#[derive(Debug, Clone)]
#[must_use = "nothing is connected until `connect`"]
pub struct Builder {
    addresses: Vec<String>,
    identity: Identity,
    device: Option<String>,
    device_name: Option<String>,
    platform: Option<Platform>,
    backoff: (Duration, Duration),
    /// PEM.
    roots: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Identity {
    None,
    Token(Secret),
    Login { app: String, user: String, password: Option<Secret> },
}

impl Builder {
    pub(crate) fn new(address: String) -> Self {
        Self {
            addresses: vec![address],
            identity: Identity::None,
            device: None,
            device_name: None,
            platform: None,
            backoff: (BACKOFF_LEAST, BACKOFF_MOST),
            roots: Vec::new(),
        }
    }

    /// Another address of the same service, tried when the ones before cannot be reached.
    pub fn or(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Logs in with a token of the app's server.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.identity = Identity::Token(Secret::from(token.into()));
        self
    }

    /// Logs in by name, where the app allows it.
    pub fn login(mut self, app: impl Into<String>, user: impl Into<String>) -> Self {
        self.identity = Identity::Login { app: app.into(), user: user.into(), password: None };
        self
    }

    /// The password that goes with [`Builder::login`].
    pub fn password(mut self, secret: impl Into<String>) -> Self {
        if let Identity::Login { password, .. } = &mut self.identity {
            *password = Some(Secret::from(secret.into()));
        }
        self
    }

    /// The device's id; keep it and use it again. Without one, each client is a new device.
    pub fn device(mut self, id: impl Into<String>) -> Self {
        self.device = Some(id.into());
        self
    }

    /// The device's name, for people.
    pub fn device_name(mut self, name: impl Into<String>) -> Self {
        self.device_name = Some(name.into());
        self
    }

    /// What the device runs on; `desktop` where not given.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Believes servers whose certificates come from this authority (PEM, one certificate or
    /// more), for a service with an authority of its own. Without any of these the authorities
    /// of the system are believed; with one, they are not.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// The shortest and longest wait before reconnecting.
    pub fn backoff(mut self, least: Duration, most: Duration) -> Self {
        self.backoff = (least, most);
        self
    }

    /// Connects and logs in. Each address is tried once; after that first success the client
    /// reconnects by itself until it is refused or closed.
    pub async fn connect(self) -> Result<(Client, Events), Error> {
        let dialer = self.dialer()?;
        let device = dialer.device.id.clone();
        let (least, most) = self.backoff;
        let (asks_to, asks) = mpsc::unbounded_channel();
        let (told_to, told) = mpsc::channel(EVENTS_WAITING);
        let mut driver = Driver::new(dialer, asks, told_to, (least, most));
        let (socket, hello) = driver.first().await?;
        let inner = Inner { asks: asks_to, user: hello.user.clone(), uid: hello.uid, device };
        let client = Client::new(Arc::new(inner));
        tokio::spawn(driver::run(driver, socket, hello));
        Ok((client.clone(), Events::new(client, told)))
    }

    fn dialer(&self) -> Result<Dialer, Error> {
        let addresses: Result<Vec<_>, _> =
            self.addresses.iter().map(|a| address::parse(a)).collect();
        let addresses = addresses?;
        let is_tls = |address: &String| address.starts_with("wss:");
        let tls = addresses.iter().any(is_tls).then(|| tls::config(&self.roots)).transpose()?;
        let who = match &self.identity {
            Identity::None => Who { token: None, login: None },
            Identity::Token(token) => Who { token: Some(token.clone()), login: None },
            Identity::Login { app, user, password } => {
                let app = named("app", app, AppKey::parse)?;
                let user = named("user", user, UserId::parse)?;
                Who { token: None, login: Some(Login { app, user, password: password.clone() }) }
            }
        };
        let id = match &self.device {
            Some(id) => id.clone(),
            None => format!("rust-{:08x}", rand::random::<u32>()),
        };
        let name = self.device_name.as_deref();
        let device = DeviceInfo {
            id: named("device", &id, DeviceId::parse)?,
            name: name.map(|name| named("device name", name, Label::parse)).transpose()?,
            platform: Some(self.platform.unwrap_or(Platform::Desktop)),
        };
        Ok(Dialer::new(addresses, tls, who, device))
    }
}

/// Takes `name` as what it should be, or says what is wrong with it.
pub(crate) fn named<T>(
    what: &'static str,
    name: &str,
    parse: fn(&str) -> Result<T, NameError>,
) -> Result<T, Error> {
    parse(name).map_err(|why| Error::Name { what, name: name.to_owned(), why })
}
