//! A business server: one that is posted to, and one that connects.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::Notify, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::{PATIENCE, free_address};

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// With this status and body.
    Says(u16, String),
    /// With this status, and that it be asked again after so many seconds.
    Later(u16, u64),
    /// Not at all.
    Silent,
}

/// A post as it came.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
}

#[derive(Clone)]
struct Inside {
    manner: Arc<Mutex<Manner>>,
    posts: Arc<Mutex<VecDeque<Post>>>,
    came: Arc<Notify>,
}

/// A real HTTP server that posts come to.
pub(crate) struct Receiver {
    inside: Inside,
    pub(crate) address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts one that answers 200 with `said`.
    pub(crate) async fn start(said: Value) -> Self {
        Self::start_at(free_address(), said).await
    }

    /// The same at an address that was known before.
    pub(crate) async fn start_at(address: SocketAddr, said: Value) -> Self {
        let manner = Arc::new(Mutex::new(Manner::Says(200, said.to_string())));
        let inside = Inside { manner, posts: Arc::default(), came: Arc::default() };
        let listener = tokio::net::TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(receive).with_state(inside.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { inside, address, serving }
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, manner: Manner) {
        *self.inside.manner.lock().expect("whole") = manner;
    }

    /// From now on it answers 200 with `said`.
    pub(crate) fn says(&self, said: &Value) {
        self.answers(Manner::Says(200, said.to_string()));
    }

    /// The next post that came.
    pub(crate) async fn next(&self) -> Post {
        let next = async {
            loop {
                let came = self.inside.came.notified();
                if let Some(post) = self.inside.posts.lock().expect("whole").pop_front() {
                    return post;
                }
                came.await;
            }
        };
        timeout(PATIENCE, next).await.expect("a post in time")
    }

    /// Posts that came and were not looked at.
    pub(crate) fn waiting(&self) -> usize {
        self.inside.posts.lock().expect("whole").len()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(inside): State<Inside>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature");
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let post = Post { body, text, id, timestamp, signature };
    inside.posts.lock().expect("whole").push_back(post);
    inside.came.notify_waiters();
    inside.came.notify_one();
    let manner = inside.manner.lock().expect("whole").clone();
    match manner {
        Manner::Says(status, body) => {
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        }
        Manner::Later(status, seconds) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, [("retry-after", seconds.to_string())]).into_response()
        }
        Manner::Silent => {
            // Longer than any test goes on; the connection ends with the test.
            tokio::time::sleep(Duration::from_hours(1)).await;
            StatusCode::OK.into_response()
        }
    }
}

/// A business server that connects to `/v1/business`.
pub(crate) struct Business {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that were read while another was waited for.
    kept: VecDeque<Value>,
    next_id: u64,
}

impl Business {
    /// Connects with an API key; the status where it is refused.
    pub(crate) async fn connect(server: SocketAddr, key: &str) -> Result<Self, u16> {
        let mut request =
            format!("ws://{server}/v1/business").into_client_request().expect("a request");
        let bearer = format!("Bearer {key}").parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
        match timeout(PATIENCE, connect_async(request)).await.expect("in time") {
            Ok((socket, _)) => Ok(Self { socket, kept: VecDeque::new(), next_id: 1 }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects and says hello.
    pub(crate) async fn hello(server: SocketAddr, key: &str, body: Value) -> Self {
        let mut this = Self::connect(server, key).await.expect("let in");
        let reply = this.ask("hello", body).await;
        assert_eq!(reply["status"], 200, "{reply}");
        this
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("sent");
    }

    /// Sends a request; its reply.
    pub(crate) async fn ask(&mut self, what: &str, body: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"id": id, "do": what, "body": body})).await;
        self.reply(id).await
    }

    /// The reply to the request `id`.
    pub(crate) async fn reply(&mut self, id: u64) -> Value {
        self.frame(|frame| frame["id"] == id && frame["status"].is_u64()).await
    }

    /// The next question.
    pub(crate) async fn question(&mut self) -> Value {
        self.frame(|frame| frame["hook"].is_string()).await
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        self.frame(|frame| frame["event"].is_object()).await["event"].take()
    }

    /// How many frames came that were not asked for yet.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Answers a question.
    pub(crate) async fn answer(&mut self, question: &Value, mut said: Value) {
        said["answer"] = question["id"].clone();
        self.send(&said).await;
    }

    /// The close code, once everything before it is read.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        }
    }

    async fn frame(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.kept.iter().position(&is_it) {
            return self.kept.remove(found).expect("found");
        }
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if is_it(&frame) {
                        return frame;
                    }
                    self.kept.push_back(frame);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }
}
