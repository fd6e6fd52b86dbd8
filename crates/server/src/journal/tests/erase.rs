//! A user is erased, and what others keep is whole.
//!
//! 1. Two finished calls with the user, one without, and one of a later user of that name.
//! 2. Erase; the tables say what they are to say, and the file has no byte of it.
//! 3. The same with an end after each step, and again from there.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use bellwire_core::{
    Alias, Caller, Created, DeviceId, Entry, Event, Forbid, Invitee, Kind, Media, Mode, Note,
    Origin, PushWish, Reach, Reason, RequestRef, RingMode, Settings, State, Timestamp, Uid, UserId,
    fold,
};
use bellwire_protocol::Record;
use tempfile::tempdir;
use tokio::sync::oneshot;

use super::{
    AnswerRow, Journal, LegRow, LogRow, RecordRow, Row, app, call, open, session, session_row,
    settings, user, user_row,
};
use crate::journal::{
    Erased, Erasure, FeedQuery, RecordQuery,
    erase::Erasing,
    folding::Folding,
    open::{self as database, Guard},
    tables::Tables,
};

const WHO: &str = "zacharias-to-be-erased";
const PHONE: &str = "device-of-zacharias";
const WORDS: &str = "words-of-zacharias";

fn note(text: &str) -> Note {
    Note { content: Some(text.into()), ..Note::default() }
}

/// A call from one to the other, who accepts and hangs up with words.
fn story(from: &str, to: &str) -> Vec<Event> {
    let words = |who: &str| if who == WHO { WORDS.to_owned() } else { format!("words of {who}") };
    let device = |who: &str| DeviceId::parse(if who == WHO { PHONE } else { "phone" }).unwrap();
    let created = Created {
        app: app(),
        call: call(0),
        mode: Mode::Call,
        kind: Kind::Direct,
        media: Media::Audio,
        origin: Origin::User,
        caller: Caller {
            user: user(from),
            uid: Some(Uid(2)),
            device: Some(device(from)),
            told: false,
            reach: Reach::Online,
        },
        callees: vec![Invitee {
            user: user(to),
            uid: Some(Uid(2)),
            ring: RingMode::Ring,
            ring_ms: 60_000,
            told: true,
            held: false,
            reach: Reach::Online,
            unavailable: None,
        }],
        note: note(&words(from)),
        group: None,
        channel: None,
        forbid: Forbid::default(),
        settings: Settings::default(),
        room: None,
        push: Some(Arc::new(PushWish { title: Some(words(from).into()), ..PushWish::default() })),
    };
    vec![
        Event::Created(Box::new(created)),
        Event::Ringing { user: user(to), device: device(to) },
        Event::Accepted {
            user: user(to),
            device: device(to),
            media: Media::Audio,
            note: note(&words(to)),
        },
        Event::Started,
        Event::Ended {
            reason: Reason::Completed,
            code: 0,
            by: Some(user(to)),
            cause: None,
            note: note(&words(to)),
        },
    ]
}

/// The rows of that call, in two submissions.
fn rows(number: u64, from: &str, to: &str) -> [Vec<Row>; 2] {
    let who = |event: &Event| match event {
        Event::Created(_) => from,
        _ => to,
    };
    let mut log = Vec::new();
    for (event, seq) in story(from, to).into_iter().zip(1..) {
        let of = if who(&event) == WHO { 9 } else { 1 };
        let request = Some(RequestRef { session: session(of), id: number * 10 + seq });
        log.push(Entry { v: 1, seq, at: Timestamp(number * 100 + seq), request, event });
    }
    if let Event::Created(created) = &mut log[0].event {
        created.call = call(number.into());
    }
    let ended = fold(&log).unwrap();
    let record = Record::of(&ended, number).unwrap();
    let body: Arc<str> = serde_json::to_string(&record).unwrap().into();
    let last = log.split_off(3);
    let row = |entries: Vec<Entry>, ended, position| {
        Row::Log(LogRow { app: app(), call: call(number.into()), entries, ended, position })
    };
    let leg = |name: &str| LegRow { user: user(name), outcome: State::Left, missed: name != from };
    let position = (number - 1) * 5 + 1;
    let answer: Arc<str> = format!(r#"{{"id":{number},"ok":{body}}}"#).into();
    let record = Row::Record(Box::new(RecordRow {
        app: app(),
        call: call(number.into()),
        serial: number,
        created_at: ended.created_at,
        ended_at: ended.at,
        reason: Reason::Completed,
        body,
        legs: vec![leg(from), leg(to)],
    }));
    [
        vec![row(log, false, position)],
        vec![
            row(last, true, position + 3),
            record,
            Row::Answer(AnswerRow { session: session(1), request: number, body: answer }),
        ],
    ]
}

fn everything() -> Vec<Vec<Row>> {
    let mut all = vec![vec![
        Row::User(user_row("alice", 1)),
        Row::User(user_row(WHO, 2)),
        Row::Session(session_row(1)),
    ]];
    all.extend(rows(1, "alice", WHO));
    all.extend(rows(2, "alice", "bob"));
    all.extend(rows(3, WHO, "alice"));
    all
}

fn asked() -> Erasure {
    Erasure {
        app: app(),
        alias: Alias { of: user(WHO), name: user("erased-1") },
        uid: Some(Uid(2)),
        up_to: 3,
        calls: BTreeSet::new(),
    }
}

async fn told(journal: &Journal, user: Option<UserId>) -> Vec<Record> {
    let all = RecordQuery { user, ..RecordQuery::newest(app(), 100) };
    let found = journal.records(&all).await.unwrap();
    found.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
}

/// What is there of the erased user, of all files together.
fn left(data: &Path) -> Vec<&'static str> {
    let files = fs::read_dir(data).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let bytes = files.collect::<Vec<_>>().concat();
    let is_left = |text: &&str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    [WHO, PHONE, WORDS].into_iter().filter(is_left).collect()
}

#[tokio::test]
async fn everything_of_theirs_goes_and_everything_of_others_stays() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    for (n, rows) in everything().into_iter().enumerate() {
        journal.submit(rows, || ());
        if n == 3 {
            super::fold(&journal).await;
        }
    }
    journal.flush().await.unwrap();
    assert_eq!(left(data.path()), [WHO, PHONE, WORDS]);
    let feed = FeedQuery { app: app(), after: 0, limit: 100 };
    let before = journal.feed(&feed).await.unwrap();
    let erased = journal.erase(asked()).await.unwrap();
    assert_eq!(erased, Erased { records: 2, logs: 2 });
    assert!(left(data.path()).is_empty(), "also while it runs: {:?}", left(data.path()));

    // The feed: as long, at the same places, the same of others.
    let after = journal.feed(&feed).await.unwrap();
    let places = |feed: &[crate::journal::FeedEntry]| {
        feed.iter().map(|e| (e.position, e.call, e.entry.seq, e.entry.at)).collect::<Vec<_>>()
    };
    assert_eq!(places(&after), places(&before));
    assert_eq!(after[5..10], before[5..10], "a call of others");
    let Event::Created(created) = &after[0].entry.event else { panic!("{:?}", after[0]) };
    assert_eq!(created.note, note("words of alice"));
    assert_eq!((created.callees[0].user.as_str(), created.callees[0].uid), ("erased-1", None));
    assert!(after[0].entry.request.is_some() && after[1].entry.request.is_none());
    let Event::Ended { by, note: words, .. } = &after[4].entry.event else { panic!() };
    assert_eq!((by.as_deref(), words), (Some("erased-1"), &Note::default()));
    let log = journal.log(call(3)).await.unwrap();
    let Event::Created(created) = &log[0].event else { panic!("{log:?}") };
    assert_eq!((created.caller.user.as_str(), created.caller.uid), ("erased-1", None));
    assert_eq!(
        (&created.note, created.caller.device.as_deref()),
        (&Note::default(), Some("erased"))
    );
    assert!(created.push.as_ref().unwrap().title.is_none());
    assert!(fold(&log).unwrap().ended.is_some());

    // Records: nobody's list is shorter but theirs.
    let all = told(&journal, None).await;
    assert_eq!(all.iter().map(|r| r.serial).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(told(&journal, Some(user("alice"))).await.len(), 3);
    assert_eq!(told(&journal, Some(user(WHO))).await.len(), 0);
    assert_eq!(journal.missed(&app(), &user("alice"), 0).await.unwrap(), 1);
    assert_eq!((all[0].caller.as_str(), &all[0].note), ("erased-1", &Note::default()));
    assert_eq!(
        (&all[0].end_note, all[2].note.content.as_deref()),
        (&note("words of alice"), Some("words of alice"))
    );
    assert_eq!(all[2].legs[1].device.as_deref(), Some("erased"));
    let ended_so = RecordQuery { outcome: Some(State::Left), ..RecordQuery::newest(app(), 9) };
    assert_eq!(journal.records(&ended_so).await.unwrap().len(), 3);

    // Answers kept for others.
    let answer = journal.answer(&session(1), 3).await.unwrap().unwrap();
    assert!(answer.contains(r#""caller":"erased-1""#), "{answer}");
    let untouched = journal.answer(&session(1), 2).await.unwrap().unwrap();
    assert!(untouched.contains("words of alice"), "{untouched}");

    assert_eq!(journal.erase(asked()).await.unwrap(), Erased::default(), "there is no more");
    journal.close().await.unwrap();
    let (_journal, found) = open(data.path()).await;
    assert_eq!(found.users, [user_row("alice", 1)]);
    assert!(left(data.path()).is_empty(), "{:?}", left(data.path()));
}

#[tokio::test]
async fn a_later_user_of_that_name_is_somebody_else() {
    let data = tempdir().unwrap();
    let (journal, _) = open(data.path()).await;
    for rows in everything().into_iter().chain(rows(4, "alice", WHO)).chain(rows(5, "bob", WHO)) {
        journal.submit(rows, || ());
    }
    journal.submit(vec![Row::User(user_row(WHO, 7))], || ());
    journal.flush().await.unwrap();
    // The fourth call ran on while they were erased.
    let erasure = Erasure { calls: [call(4)].into(), ..asked() };
    assert_eq!(journal.erase(erasure).await.unwrap(), Erased { records: 3, logs: 3 });
    let theirs: Vec<_> = told(&journal, Some(user(WHO))).await.iter().map(|r| r.serial).collect();
    assert_eq!(theirs, [5]);
    journal.close().await.unwrap();
    let (_journal, found) = open(data.path()).await;
    assert_eq!(found.users, [user_row("alice", 1), user_row(WHO, 7)]);
}

#[tokio::test]
async fn an_end_after_any_step_is_mended_by_asking_again() {
    let data = tempdir().unwrap();
    let mut guard = Guard::take(data.path()).unwrap();
    let path = data.path().join("bellwire.db");
    let mut file = database::open(&path, &mut guard, &settings()).await.unwrap();
    let mut folding = Folding::new(None);
    for rows in everything() {
        folding.commit(&mut file, &Arc::new(Tables::from_rows(rows))).await.unwrap();
    }
    folding.all(&mut file).await.unwrap();
    let (reply, _told) = oneshot::channel();
    let mut erasing = Erasing::new(asked(), reply);
    let mut steps = 0;
    loop {
        mended(data.path()).await;
        steps += 1;
        if !erasing.step(&mut file).await.unwrap() {
            break;
        }
    }
    assert!(steps >= 6, "records, logs, answers, the user and the log are steps: {steps}");
}

/// Opens a copy of the files as they are, and asks again.
async fn mended(data: &Path) {
    let killed = tempdir().unwrap();
    for name in ["bellwire.db", "bellwire.db-wal"] {
        fs::copy(data.join(name), killed.path().join(name)).unwrap();
    }
    let (journal, _) = open(killed.path()).await;
    journal.erase(asked()).await.unwrap();
    let serials: Vec<_> = told(&journal, None).await.iter().map(|r| r.serial).collect();
    assert_eq!(serials, [3, 2, 1]);
    journal.close().await.unwrap();
    assert!(left(killed.path()).is_empty(), "{:?}", left(killed.path()));
}
