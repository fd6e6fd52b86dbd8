//! Clients of Janus, by its `VideoRoom` plugin, as its documentation describes them: a connection
//! to publish, and one for all that is subscribed to.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use str0m::media::Direction;
use tempfile::TempDir;

use super::{
    Media,
    crowd::Crowd,
    endpoint::{Endpoint, Line},
    signal::Signal,
};
use crate::process::Process;

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);
/// What a publisher is told it may send, in bits a second: more than it does.
const BITRATE_BPS: u32 = 4_000_000;
/// The plugins and transports of Debian's package that are not needed.
const PLUGINS: [&str; 11] = [
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "streaming",
    "textroom",
    "videocall",
    "voicemail",
];
const TRANSPORTS: [&str; 5] = ["http", "mqtt", "nanomsg", "pfunix", "rabbitmq"];

/// A Janus of our own; ended with us.
pub(super) struct Janus {
    child: Child,
    address: SocketAddr,
    /// Where it takes media: it leaves the loopback address out.
    media: IpAddr,
    pub(super) process: Process,
    _configuration: TempDir,
}

impl Janus {
    /// Starts one that routes media in `loops` threads, or in one for each connection (0).
    pub(super) fn start(binary: &Path, loops: usize) -> anyhow::Result<Self> {
        let media = own_address().context("Janus needs an address besides the loopback one")?;
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
        let address = probe.local_addr()?;
        drop(probe);
        let configuration = tempfile::tempdir().context("a folder for Janus's configuration")?;
        configure(configuration.path(), address.port(), media, loops)?;
        let mut child = Command::new(binary)
            .arg("--configs-folder")
            .arg(configuration.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let process = Process(child.id());
        let patience = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if child.try_wait()?.is_some() || Instant::now() > patience {
                // It may have ended already.
                drop(child.kill());
                drop(child.wait());
                bail!("{} does not listen at {address}", binary.display());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { child, address, media, process, _configuration: configuration })
    }

    /// Puts clients into rooms.
    pub(super) fn join(
        &self,
        crowd: &mut Crowd,
        media: &Media,
        rooms: Range<usize>,
    ) -> anyhow::Result<()> {
        let mut joined = Vec::new();
        for room in rooms {
            let mut clients: Vec<Client> = (0..media.shape.members)
                .map(|_| Client::connect(self.address))
                .collect::<anyhow::Result<_>>()?;
            clients[0].create(room)?;
            for (member, client) in clients.iter_mut().enumerate().take(media.shape.senders) {
                let mut endpoint = Endpoint::new(self.media)?;
                client.publish(&mut endpoint, media, room, member).context("to publish")?;
                crowd.add(endpoint, Vec::new())?;
            }
            joined.push((room, clients));
        }
        // Only a publisher who is connected can be subscribed to.
        crowd.connect()?;
        for (room, clients) in joined {
            for (member, mut client) in clients.into_iter().enumerate() {
                let feeds: Vec<usize> = media.senders_heard_by(member).collect();
                if !feeds.is_empty() {
                    let mut endpoint = Endpoint::new(self.media)?;
                    client.subscribe(&mut endpoint, room, &feeds).context("to subscribe")?;
                    crowd.add(endpoint, media.heard_by(room, member))?;
                }
                crowd.keep(client.signal);
            }
        }
        Ok(())
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        // It may have ended already, and has nothing to keep.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The machine's address that others are reached from. Its own programs reach it by way of the
/// loopback device.
fn own_address() -> std::io::Result<IpAddr> {
    // Nothing is sent: connecting only looks up the route. The address is one for documentation.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9))?;
    Ok(socket.local_addr()?.ip())
}

fn configure(folder: &Path, port: u16, media: IpAddr, loops: usize) -> anyhow::Result<()> {
    let disabled = |names: &[&str]| -> String {
        names.iter().map(|name| format!("libjanus_{name}.so")).collect::<Vec<_>>().join(",")
    };
    let loops = if loops == 0 { String::new() } else { format!("event_loops = {loops}") };
    let (plugins, transports) = (disabled(&PLUGINS), disabled(&TRANSPORTS));
    let general = format!(
        "general: {{ debug_level = 0\n session_timeout = 0\n {loops} }}\n\
         nat: {{ ice_enforce_list = \"{media}\"\n ice_lite = true }}\n\
         plugins: {{ disable = \"{plugins}\" }}\n\
         transports: {{ disable = \"{transports}\" }}\n\
         events: {{ broadcast = false }}\n"
    );
    let transport = format!(
        "general: {{ json = \"compact\"\n events = false\n ws = true\n ws_port = {port}\n \
         ws_ip = \"127.0.0.1\"\n wss = false }}\n"
    );
    fs::write(folder.join("janus.jcfg"), general)?;
    fs::write(folder.join("janus.transport.websockets.jcfg"), transport)?;
    fs::write(folder.join("janus.plugin.videoroom.jcfg"), "general: { events = false }\n")?;
    Ok(())
}

/// A session of one client.
struct Client {
    signal: Signal,
    session: u64,
    asked: u64,
}

impl Client {
    fn connect(server: SocketAddr) -> anyhow::Result<Self> {
        let signal = Signal::connect(server, "/", "janus-protocol")?;
        let mut client = Self { signal, session: 0, asked: 0 };
        client.session = id(&client.ask(json!({"janus": "create"}), "success")?)?;
        Ok(client)
    }

    /// Makes a room.
    fn create(&mut self, room: usize) -> anyhow::Result<()> {
        let handle = self.attach()?;
        let body = json!({
            "request": "create", "room": room + 1, "publishers": 100, "bitrate": BITRATE_BPS,
            "audiocodec": "opus", "videocodec": "vp8", "notify_joining": false,
        });
        let made = self.message(handle, &body, None, "success")?;
        let data = &made["plugindata"]["data"];
        anyhow::ensure!(data["videoroom"] == "created", "no room: {data}");
        let asked = json!({"janus": "detach", "handle_id": handle});
        self.ask(asked, "success")?;
        Ok(())
    }

    fn publish(
        &mut self,
        endpoint: &mut Endpoint,
        media: &Media,
        room: usize,
        member: usize,
    ) -> anyhow::Result<()> {
        let handle = self.attach()?;
        let lines = [Line::Sound(Direction::SendOnly), Line::Picture(Direction::SendOnly)];
        let offered = endpoint.offer(&lines)?;
        let body = json!({
            "request": "joinandconfigure", "ptype": "publisher",
            "room": room + 1, "id": member + 1,
        });
        let offer = json!({"type": "offer", "sdp": offered.sdp});
        let said = self.message(handle, &body, Some(&offer), "event")?;
        for (mid, writer) in offered.mids.iter().zip(media.writers(room, member)) {
            endpoint.send(mid, writer);
        }
        endpoint.accept(offered, description(&said)?)
    }

    fn subscribe(
        &mut self,
        endpoint: &mut Endpoint,
        room: usize,
        feeds: &[usize],
    ) -> anyhow::Result<()> {
        let handle = self.attach()?;
        let streams: Vec<Value> = feeds.iter().map(|feed| json!({"feed": feed + 1})).collect();
        let body = json!({
            "request": "join", "ptype": "subscriber", "room": room + 1, "streams": streams,
        });
        let said = self.message(handle, &body, None, "event")?;
        let answer = endpoint.answer(description(&said)?)?;
        let answer = json!({"type": "answer", "sdp": answer});
        self.message(handle, &json!({"request": "start"}), Some(&answer), "event")?;
        Ok(())
    }

    fn attach(&mut self) -> anyhow::Result<u64> {
        let asked = json!({"janus": "attach", "plugin": "janus.plugin.videoroom"});
        id(&self.ask(asked, "success")?)
    }

    fn message(
        &mut self,
        handle: u64,
        body: &Value,
        description: Option<&Value>,
        wanted: &str,
    ) -> anyhow::Result<Value> {
        let mut asked = json!({"janus": "message", "handle_id": handle, "body": body});
        if let Some(description) = description {
            asked["jsep"] = description.clone();
        }
        self.ask(asked, wanted)
    }

    /// Sends a request and waits for its answer of that kind; an acknowledgement before is passed
    /// over.
    fn ask(&mut self, mut request: Value, wanted: &str) -> anyhow::Result<Value> {
        self.asked += 1;
        let transaction = self.asked.to_string();
        request["transaction"] = json!(transaction);
        if self.session != 0 {
            request["session_id"] = json!(self.session);
        }
        self.signal.say(&request)?;
        let is_answer = |said: &Value| {
            said["transaction"] == transaction.as_str()
                && (said["janus"] == wanted || said["janus"] == "error")
        };
        let said = self.signal.hear(is_answer)?;
        let refused = &said["plugindata"]["data"]["error"];
        if said["janus"] == "error" || refused.is_string() {
            bail!("Janus refuses {}: {}{refused}", request["janus"], said["error"]);
        }
        Ok(said)
    }
}

fn id(said: &Value) -> anyhow::Result<u64> {
    said["data"]["id"].as_u64().ok_or_else(|| anyhow!("an answer of Janus without an id"))
}

fn description(said: &Value) -> anyhow::Result<&str> {
    said["jsep"]["sdp"].as_str().ok_or_else(|| anyhow!("no session description: {said}"))
}
