//! A server with an app of its own, `shop`, whose business server is tested.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Api, Business, Device, Server};

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
