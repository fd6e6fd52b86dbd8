//! The relay's own process.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    io::{self, Read, Write},
    rc::Rc,
    thread,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::LocalSet,
};

use super::Script;
use crate::{
    load::life::Side,
    wire::{
        frame::{self, Opcode},
        handshake, mask,
    },
};

/// What a connection reads at once: more than any request of a life.
const READ_BYTES: usize = 1024;

/// The four steps of a life, each as the bytes of two writes.
struct Steps([Step; 4]);

struct Step {
    asks: Side,
    caller: Vec<u8>,
    callee: Vec<u8>,
}

/// Two connections and the step they are at.
#[derive(Default)]
struct Pair {
    step: Cell<usize>,
    caller: OnceCell<OwnedWriteHalf>,
    callee: OnceCell<OwnedWriteHalf>,
}

/// Pairs by the number in the path, until both have come.
type Pairs = Rc<RefCell<HashMap<u32, Rc<Pair>>>>;

/// Reads the script from standard input, prints the address and relays until the input closes.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("no script on standard input")?;
    let script: Script = serde_json::from_str(&line).context("the script")?;
    thread::spawn(|| {
        // Nothing more is said; the end of the input is the end of the bench.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, accept(Rc::new(Steps::from_script(&script))))
}

async fn accept(steps: Rc<Steps>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let pairs = Pairs::default();
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (steps, pairs) = (steps.clone(), pairs.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = serve(socket, &steps, &pairs).await {
                eprintln!("relay: {error:#}");
            }
        });
    }
}

async fn serve(socket: TcpStream, steps: &Steps, pairs: &Pairs) -> anyhow::Result<()> {
    let (mut reader, mut writer) = socket.into_split();
    let (number, side) = upgrade(&mut reader).await?;
    writer.write_all(handshake::agreement().as_bytes()).await?;
    let pair = pairs.borrow_mut().entry(number).or_default().clone();
    let own = if side == Side::Caller { &pair.caller } else { &pair.callee };
    if own.set(writer).is_err() {
        bail!("somebody has that place already");
    }
    if pair.caller.get().is_some() && pair.callee.get().is_some() {
        pairs.borrow_mut().remove(&number);
    }
    relay(reader, side, &pair, steps).await
}

async fn relay(
    mut reader: OwnedReadHalf,
    side: Side,
    pair: &Pair,
    steps: &Steps,
) -> anyhow::Result<()> {
    let mut buffer = [0; READ_BYTES];
    let mut filled = 0;
    let mut payload = Vec::with_capacity(READ_BYTES);
    loop {
        let read = reader.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        while let Some((found, size)) = frame::split(&buffer[..filled])? {
            if found.opcode == Opcode::Text {
                payload.clear();
                payload.extend_from_slice(found.payload);
                mask::apply(found.mask.unwrap_or_default(), &mut payload);
                say(side, pair, steps).await?;
            }
            buffer.copy_within(size..filled, 0);
            filled -= size;
        }
    }
}

/// Answers a request of `side`: one write to each.
async fn say(side: Side, pair: &Pair, steps: &Steps) -> anyhow::Result<()> {
    let at = pair.step.replace((pair.step.get() + 1) % 4);
    let step = &steps.0[at];
    let (Some(caller), Some(callee)) = (pair.caller.get(), pair.callee.get()) else {
        bail!("a request before the other side is there");
    };
    if step.asks != side {
        bail!("{side:?} speaks out of turn");
    }
    write(caller, &step.caller).await?;
    write(callee, &step.callee).await
}

async fn write(to: &OwnedWriteHalf, mut bytes: &[u8]) -> anyhow::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads the request for an upgrade; the pair and side that its path names.
async fn upgrade(reader: &mut OwnedReadHalf) -> anyhow::Result<(u32, Side)> {
    let mut head = Vec::new();
    while handshake::head_end(&head).is_none() {
        if reader.read_buf(&mut head).await? == 0 || head.len() > 8 * 1024 {
            bail!("no request for an upgrade");
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    let number = parts.next().and_then(|number| number.parse().ok());
    let side = match parts.next() {
        Some("0") => Some(Side::Caller),
        Some("1") => Some(Side::Callee),
        _ => None,
    };
    number.zip(side).with_context(|| format!("the path `{path}` names no pair and side"))
}

impl Steps {
    fn from_script(script: &Script) -> Self {
        let bytes = |frames: &[String]| {
            let mut bytes = Vec::new();
            for text in frames {
                frame::push(&mut bytes, Opcode::Text, text.as_bytes(), None);
            }
            bytes
        };
        Self(script.steps().map(|(asks, answer)| Step {
            asks,
            caller: bytes(&answer.caller),
            callee: bytes(&answer.callee),
        }))
    }
}
