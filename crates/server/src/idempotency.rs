//! Changes over HTTP that carry an `Idempotency-Key`: done once, and answered alike however often
//! they are asked for
//! ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
//!
//! The answer becomes durable together with what was done, as that of a device's request does.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ahash::RandomState;
use bellwire_core::{Alias, AppKey, Timestamp};
use bellwire_protocol::{Json, WireError, erase_from_answer};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{Bucket, KeyValueRow, Row};

/// How long an answer is given again, in milliseconds.
const KEPT_MS: u64 = 24 * 3_600 * 1_000;
/// The most answers kept of an app; the oldest go first.
const KEPT_MAX: usize = 10_000;

/// The answers of all apps.
#[derive(Default)]
pub(crate) struct Idempotency(Mutex<HashMap<AppKey, Answers, RandomState>>);

#[derive(Default)]
struct Answers {
    /// None while the first request is under way.
    by_key: HashMap<String, Option<Answered>, RandomState>,
    /// What is answered, oldest first.
    order: VecDeque<(Timestamp, String)>,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// What was asked: method, path and body.
    asked: String,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Box<WireError>>,
}

/// What is to be done about a request.
pub(crate) enum Begun {
    /// It is the first: do it.
    First(Once),
    /// It was answered before.
    Again(Result<Json, Box<WireError>>),
    /// The first is still under way.
    UnderWay,
    /// The key was used for another request.
    Other,
}

/// A request that is done for the first time. Dropped without an answer it may be asked anew.
pub(crate) struct Once {
    all: Arc<Idempotency>,
    app: AppKey,
    key: String,
    asked: String,
    at: Timestamp,
}

impl Idempotency {
    /// Begins a request; `asked` is what tells it from others.
    pub(crate) fn begin(
        self: &Arc<Self>,
        app: &AppKey,
        key: &str,
        asked: String,
        at: Timestamp,
    ) -> Begun {
        let mut apps = self.0.lock();
        let own = apps.entry(app.clone()).or_default();
        match own.by_key.get(key) {
            Some(None) => return Begun::UnderWay,
            Some(Some(answered)) if at.since_ms(answered.at) < KEPT_MS => {
                if answered.asked != asked {
                    return Begun::Other;
                }
                return Begun::Again(answered.result());
            }
            Some(Some(_)) | None => {}
        }
        own.by_key.insert(key.to_owned(), None);
        let (all, app, key) = (self.clone(), app.clone(), key.to_owned());
        Begun::First(Once { all, app, key, asked, at })
    }

    /// Puts back an answer.
    pub(crate) fn restore(&self, app: AppKey, key: String, answered: Answered) {
        let mut apps = self.0.lock();
        let own = apps.entry(app).or_default();
        let place = own.order.partition_point(|(at, _)| *at <= answered.at);
        own.order.insert(place, (answered.at, key.clone()));
        own.by_key.insert(key, Some(answered));
    }

    /// Takes an erased user out of the answers; the rows that say so.
    pub(crate) fn erase(&self, app: &AppKey, alias: &Alias) -> Vec<Row> {
        let mut apps = self.0.lock();
        let Some(own) = apps.get_mut(app) else { return Vec::new() };
        let answers = own.by_key.iter_mut().filter_map(|(key, a)| Some((key, a.as_mut()?)));
        let rows = answers.filter_map(|(key, answered)| {
            let ok = answered.ok.as_mut()?;
            let before = ok.clone();
            erase_from_answer(ok, alias);
            let is_changed = *ok != before;
            is_changed.then(|| row(app, key.clone(), Some(Json::of(answered).into())))
        });
        rows.collect()
    }

    fn answered(&self, once: &Once, answered: Answered) {
        let mut apps = self.0.lock();
        let own = apps.entry(once.app.clone()).or_default();
        own.order.push_back((answered.at, once.key.clone()));
        own.by_key.insert(once.key.clone(), Some(answered));
    }

    /// Forgets what is too old, or too much; the rows that say so.
    fn forget(&self, app: &AppKey, now: Timestamp) -> Vec<Row> {
        let mut apps = self.0.lock();
        let Some(own) = apps.get_mut(app) else { return Vec::new() };
        let mut gone = Vec::new();
        while let Some((at, _)) = own.order.front()
            && (now.since_ms(*at) >= KEPT_MS || own.order.len() > KEPT_MAX)
        {
            let Some((at, key)) = own.order.pop_front() else { break };
            // The key may have been used again since.
            if own.by_key.get(&key).is_some_and(|a| a.as_ref().is_some_and(|a| a.at == at)) {
                own.by_key.remove(&key);
                gone.push(row(app, key, None));
            }
        }
        gone
    }
}

impl Answered {
    fn result(&self) -> Result<Json, Box<WireError>> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(Json::of(self.ok.as_ref().unwrap_or(&Value::Null))),
        }
    }
}

impl Once {
    /// The rows that keep the answer, and forget old ones. A refusal that will pass is not kept.
    pub(crate) fn rows(&self, result: &Result<Json, Box<WireError>>) -> Vec<Row> {
        let Some(answered) = self.make(result) else { return Vec::new() };
        let mut rows = self.all.forget(&self.app, self.at);
        let value = Json::of(&answered).into();
        rows.push(row(&self.app, self.key.clone(), Some(value)));
        rows
    }

    /// The answer is durable.
    pub(crate) fn answered(&self, result: &Result<Json, Box<WireError>>) {
        if let Some(answered) = self.make(result) {
            self.all.answered(self, answered);
        }
    }

    fn make(&self, result: &Result<Json, Box<WireError>>) -> Option<Answered> {
        let (ok, error) = match result {
            Ok(ok) => (Some(ok.read().ok()?), None),
            Err(error) if error.code.is_passing() => return None,
            Err(error) => (None, Some(error.clone())),
        };
        Some(Answered { asked: self.asked.clone(), at: self.at, ok, error })
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        let mut apps = self.all.0.lock();
        let Some(own) = apps.get_mut(&self.app) else { return };
        if own.by_key.get(&self.key).is_some_and(Option::is_none) {
            own.by_key.remove(&self.key);
        }
    }
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once")
            .field("app", &self.app)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn row(app: &AppKey, key: String, value: Option<Arc<str>>) -> Row {
    Row::KeyValue(KeyValueRow { app: app.clone(), bucket: Bucket::Idempotency, key, value })
}

#[cfg(test)]
mod tests {
    use bellwire_protocol::ErrorCode;

    use super::*;

    const DAY: u64 = 24 * 3_600 * 1_000;

    fn app() -> AppKey {
        AppKey::parse("shop").unwrap()
    }

    #[allow(clippy::unnecessary_wraps)] // As it is asked for.
    fn yes() -> Result<Json, Box<WireError>> {
        Ok(Json::of(&serde_json::json!({"call": 1})))
    }

    #[test]
    fn a_key_is_for_one_request_and_gives_its_answer_for_a_day() {
        let all = Arc::new(Idempotency::default());
        let ask = |asked: &str, at| all.begin(&app(), "k", asked.to_owned(), Timestamp(at));
        let Begun::First(once) = ask("start", 5) else { panic!("it is the first") };
        assert!(matches!(ask("start", 6), Begun::UnderWay));
        assert_eq!(once.rows(&yes()).len(), 1);
        once.answered(&yes());
        drop(once);
        assert!(matches!(ask("start", 7), Begun::Again(Ok(ok)) if ok.as_str() == r#"{"call":1}"#));
        assert!(matches!(ask("cancel", 8), Begun::Other));
        let other = AppKey::parse("bank").unwrap();
        assert!(matches!(all.begin(&other, "k", String::new(), Timestamp(9)), Begun::First(_)));
        let Begun::First(once) = ask("start", 5 + DAY) else { panic!("a day later it is new") };
        assert_eq!(once.rows(&yes()).len(), 1, "the old answer's row is written over");
    }

    #[test]
    fn what_was_not_answered_or_will_pass_may_be_asked_anew() {
        let all = Arc::new(Idempotency::default());
        let ask = || all.begin(&app(), "k", "start".to_owned(), Timestamp(5));
        let Begun::First(once) = ask() else { panic!("it is the first") };
        drop(once);
        let Begun::First(once) = ask() else { panic!("nobody was answered") };
        let busy = Err(Box::new(WireError::new(ErrorCode::Overloaded, "later")));
        assert!(once.rows(&busy).is_empty());
        once.answered(&busy);
        drop(once);
        let Begun::First(once) = ask() else { panic!("it passes") };
        let refused = Err(Box::new(WireError::new(ErrorCode::BusySelf, "no")));
        once.answered(&refused);
        drop(once);
        assert!(matches!(ask(), Begun::Again(Err(error)) if error.code == ErrorCode::BusySelf));
    }

    #[test]
    fn an_erased_user_is_in_no_answer() {
        let all = Arc::new(Idempotency::default());
        let user = |name: &str| bellwire_core::UserId::parse(name).unwrap();
        for (key, caller) in [("1", "bob"), ("2", "alice")] {
            let Begun::First(once) = all.begin(&app(), key, String::new(), Timestamp(1)) else {
                panic!("each has a key of its own")
            };
            once.answered(&Ok(Json::of(&serde_json::json!({"caller": caller}))));
        }
        let alias = Alias { of: user("bob"), name: user("erased-1") };
        let rows = all.erase(&app(), &alias);
        let [Row::KeyValue(KeyValueRow { key, value: Some(value), .. })] = rows.as_slice() else {
            panic!("one answer names him: {rows:?}")
        };
        assert_eq!((key.as_str(), value.contains(r#""caller":"erased-1""#)), ("1", true));
        assert!(all.erase(&app(), &alias).is_empty(), "there is no more");
    }

    #[test]
    fn answers_are_bounded_and_go_when_they_are_old() {
        let all = Arc::new(Idempotency::default());
        let answer = |n: usize, at| {
            let begun = all.begin(&app(), &n.to_string(), String::new(), Timestamp(at));
            let Begun::First(once) = begun else { panic!("each has a key of its own") };
            let rows = once.rows(&yes());
            once.answered(&yes());
            rows
        };
        for n in 0..=KEPT_MAX {
            assert_eq!(answer(n, 1).len(), 1);
        }
        assert_eq!(answer(KEPT_MAX + 1, 2).len(), 2, "the oldest goes");
        assert_eq!(answer(KEPT_MAX + 2, 1 + DAY).len(), 1 + KEPT_MAX, "all but one are old");
    }
}
