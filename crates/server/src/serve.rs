//! `bellwire serve`: puts the house together, runs it, and closes it in order.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use bellwire_core::Timestamp;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    chance::Chance,
    clock::{Clock, WallClock},
    config::{self, Apps, Config, Sources},
    gateway::Gateway,
    http,
    journal::{Journal, JournalSettings, Recovered, Synchronous},
    listen::{Listener, LookAgain, Serving, Tls, own_certificate},
    media::{self, Turn},
    metrics::Metrics,
    node::{Ground, KEEP_MS, Node, Tenants},
};

/// How often old records are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
const DAY_MS: u64 = 24 * 3600 * 1000;
/// How long connections, and then the journal, may take to close. With the longest drain, ten
/// seconds, the server is gone within fifteen.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(sources: Sources) -> anyhow::Result<ExitCode> {
    let (config, apps) = sources.load()?;
    log_to_stderr(&config)?;
    let Signals { mut terminate, mut interrupt, hangup } = Signals::catch()?;
    if sources.dev {
        tracing::warn!(
            "INSECURE: --dev lets anybody log in as anybody, from any web page. Never in production"
        );
    }
    for app in apps.all() {
        tracing::info!(app = %app.key, name = app.name.as_deref().unwrap_or_default(), "serving");
    }
    let data = &config.server.data;
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let metrics = Arc::new(Metrics::new());
    let own = sources.dev_tls.then(|| own_certificate(data)).transpose()?;
    let tls = Tls::open(own.as_ref().unwrap_or(&config.tls), data, metrics.clone())?;
    let certificate = tls.as_ref().map(Tls::look_again).unwrap_or_default();
    let (journal, recovered) = open_journal(&config, metrics.clone()).await?;
    let port = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let tenants = Tenants { apps: apps.clone(), limits: config.limits.clone() };
    let ground = Ground {
        storage: Arc::new(journal.clone()),
        recovered,
        clock: Arc::new(WallClock),
        chance: Chance::from_system(),
        media: media::start(&config.media, config.server.listen, port.local_addr()?)?,
    };
    let turn = Turn::of(&config.media.turn);
    let gateway = Node::open_with(tenants, ground, metrics, turn).await.gateway;
    tokio::spawn(sweep_forever(journal.clone(), config.storage.records_keep_days));
    let reload = (config.clone(), sources, apps, gateway.clone());
    tokio::spawn(reload_on_hangup(hangup, reload, certificate));

    let serving = serve_port(&config, port, tls, &gateway)?;
    let mut health = journal.watch();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        failed = health.wait_for(|s| *s == crate::journal::JournalState::Failed) => {
            drop(failed);
            anyhow::bail!("the database cannot be written any more; see the log");
        }
    }
    drain(&gateway, Duration::from_secs(config.server.drain_s)).await;
    serving.stop();
    gateway.board.webhooks.stop().await;
    gateway.close_all();
    // Connections that do not close by themselves do not hold the process.
    let closed = async {
        serving.stopped().await;
        gateway.all_closed().await;
    };
    drop(tokio::time::timeout(CLOSE_WAIT, closed).await);
    if let Ok(closed) = tokio::time::timeout(CLOSE_WAIT, journal.close()).await {
        closed?;
    } else {
        tracing::warn!("the database did not close in time; it is whole all the same");
    }
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = config
        .server
        .log_filter()
        .with_context(|| format!("server.log_level = {:?}", config.server.log_level))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.server.log_format {
        config::LogFormat::Text => log.init(),
        config::LogFormat::Json => log.json().init(),
    }
    Ok(())
}

fn serve_port(
    config: &Config,
    port: TcpListener,
    tls: Option<Tls>,
    gateway: &Arc<Gateway>,
) -> anyhow::Result<Serving> {
    let address = port.local_addr()?;
    tracing::info!(%address, tls = tls.is_some(), "listening");
    let (app, metrics) = (http::app(gateway.clone()), gateway.board.metrics.clone());
    let listener = Listener::new(app, tls, &config.server, &config.limits, metrics);
    listener.serve(port, config.server.threads).context("cannot start the threads")
}

async fn open_journal(
    config: &Config,
    metrics: Arc<Metrics>,
) -> anyhow::Result<(Journal, Recovered)> {
    let settings = JournalSettings {
        synchronous: match config.storage.synchronous {
            config::Synchronous::Normal => Synchronous::Normal,
            config::Synchronous::Full => Synchronous::Full,
        },
        reserve_bytes: config.storage.reserve_mib * 1024 * 1024,
        max_pages: None,
        recent_since: Timestamp(WallClock.now().0.saturating_sub(KEEP_MS)),
        observe: Some(Arc::new(move |commit| metrics.committed(commit))),
    };
    Ok(Journal::open(&config.server.data, settings).await?)
}

async fn sweep_forever(journal: Journal, keep_days: u32) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        let before = Timestamp(WallClock.now().0.saturating_sub(u64::from(keep_days) * DAY_MS));
        match journal.sweep(before).await {
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot delete old records"),
        }
    }
}

/// SIGHUP reads the configuration and the certificate's files again: apps, keys and limits change,
/// running calls do not.
async fn reload_on_hangup(
    mut hangup: Signal,
    (config, sources, apps, gateway): (Config, Sources, Apps, Arc<Gateway>),
    certificate: LookAgain,
) {
    while hangup.recv().await.is_some() {
        certificate.now();
        match config.reload(&sources) {
            Ok(reload) => {
                apps.replace(&reload.apps);
                gateway.board.webhooks.follow(&gateway.board, &apps).await;
                tracing::info!("configuration read again");
                for section in reload.restart {
                    tracing::warn!(section, "a change here holds from the next start on");
                }
            }
            Err(error) => tracing::error!(%error, "configuration refused; the old one stays"),
        }
    }
}

/// What the server is told by signals. They are caught before it listens: one that came between
/// would end it without an orderly stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }
}

/// Takes no new calls and lets running ones end, for a while.
async fn drain(gateway: &Arc<Gateway>, wait: Duration) {
    gateway.begin_drain();
    let none_left = async {
        let mut look = tokio::time::interval(Duration::from_millis(100));
        while !gateway.board.calls.all().is_empty() {
            look.tick().await;
        }
    };
    if tokio::time::timeout(wait, none_left).await.is_err() {
        let calls = gateway.board.calls.all().len();
        tracing::info!(calls, "stopping while calls run; they go on after the restart");
    }
}
