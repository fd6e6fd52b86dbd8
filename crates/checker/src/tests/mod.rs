//! A good history passes; each doctored one is caught by the rule it breaks.

mod world;

use bellwire_core::{CallId, Event, Timestamp};

use crate::{Rule, Violation};
use world::{World, names};

const DEVICES: [&str; 6] = [
    "dev/alice/a1",
    "dev/bob/b1",
    "dev/bob/b2",
    "dev/carol/c1",
    "other/xaver/x1",
    "other/yvonne/y1",
];

fn world() -> World {
    let mut w = World::new();
    for device in DEVICES {
        w.login(device);
    }
    w
}

/// A call that b1 answers, moves to b2 and alice hangs up.
fn talk(w: &mut World) -> CallId {
    let call = w.start("a1", r#""bob""#);
    w.order("b1", "call.ringing", call);
    w.order("b1", "call.accept", call);
    w.pass(1_500);
    w.ask("b2", &format!(r#""do":"call.move","call":"{call}","from":"b1""#));
    w.pass(1_500);
    w.order("a1", "call.hangup", call);
    call
}

/// Every way a call can go, in both apps, with a lost connection and repeated requests.
fn good() -> World {
    let mut w = world();
    talk(&mut w);
    let refused = w.start("a1", r#""bob""#);
    w.order("b2", "call.reject", refused);
    let canceled = w.start("a1", r#""bob""#);
    w.order("b1", "call.ringing", canceled);
    w.order("a1", "call.cancel", canceled);
    w.ask("b1", &format!(r#""do":"ack","call":"{canceled}","seq":3"#));
    let nobody = w.start("a1", r#""bob""#);
    w.pass(60_000);
    assert!(w.log(nobody).len() > 2, "the ring time is over");
    let group = w.start("a1", r#""bob","carol""#);
    w.order("c1", "call.ringing", group);
    w.order("c1", "call.accept", group);
    w.ask("b1", &format!(r#""do":"call.reject","call":"{group}","only_me":true"#));
    let other = w.start("x1", r#""yvonne""#);
    w.lose("c1");
    w.order("b2", "call.accept", group);
    w.resume("c1");
    w.order("b2", "call.hangup", group);
    w.order("y1", "call.accept", other);
    w.lose("c1");
    w.order("a1", "call.hangup", group);
    w.pass(16_000);
    w.resume("c1");
    w.order("x1", "call.hangup", other);
    let again = format!(r#""do":"call.hangup","call":"{other}""#);
    w.ask_again("x1", 3, &again);
    w
}

fn judged(w: World) -> Vec<Violation> {
    w.judge()
}

fn caught(w: World, rule: Rule) {
    let found = judged(w);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(names(&found, rule), "{rule:?} is not among {shown:#?}");
}

#[test]
fn a_good_history_passes() {
    let found = judged(good());
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn i1_two_claims_at_once_are_caught() {
    let mut w = world();
    let one = w.start("a1", r#""bob""#);
    w.order("b1", "call.accept", one);
    w.pass(1_000);
    w.order("a1", "call.hangup", one);
    let two = w.start("a1", r#""carol""#);
    w.pass(500);
    w.order("a1", "call.cancel", two);
    // The books say that the first call went on for a second longer.
    w.log(one).last_mut().unwrap().at.0 += 1_000;
    caught(w, Rule::OneClaim);
}

#[test]
fn i1_claims_that_are_too_many_too_few_or_void_are_caught() {
    let mut w = world();
    let over = talk(&mut w);
    let live = w.start("a1", r#""bob""#);
    let good = [("alice", live), ("bob", live)];
    assert_eq!(w.claimed(0, &good), None);
    for claims in [
        vec![("alice", live)],
        vec![("alice", over), ("bob", live)],
        vec![("alice", live), ("bob", live), ("bob", over)],
        vec![("alice", live), ("bob", live), ("carol", live)],
    ] {
        assert_eq!(w.claimed(0, &claims), Some(Rule::OneClaim), "{claims:?}");
    }
    // The ring time is over by 40 s.
    assert_eq!(w.claimed(100_000, &good), Some(Rule::Ends));
}

#[test]
fn i2_a_call_that_never_ends_is_caught() {
    let mut w = world();
    w.start("a1", r#""bob""#);
    caught(w, Rule::Ends);
}

#[test]
fn i2_a_deadline_met_too_late_is_caught() {
    let mut w = world();
    w.start("a1", r#""bob""#);
    w.pass(70_000);
    caught(w, Rule::Ends);
}

#[test]
fn i3_a_stay_that_never_ends_is_caught() {
    let mut w = world();
    w.tamper(|device, frame| {
        let stops = device == "b2" && frame.contains("call.elsewhere");
        if stops { Vec::new() } else { vec![frame.to_owned()] }
    });
    let call = w.start("a1", r#""bob""#);
    w.order("b1", "call.accept", call);
    w.order("a1", "call.hangup", call);
    caught(w, Rule::OneEndPerStay);
}

#[test]
fn i3_an_event_after_the_end_of_a_stay_is_caught() {
    let mut w = world();
    let call = talk(&mut w);
    let late = format!(
        r#"{{"ev":"call.ringing","call":"{call}","seq":9,"at":1,"cursor":"9","user":"bob","device":"b1"}}"#
    );
    w.tell("a1", &late);
    caught(w, Rule::OneEndPerStay);
}

#[test]
fn i4_two_stories_of_one_call_are_caught() {
    let mut w = world();
    w.tamper(|device, frame| {
        let other = frame.replace(r#""duration_ms":3000"#, r#""duration_ms":2999"#);
        vec![if device == "b2" { other } else { frame.to_owned() }]
    });
    talk(&mut w);
    assert!(names(&w.found, Rule::OneStory), "already while it happens: {:?}", w.found);
    caught(w, Rule::OneStory);
}

#[test]
fn i5_two_joined_devices_of_a_user_are_caught() {
    let mut w = world();
    let call = talk(&mut w);
    // The books have b2 join beside b1 instead of taking over from it.
    for entry in w.log(call).iter_mut() {
        if let Event::Moved { user, to, .. } = &entry.event {
            entry.event = Event::Joined { user: user.clone(), device: to.clone() };
        }
    }
    caught(w, Rule::OneDeviceJoined);
}

#[test]
fn i6_records_that_are_wrong_or_twice_or_missing_are_caught() {
    let doctors: [fn(&mut World); 4] = [
        |w| w.records[0].1.duration_ms += 1,
        |w| drop(w.records.remove(1)),
        |w| w.records[1].1.serial = 1,
        |w| {
            let copy = w.records[0].clone();
            w.records.push(copy);
        },
    ];
    for doctor in doctors {
        let mut w = good();
        doctor(&mut w);
        caught(w, Rule::OneRecord);
    }
}

#[test]
fn i7_an_event_twice_or_left_out_is_caught() {
    for (tamper, rule) in
        [(twice as world::Tamper, Rule::OnceInOrder), (never as world::Tamper, Rule::OnceInOrder)]
    {
        let mut w = world();
        w.tamper(tamper);
        talk(&mut w);
        caught(w, rule);
    }
}

fn twice(_: &str, frame: &str) -> Vec<String> {
    vec![frame.to_owned(); if frame.contains("call.started") { 2 } else { 1 }]
}

fn never(_: &str, frame: &str) -> Vec<String> {
    vec![frame.to_owned(); usize::from(!frame.contains("call.started"))]
}

#[test]
fn i8_what_crosses_apps_is_caught() {
    let mut w = world();
    w.start("a1", r#""bob""#);
    let mut other = world();
    let call = other.start("a1", r#""bob""#);
    let canceled = format!(
        r#"{{"ev":"call.canceled","call":"{call}","seq":2,"at":1,"cursor":"2","reason":"canceled","code":1}}"#
    );
    w.tell("x1", &canceled);
    caught(w, Rule::AppsApart);

    let mut w = good();
    w.tell("x1", r#"{"ev":"message","from":"alice","body":"hi","at":1}"#);
    caught(w, Rule::AppsApart);
}

#[test]
fn a_reply_too_few_or_too_many_is_caught() {
    let mut w = world();
    w.tell("a1", r#"{"id":77,"ok":{}}"#);
    caught(w, Rule::OneReply);

    let mut w = world();
    w.tamper(|_, frame| vec![frame.to_owned(); usize::from(!frame.contains(r#""ok":{}"#))]);
    talk(&mut w);
    caught(w, Rule::OneReply);
}

#[test]
fn r14_another_answer_to_the_same_request_is_caught() {
    let mut w = world();
    let call = talk(&mut w);
    w.tamper(|_, frame| vec![frame.replace(r#""ok":{}"#, r#""ok":{"skipped":[]}"#)]);
    w.ask_again("a1", 3, &format!(r#""do":"call.hangup","call":"{call}""#));
    caught(w, Rule::FirstAnswerAgain);
}

#[test]
fn r14_a_start_that_was_done_twice_is_caught() {
    let mut w = world();
    let one = w.start("a1", r#""bob""#);
    w.order("a1", "call.cancel", one);
    let two = w.start("a1", r#""bob""#);
    w.order("a1", "call.cancel", two);
    let first = w.log(one)[0].request.clone();
    w.log(two)[0].request = first;
    caught(w, Rule::FirstAnswerAgain);
}

#[test]
fn acknowledged_work_that_is_gone_is_caught() {
    let mut w = world();
    let call = talk(&mut w);
    w.forget(call);
    w.records.clear();
    caught(w, Rule::NothingLost);

    // The end was told, and then lost with the last write.
    let mut w = world();
    let call = talk(&mut w);
    w.log(call).pop();
    w.records.clear();
    caught(w, Rule::NothingLost);
}

#[test]
fn an_event_that_the_log_contradicts_is_caught() {
    let mut w = world();
    w.tamper(|_, frame| vec![frame.replace(r#""state":"ringing""#, r#""state":"joined""#)]);
    talk(&mut w);
    caught(w, Rule::TrueToLog);
}

#[test]
fn a_log_with_a_gap_or_a_wrong_clock_is_caught() {
    let mut w = world();
    let call = talk(&mut w);
    w.log(call).remove(2);
    caught(w, Rule::WholeLog);

    let mut w = world();
    let call = talk(&mut w);
    w.log(call)[2].at = Timestamp(1);
    caught(w, Rule::WholeLog);
}

#[test]
fn a_frame_that_is_none_is_caught_and_shown() {
    let mut w = world();
    w.tell("a1", r#"{"ev":"call.ended","call":7}"#);
    let found = judged(w);
    assert!(names(&found, Rule::Readable));
    let text = found[0].to_string();
    assert!(text.contains("dev/alice/a1") && text.contains(r#""call":7"#), "{text}");
}
