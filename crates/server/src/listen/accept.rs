//! The loop that takes connections from the system.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Listener, connection};

/// How long the loop rests when the system has no descriptor or memory for a connection: it would
/// fail again at once, as fast as a core can.
const REST: Duration = Duration::from_millis(100);
/// How often failures of the system are told in the log.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Accepts until told to stop; each connection runs as a task of its own.
pub(super) async fn run(
    listener: Arc<Listener>,
    port: TcpListener,
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
            Ok((socket, _)) => {
                at_once(&socket);
                tasks.spawn(connection::run(listener.clone(), socket, stop.clone()));
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                complaints.add(&error);
                tokio::time::sleep(REST).await;
            }
        }
    }
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
