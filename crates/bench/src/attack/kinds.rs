//! What each kind of attacker does.

use std::{
    collections::VecDeque,
    io::{self, Read},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{AttackArgs, Kind, announce, rude::Rude};

/// Connections an attacker leaves open at most.
const LEFT_OPEN: usize = 500;
/// The longest frame that the wire allows, in bytes.
const FRAME_BYTES: usize = 256 * 1024;
/// What a slow reader is sent in one message, in bytes: below the 32 KiB that are allowed.
const BODY_BYTES: usize = 30 * 1024;
/// Requests a second that a device may send; more senders take turns.
const REQUESTS_PER_S: f64 = 90.0;
const SENDERS: u32 = 200;

/// Attacks until standard input closes, and prints how many attempts that were.
pub(crate) fn run(args: &AttackArgs) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    thread::spawn(move || {
        // Nothing is said; the end of the input is the sign to stop.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        seen.store(true, Ordering::Relaxed);
    });
    let mut attacker: Box<dyn FnMut(u64)> = match args.kind {
        Kind::Connections => connections(args.server),
        Kind::Hellos => hellos(args.server),
        Kind::Starts => starts(args.server, args.name.clone()),
        Kind::Frames => frames(args.server, args.name.clone()),
        Kind::SlowReaders => slow_readers(args),
    };
    announce()?;
    let apart = Duration::from_secs_f64(args.pace.max(0.1).recip());
    let (mut due, mut attempts) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        attacker(attempts);
        attempts += 1;
        due += apart;
        let now = Instant::now();
        match due.checked_duration_since(now) {
            Some(wait) => thread::sleep(wait.min(Duration::from_millis(100))),
            // What could not be done in time is left out, or it would come as a burst.
            None => due = now,
        }
    }
    println!("{attempts}");
    Ok(())
}

/// Half are dropped at once, the others stay open for a while after half a request. What fails
/// here is the attacker's bad luck, as everywhere below.
fn connections(server: SocketAddr) -> Box<dyn FnMut(u64)> {
    let mut open = VecDeque::new();
    Box::new(move |attempt| {
        let Ok(mut rude) = Rude::connect(server) else { return };
        if attempt % 2 == 0 {
            return;
        }
        if rude.say(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgr").is_ok() {
            leave_open(&mut open, rude);
        }
    })
}

/// Three of four have a token that nobody signed; the fourth never says hello.
fn hellos(server: SocketAddr) -> Box<dyn FnMut(u64)> {
    let mut open = VecDeque::new();
    let token = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRldiJ9.eyJzdWIiOiJldmUiLCJleHAiOjk5OTk5OTk5OTl9.\
                 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let hello = format!(r#"{{"id":1,"do":"hello","token":"{token}","device":{{"id":"d"}}}}"#);
    Box::new(move |attempt| {
        let Ok(mut rude) = Rude::upgrade(server) else { return };
        if attempt % 4 == 0 {
            leave_open(&mut open, rude);
        } else if rude.text(&hello).is_ok() {
            let _ = rude.hear();
        }
    })
}

/// One user calls people who are not there, and logs in again when the server has had enough.
fn starts(server: SocketAddr, name: String) -> Box<dyn FnMut(u64)> {
    let mut line = None;
    Box::new(move |attempt| {
        let Some(rude) = open(&mut line, || Rude::log_in(server, &name)) else { return };
        let to = format!("{name}nobody{attempt}");
        let start = format!(r#"{{"id":{},"do":"call.start","to":["{to}"]}}"#, attempt + 2);
        if rude.text(&start).and_then(|()| rude.drain()).is_err() {
            line = None;
        }
    })
}

/// A frame as long as it may be, then one that is a byte too long, which costs the connection.
fn frames(server: SocketAddr, name: String) -> Box<dyn FnMut(u64)> {
    let mut line = None;
    Box::new(move |attempt| {
        let Some(rude) = open(&mut line, || Rude::log_in(server, &name)) else { return };
        let head = format!(r#"{{"id":{},"do":"ping","padding":""#, attempt + 2);
        let length = if attempt % 2 == 0 { FRAME_BYTES } else { FRAME_BYTES + 1 };
        let padding = "x".repeat(length - head.len() - 2);
        let sent = rude.text(&format!(r#"{head}{padding}"}}"#));
        if sent.and_then(|()| rude.drain()).is_err() || attempt % 2 == 1 {
            line = None;
        }
    })
}

/// Devices that read nothing once they are logged in, and others that send them long messages.
fn slow_readers(args: &AttackArgs) -> Box<dyn FnMut(u64)> {
    let (server, name, devices) = (args.server, args.name.clone(), args.devices.max(1));
    let senders = (1..SENDERS).find(|&n| f64::from(n) * REQUESTS_PER_S >= args.pace);
    let mut readers: Vec<Option<Rude>> = (0..devices).map(|_| None).collect();
    let mut senders: Vec<Option<Rude>> = (0..senders.unwrap_or(SENDERS)).map(|_| None).collect();
    let body = "x".repeat(BODY_BYTES);
    let mut turn = 0;
    Box::new(move |attempt| {
        turn += 1;
        let (reader, sender) = (turn % readers.len(), turn % senders.len());
        let user = format!("{name}slow{reader}");
        if readers[reader].as_ref().is_some_and(Rude::is_over) {
            readers[reader] = None;
        }
        let Some(slow) = open(&mut readers[reader], || Rude::log_in(server, &user)) else { return };
        // It asks too, and does not read the answers either.
        if slow.text(&format!(r#"{{"id":{},"do":"ping"}}"#, attempt + 2)).is_err() {
            readers[reader] = None;
        }
        let from = format!("{name}sender{sender}");
        let Some(rude) = open(&mut senders[sender], || Rude::log_in(server, &from)) else { return };
        let fields = format!(r#""do":"message.send","to":"{user}","body":"{body}""#);
        let sent = rude.text(&format!(r#"{{"id":{},{fields}}}"#, attempt + 2));
        if sent.and_then(|()| rude.drain()).is_err() {
            senders[sender] = None;
        }
    })
}

/// The connection in `place`, made if there is none.
fn open(place: &mut Option<Rude>, connect: impl FnOnce() -> io::Result<Rude>) -> Option<&mut Rude> {
    if place.is_none() {
        *place = connect().ok();
    }
    place.as_mut()
}

fn leave_open(open: &mut VecDeque<Rude>, rude: Rude) {
    open.push_back(rude);
    if open.len() > LEFT_OPEN {
        open.pop_front();
    }
}
