//! What a call's life costs the journal, in process CPU time.
//!
//! ```text
//! MEASURE=1 cargo test --release -p bellwire measure_a_life -- --nocapture
//! ```
//!
//! A life is four submissions as a switchboard makes them: start, ringing, accept and hang-up,
//! each with its answer, the last with the record. Closing the file counts too, so that nothing
//! that is put off is left out. The rows are made beforehand.

use std::{
    fs,
    time::{Duration, Instant},
};

use bellwire_core::{
    Caller, Created, DeviceId, Entry, Event, Forbid, Invitee, Kind, Media, Mode, Note, Origin,
    Reach, Reason, RequestRef, RingMode, RoomId, SessionId, Settings, Timestamp, Uid, fold,
};
use bellwire_protocol::Record;
use tempfile::tempdir;

use super::{
    AnswerRow, Journal, LegRow, LogRow, RecordRow, Row, app, call, run_and_drop, settings, user,
};

/// Runs of each setting; the median is shown.
const RUNS: usize = 5;

#[test]
fn measure_a_life() {
    // Minutes of CPU time, for figures instead of a verdict.
    if std::env::var_os("MEASURE").is_none() {
        return;
    }
    println!("batch  sessions  µs/life  µs/submission  quiet µs (wall)");
    for (batch, lives) in [(1, 2_000), (8, 8_000), (64, 24_000)] {
        for sessions in [20, 2_000] {
            let mut runs: Vec<_> = (0..RUNS).map(|_| run(batch, lives, sessions)).collect();
            runs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (low, high) = (runs[0].0, runs[RUNS - 1].0);
            let (life, flush) = runs[RUNS / 2];
            println!(
                "{batch:5}  {sessions:8}  {life:7.1}  {:13.1}  {:>15.0}  ({low:.1} to {high:.1})",
                life / 4.0,
                flush.as_secs_f64() * 1e6,
            );
        }
    }
}

/// Microseconds of CPU time for a life, and the mean time until a batch is durable.
fn run(batch: usize, lives: usize, sessions: u64) -> (f64, Duration) {
    let data = tempdir().unwrap();
    let mut made: Vec<[Vec<Row>; 4]> = (0..lives as u64).map(|n| life(n, sessions)).collect();
    run_and_drop(async {
        let (journal, _) = Journal::open(data.path(), settings()).await.unwrap();
        let (cpu, wall) = (cpu(), Instant::now());
        for lives in made.chunks_mut(batch) {
            for stage in 0..4 {
                for life in &mut *lives {
                    journal.submit(std::mem::take(&mut life[stage]), || ());
                }
                journal.flush().await.unwrap();
            }
        }
        let flush = wall.elapsed() / u32::try_from(lives * 4 / batch).unwrap();
        journal.close().await.unwrap();
        let spent = self::cpu().saturating_sub(cpu) / u32::try_from(lives).unwrap();
        (spent.as_secs_f64() * 1e6, flush)
    })
}

/// CPU time of this process so far, of threads that ended too.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // `utime` and `stime`, fields 14 and 15, in hundredths of a second; the name may hold spaces.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let ticks: u64 = [12, 13].map(|n: usize| fields[n].parse::<u64>().unwrap()).iter().sum();
    Duration::from_millis(ticks * 10)
}

/// The rows of one life between two of the sessions, anywhere among them.
fn life(n: u64, sessions: u64) -> [Vec<Row>; 4] {
    let pair = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (sessions / 2);
    let [alice, bob] = ["a", "b"].map(|side| user(&format!("{side}{pair}")));
    let [caller, callee] = [pair * 2, pair * 2 + 1].map(scattered);
    let device = DeviceId::parse("phone").unwrap();
    let id = call((1 << 80) + u128::from(n));
    let at = 1_795_236_558_829 + n;
    // Each user is in a life as caller or callee and asks twice in it.
    let request = 2 * n + 1;
    let entry = |seq, session: &SessionId, id, event| Entry {
        v: 1,
        seq,
        at: Timestamp(at),
        request: Some(RequestRef { session: session.clone(), id }),
        event,
    };
    let created = Event::Created(Box::new(Created {
        app: app(),
        call: id,
        mode: Mode::Call,
        kind: Kind::Direct,
        media: Media::Video,
        origin: Origin::User,
        caller: Caller {
            user: alice.clone(),
            uid: Some(Uid(51)),
            device: Some(device.clone()),
            told: false,
            reach: Reach::Online,
        },
        callees: vec![Invitee {
            user: bob.clone(),
            uid: Some(Uid(101)),
            ring: RingMode::Ring,
            ring_ms: 60_000,
            told: true,
            held: false,
            reach: Reach::Online,
            unavailable: None,
        }],
        note: Note::default(),
        group: None,
        channel: None,
        forbid: Forbid::default(),
        settings: Settings::default(),
        room: Some(RoomId(924_242_586)),
        push: None,
    }));
    let ringing = Event::Ringing { user: bob.clone(), device: device.clone() };
    let accepted =
        Event::Accepted { user: bob, device, media: Media::Video, note: Note::default() };
    let ended = Event::Ended {
        reason: Reason::Completed,
        code: 0,
        by: Some(alice),
        cause: None,
        note: Note::default(),
    };
    let steps = [
        (caller.clone(), request, vec![entry(1, &caller, request, created)]),
        (callee.clone(), request, vec![entry(2, &callee, request, ringing)]),
        (
            callee.clone(),
            request + 1,
            vec![
                entry(3, &callee, request + 1, accepted),
                entry(4, &callee, request + 1, Event::Started),
            ],
        ),
        (caller.clone(), request + 1, vec![entry(5, &caller, request + 1, ended)]),
    ];
    let log: Vec<Entry> = steps.iter().flat_map(|step| step.2.clone()).collect();
    let finished = fold(&log).unwrap();
    let record = Record::of(&finished, n + 1).unwrap();
    let body: String = serde_json::to_string(&record).unwrap();
    let legs = finished.participants.iter();
    let record = Row::Record(Box::new(RecordRow {
        app: app(),
        call: id,
        serial: n + 1,
        created_at: Timestamp(at),
        ended_at: Timestamp(at),
        reason: Reason::Completed,
        legs: legs
            .map(|p| LegRow { user: p.user.clone(), outcome: p.state, missed: false })
            .collect(),
        // As long as the call that the answers to start and accept carry.
        body: body.as_str().into(),
    }));
    let mut stage = 0;
    let mut rows = steps.map(|(session, request, entries)| {
        stage += 1;
        let body = if stage % 2 == 1 { body.as_str() } else { "{}" };
        let body = format!(r#"{{"id":{request},"ok":{body}}}"#).into();
        vec![
            Row::Answer(AnswerRow { session, request, body }),
            Row::Log(LogRow { app: app(), call: id, entries, ended: stage == 4, position: 0 }),
        ]
    });
    rows[3].push(record);
    rows
}

/// The id of a session, neighbours far apart as random ids are.
fn scattered(number: u64) -> SessionId {
    let text = format!("s-{:016x}{number:08}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    SessionId::parse(&text).unwrap()
}
