//! The world's root: runs what is due, and lets time pass.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::{
    Event, World,
    house::{House, millis},
    rooms,
};

/// Why the root has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The time that was waited for has come, or what was waited for has.
    Reached,
    /// A rule was broken.
    Broken,
    /// The process dies, and comes back after so many milliseconds.
    Crash(u64),
}

/// What is waited for, besides a time.
pub(crate) type Until<'a> = &'a mut dyn FnMut(&World) -> bool;

impl World {
    /// Lets the world go on up to a time.
    pub(crate) fn run_until(&mut self, at: u64) {
        self.run(at, &mut |_| false);
    }

    /// Lets the world go on until `done`, or up to a time; whether it was done before.
    pub(crate) fn run(&mut self, at: u64, done: Until<'_>) -> bool {
        loop {
            let house = self.house.take().unwrap_or_else(|| House::new(self.now));
            let (start, base_ms) = (house.start, house.base_ms);
            let stop = house.runtime.block_on(async {
                let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
                poll_fn(|cx| self.poll(cx, sleep.as_mut(), (start, base_ms), at, done)).await
            });
            match stop {
                Stop::Reached => {
                    self.house = Some(house);
                    return done(self);
                }
                Stop::Broken => {
                    self.house = Some(house);
                    return false;
                }
                Stop::Crash(down_ms) => self.crash(house, down_ms),
            }
        }
    }

    fn crash(&mut self, house: House, down_ms: u64) {
        self.now = house.runtime.block_on(async { house.now() }).max(self.now);
        self.counts.crashes += 1;
        self.trace.note(self.now, "server", "dies");
        (self.node, self.api, self.sfu) = (None, None, None);
        self.strays = rooms::Strays::default();
        // Every task is dropped where it stood, and with them the connections.
        drop(house);
        self.store.crash();
        let mut rung = self.bell.take();
        // The runtime drops its tasks by numbers that count all tasks of our own process.
        rung.links.sort_unstable();
        for link in rung.links {
            self.collect(link);
        }
        self.events
            .retain(|_, event| !matches!(event, Event::Commit | Event::Tell | Event::NodeUp));
        self.doom.clear();
        self.schedule(down_ms, Event::NodeUp);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut sleep: Pin<&mut Sleep>,
        (start, base_ms): (Instant, u64),
        at: u64,
        done: Until<'_>,
    ) -> Poll<Stop> {
        self.bell.waker.register(cx.waker());
        loop {
            self.now = base_ms + millis(start);
            let mut worked = self.take_rung();
            worked |= self.run_due(start, base_ms);
            if worked {
                self.look();
            }
            if self.broken.is_some() {
                return Poll::Ready(Stop::Broken);
            }
            if let Some(down_ms) = self.doom.strikes() {
                return Poll::Ready(Stop::Crash(down_ms));
            }
            if done(self) {
                return Poll::Ready(Stop::Reached);
            }
            if self.doom.is_near() {
                // Looks again after the next poll of whatever task.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let next = self.events.keys().next().map_or(at, |(due, _)| (*due).min(at));
            if next <= self.now {
                if self.now >= at {
                    return Poll::Ready(Stop::Reached);
                }
                continue;
            }
            sleep.as_mut().reset(start + Duration::from_millis(next - base_ms));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes in what the server's tasks have done; whether there was anything.
    fn take_rung(&mut self) -> bool {
        let rung = self.bell.take();
        let mut worked = !rung.links.is_empty();
        for link in rung.links {
            self.collect(link);
        }
        if let Some(node) = rung.node {
            self.trace.note(self.now, "server", "is there");
            self.api = Some(node.api());
            self.node = Some(node);
            worked = true;
        }
        for (status, body) in rung.answers {
            self.answered(status, &body);
            worked = true;
        }
        if let Some(in_ms) = self.store.begin_commit() {
            self.schedule(in_ms, Event::Commit);
            worked = true;
        }
        worked
    }

    /// Runs what is due; whether there was anything.
    fn run_due(&mut self, start: Instant, base_ms: u64) -> bool {
        let mut worked = false;
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > self.now || self.broken.is_some() || self.doom.is_now() {
                break;
            }
            let event = entry.remove();
            self.happen(event, start, base_ms);
            worked = true;
        }
        worked
    }

    fn happen(&mut self, event: Event, start: Instant, base_ms: u64) {
        match event {
            Event::Dial(device) => self.dial_if_wanted(device),
            Event::ToServer(link, bytes) => self.reach_server(link, &bytes),
            Event::ToDevice(link) => self.reach_device(link),
            Event::ServerEnd(link, end) => self.links[link].pipe.end(end),
            Event::DeviceEnd(link) => self.server_ended(link),
            Event::Silence(link) => self.listen(link),
            Event::Say(device, command) => {
                if self.devices[device].greeted {
                    self.say(device, *command);
                }
            }
            Event::Commit => {
                if self.doom.at_commit(false) {
                    return;
                }
                self.store.commit();
                self.trace.note(self.now, "store", "commits");
                if !self.doom.at_commit(true) {
                    self.schedule(0, Event::Tell);
                }
            }
            Event::Tell => self.store.tell(),
            Event::NodeUp => self.open_node(start, base_ms),
            Event::Relief(relief) => self.relieve(relief),
        }
    }
}
