//! The app's own server beside the load: it allows every call and takes every event, or is ill.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, bail};
use axum::{Router, extract::State, http::Uri, routing::any};
use clap::ValueEnum;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// The app of the load, and what opens its API.
const API_KEY: &str = "bench-bench-bench-bench-bench-bench-bench";
/// What posts are signed with; nobody looks.
const SECRET: &str = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=";

/// How the app's own server is asked and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// Over one connection to `/v1/business`: `call.request`, and every event.
    Socket,
    /// By posts: the hook `call.request`, and a webhook for every event.
    Post,
    /// By posts of every event alone, which are taken.
    Events,
    /// The same, and they are never answered.
    Silent,
    /// The same, and nobody is there.
    Down,
}

impl By {
    /// Whether it is asked about calls, and whether anything comes to it at all.
    fn hears(self) -> (bool, bool) {
        match self {
            Self::Socket | Self::Post => (true, true),
            Self::Events | Self::Silent => (false, true),
            Self::Down => (false, false),
        }
    }
}

/// What came to it.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    questions: AtomicU64,
    events: AtomicU64,
}

/// The business server, on a thread of its own until this is dropped.
#[derive(Debug)]
pub(crate) struct Business {
    by: By,
    /// Where posts go.
    address: SocketAddr,
    heard: Arc<Heard>,
    _ends: oneshot::Sender<()>,
    connect: Option<oneshot::Sender<SocketAddr>>,
}

impl Heard {
    /// Questions and events so far.
    fn counts(&self) -> (u64, u64) {
        (self.questions.load(Ordering::Relaxed), self.events.load(Ordering::Relaxed))
    }

    fn note(&self, is_question: bool) {
        let count = if is_question { &self.questions } else { &self.events };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Business {
    /// Begins to listen.
    pub(crate) fn start(by: By) -> anyhow::Result<Self> {
        let heard = Arc::new(Heard::default());
        let (ends, ended) = oneshot::channel();
        let (connect, server) = oneshot::channel();
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).context("a port for posts")?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let told = heard.clone();
        thread::spawn(move || {
            runtime.block_on(async move {
                let work = async {
                    match by {
                        By::Post | By::Events => serve(socket, told, true).await,
                        By::Silent => serve(socket, told, false).await,
                        By::Down => {
                            drop(socket);
                            std::future::pending().await
                        }
                        By::Socket => match server.await {
                            Ok(server) => answer(server, told).await,
                            Err(_) => Ok(()),
                        },
                    }
                };
                tokio::select! {
                    result = work => {
                        if let Err(error) = result {
                            eprintln!("the business server ended: {error:#}");
                        }
                    }
                    _ = ended => {}
                }
            });
        });
        Ok(Self { by, address, heard, _ends: ends, connect: Some(connect) })
    }

    /// What came to it: questions and events.
    pub(crate) fn heard(&self) -> (u64, u64) {
        self.heard.counts()
    }

    /// Whether it was measured in vain: what was to come to it has not.
    pub(crate) fn is_idle(&self) -> bool {
        let ((asked, told), (questions, events)) = (self.by.hears(), self.heard());
        (asked && questions == 0) || (told && events == 0)
    }

    /// Writes the settings of a server with the app of the load into `folder`.
    pub(crate) fn configure(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let app = format!(
            "[[apps]]\nkey = \"dev\"\nsecrets = [\"{API_KEY}\"]\napi_keys = [\"{API_KEY}\"]\n\
             login = \"open\"\n\
             [apps.limits]\nstarts_per_minute = 1000000\ncallees_per_minute = 1000000\n"
        );
        let hooks = format!(
            "[apps.hooks]\nask = [\"call.request\"]\nurl = \"http://{}/hooks\"\n\
             secrets = [\"{SECRET}\"]\nabsent = \"deny\"\n",
            self.address
        );
        let webhooks = format!(
            "[[apps.webhooks]]\nname = \"bench\"\nurl = \"http://{}/events\"\n\
             secrets = [\"{SECRET}\"]\n",
            self.address
        );
        let text = match self.by {
            By::Socket => app,
            By::Post => app + &hooks + &webhooks,
            By::Events | By::Silent | By::Down => app + &webhooks,
        };
        let path = folder.join("bellwire.toml");
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// The server listens there now.
    pub(crate) fn attend(&mut self, server: SocketAddr) {
        if let Some(connect) = self.connect.take() {
            // It only matters to one that connects.
            let _ = connect.send(server);
        }
    }
}

async fn serve(
    socket: std::net::TcpListener,
    heard: Arc<Heard>,
    answers: bool,
) -> anyhow::Result<()> {
    let take = async move |State(heard): State<Arc<Heard>>, uri: Uri| {
        heard.note(uri.path() == "/hooks");
        if !answers {
            std::future::pending::<()>().await;
        }
        "{}"
    };
    let router = Router::new().fallback(any(take)).with_state(heard);
    axum::serve(TcpListener::from_std(socket)?, router).await?;
    Ok(())
}

async fn answer(server: SocketAddr, heard: Arc<Heard>) -> anyhow::Result<()> {
    let mut request = format!("ws://{server}/v1/business").into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {API_KEY}").parse()?);
    let (mut socket, _) = connect_async(request).await.context("cannot connect as business")?;
    let hello = json!({"id": 1, "do": "hello", "body": {"hooks": ["call.request"], "events": {}}});
    socket.send(Message::text(hello.to_string())).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let frame: Value = serde_json::from_str(&text)?;
        if frame["hook"].is_string() {
            heard.note(true);
            let answer = json!({"answer": frame["id"], "allow": true});
            socket.send(Message::text(answer.to_string())).await?;
        } else if frame["event"].is_object() {
            heard.note(false);
        } else if frame["status"] != 200 {
            bail!("it says {frame}");
        }
    }
    bail!("the connection ended")
}
