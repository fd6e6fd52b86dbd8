//! Erases a user: from memory, then from the storage. What was in both when it was asked for names
//! them nowhere when it is answered, but for calls that go on with others; those are seen to when
//! they are over.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bellwire_core::{Alias, AppKey, CallId, Uid, UserId};
use bellwire_protocol::{Json, ServerEvent, command::PushClear};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Switchboard;
use crate::{
    journal::{Bucket, Erased, Erasure, KeyValueRow, Row},
    storage::StorageError,
};

/// Who is still to be erased, and from what.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    pending: Mutex<Vec<Pending>>,
    /// Numbers of users whose erasure has begun and not come to its end.
    uids: Mutex<HashMap<(AppKey, UserId), Uid>>,
}

/// Running calls that name somebody who is erased.
#[derive(Debug, Clone)]
struct Pending {
    app: AppKey,
    alias: UserId,
    running: Running,
}

/// As it is stored, by what stands for the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Running {
    user: UserId,
    calls: BTreeSet<CallId>,
}

impl Pending {
    fn row(&self, is_there: bool) -> Row {
        Row::KeyValue(KeyValueRow {
            app: self.app.clone(),
            bucket: Bucket::Erasure,
            key: self.alias.to_string(),
            value: is_there.then(|| Json::of(&self.running).into()),
        })
    }

    fn erasure(&self) -> Erasure {
        Erasure {
            app: self.app.clone(),
            alias: Alias { of: self.running.user.clone(), name: self.alias.clone() },
            uid: None,
            up_to: 0,
            calls: self.running.calls.clone(),
        }
    }
}

impl Erasures {
    /// Puts back what the storage kept.
    pub(crate) fn restore(&self, app: AppKey, alias: UserId, running: &str) -> Result<(), String> {
        let running = serde_json::from_str(running).map_err(|error| error.to_string())?;
        self.pending.lock().push(Pending { app, alias, running });
        Ok(())
    }
}

impl Switchboard {
    /// Erases a user who has left what calls could be left and is logged out; what it changed, and
    /// the calls that go on and name them until they are over.
    pub(crate) async fn erase(
        self: &Arc<Self>,
        app: &AppKey,
        user: &UserId,
    ) -> Result<(Erased, BTreeSet<CallId>), StorageError> {
        let every = PushClear::default();
        self.clear_tokens(app, user, None, &every);
        self.limits.forget(app, user);
        let forgotten = self.directory.forget(app, user);
        let mut rows = forgotten.rows;
        let running: BTreeSet<_> = self.calls.of_user(app, user).iter().map(|c| c.id).collect();
        let alias = self.chance.alias();
        let whose = (app.clone(), user.clone());
        let uid = {
            let mut uids = self.erasures.uids.lock();
            uids.extend(forgotten.uid.map(|uid| (whose.clone(), uid)));
            uids.get(&whose).copied()
        };
        let kept = Running { user: user.clone(), calls: running.clone() };
        let pending = Pending { app: app.clone(), alias, running: kept };
        rows.extend(self.idempotency.erase(app, &pending.erasure().alias));
        if !running.is_empty() {
            rows.push(pending.row(true));
            self.erasures.pending.lock().push(pending.clone());
        }
        let (board, of) = (self.clone(), app.clone());
        self.storage.submit(rows, move || {
            for (other, own) in forgotten.changed {
                let frame = ServerEvent::Availability(Box::new(own)).to_frame();
                for session in board.sessions.of(&of, &other) {
                    session.send_ephemeral(&frame);
                }
            }
        });
        self.storage.flush().await?;
        let calls = self.calls.ended_of(app, user);
        let up_to = self.calls.last_serial(app);
        let erased = self.erase_stored(Erasure { uid, up_to, calls, ..pending.erasure() }).await?;
        self.erasures.uids.lock().remove(&whose);
        Ok((erased, running))
    }

    /// Erases from what is over of the calls that somebody was still to be erased from.
    pub(crate) async fn finish_erasures(self: &Arc<Self>) {
        let pending = self.erasures.pending.lock().clone();
        for mut erasure in pending {
            let live: BTreeSet<_> = self.calls.list(&erasure.app).iter().map(|c| c.id).collect();
            let (left, over) = erasure.running.calls.iter().partition(|call| live.contains(call));
            if BTreeSet::is_empty(&over) {
                continue;
            }
            let now = Erasure { calls: over, ..erasure.erasure() };
            if let Err(error) = self.erase_stored(now).await {
                tracing::error!(app = %erasure.app, %error, "cannot erase a user; trying again");
                continue;
            }
            erasure.running.calls = left;
            let goes_on = !erasure.running.calls.is_empty();
            self.storage.submit(vec![erasure.row(goes_on)], || {});
            let mut pending = self.erasures.pending.lock();
            pending.retain(|other| other.alias != erasure.alias);
            pending.extend(goes_on.then_some(erasure));
        }
    }

    /// Ended calls leave memory first, and are read from the storage from then on. One that came
    /// back meanwhile, as somebody confirmed its end, is gone over again.
    async fn erase_stored(&self, erasure: Erasure) -> Result<Erased, StorageError> {
        let mut erased = Erased::default();
        self.calls.drop_ended(&erasure.app, &erasure.calls);
        loop {
            self.storage.flush().await?;
            erased += self.storage.erase(erasure.clone()).await?;
            if !self.calls.drop_ended(&erasure.app, &erasure.calls) {
                return Ok(erased);
            }
        }
    }
}
