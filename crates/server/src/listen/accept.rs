//! The loop that takes connections from the system.

use std::{
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Listener, Visitor, connection, source::Source, stream::Place, threads::Threads};

/// How long the loop rests when the system has no descriptor or memory for a connection: it would
/// fail again at once, as fast as a core can.
const REST: Duration = Duration::from_millis(100);
/// How often failures of the system are told in the log.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Accepts until told to stop; each connection runs as a task of its own.
pub(super) async fn run(
    listener: Arc<Listener>,
    port: TcpListener,
    mut threads: Threads,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let mut complaints = Complaints::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = port.accept() => accepted,
        };
        match accepted {
            Ok((socket, from)) => {
                // One that is turned away is closed by being dropped, before it has cost a task.
                let Some((place, visitor)) = admit(&listener, from.ip()) else { continue };
                at_once(&socket);
                let (listener, stop) = (listener.clone(), stop.clone());
                let Some(thread) = threads.next() else {
                    tasks.spawn(connection::run(listener, socket, place, visitor, stop));
                    continue;
                };
                // A socket belongs to the runtime that took it until it is taken from there.
                let Ok(socket) = socket.into_std() else { continue };
                let run = async move {
                    if let Ok(socket) = TcpStream::from_std(socket) {
                        connection::run(listener, socket, place, visitor, stop).await;
                    }
                };
                tasks.spawn_on(run, thread);
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                complaints.add(&error);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Gives a connection its place, unless there is none for it.
fn admit(listener: &Listener, from: IpAddr) -> Option<(Place, Visitor)> {
    let Ok(place) = listener.places.clone().try_acquire_owned() else {
        listener.metrics.turned_away("server_full");
        return None;
    };
    if listener.proxies.trusts(from) {
        return Some((Place::new(place, None), Visitor::default()));
    }
    let ticket = listener.addresses.connect(Source::of(from)).ok()?;
    let visitor = Visitor::direct(&listener.addresses, from);
    Some((Place::new(place, Some(ticket)), visitor))
}

/// A frame waits for nothing; without this the system holds it back for 40 ms.
fn at_once(socket: &TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

/// Whether only this one connection is gone, before it was taken.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Failures of the system, told once in a while.
#[derive(Debug, Default)]
struct Complaints {
    told: Option<Instant>,
    untold: u64,
}

impl Complaints {
    fn add(&mut self, error: &io::Error) {
        self.untold += 1;
        if self.told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        tracing::error!(
            %error,
            times = self.untold,
            "cannot take connections; if descriptors run out, raise `ulimit -n` or lower \
             limits.connections"
        );
        (self.told, self.untold) = (Some(Instant::now()), 0);
    }
}
