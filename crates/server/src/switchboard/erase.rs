//! Erases a user: from memory, then from the storage. What was in both when it was asked for names
//! them nowhere when it is answered, but for calls that go on with others; those are seen to when
//! they are over.

use std::{collections::BTreeSet, sync::Arc};

use bellwire_core::{Alias, AppKey, CallId, UserId};
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
pub(crate) struct Erasures(Mutex<Vec<Pending>>);

/// Running calls that name somebody who is erased.
#[derive(Debug, Clone)]
struct Pending {
    app: AppKey,
    alias: UserId,
    from: From,
}

/// As it is stored, by what stands for the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct From {
    user: UserId,
    calls: BTreeSet<CallId>,
}

impl Pending {
    fn row(&self, is_there: bool) -> Row {
        Row::KeyValue(KeyValueRow {
            app: self.app.clone(),
            bucket: Bucket::Erasure,
            key: self.alias.to_string(),
            value: is_there.then(|| Json::of(&self.from).into()),
        })
    }

    fn erasure(&self) -> Erasure {
        Erasure {
            app: self.app.clone(),
            alias: Alias { of: self.from.user.clone(), name: self.alias.clone() },
            uid: None,
            up_to: 0,
            calls: self.from.calls.clone(),
        }
    }
}

impl Erasures {
    /// Puts back what the storage kept.
    pub(crate) fn restore(&self, app: AppKey, alias: UserId, from: &str) -> Result<(), String> {
        let from = serde_json::from_str(from).map_err(|error| error.to_string())?;
        self.0.lock().push(Pending { app, alias, from });
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
        let from = From { user: user.clone(), calls: running.clone() };
        let pending = Pending { app: app.clone(), alias, from };
        rows.extend(self.idempotency.erase(app, &pending.erasure().alias));
        if !running.is_empty() {
            rows.push(pending.row(true));
            self.erasures.0.lock().push(pending.clone());
        }
        self.storage.submit(rows, || {});
        for (other, own) in forgotten.changed {
            let frame = ServerEvent::Availability(Box::new(own)).to_frame();
            for session in self.sessions.of(app, &other) {
                session.send_ephemeral(&frame);
            }
        }
        self.storage.flush().await?;
        let calls = self.calls.ended_of(app, user);
        let up_to = self.calls.last_serial(app);
        let erased =
            self.erase_stored(Erasure { uid: forgotten.uid, up_to, calls, ..pending.erasure() });
        Ok((erased.await?, running))
    }

    /// Erases from what is over of the calls that somebody was still to be erased from.
    pub(crate) async fn finish_erasures(self: &Arc<Self>) {
        let pending = self.erasures.0.lock().clone();
        for erasure in pending {
            let live: BTreeSet<_> = self.calls.list(&erasure.app).iter().map(|c| c.id).collect();
            if !erasure.from.calls.is_disjoint(&live) {
                continue;
            }
            match self.erase_stored(erasure.erasure()).await {
                Ok(_) => {
                    self.storage.submit(vec![erasure.row(false)], || {});
                    self.erasures.0.lock().retain(|other| other.alias != erasure.alias);
                }
                Err(error) => {
                    tracing::error!(app = %erasure.app, %error, "cannot erase a user; trying again");
                }
            }
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
