//! All devices at once, until they are told to stop.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::timeout};

use crate::device::Device;

/// How long anything awaited may take. A ring time and a grace may pass, on a busy machine, while
/// the server is started again.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Who calls: app, user, and how many devices. The names of the apps' users differ, so that one
/// that crosses over is seen.
const USERS: [(&str, &str, usize); 9] = [
    ("dev", "ann", 2),
    ("dev", "ben", 3),
    ("dev", "cem", 2),
    ("dev", "dag", 1),
    ("dev", "eva", 2),
    ("dev", "fay", 1),
    ("shop", "gus", 2),
    ("shop", "hal", 1),
    ("shop", "ida", 2),
];

/// What devices and test share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// No new calls; end what runs.
    pub(crate) stop: AtomicBool,
    /// Calls that devices saw end.
    pub(crate) ended: AtomicUsize,
}

/// The running devices.
pub(crate) struct Load {
    shared: Arc<Shared>,
    devices: Vec<JoinHandle<Device>>,
}

impl Load {
    /// Lets all devices log in and begin.
    pub(crate) fn begin(server: SocketAddr, seed: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let mut devices = Vec::new();
        for (app, user, count) in USERS {
            let others = USERS.iter().filter(|(of, other, _)| *of == app && *other != user);
            let others: Vec<&'static str> = others.map(|(_, other, _)| *other).collect();
            for number in 1..=count {
                let name = format!("{user}-{number}");
                // Each device has chances of its own, whatever the others do.
                let seed = seed.wrapping_mul(1_000).wrapping_add(devices.len() as u64);
                let device = Device::new(server, (app, user, &name), others.clone(), seed);
                devices.push(tokio::spawn(device.live(shared.clone())));
            }
        }
        Self { shared, devices }
    }

    /// Waits until so many more calls have ended, or a device saw something wrong and gave up;
    /// whether all go on.
    pub(crate) async fn work(&self, calls: usize) -> bool {
        let goal = self.shared.ended.load(Ordering::Relaxed) + calls;
        let worked = async {
            while self.shared.ended.load(Ordering::Relaxed) < goal
                && !self.devices.iter().any(JoinHandle::is_finished)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, worked).await.expect("calls go on between the kills");
        !self.devices.iter().any(JoinHandle::is_finished)
    }

    /// Lets the devices end what runs.
    pub(crate) async fn stop(self) -> Vec<Device> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut devices = Vec::new();
        for device in self.devices {
            devices.push(device.await.expect("no device saw anything wrong"));
        }
        devices
    }
}
