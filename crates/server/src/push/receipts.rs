//! What became of pushes, for the call's log and the metrics. One task writes all of it, one
//! after the other: a group whose phones all sleep does not have hundreds decide at once.

use std::{sync::Arc, time::Duration};

use bellwire_core::{AppKey, CallId, Command, Label, PushNews, PushOutcome, Pushed};
use tokio::sync::mpsc;

use super::{deliver::Sleeper, payload::Notice};
use crate::switchboard::Switchboard;

/// Receipts that may wait to be written; what comes beyond is counted only.
const WAITING: usize = 8192;

/// A receipt of one call.
pub(super) struct Receipt {
    app: AppKey,
    call: CallId,
    pushed: Pushed,
}

/// Where they are written.
pub(crate) struct Receipts(mpsc::Receiver<Receipt>);

/// Where they are handed in.
pub(super) type ReceiptsIn = mpsc::Sender<Receipt>;

/// A queue of receipts.
pub(super) fn receipts() -> (ReceiptsIn, Receipts) {
    let (to, from) = mpsc::channel(WAITING);
    (to, Receipts(from))
}

impl Receipts {
    /// Writes them until the server ends.
    pub(crate) async fn write_forever(mut self, board: Arc<Switchboard>) {
        while let Some(Receipt { app, call, pushed }) = self.0.recv().await {
            board.act(&app, call, Command::Pushed(pushed)).await;
        }
    }
}

impl Switchboard {
    /// Counts what became of a notice, and logs it.
    pub(super) fn receipt(
        &self,
        notice: &Notice,
        sleeper: &Sleeper,
        outcome: PushOutcome,
        status: Option<u16>,
        why: &str,
        took: Duration,
    ) {
        let provider = sleeper.way.slot.provider();
        self.metrics.pushed(provider, notice.news, outcome, took);
        self.log_push(&notice.app, notice.call, sleeper, notice.news, outcome, status, why, took);
    }

    #[allow(clippy::too_many_arguments)] // The fields of one entry.
    pub(super) fn log_push(
        &self,
        app: &AppKey,
        call: CallId,
        sleeper: &Sleeper,
        news: PushNews,
        outcome: PushOutcome,
        status: Option<u16>,
        why: &str,
        took: Duration,
    ) {
        let pushed = Pushed {
            user: sleeper.user.clone(),
            device: sleeper.way.device.clone(),
            provider: sleeper.way.slot.provider(),
            news,
            outcome,
            status,
            why: Label::cut(why),
            ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        };
        let receipt = Receipt { app: app.clone(), call, pushed };
        if self.push.receipts.try_send(receipt).is_err() {
            tracing::warn!(%call, "too many pushes to log them all");
        }
    }
}
