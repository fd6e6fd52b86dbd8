//! Whole call lives against a running server, and what they cost it.
//!
//! `lives --pid PID [--server URL] [--pairs N] [--seconds S]` calls flat out between pairs of
//! users; `--idle N` logs devices in and leaves them alone. The server's CPU time and memory are
//! read from `/proc/PID`.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    pid: u32,
    server: String,
    pairs: usize,
    idle: usize,
    seconds: u64,
}

fn options() -> Result<Options, Error> {
    let server = "ws://127.0.0.1:2355/v1/ws".to_owned();
    let mut options = Options { pid: 0, server, pairs: 64, idle: 0, seconds: 10 };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--pid" => options.pid = value.parse()?,
            "--server" => options.server = value,
            "--pairs" => options.pairs = value.parse()?,
            "--idle" => options.idle = value.parse()?,
            "--seconds" => options.seconds = value.parse()?,
            other => return Err(format!("no option {other}").into()),
        }
    }
    if options.pid == 0 {
        return Err("give the server's process id with --pid".into());
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = options()?;
    if options.idle > 0 { idle(&options).await } else { lives(&options).await }
}

async fn lives(options: &Options) -> Result<(), Error> {
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let (begun, cpu) = (Instant::now(), cpu_seconds(options.pid)?);
    let mut pairs = Vec::new();
    for i in 0..options.pairs {
        let server = options.server.clone();
        pairs.push(tokio::spawn(async move { pair(&server, i, until).await }));
    }
    let (mut done, mut rings) = (0_u32, Vec::new());
    for pair in pairs {
        let (lives, ring) = pair.await??;
        done += lives;
        rings.extend(ring);
    }
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds(options.pid)? - cpu);
    rings.sort_unstable();
    let at = |part: usize| rings.get(rings.len() * part / 100).copied().unwrap_or_default();
    println!("{done} call lives in {took:.1} s, {:.0} a second", f64::from(done) / took);
    println!("{:.0} a second of server CPU ({cpu:.2} s)", f64::from(done) / cpu);
    println!("start to invited: p50 {:?}, p99 {:?}", at(50), at(99));
    Ok(())
}

async fn idle(options: &Options) -> Result<(), Error> {
    let before = resident_bytes(options.pid)?;
    let mut devices = Vec::with_capacity(options.idle);
    for i in 0..options.idle {
        devices.push(login(&options.server, &format!("idle-{i}")).await?);
    }
    let grown = resident_bytes(options.pid)?.saturating_sub(before);
    println!("{} devices: {} bytes each", options.idle, grown / options.idle as u64);
    Ok(())
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn login(server: &str, user: &str) -> Result<Socket, Error> {
    let mut request = server.into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "bellwire.v1".parse()?);
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    let (mut socket, _) = connect_async_with_config(request, Some(config), true).await?;
    let hello = json!({"id": 1, "do": "hello", "login": {"app": "dev", "user": user},
        "device": {"id": "d"}});
    socket.send(Message::text(hello.to_string())).await?;
    until(&mut socket, |frame| frame["id"] == 1).await?;
    Ok(socket)
}

async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Result<Value, Error> {
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            let frame: Value = serde_json::from_str(&text)?;
            if !frame["error"].is_null() {
                return Err(frame["error"].to_string().into());
            }
            if wanted(&frame) {
                return Ok(frame);
            }
        }
    }
    Err("the server closed the connection".into())
}

/// Calls until the time is up: start, ringing, accept, hang up, and both told that it ended.
async fn pair(server: &str, i: usize, stop: Instant) -> Result<(u32, Vec<Duration>), Error> {
    let (a, b) = (format!("a{i}"), format!("b{i}"));
    let (mut caller, mut callee) = (login(server, &a).await?, login(server, &b).await?);
    let (mut id, mut lives, mut rings) = (1_u64, 0, Vec::new());
    while Instant::now() < stop {
        id += 2;
        let begun = Instant::now();
        send(&mut caller, json!({"id": id, "do": "call.start", "to": [b]})).await?;
        let invited = until(&mut callee, |f| f["ev"] == "call.invited").await?;
        rings.push(begun.elapsed());
        let call = &invited["call"];
        send(&mut callee, json!({"id": id, "do": "call.ringing", "call": call})).await?;
        send(&mut callee, json!({"id": id + 1, "do": "call.accept", "call": call})).await?;
        until(&mut caller, |f| f["ev"] == "call.started").await?;
        send(&mut caller, json!({"id": id + 1, "do": "call.hangup", "call": call})).await?;
        until(&mut caller, |f| f["ev"] == "call.ended").await?;
        until(&mut callee, |f| f["ev"] == "call.ended").await?;
        lives += 1;
        // 100 requests a second and device are let through; a life takes two of each.
        tokio::time::sleep(Duration::from_millis(20).saturating_sub(begun.elapsed())).await;
    }
    Ok((lives, rings))
}

async fn send(socket: &mut Socket, frame: Value) -> Result<(), Error> {
    Ok(socket.send(Message::text(frame.to_string())).await?)
}

/// User and system time of a process, from `/proc/PID/stat` (proc(5): fields 14 and 15, in ticks
/// of 10 ms).
fn cpu_seconds(pid: u32) -> Result<f64, Error> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 =
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u32>().ok()).sum();
    Ok(f64::from(ticks) / 100.0)
}

/// Resident memory of a process, from `/proc/PID/status`.
fn resident_bytes(pid: u32) -> Result<u64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(kib * 1024)
}
