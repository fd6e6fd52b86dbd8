//! What operators watch. The registry is a value, so that two servers in one process share
//! nothing.

use std::time::{Duration, Instant};

use bellwire_core::{Event, Hook, HookOutcome, PushNews, PushOutcome, PushProvider, Reason};
use bellwire_protocol::ErrorCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::{calls::Step, journal::Commit};

/// A label called `code`, `reason`, `command`, `event` or `phase`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Command {
    command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    hook: &'static str,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pushed {
    provider: &'static str,
    news: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Taken {
    taken: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

/// The server's counters and histograms.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    turned_away: Family<Why, Counter>,
    handshakes_failed: Family<Why, Counter>,
    certificate_ends: Gauge,
    calls: Family<Phase, Gauge>,
    ended: Family<Ending, Counter>,
    requests: Family<Command, Counter>,
    refusals: Family<Code, Counter>,
    stop_rings: Counter,
    acknowledged: Counter,
    invited: Histogram,
    ringing: Histogram,
    started: Histogram,
    hung_up: Histogram,
    hooks: Family<Asked, Counter>,
    hook: Histogram,
    deliveries: Family<Taken, Counter>,
    pushes: Family<Pushed, Counter>,
    push_repeats: Family<Provider, Counter>,
    push: Histogram,
    push_connected: Histogram,
    push_connected_ringing: Histogram,
    push_ringing: Histogram,
    journal: Histogram,
    journal_rows: Counter,
}

/// From 50 µs in doublings to 1.6 s.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 16))
}

/// From 1 ms in doublings to 33 s: people, phones and push services take seconds.
fn slow() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("bellwire"),
            connections: Gauge::default(),
            turned_away: Family::default(),
            handshakes_failed: Family::default(),
            certificate_ends: Gauge::default(),
            calls: Family::default(),
            ended: Family::default(),
            requests: Family::default(),
            refusals: Family::default(),
            stop_rings: Counter::default(),
            acknowledged: Counter::default(),
            invited: latency(),
            ringing: slow(),
            started: latency(),
            hung_up: latency(),
            hooks: Family::default(),
            hook: latency(),
            deliveries: Family::default(),
            pushes: Family::default(),
            push_repeats: Family::default(),
            push: slow(),
            push_connected: slow(),
            push_connected_ringing: slow(),
            push_ringing: slow(),
            journal: latency(),
            journal_rows: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("connections", "Open connections", self.connections.clone());
        let text = "Connections and logins turned away, by why";
        r.register("turned_away", text, self.turned_away.clone());
        let text = "TLS handshakes that failed, by why";
        r.register("tls_handshakes_failed", text, self.handshakes_failed.clone());
        let text = "When the TLS certificate ends, in Unix seconds; 0 without one";
        r.register("tls_certificate_ends", text, self.certificate_ends.clone());
        r.register("calls", "Live calls by phase", self.calls.clone());
        r.register("calls_ended", "Finished calls by reason", self.ended.clone());
        r.register("requests", "Requests by command", self.requests.clone());
        r.register("refusals", "Refused requests by code", self.refusals.clone());
        r.register("stop_rings", "Stop-ring events logged, by user", self.stop_rings.clone());
        let text = "Stop-ring events that a device confirmed";
        r.register("stop_rings_acknowledged", text, self.acknowledged.clone());
        r.register(
            "hooks",
            "Questions to business servers, by hook and outcome",
            self.hooks.clone(),
        );
        let text = "Posts to webhooks, by whether they were taken";
        r.register("webhook_posts", text, self.deliveries.clone());
        let text = "Pushes to sleeping devices, by provider, news and outcome";
        r.register("pushes", text, self.pushes.clone());
        let text = "Pushes that were not taken and tried again, by provider";
        r.register("push_repeats", text, self.push_repeats.clone());
        let mut time = |name: &str, help: &str, histogram: &Histogram| {
            r.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        };
        time("start_to_invited", "From call.start read to call.invited queued", &self.invited);
        time("invited_to_ringing", "From the invitation to call.ringing", &self.ringing);
        time("accept_to_started", "From call.accept read to call.started queued", &self.started);
        time("hangup_to_ended", "From call.hangup read to call.ended queued", &self.hung_up);
        time("hook", "From a question to a business server to its answer", &self.hook);
        time("push", "From a push to what became of it", &self.push);
        let text = "From a push taken by its service to the device's connection";
        time("push_to_connected", text, &self.push_connected);
        let text = "From the connection of a device that was pushed to its call.ringing";
        time("push_connected_to_ringing", text, &self.push_connected_ringing);
        let text = "From a push taken by its service to the device's call.ringing";
        time("push_to_ringing", text, &self.push_ringing);
        time("journal_commit", "From taking a batch to its being durable", &self.journal);
        self.registry.register("journal_rows", "Rows made durable", self.journal_rows.clone());
    }

    /// The text for Prometheus.
    pub(crate) fn text(&self, calls: [(&'static str, usize); 2]) -> String {
        for (phase, count) in calls {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.calls.get_or_create(&Phase { phase }).set(count);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn requested(&self, command: &'static str) {
        self.requests.get_or_create(&Command { command }).inc();
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        self.refusals.get_or_create(&Code { code: code.as_str() }).inc();
    }

    /// Counts a connection or login that a limit of the port refused.
    pub(crate) fn turned_away(&self, why: &'static str) {
        self.turned_away.get_or_create(&Why { why }).inc();
    }

    /// Counts a TLS handshake that came to nothing.
    pub(crate) fn handshake_failed(&self, why: &'static str) {
        self.handshakes_failed.get_or_create(&Why { why }).inc();
    }

    /// Notes when the certificate that is shown ends.
    pub(crate) fn certificate_ends(&self, unix_s: i64) {
        self.certificate_ends.set(unix_s);
    }

    pub(crate) fn committed(&self, commit: &Commit) {
        self.journal.observe(commit.took.as_secs_f64());
        self.journal_rows.inc_by(commit.rows as u64);
    }

    /// Counts a question to a business server.
    pub(crate) fn asked(&self, hook: Hook, outcome: HookOutcome, took: Duration) {
        let outcome = format!("{outcome:?}").to_lowercase();
        self.hooks.get_or_create(&Asked { hook: hook.as_str(), outcome }).inc();
        self.hook.observe(took.as_secs_f64());
    }

    /// Counts a post to a webhook.
    pub(crate) fn delivered(&self, taken: bool) {
        let taken = if taken { "yes" } else { "no" };
        self.deliveries.get_or_create(&Taken { taken }).inc();
    }

    /// Counts what became of a push.
    pub(crate) fn pushed(
        &self,
        provider: PushProvider,
        news: PushNews,
        outcome: PushOutcome,
        took: Duration,
    ) {
        let (provider, news, outcome) = (provider.as_str(), news.as_str(), outcome.as_str());
        self.pushes.get_or_create(&Pushed { provider, news, outcome }).inc();
        self.push.observe(took.as_secs_f64());
    }

    /// Counts a push that has to be tried again.
    pub(crate) fn push_repeated(&self, provider: PushProvider) {
        self.push_repeats.get_or_create(&Provider { provider: provider.as_str() }).inc();
    }

    /// A device has connected so long after its push was taken.
    pub(crate) fn push_woke(&self, after: Duration) {
        self.push_connected.observe(after.as_secs_f64());
    }

    /// A device rings whose push was taken, and which connected, at these times.
    pub(crate) fn push_rang(&self, sent: Option<Instant>, woke: Option<Instant>) {
        if let Some(woke) = woke {
            self.push_connected_ringing.observe(woke.elapsed().as_secs_f64());
        }
        if let Some(sent) = sent {
            self.push_ringing.observe(sent.elapsed().as_secs_f64());
        }
    }

    /// Counts an event that has been told; `received` is when the request behind it was read.
    pub(crate) fn happened(&self, step: &Step, received: Option<Instant>) {
        let since = |histogram: &Histogram| {
            if let Some(received) = received {
                histogram.observe(received.elapsed().as_secs_f64());
            }
        };
        match &step.entry.event {
            Event::Created(_) => since(&self.invited),
            Event::Ringing { user, .. } => {
                if let Some(p) = step.after.participant(user) {
                    #[allow(clippy::cast_precision_loss)] // Milliseconds of a ring time.
                    let ms = step.entry.at.since_ms(p.invited_at) as f64;
                    self.ringing.observe(ms / 1000.0);
                }
            }
            Event::Started => since(&self.started),
            Event::Ended { reason, .. } => {
                since(&self.hung_up);
                self.ended.get_or_create(&Ending { reason: word(*reason) }).inc();
            }
            Event::Canceled { users, .. } => {
                self.stop_rings.inc_by(users.len() as u64);
            }
            Event::Acknowledged { .. } => {
                self.acknowledged.inc();
            }
            _ => {}
        }
    }
}

fn word(reason: Reason) -> String {
    format!("{reason:?}").to_lowercase()
}
