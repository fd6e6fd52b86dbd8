//! A connection that survives the server, and writes down all that goes over it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bellwire_checker::{History, Step};
use bellwire_core::{AppKey, DeviceId, Timestamp, UserId};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::load::PATIENCE;

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// One device's connections, one after another.
pub(crate) struct Phone {
    server: SocketAddr,
    app: String,
    user: String,
    device: String,
    history: History,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    session: Option<String>,
    next_id: u64,
}

impl Phone {
    pub(crate) fn new(server: SocketAddr, (app, user, device): (&str, &str, &str)) -> Self {
        let history = History::new(
            AppKey::parse(app).expect("a key"),
            UserId::parse(user).expect("a name"),
            DeviceId::parse(device).expect("a name"),
        );
        let [app, user, device] = [app, user, device].map(str::to_owned);
        Self { server, app, user, device, history, socket: None, session: None, next_id: 1 }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// One attempt to connect and say hello; what hello answered.
    pub(crate) async fn connect(
        &mut self,
        cursors: &BTreeMap<String, String>,
    ) -> Result<Value, Gone> {
        let address = format!("ws://{}/v1/ws", self.server);
        let (socket, _) = connect_async(address).await.map_err(|_| Gone)?;
        self.socket = Some(socket);
        self.record(Step::Opened);
        let resume =
            self.session.as_ref().map(|session| json!({"session": session, "cursors": cursors}));
        let id = self.fresh_id();
        let login = json!({"app": self.app, "user": self.user});
        let hello = json!({"id": id, "do": "hello", "login": login,
                           "device": {"id": self.device}, "resume": resume});
        self.send(&hello.to_string()).await?;
        let mut reply = self.read().await?;
        assert_eq!(reply["id"], id, "the answer to hello comes first: {reply}");
        let session = reply["ok"]["session"].as_str().expect("hello is taken").to_owned();
        if self.session.is_some() {
            assert_eq!(reply["ok"]["resumed"], true, "an answered hello is remembered: {reply}");
        }
        self.session = Some(session);
        Ok(reply["ok"].take())
    }

    /// The id for a new request.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    pub(crate) async fn send(&mut self, text: &str) -> Result<(), Gone> {
        let Some(socket) = &mut self.socket else { return Err(Gone) };
        let sent = socket.send(Message::text(text)).await;
        // It may have gone out even if this end did not learn so.
        self.record(Step::Sent(text));
        sent.map_err(|_| self.lose())
    }

    /// The next frame.
    pub(crate) async fn read(&mut self) -> Result<Value, Gone> {
        let Ok(read) = timeout(PATIENCE, self.next()).await else {
            panic!("{} of {} waits in vain", self.device, self.user)
        };
        read
    }

    /// The next frame within `time`; nothing if none comes.
    pub(crate) async fn read_within(&mut self, time: Duration) -> Result<Option<Value>, Gone> {
        match timeout(time, self.next()).await {
            Ok(read) => read.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn next(&mut self) -> Result<Value, Gone> {
        loop {
            let Some(socket) = &mut self.socket else { return Err(Gone) };
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    self.record(Step::Got(&text));
                    return Ok(serde_json::from_str(&text).expect("frames are JSON"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return Err(self.lose()),
            }
        }
    }

    /// Drops the connection without a goodbye.
    pub(crate) fn lose(&mut self) -> Gone {
        if self.socket.take().is_some() {
            self.record(Step::Lost);
        }
        Gone
    }

    /// All that the server had to say has come.
    pub(crate) fn settled(&mut self) {
        self.record(Step::Settled);
    }

    pub(crate) fn into_history(self) -> History {
        self.history
    }

    fn record(&mut self, step: Step<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let now = Timestamp(u64::try_from(now.as_millis()).expect("not that late"));
        if let Err(wrong) = self.history.record(now, step) {
            panic!("{wrong}");
        }
    }
}
