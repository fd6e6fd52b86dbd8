//! A server with an app of its own, `shop`, whose business server is tested.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Api, Business, Device, PATIENCE, Server};

/// The app's API key.
pub(crate) const KEY: &str = "shop-api-key-shop-api-key-shop-api-key";

/// The server, its file of settings and its data.
pub(crate) struct Shop {
    pub(crate) server: Server,
    dir: TempDir,
}

impl Shop {
    /// Starts it; `tables` follow those of the app.
    pub(crate) fn open(login: &str, tables: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), login, tables);
        let path = dir.path().join("bellwire.toml");
        let data = dir.path().join("data");
        std::fs::create_dir(&data).expect("made");
        let server = Server::start_on(&data, &["--config", path.to_str().expect("UTF-8")]);
        Self { server, dir }
    }

    /// Has other tables read.
    pub(crate) async fn change(&self, login: &str, tables: &str) {
        write(self.dir.path(), login, tables);
        self.server.signal("HUP");
        self.server.logs("configuration read again").await;
    }

    /// A device of `user`, logged in by name.
    pub(crate) async fn device(&self, user: &str) -> Device {
        let mut device = self.connect(json!({"app": "shop", "user": user})).await;
        device.hello().await;
        device
    }

    /// A device with an id of its own.
    pub(crate) async fn device_as(&self, user: &str, id: &str) -> Device {
        let login = json!({"app": "shop", "user": user});
        let hello = json!({"login": login, "device": {"id": id, "platform": "ios"}});
        let mut device = Device::connect(self.server.address(), hello).await;
        device.hello().await;
        device
    }

    /// Lets a device lose its connection, and waits until its session is over too.
    pub(crate) async fn sleep(&self, device: &mut Device) {
        let path = format!("/v1/users/{}", device.welcome["user"].as_str().expect("a user"));
        let id = device.id();
        device.drop_connection();
        let until = Instant::now() + PATIENCE;
        loop {
            let (_, user) = self.api().get(&path).await;
            if !user["devices"].as_array().expect("devices").iter().any(|d| d["id"] == id) {
                return;
            }
            assert!(Instant::now() < until, "the session does not end: {user}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The entries of a call's log, once they are as wanted.
    pub(crate) async fn log_with(
        &self,
        call: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let (_, whole) = self.api().get(&format!("/v1/calls/{call}")).await;
            let log = whole["log"].as_array().cloned().unwrap_or_default();
            if wanted(&log) {
                return log;
            }
            assert!(Instant::now() < until, "not in the log: {log:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A device that has not said hello.
    pub(crate) async fn connect(&self, login: Value) -> Device {
        let hello = json!({"login": login, "device": {"id": "d1", "platform": "web"}});
        Device::connect(self.server.address(), hello).await
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.server.address(), KEY)
    }

    /// A business server that has connected.
    pub(crate) async fn business(&self, hello: Value) -> Business {
        Business::hello(self.server.address(), KEY, hello).await
    }
}

fn write(dir: &Path, login: &str, tables: &str) {
    let text = format!(
        "[[apps]]\nkey = \"shop\"\nsecrets = [\"{}\"]\napi_keys = [\"{KEY}\"]\n\
         login = \"{login}\"\n{tables}",
        "shop-secret-".repeat(4)
    );
    std::fs::write(dir.join("bellwire.toml"), text).expect("written");
}
